//! Every kernel, forward and backward, with its throughput; each answer is checked before it is timed.
//!
//! ```text
//! cargo bench --bench kernels -- [FILTER]
//! ```
//!
//! Names are `kernel/pass/shape`. How near a kernel comes to the machine's peak is what the summary bench says.

mod activation;
mod convolution;
mod loss;
mod normalisation;
mod optim;
mod pool;

use std::time::Duration;

use criterion::{BenchmarkGroup, Criterion, Throughput, measurement::WallTime};

/// Reproducible values in −1..1.
fn values(seed: u64, len: usize) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..len).map(|_| next()).collect()
}

#[track_caller]
fn assert_same(found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len());
    for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!(found.to_bits() == expected.to_bits(), "[{i}] = {found}, expected {expected}");
    }
}

/// Within a few units in the last place of a result computed in `f64`.
#[track_caller]
fn assert_near(found: f32, expected: f64) {
    let bound = 16.0 * f64::from(f32::EPSILON) * expected.abs().max(1e-3);
    assert!((f64::from(found) - expected).abs() <= bound, "{found}, expected {expected}");
}

/// Runs a kernel once, so that its answer is there whatever the filter, and times it; `elements` are
/// multiply-adds, or elements.
fn time(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, elements: usize, mut kernel: impl FnMut()) {
    kernel();
    group.throughput(Throughput::Elements(elements as u64));
    group.bench_function(name, |bencher| bencher.iter(&mut kernel));
}

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_secs(1))
        .configure_from_args();
    convolution::benches(&mut criterion);
    pool::benches(&mut criterion);
    normalisation::benches(&mut criterion);
    activation::benches(&mut criterion);
    loss::benches(&mut criterion);
    optim::benches(&mut criterion);
    criterion.final_summary();
}
