//! Sums of eight-bit products on a Cortex-M with the DSP extension, in assembly: stable Rust has no intrinsic for
//! `SMLAD`, which adds two products of 16 bits to a sum, nor for `SXTB16`, which widens two bytes of four.
//!
//! How it goes fast:
//! 1. Inputs are widened once, less their zero point, into a tile; weights, which are read once per tile, as they come.
//!    A word of weights is split into its even and odd bytes, so the tile has its inputs in that order.
//! 2. Four pixels share each word of weights: three instructions for it, two loads of four words, eight products of
//!    two: 13 instructions for 16 products. Where there is but one row, four channels share its inputs: 21 for 16.
//! 3. A row of weights begins anywhere and has any length. Words are loaded unaligned, which these cores can, and
//!    the first word of a length that is not a multiple of 4 overlaps the second: its surplus meets zeros.
//!
//! Loops are written out in `naked` functions, since `asm!` keeps r6 and r7 for itself, and one `asm!` for each
//! instruction came to 24 instructions for 16 products.
#![allow(unsafe_code)]

use core::{arch::naked_asm, mem::MaybeUninit};

use super::taps::{Placing, Simple, Tap, Taps};

/// Rows of inputs that share each row of weights.
pub(crate) const ROWS: usize = 4;

/// The most terms of each of four rows in a tile.
pub(crate) const TERMS: usize = 256;

/// The most terms of a row that has a tile for itself.
pub(crate) const TERMS_ALONE: usize = 4 * TERMS;

/// The fewest terms that a row may have.
pub(crate) const LEAST_TERMS: usize = 4;

/// Whether there is a way for simple channels.
pub(crate) const HAS_SIMPLE: bool = true;

/// Tells the assembler of ARMv8-M that the processor has the DSP extension.
#[cfg(kernlet_arm = "v8m")]
macro_rules! processor {
    () => {
        ".cpu cortex-m33"
    };
}

#[cfg(not(kernlet_arm = "v8m"))]
macro_rules! processor {
    () => {
        ""
    };
}

/// Inputs, widened to 16 bits: two in each word.
///
/// Four terms of four rows are eight words: terms 0 and 2 of each row, then terms 1 and 3 of each row. Four terms of
/// a row alone are two words. Where a row's length is not a multiple of four, the first four are fewer, and zeros.
pub(crate) struct Tile(MaybeUninit<[u32; 2 * TERMS]>);

/// How many terms the first group is alone with.
const fn first_terms(terms: usize) -> usize {
    match terms % 4 {
        0 => 4,
        rest => rest,
    }
}

/// What takes the zero point from two inputs.
const fn twice(zero_point: i8) -> u32 {
    (zero_point as i16).wrapping_neg().cast_unsigned() as u32 * 0x1_0001
}

impl Tile {
    pub(crate) const fn new() -> Self {
        Self(MaybeUninit::uninit())
    }

    fn places(&mut self) -> *mut u32 {
        self.0.as_mut_ptr().cast()
    }

    /// Fills one of the four rows with terms, less their zero point. More terms than fit are left out.
    #[inline(always)]
    pub(crate) fn fill(&mut self, row: usize, terms: &[i8], zero_point: i8) {
        let terms = terms.get(..TERMS).unwrap_or(terms);
        let places = self.places().wrapping_add(row.min(ROWS - 1));
        // SAFETY: a row's last place is before the end of its group, and 64 groups of eight words fit.
        unsafe { fill(places, 8, terms, zero_point, widen_of_four) };
    }

    /// Fills all four rows, which follow one another.
    #[inline(always)]
    pub(crate) fn fill_rows(&mut self, rows: &[i8], terms: usize, zero_point: i8) {
        if terms.is_multiple_of(4) && terms > 0 && terms <= TERMS && rows.len() >= ROWS * terms {
            let offset = twice(zero_point);
            // SAFETY: there are four rows of whole groups, and 64 groups of eight words fit.
            unsafe { widen_rows(rows.as_ptr(), self.places(), terms / 4, offset) };
            return;
        }
        for (row, terms) in rows.chunks_exact(terms.max(1)).take(ROWS).enumerate() {
            self.fill(row, terms, zero_point);
        }
    }

    /// Fills the tile with one row.
    #[inline(always)]
    pub(crate) fn fill_alone(&mut self, terms: &[i8], zero_point: i8) {
        let terms = terms.get(..TERMS_ALONE).unwrap_or(terms);
        // SAFETY: 256 groups of two words fit.
        unsafe { fill(self.places(), 2, terms, zero_point, widen_alone) };
    }
}

/// Words from `terms`, the first of them with what is over four.
///
/// # Safety
/// `to` has the places that `widen` writes for each group of four terms, and these are `words` apart.
#[inline(always)]
unsafe fn fill(
    to: *mut u32,
    words: usize,
    terms: &[i8],
    zero_point: i8,
    widen: unsafe extern "C" fn(*const i8, *mut u32, usize, u32),
) {
    let offset = twice(zero_point);
    let (groups, over) = (terms.len() / 4, terms.len() % 4);
    // SAFETY: the first group and those after it are all of the row's; a row of whole groups has no first of its own.
    unsafe {
        if over > 0 {
            let mut first = [zero_point; 4];
            for (first, &term) in first.iter_mut().zip(terms.iter().take(over)) {
                *first = term;
            }
            widen(first.as_ptr(), to, 1, offset);
            if groups > 0 {
                widen(terms.as_ptr().wrapping_add(over), to.wrapping_add(words), groups, offset);
            }
        } else if groups > 0 {
            widen(terms.as_ptr(), to, groups, offset);
        }
    }
}

/// # Safety
/// `from` has four bytes for each group, `to` a place for eight words less those of three other rows; there is a group.
#[unsafe(naked)]
unsafe extern "C" fn widen_of_four(from: *const i8, to: *mut u32, groups: usize, offset: u32) {
    naked_asm!(
        processor!(),
        "push {{r4, lr}}",
        "2:",
        "ldr r4, [r0], #4",
        "sxtab16 r12, r3, r4",
        "sxtab16 r4, r3, r4, ror #8",
        "str r4, [r1, #16]",
        "str r12, [r1], #32",
        "subs r2, r2, #1",
        "bne 2b",
        "pop {{r4, pc}}",
    )
}

/// # Safety
/// `from` has four rows of four bytes for each group, `to` places for eight words for each; there is a group.
#[unsafe(naked)]
unsafe extern "C" fn widen_rows(from: *const i8, to: *mut u32, groups: usize, offset: u32) {
    naked_asm!(
        processor!(),
        "push {{r4-r7, lr}}",
        "movs r7, #4",
        "2:",
        "mov r5, r1",
        "mov r6, r2",
        "3:",
        "ldr r4, [r0], #4",
        "sxtab16 r12, r3, r4",
        "sxtab16 r4, r3, r4, ror #8",
        "str r4, [r5, #16]",
        "str r12, [r5], #32",
        "subs r6, r6, #1",
        "bne 3b",
        "adds r1, r1, #4",
        "subs r7, r7, #1",
        "bne 2b",
        "pop {{r4-r7, pc}}",
    )
}

/// # Safety
/// `from` has four bytes and `to` a place for two words for each group; there is a group.
#[unsafe(naked)]
unsafe extern "C" fn widen_alone(from: *const i8, to: *mut u32, groups: usize, offset: u32) {
    naked_asm!(
        processor!(),
        "push {{r4, lr}}",
        "2:",
        "ldr r4, [r0], #4",
        "sxtab16 r12, r3, r4",
        "sxtab16 r4, r3, r4, ror #8",
        "str r4, [r1, #4]",
        "str r12, [r1], #8",
        "subs r2, r2, #1",
        "bne 2b",
        "pop {{r4, pc}}",
    )
}

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
            x: tile.0.as_ptr().cast(),
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

/// Where biases begin and how far it is to the next, if there are so many.
fn biases(simple: &Simple<'_>, channels: usize) -> Option<(*const u8, usize)> {
    static NONE: [u8; 16] = [0; 16];
    match simple.biases {
        Some(b) => (b.len() >= channels).then_some((b.as_ptr().cast(), 4)),
        None => Some((NONE.as_ptr(), 0)),
    }
}

/// The same for multipliers.
fn multipliers(simple: &Simple<'_>, channels: usize) -> Option<(*const [i32; 2], usize)> {
    match simple.multipliers {
        [one] => Some((one, 0)),
        each => (each.len() >= channels).then_some((each.as_ptr(), 8)),
    }
}

/// 1 and twice the zero point: the half of a shift to come, and what is added after it.
fn addend(simple: &Simple<'_>) -> i32 {
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
        x: tile.0.as_ptr().cast(),
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
