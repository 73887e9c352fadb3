//! Branches side by side: the last axes of several values, one after the other.

use super::{BackwardPass, Context, Declared, ForwardPass, Kind, ShapeError, Spec, last_axis, wrong};
use crate::{
    nn::declare::{MAX_OPERANDS, Settings},
    parallel,
    shape::Dims,
};

/// Values side by side along their last axis.
#[derive(Debug)]
pub struct Concat;

impl Concat {
    /// The names of the values that come after the first one.
    pub const fn declare(context: Context<'_>) -> Declared {
        let context = context.expect("concat(name)", 3, &[]).read_named();
        let (operands, count) = context.operands();
        let input = context.input();
        let rank = input.rank();
        let mut channels = [0; MAX_OPERANDS];
        let (mut all, mut k) = (0, 0);
        while k < count {
            let other = context.dims(operands[k]);
            let mut fits = other.rank() == rank;
            let mut axis = 0;
            while axis + 1 < rank {
                fits = fits && other.axis(axis) == input.axis(axis);
                axis += 1;
            }
            if !fits {
                context
                    .message()
                    .text("puts a value of shape ")
                    .dims(&other)
                    .text(" beside one of shape ")
                    .dims(&input)
                    .text("; all axes but the last must be equal")
                    .fail();
            }
            channels[k] = last_axis(&other);
            all += channels[k];
            k += 1;
        }
        let output = match *input.as_slice() {
            [_] => Dims::new(&[all]),
            [a, _] => Dims::new(&[a, all]),
            [a, b, _] => Dims::new(&[a, b, all]),
            [a, b, c, _] => Dims::new(&[a, b, c, all]),
            _ => context.message().text("expected 1 to 4 axes, found ").dims(&input).fail(),
        };
        let spec = Spec { settings: Settings::of(&channels), accumulates: true, ends: true, ..Spec::NEW };
        Declared::new(&context, output, spec)
    }
}

/// Where operand `k` lies in a row, and how long a row is.
#[inline]
fn columns(settings: &Settings, k: usize) -> (core::ops::Range<usize>, usize) {
    let (mut start, mut end, mut all) = (0, 0, 0);
    for (i, &size) in settings.sizes.iter().take(MAX_OPERANDS).enumerate() {
        if i == k {
            start = all;
            end = all + size as usize;
        }
        all += size as usize;
    }
    (start..end, all)
}

impl Kind for Concat {
    fn forward(pass: ForwardPass<'_>) -> Result<(), ShapeError> {
        let settings = &pass.node.settings;
        let (_, all) = columns(settings, 0);
        let [b, c, d] = pass.others;
        let operands = [pass.x, b, c, d];
        let len = pass.node.output as usize;
        let failed = wrong("concat", pass.node);
        parallel::for_rows(pass.threads, pass.samples, pass.y, &|samples, y: &mut [f32]| {
            let pixels = samples.start * len / all.max(1)..samples.end * len / all.max(1);
            for (k, operand) in operands.iter().enumerate().filter(|(_, operand)| !operand.is_empty()) {
                let (columns, _) = columns(settings, k);
                let width = columns.len();
                let x = operand.get(pixels.start * width..pixels.end * width).ok_or(failed)?;
                for (x, y) in x.chunks_exact(width.max(1)).zip(y.chunks_exact_mut(all.max(1))) {
                    super::copy(x, y.get_mut(columns.clone()).ok_or(failed)?)?;
                }
            }
            Ok(())
        })
    }

    fn backward(pass: BackwardPass<'_>) -> Result<(), ShapeError> {
        let (columns, all) = columns(&pass.node.settings, pass.operand);
        let (width, adds, dy) = (columns.len(), pass.adds, &*pass.dy);
        let len = pass.node.output as usize;
        let failed = wrong("concat", pass.node);
        parallel::for_rows(pass.threads, pass.samples, pass.dx, &|samples, dx: &mut [f32]| {
            let dy = super::rows(dy, samples, len)?;
            for (dx, dy) in dx.chunks_exact_mut(width.max(1)).zip(dy.chunks_exact(all.max(1))) {
                let dy = dy.get(columns.clone()).ok_or(failed)?;
                if adds {
                    for (dx, dy) in dx.iter_mut().zip(dy) {
                        *dx += dy;
                    }
                } else {
                    super::copy(dy, dx)?;
                }
            }
            Ok(())
        })
    }
}
