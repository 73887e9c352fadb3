//! Products of matrices: `C = α A · B + β C`, with `A` or `B` transposed.
//!
//! ```text
//! C[row][column] = α Σ_term A[row][term] · B[term][column] + β C[row][column]
//! ```
//!
//! Matrices are row by row, without gaps. Gradients are products too, of the same descriptor's sizes:
//!
//! | forward | gradient of `A` | gradient of `B` |
//! |---|---|---|
//! | `C = A · B` | `dA = dC · Bᵀ` | `dB = Aᵀ · dC` |
//! | `C = A · Bᵀ` | `dA = dC · B` | `dB = dCᵀ · A` |
//! | `C = Aᵀ · B` | `dA = B · dCᵀ` | `dB = A · dC` |
//!
//! # Numerics
//!
//! Each sum is one chain from 0 over its terms in ascending order; then it is multiplied by α, and `β C` is added
//! (one rounding where the level is fused). Where β is 0, C is never read, and may hold NaN. An
//! α of 0 is a number like others: NaN in a sum stays NaN.

#![allow(unsafe_code)]

use super::{
    Epilogue, ShapeError, check, map,
    tile::{Ahead, Axis, Contraction, Nest, Start},
    transpose::transpose,
};
use crate::simd::{Kernel, Level, Simd};

const NAME: &str = "matmul";

/// Columns that are worked on at a time where a panel has to be copied or summed aside.
const PANEL: usize = 64;

/// Rows that are summed aside at a time.
const BLOCK: usize = 32;

/// Which factor is transposed.
///
/// ```
/// use kernlet::kernels::matmul::{Matmul, Transposed};
/// assert_eq!(Matmul::new(2, 3, 4).transposed, Transposed::Neither);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Transposed {
    /// `A · B`.
    #[default]
    Neither,
    /// `Aᵀ · B`: A is `[terms][rows]`.
    A,
    /// `A · Bᵀ`: B is `[columns][terms]`.
    B,
}

/// The shape of a product of matrices.
///
/// ```
/// use kernlet::kernels::matmul::{Matmul, Transposed};
/// const PRODUCT: Matmul = Matmul::new(2, 3, 4).with_transposed(Transposed::B);
/// assert_eq!((PRODUCT.a_len(), PRODUCT.b_len(), PRODUCT.c_len()), (6, 12, 8));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct Matmul {
    /// Rows of A and of C.
    pub rows: usize,
    /// Columns of A, rows of B.
    pub terms: usize,
    /// Columns of B and of C.
    pub columns: usize,
    /// Which factor is stored transposed.
    pub transposed: Transposed,
}

impl Matmul {
    /// `[rows][terms]` times `[terms][columns]`.
    pub const fn new(rows: usize, terms: usize, columns: usize) -> Self {
        Self { rows, terms, columns, transposed: Transposed::Neither }
    }

    /// The same with a factor that is stored transposed.
    pub const fn with_transposed(self, transposed: Transposed) -> Self {
        Self { transposed, ..self }
    }

    /// Whether no length overflows. Sizes may be 0.
    ///
    /// # Errors
    /// The matrix that is too large.
    ///
    /// ```
    /// assert!(kernlet::kernels::matmul::Matmul::new(usize::MAX, 2, 2).validate().is_err());
    /// ```
    pub const fn validate(&self) -> Result<(), ShapeError> {
        const MOST: usize = isize::MAX as usize / size_of::<f32>();
        macro_rules! check {
            ($argument:literal, $rows:expr, $columns:expr) => {
                match $rows.checked_mul($columns) {
                    Some(len) if len <= MOST => {}
                    _ => return Err(ShapeError::at_most(NAME, $argument, MOST, usize::MAX)),
                }
            };
        }
        check!("a", self.rows, self.terms);
        check!("b", self.terms, self.columns);
        check!("c", self.rows, self.columns);
        // A panel of the scratch.
        check!("terms", self.terms, 2 * PANEL);
        Ok(())
    }

    /// The length of A.
    pub const fn a_len(&self) -> usize {
        self.rows * self.terms
    }

    /// The length of B.
    pub const fn b_len(&self) -> usize {
        self.terms * self.columns
    }

    /// The length of C.
    pub const fn c_len(&self) -> usize {
        self.rows * self.columns
    }

    /// The length of the scratch of [`matmul_into`]: a panel of sums, and of B where it is transposed.
    ///
    /// ```
    /// use kernlet::kernels::matmul::{Matmul, Transposed};
    /// assert_eq!(Matmul::new(8, 100, 200).scratch_len(), 8 * 64);
    /// assert_eq!(Matmul::new(8, 100, 10).with_transposed(Transposed::B).scratch_len(), 8 * 10 + 100 * 10);
    /// ```
    pub const fn scratch_len(&self) -> usize {
        let columns = if self.columns < PANEL { self.columns } else { PANEL };
        let rows = if self.rows < BLOCK { self.rows } else { BLOCK };
        rows * columns + if matches!(self.transposed, Transposed::B) { self.terms * columns } else { 0 }
    }
}

/// What a product reads.
#[derive(Clone, Copy, Debug)]
pub struct Factors<'a> {
    /// What the product is multiplied by.
    pub alpha: f32,
    /// `[rows][terms]`, or transposed.
    pub a: &'a [f32],
    /// `[terms][columns]`, or transposed.
    pub b: &'a [f32],
    /// What C is multiplied by before the product is added; 0 overwrites it.
    pub beta: f32,
}

/// `C = α A · B + β C`. `scratch` may hold anything and has [`Matmul::scratch_len`] elements.
///
/// # Errors
/// [`ShapeError`] if a length is wrong or overflows; nothing is written then.
///
/// ```
/// use kernlet::{kernels::matmul::{Factors, Matmul, Transposed, matmul_into}, simd::Level};
/// let product = Matmul::new(1, 2, 3).with_transposed(Transposed::B);
/// let (a, b) = ([1.0, 10.0], [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]); // [1][2] and [3][2]
/// let mut scratch = vec![f32::NAN; product.scratch_len()];
/// let mut c = [1000.0; 3];
/// matmul_into(Level::detect(), &product, Factors { alpha: 2.0, a: &a, b: &b, beta: 1.0 }, &mut c, &mut scratch)?;
/// assert_eq!(c, [1042.0, 1086.0, 1130.0]);
/// # Ok::<(), kernlet::kernels::ShapeError>(())
/// ```
pub fn matmul_into(
    level: Level,
    matmul: &Matmul,
    factors: Factors<'_>,
    c: &mut [f32],
    scratch: &mut [f32],
) -> Result<(), ShapeError> {
    matmul.validate()?;
    let Factors { alpha, a, b, beta } = factors;
    check(NAME, "a", a, matmul.a_len())?;
    check(NAME, "b", b, matmul.b_len())?;
    check(NAME, "c", c, matmul.c_len())?;
    check(NAME, "scratch", scratch, matmul.scratch_len())?;
    let aside = beta != 0.0;
    let columns = matmul.columns;
    let width = if aside || matmul.transposed == Transposed::B { PANEL } else { columns.max(1) };
    let sums_len = matmul.rows.min(BLOCK) * columns.min(PANEL);
    let Some((sums, panel)) = scratch.split_at_mut_checked(sums_len) else { return Ok(()) };
    let mut first = 0;
    while first < columns {
        let count = width.min(columns - first);
        let b = panel_of(level, matmul, b, first, count, panel);
        if aside {
            let mut row = 0;
            while row < matmul.rows {
                let rows = BLOCK.min(matmul.rows - row);
                let Some(sums) = sums.get_mut(..rows * count) else { return Ok(()) };
                sum(level, matmul, a, b, row..row + rows, count, Sums { c: sums, at: 0, stride: count });
                level.dispatch(Finish { alpha, beta, sums, columns, count, c, at: row * columns + first });
                row += rows;
            }
        } else {
            let sums = Sums { c: &mut *c, at: first, stride: columns };
            sum(level, matmul, a, b, 0..matmul.rows, count, sums);
        }
        first += count;
    }
    if !aside && alpha != 1.0 {
        level.dispatch(Scale(alpha, c));
    }
    Ok(())
}

map::functions! {
    Times { alpha }(s, sum) = s.mul(alpha, sum);
    TimesPlus { alpha, beta }(s, sum, c) = s.mul_add(alpha, sum, s.mul(beta, c));
}

struct Scale<'a>(f32, &'a mut [f32]);

impl Kernel for Scale<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        map::in_place(s, self.1, Times { alpha: self.0 });
    }
}

/// Adds a block of sums, `count` in a row, to C from `at` on.
struct Finish<'a> {
    alpha: f32,
    beta: f32,
    sums: &'a [f32],
    columns: usize,
    count: usize,
    c: &'a mut [f32],
    at: usize,
}

impl Kernel for Finish<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { alpha, beta, sums, columns, count, c, mut at } = self;
        for sums in sums.chunks_exact(count.max(1)) {
            if let Some(c) = c.get_mut(at..at + count) {
                map::acc(s, sums, c, TimesPlus { alpha, beta });
            }
            at += columns;
        }
    }
}

/// Some columns of B, row by row.
#[derive(Clone, Copy)]
struct Panel<'a> {
    b: &'a [f32],
    first: usize,
    stride: usize,
}

/// `count` columns of B from `first` on; where B is transposed, as a copy.
fn panel_of<'a>(
    level: Level,
    matmul: &Matmul,
    b: &'a [f32],
    first: usize,
    count: usize,
    copy: &'a mut [f32],
) -> Panel<'a> {
    if matmul.transposed != Transposed::B {
        return Panel { b, first, stride: matmul.columns };
    }
    let terms = matmul.terms;
    if let (Some(rows), Some(copy)) = (b.get(first * terms..(first + count) * terms), copy.get_mut(..terms * count)) {
        level.dispatch(Exchange { rows, terms, count, copy });
    }
    Panel { b: copy, first: 0, stride: count }
}

/// Copies `count` rows of `terms` as `terms` rows of `count`.
struct Exchange<'a> {
    rows: &'a [f32],
    terms: usize,
    count: usize,
    copy: &'a mut [f32],
}

impl Kernel for Exchange<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { rows, terms, count, copy } = self;
        // SAFETY: both slices have `terms · count` elements.
        unsafe { transpose(s, rows.as_ptr(), terms, count, terms, copy.as_mut_ptr(), count) };
    }
}

/// Where sums go: from `at` on, in rows of `stride`.
struct Sums<'a> {
    c: &'a mut [f32],
    at: usize,
    stride: usize,
}

/// The sums of some rows and `count` columns.
fn sum(
    level: Level,
    matmul: &Matmul,
    a: &[f32],
    b: Panel<'_>,
    rows: core::ops::Range<usize>,
    count: usize,
    sums: Sums<'_>,
) {
    let Matmul { terms, transposed, .. } = *matmul;
    if rows.is_empty() || count == 0 {
        return;
    }
    // From one row of A to the next, and from one term.
    let [row, term] = if transposed == Transposed::A { [1, matmul.rows] } else { [terms, 1] };
    // Fewer than the slices have, which fit `isize`.
    let job = Contraction {
        rows: Nest::line(Axis::new(rows.len(), row as isize, sums.stride as isize)),
        first_row: 0,
        row_count: rows.len(),
        terms: Nest::line(Axis::new(terms, term as isize, b.stride as isize)),
        columns: count,
        a: a.as_ptr().wrapping_add(rows.start * row),
        b: b.b.as_ptr().wrapping_add(b.first),
        c: sums.c.as_mut_ptr().wrapping_add(sums.at),
        start: Start::Zero,
        epilogue: Epilogue::None,
        ahead: Ahead::NONE,
    };
    // SAFETY: the lengths were compared with the descriptor; rows, terms and columns are inside; the sums are
    // borrowed alone.
    level.dispatch(unsafe { job.vouched::<false>() });
}
