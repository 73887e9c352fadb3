//! The memory of a pass: one slice of floats, cut into regions by the plan.
#![allow(unsafe_code)]

use core::ops::Range;

use super::{
    Error,
    plan::{Place, Region},
};
#[cfg(feature = "alloc")]
use super::{Model, Network};

/// A model of zeros on the heap.
#[cfg(feature = "alloc")]
pub(super) fn zeroed_box<N: Network>() -> alloc::boxed::Box<Model<N>> {
    let mut model = alloc::boxed::Box::<Model<N>>::new_uninit();
    // SAFETY: a model is an array of plain numbers behind a zero-sized alignment, for which
    // zero bytes are a value; all bytes of one are written. (`Box::new_zeroed` wants Rust 1.92.)
    unsafe {
        model.as_mut_ptr().write_bytes(0, 1);
        model.assume_init()
    }
}

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
    /// `len` zeros.
    ///
    /// See [`HeapMemory`] for an example.
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

/// Where the regions of a pass begin, and for how many images they have room.
#[derive(Clone, Copy, Debug)]
pub(super) struct Regions {
    pub(super) batch_at: usize,
    pub(super) batch: usize,
    pub(super) piece_at: usize,
    pub(super) piece: usize,
    pub(super) fixed_at: usize,
}

/// Which images of the batch a call works on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Images {
    pub(super) first: usize,
    pub(super) count: usize,
}

/// The pieces of `count` images.
pub(super) fn pieces(count: usize, piece: usize) -> impl Iterator<Item = Images> {
    let piece = if piece == 0 { 1 } else { piece };
    (0..count.div_ceil(piece)).map(move |i| Images { first: i * piece, count: piece.min(count - i * piece) })
}

impl Regions {
    /// The floats of a place that holds `len` floats an image, for some images.
    #[inline]
    pub(super) fn range(&self, place: Place, len: usize, images: Images) -> Range<usize> {
        let offset = place.offset as usize;
        let (at, first, count) = match place.region {
            Region::None | Region::Input => return 0..0,
            Region::Batch => (self.batch_at + offset * self.batch, images.first, images.count),
            Region::Piece => (self.piece_at + offset * self.piece, 0, images.count),
            Region::Fixed => (self.fixed_at + offset, 0, 1),
        };
        let start = at + first * len;
        start..start + count * len
    }
}

/// Disjoint parts of a slice, each to be changed.
#[inline]
pub(super) fn parts<const N: usize>(memory: &mut [f32], ranges: [Range<usize>; N]) -> Result<[&mut [f32]; N], Error> {
    memory.get_disjoint_mut(ranges).map_err(|_| Error::Plan)
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
