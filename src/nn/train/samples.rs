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
///
/// `E` is what inputs consist of: `f32` where nothing is said, `u8`, `u16` or `u32` where the network begins with an
/// embedding.
pub trait Samples<T, E = f32> {
    /// How many there are, where an input has `input` numbers.
    fn count(&self, input: usize) -> usize;

    /// Writes a sample's input and its targets.
    ///
    /// # Errors
    /// If it cannot be read: [`Error::Sample`], or any other.
    fn read(&self, draw: Draw, input: &mut [E], targets: &mut [T]) -> Result<(), Error>;

    /// How many of its steps a sample has, if it is a sequence that ends before the last one; `None` where it has all.
    /// See [`step_with_lengths`](super::HeldTrainer::step_with_lengths) for what that means.
    ///
    /// ```
    /// use kernlet::{nn::{Draw, Error, Samples, Training}, optim::Adam};
    ///
    /// /// Words as letters, and whether each has an `x`.
    /// struct Words(&'static [(&'static str, u8)]);
    ///
    /// impl Samples<u8, u8> for Words {
    ///     fn count(&self, _input: usize) -> usize {
    ///         self.0.len()
    ///     }
    ///     fn read(&self, draw: Draw, input: &mut [u8], targets: &mut [u8]) -> Result<(), Error> {
    ///         let (word, label) = self.0[draw.index];
    ///         input.fill(0);
    ///         input.iter_mut().zip(word.bytes()).for_each(|(to, letter)| *to = letter - b'a');
    ///         targets.fill(label);
    ///         Ok(())
    ///     }
    ///     fn length(&self, draw: Draw) -> Option<u32> {
    ///         Some(self.0[draw.index].0.len() as u32)
    ///     }
    /// }
    ///
    /// kernlet::network! { struct HasX([u8; 8]) { letters: embedding(26, 4), lstm(6), out: dense(2), softmax } }
    /// const TRAINING: Training<HasX, Adam> = Training::new(Adam::new(0.05)).batch(2).epochs(60);
    /// let words = Words(&[("axis", 1), ("tree", 0), ("x", 1), ("horse", 0), ("box", 1), ("i", 0)]);
    /// assert_eq!(TRAINING.build()?.fit(&words, |_, _| true)?.training.accuracy(), 1.0);
    /// # Ok::<(), Error>(())
    /// ```
    fn length(&self, _draw: Draw) -> Option<u32> {
        None
    }
}

/// Samples that lie in memory: inputs one after the other, and the targets of each likewise.
///
/// ```
/// use kernlet::nn::{Pairs, Samples};
/// let samples = Pairs(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], &[0_u8, 1]);
/// assert_eq!(samples.count(3), 2);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Pairs<'a, T, E = f32>(pub &'a [E], pub &'a [T]);

impl<T: Copy, E: Copy> Samples<T, E> for Pairs<'_, T, E> {
    fn count(&self, input: usize) -> usize {
        self.0.len() / input.max(1)
    }

    fn read(&self, draw: Draw, input: &mut [E], targets: &mut [T]) -> Result<(), Error> {
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
