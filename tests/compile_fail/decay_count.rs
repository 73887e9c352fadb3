//! More layers that decay than there are.
//~ network `Small`: 3 layers are counted where weights decay, 2 have parameters
use kernlet::{
    nn::{Decay, Training},
    optim::AdamW,
};

kernlet::network! {
    struct Small([8, 8, 1]) { conv1: conv2d(8, 3x3), relu, fc1: dense(4), softmax }
}

kernlet::decay! { struct Wrong = Decay::KERNELS.last(3); }

const TRAINING: Training<Small, AdamW> = Training::new(AdamW::new(0.1)).decay::<Wrong>();
const _: usize = TRAINING.memory_len();

fn main() {}
