//! Fixed-point functions of 32 bits: exp, reciprocals, logistic and tanh, as gemmlowp defines them.
//!
//! `Qn.m` has n integer and m fractional bits besides the sign. Source: gemmlowp, `fixedpoint.h`.

use super::rescale::{doubled_high, shift_right};

/// 1 in Q0.31, or nearly.
const ONE: i32 = i32::MAX;

/// `x · 2^by`, saturated to 32 bits.
#[inline(always)]
pub(super) const fn shift_left(x: i32, by: u32) -> i32 {
    if by == 0 {
        return x;
    }
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

/// `2 / (1 + a)` in Q2.29, for `a` from 0 to 1 in Q0.31: three Newton steps.
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

/// `ln x` in Q5.26, for `x` from 1 in Q12.19.
///
/// `x` is `2^n` times a number near the fourth root of a half, whose logarithm is a quotient of two short series.
pub(super) fn log(x: i32) -> i32 {
    const LN_2: i32 = 1_488_522_236;
    const HALF_ROOT: i32 = 1_518_500_250;
    const FOURTH_ROOT: i32 = 1_805_811_301;
    /// The integer bits of the argument, and of sums under way.
    const BITS: i32 = 12;
    const SUM: u32 = 6;
    const QUARTER: i32 = 1 << (31 - SUM - 2);
    // 11/240, 1/20 and 1/4 times the fourth root of 2 = r; 2/r − r.
    const NUMERATOR: i32 = 117_049_297;
    const SQUARE: i32 = 127_690_142;
    const LINEAR: i32 = 638_450_708;
    const CONSTANT: i32 = 1_057_819_769;
    let power = |bits: i32| bits.wrapping_shl(31 - SUM);
    // The number itself, and the number times √½: one of them is on the right side.
    let headroom = x.leading_zeros().max(1);
    let a = shift_left(doubled_high(shift_left(x, headroom - 1), HALF_ROOT), 1);
    let a_power = power(BITS - headroom as i32).saturating_add(QUARTER);
    let headroom = doubled_high(x, HALF_ROOT).leading_zeros().max(1) - 1;
    let b = shift_left(x, headroom);
    let b_power = power(BITS - headroom as i32).saturating_sub(QUARTER);
    let (r, power) = (a.min(b), a_power.max(b_power));

    let sum = i64::from(r) + i64::from(FOURTH_ROOT);
    let middle = ((sum + if sum >= 0 { 1 } else { -1 }) / 2) as i32;
    let q = r.wrapping_sub(FOURTH_ROOT).wrapping_mul(2);
    let square = doubled_high(q, q);
    let numerator = doubled_high(q, r).wrapping_add(doubled_high(doubled_high(q, square), NUMERATOR));
    let inner = CONSTANT.wrapping_add(q).wrapping_add(doubled_high(SQUARE, square));
    let denominator = doubled_high(middle, inner).wrapping_add(doubled_high(LINEAR, q));
    let series = doubled_high(shift_right(numerator, SUM), reciprocal(denominator));
    shift_left(doubled_high(power, LN_2).wrapping_add(series), 1)
}
