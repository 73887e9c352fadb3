//! The matrix products of a recurrent layer: rows and terms are steps of sequences, which lie apart.
#![allow(unsafe_code)]

use crate::{
    kernels::{
        epilogue::Epilogue,
        tile::{Ahead, Axis, Contraction, Nest, Start},
        transpose::transpose,
    },
    simd::{HAS_VECTORS, Kernel, Level, Simd},
};

/// So many steps, and how far each goes in `A` and in the other operand: `C` for rows, `B` for terms.
#[derive(Clone, Copy)]
pub(super) struct Steps {
    pub count: usize,
    pub a: usize,
    pub other: usize,
}

impl Steps {
    pub(super) const ONE: Self = Self::new(1, 0, 0);

    pub(super) const fn new(count: usize, a: usize, other: usize) -> Self {
        Self { count, a, other }
    }

    const fn axis(self) -> Axis {
        Axis::new(self.count, self.a as isize, self.other as isize)
    }
}

/// An operand: its elements, and where the product begins in them.
#[derive(Clone, Copy)]
pub(super) struct Operand {
    elements: *const f32,
    len: usize,
    first: usize,
}

impl Operand {
    pub(super) const fn new(elements: &[f32], first: usize) -> Self {
        Self { elements: elements.as_ptr(), len: elements.len(), first }
    }

    /// Elements that are written, too.
    pub(super) const fn of(elements: *mut f32, len: usize, first: usize) -> Self {
        Self { elements: elements.cast_const(), len, first }
    }

    const fn start(&self) -> *const f32 {
        self.elements.wrapping_add(self.first)
    }

    /// Whether the last element that so many axes and columns reach is inside.
    fn holds(&self, reach: [(usize, usize); 4], columns: usize) -> bool {
        let mut end = self.first.saturating_add(columns);
        for (count, step) in reach {
            end = end.saturating_add(count.saturating_sub(1).saturating_mul(step));
        }
        end <= self.len
    }
}

/// `C[row][column] = start + Σ_term A[row][term] · B[term][column]`, terms in ascending order.
pub(super) struct Product<'a> {
    pub rows: [Steps; 2],
    pub terms: [Steps; 2],
    pub columns: usize,
    pub a: Operand,
    pub b: Operand,
    pub c: Operand,
    pub start: From<'a>,
}

/// What the chains start from.
#[derive(Clone, Copy)]
pub(super) enum From<'a> {
    Zero,
    /// An element for each column.
    Bias(&'a [f32]),
    /// What `C` holds.
    Continue,
}

impl From<'_> {
    fn start(self) -> Start {
        match self {
            From::Zero => Start::Zero,
            From::Bias(bias) => Start::Bias(bias.as_ptr()),
            From::Continue => Start::Continue,
        }
    }
}

/// The counts and steps of rows or terms, in `A` or in the other operand.
fn reach(steps: &[Steps; 2], of: fn(&Steps) -> usize) -> [(usize, usize); 2] {
    steps.map(|axis| (axis.count, of(&axis)))
}

impl Product<'_> {
    /// Whether there is something to do, and all of it inside the operands.
    fn is_inside(&self, b_is_transposed: bool) -> bool {
        if self.columns == 0 || self.rows.iter().any(|axis| axis.count == 0) {
            return false;
        }
        let none = [(1, 0); 2];
        let join = |a: [(usize, usize); 2], b: [(usize, usize); 2]| [a[0], a[1], b[0], b[1]];
        let a = join(reach(&self.rows, |axis| axis.a), reach(&self.terms, |axis| axis.a));
        let terms = reach(&self.terms, |axis| axis.other);
        let b = if b_is_transposed {
            [terms[0], terms[1], (self.columns, self.b_row()), (1, 0)]
        } else {
            join(terms, none)
        };
        let c = join(reach(&self.rows, |axis| axis.other), none);
        let bias = if let From::Bias(bias) = self.start { bias.len() >= self.columns } else { true };
        let b_columns = if b_is_transposed { 1 } else { self.columns };
        bias && self.a.holds(a, 1) && self.b.holds(b, b_columns) && self.c.holds(c, self.columns)
    }

    /// How far the rows of a transposed `B` are apart: what the outer of the terms says.
    const fn b_row(&self) -> usize {
        self.terms[0].other
    }

    /// Runs the product; one that reaches beyond an operand, which the lengths compared at the door rule out, does nothing.
    ///
    /// # Safety
    /// The operands' elements are valid, those of `c` for writing, and what is written overlaps nothing that is read.
    pub(super) unsafe fn run(&self, level: Level) {
        if !self.is_inside(false) {
            return;
        }
        let [outer, inner] = self.rows;
        if !HAS_VECTORS && outer.count == 1 && inner.count == 1 && self.terms[0].count == 1 {
            // SAFETY: every place was compared with the lengths; the caller vouches for the rest.
            level.dispatch(Row(self));
            return;
        }
        let job = Contraction {
            rows: Nest([Axis::ONE, outer.axis(), inner.axis()]),
            first_row: 0,
            row_count: outer.count * inner.count,
            terms: Nest([Axis::ONE, self.terms[0].axis(), self.terms[1].axis()]),
            columns: self.columns,
            a: self.a.start(),
            b: self.b.start(),
            c: self.c.start().cast_mut(),
            start: self.start.start(),
            epilogue: Epilogue::None,
            ahead: Ahead::NONE,
        };
        // SAFETY: every place was compared with the lengths; the caller vouches for the rest.
        level.dispatch(unsafe { job.vouched::<false>() });
    }

    /// The same with `B[column][term]`, the way the weights lie: terms are one axis, whose outer step tells how far the
    /// rows of `B` are apart.
    ///
    /// # Safety
    /// As [`Self::run`].
    pub(super) unsafe fn run_transposed(&self, level: Level) {
        if self.is_inside(true) {
            // SAFETY: every place was compared with the lengths; the caller vouches for the rest.
            level.dispatch(Dots(self));
        }
    }
}

/// A product with a transposed `B`, element by element: what machines without vectors do instead of transposing.
struct Dots<'a>(&'a Product<'a>);

impl Kernel for Dots<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let job = self.0;
        let [outer, inner] = job.rows;
        for o in 0..outer.count {
            for i in 0..inner.count {
                let a = job.a.start().wrapping_add(o * outer.a + i * inner.a);
                let c = job.c.start().cast_mut().wrapping_add(o * outer.other + i * inner.other);
                let mut column = 0;
                while column < job.columns {
                    // SAFETY: the maker has compared every place with the lengths.
                    column += unsafe {
                        if job.columns - column >= 4 {
                            dots::<S, 4>(s, job, a, c, column)
                        } else {
                            dots::<S, 1>(s, job, a, c, column)
                        }
                    };
                }
            }
        }
    }
}

/// A product of one row and one axis of terms: what machines without vectors do at every step of a sequence alone. The tile
/// would share nothing there, and takes twice the instructions on a Cortex-M4.
struct Row<'a>(&'a Product<'a>);

impl Kernel for Row<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let mut column = 0;
        while column < self.0.columns {
            // SAFETY: the maker has compared every place with the lengths.
            column += unsafe {
                match self.0.columns - column {
                    COLUMNS.. => columns::<S, COLUMNS>(s, self.0, column),
                    4.. => columns::<S, 4>(s, self.0, column),
                    _ => columns::<S, 1>(s, self.0, column),
                }
            };
        }
    }
}

/// Sums that stay in registers, of which a Cortex-M4 has 32.
const COLUMNS: usize = 16;

/// `N` columns of the only row; returns how many these are.
#[inline(always)]
unsafe fn columns<S: Simd, const N: usize>(s: S, job: &Product<'_>, column: usize) -> usize {
    let c = job.c.start().cast_mut().wrapping_add(column);
    let mut sums = [s.splat(0.0); N];
    // SAFETY: the maker of the product vouches for all places.
    unsafe {
        let start = match job.start {
            From::Zero => core::ptr::null(),
            From::Bias(bias) => bias.as_ptr().wrapping_add(column),
            From::Continue => c.cast_const(),
        };
        if !start.is_null() {
            for (i, sum) in sums.iter_mut().enumerate() {
                *sum = s.load_ptr_first(start.wrapping_add(i), 1);
            }
        }
        let terms = job.terms[1];
        let (mut a, mut b) = (job.a.start(), job.b.start().wrapping_add(column));
        for _ in 0..terms.count {
            let x = s.load_ptr_first(a, 1);
            for (i, sum) in sums.iter_mut().enumerate() {
                *sum = s.mul_add(x, s.load_ptr_first(b.wrapping_add(i), 1), *sum);
            }
            (a, b) = (a.wrapping_add(terms.a), b.wrapping_add(terms.other));
        }
        for (i, sum) in sums.into_iter().enumerate() {
            s.store_ptr_first(sum, c.wrapping_add(i), 1);
        }
    }
    N
}

/// `N` columns of a row; returns how many these are.
#[inline(always)]
unsafe fn dots<S: Simd, const N: usize>(s: S, job: &Product<'_>, a: *const f32, c: *mut f32, column: usize) -> usize {
    let c = c.wrapping_add(column);
    let mut sums = [s.splat(0.0); N];
    // SAFETY: the maker of the product vouches for all places.
    unsafe {
        for (i, sum) in sums.iter_mut().enumerate() {
            *sum = match job.start {
                From::Zero => s.splat(0.0),
                From::Bias(bias) => s.load_ptr_first(bias.as_ptr().wrapping_add(column + i), 1),
                From::Continue => s.load_ptr_first(c.wrapping_add(i), 1),
            };
        }
        let mut b = [job.b.start(); N];
        for (i, b) in b.iter_mut().enumerate() {
            *b = b.wrapping_add((column + i) * job.b_row());
        }
        let mut a = a;
        for _ in 0..job.terms[1].count {
            let x = s.load_ptr_first(a, 1);
            a = a.wrapping_add(job.terms[1].a);
            for (sum, b) in sums.iter_mut().zip(&mut b) {
                *sum = s.mul_add(x, s.load_ptr_first(*b, 1), *sum);
                *b = b.wrapping_add(1);
            }
        }
        for (i, sum) in sums.into_iter().enumerate() {
            s.store_ptr_first(sum, c.wrapping_add(i), 1);
        }
    }
    N
}

/// A copy of a matrix with its axes exchanged.
struct Transpose<'a> {
    from: &'a [f32],
    columns: usize,
    to: &'a mut [f32],
    rows: usize,
}

impl Kernel for Transpose<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { from, columns, to, rows } = self;
        // SAFETY: `transposed` has compared both lengths.
        unsafe { transpose(s, from.as_ptr(), columns, rows, columns, to.as_mut_ptr(), rows) };
    }
}

/// `to[j][i] = from[i][j]` for `rows` rows, if this build has vectors. Returns what the product reads.
pub(super) fn transposed<'a>(level: Level, from: &'a [f32], rows: usize, to: &'a mut [f32]) -> &'a [f32] {
    let to = to.get_mut(..from.len()).unwrap_or_default();
    if HAS_VECTORS && rows > 0 && to.len() == from.len() {
        level.dispatch(Transpose { from, columns: super::rows_of(from.len(), rows), to, rows });
        return to;
    }
    from
}

#[cfg(test)]
mod tests {
    use std::{vec, vec::Vec};

    use super::*;

    /// Machines without vectors run [`Row`] where a row is alone; its chains are those of the tiled product.
    #[test]
    fn a_row_alone_has_the_bits_of_the_tile() {
        let numbers = |seed: u32, len: usize| -> Vec<f32> {
            (0..len as u32).map(|i| (i.wrapping_mul(seed) % 1009) as f32 / 509.0 - 1.0).collect()
        };
        for (terms, columns) in [(1, 1), (2, 5), (7, 3), (40, 19), (33, 16), (5, 39)] {
            let (a, b, c) =
                (numbers(7919, 2 * terms + 1), numbers(104_729, terms * (columns + 2)), numbers(31, columns));
            let bias = numbers(17, columns);
            for (level, start) in Level::all()
                .flat_map(|level| [From::Zero, From::Bias(&bias), From::Continue].map(|start| (level, start)))
            {
                let (mut tiled, mut alone) = (c.clone(), c.clone());
                let product = |c: &mut [f32]| Product {
                    rows: [Steps::ONE; 2],
                    terms: [Steps::ONE, Steps::new(terms, 2, columns + 2)],
                    columns,
                    a: Operand::new(&a, 0),
                    b: Operand::new(&b, 0),
                    c: Operand::of(c.as_mut_ptr(), c.len(), 0),
                    start,
                };
                // SAFETY: the operands are borrowed here, and `c` is neither `a` nor `b`.
                unsafe { product(&mut tiled).run(level) };
                level.dispatch(Row(&product(&mut alone)));
                assert_eq!(tiled, alone, "{level}: {terms} × {columns}");
            }
        }
    }

    /// Machines without vectors run [`Dots`]; its chains are those of the tiled product.
    #[test]
    fn a_transposed_operand_changes_no_bit() {
        let numbers = |seed: u32, len: usize| -> Vec<f32> {
            (0..len as u32).map(|i| (i.wrapping_mul(seed) % 1009) as f32 / 509.0 - 1.0).collect()
        };
        for (rows, terms, columns) in [(1, 1, 1), (3, 7, 5), (2, 40, 19), (5, 33, 4)] {
            let (a, w, c) =
                (numbers(7919, rows * terms), numbers(104_729, columns * terms), numbers(31, rows * columns));
            for level in Level::all() {
                let mut b = vec![f32::NAN; w.len()];
                let b = transposed(level, &w, columns, &mut b);
                let (mut tiled, mut dots) = (c.clone(), c.clone());
                let product = |c: &mut [f32], b: &[f32], terms: [Steps; 2]| Product {
                    rows: [Steps::ONE, Steps::new(rows, terms[1].count, columns)],
                    terms,
                    columns,
                    a: Operand::new(&a, 0),
                    b: Operand::new(b, 0),
                    c: Operand::of(c.as_mut_ptr(), c.len(), 0),
                    start: From::Continue,
                };
                // SAFETY: the operands are borrowed here, and `c` is neither `a` nor `b`.
                unsafe {
                    product(&mut tiled, b, [Steps::ONE, Steps::new(terms, 1, columns)]).run(level);
                    product(&mut dots, &w, [Steps::new(1, 0, terms), Steps::new(terms, 1, 1)]).run_transposed(level);
                }
                assert_ne!(tiled, c);
                assert_eq!(tiled, dots, "{level}: {rows} × {terms} × {columns}");
            }
        }
    }
}
