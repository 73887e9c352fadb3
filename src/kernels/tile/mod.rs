//! The register tile under every convolution and dense kernel.
//!
//! ```text
//! C[row][column] = start + Σ_term A[row + term] · B[term][column]      terms in ascending order
//! ```
//!
//! `A` is read one element at a time (or, channel by channel, along the columns too:
//! `A[row + term][column]`), `B` and `C` along contiguous columns; rows and terms are nests of three affine axes. A forward convolution is rows of
//! output pixels and terms of taps and channels; its weight gradient is rows of
//! weights and terms of pixels; a matrix product has one axis of each.
//!
//! How it goes fast:
//! 1. A tile of `MR` rows × `NV` vectors of columns stays in registers over all
//!    terms of a block: `NV` loads and `MR` broadcasts feed `MR · NV` multiply-adds.
//! 2. Rows are pointers of their own, so a tile crosses from one image line, or
//!    one image, to the next, and almost every tile is full.
//! 3. Terms are cut into blocks whose part of `B` stays in the cache; the next
//!    block continues each chain from `C`, so the cut changes no bit.
#![allow(unsafe_code)]
// Registers are addressed by row and vector; iterators hide which.
#![allow(clippy::needless_range_loop)]

mod ahead;
mod nest;
mod packed;
mod product;
mod resident;
mod sums;

pub(super) use ahead::Ahead;
pub(super) use nest::{Axis, Nest};
pub(super) use packed::{PACKED_TERMS, packed};
pub(super) use product::Product;
#[cfg(feature = "rayon")]
pub(super) use sums::sum_columns;
pub(super) use sums::sum_rows;

use nest::Cursor;

use super::{Epilogue, div};
use crate::simd::{Kernel, Simd};

/// What the chains start from.
#[derive(Clone, Copy)]
pub(super) enum Start {
    Zero,
    /// One element per column.
    Bias(*const f32),
    /// What `C` holds.
    Continue,
}

/// The operands of a contraction. See the module's formula.
#[derive(Clone, Copy)]
pub(super) struct Contraction {
    pub rows: Nest,
    /// Which of the flattened rows; `c` belongs to the first of the nest.
    pub first_row: usize,
    pub row_count: usize,
    pub terms: Nest,
    pub columns: usize,
    pub a: *const f32,
    pub b: *const f32,
    pub c: *mut f32,
    pub start: Start,
    /// What happens to the results.
    pub epilogue: Epilogue,
    /// What comes next, to be asked for meanwhile.
    pub ahead: Ahead,
}

/// Terms in a block: with four 16-lane vectors, 64 KiB of `B`.
const BLOCK_TERMS: usize = 512;

/// So few terms in several short runs are listed once, and not found again in every tile.
const LISTED: usize = 32;

/// The places of a term in `A` and in `B`.
type Offsets = (isize, isize);

/// Elements of `A` in a block of rows, where `B` has more than one panel of columns.
const BLOCK_A: usize = 1 << 16;

impl Contraction {
    /// A contraction whose every access is inside its operands.
    ///
    /// # Safety
    /// For every row and term of the nests and every column: `a` at both offsets is
    /// readable, `b` at the term's offset and the column is readable, `c` at the row's
    /// offset and the column is writable (and holds a number if `start` continues), a bias
    /// has `columns` elements, and what is written overlaps nothing that is read.
    #[inline(always)]
    pub(super) unsafe fn vouched<const BY_CHANNEL: bool>(self) -> Vouched<BY_CHANNEL> {
        Vouched(self)
    }
}

/// A [`Contraction`] whose maker vouches for its pointers.
pub(super) struct Vouched<const BY_CHANNEL: bool>(Contraction);

impl<const BY_CHANNEL: bool> Kernel for Vouched<BY_CHANNEL> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        // SAFETY: the maker vouches.
        unsafe { contract::<S, BY_CHANNEL>(s, self.0) };
    }
}

/// Runs a contraction.
///
/// # Safety
/// As [`Contraction::vouched`].
#[inline(always)]
unsafe fn contract<S: Simd, const BY_CHANNEL: bool>(s: S, job: Contraction) {
    let job = Contraction { rows: job.rows.merged(), terms: job.terms.merged(), ..job };
    if job.row_count == 0 || job.columns == 0 {
        return;
    }
    let terms = job.terms.len();
    let mut list = [(0, 0); LISTED];
    let mut listed = 0;
    if S::LANES > 1 && terms <= LISTED && job.terms.0[2].count < terms {
        let mut cursor = Cursor::at(&job.terms, 0);
        for place in &mut list[..terms] {
            *place = (cursor.a, cursor.other);
            cursor.step(&job.terms);
        }
        listed = terms;
    }
    // SAFETY: the caller vouches; merging and listing leave the sequence of places as it is.
    unsafe { blocks_of_terms::<S, BY_CHANNEL>(s, &job, &list[..listed]) }
}

/// Cuts the terms into blocks; each continues the chains of the one before.
#[inline(always)]
unsafe fn blocks_of_terms<S: Simd, const BY_CHANNEL: bool>(s: S, job: &Contraction, list: &[Offsets]) {
    let [outer, middle, inner] = job.terms.0;
    let whole = job.terms.len();
    // Which axis is cut, and into pieces of what length; axes outside it go step by step.
    let (axis, piece) = if whole <= BLOCK_TERMS {
        (0, outer.count.max(1))
    } else if inner.count >= BLOCK_TERMS {
        (2, BLOCK_TERMS)
    } else if inner.count * middle.count >= BLOCK_TERMS {
        (1, div(BLOCK_TERMS, inner.count))
    } else {
        (0, div(BLOCK_TERMS, inner.count * middle.count))
    };
    let cut = job.terms.0[axis];
    let (outer_steps, middle_steps) = (if axis > 0 { outer.count } else { 1 }, if axis > 1 { middle.count } else { 1 });
    let mut block = *job;
    block.epilogue = Epilogue::None;
    let mut o = 0;
    while o < outer_steps {
        let mut m = 0;
        while m < middle_steps {
            let mut at = 0;
            loop {
                let count = piece.min(cut.count - at);
                if axis > 0 {
                    block.terms.0[0].count = 1;
                }
                if axis > 1 {
                    block.terms.0[1].count = 1;
                }
                block.terms.0[axis].count = count;
                let place = |f: fn(&Axis) -> isize| {
                    (o as isize)
                        .wrapping_mul(f(&outer))
                        .wrapping_add((m as isize).wrapping_mul(f(&middle)))
                        .wrapping_add((at as isize).wrapping_mul(f(&cut)))
                };
                block.a = job.a.wrapping_offset(place(|axis| axis.a));
                block.b = job.b.wrapping_offset(place(|axis| axis.other));
                at += count;
                let last = at >= cut.count && m + 1 == middle_steps && o + 1 == outer_steps;
                block.epilogue = if last { job.epilogue } else { Epilogue::None };
                // SAFETY: a block is a part of the job, whose maker vouches for all of it.
                unsafe { blocks_of_rows::<S, BY_CHANNEL>(s, &block, list) };
                block.start = Start::Continue;
                if at >= cut.count {
                    break;
                }
            }
            m += 1;
        }
        o += 1;
    }
}

/// Cuts the rows into blocks, so that each panel of columns finds their part of `A` in the cache.
#[inline(always)]
unsafe fn blocks_of_rows<S: Simd, const BY_CHANNEL: bool>(s: S, job: &Contraction, list: &[Offsets]) {
    let ahead = &mut { job.ahead };
    let one_panel = job.columns <= S::LANES * if BY_CHANNEL { 1 } else { widest::<S>() };
    let row = if BY_CHANNEL { job.columns } else { job.terms.len() };
    let block = if one_panel { job.row_count } else { div(BLOCK_A, row).max(96) };
    let mut cursor = Cursor::at(&job.rows, job.first_row);
    let mut left = job.row_count;
    while left > 0 {
        let count = block.min(left);
        // SAFETY: the maker vouches for all rows.
        cursor = unsafe { panels::<S, BY_CHANNEL>(s, job, list, ahead, cursor, count) };
        left -= count;
    }
}

/// The most vectors of columns in a tile.
#[inline(always)]
const fn widest<S: Simd>() -> usize {
    if S::LANES == 1 || S::TILE >= 24 { 4 } else { 2 }
}

/// Goes over the columns in panels of up to [`widest`] vectors, and returns the place after the rows.
#[inline(always)]
unsafe fn panels<S: Simd, const BY_CHANNEL: bool>(
    s: S,
    job: &Contraction,
    list: &[Offsets],
    ahead: &mut Ahead,
    cursor: Cursor,
    count: usize,
) -> Cursor {
    let mut column = 0;
    let mut after = cursor;
    while column < job.columns {
        let vectors = (job.columns - column) / S::LANES;
        let at = Place { column, cursor, count };
        // SAFETY: the panel's columns are inside `job.columns`.
        let (width, end) = unsafe {
            if let (24.., 2.., Ok(list)) = (S::TILE, vectors, <&[Offsets; 9]>::try_from(list)) {
                (2, resident::rows::<S, 9, 4, 2, BY_CHANNEL>(s, job, list, at))
            } else if BY_CHANNEL && S::LANES > 1 {
                // Every multiply-add has a load of its own; nine rows are a window of 3 × 3.
                match vectors {
                    0 => (1, tiles::<S, 9, 4, 1, true, true>(s, job, list, ahead, at)),
                    4.. => (4, tiles::<S, 3, 1, 4, false, true>(s, job, list, ahead, at)),
                    _ => (1, tiles::<S, 9, 4, 1, false, true>(s, job, list, ahead, at)),
                }
            } else if !BY_CHANNEL && S::LANES > 1 && S::TILE >= 12 && count == 1 && vectors >= 8 {
                // A product of a matrix and a vector reads B once: long pieces of what lies together.
                // Without vectors it would be 444 bytes of flash for 2 % of a training step.
                (8, tiles::<S, 1, 1, 8, false, BY_CHANNEL>(s, job, list, ahead, at))
            } else if S::LANES == 1 {
                match vectors {
                    4.. => (4, tiles::<S, 4, 1, 4, false, BY_CHANNEL>(s, job, list, ahead, at)),
                    _ => (1, tiles::<S, 4, 1, 1, false, BY_CHANNEL>(s, job, list, ahead, at)),
                }
            } else if S::TILE >= 24 {
                match vectors {
                    0 => (1, tiles::<S, 8, 4, 1, true, BY_CHANNEL>(s, job, list, ahead, at)),
                    1 => (1, tiles::<S, 8, 4, 1, false, BY_CHANNEL>(s, job, list, ahead, at)),
                    2 => (2, tiles::<S, 8, 4, 2, false, BY_CHANNEL>(s, job, list, ahead, at)),
                    3 | 5 => (3, tiles::<S, 8, 4, 3, false, BY_CHANNEL>(s, job, list, ahead, at)),
                    _ => (4, tiles::<S, 6, 3, 4, false, BY_CHANNEL>(s, job, list, ahead, at)),
                }
            } else {
                match vectors {
                    0 => (1, tiles::<S, 8, 4, 1, true, BY_CHANNEL>(s, job, list, ahead, at)),
                    1 => (1, tiles::<S, 8, 4, 1, false, BY_CHANNEL>(s, job, list, ahead, at)),
                    _ if S::TILE >= 12 => (2, tiles::<S, 6, 3, 2, false, BY_CHANNEL>(s, job, list, ahead, at)),
                    _ => (2, tiles::<S, 4, 2, 2, false, BY_CHANNEL>(s, job, list, ahead, at)),
                }
            }
        };
        column += width * S::LANES;
        after = end;
    }
    after
}

/// A panel of columns for consecutive rows.
#[derive(Clone, Copy)]
struct Place {
    column: usize,
    cursor: Cursor,
    count: usize,
}

/// Covers the rows with tiles of `MR`, then what is left with one of the smaller sizes.
#[inline(always)]
unsafe fn tiles<
    S: Simd,
    const MR: usize,
    const HALF: usize,
    const NV: usize,
    const MASKED: bool,
    const BY_CHANNEL: bool,
>(
    s: S,
    job: &Contraction,
    list: &[Offsets],
    ahead: &mut Ahead,
    mut at: Place,
) -> Cursor {
    // Without vectors, full tiles are not told apart: that would be a copy of each in flash.
    while S::LANES > 1 && at.count >= MR {
        if S::LANES >= 8 && !BY_CHANNEL {
            ahead.ask(s);
        }
        // SAFETY: as many rows are left.
        unsafe { tile::<S, MR, NV, MASKED, BY_CHANNEL>(s, job, list, &mut at, MR) };
    }
    while at.count > 0 {
        let rows = at.count.min(MR);
        // SAFETY: `rows` are left; a tile repeats the last one where it has more.
        unsafe {
            if rows == 1 {
                tile::<S, 1, NV, MASKED, BY_CHANNEL>(s, job, list, &mut at, 1);
            } else if HALF > 1 && rows <= HALF {
                tile::<S, HALF, NV, MASKED, BY_CHANNEL>(s, job, list, &mut at, rows);
            } else {
                tile::<S, MR, NV, MASKED, BY_CHANNEL>(s, job, list, &mut at, rows);
            }
        }
    }
    at.cursor
}

/// `MR` rows (the last of `rows` repeated where they are fewer) × `NV` vectors of columns.
#[inline(always)]
unsafe fn tile<S: Simd, const MR: usize, const NV: usize, const MASKED: bool, const BY_CHANNEL: bool>(
    s: S,
    job: &Contraction,
    list: &[Offsets],
    at: &mut Place,
    rows: usize,
) {
    let last = job.columns - at.column;
    let (a, c) = places::<MR, BY_CHANNEL>(job, at, rows);
    // SAFETY: the maker of the job vouches for these rows and columns.
    let mut acc = unsafe { start::<S, MR, NV, MASKED>(s, job.start, at.column, &c, last) };

    // The next rows of C lie as far on as these do; while the terms run they can come.
    if S::LANES > 1 && job.terms.len() >= 64 {
        let ahead = (c[MR - 1] as isize).wrapping_sub(c[0] as isize) / 4;
        for m in 0..MR {
            for v in 0..NV {
                s.prefetch(c[m].wrapping_offset(ahead).wrapping_add(v * S::LANES));
            }
        }
    }

    let [outer, middle, inner] = job.terms.0;
    let b = job.b.wrapping_add(at.column);
    if S::LANES > 1 && !list.is_empty() {
        for &(in_a, in_b) in list {
            // SAFETY: the maker of the job vouches for this term.
            unsafe { add_term::<S, MR, NV, MASKED, BY_CHANNEL>(s, &a, in_a, b.wrapping_offset(in_b), last, &mut acc) };
        }
    } else {
        for o in 0..outer.count as isize {
            for m in 0..middle.count as isize {
                let mut offset = o.wrapping_mul(outer.a).wrapping_add(m.wrapping_mul(middle.a));
                let mut b = b.wrapping_offset(o.wrapping_mul(outer.other).wrapping_add(m.wrapping_mul(middle.other)));
                for _ in 0..inner.count {
                    // SAFETY: the maker of the job vouches for this term.
                    unsafe { add_term::<S, MR, NV, MASKED, BY_CHANNEL>(s, &a, offset, b, last, &mut acc) };
                    offset = offset.wrapping_add(inner.a);
                    b = b.wrapping_offset(inner.other);
                }
            }
        }
    }

    // SAFETY: as above.
    unsafe { finish::<S, MR, NV, MASKED>(s, acc, job.epilogue, &c, last) }
}

/// Where the next `rows` rows begin in `A` and `C`, the last one repeated up to `MR`; moves on past them.
#[inline(always)]
fn places<const MR: usize, const BY_CHANNEL: bool>(
    job: &Contraction,
    at: &mut Place,
    rows: usize,
) -> ([*const f32; MR], [*mut f32; MR]) {
    let mut a = [job.a; MR];
    let mut c = [job.c; MR];
    for m in 0..MR {
        a[m] = job.a.wrapping_offset(at.cursor.a).wrapping_add(if BY_CHANNEL { at.column } else { 0 });
        c[m] = job.c.wrapping_offset(at.cursor.other).wrapping_add(at.column);
        if m + 1 < rows {
            at.cursor.step(&job.rows);
        }
    }
    at.cursor.step(&job.rows);
    at.count -= rows;
    (a, c)
}

/// What the chains of a tile start from.
#[inline(always)]
unsafe fn start<S: Simd, const MR: usize, const NV: usize, const MASKED: bool>(
    s: S,
    start: Start,
    column: usize,
    c: &[*mut f32; MR],
    last: usize,
) -> [[S::V; NV]; MR] {
    let mut acc = [[s.splat(0.0); NV]; MR];
    match start {
        Start::Zero => {}
        Start::Bias(bias) => {
            for v in 0..NV {
                // SAFETY: the caller vouches for this place.
                let bias = unsafe { load::<S, MASKED>(s, bias.wrapping_add(column), v, last) };
                for row in &mut acc {
                    row[v] = bias;
                }
            }
        }
        Start::Continue => {
            for m in 0..MR {
                for v in 0..NV {
                    // SAFETY: the caller vouches for this place.
                    acc[m][v] = unsafe { load::<S, MASKED>(s, c[m], v, last) };
                }
            }
        }
    }
    acc
}

/// Writes the sums of a tile after the epilogue.
#[inline(always)]
unsafe fn finish<S: Simd, const MR: usize, const NV: usize, const MASKED: bool>(
    s: S,
    mut acc: [[S::V; NV]; MR],
    epilogue: Epilogue,
    c: &[*mut f32; MR],
    last: usize,
) {
    // No branch for each vector: sums that a loop goes over would lie in memory.
    if let Some(bounds) = epilogue.bounds() {
        let [low, high] = bounds.map(|bound| s.splat(bound));
        for v in acc.as_flattened_mut() {
            *v = s.min(high, s.max(low, *v));
        }
    }
    for m in 0..MR {
        for v in 0..NV {
            // SAFETY: the caller vouches for this place.
            unsafe {
                if MASKED {
                    s.store_ptr_first(acc[m][v], c[m], last);
                } else {
                    s.store_ptr(acc[m][v], c[m].wrapping_add(v * S::LANES));
                }
            }
        }
    }
}

/// Vector `v` at `p`, or the first `last` elements of the only one.
#[inline(always)]
unsafe fn load<S: Simd, const MASKED: bool>(s: S, p: *const f32, v: usize, last: usize) -> S::V {
    // SAFETY: the caller vouches for these elements.
    unsafe { if MASKED { s.load_ptr_first(p, last) } else { s.load_ptr(p.wrapping_add(v * S::LANES)) } }
}

/// Adds one term to every sum of a tile.
#[inline(always)]
unsafe fn add_term<S: Simd, const MR: usize, const NV: usize, const MASKED: bool, const BY_CHANNEL: bool>(
    s: S,
    a: &[*const f32; MR],
    offset: isize,
    b: *const f32,
    last: usize,
    acc: &mut [[S::V; NV]; MR],
) {
    let mut row = [s.splat(0.0); NV];
    for v in 0..NV {
        // SAFETY: the caller vouches for the term.
        row[v] = unsafe { load::<S, MASKED>(s, b, v, last) };
    }
    // SAFETY: as above.
    unsafe { add_products::<S, MR, NV, MASKED, BY_CHANNEL>(s, a, offset, &row, last, acc) }
}

/// Adds the products of one term, whose part of `B` is at hand.
#[inline(always)]
unsafe fn add_products<S: Simd, const MR: usize, const NV: usize, const MASKED: bool, const BY_CHANNEL: bool>(
    s: S,
    a: &[*const f32; MR],
    offset: isize,
    row: &[S::V; NV],
    last: usize,
    acc: &mut [[S::V; NV]; MR],
) {
    for m in 0..MR {
        let a = a[m].wrapping_offset(offset);
        // SAFETY: the caller vouches for the term.
        let one = if BY_CHANNEL { row[0] } else { s.splat(unsafe { *a }) };
        for v in 0..NV {
            // SAFETY: as above.
            let x = if BY_CHANNEL { unsafe { load::<S, MASKED>(s, a, v, last) } } else { one };
            acc[m][v] = s.mul_add(x, row[v], acc[m][v]);
        }
    }
}
