//! Pairs and budgets at their limits: what fits depends on nothing else, and errors name the right sizes.

#![cfg(all(feature = "std", feature = "counting"))]

use kernlet::mapreduce::{
    Combiner, Count, Emitter, Error, ExactSum, FixedTable, Job, MemoryStore, Partitioned, Partitioner,
    RangePartitioner, Store, Sum, TempFiles, TopK, Windowing,
};
use kernlet::pairs::Desc;

/// The most that an error says a pair may have.
fn most<S: Store<Error: std::fmt::Debug>>(job: Job<'_, S>, budget: usize) -> usize {
    let big = vec![1u8; budget];
    let mut job = job.group::<[u8], [u8]>().unwrap();
    match job.emit(&big, &big[..budget / 3]) {
        Err(Error::PairTooLong { key, value, most }) => {
            assert_eq!((key, value), (budget, budget / 3));
            most
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_pair_fits_by_its_own_size_alone() {
    for budget in [2usize << 10, 8 << 10, 64 << 10, 1 << 20, 8 << 20] {
        let most = most(Job::new(budget).store(TempFiles::new()), budget);
        assert!(most >= budget / 8, "{most} of {budget}");
        let big = vec![1u8; budget];
        // However it is divided, and whatever came before: the other extremes, in every order.
        let shapes = [(most, 0), (0, most), (most / 2, most - most / 2), (most - 1, 1), (1, most - 1)];
        for first in 0..shapes.len() {
            let mut job = Job::new(budget).store(TempFiles::new()).group::<[u8], [u8]>().unwrap();
            let order = || (0..shapes.len()).map(|i| shapes[(first + i) % shapes.len()]);
            let mut pairs = 0;
            for (key, value) in order().chain(order()) {
                job.emit(&big[..key], &big[..value]).unwrap();
                pairs += 1;
                for short in 0..20u8 {
                    job.emit(&[short], &[short; 3][..]).unwrap();
                    pairs += 1;
                }
                let refused = job.emit(&big[..key + 1], &big[..value]).unwrap_err();
                assert!(
                    matches!(refused, Error::PairTooLong { key: k, value: v, most: m } if (k, v, m) == (key + 1, value, most))
                );
            }
            let (mut out, mut found, mut bytes) = (job.finish().unwrap(), 0, 0);
            while let Some((key, value)) = out.next().unwrap() {
                assert!(key.len() + value.len() == most || value == [key[0]; 3]);
                found += 1;
                bytes += key.len() + value.len();
            }
            assert_eq!((found, bytes), (pairs, 10 * most + 200 * 4), "{budget}");
        }
    }
}

/// As reported: which came first decided, and the error named a size that was refused.
#[test]
fn a_long_key_and_a_long_value_fit_in_both_orders() {
    let big = vec![1u8; 64 << 10];
    let (key, value) = ((&big[..14_536], &big[..0]), (&big[..1], &big[..7_268]));
    for pairs in [[key, value], [value, key]] {
        let mut job = Job::new(64 << 10).store(TempFiles::new()).group::<[u8], [u8]>().unwrap();
        pairs.iter().for_each(|(key, value)| job.emit(key, *value).unwrap());
        assert_eq!(job.finish().unwrap().next().unwrap(), Some(value));
    }
}

/// With a combiner: the key decides, at exactly the size that the error names.
fn combined_limit<C: Combiner<Input = u64> + Clone>(combiner: C, budget: usize) {
    let make = || Job::new(budget).store(TempFiles::new()).combine::<[u8], C>(combiner.clone()).unwrap();
    let big = vec![1u8; budget];
    let refused = make().emit(&big, 1).unwrap_err();
    let Error::PairTooLong { value, most, .. } = refused else { panic!("{refused}") };
    assert!(value > 0 && most < budget);
    let mut job = make();
    for round in 0..3u8 {
        job.emit(&big[..most - value], 1).unwrap();
        assert!(matches!(job.emit(&big[..most - value + 1], 1), Err(Error::PairTooLong { most: m, .. }) if m == most));
        for short in 0..200u8 {
            job.emit(&[round, short], 1).unwrap();
        }
    }
    assert!(job.counters().runs > 0);
    let (mut out, mut keys) = (job.finish().unwrap(), 0);
    while out.next().unwrap().is_some() {
        keys += 1;
    }
    assert_eq!(keys, 601);
}

#[test]
fn a_key_with_an_accumulator_fits_to_the_byte() {
    for budget in [4 << 10, 16 << 10] {
        combined_limit(Sum::<u64>::new(), budget);
        combined_limit((Sum::<u64>::new(), Count::<u64>::new()), budget);
        combined_limit(ExactSum::<u64>::new(), budget);
    }
}

#[test]
fn without_a_store_the_table_decides() {
    for budget in [1 << 10, 8 << 10] {
        let big = vec![1u8; budget + 100];
        let group = || Job::new(budget).group::<[u8], [u8]>().unwrap();
        let refused = group().emit(&big, &big[..7]).unwrap_err();
        let Error::PairTooLong { most, .. } = refused else { panic!("{refused}") };
        assert!(most > budget - 100);
        group().emit(&big[..most - 7], &big[..7]).unwrap();
        assert!(group().emit(&big[..most - 6], &big[..7]).is_err());
        let combine = || Job::new(budget).combine::<[u8], Sum<u64>>(Sum::new()).unwrap();
        let refused = combine().emit(&big, 1).unwrap_err();
        let Error::PairTooLong { most, value: 8, .. } = refused else { panic!("{refused}") };
        combine().emit(&big[..most - 8], 1).unwrap();
        assert!(combine().emit(&big[..most - 7], 1).is_err());
    }
}

/// Tuples are encoded in the budget: as long as any key may be.
#[test]
fn long_tuples_are_keys_like_others() {
    let long = |i: u32| format!("{i:05}{}", "x".repeat(1500 + i as usize % 700));
    for (budget, keys) in [(32 << 10, 60), (64 << 20, 300)] {
        let mut job =
            Job::new(budget).store(TempFiles::new()).combine::<(Desc<&str>, u8), Sum<u64>>(Sum::new()).unwrap();
        let mut wide = Job::new(budget)
            .store(TempFiles::new())
            .combine::<(&str, u8), (Sum<u64>, Count<u64>)>(Default::default())
            .unwrap();
        let mut kept = Job::new(budget).store(TempFiles::new()).group::<(&str, u8), str>().unwrap();
        for round in 0..3 {
            for i in 0..keys {
                job.emit((Desc(&long(i)), 7), 2).unwrap();
                wide.emit((&long(i), 7), 2).unwrap();
                kept.emit((&long(i), round), "value").unwrap();
            }
        }
        if budget < 1 << 20 {
            assert!(job.counters().runs > 0 && kept.counters().runs > 0);
        } else {
            assert_eq!(job.counters().combined, 2 * u64::from(keys));
        }
        let (mut job, mut wide, mut kept) = (job.finish().unwrap(), wide.finish().unwrap(), kept.finish().unwrap());
        for i in 0..keys {
            let ((key, seven), count) = job.next().unwrap().unwrap();
            assert!(key.0 == long(keys - 1 - i).as_str() && seven == 7 && count == 6);
            let ((key, _), both) = wide.next().unwrap().unwrap();
            assert!(key == long(i).as_str() && both == (6, 3));
            for round in 0..3 {
                let ((key, number), value) = kept.next().unwrap().unwrap();
                assert!(key == long(i).as_str() && (number, value) == (round, "value"));
            }
        }
        assert!(job.next().unwrap().is_none() && wide.next().unwrap().is_none() && kept.next().unwrap().is_none());
    }
    // What the budget does not hold is said with the budget's own limit.
    let mut job = Job::new(8 << 10).store(TempFiles::new()).combine::<(&str, u8), Sum<u64>>(Sum::new()).unwrap();
    let refused = job.emit((&"x".repeat(5000), 1), 1).unwrap_err();
    assert!(matches!(refused, Error::PairTooLong { key: 5003, value: 8, most: 1200..2048 }), "{refused}");
}

#[test]
fn long_tuples_without_an_allocator() {
    let long = "x".repeat(1500);
    let mut table = FixedTable::<(&str, u8), Sum<u32>, 2, 1600>::new(Sum::new());
    table.emit((&long, 1), 5).unwrap();
    table.emit((&long, 1), 5).unwrap();
    assert_eq!(table.get((&long, 1)), Some(&10));
    let refused = table.emit((&long.repeat(2), 1), 5).unwrap_err();
    assert!(matches!(refused, Error::PairTooLong { key: 3003, value: 4, most: 1604 }));
}

/// Divides by where a key of a tuple ends.
struct ByEnd;
impl Partitioner for ByEnd {
    fn partition(&self, key: &[u8], partitions: usize) -> usize {
        key.last().map_or(0, |&end| usize::from(end) % partitions)
    }
}

#[test]
fn long_tuples_go_to_their_own_output() {
    let job = || Job::new(64 << 10).combine::<(&str, u8), Sum<u64>>(Sum::new()).unwrap();
    let mut outputs = [job(), job()];
    let mut all = Partitioned::new(ByEnd, &mut outputs);
    for i in 0..4 {
        all.emit((&"x".repeat(2000), i), 1).unwrap();
    }
    assert_eq!(outputs.map(|job| job.len()), [2, 2]);
    let mut outputs = [job(), job()];
    let mut all = Partitioned::new(RangePartitioner::new(&[b"m"]), &mut outputs);
    all.emit((&"a".repeat(2000), 0), 1).unwrap();
    all.emit((&"z".repeat(2000), 0), 1).unwrap();
    assert_eq!(outputs.map(|job| job.len()), [1, 1]);
}

#[test]
fn absurd_budgets_are_errors() {
    for budget in [usize::MAX, usize::MAX / 2, usize::MAX / 16, 1 << 57] {
        let combined = Job::new(budget).store(TempFiles::new()).combine::<str, Sum<u64>>(Sum::new());
        assert!(matches!(combined.err(), Some(Error::OutOfMemory { bytes }) if bytes == budget));
        let grouped = Job::new(budget).group::<str, str>().err();
        assert!(matches!(grouped, Some(Error::OutOfMemory { bytes }) if bytes == budget));
        let stored = Job::new(budget).store(MemoryStore::new([0; 64])).group::<str, str>().err();
        assert!(stored.is_some_and(|error| error.to_string().contains(&format!("the {budget} bytes of the budget"))));
        assert!(TopK::<u8>::new(budget, &mut [0; 64]).is_err());
    }
}

#[cfg(feature = "rayon")]
#[test]
fn absurd_budgets_of_shards_are_errors() {
    use kernlet::mapreduce::{Combining, Shards};
    let each = |_, job: &mut Combining<'_, u8, Sum<u64>, _>| job.emit(1, 1);
    let shards = Shards::new(usize::MAX, 4).combine(Sum::new(), each);
    assert!(matches!(shards.err(), Some(Error::OutOfMemory { .. })));
    assert!(Shards::new(1 << 20, usize::MAX).combine(Sum::new(), each).is_err());
}

#[test]
fn a_key_that_is_not_among_the_first_needs_no_room() {
    let mut memory = [0; 64];
    let mut top = TopK::<(Desc<u64>, &str)>::new(2, &mut memory).unwrap();
    for (count, name) in [(5, "b"), (9, "d"), (5, "a")] {
        top.offer((Desc(count), name)).unwrap();
    }
    assert_eq!(top.offer((Desc(1), &"x".repeat(60))), Ok(false));
    // One that drives out another takes its room.
    assert_eq!(top.offer((Desc(7), "fourteen bytes")), Ok(true));
    assert!(top.offer((Desc(99), &"x".repeat(60))).is_err());
    let kept: Vec<_> = top.finish().map(|(count, name)| (count.0, name)).collect();
    assert_eq!(kept, [(9, "d"), (7, "fourteen bytes")]);
}

/// The least that would do is the same whatever was asked for, and it does.
#[test]
fn the_least_budget_is_named_and_does() {
    fn check<T, E: std::fmt::Debug>(start: impl Fn(usize) -> Result<T, Error<E>>) {
        let least = |given| match start(given) {
            Err(Error::BudgetTooSmall { least, .. }) => least,
            other => panic!("{:?}", other.err()),
        };
        let expected = least(0);
        for given in 1..20 {
            assert_eq!(least(given), expected, "{given}");
        }
        assert_eq!(least(expected - 1), expected);
        assert!(start(expected).is_ok());
    }
    check(|bytes| Job::new(bytes).combine::<str, Sum<u64>>(Sum::new()));
    check(|bytes| Job::new(bytes).group::<str, str>());
    check(|bytes| Job::new(bytes).store(TempFiles::new()).combine::<u8, Sum<u64>>(Sum::new()));
    check(|bytes| Job::new(bytes).windows::<str, Sum<u64>>(Windowing::tumbling(1), Sum::new()));
    check(|bytes| Job::new(bytes).sessions::<str, Sum<u64>>(1, Sum::new()));
    check(|bytes| Job::new(bytes).count_windows::<str, Sum<u64>>(3, 2, Sum::new()));
}
