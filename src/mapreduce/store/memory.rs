//! Runs in memory that the caller set aside.

use super::{Space, Stack, Store};
use core::fmt;

/// A store in a slice of bytes, in a `Vec`, or in any other owner of bytes.
///
/// ```
/// # #[cfg(feature = "alloc")] {
/// use kernlet::mapreduce::{Emitter, Job, MemoryStore, Sum};
/// let mut room = [0; 16 << 10];
/// let mut job = Job::new(4 << 10).store(MemoryStore::new(&mut room[..])).combine::<u32, Sum<u64>>(Sum::new()).unwrap();
/// for i in 0..500u32 {
///     job.emit(i, 1).unwrap();
/// }
/// assert!(job.counters().runs > 0);
/// # }
/// ```
pub struct MemoryStore<B> {
    bytes: B,
}

impl<B: AsRef<[u8]> + AsMut<[u8]>> MemoryStore<B> {
    /// A store in `bytes`.
    pub fn new(bytes: B) -> Self {
        Self { bytes }
    }
}

/// A read or write outside of a [`MemoryStore`].
///
/// ```
/// use kernlet::mapreduce::{MemoryStore, Stack, Store};
/// let error = MemoryStore::new([0; 8]).read(Stack::Even, 4, &mut [0; 8]).unwrap_err();
/// assert_eq!((error.at, error.len, error.capacity), (4, 8, 8));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct OutOfStore {
    /// Where it begins.
    pub at: u64,
    /// How many bytes it has.
    pub len: usize,
    /// Bytes of the store.
    pub capacity: usize,
}

impl fmt::Display for OutOfStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes at {} are not within a store of {} bytes", self.len, self.at, self.capacity)
    }
}

impl core::error::Error for OutOfStore {}

impl<B: AsRef<[u8]> + AsMut<[u8]>> Store for MemoryStore<B> {
    type Error = OutOfStore;

    fn space(&self) -> Space {
        Space::Shared { bytes: self.bytes.as_ref().len() as u64, granule: 1, write: 1 }
    }

    fn write(&mut self, _: Stack, at: u64, bytes: &[u8]) -> Result<(), OutOfStore> {
        let capacity = self.bytes.as_ref().len();
        let place = usize::try_from(at).ok().and_then(|at| self.bytes.as_mut().get_mut(at..)?.get_mut(..bytes.len()));
        place.ok_or(OutOfStore { at, len: bytes.len(), capacity })?.copy_from_slice(bytes);
        Ok(())
    }

    fn read(&mut self, _: Stack, at: u64, out: &mut [u8]) -> Result<(), OutOfStore> {
        let bytes = self.bytes.as_ref();
        let place = usize::try_from(at).ok().and_then(|at| bytes.get(at..)?.get(..out.len()));
        out.copy_from_slice(place.ok_or(OutOfStore { at, len: out.len(), capacity: bytes.len() })?);
        Ok(())
    }
}

crate::pairs::debug::debug!([B: AsRef<[u8]>] MemoryStore<B>, "MemoryStore", "bytes": |store| store.bytes.as_ref().len());
