//! The memory of a pass: one slice of floats, cut into regions by the plan.
#![allow(unsafe_code)]

use core::ops::Range;

use super::{
    super::{
        Error,
        plan::{Place, Region, Sizes},
    },
    Batching,
};

/// Floats that begin at a cache line, for the memory of a pass on the heap.
///
/// ```
/// let memory = kernlet::nn::HeapMemory::zeroed(1000);
/// assert_eq!(memory.len(), 1000);
/// assert_eq!(memory.as_ptr().align_offset(64), 0);
/// ```
#[cfg(feature = "alloc")]
#[derive(Clone)]
pub struct HeapMemory {
    lines: alloc::vec::Vec<Line>,
    len: usize,
}

#[cfg(feature = "alloc")]
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([f32; 16]);

#[cfg(feature = "alloc")]
impl HeapMemory {
    /// `len` zeros, or nothing if the machine has no such memory.
    ///
    /// ```
    /// use kernlet::nn::HeapMemory;
    /// assert_eq!(HeapMemory::try_zeroed(100).unwrap().len(), 100);
    /// assert!(HeapMemory::try_zeroed(usize::MAX).is_none());
    /// ```
    pub fn try_zeroed(len: usize) -> Option<Self> {
        let (mut lines, count) = (alloc::vec::Vec::new(), len.div_ceil(16));
        lines.try_reserve_exact(count).ok()?;
        lines.resize(count, Line([0.0; 16]));
        Some(Self { lines, len })
    }

    /// `len` zeros.
    ///
    /// # Panics
    /// If the machine has no such memory; [`try_zeroed`](Self::try_zeroed) says so.
    pub fn zeroed(len: usize) -> Self {
        Self { lines: alloc::vec![Line([0.0; 16]); len.div_ceil(16)], len }
    }
}

#[cfg(feature = "alloc")]
impl core::ops::Deref for HeapMemory {
    type Target = [f32];
    fn deref(&self) -> &[f32] {
        // SAFETY: a line is 16 floats without padding, and `len` is at most their number.
        unsafe { core::slice::from_raw_parts(self.lines.as_ptr().cast(), self.len) }
    }
}

#[cfg(feature = "alloc")]
impl core::ops::DerefMut for HeapMemory {
    fn deref_mut(&mut self) -> &mut [f32] {
        // SAFETY: as above.
        unsafe { core::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), self.len) }
    }
}

#[cfg(feature = "alloc")]
impl AsRef<[f32]> for HeapMemory {
    fn as_ref(&self) -> &[f32] {
        self
    }
}

#[cfg(feature = "alloc")]
impl AsMut<[f32]> for HeapMemory {
    fn as_mut(&mut self) -> &mut [f32] {
        self
    }
}

#[cfg(feature = "alloc")]
impl core::fmt::Debug for HeapMemory {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "HeapMemory({} floats)", self.len)
    }
}

/// Where the regions of a pass begin, and for how many samples they have room.
#[derive(Clone, Copy, Debug)]
pub(in crate::nn) struct Regions {
    batch_at: usize,
    batch: usize,
    piece_at: usize,
    piece: usize,
    fixed_at: usize,
    scratch_at: usize,
    /// The scratch of one thread.
    scratch: usize,
    threads: usize,
}

/// Which samples of the batch a call works on.
#[derive(Clone, Copy, Debug)]
pub(in crate::nn) struct Part {
    pub(in crate::nn) first: usize,
    pub(in crate::nn) count: usize,
}

impl Part {
    /// Where the samples lie in an array of all, of `len` numbers each.
    #[inline]
    pub(super) fn range(self, len: usize) -> Range<usize> {
        self.first * len..(self.first + self.count) * len
    }
}

/// The pieces of `count` samples.
pub(in crate::nn) fn pieces(count: usize, piece: usize) -> impl Iterator<Item = Part> {
    let piece = if piece == 0 { 1 } else { piece };
    (0..count.div_ceil(piece)).map(move |i| Part { first: i * piece, count: piece.min(count - i * piece) })
}

impl Regions {
    /// The memory of a plan: for inference, training and saliency alike. Sizes that no memory has become
    /// `usize::MAX`, so that a slice is always too short for them.
    pub(in crate::nn) const fn of(sizes: &Sizes, batching: Batching) -> Self {
        let piece_at = sizes.batch.saturating_mul(batching.batch);
        let fixed_at = piece_at.saturating_add(sizes.piece.saturating_mul(batching.piece()));
        Self {
            batch_at: 0,
            batch: batching.batch,
            piece_at,
            piece: batching.piece(),
            fixed_at,
            scratch_at: fixed_at.saturating_add(sizes.fixed),
            scratch: sizes.scratch,
            threads: batching.threads,
        }
    }

    /// How many floats all regions have.
    pub(in crate::nn) const fn end(&self) -> usize {
        self.scratch_at.saturating_add(self.scratch.saturating_mul(self.threads))
    }

    /// How many samples a piece has.
    pub(in crate::nn) const fn piece(&self) -> usize {
        self.piece
    }

    /// The samples that there is room for.
    pub(super) const fn batch(&self) -> usize {
        self.batch
    }

    /// The scratch of all threads.
    #[inline]
    pub(super) fn scratch(&self) -> Range<usize> {
        self.scratch_at..self.scratch_at + self.scratch * self.threads
    }

    /// The scratch of one thread, in floats.
    #[cfg(feature = "rayon")]
    pub(super) fn scratch_len(&self) -> usize {
        self.scratch
    }

    /// The floats of a place that holds `len` floats a sample, for some samples. Once in a program: each layer asks for
    /// several of them.
    #[inline(never)]
    pub(in crate::nn) fn range(&self, place: Place, len: usize, samples: Part) -> Range<usize> {
        let offset = place.offset();
        let (at, first, count) = match place.region() {
            Region::None | Region::Input => return 0..0,
            Region::Batch => (self.batch_at + offset * self.batch, samples.first, samples.count),
            Region::Piece => (self.piece_at + offset * self.piece, 0, samples.count),
            Region::Fixed => (self.fixed_at + offset, 0, 1),
        };
        let start = at + first * len;
        start..start + count * len
    }
}

/// Disjoint parts of a slice, each to be changed.
#[inline]
pub(in crate::nn) fn parts<const N: usize>(
    memory: &mut [f32],
    ranges: [Range<usize>; N],
) -> Result<[&mut [f32]; N], Error> {
    first_parts(memory, ranges, N)
}

/// [`parts`] of the first `count` ranges; the others are empty.
#[inline]
pub(super) fn first_parts<const N: usize>(
    memory: &mut [f32],
    ranges: [Range<usize>; N],
    count: usize,
) -> Result<[&mut [f32]; N], Error> {
    let mut found = core::array::from_fn(|_| Default::default());
    cut(memory, &ranges, &mut found, count)?;
    Ok(found)
}

/// [`parts`] of any number: once in a program, where `get_disjoint_mut` would be there for each number.
fn cut<'m>(
    memory: &'m mut [f32],
    ranges: &[Range<usize>],
    found: &mut [&'m mut [f32]],
    count: usize,
) -> Result<(), Error> {
    let (start, len) = (memory.as_mut_ptr(), memory.len());
    for (index, (range, part)) in ranges.iter().zip(found).take(count).enumerate() {
        let overlaps = ranges.iter().take(index).any(|other| range.start < other.end && other.start < range.end);
        if overlaps || range.start > range.end || range.end > len {
            return Err(Error::Plan);
        }
        // SAFETY: the range lies in the memory and apart from every part before it; the memory is borrowed as long as
        // the parts are.
        *part = unsafe { core::slice::from_raw_parts_mut(start.add(range.start), range.end - range.start) };
    }
    Ok(())
}

/// Copies floats that the plan says are equally many; without a panic, for firmware.
#[inline]
pub(super) fn copy(from: &[f32], to: &mut [f32]) -> Result<(), Error> {
    if from.len() != to.len() {
        return Err(Error::Plan);
    }
    to.copy_from_slice(from);
    Ok(())
}
