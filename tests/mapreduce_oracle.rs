//! Jobs against a `BTreeMap`, over keys, values, budgets and stores.

#![cfg(all(feature = "std", feature = "counting"))]

use std::collections::BTreeMap;

use kernlet::mapreduce::{
    Count, Counters, Desc, Emitter, Error, Job, Key, Max, MemoryStore, Min, NoStore, Reducer, Store, Sum, TempFiles,
};
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

/// Numbers by key, more than fit the budgets here, each key some times before the next.
fn pairs() -> impl Iterator<Item = (String, i32)> {
    (0..4000i32).map(|i| {
        let n = i / 4 * 7919 % 601;
        (format!("{} {n}", if n % 2 == 0 { "key" } else { "a longer key" }), i * 31 % 1999 - 999)
    })
}

#[test]
fn several_combiners_in_one_pass() {
    let mut expected = BTreeMap::new();
    let mut store = MemoryStore::new(vec![0; 1 << 20]);
    let combiners = (Min::new(), Max::new(), Count::default(), Sum::new());
    let mut job = Job::new(8 << 10)
        .store(&mut store)
        .combine::<str, (Min<i32>, Max<i32>, Count<i32>, Sum<i32>)>(combiners)
        .unwrap();
    for (key, n) in pairs() {
        job.emit(&key, n).unwrap();
        let all = expected.entry(key).or_insert((n, n, 0, 0));
        *all = (n.min(all.0), n.max(all.1), all.2 + 1, all.3 + n);
    }
    let mut found = job.finish().unwrap();
    for (key, all) in &expected {
        assert_eq!(found.next().unwrap(), Some((&key[..], *all)));
    }
    assert_eq!(found.next().unwrap(), None);
    assert!(found.counters().runs > 1);
}

/// Emits the sum of a key's values, or their number.
struct Total {
    count: bool,
    sum: i64,
}

impl Reducer<str, i32> for Total {
    type OutKey = str;
    type OutValue = i64;
    fn value(&mut self, _: &str, value: i32) {
        self.sum += if self.count { 1 } else { i64::from(value) };
    }
    fn finish<E: Emitter<str, i64>>(&mut self, key: &str, out: &mut E) -> Result<(), E::Error> {
        out.emit(key, std::mem::take(&mut self.sum))
    }
}

#[test]
fn several_reducers_in_one_pass() {
    let mut expected = BTreeMap::new();
    let store = || MemoryStore::new(vec![0; 1 << 20]);
    let mut job = Job::new(8 << 10).store(store()).group::<str, i32>().unwrap();
    for (key, n) in pairs() {
        job.emit(&key, n).unwrap();
        let all = expected.entry(key).or_insert((0, 0));
        *all = (all.0 + i64::from(n), all.1 + 1);
    }
    let mut out = Job::new(8 << 10).store(store()).group::<str, i64>().unwrap();
    let mut reducers = (Total { count: false, sum: 0 }, Total { count: true, sum: 0 });
    job.finish().unwrap().reduce(&mut reducers, &mut out).unwrap();
    let mut found = out.finish().unwrap();
    for (key, (sum, count)) in &expected {
        // Values keep the order in which they were emitted: that of the tuple.
        assert_eq!(found.next().unwrap(), Some((&key[..], *sum)));
        assert_eq!(found.next().unwrap(), Some((&key[..], *count)));
    }
    assert_eq!(found.next().unwrap(), None);
}

#[test]
fn keys_of_every_kind_come_in_their_order() {
    fn check<K>(key: impl Fn(u32) -> K::Borrowed<'static>, view: impl Fn(K::View<'_>) -> u32, descending: bool)
    where
        K: Key + ?Sized,
    {
        let mut job = Job::new(8 << 10).store(TempFiles::new()).combine::<K, Sum<u64>>(Sum::new()).unwrap();
        for i in 0..6000 {
            job.emit(key(i * 7919 % 2003), 1).unwrap();
        }
        let mut found = job.finish().unwrap();
        let mut expected: Vec<u32> = (0..2003).collect();
        if descending {
            expected.reverse();
        }
        for i in expected {
            let (key, count) = found.next().unwrap().unwrap();
            assert_eq!(view(key), i);
            assert!((2..=3).contains(&count), "{i}: {count}");
        }
        assert!(found.next().unwrap().is_none());
    }
    check::<u32>(|i| i, |key| key, false);
    check::<Desc<u32>>(Desc, |key| key.0, true);
    check::<i64>(|i| i64::from(i) - 1000, |key| (key + 1000) as u32, false);
    check::<Desc<i16>>(|i| Desc(i as i16 - 1000), |key| (key.0 + 1000) as u32, true);
    check::<[u8; 4]>(|i| i.to_be_bytes(), u32::from_be_bytes, false);
    check::<(u8, [u8; 2], u32)>(|i| ((i >> 8) as u8, [i as u8, 0], i), |key| key.2, false);
}
