//! Padding of images, forward and backward.
//!
//! `x` is `[n][height][width][channels]`, `y` is `[n][out_height][out_width][channels]`. What the padding holds is the
//! [`Fill`]:
//!
//! ```text
//! of a b c, two on each side:   Constant(z)  z z a b c z z      Edge     a a a b c c c
//!                               Reflect      c b a b c b a      Wrap     b c a b c a b
//! ```
//!
//! # Numerics
//!
//! Forward copies. Backward adds to each element of `dx`, from 0, the gradients of all its copies in ascending
//! (row, column) of the output; with a constant there is one, so that backward is a crop, and a crop is the
//! backward pass of a constant padding.

use super::{ShapeError, check_batch, map};
use crate::{
    shape::Padding,
    simd::{Kernel, Level, Simd},
};

const NAME: &str = "pad2d";

/// What the padding of [`Pad2d`] holds.
///
/// Keras' `ZeroPadding2D` and PyTorch's `ConstantPad2d`, `ReplicationPad2d`, `ReflectionPad2d` and
/// `CircularPad2d` have these.
///
/// ```
/// assert_eq!(kernlet::kernels::pad2d::Fill::default(), kernlet::kernels::pad2d::Fill::Constant(0.0));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Fill {
    /// A number.
    Constant(f32),
    /// The nearest element.
    Edge,
    /// The elements mirrored at the first and the last, which are not repeated.
    Reflect,
    /// The elements of the other side.
    Wrap,
}

impl Default for Fill {
    fn default() -> Self {
        Self::Constant(0.0)
    }
}

/// The shape of a padding of one image.
///
/// ```
/// use kernlet::{kernels::pad2d::{Fill, Pad2d}, shape::Padding};
/// const PAD: Pad2d = Pad2d::new(28, 28, 1, Padding::Explicit { top: 2, bottom: 2, left: 1, right: 0 });
/// assert_eq!((PAD.out_height(), PAD.out_width()), (32, 29));
/// assert!(PAD.with_fill(Fill::Reflect).validate().is_ok());
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct Pad2d {
    /// Rows of the input.
    pub height: usize,
    /// Columns of the input.
    pub width: usize,
    /// Channels of input and output.
    pub channels: usize,
    /// Rows above and below, columns on the left and right.
    pub padding: [usize; 4],
    /// What they hold.
    pub fill: Fill,
}

impl Pad2d {
    /// A padding with zeros. Without a window [`Padding::Same`] is nothing.
    pub const fn new(height: usize, width: usize, channels: usize, padding: Padding) -> Self {
        let padding = padding.resolve([height, width], [1; 2], [1; 2], [1; 2]);
        Self { height, width, channels, padding, fill: Fill::Constant(0.0) }
    }

    /// The same with something else in it.
    pub const fn with_fill(self, fill: Fill) -> Self {
        Self { fill, ..self }
    }

    /// Whether the descriptor describes a padding: sizes are at least 1, a reflection is smaller than the image, a
    /// wrap not larger, and no length overflows.
    ///
    /// # Errors
    /// The first size that is wrong.
    ///
    /// ```
    /// use kernlet::{kernels::pad2d::{Fill, Pad2d}, shape::Padding};
    /// let pad = Pad2d::new(3, 3, 1, Padding::Explicit { top: 0, bottom: 3, left: 0, right: 0 });
    /// let error = pad.with_fill(Fill::Reflect).validate().unwrap_err();
    /// assert_eq!(error.to_string(), "pad2d: padding: expected at most 2, found 3");
    /// ```
    pub const fn validate(&self) -> Result<(), ShapeError> {
        const MOST: usize = isize::MAX as usize / size_of::<f32>();
        let mut pixels = 1_usize;
        let mut out_pixels = 1_usize;
        let mut axis = 0;
        while axis < 2 {
            let size = [self.height, self.width][axis];
            if size < 1 {
                return Err(ShapeError::at_least(NAME, if axis == 0 { "height" } else { "width" }, 1, size));
            }
            let most = match self.fill {
                Fill::Reflect => size - 1,
                Fill::Wrap => size,
                _ => MOST,
            };
            let [before, after] = [self.padding[2 * axis], self.padding[2 * axis + 1]];
            let larger = if before > after { before } else { after };
            if larger > most {
                return Err(ShapeError::at_most(NAME, "padding", most, larger));
            }
            let padded = match size.checked_add(before + after) {
                Some(padded) => padded,
                None => return Err(ShapeError::at_most(NAME, "y", MOST, usize::MAX)),
            };
            (pixels, out_pixels) = match (pixels.checked_mul(size), out_pixels.checked_mul(padded)) {
                (Some(x), Some(y)) => (x, y),
                _ => return Err(ShapeError::at_most(NAME, "y", MOST, usize::MAX)),
            };
            axis += 1;
        }
        if self.channels < 1 {
            return Err(ShapeError::at_least(NAME, "channels", 1, 0));
        }
        match (pixels.checked_mul(self.channels), out_pixels.checked_mul(self.channels)) {
            (Some(_), Some(y)) if y <= MOST => Ok(()),
            _ => Err(ShapeError::at_most(NAME, "y", MOST, usize::MAX)),
        }
    }

    /// Rows of the output.
    pub const fn out_height(&self) -> usize {
        self.height + self.padding[0] + self.padding[1]
    }

    /// Columns of the output.
    pub const fn out_width(&self) -> usize {
        self.width + self.padding[2] + self.padding[3]
    }

    /// The length of `x` per image.
    ///
    /// ```
    /// use kernlet::{kernels::pad2d::Pad2d, shape::Padding};
    /// let pad = Pad2d::new(2, 3, 4, Padding::Explicit { top: 1, bottom: 0, left: 0, right: 0 });
    /// assert_eq!((pad.x_len(), pad.y_len()), (24, 36));
    /// ```
    pub const fn x_len(&self) -> usize {
        self.height * self.width * self.channels
    }

    /// The length of `y` per image.
    pub const fn y_len(&self) -> usize {
        self.out_height() * self.out_width() * self.channels
    }

    /// Where along an axis of the input the place `at` of the output has its element from.
    #[inline(always)]
    fn source(&self, axis: usize, at: usize) -> Option<usize> {
        let (size, before) = ([self.height, self.width][axis], self.padding[2 * axis]);
        let inside = at.wrapping_sub(before);
        if inside < size {
            return Some(inside);
        }
        match self.fill {
            Fill::Constant(_) => None,
            Fill::Edge => Some(if at < before { 0 } else { size - 1 }),
            Fill::Reflect => Some(if at < before { before - at } else { (2 * (size - 1)).saturating_sub(inside) }),
            Fill::Wrap => Some(if at < before { (size + at).saturating_sub(before) } else { inside - size }),
        }
    }

    /// Calls back with each output pixel of an image, in ascending order, and the input pixel that it copies.
    #[inline(always)]
    fn each(&self, mut each: impl FnMut(usize, Option<usize>)) {
        for row in 0..self.out_height() {
            let from = self.source(0, row);
            for column in 0..self.out_width() {
                let pixel = from.zip(self.source(1, column)).map(|(row, column)| row * self.width + column);
                each(row * self.out_width() + column, pixel);
            }
        }
    }
}

/// The part of pixel `pixel` with `channels` channels.
#[inline(always)]
fn at(pixel: usize, channels: usize) -> core::ops::Range<usize> {
    pixel * channels..(pixel + 1) * channels
}

/// Copies images into larger ones.
///
/// # Errors
/// [`ShapeError`] if the descriptor or a length is wrong; nothing is written then.
///
/// ```
/// use kernlet::{kernels::pad2d::{self, Fill, Pad2d}, shape::Padding};
/// let pad = Pad2d::new(1, 3, 1, Padding::Explicit { top: 0, bottom: 0, left: 2, right: 2 });
/// let mut y = [f32::NAN; 7];
/// pad2d::forward_into(&pad.with_fill(Fill::Reflect), 1, &[1.0, 2.0, 3.0], &mut y)?;
/// assert_eq!(y, [3.0, 2.0, 1.0, 2.0, 3.0, 2.0, 1.0]);
/// # Ok::<(), kernlet::kernels::ShapeError>(())
/// ```
pub fn forward_into(pad: &Pad2d, batch: usize, x: &[f32], y: &mut [f32]) -> Result<(), ShapeError> {
    pad.validate()?;
    check_batch(NAME, "x", x, batch, pad.x_len())?;
    check_batch(NAME, "y", y, batch, pad.y_len())?;
    let constant = if let Fill::Constant(constant) = pad.fill { constant } else { 0.0 };
    for (x, y) in x.chunks_exact(pad.x_len().max(1)).zip(y.chunks_exact_mut(pad.y_len().max(1))) {
        pad.each(|to, from| {
            let Some(y) = y.get_mut(at(to, pad.channels)) else { return };
            match from.and_then(|from| x.get(at(from, pad.channels))) {
                Some(x) => y.iter_mut().zip(x).for_each(|(y, &x)| *y = x),
                None => y.fill(constant),
            }
        });
    }
    Ok(())
}

map::functions! {
    Plus(s, a, b) = s.add(a, b);
}

struct Backward<'a> {
    pad: &'a Pad2d,
    dy: &'a [f32],
    dx: &'a mut [f32],
}

impl Kernel for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { pad, dy, dx } = self;
        dx.fill(0.0);
        for (dy, dx) in dy.chunks_exact(pad.y_len().max(1)).zip(dx.chunks_exact_mut(pad.x_len().max(1))) {
            for row in 0..pad.out_height() {
                let Some(to_row) = pad.source(0, row) else { continue };
                for column in 0..pad.out_width() {
                    let Some(to_column) = pad.source(1, column) else { continue };
                    let from = at(row * pad.out_width() + column, pad.channels);
                    let to = at(to_row * pad.width + to_column, pad.channels);
                    if let (Some(dy), Some(dx)) = (dy.get(from), dx.get_mut(to)) {
                        map::acc(s, dy, dx, Plus {});
                    }
                }
            }
        }
    }
}

/// The gradient with respect to the input: each element gets those of all its copies.
///
/// # Errors
/// [`ShapeError`] if the descriptor or a length is wrong; nothing is written then.
///
/// ```
/// use kernlet::{kernels::pad2d::{self, Fill, Pad2d}, shape::Padding, simd::Level};
/// let pad = Pad2d::new(1, 3, 1, Padding::Explicit { top: 0, bottom: 0, left: 2, right: 2 });
/// let (dy, mut dx) = ([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0], [f32::NAN; 3]);
/// pad2d::backward_into(Level::detect(), &pad, 1, &dy, &mut dx)?;
/// assert_eq!(dx, [3.0, 4.0, 5.0]);
/// pad2d::backward_into(Level::detect(), &pad.with_fill(Fill::Edge), 1, &dy, &mut dx)?;
/// assert_eq!(dx, [1.0 + 2.0 + 3.0, 4.0, 5.0 + 6.0 + 7.0]);
/// # Ok::<(), kernlet::kernels::ShapeError>(())
/// ```
pub fn backward_into(level: Level, pad: &Pad2d, batch: usize, dy: &[f32], dx: &mut [f32]) -> Result<(), ShapeError> {
    pad.validate()?;
    check_batch(NAME, "dy", dy, batch, pad.y_len())?;
    check_batch(NAME, "dx", dx, batch, pad.x_len())?;
    level.dispatch(Backward { pad, dy, dx });
    Ok(())
}
