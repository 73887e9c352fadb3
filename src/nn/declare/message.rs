//! Compile-time error messages with numbers in them: `panic!` in a `const`
//! takes a `&str` only, so the text is put together in a byte array.

use crate::shape::Dims;

const CAPACITY: usize = 512;

/// A text of limited length that can grow in a `const`.
#[derive(Debug)]
pub struct Message {
    bytes: [u8; CAPACITY],
    len: usize,
}

impl Message {
    /// ``network `net`: ``
    pub const fn of_network(network: &str) -> Self {
        Self { bytes: [0; CAPACITY], len: 0 }.text("network `").text(network).text("`: ")
    }

    /// ``network `net`, layer 3 `fc1`: ``
    pub const fn at_layer(network: &str, index: usize, name: &str) -> Self {
        Self { bytes: [0; CAPACITY], len: 0 }
            .text("network `")
            .text(network)
            .text("`, layer ")
            .number(index)
            .text(" `")
            .text(name)
            .text("`: ")
    }

    pub const fn text(mut self, text: &str) -> Self {
        let text = text.as_bytes();
        let mut i = 0;
        while i < text.len() && self.len < CAPACITY {
            self.bytes[self.len] = text[i];
            self.len += 1;
            i += 1;
        }
        self
    }

    pub const fn number(mut self, number: usize) -> Self {
        let mut divisor = 1;
        while number / divisor >= 10 {
            divisor *= 10;
        }
        while divisor > 0 && self.len < CAPACITY {
            self.bytes[self.len] = b'0' + (number / divisor % 10) as u8;
            self.len += 1;
            divisor /= 10;
        }
        self
    }

    pub const fn pair(self, pair: [usize; 2]) -> Self {
        self.number(pair[0]).text("x").number(pair[1])
    }

    pub const fn dims(mut self, dims: &Dims) -> Self {
        let sizes = dims.as_slice();
        let mut i = 0;
        while i < sizes.len() {
            if i > 0 {
                self = self.text("x");
            }
            self = self.number(sizes[i]);
            i += 1;
        }
        self
    }

    /// The choice that is nearest to what was written, if one is near: at most a third of its letters differ.
    pub const fn nearest<'a>(written: &str, choices: &[&'a str]) -> Option<&'a str> {
        let (mut best, mut least, mut i) = (None, usize::MAX, 0);
        while i < choices.len() {
            let distance = distance(written.as_bytes(), choices[i].as_bytes());
            if distance < least {
                least = distance;
                best = Some(choices[i]);
            }
            i += 1;
        }
        let most = if written.len() < 6 { 2 } else { written.len() / 3 };
        if least <= most { best } else { None }
    }

    /// Names with commas between them.
    pub const fn names(mut self, names: &[&str]) -> Self {
        let mut i = 0;
        while i < names.len() {
            if i > 0 {
                self = self.text(", ");
            }
            self = self.text(names[i]);
            i += 1;
        }
        self
    }

    /// Stops the compilation (or, at run time, panics) with the text.
    #[track_caller]
    pub const fn fail(self) -> ! {
        match core::str::from_utf8(self.bytes.split_at(self.len).0) {
            Ok(text) => panic!("{}", text),
            Err(_) => panic!("a network's definition is wrong"),
        }
    }
}

/// How many letters must be put in, left out or changed to make `a` of `b` (Levenshtein, 1966).
const fn distance(a: &[u8], b: &[u8]) -> usize {
    const MOST: usize = 32;
    if a.len() >= MOST || b.len() >= MOST {
        return usize::MAX;
    }
    let mut row = [0; MOST];
    let mut j = 0;
    while j <= b.len() {
        row[j] = j;
        j += 1;
    }
    let mut i = 0;
    while i < a.len() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        let mut j = 0;
        while j < b.len() {
            let changed = diagonal + (a[i] != b[j]) as usize;
            diagonal = row[j + 1];
            let other = if row[j] < row[j + 1] { row[j] } else { row[j + 1] } + 1;
            row[j + 1] = if changed < other { changed } else { other };
            j += 1;
        }
        i += 1;
    }
    row[b.len()]
}
