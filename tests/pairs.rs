//! Keys in every order that they promise, values that come back, and the combiners that users expect.

#![cfg(all(feature = "std", feature = "counting"))]

use std::cmp::{Ordering, Reverse};

use kernlet::mapreduce::{
    Average, CheckedSum, Combiner, Emitter, Error, ExactSum, Job, Max, Mean, Min, NoStore, SaturatingSum, Store, Sum,
    TempFiles, TotalOrd,
};
use kernlet::pairs::{Desc, Escaped, Key, KeyPart, Plain, map_fn};
use kernlet::random::Stream;
use proptest::prelude::*;

fn encoded<K: Key + ?Sized>(key: &K::Borrowed<'_>) -> Vec<u8> {
    let mut bytes = vec![0xEE; K::encoded_len(key)];
    K::encode(key, &mut bytes);
    bytes
}

/// Strings that share beginnings and hold zeros, and bytes next to what escapes them.
fn texts() -> Vec<String> {
    let mut texts = vec![String::new()];
    for _ in 0..3 {
        let longer = texts.iter().flat_map(|text| ["\0", "\u{1}", "a", "é"].map(|end| format!("{text}{end}")));
        texts = texts.iter().cloned().chain(longer.collect::<Vec<_>>()).collect();
    }
    texts.sort();
    texts.dedup();
    texts
}

/// The order of encodings is `order`, and what is decoded is `same`.
fn check<K, T>(
    values: &[T],
    borrow: impl for<'a> Fn(&'a T) -> K::Borrowed<'a>,
    order: impl Fn(&T, &T) -> Ordering,
    same: impl Fn(K::View<'_>, &T) -> bool,
) where
    K: Key + ?Sized,
    T: std::fmt::Debug,
{
    let all: Vec<_> = values.iter().map(|value| encoded::<K>(&borrow(value))).collect();
    for (a, a_bytes) in values.iter().zip(&all) {
        assert!(K::decode(a_bytes).is_some_and(|view| same(view, a)), "{a:?} from {a_bytes:?}");
        for (b, b_bytes) in values.iter().zip(&all) {
            assert_eq!(a_bytes.cmp(b_bytes), order(a, b), "{a:?} {b:?}: {a_bytes:?} {b_bytes:?}");
        }
    }
}

#[test]
fn strings_descend() {
    let texts = texts();
    check::<Desc<&str>, _>(&texts, |t| Desc(t.as_str()), |a, b| b.cmp(a), |view, t| view.0 == t.as_str());
    check::<Desc<str>, _>(&texts, |t| Desc(t.as_str()), |a, b| b.cmp(a), |view, t| view.0.to_string() == *t);
    check::<Desc<[u8]>, _>(&texts, |t| Desc(t.as_bytes()), |a, b| b.cmp(a), |view, t| view.0 == *t.as_bytes());
    // Twice the other way round is this way.
    check::<Desc<Desc<&str>>, _>(&texts, |t| Desc(Desc(t.as_str())), Ord::cmp, |view, t| view.0.0 == t.as_str());
    check::<String, _>(&texts, |t| t.as_str(), Ord::cmp, |view, t| view == t);
    check::<Option<&str>, _>(&texts, |t| Some(t.as_str()), Ord::cmp, |view, t| view == Some(t));
}

#[test]
fn tuples_and_their_parts_descend() {
    let mut pairs = Vec::new();
    for text in texts().into_iter().step_by(3) {
        pairs.extend([-300i16, -1, 0, 7, 300].map(|number| (text.clone(), number)));
    }
    let by = |text: Ordering, number: Ordering| text.then(number);
    check::<Desc<(&str, i16)>, _>(
        &pairs,
        |(text, number)| Desc((text, *number)),
        |a, b| b.cmp(a),
        |view, (text, number)| view.0.0 == text.as_str() && view.0.1 == *number,
    );
    check::<(Desc<&str>, Desc<i16>), _>(
        &pairs,
        |(text, number)| (Desc(text), Desc(*number)),
        |a, b| b.cmp(a),
        |view, (text, number)| view.0.0 == text.as_str() && view.1.0 == *number,
    );
    check::<(i16, Desc<&str>), _>(
        &pairs,
        |(text, number)| (*number, Desc(text)),
        |a, b| by(a.1.cmp(&b.1), b.0.cmp(&a.0)),
        |view, (text, number)| view.0 == *number && view.1.0 == text.as_str(),
    );
    // In the first place, where only its own encoding shows where it ends.
    check::<(Desc<(i16, &str)>, &str), _>(
        &pairs,
        |(text, number)| (Desc((*number, text.as_str())), text.as_str()),
        |a, b| (Reverse((a.1, &a.0)), &a.0).cmp(&(Reverse((b.1, &b.0)), &b.0)),
        |view, (text, number)| view.0.0.0 == *number && view.0.0.1 == text.as_str() && view.1 == text,
    );
}

#[test]
fn absent_keys_come_first() {
    let values = [None, Some(-2i8), Some(0), Some(5)];
    check::<Option<i8>, _>(&values, |v| *v, Ord::cmp, |view, v| view == *v);
    check::<(Option<i8>, u8), _>(&values, |v| (*v, 9), Ord::cmp, |view, v| view == (*v, 9));
    check::<Desc<Option<i8>>, _>(&values, |v| Desc(*v), |a, b| b.cmp(a), |view, v| view.0 == *v);
    assert_eq!(Option::<i8>::decode(&[0, 1]), None);
    assert_eq!(Option::<i8>::decode(&[2, 1]), None);
}

#[test]
fn booleans_characters_and_sizes_are_keys() {
    check::<bool, _>(&[false, true], |b| *b, Ord::cmp, |view, b| view == *b);
    check::<(bool, &str), _>(&[(false, "z"), (true, "a")], |(b, s)| (*b, s), Ord::cmp, |view, b| view == *b);
    check::<Desc<bool>, _>(&[false, true], |b| Desc(*b), |a, b| b.cmp(a), |view, b| view.0 == *b);
    check::<char, _>(&['\0', 'a', 'é', '\u{FFFF}', '🦀'], |c| *c, Ord::cmp, |view, c| view == *c);
    let sizes = [0, 1, 255, 256, usize::MAX / 2, usize::MAX];
    check::<usize, _>(&sizes, |n| *n, Ord::cmp, |view, n| view == *n);
    check::<Desc<usize>, _>(&sizes, |n| Desc(*n), |a, b| b.cmp(a), |view, n| view.0 == *n);
    check::<isize, _>(&[isize::MIN, -1, 0, 1, isize::MAX], |n| *n, Ord::cmp, |view, n| view == *n);
    check::<(), _>(&[()], |()| (), Ord::cmp, |(), ()| true);
    assert_eq!((bool::decode(&[2]), char::decode(&0xD800u32.to_be_bytes()), u32::decode(&[1])), (None, None, None));
}

#[test]
fn floats_are_in_their_total_order() {
    let mut doubles = vec![0.0, 1.0, f64::MIN_POSITIVE, 5e-324, 1.5, 1e300, f64::MAX, f64::INFINITY, f64::NAN];
    doubles.extend(doubles.clone().iter().map(|x| -x));
    doubles.push(f64::from_bits(f64::NAN.to_bits() | 1));
    check::<f64, _>(&doubles, |x| *x, f64::total_cmp, |view, x| view.to_bits() == x.to_bits());
    check::<(Desc<f64>, u8), _>(
        &doubles,
        |x| (Desc(*x), 1),
        |a, b| b.total_cmp(a),
        |view, x| view.0.0.to_bits() == x.to_bits(),
    );
    let floats: Vec<f32> = doubles.iter().map(|&x| x as f32).collect();
    check::<f32, _>(&floats, |x| *x, f32::total_cmp, |view, x| view.to_bits() == x.to_bits());
    check::<Desc<f32>, _>(&floats, |x| Desc(*x), |a, b| b.total_cmp(a), |view, x| view.0.to_bits() == x.to_bits());
}

#[test]
fn keys_of_six_fields() {
    type Wide<'a> = (u8, &'a str, Desc<&'a str>, bool, f32, &'a str);
    let bytes = encoded::<Wide>(&(1, "a\0", Desc("b"), true, -0.5, "end"));
    let (one, a, b, yes, half, end) = Wide::decode(&bytes).unwrap();
    assert!(one == 1 && a == "a\0" && b.0 == "b" && yes && half == -0.5 && end == "end");
    assert_eq!(Wide::decode(&bytes[..8]), None);
    assert_eq!(<(u8,)>::decode(&[7]), Some((7,)));
}

#[test]
fn damaged_keys_are_none() {
    for bytes in [&b""[..], b"\0", b"a\0", b"a\0\x01", b"a\0\0b", b"\xFF", b"a\xFF\xFFb", b"a\xFF\x01"] {
        assert!(str::decode_part(bytes).is_none(), "{bytes:?}");
        assert!(Desc::<&str>::decode(bytes).is_none(), "{bytes:?}");
    }
}

#[test]
fn escaped_parts_display_as_text() {
    let mut names = Job::new(8 << 10).combine::<(&[u8], u8), Sum<u64>>(Sum::new()).unwrap();
    let all: [(&[u8], &str); 6] = [
        (b"plain", "plain"),
        (b"nul\0nul", "nul\0nul"),
        ("é 🦀".as_bytes(), "é 🦀"),
        (b"caf\xE9!", "caf\u{FFFD}!"),
        (b"\xF0\x9F\xA6", "\u{FFFD}"),
        (b"", ""),
    ];
    for (name, _) in all {
        names.emit((name, 1), 1).unwrap();
    }
    let mut found = Vec::new();
    let mut names = names.finish().unwrap();
    while let Some(((name, _), _)) = names.next().unwrap() {
        found.push((name.bytes().collect::<Vec<_>>(), name.to_string()));
    }
    let mut expected = all.map(|(name, text)| (name.to_vec(), text.to_string())).to_vec();
    expected.sort();
    assert_eq!(found, expected);
    let flipped = encoded::<Desc<&str>>(&Desc("a\0é"));
    let Desc(view) = Desc::<&str>::decode(&flipped).unwrap();
    assert_eq!((view.to_string().as_str(), format!("{view:?}").as_str()), ("a\0é", r#""a\x00\xc3\xa9""#));
    assert!(view == Escaped::plain("a\0é".as_bytes()) && view > Escaped::plain(b"a") && view.as_slice().is_none());
}

/// Values that come back as they were, at every size, in memory and spilled.
#[test]
fn values_come_back() {
    fn all<T: Plain + PartialEq + std::fmt::Debug>(values: &[T]) {
        for budget in [2 << 10, 64 << 10] {
            let mut job = Job::new(budget).store(TempFiles::new()).group::<u32, T>().unwrap();
            for i in 0..600 {
                job.emit(i, values[i as usize % values.len()]).unwrap();
            }
            let mut pairs = job.finish().unwrap();
            for i in 0..600 {
                assert_eq!(pairs.next().unwrap(), Some((i, values[i as usize % values.len()])));
            }
        }
    }
    all(&[0usize, 1, usize::MAX]);
    all(&[0isize, -1, isize::MIN, isize::MAX]);
    all(&['a', '\0', '🦀']);
    all(&[None, Some(0u32), Some(u32::MAX)]);
    all(&[Some(None), None, Some(Some([7u64; 3]))]);
    all(&[(1u8, 2u16, 3u32, 4u64, true, 'x')]);
}

/// One accumulator, whatever the budget.
fn combined<C: Combiner + Clone>(combiner: C, values: &[C::Input]) -> C::Acc
where
    C::Input: Sized,
    C::Acc: PartialEq + std::fmt::Debug,
{
    fn once<C: Combiner, S: Store<Error: std::fmt::Debug>>(
        job: Job<'_, S>,
        combiner: C,
        values: &[C::Input],
        others: u32,
    ) -> C::Acc
    where
        C::Input: Sized,
    {
        let mut job = job.combine::<u32, C>(combiner).unwrap();
        for (i, value) in values.iter().enumerate() {
            job.emit(7, value).unwrap();
            for other in 0..others {
                job.emit(1000 + 16 * (i as u32 % 16) + other, value).unwrap();
            }
        }
        let mut all = job.finish().unwrap();
        let (key, acc) = all.next().unwrap().unwrap();
        assert_eq!(key, 7);
        acc
    }
    let held = once(Job::new(1 << 20).store(NoStore), combiner.clone(), values, 0);
    // The key is spilled again and again.
    let spilled = once(Job::new(8 << 10).store(TempFiles::new()), combiner, values, 16);
    assert_eq!(held, spilled);
    held
}

#[test]
fn extremes_of_floats() {
    let values = [2.5, -0.0, 0.0, -7.25, 1e300];
    assert_eq!(combined(Max::<f64>::new(), &values), 1e300);
    assert_eq!(combined(Min::<f64>::new(), &values), -7.25);
    assert_eq!(combined(Min::<f64>::new(), &[0.0, -0.0]).to_bits(), (-0.0f64).to_bits());
    // A NaN is not lost.
    let with_nan = [1.0f32, f32::NAN, f32::INFINITY];
    assert_eq!(combined(Max::<TotalBits>::new(), &with_nan.map(f32::to_bits).map(TotalBits)).0, f32::NAN.to_bits());
    assert_eq!(combined(Max::<(f64, u32)>::new(), &[(1.0, 9), (2.0, 3), (2.0, 4)]), (2.0, 4));
    assert_eq!(combined(Min::<Option<bool>>::new(), &[Some(true), None]), None);
    assert_eq!(combined(Max::<usize>::new(), &[3, usize::MAX, 4]), usize::MAX);
    assert!([1.0, 2.0].total_order(&[1.0, 3.0]).is_lt());
}

/// A float that is the same as another if its bits are: NaN too.
#[derive(Clone, Copy, Debug, PartialEq)]
struct TotalBits(u32);

impl Plain for TotalBits {
    const SIZE: usize = 4;
    fn store(&self, out: &mut [u8]) {
        self.0.store(out);
    }
    fn load(bytes: &[u8]) -> Self {
        Self(u32::load(bytes))
    }
}

impl TotalOrd for TotalBits {
    fn total_order(&self, other: &Self) -> Ordering {
        f32::from_bits(self.0).total_order(&f32::from_bits(other.0))
    }
}

#[test]
fn sums_stop_or_say_that_they_do_not_fit() {
    assert_eq!(combined(SaturatingSum::<u32>::new(), &[2_000_000_000; 3]), u32::MAX);
    assert_eq!(combined(CheckedSum::<u32>::new(), &[2_000_000_000; 2]), Some(4_000_000_000));
    assert_eq!(combined(CheckedSum::<u32>::new(), &[2_000_000_000; 3]), None);
    assert_eq!(combined(ExactSum::<u32>::new(), &[2_000_000_000; 3]), 6_000_000_000);
    assert_eq!(combined(ExactSum::<i8>::new(), &[-128; 1000]), -128_000);
    assert_eq!(combined(ExactSum::<i64>::new(), &[i64::MAX, i64::MAX, i64::MIN, i64::MIN]), -2);
    assert_eq!(combined(Sum::<usize>::new(), &[usize::MAX, 3]), 2);
    assert_eq!(combined(SaturatingSum::<usize>::new(), &[usize::MAX, 3]), usize::MAX);
    let mean = combined(Mean::<i16>::new(), &[-3, 4, 5]);
    assert_eq!((mean, mean.mean()), (Average { count: 3, sum: 6 }, 2.0));
}

#[test]
fn an_accumulator_may_be_absent() {
    /// The only value of a key; absent if there are several.
    #[derive(Clone)]
    struct Only;
    impl Combiner for Only {
        type Input = u32;
        type Acc = Option<u32>;
        fn start(&self, value: &u32) -> Option<u32> {
            Some(*value)
        }
        fn merge(&self, acc: &mut Option<u32>, _: &Option<u32>) {
            *acc = None;
        }
    }
    assert_eq!(combined(Only, &[5]), Some(5));
    assert_eq!(combined(Only, &[5, 5]), None);
}

#[test]
fn sums_of_floats_do_not_depend_on_the_budget() {
    let mut bits = std::collections::BTreeSet::new();
    for budget in [4 << 10, 8 << 10, 64 << 10, 1 << 20] {
        let mut job = Job::new(budget).store(TempFiles::new()).combine::<u32, ExactSum<f32>>(ExactSum::new()).unwrap();
        for i in 0..40_000u32 {
            job.emit(i % 97, 0.1 + i as f32 * 1e-3).unwrap();
        }
        let mut sums = job.finish().unwrap();
        let mut all = 0u64;
        while let Some((_, sum)) = sums.next().unwrap() {
            all = all.rotate_left(5) ^ u64::from(sum.value().to_bits());
        }
        bits.insert(all);
    }
    assert_eq!(bits.len(), 1);
}

/// The sum of numbers `m · 2^e` by integers, rounded once.
fn true_sum(numbers: &[(i64, u32)]) -> f64 {
    let sum: i128 = numbers.iter().map(|&(m, e)| i128::from(m) << e).sum();
    sum as f64
}

proptest! {
    #[test]
    fn exact_sums_are_rounded_once(numbers in prop::collection::vec((-(1i64 << 53)..1 << 53, 0u32..60), 1..40), down in -900i32..900) {
        let scale = 2f64.powi(down);
        let floats: Vec<f64> = numbers.iter().map(|&(m, e)| m as f64 * 2f64.powi(e as i32) * scale).collect();
        let sum = combined(ExactSum::<f64>::new(), &floats);
        prop_assert_eq!(sum.value().to_bits(), (true_sum(&numbers) * scale + 0.0).to_bits());
        // In `f32`, of numbers that are there too.
        let numbers: Vec<_> = numbers.iter().map(|&(m, e)| (m >> 30, e)).collect();
        let floats: Vec<f32> = numbers.iter().map(|&(m, e)| m as f32 * 2f32.powi(e as i32)).collect();
        let sum: i128 = numbers.iter().map(|&(m, e)| i128::from(m) << e).sum();
        prop_assert_eq!(combined(ExactSum::<f32>::new(), &floats).value(), sum as f32);
    }
}

#[test]
fn exact_sums_at_the_ends_of_the_range() {
    let sum = |floats: &[f64]| combined(ExactSum::<f64>::new(), floats).value();
    let least = 5e-324;
    assert_eq!(sum(&[least, least, -least]), least);
    assert_eq!(sum(&[f64::MIN_POSITIVE, -least]), f64::MIN_POSITIVE - least);
    assert_eq!(sum(&[f64::MAX, f64::MAX, -f64::MAX]), f64::MAX);
    assert_eq!(sum(&[f64::MAX, f64::MAX]), f64::INFINITY);
    assert_eq!(sum(&[-f64::MAX, -f64::MAX]), f64::NEG_INFINITY);
    assert_eq!(sum(&[f64::INFINITY, -1e300]), f64::INFINITY);
    assert!(sum(&[f64::INFINITY, f64::NEG_INFINITY]).is_nan() && sum(&[1.0, f64::NAN]).is_nan());
    assert_eq!(sum(&[-0.0]).to_bits(), 0);
    // Half a unit of the greatest float is rounded to even, which is infinite.
    let half_unit = 2f64.powi(970);
    assert_eq!(sum(&[f64::MAX, half_unit]), f64::INFINITY);
    assert_eq!(sum(&[f64::MAX, half_unit, -least]), f64::MAX);
    let stream = Stream::new(1, 1);
    let many: Vec<f32> = (0..10_000).map(|i| stream.f32_at(i) - 0.5).collect();
    let exact: f64 = many.iter().map(|&x| f64::from(x)).sum();
    assert_eq!(combined(ExactSum::<f32>::new(), &many).value(), exact as f32);
    assert_eq!(combined(Mean::<f64>::new(), &[1e308, 1e308, -1e308]).mean(), 1e308 / 3.0);
}

/// An item of which nothing is known.
struct Opaque(&'static str);

#[test]
fn closures_need_no_annotations_and_items_no_debug() {
    let mut words = map_fn::<Opaque, str, u64, _>(|item, emit| item.0.split(' ').for_each(|word| emit(word, &1)));
    fn counted(
        mapper: &mut impl kernlet::pairs::Mapper<Opaque, Key = str, Value = u64>,
    ) -> Result<u64, Error<std::io::Error>> {
        let mut job = Job::new(8 << 10).store(TempFiles::new()).combine::<str, Sum<u64>>(Sum::new())?;
        job.map(mapper, Opaque("to be or not"))?;
        job.map_all(mapper, [Opaque("to be")])?;
        job.map_each(["be", "not"], |word, job| job.emit(word, 1))?;
        assert_eq!(job.counters().records_in, 4);
        Ok(job.finish()?.next()?.map_or(0, |(_, count)| count))
    }
    assert_eq!(counted(&mut words).unwrap(), 3);
    let mut full = Job::new(400).combine::<str, Sum<u64>>(Sum::new()).unwrap();
    let rejected = full.map(&mut words, Opaque("a b c d e f g h i j k l m n o p q r s t u v")).unwrap_err();
    assert!(rejected.item.0.starts_with("a b"));
    let said = format!("{rejected:?}");
    assert!(said.starts_with("item rejected after ") && said.ends_with("and there is no store"), "{said}");
}

#[test]
fn errors_print_from_main_as_a_person_reads_them() {
    // `main` prints what `Debug` says.
    let job = || Job::new(64).combine::<str, Sum<u64>>(Sum::new());
    let error = job().err().unwrap();
    assert_eq!(format!("{error:?}"), error.to_string());
    assert!(error.to_string().starts_with("a budget of 64 bytes is too small: at least "));
    let io = Error::Store(std::io::Error::other("no space left"));
    assert!(io.to_string().contains("the store failed: no space left") && std::error::Error::source(&io).is_some());
}

/// The lines of `JavaUtf8.java`: bytes and what Java reads, then hashes of longer ones.
#[test]
#[cfg(feature = "alloc")]
fn malformed_text_is_read_as_java_reads_it() {
    use kernlet::pairs::java_chunks;

    let read = |bytes: &[u8]| java_chunks(bytes).collect::<String>().into_bytes();
    let unhex = |text: &str| -> Vec<u8> {
        text.as_bytes()
            .chunks(2)
            .map(|digits| u8::from_str_radix(std::str::from_utf8(digits).unwrap(), 16).unwrap())
            .collect()
    };
    let table = include_str!("data/wordcount/java-utf8.txt").lines().map(|line| line.split_once(' ').unwrap());
    let (hashes, short): (Vec<_>, Vec<_>) = table.partition(|(_, read)| read.len() == 16);
    let bytes: Vec<u8> = hashes.iter().map(|(byte, _)| unhex(byte)[0]).collect();
    assert_eq!((short.len(), bytes.len()), (31 + 31 * 31, 31));
    for (bytes, expected) in short {
        assert_eq!(read(&unhex(bytes)), unhex(expected), "{bytes}");
    }
    for (first, expected) in hashes {
        let mut hash = 0xCBF2_9CE4_8422_2325_u64;
        let mut add = |byte: u8| hash = (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01B3);
        for &b in &bytes {
            for &c in &bytes {
                for &d in &bytes {
                    let text = [unhex(first)[0], b, c, d];
                    java_chunks(&text).flat_map(str::bytes).for_each(&mut add);
                    add(b'\n');
                }
            }
        }
        assert_eq!(format!("{hash:016x}"), expected, "texts of four bytes that begin with {first}");
    }
}

#[test]
fn keys_of_the_standard_library_are_ordered_as_there() {
    use std::net::{Ipv4Addr, Ipv6Addr};
    use std::num::NonZero;
    use std::time::Duration;
    macro_rules! ints {
        ($($t:ty)*) => {$({
            let ends = [<$t>::MIN, <$t>::MIN + 1, 0, 1, 2, <$t>::MAX / 2, <$t>::MAX];
            let numbers: Vec<NonZero<$t>> = ends.into_iter().filter_map(NonZero::new).collect();
            check::<NonZero<$t>, _>(&numbers, |n| *n, Ord::cmp, |view, n| view == *n);
            check::<Reverse<NonZero<$t>>, _>(&numbers, |n| Reverse(*n), |a, b| b.cmp(a), |view, n| view.0 == *n);
            assert_eq!(<NonZero<$t>>::decode(&encoded::<$t>(&0)), None);
            let pairs: Vec<[$t; 2]> = ends.into_iter().flat_map(|a| ends.map(|b| [a, b])).collect();
            check::<[$t; 2], _>(&pairs, |p| *p, Ord::cmp, |view, p| view == *p);
            check::<(Desc<[$t; 2]>, u8), _>(&pairs, |p| (Desc(*p), 0), |a, b| b.cmp(a), |view, p| view.0.0 == *p);
        })*};
    }
    ints!(u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize);
    let times = [0, 1, 999_999_999, 1_000_000_000, 1_000_000_001, u64::MAX].map(Duration::from_nanos);
    let times = [&times[..], &[Duration::MAX, Duration::from_secs(u64::MAX)]].concat();
    check::<Duration, _>(&times, |t| *t, Ord::cmp, |view, t| view == *t);
    check::<(Desc<Duration>, &str), _>(&times, |t| (Desc(*t), "x"), |a, b| b.cmp(a), |view, t| view.0.0 == *t);
    assert_eq!(Duration::decode(&[0xFF; 12]), None);
    let orders = [Ordering::Less, Ordering::Equal, Ordering::Greater];
    check::<Ordering, _>(&orders, |o| *o, Ord::cmp, |view, o| view == *o);
    let hosts = [0, 1, 0x7F00_0001, 0x8000_0000, u32::MAX].map(Ipv4Addr::from);
    check::<Ipv4Addr, _>(&hosts, |h| *h, Ord::cmp, |view, h| view == *h);
    let hosts = [0, 1, 1 << 127, u128::MAX].map(Ipv6Addr::from);
    check::<Desc<Ipv6Addr>, _>(&hosts, |h| Desc(*h), |a, b| b.cmp(a), |view, h| view.0 == *h);
    let floats = [-f64::NAN, f64::NEG_INFINITY, -0.0, 0.0, 1.5, f64::NAN];
    let points: Vec<[f64; 2]> = floats.into_iter().flat_map(|a| floats.map(|b| [a, b])).collect();
    let order = |a: &[f64; 2], b: &[f64; 2]| a[0].total_cmp(&b[0]).then(a[1].total_cmp(&b[1]));
    check::<[f64; 2], _>(&points, |p| *p, order, |view, p| view.map(f64::to_bits) == p.map(f64::to_bits));
    check::<[char; 1], _>(&['\0', 'z', '\u{10FFFF}'], |c| [*c], Ord::cmp, |view, c| view == [*c]);
    assert_eq!(<[u32; 2]>::decode(&[0; 7]), None);
    assert_eq!(<[bool; 2]>::decode(&[1, 2]), None);
    assert_eq!(<[u32; 0]>::decode(&[]), Some([]));
}

#[test]
fn strings_by_any_owner_are_strings() {
    use std::{borrow::Cow, rc::Rc, sync::Arc};
    let texts = texts();
    check::<Box<str>, _>(&texts, |t| t.as_str(), Ord::cmp, |view, t| view == t);
    check::<(Rc<str>, u8), _>(&texts, |t| (t.as_str(), 1), Ord::cmp, |view, t| view.0 == t.as_str());
    check::<Arc<[u8]>, _>(&texts, |t| t.as_bytes(), Ord::cmp, |view, t| view == t.as_bytes());
    check::<Option<Cow<'_, str>>, _>(&texts, |t| Some(t.as_str()), Ord::cmp, |view, t| view == Some(t.as_str()));
    check::<Reverse<Box<str>>, _>(&texts, |t| Reverse(t.as_str()), |a, b| b.cmp(a), |view, t| view.0 == t.as_str());

    // As values, too: what is emitted is owned, what is read back is borrowed.
    let mut job = Job::new(64 << 10).store(TempFiles::new()).group::<u8, String>().unwrap();
    for text in &texts {
        job.emit(1, text).unwrap();
    }
    let mut groups = job.finish().unwrap();
    let mut found = Vec::new();
    while let Some((1, value)) = groups.next().unwrap() {
        found.push(value.to_string());
    }
    assert_eq!(found, texts);
}

/// What lies as bytes comes back.
fn plain<T: Plain + PartialEq + std::fmt::Debug>(values: &[T]) {
    for value in values {
        let mut bytes = vec![0xEE; T::SIZE];
        value.store(&mut bytes);
        assert_eq!(T::load(&bytes), *value);
    }
}

#[test]
fn values_of_the_standard_library_come_back() {
    use std::num::{NonZero, Saturating, Wrapping};
    use std::time::Duration;
    plain(&[NonZero::<u32>::MIN, NonZero::<u32>::MAX]);
    plain(&[NonZero::<i128>::MIN, NonZero::<i128>::MAX]);
    plain(&[Duration::ZERO, Duration::from_millis(1500), Duration::MAX]);
    plain(&[Ordering::Less, Ordering::Equal, Ordering::Greater]);
    plain(&["127.0.0.1".parse::<std::net::Ipv4Addr>().unwrap()]);
    plain(&["::1".parse::<std::net::Ipv6Addr>().unwrap()]);
    plain(&[(Desc(3_u8), Reverse(-4_i64), Wrapping(5_u16), Saturating(6_i8))]);
    // What was not written by `store` is still a value.
    assert_eq!(NonZero::<u8>::load(&[0]).get(), 1);
    assert!(Duration::load(&[0xFF; 12]) <= Duration::MAX);

    let longest = Max::<(Duration, Desc<u32>)>::new();
    let mut acc = longest.start(&(Duration::from_secs(1), Desc(7)));
    for (seconds, place) in [(2, 9), (2, 3), (2, 5), (1, 0)] {
        longest.update(&mut acc, &(Duration::from_secs(seconds), Desc(place)));
    }
    // The first place of the longest.
    assert_eq!(acc, (Duration::from_secs(2), Desc(3)));
    let sum = CheckedSum::<Duration>::new();
    let mut acc = sum.start(&Duration::MAX);
    assert_eq!(acc, Some(Duration::MAX));
    sum.update(&mut acc, &Duration::from_nanos(1));
    assert_eq!(acc, None);
    let sum = SaturatingSum::<Duration>::new();
    let mut acc = sum.start(&Duration::MAX);
    sum.update(&mut acc, &Duration::from_secs(1));
    assert_eq!(acc, Duration::MAX);
}
