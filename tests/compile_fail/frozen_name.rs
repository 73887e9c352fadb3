//! A layer to freeze that there is not.
//~ network `Small`: `fc7` is to be frozen, and no layer that has parameters is named so
use kernlet::{
    nn::{SoftmaxCrossEntropy, Training},
    optim::Sgd,
};

kernlet::network! {
    struct Small([8, 8, 1]) { conv1: conv2d(8, 3x3), relu, fc1: dense(4), softmax }
}

kernlet::frozen! { struct Wrong = ["fc7"]; }

const TRAINING: Training<Small, Sgd, SoftmaxCrossEntropy, Wrong> = Training::new(Sgd::new(0.1)).freeze();
const _: usize = TRAINING.memory_len();

fn main() {}
