//! Partitioners: which of several outputs a key goes to.

use core::borrow::Borrow;

use crate::pairs::Emitter;
use crate::pairs::Key;
use crate::pairs::hash::{HashSeed, prefix};
use crate::pairs::key::encoded;

/// Chooses one of several partitions by the encoded key alone, so that all pairs
/// of a key meet in one.
///
/// ```
/// use kernlet::mapreduce::Partitioner;
/// /// By the key's first letter.
/// struct Letter;
/// impl Partitioner for Letter {
///     fn partition(&self, key: &[u8], partitions: usize) -> usize {
///         key.first().map_or(0, |letter| usize::from(*letter) % partitions)
///     }
/// }
/// assert_eq!(Letter.partition(b"\x05", 4), 1);
/// ```
pub trait Partitioner {
    /// The partition of a key: below `partitions`, which is at least 1.
    fn partition(&self, key: &[u8], partitions: usize) -> usize;
}

/// Spreads keys evenly by a seeded hash. A seed gives the same partitions on
/// every machine.
///
/// ```
/// use kernlet::mapreduce::{HashPartitioner, Partitioner};
/// let by_hash = HashPartitioner::new(7);
/// assert!(by_hash.partition(b"key", 3) < 3);
/// assert_eq!(by_hash.partition(b"key", 3), HashPartitioner::new(7).partition(b"key", 3));
/// ```
#[derive(Clone, Copy)]
pub struct HashPartitioner {
    seed: HashSeed,
}

impl HashPartitioner {
    /// A partitioner with this seed.
    pub fn new(seed: u64) -> Self {
        Self { seed: HashSeed::new(seed) }
    }
}

impl Partitioner for HashPartitioner {
    fn partition(&self, key: &[u8], partitions: usize) -> usize {
        let hash = self.seed.hash(prefix(key), key);
        ((u128::from(hash) * partitions as u128) >> 64) as usize
    }
}

/// Cuts the order of keys at given encoded keys, so that the outputs, read one after
/// another, are in order: a key goes to the partition whose number is the count of
/// cuts at or below it.
///
/// ```
/// use kernlet::mapreduce::{Partitioner, RangePartitioner};
/// let thirds = RangePartitioner::new(&[b"h", b"p"]);
/// assert_eq!(["apple", "h", "zebra"].map(|key| thirds.partition(key.as_bytes(), 3)), [0, 1, 2]);
/// ```
#[derive(Clone, Copy)]
pub struct RangePartitioner<'a> {
    cuts: &'a [&'a [u8]],
}

impl<'a> RangePartitioner<'a> {
    /// A partitioner with these cuts, ascending.
    pub const fn new(cuts: &'a [&'a [u8]]) -> Self {
        Self { cuts }
    }
}

impl Partitioner for RangePartitioner<'_> {
    fn partition(&self, key: &[u8], partitions: usize) -> usize {
        self.cuts.partition_point(|cut| *cut <= key).min(partitions - 1)
    }
}

/// An emitter that divides pairs among others.
///
/// ```
/// # #[cfg(feature = "alloc")] {
/// use kernlet::mapreduce::{Emitter, Job, Partitioned, RangePartitioner, Sum};
/// let job = || Job::new(8 << 10).combine::<str, Sum<u64>>(Sum::new()).unwrap();
/// let mut halves = [job(), job()];
/// let mut all = Partitioned::new(RangePartitioner::new(&[b"n"]), &mut halves);
/// for word in ["apple", "zebra", "apple"] {
///     all.emit(word, 1).unwrap();
/// }
/// let [low, high] = halves.map(|half| half.finish().unwrap().next().unwrap().map(|(_, count)| count));
/// assert_eq!((low, high), (Some(2), Some(1)));
/// # }
/// ```
pub struct Partitioned<'a, P, E> {
    partitioner: P,
    outputs: &'a mut [E],
}

impl<'a, P, E> Partitioned<'a, P, E> {
    /// Divides pairs among `outputs`.
    ///
    /// # Panics
    ///
    /// If there are no outputs.
    ///
    /// ```should_panic
    /// use kernlet::mapreduce::{HashPartitioner, Partitioned};
    /// Partitioned::<_, ()>::new(HashPartitioner::new(0), &mut []);
    /// ```
    pub fn new(partitioner: P, outputs: &'a mut [E]) -> Self {
        assert!(!outputs.is_empty(), "a partitioned emitter needs an output");
        Self { partitioner, outputs }
    }
}

impl<K: Key + ?Sized, V: ?Sized, P: Partitioner, E: Emitter<K, V>> Emitter<K, V> for Partitioned<'_, P, E> {
    type Error = E::Error;

    /// Hands the pair to its key's output. Without an allocator, tuples whose encoding is
    /// longer than 1024 bytes go to the first.
    ///
    /// # Errors
    ///
    /// That output's error.
    fn emit<B: Borrow<V>>(&mut self, key: K::Borrowed<'_>, value: B) -> Result<(), E::Error> {
        let last = self.outputs.len() - 1;
        let chosen = encoded::<K, _>(&key, |bytes| self.partitioner.partition(bytes, last + 1).min(last));
        #[cfg(feature = "alloc")]
        let chosen = chosen.or_else(|len| {
            let mut bytes = alloc::vec![0; len];
            K::encode(&key, &mut bytes);
            Ok::<_, usize>(self.partitioner.partition(&bytes, last + 1).min(last))
        });
        let partition = chosen.unwrap_or(0);
        self.outputs[partition].emit(key, value)
    }
}

crate::pairs::debug::debug!([] HashPartitioner, "HashPartitioner");
crate::pairs::debug::debug!([] RangePartitioner<'_>, "RangePartitioner", "cuts": |ranges| ranges.cuts);
crate::pairs::debug::debug!([P: core::fmt::Debug, E] Partitioned<'_, P, E>, "Partitioned", "partitioner": |pairs| &pairs.partitioner, "outputs": |pairs| pairs.outputs.len());
