//! Counting words in a budget: what does not fit is sorted, written to the page's store, and merged.

use alloc::{boxed::Box, string::String, string::ToString, vec, vec::Vec};
use core::{fmt, ptr::null};

use kernlet::mapreduce::{Combined, Combining, Desc, Emitter, Job, Space, Stack, Store, Sum, Top, TopK};

use crate::{Single, note, or_note, taken};

/// Words longer than this are not counted, only how many there were.
const LONGEST: usize = 64;
/// Words that are shown, and bytes for keeping them.
const SHOWN: usize = 100;
const SHOWN_BYTES: usize = 32 << 10;

#[link(wasm_import_module = "store")]
unsafe extern "C" {
    /// Writes bytes at a byte of a stack of runs; not 0 if it failed.
    safe fn write(stack: u32, at: f64, bytes: *const u8, len: usize) -> i32;
    /// Reads them back.
    safe fn read(stack: u32, at: f64, out: *mut u8, len: usize) -> i32;
}

/// Runs where the page keeps them: in a file of the browser.
struct Runs;

/// The page's store failed.
struct Failed;

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the browser has no more room")
    }
}

impl Store for Runs {
    type Error = Failed;

    fn space(&self) -> Space {
        Space::Apart
    }

    fn write(&mut self, stack: Stack, at: u64, bytes: &[u8]) -> Result<(), Failed> {
        if write(stack as u32, at as f64, bytes.as_ptr(), bytes.len()) == 0 { Ok(()) } else { Err(Failed) }
    }

    fn read(&mut self, stack: Stack, at: u64, out: &mut [u8]) -> Result<(), Failed> {
        if read(stack as u32, at as f64, out.as_mut_ptr(), out.len()) == 0 { Ok(()) } else { Err(Failed) }
    }
}

/// Cuts text into words: letters and digits of any script, and apostrophes between them, in lower case.
#[derive(Default)]
struct Words {
    /// The word that is being read.
    word: Vec<u8>,
    /// Bytes of a character that a chunk ended in.
    part: Vec<u8>,
    apostrophe: bool,
    too_long: bool,
    long_words: u64,
    words: u64,
}

impl Words {
    /// Room for a word and a character, so that nothing grows later.
    fn new() -> Self {
        Self { word: Vec::with_capacity(LONGEST + 8), part: Vec::with_capacity(8), ..Self::default() }
    }

    fn text<E>(&mut self, mut bytes: &[u8], emit: &mut impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        // At most three bytes of a character are left from the chunk before.
        while !self.part.is_empty() && self.part.len() < 4 {
            let Some((&first, rest)) = bytes.split_first() else { return Ok(()) };
            self.part.push(first);
            bytes = rest;
            let part = core::mem::take(&mut self.part);
            match core::str::from_utf8(&part) {
                Ok(text) => text.chars().try_for_each(|c| self.character(c, emit))?,
                Err(error) if error.error_len().is_none() => self.part = part,
                Err(_) => self.character(char::REPLACEMENT_CHARACTER, emit)?,
            }
        }
        let mut rest = bytes;
        while let Some((&byte, later)) = rest.split_first() {
            if byte < 0x80 {
                self.ascii(byte, emit)?;
                rest = later;
                continue;
            }
            let character = &rest[..rest.len().min(4)];
            let valid = match core::str::from_utf8(character) {
                Ok(text) => text,
                Err(error) if error.valid_up_to() > 0 => {
                    core::str::from_utf8(&character[..error.valid_up_to()]).unwrap_or_default()
                }
                // Cut off by the end of the chunk.
                Err(error) if error.error_len().is_none() => {
                    self.part.extend_from_slice(character);
                    return Ok(());
                }
                Err(error) => {
                    self.character(char::REPLACEMENT_CHARACTER, emit)?;
                    rest = &rest[error.error_len().unwrap_or(1)..];
                    continue;
                }
            };
            let Some(c) = valid.chars().next() else { break };
            self.character(c, emit)?;
            rest = &rest[c.len_utf8()..];
        }
        Ok(())
    }

    #[inline(always)]
    fn ascii<E>(&mut self, byte: u8, emit: &mut impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        if byte.is_ascii_alphanumeric() {
            self.letters(&[byte.to_ascii_lowercase()]);
            Ok(())
        } else {
            self.between(byte == b'\'', emit)
        }
    }

    fn character<E>(&mut self, c: char, emit: &mut impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        if c.is_ascii() {
            return self.ascii(c as u8, emit);
        }
        if c.is_alphanumeric() {
            for c in c.to_lowercase() {
                self.letters(c.encode_utf8(&mut [0; 4]).as_bytes());
            }
            return Ok(());
        }
        // The typographic apostrophe.
        self.between(c == '\u{2019}', emit)
    }

    #[inline(always)]
    fn letters(&mut self, letters: &[u8]) {
        if core::mem::take(&mut self.apostrophe) && self.word.len() < LONGEST {
            self.word.push(b'\'');
        }
        if self.word.len() + letters.len() <= LONGEST {
            self.word.extend_from_slice(letters);
        } else {
            self.too_long = true;
        }
    }

    #[inline(always)]
    fn between<E>(&mut self, apostrophe: bool, emit: &mut impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        if self.word.is_empty() {
            return Ok(());
        }
        if apostrophe && !self.apostrophe {
            self.apostrophe = true;
            return Ok(());
        }
        self.apostrophe = false;
        if core::mem::take(&mut self.too_long) {
            self.long_words += 1;
        } else {
            self.words += 1;
            emit(&self.word)?;
        }
        self.word.clear();
        Ok(())
    }

    fn end<E>(&mut self, emit: &mut impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        self.apostrophe = false;
        self.between(false, emit)
    }
}

type Counting = Combining<'static, [u8], Sum<u64>, Runs>;
type Counted = Combined<'static, [u8], Sum<u64>, Runs>;

/// What is known so far, for the page to read.
#[repr(C)]
#[derive(Default)]
struct Figures {
    words: f64,
    distinct: f64,
    long_words: f64,
    runs: f64,
    spilled_bytes: f64,
    merged_bytes: f64,
    peak_bytes: f64,
}

struct Counter {
    words: Words,
    counting: Option<Counting>,
    counted: Option<Counted>,
    best: Option<TopK<'static, (Desc<u64>, &'static [u8])>>,
    top: Option<Top<'static, (Desc<u64>, &'static [u8])>>,
    figures: Figures,
    /// The word that was shown last, and its count.
    shown: Vec<u8>,
    count: f64,
}

static STATE: Single<Option<Box<Counter>>> = Single::new(None);

impl Counter {
    fn new(budget: usize) -> Result<Self, String> {
        let job = Job::new(budget).store(Runs).combine(Sum::new()).map_err(|error| error.to_string())?;
        let memory = vec![0; SHOWN_BYTES].leak();
        let best = TopK::new(SHOWN, memory).map_err(|error| error.to_string())?;
        Ok(Self {
            words: Words::new(),
            counting: Some(job),
            counted: None,
            best: Some(best),
            top: None,
            figures: Figures::default(),
            shown: Vec::with_capacity(LONGEST),
            count: 0.0,
        })
    }

    fn text(&mut self, text: &[u8], last: bool) -> Result<(), String> {
        let Some(job) = &mut self.counting else { return Err("the job has ended".to_string()) };
        let mut emit = |word: &[u8]| job.emit(word, 1);
        let done =
            self.words.text(text, &mut emit).and_then(|()| if last { self.words.end(&mut emit) } else { Ok(()) });
        done.map_err(|error| error.to_string())?;
        let counters = job.counters();
        self.figures.words = self.words.words as f64;
        self.figures.long_words = self.words.long_words as f64;
        self.note(&counters);
        if !last {
            return Ok(());
        }
        let Some(job) = self.counting.take() else { return Ok(()) };
        self.counted = Some(job.finish().map_err(|error| error.to_string())?);
        Ok(())
    }

    fn note(&mut self, counters: &kernlet::mapreduce::Counters) {
        self.figures.runs = counters.runs as f64;
        self.figures.spilled_bytes = counters.spilled_bytes as f64;
        self.figures.merged_bytes = counters.merged_bytes as f64;
        self.figures.peak_bytes = counters.peak_bytes as f64;
    }

    /// Merges some more words; whether there are others.
    fn merge(&mut self, most: usize) -> Result<bool, String> {
        let (Some(counted), Some(best)) = (&mut self.counted, &mut self.best) else { return Ok(false) };
        for _ in 0..most {
            let Some((word, count)) = counted.next().map_err(|error| error.to_string())? else {
                let counters = counted.counters();
                self.note(&counters);
                self.top = self.best.take().map(TopK::finish);
                return Ok(false);
            };
            best.offer((Desc(count), word)).map_err(|error| error.to_string())?;
            self.figures.distinct += 1.0;
        }
        let counters = counted.counters();
        self.note(&counters);
        Ok(true)
    }
}

/// Makes the module one that counts words in `budget` bytes.
#[unsafe(no_mangle)]
pub extern "C" fn counter(budget: usize) -> i32 {
    let made = Counter::new(budget);
    STATE.with(|state| or_note(made.map(|made| *state = Some(Box::new(made))).map(|()| 0), -1))
}

/// Counts the words of `len` more bytes of the text, at a place that [`take`](crate::take) gave.
///
/// # Safety
/// The page wrote them there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn text(at: *const u8, len: usize, last: i32) -> i32 {
    // SAFETY: the caller's; nothing keeps them.
    let bytes = unsafe { taken(at, len) };
    STATE.with(|state| match state {
        Some(counter) => or_note(counter.text(bytes, last != 0).map(|()| 0), -1),
        None => -1,
    })
}

/// Merges up to `most` more words: 1 if there are others, 0 at the end.
#[unsafe(no_mangle)]
pub extern "C" fn merge(most: usize) -> i32 {
    STATE.with(|state| match state {
        Some(counter) => or_note(counter.merge(most).map(i32::from), -1),
        None => -1,
    })
}

/// Seven numbers: words, different ones, too long ones, runs, bytes spilled, bytes merged, most bytes of the budget in use.
#[unsafe(no_mangle)]
pub extern "C" fn figures() -> *const f64 {
    STATE.with(|state| state.as_ref().map_or(null(), |counter| core::ptr::from_ref(&counter.figures).cast()))
}

/// Goes to the next of the most frequent words: its bytes, 0 at the end.
#[unsafe(no_mangle)]
pub extern "C" fn next() -> usize {
    STATE.with(|state| {
        let Some(counter) = state else {
            note(&"nothing was counted");
            return 0;
        };
        let Some((Desc(count), word)) = counter.top.as_mut().and_then(Iterator::next) else { return 0 };
        counter.shown.clear();
        counter.shown.extend_from_slice(&word[..word.len().min(LONGEST)]);
        counter.count = count as f64;
        counter.shown.len()
    })
}

/// Where that word is.
#[unsafe(no_mangle)]
pub extern "C" fn word() -> *const u8 {
    STATE.with(|state| state.as_ref().map_or(null(), |counter| counter.shown.as_ptr()))
}

/// How often it was there.
#[unsafe(no_mangle)]
pub extern "C" fn word_count() -> f64 {
    STATE.with(|state| state.as_ref().map_or(0.0, |counter| counter.count))
}
