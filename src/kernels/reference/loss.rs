//! The naive twins of [`kernels::loss`](crate::kernels::loss), in `f64`.

use super::softmax::{log_softmax, softmax};

/// A row's cross-entropy.
///
/// ```
/// assert_eq!(kernlet::kernels::reference::loss::softmax_cross_entropy(&[0.0], 0), 0.0);
/// ```
pub fn softmax_cross_entropy(x: &[f64], label: usize) -> f64 {
    -log_softmax(x, label)
}

/// Its gradient with respect to logit `j`.
///
/// ```
/// assert_eq!(kernlet::kernels::reference::loss::softmax_cross_entropy_gradient(&[0.0], 0, 0), 0.0);
/// ```
pub fn softmax_cross_entropy_gradient(x: &[f64], label: usize, j: usize) -> f64 {
    softmax(x, j) - f64::from(j == label)
}

/// How a label counts: the class weights, and which part of it is divided among all classes.
///
/// ```
/// use kernlet::kernels::reference::loss::Target;
/// let target = Target { label: 1, class_weights: &[1.0, 2.0], smoothing: 0.5 };
/// assert_eq!([target.at(0), target.at(1)], [0.25, 1.5]);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// The label.
    pub label: usize,
    /// A weight for each class.
    pub class_weights: &'a [f64],
    /// The smoothing.
    pub smoothing: f64,
}

impl Target<'_> {
    /// The weighted target of class `j`.
    pub fn at(&self, j: usize) -> f64 {
        let uniform = self.smoothing / self.class_weights.len() as f64;
        self.class_weights[j] * (uniform + if j == self.label { 1.0 - self.smoothing } else { 0.0 })
    }

    /// The negative log-likelihood of log-probabilities.
    pub fn negative_log_likelihood(&self, log_p: &[f64]) -> f64 {
        log_p.iter().enumerate().map(|(j, log_p)| -log_p * self.at(j)).sum()
    }

    /// The cross-entropy of a row of logits.
    pub fn cross_entropy(&self, x: &[f64]) -> f64 {
        (0..x.len()).map(|j| -log_softmax(x, j) * self.at(j)).sum()
    }

    /// Its gradient with respect to logit `j`.
    pub fn cross_entropy_gradient(&self, x: &[f64], j: usize) -> f64 {
        let total: f64 = (0..x.len()).map(|j| self.at(j)).sum();
        softmax(x, j) * total - self.at(j)
    }
}

/// An element's binary cross-entropy from its logit.
///
/// ```
/// let value = kernlet::kernels::reference::loss::binary_cross_entropy_from_logits(0.0, 1.0);
/// assert_eq!(value, core::f64::consts::LN_2);
/// ```
pub fn binary_cross_entropy_from_logits(x: f64, t: f64) -> f64 {
    x.max(0.0) - x * t + libm::log1p(libm::exp(-x.abs()))
}

/// Its gradient with respect to the logit.
///
/// ```
/// assert_eq!(kernlet::kernels::reference::loss::binary_cross_entropy_from_logits_gradient(0.0, 1.0), -0.5);
/// ```
pub fn binary_cross_entropy_from_logits_gradient(x: f64, t: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-x)) - t
}

/// An element's binary cross-entropy from its probability, which is clipped.
///
/// ```
/// let value = kernlet::kernels::reference::loss::binary_cross_entropy(0.5, 1.0);
/// assert_eq!(value, core::f64::consts::LN_2);
/// ```
pub fn binary_cross_entropy(p: f64, t: f64) -> f64 {
    let p = p.clamp(f64::from(1e-7_f32), f64::from(1.0 - 1e-7_f32));
    -t * libm::log(p) - (1.0 - t) * libm::log(1.0 - p)
}

/// Its gradient with respect to the probability.
///
/// ```
/// assert_eq!(kernlet::kernels::reference::loss::binary_cross_entropy_gradient(0.5, 1.0), -2.0);
/// ```
pub fn binary_cross_entropy_gradient(p: f64, t: f64) -> f64 {
    let inside = (f64::from(1e-7_f32)..=f64::from(1.0 - 1e-7_f32)).contains(&p);
    if inside { (p - t) / (p * (1.0 - p)) } else { 0.0 }
}
