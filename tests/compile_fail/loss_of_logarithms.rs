//! A negative log-likelihood of a network that does not end in logarithms.
//~ network `Small`, layer 1 `softmax`: the loss takes logarithms of probabilities: end the network in log_softmax
use kernlet::{
    nn::{NegativeLogLikelihood, Training},
    optim::Sgd,
};

kernlet::network! { struct Small([8]) { fc1: dense(4), softmax } }

const TRAINING: Training<Small, Sgd, NegativeLogLikelihood<'static>> =
    Training::new(Sgd::new(0.1)).loss(NegativeLogLikelihood::new());
const _: usize = TRAINING.memory_len();

fn main() {}
