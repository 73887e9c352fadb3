//! Data sets as they lie in memory, and what is done to a batch before it is learnt from.
//!
//! Readers borrow the bytes of a file that somebody else read (or that lie in flash):
//! nothing here allocates, and no file, however broken, makes anything here panic.
//!
//! - [`idx`]: the IDX format and MNIST's pairs of images and labels.
//! - [`cifar`]: the binary format of CIFAR-10.
//! - [`batches`]: the order of an epoch, and gathering a batch in that order.
//! - [`augment`]: shift, rotate, scale and crop, drawn per image.
//! - [`normalise`]: bytes to numbers in `[0, 1]`.
//! - [`standardize`]: features of mean 0 and variance 1.
//! - [`metrics`]: accuracy, confusion matrix, means.

pub mod augment;
pub mod batches;
pub mod cifar;
pub mod idx;
pub mod metrics;
pub mod normalise;
pub mod standardize;

/// Uses of random numbers by this module; each has streams of its own.
///
/// A stream's number is the use in the upper half and, in the lower, what it belongs to (an epoch).
const fn stream(seed: u64, usage: [u8; 4], number: u32) -> crate::random::Stream {
    crate::random::Stream::new(seed, ((u32::from_be_bytes(usage) as u64) << 32) | number as u64)
}
