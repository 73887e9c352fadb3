//! Runs read back changed: the checksums find it, whatever was overwritten.
#![no_main]

use std::collections::BTreeMap;

use arbitrary::Arbitrary;
use kernlet::mapreduce::{Emitter, Error, Job, MemoryStore, OutOfStore, Space, Stack, Store, Sum};
use libfuzzer_sys::fuzz_target;

/// Words, each for 40: enough for some runs, few enough for many cases a second.
const MOST: usize = 60;

#[derive(Arbitrary, Debug)]
struct Case {
    words: Vec<u16>,
    budget: u16,
    faults: Vec<Fault>,
}

#[derive(Arbitrary, Debug, Clone, Copy)]
struct Fault {
    access: u8,
    at: u16,
    kind: Kind,
}

#[derive(Arbitrary, Debug, Clone, Copy)]
enum Kind {
    Flip(u8),
    Zero,
    Lost,
    Short,
    Elsewhere,
    Fails,
}

struct Faulty<'a> {
    store: MemoryStore<Vec<u8>>,
    faults: &'a [Fault],
    seen: u8,
}

impl Faulty<'_> {
    fn fault(&mut self) -> Option<Fault> {
        self.seen = self.seen.wrapping_add(1);
        self.faults.iter().find(|fault| fault.access == self.seen).copied()
    }
}

impl Store for Faulty<'_> {
    type Error = OutOfStore;

    fn space(&self) -> Space {
        self.store.space()
    }

    fn write(&mut self, stack: Stack, at: u64, bytes: &[u8]) -> Result<(), OutOfStore> {
        let Some(fault) = self.fault() else { return self.store.write(stack, at, bytes) };
        let mut changed = bytes.to_vec();
        let byte = usize::from(fault.at) % changed.len().max(1);
        match fault.kind {
            Kind::Flip(bits) => changed.iter_mut().skip(byte).take(1).for_each(|b| *b ^= bits),
            Kind::Zero => changed.iter_mut().skip(byte).for_each(|b| *b = 0),
            Kind::Lost => return Ok(()),
            Kind::Short => changed.truncate(byte),
            Kind::Elsewhere => return self.store.write(stack, at + u64::from(fault.at % 64), bytes),
            Kind::Fails => return self.store.write(stack, u64::MAX, bytes),
        }
        self.store.write(stack, at, &changed)
    }

    fn read(&mut self, stack: Stack, at: u64, out: &mut [u8]) -> Result<(), OutOfStore> {
        let Some(fault) = self.fault() else { return self.store.read(stack, at, out) };
        let byte = usize::from(fault.at) % out.len().max(1);
        match fault.kind {
            Kind::Fails => return self.store.read(stack, u64::MAX, out),
            Kind::Lost => return Ok(()),
            Kind::Elsewhere => return self.store.read(stack, at.saturating_sub(u64::from(fault.at % 64)), out),
            _ => {}
        }
        self.store.read(stack, at, out)?;
        match fault.kind {
            Kind::Flip(bits) => out.iter_mut().skip(byte).take(1).for_each(|b| *b ^= bits),
            Kind::Zero => out.iter_mut().skip(byte).for_each(|b| *b = 0),
            _ => out[byte..].fill(0xa5),
        }
        Ok(())
    }
}

/// All counts, or an error.
fn count(case: &Case) -> Result<BTreeMap<Vec<u8>, u64>, Error<OutOfStore>> {
    let store = Faulty { store: MemoryStore::new(vec![0; 1 << 18]), faults: &case.faults, seen: 0 };
    let budget = 2000 + usize::from(case.budget) % 8000;
    let mut job = Job::new(budget).store(store).combine::<[u8], Sum<u64>>(Sum::new())?;
    for word in case.words.iter().take(MOST) {
        for i in 0..40u32 {
            job.emit(format!("{}", (u32::from(*word) * 7 + i * i) % 6000).as_bytes(), 1)?;
        }
    }
    let mut counts = job.finish()?;
    let mut all = BTreeMap::new();
    while let Some((word, count)) = counts.next()? {
        assert!(all.insert(word.to_vec(), count).is_none(), "twice the same key");
    }
    Ok(all)
}

fuzz_target!(|case: Case| {
    let mut expected = BTreeMap::<Vec<u8>, u64>::new();
    for word in case.words.iter().take(MOST) {
        for i in 0..40u32 {
            *expected.entry(format!("{}", (u32::from(*word) * 7 + i * i) % 6000).into_bytes()).or_default() += 1;
        }
    }
    match count(&case) {
        Ok(all) => assert_eq!(all, expected),
        Err(error) => assert!(!case.faults.is_empty() && !error.to_string().is_empty(), "{error}"),
    }
});
