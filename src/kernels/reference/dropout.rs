//! The naive twin of [`kernels::dropout`](crate::kernels::dropout).

use crate::random::Stream;

/// Whether element `index` stays at `rate`, and what it is multiplied by then.
///
/// ```
/// use kernlet::{kernels::reference::dropout, random::Stream};
/// assert_eq!(dropout::factor(0.0, Stream::new(1, 2), 7), Some(1.0));
/// assert_eq!(dropout::factor(1.0, Stream::new(1, 2), 7), None);
/// ```
pub fn factor(rate: f32, stream: Stream, index: u64) -> Option<f32> {
    let [group, half, word, lane] = [index / 128, index / 64 % 2, index / 16 % 4, index % 16];
    let bits = (stream.block_at(16 * group + lane)[word as usize] >> (16 * half)) & 0xFFFF;
    let threshold = (rate * 65536.0 + 0.5) as u32;
    (bits >= threshold).then(|| 65536.0 / (65536 - threshold) as f32)
}
