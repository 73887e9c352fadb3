//! The product with earlier layers' outputs, element by element: gates and attention to channels.

use super::{
    BackwardPass, Context, Declared, ForwardPass, Kind, ShapeError, Spec, add::same_shapes, copy, forward_samples, rows,
};
use crate::parallel;

/// The product with another layer's output.
#[derive(Debug)]
pub struct Multiply;

impl Multiply {
    /// The name of the other factor.
    pub const fn declare(context: Context<'_>) -> Declared {
        let context = context.expect("multiply(name)", 1, &[]).read_named();
        same_shapes(&context, "multiplies `");
        let spec = Spec { reads_input: true, reads_others: true, ends: true, ..Spec::NEW };
        Declared::new(&context, context.input(), spec)
    }
}

impl Kind for Multiply {
    fn forward(mut pass: ForwardPass<'_>) -> Result<(), ShapeError> {
        let ([other, ..], len) = (pass.others, pass.node.input as usize);
        forward_samples(&mut pass, &|samples, x, y| {
            copy(x, y)?;
            for (y, other) in y.iter_mut().zip(rows(other, samples, len)?) {
                *y *= other;
            }
            Ok(())
        })
    }

    fn backward(pass: BackwardPass<'_>) -> Result<(), ShapeError> {
        let [other, ..] = pass.others;
        let factor = if pass.operand == 0 { other } else { pass.x };
        let (len, dy) = (pass.node.output as usize, &*pass.dy);
        parallel::for_rows(pass.threads, pass.samples, pass.dx, &|samples, dx: &mut [f32]| {
            let (factor, dy) = (rows(factor, samples.clone(), len)?, rows(dy, samples, len)?);
            for ((dx, dy), factor) in dx.iter_mut().zip(dy).zip(factor) {
                *dx = dy * factor;
            }
            Ok(())
        })
    }
}
