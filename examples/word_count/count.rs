//! Counting on one or more threads, each with a job in its part of the budget.

use std::cmp::Ordering;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::io;
use std::mem;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use kernlet::mapreduce::{Combined, Combining, Counters, Emitter, Error, Job, Mapper, Sum, TempFiles};

use crate::batch::{self, BATCHES, Batch, Record};
use crate::source::{BLOCK, ReadError, Source};
use crate::words::{Text, Words};

type Counting = Combining<'static, [u8], Sum<u64>, TempFiles>;
type Counts = Combined<'static, [u8], Sum<u64>, TempFiles>;

/// The least part of the budget that a thread is given.
const LEAST_PART: usize = 8 << 10;
/// The memory for words that a small part cannot sort: enough for those of [`BLOCK`] bytes.
const LONG_WORDS: usize = 320 << 10;

/// Why nothing was counted.
#[derive(Debug)]
pub enum CountError {
    Read(ReadError),
    Job(Error<io::Error>),
    Output(io::Error),
    /// A thread could not be started.
    Spawn(io::Error),
    Thread,
}

impl std::fmt::Display for CountError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Read(error) => error.fmt(f),
            Self::Job(Error::Store(error)) => {
                write!(f, "spilling to a temporary file in {} failed: {error}", std::env::temp_dir().display())
            }
            Self::Job(error) => error.fmt(f),
            Self::Output(error) => write!(f, "writing the counts failed: {error}"),
            Self::Spawn(error) => write!(f, "the system gives no more threads: {error}"),
            Self::Thread => write!(f, "a thread ended before its work was done"),
        }
    }
}

impl std::error::Error for CountError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Read(error) => Some(error),
            Self::Job(error) => Some(error),
            Self::Output(error) | Self::Spawn(error) => Some(error),
            Self::Thread => None,
        }
    }
}

impl From<ReadError> for CountError {
    fn from(error: ReadError) -> Self {
        Self::Read(error)
    }
}

impl From<Error<io::Error>> for CountError {
    fn from(error: Error<io::Error>) -> Self {
        Self::Job(error)
    }
}

/// How a budget is divided.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    budget: usize,
    pub threads: usize,
    /// The budget of a thread's job.
    part: usize,
    /// Bytes of the longest word that is read.
    pub longest: usize,
    /// Bytes of the batches in which several threads send what they have counted.
    batch: usize,
    text: Text,
}

impl Plan {
    /// Divides `budget` among at most `threads` threads.
    ///
    /// A block and the words up to its size are read beside the budget. Where the
    /// budget could sort longer ones, the room to read them is taken out of it.
    pub fn new(budget: usize, threads: usize, text: Text) -> Self {
        let threads = threads.clamp(1, (budget / LEAST_PART).max(1));
        let part = budget / threads;
        let longest = (part / 16 / text.growth()).max(BLOCK);
        let reading = if longest > BLOCK { 2 * longest } else { 0 };
        let batch = batch::size(part);
        // Small batches are beside the budget, as the blocks are.
        let sending = if threads > 1 && batch > batch::size(0) { BATCHES * batch } else { 0 };
        Self { budget, threads, part: part - reading - sending, longest, batch, text }
    }

    fn job(&self, budget: usize) -> Result<Counting, CountError> {
        // A seed that nobody knows; no result depends on it.
        let seed = RandomState::new().hash_one(0);
        Job::new(budget).store(TempFiles::new()).seed(seed).combine(Sum::new()).map_err(|error| match error {
            Error::BudgetTooSmall { given, least } => {
                let beside = |bytes: usize| bytes * self.threads;
                Error::BudgetTooSmall { given: beside(given), least: beside(least) }.into()
            }
            Error::OutOfMemory { .. } => Error::OutOfMemory { bytes: self.budget }.into(),
            other => other.into(),
        })
    }
}

/// What was counted, the words aside.
#[derive(Debug, Default)]
pub struct Totals {
    /// Bytes of text.
    pub bytes: u64,
    pub distinct: u64,
    pub counters: Counters,
    /// Words that were too long for the budget and counted beside it.
    pub long_words: u64,
}

/// What the threads share.
struct Shared<'s> {
    source: Mutex<Source>,
    long_words: Mutex<Option<Counting>>,
    stop: AtomicBool,
    plan: Plan,
    progress: &'s (dyn Fn() + Sync),
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Hands words to a thread's job, and those it cannot sort to the one beside.
struct Sorting<'s> {
    job: Counting,
    shared: &'s Shared<'s>,
}

impl Emitter<[u8], u64> for Sorting<'_> {
    type Error = CountError;

    #[inline(always)]
    fn emit<B: std::borrow::Borrow<u64>>(&mut self, word: &[u8], count: B) -> Result<(), CountError> {
        match self.job.emit(word, count.borrow()) {
            Ok(()) => Ok(()),
            Err(Error::PairTooLong { .. }) => self.emit_beside(word, *count.borrow()),
            Err(error) => Err(error.into()),
        }
    }
}

impl Sorting<'_> {
    #[cold]
    fn emit_beside(&mut self, word: &[u8], count: u64) -> Result<(), CountError> {
        let mut long_words = lock(&self.shared.long_words);
        let job = match &mut *long_words {
            Some(job) => job,
            none => none.insert(self.shared.plan.job(LONG_WORDS * self.shared.plan.text.growth())?),
        };
        Ok(job.emit(word, count)?)
    }
}

impl Shared<'_> {
    /// Counts blocks until there are no more, and sorts what was counted.
    fn count(&self, block: &mut Vec<u8>) -> Result<Counts, CountError> {
        let mut sorting = Sorting { job: self.plan.job(self.plan.part)?, shared: self };
        while !self.stop.load(Relaxed) {
            let len = lock(&self.source).next_block(block)?;
            if len == 0 {
                break;
            }
            Words(self.plan.text).map(&block[..len], &mut sorting)?;
            (self.progress)();
        }
        Ok(sorting.job.finish()?)
    }

    /// As [`Self::count`], then sends the counts in order, in batches.
    fn count_and_send(&self, batches: SyncSender<Batch>, spent: Receiver<Batch>) -> Result<Counters, CountError> {
        let mut block = Vec::new();
        let mut counts = self.count(&mut block).inspect_err(|_| self.stop.store(true, Relaxed))?;
        drop(block);
        let mut batch = Batch::default();
        while let Some((word, count)) = counts.next()? {
            if !batch.put(self.plan.batch, word, count) {
                let next = spent.try_recv().unwrap_or_default();
                // Nobody listens any more: there was an error elsewhere.
                if batches.send(mem::replace(&mut batch, next)).is_err() {
                    return Ok(counts.counters());
                }
                batch.clear();
                batch.put(self.plan.batch, word, count);
            }
        }
        // An error here is also one of somebody else.
        let _ = batches.send(batch);
        Ok(counts.counters())
    }
}

/// The counts of a job, at one of them, in ascending order of their words.
struct Local {
    counts: Counts,
    /// Copied, since the job lends it only until the next.
    word: Vec<u8>,
    count: u64,
}

impl Local {
    fn new(counts: Counts) -> Self {
        Self { counts, word: Vec::new(), count: 0 }
    }

    fn advance(&mut self) -> Result<bool, CountError> {
        let Some((word, count)) = self.counts.next()? else { return Ok(false) };
        self.word.clear();
        self.word.extend_from_slice(word);
        self.count = count;
        Ok(true)
    }
}

/// The counts of another thread.
struct Remote {
    batches: Receiver<Batch>,
    spent: SyncSender<Batch>,
    batch: Batch,
    /// Where it is in the batch; `None` before the first.
    record: Option<Record>,
}

impl Remote {
    #[inline]
    fn advance(&mut self) -> bool {
        self.record = self.batch.after(self.record);
        self.record.is_some() || self.receive()
    }

    #[cold]
    fn receive(&mut self) -> bool {
        let Ok(batch) = self.batches.recv() else { return false };
        // If the thread has ended it needs no more room.
        let _ = self.spent.try_send(mem::replace(&mut self.batch, batch));
        self.record = self.batch.after(None);
        self.record.is_some()
    }
}

enum Part {
    Local(Box<Local>),
    Remote(Remote),
}

impl Part {
    /// Goes to the next word; false at the end.
    #[inline]
    fn advance(&mut self) -> Result<bool, CountError> {
        match self {
            Part::Local(local) => local.advance(),
            Part::Remote(remote) => Ok(remote.advance()),
        }
    }

    #[inline]
    fn word(&self) -> &[u8] {
        match self {
            Part::Local(local) => &local.word,
            Part::Remote(remote) => remote.record.map_or(&[], |record| remote.batch.word(record)),
        }
    }

    /// The word's first eight bytes, as [`Record::head`].
    #[inline]
    fn head(&self) -> u64 {
        match self {
            Part::Local(local) => {
                let mut bytes = [0; 8];
                local.word.iter().zip(&mut bytes).for_each(|(from, to)| *to = *from);
                u64::from_be_bytes(bytes)
            }
            Part::Remote(remote) => remote.record.map_or(0, |record| record.head),
        }
    }

    #[inline]
    fn count(&self) -> u64 {
        match self {
            Part::Local(local) => local.count,
            Part::Remote(remote) => remote.record.map_or(0, |record| record.count),
        }
    }
}

/// Merges parts that are at their first words, adding up the counts of the same
/// word, and returns how many words there are.
fn merge(mut parts: Vec<Part>, each: &mut impl FnMut(&[u8], u64) -> io::Result<()>) -> Result<u64, CountError> {
    let mut distinct = 0;
    let mut heads: Vec<u64> = parts.iter().map(Part::head).collect();
    // Most words differ in their first eight bytes.
    let order = |parts: &[Part], heads: &[u64], a: usize, b: usize| {
        heads[a].cmp(&heads[b]).then_with(|| parts[a].word().cmp(parts[b].word()))
    };
    while !parts.is_empty() {
        let mut least = 0;
        // From here on no part is at the same word.
        let mut same_until = 1;
        for i in 1..parts.len() {
            match order(&parts, &heads, i, least) {
                Ordering::Less => (least, same_until) = (i, i + 1),
                Ordering::Equal => same_until = i + 1,
                Ordering::Greater => {}
            }
        }
        let same = |parts: &[Part], heads: &[u64], i| order(parts, heads, i, least) == Ordering::Equal;
        let others = (least + 1..same_until).filter(|&i| same(&parts, &heads, i));
        let count = parts[least].count() + others.map(|i| parts[i].count()).sum::<u64>();
        each(parts[least].word(), count).map_err(CountError::Output)?;
        distinct += 1;
        // From the last on, so that removing one does not move those before it.
        for i in (least..same_until).rev() {
            if i > least && !same(&parts, &heads, i) {
                continue;
            }
            if parts[i].advance()? {
                heads[i] = parts[i].head();
            } else {
                parts.remove(i);
                heads.remove(i);
            }
        }
    }
    Ok(distinct)
}

/// Appends a part unless it is empty.
fn start(parts: &mut Vec<Part>, mut part: Part) -> Result<(), CountError> {
    if part.advance()? {
        parts.push(part);
    }
    Ok(())
}

/// Counts the words of `source` and hands each to `each` with its count, in
/// ascending order of bytes.
pub fn count(
    source: Source,
    plan: Plan,
    progress: &(dyn Fn() + Sync),
    mut each: impl FnMut(&[u8], u64) -> io::Result<()>,
) -> Result<Totals, CountError> {
    let shared = Shared {
        source: Mutex::new(source),
        long_words: Mutex::new(None),
        stop: AtomicBool::new(false),
        plan,
        progress,
    };
    let mut totals = if plan.threads == 1 { alone(&shared, &mut each)? } else { on_threads(&shared, &mut each)? };
    totals.bytes = lock(&shared.source).bytes;
    Ok(totals)
}

fn alone(shared: &Shared, each: &mut impl FnMut(&[u8], u64) -> io::Result<()>) -> Result<Totals, CountError> {
    let mut block = Vec::new();
    let mut counts = shared.count(&mut block)?;
    drop(block);
    // The job is gone when its merge ends; what its last pass combines is not in these.
    let mut totals = Totals { counters: counts.counters(), ..Totals::default() };
    if let Some(long_words) = lock(&shared.long_words).take() {
        totals.long_words = long_words.counters().emitted;
        let mut parts = Vec::new();
        start(&mut parts, Part::Local(Box::new(Local::new(counts))))?;
        start(&mut parts, Part::Local(Box::new(Local::new(long_words.finish()?))))?;
        totals.distinct = merge(parts, each)?;
        return Ok(totals);
    }
    while let Some((word, count)) = counts.next()? {
        each(word, count).map_err(CountError::Output)?;
        totals.distinct += 1;
    }
    totals.counters = counts.counters();
    Ok(totals)
}

fn on_threads(shared: &Shared, each: &mut impl FnMut(&[u8], u64) -> io::Result<()>) -> Result<Totals, CountError> {
    thread::scope(|scope| {
        let mut remotes = Vec::new();
        let mut threads = Vec::new();
        for _ in 0..shared.plan.threads {
            let (batches, receiver) = sync_channel(BATCHES - 2);
            let (spent, emptied) = sync_channel(BATCHES);
            let spawned = thread::Builder::new().spawn_scoped(scope, move || shared.count_and_send(batches, emptied));
            threads.push(spawned.map_err(CountError::Spawn).inspect_err(|_| shared.stop.store(true, Relaxed))?);
            remotes.push(Remote { batches: receiver, spent, batch: Batch::default(), record: None });
        }
        let mut totals = Totals::default();
        let merged = merge_threads(shared, remotes, &mut totals, each);
        // What went wrong on a thread is why it sent no more.
        for thread in threads {
            let counters = thread.join().map_err(|_| CountError::Thread)??;
            totals.counters.add(&counters);
        }
        merged.map(|()| totals)
    })
}

fn merge_threads(
    shared: &Shared,
    remotes: Vec<Remote>,
    totals: &mut Totals,
    each: &mut impl FnMut(&[u8], u64) -> io::Result<()>,
) -> Result<(), CountError> {
    let mut parts = Vec::new();
    for remote in remotes {
        start(&mut parts, Part::Remote(remote))?;
    }
    // A thread sends when it has counted everything, so the long words are all there.
    if let Some(long_words) = lock(&shared.long_words).take() {
        totals.long_words = long_words.counters().emitted;
        start(&mut parts, Part::Local(Box::new(Local::new(long_words.finish()?))))?;
    }
    totals.distinct = merge(parts, each)?;
    Ok(())
}
