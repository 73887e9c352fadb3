//! The naive twins of what is compared in [`kernels::elementwise`](crate::kernels::elementwise).

/// The smaller of two, NaN where one is.
///
/// ```
/// use kernlet::kernels::reference::elementwise::minimum;
/// assert_eq!(minimum(1.0, 2.0), 1.0);
/// assert!(minimum(f32::NAN, 2.0).is_nan() && minimum(1.0, f32::NAN).is_nan());
/// ```
pub fn minimum(a: f32, b: f32) -> f32 {
    if b < a || b.is_nan() { b } else { a }
}

/// The larger of two, NaN where one is.
///
/// ```
/// use kernlet::kernels::reference::elementwise::maximum;
/// assert_eq!(maximum(1.0, 2.0), 2.0);
/// assert!(maximum(f32::NAN, 2.0).is_nan() && maximum(1.0, f32::NAN).is_nan());
/// ```
pub fn maximum(a: f32, b: f32) -> f32 {
    if b > a || b.is_nan() { b } else { a }
}
