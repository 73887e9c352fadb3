//! Spilling to NOR flash: a simulated chip that is as strict as a real one.

#![cfg(feature = "embedded-storage")]

use std::collections::BTreeMap;

use embedded_storage::nor_flash::{ErrorType, NorFlash, NorFlashErrorKind, ReadNorFlash};
use kernlet::mapreduce::{Emitter, Error, Job, NorFlashStore, Sum};

/// Erases in blocks of `ERASE`, writes whole words of `WRITE` bytes, each once
/// after an erasure.
struct Chip<const WRITE: usize, const ERASE: usize> {
    cells: Vec<u8>,
    written: Vec<bool>,
    erased: u64,
}

impl<const WRITE: usize, const ERASE: usize> Chip<WRITE, ERASE> {
    fn new(bytes: usize) -> Self {
        // What an earlier use left.
        Self { cells: vec![0x5A; bytes], written: vec![true; bytes / WRITE], erased: 0 }
    }
}

impl<const WRITE: usize, const ERASE: usize> ErrorType for Chip<WRITE, ERASE> {
    type Error = NorFlashErrorKind;
}

impl<const WRITE: usize, const ERASE: usize> ReadNorFlash for Chip<WRITE, ERASE> {
    const READ_SIZE: usize = 1;
    fn read(&mut self, at: u32, out: &mut [u8]) -> Result<(), NorFlashErrorKind> {
        let from = self.cells.get(at as usize..).and_then(|cells| cells.get(..out.len()));
        out.copy_from_slice(from.ok_or(NorFlashErrorKind::OutOfBounds)?);
        Ok(())
    }
    fn capacity(&self) -> usize {
        self.cells.len()
    }
}

impl<const WRITE: usize, const ERASE: usize> NorFlash for Chip<WRITE, ERASE> {
    const WRITE_SIZE: usize = WRITE;
    const ERASE_SIZE: usize = ERASE;
    fn erase(&mut self, from: u32, to: u32) -> Result<(), NorFlashErrorKind> {
        let (from, to) = (from as usize, to as usize);
        if !from.is_multiple_of(ERASE) || !to.is_multiple_of(ERASE) {
            return Err(NorFlashErrorKind::NotAligned);
        }
        self.cells.get_mut(from..to).ok_or(NorFlashErrorKind::OutOfBounds)?.fill(0xFF);
        self.written[from / WRITE..to / WRITE].fill(false);
        self.erased += ((to - from) / ERASE) as u64;
        Ok(())
    }
    fn write(&mut self, at: u32, bytes: &[u8]) -> Result<(), NorFlashErrorKind> {
        let at = at as usize;
        if !at.is_multiple_of(WRITE) || !bytes.len().is_multiple_of(WRITE) {
            return Err(NorFlashErrorKind::NotAligned);
        }
        let cells = self.cells.get_mut(at..).and_then(|cells| cells.get_mut(..bytes.len()));
        let words = &mut self.written[at / WRITE..(at + bytes.len()) / WRITE];
        assert!(words.iter().all(|written| !written), "written twice without an erasure at {at}");
        words.fill(true);
        cells.ok_or(NorFlashErrorKind::OutOfBounds)?.copy_from_slice(bytes);
        Ok(())
    }
}

fn count<const WRITE: usize, const ERASE: usize>(bytes: usize, budget: usize) -> Result<u64, Error<NorFlashErrorKind>> {
    let mut chip = Chip::<WRITE, ERASE>::new(bytes);
    let mut expected = BTreeMap::<String, u64>::new();
    let mut job = Job::new(budget).store(NorFlashStore::new(&mut chip)).combine::<str, Sum<u64>>(Sum::new())?;
    for i in 0..40_000u64 {
        let word = format!("word {}", (i * i * 31) % (1 + i % 2503));
        job.emit(&word, 1)?;
        *expected.entry(word).or_default() += 1;
    }
    let mut expected = expected.iter();
    let mut counts = job.finish()?;
    while let Some((word, count)) = counts.next()? {
        assert_eq!(expected.next(), Some((&word.to_string(), &count)));
    }
    assert_eq!(expected.next(), None);
    let counters = counts.counters();
    assert!(counters.merges > 1, "{counters:?}");
    drop(counts);
    // Blocks were used more than once.
    assert!(chip.erased > (bytes / ERASE) as u64, "{} erasures", chip.erased);
    Ok(counters.runs)
}

#[test]
fn a_chip_takes_the_runs_of_many_times_the_memory() {
    count::<1, 4096>(96 << 10, 4 << 10).unwrap();
    count::<4, 1024>(64 << 10, 4 << 10).unwrap();
    count::<256, 4096>(96 << 10, 8 << 10).unwrap();
}

#[test]
fn a_chip_that_is_too_small_is_an_error_with_numbers() {
    let error = count::<4, 4096>(8 << 10, 4 << 10).unwrap_err();
    assert!(matches!(error, Error::StoreFull { capacity: 8192, used } if used <= 8192), "{error:?}");
}
