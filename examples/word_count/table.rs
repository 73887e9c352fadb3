//! What is shown on the terminal.

use std::fmt::Write as _;

/// Columns of the longest bar.
const BAR: usize = 40;
/// Columns of the longest word shown whole.
const WORD: usize = 24;

/// Bytes as they can be shown: what is not UTF-8 or would steer the terminal is escaped.
pub fn escaped(bytes: &[u8]) -> String {
    escaped_until(bytes, usize::MAX)
}

/// A word as it can be shown, cut where it is long.
pub fn shown(word: &[u8]) -> String {
    let shown = escaped_until(word, WORD);
    if shown.chars().count() > WORD { shown.chars().take(WORD - 1).chain(['…']).collect() } else { shown }
}

/// As [`escaped`], ending somewhere behind `most` characters.
fn escaped_until(bytes: &[u8], most: usize) -> String {
    let mut shown = String::new();
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            if c.is_control() || c == '\u{FEFF}' {
                let _ = write!(shown, "{}", c.escape_default());
            } else {
                shown.push(c);
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(shown, "\\x{byte:02X}");
        }
        if shown.chars().count() > most {
            break;
        }
    }
    shown
}

/// A number with its thousands apart: `1,199,882`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// A bar of eighths of a column, as long as `count` is to `most`.
fn bar(count: u64, most: u64) -> String {
    let eighths = (count as f64 / most.max(1) as f64 * (8 * BAR) as f64).round().max(1.0) as usize;
    let mut bar = "█".repeat(eighths / 8);
    bar.extend(['▏', '▎', '▍', '▌', '▋', '▊', '▉'].get((eighths % 8).wrapping_sub(1)));
    bar
}

/// A line for each word: its place, its count with a bar, and a note.
pub fn table(rows: &[(Vec<u8>, u64, String)]) -> String {
    let words: Vec<_> = rows.iter().map(|(word, ..)| shown(word)).collect();
    let width = words.iter().map(|word| word.chars().count()).max().unwrap_or(0);
    let most = rows.first().map_or(1, |row| row.1);
    let digits = grouped(most).len();
    let place = rows.len().to_string().len();
    let mut table = String::new();
    for (i, ((_, count, note), word)) in rows.iter().zip(words).enumerate() {
        let (i, count, bar) = (i + 1, grouped(*count), bar(*count, most));
        let _ = writeln!(table, "{}", format!("{i:>place$}  {word:width$}  {count:>digits$}  {bar}{note}").trim_end());
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_word_steers_the_terminal() {
        assert_eq!(shown(b"\x1B[2Jna\xC3\xAFve\xFF"), "\\u{1b}[2Jnaïve\\xFF");
        assert_eq!(shown(&[b'a'; 5000]).chars().count(), WORD);
    }

    #[test]
    fn bars_are_in_proportion() {
        assert_eq!([bar(1, 2).chars().count(), bar(2, 2).chars().count()], [BAR / 2, BAR]);
        assert_eq!(bar(1, 1 << 40), "▏");
        assert_eq!(grouped(1_199_882), "1,199,882");
        assert_eq!(grouped(999), "999");
    }
}
