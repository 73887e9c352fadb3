//! Functions for tables, in `f64` and while compiling; a few units in the last place off.

use core::f64::consts::{FRAC_PI_4, LN_2};

/// `cos(2π k / n)` and `sin(2π k / n)`, exact where they are 0, ±½√2 or ±1 up to their rounding.
pub(super) const fn turn(k: usize, n: usize) -> (f64, f64) {
    // Eighths of a turn; within one the angle is at most π / 4.
    let k = k % n;
    let eighth = 8 * k / n;
    let from = (8 * k - eighth * n) as f64 / n as f64;
    let mirrored = eighth % 2 == 1;
    let angle = FRAC_PI_4 * if mirrored { 1.0 - from } else { from };
    let (c, s) = (series(1.0, 1, angle), series(angle, 2, angle));
    let (c, s) = if mirrored { (s, c) } else { (c, s) };
    match eighth / 2 {
        0 => (c, s),
        1 => (-s, c),
        2 => (-c, -s),
        _ => (s, -c),
    }
}

/// `first − first x² / (i (i + 1)) + …`: the series of cosine and sine.
const fn series(first: f64, mut i: usize, x: f64) -> f64 {
    let (mut term, mut sum) = (first, first);
    while i < 22 {
        term = -term * x * x / (i * (i + 1)) as f64;
        sum += term;
        i += 2;
    }
    sum
}

/// `ln x` for x ≥ 1.
pub(super) const fn ln(x: f64) -> f64 {
    let (mut m, mut halvings) = (x, 0.0);
    while m > core::f64::consts::SQRT_2 {
        m *= 0.5;
        halvings += 1.0;
    }
    // ln m = 2 artanh((m − 1) / (m + 1)).
    let t = (m - 1.0) / (m + 1.0);
    let (mut power, mut sum, mut i) = (t, t, 3.0);
    while i < 30.0 {
        power *= t * t;
        sum += power / i;
        i += 2.0;
    }
    halvings * LN_2 + 2.0 * sum
}

/// `√x` for x in (0, 2], by Newton's iteration.
pub(super) const fn sqrt(x: f64) -> f64 {
    let (mut root, mut i) = (1.0, 0);
    while i < 60 {
        root = 0.5 * (root + x / root);
        i += 1;
    }
    root
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_library() {
        for n in [1, 3, 8, 12, 480, 512] {
            for k in 0..2 * n {
                let angle = core::f64::consts::TAU * k as f64 / n as f64;
                let (c, s) = turn(k, n);
                assert!((c - libm::cos(angle)).abs() < 3e-15 && (s - libm::sin(angle)).abs() < 3e-15, "{k} of {n}");
            }
        }
        for i in 0..2000 {
            let x = 1.0 + i as f64 * 0.037;
            assert!((ln(x) - libm::log(x)).abs() < 4e-15 * (1.0 + libm::log(x)), "{x}");
        }
        assert!((1..=200).all(|n| (sqrt(2.0 / n as f64) - libm::sqrt(2.0 / n as f64)).abs() < 1e-15));
    }
}
