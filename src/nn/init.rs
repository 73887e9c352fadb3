//! Initial parameters from a seed.

use super::{
    Model, Network,
    layer::{Kind, Layer},
};
use crate::random::Stream;

/// Streams from here on belong to initialisation: layer `i` draws from `INIT + i`.
const INIT: u64 = 1 << 62;

impl<N: Network> Model<N> {
    /// Sets all parameters as Keras does: kernels Glorot-uniform, biases and beta 0, gamma and the
    /// moving variance 1.
    ///
    /// # Numerics
    /// A kernel's number is uniform in `±√(6 / (fan_in + fan_out))` (Glorot, Bengio: *Understanding
    /// the difficulty of training deep feedforward neural networks*, 2010, eq. 16), the fans being
    /// channels times kernel positions. The same seed gives the same bits on every target.
    ///
    /// ```
    /// use kernlet::nn::Model;
    /// kernlet::network! { pub struct Tiny([2]) { out: dense(4) } }
    /// let mut model = Model::<Tiny>::zeroed();
    /// model.initialize(42);
    /// assert!(Tiny::out(&model).kernel.iter().all(|w| w.abs() <= 1.0 && *w != 0.0));
    /// ```
    pub fn initialize(&mut self, seed: u64) {
        for (index, layer) in N::LAYERS.iter().enumerate() {
            let range = layer.offset..layer.offset + layer.parameters();
            let Some(parameters) = self.parameters_mut().get_mut(range) else { continue };
            if layer.kind == Kind::BatchNorm {
                for (row, values) in parameters.chunks_exact_mut(layer.row_len.max(1)).enumerate() {
                    // Gamma, beta, moving mean, moving variance.
                    values.fill(if row % 3 == 0 { 1.0 } else { 0.0 });
                }
                continue;
            }
            let (kernel, bias) = parameters.split_at_mut(layer.kernel.len().min(parameters.len()));
            let limit = glorot_limit(layer);
            let stream = Stream::new(seed, INIT + index as u64);
            for (block, weights) in kernel.chunks_mut(4).enumerate() {
                for (w, word) in weights.iter_mut().zip(stream.block_at(block as u64)) {
                    // (2u − 1) is exact; the product rounds once.
                    *w = (2.0 * crate::random::unit_f32(word) - 1.0) * limit;
                }
            }
            bias.fill(0.0);
        }
    }
}

/// `√(6 / (fan_in + fan_out))`; fans as Keras counts them: the last two axes of the kernel times its positions.
fn glorot_limit(layer: &Layer) -> f32 {
    let rank = layer.kernel.rank();
    if rank < 2 {
        return 0.0;
    }
    let positions: usize = layer.kernel.as_slice().iter().take(rank - 2).product();
    let fans = positions * (layer.kernel.axis(rank - 2) + layer.kernel.axis(rank - 1));
    libm::sqrtf(6.0 / fans.max(1) as f32)
}
