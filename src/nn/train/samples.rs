//! What there is to learn from.

use super::super::Error;

/// Which sample is wanted, and for what.
///
/// What changes a sample each time it is learnt from (shifts, rotations) draws from the seed, the epoch and the
/// index, so that training can be taken up anywhere.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Draw {
    /// Which of the samples, from 0.
    pub index: usize,
    /// The epoch in which it is learnt from, from 0; `None` where it only validates.
    pub epoch: Option<u32>,
    /// The training's seed.
    pub seed: u64,
}

/// Samples that [`fit`](super::HeldTrainer::fit) reads one by one, in whatever order it wants.
///
/// [`Pairs`] are samples in memory. Where they lie in another form (bytes, a file, a generator), they are read as they
/// are needed:
///
/// ```
/// use kernlet::{nn::{Draw, Error, Samples, Training}, optim::Adam};
///
/// /// Grey images of 2 × 2 pixels, a byte each.
/// struct Bytes<'a> { pixels: &'a [[u8; 4]], labels: &'a [u8] }
///
/// impl Samples<u8> for Bytes<'_> {
///     fn count(&self, _input: usize) -> usize {
///         self.labels.len()
///     }
///     fn read(&self, draw: Draw, input: &mut [f32], targets: &mut [u8]) -> Result<(), Error> {
///         let missing = Error::Sample { index: draw.index };
///         let pixels = self.pixels.get(draw.index).ok_or(missing)?;
///         input.iter_mut().zip(pixels).for_each(|(x, &byte)| *x = f32::from(byte) / 255.0);
///         targets.copy_from_slice(self.labels.get(draw.index..=draw.index).ok_or(missing)?);
///         Ok(())
///     }
/// }
///
/// kernlet::network! { struct Tiny([2, 2, 1]) { dense(8), relu, out: dense(2), softmax } }
/// const TRAINING: Training<Tiny, Adam> = Training::new(Adam::new(0.05)).batch(2).epochs(30);
/// let samples = Bytes { pixels: &[[0, 0, 255, 255], [255, 255, 0, 0]], labels: &[0, 1] };
/// let fitted = TRAINING.build()?.fit(&samples, |_, _| true)?;
/// assert_eq!(fitted.training.accuracy(), 1.0);
/// # Ok::<(), Error>(())
/// ```
pub trait Samples<T> {
    /// How many there are, where an input has `input` floats.
    fn count(&self, input: usize) -> usize;

    /// Writes a sample's input and its targets.
    ///
    /// # Errors
    /// If it cannot be read: [`Error::Sample`], or any other.
    fn read(&self, draw: Draw, input: &mut [f32], targets: &mut [T]) -> Result<(), Error>;
}

/// Samples that lie in memory: inputs one after the other, and the targets of each likewise.
///
/// ```
/// use kernlet::nn::{Pairs, Samples};
/// let samples = Pairs(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], &[0_u8, 1]);
/// assert_eq!(samples.count(3), 2);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Pairs<'a, T>(pub &'a [f32], pub &'a [T]);

impl<T: Copy> Samples<T> for Pairs<'_, T> {
    fn count(&self, input: usize) -> usize {
        self.0.len() / input.max(1)
    }

    fn read(&self, draw: Draw, input: &mut [f32], targets: &mut [T]) -> Result<(), Error> {
        let Draw { index, .. } = draw;
        let missing = Error::Sample { index };
        let range = |len: usize| Some(index.checked_mul(len)?..index.checked_add(1)?.checked_mul(len)?);
        let from = range(input.len()).and_then(|range| self.0.get(range)).ok_or(missing)?;
        input.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
        let from = range(targets.len()).and_then(|range| self.1.get(range)).ok_or(missing)?;
        targets.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
        Ok(())
    }
}
