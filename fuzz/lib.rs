//! What the targets share.

use arbitrary::{Arbitrary, Result, Unstructured};
use kernlet::{random::Stream, shape::Padding, simd::Level};

/// A seed of numbers, and of which kind.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub struct Numbers {
    seed: u64,
    kind: Kind,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Kind {
    /// −1 to 1.
    Unit,
    /// Whole numbers from −8 to 8.
    Whole,
    /// Every finite bit pattern, subnormals among them.
    Bits,
    /// Mostly zeros, as after a ReLU.
    Sparse,
}

impl Numbers {
    /// That many, `stream` telling several slices apart.
    pub fn take(&self, stream: u64, len: usize) -> Vec<f32> {
        let stream = Stream::new(self.seed, stream);
        (0..len as u64)
            .map(|i| {
                let bits = stream.u32_at(i);
                let unit = bits as i32 as f32 / 2_147_483_648.0;
                match self.kind {
                    Kind::Unit => unit,
                    Kind::Whole => (unit * 8.0).round(),
                    Kind::Bits => {
                        let any = f32::from_bits(bits);
                        if any.is_finite() { any } else { 1.0 }
                    }
                    Kind::Sparse => {
                        if bits % 4 == 0 {
                            unit
                        } else {
                            0.0
                        }
                    }
                }
            })
            .collect()
    }
}

/// What the naive twins say, once for each rounding: they are slow.
pub struct Twin {
    pub y: Vec<f32>,
    pub dx: Vec<f32>,
    pub dw: Vec<f32>,
    pub db: Vec<f32>,
}

/// A size from `least` to `most`.
pub fn size(u: &mut Unstructured, least: usize, most: usize) -> Result<usize> {
    u.int_in_range(least..=most)
}

/// Two sizes.
pub fn pair(u: &mut Unstructured, least: usize, most: usize) -> Result<[usize; 2]> {
    Ok([size(u, least, most)?, size(u, least, most)?])
}

/// Any padding.
pub fn padding(u: &mut Unstructured) -> Result<Padding> {
    Ok(match u.int_in_range(0..=2)? {
        0 => Padding::Valid,
        1 => Padding::Same,
        _ => {
            let ([top, bottom], [left, right]) = (pair(u, 0, 4)?, pair(u, 0, 4)?);
            Padding::Explicit { top, bottom, left, right }
        }
    })
}

/// Panics unless both have the same bits; a NaN equals any other.
pub fn same(what: &str, level: Level, found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len());
    for (i, (f, e)) in found.iter().zip(expected).enumerate() {
        assert!(
            f.to_bits() == e.to_bits() || (f.is_nan() && e.is_nan()),
            "{what}[{i}] on {level}: {f:?} and not {e:?}"
        );
    }
}
