//! Backward of a convolution on two halves of the threads, each with images of its own.

use core::ops::Range;

use super::{
    Error, Network,
    call::{Call, Ends, parameters},
    layer::Op,
    memory::{Images, parts},
    pass::{BackwardPass, WeightPass},
    plan::{Place, Region},
};
use crate::parallel::{join, on_the_right};

/// What half of the threads works on.
struct Half<'a> {
    threads: usize,
    images: usize,
    x: &'a [f32],
    dy: &'a mut [f32],
    dx: &'a mut [f32],
    scratch: &'a mut [f32],
    /// Whether these are the first images of the batch.
    is_first: bool,
}

impl Call<'_> {
    /// The gradients of a convolution's input, where it is wanted, and of all its parameters; `false` if that is
    /// left to others: another layer, too few images or threads, more than two threads for the parameters alone.
    ///
    /// The numbers of a half's images lie in the caches of its threads. In the gradient of a weight the
    /// left images come before the right ones, so the left half begins with the weights and the right one
    /// with the input, and then they change places. Where only the weights are wanted, the halves follow
    /// one another, each on its thread.
    pub(super) fn convolution_in_halves<N: Network>(
        &self,
        model: &[f32],
        memory: &mut [f32],
        index: usize,
        images: Images,
        ends: Ends,
        gradient: Range<usize>,
    ) -> Result<bool, Error> {
        let (layer, step) = self.layer::<N>(index)?;
        let before = index.checked_sub(1).and_then(|i| self.steps.get(i));
        let Op::Conv2d(_) = layer.op else { return Ok(false) };
        let dx_place = before.map_or(Place::NONE, |step| step.gradient);
        let wanted = dx_place.region != Region::None;
        let left = self.threads / 2;
        let middle = images.count * left / self.threads;
        if middle == 0 || !wanted && self.threads > 2 {
            return Ok(false);
        }
        let (input, output) = (layer.input.len(), layer.output.len());
        let (x_place, dx_range) = (self.value(index), self.regions.range(dx_place, input, images));
        let [dy, dx, x, scratch, gradient] = parts(
            memory,
            [
                self.regions.range(step.gradient, output, images),
                dx_range.clone(),
                self.regions.range(x_place, input, images),
                ends.scratch.0..ends.scratch.0 + ends.scratch.1 * self.threads,
                gradient,
            ],
        )?;
        let x: &[f32] = if x_place.region == Region::Input { self.external::<N>(images)? } else { x };
        let cut = Error::Plan;
        let (x_low, x_high) = x.split_at_checked(middle * input).ok_or(cut)?;
        let (dy_low, dy_high) = dy.split_at_mut_checked(middle * output).ok_or(cut)?;
        let (dx_low, dx_high) = dx.split_at_mut_checked(if wanted { middle * input } else { 0 }).ok_or(cut)?;
        let (scratch_low, scratch_high) = scratch.split_at_mut_checked(left * ends.scratch.1).ok_or(cut)?;
        let mut low = Half {
            threads: left,
            images: middle,
            x: x_low,
            dy: dy_low,
            dx: dx_low,
            scratch: scratch_low,
            is_first: images.first == 0,
        };
        let mut high = Half {
            threads: self.threads - left,
            images: images.count - middle,
            x: x_high,
            dy: dy_high,
            dx: dx_high,
            scratch: scratch_high,
            is_first: false,
        };

        let parameters = parameters(model, layer)?;
        let to_weights = |half: &Half<'_>, gradient: &mut [f32]| {
            let pass = WeightPass {
                layer,
                level: self.level,
                threads: half.threads,
                images: half.images,
                parameters,
                share: self.share,
                x: half.x,
                dy: half.dy,
                aux: &[],
                rows: 0..layer.rows,
                is_first: half.is_first,
                gradient,
            };
            N::weights_layer(index, pass)
        };
        let to_input = |half: &mut Half<'_>| {
            let pass = BackwardPass {
                layer,
                step,
                level: self.level,
                threads: half.threads,
                images: half.images,
                parameters,
                x: half.x,
                y: &[],
                aux: &mut [],
                dy: half.dy,
                dx: half.dx,
                scratch: half.scratch,
                noise: None,
            };
            N::backward_layer(index, pass)
        };
        if !wanted {
            join(|| to_weights(&low, gradient), || ()).0?;
            on_the_right(|| to_weights(&high, gradient))?;
            return Ok(true);
        }
        let (left, right) = join(|| to_weights(&low, gradient), || to_input(&mut high));
        left.and(right)?;
        let (left, right) = join(|| to_input(&mut low), || to_weights(&high, gradient));
        left.and(right)?;
        self.add_skipped(memory, before, dx_range, input, images)?;
        Ok(true)
    }
}
