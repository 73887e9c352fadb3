//! PReLU: a ReLU whose slope below 0 is learnt, one for each channel or one for each element: the kernels of
//! [`crate::kernels::prelu`].

use super::{BackwardPass, Context, Declared, ForwardPass, Kind, ShapeError, Spec, WeightPass, last_axis, rows};
use crate::{
    kernels::prelu::{self, Backward},
    nn::declare::{Init, LayerTensor, Settings, Streaming, Value},
    parallel,
};

/// `x` above 0, `α x` below.
#[derive(Debug)]
pub struct Prelu;

impl Prelu {
    /// No arguments by position.
    pub const fn declare(context: Context<'_>) -> Declared {
        let context = context.expect("prelu(slope: 0.25, elements)", 0, &["slope", "elements"]);
        let input = context.input();
        let elements = context.has_flag("elements");
        // Keras' default; PyTorch begins at 0.25.
        let slope = context.option_number("slope", 0.0);
        if !(slope > f32::MIN as f64 && slope < f32::MAX as f64) {
            context.message().text("slope: expected a number").fail();
        }
        let slopes = if elements { input.len() } else { last_axis(&input) };
        let spec = Spec {
            settings: Settings::of(&[slopes]),
            reads_input: true,
            streaming: if elements { Streaming::No } else { Streaming::EachStep },
            ..Spec::NEW
        };
        // As Keras has them, whose shared axes have the size 1.
        let (mut sizes, mut i) = ([1; 4], 0);
        while i < input.rank() {
            if elements || i + 1 == input.rank() {
                sizes[i] = input.axis(i);
            }
            i += 1;
        }
        let (sizes, _) = sizes.split_at(input.rank());
        let word = if elements { "elements" } else { "channels" };
        Declared::new(&context, input, spec)
            .tensor(LayerTensor::new("alpha", sizes, Init::Constant(slope as f32)))
            .rows_of(slopes)
            .attribute("slopes", Value::Word(word))
    }
}

impl Kind for Prelu {
    fn forward(pass: ForwardPass<'_>) -> Result<(), ShapeError> {
        let (level, slopes, input) = (pass.level, pass.parameters, pass.node.input as usize);
        let (x, channels) = (pass.x, pass.node.settings.size::<0>());
        parallel::for_rows(pass.threads, pass.samples, pass.y, &|samples, y: &mut [f32]| {
            prelu::forward_into(level, channels, rows(x, samples, input)?, slopes, y)
        })
    }

    fn backward(pass: BackwardPass<'_>) -> Result<(), ShapeError> {
        let (level, slopes, input) = (pass.level, pass.parameters, pass.node.input as usize);
        let (x, dy, channels) = (pass.x, &*pass.dy, pass.node.settings.size::<0>());
        parallel::for_rows(pass.threads, pass.samples, pass.dx, &|samples, dx: &mut [f32]| {
            let of = Backward { x: rows(x, samples.clone(), input)?, slopes, dy: rows(dy, samples, input)? };
            prelu::backward_input_into(level, channels, of, dx)
        })
    }

    /// The slopes are one row.
    fn weights(pass: WeightPass<'_>) -> Result<(), ShapeError> {
        if pass.is_first {
            pass.gradient.fill(0.0);
        }
        let of = Backward { x: pass.x, slopes: pass.parameters, dy: pass.dy };
        prelu::backward_into(pass.level, pass.node.settings.size::<0>(), of, None, pass.gradient)
    }
}
