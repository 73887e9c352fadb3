//! The dense (fully connected) layer of eight-bit integers.
//!
//! ```text
//! sum = b[o] + Σ_i (x[n][i] − zₓ) · w[o][i]
//! y[n][o] = clamp(rescale(sum, m[o]) + z_y)
//! ```
//!
//! `x` is `[n][inputs]`, `w` is `[outputs][inputs]`, `y` is `[n][outputs]`. Most files have one multiplier for
//! the layer, newer ones one for each output. The shape is that of the `f32` kernel, [`Dense`].

use super::{
    Filter, ShapeError, check_batch,
    product::{Layer, product},
    rows::Matrix,
};
use crate::{kernels::dense::Dense, simd::Level};

const NAME: &str = "int8 dense";

/// `y = x · wᵀ + b`, rescaled.
///
/// # Errors
/// If a slice has the wrong length; nothing is written then.
///
/// ```
/// use kernlet::kernels::{dense::Dense, int8::{Filter, Multiplier, Output, dense}};
/// use kernlet::simd::Level;
/// let w = [1, 2, 3, 4, 5, 6]; // [2][3]
/// let multipliers = [Multiplier::from_real(0.5)];
/// let filter = Filter::new(&w, &multipliers, Output::new(0)).with_input_zero_point(-1);
/// let mut y = [99; 2];
/// dense::forward_into(Level::detect(), &Dense::new(3, 2), 1, &[0, 1, 2], &filter, &mut y)?;
/// assert_eq!(y, [7, 16]); // 14 / 2 and 32 / 2
/// # Ok::<(), kernlet::kernels::ShapeError>(())
/// ```
pub fn forward_into(
    level: Level,
    dense: &Dense,
    batch: usize,
    x: &[i8],
    filter: &Filter<'_>,
    y: &mut [i8],
) -> Result<(), ShapeError> {
    dense.validate()?;
    check_batch(NAME, "x", x, batch, dense.inputs)?;
    filter.check(NAME, dense.w_len(), dense.outputs)?;
    check_batch(NAME, "y", y, batch, dense.outputs)?;
    let layer =
        Layer { filter, first_channel: 0, channels: dense.outputs, terms: dense.inputs, all_channels: dense.outputs };
    product(level, &layer, &Matrix { x, columns: dense.inputs }, batch, y);
    Ok(())
}
