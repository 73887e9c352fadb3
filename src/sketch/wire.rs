//! Summaries as bytes: a header, a checksum, a body of little-endian numbers.
//!
//! | bytes | what |
//! |---|---|
//! | 0..4 | `klsk` |
//! | 4..6, 6..8 | version, kind |
//! | 8..20 | three sizes |
//! | 20..24 | checksum of all other bytes |
//! | 24.. | the body |

use super::Error;
use crate::pairs::Plain;
use crate::pairs::hash::checksum;

pub(super) const HEADER: usize = 24;
const SIZES: usize = 8;
const SUM: usize = 20;

/// How a summary is laid out in bytes.
#[doc(hidden)]
pub trait Body: Sized {
    const KIND: u16;
    const SIZES: [u32; 3];
    /// The most bytes of the body.
    const BODY: usize;
    fn write(&self, out: &mut Writer<'_>);
    /// `None` if no summary has these contents.
    fn read(from: &mut Reader<'_>) -> Option<Self>;
}

/// Writes numbers one after the other; what does not fit is only counted.
#[doc(hidden)]
#[derive(Debug)]
pub struct Writer<'o> {
    out: &'o mut [u8],
    at: usize,
}

impl Writer<'_> {
    pub(super) fn put<T: Plain>(&mut self, value: &T) {
        if let Some(out) = self.out.get_mut(self.at..self.at + T::SIZE) {
            value.store(out);
        }
        self.at += T::SIZE;
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        if let Some(out) = self.out.get_mut(self.at..self.at + bytes.len()) {
            out.copy_from_slice(bytes);
        }
        self.at += bytes.len();
    }
}

/// Reads numbers one after the other.
#[doc(hidden)]
#[derive(Debug)]
pub struct Reader<'b> {
    bytes: &'b [u8],
    at: usize,
}

impl<'b> Reader<'b> {
    pub(super) fn bytes(&mut self, len: usize) -> Option<&'b [u8]> {
        let end = self.at.checked_add(len)?;
        let taken = self.bytes.get(self.at..end)?;
        self.at = end;
        Some(taken)
    }

    pub(super) fn take<T: Plain>(&mut self) -> Option<T> {
        self.bytes(T::SIZE).map(T::load)
    }
}

fn start<S: Body>() -> [u8; 8] {
    let mut start = *b"klsk\x01\0\0\0";
    S::KIND.store(&mut start[6..]);
    start
}

/// The checksum of everything but itself.
fn sum(bytes: &[u8]) -> u32 {
    checksum(u64::from(checksum(0, &bytes[..SUM])), &bytes[HEADER..])
}

pub(super) fn write<S: Body>(summary: &S, out: &mut [u8]) -> Result<usize, Error> {
    let given = out.len();
    let mut writer = Writer { out, at: 0 };
    writer.bytes(&start::<S>());
    writer.put(&S::SIZES);
    writer.put(&0u32);
    summary.write(&mut writer);
    let len = writer.at;
    let out = out.get_mut(..len).ok_or(Error::Length { given, needed: len })?;
    sum(out).store(&mut out[SUM..]);
    Ok(len)
}

pub(super) fn read<S: Body>(bytes: &[u8]) -> Result<S, Error> {
    let given = bytes.len();
    if given < HEADER {
        return Err(Error::Length { given, needed: HEADER });
    }
    let found = Plain::load(bytes);
    let expected = start::<S>();
    if found != expected {
        return Err(Error::Foreign { found, expected });
    }
    let found = Plain::load(&bytes[SIZES..]);
    if found != S::SIZES {
        return Err(Error::Size { found, expected: S::SIZES });
    }
    let (expected, found) = (u32::load(&bytes[SUM..]), sum(bytes));
    if found != expected {
        return Err(Error::Checksum { expected, found });
    }
    let mut reader = Reader { bytes, at: HEADER };
    let summary = S::read(&mut reader).ok_or(Error::Contents { at: reader.at })?;
    if reader.at != given {
        return Err(Error::Length { given, needed: reader.at });
    }
    Ok(summary)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::*;
    use super::*;

    /// Reads a summary that was changed by somebody who knows the checksum, too.
    fn forged<S: Sketch>(summary: &S, changes: &[(u16, u8)], cut: u8) -> Option<S> {
        let mut bytes = std::vec![0; S::BYTES];
        let len = summary.to_bytes(&mut bytes).unwrap();
        bytes.truncate((len - usize::from(cut) % 16).max(HEADER));
        for &(at, value) in changes {
            let body = &mut bytes[HEADER..];
            let at = usize::from(at) % body.len().max(1);
            // Small bodies' first bytes are counts and lengths: often among those changed.
            if let Some(byte) = body.get_mut(if value % 3 == 0 { at % 32 } else { at }) {
                *byte = value;
            }
        }
        sum(&bytes).store(&mut bytes[SUM..]);
        S::from_bytes(&bytes).ok()
    }

    /// A summary that was believed is used for everything: nothing may panic.
    fn believed<S: Sketch>(summary: Option<S>, own: &S, clone: impl Fn(&S) -> S, mut add: impl FnMut(&mut S)) {
        let Some(mut other) = summary else { return };
        let mut into = clone(own);
        let _ = into.merge(&other);
        let _ = other.merge(own);
        add(&mut into);
        add(&mut other);
        let mut bytes = std::vec![0; S::BYTES];
        for all in [into, other] {
            let len = all.to_bytes(&mut bytes).unwrap();
            // What was merged of what was believed is believed again.
            assert!(S::from_bytes(&bytes[..len]).is_ok());
        }
    }

    /// Contents that no summary has, with a checksum that fits them.
    #[test]
    fn forged_contents_are_refused() {
        let mut bytes = [0; Moments::BYTES + 1];
        Moments::new().to_bytes(&mut bytes).unwrap();
        sum(&bytes).store(&mut bytes[SUM..]);
        let (given, needed) = (bytes.len(), Moments::BYTES);
        assert_eq!(Moments::from_bytes(&bytes), Err(Error::Length { given, needed }));

        let mut counts = CountMin::<u8, 5, 2>::new(1);
        counts.add(7, 9).unwrap();
        let mut bytes = [0; CountMin::<u8, 5, 2>::BYTES];
        counts.to_bytes(&mut bytes).unwrap();
        // The rows come after seed and total: one of them has counted nothing.
        bytes[HEADER + 16..HEADER + 16 + 40].fill(0);
        sum(&bytes).store(&mut bytes[SUM..]);
        assert!(matches!(CountMin::<u8, 5, 2>::from_bytes(&bytes), Err(Error::Contents { .. })));
    }

    proptest! {
        #[test]
        fn forged_bytes_never_panic(keys: [u8; 12], changes in prop::collection::vec(any::<(u16, u8)>(), 0..6), cut: u8) {
            let cut = if cut < 200 { 0 } else { cut };
            let mut frequent = SpaceSaving::<str, 6, 4>::new(1);
            let mut distinct = HyperLogLog::<u8, 16>::new(1);
            let mut counts = CountMin::<u8, 5, 2>::new(1);
            let mut sample = Reservoir::<u16, 5>::new(1);
            let mut moments = Moments::new();
            let mut numbers = DdSketch::<6, 1>::new();
            for key in keys {
                frequent.add(["a", "bb", "ccc", "dd", "e", "", "gggg"][usize::from(key % 7)], key.into()).unwrap();
                distinct.add(key).unwrap();
                counts.add(key, key.into()).unwrap();
                sample.add(key.into());
                moments.add(key.into());
                numbers.add(f64::from(key) - 100.0);
            }
            believed(forged(&frequent, &changes, cut), &frequent, Clone::clone, |frequent| {
                frequent.sort();
                frequent.add("new", 3).unwrap();
                assert!(frequent.iter().all(|hitter| hitter.error <= hitter.count));
            });
            believed(forged(&distinct, &changes, cut), &distinct, Clone::clone, |distinct| {
                distinct.add(77).unwrap();
                assert!(distinct.estimate() > 0.0);
            });
            believed(forged(&counts, &changes, cut), &counts, Clone::clone, |counts| {
                counts.add(77, 3).unwrap();
                assert!(counts.estimate(77).unwrap() >= 3);
            });
            believed(forged(&sample, &changes, cut), &sample, Clone::clone, |sample| {
                sample.add(77);
                sample.sort();
                assert!(sample.len() <= 5);
            });
            believed(forged(&moments, &changes, cut), &moments, Clone::clone, |moments| moments.add(1.0));
            believed(forged(&numbers, &changes, cut), &numbers, Clone::clone, |numbers| {
                numbers.add(-1e300);
                numbers.add(7.0);
                for q in [0.0, 0.3, 0.5, 1.0] {
                    let found = numbers.quantile(q).unwrap();
                    assert!(found >= numbers.min().unwrap() && found <= numbers.max().unwrap());
                }
            });
        }
    }
}
