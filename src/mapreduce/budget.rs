//! The memory of a job.

use alloc::boxed::Box;
use alloc::vec;

/// A job's whole memory: a number of bytes to be allocated at once, or bytes
/// that the caller owns.
///
/// ```
/// use kernlet::mapreduce::{Budget, Job};
/// let mut memory = [0; 8 << 10];
/// let _ = Job::new(&mut memory[..]);
/// let _ = Job::new(8 << 20);
/// assert_eq!(Budget::from(8 << 10).bytes(), 8 << 10);
/// ```
pub struct Budget<'b> {
    words: Words<'b>,
    given: usize,
}

enum Words<'b> {
    Owned(Box<[u64]>),
    Borrowed(&'b mut [u64]),
}

impl Budget<'_> {
    /// Bytes given. Of borrowed bytes up to 14 are lost to alignment.
    ///
    /// ```
    /// assert_eq!(kernlet::mapreduce::Budget::from(4096).bytes(), 4096);
    /// ```
    pub fn bytes(&self) -> usize {
        self.given
    }

    #[inline(always)]
    pub(crate) fn words(&mut self) -> &mut [u64] {
        match &mut self.words {
            Words::Owned(words) => words,
            Words::Borrowed(words) => words,
        }
    }
}

impl From<usize> for Budget<'_> {
    fn from(bytes: usize) -> Self {
        Self { words: Words::Owned(vec![0; bytes / 8].into_boxed_slice()), given: bytes }
    }
}

impl<'b> From<&'b mut [u8]> for Budget<'b> {
    fn from(bytes: &'b mut [u8]) -> Self {
        let given = bytes.len();
        Self { words: Words::Borrowed(bytemuck::pod_align_to_mut(bytes).1), given }
    }
}

crate::pairs::debug::debug!([] Budget<'_>, "Budget", "bytes": |budget| budget.given);
