//! Logits for a loss that takes probabilities.
//~ layer 0 `fc1`: the loss takes probabilities: end the network in sigmoid or softmax
use kernlet::{
    nn::{BinaryCrossEntropy, Training},
    optim::Sgd,
};

kernlet::network! {
    struct Small([8]) { fc1: dense(1) }
}

const TRAINING: Training<Small, Sgd, BinaryCrossEntropy> = Training::new(Sgd::new(0.1)).loss(BinaryCrossEntropy);
const _: usize = TRAINING.memory_len();

fn main() {}
