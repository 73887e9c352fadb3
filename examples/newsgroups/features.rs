//! Posts as numbers: two MapReduce jobs in a small budget make a vocabulary and its TF-IDF weights.

use kernlet::mapreduce::{Combined, Counters, Desc, Emitter, Job, Mapper, Sum, TempFiles, TopK};

use crate::{
    network::VOCABULARY,
    posts::{Post, for_each_word},
};

/// The words that are looked at, the most widespread first.
pub struct Vocabulary {
    pub words: Vec<Word>,
    /// Indices of `words` in the order of their bytes.
    by_bytes: Vec<u32>,
    pub counters: Counters,
}

/// A word, and in how many posts it is.
pub struct Word {
    pub bytes: Vec<u8>,
    pub posts: u64,
}

/// Emits each word of a post once.
struct Distinct;

impl Mapper<Post> for Distinct {
    type Key = [u8];
    type Value = u64;

    fn map<E: Emitter<[u8], u64>>(&mut self, post: &Post, out: &mut E) -> Result<(), E::Error> {
        let mut words = Vec::new();
        for_each_word(&post.body, |word| {
            words.push(word.to_vec());
            Ok(())
        })?;
        words.sort_unstable();
        words.dedup();
        words.iter().try_for_each(|word| out.emit(word, 1))
    }
}

impl Vocabulary {
    /// The `most` words that are in most posts.
    pub fn count(posts: &[Post], most: usize, budget: usize) -> Result<Self, String> {
        let mut counts = Self::job(posts, budget)?;
        let words = Self::choose(most, |offer| {
            while let Some((word, posts)) = counts.next().map_err(|error| error.to_string())? {
                offer(word, posts)?;
            }
            Ok(())
        })?;
        Ok(Self { counters: counts.counters(), ..Self::of(words) })
    }

    /// In how many posts each word is.
    pub fn job(posts: &[Post], budget: usize) -> Result<Combined<'static, [u8], Sum<u64>, TempFiles>, String> {
        let mut job = Job::new(budget)
            .store(TempFiles::new())
            .combine::<[u8], Sum<u64>>(Sum::new())
            .map_err(|error| format!("--budget: {error}"))?;
        posts.iter().try_for_each(|post| Distinct.map(post, &mut job)).map_err(|error| error.to_string())?;
        job.finish().map_err(|error| error.to_string())
    }

    /// Of the words that `feed` offers, each once, the `most` that are in most posts; of as many the first by its bytes.
    pub fn choose(
        most: usize,
        feed: impl FnOnce(&mut dyn FnMut(&[u8], u64) -> Result<(), String>) -> Result<(), String>,
    ) -> Result<Vec<Word>, String> {
        // Twice the bytes of a place, a count and a word.
        let mut memory = vec![0; 64 * (most + 1)];
        let mut widespread = TopK::<(Desc<u64>, &[u8])>::new(most, &mut memory).map_err(|error| error.to_string())?;
        feed(&mut |word, posts| widespread.offer((Desc(posts), word)).map(drop).map_err(|error| error.to_string()))?;
        let mut words = Vec::with_capacity(most);
        for (Desc(posts), word) in widespread.finish() {
            words.push(Word { bytes: word.to_vec(), posts });
        }
        Ok(words)
    }

    /// A vocabulary of these words.
    pub fn of(words: Vec<Word>) -> Self {
        let mut by_bytes: Vec<u32> = (0..words.len() as u32).collect();
        by_bytes.sort_unstable_by_key(|&index| &words[index as usize].bytes);
        Self { words, by_bytes, counters: Counters::default() }
    }

    /// The words of a post that are known, in its order: at most `most`, at least the number after the last word's.
    pub fn read(&self, post: &Post, most: usize) -> Vec<u16> {
        let mut known = Vec::new();
        let _ = for_each_word(&post.body, |word| {
            known.extend(self.index_of(word).map(|index| index as u16));
            if known.len() < most { Ok(()) } else { Err(()) }
        });
        if known.is_empty() { vec![VOCABULARY as u16] } else { known }
    }

    fn index_of(&self, word: &[u8]) -> Option<u32> {
        let at = self.by_bytes.binary_search_by_key(&word, |&index| &self.words[index as usize].bytes).ok()?;
        Some(self.by_bytes[at])
    }
}

/// A post as the numbers of its words: index and weight.
pub type Row = Vec<(u32, f32)>;

/// Emits each known word of a numbered post.
struct Known<'v>(&'v Vocabulary);

impl Mapper<(u32, &Post)> for Known<'_> {
    type Key = (u32, u32);
    type Value = u64;

    fn map<E: Emitter<(u32, u32), u64>>(&mut self, item: &(u32, &Post), out: &mut E) -> Result<(), E::Error> {
        let (number, post) = item;
        for_each_word(&post.body, |word| match self.0.index_of(word) {
            Some(index) => out.emit((*number, index), 1),
            None => Ok(()),
        })
    }
}

/// TF-IDF: `(1 + ln n) · (1 + ln((1 + N) / (1 + d)))` for a word that is `n` times in the post and in `d` of the `N`
/// posts learnt from, each row then of length 1 (Manning, Raghavan, Schütze: *Introduction to Information Retrieval*,
/// 2008, section 6.4; the ones added as in scikit-learn).
pub fn rows(posts: &[Post], vocabulary: &Vocabulary, learnt_from: usize, budget: usize) -> Result<Vec<Row>, String> {
    let mut job = Job::new(budget)
        .store(TempFiles::new())
        .combine::<(u32, u32), Sum<u64>>(Sum::new())
        .map_err(|error| format!("--budget: {error}"))?;
    let mut known = Known(vocabulary);
    for (number, post) in (0..).zip(posts) {
        known.map(&(number, post), &mut job).map_err(|error| error.to_string())?;
    }
    let mut counts = job.finish().map_err(|error| error.to_string())?;
    let mut rows: Vec<Row> = posts.iter().map(|_| Row::new()).collect();
    while let Some(((post, word), times)) = counts.next().map_err(|error| error.to_string())? {
        let rarity = (1.0 + learnt_from as f64) / (1.0 + vocabulary.words[word as usize].posts as f64);
        let weight = (1.0 + (times as f64).ln()) * (1.0 + rarity.ln());
        rows[post as usize].push((word, weight as f32));
    }
    for row in &mut rows {
        let length = row.iter().map(|(_, weight)| weight * weight).sum::<f32>().sqrt();
        row.iter_mut().for_each(|(_, weight)| *weight /= length);
    }
    Ok(rows)
}
