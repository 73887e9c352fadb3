//! FlatBuffers, written from the end to the beginning: what is pointed at exists before what points at it.
//!
//! The format is that of <https://flatbuffers.dev/internals>: little-endian, tables found through vtables, every number
//! at a multiple of its size.

use alloc::vec::Vec;

/// A place in a buffer that is being written: its distance from the end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct At(usize);

/// A field of a table.
#[derive(Clone, Copy, Debug)]
pub(super) enum Field {
    Byte(u8),
    Int(i32),
    Float(f32),
    At(At),
}

/// The largest alignment: that of the data of buffers in TensorFlow Lite's schema.
const MOST: usize = 16;

/// A buffer in the making. Its bytes are kept last to first.
#[derive(Debug, Default)]
pub(super) struct Builder {
    reversed: Vec<u8>,
}

impl Builder {
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// Adds zeros, so that after `len` more bytes the place is a multiple of `alignment` from the end.
    fn align(&mut self, len: usize, alignment: usize) {
        let end = (self.reversed.len() + len).next_multiple_of(alignment);
        self.reversed.resize(end - len, 0);
    }

    fn put(&mut self, bytes: &[u8]) {
        self.reversed.extend(bytes.iter().rev());
    }

    fn here(&self) -> At {
        At(self.reversed.len())
    }

    /// The distance from the next four bytes to what lies at `to`.
    fn put_offset(&mut self, to: At) {
        let distance = self.reversed.len() + 4 - to.0;
        self.put(&(distance as u32).to_le_bytes());
    }

    /// A vector of elements that are `size` bytes each, the first of them at a multiple of `alignment`.
    fn vector(&mut self, bytes: &[u8], count: usize, alignment: usize) -> At {
        self.align(bytes.len(), alignment.max(4));
        self.put(bytes);
        self.put(&(count as u32).to_le_bytes());
        self.here()
    }

    /// A vector of bytes at a multiple of 16, as the schema requires for the data of buffers.
    pub(super) fn data(&mut self, bytes: &[u8]) -> At {
        self.vector(bytes, bytes.len(), MOST)
    }

    pub(super) fn ints(&mut self, ints: &[i32]) -> At {
        let bytes: Vec<u8> = ints.iter().flat_map(|int| int.to_le_bytes()).collect();
        self.vector(&bytes, ints.len(), 4)
    }

    pub(super) fn longs(&mut self, longs: &[i64]) -> At {
        let bytes: Vec<u8> = longs.iter().flat_map(|long| long.to_le_bytes()).collect();
        self.vector(&bytes, longs.len(), 8)
    }

    pub(super) fn floats(&mut self, floats: &[f32]) -> At {
        let bytes: Vec<u8> = floats.iter().flat_map(|float| float.to_le_bytes()).collect();
        self.vector(&bytes, floats.len(), 4)
    }

    /// A string, followed by the zero byte that the format requires.
    pub(super) fn text(&mut self, text: &str) -> At {
        self.align(text.len() + 1, 4);
        self.put(&[0]);
        self.put(text.as_bytes());
        self.put(&(text.len() as u32).to_le_bytes());
        self.here()
    }

    /// A vector of tables.
    pub(super) fn list(&mut self, tables: &[At]) -> At {
        self.align(0, 4);
        for &table in tables.iter().rev() {
            self.put_offset(table);
        }
        self.put(&(tables.len() as u32).to_le_bytes());
        self.here()
    }

    /// A table of the fields that are there, each with its number in the schema.
    pub(super) fn table(&mut self, fields: &[(usize, Field)]) -> At {
        let mut places = Vec::new();
        self.align(0, 4);
        let end = self.reversed.len();
        // Words lie at multiples of four; bytes are in front of them, behind padding.
        for &(number, field) in fields {
            match field {
                Field::Byte(_) => continue,
                Field::Int(int) => self.put(&int.to_le_bytes()),
                Field::Float(float) => self.put(&float.to_le_bytes()),
                Field::At(to) => self.put_offset(to),
            }
            places.push((number, self.here()));
        }
        for &(number, field) in fields {
            if let Field::Byte(byte) = field {
                self.put(&[byte]);
                places.push((number, self.here()));
            }
        }
        self.align(4, 4);
        // The table begins with the distance to its vtable, which lies right before it.
        let table = At(self.reversed.len() + 4);
        let slots = places.iter().map(|(number, _)| number + 1).max().unwrap_or(0);
        let vtable = 4 + 2 * slots;
        // The vtable's end is the table's beginning; it must be of whole words for the table to be at one.
        let padded = (table.0 + vtable).next_multiple_of(4) - table.0;
        self.put(&(padded as i32).to_le_bytes());
        self.reversed.resize(table.0 + padded - vtable, 0);
        for slot in (0..slots).rev() {
            let place = places.iter().find(|(number, _)| *number == slot);
            let offset = place.map_or(0, |(_, at)| table.0 - at.0);
            self.put(&(offset as u16).to_le_bytes());
        }
        self.put(&((table.0 - end) as u16).to_le_bytes());
        self.put(&(vtable as u16).to_le_bytes());
        table
    }

    /// The whole buffer, with its root and a file identifier.
    pub(super) fn finish(mut self, root: At, identifier: [u8; 4]) -> Vec<u8> {
        self.align(8, MOST);
        self.put(&identifier);
        self.put_offset(root);
        self.reversed.reverse();
        self.reversed
    }
}

#[cfg(test)]
mod tests {
    use super::{Builder, Field};

    fn word(bytes: &[u8], at: usize) -> usize {
        u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize
    }

    #[test]
    fn a_table_is_found_through_its_vtable() {
        let mut builder = Builder::new();
        let data = builder.data(&[1, 2, 3]);
        let name = builder.text("abc");
        let table = builder.table(&[
            (0, Field::Byte(7)),
            (2, Field::Int(-5)),
            (3, Field::At(data)),
            (5, Field::At(name)),
            (6, Field::Float(1.5)),
        ]);
        let bytes = builder.finish(table, *b"TFL3");
        assert_eq!(&bytes[4..8], b"TFL3");
        let table = word(&bytes, 0);
        assert_eq!(table % 4, 0);
        let vtable = table - word(&bytes, table);
        let field = |number: usize| {
            let at = vtable + 4 + 2 * number;
            u16::from_le_bytes([bytes[at], bytes[at + 1]]) as usize
        };
        assert_eq!((bytes[vtable], field(1), field(4)), (4 + 2 * 7, 0, 0));
        assert_eq!(bytes[table + field(0)], 7);
        assert_eq!(word(&bytes, table + field(2)) as i32, -5);
        assert_eq!(f32::from_bits(word(&bytes, table + field(6)) as u32), 1.5);
        let data = table + field(3) + word(&bytes, table + field(3));
        assert_eq!((word(&bytes, data), &bytes[data + 4..data + 7]), (3, &[1, 2, 3][..]));
        assert_eq!((data + 4) % 16, 0);
        let name = table + field(5) + word(&bytes, table + field(5));
        assert_eq!((word(&bytes, name), &bytes[name + 4..name + 8]), (3, &b"abc\0"[..]));
        for number in [2, 3, 5, 6] {
            assert_eq!((table + field(number)) % 4, 0);
        }
    }
}
