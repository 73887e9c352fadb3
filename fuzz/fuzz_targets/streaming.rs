//! Lines for a Hadoop Streaming reducer against `split`, read in pieces of any length.
#![no_main]

use std::io::{self, Read};

use arbitrary::Arbitrary;
use kernlet::mapreduce::{StreamError, Streaming, Sum};
use libfuzzer_sys::fuzz_target;

#[derive(Arbitrary, Debug)]
struct Case<'a> {
    lines: Vec<(u8, Option<i32>)>,
    raw: Option<&'a [u8]>,
    sorted: bool,
    open_end: bool,
    budget: u16,
    pieces: Vec<u8>,
}

/// Gives out a few bytes at a time, and is interrupted now and then.
struct Pieces<'a> {
    bytes: &'a [u8],
    pieces: &'a [u8],
    at: usize,
}

impl Read for Pieces<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let piece = self.pieces.get(self.at % self.pieces.len().max(1)).copied();
        self.at += 1;
        if piece == Some(0) && self.at % 2 == 0 {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let len = usize::from(piece.unwrap_or(u8::MAX)).max(1).min(out.len()).min(self.bytes.len());
        out[..len].copy_from_slice(&self.bytes[..len]);
        self.bytes = &self.bytes[len..];
        Ok(len)
    }
}

/// What must come out, or which line is wrong.
fn expected(input: &[u8], most: usize) -> Result<Vec<u8>, (u64, &'static str)> {
    let mut sums: Vec<(&[u8], i64)> = Vec::new();
    let body = input.strip_suffix(b"\n").unwrap_or(input);
    let lines = if input.is_empty() { Vec::new() } else { body.split(|b| *b == b'\n').collect::<Vec<_>>() };
    for (i, line) in lines.into_iter().enumerate() {
        let number = i as u64 + 1;
        // A line and its end must fit the reader's half of the budget.
        if line.len() >= most {
            return Err((number, "long"));
        }
        // A return before the end is part of it. A line without a tab is a key without a value.
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let tab = line.iter().position(|b| *b == b'\t');
        let key = &line[..tab.unwrap_or(line.len())];
        if sums.last().is_some_and(|(last, _)| key < *last) {
            return Err((number, "order"));
        }
        let Some(tab) = tab else { return Err((number, "no tab")) };
        let value =
            std::str::from_utf8(&line[tab + 1..]).ok().and_then(|v| v.parse::<i64>().ok()).ok_or((number, "field"))?;
        match sums.last_mut() {
            Some((last, sum)) if *last == key => *sum = sum.wrapping_add(value),
            _ => sums.push((key, value)),
        }
    }
    Ok(sums.iter().flat_map(|(key, sum)| [key, &b"\t"[..], sum.to_string().as_bytes(), b"\n"].concat()).collect())
}

fuzz_target!(|case: Case| {
    let input = case.raw.map(<[u8]>::to_vec).unwrap_or_else(|| {
        let mut lines: Vec<Vec<u8>> = case
            .lines
            .iter()
            .map(|(key, value)| match value {
                Some(value) => format!("{}\t{value}", "k".repeat(usize::from(*key) % 70)).into_bytes(),
                None => vec![*key; 3],
            })
            .collect();
        if case.sorted {
            lines.sort();
        }
        let mut bytes = lines.join(&b'\n');
        if !case.open_end {
            bytes.push(b'\n');
        }
        bytes
    });
    let budget = 64 + usize::from(case.budget) % 4096;
    let reader = Pieces { bytes: &input, pieces: &case.pieces, at: 0 };
    let (mut log, mut out) = (Vec::new(), Vec::new());
    let outcome =
        Streaming::new("fuzz", &mut log).budget(budget).combine::<[u8], _>(Sum::<i64>::new(), reader, &mut out);
    // A key with a carriage return cannot be written again.
    if matches!(outcome, Err(StreamError::Separator { byte: b'\r' })) && input.contains(&b'\r') {
        return;
    }
    match (expected(&input, budget / 2), outcome) {
        (Ok(expected), Ok((lines, keys))) => {
            assert_eq!(out, expected);
            assert_eq!(keys, out.iter().filter(|b| **b == b'\n').count() as u64);
            assert!(lines >= keys);
        }
        (Err((line, "long")), Err(StreamError::LineTooLong { line: found, .. })) => assert_eq!(found, line),
        (Err((line, "no tab")), Err(StreamError::NoValue { line: found })) => assert_eq!(found, line),
        (Err((line, "order")), Err(StreamError::Order { line: found })) => assert_eq!(found, line),
        (Err((line, "field")), Err(StreamError::Field { line: found })) => assert_eq!(found, line),
        (expected, outcome) => panic!("{outcome:?} and not {expected:?}"),
    }
});
