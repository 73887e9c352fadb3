//! FlatBuffers, read by a `const fn` from untrusted bytes.
//!
//! A table begins with the distance back to its vtable; the vtable says how far into the table each
//! field lies, 0 where it has its default. A vector or string begins with its length. Every number is
//! little-endian and may lie anywhere; every offset is checked here, where it is followed. Nothing
//! recurses: what reads a file asks for one table after another, so a cycle is only read twice.

use super::Error;

/// The bytes `[at, at + 4)`, if they are in the file.
const fn word(file: &[u8], at: usize) -> Option<[u8; 4]> {
    match file.split_at_checked(at) {
        Some((_, rest)) => match rest.first_chunk::<4>() {
            Some(bytes) => Some(*bytes),
            None => None,
        },
        None => None,
    }
}

const fn u32_at(file: &[u8], at: usize) -> Option<u32> {
    match word(file, at) {
        Some(bytes) => Some(u32::from_le_bytes(bytes)),
        None => None,
    }
}

const fn u16_at(file: &[u8], at: usize) -> Option<usize> {
    match file.split_at_checked(at) {
        Some((_, rest)) => match rest.first_chunk::<2>() {
            Some(bytes) => Some(u16::from_le_bytes(*bytes) as usize),
            None => None,
        },
        None => None,
    }
}

/// `at` plus the offset that is stored there.
const fn follow(file: &[u8], at: usize) -> Option<usize> {
    match u32_at(file, at) {
        Some(offset) => at.checked_add(offset as usize),
        None => None,
    }
}

/// The error for a place that `what` points to and that is not in the file.
const fn outside(what: &'static str, at: usize) -> Error {
    Error::Offset { what, at }
}

/// A table and its vtable.
#[derive(Clone, Copy)]
pub(super) struct Table<'a> {
    file: &'a [u8],
    at: usize,
    vtable: usize,
    /// Bytes of the vtable.
    len: usize,
}

impl<'a> Table<'a> {
    /// The table that the file begins with.
    pub(super) const fn root(file: &'a [u8]) -> Result<Self, Error> {
        match follow(file, 0) {
            Some(at) => Self::at(file, at, "the root table"),
            None => Err(outside("the root table", 0)),
        }
    }

    const fn at(file: &'a [u8], at: usize, what: &'static str) -> Result<Self, Error> {
        let Some(back) = u32_at(file, at) else { return Err(outside(what, at)) };
        let vtable = at as i64 - back as i32 as i64;
        if vtable < 0 || vtable > file.len() as i64 {
            return Err(outside(what, at));
        }
        let vtable = vtable as usize;
        let Some(len) = u16_at(file, vtable) else { return Err(outside(what, vtable)) };
        if len < 4 || len > file.len() - vtable {
            return Err(outside(what, vtable));
        }
        Ok(Self { file, at, vtable, len })
    }

    /// Where field `id` lies, unless it has its default.
    const fn field(&self, id: usize) -> Option<usize> {
        let entry = 4 + 2 * id;
        if entry + 2 > self.len {
            return None;
        }
        match u16_at(self.file, self.vtable + entry) {
            Some(0) | None => None,
            Some(offset) => self.at.checked_add(offset),
        }
    }

    /// A field of one byte.
    pub(super) const fn byte(&self, id: usize, default: u8, what: &'static str) -> Result<u8, Error> {
        let Some(at) = self.field(id) else { return Ok(default) };
        match self.file.split_at_checked(at) {
            Some((_, [byte, ..])) => Ok(*byte),
            _ => Err(outside(what, at)),
        }
    }

    /// A field that is true or false.
    pub(super) const fn flag(&self, id: usize, what: &'static str) -> Result<bool, Error> {
        Ok(tri!(self.byte(id, 0, what)) != 0)
    }

    /// A field of four bytes.
    pub(super) const fn int(&self, id: usize, default: i32, what: &'static str) -> Result<i32, Error> {
        let Some(at) = self.field(id) else { return Ok(default) };
        match word(self.file, at) {
            Some(bytes) => Ok(i32::from_le_bytes(bytes)),
            None => Err(outside(what, at)),
        }
    }

    /// A field of four bytes that are a float.
    pub(super) const fn float(&self, id: usize, default: f32, what: &'static str) -> Result<f32, Error> {
        Ok(f32::from_bits(tri!(self.int(id, default.to_bits() as i32, what)) as u32))
    }

    /// A field that is a table.
    pub(super) const fn table(&self, id: usize, what: &'static str) -> Result<Option<Self>, Error> {
        let Some(at) = self.field(id) else { return Ok(None) };
        match follow(self.file, at) {
            Some(at) => Ok(Some(tri!(Self::at(self.file, at, what)))),
            None => Err(outside(what, at)),
        }
    }

    /// A field that is a vector (or string) of elements of `size` bytes; empty where it is absent.
    pub(super) const fn vector(&self, id: usize, size: usize, what: &'static str) -> Result<Vector<'a>, Error> {
        match tri!(self.optional_vector(id, size, what)) {
            Some(vector) => Ok(vector),
            None => Ok(Vector { file: self.file, at: 0, len: 0 }),
        }
    }

    /// A field that is a vector (or string) of elements of `size` bytes, if it is there.
    pub(super) const fn optional_vector(
        &self,
        id: usize,
        size: usize,
        what: &'static str,
    ) -> Result<Option<Vector<'a>>, Error> {
        let Some(at) = self.field(id) else { return Ok(None) };
        let Some(at) = follow(self.file, at) else { return Err(outside(what, at)) };
        let Some(len) = u32_at(self.file, at) else { return Err(outside(what, at)) };
        let Some(bytes) = (len as usize).checked_mul(size) else { return Err(outside(what, at)) };
        // The length was read, so at + 4 is in the file or its end.
        if bytes > self.file.len() - at - 4 {
            return Err(outside(what, at));
        }
        Ok(Some(Vector { file: self.file, at: at + 4, len: len as usize }))
    }
}

/// A vector whose elements are all in the file; whoever made it knows their size.
#[derive(Clone, Copy)]
pub(super) struct Vector<'a> {
    file: &'a [u8],
    at: usize,
    len: usize,
}

impl<'a> Vector<'a> {
    /// No elements.
    pub(super) const EMPTY: Self = Self { file: &[], at: 0, len: 0 };

    /// The first elements, at most `len`.
    pub(super) const fn first(self, len: usize) -> Self {
        Self { len: if len < self.len { len } else { self.len }, ..self }
    }

    /// The same bytes as words.
    pub(super) const fn words(self) -> Self {
        Self { len: self.len / 4, ..self }
    }

    /// The same bytes as numbers of eight bytes.
    pub(super) const fn longs(self) -> Self {
        Self { len: self.len / 8, ..self }
    }

    /// Element `i` of one byte, signed.
    pub(super) const fn byte(&self, i: usize) -> Option<i32> {
        let bytes = self.bytes();
        if i < bytes.len() { Some(bytes[i] as i8 as i32) } else { None }
    }

    /// Whether two vectors of bytes have the same bytes.
    pub(super) const fn equals(&self, other: &Self) -> bool {
        let (a, b) = (self.bytes(), other.bytes());
        if a.len() != b.len() {
            return false;
        }
        let mut i = 0;
        while i < a.len() {
            if a[i] != b[i] {
                return false;
            }
            i += 1;
        }
        true
    }

    /// The number of elements.
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// Where the first element lies in the file.
    pub(super) const fn position(&self) -> usize {
        self.at
    }

    /// Element `i` of four bytes.
    pub(super) const fn int(&self, i: usize) -> Option<i32> {
        if i >= self.len {
            return None;
        }
        match word(self.file, self.at + 4 * i) {
            Some(bytes) => Some(i32::from_le_bytes(bytes)),
            None => None,
        }
    }

    /// Element `i` of eight bytes, if it fits in four.
    pub(super) const fn long(&self, i: usize) -> Option<i32> {
        if i >= self.len {
            return None;
        }
        match (word(self.file, self.at + 8 * i), word(self.file, self.at + 8 * i + 4)) {
            (Some(low), Some(high)) => {
                let (low, high) = (i32::from_le_bytes(low), i32::from_le_bytes(high));
                if high == low >> 31 { Some(low) } else { None }
            }
            _ => None,
        }
    }

    /// Element `i` of four bytes that are a float.
    pub(super) const fn float(&self, i: usize) -> Option<f32> {
        match self.int(i) {
            Some(bits) => Some(f32::from_bits(bits as u32)),
            None => None,
        }
    }

    /// Element `i`, a table.
    pub(super) const fn table(&self, i: usize, what: &'static str) -> Result<Table<'a>, Error> {
        if i >= self.len {
            return Err(Error::Index { what, index: i, len: self.len });
        }
        let at = self.at + 4 * i;
        match follow(self.file, at) {
            Some(at) => Table::at(self.file, at, what),
            None => Err(outside(what, at)),
        }
    }

    /// The bytes, where elements are bytes.
    pub(super) const fn bytes(&self) -> &'a [u8] {
        match self.file.split_at_checked(self.at) {
            Some((_, rest)) => match rest.split_at_checked(self.len) {
                Some((bytes, _)) => bytes,
                None => &[],
            },
            None => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Table, Vector};

    /// A root table with a byte, a word, a vector of words and a table (itself).
    const FILE: [u8; 48] = {
        let mut file = [0; 48];
        let fields: [(usize, &[u8]); 9] = [
            (0, &[20, 0, 0, 0]),                                  // root at 20
            (4, &[14, 0, 20, 0, 4, 0, 8, 0, 12, 0, 16, 0, 0, 0]), // vtable: 14 bytes, fields at 4, 8, 12, 16, none
            (20, &[16, 0, 0, 0]),                                 // vtable 16 bytes before
            (24, &[7, 0, 0, 0]),
            (28, &[0xFE, 0xFF, 0xFF, 0xFF]),
            (32, &[4, 0, 0, 0]), // a vector at 36
            (36, &[2, 0, 0, 0]), // of two, the first of which is the table's fourth field too
            (40, &[9, 0, 0, 0]),
            (44, &[0xFF, 0xFF, 0xFF, 0xFF]),
        ];
        let mut i = 0;
        while i < fields.len() {
            let (at, bytes) = fields[i];
            let mut j = 0;
            while j < bytes.len() {
                file[at + j] = bytes[j];
                j += 1;
            }
            i += 1;
        }
        file
    };

    #[test]
    fn fields_and_defaults() {
        let table = Table::root(&FILE).unwrap();
        assert_eq!(table.byte(0, 3, "byte"), Ok(7));
        assert_eq!(table.int(1, 3, "int"), Ok(-2));
        let vector = table.vector(2, 4, "vector").unwrap();
        assert_eq!((vector.len(), vector.int(0), vector.int(1), vector.int(2)), (2, Some(9), Some(-1), None));
        assert_eq!(table.byte(4, 3, "absent"), Ok(3));
        assert_eq!(table.int(5, 3, "beyond the vtable"), Ok(3));
        assert_eq!(table.vector(400, 4, "beyond the vtable").unwrap().len(), 0);
    }

    #[test]
    fn every_cut_and_every_byte_is_an_answer() {
        let look = |file: &[u8]| {
            let Ok(table) = Table::root(file) else { return };
            for id in 0..7 {
                let _ = (table.byte(id, 0, "byte"), table.int(id, 0, "int"));
                if let Ok(Some(table)) = table.table(id, "table") {
                    let _ = table
                        .vector(id, 4, "vector")
                        .map(|vector: Vector<'_>| vector.int(vector.len().wrapping_sub(1)));
                }
                if let Ok(vector) = table.vector(id, 1, "vector") {
                    let _ = (vector.bytes(), vector.long(0), vector.table(0, "table").is_ok());
                }
            }
        };
        for end in 0..FILE.len() {
            look(&FILE[..end]);
        }
        for at in 0..FILE.len() {
            for byte in 0..=255 {
                let mut file = FILE;
                file[at] = byte;
                look(&file);
            }
        }
    }
}
