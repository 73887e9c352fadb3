//! Features of mean 0 and variance 1.

use crate::kernels::ShapeError;

/// What is taken off each of `N` features, and what it is divided by.
///
/// It is fitted on the samples that are learnt from, and everything that the model sees later passes through it, so it is
/// saved with the model ([`Section::standardizer`](crate::snapshot::Section::standardizer)).
///
/// # Numerics
/// Mean and variance (divided by the number of samples) are sums in `f64` in the order of the samples, the variance that
/// of the differences from the mean. A feature that does not vary is divided by 1.
///
/// ```
/// use kernlet::data::standardize::Standardizer;
/// // Two features of two samples; the second does not vary.
/// let mut samples = [1.0, 7.0, 5.0, 7.0];
/// let standardizer = Standardizer::<2>::fit(&samples)?;
/// standardizer.apply(&mut samples)?;
/// assert_eq!(samples, [-1.0, 0.0, 1.0, 0.0]);
/// # Ok::<(), kernlet::kernels::ShapeError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Standardizer<const N: usize> {
    numbers: [[f32; N]; 2],
}

impl<const N: usize> Standardizer<N> {
    /// From these means and standard deviations.
    pub const fn new(means: [f32; N], deviations: [f32; N]) -> Self {
        Self { numbers: [means, deviations] }
    }

    /// From samples, one after the other.
    ///
    /// # Errors
    /// [`ShapeError`] if there is none, or the last is not whole.
    pub fn fit(samples: &[f32]) -> Result<Self, ShapeError> {
        let (rows, rest) = samples.as_chunks::<N>();
        if rows.is_empty() || !rest.is_empty() {
            return Err(ShapeError::new("standardize", "samples", rows.len().max(1) * N, samples.len()));
        }
        let count = rows.len() as f64;
        let mut numbers = [[0.0; N]; 2];
        let [means, deviations] = &mut numbers;
        for (feature, (mean, deviation)) in means.iter_mut().zip(deviations).enumerate() {
            let column = || rows.iter().filter_map(move |row| row.get(feature)).map(|&x| f64::from(x));
            let exact = column().fold(0.0, |sum, x| sum + x) / count;
            let variance = column().fold(0.0, |sum, x| sum + (x - exact) * (x - exact)) / count;
            *mean = exact as f32;
            *deviation = match libm::sqrt(variance) as f32 {
                0.0 => 1.0,
                root => root,
            };
        }
        Ok(Self { numbers })
    }

    /// Standardises samples, one after the other.
    ///
    /// # Errors
    /// [`ShapeError`] if the last is not whole; nothing is changed then.
    pub fn apply(&self, samples: &mut [f32]) -> Result<(), ShapeError> {
        let found = samples.len();
        let (rows, rest) = samples.as_chunks_mut::<N>();
        if !rest.is_empty() {
            return Err(ShapeError::new("standardize", "samples", rows.len() * N, found));
        }
        let [means, deviations] = &self.numbers;
        for row in rows {
            for ((x, mean), deviation) in row.iter_mut().zip(means).zip(deviations) {
                *x = (*x - mean) / deviation;
            }
        }
        Ok(())
    }

    /// The means, then the standard deviations.
    pub const fn numbers(&self) -> &[f32] {
        self.numbers.as_flattened()
    }
}
