//! The features by the workers of an engine: see `examples/spark/features.py`.
//!
//! | request | payload | answer |
//! |---|---|---|
//! | `coun` | posts | `word⇥posts` lines: in how many of them each word is |
//! | `voca` | how many words u32, such lines | the lines of those words that are in most posts, in this order |
//! | `rows` | posts learnt from u32, bytes of the vocabulary u32, its lines, posts | the rows of the posts |
//!
//! A post is its length u32 and its file. A row is how many words u32, and for each its number u32 and weight f32.

use std::{io, path::Path};

use kernlet::{cluster, cluster::Kind, snapshot::replace_file};

use crate::{
    features::{Row, Vocabulary, Word, rows},
    posts::{Post, body},
};

/// Answers until the engine is gone.
pub fn serve(budget: usize) -> Result<(), String> {
    let answer = |kind: Kind, payload: &[u8], out: &mut Vec<u8>| {
        let short = || format!("a request `{kind}` is cut");
        match &kind.0 {
            b"coun" => {
                let mut counts = Vocabulary::job(&read_posts(payload).ok_or_else(short)?, budget)?;
                while let Some((word, posts)) = counts.next().map_err(|error| error.to_string())? {
                    write_line(word, posts, out);
                }
            }
            b"voca" => {
                let (most, lines) = number(payload).ok_or_else(short)?;
                let words = read_words(lines)?;
                let offered = words.iter().map(|word| (&word.bytes[..], word.posts));
                let chosen =
                    Vocabulary::choose(most, |offer| offered.clone().try_for_each(|(word, n)| offer(word, n)))?;
                chosen.iter().for_each(|word| write_line(&word.bytes, word.posts, out));
            }
            b"rows" => {
                let (learnt_from, rest) = number(payload).ok_or_else(short)?;
                let (len, rest) = number(rest).ok_or_else(short)?;
                let (words, posts) = rest.split_at_checked(len).ok_or_else(short)?;
                let vocabulary = Vocabulary::of(read_words(words)?);
                let posts = read_posts(posts).ok_or_else(short)?;
                write_rows(&rows(&posts, &vocabulary, learnt_from, budget)?, out);
            }
            _ => return Err(format!("unknown request `{kind}`")),
        }
        Ok(kind)
    };
    cluster::serve(io::stdin().lock(), io::stdout().lock(), answer).map_err(|error| error.to_string())
}

/// Writes the rows of posts to a file, as the workers' answers one after the other.
pub fn write_features(path: &Path, parts: [&[Row]; 2]) -> Result<(), String> {
    let mut bytes = Vec::new();
    parts.iter().for_each(|rows| write_rows(rows, &mut bytes));
    replace_file(path, |file| file.write_all(&bytes)).map_err(|error| format!("{}: {error}", path.display()))
}

fn number(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (number, rest) = bytes.split_first_chunk()?;
    Some((u32::from_le_bytes(*number) as usize, rest))
}

fn read_posts(mut bytes: &[u8]) -> Option<Vec<Post>> {
    let mut posts = Vec::new();
    while !bytes.is_empty() {
        let (len, rest) = number(bytes)?;
        let (text, rest) = rest.split_at_checked(len)?;
        posts.push(Post { group: 0, body: body(text).to_vec() });
        bytes = rest;
    }
    Some(posts)
}

fn read_words(lines: &[u8]) -> Result<Vec<Word>, String> {
    let lines = lines.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
    lines
        .map(|line| {
            let mut fields = line.split(|&byte| byte == b'\t');
            let (word, posts) = (fields.next(), fields.next().and_then(|n| str::from_utf8(n).ok()?.parse().ok()));
            let (word, posts) =
                word.zip(posts).ok_or_else(|| format!("{:?} is no word and a count", line.escape_ascii()))?;
            Ok(Word { bytes: word.to_vec(), posts })
        })
        .collect()
}

fn write_line(word: &[u8], posts: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(word);
    out.extend_from_slice(format!("\t{posts}\n").as_bytes());
}

fn write_rows(rows: &[Row], out: &mut Vec<u8>) {
    for row in rows {
        out.extend((row.len() as u32).to_le_bytes());
        for (word, weight) in row {
            out.extend(word.to_le_bytes());
            out.extend(weight.to_le_bytes());
        }
    }
}
