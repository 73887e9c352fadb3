//! How good predictions are.

/// The index of the largest element: the first of equals; the first NaN where there is one, 0 for an empty slice.
///
/// A NaN counts as larger than every number, as in NumPy, so that a broken score is seen and not passed over.
///
/// ```
/// use kernlet::data::metrics::argmax;
/// assert_eq!(argmax(&[0.1, 0.7, 0.2]), 1);
/// assert_eq!(argmax(&[0.1, f32::NAN, 0.2]), 1);
/// ```
pub fn argmax(scores: &[f32]) -> usize {
    let mut best = (0, f32::NEG_INFINITY);
    for (i, &score) in scores.iter().enumerate() {
        if score.is_nan() {
            return i;
        }
        if score > best.1 {
            best = (i, score);
        }
    }
    best.0
}

/// A mean that is built up from sums.
///
/// # Numerics
/// The sum is an `f64`, a chain in the order of the calls; 0 for nothing.
///
/// ```
/// use kernlet::data::metrics::Mean;
/// let mut loss = Mean::default();
/// loss.add(6.0, 4); // a sum over four examples
/// loss.add(0.5, 1);
/// assert_eq!(loss.get(), 1.3);
/// ```
#[derive(Clone, Copy, PartialEq, Debug, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Mean {
    sum: f64,
    count: u64,
}

impl Mean {
    /// Adds the sum over `count` examples.
    pub fn add(&mut self, sum: f64, count: u64) {
        self.sum += sum;
        self.count += count;
    }

    /// The mean over all examples so far.
    pub fn get(&self) -> f64 {
        if self.count == 0 { 0.0 } else { self.sum / self.count as f64 }
    }

    /// The number of examples so far.
    ///
    /// ```
    /// assert_eq!(kernlet::data::metrics::Mean::default().count(), 0);
    /// ```
    pub const fn count(&self) -> u64 {
        self.count
    }
}

/// How often which class was taken for which.
///
/// ```
/// use kernlet::data::metrics::Confusion;
/// let mut confusion = Confusion::<3>::default();
/// for (label, guess) in [(0, 0), (1, 1), (1, 2), (2, 2)] {
///     confusion.add(label, guess);
/// }
/// assert_eq!(confusion.accuracy(), 0.75);
/// assert_eq!(confusion.recall(1), 0.5);
/// assert_eq!(confusion.precision(2), 0.5);
/// assert_eq!(confusion.counts()[1][2], 1);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Confusion<const CLASSES: usize> {
    counts: [[u32; CLASSES]; CLASSES],
}

impl<const CLASSES: usize> Default for Confusion<CLASSES> {
    fn default() -> Self {
        Self { counts: [[0; CLASSES]; CLASSES] }
    }
}

impl<const CLASSES: usize> Confusion<CLASSES> {
    /// Counts an example of class `label` that was taken for `guess`; says whether both are classes.
    pub fn add(&mut self, label: usize, guess: usize) -> bool {
        match self.counts.get_mut(label).and_then(|row| row.get_mut(guess)) {
            Some(count) => {
                *count += 1;
                true
            }
            None => false,
        }
    }

    /// The counts: `[label][guess]`.
    pub const fn counts(&self) -> &[[u32; CLASSES]; CLASSES] {
        &self.counts
    }

    /// The number of examples.
    ///
    /// ```
    /// assert_eq!(kernlet::data::metrics::Confusion::<3>::default().total(), 0);
    /// ```
    pub fn total(&self) -> u64 {
        self.counts.iter().flatten().map(|&count| u64::from(count)).sum()
    }

    /// The number of examples whose class was found.
    ///
    /// ```
    /// let mut confusion = kernlet::data::metrics::Confusion::<3>::default();
    /// confusion.add(1, 1);
    /// assert_eq!(confusion.correct(), 1);
    /// ```
    pub fn correct(&self) -> u64 {
        self.counts.iter().enumerate().map(|(class, row)| u64::from(row[class])).sum()
    }

    /// The share of examples whose class was found, 0 for none.
    pub fn accuracy(&self) -> f64 {
        ratio(self.correct(), self.total())
    }

    /// The share of class `class` that was found, 0 for none.
    pub fn recall(&self, class: usize) -> f64 {
        let Some(row) = self.counts.get(class) else { return 0.0 };
        ratio(u64::from(row[class]), row.iter().map(|&count| u64::from(count)).sum())
    }

    /// The share of the guesses `class` that were right, 0 for none.
    pub fn precision(&self, class: usize) -> f64 {
        if class >= CLASSES {
            return 0.0;
        }
        ratio(u64::from(self.counts[class][class]), self.counts.iter().map(|row| u64::from(row[class])).sum())
    }
}

fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}
