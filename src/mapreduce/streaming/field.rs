//! Fields of lines.

use alloc::vec::Vec;
use core::fmt::Write as _;
use std::io::Write;

use super::super::combiner::Average;
use crate::pairs::{Desc, Escaped};

/// Something that can be written as a field of a line, or as several with tabs between them.
///
/// Floats are written as Java's `Double.toString` and `Float.toString` do (since JDK 19): `1.0`,
/// `1.0E10`, `Infinity`.
///
/// ```
/// use kernlet::mapreduce::WriteField;
/// let mut line = Vec::new();
/// ("a", 1.5f32, 1e10).write_field(&mut line);
/// assert_eq!(line, b"a\t1.5\t1.0E10");
/// ```
pub trait WriteField {
    /// How many fields it takes.
    const FIELDS: usize = 1;

    /// Appends the field. Fields of keys must not contain a tab, and no field a newline or a carriage return: writing
    /// one is a [`StreamError::Separator`](super::StreamError::Separator).
    fn write_field(&self, out: &mut Vec<u8>);
}

/// Something that can be read from a field of a line, or from several with tabs between them.
///
/// Floats are read as Java's `Double.parseDouble` does: blanks around them and a `d` or `f` after
/// them do not matter.
///
/// ```
/// use kernlet::mapreduce::ReadField;
/// assert_eq!(u8::read_field(b"255"), Some(255));
/// assert_eq!(u8::read_field(b"256"), None);
/// assert_eq!(<(&str, f64)>::read_field(b"a\t-Infinity"), Some(("a", f64::NEG_INFINITY)));
/// ```
pub trait ReadField<'a>: Sized {
    /// How many fields it takes.
    const FIELDS: usize = 1;

    /// Reads the whole of `field`; `None` if it is not of this type.
    fn read_field(field: &'a [u8]) -> Option<Self>;
}

impl<T: WriteField + ?Sized> WriteField for &T {
    const FIELDS: usize = T::FIELDS;
    fn write_field(&self, out: &mut Vec<u8>) {
        (**self).write_field(out);
    }
}

impl WriteField for [u8] {
    fn write_field(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self);
    }
}

impl WriteField for str {
    fn write_field(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.as_bytes());
    }
}

impl<'a> ReadField<'a> for &'a [u8] {
    fn read_field(field: &'a [u8]) -> Option<Self> {
        Some(field)
    }
}

impl<'a> ReadField<'a> for &'a str {
    fn read_field(field: &'a [u8]) -> Option<Self> {
        str::from_utf8(field).ok()
    }
}

impl WriteField for Escaped<'_> {
    fn write_field(&self, out: &mut Vec<u8>) {
        out.extend(self.bytes());
    }
}

impl<'a> ReadField<'a> for Escaped<'a> {
    fn read_field(field: &'a [u8]) -> Option<Self> {
        Some(Escaped::plain(field))
    }
}

/// As the key itself: in which direction to sort is up to the engine.
impl<T: WriteField + ?Sized> WriteField for Desc<T> {
    const FIELDS: usize = T::FIELDS;
    fn write_field(&self, out: &mut Vec<u8>) {
        self.0.write_field(out);
    }
}

impl<'a, T: ReadField<'a>> ReadField<'a> for Desc<T> {
    const FIELDS: usize = T::FIELDS;
    fn read_field(field: &'a [u8]) -> Option<Self> {
        T::read_field(field).map(Desc)
    }
}

/// Count and sum: two fields.
impl<S: WriteField> WriteField for Average<S> {
    const FIELDS: usize = 1 + S::FIELDS;
    fn write_field(&self, out: &mut Vec<u8>) {
        self.count.write_field(out);
        out.push(b'\t');
        self.sum.write_field(out);
    }
}

impl<'a, S: ReadField<'a>> ReadField<'a> for Average<S> {
    const FIELDS: usize = 1 + S::FIELDS;
    fn read_field(field: &'a [u8]) -> Option<Self> {
        let (count, sum) = split_fields(field, 1)?;
        Some(Self { count: u64::read_field(count)?, sum: S::read_field(sum)? })
    }
}

/// An empty field.
impl WriteField for () {
    fn write_field(&self, _: &mut Vec<u8>) {}
}

impl ReadField<'_> for () {
    fn read_field(field: &[u8]) -> Option<Self> {
        field.is_empty().then_some(())
    }
}

macro_rules! text_fields {
    ($($t:ty)*) => {$(
        impl WriteField for $t {
            fn write_field(&self, out: &mut Vec<u8>) {
                // Writing to a vector cannot fail.
                let _ = write!(out, "{self}");
            }
        }
        impl ReadField<'_> for $t {
            fn read_field(field: &[u8]) -> Option<Self> {
                str::from_utf8(field).ok()?.parse().ok()
            }
        }
    )*};
}
text_fields!(u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize bool char);

/// A number in the form of `{:e}`: 17 digits and an exponent at the most.
struct Digits {
    bytes: [u8; 32],
    len: usize,
}

impl core::fmt::Write for Digits {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        let out = self.bytes.get_mut(self.len..self.len + text.len()).ok_or(core::fmt::Error)?;
        out.copy_from_slice(text.as_bytes());
        self.len += text.len();
        Ok(())
    }
}

impl Digits {
    fn of(number: core::fmt::Arguments<'_>) -> Self {
        let mut digits = Self { bytes: [0; 32], len: 0 };
        // It is as long as there is room for.
        let _ = digits.write_fmt(number);
        digits
    }

    fn text(&self) -> &str {
        str::from_utf8(&self.bytes[..self.len]).unwrap_or_default()
    }
}

/// Writes a positive number, given as `d.ddde±x`, as Java does.
fn write_java(text: &str, out: &mut Vec<u8>) {
    let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let (first, rest) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let rest = rest.trim_end_matches('0').as_bytes();
    let or_zero =
        |digits: &[u8], out: &mut Vec<u8>| out.extend_from_slice(if digits.is_empty() { b"0" } else { digits });
    if (0..7).contains(&exponent) {
        let whole = exponent as usize;
        out.extend_from_slice(first.as_bytes());
        out.extend((0..whole).map(|i| rest.get(i).copied().unwrap_or(b'0')));
        out.push(b'.');
        or_zero(rest.get(whole..).unwrap_or_default(), out);
    } else if (-3..0).contains(&exponent) {
        out.extend_from_slice(b"0.");
        out.extend((exponent + 1..0).map(|_| b'0'));
        out.extend_from_slice(first.as_bytes());
        out.extend_from_slice(rest);
    } else {
        out.extend_from_slice(first.as_bytes());
        out.push(b'.');
        or_zero(rest, out);
        // Writing to a vector cannot fail.
        let _ = write!(out, "E{exponent}");
    }
}

macro_rules! float_fields {
    ($($t:ty)*) => {$(
        impl WriteField for $t {
            fn write_field(&self, out: &mut Vec<u8>) {
                if self.is_nan() {
                    return out.extend_from_slice(b"NaN");
                }
                if self.is_sign_negative() {
                    out.push(b'-');
                }
                let size = self.abs();
                if size == <$t>::INFINITY {
                    return out.extend_from_slice(b"Infinity");
                }
                // The fewest digits that name the number; of one digit Java prefers the nearest two.
                let mut digits = Digits::of(format_args!("{size:e}"));
                if !digits.text().contains('.') {
                    let two = Digits::of(format_args!("{size:.1e}"));
                    if two.text().parse() == Ok(size) {
                        digits = two;
                    }
                }
                write_java(digits.text(), out);
            }
        }
        impl ReadField<'_> for $t {
            fn read_field(field: &[u8]) -> Option<Self> {
                let text = str::from_utf8(field.trim_ascii()).ok()?;
                let number = text.strip_suffix(['d', 'D', 'f', 'F']).filter(|rest| rest.ends_with(|c: char| c == '.' || c.is_ascii_digit()));
                number.unwrap_or(text).parse().ok()
            }
        }
    )*};
}
float_fields!(f32 f64);

/// What is before the `n`th tab and what is after it.
pub(super) fn split_fields(line: &[u8], n: usize) -> Option<(&[u8], &[u8])> {
    let tabs = line.iter().enumerate().filter(|(_, byte)| **byte == b'\t');
    let (at, _) = tabs.take(n).last().filter(|_| n > 0)?;
    (line[..at].iter().filter(|&&byte| byte == b'\t').count() + 1 == n).then(|| (&line[..at], &line[at + 1..]))
}

macro_rules! tuple_fields {
    ($($name:ident $index:tt),*; $last:ident $end:tt) => {
        impl<$($name: WriteField,)* $last: WriteField> WriteField for ($($name,)* $last,) {
            const FIELDS: usize = $($name::FIELDS +)* $last::FIELDS;
            fn write_field(&self, out: &mut Vec<u8>) {
                $(self.$index.write_field(out);
                out.push(b'\t');)*
                self.$end.write_field(out);
            }
        }
        impl<'a, $($name: ReadField<'a>,)* $last: ReadField<'a>> ReadField<'a> for ($($name,)* $last,) {
            const FIELDS: usize = $($name::FIELDS +)* $last::FIELDS;
            fn read_field(field: &'a [u8]) -> Option<Self> {
                $(#[allow(non_snake_case)]
                let ($name, field) = split_fields(field, $name::FIELDS)?;)*
                Some(($($name::read_field($name)?,)* $last::read_field(field)?,))
            }
        }
    };
}
tuple_fields!(; A 0);
tuple_fields!(A 0; B 1);
tuple_fields!(A 0, B 1; C 2);
tuple_fields!(A 0, B 1, C 2; D 3);
tuple_fields!(A 0, B 1, C 2, D 3; E 4);
tuple_fields!(A 0, B 1, C 2, D 3, E 4; F 5);
