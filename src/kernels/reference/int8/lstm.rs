//! The twin of [`lstm`](crate::kernels::int8::lstm).

use super::{half_up, output, rescale};
use crate::kernels::int8::{
    Filter, Multiplier, Output,
    lstm::{Lstm, ONE_MORE},
};

fn held(x: i64) -> i64 {
    x.clamp(-32768, 32767)
}

/// `65536 · σ(i / 24)`, rounded, and one more where TensorFlow's table has it.
fn place(i: u32) -> i64 {
    let more = ONE_MORE[i as usize / 64] >> (i % 64) & 1;
    libm::round(65536.0 / (1.0 + libm::exp(-f64::from(i) / 24.0))) as i64 + more as i64
}

/// The table between two places, with `bits` bits behind the point; `most` beyond its end.
fn read(x: i64, bits: u32, most: i64) -> i64 {
    let (at, part) = (x >> bits, x & ((1 << bits) - 1));
    if at >= 255 { most << bits } else { (place(at as u32) << bits) + part * (place(at as u32 + 1) - place(at as u32)) }
}

/// The logistic function from a scale of 2⁻¹² to 2⁻¹⁵.
fn logistic(x: i64) -> i64 {
    let value = read(3 * x.abs(), 9, 65534);
    (if x >= 0 { value + (1 << 9) } else { (1 << 25) - value + (1 << 9) - 1 }) >> 10
}

/// The hyperbolic tangent from a scale of `2^power` to 2⁻¹⁵.
fn tanh(x: i64, power: i32) -> i64 {
    let x = if power >= -12 {
        (3 * x) << (12 + power)
    } else {
        half_up(i128::from(3 * x), (-12 - power).cast_unsigned()) as i64
    };
    let value = read(x.abs(), 8, 65535) - (1 << 23);
    (if x >= 0 { value + (1 << 7) } else { -value + (1 << 7) - 1 }) >> 8
}

fn product(filter: &Filter<'_>, x: &[i8], row: usize) -> i64 {
    let bias = filter.b.map_or(0, |b| i32::from_le_bytes(b[row]));
    let w = &filter.w[row * x.len()..];
    let products = x.iter().zip(w).map(|(&x, &w)| (i64::from(x) - i64::from(filter.input_zero_point)) * i64::from(w));
    let sum = (i64::from(bias) + products.sum::<i64>()) as i32;
    let multiplier = filter.multipliers[if filter.multipliers.len() > 1 { row } else { 0 }];
    held(i64::from(rescale(sum, multiplier, filter.output.rescaling)))
}

/// One step of one sequence of [`int8::lstm::forward_into`](crate::kernels::int8::lstm::forward_into): the cell's scale is
/// `2^cell_power`, and it is clipped at a real number (0 for none).
///
/// ```
/// use kernlet::kernels::int8::{Filter, Multiplier, Output, lstm::{Gate, Lstm}};
/// use kernlet::kernels::reference::int8::lstm;
/// let multiplier = [Multiplier::from_real(256.0)];
/// let filter = Filter::new(&[1], &multiplier, Output::new(0));
/// let layer = Lstm::new(1, 1, [Gate { input: filter, recurrent: filter }; 4], -11, [1.0 / 128.0, 0.0], 0);
/// let (mut hidden, mut cell) = ([0], [0]);
/// lstm::step(&layer, -11, [1.0 / 128.0, 0.0], &[16], &mut hidden, &mut cell);
/// assert_eq!(hidden, [47]);
/// ```
pub fn step(
    lstm: &Lstm<'_>,
    cell_power: i32,
    [hidden_scale, clip]: [f32; 2],
    x: &[i8],
    hidden: &mut [i8],
    cell: &mut [i16],
) {
    let rescaling = lstm.hidden.rescaling;
    let unit = libm::ldexp(1.0, -15);
    let cell_scale = libm::ldexp(1.0, cell_power);
    let mut next = [0; 64];
    for row in 0..lstm.cells {
        let [input, forget, update, output_gate] =
            lstm.gates.map(|gate| held(product(&gate.input, x, row) + product(&gate.recurrent, hidden, row)));
        let times = |a: i64, b: i64, real: f64| rescale((a * b) as i32, Multiplier::from_real(real), rescaling);
        let kept = held(i64::from(times(logistic(forget), i64::from(cell[row]), unit)));
        let added = held(i64::from(times(logistic(input), tanh(update, -12), unit * unit / cell_scale)));
        let most = held((f64::from(clip) / cell_scale) as i64);
        let sum = held(kept + added);
        cell[row] = if most > 0 { sum.clamp(-most, most) } else { sum } as i16;
        let seen = logistic(output_gate) * tanh(i64::from(cell[row]), cell_power);
        let to = Output { zero_point: lstm.hidden.zero_point, ..lstm.hidden };
        next[row] = output(&to, seen as i32, Multiplier::from_real(unit * unit / f64::from(hidden_scale)));
    }
    hidden.copy_from_slice(&next[..lstm.cells]);
}
