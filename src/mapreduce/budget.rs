//! The memory of a job.

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

/// A job's whole memory: a number of bytes to be allocated at once when the job starts, or
/// bytes that the caller owns.
///
/// ```
/// use kernlet::mapreduce::{Budget, Emitter, Error, Job, Sum};
/// let mut memory = [0; 8 << 10];
/// let mut words = Job::new(&mut memory[..]).combine::<str, Sum<u64>>(Sum::new()).unwrap();
/// words.emit("in the caller's bytes", 1).unwrap();
///
/// // What the machine does not have is an error.
/// let absurd = Job::new(usize::MAX).combine::<str, Sum<u64>>(Sum::new()).err().unwrap();
/// assert!(matches!(absurd, Error::OutOfMemory { bytes: usize::MAX }));
/// assert_eq!(Budget::from(8 << 10).bytes(), 8 << 10);
/// ```
pub struct Budget<'b> {
    kind: Kind<'b>,
}

enum Kind<'b> {
    Wanted(usize),
    Given(&'b mut [u8]),
}

/// The words of a budget, once the job has started.
pub(super) enum Memory<'b> {
    Owned(Box<[u64]>),
    Borrowed(&'b mut [u64]),
}

impl<'b> Budget<'b> {
    /// Bytes given. Up to 14 bytes of borrowed memory are lost to alignment.
    pub fn bytes(&self) -> usize {
        match &self.kind {
            Kind::Wanted(bytes) => *bytes,
            Kind::Given(bytes) => bytes.len(),
        }
    }

    /// The budget's words; `None` if the allocator does not have them.
    pub(super) fn start(self) -> Option<Memory<'b>> {
        match self.kind {
            Kind::Wanted(bytes) => zeroed_words(bytes / 8).map(|words| Memory::Owned(words.into_boxed_slice())),
            Kind::Given(bytes) => Some(Memory::Borrowed(bytemuck::pod_align_to_mut(bytes).1)),
        }
    }
}

/// Words and bytes below this are written; above it that would take time and pages.
const SMALL: usize = 1 << 20;

// `len` zeros; `None` if the allocator does not have them.
//
// Many are asked for twice, because only the infallible way gets zeros from the system without
// writing them: a budget of 64 MiB of which little is used would cost 10 ms and all its pages.
macro_rules! zeroed {
    ($($name:ident $t:ty;)*) => {$(
        pub(super) fn $name(len: usize) -> Option<Vec<$t>> {
            let mut zeros = Vec::<$t>::new();
            zeros.try_reserve_exact(len).ok()?;
            if len <= SMALL / size_of::<$t>() {
                zeros.resize(len, 0);
                return Some(zeros);
            }
            // An allocation that nobody sees may be left out.
            core::hint::black_box(zeros.as_mut_ptr());
            drop(zeros);
            Some(vec![0; len])
        }
    )*};
}
zeroed!(zeroed_words u64;);
#[cfg(feature = "std")]
zeroed!(zeroed_bytes u8;);

impl Memory<'_> {
    #[inline(always)]
    pub(super) fn words(&mut self) -> &mut [u64] {
        match self {
            Memory::Owned(words) => words,
            Memory::Borrowed(words) => words,
        }
    }

    /// How many of the bytes given are not in whole words: a caller's memory may begin or end between two. Allocated
    /// memory begins with one.
    pub(super) fn unused(&self, given: usize) -> usize {
        match self {
            Memory::Owned(_) => 0,
            Memory::Borrowed(words) => given - 8 * words.len(),
        }
    }

    pub(super) fn as_words(&self) -> &[u64] {
        match self {
            Memory::Owned(words) => words,
            Memory::Borrowed(words) => words,
        }
    }
}

impl From<usize> for Budget<'_> {
    fn from(bytes: usize) -> Self {
        Self { kind: Kind::Wanted(bytes) }
    }
}

impl<'b> From<&'b mut [u8]> for Budget<'b> {
    fn from(bytes: &'b mut [u8]) -> Self {
        Self { kind: Kind::Given(bytes) }
    }
}

impl fmt::Debug for Budget<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whose = if matches!(self.kind, Kind::Wanted(_)) { "to be allocated" } else { "of the caller's" };
        write!(f, "Budget({} bytes {whose})", self.bytes())
    }
}
