//! Training steps of a network of every kind of layer, with Adam: linked, it has no panic in its
//! symbols either.
#![no_std]
#![no_main]

use cortex_m_rt::entry;
use kernlet::{
    nn::{Leaves, Metrics, Model, Training},
    optim::Adam,
    simd::Level,
};
use kernlet_firmware::{
    report,
    zoo::{Workspace, steps},
};

kernlet::network! {
    /// For gradients of leaves: layers of both kinds, by piece and whole.
    struct Small([4, 4, 1]) { conv2d(2, 3x3), relu, flatten, dense(3), softmax }
}
const LEAVES: Training<Small, Adam> = Training::new(Adam::new(0.01)).batch(4);

/// A gradient of four leaves.
fn leaves(level: Level) -> Result<(), kernlet::nn::Error> {
    let (mut model, mut memory) = (Model::<Small>::zeroed(), [0.0; LEAVES.memory_len()]);
    let (mut sums, mut metrics) = ([0.0; LEAVES.leaves_len(1)], [Metrics::default(); 4]);
    let leaves = Leaves { samples: 1, sums: &mut sums, metrics: &mut metrics };
    LEAVES.level(level).start(&mut model, &mut memory)?.backward_leaves(&[0.5; 64], &[0, 1, 2, 0], 0, 4, leaves)
}

#[entry]
fn main() -> ! {
    static mut WORKSPACE: Workspace = Workspace::new();
    static mut STEPS: steps::Workspace = steps::Workspace::new();
    let level = Level::detect_strict();
    report(WORKSPACE.parity(level).is_ok() && STEPS.parity(level).is_ok() && leaves(level).is_ok())
}
