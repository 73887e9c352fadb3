//! One pass over a batch: prepares each layer's slices and calls it.

use core::ops::Range;

use super::{
    Error, Network,
    layer::{Kind, Layer, Op},
    memory::{Images, Regions, copy, parts, pieces},
    pass::{BackwardPass, Drop, ForwardPass, Noise, WeightPass},
    plan::{Place, Region, Step},
};
use crate::{kernels::elementwise, shape::Shape, simd::Level};

/// What does not change while a batch is worked on.
#[derive(Clone, Copy)]
pub(super) struct Call<'a> {
    pub(super) steps: &'static [Step],
    pub(super) level: Level,
    pub(super) threads: usize,
    pub(super) regions: Regions,
    pub(super) images: &'a [f32],
    /// Present while training.
    pub(super) noise: Option<Seed>,
    /// These images' part of the batch over which gradients are a mean.
    pub(super) share: f32,
}

/// What dropout's random numbers depend on.
#[derive(Clone, Copy)]
pub(super) struct Seed {
    pub(super) seed: u64,
    pub(super) step: u32,
    /// The first image's index in the whole batch.
    pub(super) first: usize,
    pub(super) drop: Drop,
}

/// Where backward finds what the plan holds beside the steps.
#[derive(Clone, Copy)]
pub(super) struct Ends {
    pub(super) input_gradient: Place,
    pub(super) scratch: (usize, usize),
}

impl Call<'_> {
    /// All layers: the leading ones piece by piece, the others with the whole batch.
    pub(super) fn forward<N: Network>(
        &self,
        model: &[f32],
        memory: &mut [f32],
        count: usize,
        by_piece: usize,
    ) -> Result<(), Error> {
        for piece in pieces(count, self.regions.piece) {
            for index in 0..by_piece {
                self.forward_layer::<N>(model, memory, index, piece)?;
            }
        }
        for index in by_piece..N::LAYERS.len() {
            self.forward_layer::<N>(model, memory, index, Images { first: 0, count })?;
        }
        Ok(())
    }

    pub(super) fn layer<N: Network>(&self, index: usize) -> Result<(&'static Layer, &'static Step), Error> {
        N::LAYERS.get(index).zip(self.steps.get(index)).ok_or(Error::Plan)
    }

    /// The place of value `value`: 0 is the input, `i + 1` the output of layer `i`.
    pub(super) fn value(&self, value: usize) -> Place {
        let input = Place { region: Region::Input, offset: 0 };
        value.checked_sub(1).and_then(|i| self.steps.get(i)).map_or(input, |step| step.value)
    }

    fn noise(&self, index: usize, layer: &Layer, step: &Step, images: Images) -> Option<Noise> {
        // A frozen batch normalisation uses its moving averages, as in Keras.
        let frozen = layer.rows > 0 && !step.trained;
        self.noise.filter(|_| !frozen).map(|seed| Noise {
            seed: seed.seed,
            stream: u64::from(seed.step) << 8 | index as u64,
            // A counter of random numbers: past its end it begins again.
            first: ((seed.first + images.first) as u64).wrapping_mul(layer.input.len() as u64),
            drop: seed.drop,
        })
    }

    pub(super) fn external<N: Network>(&self, images: Images) -> Result<&[f32], Error> {
        let first = images.first * N::Input::LEN;
        self.images.get(first..first + images.count * N::Input::LEN).ok_or(Error::Plan)
    }

    fn forward_layer<N: Network>(
        &self,
        model: &[f32],
        memory: &mut [f32],
        index: usize,
        images: Images,
    ) -> Result<(), Error> {
        let (layer, step) = self.layer::<N>(index)?;
        if !step.active || step.is_fused {
            return Ok(());
        }
        let input = layer.input.len();
        let x_place = self.value(index);
        let skip_place = if let Op::Skip(source) = layer.op { self.value(source) } else { Place::NONE };
        let x_range = if step.in_place { 0..0 } else { self.regions.range(x_place, input, images) };
        let [y, x, skip, aux] = parts(
            memory,
            [
                self.regions.range(step.value, layer.output.len(), images),
                x_range,
                self.regions.range(skip_place, input, images),
                self.regions.range(step.aux, aux_len(layer, step), images),
            ],
        )?;
        let x: &[f32] = match x_place.region {
            _ if step.in_place => &[],
            Region::Input => self.external::<N>(images)?,
            _ => x,
        };
        let skip: &[f32] = if skip_place.region == Region::Input { self.external::<N>(images)? } else { skip };
        let pass = ForwardPass {
            layer,
            step,
            level: self.level,
            threads: self.threads,
            images: images.count,
            parameters: parameters(model, layer)?,
            x,
            y,
            skip,
            aux,
            noise: self.noise(index, layer, step, images),
        };
        Ok(N::forward_layer(index, pass)?)
    }

    /// The gradient of a layer's input from that of its output, skip connections included.
    pub(super) fn backward_layer<N: Network>(
        &self,
        model: &[f32],
        memory: &mut [f32],
        index: usize,
        images: Images,
        ends: Ends,
    ) -> Result<(), Error> {
        let (layer, step) = self.layer::<N>(index)?;
        if !step.active || step.gradient.region == Region::None {
            return Ok(());
        }
        let (input, output) = (layer.input.len(), layer.output.len());
        let before = index.checked_sub(1).and_then(|i| self.steps.get(i));
        let dx_place = before.map_or(ends.input_gradient, |step| step.gradient);
        if let Op::Skip(source) = layer.op
            && let Some(target) = source.checked_sub(1).and_then(|i| self.steps.get(i))
            && target.skip_gradient.region != Region::None
        {
            let is_last = !N::LAYERS.iter().skip(index + 1).any(|layer| layer.op == Op::Skip(source));
            let [skip, dy] = parts(
                memory,
                [
                    self.regions.range(target.skip_gradient, input, images),
                    self.regions.range(step.gradient, output, images),
                ],
            )?;
            if is_last {
                copy(dy, skip)?;
            } else {
                elementwise::add_acc(self.level, dy, skip)?;
            }
        }
        let wanted = dx_place.region != Region::None;
        // Batch normalisation's backward makes the sums that are its parameters' gradients, too.
        if !(wanted || step.trained && layer.kind == Kind::BatchNorm) {
            return Ok(());
        }
        let in_place = dx_place == step.gradient;
        let dx_range = if wanted { self.regions.range(dx_place, input, images) } else { 0..0 };
        if !step.undone_in_pool {
            let needs_y = layer.kind.needs_output() || layer.kind.needs_sign() || step.relu_in_pool;
            let x_place = if layer.kind.needs_input() { self.value(index) } else { Place::NONE };
            let y_range = if needs_y { self.regions.range(step.value, output, images) } else { 0..0 };
            let [dy, dx, x, y, aux, scratch] = parts(
                memory,
                [
                    self.regions.range(step.gradient, output, images),
                    if in_place { 0..0 } else { dx_range.clone() },
                    self.regions.range(x_place, input, images),
                    y_range,
                    self.regions.range(step.aux, aux_len(layer, step), images),
                    ends.scratch.0..ends.scratch.0 + ends.scratch.1 * self.threads,
                ],
            )?;
            let x: &[f32] = if x_place.region == Region::Input { self.external::<N>(images)? } else { x };
            let pass = BackwardPass {
                layer,
                step,
                level: self.level,
                threads: self.threads,
                images: images.count,
                parameters: parameters(model, layer)?,
                x,
                y,
                aux,
                dy,
                dx,
                scratch,
                noise: self.noise(index, layer, step, images),
            };
            N::backward_layer(index, pass)?;
        }
        self.add_skipped(memory, before, dx_range, input, images)
    }

    /// Adds what skip connections leave to the gradient at `dx`, that of the output of the step `before`.
    pub(super) fn add_skipped(
        &self,
        memory: &mut [f32],
        before: Option<&Step>,
        dx: Range<usize>,
        len: usize,
        images: Images,
    ) -> Result<(), Error> {
        if let Some(before) = before
            && before.skip_gradient.region != Region::None
        {
            let [dx, skip] = parts(memory, [dx, self.regions.range(before.skip_gradient, len, images)])?;
            elementwise::add_acc(self.level, skip, dx)?;
        }
        Ok(())
    }

    /// The gradient of some rows of a layer's parameters: what the first piece gives is written to
    /// the floats at `gradient`, what others give is added.
    pub(super) fn weights_layer<N: Network>(
        &self,
        model: &[f32],
        memory: &mut [f32],
        index: usize,
        images: Images,
        rows: Range<usize>,
        gradient: Range<usize>,
    ) -> Result<(), Error> {
        let (layer, step) = self.layer::<N>(index)?;
        let x_place = self.value(index);
        let [dy, x, aux, gradient] = parts(
            memory,
            [
                self.regions.range(step.gradient, layer.output.len(), images),
                self.regions.range(x_place, layer.input.len(), images),
                self.regions.range(step.aux, aux_len(layer, step), images),
                gradient,
            ],
        )?;
        let x: &[f32] = if x_place.region == Region::Input { self.external::<N>(images)? } else { x };
        let pass = WeightPass {
            layer,
            level: self.level,
            threads: self.threads,
            images: images.count,
            parameters: parameters(model, layer)?,
            share: self.share,
            x,
            dy,
            aux,
            rows,
            is_first: images.first == 0,
            gradient,
        };
        Ok(N::weights_layer(index, pass)?)
    }
}

/// A layer's own parameters.
pub(super) fn parameters<'a>(model: &'a [f32], layer: &Layer) -> Result<&'a [f32], Error> {
    model.get(layer.offset..layer.offset + layer.parameters()).ok_or(Error::Plan)
}

/// How many floats an auxiliary place holds: an index of one byte for each maximum of an
/// image, or a layer's statistics.
fn aux_len(layer: &Layer, step: &Step) -> usize {
    match step.aux.region {
        Region::None => 0,
        Region::Fixed => layer.parameters(),
        _ => layer.output.len().div_ceil(4),
    }
}
