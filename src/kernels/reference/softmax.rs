//! The naive twins of [`kernels::softmax`](crate::kernels::softmax), in `f64`, for one row.

/// `ln Σ eˣ`.
///
/// ```
/// assert_eq!(kernlet::kernels::reference::softmax::log_sum_exp(&[0.0]), 0.0);
/// ```
pub fn log_sum_exp(x: &[f64]) -> f64 {
    let largest = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    largest + libm::log(x.iter().map(|x| libm::exp(x - largest)).sum())
}

/// Element `j` of the row's softmax.
///
/// ```
/// assert_eq!(kernlet::kernels::reference::softmax::softmax(&[0.0, 0.0], 1), 0.5);
/// ```
pub fn softmax(x: &[f64], j: usize) -> f64 {
    libm::exp(log_softmax(x, j))
}

/// Element `j` of the row's log-softmax.
///
/// ```
/// assert_eq!(kernlet::kernels::reference::softmax::log_softmax(&[0.0], 0), 0.0);
/// ```
pub fn log_softmax(x: &[f64], j: usize) -> f64 {
    x[j] - log_sum_exp(x)
}

/// Element `j` of the gradient with respect to softmax's input.
///
/// ```
/// assert_eq!(kernlet::kernels::reference::softmax::softmax_backward(&[0.0], &[1.0], 0), 0.0);
/// ```
pub fn softmax_backward(x: &[f64], dy: &[f64], j: usize) -> f64 {
    let dot: f64 = dy.iter().enumerate().map(|(i, dy)| dy * softmax(x, i)).sum();
    softmax(x, j) * (dy[j] - dot)
}

/// Element `j` of the gradient with respect to log-softmax's input.
///
/// ```
/// assert_eq!(kernlet::kernels::reference::softmax::log_softmax_backward(&[0.0], &[1.0], 0), 0.0);
/// ```
pub fn log_softmax_backward(x: &[f64], dy: &[f64], j: usize) -> f64 {
    dy[j] - softmax(x, j) * dy.iter().sum::<f64>()
}
