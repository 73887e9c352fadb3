//! The lists in a header: attributes, tensors, sections. `const`, so written with loops.

use super::{AttributeInfo, AttributeValue, ElementType, SectionInfo, StoredTensor};
use crate::shape::{Dims, MAX_RANK};

/// A place in the header; everything returns `None` where the header ends too early or says something impossible.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(super) const fn left(&self) -> usize {
        self.rest.len()
    }

    /// Whether all that is left is zeros.
    pub(super) const fn is_padding(&self) -> bool {
        is_zero(self.rest)
    }

    const fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let Some((taken, rest)) = self.rest.split_at_checked(len) else { return None };
        self.rest = rest;
        Some(taken)
    }

    const fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let Some(bytes) = self.take(N) else { return None };
        bytes.first_chunk::<N>().copied()
    }

    const fn byte(&mut self) -> Option<u8> {
        match self.array::<1>() {
            Some([byte]) => Some(byte),
            None => None,
        }
    }

    const fn u32(&mut self) -> Option<u32> {
        match self.array() {
            Some(bytes) => Some(u32::from_le_bytes(bytes)),
            None => None,
        }
    }

    const fn u64(&mut self) -> Option<u64> {
        match self.array() {
            Some(bytes) => Some(u64::from_le_bytes(bytes)),
            None => None,
        }
    }

    pub(super) const fn name(&mut self) -> Option<&'a str> {
        let Some(len) = self.byte() else { return None };
        let Some(bytes) = self.take(len as usize) else { return None };
        match core::str::from_utf8(bytes) {
            Ok(name) => Some(name),
            Err(_) => None,
        }
    }

    const fn dims(&mut self) -> Option<Dims> {
        let Some(rank) = self.byte() else { return None };
        let rank = rank as usize;
        if rank > MAX_RANK {
            return None;
        }
        let (mut sizes, mut i) = ([0; MAX_RANK], 0);
        while i < rank {
            let Some(size) = self.u32() else { return None };
            sizes[i] = size as usize;
            i += 1;
        }
        Some(Dims::new(sizes.split_at(rank).0))
    }

    pub(super) const fn attribute(&mut self) -> Option<AttributeInfo<'a>> {
        let Some(owner) = self.name() else { return None };
        let Some(name) = self.name() else { return None };
        let value = match self.byte() {
            Some(1) => match self.u64() {
                Some(bits) => AttributeValue::Number(f64::from_bits(bits)),
                None => return None,
            },
            Some(2) => match self.u64() {
                Some(number) => AttributeValue::Whole(number),
                None => return None,
            },
            Some(3) => match self.dims() {
                Some(sizes) => AttributeValue::Sizes(sizes),
                None => return None,
            },
            Some(4) => match self.name() {
                Some(word) => AttributeValue::Word(word),
                None => return None,
            },
            _ => return None,
        };
        Some(AttributeInfo { owner, name, value })
    }

    /// The next tensor, whose elements begin `start` bytes into the parameters.
    pub(super) const fn tensor(&mut self, start: usize) -> Option<StoredTensor<'a>> {
        let Some(layer) = self.name() else { return None };
        let Some(name) = self.name() else { return None };
        let Some(code) = self.byte() else { return None };
        let Some(element) = ElementType::from_code(code) else { return None };
        let Some(dims) = self.dims() else { return None };
        let (mut len, mut i) = (element.bytes(), 0);
        while i < dims.rank() {
            // A zero must not hide sizes whose product overflows.
            if dims.axis(i) == 0 {
                return None;
            }
            len = match len.checked_mul(dims.axis(i)) {
                Some(len) => len,
                None => return None,
            };
            i += 1;
        }
        let Some(end) = start.checked_add(len) else { return None };
        Some(StoredTensor { layer, name, element, dims, start, end })
    }

    pub(super) const fn section(&mut self) -> Option<SectionInfo<'a>> {
        let Some(name) = self.name() else { return None };
        let Some(flags) = self.byte() else { return None };
        let Some(code) = self.byte() else { return None };
        let Some(element) = ElementType::from_code(code) else { return None };
        let Some(start) = self.u64() else { return None };
        let Some(len) = self.u64() else { return None };
        let Some(crc) = self.u32() else { return None };
        if flags > 1 {
            return None;
        }
        Some(SectionInfo { name, required: flags == 1, element, start, len, crc })
    }
}

/// Whether all bytes are zero.
pub(super) const fn is_zero(bytes: &[u8]) -> bool {
    let mut i = 0;
    while i < bytes.len() {
        if bytes[i] != 0 {
            return false;
        }
        i += 1;
    }
    true
}
