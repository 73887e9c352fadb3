//! The naive twins of [`kernels::embedding`](crate::kernels::embedding). Slices are indexed as they come: a wrong length
//! or number panics.

/// See [`kernels::embedding::forward_into`](crate::kernels::embedding::forward_into).
///
/// ```
/// let mut y = [0.0; 2];
/// kernlet::kernels::reference::embedding::forward(2, &[1], &[1.0, 2.0, 3.0, 4.0], &mut y);
/// assert_eq!(y, [3.0, 4.0]);
/// ```
pub fn forward(width: usize, ids: &[u32], w: &[f32], y: &mut [f32]) {
    for (i, &id) in ids.iter().enumerate() {
        for j in 0..width {
            y[i * width + j] = w[id as usize * width + j];
        }
    }
}

/// See [`kernels::embedding::backward_acc`](crate::kernels::embedding::backward_acc).
///
/// ```
/// let mut dw = [0.0; 2];
/// kernlet::kernels::reference::embedding::backward(1, &[1, 1], &[1.0, 2.0], &mut dw);
/// assert_eq!(dw, [0.0, 3.0]);
/// ```
pub fn backward(width: usize, ids: &[u32], dy: &[f32], dw: &mut [f32]) {
    for (i, &id) in ids.iter().enumerate() {
        for j in 0..width {
            dw[id as usize * width + j] += dy[i * width + j];
        }
    }
}
