//! New images from old: shift, rotate, scale and crop.
//!
//! Each is an affine map of the plane; [`Augment`] draws one per image and epoch,
//! composed, and [`warp_into`] applies it, so an image is resampled once.
//! What is drawn is a function of seed, epoch and image index: the order of work,
//! and the threads that share it, change nothing.

use crate::kernels::{ShapeError, check};

/// A map from a pixel of the new image to a place in the old one.
///
/// Coordinates are `(row, column)`; pixel `(i, j)` has its centre at `(i, j)`.
///
/// ```
/// use kernlet::data::augment::Affine;
/// let map = Affine::shift(2.0, 0.0).then(Affine::shift(0.0, -1.0));
/// assert_eq!(map.apply(5.0, 5.0), (3.0, 6.0));
/// ```
#[derive(Clone, Copy, PartialEq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Affine {
    /// `old row = rows[0] · row + rows[1] · column + rows[2]`.
    rows: [f32; 3],
    /// The same for the column.
    columns: [f32; 3],
}

impl Affine {
    /// Every pixel from its own place.
    ///
    /// ```
    /// assert_eq!(kernlet::data::augment::Affine::IDENTITY.apply(3.0, 4.0), (3.0, 4.0));
    /// ```
    pub const IDENTITY: Self = Self { rows: [1.0, 0.0, 0.0], columns: [0.0, 1.0, 0.0] };

    /// Moves the image down by `rows` pixels and right by `columns`.
    pub const fn shift(rows: f32, columns: f32) -> Self {
        Self { rows: [1.0, 0.0, -rows], columns: [0.0, 1.0, -columns] }
    }

    /// Turns an image of `size` (rows, columns) about its centre, clockwise by `radians`.
    ///
    /// # Numerics
    /// Sine and cosine are `libm`'s on every target.
    ///
    /// ```
    /// use kernlet::data::augment::Affine;
    /// let quarter = Affine::rotate(core::f32::consts::FRAC_PI_2, [3, 3]);
    /// let (row, column) = quarter.apply(0.0, 2.0); // the new right upper corner was the left upper one
    /// assert!(row.abs() < 1e-6 && column.abs() < 1e-6);
    /// ```
    pub fn rotate(radians: f32, size: [usize; 2]) -> Self {
        let (sin, cos) = (libm::sinf(radians), libm::cosf(radians));
        Self { rows: [cos, -sin, 0.0], columns: [sin, cos, 0.0] }.about(centre(size))
    }

    /// Makes the content of an image of `size` larger by `factor` about its centre; 0 or less leaves it as it is.
    ///
    /// ```
    /// use kernlet::data::augment::Affine;
    /// assert_eq!(Affine::scale(2.0, [5, 5]).apply(0.0, 4.0), (1.0, 3.0));
    /// ```
    pub fn scale(factor: f32, size: [usize; 2]) -> Self {
        if factor <= 0.0 {
            return Self::IDENTITY;
        }
        let step = 1.0 / factor;
        Self { rows: [step, 0.0, 0.0], columns: [0.0, step, 0.0] }.about(centre(size))
    }

    /// Cuts out `window` (rows, columns) of an image of `size` from row `top` and column `left` on, and
    /// stretches it to the whole: its corners become the image's corners. An empty image or window is left as it is.
    ///
    /// ```
    /// use kernlet::data::augment::Affine;
    /// let map = Affine::crop(1.0, 2.0, [2.0, 2.0], [4, 4]);
    /// assert_eq!(map.apply(-0.5, -0.5), (0.5, 1.5));
    /// assert_eq!(map.apply(3.5, 3.5), (2.5, 3.5));
    /// ```
    pub fn crop(top: f32, left: f32, window: [f32; 2], size: [usize; 2]) -> Self {
        if size.contains(&0) || window[0] <= 0.0 || window[1] <= 0.0 {
            return Self::IDENTITY;
        }
        let [y, x] = [window[0] / size[0] as f32, window[1] / size[1] as f32];
        // Edges are half a pixel outside the centres of the outermost pixels.
        Self { rows: [y, 0.0, top + 0.5 * y - 0.5], columns: [0.0, x, left + 0.5 * x - 0.5] }
    }

    /// This change first, then `next`.
    pub fn then(self, next: Self) -> Self {
        // A change maps new places to old ones, so the last change is applied first.
        let compose = |outer: [f32; 3]| {
            [
                outer[0] * next.rows[0] + outer[1] * next.columns[0],
                outer[0] * next.rows[1] + outer[1] * next.columns[1],
                outer[0] * next.rows[2] + outer[1] * next.columns[2] + outer[2],
            ]
        };
        Self { rows: compose(self.rows), columns: compose(self.columns) }
    }

    /// Where the new image's place `(row, column)` was in the old one.
    #[inline]
    pub fn apply(self, row: f32, column: f32) -> (f32, f32) {
        let place = |m: [f32; 3]| m[0] * row + m[1] * column + m[2];
        (place(self.rows), place(self.columns))
    }

    /// The same linear part about another fixed point than the origin.
    fn about(self, [row, column]: [f32; 2]) -> Self {
        let keep = |m: [f32; 3], at: f32| [m[0], m[1], at - (m[0] * row + m[1] * column)];
        Self { rows: keep(self.rows, row), columns: keep(self.columns, column) }
    }
}

fn centre(size: [usize; 2]) -> [f32; 2] {
    size.map(|size| 0.5 * (size as f32 - 1.0))
}

/// Writes the image that `map` makes of `x`, both `[h][w][c]` of `size`: each new pixel is
/// interpolated between the four around its old place, those outside being 0.
///
/// # Errors
/// [`ShapeError`] if `x` or `y` does not have `h · w · c` elements.
///
/// # Numerics
/// `top = x₀₀ + (x₀₁ − x₀₀)·s`, `bottom` likewise, `y = top + (bottom − top)·t`, each operation rounded:
/// the same bits on every target. A map with NaN or infinities gives zeros.
///
/// ```
/// use kernlet::data::augment::{Affine, warp_into};
/// let mut y = [f32::NAN; 4];
/// warp_into(&[1.0, 2.0, 3.0, 4.0], [2, 2, 1], Affine::shift(0.0, 0.5), &mut y)?;
/// assert_eq!(y, [0.5, 1.5, 1.5, 3.5]);
/// # Ok::<(), kernlet::kernels::ShapeError>(())
/// ```
pub fn warp_into(x: &[f32], size: [usize; 3], map: Affine, y: &mut [f32]) -> Result<(), ShapeError> {
    let [height, width, channels] = size;
    let len = height.saturating_mul(width).saturating_mul(channels);
    check("warp", "x", x, len)?;
    check("warp", "y", y, len)?;
    if len == 0 {
        return Ok(());
    }
    for (row, line) in y.chunks_exact_mut(width * channels).enumerate() {
        for (column, pixel) in line.chunks_exact_mut(channels).enumerate() {
            let (old_row, old_column) = map.apply(row as f32, column as f32);
            // A place a whole pixel outside sees zeros alone; NaN fails both comparisons.
            let inside = old_row > -1.0 && old_row < height as f32 && old_column > -1.0 && old_column < width as f32;
            if !inside {
                pixel.fill(0.0);
                continue;
            }
            let (top, left) = (libm::floorf(old_row), libm::floorf(old_column));
            let (t, s) = (old_row - top, old_column - left);
            let (top, left) = (top as isize, left as isize);
            for (channel, out) in pixel.iter_mut().enumerate() {
                let at = |row: isize, column: isize| match (usize::try_from(row), usize::try_from(column)) {
                    (Ok(row), Ok(column)) if row < height && column < width => {
                        x[(row * width + column) * channels + channel]
                    }
                    _ => 0.0,
                };
                let between = |row| {
                    let (a, b) = (at(row, left), at(row, left + 1));
                    a + (b - a) * s
                };
                let (above, below) = (between(top), between(top + 1));
                *out = above + (below - above) * t;
            }
        }
    }
    Ok(())
}

/// How far images may be changed; what is 0 (1 for `crop`) is left out.
///
/// ```
/// use kernlet::data::augment::Augment;
/// let augment = Augment { shift: 2.0, rotate: 0.2, ..Augment::NONE };
/// let (mut a, mut b) = ([0.0; 9], [0.0; 9]);
/// let x = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0];
/// augment.image_into(&x, [3, 3, 1], 42, 0, 17, &mut a)?;
/// augment.image_into(&x, [3, 3, 1], 42, 0, 17, &mut b)?;
/// assert_eq!(a, b);
/// # Ok::<(), kernlet::kernels::ShapeError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Augment {
    /// Each axis by at most this many pixels, either way.
    pub shift: f32,
    /// By at most this angle in radians, either way.
    pub rotate: f32,
    /// By a factor of `1 − scale` to `1 + scale`.
    pub scale: f32,
    /// A window whose sides are this share of the image's or more, anywhere in it, is stretched to the whole.
    pub crop: f32,
}

impl Augment {
    /// Images stay as they are.
    ///
    /// ```
    /// use kernlet::data::augment::{Affine, Augment};
    /// assert_eq!(Augment::NONE.draw(1, 2, 3, [28, 28]), Affine::IDENTITY);
    /// ```
    pub const NONE: Self = Self { shift: 0.0, rotate: 0.0, scale: 0.0, crop: 1.0 };

    /// For digits of 28 × 28 pixels: 2 pixels, 12 degrees, a tenth; no crop, which would cut strokes off.
    ///
    /// ```
    /// assert_eq!(kernlet::data::augment::Augment::DIGITS.shift, 2.0);
    /// ```
    pub const DIGITS: Self = Self { shift: 2.0, rotate: 0.21, scale: 0.1, crop: 1.0 };

    /// The change of image `image` in epoch `epoch`: crop, scale, rotate, shift, in that order.
    pub fn draw(&self, seed: u64, epoch: u32, image: u32, size: [usize; 2]) -> Affine {
        // Eight words for each image, the eighth unused.
        let first = u64::from(image) * 2;
        let stream = super::stream(seed, *b"augm", epoch);
        let words = [stream.block_at(first), stream.block_at(first + 1)];
        let unit = |i: usize| crate::random::unit_f32(words[i / 4][i % 4]);
        let either_way = |i: usize| 2.0 * unit(i) - 1.0;
        let mut map = Affine::IDENTITY;
        if self.crop < 1.0 {
            let least = self.crop.max(0.0);
            let side = least + (1.0 - least) * unit(0);
            let window = size.map(|size| size as f32 * side);
            let free = |i: usize| size[i] as f32 - window[i];
            map = map.then(Affine::crop(free(0) * unit(1), free(1) * unit(2), window, size));
        }
        if self.scale != 0.0 {
            map = map.then(Affine::scale(1.0 + self.scale * either_way(3), size));
        }
        if self.rotate != 0.0 {
            map = map.then(Affine::rotate(self.rotate * either_way(4), size));
        }
        if self.shift != 0.0 {
            map = map.then(Affine::shift(self.shift * either_way(5), self.shift * either_way(6)));
        }
        map
    }

    /// Writes image `x` (`[h][w][c]` of `size`, number `image` of the data set) as epoch `epoch` shows it.
    ///
    /// # Errors
    /// [`ShapeError`] if `x` or `y` does not have `h · w · c` elements.
    pub fn image_into(
        &self,
        x: &[f32],
        size: [usize; 3],
        seed: u64,
        epoch: u32,
        image: u32,
        y: &mut [f32],
    ) -> Result<(), ShapeError> {
        warp_into(x, size, self.draw(seed, epoch, image, [size[0], size[1]]), y)
    }
}
