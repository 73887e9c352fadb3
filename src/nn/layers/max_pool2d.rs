//! Max pooling; after a ReLU it undoes that too.

use super::{BackwardPass, Context, Declared, ForwardPass, Kind, ShapeError, Spec, conv2d, rows, wrong};
use crate::{
    kernels::pool2d::{self, Pool2d},
    nn::declare::{Auxiliary, Settings},
    parallel,
    shape::Dims,
};

/// The maximum of each window.
#[derive(Debug)]
pub struct MaxPool2d;

const USAGE: &str = "max_pool2d(2x2, stride: 2, padding: same, dilation: 2)";

impl MaxPool2d {
    /// The window by position.
    pub const fn declare(context: Context<'_>) -> Declared {
        let (declared, pool) = declare(context, USAGE, &["stride", "padding", "dilation"]);
        with_places(declared, &pool)
    }
}

/// The maximum of each channel over all pixels.
#[derive(Debug)]
pub struct GlobalMaxPool2d;

impl GlobalMaxPool2d {
    /// No arguments.
    pub const fn declare(context: Context<'_>) -> Declared {
        let context = context.expect("global_max_pool2d", 0, &[]);
        let [h, w, c] = context.image();
        let pool = Pool2d::global(h * w, c);
        context.check(pool.validate());
        let spec = Spec { settings: settings(&pool), ..Spec::NEW };
        with_places(Declared::new(&context, Dims::new(&[c]), spec), &pool)
    }
}

impl Kind for GlobalMaxPool2d {
    fn forward(pass: ForwardPass<'_>) -> Result<(), ShapeError> {
        MaxPool2d::forward(pass)
    }

    fn backward(pass: BackwardPass<'_>) -> Result<(), ShapeError> {
        MaxPool2d::backward(pass)
    }
}

/// The bytes of the places of the maxima are kept for backward.
pub(super) const fn with_places(declared: Declared, pool: &Pool2d) -> Declared {
    let spec = Spec { auxiliary: Auxiliary::PerSample(pool.argmax_len()), undoes_relu: true, ..declared.spec };
    Declared { spec, ..declared }
}

/// A pooling with a window by position, stride and padding by name.
pub(super) const fn declare(
    context: Context<'_>,
    usage: &'static str,
    options: &'static [&'static str],
) -> (Declared, Pool2d) {
    let context = context.expect(usage, 1, options);
    let [h, w, c] = context.image();
    let kernel = context.pair(0, "window");
    let pool = Pool2d::new(h, w, c, kernel)
        .with_stride(context.option_pair("stride", kernel))
        .with_dilation(context.option_pair("dilation", [1, 1]))
        .with_padding(context.padding());
    let pool = if context.switch("count_include_pad", false) { pool.with_padding_counted() } else { pool };
    conv2d::fits(&context, kernel, pool.out_height(), pool.out_width());
    context.check(pool.validate());
    let output = Dims::new(&[pool.out_height(), pool.out_width(), c]);
    let spec = Spec { settings: settings(&pool), ..Spec::NEW };
    let declared = Declared::new(&context, output, spec)
        .sizes("window", &pool.kernel)
        .sizes("stride", &pool.stride)
        .sizes("padding", &pool.padding);
    let dilated = pool.dilation[0] > 1 || pool.dilation[1] > 1;
    let declared = if dilated { declared.sizes("dilation", &pool.dilation) } else { declared };
    (declared, pool)
}

pub(super) const fn settings(pool: &Pool2d) -> Settings {
    let [top, bottom, left, right] = pool.padding;
    Settings::of(&[
        pool.height,
        pool.width,
        pool.channels,
        pool.kernel[0],
        pool.kernel[1],
        pool.stride[0],
        pool.stride[1],
        top,
        bottom,
        left,
        right,
        pool.dilation[0],
        pool.dilation[1],
        pool.padding_counted as usize,
    ])
}

// Once in a program, and not in each pass.
#[inline(never)]
pub(super) fn shape(settings: &Settings) -> Pool2d {
    let s = settings;
    let mut pool = Pool2d::new(s.size::<0>(), s.size::<1>(), s.size::<2>(), [s.size::<3>(), s.size::<4>()]);
    // As for convolutions: what a builder resolves is resolved already.
    pool.stride = [s.size::<5>(), s.size::<6>()];
    pool.dilation = [s.size::<11>(), s.size::<12>()];
    pool.padding = [s.size::<7>(), s.size::<8>(), s.size::<9>(), s.size::<10>()];
    pool.padding_counted = s.size::<13>() == 1;
    pool
}

impl Kind for MaxPool2d {
    fn forward(pass: ForwardPass<'_>) -> Result<(), ShapeError> {
        let pool = shape(&pass.node.settings);
        let argmax: &mut [u8] = bytemuck::cast_slice_mut(pass.auxiliary);
        // Places hold whole floats for each sample; the indices stand side by side at their start.
        let len = if argmax.is_empty() { 0 } else { pass.samples * pool.argmax_len() };
        let argmax = argmax.get_mut(..len).ok_or(wrong("max_pool2d", pass.node))?;
        parallel::for_rows2(pass.threads, pass.samples, pass.y, argmax, &|samples, y: &mut [f32], argmax: &mut [u8]| {
            let x = rows(pass.x, samples.clone(), pool.x_len())?;
            let argmax = if argmax.is_empty() { None } else { Some(argmax) };
            pool2d::max_forward(pass.level, &pool, samples.len(), x, y, argmax)
        })
    }

    fn backward(pass: BackwardPass<'_>) -> Result<(), ShapeError> {
        let pool = shape(&pass.node.settings);
        let argmax: &[u8] = bytemuck::cast_slice(pass.auxiliary);
        let dy_all = &*pass.dy;
        parallel::for_rows(pass.threads, pass.samples, pass.dx, &|samples, dx: &mut [f32]| {
            let dy = rows(dy_all, samples.clone(), pool.y_len())?;
            let y = if pass.back.undoes_relu { Some(rows(pass.y, samples.clone(), pool.y_len())?) } else { None };
            let chosen = samples.start * pool.argmax_len()..samples.end * pool.argmax_len();
            let argmax = argmax.get(chosen).ok_or(wrong("max_pool2d", pass.node))?;
            pool2d::max_backward(pass.level, &pool, samples.len(), argmax, dy, y, dx)
        })
    }
}
