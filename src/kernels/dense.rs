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
//! Every output is one chain. `y` starts at the bias and adds its terms in
//! ascending `i`; `dx` starts at 0, ascending `o`; `dw` and `db` continue, ascending `n`.
#![allow(unsafe_code)]

use core::ops::Range;

use super::{
    ShapeError, check, check_batch,
    convolution::{self, Adjoint, Window},
    tile::{Ahead, Axis, Contraction, Nest, PACKED_TERMS, Product, Start, packed, sum_rows},
};
use crate::simd::{HAS_VECTORS, Level};

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

    /// The length of `x` per sample.
    ///
    /// ```
    /// assert_eq!(kernlet::kernels::dense::Dense::new(3, 4).x_len(), 3);
    /// ```
    pub const fn x_len(&self) -> usize {
        self.inputs
    }

    /// The length of `y` per sample.
    ///
    /// ```
    /// assert_eq!(kernlet::kernels::dense::Dense::new(3, 4).y_len(), 4);
    /// ```
    pub const fn y_len(&self) -> usize {
        self.outputs
    }

    /// The length of `w`.
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
    const fn window(&self) -> Window {
        Window::pixel(self.inputs, self.outputs)
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
    convolution::panel_len(&dense.window())
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
    let of = Adjoint { conv: &dense.window(), batch, w, dy, bias: None, epilogue: Epilogue::None, dx, scratch };
    convolution::input_gradient(level, of);
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
    weight_gradient(level, dense, Gradient { batch, x, dy, start: Start::Continue }, rows, dw_rows)
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
    weight_gradient(level, dense, Gradient { batch, x, dy, start: Start::Zero }, rows, dw_rows)
}

/// What the gradient of the weights reads, and what its chains start from.
struct Gradient<'a> {
    batch: usize,
    x: &'a [f32],
    dy: &'a [f32],
    start: Start,
}

fn weight_gradient(
    level: Level,
    dense: &Dense,
    of: Gradient<'_>,
    rows: Range<usize>,
    dw_rows: &mut [f32],
) -> Result<(), ShapeError> {
    let Gradient { batch, x, dy, start } = of;
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
    sum_rows(level, dy, db);
    Ok(())
}
