//! What is computed of a sound, and the network that reads it.

use kernlet::audio::Features;

/// Samples a second.
pub const RATE: u32 = 8000;

/// Coefficients of a row.
pub const COEFFICIENTS: usize = 20;

/// Rows that the network looks at: one in 16 ms, a second in all.
pub const ROWS: usize = 64;

/// Digits.
pub const CLASSES: usize = 10;

/// 20 coefficients of 40 bands, from windows of 32 ms. The floor lies above the noise of a silent room.
pub const MFCC: Features =
    Features::new(RATE, 256, 128).with_bands(40, 60.0, 3800.0).with_floor(1e-3).with_coefficients(COEFFICIENTS);

kernlet::network! {
    /// Convolutions along time, those after the first one each in two parts: in every channel by itself, then across
    /// channels (Zhang et al.: *Hello Edge: keyword spotting on microcontrollers*, 2017, whose DS-CNN has two dimensions).
    /// All look back only, so it runs on a stream of rows as well.
    pub struct Digits([64, 20]) {
        first: conv1d(48, 5, stride: 2, padding: causal, bias: no), norm1: batch_norm(momentum: 0.9), relu,
        time1: depthwise_conv1d(5, padding: causal, bias: no), norm2: batch_norm(momentum: 0.9), relu,
        across1: conv1d(48, 1, bias: no), norm3: batch_norm(momentum: 0.9), relu,
        time2: depthwise_conv1d(5, padding: causal, bias: no), norm4: batch_norm(momentum: 0.9), relu,
        across2: conv1d(64, 1, bias: no), norm5: batch_norm(momentum: 0.9), relu,
        time3: depthwise_conv1d(5, padding: causal, bias: no), norm6: batch_norm(momentum: 0.9), relu,
        across3: conv1d(64, 1, bias: no), norm7: batch_norm(momentum: 0.9), relu,
        global_avg_pool1d, dropout(0.3), out: dense(10), softmax,
    }
}
