//! The naive twin of [`kernels::winograd`](crate::kernels::winograd). Slices are indexed as they come: a
//! wrong length panics.
//!
//! The steps along one axis, in this order, each multiplication with an addition rounded as the level says:
//!
//! ```text
//! F(4, 3)   Bᵀ d: h1 = d3 − d1             h2 = d4 − d2
//!                 q0 = 1.5 d1 + (d2 − d0)  q1 = 1.5 d2 + h1  q2 = 1.5 d3 + h2  q3 = 1.5 d4 + (d5 − d3)
//!                 q2 − q0, q2 + q1, q2 − q1, 2 h1 + h2, −½ h1 + h2, q3 − q1
//!           G w:  w0, ((w0 + w2) + w1) · ⅓, ((w0 + w2) − w1) · −⅓,
//!                 (¼ w2 + (½ w1 + w0)) · −16/15, (4 w2 + (−2 w1 + w0)) · 1/15, w2
//!           Aᵀ m: (m0 + (m1 + m2)) + (m3 + m4), −2 m4 + (½ m3 + (m1 − m2)),
//!                 4 m4 + (¼ m3 + (m1 + m2)), (−8 m4 + (⅛ m3 + (m1 − m2))) + m5
//!           A y:  y0, (y0 + y2) + (y1 + y3), (y0 + y2) − (y1 + y3),
//!                 ⅛ y3 + (¼ y2 + (½ y1 + y0)), −8 y3 + (4 y2 + (−2 y1 + y0)), y3
//!           B m:  q1 = (m1 − m2) − m5      q2 = m0 + (m1 + m2)
//!                 h1 = 2 m3 + (−½ m4 + q1) h2 = (m3 + m4) + q2
//!                 m0, −(1.5 m0 + h1), (1.5 q1 − m0) − h2, (1.5 q2 + h1) − m5, 1.5 m5 + h2, m5
//! F(2, 3)   Bᵀ d: d0 − d2, d1 + d2, d2 − d1, d3 − d1
//!           G w:  w0, ((w0 + w2) + w1) · ½, ((w0 + w2) − w1) · ½, w2
//!           Aᵀ m: m0 + (m1 + m2), (m1 − m2) + m3
//!           A y:  y0, y0 + y1, y0 − y1, y1
//!           B m:  m0, (m1 − m2) − m3, (m1 + m2) − m0, m3
//! ```

use super::mul_add;
use crate::{
    kernels::winograd::{Forward, Tile, Winograd},
    simd::Rounding,
};

/// A transform along one axis.
type Step = fn(Rounding, &[f32]) -> Vec6;

/// Up to six values; the rest is not used.
type Vec6 = [f32; 6];

fn input(r: Rounding, d: &[f32]) -> Vec6 {
    if let &[d0, d1, d2, d3] = d {
        return [d0 - d2, d1 + d2, d2 - d1, d3 - d1, 0.0, 0.0];
    }
    let (h1, h2) = (d[3] - d[1], d[4] - d[2]);
    let q0 = mul_add(r, 1.5, d[1], d[2] - d[0]);
    let q1 = mul_add(r, 1.5, d[2], h1);
    let q2 = mul_add(r, 1.5, d[3], h2);
    let q3 = mul_add(r, 1.5, d[4], d[5] - d[3]);
    [q2 - q0, q2 + q1, q2 - q1, mul_add(r, 2.0, h1, h2), mul_add(r, -0.5, h1, h2), q3 - q1]
}

fn weights(tile: Tile, r: Rounding, w: [f32; 3]) -> Vec6 {
    let [w0, w1, w2] = w;
    let ends = w0 + w2;
    if tile == Tile::F2 {
        return [w0, (ends + w1) * 0.5, (ends - w1) * 0.5, w2, 0.0, 0.0];
    }
    let half = mul_add(r, 0.25, w2, mul_add(r, 0.5, w1, w0));
    let two = mul_add(r, 4.0, w2, mul_add(r, -2.0, w1, w0));
    [w0, (ends + w1) * (1.0 / 3.0), (ends - w1) * (-1.0 / 3.0), half * (-16.0 / 15.0), two * (1.0 / 15.0), w2]
}

fn output(r: Rounding, m: &[f32]) -> Vec6 {
    if let &[m0, m1, m2, m3] = m {
        return [m0 + (m1 + m2), (m1 - m2) + m3, 0.0, 0.0, 0.0, 0.0];
    }
    let (sum, difference) = (m[1] + m[2], m[1] - m[2]);
    let y1 = mul_add(r, -2.0, m[4], mul_add(r, 0.5, m[3], difference));
    let y2 = mul_add(r, 4.0, m[4], mul_add(r, 0.25, m[3], sum));
    let y3 = mul_add(r, -8.0, m[4], mul_add(r, 0.125, m[3], difference)) + m[5];
    [(m[0] + sum) + (m[3] + m[4]), y1, y2, y3, 0.0, 0.0]
}

fn output_adjoint(r: Rounding, y: &[f32]) -> Vec6 {
    if let &[y0, y1] = y {
        return [y0, y0 + y1, y0 - y1, y1, 0.0, 0.0];
    }
    let (even, odd) = (y[0] + y[2], y[1] + y[3]);
    let half = mul_add(r, 0.125, y[3], mul_add(r, 0.25, y[2], mul_add(r, 0.5, y[1], y[0])));
    let two = mul_add(r, -8.0, y[3], mul_add(r, 4.0, y[2], mul_add(r, -2.0, y[1], y[0])));
    [y[0], even + odd, even - odd, half, two, y[3]]
}

fn input_adjoint(r: Rounding, m: &[f32]) -> Vec6 {
    if let &[m0, m1, m2, m3] = m {
        return [m0, (m1 - m2) - m3, (m1 + m2) - m0, m3, 0.0, 0.0];
    }
    let q1 = (m[1] - m[2]) - m[5];
    let q2 = m[0] + (m[1] + m[2]);
    let h1 = mul_add(r, 2.0, m[3], mul_add(r, -0.5, m[4], q1));
    let h2 = (m[3] + m[4]) + q2;
    let d2 = mul_add(r, 1.5, q1, -m[0]) - h2;
    [m[0], -mul_add(r, 1.5, m[0], h1), d2, mul_add(r, 1.5, q2, h1) - m[5], mul_add(r, 1.5, m[5], h2), m[5]]
}

/// Along the columns, then along the rows: `from` by `from` values to `to` by `to`.
fn along_both(
    step: Step,
    rounding: Rounding,
    [from, to]: [usize; 2],
    value: impl Fn(usize, usize) -> f32,
) -> [Vec6; 6] {
    let mut columns = [[0.0; 6]; 6];
    for (j, column) in columns[..from].iter_mut().enumerate() {
        let line: [f32; 6] = core::array::from_fn(|i| if i < from { value(i, j) } else { 0.0 });
        *column = step(rounding, &line[..from]);
    }
    core::array::from_fn(|i| {
        let line: [f32; 6] = core::array::from_fn(|j| columns[j][i]);
        if i < to { step(rounding, &line[..from]) } else { [0.0; 6] }
    })
}

/// The transformed weights of one pair of channels.
fn places(conv: &Winograd, rounding: Rounding, w: &[f32], ci: usize, co: usize) -> [Vec6; 6] {
    let (inputs, outputs) = (conv.conv.in_channels, conv.conv.out_channels);
    let at = |i: usize, j: usize| w[((i * 3 + j) * inputs + ci) * outputs + co];
    let columns: [Vec6; 3] = core::array::from_fn(|j| weights(conv.tile, rounding, [at(0, j), at(1, j), at(2, j)]));
    core::array::from_fn(|i| weights(conv.tile, rounding, [columns[0][i], columns[1][i], columns[2][i]]))
}

impl Winograd {
    /// The row and column of the output where each tile of an image begins.
    fn origins(&self) -> impl Iterator<Item = [usize; 2]> {
        let size = self.tile.outputs();
        let (rows, columns) = (self.conv.out_height().div_ceil(size), self.conv.out_width().div_ceil(size));
        (0..rows).flat_map(move |row| (0..columns).map(move |column| [row * size, column * size]))
    }

    /// Which pixel of the input lies under place `(i, j)` of a tile.
    fn input_pixel(&self, origin: [usize; 2], i: usize, j: usize) -> Option<usize> {
        let row = (origin[0] + i).checked_sub(self.conv.padding[0]).filter(|&row| row < self.conv.height)?;
        let column = (origin[1] + j).checked_sub(self.conv.padding[2]).filter(|&column| column < self.conv.width)?;
        Some(row * self.conv.width + column)
    }

    /// Which pixel of the output is `(i, j)` of a tile.
    fn output_pixel(&self, origin: [usize; 2], i: usize, j: usize) -> Option<usize> {
        let (row, column) = (origin[0] + i, origin[1] + j);
        let inside = row < self.conv.out_height() && column < self.conv.out_width();
        inside.then(|| row * self.conv.out_width() + column)
    }
}

/// See [`kernels::winograd::forward_into`](crate::kernels::winograd::forward_into).
///
/// # Panics
/// If a slice is too short.
///
/// ```
/// use kernlet::{
///     kernels::{Epilogue, conv2d::Conv2d, reference, winograd::{Forward, Winograd}},
///     simd::Rounding,
/// };
/// let conv = Winograd::new(Conv2d::new(3, 3, 1, 1, [3, 3]));
/// let operands = Forward { x: &[1.0; 9], w: &[1.0; 9], b: None, epilogue: Epilogue::None };
/// let mut y = [0.0];
/// reference::winograd::forward(Rounding::Strict, &conv, 1, operands, &mut y);
/// assert!((y[0] - 9.0).abs() < 1e-5);
/// ```
pub fn forward(rounding: Rounding, conv: &Winograd, batch: usize, operands: Forward<'_>, y: &mut [f32]) {
    let Forward { x, w, b, epilogue } = operands;
    let (ci, co) = (conv.conv.in_channels, conv.conv.out_channels);
    let (out, places_along) = (conv.tile.outputs(), conv.tile.outputs() + 2);
    for o in 0..co {
        for n in 0..batch {
            let x = &x[n * conv.conv.x_len()..];
            let y = &mut y[n * conv.conv.y_len()..][..conv.conv.y_len()];
            for origin in conv.origins() {
                let mut m = [[0.0; 6]; 6];
                for i in 0..ci {
                    let pixel = |h, v| conv.input_pixel(origin, h, v).map_or(0.0, |pixel| x[pixel * ci + i]);
                    let v = along_both(input, rounding, [places_along; 2], pixel);
                    accumulate(rounding, places_along, &v, &places(conv, rounding, w, i, o), &mut m);
                }
                let tile = along_both(output, rounding, [places_along, out], |h, v| m[h][v]);
                for (h, v) in (0..out).flat_map(|h| (0..out).map(move |v| (h, v))) {
                    if let Some(pixel) = conv.output_pixel(origin, h, v) {
                        let sum = b.map_or(tile[h][v], |b| tile[h][v] + b[o]);
                        y[pixel * co + o] = epilogue.apply(sum);
                    }
                }
            }
        }
    }
}

/// Adds the products of one pair of channels at every place.
fn accumulate(rounding: Rounding, places: usize, v: &[Vec6; 6], u: &[Vec6; 6], m: &mut [Vec6; 6]) {
    for (h, k) in (0..places).flat_map(|h| (0..places).map(move |k| (h, k))) {
        m[h][k] = mul_add(rounding, v[h][k], u[h][k], m[h][k]);
    }
}

/// See [`kernels::winograd::backward_input_into`](crate::kernels::winograd::backward_input_into).
///
/// # Panics
/// If a slice is too short.
///
/// ```
/// use kernlet::{kernels::{conv2d::Conv2d, reference, winograd::Winograd}, simd::Rounding};
/// let conv = Winograd::new(Conv2d::new(3, 3, 1, 1, [3, 3]));
/// let mut dx = [0.0; 9];
/// reference::winograd::backward_input(Rounding::Strict, &conv, 1, &[1.0; 9], &[2.0], &mut dx);
/// assert!((dx[4] - 2.0).abs() < 1e-5);
/// ```
pub fn backward_input(rounding: Rounding, conv: &Winograd, batch: usize, w: &[f32], dy: &[f32], dx: &mut [f32]) {
    let (ci, co) = (conv.conv.in_channels, conv.conv.out_channels);
    let (out, places_along) = (conv.tile.outputs(), conv.tile.outputs() + 2);
    dx[..batch * conv.conv.x_len()].fill(0.0);
    for i in 0..ci {
        for n in 0..batch {
            let dy = &dy[n * conv.conv.y_len()..];
            let dx = &mut dx[n * conv.conv.x_len()..];
            for origin in conv.origins() {
                let mut m = [[0.0; 6]; 6];
                for o in 0..co {
                    let pixel = |h, v| conv.output_pixel(origin, h, v).map_or(0.0, |pixel| dy[pixel * co + o]);
                    let v = along_both(output_adjoint, rounding, [out, places_along], pixel);
                    accumulate(rounding, places_along, &v, &places(conv, rounding, w, i, o), &mut m);
                }
                let tile = along_both(input_adjoint, rounding, [places_along; 2], |h, v| m[h][v]);
                for (h, v) in (0..places_along).flat_map(|h| (0..places_along).map(move |v| (h, v))) {
                    if let Some(pixel) = conv.input_pixel(origin, h, v) {
                        dx[pixel * ci + i] += tile[h][v];
                    }
                }
            }
        }
    }
}
