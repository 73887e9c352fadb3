//! Inputs in the form that the products take.
#![allow(unsafe_code)]

use core::{arch::naked_asm, mem::MaybeUninit};

use super::{ROWS, TERMS, TERMS_ALONE};

/// Inputs, widened to 16 bits: two in each word.
///
/// Four terms of four rows are eight words: terms 0 and 2 of each row, then terms 1 and 3 of each row. Four terms of
/// a row alone are two words. Where a row's length is not a multiple of four, the first four are fewer, and zeros.
pub(crate) struct Tile(MaybeUninit<[u32; 2 * TERMS]>);

/// How many terms the first group is alone with.
pub(super) const fn first_terms(terms: usize) -> usize {
    match terms % 4 {
        0 => 4,
        rest => rest,
    }
}

/// What takes the zero point from two inputs.
pub(super) const fn twice(zero_point: i8) -> u32 {
    (zero_point as i16).wrapping_neg().cast_unsigned() as u32 * 0x1_0001
}

impl Tile {
    pub(crate) const fn new() -> Self {
        Self(MaybeUninit::uninit())
    }

    /// Where its words lie.
    pub(super) const fn words(&self) -> *const u32 {
        self.0.as_ptr().cast()
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
