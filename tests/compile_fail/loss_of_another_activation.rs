//! A softmax before a loss that makes a sigmoid.
//~ layer 1 `softmax`: the loss takes logits and makes a sigmoid of them
use kernlet::{
    nn::{BinaryCrossEntropyFromLogits, Training},
    optim::Sgd,
};

kernlet::network! {
    struct Small([8]) { fc1: dense(4), softmax }
}

const TRAINING: Training<Small, Sgd, BinaryCrossEntropyFromLogits> =
    Training::new(Sgd::new(0.1)).loss(BinaryCrossEntropyFromLogits);
const _: usize = TRAINING.memory_len();

fn main() {}
