//! One table of how fast the kernels are: GFLOP/s, percent of the FMA peak measured beside each
//! figure, and the ratio to `gemm` and `matrixmultiply` on the same products.
//!
//! ```text
//! cargo bench --bench summary -- [--json FILE] [--only TEXT] [--seconds S] [--peers COMMAND]
//! ```
//!
//! Each sample of a kernel is taken between two of the peak (or of the peer) and compared with
//! these alone, in time of this thread alone, so that a clock that drifts, or another process, moves both; the median of the
//! ratios is reported. Answers are checked before they are timed.
// `gemm` and `matrixmultiply` take pointers; the peak is measured with intrinsics.
#![allow(unsafe_code)]

mod network;
mod peak;
mod table;

use std::{fs, hint::black_box};

use kernlet::{
    kernels::{
        conv2d::{self, Conv2d, Epilogue},
        dense::{self, Dense},
        reference,
        winograd::{self, Winograd},
    },
    nn::HeapMemory,
    shape::Padding,
    simd::{InstructionSet, Level},
};
use table::{Summary, strict};

/// Reproducible values in −1..1, beginning at a cache line as a network's memory does.
fn values(seed: u64, len: usize) -> HeapMemory {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    let mut values = HeapMemory::zeroed(len);
    values.fill_with(&mut next);
    values
}

#[track_caller]
fn assert_same(found: &[f32], expected: &[f32]) {
    for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!(found.to_bits() == expected.to_bits(), "[{i}] = {found}, expected {expected}");
    }
}

#[track_caller]
fn assert_close(found: &[f32], expected: &[f32], terms: usize) {
    let bound = 2.0 * terms as f32 * f32::EPSILON * terms as f32;
    for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!((found - expected).abs() <= bound, "[{i}] = {found}, expected {expected}");
    }
}

/// Multiply-adds of one image, those of taps in the padding left out.
fn macs(conv: &Conv2d) -> f64 {
    let taps = |axis: usize, size: usize, outputs: usize| -> usize {
        let inside = |o: usize, k: usize| {
            let at = (o * conv.stride[axis] + k * conv.dilation[axis]).checked_sub(conv.padding[2 * axis]);
            at.is_some_and(|at| at < size)
        };
        (0..outputs).map(|o| (0..conv.kernel[axis]).filter(|&k| inside(o, k)).count()).sum()
    };
    let pairs = taps(0, conv.height, conv.out_height()) * taps(1, conv.width, conv.out_width());
    (pairs * conv.in_channels / conv.groups * conv.out_channels) as f64
}

/// Forward, input gradient and weight gradient of a convolution.
fn convolution(summary: &mut Summary, name: &str, conv: &Conv2d, batch: usize, level: Level) {
    if !summary.wants(name, level) {
        return;
    }
    let x = values(1, batch * conv.x_len());
    let w = values(2, conv.w_len());
    let b = values(3, conv.b_len());
    let dy = values(4, batch * conv.y_len());
    let mut y = HeapMemory::zeroed(batch * conv.y_len());
    let mut dx = HeapMemory::zeroed(batch * conv.x_len());
    let mut dw = HeapMemory::zeroed(conv.w_len());
    let mut scratch = HeapMemory::zeroed(conv2d::backward_input_scratch_len(conv));
    let flop = 2.0 * batch as f64 * macs(conv);

    let forward = |y: &mut [f32], batch: usize| {
        let (x, y) = (&x[..batch * conv.x_len()], &mut y[..batch * conv.y_len()]);
        conv2d::forward_into(
            level,
            conv,
            batch,
            conv2d::Forward { x: black_box(x), w: &w, b: Some(&b), epilogue: Epilogue::Relu },
            y,
        )
        .unwrap();
    };
    let backward_input = |dx: &mut [f32], scratch: &mut [f32], batch: usize| {
        let (dy, dx) = (&dy[..batch * conv.y_len()], &mut dx[..batch * conv.x_len()]);
        conv2d::backward_input_into(level, conv, batch, &w, black_box(dy), dx, scratch).unwrap();
    };
    let backward_weight = |dw: &mut [f32], batch: usize| {
        let (x, dy) = (&x[..batch * conv.x_len()], &dy[..batch * conv.y_len()]);
        conv2d::backward_weight_acc(level, conv, batch, black_box(x), dy, 0..conv.w_rows(), dw).unwrap();
    };

    let mut expected = HeapMemory::zeroed(conv.y_len());
    forward(&mut y, 1);
    reference::conv2d::forward(
        level.rounding(),
        conv,
        1,
        conv2d::Forward { x: &x, w: &w, b: Some(&b), epilogue: Epilogue::Relu },
        &mut expected,
    );
    assert_same(&y[..conv.y_len()], &expected);
    let mut expected = HeapMemory::zeroed(conv.x_len());
    backward_input(&mut dx, &mut scratch, 1);
    reference::conv2d::backward_input(level.rounding(), conv, 1, &w, &dy, &mut expected);
    assert_same(&dx[..conv.x_len()], &expected);
    let mut expected = HeapMemory::zeroed(conv.w_len());
    backward_weight(&mut dw, 1);
    reference::conv2d::backward_weight(level.rounding(), conv, 1, &x, &dy, &mut expected);
    assert_same(&dw, &expected);

    summary.against_peak(&format!("{name} forward"), level, batch, flop, || forward(&mut y, batch));
    summary.against_peak(&format!("{name} input gradient"), level, batch, flop, || {
        backward_input(&mut dx, &mut scratch, batch);
    });
    // Accumulating for ever would reach infinity.
    summary.against_peak(&format!("{name} weight gradient"), level, batch, flop, || {
        dw.fill(0.0);
        backward_weight(&mut dw, batch);
    });
}

/// Operands with many zeros, beside the same without: above 1, passing over them pays.
fn zeros(summary: &mut Summary, name: &str, conv: &Conv2d, batch: usize, level: Level) {
    const NONE: &str = "no zeros";
    if !summary.wants(name, level) {
        return;
    }
    let (x, w, dy) = (values(1, batch * conv.x_len()), values(2, conv.w_len()), values(4, batch * conv.y_len()));
    let keep = values(5, x.len().max(dy.len()));
    let few = |x: &HeapMemory, percent: u8| {
        let least = 1.0 - f32::from(percent) / 50.0;
        let mut few = x.clone();
        few.iter_mut().zip(keep.iter()).filter(|(_, keep)| **keep < least).for_each(|(x, _)| *x = 0.0);
        few
    };
    let forward = |x: &HeapMemory| {
        let (x, w, mut y) = (x.clone(), &w, HeapMemory::zeroed(dy.len()));
        move || {
            conv2d::forward_into(
                level,
                conv,
                batch,
                conv2d::Forward { x: black_box(&x), w, b: None, epilogue: Epilogue::Relu },
                &mut y,
            )
            .unwrap()
        }
    };
    let backward_input = |dy: &HeapMemory| {
        let (dy, w, mut dx) = (dy.clone(), &w, HeapMemory::zeroed(x.len()));
        let mut scratch = HeapMemory::zeroed(conv2d::backward_input_scratch_len(conv));
        move || conv2d::backward_input_into(level, conv, batch, w, black_box(&dy), &mut dx, &mut scratch).unwrap()
    };
    let backward_weight = |dy: &HeapMemory| {
        let (dy, x, mut dw) = (dy.clone(), &x, HeapMemory::zeroed(w.len()));
        move || {
            dw.fill(0.0);
            conv2d::backward_weight_acc(level, conv, batch, x, black_box(&dy), 0..conv.w_rows(), &mut dw).unwrap();
        }
    };
    for percent in [20, 45, 65] {
        let name = format!("{name} forward, {percent} % of x");
        summary.against(&name, level, batch, 0.0, forward(&few(&x, percent)), (NONE, forward(&x)));
    }
    for percent in [8, 20, 40] {
        let part = few(&dy, percent);
        let name = |what: &str| format!("{name} {what}, {percent} % of dy");
        let (some, all) = (backward_input(&part), backward_input(&dy));
        summary.against(&name("input gradient"), level, batch, 0.0, some, (NONE, all));
        let (some, all) = (backward_weight(&part), backward_weight(&dy));
        summary.against(&name("weight gradient"), level, batch, 0.0, some, (NONE, all));
    }
}

/// A first layer, whose few terms leave it bound by its stores.
fn first_layer(summary: &mut Summary, name: &str, conv: &Conv2d, batch: usize, level: Level) {
    if !summary.wants(name, level) {
        return;
    }
    let (x, w, b) = (values(1, batch * conv.x_len()), values(2, conv.w_len()), values(3, conv.b_len()));
    let mut y = HeapMemory::zeroed(batch * conv.y_len());
    let mut other = y.clone();
    let flop = 2.0 * batch as f64 * macs(conv);
    let forward = || {
        conv2d::forward_into(
            level,
            conv,
            batch,
            conv2d::Forward { x: black_box(&x), w: &w, b: Some(&b), epilogue: Epilogue::Relu },
            &mut y,
        )
        .unwrap()
    };
    summary.against(
        name,
        level,
        batch,
        flop,
        forward,
        ("storing the output once", || {
            black_box(&mut other).fill(black_box(1.5));
        }),
    );
}

/// Forward, input gradient and weight gradient of a dense layer.
fn dense_layer(summary: &mut Summary, name: &str, layer: &Dense, batch: usize, level: Level) {
    if !summary.wants(name, level) {
        return;
    }
    let x = values(1, batch * layer.inputs);
    let w = values(2, layer.w_len());
    let b = values(3, layer.outputs);
    let dy = values(4, batch * layer.outputs);
    let mut y = HeapMemory::zeroed(batch * layer.outputs);
    let mut dx = HeapMemory::zeroed(batch * layer.inputs);
    let mut dw = HeapMemory::zeroed(layer.w_len());
    let mut scratch = HeapMemory::zeroed(dense::backward_input_scratch_len(layer));
    let flop = 2.0 * (batch * layer.w_len()) as f64;
    let mut expected = y.clone();
    reference::dense::forward(
        level.rounding(),
        layer,
        batch,
        dense::Forward { x: &x, w: &w, b: Some(&b), epilogue: Epilogue::Relu },
        &mut expected,
    );
    let mut forward = || {
        dense::forward_into(
            level,
            layer,
            batch,
            dense::Forward { x: black_box(&x), w: &w, b: Some(&b), epilogue: Epilogue::Relu },
            &mut y,
        )
        .unwrap()
    };
    forward();
    summary.against_peak(&format!("{name} forward"), level, batch, flop, forward);
    assert_same(&y, &expected);
    summary.against_peak(&format!("{name} input gradient"), level, batch, flop, || {
        dense::backward_input_into(level, layer, batch, &w, black_box(&dy), &mut dx, &mut scratch).unwrap();
    });
    let mut expected = dx.clone();
    reference::dense::backward_input(level.rounding(), layer, batch, &w, &dy, &mut expected);
    assert_same(&dx, &expected);
    summary.against_peak(&format!("{name} weight gradient"), level, batch, flop, || {
        dense::backward_weight_acc(level, layer, batch, black_box(&x), &dy, 0..layer.inputs, &mut dw).unwrap();
    });
}

/// A matrix-vector product beside a plain sum over the same weights.
fn matrix_vector(summary: &mut Summary, name: &str, layer: &Dense, level: Level) {
    if !summary.wants(name, level) {
        return;
    }
    let (x, w, b) = (values(1, layer.inputs), values(2, layer.w_len()), values(3, layer.outputs));
    let mut y = HeapMemory::zeroed(layer.outputs);
    let flop = 2.0 * layer.w_len() as f64;
    let forward = || {
        dense::forward_into(
            level,
            layer,
            1,
            dense::Forward { x: black_box(&x), w: &w, b: Some(&b), epilogue: Epilogue::Relu },
            &mut y,
        )
        .unwrap()
    };
    summary.against(
        name,
        level,
        1,
        flop,
        forward,
        ("a plain sum of the weights", || {
            black_box(peak::sum(level.instruction_set(), black_box(&w)));
        }),
    );
}

/// A product of square matrices beside `gemm` and `matrixmultiply`.
fn square(summary: &mut Summary, size: usize, level: Level) {
    let name = format!("matrix product {size}×{size}×{size}");
    if !summary.wants(&name, level) {
        return;
    }
    let (a, b) = (values(1, size * size), values(2, size * size));
    let (mut c, mut by_gemm, mut by_matrixmultiply) =
        (HeapMemory::zeroed(size * size), HeapMemory::zeroed(size * size), HeapMemory::zeroed(size * size));
    let layer = Dense::new(size, size);
    let n = size as isize;
    let mut ours = || {
        dense::forward_into(
            level,
            &layer,
            size,
            dense::Forward { x: black_box(&a), w: black_box(&b), b: None, epilogue: Epilogue::None },
            &mut c,
        )
        .unwrap();
    };
    let mut gemm = || {
        // SAFETY: three row-major matrices of `size` rows and columns.
        unsafe {
            gemm::gemm(
                size,
                size,
                size,
                by_gemm.as_mut_ptr(),
                1,
                n,
                false,
                black_box(&a).as_ptr(),
                1,
                n,
                black_box(&b).as_ptr(),
                1,
                n,
                0.0,
                1.0,
                false,
                false,
                false,
                gemm::Parallelism::None,
            );
        }
    };
    let mut matrixmultiply = || {
        // SAFETY: three row-major matrices of `size` rows and columns.
        unsafe {
            matrixmultiply::sgemm(
                size,
                size,
                size,
                1.0,
                black_box(&a).as_ptr(),
                n,
                1,
                black_box(&b).as_ptr(),
                n,
                1,
                0.0,
                by_matrixmultiply.as_mut_ptr(),
                n,
                1,
            );
        }
    };
    ours();
    gemm();
    matrixmultiply();
    let flop = 2.0 * (size * size * size) as f64;
    summary.against_peak(&name, level, size, flop, &mut ours);
    summary.against(&name, level, size, flop, &mut ours, ("gemm", gemm));
    summary.against(&name, level, size, flop, &mut ours, ("matrixmultiply", matrixmultiply));
    assert_close(&by_gemm, &c, size);
    assert_close(&by_matrixmultiply, &c, size);
}

/// Forward and input gradient of a convolution by tiles, counted in the direct form's operations.
fn tiled(summary: &mut Summary, name: &str, conv: &Conv2d, batch: usize, level: Level) {
    if !summary.wants(name, level) {
        return;
    }
    let tiled = Winograd::new(*conv);
    let (x, w) = (values(1, batch * conv.x_len()), values(2, conv.w_len()));
    let (b, dy) = (values(3, conv.b_len()), values(4, batch * conv.y_len()));
    let mut y = HeapMemory::zeroed(batch * conv.y_len());
    let mut dx = HeapMemory::zeroed(batch * conv.x_len());
    let mut forward_scratch = HeapMemory::zeroed(winograd::forward_scratch_len(&tiled));
    let mut scratch = HeapMemory::zeroed(winograd::backward_input_scratch_len(&tiled));
    let flop = 2.0 * batch as f64 * macs(conv);
    let operands = winograd::Forward { x: &x, w: &w, b: Some(&b), epilogue: Epilogue::Relu };

    let mut forward =
        || winograd::forward_into(level, &tiled, batch, black_box(operands), &mut y, &mut forward_scratch).unwrap();
    summary.against_peak(&format!("{name} forward, Winograd"), level, batch, flop, &mut forward);
    let mut backward =
        || winograd::backward_input_into(level, &tiled, batch, &w, black_box(&dy), &mut dx, &mut scratch).unwrap();
    summary.against_peak(&format!("{name} input gradient, Winograd"), level, batch, flop, &mut backward);

    let mut expected = HeapMemory::zeroed(conv.y_len());
    reference::winograd::forward(level.rounding(), &tiled, 1, operands, &mut expected);
    assert_same(&y[..conv.y_len()], &expected);
    let mut expected = HeapMemory::zeroed(conv.x_len());
    reference::winograd::backward_input(level.rounding(), &tiled, 1, &w, &dy, &mut expected);
    assert_same(&dx[..conv.x_len()], &expected);
}

fn main() {
    let mut summary = Summary::new();
    let levels: Vec<Level> = Level::all().collect();
    let second = Conv2d::new(26, 26, 32, 64, [3, 3]);
    for &level in &levels {
        for batch in [128, 1] {
            convolution(&mut summary, "conv 3×3 32→64, 26×26", &second, batch, level);
            tiled(&mut summary, "conv 3×3 32→64, 26×26", &second, batch, level);
        }
    }
    let best = Level::detect();
    for level in [best, strict(best)] {
        for batch in [128, 1] {
            first_layer(
                &mut summary,
                "conv 3×3 1→32, 28×28 forward",
                &Conv2d::new(28, 28, 1, 32, [3, 3]),
                batch,
                level,
            );
        }
    }
    let others = [
        ("conv 3×3 3→32, 32×32", Conv2d::new(32, 32, 3, 32, [3, 3]).with_padding(Padding::Same)),
        ("conv 3×3 64→64, 16×16, same", Conv2d::new(16, 16, 64, 64, [3, 3]).with_padding(Padding::Same)),
        (
            "conv 3×3 64→128, 16×16, stride 2",
            Conv2d::new(16, 16, 64, 128, [3, 3]).with_stride([2, 2]).with_padding(Padding::Same),
        ),
        ("conv 1×1 128→128, 14×14", Conv2d::new(14, 14, 128, 128, [1, 1])),
        ("conv 5×5 16→32, 14×14, same", Conv2d::new(14, 14, 16, 32, [5, 5]).with_padding(Padding::Same)),
        ("conv 3×3 30→50, 20×20", Conv2d::new(20, 20, 30, 50, [3, 3])),
        ("conv 3×3 256→256, 8×8, same", Conv2d::new(8, 8, 256, 256, [3, 3]).with_padding(Padding::Same)),
        (
            "depthwise 3×3 64, 25×5, same",
            Conv2d::new(25, 5, 64, 64, [3, 3]).with_groups(64).with_padding(Padding::Same),
        ),
        (
            "depthwise 3×3 64, 48×48, same",
            Conv2d::new(48, 48, 64, 64, [3, 3]).with_groups(64).with_padding(Padding::Same),
        ),
    ];
    for &level in levels.iter().filter(|level| level.instruction_set() != InstructionSet::Portable) {
        zeros(&mut summary, "conv 3×3 32→64, 26×26", &second, 16, level);
    }
    for (name, conv) in &others {
        for batch in [32, 1] {
            convolution(&mut summary, name, conv, batch, best);
            if Winograd::new(*conv).validate().is_ok() && conv.in_channels >= 16 {
                tiled(&mut summary, name, conv, batch, best);
            }
        }
    }
    for &level in &levels {
        dense_layer(&mut summary, "dense 9216→128", &Dense::new(9216, 128), 128, level);
    }
    matrix_vector(&mut summary, "dense 9216→128, one image", &Dense::new(9216, 128), best);
    matrix_vector(&mut summary, "dense 512→1000, one image", &Dense::new(512, 1000), best);
    for size in [8, 16, 32, 64] {
        square(&mut summary, size, best);
    }
    network::rows(&mut summary, best);
    if let Some(path) = &summary.options.json {
        let text = serde_json::to_string_pretty(&summary.rows).expect("rows are plain data");
        if let Err(error) = fs::write(path, text) {
            eprintln!("{}: {error}", path.display());
            std::process::exit(1);
        }
    }
}
