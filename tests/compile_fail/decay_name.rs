//! A parameter that is to decay and that there is not.
//~ network `Small`: `fc1/kernels` is named where weights decay, and no layer or tensor that learns has this name
use kernlet::{
    nn::{Decay, Training},
    optim::AdamW,
};

kernlet::network! {
    struct Small([8, 8, 1]) { conv1: conv2d(8, 3x3), relu, fc1: dense(4), softmax }
}

kernlet::decay! { struct Wrong = Decay::EVERYTHING.but(&["fc1/kernels"]); }

const TRAINING: Training<Small, AdamW> = Training::new(AdamW::new(0.1)).decay::<Wrong>();
const _: usize = TRAINING.memory_len();

fn main() {}
