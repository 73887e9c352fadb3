//! A softmax of one number, which is 1.
//~ network `Small`, layer 1 `softmax`: the loss takes the logits of several classes
use kernlet::{nn::Training, optim::Sgd};

kernlet::network! { struct Small([8]) { dense(1), softmax } }

const TRAINING: Training<Small, Sgd> = Training::new(Sgd::new(0.1));
const _: usize = TRAINING.memory_len();

fn main() {}
