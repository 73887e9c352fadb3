//! The table of fixed capacity against a map without a bound.

#![cfg(feature = "counting")]

use std::collections::BTreeMap;

use kernlet::mapreduce::{Combiner, Emitter, Error, FixedTable, Key, Max, Sum};
use proptest::prelude::*;

/// What a table of at most `capacity` keys holds, and which pairs it gave back.
fn expected(pairs: &[(String, u32)], capacity: usize, longest: usize) -> (BTreeMap<String, u32>, Vec<(String, u32)>) {
    let (mut held, mut returned) = (BTreeMap::<String, u32>::new(), Vec::new());
    for (key, value) in pairs {
        if let Some(acc) = held.get_mut(key) {
            *acc = acc.wrapping_add(*value);
        } else if held.len() < capacity && key.len() <= longest {
            held.insert(key.clone(), *value);
        } else {
            returned.push((key.clone(), *value));
        }
    }
    (held, returned)
}

fn contents<K, C, const N: usize, const L: usize>(table: &FixedTable<K, C, N, L>) -> Vec<(String, C::Acc)>
where
    K: for<'a> Key<View<'a> = &'a str> + ?Sized,
    C: Combiner,
{
    table.iter().map(|(key, acc)| (key.to_owned(), acc)).collect()
}

proptest! {
    #[test]
    fn holds_what_a_map_would_hold(pairs: Vec<(u8, u32)>, seed: u64) {
        let pairs: Vec<_> = pairs.into_iter().map(|(key, value)| ("k".repeat(key as usize % 40 / 6) + &key.to_string(), value)).collect();
        let (held, returned) = expected(&pairs, 13, 7);
        let mut table = FixedTable::<str, Sum<u32>, 13, 7>::with_seed(Sum::new(), seed);
        let mut given_back = Vec::new();
        for (key, value) in &pairs {
            if let Err(rejected) = table.add(key, *value) {
                match rejected.error {
                    Error::Full { entries } => prop_assert_eq!(entries, 13),
                    Error::PairTooLong { key: len, .. } => prop_assert!(len == key.len() && len > 7),
                    other => prop_assert!(false, "{}", other),
                }
                given_back.push((rejected.item.0.to_owned(), rejected.item.1));
            }
        }
        prop_assert_eq!(given_back, returned);
        prop_assert_eq!(table.is_full(), held.len() == 13);
        for (key, acc) in &held {
            prop_assert_eq!(table.get(key), Some(acc));
        }
        table.sort();
        let held: Vec<_> = held.into_iter().collect();
        prop_assert_eq!(&contents(&table), &held);
        // Sorting moves entries; they must still be found.
        for (key, acc) in &held {
            prop_assert_eq!(table.get(key), Some(acc));
        }
        let mut drained = Vec::new();
        let mut drain = table.drain();
        while let Some((key, acc)) = drain.next() {
            drained.push((key.to_owned(), acc));
        }
        drop(drain);
        prop_assert_eq!(drained, held);
        prop_assert_eq!(table.len(), 0);
        table.add("again", 1).unwrap();
        prop_assert_eq!(contents(&table), [("again".to_owned(), 1)]);
    }

    #[test]
    fn absorbs_or_leaves_and_loses_nothing(own: Vec<(u8, i16)>, others: Vec<(u8, i16)>) {
        let mut table = FixedTable::<u8, Max<i16>, 20, 1>::new(Max::new());
        let mut other = FixedTable::<u8, Max<i16>, 30, 1>::with_seed(Max::new(), 1);
        let mut everything = BTreeMap::<u8, i16>::new();
        let mut keep = |taken: bool, (key, value): (u8, i16)| {
            if taken {
                everything.entry(key).and_modify(|acc| *acc = value.max(*acc)).or_insert(value);
            }
        };
        own.iter().for_each(|&(key, value)| keep(table.add(key % 64, value).is_ok(), (key % 64, value)));
        others.iter().for_each(|&(key, value)| keep(other.add(key % 64, value).is_ok(), (key % 64, value)));
        let outcome = table.absorb(&mut other);
        prop_assert_eq!(outcome.is_ok(), other.is_empty());
        let rest: Vec<_> = other.iter().collect();
        prop_assert!(rest.iter().all(|&(key, acc)| table.get(key).is_none() && other.get(key) == Some(&acc)));
        let mut both: Vec<_> = table.iter().chain(rest.iter().copied()).collect();
        both.sort();
        prop_assert!(both.into_iter().eq(everything));
    }
}

#[test]
fn keys_of_every_kind_come_in_their_order() {
    let mut table = FixedTable::<(i32, &str), Sum<u8>, 8, 12>::new(Sum::new());
    for key in [(3, "b"), (-1, "z"), (3, "a"), (i32::MIN, "")] {
        table.emit(key, 1).unwrap();
    }
    // A full table sorts too, and one of other keys is still refused.
    for n in 0..4 {
        table.emit((100 + n, "long key"), 1).unwrap();
    }
    assert!(matches!(table.emit((9, "x"), 1), Err(Error::Full { entries: 8 })));
    assert!(matches!(table.emit((3, "longer key"), 1), Err(Error::PairTooLong { key: 14, value: 1, most: 13 })));
    table.emit((3, "a"), 5).unwrap();
    table.sort();
    let found: Vec<_> = table.iter().take(4).map(|((number, text), acc)| (number, text.to_owned(), acc)).collect();
    let expected = [(i32::MIN, "", 1), (-1, "z", 1), (3, "a", 6), (3, "b", 1)];
    assert!(found.iter().map(|(number, text, acc)| (*number, text.as_str(), *acc)).eq(expected));
}

#[test]
fn a_mapped_item_is_given_back_with_what_was_taken() {
    let mut table = FixedTable::<u8, Sum<u32>, 3, 1>::new(Sum::new());
    let mut bytes =
        kernlet::mapreduce::map_fn::<&[u8], u8, u32, _>(|item, emit| item.iter().for_each(|byte| emit(*byte, &1)));
    table.map(&mut bytes, b"abba").unwrap();
    let rejected = table.map(&mut bytes, b"acdc").unwrap_err();
    assert_eq!((rejected.item, rejected.taken), (&b"acdc"[..], 2));
    assert_eq!((table.get(b'a'), table.get(b'c'), table.get(b'd')), (Some(&3), Some(&1), None));
}

/// The table that firmware would have: in a `static`, made at compile time.
static TABLE: std::sync::Mutex<FixedTable<u16, Sum<u32>, 64, 2>> = std::sync::Mutex::new(FixedTable::new(Sum::new()));

#[test]
fn lies_in_a_static() {
    let mut table = TABLE.lock().unwrap();
    for n in 0..1000u16 {
        table.emit(n % 64, 1).unwrap();
    }
    assert!(table.iter().all(|(key, count)| count == if key < 40 { 16 } else { 15 }));
}

/// Reads back even numbers only.
struct Even;

impl Key for Even {
    type Borrowed<'a> = u8;
    type View<'a> = u8;
    fn encoded_len(_: &u8) -> usize {
        1
    }
    fn encode(key: &u8, out: &mut [u8]) {
        out.copy_from_slice(&[*key]);
    }
    fn decode(bytes: &[u8]) -> Option<u8> {
        bytes.first().copied().filter(|key| key % 2 == 0)
    }
}

#[test]
fn a_key_that_does_not_decode_is_refused() {
    let mut table = FixedTable::<Even, Sum<u32>, 3, 1>::new(Sum::new());
    assert_eq!(table.emit(3, 1), Err(Error::Undecodable { key: 1 }));
    table.emit(4, 1).unwrap();
    assert!(table.iter().eq([(4, 1)]));
}
