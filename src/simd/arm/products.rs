//! Sums of products of rows with rows of weights.
#![allow(unsafe_code)]

use core::arch::naked_asm;

use super::{
    LEAST_TERMS, ROWS, TERMS, TERMS_ALONE,
    inputs::{Tile, first_terms},
};

/// What the loops read. `w` is rows of `stride` bytes, one for each channel.
#[repr(C)]
struct Operands {
    x: *const u32,
    w: *const i8,
    stride: usize,
    /// From the first word of a row to the second.
    step: usize,
    groups: usize,
    channels: usize,
    sums: *mut i32,
}

impl Operands {
    /// The operands of `channels` rows of weights, or `None` if these are not all there, or there are none.
    #[inline(always)]
    fn new(tile: &Tile, terms: usize, w: &[i8], stride: usize, channels: usize, sums: *mut i32) -> Option<Self> {
        let last = channels.checked_sub(1)?.checked_mul(stride)?.checked_add(terms)?;
        (terms >= LEAST_TERMS && last <= w.len()).then_some(Self {
            x: tile.words(),
            w: w.as_ptr(),
            stride,
            step: first_terms(terms),
            groups: terms.div_ceil(4),
            channels,
            sums,
        })
    }
}

/// Adds to `sums` the products of the four rows of a tile with a row of weights for each channel.
///
/// Row `c` of the weights is the `terms` bytes from `c * stride` on. Nothing is added if there are fewer terms than
/// [`LEAST_TERMS`], more than [`TERMS`], or not all weights.
#[inline(always)]
pub(crate) fn four_rows(tile: &Tile, terms: usize, w: &[i8], stride: usize, sums: &mut [[i32; ROWS]]) {
    let (channels, to) = (sums.len(), sums.as_mut_ptr().cast());
    if let (Some(operands), ..=TERMS) = (Operands::new(tile, terms, w, stride, channels, to), terms) {
        // SAFETY: the tile holds the groups, every row of weights its terms, and there are four sums for each channel.
        unsafe { sums_of_four_rows(&operands) };
    }
}

/// Adds to `sums` the products of a row alone with a row of weights for each channel.
///
/// Weights are as in [`four_rows`]. Nothing is added if there are fewer terms than [`LEAST_TERMS`], more than
/// [`TERMS_ALONE`], or not all weights. Channels beyond a multiple of four take a fourth of the speed each.
#[inline(always)]
pub(crate) fn one_row(tile: &Tile, terms: usize, w: &[i8], stride: usize, sums: &mut [i32]) {
    if terms > TERMS_ALONE {
        return;
    }
    let channels = sums.len() / 4 * 4;
    if let Some(operands) = Operands::new(tile, terms, w, stride, channels, sums.as_mut_ptr()) {
        // SAFETY: the tile holds the groups, every row of weights its terms, and there is a sum for each channel.
        unsafe { sums_of_one_row(&operands) };
    }
    for (channel, sum) in sums.iter_mut().enumerate().skip(channels) {
        // Four times the same row.
        let w = w.get(channel * stride..).unwrap_or_default();
        let mut four = [*sum; 4];
        if let Some(operands) = Operands::new(tile, terms, w, 0, 4, four.as_mut_ptr()) {
            // SAFETY: as above.
            unsafe { sums_of_one_row(&operands) };
            *sum = four[0];
        }
    }
}

/// # Safety
/// `x` has 8 words for each group; each row of `w` has the terms; `sums` has `[channels][4]` elements; neither
/// `groups` nor `channels` is 0.
#[unsafe(naked)]
unsafe extern "C" fn sums_of_four_rows(operands: &Operands) {
    // r0 inputs, r1 weights, r2 groups left, r3–r6 inputs, r7 and r8 weights, r9–r12 sums, lr where the sums lie.
    naked_asm!(
        processor!(),
        ".macro knl_group4",
        "ldr r7, [r1], #4",
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
        "push {{r4-r11, lr}}",
        "ldr r1, [r0, #4]",
        "ldr r2, [r0, #20]",
        "ldr lr, [r0, #24]",
        // On the stack: weights, channels left, operands.
        "push {{r0, r1, r2}}",
        "2:",
        "ldr r8, [sp]",
        "ldr r1, [sp, #4]",
        "ldm lr, {{r9-r12}}",
        "ldr r0, [r8]",
        "ldrd r3, r4, [r8, #8]",
        "ldr r2, [r8, #16]",
        "adds r3, r3, r1",
        "str r3, [sp, #4]",
        "subs r4, r4, #4",
        // The first group, then as far on as it has terms.
        "mov r8, r4",
        "ldr r7, [r1], #4",
        "add r1, r1, r8",
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
        "stm lr!, {{r9-r12}}",
        "ldr r3, [sp, #8]",
        "subs r3, r3, #1",
        "str r3, [sp, #8]",
        "bne 2b",
        "add sp, sp, #12",
        "pop {{r4-r11, pc}}",
        ".purgem knl_group4",
    )
}

/// # Safety
/// `x` has 2 words for each group; each row of `w` has the terms; `sums` has `channels` elements; `groups` is not 0, and
/// `channels` is a multiple of 4 and not 0.
#[unsafe(naked)]
unsafe extern "C" fn sums_of_one_row(operands: &Operands) {
    // r0 inputs, r1 weights, r2 the stride and r3 three times that, r4 groups left, r5 and r6 inputs,
    // r7 and r8 weights, r9–r12 sums, lr where the sums lie.
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
        "push {{r4-r11, lr}}",
        "ldr r1, [r0, #4]",
        "ldr r2, [r0, #8]",
        "ldr r3, [r0, #20]",
        "ldr lr, [r0, #24]",
        // On the stack: operands, weights, channels left.
        "push {{r0, r1, r3}}",
        "add r3, r2, r2, lsl #1",
        "2:",
        "ldr r8, [sp]",
        "ldr r1, [sp, #4]",
        "ldm lr, {{r9-r12}}",
        "add r4, r1, r2, lsl #2",
        "str r4, [sp, #4]",
        "ldr r4, [r8, #16]",
        "ldr r0, [r8]",
        "knl_group1",
        "ldr r8, [sp]",
        "ldr r8, [r8, #12]",
        "subs r8, r8, #4",
        "add r1, r1, r8",
        "subs r4, r4, #1",
        "beq 5f",
        "lsrs r5, r4, #1",
        "bcc 3f",
        "knl_group1",
        "3:",
        "lsrs r4, r4, #1",
        "beq 5f",
        "6:",
        "knl_group1",
        "knl_group1",
        "subs r4, r4, #1",
        "bne 6b",
        "5:",
        "stm lr!, {{r9-r12}}",
        "ldr r5, [sp, #8]",
        "subs r5, r5, #4",
        "str r5, [sp, #8]",
        "bne 2b",
        "add sp, sp, #12",
        "pop {{r4-r11, pc}}",
        ".purgem knl_group1",
        ".purgem knl_channel",
    )
}
