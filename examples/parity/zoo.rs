//! Every kind of layer in one small network, trained with Adam: what the digits' network does
//! not reach must have the same bits everywhere too, and no panic.
#![allow(dead_code)]

use kernlet::{
    kernels::{
        conv2d::Conv2d,
        winograd::{self, Epilogue, Forward, Tile, Winograd},
    },
    nn::{Error, Model, Network, Training},
    optim::Adam,
    random::Stream,
    shape::Shape,
    simd::Level,
    snapshot,
};

#[path = "functions.rs"]
mod functions;
#[path = "int8.rs"]
mod int8;
#[path = "model.rs"]
mod model;
#[path = "sequences.rs"]
mod sequences;
#[path = "steps.rs"]
pub mod steps;

kernlet::network! {
    /// Everything at once.
    pub struct Zoo([9, 8, 3]) {
        entry: conv2d(8, 3x3, padding: same), relu,
        first: conv2d(8, 3x3, padding: same), norm: batch_norm, leaky_relu(0.1),
        second: conv2d(8, 3x3, dilation: 2, padding: [2, 2, 2, 2]), add(entry), relu6,
        depth: depthwise_conv2d(3x3), silu,
        wide: depthwise_conv2d(3x3, multiplier: 2, stride: 2), gelu,
        max_pool2d(2x2, stride: 1), dropout(0.25),
        grouped: conv2d(8, 1x1, groups: 2), tanh,
        avg_pool2d(2x2, padding: same), flatten,
        fc1: dense(13), sigmoid, dropout(0.5),
        fc2: dense(5), softmax,
    }
}

const BATCH: usize = 3;
const STEPS: usize = 4;
const CLASSES: u32 = 5;

const TRAINING: Training<Zoo, Adam> = Training::new(Adam::new(0.01)).batch(BATCH).seed(2);

/// The memory of this training.
pub struct Workspace {
    model: Model<Zoo>,
    memory: [f32; TRAINING.memory_len()],
    images: [f32; BATCH * <Zoo as Network>::Input::LEN],
    tiled: Tiled,
}

/// A convolution of the network's input by tiles.
const TILED: Winograd = Winograd::new(Conv2d::new(9, 8, 3, 5, [3, 3])).with_block(5);

/// Its operands.
struct Tiled {
    w: [f32; TILED.conv.w_len()],
    y: [f32; BATCH * TILED.conv.y_len()],
    dx: [f32; BATCH * TILED.conv.x_len()],
    scratch: [f32; winograd::backward_input_scratch_len(&TILED)],
}

impl Tiled {
    const fn new() -> Self {
        Self {
            w: [0.0; TILED.conv.w_len()],
            y: [0.0; BATCH * TILED.conv.y_len()],
            dx: [0.0; BATCH * TILED.conv.x_len()],
            scratch: [0.0; winograd::backward_input_scratch_len(&TILED)],
        }
    }

    /// Forward on the images, backward from what came out, with both forms, and what all of it was.
    fn parity(&mut self, level: Level, images: &[f32]) -> Result<u64, Error> {
        let noise = Stream::new(4, 0);
        for (i, w) in (0..).zip(&mut self.w) {
            *w = noise.f32_at(i) - 0.5;
        }
        let mut fingerprint = 0_u64;
        for tile in [Tile::F2, Tile::F4] {
            let conv = TILED.with_tile(tile);
            let Self { w, y, dx, scratch } = self;
            let operands = Forward { x: images, w, b: images.get(..5), epilogue: Epilogue::Relu };
            let forward = scratch.get_mut(..winograd::forward_scratch_len(&conv)).ok_or(Error::Plan)?;
            winograd::forward_into(level, &conv, BATCH, operands, y, forward)?;
            let backward = scratch.get_mut(..winograd::backward_input_scratch_len(&conv)).ok_or(Error::Plan)?;
            winograd::backward_input_into(level, &conv, BATCH, w, y, dx, backward)?;
            for slice in [&y[..], &dx[..]] {
                fingerprint = fingerprint.rotate_left(7) ^ snapshot::fingerprint(slice);
            }
        }
        Ok(fingerprint)
    }
}

impl Workspace {
    pub const fn new() -> Self {
        Self {
            model: Model::zeroed(),
            memory: [0.0; TRAINING.memory_len()],
            images: [0.0; BATCH * <Zoo as Network>::Input::LEN],
            tiled: Tiled::new(),
        }
    }

    /// A few steps on noise, and the fingerprint of the parameters, of what the kernels beside them and those of
    /// eight-bit integers make, of models in eight bits, and of what is computed by tiles.
    pub fn parity(&mut self, level: Level) -> Result<u64, Error> {
        let Self { model, memory, images, tiled } = self;
        model.initialize(1);
        let mut trainer = TRAINING.level(level).start(model, memory)?;
        for step in 0..STEPS as u64 {
            let noise = Stream::new(3, step);
            for (i, x) in (0..).zip(images.iter_mut()) {
                *x = noise.f32_at(i) - 0.5;
            }
            let labels = [0, 1, 2].map(|i| noise.below_at(i, CLASSES) as u8);
            trainer.step(images, &labels)?;
        }
        let parameters = snapshot::fingerprint(model.parameters());
        let (integers, models) = (int8::fingerprint(level), model::fingerprint(level));
        if integers == 0 || models == 0 {
            return Err(Error::Plan);
        }
        let kernels = sequences::fingerprint(level) ^ functions::fingerprint(level) ^ integers ^ models.rotate_left(3);
        Ok(parameters.rotate_left(1) ^ kernels ^ tiled.parity(level, images)?)
    }
}
