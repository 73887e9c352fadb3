//! Initial parameters from a seed.

use super::{
    Model, Network,
    declare::{Fill, Init},
};
use crate::random::{Stream, unit_f32};

/// Streams from here on belong to initialisation: tensor `t` of layer `i` draws from `INIT + i + t · 2⁴⁰`.
const INIT: u64 = 1 << 62;

impl<N: Network> Model<N> {
    /// Sets all parameters as Keras does: kernels Glorot-uniform, recurrent kernels orthogonal, biases and beta 0,
    /// gamma and the moving variance 1. Each tensor's [`Init`] says which.
    ///
    /// # Numerics
    /// The fans of a Glorot-uniform kernel are channels times kernel positions. The same seed gives the same bits on
    /// every target.
    ///
    /// ```
    /// use kernlet::nn::Model;
    /// kernlet::network! { pub struct Tiny([2]) { out: dense(4) } }
    /// let mut model = Model::<Tiny>::zeroed();
    /// model.initialize(42);
    /// assert!(Tiny::out(&model).kernel.iter().all(|w| w.abs() <= 1.0 && *w != 0.0));
    /// ```
    pub fn initialize(&mut self, seed: u64) {
        for fill in N::FILLS {
            let stream = Stream::new(seed, INIT + u64::from(fill.layer) + (u64::from(fill.number) << 40));
            if let Some(values) = self.parameters_mut().get_mut(fill.start as usize..fill.end as usize) {
                // Sines and logarithms are linked only by networks that draw such matrices.
                if const { draws_orthogonal(N::FILLS) } && fill.init == Init::Orthogonal {
                    orthogonal(stream, fill.columns as usize, values);
                } else {
                    initialize(fill, stream, values);
                }
            }
        }
    }
}

/// Whether a tensor of the network begins as an orthogonal matrix.
const fn draws_orthogonal(fills: &[Fill]) -> bool {
    let mut i = 0;
    while i < fills.len() {
        if matches!(fills[i].init, Init::Orthogonal) {
            return true;
        }
        i += 1;
    }
    false
}

fn initialize(fill: &Fill, stream: Stream, values: &mut [f32]) {
    match fill.init {
        Init::Zeros => values.fill(0.0),
        Init::Ones => values.fill(1.0),
        Init::Constant(value) => values.fill(value),
        Init::GlorotUniform => uniform(stream, libm::sqrtf(fill.glorot), values),
        Init::Uniform(limit) => uniform(stream, limit, values),
        // Of those networks alone that have one.
        Init::Orthogonal => {}
        Init::ForgetGate => {
            values.fill(0.0);
            let quarter = values.len() / 4;
            if let Some(gate) = values.get_mut(quarter..2 * quarter) {
                gate.fill(1.0);
            }
        }
    }
}

fn uniform(stream: Stream, limit: f32, values: &mut [f32]) {
    for (block, values) in values.chunks_mut(4).enumerate() {
        for (w, word) in values.iter_mut().zip(stream.block_at(block as u64)) {
            // (2u − 1) is exact; the product rounds once.
            *w = (2.0 * unit_f32(word) - 1.0) * limit;
        }
    }
}

/// Normal numbers (Box, Muller, 1958), whose rows (or columns, if these are fewer) are made orthonormal one after
/// the other (modified Gram–Schmidt, twice), every sum in `f64` and in ascending order.
fn orthogonal(stream: Stream, columns: usize, values: &mut [f32]) {
    let rows = values.len().checked_div(columns).unwrap_or(0);
    for (block, pair) in values.chunks_mut(2).enumerate() {
        let [a, b, ..] = stream.block_at(block as u64);
        let radius = libm::sqrt(-2.0 * libm::log(1.0 - f64::from(unit_f32(a))));
        let angle = 2.0 * core::f64::consts::PI * f64::from(unit_f32(b));
        for (value, part) in pair.iter_mut().zip([libm::cos(angle), libm::sin(angle)]) {
            *value = (radius * part) as f32;
        }
    }
    // Vector `v` is a row or a column: its element `i` stands at `v · step + i · stride`.
    let (vectors, len, step, stride) =
        if rows <= columns { (rows, columns, columns, 1) } else { (columns, rows, 1, columns) };
    let dot = |values: &[f32], a: usize, b: usize| -> f64 {
        let element = |v: usize, i: usize| f64::from(values.get(v * step + i * stride).copied().unwrap_or(0.0));
        (0..len).map(|i| element(a, i) * element(b, i)).fold(0.0, |sum, product| sum + product)
    };
    for vector in 0..vectors {
        for earlier in (0..vector).chain(0..vector) {
            let share = dot(values, vector, earlier);
            for i in 0..len {
                let other = values.get(earlier * step + i * stride).copied().unwrap_or(0.0);
                if let Some(value) = values.get_mut(vector * step + i * stride) {
                    *value = (f64::from(*value) - share * f64::from(other)) as f32;
                }
            }
        }
        let norm = libm::sqrt(dot(values, vector, vector));
        for i in 0..len {
            if let Some(value) = values.get_mut(vector * step + i * stride) {
                *value = (f64::from(*value) / norm) as f32;
            }
        }
    }
}
