//! The logarithm of a softmax over the last axis.

use super::{BackwardPass, Context, Declared, ForwardPass, Kind, ShapeError, Spec, forward_samples, last_axis, rows};
use crate::{
    kernels::softmax,
    nn::declare::{Link, Settings, Streaming},
    parallel,
};

/// The logarithm of a softmax over the last axis.
#[derive(Debug)]
pub struct LogSoftmax;

impl LogSoftmax {
    /// No arguments.
    pub const fn declare(context: Context<'_>) -> Declared {
        let context = context.expect("log_softmax", 0, &[]);
        let input = context.input();
        let spec = Spec {
            settings: Settings::of(&[last_axis(&input)]),
            reads_output: true,
            link: Some(Link::LogSoftmax),
            streaming: Streaming::EachStep,
            ..Spec::NEW
        };
        Declared::new(&context, input, spec)
    }
}

impl Kind for LogSoftmax {
    fn forward(mut pass: ForwardPass<'_>) -> Result<(), ShapeError> {
        let (level, classes) = (pass.level, pass.node.settings.size::<0>());
        forward_samples(&mut pass, &|_, x, y| softmax::log_softmax_into(level, classes, x, y))
    }

    fn backward(pass: BackwardPass<'_>) -> Result<(), ShapeError> {
        let (level, classes, len) = (pass.level, pass.node.settings.size::<0>(), pass.node.output as usize);
        let (y, dy) = (pass.y, &*pass.dy);
        parallel::for_rows(pass.threads, pass.samples, pass.dx, &|samples, dx: &mut [f32]| {
            let (y, dy) = (rows(y, samples.clone(), len)?, rows(dy, samples, len)?);
            softmax::log_softmax_backward_into(level, classes, y, dy, dx)
        })
    }
}
