//! Jobs against a `BTreeMap`, over keys, values, budgets and stores.

#![cfg(feature = "std")]

use std::collections::BTreeMap;

use kernlet::mapreduce::{Counters, Desc, Emitter, Error, Job, Key, MemoryStore, NoStore, Store, Sum, TempFiles};
use proptest::prelude::*;

type Counts = BTreeMap<Vec<u8>, u64>;
type Listed = Vec<(Vec<u8>, u64)>;

fn count<S: Store>(
    words: &[Vec<u8>],
    budget: usize,
    seed: u64,
    store: S,
) -> Result<(Listed, Counters), Error<S::Error>> {
    let mut job = Job::new(budget).store(store).seed(seed).combine::<[u8], Sum<u64>>(Sum::new())?;
    for word in words {
        job.emit(word, 1)?;
    }
    let mut counts = job.finish()?;
    let mut all = Vec::new();
    while let Some((word, n)) = counts.next()? {
        all.push((word.to_vec(), n));
    }
    Ok((all, counts.counters()))
}

fn oracle(words: &[Vec<u8>]) -> Counts {
    let mut counts = Counts::new();
    for word in words {
        *counts.entry(word.clone()).or_default() += 1;
    }
    counts
}

/// Few bytes, so that prefixes are shared, and zeros, so that padding is tried.
fn word() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(0u8..3, 0..12),
        prop::collection::vec(prop::sample::select(vec![0u8, b'a', b'b', 255]), 0..40),
        (0u32..4000).prop_map(|n| n.to_string().into_bytes()),
        (0u32..300).prop_map(|n| format!("a shared prefix {n}").into_bytes()),
        // Like each other but for one byte behind the first eight.
        (prop::sample::select(vec![9usize, 16, 17, 24]), prop::sample::select(vec![8usize, 15, 16]), any::<u8>())
            .prop_map(|(len, at, other)| {
                let mut word = vec![b'a'; len];
                word[at.min(len - 1)] = other;
                word
            }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn combining_is_a_map(words in prop::collection::vec(word(), 0..6000), budget in 1600usize..40_000, seed: u64) {
        let expected: Vec<_> = oracle(&words).into_iter().collect();
        let (counts, counters) = count(&words, budget, seed, MemoryStore::new(vec![0; 1 << 20])).unwrap();
        prop_assert_eq!(&counts, &expected);
        prop_assert_eq!(counters.emitted, words.len() as u64);
        prop_assert_eq!(counters.combined, (words.len() - expected.len()) as u64);
        prop_assert!(counters.peak_bytes <= budget as u64, "{:?}", counters);
        prop_assert_eq!(&count(&words, budget, seed ^ 1, TempFiles::new()).unwrap().0, &expected);
    }

    #[test]
    fn grouping_keeps_the_order_of_arrival(
        pairs in prop::collection::vec((word(), prop::collection::vec(any::<u8>(), 0..20)), 0..3000),
        budget in 1600usize..40_000,
    ) {
        let mut expected = BTreeMap::<&[u8], Vec<&[u8]>>::new();
        let mut job = Job::new(budget).store(MemoryStore::new(vec![0; 1 << 20])).group::<[u8], [u8]>().unwrap();
        for (key, value) in &pairs {
            expected.entry(key).or_default().push(value);
            job.emit(key, &value[..]).unwrap();
        }
        let mut expected = expected.into_iter().flat_map(|(key, values)| values.into_iter().map(move |value| (key, value)));
        let mut grouped = job.finish().unwrap();
        while let Some(pair) = grouped.next().unwrap() {
            prop_assert_eq!(Some(pair), expected.next());
        }
        prop_assert_eq!(expected.next(), None);
    }

    #[test]
    fn without_a_store_a_full_table_still_updates(words in prop::collection::vec(word(), 0..600)) {
        let mut expected = Counts::new();
        let mut job = Job::new(2048).store(NoStore).combine::<[u8], Sum<u64>>(Sum::new()).unwrap();
        let mut full = 0;
        for word in words.iter().chain(&words) {
            match job.emit(word, 1) {
                Ok(()) => *expected.entry(word.clone()).or_default() += 1,
                Err(Error::Full { entries }) => {
                    full += 1;
                    prop_assert_eq!(entries, expected.len());
                    prop_assert!(!expected.contains_key(word), "a key that is there must be updated");
                }
                Err(other) => prop_assert!(false, "{}", other),
            }
        }
        prop_assert_eq!(job.counters().emitted, (2 * words.len() - full) as u64);
        let mut counts = job.finish().unwrap();
        for (word, n) in &expected {
            prop_assert_eq!(counts.next().unwrap(), Some((&word[..], *n)));
        }
        prop_assert_eq!(counts.next().unwrap(), None);
    }
}

/// A part of a tuple with zeros in it, at its end too.
fn part() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(prop::sample::select(vec![0u8, 1, 254, 255]), 0..6)
}

fn encoded<K: Key + ?Sized>(key: &K::Borrowed<'_>) -> Vec<u8> {
    let mut bytes = vec![0xEE; K::encoded_len(key)];
    K::encode(key, &mut bytes);
    bytes
}

proptest! {
    /// Keys are ordered as their encodings are, and read back from them.
    #[test]
    fn encodings_have_the_order_of_the_keys(a in part(), b in part(), m: u16, n: u16, i: i64, j: i64) {
        type Tuple<'a> = (&'a [u8], Desc<u16>, i64);
        let (i, j) = if m % 2 == 0 { (i, j) } else { (i % 3, j % 3) };
        let keys = [(&a[..], m, i), (&b[..], n, j), (&a[..], n, j), (&a[..], m, j)];
        let bytes = keys.map(|(part, m, i)| encoded::<Tuple>(&(part, Desc(m), i)));
        for (key, one) in keys.iter().zip(&bytes) {
            for (other, two) in keys.iter().zip(&bytes) {
                let order = key.0.cmp(other.0).then(other.1.cmp(&key.1)).then(key.2.cmp(&other.2));
                prop_assert_eq!(one.cmp(two), order, "{:?} {:?}", key, other);
            }
            let (part, m, i) = Tuple::decode(one).unwrap();
            prop_assert!(part == *key.0 && (m, i) == (Desc(key.1), key.2), "{:?}", key);
            prop_assert!(Tuple::decode(&one[..one.len() - 1]).is_none());
        }
    }
}
