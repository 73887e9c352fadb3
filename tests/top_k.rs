//! The first keys of many, and ranges of keys.

#![cfg(feature = "counting")]

use kernlet::mapreduce::{Partitioner, RangePartitioner, TopK};
use kernlet::random::Stream;

/// Keys of several lengths, in memory that holds few more than those kept: what was let go is cleared away often.
#[test]
fn keeps_what_a_sort_would() {
    for seed in 0..50 {
        let stream = Stream::new(seed, 0);
        let keys: Vec<String> = (0..300)
            .map(|i| "k".repeat(stream.below_at(2 * i, 4) as usize) + &stream.below_at(2 * i + 1, 500).to_string())
            .collect();
        let (k, mut memory) = (13, [0; 8 * (13 + 14 + 1)]);
        let mut first = TopK::<str>::new(k, &mut memory).unwrap();
        keys.iter().for_each(|key| assert!(first.offer(key).is_ok()));
        let mut expected = keys.clone();
        expected.sort();
        expected.truncate(k);
        assert!(first.finish().eq(expected.iter().map(String::as_str)), "seed {seed}");
    }
}

#[test]
fn an_equal_key_does_not_take_the_place_of_the_last() {
    let mut memory = [0; 64];
    let mut least = TopK::<i16>::new(1, &mut memory).unwrap();
    assert_eq!((least.offer(3), least.offer(3)), (Ok(true), Ok(false)));
}

#[test]
fn more_cuts_than_partitions() {
    let cuts: [&[u8]; 3] = [b"b", b"d", b"f"];
    let by_range = RangePartitioner::new(&cuts);
    assert_eq!(["a", "b", "c", "d", "z"].map(|key| by_range.partition(key.as_bytes(), 2)), [0, 1, 1, 1, 1]);
}
