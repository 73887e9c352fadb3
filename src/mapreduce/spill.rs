//! The engine below the jobs: a budget, a table in it, and runs in a store.
//!
//! Words of the budget, in order: the directory of runs, one block to write
//! through, and the region, which belongs to the table while pairs arrive and to
//! the merge while runs are merged.
//!
//! Spilled runs have level 0, and a run merged from runs of one level has the next;
//! the directory is in the order in which runs were made, so levels never ascend in
//! it. Even levels lie on one stack of the store, odd ones on the other.

use super::budget::{Budget, Memory};
use super::counters::Counters;
use super::error::Error;
use super::merge::{Merge, MergeSizes, Merged};
use super::run::{EXHAUSTED, Extent, RunWriter, trimmed};
use super::store::{Space, Stack, Store};
use super::table::{ENTRY, Fold, Table};
use crate::pairs::hash::HashSeed;

/// Words of a run in the directory: start and serial number; length, offset of the first record, level.
const RUN_WORDS: usize = 2;
/// Where in its second word a run's offset and its level begin, above its length.
const OFFSET_SHIFT: u32 = 42;
const LEVEL_SHIFT: u32 = 58;
/// The most bytes of a run: four terabytes.
const LONGEST_RUN: u64 = 1 << OFFSET_SHIFT;
/// Where in its first word a run's serial number begins, above its start.
const SERIAL_SHIFT: u32 = 48;
/// Bytes in a block, at the least and at the most.
const LEAST_BLOCK: usize = 128;
const MOST_BLOCK: usize = 64 << 10;
/// Runs that the directory holds, at the least and at the most.
const LEAST_RUNS: usize = 8;
const MOST_RUNS: usize = 1024;
/// Bytes of a table that can spill, at the most: two thirds of the time of the
/// whole of 8 MiB (a million distinct words in 100 MB), since it stays in a
/// core's cache and runs are cheap; 1 and 3 MiB are as fast where its second level
/// has 1 MiB. The rest of the budget is the merge's.
const CACHED_TABLE: usize = 2 << 20;
/// Entries that a table must have room for.
const LEAST_ENTRIES: usize = 8;

pub(crate) struct Engine<'b, S> {
    budget: Memory<'b>,
    store: S,
    seed: HashSeed,
    pub(crate) table: Table,
    pub(crate) counters: Counters,
    /// Runs in the directory, and the most.
    runs: usize,
    most_runs: usize,
    block: usize,
    /// Words at the start of the region that the table uses, and where the merge's begin.
    table_words: usize,
    merge_from: usize,
    /// The longest pair, as [`MergeSizes::new`] counts it, and the size of its value where that is fixed.
    longest: usize,
    fixed: Option<usize>,
    /// Bytes in which two runs must be merged; without a store there are none.
    merge_room: usize,
    poisoned: bool,
    /// `counters.emitted` when the table was started.
    filled_from: u64,
}

/// Who uses the region.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    /// The table while pairs arrive, then the merge.
    Shared,
    /// Half of it for the owner's table, which takes at least `least` bytes; the other half for merging.
    Apart {
        /// Bytes.
        least: usize,
    },
}

/// What the owner of a table of its own works with.
pub(crate) struct Apart<'r, S> {
    pub(crate) table: &'r mut [u64],
    pub(crate) merge: &'r mut [u64],
    pub(crate) block: &'r mut [u8],
    pub(crate) store: &'r mut S,
    pub(crate) counters: &'r mut Counters,
}

/// The directory and, after the block, the region.
struct Rooms<'r> {
    directory: &'r mut [[u64; RUN_WORDS]],
    region: &'r mut [u64],
}

/// Where a finished job is in its records.
pub(crate) enum Records {
    /// Nothing was spilled: the next entry of the sorted table, and the short
    /// keys and the small value of the last one.
    Table { next: usize, keys: [[u8; 8]; 2], value: [u8; 8] },
    /// The merge of the last runs.
    Merge(Merge),
}

/// What must be in every budget, in bytes: given its size, the runs of the
/// directory, the block, and the region at the least.
struct Division {
    runs: usize,
    block: usize,
    needed: usize,
}

impl Division {
    fn new<F: Fold>(bytes: usize, space: Space, layout: Layout) -> Self {
        let value = F::FIXED.unwrap_or(8);
        let table = match layout {
            Layout::Shared => LEAST_ENTRIES * (8 * ENTRY + 16 + if F::INLINE { 0 } else { value }),
            Layout::Apart { least } => least,
        };
        let unit = match space {
            Space::None => return Self { runs: 0, block: 0, needed: table },
            Space::Shared { write, .. } => write.max(8) as usize,
            Space::Apart => 8,
        };
        let runs = (bytes / 256).clamp(LEAST_RUNS, MOST_RUNS);
        // A power of two is friendly to files and pages of flash. Half, twice and four
        // times as much take the same time.
        let block = 1 << (4 * bytes.isqrt()).clamp(LEAST_BLOCK, MOST_BLOCK).ilog2();
        let block = usize::next_multiple_of(block, unit).next_multiple_of(8);
        let merge = MergeSizes::new(block, 24 + F::GROUP, F::FIXED).bytes(2);
        let region = if layout == Layout::Shared { table.max(merge) } else { 2 * table.max(merge) };
        Self { runs, block, needed: 8 * RUN_WORDS * runs + block + region }
    }
}

fn level_of(run: &[u64; RUN_WORDS]) -> usize {
    (run[1] >> LEVEL_SHIFT) as usize
}

fn stack_of(level: usize) -> Stack {
    if level.is_multiple_of(2) { Stack::Even } else { Stack::Odd }
}

fn extent_of(run: &[u64; RUN_WORDS]) -> Extent {
    let start = run[0] & ((1 << SERIAL_SHIFT) - 1);
    let len = run[1] & (LONGEST_RUN - 1);
    let offset = (run[1] >> OFFSET_SHIFT) as usize & ((1 << (LEVEL_SHIFT - OFFSET_SHIFT)) - 1);
    Extent { stack: stack_of(level_of(run)), start, len, offset, serial: run[0] >> SERIAL_SHIFT << SERIAL_SHIFT }
}

fn words_of(level: usize, extent: Extent) -> [u64; RUN_WORDS] {
    let Extent { start, serial, len, offset, .. } = extent;
    [start | serial, len | (offset as u64) << OFFSET_SHIFT | (level as u64) << LEVEL_SHIFT]
}

/// How many bytes at the beginning of two slices are the same.
fn common(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

impl<'b, S: Store> Engine<'b, S> {
    pub(crate) fn new<F: Fold>(
        budget: Budget<'b>,
        store: S,
        seed: u64,
        layout: Layout,
    ) -> Result<Self, Error<S::Error>> {
        let given = budget.bytes();
        let mut budget = budget.start().ok_or(Error::OutOfMemory { bytes: given })?;
        let bytes = budget.words().len() * 8;
        let space = store.space();
        let division = Division::new::<F>(bytes, space, layout);
        if bytes < division.needed {
            let mut least = bytes;
            while least < Division::new::<F>(least, space, layout).needed {
                least = Division::new::<F>(least, space, layout).needed.next_multiple_of(8);
            }
            return Err(Error::BudgetTooSmall { given, least: least + budget.unused(given) });
        }
        let mut engine = Self {
            budget,
            store,
            seed: HashSeed::new(seed),
            table: Table::new(),
            counters: Counters::default(),
            runs: 0,
            most_runs: division.runs,
            block: division.block,
            table_words: 0,
            merge_from: 0,
            longest: 0,
            fixed: F::FIXED,
            merge_room: usize::MAX,
            poisoned: false,
            filled_from: 0,
        };
        let words = engine.rooms().region.len();
        engine.table_words = if space == Space::None { words } else { words.min(CACHED_TABLE / 8) };
        if layout != Layout::Shared {
            engine.table_words = engine.table_words.min(if space == Space::None { words } else { words / 2 });
            engine.merge_from = engine.table_words;
        }
        if space != Space::None {
            engine.merge_room = 8 * (words - engine.merge_from);
        }
        if layout == Layout::Shared {
            let outside = 6 + if F::INLINE { 0 } else { F::FIXED.unwrap_or(0) };
            let (table, region) = engine.table();
            table.start(region, !F::COMBINES, outside, true);
        }
        Ok(engine)
    }

    #[inline(always)]
    fn rooms(&mut self) -> Rooms<'_> {
        let (directory, words) = self.budget.words().split_at_mut(RUN_WORDS * self.most_runs);
        Rooms { directory: directory.as_chunks_mut().0, region: &mut words[self.block / 8..] }
    }

    /// The table and its region.
    #[inline(always)]
    pub(crate) fn table(&mut self) -> (&mut Table, &mut [u64]) {
        let skip = RUN_WORDS * self.most_runs + self.block / 8;
        (&mut self.table, &mut self.budget.words()[skip..skip + self.table_words])
    }

    #[inline(always)]
    pub(crate) fn seed(&self) -> HashSeed {
        self.seed
    }

    fn sizes(&self) -> MergeSizes {
        MergeSizes::new(self.block, self.longest, self.fixed)
    }

    /// Admits a pair by its sizes, whatever other pairs there are.
    #[inline(always)]
    pub(crate) fn admit<F: Fold>(&mut self, key: usize, value: usize) -> Result<(), Error<S::Error>> {
        let size = if F::FIXED.is_some() { key } else { key.saturating_add(value) };
        if size > self.longest { self.admit_longer(key, value, size) } else { Ok(()) }
    }

    #[cold]
    fn admit_longer(&mut self, key: usize, value: usize, size: usize) -> Result<(), Error<S::Error>> {
        if self.merge_room < usize::MAX {
            let most = MergeSizes::longest(self.block, self.fixed, self.merge_room).min(EXHAUSTED - 1);
            if size > most {
                return Err(Error::PairTooLong { key, value, most: most + self.fixed.unwrap_or(0) });
            }
        } else if size >= EXHAUSTED {
            return Err(Error::PairTooLong { key, value, most: EXHAUSTED - 1 });
        }
        self.longest = size;
        Ok(())
    }

    /// Makes room for a pair that the table did not take.
    #[cold]
    #[inline(never)]
    pub(crate) fn make_room<F: Fold>(&mut self, fold: &F, key: usize, value: usize) -> Result<(), Error<S::Error>> {
        if self.poisoned {
            return Err(Error::Poisoned);
        }
        if self.table.len() == 0 {
            return self.make_room_in_empty_table(fold, key, value);
        }
        if self.store.space() == Space::None {
            return self.unite_list(fold);
        }
        self.spill(fold)?;
        self.poisoned = true;
        if self.runs == self.most_runs {
            while self.runs > self.most_runs * 3 / 4 {
                let fan = self.fan_in();
                self.merge_lowest(fold, fan)?;
            }
        }
        if self.is_crowded() {
            self.unite_runs(fold)?;
            // A run on the odd stack leaves unused what it turned out to be shorter.
            let runs = self.runs;
            if self.rooms().directory[..runs].last().is_some_and(|run| stack_of(level_of(run)) == Stack::Odd) {
                self.merge_lowest(fold, 1)?;
                self.lower_level();
            }
        }
        self.poisoned = false;
        self.restart_table(fold);
        Ok(())
    }

    fn make_room_in_empty_table<F: Fold>(&mut self, fold: &F, key: usize, value: usize) -> Result<(), Error<S::Error>> {
        let (table, region) = self.table();
        let entries = if table.is_list() { 1 } else { 2 };
        let inline = if F::INLINE { value } else { 0 };
        let most = (region.len() * 8 - entries * 8 * ENTRY).min(u32::MAX as usize - 1) + inline;
        if table.make_room(region) {
            return Ok(());
        }
        // A pair that the merge has room for may be longer than a table that is to stay in cache.
        let words = (key + value).div_ceil(8) + 3 * ENTRY;
        if self.table_words < words && words <= self.rooms().region.len() {
            self.table_words = words;
            self.restart_table(fold);
            let (table, region) = self.table();
            table.make_room(region);
            return Ok(());
        }
        Err(Error::PairTooLong { key, value, most })
    }

    /// Without a store, a list may still have entries of one key to combine.
    fn unite_list<F: Fold>(&mut self, fold: &F) -> Result<(), Error<S::Error>> {
        let before = self.table.len();
        if F::COMBINES && self.table.is_list() {
            self.sort_table(fold);
            let seed = self.seed;
            let (table, region) = self.table();
            table.keep_behind::<F>(region, seed, 0);
        }
        let entries = self.table.len();
        if entries < before - before / 8 { Ok(()) } else { Err(Error::Full { entries }) }
    }

    /// Whether one more spill would leave a bounded store without the room to
    /// merge everything, which is as much again as everything.
    fn is_crowded(&mut self) -> bool {
        let Space::Shared { bytes, granule, .. } = self.store.space() else { return false };
        let (even, odd) = self.tops(bytes);
        let used = even + (bytes - odd);
        let spill = self.table_words as u64 * 8 + u64::from(granule);
        2 * (used + spill) > bytes
    }

    fn fan_in(&mut self) -> usize {
        let room = (self.rooms().region.len() - self.merge_from) * 8;
        self.sizes().fan_in(room)
    }

    pub(crate) fn note_peak(&mut self, region: usize) {
        let bytes = 8 * RUN_WORDS * self.most_runs + self.block + region;
        self.counters.peak_bytes = self.counters.peak_bytes.max(bytes as u64);
    }

    fn sort_table<F: Fold>(&mut self, fold: &F) -> usize {
        self.note_peak(self.table.used_bytes());
        let before = self.table.len();
        let (table, region) = self.table();
        table.sort(region, fold);
        self.counters.combined += (before - self.table.len()) as u64;
        before
    }

    /// Sorts the table and writes it to a run of level 0; the table must be restarted.
    fn spill<F: Fold>(&mut self, fold: &F) -> Result<(), Error<S::Error>> {
        self.poisoned = true;
        let entries = self.sort_table(fold);
        let mut writer = self.writer(0, 0)?;
        let skip = RUN_WORDS * self.most_runs;
        let (block, region) = self.budget.words()[skip..].split_at_mut(self.block / 8);
        let block: &mut [u8] = bytemuck::cast_slice_mut(block);
        let sorted = self.table.sorted::<F>(&region[..self.table_words]);
        let (mut keys, mut small) = ([[0; 8]; 2], [0; 8]);
        let (mut head_before, mut len_before, mut before) = (0, 0, &[][..]);
        for i in 0..sorted.len() {
            let (head, len) = sorted.head(i);
            let key = sorted.key(i, &mut keys[i % 2]);
            let shared = if head != head_before {
                ((head ^ head_before).leading_zeros() as usize / 8).min(len_before).min(len)
            } else if len_before <= 8 {
                len_before.min(len)
            } else {
                8 + common(&before[8..], &key[8..])
            };
            let value = sorted.value(i, &mut small);
            let value = if F::FIXED.is_some() { trimmed(value) } else { value };
            writer.put(block, &mut self.store, shared, &key[shared..], value)?;
            (head_before, len_before) = (head, len);
            if len > 8 {
                before = sorted.long_key(i);
            }
        }
        self.counters.spilled += sorted.len() as u64;
        self.counters.runs += 1;
        // Where nearly every pair makes an entry, looking for its key does not pay.
        let pairs = self.counters.emitted - self.filled_from;
        let kept = sorted.len() as u64;
        self.table.next_is_list = !F::COMBINES || kept * 8 > pairs * 7;
        self.table.outside = self.table.arena_bytes() / entries.max(1);
        let extent = writer.finish(block, &mut self.store)?;
        self.counters.spilled_bytes += extent.len;
        self.note_run(self.runs, 0, extent);
        self.runs += 1;
        self.poisoned = false;
        Ok(())
    }

    fn restart_table<F: Fold>(&mut self, _: &F) {
        self.filled_from = self.counters.emitted;
        let (list, outside) = (self.table.next_is_list, self.table.outside);
        let (table, region) = self.table();
        table.start(region, list, outside + 1, false);
    }

    fn note_run(&mut self, at: usize, level: usize, extent: Extent) {
        self.rooms().directory[at] = words_of(level, extent);
        self.counters.passes = self.counters.passes.max(level as u64 + 1);
    }

    /// Where the even stack ends and the odd one, which grows down, begins in a
    /// shared room.
    fn tops(&mut self, capacity: u64) -> (u64, u64) {
        let runs = self.runs;
        self.rooms().directory[..runs].iter().map(extent_of).fold((0, capacity), |(even, odd), extent| {
            match extent.stack {
                Stack::Even => (even.max(extent.start + extent.len), odd),
                Stack::Odd => (even, odd.min(extent.start)),
            }
        })
    }

    /// A writer for a run of `level` that has at most `bound` bytes (0: not known).
    pub(crate) fn writer(&mut self, level: usize, bound: u64) -> Result<RunWriter, Error<S::Error>> {
        let stack = stack_of(level);
        let space = self.store.space();
        let (capacity, granule) = match space {
            Space::Shared { bytes, granule, .. } => (bytes, u64::from(granule.max(1))),
            Space::None | Space::Apart => (u64::MAX, 1),
        };
        let serial = (self.counters.runs + self.counters.merges) << SERIAL_SHIFT;
        let runs = self.runs;
        if space == Space::Apart {
            let on = self.rooms().directory[..runs].iter().map(extent_of).filter(|extent| extent.stack == stack);
            let top = on.map(|extent| extent.start + extent.len).max().unwrap_or(0);
            return Ok(RunWriter::new(stack, top, serial, LONGEST_RUN - 1, space));
        }
        let (even, odd) = self.tops(capacity);
        let even = even.next_multiple_of(granule);
        let room = odd.saturating_sub(even);
        if bound > room {
            return Err(Error::StoreFull { capacity, used: capacity - room });
        }
        let start = if stack == Stack::Even { even } else { (odd - bound) / granule * granule };
        if start < even {
            return Err(Error::StoreFull { capacity, used: capacity - room });
        }
        Ok(RunWriter::new(stack, start, serial, (odd - start).min(LONGEST_RUN - 1), space))
    }

    /// Merges the oldest runs of the lowest level, at most `most`, into one of the next.
    fn merge_lowest<F: Fold>(&mut self, fold: &F, most: usize) -> Result<(), Error<S::Error>> {
        let runs = self.runs;
        let directory = &self.rooms().directory[..runs];
        let level = directory.last().map_or(0, level_of);
        let from = directory.partition_point(|run| level_of(run) > level);
        let to = runs.min(from + most);
        let bound = directory[from..to].iter().map(|run| extent_of(run).len).sum();
        let mut writer = self.writer(level + 1, bound)?;
        let mut merge = self.open::<F>(from, to)?;
        let skip = RUN_WORDS * self.most_runs;
        let (block, region) = self.budget.words()[skip..].split_at_mut(self.block / 8);
        let block: &mut [u8] = bytemuck::cast_slice_mut(block);
        let region = &mut region[self.merge_from..];
        while merge.step(region, &mut self.store, fold, &mut self.counters)? {
            let record = merge.record(region);
            let shared = common(record.before, record.key);
            let shared = if shared < F::GROUP { 0 } else { shared };
            let value = if F::FIXED.is_some() { trimmed(record.value) } else { record.value };
            writer.put(block, &mut self.store, shared, &record.key[shared..], value)?;
            self.counters.merged += 1;
        }
        let extent = writer.finish(block, &mut self.store)?;
        self.counters.merged_bytes += extent.len;
        self.note_run(from, level + 1, extent);
        self.rooms().directory[..runs].copy_within(to.., from + 1);
        self.runs -= to - from - 1;
        self.counters.merges += 1;
        Ok(())
    }

    /// Merges until there is one run at most, which is everything.
    #[cfg(feature = "rayon")]
    pub(crate) fn settle<F: Fold>(&mut self, fold: &F) -> Result<Records, Error<S::Error>> {
        if self.runs > 0 && !self.poisoned {
            self.spill_rest(fold)?;
            self.unite_runs(fold)?;
            self.poisoned = false;
            self.table.start(&mut [], true, 0, false);
        }
        self.finish(fold)
    }

    fn spill_rest<F: Fold>(&mut self, fold: &F) -> Result<(), Error<S::Error>> {
        if self.table.len() > 0 { self.spill(fold) } else { Ok(()) }
    }

    /// Merges until there is one run, for which the table must be empty; the job
    /// is poisoned until its table is restarted.
    fn unite_runs<F: Fold>(&mut self, fold: &F) -> Result<(), Error<S::Error>> {
        self.poisoned = true;
        while self.runs > 1 {
            let fan = self.fan_in();
            self.merge_lowest(fold, fan)?;
        }
        self.lower_level();
        Ok(())
    }

    /// Gives a run that is alone the lowest level of its stack, so that levels
    /// do not climb for ever.
    fn lower_level(&mut self) {
        if self.runs == 1 {
            let run = &mut self.rooms().directory[0];
            run[1] &= (2 << LEVEL_SHIFT) - 1;
        }
    }

    /// Takes all records out of a table that has not been spilled, and hands them to `each` in order.
    #[cfg(feature = "std")]
    pub(crate) fn drain<F: Fold>(&mut self, fold: &F, mut each: impl FnMut(&[u8], &[u8])) {
        self.sort_table(fold);
        let (table, region) = self.table();
        let sorted = table.sorted::<F>(region);
        let (mut short, mut small) = ([0; 8], [0; 8]);
        for i in 0..sorted.len() {
            each(sorted.key(i, &mut short), sorted.value(i, &mut small));
        }
        self.table.next_is_list = !F::COMBINES;
        self.restart_table(fold);
    }

    pub(crate) fn space(&self) -> Space {
        self.store.space()
    }

    pub(crate) fn runs(&self) -> usize {
        self.runs
    }

    /// The parts of an engine whose owner has its own table.
    #[inline(always)]
    pub(crate) fn apart(&mut self) -> Apart<'_, S> {
        let skip = RUN_WORDS * self.most_runs;
        let (block, region) = self.budget.words()[skip..].split_at_mut(self.block / 8);
        let (table, merge) = region.split_at_mut(self.table_words);
        let block = bytemuck::cast_slice_mut(block);
        Apart { table, merge, block, store: &mut self.store, counters: &mut self.counters }
    }

    /// Ends a run of level 0 that was written from the owner's table.
    pub(crate) fn finish_run(&mut self, writer: RunWriter, records: u64) -> Result<(), Error<S::Error>> {
        let parts = self.apart();
        let extent = writer.finish(parts.block, parts.store)?;
        self.counters.spilled += records;
        self.counters.runs += 1;
        self.counters.spilled_bytes += extent.len;
        self.note_run(self.runs, 0, extent);
        self.runs += 1;
        Ok(())
    }

    /// Merges where the directory is full, where a bounded store is half full, and where most of
    /// an unbounded one lies before what is still to be read. What fails changes nothing.
    pub(crate) fn tidy<F: Fold>(&mut self, fold: &F) -> Result<(), Error<S::Error>> {
        if self.runs == self.most_runs {
            while self.runs > self.most_runs * 3 / 4 {
                let fan = self.fan_in();
                self.merge_lowest(fold, fan)?;
            }
        }
        let runs = self.runs;
        let extents = || self.budget_runs(runs);
        let live: u64 = extents().map(|extent| extent.len).sum();
        let top = |stack| {
            let on = extents().filter(move |extent| extent.stack == stack);
            on.map(|extent| extent.start + extent.len).max().unwrap_or(0)
        };
        let hollow = top(Stack::Even) + top(Stack::Odd) > 2 * live + 64 * self.table_words as u64;
        let apart = self.store.space() == Space::Apart;
        if if apart { hollow } else { self.is_crowded() } { self.reclaim(fold) } else { Ok(()) }
    }

    fn budget_runs(&self, runs: usize) -> impl Iterator<Item = Extent> + '_ {
        self.budget.as_words()[..RUN_WORDS * runs].as_chunks().0.iter().map(extent_of)
    }

    /// Merges everything to one run at the beginning of its stack.
    pub(crate) fn reclaim<F: Fold>(&mut self, fold: &F) -> Result<(), Error<S::Error>> {
        let outcome = self.reclaim_all(fold);
        self.poisoned = false;
        outcome
    }

    fn reclaim_all<F: Fold>(&mut self, fold: &F) -> Result<(), Error<S::Error>> {
        let alone = self.runs == 1;
        self.unite_runs(fold)?;
        let odd = |own: &Self| own.budget_runs(own.runs).last().is_some_and(|run| run.stack == Stack::Odd);
        if self.runs == 1 && (alone || odd(self)) {
            self.merge_lowest(fold, 1)?;
            self.lower_level();
        }
        // A run on the odd stack leaves unused what it turned out to be shorter.
        if self.runs == 1 && odd(self) {
            self.merge_lowest(fold, 1)?;
            self.lower_level();
        }
        Ok(())
    }

    /// Begins to merge all runs, if there are any.
    pub(crate) fn open_all<F: Fold>(&mut self, fold: &F) -> Result<Option<Merge>, Error<S::Error>> {
        if self.runs == 0 {
            return Ok(None);
        }
        let fan = self.fan_in();
        while self.runs > fan {
            self.merge_lowest(fold, fan.min(self.runs - fan + 1))?;
        }
        self.open::<F>(0, self.runs).map(Some)
    }

    /// Keeps of each run what a merge of all has not brought forth, which begins with a whole key.
    pub(crate) fn keep_rest(&mut self, merge: &Merge) {
        let mut kept = 0;
        for i in 0..self.runs {
            let run = self.rooms().directory[i];
            let rest = merge.rest(self.apart().merge, i, extent_of(&run));
            if let Some(extent) = rest {
                self.rooms().directory[kept] = words_of(level_of(&run), extent);
                kept += 1;
            }
        }
        self.runs = kept;
    }

    fn open<F: Fold>(&mut self, from: usize, to: usize) -> Result<Merge, Error<S::Error>> {
        let sizes = self.sizes();
        self.note_peak(sizes.bytes(to - from));
        let (directory, words) = self.budget.words().split_at_mut(RUN_WORDS * self.most_runs);
        let runs = directory.as_chunks().0[from..to].iter().map(extent_of);
        Merge::open(&mut words[self.block / 8 + self.merge_from..], &mut self.store, sizes, F::FIXED, runs)
    }

    /// Ends the input: what follows is [`Engine::step`].
    pub(crate) fn finish<F: Fold>(&mut self, fold: &F) -> Result<Records, Error<S::Error>> {
        if self.poisoned {
            return Err(Error::Poisoned);
        }
        if self.runs == 0 {
            self.sort_table(fold);
            return Ok(Records::Table { next: 0, keys: [[0; 8]; 2], value: [0; 8] });
        }
        self.spill_rest(fold)?;
        self.poisoned = true;
        let fan = self.fan_in();
        while self.runs > fan {
            self.merge_lowest(fold, fan.min(self.runs - fan + 1))?;
        }
        Ok(Records::Merge(self.open::<F>(0, self.runs)?))
    }

    /// Goes to the next record; false at the end.
    #[inline]
    pub(crate) fn step<F: Fold>(&mut self, records: &mut Records, fold: &F) -> Result<bool, Error<S::Error>> {
        let skip = RUN_WORDS * self.most_runs + self.block / 8;
        let region = &mut self.budget.words()[skip..];
        match records {
            Records::Merge(merge) => merge.step(region, &mut self.store, fold, &mut self.counters),
            Records::Table { next, keys, value } => {
                let sorted = self.table.sorted::<F>(&region[..self.table_words]);
                if *next == sorted.len() {
                    return Ok(false);
                }
                sorted.key(*next, &mut keys[*next % 2]);
                sorted.value(*next, value);
                *next += 1;
                Ok(true)
            }
        }
    }

    /// The record that [`Engine::step`] went to.
    #[inline]
    pub(crate) fn record<'r, F: Fold>(&'r mut self, records: &'r Records) -> Merged<'r> {
        let skip = RUN_WORDS * self.most_runs + self.block / 8;
        let region = &self.budget.words()[skip..];
        match records {
            Records::Merge(merge) => merge.record(region),
            Records::Table { next, keys, value } => {
                let sorted = self.table.sorted::<F>(&region[..self.table_words]);
                let key = |i: usize| sorted.key_from(i, &keys[i % 2]);
                let before = if *next > 1 { key(next - 2) } else { &[] };
                Merged { key: key(next - 1), before, value: sorted.value_from(next - 1, value) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Emitter, Job, MemoryStore, Sum};

    #[test]
    fn a_job_notices_whether_combining_pays() {
        let store = MemoryStore::new(alloc::vec![0; 1 << 20]);
        let mut job = Job::new(16 << 10).store(store).combine::<u64, Sum<u64>>(Sum::new()).unwrap();
        assert!(!job.engine.table.is_list());
        // Distinct but for every tenth, which is less than one in eight.
        for i in 0..5_000 {
            job.emit(i / 10 * 10 + i % 10 % 9, 1).unwrap();
        }
        assert!(job.engine.table.is_list(), "a look-up that finds nothing is not worth its time");
        for i in 0..5_000 {
            job.emit(i % 50, 1).unwrap();
        }
        assert!(!job.engine.table.is_list(), "what a list had to combine is worth a table");
        let (mut counts, mut sum, mut keys) = (job.finish().unwrap(), 0, 0);
        while let Some((_, count)) = counts.next().unwrap() {
            (sum, keys) = (sum + count, keys + 1);
        }
        assert_eq!((sum, keys), (10_000, 4_500 + 5));
    }
}
