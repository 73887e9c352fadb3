//! Fixed-point functions of 32 bits: exp, reciprocals, logistic and tanh, as gemmlowp defines them.
//!
//! `Qn.m` has n integer and m fractional bits beside the sign. Source: gemmlowp, `fixedpoint.h`.

use super::rescale::{doubled_high, shift_right};

/// 1 in Q0.31, or nearly.
const ONE: i32 = i32::MAX;

/// `x · 2^by`, held inside 32 bits.
#[inline(always)]
const fn shift_left(x: i32, by: u32) -> i32 {
    let threshold = (1 << (31 - by)) - 1;
    if x > threshold {
        i32::MAX
    } else if x < -threshold {
        i32::MIN
    } else {
        x << by
    }
}

/// `e^x` for `x` from −1/4 to 0, in Q0.31.
#[inline(always)]
fn exp_of_quarter(x: i32) -> i32 {
    /// e^(−1/8).
    const MIDDLE: i32 = 1_895_147_668;
    const THIRD: i32 = 715_827_883;
    // The series about −1/8.
    let x = x + (1 << 28);
    let x2 = doubled_high(x, x);
    let x3 = doubled_high(x2, x);
    let x4 = doubled_high(x2, x2);
    let sum = shift_right(doubled_high(shift_right(x4, 2) + x3, THIRD) + x2, 1);
    MIDDLE + doubled_high(MIDDLE, x + sum)
}

/// `e^x` in Q0.31, for `x` up to 0 with `INTEGER_BITS` of 4 or 5.
#[inline(always)]
pub(super) fn exp<const INTEGER_BITS: u32>(x: i32) -> i32 {
    /// e^(−2^k) for k from −2 on.
    const POWERS: [i32; 7] = [1_672_461_947, 1_302_514_674, 790_015_084, 290_630_308, 39_332_535, 720_401, 242];
    let fraction = 31 - INTEGER_BITS;
    let quarter = 1 << (fraction - 2);
    let below = (x & (quarter - 1)) - quarter;
    let mut result = exp_of_quarter(shift_left(below, INTEGER_BITS));
    let rest = below.wrapping_sub(x);
    for (bit, power) in (fraction - 2..31).zip(POWERS) {
        if rest & (1 << bit) != 0 {
            result = doubled_high(result, power);
        }
    }
    if x == 0 { ONE } else { result }
}

/// `2 / (1 + a)` in Q2.29, for `a` from 0 to 1 in Q0.31: three steps of Newton.
#[inline(always)]
fn twice_reciprocal(a: i32) -> i32 {
    const C48_OVER_17: i32 = 1_515_870_810;
    const C32_OVER_17: i32 = 1_010_580_540;
    // (a + 1) / 2, halves away from zero; both are positive.
    let half = ((a as i64 + ONE as i64 + 1) >> 1) as i32;
    let mut x = C48_OVER_17 + doubled_high(half, -C32_OVER_17);
    for _ in 0..3 {
        let rest = (1 << 29) - doubled_high(half, x);
        x = x.wrapping_add(shift_left(doubled_high(x, rest), 2));
    }
    x
}

/// `1 / (1 + a)` in Q0.31, for `a` from 0 to 1 in Q0.31.
#[inline(always)]
pub(super) fn reciprocal(a: i32) -> i32 {
    shift_left(twice_reciprocal(a), 1)
}

/// `1 / (1 + e^−x)` in Q0.31, for `x` in Q4.27.
#[inline(always)]
pub(super) fn logistic(x: i32) -> i32 {
    if x == 0 {
        return 1 << 30;
    }
    let positive = reciprocal(exp::<4>(-x.saturating_abs()));
    if x > 0 { positive } else { ONE - positive }
}

/// `tanh x` in Q0.31, for `x` in Q4.27.
#[inline(always)]
pub(super) fn tanh(x: i32) -> i32 {
    if x == 0 {
        return 0;
    }
    // The bits of x in Q4.27 are those of 2x in Q5.26.
    let e = exp::<5>(-x.saturating_abs());
    let positive = shift_left(twice_reciprocal(e) - (1 << 29), 2);
    if x > 0 { positive } else { -positive }
}
