//! A tensor of another shape than the layer's.
//~ expected an array with a size of 8, found one with a size of 4
use kernlet::{nn::Model, tensor::Tensor};

kernlet::network! {
    struct Small([8]) { fc1: dense(4) }
}

fn main() {
    let model = Model::<Small>::zeroed();
    let kernel: &Tensor<[[f32; 8]; 4]> = Small::fc1(&model).kernel;
    let _ = kernel;
}
