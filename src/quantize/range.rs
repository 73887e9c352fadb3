//! Where a value's numbers lie: histograms over calibration samples, and the range that is derived from them.

use alloc::{vec, vec::Vec};

use super::Range;

/// Bins on either side of 0.
const HALF: usize = 2048;

/// How often numbers fall into equal bins over `±limit`.
///
/// The limit is a power of two and grows as it must; bins are then merged in pairs. So what it holds does not depend
/// on the order of the samples, nor on how they were divided among calls.
#[derive(Clone, Debug)]
pub(super) struct Histogram {
    limit: f32,
    bins: Vec<u64>,
    least: f32,
    most: f32,
    count: u64,
}

impl Histogram {
    pub(super) fn new() -> Self {
        Self {
            limit: f32::MIN_POSITIVE,
            bins: vec![0; 2 * HALF],
            least: f32::INFINITY,
            most: f32::NEG_INFINITY,
            count: 0,
        }
    }

    /// Counts numbers; `false` if one of them is not finite.
    pub(super) fn add(&mut self, numbers: impl Iterator<Item = f32> + Clone) -> bool {
        let (mut least, mut most) = (self.least, self.most);
        for x in numbers.clone() {
            if !x.is_finite() {
                return false;
            }
            least = least.min(x);
            most = most.max(x);
        }
        (self.least, self.most) = (least, most);
        self.grow(least.abs().max(most.abs()));
        let scale = HALF as f32 / self.limit;
        for x in numbers {
            // A power of two: the product is exact, and the same bin after every growth.
            let bin = (libm::floorf(x * scale) as i64 + HALF as i64).clamp(0, 2 * HALF as i64 - 1);
            if let Some(count) = self.bins.get_mut(bin as usize) {
                *count += 1;
            }
            self.count += 1;
        }
        true
    }

    fn grow(&mut self, largest: f32) {
        while self.limit < largest && self.limit < f32::MAX / 2.0 {
            self.limit *= 2.0;
            if self.count == 0 {
                continue;
            }
            let mut merged = vec![0; 2 * HALF];
            for (bin, count) in self.bins.iter().enumerate() {
                if let Some(to) = merged.get_mut(HALF / 2 + bin / 2) {
                    *to += count;
                }
            }
            self.bins = merged;
        }
    }

    /// Adds what another one has counted.
    pub(super) fn merge(&mut self, other: &Self) {
        let mut other = other.clone();
        self.grow(other.limit);
        other.grow(self.limit);
        for (count, more) in self.bins.iter_mut().zip(&other.bins) {
            *count += more;
        }
        self.count += other.count;
        self.least = self.least.min(other.least);
        self.most = self.most.max(other.most);
    }

    /// The least and the greatest number that was counted.
    pub(super) fn bounds(&self) -> [f32; 2] {
        [self.least, self.most]
    }

    /// The centre of a bin.
    fn centre(&self, bin: usize) -> f64 {
        (bin as f64 + 0.5 - HALF as f64) * f64::from(self.limit) / HALF as f64
    }

    /// The range that a method derives from it; it contains 0.
    pub(super) fn range(&self, method: Range) -> [f64; 2] {
        let [least, most] = [f64::from(self.least).min(0.0), f64::from(self.most).max(0.0)];
        match method {
            Range::MinMax => [least, most],
            Range::Percentile(kept) => {
                let outside = self.count as f64 * (1.0 - kept / 100.0) / 2.0;
                let low = self.cut(0..2 * HALF, outside, 0.0);
                let high = self.cut((0..2 * HALF).rev(), outside, 1.0);
                [least.max(low.min(0.0)), most.min(high.max(0.0))]
            }
            Range::MeanSquaredError => {
                let mut best = ([least, most], f64::INFINITY);
                for step in (30..=100).rev() {
                    let part = f64::from(step) / 100.0;
                    for range in [[part * least, part * most], [part * least, most], [least, part * most]] {
                        let error = self.error(range);
                        if error < best.1 {
                            best = (range, error);
                        }
                    }
                }
                best.0
            }
        }
    }

    /// The edge of the bin up to which at most `outside` numbers lie.
    fn cut(&self, bins: impl Iterator<Item = usize>, outside: f64, edge: f64) -> f64 {
        let mut seen = 0.0;
        for bin in bins {
            seen += self.bins.get(bin).copied().unwrap_or(0) as f64;
            if seen > outside {
                return (bin as f64 + edge - HALF as f64) * f64::from(self.limit) / HALF as f64;
            }
        }
        0.0
    }

    /// The summed squared error of 256 steps over a range.
    fn error(&self, [least, most]: [f64; 2]) -> f64 {
        let step = (most - least) / 255.0;
        // Within the range the error is uniform in ± half a step.
        let inside = step * step / 12.0;
        let of_bin = |(bin, &count): (usize, &u64)| {
            let x = self.centre(bin);
            let beyond = (least - x).max(x - most).max(0.0);
            count as f64 * if beyond > 0.0 { beyond * beyond } else { inside }
        };
        self.bins.iter().enumerate().filter(|(_, count)| **count > 0).map(of_bin).sum()
    }
}

/// Scale and zero point: real = scale · (q − zero point), q in −128 … 127.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Scale {
    pub(super) scale: f32,
    pub(super) zero_point: i32,
}

impl Scale {
    /// The scale of a range, with 0 at a whole number; `None` if nothing but 0 is in it.
    pub(super) fn of([least, most]: [f64; 2]) -> Option<Self> {
        let scale = ((most - least) / 255.0) as f32;
        if !(scale.is_finite() && scale >= f32::MIN_POSITIVE) {
            return None;
        }
        let zero = libm::round(-128.0 - least / f64::from(scale));
        Some(Self { scale, zero_point: zero.clamp(-128.0, 127.0) as i32 })
    }
}

#[cfg(test)]
mod tests {
    use super::{Histogram, Scale};
    use crate::quantize::Range;

    #[test]
    fn a_histogram_does_not_depend_on_the_order() {
        let numbers: std::vec::Vec<f32> = (0..1000).map(|i| ((i * 7919) % 1000) as f32 * 0.37 - 100.0).collect();
        let (mut all, mut first, mut second) = (Histogram::new(), Histogram::new(), Histogram::new());
        assert!(all.add(numbers.iter().copied()));
        assert!(first.add(numbers[..3].iter().rev().copied()) && second.add(numbers[3..].iter().rev().copied()));
        second.merge(&first);
        assert_eq!((all.bins, all.limit), (second.bins, second.limit));
        assert_eq!((all.least, all.most, all.count), (second.least, second.most, 1000));
        assert!(!Histogram::new().add([1.0, f32::NAN].into_iter()));
    }

    #[test]
    fn ranges_leave_out_what_their_methods_say() {
        let mut histogram = Histogram::new();
        let most = (0..10_000).map(|i| i as f32 / 10_000.0);
        assert!(histogram.add(most.chain([50.0])));
        assert_eq!(histogram.range(Range::MinMax), [0.0, 50.0]);
        let [low, high] = histogram.range(Range::Percentile(99.9));
        assert!(low == 0.0 && (0.95..1.1).contains(&high), "{low} {high}");
        let [low, high] = histogram.range(Range::MeanSquaredError);
        assert!(low == 0.0 && high < 50.0, "{low} {high}");
    }

    #[test]
    fn zero_is_a_whole_number() {
        assert_eq!(Scale::of([0.0, 255.0]), Some(Scale { scale: 1.0, zero_point: -128 }));
        // −0.5 is rounded away from zero, as TensorFlow's converter does: images from −1 to 1 have this zero point there.
        assert_eq!(Scale::of([-1.0, 1.0]).unwrap().zero_point, -1);
        assert_eq!(Scale::of([-255.0, 0.0]), Some(Scale { scale: 1.0, zero_point: 127 }));
        assert_eq!(Scale::of([0.0, 0.0]), None);
    }
}
