//! Where sorted runs go when the table is full.
//!
//! Runs lie on two stacks. Spills are pushed onto the first; a merge reads the oldest
//! runs of one stack and pushes what it writes onto the other, after which the space
//! of the runs it read is reused. When a bounded store is half full, everything in it
//! is merged. So a store is large enough if it has twice the bytes of the result's
//! records, of one full table, and of a granule for each run there at one time;
//! without a combiner every pair is one of the result's records.

mod memory;
#[cfg(feature = "embedded-storage")]
mod nor_flash;
#[cfg(feature = "std")]
mod temp_files;

pub use memory::{MemoryStore, OutOfStore};
#[cfg(feature = "embedded-storage")]
pub use nor_flash::NorFlashStore;
#[cfg(feature = "std")]
pub use temp_files::TempFiles;

/// Which of the two stacks of runs.
///
/// ```
/// assert_ne!(kernlet::mapreduce::Stack::Even, kernlet::mapreduce::Stack::Odd);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stack {
    /// Spilled runs, and those merged an even number of times.
    Even,
    /// Runs merged an odd number of times.
    Odd,
}

/// How much room a store has, and how it is divided.
///
/// ```
/// use kernlet::mapreduce::{NoStore, Space, Store};
/// assert_eq!(NoStore.space(), Space::None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Space {
    /// No room: a full table is an error.
    None,
    /// One room for both stacks, which grow towards each other.
    Shared {
        /// Bytes in all.
        bytes: u64,
        /// Every run begins at a multiple of this. The length of a write is a multiple of it too,
        /// except for the last of a run, which is padded with zeros to a multiple of `write`.
        granule: u32,
        /// The start and the length of every write are multiples of this.
        write: u32,
    },
    /// Unbounded room for each stack.
    Apart,
}

/// A place for sorted runs. It has three concerns: whether to spill
/// ([`Store::space`]), where to ([`Store::write`]), and reading back
/// ([`Store::read`]).
///
/// Within a run, writes ascend without gaps. Blocks carry checksums, so a store need
/// not check what it reads.
///
/// ```
/// use kernlet::mapreduce::{Space, Stack, Store};
/// /// Spills into an array.
/// struct Array([u8; 4096]);
/// impl Store for Array {
///     type Error = core::convert::Infallible;
///     fn space(&self) -> Space {
///         Space::Shared { bytes: 4096, granule: 1, write: 1 }
///     }
///     fn write(&mut self, _: Stack, at: u64, bytes: &[u8]) -> Result<(), Self::Error> {
///         self.0[at as usize..][..bytes.len()].copy_from_slice(bytes);
///         Ok(())
///     }
///     fn read(&mut self, _: Stack, at: u64, out: &mut [u8]) -> Result<(), Self::Error> {
///         out.copy_from_slice(&self.0[at as usize..][..out.len()]);
///         Ok(())
///     }
/// }
/// ```
pub trait Store {
    /// Why writing or reading failed.
    type Error;

    /// Whether there is room, and how much.
    fn space(&self) -> Space;

    /// Writes `bytes` at byte `at`; in a [`Space::Shared`] the stack does not
    /// change what `at` means.
    ///
    /// # Errors
    ///
    /// If the medium fails.
    fn write(&mut self, stack: Stack, at: u64, bytes: &[u8]) -> Result<(), Self::Error>;

    /// Fills `out` with what was written at byte `at`.
    ///
    /// # Errors
    ///
    /// If the medium fails, or has fewer bytes there.
    fn read(&mut self, stack: Stack, at: u64, out: &mut [u8]) -> Result<(), Self::Error>;
}

/// No store: a full table is an error that leaves the pair with the caller.
///
/// ```
/// # #[cfg(feature = "alloc")] {
/// use kernlet::mapreduce::{Emitter, Error, Job, Sum};
/// let mut job = Job::new(4 << 10).combine::<u32, Sum<u64>>(Sum::new()).unwrap();
/// let full = (0..10_000).find_map(|key| job.emit(key, 1).err());
/// assert!(matches!(full, Some(Error::Full { .. })));
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct NoStore;

impl Store for NoStore {
    type Error = core::convert::Infallible;

    fn space(&self) -> Space {
        Space::None
    }

    fn write(&mut self, _: Stack, _: u64, _: &[u8]) -> Result<(), Self::Error> {
        Ok(())
    }

    fn read(&mut self, _: Stack, _: u64, out: &mut [u8]) -> Result<(), Self::Error> {
        out.fill(0);
        Ok(())
    }
}

impl<S: Store + ?Sized> Store for &mut S {
    type Error = S::Error;

    fn space(&self) -> Space {
        (**self).space()
    }

    fn write(&mut self, stack: Stack, at: u64, bytes: &[u8]) -> Result<(), S::Error> {
        (**self).write(stack, at, bytes)
    }

    fn read(&mut self, stack: Stack, at: u64, out: &mut [u8]) -> Result<(), S::Error> {
        (**self).read(stack, at, out)
    }
}
