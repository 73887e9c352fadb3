//! The types of numbers in a file.

use core::fmt;

/// The type of a tensor's elements in a file.
///
/// ```
/// use kernlet::snapshot::ElementType;
/// assert_eq!((ElementType::Bf16.bytes(), ElementType::I8.bytes()), (2, 1));
/// assert_eq!(ElementType::F32.to_string(), "F32");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
#[repr(u8)]
pub enum ElementType {
    /// Code 1: IEEE 754 with 32 bits.
    F32 = 1,
    /// Code 2: IEEE 754 with 16 bits.
    F16 = 2,
    /// Code 3: the upper half of an `F32`.
    Bf16 = 3,
    /// Code 4: IEEE 754 with 64 bits.
    F64 = 4,
    /// Code 5.
    I8 = 5,
    /// Code 6.
    U8 = 6,
    /// Code 7.
    I16 = 7,
    /// Code 8.
    I32 = 8,
    /// Code 9.
    I64 = 9,
}

impl ElementType {
    pub(super) const fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            1 => Self::F32,
            2 => Self::F16,
            3 => Self::Bf16,
            4 => Self::F64,
            5 => Self::I8,
            6 => Self::U8,
            7 => Self::I16,
            8 => Self::I32,
            9 => Self::I64,
            _ => return None,
        })
    }

    /// Bytes of an element.
    pub const fn bytes(self) -> usize {
        match self {
            Self::I8 | Self::U8 => 1,
            Self::F16 | Self::Bf16 | Self::I16 => 2,
            Self::F32 | Self::I32 => 4,
            Self::F64 | Self::I64 => 8,
        }
    }

    /// Its name, as safetensors writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::F32 => "F32",
            Self::F16 => "F16",
            Self::Bf16 => "BF16",
            Self::F64 => "F64",
            Self::I8 => "I8",
            Self::U8 => "U8",
            Self::I16 => "I16",
            Self::I32 => "I32",
            Self::I64 => "I64",
        }
    }
}

impl fmt::Display for ElementType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
