//! Sums of products on an ARMv6-M (Cortex-M0, M0+, M23), in assembly.
//!
//! How it goes fast: an instruction loads the inputs of four rows, widened to words; a weight is loaded once for them;
//! products stand in the low registers, which alone can be multiplied, sums in the high ones, to which can only be added.
//! That is 11 instructions for four products, and a branch for 16. For a row alone, whose inputs four channels share,
//! it is 14. From the compiler it was 40. Two products in one multiplication pay nothing: to take them apart
//! costs what a second one does. A product of a depthwise window takes 8 instructions, an output 38 and what is looked up for
//! its channel.
#![allow(unsafe_code)]

use core::arch::naked_asm;

use super::ROWS;
use crate::simd::taps::{Placing, Tap, Taps};

/// What the loops read. `w` is rows of `stride` bytes, one for each channel.
#[repr(C)]
pub(super) struct Operands {
    x: *const i32,
    w: *const i8,
    stride: usize,
    terms: usize,
    channels: usize,
    sums: *mut i32,
}

impl Operands {
    /// The operands of `channels` rows of weights, or `None` if these are not all there, or there are none.
    #[inline(always)]
    fn new(x: *const i32, terms: usize, w: &[i8], stride: usize, channels: usize, sums: *mut i32) -> Option<Self> {
        let last = channels.checked_sub(1)?.checked_mul(stride)?.checked_add(terms)?;
        (terms > 0 && last <= w.len()).then_some(Self { x, w: w.as_ptr(), stride, terms, channels, sums })
    }
}

/// Adds to `sums` the products of four rows of inputs, `[term][row]`, with a row of weights for each channel.
///
/// Row `c` of the weights is the `terms` bytes from `c * stride` on. Nothing is added if there are more terms than
/// inputs, or not all weights.
#[inline(always)]
pub(super) fn four_rows(x: &[[i32; 4]], terms: usize, w: &[i8], stride: usize, sums: &mut [[i32; 4]]) {
    if terms > x.len() {
        return;
    }
    let (channels, to) = (sums.len(), sums.as_mut_ptr().cast());
    if let Some(mut operands) = Operands::new(x.as_ptr().cast(), terms, w, stride, channels, to) {
        // SAFETY: there are inputs and weights for all terms, and four sums for each channel.
        unsafe { sums_of_four_rows(&mut operands) };
    }
}

/// Adds to `sums` the products of a row of inputs with a row of weights for each channel, which are as in [`four_rows`].
/// Channels beyond a multiple of four take a fourth of the speed each.
#[inline(always)]
pub(super) fn one_row(x: &[i32], terms: usize, w: &[i8], stride: usize, sums: &mut [i32]) {
    if terms > x.len() {
        return;
    }
    let channels = sums.len() / 4 * 4;
    if let Some(mut operands) = Operands::new(x.as_ptr(), terms, w, stride, channels, sums.as_mut_ptr()) {
        // SAFETY: there are inputs and weights for all terms, and a sum for each channel.
        unsafe { sums_of_one_row(&mut operands) };
    }
    for (channel, sum) in sums.iter_mut().enumerate().skip(channels) {
        // Four times the same row.
        let w = w.get(channel * stride..).unwrap_or_default();
        let mut four = [*sum; 4];
        if let Some(mut operands) = Operands::new(x.as_ptr(), terms, w, 0, 4, four.as_mut_ptr()) {
            // SAFETY: as above.
            unsafe { sums_of_one_row(&mut operands) };
            *sum = four[0];
        }
    }
}

/// # Safety
/// `x` has four words for each term; each row of `w` has the terms; `sums` has `[channels][4]` elements; neither `terms`
/// nor `channels` is 0. The operands are used up.
#[unsafe(naked)]
unsafe extern "C" fn sums_of_four_rows(operands: &mut Operands) {
    // r0 inputs, r1–r4 inputs and products, r5 a weight, r6 the end of its row, r7 how far it is before that, negative;
    // r8–r11 sums, r12 operands. The first round begins with as many terms as are over four.
    naked_asm!(
        ".macro knl_term",
        "ldm r0!, {{r1-r4}}",
        "ldrsb r5, [r6, r7]",
        "muls r1, r5, r1",
        "muls r2, r5, r2",
        "muls r3, r5, r3",
        "muls r4, r5, r4",
        "add r8, r1",
        "add r9, r2",
        "add r10, r3",
        "add r11, r4",
        "adds r7, r7, #1",
        ".endm",
        "push {{r4-r7, lr}}",
        "mov r4, r8",
        "mov r5, r9",
        "mov r6, r10",
        "mov r7, r11",
        "push {{r4-r7}}",
        "mov r12, r0",
        "2:",
        "mov r4, r12",
        "ldr r5, [r4, #20]",
        "ldm r5!, {{r0-r3}}",
        "mov r8, r0",
        "mov r9, r1",
        "mov r10, r2",
        "mov r11, r3",
        "ldr r0, [r4]",
        "ldr r6, [r4, #4]",
        "ldr r5, [r4, #8]",
        "ldr r7, [r4, #12]",
        "adds r5, r5, r6",
        "str r5, [r4, #4]",
        "adds r6, r6, r7",
        "rsbs r7, r7, #0",
        "movs r5, #3",
        "ands r5, r7",
        "movs r4, #22",
        "muls r5, r4, r5",
        "add pc, r5",
        "nop",
        "3:",
        "knl_term",
        "knl_term",
        "knl_term",
        "knl_term",
        "bne 3b",
        "mov r4, r12",
        "ldr r5, [r4, #20]",
        "mov r0, r8",
        "mov r1, r9",
        "mov r2, r10",
        "mov r3, r11",
        "stm r5!, {{r0-r3}}",
        "str r5, [r4, #20]",
        "ldr r0, [r4, #16]",
        "subs r0, r0, #1",
        "str r0, [r4, #16]",
        "bne 2b",
        "pop {{r4-r7}}",
        "mov r8, r4",
        "mov r9, r5",
        "mov r10, r6",
        "mov r11, r7",
        "pop {{r4-r7, pc}}",
        ".purgem knl_term",
    )
}

/// # Safety
/// `x` has a word for each term; each row of `w` has the terms; `sums` has `channels` elements; `terms` is not 0, and
/// `channels` is a multiple of 4 and not 0. The operands are used up.
#[unsafe(naked)]
unsafe extern "C" fn sums_of_one_row(operands: &mut Operands) {
    // r0 inputs, r1 an input, r2 a weight and a product, r3–r6 the ends of four rows, r7 how far it is before them, negative;
    // r8–r11 sums, r12 operands.
    naked_asm!(
        ".macro knl_term",
        "ldm r0!, {{r1}}",
        "ldrsb r2, [r3, r7]",
        "muls r2, r1, r2",
        "add r8, r2",
        "ldrsb r2, [r4, r7]",
        "muls r2, r1, r2",
        "add r9, r2",
        "ldrsb r2, [r5, r7]",
        "muls r2, r1, r2",
        "add r10, r2",
        "ldrsb r2, [r6, r7]",
        "muls r2, r1, r2",
        "add r11, r2",
        "adds r7, r7, #1",
        ".endm",
        "push {{r4-r7, lr}}",
        "mov r4, r8",
        "mov r5, r9",
        "mov r6, r10",
        "mov r7, r11",
        "push {{r4-r7}}",
        "mov r12, r0",
        "2:",
        "mov r7, r12",
        "ldr r5, [r7, #20]",
        "ldm r5!, {{r0-r3}}",
        "mov r8, r0",
        "mov r9, r1",
        "mov r10, r2",
        "mov r11, r3",
        "ldr r3, [r7, #4]",
        "ldr r1, [r7, #8]",
        "ldr r2, [r7, #12]",
        "adds r3, r3, r2",
        "adds r4, r3, r1",
        "adds r5, r4, r1",
        "adds r6, r5, r1",
        "adds r0, r6, r1",
        "subs r0, r0, r2",
        "str r0, [r7, #4]",
        "ldr r0, [r7]",
        "rsbs r7, r2, #0",
        "movs r2, #3",
        "ands r2, r7",
        "movs r1, #28",
        "muls r2, r1, r2",
        "add pc, r2",
        "nop",
        "3:",
        "knl_term",
        "knl_term",
        "knl_term",
        "knl_term",
        "bne 3b",
        "mov r7, r12",
        "ldr r5, [r7, #20]",
        "mov r0, r8",
        "mov r1, r9",
        "mov r2, r10",
        "mov r3, r11",
        "stm r5!, {{r0-r3}}",
        "str r5, [r7, #20]",
        "ldr r0, [r7, #16]",
        "subs r0, r0, #4",
        "str r0, [r7, #16]",
        "bne 2b",
        "pop {{r4-r7}}",
        "mov r8, r4",
        "mov r9, r5",
        "mov r10, r6",
        "mov r11, r7",
        "pop {{r4-r7, pc}}",
        ".purgem knl_term",
    )
}

#[repr(C)]
struct Depthwise {
    x: *const i8,
    w: *const i8,
    taps: *const Tap,
    end: *const Tap,
    zero_point: i32,
    channels: usize,
    sums: *mut i32,
}

/// Adds to `sums`, one for each channel, the products of each tap's inputs, less their zero point, with its weights: of as many
/// channels as come in fours, whose number is returned; 0 if a tap's channels are not all inside `x` and `w`.
#[inline(always)]
pub(super) fn depthwise(x: &[i8], w: &[i8], taps: &Taps, zero_point: i8, sums: &mut [i32]) -> usize {
    let channels = sums.len() / 4 * 4;
    let inside = |at: usize, len: usize| at.checked_add(channels).is_some_and(|end| end <= len);
    let Taps { list, count, last } = taps;
    let list = list.get(..*count).unwrap_or_default();
    if channels == 0 || list.is_empty() || !inside(last.x, x.len()) || !inside(last.w, w.len()) {
        return 0;
    }
    let mut operands = Depthwise {
        x: x.as_ptr(),
        w: w.as_ptr(),
        taps: list.as_ptr(),
        end: list.as_ptr_range().end,
        zero_point: i32::from(zero_point),
        channels,
        sums: sums.as_mut_ptr(),
    };
    // SAFETY: every tap has the channels in both operands, and there is a sum for each.
    unsafe { sums_of_taps(&mut operands) };
    channels
}

/// # Safety
/// Each tap has `channels` elements in `x` and `w`, and so have the sums; there is a tap, and `channels` is a multiple of 4 and
/// not 0. The operands are used up.
#[unsafe(naked)]
unsafe extern "C" fn sums_of_taps(operands: &mut Depthwise) {
    // r0 inputs, r1 weights, r2 the tap, r3 a weight, r4 the zero point, r5 and r6 the tap's places, r7 an input;
    // r8–r11 sums, r12 the end of the taps, lr operands.
    naked_asm!(
        ".macro knl_product sum",
        "ldrsb r7, [r0, r5]",
        "ldrsb r3, [r1, r6]",
        "subs r7, r7, r4",
        "muls r7, r3, r7",
        "add \\sum, r7",
        ".endm",
        ".macro knl_next",
        "adds r5, r5, #1",
        "adds r6, r6, #1",
        ".endm",
        "push {{r4-r7, lr}}",
        "mov r4, r8",
        "mov r5, r9",
        "mov r6, r10",
        "mov r7, r11",
        "push {{r4-r7}}",
        "mov lr, r0",
        "ldr r1, [r0, #12]",
        "mov r12, r1",
        "2:",
        "mov r7, lr",
        "ldr r5, [r7, #24]",
        "ldm r5!, {{r0-r3}}",
        "mov r8, r0",
        "mov r9, r1",
        "mov r10, r2",
        "mov r11, r3",
        "ldr r0, [r7]",
        "ldr r1, [r7, #4]",
        "ldr r2, [r7, #8]",
        "ldr r4, [r7, #16]",
        "3:",
        "ldm r2!, {{r5, r6}}",
        "knl_product r8",
        "knl_next",
        "knl_product r9",
        "knl_next",
        "knl_product r10",
        "knl_next",
        "knl_product r11",
        "cmp r2, r12",
        "bne 3b",
        "mov r7, lr",
        "adds r0, r0, #4",
        "str r0, [r7]",
        "adds r1, r1, #4",
        "str r1, [r7, #4]",
        "ldr r5, [r7, #24]",
        "mov r0, r8",
        "mov r1, r9",
        "mov r2, r10",
        "mov r3, r11",
        "stm r5!, {{r0-r3}}",
        "str r5, [r7, #24]",
        "ldr r0, [r7, #20]",
        "subs r0, r0, #4",
        "str r0, [r7, #20]",
        "bne 2b",
        "pop {{r4-r7}}",
        "mov r8, r4",
        "mov r9, r5",
        "mov r10, r6",
        "mov r11, r7",
        "pop {{r4-r7, pc}}",
        ".purgem knl_next",
        ".purgem knl_product",
    )
}

#[repr(C)]
struct Places {
    y: *mut i8,
    /// From a row's output to the next row's.
    y_step: usize,
    sums: *const i32,
    multipliers: *const [i32; 2],
    /// Bytes from a channel's multiplier to the next.
    step: usize,
    channels: usize,
    /// Bytes of a channel's sums.
    bytes: usize,
    /// 1 and twice the zero point: the half of a shift to come, and what is added after it.
    addend: i32,
    least: i32,
    most: i32,
}

/// Rescales sums of so many rows, by one multiplier or by one for each channel, with two roundings, and writes the outputs, the
/// rows of which are `stride` apart. Returns how many channels are done: it stops before one whose multiplier is above ¼.
fn place(sums: &[i32], rows: usize, multipliers: &[[i32; 2]], placing: Placing, y: &mut [i8], stride: usize) -> usize {
    let channels = if rows == 1 { sums.len() } else { sums.len() / ROWS };
    let reach = stride.checked_mul(rows.saturating_sub(1)).and_then(|at| at.checked_add(channels));
    let enough = multipliers.len() == 1 || multipliers.len() >= channels;
    if channels == 0 || !enough || reach.is_none_or(|end| end > y.len()) {
        return 0;
    }
    let [least, most] = placing.range.map(i32::from);
    let mut places = Places {
        y: y.as_mut_ptr(),
        y_step: stride,
        sums: sums.as_ptr(),
        multipliers: multipliers.as_ptr(),
        step: if multipliers.len() == 1 { 0 } else { size_of::<[i32; 2]>() },
        channels,
        bytes: rows * size_of::<i32>(),
        addend: 1 + 2 * i32::from(placing.zero_point),
        least,
        most,
    };
    // SAFETY: there are sums for each channel, a multiplier for each or all, and a place for each.
    channels - unsafe { place_sums(&mut places) }
}

/// [`place`] of four rows.
#[inline(always)]
pub(super) fn place_rows(
    sums: &[[i32; ROWS]],
    multipliers: &[[i32; 2]],
    placing: Placing,
    y: &mut [i8],
    stride: usize,
) -> usize {
    place(sums.as_flattened(), ROWS, multipliers, placing, y, stride)
}

/// [`place`] of a row alone.
#[inline(always)]
pub(super) fn place_row(sums: &[i32], multipliers: &[[i32; 2]], placing: Placing, y: &mut [i8]) -> usize {
    place(sums, 1, multipliers, placing, y, 0)
}

/// # Safety
/// `sums` has `bytes` for each channel, which are not 0, `multipliers` one, `step` bytes apart; `y` has a place for each sum, a
/// channel's `y_step` apart; `channels` is not 0. The operands are used up; what is returned is how many channels are left.
#[unsafe(naked)]
unsafe extern "C" fn place_sums(places: &mut Places) -> usize {
    // r0 sums, r1 outputs, r2–r4 and r7 what is being made, r5 and r6 the halves of the mantissa, r8 the shift less one,
    // r9 addend, r10 least, r11 most, r12 from an output to the next, lr the end of the channel's sums.
    naked_asm!(
        "push {{r4-r7, lr}}",
        "mov r4, r8",
        "mov r5, r9",
        "mov r6, r10",
        "mov r7, r11",
        "push {{r4-r7}}",
        "push {{r0}}",
        "ldr r1, [r0, #28]",
        "mov r9, r1",
        "ldr r1, [r0, #32]",
        "mov r10, r1",
        "ldr r1, [r0, #36]",
        "mov r11, r1",
        "ldr r1, [r0, #4]",
        "mov r12, r1",
        "2:",
        "ldr r4, [sp]",
        "ldr r2, [r4, #12]",
        "ldr r5, [r2]",
        "ldr r6, [r2, #4]",
        "ldr r3, [r4, #16]",
        "adds r2, r2, r3",
        "mvns r6, r6",
        "cmp r6, #1",
        "blt 7f",
        "str r2, [r4, #12]",
        "mov r8, r6",
        "lsrs r6, r5, #16",
        "uxth r5, r5",
        "ldr r0, [r4, #8]",
        "ldr r3, [r4, #24]",
        "adds r3, r0, r3",
        "str r3, [r4, #8]",
        "mov lr, r3",
        "ldr r1, [r4]",
        "adds r3, r1, #1",
        "str r3, [r4]",
        "3:",
        "ldm r0!, {{r2}}",
        "uxth r3, r2",
        "asrs r2, r2, #16",
        // The product of 64 bits from products of 16.
        "movs r4, r3",
        "muls r4, r5, r4",
        "lsrs r4, r4, #16",
        "muls r3, r6, r3",
        "adds r3, r3, r4",
        "uxth r4, r3",
        "lsrs r3, r3, #16",
        "movs r7, r2",
        "muls r7, r5, r7",
        "adds r4, r4, r7",
        "muls r2, r6, r2",
        "adds r2, r2, r3",
        "asrs r3, r4, #16",
        "adds r2, r2, r3",
        // Its high half, doubled and rounded.
        "lsls r4, r4, #16",
        "lsrs r4, r4, #30",
        "adds r4, r4, #1",
        "lsrs r4, r4, #1",
        "adds r2, r2, r2",
        "adds r2, r2, r4",
        // A step towards zero, then shifted and rounded half up.
        "asrs r3, r2, #31",
        "adds r2, r2, r3",
        "mov r3, r8",
        "asrs r2, r3",
        "add r2, r9",
        "asrs r2, r2, #1",
        "cmp r2, r10",
        "bge 4f",
        "mov r2, r10",
        "4:",
        "cmp r2, r11",
        "ble 5f",
        "mov r2, r11",
        "5:",
        "strb r2, [r1]",
        "add r1, r12",
        "cmp r0, lr",
        "bne 3b",
        "ldr r4, [sp]",
        "ldr r3, [r4, #20]",
        "subs r3, r3, #1",
        "str r3, [r4, #20]",
        "bne 2b",
        "7:",
        "ldr r4, [sp]",
        "ldr r0, [r4, #20]",
        "add sp, #4",
        "pop {{r4-r7}}",
        "mov r8, r4",
        "mov r9, r5",
        "mov r10, r6",
        "mov r11, r7",
        "pop {{r4-r7, pc}}",
    )
}
