//! Runs in NOR flash.

use embedded_storage::nor_flash::NorFlash;

use super::{Space, Stack, Store};

/// A store in a chip behind the `embedded-storage` traits, from its first byte on.
///
/// A run begins at an erase block, and each erase block is erased just before
/// the first write into it. `READ_SIZE` must be 1: wrap a chip that only reads
/// words.
///
/// ```
/// # use embedded_storage::nor_flash::{ErrorType, NorFlash, NorFlashErrorKind, ReadNorFlash};
/// # struct Chip(Vec<u8>);
/// # impl ErrorType for Chip { type Error = NorFlashErrorKind; }
/// # impl ReadNorFlash for Chip {
/// #     const READ_SIZE: usize = 1;
/// #     fn read(&mut self, at: u32, out: &mut [u8]) -> Result<(), NorFlashErrorKind> {
/// #         out.copy_from_slice(&self.0[at as usize..][..out.len()]);
/// #         Ok(())
/// #     }
/// #     fn capacity(&self) -> usize { self.0.len() }
/// # }
/// # impl NorFlash for Chip {
/// #     const WRITE_SIZE: usize = 4;
/// #     const ERASE_SIZE: usize = 1024;
/// #     fn erase(&mut self, from: u32, to: u32) -> Result<(), NorFlashErrorKind> {
/// #         self.0[from as usize..to as usize].fill(0xFF);
/// #         Ok(())
/// #     }
/// #     fn write(&mut self, at: u32, bytes: &[u8]) -> Result<(), NorFlashErrorKind> {
/// #         for (cell, byte) in self.0[at as usize..].iter_mut().zip(bytes) { *cell &= byte; }
/// #         Ok(())
/// #     }
/// # }
/// # let chip = Chip(vec![0; 64 << 10]);
/// use kernlet::mapreduce::{Emitter, Job, NorFlashStore, Sum};
/// let mut job = Job::new(4 << 10).store(NorFlashStore::new(chip)).combine::<u32, Sum<u64>>(Sum::new()).unwrap();
/// for i in 0..1000 {
///     job.emit(i, 1).unwrap();
/// }
/// assert_eq!(job.finish().unwrap().next().unwrap(), Some((0, 1)));
/// ```
pub struct NorFlashStore<F> {
    flash: F,
}

impl<F: NorFlash> NorFlashStore<F> {
    /// A store in the whole of `flash`.
    ///
    /// ```
    /// use embedded_storage::nor_flash::NorFlash;
    /// use kernlet::mapreduce::{Job, NorFlashStore};
    /// fn job<F: NorFlash>(chip: F) -> Job<'static, NorFlashStore<F>> {
    ///     Job::new(8 << 10).store(NorFlashStore::new(chip))
    /// }
    /// ```
    pub fn new(flash: F) -> Self {
        const { assert!(F::READ_SIZE == 1, "NorFlashStore needs a flash that reads single bytes") };
        Self { flash }
    }

    /// Gives the flash back.
    ///
    /// ```
    /// use embedded_storage::nor_flash::NorFlash;
    /// fn round_trip<F: NorFlash>(chip: F) -> F {
    ///     kernlet::mapreduce::NorFlashStore::new(chip).into_inner()
    /// }
    /// ```
    pub fn into_inner(self) -> F {
        self.flash
    }
}

impl<F: NorFlash> Store for NorFlashStore<F> {
    type Error = F::Error;

    fn space(&self) -> Space {
        let bytes = u32::try_from(self.flash.capacity()).unwrap_or(u32::MAX);
        let bytes = u64::from(bytes) / F::ERASE_SIZE as u64 * F::ERASE_SIZE as u64;
        Space::Shared { bytes, granule: F::ERASE_SIZE as u32, write: F::WRITE_SIZE as u32 }
    }

    fn write(&mut self, _: Stack, at: u64, bytes: &[u8]) -> Result<(), F::Error> {
        let erase = F::ERASE_SIZE as u64;
        let (from, to) = (at.next_multiple_of(erase), (at + bytes.len() as u64).next_multiple_of(erase));
        if from < to {
            self.flash.erase(from as u32, to as u32)?;
        }
        self.flash.write(at as u32, bytes)
    }

    fn read(&mut self, _: Stack, at: u64, out: &mut [u8]) -> Result<(), F::Error> {
        self.flash.read(at as u32, out)
    }
}

crate::pairs::debug::debug!([F] NorFlashStore<F>, "NorFlashStore");
