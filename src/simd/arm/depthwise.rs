//! Depthwise windows: each channel with weights of its own.
#![allow(unsafe_code)]

use core::arch::naked_asm;

use super::{
    inputs::twice,
    outputs::{addend, biases, multipliers},
};
use crate::simd::taps::{Simple, Tap, Taps};

#[repr(C)]
struct Depthwise {
    x: *const i8,
    w: *const i8,
    taps: *const Tap,
    end: *const Tap,
    /// Twice 16 bits that are added to each input.
    offset: u32,
    channels: usize,
    sums: *mut i32,
}

/// Adds to `sums`, one for each channel, the products of each tap's inputs, less their zero point, with its weights: of as many
/// channels as come in fours, whose number is returned; 0 if a tap's channels are not all inside `x` and `w`.
#[inline(always)]
pub(crate) fn depthwise(x: &[i8], w: &[i8], taps: &Taps, zero_point: i8, sums: &mut [i32]) -> usize {
    let channels = sums.len() / 4 * 4;
    let inside = |at: usize, len: usize| at.checked_add(channels).is_some_and(|end| end <= len);
    let Taps { list, count, last } = taps;
    let list = list.get(..*count).unwrap_or_default();
    if channels == 0 || list.is_empty() || !inside(last.x, x.len()) || !inside(last.w, w.len()) {
        return 0;
    }
    let operands = Depthwise {
        x: x.as_ptr(),
        w: w.as_ptr(),
        taps: list.as_ptr(),
        end: list.as_ptr_range().end,
        offset: twice(zero_point),
        channels,
        sums: sums.as_mut_ptr(),
    };
    // SAFETY: every tap has the channels in both operands, and there is a sum for each.
    unsafe { sums_of_taps(&operands) };
    channels
}

/// # Safety
/// Each tap has `channels` elements in `x` and `w`, and so have the sums; there is a tap, and `channels` is a multiple of 4 and
/// not 0.
#[unsafe(naked)]
unsafe extern "C" fn sums_of_taps(operands: &Depthwise) {
    // r0 inputs, r1 weights, r2 the tap, r3 their end, r4 the offset, r5 and r6 inputs, r7 and r8 weights,
    // r9–r12 sums, lr where the sums lie.
    naked_asm!(
        processor!(),
        "push {{r4-r11, lr}}",
        "ldr r5, [r0, #20]",
        "ldr r6, [r0, #8]",
        "ldr lr, [r0, #24]",
        // On the stack: the first tap, channels left.
        "push {{r5, r6}}",
        "ldm r0, {{r0-r4}}",
        "2:",
        "ldr r2, [sp, #4]",
        "ldm lr, {{r9-r12}}",
        "3:",
        "ldrd r5, r7, [r2], #8",
        "ldr r5, [r0, r5]",
        "ldr r7, [r1, r7]",
        "sxtab16 r6, r4, r5",
        "sxtb16 r8, r7",
        "sxtab16 r5, r4, r5, ror #8",
        "sxtb16 r7, r7, ror #8",
        "smlabb r9, r6, r8, r9",
        "smlatt r11, r6, r8, r11",
        "smlabb r10, r5, r7, r10",
        "smlatt r12, r5, r7, r12",
        "cmp r2, r3",
        "bne 3b",
        "stm lr!, {{r9-r12}}",
        "adds r0, r0, #4",
        "adds r1, r1, #4",
        "ldr r5, [sp]",
        "subs r5, r5, #4",
        "str r5, [sp]",
        "bne 2b",
        "add sp, sp, #8",
        "pop {{r4-r11, pc}}",
    )
}

#[repr(C)]
struct DepthwiseOutputs {
    x: *const i8,
    w: *const i8,
    taps: *const Tap,
    end: *const Tap,
    offset: u32,
    channels: usize,
    biases: *const u8,
    bias_step: usize,
    multipliers: *const [i32; 2],
    y: *mut i8,
    addend: i32,
    pixels: usize,
    x_step: usize,
    // What is left of a pixel.
    channels_left: usize,
    biases_left: *const u8,
    multipliers_left: *const [i32; 2],
}

/// The outputs of neighbouring pixels whose windows have the same taps, `x_step` inputs apart. Returns whether this was done: only if
/// channels come in fours, each with a multiplier, and everything is there.
#[inline(always)]
pub(crate) fn depthwise_outputs(
    x: &[i8],
    x_step: usize,
    w: &[i8],
    taps: &Taps,
    zero_point: i8,
    simple: &Simple<'_>,
    channels: usize,
    y: &mut [i8],
) -> bool {
    let inside =
        |at: Option<usize>, len: usize| at.and_then(|at| at.checked_add(channels)).is_some_and(|end| end <= len);
    if channels == 0 || !channels.is_multiple_of(4) {
        return false;
    }
    let pixels = y.len() / channels;
    let Taps { list, count, last } = taps;
    let list = list.get(..*count).unwrap_or_default();
    let last_x = pixels.checked_sub(1).and_then(|pixel| pixel.checked_mul(x_step)?.checked_add(last.x));
    let fits = !list.is_empty() && inside(last_x, x.len()) && inside(Some(last.w), w.len());
    let (Some((biases, bias_step)), Some((multipliers, 8)), true) =
        (biases(simple, channels), multipliers(simple, channels), fits)
    else {
        return false;
    };
    let mut operands = DepthwiseOutputs {
        x: x.as_ptr(),
        w: w.as_ptr(),
        taps: list.as_ptr(),
        end: list.as_ptr_range().end,
        offset: twice(zero_point),
        channels,
        biases,
        bias_step: 4 * bias_step,
        multipliers,
        y: y.as_mut_ptr(),
        addend: addend(simple),
        pixels,
        x_step,
        channels_left: 0,
        biases_left: biases,
        multipliers_left: multipliers,
    };
    // SAFETY: every tap of every pixel has the channels in both operands; so have biases, multipliers and outputs.
    unsafe { outputs_of_taps(&mut operands) };
    true
}

/// # Safety
/// In each pixel every tap has `channels` elements in `x` and in `w`; there are as many biases, multipliers and, for each
/// pixel, places in `y`; there is a tap and a pixel, and `channels` is a multiple of 4 and not 0. The operands are used up.
#[unsafe(naked)]
unsafe extern "C" fn outputs_of_taps(operands: &mut DepthwiseOutputs) {
    // r0 inputs, r1 weights, r2 the tap, r3 their end, r4 the offset, r5 and r6 inputs, r7 and r8 weights,
    // r9–r12 sums, lr operands.
    naked_asm!(
        processor!(),
        ".macro knl_output sum",
        "ldrd r5, r6, [r2], #8",
        "lsl \\sum, \\sum, #1",
        "mvn r6, r6",
        "smmulr \\sum, \\sum, r5",
        "add \\sum, \\sum, \\sum, asr #31",
        "asr \\sum, \\sum, r6",
        "add \\sum, \\sum, r8",
        "ssat \\sum, #8, \\sum, asr #1",
        "strb \\sum, [r7], #1",
        ".endm",
        "push {{r4-r11, lr}}",
        "mov lr, r0",
        "2:",
        "ldrd r0, r1, [lr, #20]",
        "ldr r2, [lr, #32]",
        "strd r0, r1, [lr, #52]",
        "str r2, [lr, #60]",
        "ldm lr, {{r0-r4}}",
        "3:",
        "ldr r5, [lr, #56]",
        "ldr r6, [lr, #28]",
        "ldr r9, [r5]",
        "ldr r10, [r5, #4]",
        "ldr r11, [r5, #8]",
        "ldr r12, [r5, #12]",
        "add r5, r5, r6",
        "str r5, [lr, #56]",
        "ldr r2, [lr, #8]",
        "4:",
        "ldrd r5, r7, [r2], #8",
        "ldr r5, [r0, r5]",
        "ldr r7, [r1, r7]",
        "sxtab16 r6, r4, r5",
        "sxtb16 r8, r7",
        "sxtab16 r5, r4, r5, ror #8",
        "sxtb16 r7, r7, ror #8",
        "smlabb r9, r6, r8, r9",
        "smlatt r11, r6, r8, r11",
        "smlabb r10, r5, r7, r10",
        "smlatt r12, r5, r7, r12",
        "cmp r2, r3",
        "bne 4b",
        "ldr r2, [lr, #60]",
        "ldr r7, [lr, #36]",
        "ldr r8, [lr, #40]",
        "knl_output r9",
        "knl_output r10",
        "knl_output r11",
        "knl_output r12",
        "str r2, [lr, #60]",
        "str r7, [lr, #36]",
        "ldr r5, [lr, #52]",
        "adds r0, r0, #4",
        "adds r1, r1, #4",
        "subs r5, r5, #4",
        "str r5, [lr, #52]",
        "bne 3b",
        "ldr r0, [lr]",
        "ldrd r1, r2, [lr, #44]",
        "add r0, r0, r2",
        "str r0, [lr]",
        "subs r1, r1, #1",
        "str r1, [lr, #44]",
        "bne 2b",
        "pop {{r4-r11, pc}}",
        ".purgem knl_output",
    )
}
