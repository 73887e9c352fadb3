//! Every kind of layer in one small network, trained with Adam: what the digits' network does
//! not reach must have the same bits everywhere too, and no panic.
#![allow(dead_code)]

use kernlet::{
    nn::{Error, Model, Network, Training},
    optim::Adam,
    random::Stream,
    shape::Shape,
    simd::Level,
    snapshot,
};

#[path = "sequences.rs"]
mod sequences;

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
}

impl Workspace {
    pub const fn new() -> Self {
        Self {
            model: Model::zeroed(),
            memory: [0.0; TRAINING.memory_len()],
            images: [0.0; BATCH * <Zoo as Network>::Input::LEN],
        }
    }

    /// A few steps on noise, and the fingerprint of the parameters and of what the kernels of sequences make.
    pub fn parity(&mut self, level: Level) -> Result<u64, Error> {
        let Self { model, memory, images } = self;
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
        Ok(snapshot::fingerprint(model.parameters()).rotate_left(1) ^ sequences::fingerprint(level))
    }
}
