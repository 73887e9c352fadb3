//! What the processor can do at most: the FMA peak, and the speed of reading memory.

use std::hint::black_box;

use cpu_time::ThreadTime;
use kernlet::simd::InstructionSet;

/// Rounds of a loop: about 50 µs a call.
const ROUNDS: u32 = 12_000;

/// The best of several loop forms, in GFLOP/s, over about a millisecond.
pub fn gflops(isa: InstructionSet) -> f64 {
    let mut best = 0.0_f64;
    for _ in 0..3 {
        for form in forms(isa) {
            let start = ThreadTime::now();
            let flop = form();
            best = best.max(flop / start.elapsed().as_secs_f64() / 1e9);
        }
    }
    best
}

#[cfg(target_arch = "x86_64")]
mod loops {
    use core::arch::x86_64::*;

    use super::{ROUNDS, black_box};

    /// `N` independent chains of fused multiply-adds; returns the operations.
    #[target_feature(enable = "avx512f")]
    pub fn avx512<const N: usize>() -> f64 {
        let (a, b) = (_mm512_set1_ps(black_box(0.5)), _mm512_set1_ps(black_box(1.0)));
        let mut acc = [_mm512_setzero_ps(); N];
        for _ in 0..ROUNDS {
            for acc in &mut acc {
                *acc = _mm512_fmadd_ps(*acc, a, b);
            }
        }
        black_box(acc);
        f64::from(ROUNDS) * N as f64 * 32.0
    }

    /// The same at 8 lanes.
    #[target_feature(enable = "avx2,fma")]
    pub fn avx2<const N: usize>() -> f64 {
        let (a, b) = (_mm256_set1_ps(black_box(0.5)), _mm256_set1_ps(black_box(1.0)));
        let mut acc = [_mm256_setzero_ps(); N];
        for _ in 0..ROUNDS {
            for acc in &mut acc {
                *acc = _mm256_fmadd_ps(*acc, a, b);
            }
        }
        black_box(acc);
        f64::from(ROUNDS) * N as f64 * 16.0
    }
}

#[cfg(target_arch = "x86_64")]
fn forms(isa: InstructionSet) -> Vec<fn() -> f64> {
    macro_rules! form {
        ($name:ident, $n:literal) => {
            // SAFETY: asked for only where `is_available` said yes.
            || unsafe { loops::$name::<$n>() }
        };
    }
    let avx512: [fn() -> f64; 4] = [form!(avx512, 10), form!(avx512, 12), form!(avx512, 16), form!(avx512, 24)];
    let avx2: [fn() -> f64; 3] = [form!(avx2, 10), form!(avx2, 12), form!(avx2, 14)];
    // A portable level is measured against the machine, not against its own narrower vectors.
    match isa {
        InstructionSet::Avx2 => avx2.to_vec(),
        _ if InstructionSet::Avx512.is_available() => [&avx2[..], &avx512[..]].concat(),
        _ if InstructionSet::Avx2.is_available() => avx2.to_vec(),
        _ => vec![scalar::<12>],
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn forms(_isa: InstructionSet) -> Vec<fn() -> f64> {
    vec![scalar::<12>, scalar::<24>]
}

/// Chains of four lanes, as the compiler vectorises them.
fn scalar<const N: usize>() -> f64 {
    let (a, b) = (black_box(0.5_f32), black_box(1.0_f32));
    let mut acc = [[0.0_f32; 4]; N];
    for _ in 0..ROUNDS {
        for lane in acc.as_flattened_mut() {
            *lane = lane.mul_add(a, b);
        }
    }
    black_box(acc);
    f64::from(ROUNDS) * N as f64 * 8.0
}

/// A plain sum: what reading `x` once costs.
pub fn sum(isa: InstructionSet, x: &[f32]) -> f32 {
    #[inline(always)]
    fn plain(x: &[f32]) -> f32 {
        let mut lanes = [0.0; 128];
        for block in x.chunks_exact(128) {
            for (lane, x) in lanes.iter_mut().zip(block) {
                *lane += x;
            }
        }
        lanes.iter().sum()
    }
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx512f")]
        fn avx512(x: &[f32]) -> f32 {
            plain(x)
        }
        #[target_feature(enable = "avx2")]
        fn avx2(x: &[f32]) -> f32 {
            plain(x)
        }
        match isa {
            // SAFETY: the instruction set is there.
            InstructionSet::Avx512 if isa.is_available() => return unsafe { avx512(x) },
            // SAFETY: the instruction set is there.
            InstructionSet::Avx2 if isa.is_available() => return unsafe { avx2(x) },
            _ => {}
        }
    }
    let _ = isa;
    plain(x)
}
