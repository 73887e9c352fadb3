//! Jobs of any keys, values, budget and store against a `BTreeMap`.
#![no_main]

use std::collections::BTreeMap;

use arbitrary::{Arbitrary, Result, Unstructured};
use kernlet::mapreduce::{Emitter, Error, Job, MemoryStore, NoStore, Store, Sum};
use libfuzzer_sys::fuzz_target;

#[derive(Debug)]
struct Case {
    words: Vec<Vec<u8>>,
    budget: usize,
    seed: u64,
    store: Option<usize>,
}

impl<'a> Arbitrary<'a> for Case {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let budget = u.int_in_range(0..=20_000)?;
        let (seed, store) = (u.arbitrary()?, u.arbitrary::<Option<u32>>()?.map(|len| len as usize % (1 << 18)));
        let mut words = Vec::new();
        while !u.is_empty() && words.len() < 20_000 {
            let word: Vec<u8> = match u.int_in_range(0..=3u8)? {
                0 => u.arbitrary::<&[u8]>()?.to_vec(),
                1 => u.int_in_range(0..=5000u16)?.to_string().into_bytes(),
                2 => vec![u.arbitrary()?; u.int_in_range(0..=3000usize)?],
                // Many of a kind at once, so that a short input fills a table.
                _ => {
                    let (from, count) = (u.arbitrary::<u16>()?, u.arbitrary::<u8>()?);
                    words.extend((0..count).map(|i| format!("w{}", u32::from(from) + u32::from(i)).into_bytes()));
                    continue;
                }
            };
            words.push(word);
        }
        Ok(Self { words, budget, seed, store })
    }
}

fn check<S: Store>(case: &Case, store: S)
where
    S::Error: std::fmt::Debug,
{
    let mut expected = BTreeMap::<&[u8], u64>::new();
    let mut job = match Job::new(case.budget).store(store).seed(case.seed).combine::<[u8], Sum<u64>>(Sum::new()) {
        Ok(job) => job,
        Err(Error::BudgetTooSmall { given, least }) => return assert!(given == case.budget && least > given),
        Err(error) => panic!("{error:?}"),
    };
    for word in &case.words {
        match job.emit(word, 1) {
            Ok(()) => *expected.entry(word).or_default() += 1,
            // The pair was given back: it does not count.
            Err(Error::Full { .. } | Error::PairTooLong { .. }) => {}
            Err(Error::StoreFull { .. }) => return,
            Err(error) => panic!("{error:?}"),
        }
    }
    let mut counts = match job.finish() {
        Ok(counts) => counts,
        Err(Error::StoreFull { .. }) => return,
        Err(error) => panic!("{error:?}"),
    };
    let mut expected = expected.into_iter();
    while let Some(pair) = counts.next().unwrap() {
        assert_eq!(Some(pair), expected.next());
    }
    assert_eq!(expected.next(), None);
    assert!(counts.counters().peak_bytes <= case.budget as u64);
}

fuzz_target!(|case: Case| {
    match case.store {
        Some(len) => check(&case, MemoryStore::new(vec![0xa5; len])),
        None => check(&case, NoStore),
    }
});
