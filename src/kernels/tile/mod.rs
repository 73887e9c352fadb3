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

mod product;
mod resident;

pub(super) use product::Product;

use super::{Epilogue, div, div_ceil, rem};
use crate::simd::{Kernel, Simd};

/// One axis of a nest: its length, and how far a step goes in two operands.
#[derive(Clone, Copy)]
pub(super) struct Axis {
    pub count: usize,
    /// In `A`.
    pub a: isize,
    /// In `C` for rows, in `B` for terms.
    pub other: isize,
}

impl Axis {
    pub(super) const ONE: Self = Self::new(1, 0, 0);

    pub(super) const fn new(count: usize, a: isize, other: isize) -> Self {
        Self { count, a, other }
    }

    /// Whether `self`, stepping around all of `inner`, goes on where `inner` ends.
    const fn continues(self, inner: Self) -> bool {
        let n = inner.count as isize;
        self.a == inner.a.wrapping_mul(n) && self.other == inner.other.wrapping_mul(n)
    }
}

/// A nest of axes, outermost first.
#[derive(Clone, Copy)]
pub(super) struct Nest(pub [Axis; 3]);

impl Nest {
    #[inline(always)]
    pub(super) const fn line(axis: Axis) -> Self {
        Self([Axis::ONE, Axis::ONE, axis])
    }

    #[inline(always)]
    pub(super) const fn len(&self) -> usize {
        self.0[0].count * self.0[1].count * self.0[2].count
    }

    /// The same sequence with fewer, longer axes where one goes on where the next ends.
    #[inline(always)]
    fn merged(self) -> Self {
        let [mut outer, mut middle, mut inner] = self.0;
        if middle.count == 1 || middle.continues(inner) {
            inner.count *= middle.count;
            middle = outer;
            outer = Axis::ONE;
            if middle.count == 1 || middle.continues(inner) {
                inner.count *= middle.count;
                middle = Axis::ONE;
            }
        } else if outer.count == 1 || outer.continues(middle) {
            middle.count *= outer.count;
            outer = Axis::ONE;
        }
        if inner.count == 1 {
            // A single step has no length; the axis above is the innermost then.
            (inner, middle, outer) = (middle, outer, Axis::ONE);
        }
        Self([outer, middle, inner])
    }
}

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

/// Memory to ask for between tiles, so that it is in the cache when it is read: what the processor's
/// own prefetching, which ends with a page, does not see in time. Nothing depends on it but time.
#[derive(Clone, Copy)]
pub(super) struct Ahead {
    at: [*const f32; 2],
    /// Cache lines for each tile.
    lines: [usize; 2],
}

impl Ahead {
    pub(super) const NONE: Self = Self { at: [core::ptr::null(); 2], lines: [0; 2] };

    /// Two ranges, as their beginning and their number of elements, in equal parts over so many tiles.
    pub(super) const fn over(tiles: usize, ranges: [(*const f32, usize); 2]) -> Self {
        /// More than a processor can wait for at a time would make the tile wait.
        const MOST: usize = 64;
        const fn lines(len: usize, tiles: usize) -> usize {
            let lines = div_ceil(len / LINE, tiles);
            if lines < MOST { lines } else { MOST }
        }
        let [(first, first_len), (second, second_len)] = ranges;
        Self { at: [first, second], lines: [lines(first_len, tiles), lines(second_len, tiles)] }
    }

    #[inline(always)]
    fn ask<S: Simd>(&mut self, s: S) {
        for (at, &lines) in self.at.iter_mut().zip(&self.lines) {
            for _ in 0..lines {
                s.prefetch(*at);
                *at = at.wrapping_add(LINE);
            }
        }
    }
}

/// Elements of a cache line.
const LINE: usize = 16;

/// Terms in a block: with four 16-lane vectors, 64 KiB of `B`.
const BLOCK_TERMS: usize = 512;

/// So few terms in several short runs are listed once, and not found again in every tile.
const LISTED: usize = 32;

/// The places of a term in `A` and in `B`.
type Offsets = (isize, isize);

/// Elements of `A` in a block of rows, where `B` has more than one panel of columns.
const BLOCK_A: usize = 1 << 16;

/// A place in a nest, kept as offsets so that moving on needs no division.
#[derive(Clone, Copy)]
struct Cursor {
    index: [usize; 3],
    a: isize,
    other: isize,
}

impl Cursor {
    #[inline(always)]
    fn at(nest: &Nest, flat: usize) -> Self {
        if flat == 0 {
            return Self { index: [0; 3], a: 0, other: 0 };
        }
        let [outer, middle, inner] = nest.0;
        let i2 = rem(flat, inner.count);
        let rest = div(flat, inner.count);
        let (i1, i0) = (rem(rest, middle.count), div(rest, middle.count));
        let place = |f: fn(&Axis) -> isize| {
            (i0 as isize)
                .wrapping_mul(f(&outer))
                .wrapping_add((i1 as isize).wrapping_mul(f(&middle)))
                .wrapping_add((i2 as isize).wrapping_mul(f(&inner)))
        };
        Self { index: [i0, i1, i2], a: place(|axis| axis.a), other: place(|axis| axis.other) }
    }

    #[inline(always)]
    fn step(&mut self, nest: &Nest) {
        let [outer, middle, inner] = &nest.0;
        self.index[2] += 1;
        self.a = self.a.wrapping_add(inner.a);
        self.other = self.other.wrapping_add(inner.other);
        if self.index[2] == inner.count {
            self.index[2] = 0;
            self.index[1] += 1;
            let n = inner.count as isize;
            self.a = self.a.wrapping_add(middle.a.wrapping_sub(n.wrapping_mul(inner.a)));
            self.other = self.other.wrapping_add(middle.other.wrapping_sub(n.wrapping_mul(inner.other)));
            if self.index[1] == middle.count {
                self.index[1] = 0;
                self.index[0] += 1;
                let n = middle.count as isize;
                self.a = self.a.wrapping_add(outer.a.wrapping_sub(n.wrapping_mul(middle.a)));
                self.other = self.other.wrapping_add(outer.other.wrapping_sub(n.wrapping_mul(middle.other)));
            }
        }
    }
}

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
    if epilogue != Epilogue::None {
        for v in acc.as_flattened_mut() {
            *v = epilogue.apply_to(s, *v);
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
