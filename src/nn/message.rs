//! Compile-time error messages with numbers in them: `panic!` in a `const`
//! takes a `&str` only, so the text is put together in a byte array.

use crate::shape::Dims;

const CAPACITY: usize = 320;

/// A text of limited length that can grow in a `const`.
pub(crate) struct Message {
    bytes: [u8; CAPACITY],
    len: usize,
}

impl Message {
    /// ``network `net`: ``
    pub(crate) const fn of_network(network: &str) -> Self {
        Self { bytes: [0; CAPACITY], len: 0 }.text("network `").text(network).text("`: ")
    }

    /// ``network `net`, layer 3 `fc1`: ``
    pub(crate) const fn at_layer(network: &str, index: usize, name: &str) -> Self {
        Self { bytes: [0; CAPACITY], len: 0 }
            .text("network `")
            .text(network)
            .text("`, layer ")
            .number(index)
            .text(" `")
            .text(name)
            .text("`: ")
    }

    pub(crate) const fn text(mut self, text: &str) -> Self {
        let text = text.as_bytes();
        let mut i = 0;
        while i < text.len() && self.len < CAPACITY {
            self.bytes[self.len] = text[i];
            self.len += 1;
            i += 1;
        }
        self
    }

    pub(crate) const fn number(mut self, number: usize) -> Self {
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

    pub(crate) const fn pair(self, pair: [usize; 2]) -> Self {
        self.number(pair[0]).text("x").number(pair[1])
    }

    pub(crate) const fn dims(mut self, dims: &Dims) -> Self {
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

    /// Stops the compilation (or, at run time, panics) with the text.
    #[track_caller]
    pub(crate) const fn fail(self) -> ! {
        match core::str::from_utf8(self.bytes.split_at(self.len).0) {
            Ok(text) => panic!("{}", text),
            Err(_) => panic!("a network's definition is wrong"),
        }
    }
}
