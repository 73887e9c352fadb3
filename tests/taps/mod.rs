//! The products of linear layers, listed by brute force: which input meets which weight in which output.
#![allow(dead_code)]

use kernlet::kernels::{conv2d::Conv2d, conv2d_transpose::Conv2dTranspose, dense::Dense, pool2d::Pool2d};

/// Calls back with (input, tap, output) pixels of a convolution.
fn pixels(conv: &Conv2d, mut each: impl FnMut(usize, usize, usize)) {
    let axis = |a: usize, out: usize, tap: usize| {
        let size = [conv.height, conv.width][a];
        (out * conv.stride[a] + tap * conv.dilation[a]).checked_sub(conv.padding[2 * a]).filter(|&at| at < size)
    };
    for (oh, ow) in (0..conv.out_height()).flat_map(|oh| (0..conv.out_width()).map(move |ow| (oh, ow))) {
        for (kh, kw) in (0..conv.kernel[0]).flat_map(|kh| (0..conv.kernel[1]).map(move |kw| (kh, kw))) {
            if let (Some(h), Some(w)) = (axis(0, oh, kh), axis(1, ow, kw)) {
                each(h * conv.width + w, kh * conv.kernel[1] + kw, oh * conv.out_width() + ow);
            }
        }
    }
}

/// Calls back with the indices (x, w, y) of every product of a convolution.
pub fn of_conv(conv: &Conv2d, batch: usize, mut each: impl FnMut(usize, usize, usize)) {
    let (ci, co) = (conv.in_channels / conv.groups, conv.out_channels / conv.groups);
    pixels(conv, |x, tap, y| {
        for n in 0..batch {
            for (i, o) in (0..ci).flat_map(|i| (0..conv.out_channels).map(move |o| (i, o))) {
                let x = n * conv.x_len() + x * conv.in_channels + o / co * ci + i;
                let y = n * conv.y_len() + y * conv.out_channels + o;
                each(x, (tap * ci + i) * conv.out_channels + o, y);
            }
        }
    });
}

/// The same of a transposed convolution, every input pixel adding its window to the output.
pub fn of_transpose(conv: &Conv2dTranspose, batch: usize, mut each: impl FnMut(usize, usize, usize)) {
    let (ci, co) = (conv.in_channels / conv.groups, conv.out_channels / conv.groups);
    let axis = |a: usize, at: usize, tap: usize| {
        let size = [conv.out_height(), conv.out_width()][a];
        (at * conv.stride[a] + tap * conv.dilation[a]).checked_sub(conv.padding[2 * a]).filter(|&to| to < size)
    };
    for (h, w) in (0..conv.height).flat_map(|h| (0..conv.width).map(move |w| (h, w))) {
        for (kh, kw) in (0..conv.kernel[0]).flat_map(|kh| (0..conv.kernel[1]).map(move |kw| (kh, kw))) {
            let (Some(oh), Some(ow)) = (axis(0, h, kh), axis(1, w, kw)) else { continue };
            for n in 0..batch {
                for (i, o) in (0..conv.in_channels).flat_map(|i| (i / ci * co..(i / ci + 1) * co).map(move |o| (i, o)))
                {
                    let x = n * conv.x_len() + (h * conv.width + w) * conv.in_channels + i;
                    let y = n * conv.y_len() + (oh * conv.out_width() + ow) * conv.out_channels + o;
                    each(x, ((kh * conv.kernel[1] + kw) * co + o % co) * conv.in_channels + i, y);
                }
            }
        }
    }
}

/// The same of a dense layer.
pub fn of_dense(dense: &Dense, batch: usize, mut each: impl FnMut(usize, usize, usize)) {
    for (n, i) in (0..batch).flat_map(|n| (0..dense.inputs).map(move |i| (n, i))) {
        for o in 0..dense.outputs {
            each(n * dense.inputs + i, i * dense.outputs + o, n * dense.outputs + o);
        }
    }
}

/// Calls back with (x, y) for every element of every window.
pub fn of_pool(pool: &Pool2d, batch: usize, mut each: impl FnMut(usize, usize)) {
    let mut conv =
        Conv2d::new(pool.height, pool.width, 1, 1, pool.kernel).with_stride(pool.stride).with_dilation(pool.dilation);
    conv.padding = pool.padding;
    pixels(&conv, |x, _, y| {
        for (n, c) in (0..batch).flat_map(|n| (0..pool.channels).map(move |c| (n, c))) {
            each(n * pool.x_len() + x * pool.channels + c, n * pool.y_len() + y * pool.channels + c);
        }
    });
}
