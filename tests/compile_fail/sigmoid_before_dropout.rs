//! A sigmoid that the loss would apply again.
//~ network `Small`, layer 1 `sigmoid`: the loss takes logits and makes a sigmoid of them
use kernlet::{
    nn::{BinaryCrossEntropyFromLogits, Training},
    optim::Sgd,
};

kernlet::network! { struct Small([8]) { dense(2), sigmoid, dropout(0.5) } }

const TRAINING: Training<Small, Sgd, BinaryCrossEntropyFromLogits> =
    Training::new(Sgd::new(0.1)).loss(BinaryCrossEntropyFromLogits);
const _: usize = TRAINING.memory_len();

fn main() {}
