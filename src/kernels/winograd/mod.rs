//! Convolution of 3 × 3 with fewer multiplications: Winograd's F(4×4, 3×3) and F(2×2, 3×3).
//!
//! A direct convolution multiplies nine times for each output and input channel. Here the image is
//! cut into tiles of `m × m` outputs, each tile and the weights are transformed, and what is
//! multiplied is one product of matrices for each of `(m + 2)²` places, so that an output costs
//! `((m + 2) / m)²` multiplications: 2.25 for `m = 4`, 4 for `m = 2`.
//!
//! # Formula
//!
//! With `d` the input under a tile, 0 in the padding and outside the image (Lavin and Gray, Fast
//! Algorithms for Convolutional Neural Networks, 2015, equations 8 and 11):
//!
//! ```text
//! V = Bᵀ d B      U = G w Gᵀ      M[place][co] = Σ_ci V[place][ci] · U[place][ci][co]      y = Aᵀ M A + b
//! ```
//!
//! and for the gradient of the input the same backwards, tiles that overlap being added:
//!
//! ```text
//! V = A dy Aᵀ      M[place][ci] = Σ_co V[place][co] · U[place][ci][co]      dx += B M Bᵀ
//! ```
//!
//! The matrices are Toom and Cook's for the points 0, 1, −1, ½, −2 and ∞ (`m = 4`), which give a third less
//! error than 0, ±1, ±2 and ∞, and 0, 1, −1 and ∞ (`m = 2`).
//!
//! # Numerics
//!
//! **These are other bits than the direct form's**, so the algorithm is a property of a network and never
//! chosen for it; but they are the same bits at every level of a rounding, for any block and number of
//! threads. The order is that of the twin, [`reference::winograd`](super::reference::winograd): the
//! transforms along the columns first, each in the steps written there; `M` from 0, terms in ascending
//! order; then the bias and the epilogue. `dx` starts at 0 and adds its tiles in ascending order.
//!
//! Errors against exact arithmetic, relative to the direct form's, for values from −1 to 1, measured by
//! `tests/winograd.rs` (root mean square, largest):
//!
//! | channels | F(4×4), forward | F(4×4), input gradient | F(2×2), forward | F(2×2), input gradient |
//! |---|---|---|---|---|
//! | 32 | 2.9, 2.7 | 2.9, 2.5 | 0.66, 0.40 | 0.68, 0.45 |
//! | 64 | 2.6, 2.6 | 2.6, 1.9 | 0.64, 0.39 | 0.63, 0.36 |
//! | 128 | 2.6, 2.4 | 2.6, 2.1 | 0.64, 0.38 | 0.61, 0.34 |
//!
//! F(2×2)'s are smaller than the direct form's: its chains are a ninth as long, and its transforms almost exact.
//!
//! An infinity or NaN in the input makes NaN of its whole tile.
//!
//! # Where it pays
//!
//! Multiply-adds of the direct form for each that the machine could do (Zen 4, AVX-512, fused, one core; in turn):
//!
//! | channels, image, batch | direct | F(4×4) | F(2×2) |
//! |---|---|---|---|
//! | 32→64, 26 × 26, 128: forward, input gradient | 0.92, 0.82 | 2.5, 2.2 | 1.4, 1.3 |
//! | the same, 1 | 0.96, 0.90 | 2.4, 2.3 | 1.6, 1.5 |
//! | 64→64, 16 × 16, 32 | 0.90, 0.81 | 2.6, 2.4 | 1.6, 1.5 |
//! | 64→64, 8 × 8, 32 | 0.89, 0.82 | 2.1, 2.0 | 1.5, 1.3 |
//! | 128→128, 12 × 12, 16 | 0.90, 0.81 | 2.2, 2.0 | 1.6, 1.6 |
//! | 16→16, 32 × 32, 32 | 0.91, 0.91 | 1.3, 1.2 | 0.85, 0.74 |
//!
//! # When not to use it
//!
//! - For the input gradient where few of the output's gradients are not zero, as below a max pooling with dropout: the
//!   direct form passes over zeros, this one does not. At 32→64 and 26 × 26 the direct input gradient is faster
//!   where fewer than 15 % are not zero (7 %: 1.4 times). The forward pass is faster by tiles even then: 2.1 against 1.4 at
//!   10 %, 1.8 at 7 %.
//! - Under 16 channels in or out: with 16 it is 1.2 to 1.3 times the direct form's peak, and the transforms weigh the
//!   more the fewer channels there are (not measured below 16).
//! - Where an image is much smaller than its tiles: 5 × 5 outputs are computed as 8 × 8 with `m = 4`.
//! - Where memory is short: transformed weights are 4 times the weights (1.8 times with `m = 2`).
//!
//! The gradient of the weights stays the direct form's: summed in transformed places it could not be
//! continued from one piece of a batch to the next without other bits.
#![allow(unsafe_code)]

mod forms;
mod tiles;
mod weights;

use core::ops::Range;

pub use super::epilogue::{Epilogue, Forward};
use super::{
    ShapeError, check, check_batch,
    conv2d::Conv2d,
    div, div_ceil, rem,
    tile::{Ahead, Axis, Contraction, Nest, Start},
};
use crate::simd::Level;
use forms::{F2, F4, Form};
use tiles::{Gather, Grid, Scatter};
use weights::{Transform, Transpose};

const NAME: &str = "winograd";

/// How many outputs a tile has.
///
/// ```
/// use kernlet::kernels::winograd::Tile;
/// assert_eq!((Tile::F4.outputs(), Tile::F4.places()), (4, 36));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Tile {
    /// F(2×2, 3×3): tiles of 2 × 2 outputs. Four multiplications for each, about the direct form's errors.
    F2,
    /// F(4×4, 3×3): tiles of 4 × 4 outputs. 2.25 multiplications for each.
    #[default]
    F4,
}

impl Tile {
    /// Rows and columns of outputs.
    ///
    /// ```
    /// assert_eq!(kernlet::kernels::winograd::Tile::F2.outputs(), 2);
    /// ```
    pub const fn outputs(self) -> usize {
        match self {
            Self::F2 => 2,
            Self::F4 => 4,
        }
    }

    /// Places of a transformed tile: `(outputs + 2)²`.
    ///
    /// ```
    /// assert_eq!(kernlet::kernels::winograd::Tile::F2.places(), 16);
    /// ```
    pub const fn places(self) -> usize {
        (self.outputs() + 2) * (self.outputs() + 2)
    }
}

/// A convolution that is computed tile by tile.
///
/// ```
/// use kernlet::{kernels::{conv2d::Conv2d, winograd::Winograd}, shape::Padding};
/// const CONV: Winograd = Winograd::new(Conv2d::new(26, 26, 32, 64, [3, 3]));
/// const { assert!(CONV.validate().is_ok()) };
/// assert_eq!(CONV.tiles(), 6 * 6);
/// let error = Winograd::new(Conv2d::new(26, 26, 32, 64, [5, 5])).validate().unwrap_err();
/// assert_eq!(error.to_string(), "winograd: kernel rows: expected 3, found 5");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct Winograd {
    /// The convolution: 3 × 3, stride 1, dilation 1, one group, any padding.
    pub conv: Conv2d,
    /// The form of its tiles.
    pub tile: Tile,
    /// How many tiles are worked through at a time: scratch grows with it, no bit depends on it.
    pub block: usize,
}

/// Tiles at a time: a multiple of the rows of every register tile.
const BLOCK: usize = 24;

/// Elements of a cache line.
const LINE: usize = 16;

/// The distance between places: so many elements, and an odd number of cache lines, so that the
/// places of one tile do not fall into the same sets of the cache.
const fn place_stride(len: usize) -> usize {
    (len.div_ceil(LINE) | 1) * LINE
}

impl Winograd {
    /// With F(4×4, 3×3), 24 tiles at a time.
    ///
    /// ```
    /// use kernlet::kernels::{conv2d::Conv2d, winograd::{Tile, Winograd}};
    /// assert_eq!(Winograd::new(Conv2d::new(8, 8, 16, 16, [3, 3])).tile, Tile::F4);
    /// ```
    pub const fn new(conv: Conv2d) -> Self {
        Self { conv, tile: Tile::F4, block: BLOCK }
    }

    /// The same with another form of tiles.
    ///
    /// ```
    /// use kernlet::kernels::{conv2d::Conv2d, winograd::{Tile, Winograd}};
    /// assert_eq!(Winograd::new(Conv2d::new(8, 8, 16, 16, [3, 3])).with_tile(Tile::F2).tiles(), 9);
    /// ```
    pub const fn with_tile(self, tile: Tile) -> Self {
        Self { tile, ..self }
    }

    /// The same with another number of tiles at a time, at least 1: fewer where memory is short.
    ///
    /// ```
    /// use kernlet::kernels::{conv2d::Conv2d, winograd::{Winograd, forward_scratch_len}};
    /// let conv = Winograd::new(Conv2d::new(8, 8, 16, 16, [3, 3]));
    /// assert!(forward_scratch_len(&conv.with_block(4)) < forward_scratch_len(&conv));
    /// ```
    pub const fn with_block(self, block: usize) -> Self {
        Self { block, ..self }
    }

    /// Whether there is such a form of the convolution: a valid one of 3 × 3, stride 1, dilation 1
    /// and one group, at least one tile at a time, and no length that overflows.
    ///
    /// # Errors
    /// The first size that is wrong.
    ///
    /// ```
    /// use kernlet::kernels::{conv2d::Conv2d, winograd::Winograd};
    /// let conv = Conv2d::new(8, 8, 16, 16, [3, 3]);
    /// assert!(Winograd::new(conv).validate().is_ok());
    /// let error = Winograd::new(conv.with_stride([2, 2])).validate().unwrap_err();
    /// assert_eq!(error.to_string(), "winograd: stride of rows: expected 1, found 2");
    /// ```
    pub const fn validate(&self) -> Result<(), ShapeError> {
        const MOST: usize = isize::MAX as usize / size_of::<f32>() / 64;
        let conv = &self.conv;
        if let Err(error) = conv.validate() {
            return Err(error);
        }
        let asked = [
            ("kernel rows", 3, conv.kernel[0]),
            ("kernel columns", 3, conv.kernel[1]),
            ("stride of rows", 1, conv.stride[0]),
            ("stride of columns", 1, conv.stride[1]),
            ("dilation of rows", 1, conv.dilation[0]),
            ("dilation of columns", 1, conv.dilation[1]),
            ("groups", 1, conv.groups),
        ];
        let mut i = 0;
        while i < asked.len() {
            let (argument, expected, found) = asked[i];
            if expected != found {
                return Err(ShapeError::new(NAME, argument, expected, found));
            }
            i += 1;
        }
        if self.block == 0 {
            return Err(ShapeError::at_least(NAME, "block", 1, 0));
        }
        let channels = if conv.in_channels > conv.out_channels { conv.in_channels } else { conv.out_channels };
        match (self.block.checked_mul(channels), conv.in_channels.checked_mul(conv.out_channels)) {
            (Some(tiles), Some(weights)) if tiles <= MOST / 4 && weights <= MOST / 4 => Ok(()),
            _ => Err(ShapeError::at_most(NAME, "block · channels", MOST / 4, usize::MAX)),
        }
    }

    /// Tiles of an image.
    ///
    /// ```
    /// use kernlet::kernels::{conv2d::Conv2d, winograd::Winograd};
    /// assert_eq!(Winograd::new(Conv2d::new(9, 9, 16, 16, [3, 3])).tiles(), 4);
    /// ```
    pub const fn tiles(&self) -> usize {
        let size = self.tile.outputs();
        self.conv.out_height().div_ceil(size) * self.conv.out_width().div_ceil(size)
    }

    /// The length of the transformed weights.
    ///
    /// ```
    /// use kernlet::kernels::{conv2d::Conv2d, winograd::Winograd};
    /// let conv = Winograd::new(Conv2d::new(26, 26, 32, 64, [3, 3]));
    /// assert_eq!(conv.packed_len(), 36 * (32 * 64 + 16));
    /// ```
    pub const fn packed_len(&self) -> usize {
        self.tile.places() * place_stride(self.conv.in_channels.saturating_mul(self.conv.out_channels))
    }

    /// The length of a block's transformed tiles on both sides, and of what aligns them.
    const fn tiles_len(&self) -> usize {
        let (ci, co) = (self.conv.in_channels, self.conv.out_channels);
        let places = self.tile.places();
        places * (place_stride(self.block.saturating_mul(ci)) + place_stride(self.block.saturating_mul(co))) + LINE
    }

    fn grid(&self, batch: usize) -> Grid {
        let conv = &self.conv;
        let size = self.tile.outputs();
        Grid {
            input: [conv.height, conv.width, conv.in_channels],
            output: [conv.out_height(), conv.out_width(), conv.out_channels],
            before: [conv.padding[0], conv.padding[2]],
            tiles: [div_ceil(conv.out_height(), size), div_ceil(conv.out_width(), size)],
            count: batch * self.tiles(),
        }
    }
}

/// The length of the scratch of [`forward_into`]: the transformed weights and a block of tiles.
///
/// ```
/// use kernlet::kernels::{conv2d::Conv2d, winograd::{Winograd, forward_packed_scratch_len, forward_scratch_len}};
/// let conv = Winograd::new(Conv2d::new(26, 26, 32, 64, [3, 3]));
/// assert_eq!(forward_scratch_len(&conv), conv.packed_len() + forward_packed_scratch_len(&conv));
/// ```
pub const fn forward_scratch_len(conv: &Winograd) -> usize {
    conv.packed_len() + conv.tiles_len()
}

/// The length of the scratch of [`forward_packed_into`] and [`backward_input_packed_into`]: a block of tiles.
///
/// ```
/// use kernlet::kernels::{conv2d::Conv2d, winograd::{Winograd, forward_packed_scratch_len}};
/// let conv = Winograd::new(Conv2d::new(26, 26, 32, 64, [3, 3])).with_block(12);
/// assert_eq!(forward_packed_scratch_len(&conv), 36 * (12 * 32 + 16 + 12 * 64 + 16) + 16);
/// ```
pub const fn forward_packed_scratch_len(conv: &Winograd) -> usize {
    conv.tiles_len()
}

/// The length of the scratch of [`backward_input_into`]: the transformed weights, and a block of tiles or
/// the transposed weights, whichever is longer.
///
/// ```
/// use kernlet::kernels::{conv2d::Conv2d, winograd::{Winograd, backward_input_scratch_len, forward_scratch_len}};
/// let conv = Winograd::new(Conv2d::new(26, 26, 32, 64, [3, 3]));
/// assert_eq!(backward_input_scratch_len(&conv), forward_scratch_len(&conv));
/// ```
pub const fn backward_input_scratch_len(conv: &Winograd) -> usize {
    let (tiles, weights) = (conv.tiles_len(), conv.conv.w_len());
    conv.packed_len() + if tiles > weights { tiles } else { weights }
}

/// Transforms the weights for [`forward_packed_into`], once for as many calls as use them.
///
/// # Errors
/// If the descriptor is not valid or a slice has the wrong length; nothing is written then.
///
/// ```
/// use kernlet::{kernels::{conv2d::Conv2d, winograd::{Winograd, pack_weights_into}}, simd::Level};
/// let conv = Winograd::new(Conv2d::new(4, 4, 1, 1, [3, 3]));
/// let mut packed = vec![0.0; conv.packed_len()];
/// pack_weights_into(Level::detect(), &conv, &[1.0; 9], &mut packed)?;
/// assert_eq!(packed[0], 1.0); // the first place is the first weight
/// # Ok::<(), kernlet::kernels::ShapeError>(())
/// ```
pub fn pack_weights_into(level: Level, conv: &Winograd, w: &[f32], packed: &mut [f32]) -> Result<(), ShapeError> {
    conv.validate()?;
    check(NAME, "w", w, conv.conv.w_len())?;
    check(NAME, "packed", packed, conv.packed_len())?;
    pack(level, conv.tile, [conv.conv.in_channels, conv.conv.out_channels], w, packed);
    Ok(())
}

/// Transforms and transposes the weights for [`backward_input_packed_into`].
///
/// `scratch` may hold anything and is as long as `w`.
///
/// # Errors
/// If the descriptor is not valid or a slice has the wrong length; nothing is written then.
///
/// ```
/// use kernlet::{kernels::{conv2d::Conv2d, winograd::{Winograd, pack_transposed_weights_into}}, simd::Level};
/// let conv = Winograd::new(Conv2d::new(4, 4, 1, 1, [3, 3]));
/// let mut packed = vec![0.0; conv.packed_len()];
/// pack_transposed_weights_into(Level::detect(), &conv, &[1.0; 9], &mut packed, &mut [0.0; 9])?;
/// assert_eq!(packed[0], 1.0);
/// # Ok::<(), kernlet::kernels::ShapeError>(())
/// ```
pub fn pack_transposed_weights_into(
    level: Level,
    conv: &Winograd,
    w: &[f32],
    packed: &mut [f32],
    scratch: &mut [f32],
) -> Result<(), ShapeError> {
    conv.validate()?;
    check(NAME, "w", w, conv.conv.w_len())?;
    check(NAME, "packed", packed, conv.packed_len())?;
    check(NAME, "scratch", scratch, conv.conv.w_len())?;
    pack_transposed(level, conv, w, packed, scratch);
    Ok(())
}

fn pack(level: Level, tile: Tile, channels: [usize; 2], w: &[f32], packed: &mut [f32]) {
    match tile {
        Tile::F2 => level.dispatch(Transform::<F2>::new(channels, w, packed)),
        Tile::F4 => level.dispatch(Transform::<F4>::new(channels, w, packed)),
    }
}

fn pack_transposed(level: Level, conv: &Winograd, w: &[f32], packed: &mut [f32], scratch: &mut [f32]) {
    let [ci, co] = [conv.conv.in_channels, conv.conv.out_channels];
    level.dispatch(Transpose { rows: ci, columns: co, w, to: &mut *scratch });
    pack(level, conv.tile, [co, ci], scratch, packed);
}

/// `y = x ⋆ w + b`, then the epilogue.
///
/// `scratch` may hold anything and has [`forward_scratch_len`] elements.
///
/// # Errors
/// If the descriptor is not valid or a slice has the wrong length; nothing is written then.
///
/// # Numerics
/// See the module.
///
/// ```
/// use kernlet::{
///     kernels::{conv2d::{self, Conv2d}, winograd::{self, Epilogue, Forward, Winograd}},
///     simd::Level,
/// };
/// let (level, direct) = (Level::detect(), Conv2d::new(6, 6, 1, 1, [3, 3]));
/// let x: Vec<f32> = (0..36).map(|i| i as f32).collect();
/// let operands = Forward { x: &x, w: &[1.0; 9], b: Some(&[0.5]), epilogue: Epilogue::Relu };
/// let (mut y, mut expected) = ([f32::NAN; 16], [f32::NAN; 16]);
/// let conv = Winograd::new(direct);
/// let mut scratch = vec![0.0; winograd::forward_scratch_len(&conv)];
/// winograd::forward_into(level, &conv, 1, operands, &mut y, &mut scratch)?;
/// conv2d::forward_into(level, &direct, 1, operands, &mut expected)?;
/// for (y, expected) in y.iter().zip(&expected) {
///     assert!((y - expected).abs() < 1e-3); // of numbers up to 254
/// }
/// # Ok::<(), kernlet::kernels::ShapeError>(())
/// ```
pub fn forward_into(
    level: Level,
    conv: &Winograd,
    batch: usize,
    operands: Forward<'_>,
    y: &mut [f32],
    scratch: &mut [f32],
) -> Result<(), ShapeError> {
    check_forward(conv, batch, &operands, y)?;
    check(NAME, "w", operands.w, conv.conv.w_len())?;
    check(NAME, "scratch", scratch, forward_scratch_len(conv))?;
    let Some((packed, scratch)) = scratch.split_at_mut_checked(conv.packed_len()) else { return Ok(()) };
    pack(level, conv.tile, [conv.conv.in_channels, conv.conv.out_channels], operands.w, packed);
    forward(level, conv, batch, Forward { w: packed, ..operands }, y, scratch);
    Ok(())
}

/// [`forward_into`] with weights that [`pack_weights_into`] has transformed.
///
/// `scratch` may hold anything and has [`forward_packed_scratch_len`] elements.
///
/// # Errors
/// If the descriptor is not valid or a slice has the wrong length; nothing is written then.
///
/// ```
/// use kernlet::{
///     kernels::{conv2d::Conv2d, winograd::{self, Epilogue, Forward, Winograd}},
///     simd::Level,
/// };
/// let (level, conv) = (Level::detect(), Winograd::new(Conv2d::new(6, 6, 1, 1, [3, 3])));
/// let mut packed = vec![0.0; conv.packed_len()];
/// winograd::pack_weights_into(level, &conv, &[1.0; 9], &mut packed)?;
/// let mut scratch = vec![0.0; winograd::forward_packed_scratch_len(&conv)];
/// for x in [[1.0; 36], [2.0; 36]] {
///     let mut y = [f32::NAN; 16];
///     let operands = Forward { x: &x, w: &packed, b: None, epilogue: Epilogue::None };
///     winograd::forward_packed_into(level, &conv, 1, operands, &mut y, &mut scratch)?;
///     assert!((y[0] - 9.0 * x[0]).abs() < 1e-5);
/// }
/// # Ok::<(), kernlet::kernels::ShapeError>(())
/// ```
pub fn forward_packed_into(
    level: Level,
    conv: &Winograd,
    batch: usize,
    operands: Forward<'_>,
    y: &mut [f32],
    scratch: &mut [f32],
) -> Result<(), ShapeError> {
    check_forward(conv, batch, &operands, y)?;
    check(NAME, "packed w", operands.w, conv.packed_len())?;
    check(NAME, "scratch", scratch, forward_packed_scratch_len(conv))?;
    forward(level, conv, batch, operands, y, scratch);
    Ok(())
}

fn check_forward(conv: &Winograd, batch: usize, operands: &Forward<'_>, y: &[f32]) -> Result<(), ShapeError> {
    conv.validate()?;
    check_batch(NAME, "x", operands.x, batch, conv.conv.x_len())?;
    if let Some(b) = operands.b {
        check(NAME, "b", b, conv.conv.b_len())?;
    }
    check_batch(NAME, "y", y, batch, conv.conv.y_len())
}

/// `dx = ∂E/∂x`: overwrites the gradient of the input.
///
/// `scratch` may hold anything and has [`backward_input_scratch_len`] elements.
///
/// # Errors
/// If the descriptor is not valid or a slice has the wrong length; nothing is written then.
///
/// # Numerics
/// See the module. Where `dy` is mostly zeros, [`conv2d::backward_input_into`](super::conv2d::backward_input_into)
/// is faster.
///
/// ```
/// use kernlet::{kernels::{conv2d::Conv2d, winograd::{self, Winograd}}, simd::Level};
/// let conv = Winograd::new(Conv2d::new(3, 3, 1, 1, [3, 3]));
/// let (mut dx, mut scratch) = ([f32::NAN; 9], vec![0.0; winograd::backward_input_scratch_len(&conv)]);
/// let w = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0];
/// winograd::backward_input_into(Level::detect(), &conv, 1, &w, &[10.0], &mut dx, &mut scratch)?;
/// for (dx, w) in dx.iter().zip(&w) {
///     assert!((dx - 10.0 * w).abs() < 1e-3);
/// }
/// # Ok::<(), kernlet::kernels::ShapeError>(())
/// ```
pub fn backward_input_into(
    level: Level,
    conv: &Winograd,
    batch: usize,
    w: &[f32],
    dy: &[f32],
    dx: &mut [f32],
    scratch: &mut [f32],
) -> Result<(), ShapeError> {
    check_backward(conv, batch, dy, dx)?;
    check(NAME, "w", w, conv.conv.w_len())?;
    check(NAME, "scratch", scratch, backward_input_scratch_len(conv))?;
    let Some((packed, scratch)) = scratch.split_at_mut_checked(conv.packed_len()) else { return Ok(()) };
    let Some(transposed) = scratch.get_mut(..conv.conv.w_len()) else { return Ok(()) };
    pack_transposed(level, conv, w, packed, transposed);
    backward(level, conv, batch, packed, dy, dx, scratch);
    Ok(())
}

/// [`backward_input_into`] with weights that [`pack_transposed_weights_into`] has transformed.
///
/// `scratch` may hold anything and has [`forward_packed_scratch_len`] elements.
///
/// # Errors
/// If the descriptor is not valid or a slice has the wrong length; nothing is written then.
///
/// ```
/// use kernlet::{kernels::{conv2d::Conv2d, winograd::{self, Winograd}}, simd::Level};
/// let (level, conv) = (Level::detect(), Winograd::new(Conv2d::new(3, 3, 1, 1, [3, 3])));
/// let (mut packed, mut transposed) = (vec![0.0; conv.packed_len()], [0.0; 9]);
/// winograd::pack_transposed_weights_into(level, &conv, &[1.0; 9], &mut packed, &mut transposed)?;
/// let (mut dx, mut scratch) = ([f32::NAN; 9], vec![0.0; winograd::forward_packed_scratch_len(&conv)]);
/// winograd::backward_input_packed_into(level, &conv, 1, &packed, &[10.0], &mut dx, &mut scratch)?;
/// assert!((dx[4] - 10.0).abs() < 1e-4);
/// # Ok::<(), kernlet::kernels::ShapeError>(())
/// ```
pub fn backward_input_packed_into(
    level: Level,
    conv: &Winograd,
    batch: usize,
    packed: &[f32],
    dy: &[f32],
    dx: &mut [f32],
    scratch: &mut [f32],
) -> Result<(), ShapeError> {
    check_backward(conv, batch, dy, dx)?;
    check(NAME, "packed w", packed, conv.packed_len())?;
    check(NAME, "scratch", scratch, forward_packed_scratch_len(conv))?;
    backward(level, conv, batch, packed, dy, dx, scratch);
    Ok(())
}

fn check_backward(conv: &Winograd, batch: usize, dy: &[f32], dx: &[f32]) -> Result<(), ShapeError> {
    conv.validate()?;
    check_batch(NAME, "dy", dy, batch, conv.conv.y_len())?;
    check_batch(NAME, "dx", dx, batch, conv.conv.x_len())
}

/// The two sides of a block of tiles, each place's matrix `[tile][channel]` so far from the next.
struct Sides {
    from: *mut f32,
    to: *mut f32,
    stride: [usize; 2],
}

impl Sides {
    /// Both in `scratch`, which has `tiles_len` elements, from a cache line on.
    fn new(conv: &Winograd, channels: [usize; 2], scratch: &mut [f32]) -> Self {
        let stride = channels.map(|channels| place_stride(conv.block * channels));
        let bytes = LINE * size_of::<f32>();
        let start = scratch.as_mut_ptr();
        let skip = rem(bytes - rem(start.addr(), bytes), bytes) / size_of::<f32>();
        let from = start.wrapping_add(skip);
        Self { from, to: from.wrapping_add(conv.tile.places() * stride[0]), stride }
    }
}

/// The forward pass of checked operands, with transformed weights.
fn forward(level: Level, conv: &Winograd, batch: usize, of: Forward<'_>, y: &mut [f32], scratch: &mut [f32]) {
    match conv.tile {
        Tile::F2 => forward_by::<F2>(level, conv, batch, of, y, scratch),
        Tile::F4 => forward_by::<F4>(level, conv, batch, of, y, scratch),
    }
}

fn forward_by<F: Form>(
    level: Level,
    conv: &Winograd,
    batch: usize,
    of: Forward<'_>,
    y: &mut [f32],
    scratch: &mut [f32],
) {
    let channels = [conv.conv.in_channels, conv.conv.out_channels];
    let (grid, sides) = (conv.grid(batch), Sides::new(conv, channels, scratch));
    for block in blocks(grid.count, conv.block) {
        let after = block.end..(block.end + conv.block).min(grid.count);
        // SAFETY: lengths were checked at the door, the block is inside the grid and its sides inside the
        // scratch; what is written is borrowed alone.
        unsafe {
            level.dispatch(Gather::<F, false>::new(&grid, block.clone(), of.x, &sides).vouched());
            let next = [grid.lines_of(false, F::OUT, of.x, &after), grid.lines_of(true, F::OUT, y, &block)];
            multiply::<F>(level, channels, block.len(), of.w, &sides, next);
            level.dispatch(Scatter::<F, false>::new(&grid, block, &sides, of.b, of.epilogue, y).vouched());
        }
    }
}

/// The gradient of the input of checked operands, with transformed weights.
fn backward(
    level: Level,
    conv: &Winograd,
    batch: usize,
    packed: &[f32],
    dy: &[f32],
    dx: &mut [f32],
    scratch: &mut [f32],
) {
    dx.fill(0.0);
    match conv.tile {
        Tile::F2 => backward_by::<F2>(level, conv, batch, packed, dy, dx, scratch),
        Tile::F4 => backward_by::<F4>(level, conv, batch, packed, dy, dx, scratch),
    }
}

fn backward_by<F: Form>(
    level: Level,
    conv: &Winograd,
    batch: usize,
    packed: &[f32],
    dy: &[f32],
    dx: &mut [f32],
    scratch: &mut [f32],
) {
    let channels = [conv.conv.out_channels, conv.conv.in_channels];
    let (grid, sides) = (conv.grid(batch), Sides::new(conv, channels, scratch));
    for block in blocks(grid.count, conv.block) {
        let after = block.end..(block.end + conv.block).min(grid.count);
        // SAFETY: as in `forward_by`.
        unsafe {
            level.dispatch(Gather::<F, true>::new(&grid, block.clone(), dy, &sides).vouched());
            let next = [grid.lines_of(true, F::OUT, dy, &after), grid.lines_of(false, F::OUT, dx, &block)];
            multiply::<F>(level, channels, block.len(), packed, &sides, next);
            level.dispatch(Scatter::<F, true>::new(&grid, block, &sides, None, Epilogue::None, dx).vouched());
        }
    }
}

/// Consecutive ranges of `0..count`, each but the last with `block`.
fn blocks(count: usize, block: usize) -> impl Iterator<Item = Range<usize>> {
    (0..div_ceil(count, block)).map(move |i| i * block..(i * block + block).min(count))
}

/// The products of every place: `to[tile][out] = Σ_in from[tile][in] · packed[in][out]`. Meanwhile it asks for
/// what is read and written next.
///
/// # Safety
/// `packed` has a matrix of `channels` for every place of the form, `sides` have so many tiles of these channels.
unsafe fn multiply<F: Form>(
    level: Level,
    channels: [usize; 2],
    tiles: usize,
    packed: &[f32],
    sides: &Sides,
    next: [&[f32]; 2],
) {
    let [terms, columns] = channels;
    let places = F::IN * F::IN;
    for place in 0..places {
        let part = next.map(|next| {
            let len = next.len() / places;
            (next.as_ptr().wrapping_add(place * len), len)
        });
        let job = Contraction {
            rows: Nest::line(Axis::new(tiles, terms as isize, columns as isize)),
            first_row: 0,
            row_count: tiles,
            terms: Nest::line(Axis::new(terms, 1, columns as isize)),
            columns,
            a: sides.from.cast_const().wrapping_add(place * sides.stride[0]),
            b: packed.as_ptr().wrapping_add(place * place_stride(terms * columns)),
            c: sides.to.wrapping_add(place * sides.stride[1]),
            start: Start::Zero,
            epilogue: Epilogue::None,
            ahead: Ahead::over(div_ceil(tiles, 6), part),
        };
        // SAFETY: the caller vouches for the matrices.
        level.dispatch(unsafe { job.vouched::<false>() });
    }
}

/// The image, row and column of tile `tile`.
const fn place_of(tiles: [usize; 2], tile: usize) -> [usize; 3] {
    let column = rem(tile, tiles[1]);
    let row = div(tile, tiles[1]);
    [div(row, tiles[0]), rem(row, tiles[0]), column]
}
