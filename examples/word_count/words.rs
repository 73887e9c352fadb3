//! What a word is, and the mapper that emits words.

use clap::ValueEnum;
use kernlet::mapreduce::{Emitter, JavaText, Mapper};
use wide::u8x16;

/// Whether a byte stands between words, as for Java's `StringTokenizer`.
pub fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0C)
}

/// Bit `i` is set where byte `i` stands between words.
#[inline(always)]
fn spaces(block: &[u8; 64]) -> u64 {
    let mut mask = 0;
    for (i, part) in block.as_chunks::<16>().0.iter().enumerate() {
        let bytes = u8x16::from(*part);
        // Tab, newline, form feed and return are 9 to 13 without 11: subtracting 9 wraps the bytes below.
        let from_tab = bytes - u8x16::splat(9);
        let control = from_tab.min(u8x16::splat(4)).simd_eq(from_tab) & !bytes.simd_eq(u8x16::splat(11));
        let space = control | bytes.simd_eq(u8x16::splat(b' '));
        mask |= u64::from(space.to_bitmask()) << (16 * i);
    }
    mask
}

/// What becomes of bytes that are not UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Text {
    /// They count as they are.
    Bytes,
    /// They are read as Java reads them, each malformed part as U+FFFD, so words that differ in nothing else are the same.
    Hadoop,
}

impl Text {
    /// How many times as long a word can become.
    pub fn growth(self) -> usize {
        match self {
            Text::Bytes => 1,
            Text::Hadoop => "\u{FFFD}".len(),
        }
    }
}

/// Emits every word of a text with a 1.
#[derive(Clone, Copy)]
pub struct Words(pub Text);

impl Mapper<[u8]> for Words {
    type Key = [u8];
    type Value = u64;

    #[inline]
    fn map<E: Emitter<[u8], u64>>(&mut self, text: &[u8], out: &mut E) -> Result<(), E::Error> {
        match self.0 {
            Text::Bytes => emit_words(text, out),
            Text::Hadoop => emit_words(text, &mut JavaText::new(out)),
        }
    }
}

#[inline]
fn emit_words<E: Emitter<[u8], u64>>(text: &[u8], out: &mut E) -> Result<(), E::Error> {
    let (blocks, rest) = text.as_chunks::<64>();
    let mut start = 0;
    let mut word_until = |end: usize| {
        if start < end {
            out.emit(&text[start..end], 1)?;
        }
        start = end + 1;
        Ok(())
    };
    for (i, block) in blocks.iter().enumerate() {
        let mut mask = spaces(block);
        while mask != 0 {
            word_until(64 * i + mask.trailing_zeros() as usize)?;
            mask &= mask - 1;
        }
    }
    for (i, byte) in rest.iter().enumerate() {
        if is_space(*byte) {
            word_until(64 * blocks.len() + i)?;
        }
    }
    word_until(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Listed(Vec<Vec<u8>>);

    impl Emitter<[u8], u64> for Listed {
        type Error = std::convert::Infallible;
        fn emit<B: std::borrow::Borrow<u64>>(&mut self, word: &[u8], _: B) -> Result<(), Self::Error> {
            self.0.push(word.to_vec());
            Ok(())
        }
    }

    #[test]
    fn words_are_what_lies_between_the_five_spaces() {
        let stream = kernlet::random::Stream::new(7, 0);
        for len in [0, 1, 15, 16, 63, 64, 65, 127, 128, 1000] {
            // Every byte value comes up, and every third is near the spaces.
            let byte = |i| match stream.u32_at(i) {
                bits if bits.is_multiple_of(3) => (bits >> 8) as u8 % 36,
                bits => (bits >> 8) as u8,
            };
            let text: Vec<u8> = (0..len).map(byte).collect();
            let mut listed = Listed(Vec::new());
            Words(Text::Bytes).map(&text, &mut listed).unwrap();
            let expected: Vec<_> =
                text.split(|byte| b" \t\n\r\x0C".contains(byte)).filter(|word| !word.is_empty()).collect();
            assert_eq!(listed.0, expected);
        }
    }
}
