//! The dense (fully connected) layer, forward and backward.
//!
//! # Formula
//!
//! ```text
//! y[n][o] = b[o] + Σ_i x[n][i] · w[i][o]
//! ```
//!
//! `x` is `[n][inputs]`, `w` is `[inputs][outputs]`, `b` is `[outputs]`, `y` is `[n][outputs]`.
//! Without a bias this is the product of two row-major matrices.
//!
//! # Numerics
//!
//! As [`conv2d`]: every output is one chain. `y` starts at the bias and adds its terms in
//! ascending `i`; `dx` starts at 0, ascending `o`; `dw` and `db` continue, ascending `n`.
#![allow(unsafe_code)]

use core::ops::Range;

use super::{
    ShapeError, check, check_batch,
    conv2d::{self, Conv2d},
    tile::{Ahead, Axis, Contraction, Nest, Product, Start},
};
use crate::simd::{HAS_VECTORS, Kernel, Level, Simd};

pub use super::epilogue::{Epilogue, Forward};

const NAME: &str = "dense";

/// The shape of a dense layer.
///
/// ```
/// let dense = kernlet::kernels::dense::Dense::new(9216, 128);
/// assert_eq!(dense.w_len(), 9216 * 128);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct Dense {
    /// The length of an input.
    pub inputs: usize,
    /// The length of an output.
    pub outputs: usize,
}

impl Dense {
    /// A layer from `inputs` to `outputs` elements.
    ///
    /// See [`Dense`] for an example.
    pub const fn new(inputs: usize, outputs: usize) -> Self {
        Self { inputs, outputs }
    }

    /// Whether no length overflows.
    ///
    /// # Errors
    /// If the weights would be longer than a slice can be.
    ///
    /// ```
    /// assert!(kernlet::kernels::dense::Dense::new(9216, 128).validate().is_ok());
    /// ```
    #[inline]
    pub const fn validate(&self) -> Result<(), ShapeError> {
        const MOST: usize = isize::MAX as usize / size_of::<f32>();
        match self.inputs.checked_mul(self.outputs) {
            Some(len) if len <= MOST => Ok(()),
            _ => Err(ShapeError::at_most(NAME, "w", MOST, usize::MAX)),
        }
    }

    /// The length of `x` per image.
    ///
    /// ```
    /// assert_eq!(kernlet::kernels::dense::Dense::new(3, 4).x_len(), 3);
    /// ```
    pub const fn x_len(&self) -> usize {
        self.inputs
    }

    /// The length of `y` per image.
    ///
    /// ```
    /// assert_eq!(kernlet::kernels::dense::Dense::new(3, 4).y_len(), 4);
    /// ```
    pub const fn y_len(&self) -> usize {
        self.outputs
    }

    /// The length of `w`.
    ///
    /// See [`Dense`] for an example.
    pub const fn w_len(&self) -> usize {
        self.inputs * self.outputs
    }

    /// The length of `b`.
    ///
    /// ```
    /// assert_eq!(kernlet::kernels::dense::Dense::new(3, 4).b_len(), 4);
    /// ```
    pub const fn b_len(&self) -> usize {
        self.outputs
    }

    /// The same as a convolution of one pixel.
    const fn as_conv(&self) -> Conv2d {
        Conv2d::new(1, 1, self.inputs, self.outputs, [1, 1])
    }
}

/// `y = x · w + b`, then the epilogue.
///
/// # Errors
/// If a slice has the wrong length; nothing is written then.
///
/// # Numerics
/// Each output starts at its bias (0 without one) and adds its terms in ascending order of inputs.
///
/// ```
/// use kernlet::{kernels::{conv2d::Epilogue, dense::{self, Dense}}, simd::Level};
/// let mut y = [f32::NAN; 2];
/// let w = [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]; // [3][2]
/// dense::forward_into(Level::detect(), &Dense::new(3, 2), 1, dense::Forward { x: &[1.0, 1.0, 2.0], w: &w, b: None, epilogue: Epilogue::None }, &mut y)?;
/// assert_eq!(y, [9.0, 21.0]);
/// # Ok::<(), kernlet::kernels::ShapeError>(())
/// ```
pub fn forward_into(
    level: Level,
    dense: &Dense,
    batch: usize,
    operands: Forward<'_>,
    y: &mut [f32],
) -> Result<(), ShapeError> {
    let Forward { x, w, b, epilogue } = operands;
    dense.validate()?;
    check_batch(NAME, "x", x, batch, dense.inputs)?;
    check(NAME, "w", w, dense.w_len())?;
    if let Some(b) = b {
        check(NAME, "b", b, dense.outputs)?;
    }
    check_batch(NAME, "y", y, batch, dense.outputs)?;
    let start = match b {
        Some(b) => Start::Bias(b.as_ptr()),
        None => Start::Zero,
    };
    let (a, b, c) = (x.as_ptr(), w.as_ptr(), y.as_mut_ptr());
    let (terms, columns) = (dense.inputs, dense.outputs);
    if HAS_VECTORS && Product::is_small(batch, terms, columns) {
        // SAFETY: the lengths were checked above; `y` is borrowed alone.
        level.dispatch(unsafe { Product { rows: batch, terms, columns, a, b, c, start, epilogue }.vouched() });
        return Ok(());
    }
    let job = Contraction {
        rows: Nest::line(Axis::new(batch, terms as isize, columns as isize)),
        first_row: 0,
        row_count: batch,
        terms: Nest::line(Axis::new(terms, 1, columns as isize)),
        columns,
        a,
        b,
        c,
        start,
        epilogue,
        ahead: Ahead::NONE,
    };
    // SAFETY: the lengths were checked above; `y` is borrowed alone.
    level.dispatch(unsafe { job.vouched::<false>() });
    Ok(())
}

/// The length of the scratch of [`backward_input_into`]: a panel of transposed
/// weights, at most 8192 elements and never more than the weights.
///
/// ```
/// use kernlet::kernels::dense::{Dense, backward_input_scratch_len};
/// assert_eq!(backward_input_scratch_len(&Dense::new(9216, 128)), 8192);
/// assert_eq!(backward_input_scratch_len(&Dense::new(20, 10)), 200);
/// ```
pub const fn backward_input_scratch_len(dense: &Dense) -> usize {
    conv2d::backward_input_scratch_len(&dense.as_conv())
}

/// `dx = dy · wᵀ`: overwrites the gradient of the input.
///
/// `scratch` may hold anything and has [`backward_input_scratch_len`] elements.
///
/// # Errors
/// If a slice has the wrong length; nothing is written then.
///
/// # Numerics
/// Each gradient starts at 0 and adds its terms in ascending order of outputs.
///
/// ```
/// use kernlet::{kernels::dense::{self, Dense}, simd::Level};
/// let (mut dx, mut scratch) = ([f32::NAN; 3], [f32::NAN; 6]);
/// let w = [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]; // [3][2]
/// dense::backward_input_into(Level::detect(), &Dense::new(3, 2), 1, &w, &[1.0, 10.0], &mut dx, &mut scratch)?;
/// assert_eq!(dx, [41.0, 52.0, 63.0]);
/// # Ok::<(), kernlet::kernels::ShapeError>(())
/// ```
pub fn backward_input_into(
    level: Level,
    dense: &Dense,
    batch: usize,
    w: &[f32],
    dy: &[f32],
    dx: &mut [f32],
    scratch: &mut [f32],
) -> Result<(), ShapeError> {
    dense.validate()?;
    check(NAME, "w", w, dense.w_len())?;
    check_batch(NAME, "dy", dy, batch, dense.outputs)?;
    check_batch(NAME, "dx", dx, batch, dense.inputs)?;
    check(NAME, "scratch", scratch, backward_input_scratch_len(dense))?;
    if dense.inputs == 0 {
        return Ok(());
    }
    if dense.outputs == 0 {
        dx.fill(0.0);
        return Ok(());
    }
    let conv = &dense.as_conv();
    conv2d::input_gradient(
        level,
        conv2d::Adjoint { conv, batch, w, dy, bias: None, epilogue: Epilogue::None, dx, scratch },
    );
    Ok(())
}

/// `dw += xᵀ · dy`: adds to some rows of the gradient of the weights.
///
/// `rows` are rows of the matrix `[inputs][outputs]`, and `dw_rows` holds these rows alone.
///
/// # Errors
/// If `rows` are not inside the matrix or a slice has the wrong length; nothing is written then.
///
/// # Numerics
/// Each gradient continues from `dw_rows` and adds its terms in ascending order of the batch.
///
/// ```
/// use kernlet::{kernels::dense::{self, Dense}, simd::Level};
/// let mut dw = [1.0; 6];
/// dense::backward_weight_acc(Level::detect(), &Dense::new(3, 2), 1, &[1.0, 2.0, 3.0], &[1.0, 10.0], 0..3, &mut dw)?;
/// assert_eq!(dw, [2.0, 11.0, 3.0, 21.0, 4.0, 31.0]);
/// # Ok::<(), kernlet::kernels::ShapeError>(())
/// ```
pub fn backward_weight_acc(
    level: Level,
    dense: &Dense,
    batch: usize,
    x: &[f32],
    dy: &[f32],
    rows: Range<usize>,
    dw_rows: &mut [f32],
) -> Result<(), ShapeError> {
    weight_gradient(level, dense, batch, x, dy, rows, dw_rows, Start::Continue)
}

/// `dw = xᵀ · dy`: overwrites some rows of the gradient of the weights.
///
/// The same as [`backward_weight_acc`] on zeros, without reading what `dw_rows` holds.
///
/// # Errors
/// If `rows` are not inside the matrix or a slice has the wrong length; nothing is written then.
///
/// # Numerics
/// Each gradient starts at 0 and adds its terms in ascending order of the batch.
///
/// ```
/// use kernlet::{kernels::dense::{self, Dense}, simd::Level};
/// let mut dw = [f32::NAN; 6];
/// dense::backward_weight_into(Level::detect(), &Dense::new(3, 2), 1, &[1.0, 2.0, 3.0], &[1.0, 10.0], 0..3, &mut dw)?;
/// assert_eq!(dw, [1.0, 10.0, 2.0, 20.0, 3.0, 30.0]);
/// # Ok::<(), kernlet::kernels::ShapeError>(())
/// ```
pub fn backward_weight_into(
    level: Level,
    dense: &Dense,
    batch: usize,
    x: &[f32],
    dy: &[f32],
    rows: Range<usize>,
    dw_rows: &mut [f32],
) -> Result<(), ShapeError> {
    weight_gradient(level, dense, batch, x, dy, rows, dw_rows, Start::Zero)
}

fn weight_gradient(
    level: Level,
    dense: &Dense,
    batch: usize,
    x: &[f32],
    dy: &[f32],
    rows: Range<usize>,
    dw_rows: &mut [f32],
    start: Start,
) -> Result<(), ShapeError> {
    dense.validate()?;
    check_batch(NAME, "x", x, batch, dense.inputs)?;
    check_batch(NAME, "dy", dy, batch, dense.outputs)?;
    if rows.end > dense.inputs || rows.start > rows.end {
        return Err(ShapeError::at_most(NAME, "rows", dense.inputs, rows.end.max(rows.start)));
    }
    let count = rows.end - rows.start;
    check(NAME, "dw_rows", dw_rows, count * dense.outputs)?;
    let job = Contraction {
        rows: Nest::line(Axis::new(count, 1, dense.outputs as isize)),
        first_row: 0,
        row_count: count,
        terms: Nest::line(Axis::new(batch, dense.inputs as isize, dense.outputs as isize)),
        columns: dense.outputs,
        a: x.as_ptr().wrapping_add(rows.start),
        b: dy.as_ptr(),
        c: dw_rows.as_mut_ptr(),
        start,
        epilogue: Epilogue::None,
        ahead: Ahead::NONE,
    };
    // SAFETY: the lengths and rows were checked above; `dw_rows` is borrowed alone.
    unsafe {
        if HAS_VECTORS && batch >= PACKED_TERMS / 8 && dense.inputs >= 512 {
            packed(level, &job, batch);
        } else {
            level.dispatch(job.vouched::<false>());
        }
    }
    Ok(())
}

/// Rows of a packed panel: a multiple of every tile's height and of every vector's length.
const PACKED_ROWS: usize = 48;

/// Terms of a packed panel: 24 KiB with its rows.
const PACKED_TERMS: usize = 128;

/// Runs the weight gradient with `A` copied panel by panel.
///
/// Its terms are whole inputs apart, for large layers always in the same sets of the cache, which then holds a few of them
/// only; in a panel they stand side by side.
///
/// # Safety
/// As for [`Contraction::vouched`]; one axis of rows one element apart in `A`, one of `terms`.
unsafe fn packed(level: Level, job: &Contraction, terms: usize) {
    let mut panel = Panel([0.0; PACKED_ROWS * PACKED_TERMS]);
    let (stride, outputs) = (job.terms.0[2].a as usize, job.terms.0[2].other);
    let mut term = 0;
    while term < terms {
        let count = PACKED_TERMS.min(terms - term);
        let mut row = 0;
        while row < job.row_count {
            let rows = PACKED_ROWS.min(job.row_count - row);
            let from = job.a.wrapping_add(term * stride + row);
            let to = panel.0.as_mut_ptr();
            let part = Contraction {
                rows: Nest::line(Axis::new(rows, 1, outputs)),
                row_count: rows,
                terms: Nest::line(Axis::new(count, PACKED_ROWS as isize, outputs)),
                a: to.cast_const(),
                b: job.b.wrapping_offset(term as isize * outputs),
                c: job.c.wrapping_offset(row as isize * outputs),
                start: if term == 0 { job.start } else { Start::Continue },
                ..*job
            };
            // SAFETY: a part of the job, whose maker vouches for all of it, and at most a panel.
            unsafe {
                level.dispatch(CopyRows { from, stride, rows: count, columns: rows, to }.vouched());
                level.dispatch(part.vouched::<false>());
            }
            row += rows;
        }
        term += count;
    }
}

/// A panel at a cache line.
#[repr(align(64))]
struct Panel([f32; PACKED_ROWS * PACKED_TERMS]);

/// Rows to copy into a panel.
struct CopyRows {
    from: *const f32,
    stride: usize,
    rows: usize,
    columns: usize,
    to: *mut f32,
}

impl CopyRows {
    /// The copy as a kernel.
    ///
    /// # Safety
    /// The rows of `from` are valid for reading `columns` elements, `to` for writing rows of a panel.
    unsafe fn vouched(self) -> VouchedCopy {
        VouchedCopy(self)
    }
}

/// A [`CopyRows`] whose maker vouches for its pointers.
struct VouchedCopy(CopyRows);

impl Kernel for VouchedCopy {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let CopyRows { from, stride, rows, columns, to } = self.0;
        for row in 0..rows {
            let (from, to) = (from.wrapping_add(row * stride), to.wrapping_add(row * PACKED_ROWS));
            let mut column = 0;
            while column < columns {
                let len = S::LANES.min(columns - column);
                let (from, to) = (from.wrapping_add(column), to.wrapping_add(column));
                // SAFETY: `len` elements are left of both rows.
                unsafe {
                    if len == S::LANES {
                        s.store_ptr(s.load_ptr(from), to);
                    } else {
                        s.store_ptr_first(s.load_ptr_first(from, len), to, len);
                    }
                }
                column += len;
            }
        }
    }
}

/// `db += Σ_n dy[n]`: adds to the gradient of the bias.
///
/// # Errors
/// If a slice has the wrong length; nothing is written then.
///
/// # Numerics
/// Each gradient continues from `db` and adds its terms in ascending order of the batch.
///
/// ```
/// use kernlet::{kernels::dense::{self, Dense}, simd::Level};
/// let mut db = [1.0, 1.0];
/// dense::backward_bias_acc(Level::detect(), &Dense::new(3, 2), 2, &[1.0, 2.0, 3.0, 4.0], &mut db)?;
/// assert_eq!(db, [5.0, 7.0]);
/// # Ok::<(), kernlet::kernels::ShapeError>(())
/// ```
pub fn backward_bias_acc(
    level: Level,
    dense: &Dense,
    batch: usize,
    dy: &[f32],
    db: &mut [f32],
) -> Result<(), ShapeError> {
    check_batch(NAME, "dy", dy, batch, dense.outputs)?;
    check(NAME, "db", db, dense.outputs)?;
    conv2d::sum_rows(level, dy, db);
    Ok(())
}
