//! What a job counts about itself.

/// What a job has done so far, in Hadoop's terms.
///
/// The counts of what was spilled depend on the budget; the result does not.
///
/// ```
/// # #[cfg(feature = "alloc")] {
/// use kernlet::mapreduce::{Emitter, Job, Sum};
/// let mut job = Job::new(8 << 10).combine::<str, Sum<u64>>(Sum::new()).unwrap();
/// for word in ["a", "b", "a"] {
///     job.emit(word, 1).unwrap();
/// }
/// assert_eq!((job.counters().emitted, job.counters().combined), (3, 1));
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct Counters {
    /// Items given to a mapper.
    pub records_in: u64,
    /// Pairs emitted.
    pub emitted: u64,
    /// Pairs and accumulators that a combiner merged into another.
    pub combined: u64,
    /// Records that full tables wrote to runs.
    pub spilled: u64,
    /// Bytes that full tables wrote to runs. A store of twice this size is always enough, plus one
    /// granule for each run that exists at one time.
    pub spilled_bytes: u64,
    /// Sorted runs that full tables wrote.
    pub runs: u64,
    /// Records that merges wrote to runs.
    pub merged: u64,
    /// Bytes that merges wrote to runs.
    pub merged_bytes: u64,
    /// Merges that wrote a run.
    pub merges: u64,
    /// The most often that any one record is read back from a run: 0 if nothing was
    /// spilled, 1 if the runs were merged in one pass.
    pub passes: u64,
    /// The most bytes of the budget that were in use at one time.
    pub peak_bytes: u64,
}

impl Counters {
    /// Adds what another shard counted; `passes` becomes the greater, `peak_bytes` the sum.
    ///
    /// ```
    /// use kernlet::mapreduce::Counters;
    /// Counters::default().add(&Counters::default());
    /// ```
    pub fn add(&mut self, other: &Self) {
        self.records_in += other.records_in;
        self.emitted += other.emitted;
        self.combined += other.combined;
        self.spilled += other.spilled;
        self.spilled_bytes += other.spilled_bytes;
        self.runs += other.runs;
        self.merged += other.merged;
        self.merged_bytes += other.merged_bytes;
        self.merges += other.merges;
        self.passes = self.passes.max(other.passes);
        self.peak_bytes += other.peak_bytes;
    }
}
