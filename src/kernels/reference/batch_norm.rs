//! The naive twins of [`kernels::batch_norm`](crate::kernels::batch_norm), in `f64`, for one channel.

/// Mean and biased variance; 0 over nothing.
///
/// ```
/// assert_eq!(kernlet::kernels::reference::batch_norm::statistics(&[1.0, 3.0]), (2.0, 1.0));
/// ```
pub fn statistics(x: &[f64]) -> (f64, f64) {
    let count = if x.is_empty() { 1.0 } else { x.len() as f64 };
    let mean = x.iter().sum::<f64>() / count;
    (mean, x.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / count)
}

/// `γ (x − mean) / √(variance + ε) + β`.
///
/// ```
/// assert_eq!(kernlet::kernels::reference::batch_norm::forward(0.0, 7.0, 5.0, 4.0, 10.0, 1.0), 11.0);
/// ```
pub fn forward(epsilon: f64, x: f64, mean: f64, variance: f64, gamma: f64, beta: f64) -> f64 {
    gamma * (x - mean) / libm::sqrt(variance + epsilon) + beta
}

/// The gradients `(dx of row, dγ, dβ)`, with the statistics of `x` itself.
///
/// ```
/// let found = kernlet::kernels::reference::batch_norm::backward(0.0, &[-1.0, 1.0], 1.0, &[0.0, 6.0], 1);
/// assert_eq!(found, (0.0, 6.0, 6.0));
/// ```
pub fn backward(epsilon: f64, x: &[f64], gamma: f64, dy: &[f64], row: usize) -> (f64, f64, f64) {
    let (mean, variance) = statistics(x);
    let root = libm::sqrt(variance + epsilon);
    let normal = |x: f64| (x - mean) / root;
    let dgamma: f64 = x.iter().zip(dy).map(|(&x, dy)| dy * normal(x)).sum();
    let dbeta: f64 = dy.iter().sum();
    let count = x.len() as f64;
    (gamma / root * (dy[row] - dbeta / count - normal(x[row]) * dgamma / count), dgamma, dbeta)
}
