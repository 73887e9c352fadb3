//! Summaries against the whole truth: their bounds, and that merging keeps them.

#![cfg(feature = "counting")]

use std::collections::{BTreeMap, BTreeSet};

use kernlet::random::Stream;
use kernlet::sketch::{CountMin, DdSketch, Error, HyperLogLog, Moments, Reservoir, Sketch, SpaceSaving};
use proptest::prelude::*;

/// A summary that was sent: written, and read back.
fn sent<S: Sketch>(summary: &S) -> S {
    let mut bytes = vec![0xEE; S::BYTES];
    let len = summary.to_bytes(&mut bytes).unwrap();
    let short = summary.to_bytes(&mut vec![0xEE; len - 1]);
    assert_eq!(short, Err(Error::Length { given: len - 1, needed: len }));
    S::from_bytes(&bytes[..len]).unwrap()
}

/// Reads damaged bytes: every bit turned, every length cut. All of them are errors.
fn survives_damage<S: Sketch>(summary: &S) {
    let mut bytes = vec![0; S::BYTES];
    let len = summary.to_bytes(&mut bytes).unwrap();
    bytes.truncate(len);
    for at in 0..len.min(400) {
        assert!(S::from_bytes(&bytes[..at]).is_err(), "{at} of {len} bytes");
        for bit in 0..8 {
            bytes[at] ^= 1 << bit;
            assert!(S::from_bytes(&bytes).is_err(), "bit {bit} of byte {at}");
            bytes[at] ^= 1 << bit;
        }
    }
    bytes.push(0);
    assert!(S::from_bytes(&bytes).is_err());
}

mod heavy_hitters {
    use super::*;

    type Frequent = SpaceSaving<u32, 16, 4>;

    /// Every promise of Space-Saving.
    fn check<const N: usize>(summary: &SpaceSaving<u32, N, 4>, truth: &BTreeMap<u32, u64>) {
        let total: u64 = truth.values().sum();
        assert_eq!(summary.total(), total);
        assert!(summary.bound() <= total / N as u64, "{} of {total}", summary.bound());
        let mut there = BTreeSet::new();
        for hitter in summary.iter() {
            let count = truth.get(&hitter.key).copied().unwrap_or(0);
            assert!(hitter.count >= count, "key {}: {} is below {count}", hitter.key, hitter.count);
            assert!(hitter.count - hitter.error <= count, "key {}: {hitter:?}, truly {count}", hitter.key);
            assert!(hitter.error <= summary.bound());
            assert_eq!(summary.get(hitter.key), Some(hitter));
            assert!(there.insert(hitter.key), "key {} twice", hitter.key);
        }
        for (key, count) in truth {
            assert!(*count <= summary.bound() || there.contains(key), "key {key}, {count} times, is missing");
        }
    }

    fn add<const N: usize>(
        summary: &mut SpaceSaving<u32, N, 4>,
        truth: &mut BTreeMap<u32, u64>,
        key: u32,
        weight: u64,
    ) {
        summary.add(key, weight).unwrap();
        *truth.entry(key).or_default() += weight;
    }

    /// About 1 / (rank + 1) of a million keys, by the inverse of the logarithm.
    fn zipf(u: f32) -> u32 {
        (1e6f64.powf(f64::from(u))) as u32
    }

    #[test]
    fn finds_what_is_frequent() {
        let (mut summary, mut truth) = (SpaceSaving::<u32, 500, 4>::new(0), BTreeMap::new());
        let stream = Stream::new(1, 1);
        for i in 0..200_000 {
            add(&mut summary, &mut truth, zipf(stream.f32_at(i)), 1);
        }
        check(&summary, &truth);
        summary.sort();
        check(&summary, &truth);
        let mut expected: Vec<_> = truth.iter().map(|(key, count)| (*count, *key)).collect();
        expected.sort_by(|a, b| b.cmp(a));
        assert!(summary.iter().take(20).map(|hitter| hitter.key).eq(expected.iter().take(20).map(|(_, key)| *key)));
        // What comes after sorting is counted as before.
        for i in 200_000..210_000 {
            add(&mut summary, &mut truth, zipf(stream.f32_at(i)), 1);
        }
        check(&summary, &truth);
        check(&sent(&summary), &truth);
    }

    #[test]
    fn an_adversary_gets_no_further_than_the_bound() {
        // N counters in turn with one key more: the least is always taken over.
        let (mut summary, mut truth) = (Frequent::new(0), BTreeMap::new());
        for i in 0..17 * 100 {
            add(&mut summary, &mut truth, i % 17, 1);
        }
        check(&summary, &truth);
        assert_eq!(summary.bound(), 17 * 100 / 16);
    }

    #[test]
    fn damaged_bytes_are_refused() {
        let mut summary = Frequent::new(3);
        (0..40).for_each(|key| summary.add(key % 19, 1).unwrap());
        survives_damage(&summary);
        let mut bytes = vec![0; Frequent::BYTES];
        let len = summary.to_bytes(&mut bytes).unwrap();
        let other = SpaceSaving::<u32, 17, 4>::from_bytes(&bytes[..len]);
        assert_eq!(other.err(), Some(Error::Size { found: [16, 4, 0], expected: [17, 4, 0] }));
        assert!(matches!(HyperLogLog::<u32, 16>::from_bytes(&bytes[..len]), Err(Error::Foreign { .. })));
    }

    #[test]
    fn counts_stop_at_the_greatest_number() {
        let mut summary = SpaceSaving::<u8, 2, 1>::new(0);
        for key in [1, 1, 2, 3] {
            summary.add(key, u64::MAX - 1).unwrap();
        }
        let copy = summary.clone();
        summary.merge(&copy).unwrap();
        assert_eq!((summary.total(), summary.bound()), (u64::MAX, u64::MAX));
        assert_eq!(sent(&summary).total(), u64::MAX);
    }

    proptest! {
        #[test]
        fn keeps_its_bounds_through_merges(parts: Vec<Vec<(u8, u8)>>, order: u64) {
            let mut truth = BTreeMap::new();
            let mut summaries: Vec<Frequent> = parts.iter().enumerate().map(|(seed, part)| {
                let mut summary = Frequent::new(seed as u64);
                for &(key, weight) in part {
                    // Skewed, so that some keys are frequent.
                    let key = u32::from(key) * u32::from(key) / 700;
                    add(&mut summary, &mut truth, key, u64::from(weight % 8));
                }
                summary
            }).collect();
            truth.retain(|_, count| *count > 0);
            // In any order, as a tree or a chain; what was merged goes on counting.
            let random = Stream::new(order, 0);
            let mut step = 0;
            while summaries.len() > 1 {
                let mut pick = || {
                    step += 1;
                    let at = random.below_at(step, summaries.len() as u32) as usize;
                    summaries.swap_remove(at)
                };
                let (mut one, mut other) = (pick(), pick());
                let mut turned = other.clone();
                turned.merge(&one).unwrap();
                one.merge(&sent(&other)).unwrap();
                one.sort();
                turned.sort();
                prop_assert!(one.iter().eq(turned.iter()), "merging is commutative");
                add(&mut one, &mut truth, step as u32 % 90, 1);
                other = one;
                summaries.push(other);
            }
            if let Some(all) = summaries.pop() {
                check(&all, &truth);
            }
        }
    }
}

mod distinct {
    use super::*;

    #[test]
    fn is_as_near_as_published() {
        const SEEDS: u64 = 128;
        for n in [1u32, 20, 300, 1_000, 2_500, 6_000, 40_000] {
            let (mut squares, mut sum, mut bound) = (0.0, 0.0, 0.0);
            for seed in 0..SEEDS {
                let mut distinct = HyperLogLog::<u32, 256>::new(seed);
                (0..n).for_each(|key| distinct.add(key).unwrap());
                bound = distinct.standard_error();
                let error = distinct.estimate() / f64::from(n) - 1.0;
                squares += error * error;
                sum += error;
            }
            // Of a sum of squares of 128 errors the deviation is an eighth; four of
            // them for its root, and four of the mean's for the bias.
            let (rms, bias) = ((squares / SEEDS as f64).sqrt(), sum / SEEDS as f64);
            assert!(rms <= bound * 1.25, "{n} keys: {rms} above {bound}");
            assert!(bias.abs() <= 4.0 * bound / (SEEDS as f64).sqrt(), "{n} keys: a bias of {bias}");
        }
    }

    /// Few registers: without bias too, and within the error of their number.
    fn small<const M: usize>() {
        const SEEDS: u64 = 4_000;
        for n in [M / 4, M, 3 * M, 10 * M, 50 * M].map(|n| n as u32) {
            let (mut squares, mut sum, mut bound) = (0.0, 0.0, 0.0);
            for seed in 0..SEEDS {
                let mut distinct = HyperLogLog::<u32, M>::new(seed);
                (0..n).for_each(|key| distinct.add(key).unwrap());
                bound = distinct.standard_error();
                let error = distinct.estimate() / f64::from(n) - 1.0;
                squares += error * error;
                sum += error;
            }
            let (rms, bias) = ((squares / SEEDS as f64).sqrt(), sum / SEEDS as f64);
            // Four deviations of a root of 4000 squares; and of a mean, beside the bias that is promised.
            assert!(rms <= bound * (1.0 + 4.0 / (2.0 * SEEDS as f64).sqrt()), "{M}, {n} keys: {rms} above {bound}");
            let allowed = bound * (0.03 + 4.0 / (SEEDS as f64).sqrt());
            assert!(bias.abs() <= allowed, "{M}, {n} keys: a bias of {bias}, of {bound}");
        }
    }

    #[test]
    fn few_registers_are_as_near_as_many() {
        small::<16>();
        small::<32>();
        small::<64>();
        small::<128>();
        assert!((HyperLogLog::<u8, 16>::new(0).standard_error() - 0.2765).abs() < 1e-9);
    }

    #[test]
    fn keys_that_hash_alike_do_not_mislead() {
        // Keys in steps and strings that share their ends, once each for many seeds.
        for (name, key) in [
            ("steps", (|n: u64| n << 20) as fn(u64) -> u64),
            ("high bits", |n| n.reverse_bits()),
            ("floats", |n| (n as f64).to_bits()),
        ] {
            let mut squares = 0.0;
            for seed in 0..64 {
                let mut distinct = HyperLogLog::<u64, 256>::new(seed);
                (1..=5_000).for_each(|n| distinct.add(key(n)).unwrap());
                squares += (distinct.estimate() / 5_000.0 - 1.0).powi(2);
            }
            let rms = (squares / 64.0f64).sqrt();
            assert!(rms <= 0.065 * 1.36, "{name}: {rms}");
        }
    }

    #[test]
    fn damaged_bytes_are_refused() {
        let mut distinct = HyperLogLog::<str, 64>::new(3);
        distinct.add("word").unwrap();
        survives_damage(&distinct);
    }

    #[test]
    fn other_seeds_are_not_merged() {
        let mut one = HyperLogLog::<str, 64>::new(1);
        assert_eq!(one.merge(&HyperLogLog::new(2)), Err(Error::Seed { own: 1, other: 2 }));
    }

    proptest! {
        #[test]
        fn merged_is_the_one_of_both(keys: Vec<(u16, bool)>) {
            let mut whole = HyperLogLog::<u16, 32>::new(9);
            let mut parts = [whole.clone(), whole.clone()];
            for (key, part) in keys {
                whole.add(key).unwrap();
                parts[usize::from(part)].add(key).unwrap();
            }
            let [mut merged, other] = parts;
            merged.merge(&sent(&other)).unwrap();
            prop_assert!(merged == whole);
            prop_assert_eq!(merged.estimate().to_bits(), whole.estimate().to_bits());
        }
    }
}

mod frequency {
    use super::*;

    #[test]
    fn is_as_near_as_published() {
        const SEEDS: u64 = 200;
        let truth = |key: u32| u64::from(2_000 / (key + 1));
        let total: u64 = (0..2_000).map(truth).sum();
        let (mut above, mut excess) = (0u32, 0u64);
        for seed in 0..SEEDS {
            let mut deep = CountMin::<u32, 50, 3>::new(seed);
            let mut row = CountMin::<u32, 50, 1>::new(seed);
            (0..2_000).for_each(|key| {
                deep.add(key, truth(key)).unwrap();
                row.add(key, truth(key)).unwrap();
            });
            assert_eq!(deep.total(), total);
            for key in 0..100 {
                let estimate = deep.estimate(key).unwrap();
                assert!(estimate >= truth(key));
                above += u32::from((estimate - truth(key)) as f64 > deep.bound());
                excess += row.estimate(key).unwrap() - truth(key);
            }
        }
        // Theorem 1: a failure in e to the 3, at most.
        let failures = f64::from(above) / (100 * SEEDS) as f64;
        assert!(failures <= (-3.0f64).exp(), "{failures}");
        // Its proof: what a row has too much is, on average, the others' weight over the columns.
        let expected = (0..100).map(|key| (total - truth(key)) as f64 / 50.0).sum::<f64>() * SEEDS as f64;
        assert!((excess as f64 / expected - 1.0).abs() < 0.1, "{excess} instead of {expected}");
    }

    #[test]
    fn damaged_bytes_are_refused() {
        let mut counts = CountMin::<str, 8, 2>::new(3);
        counts.add("word", 4).unwrap();
        survives_damage(&counts);
        assert_eq!(counts.clone().merge(&CountMin::new(2)), Err(Error::Seed { own: 3, other: 2 }));
    }

    proptest! {
        #[test]
        fn merged_is_the_one_of_both(keys: Vec<(u16, u64, bool)>) {
            let mut whole = CountMin::<u16, 20, 3>::new(9);
            let mut parts = [whole.clone(), whole.clone()];
            for &(key, weight, part) in &keys {
                whole.add(key, weight).unwrap();
                parts[usize::from(part)].add(key, weight).unwrap();
            }
            let [mut merged, other] = parts;
            merged.merge(&sent(&other)).unwrap();
            prop_assert!(merged == whole);
            for (key, ..) in keys {
                prop_assert_eq!(merged.estimate(key), whole.estimate(key));
            }
        }
    }
}

mod moments {
    use super::*;

    const EPS: f64 = f64::EPSILON;

    /// Integers and their scale: mean and variance exactly, but for the last division.
    fn exact(numbers: &[i64], scale: f64) -> (f64, f64) {
        let n = numbers.len() as i128;
        let sum: i128 = numbers.iter().map(|&x| i128::from(x)).sum();
        // From the first, so that the squares are small.
        let distances = || numbers.iter().map(|&x| i128::from(x - numbers[0]));
        let (distance, squares): (i128, i128) = (distances().sum(), distances().map(|x| x * x).sum());
        let variance = (n * squares - distance * distance) as f64 / (n * n) as f64;
        (sum as f64 / n as f64 * scale, variance * scale * scale)
    }

    fn check(moments: &Moments, numbers: &[i64], scale: f64) {
        let n = numbers.len() as f64;
        let (mean, variance) = exact(numbers, scale);
        let greatest = numbers.iter().map(|x| x.abs()).max().unwrap() as f64 * scale;
        assert_eq!(moments.count(), numbers.len() as u64);
        let bound = EPS * mean.abs() + 4.0 * n * EPS * EPS * greatest;
        assert!((moments.mean() - mean).abs() <= bound, "{} instead of {mean}", moments.mean());
        let condition = if variance > 0.0 { n * (1.0 + mean * mean / variance).sqrt() * EPS * EPS } else { 0.0 };
        assert!(condition < 1e-3, "the bound says nothing");
        let error = (moments.variance() - variance).abs();
        assert!(error <= (4.0 * EPS + 8.0 * condition) * variance, "{} instead of {variance}", moments.variance());
    }

    /// What was 13 % off: a hundred parts near 10¹⁵, where floats are an eighth apart.
    #[test]
    fn merged_parts_far_from_zero_are_as_near() {
        let stream = Stream::new(7, 7);
        for (offset, spread) in [(8_000_000_000_000_000i64, 8), (-8_000_000_000_000_000, 8), (1 << 52, 1000)] {
            let numbers: Vec<i64> = (0..100_000).map(|i| offset + i64::from(stream.below_at(i, spread))).collect();
            for parts in [1, 2, 100, 1000] {
                let mut all = Moments::new();
                for part in numbers.chunks(numbers.len() / parts) {
                    let mut moments = Moments::new();
                    part.iter().for_each(|&x| moments.add(x as f64 / 8.0));
                    all.merge(&sent(&moments)).unwrap();
                }
                check(&all, &numbers, 1.0 / 8.0);
            }
            // Sorted, so that the parts' means are far from each other.
            let mut sorted = numbers.clone();
            sorted.sort_unstable();
            let mut all = Moments::new();
            for part in sorted.chunks(77) {
                let mut moments = Moments::new();
                part.iter().for_each(|&x| moments.add(x as f64));
                all.merge(&moments).unwrap();
            }
            check(&all, &sorted, 1.0);
        }
    }

    #[test]
    fn are_as_near_as_published() {
        let stream = Stream::new(5, 5);
        for (offset, spread) in [(0, 1000), (1 << 20, 1000), (1 << 40, 100), (-(1 << 50), 3)] {
            for n in [2, 3, 10, 1_000, 50_000] {
                let numbers: Vec<i64> = (0..n).map(|i| offset + i64::from(stream.below_at(i, spread))).collect();
                for scale in [1.0, 1.0 / 1024.0] {
                    let mut moments = Moments::new();
                    numbers.iter().for_each(|&x| moments.add(x as f64 * scale));
                    check(&moments, &numbers, scale);
                }
            }
        }
    }

    #[test]
    fn none_and_one() {
        let mut moments = Moments::new();
        assert!(moments.variance().is_nan() && moments.sample_variance().is_nan());
        moments.add(3.0);
        assert!(moments.sample_variance().is_nan() && moments.standard_deviation() == 0.0);
        moments.add(f64::NAN);
        assert!(moments.mean().is_nan());
        survives_damage(&moments);
    }

    proptest! {
        #[test]
        fn merged_are_within_the_bound(parts in prop::collection::vec(prop::collection::vec(-1000i64..3000, 0..60), 1..6)) {
            let mut all = Moments::new();
            for part in &parts {
                let mut moments = Moments::new();
                part.iter().for_each(|&x| moments.add(x as f64));
                all.merge(&sent(&moments)).unwrap();
            }
            let numbers: Vec<i64> = parts.concat();
            if numbers.len() > 1 {
                check(&all, &numbers, 1.0);
            }
        }
    }
}

mod quantiles {
    use super::*;

    /// Every quantile, each within the bound of the number of its rank.
    fn check<const N: usize, const BITS: u32>(summary: &DdSketch<N, BITS>, numbers: &[f64]) {
        let mut sorted = numbers.to_vec();
        sorted.sort_by(f64::total_cmp);
        let last = sorted.len() - 1;
        for step in 0..=100 {
            let q = f64::from(step) / 100.0;
            let truth = sorted[(q * last as f64) as usize];
            let found = summary.quantile(q).unwrap();
            // Subnormal numbers count as zero.
            let bound = summary.relative_error() * truth.abs() * (1.0 + 4.0 * f64::EPSILON) + f64::MIN_POSITIVE;
            if truth.abs() >= summary.accurate_from() {
                assert!((found - truth).abs() <= bound, "{q}: {found} instead of {truth}");
            } else {
                assert!(found.abs() <= summary.accurate_from(), "{q}: {found} instead of {truth}");
            }
        }
        assert_eq!((summary.min(), summary.max()), (sorted.first().copied(), sorted.last().copied()));
        assert_eq!(summary.count(), sorted.len() as u64);
    }

    #[test]
    fn are_as_near_as_published() {
        let stream = Stream::new(6, 6);
        let uniform = |i: u64| f64::from(stream.f32_at(i));
        let shapes: [&dyn Fn(u64) -> f64; 5] = [
            &|i| uniform(i),
            &|i| -(1.0 - uniform(i)).ln() - 0.5,
            &|i| (40.0 * uniform(i) - 20.0).exp(),
            &|i| (1.0 - uniform(i)).powf(-1.5),
            &|i| if i % 3 == 0 { 0.0 } else { (uniform(i) - 0.5) * 1e300 },
        ];
        for shape in shapes {
            let numbers: Vec<f64> = (0..20_000).map(shape).collect();
            let (mut wide, mut narrow) = (DdSketch::<2048, 5>::new(), DdSketch::<40, 4>::new());
            for &x in &numbers {
                assert!(wide.add(x) && narrow.add(x));
            }
            check(&wide, &numbers);
            check(&narrow, &numbers);
            check(&sent(&narrow), &numbers);
        }
    }

    #[test]
    fn the_bound_is_reached_but_not_passed() {
        // The ends of the widest bucket of an octave: 1 and just below 1 + 2⁻⁵.
        let mut numbers = DdSketch::<64, 5>::new();
        for x in [0.5, 1.0, 1.0, 1.0 + 1.0 / 32.0 - f64::EPSILON, 2.0] {
            numbers.add(x);
        }
        let error = numbers.quantile(0.5).unwrap() - 1.0;
        assert!(error <= numbers.relative_error() && error > 0.99 * numbers.relative_error(), "{error}");
    }

    #[test]
    fn the_ends_of_the_range_have_buckets() {
        let mut numbers = DdSketch::<16, 3>::new();
        let ends = [f64::MAX, f64::MIN, f64::MIN_POSITIVE, -f64::MIN_POSITIVE, 0.0, -0.0, 5e-324];
        assert!(ends.iter().all(|&x| numbers.add(x)));
        assert!(![f64::INFINITY, f64::NEG_INFINITY, f64::NAN].iter().any(|&x| numbers.add(x)));
        assert_eq!(numbers.count(), 7);
        assert_eq!(numbers.quantile(1.0), Some(f64::MAX));
        assert_eq!(numbers.quantile(0.0), Some(f64::MIN));
        assert_eq!(numbers.quantile(0.5), Some(0.0));
        assert_eq!(numbers.quantile(f64::NAN), None);
        survives_damage(&numbers);
    }

    proptest! {
        #[test]
        fn merged_is_the_one_of_both(numbers: Vec<(f64, bool)>, small: bool) {
            let mut whole = DdSketch::<24, 2>::new();
            let mut parts = [whole.clone(), whole.clone()];
            let mut added = Vec::new();
            for (x, part) in numbers {
                // The whole range of exponents, or a few of them.
                let x = if small { (x.to_bits() % 4096) as f64 - 1000.0 } else { x };
                if whole.add(x) {
                    added.push(x + 0.0);
                }
                parts[usize::from(part)].add(x);
            }
            let [mut merged, other] = parts;
            merged.merge(&sent(&other)).unwrap();
            prop_assert!(merged == whole);
            if !added.is_empty() {
                check(&merged, &added);
            }
        }
    }
}

mod reservoir {
    use super::*;

    #[test]
    fn every_item_and_every_pair_is_as_likely() {
        const SEEDS: u64 = 20_000;
        let (mut items, mut pairs) = ([0u32; 12], [[0u32; 12]; 12]);
        for seed in 0..SEEDS {
            let mut sample = Reservoir::<u8, 4>::new(seed);
            (0..12).for_each(|item| sample.add(item));
            assert_eq!((sample.len(), sample.seen()), (4, 12));
            for (_, &a) in sample.iter() {
                items[usize::from(a)] += 1;
                sample.iter().for_each(|(_, &b)| pairs[usize::from(a)][usize::from(b)] += 1);
            }
        }
        // Binomial: five deviations.
        let near = |count: u32, p: f64| {
            let n = SEEDS as f64;
            (f64::from(count) - n * p).abs() <= 5.0 * (n * p * (1.0 - p)).sqrt()
        };
        assert!(items.iter().all(|&count| near(count, 4.0 / 12.0)), "{items:?}");
        for (a, row) in pairs.iter().enumerate() {
            for (b, &count) in row.iter().enumerate() {
                assert!(a == b || near(count, 4.0 / 12.0 * 3.0 / 11.0), "{a} and {b}: {count}");
            }
        }
    }

    #[test]
    fn overlapping_parts_are_refused() {
        let mut one = Reservoir::<u8, 4>::new(1);
        let mut other = Reservoir::<u8, 4>::new(1);
        (0..9).for_each(|item| (one.add(item), other.add(item)).1);
        assert!(matches!(one.merge(&other), Err(Error::Position { .. })));
        assert_eq!(one.seen(), 9);
        assert_eq!(one.merge(&Reservoir::new(2)), Err(Error::Seed { own: 1, other: 2 }));
        survives_damage(&one);
    }

    #[test]
    fn what_is_added_after_a_merge_comes_behind_both() {
        for swapped in [false, true] {
            let mut one = Reservoir::<u8, 8>::new(1);
            (0..3).for_each(|item| one.add(item));
            let mut next = Reservoir::<u8, 8>::starting_at(1, 3);
            (3..6).for_each(|item| next.add(item));
            if swapped {
                std::mem::swap(&mut one, &mut next);
            }
            one.merge(&next).unwrap();
            let mut whole = Reservoir::<u8, 8>::new(1);
            (0..6).for_each(|item| whole.add(item));
            // On as if it had been one stream, and sent as such.
            for item in 6..40 {
                one.add(item);
                whole.add(item);
                assert!(sent(&one).iter().eq(one.iter()));
                one.sort();
                whole.sort();
                assert!(one.iter().eq(whole.iter()), "after item {item}");
            }
        }
    }

    /// Items added after a merge are as likely as others, alone and in pairs with those they followed.
    #[test]
    fn after_a_merge_every_pair_is_as_likely() {
        const SEEDS: u64 = 20_000;
        let mut pairs = [[0u32; 12]; 12];
        for seed in 0..SEEDS {
            let mut sample = Reservoir::<u8, 4>::new(seed);
            (0..4).for_each(|item| sample.add(item));
            let mut other = Reservoir::<u8, 4>::starting_at(seed, 4);
            (4..8).for_each(|item| other.add(item));
            sample.merge(&other).unwrap();
            (8..12).for_each(|item| sample.add(item));
            for (_, &a) in sample.iter() {
                sample.iter().for_each(|(_, &b)| pairs[usize::from(a)][usize::from(b)] += 1);
            }
        }
        for (a, row) in pairs.iter().enumerate() {
            for (b, &count) in row.iter().enumerate() {
                let p = if a == b { 4.0 / 12.0 } else { 4.0 / 12.0 * 3.0 / 11.0 };
                let (mean, n) = (SEEDS as f64 * p, SEEDS as f64);
                assert!((f64::from(count) - mean).abs() <= 5.0 * (n * p * (1.0 - p)).sqrt(), "{a} and {b}: {count}");
            }
        }
    }

    proptest! {
        #[test]
        fn merged_is_the_one_of_the_whole(parts in prop::collection::vec(0u32..30, 1..6), seed: u64, from in 0usize..6) {
            let mut whole = Reservoir::<u32, 7>::new(seed);
            let mut samples = Vec::new();
            let mut position = 0;
            for len in &parts {
                let mut sample = Reservoir::<u32, 7>::starting_at(seed, position.into());
                for item in position..position + len {
                    sample.add(item);
                    whole.add(item);
                }
                position += len;
                samples.push(sent(&sample));
            }
            // In another order.
            samples.rotate_left(from % parts.len());
            let mut merged = samples.pop().unwrap();
            samples.iter().for_each(|sample| merged.merge(sample).unwrap());
            merged.sort();
            whole.sort();
            prop_assert!(merged.iter().eq(whole.iter()));
            prop_assert_eq!(merged.seen(), whole.seen());
            prop_assert!(merged.iter().all(|(at, &item)| at == u64::from(item)));
        }
    }
}
