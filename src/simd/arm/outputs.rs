//! Simple channels: products, rescaling and outputs in one loop.
#![allow(unsafe_code)]

use core::arch::naked_asm;

use super::{
    LEAST_TERMS, ROWS, TERMS, TERMS_ALONE,
    inputs::{Tile, first_terms},
};
use crate::simd::taps::Simple;

/// Where biases begin and how far it is to the next, if there are so many.
pub(super) fn biases(simple: &Simple<'_>, channels: usize) -> Option<(*const u8, usize)> {
    static NONE: [u8; 16] = [0; 16];
    match simple.biases {
        Some(b) => (b.len() >= channels).then_some((b.as_ptr().cast(), 4)),
        None => Some((NONE.as_ptr(), 0)),
    }
}

/// The same for multipliers.
pub(super) fn multipliers(simple: &Simple<'_>, channels: usize) -> Option<(*const [i32; 2], usize)> {
    match simple.multipliers {
        [one] => Some((one, 0)),
        each => (each.len() >= channels).then_some((each.as_ptr(), 8)),
    }
}

/// 1 and twice the zero point: the half of a shift to come, and what is added after it.
pub(super) fn addend(simple: &Simple<'_>) -> i32 {
    1 + 2 * i32::from(simple.zero_point)
}

#[repr(C)]
struct FourOutputs {
    x: *const u32,
    w: *const i8,
    groups: usize,
    stride: usize,
    step: usize,
    channels: usize,
    biases: *const u8,
    bias_step: usize,
    multipliers: *const [i32; 2],
    multiplier_step: usize,
    y: *mut i8,
    y_stride: usize,
    addend: i32,
}

/// The outputs of the four rows of a tile in so many channels, the rows of `y` being `y_stride` apart: [`four_rows`] and
/// [`place_rows`] in one. Returns whether this was done: not if a slice is too short.
#[inline(always)]
pub(crate) fn four_outputs(
    tile: &Tile,
    terms: usize,
    w: &[i8],
    channels: usize,
    simple: &Simple<'_>,
    y: &mut [i8],
    y_stride: usize,
) -> bool {
    let reach = y_stride.checked_mul(ROWS - 1).and_then(|at| at.checked_add(channels));
    let all_weights = channels.checked_mul(terms).is_some_and(|end| end <= w.len());
    let fits = (LEAST_TERMS..=TERMS).contains(&terms) && channels > 0 && reach.is_some_and(|end| end <= y.len());
    let (Some((biases, bias_step)), Some((multipliers, multiplier_step)), true) =
        (biases(simple, channels), multipliers(simple, channels), fits && all_weights)
    else {
        return false;
    };
    let mut operands = FourOutputs {
        x: tile.words(),
        w: w.as_ptr(),
        groups: terms.div_ceil(4),
        stride: terms,
        step: first_terms(terms),
        channels,
        biases,
        bias_step,
        multipliers,
        multiplier_step,
        y: y.as_mut_ptr(),
        y_stride,
        addend: addend(simple),
    };
    // SAFETY: the tile holds the groups; weights, biases and multipliers are there for each channel, and four places.
    unsafe { outputs_of_four_rows(&mut operands) };
    true
}

/// # Safety
/// `x` has 8 words for each group; for each channel there is a row of `w`, a bias, a multiplier and four places in `y`; neither
/// `groups` nor `channels` is 0. The operands are used up.
#[unsafe(naked)]
unsafe extern "C" fn outputs_of_four_rows(operands: &mut FourOutputs) {
    // r0 inputs, r1 weights, r2 groups left, r3–r6 inputs, r7 and r8 weights, r9–r12 sums, lr operands.
    naked_asm!(
        processor!(),
        ".macro knl_products",
        "ldm r0!, {{r3-r6}}",
        "sxtb16 r8, r7",
        "sxtb16 r7, r7, ror #8",
        "smlad r9, r8, r3, r9",
        "smlad r10, r8, r4, r10",
        "smlad r11, r8, r5, r11",
        "smlad r12, r8, r6, r12",
        "ldm r0!, {{r3-r6}}",
        "smlad r9, r7, r3, r9",
        "smlad r10, r7, r4, r10",
        "smlad r11, r7, r5, r11",
        "smlad r12, r7, r6, r12",
        ".endm",
        ".macro knl_group4",
        "ldr r7, [r1], #4",
        "knl_products",
        ".endm",
        ".macro knl_output sum",
        "lsl \\sum, \\sum, #1",
        "smmulr \\sum, \\sum, r1",
        "add \\sum, \\sum, \\sum, asr #31",
        "asr \\sum, \\sum, r2",
        "add \\sum, \\sum, r5",
        "ssat \\sum, #8, \\sum, asr #1",
        ".endm",
        "push {{r4-r11, lr}}",
        "mov lr, r0",
        "2:",
        "ldrd r7, r8, [lr, #24]",
        "ldr r9, [r7]",
        "add r7, r7, r8",
        "str r7, [lr, #24]",
        "ldm lr, {{r0-r4}}",
        "add r3, r3, r1",
        "str r3, [lr, #4]",
        "mov r10, r9",
        "mov r11, r9",
        "mov r12, r9",
        // The first group, then as far on as it has terms.
        "ldr r7, [r1]",
        "add r1, r1, r4",
        "knl_products",
        "subs r2, r2, #1",
        "beq 5f",
        "lsrs r3, r2, #1",
        "bcc 3f",
        "knl_group4",
        "3:",
        "lsrs r3, r2, #2",
        "bcc 4f",
        "knl_group4",
        "knl_group4",
        "4:",
        "lsrs r2, r2, #2",
        "beq 5f",
        "6:",
        "knl_group4",
        "knl_group4",
        "knl_group4",
        "knl_group4",
        "subs r2, r2, #1",
        "bne 6b",
        "5:",
        "ldrd r0, r3, [lr, #32]",
        "ldrd r1, r2, [r0]",
        "add r0, r0, r3",
        "str r0, [lr, #32]",
        "mvn r2, r2",
        "ldr r3, [lr, #40]",
        "ldrd r4, r5, [lr, #44]",
        "knl_output r9",
        "strb r9, [r3]",
        "knl_output r10",
        "strb r10, [r3, r4]",
        "knl_output r11",
        "strb r11, [r3, r4, lsl #1]",
        "knl_output r12",
        "add r6, r3, r4",
        "strb r12, [r6, r4, lsl #1]",
        "adds r3, r3, #1",
        "str r3, [lr, #40]",
        "ldr r0, [lr, #20]",
        "subs r0, r0, #1",
        "str r0, [lr, #20]",
        "bne 2b",
        "pop {{r4-r11, pc}}",
        ".purgem knl_output",
        ".purgem knl_group4",
        ".purgem knl_products",
    )
}

/// The outputs of a row alone in so many channels, which must come in fours. Returns whether this was done: not if a slice is
/// too short.
#[inline(always)]
pub(crate) fn one_row_outputs(
    tile: &Tile,
    terms: usize,
    w: &[i8],
    channels: usize,
    simple: &Simple<'_>,
    y: &mut [i8],
) -> bool {
    let all_weights = channels.checked_mul(terms).is_some_and(|end| end <= w.len());
    let fours = channels > 0 && channels.is_multiple_of(4) && channels <= y.len();
    let fits = (LEAST_TERMS..=TERMS_ALONE).contains(&terms) && fours;
    let (Some((biases, bias_step)), Some((multipliers, multiplier_step)), true) =
        (biases(simple, channels), multipliers(simple, channels), fits && all_weights)
    else {
        return false;
    };
    let mut operands = FourOutputs {
        x: tile.words(),
        w: w.as_ptr(),
        groups: terms.div_ceil(4),
        stride: terms,
        step: first_terms(terms),
        channels,
        biases,
        bias_step,
        multipliers,
        multiplier_step,
        y: y.as_mut_ptr(),
        y_stride: 0,
        addend: addend(simple),
    };
    // SAFETY: the tile holds the groups; weights, biases, multipliers and places are there for each channel.
    unsafe { outputs_of_one_row(&mut operands) };
    true
}

/// # Safety
/// `x` has 2 words for each group; for each channel there is a row of `w`, a bias, a multiplier and a place in `y`; `groups`
/// is not 0, and `channels` is a multiple of 4 and not 0. The operands are used up.
#[unsafe(naked)]
unsafe extern "C" fn outputs_of_one_row(operands: &mut FourOutputs) {
    // r0 inputs, r1 weights, r2 the stride and r3 three times that, r4 groups left, r5 and r6 inputs,
    // r7 and r8 weights, r9–r12 sums, lr operands.
    naked_asm!(
        processor!(),
        ".macro knl_channel sum",
        "sxtb16 r8, r7",
        "sxtb16 r7, r7, ror #8",
        "smlad \\sum, r8, r5, \\sum",
        "smlad \\sum, r7, r6, \\sum",
        ".endm",
        ".macro knl_group1",
        "ldrd r5, r6, [r0], #8",
        "ldr r7, [r1, r2]",
        "knl_channel r10",
        "ldr r7, [r1, r2, lsl #1]",
        "knl_channel r11",
        "ldr r7, [r1, r3]",
        "knl_channel r12",
        "ldr r7, [r1], #4",
        "knl_channel r9",
        ".endm",
        ".macro knl_output sum",
        "ldrd r1, r2, [r0]",
        "add r0, r0, r3",
        "lsl \\sum, \\sum, #1",
        "mvn r2, r2",
        "smmulr \\sum, \\sum, r1",
        "add \\sum, \\sum, \\sum, asr #31",
        "asr \\sum, \\sum, r2",
        "add \\sum, \\sum, r5",
        "ssat \\sum, #8, \\sum, asr #1",
        "strb \\sum, [r4], #1",
        ".endm",
        "push {{r4-r11, lr}}",
        "mov lr, r0",
        "2:",
        "ldrd r7, r8, [lr, #24]",
        "ldr r9, [r7]",
        "add r7, r7, r8",
        "ldr r10, [r7]",
        "add r7, r7, r8",
        "ldr r11, [r7]",
        "add r7, r7, r8",
        "ldr r12, [r7]",
        "add r7, r7, r8",
        "str r7, [lr, #24]",
        "ldr r1, [lr, #4]",
        "ldrd r4, r2, [lr, #8]",
        "add r3, r2, r2, lsl #1",
        "add r5, r1, r2, lsl #2",
        "str r5, [lr, #4]",
        "ldr r0, [lr]",
        // The first group, then as far on as it has terms.
        "knl_group1",
        "ldr r8, [lr, #16]",
        "subs r8, r8, #4",
        "add r1, r1, r8",
        "subs r4, r4, #1",
        "beq 5f",
        "lsrs r5, r4, #1",
        "bcc 3f",
        "knl_group1",
        "3:",
        "lsrs r5, r4, #2",
        "bcc 4f",
        "knl_group1",
        "knl_group1",
        "4:",
        "lsrs r4, r4, #2",
        "beq 5f",
        "6:",
        "knl_group1",
        "knl_group1",
        "knl_group1",
        "knl_group1",
        "subs r4, r4, #1",
        "bne 6b",
        "5:",
        "ldrd r0, r3, [lr, #32]",
        "ldr r4, [lr, #40]",
        "ldr r5, [lr, #48]",
        "knl_output r9",
        "knl_output r10",
        "knl_output r11",
        "knl_output r12",
        "str r0, [lr, #32]",
        "str r4, [lr, #40]",
        "ldr r0, [lr, #20]",
        "subs r0, r0, #4",
        "str r0, [lr, #20]",
        "bne 2b",
        "pop {{r4-r11, pc}}",
        ".purgem knl_output",
        ".purgem knl_group1",
        ".purgem knl_channel",
    )
}
