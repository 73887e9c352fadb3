//! A bound on the memory of training that does not hold.
//~ training must fit 1 KiB
use kernlet::{
    nn::{Gradients, Training},
    optim::Sgd,
};

kernlet::network! {
    struct Small([8, 8, 1]) { conv1: conv2d(8, 3x3), relu, fc1: dense(4) }
}

const TRAINING: Training<Small, Sgd> = Training::new(Sgd::new(0.1)).batch(1).gradients(Gradients::Applied);

const _: () = assert!(TRAINING.training_bytes() <= 1024, "training must fit 1 KiB");

fn main() {}
