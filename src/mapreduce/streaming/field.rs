//! Fields of lines.

use alloc::vec::Vec;
use std::io::Write;

/// Something that can be written as a field of a line.
///
/// ```
/// use kernlet::mapreduce::WriteField;
/// let mut line = Vec::new();
/// 1.5f32.write_field(&mut line);
/// assert_eq!(line, b"1.5");
/// ```
pub trait WriteField {
    /// Appends the field. Keys may hold no tab, and no field a newline or a
    /// carriage return: where one is written, [`StreamError::Separator`](super::StreamError::Separator) is the answer.
    fn write_field(&self, out: &mut Vec<u8>);
}

/// Something that can be read from a field of a line.
///
/// ```
/// use kernlet::mapreduce::ReadField;
/// assert_eq!(u8::read_field(b"255"), Some(255));
/// assert_eq!(u8::read_field(b"256"), None);
/// ```
pub trait ReadField<'a>: Sized {
    /// Reads what fills `field`; `None` if nothing of this type does.
    fn read_field(field: &'a [u8]) -> Option<Self>;
}

impl<T: WriteField + ?Sized> WriteField for &T {
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

macro_rules! number_fields {
    ($($t:ty)*) => {$(
        impl WriteField for $t {
            fn write_field(&self, out: &mut Vec<u8>) {
                // Writing to a vector cannot fail.
                let _ = write!(out, "{self}");
            }
        }
        impl<'a> ReadField<'a> for $t {
            fn read_field(field: &'a [u8]) -> Option<Self> {
                str::from_utf8(field).ok()?.parse().ok()
            }
        }
    )*};
}
number_fields!(u8 u16 u32 u64 u128 i8 i16 i32 i64 i128 f32 f64);
