//! A sum times a multiplier below 1, in integers, for one number: what vectors of integers do for each lane.

/// `x · mantissa / 2³¹`, rounded half up, then `/ 2^right`, rounded, halves away from zero.
#[inline(always)]
pub(crate) const fn scaled(x: i32, mantissa: i32, right: u32) -> i32 {
    let high = high_half(x, mantissa);
    if right == 0 {
        return high;
    }
    // A step towards zero, then half up. The high half is above −2³¹, so that nothing wraps.
    let towards = high.wrapping_add(high >> 31);
    (towards.wrapping_shr(right - 1).wrapping_add(1)) >> 1
}

/// The high half of `2ab`, rounded half up; `b` is not negative.
#[cfg(not(kernlet_arm = "v6m"))]
#[inline(always)]
const fn high_half(a: i32, b: i32) -> i32 {
    ((a as i64 * b as i64 + (1 << 30)) >> 31) as i32
}

/// The same from products of 16 bits, where the processor has none of 64: a third of what the library's takes.
#[cfg(kernlet_arm = "v6m")]
#[inline(always)]
const fn high_half(a: i32, b: i32) -> i32 {
    let (a1, a0) = (a >> 16, a & 0xFFFF);
    let (b1, b0) = (b >> 16, b & 0xFFFF);
    let low = (a0 as u32).wrapping_mul(b0 as u32);
    // Below 2³¹, as is the next.
    let middle = a0.wrapping_mul(b1).wrapping_add((low >> 16) as i32);
    let other = a1.wrapping_mul(b0).wrapping_add(middle & 0xFFFF);
    let high = a1.wrapping_mul(b1).wrapping_add(middle >> 16).wrapping_add(other >> 16);
    let rest = (other & 0xFFFF) >> 14;
    high.wrapping_mul(2).wrapping_add((rest + 1) >> 1)
}
