//! A bound on the memory of training that does not hold.
//~ training must fit 1 KiB
use kernlet::{
    nn::{Batching, Gradients, Trainer},
    optim::Sgd,
};

kernlet::network! {
    struct Small([8, 8, 1]) { conv1: conv2d(8, 3x3), relu, fc1: dense(4) }
}

const BYTES: usize = <Trainer<Small, Sgd>>::training_bytes(Batching::of(1), Gradients::Applied);

const _: () = assert!(BYTES <= 1024, "training must fit 1 KiB");

fn main() {}
