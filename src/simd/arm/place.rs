//! Sums that are rescaled and become outputs.
#![allow(unsafe_code)]

use core::arch::naked_asm;

use super::{
    ROWS,
    outputs::{addend, multipliers},
};
use crate::simd::taps::{Placing, Simple};

#[repr(C)]
struct Places {
    y: *mut i8,
    stride: usize,
    triple: usize,
    sums: *const i32,
    multipliers: *const [i32; 2],
    channels: usize,
    /// Bytes from a channel's multiplier to the next.
    step: usize,
    /// 1 and twice what is added to a rescaled sum, so that the least output is 0.
    addend: i32,
    least: i32,
    most: i32,
}

impl Places {
    #[inline(always)]
    fn new(
        sums: *const i32,
        channels: usize,
        multipliers: &[[i32; 2]],
        placing: Placing,
        y: &mut [i8],
        stride: usize,
    ) -> Self {
        let [least, most] = placing.range.map(i32::from);
        Self {
            y: y.as_mut_ptr(),
            stride,
            triple: 3 * stride,
            sums,
            multipliers: multipliers.as_ptr(),
            channels,
            step: if multipliers.len() == 1 { 0 } else { size_of::<[i32; 2]>() },
            addend: 1 + 2 * (i32::from(placing.zero_point) - least),
            least,
            most,
        }
    }
}

/// Rescales sums of four rows, by one multiplier or by one for each channel (a mantissa and an exponent), with two roundings, and
/// writes the outputs, the rows of which are `stride` apart. Returns how many channels are done: it stops before
/// one whose exponent is not negative.
#[inline(always)]
pub(crate) fn place_rows(
    sums: &[[i32; ROWS]],
    multipliers: &[[i32; 2]],
    placing: Placing,
    y: &mut [i8],
    stride: usize,
) -> usize {
    let channels = sums.len();
    let reach = stride.checked_mul(ROWS - 1).and_then(|at| at.checked_add(channels));
    let enough = multipliers.len() == 1 || multipliers.len() >= channels;
    if channels == 0 || !enough || reach.is_none_or(|end| end > y.len()) {
        return 0;
    }
    let places = Places::new(sums.as_ptr().cast(), channels, multipliers, placing, y, stride);
    // SAFETY: there are four sums for each channel, a multiplier for each or all, and a place for each.
    channels - unsafe { place_sums_of_rows(&places) }
}

/// The same for a row alone, whose outputs are neighbours.
#[inline(always)]
pub(crate) fn place_row(sums: &[i32], multipliers: &[[i32; 2]], placing: Placing, y: &mut [i8]) -> usize {
    let channels = sums.len();
    let enough = multipliers.len() == 1 || multipliers.len() >= channels;
    if channels == 0 || !enough || channels > y.len() {
        return 0;
    }
    let places = Places::new(sums.as_ptr(), channels, multipliers, placing, y, 0);
    // SAFETY: there is a sum for each channel, a multiplier for each or all, and a place for each.
    channels - unsafe { place_sums_of_row(&places) }
}

/// # Safety
/// `sums` has `[channels][4]` elements; `multipliers` one for each channel, `step` bytes apart; `y` has four rows of `channels`,
/// `stride` apart, and `triple` is three times that; `channels` is not 0.
#[unsafe(naked)]
unsafe extern "C" fn place_sums_of_rows(places: &Places) -> usize {
    // r0 outputs, r1 stride, r2 triple, r3 sums, r4 multipliers, r5 channels left, r6 mantissa, r7 the shift less one,
    // r8 addend, r9 least, r10 and r11 the product, r12 most, lr step.
    naked_asm!(
        processor!(),
        ".macro knl_place to:vararg",
        "ldr r10, [r3], #4",
        "smull r10, r11, r10, r6",
        "adds r10, r10, #0x40000000",
        "adc r11, r11, #0",
        "lsl r11, r11, #1",
        "orr r11, r11, r10, lsr #31",
        "add r11, r11, r11, asr #31",
        "asr r11, r11, r7",
        "qadd r11, r11, r8",
        "usat r11, #8, r11, asr #1",
        "add r11, r11, r9",
        "cmp r11, r12",
        "it gt",
        "movgt r11, r12",
        "strb r11, \\to",
        ".endm",
        "push {{r4-r11, lr}}",
        "mov r12, r0",
        "ldm r12!, {{r0-r5}}",
        "ldr lr, [r12], #4",
        "ldm r12, {{r8, r9, r12}}",
        "2:",
        "ldrd r6, r7, [r4]",
        "mvns r7, r7",
        "bmi 3f",
        "add r4, r4, lr",
        "knl_place [r0]",
        "knl_place [r0, r1]",
        "knl_place [r0, r1, lsl #1]",
        "knl_place [r0, r2]",
        "adds r0, r0, #1",
        "subs r5, r5, #1",
        "bne 2b",
        "3:",
        "mov r0, r5",
        "pop {{r4-r11, pc}}",
        ".purgem knl_place",
    )
}

/// # Safety
/// `sums` has `channels` elements; `multipliers` one for each channel, `step` bytes apart; `y` has `channels` elements;
/// `channels` is not 0.
#[unsafe(naked)]
unsafe extern "C" fn place_sums_of_row(places: &Places) -> usize {
    // As above.
    naked_asm!(
        processor!(),
        "push {{r4-r11, lr}}",
        "mov r12, r0",
        "ldm r12!, {{r0-r5}}",
        "ldr lr, [r12], #4",
        "ldm r12, {{r8, r9, r12}}",
        "2:",
        "ldrd r6, r7, [r4]",
        "mvns r7, r7",
        "bmi 3f",
        "add r4, r4, lr",
        "ldr r10, [r3], #4",
        "smull r10, r11, r10, r6",
        "adds r10, r10, #0x40000000",
        "adc r11, r11, #0",
        "lsl r11, r11, #1",
        "orr r11, r11, r10, lsr #31",
        "add r11, r11, r11, asr #31",
        "asr r11, r11, r7",
        "qadd r11, r11, r8",
        "usat r11, #8, r11, asr #1",
        "add r11, r11, r9",
        "cmp r11, r12",
        "it gt",
        "movgt r11, r12",
        "strb r11, [r0], #1",
        "subs r5, r5, #1",
        "bne 2b",
        "3:",
        "mov r0, r5",
        "pop {{r4-r11, pc}}",
    )
}

#[repr(C)]
struct RowOutputs {
    y: *mut i8,
    sums: *const i32,
    multipliers: *const [i32; 2],
    step: usize,
    channels: usize,
    addend: i32,
}

/// [`place_row`] in the shortest way; the biases are in the sums already.
#[inline(always)]
pub(crate) fn place_simple_row(sums: &[i32], simple: &Simple<'_>, y: &mut [i8]) -> bool {
    let channels = sums.len();
    let (Some((multipliers, step)), true) = (multipliers(simple, channels), channels > 0 && channels <= y.len()) else {
        return false;
    };
    let operands =
        RowOutputs { y: y.as_mut_ptr(), sums: sums.as_ptr(), multipliers, step, channels, addend: addend(simple) };
    // SAFETY: there is a sum, a multiplier and a place for each channel.
    unsafe { outputs_of_sums(&operands) };
    true
}

/// # Safety
/// There are `channels` sums and places, and a multiplier every `step` bytes; `channels` is not 0.
#[unsafe(naked)]
unsafe extern "C" fn outputs_of_sums(operands: &RowOutputs) {
    naked_asm!(
        processor!(),
        "push {{r4-r7, lr}}",
        "ldm r0, {{r0-r5}}",
        "2:",
        "ldr r12, [r1], #4",
        "ldrd r6, r7, [r2]",
        "add r2, r2, r3",
        "lsl r12, r12, #1",
        "mvn r7, r7",
        "smmulr r12, r12, r6",
        "add r12, r12, r12, asr #31",
        "asr r12, r12, r7",
        "add r12, r12, r5",
        "ssat r12, #8, r12, asr #1",
        "strb r12, [r0], #1",
        "subs r4, r4, #1",
        "bne 2b",
        "pop {{r4-r7, pc}}",
    )
}
