//! Values as integers would have them, while floats are trained.

/// A grid of 256 numbers that a value is rounded to in training: `scale · (q − zero point)`, q from −128 to 127.
///
/// ```
/// use kernlet::nn::Grid;
/// let mut values = [0.3, -5.0, 1.26];
/// Grid::new(0.5, -128).round(&mut values);
/// assert_eq!(values, [0.5, 0.0, 1.5]);
/// ```
///
/// # Numerics
/// Quotients are rounded to the nearest, ties to even. Not a number stays that.
#[derive(Clone, Copy, PartialEq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Grid {
    scale: f32,
    least: f32,
    most: f32,
}

/// Added and taken off again, it leaves a float below 2²² without its fraction.
const WHOLE: f32 = 12_582_912.0;

impl Grid {
    /// The grid of a scale, which is more than 0, and a zero point.
    pub const fn new(scale: f32, zero_point: i32) -> Self {
        Self { scale, least: (-128 - zero_point) as f32, most: (127 - zero_point) as f32 }
    }

    /// Rounds numbers to the nearest of the grid.
    pub fn round(&self, numbers: &mut [f32]) {
        for x in numbers {
            let steps = (*x / self.scale).clamp(self.least, self.most);
            *x = ((steps + WHOLE) - WHOLE) * self.scale;
        }
    }
}
