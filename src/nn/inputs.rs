//! What a network reads: floats, or whole numbers.

use core::ops::Range;

use super::{Error, pass::Indices};
use crate::shape::Scalar;

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for u8 {}
    impl Sealed for u16 {}
    impl Sealed for u32 {}
}

/// A number that a network's input may consist of: `f32`, or `u8`, `u16` and `u32` for the indices that an
/// embedding looks up.
///
/// ```
/// use kernlet::{nn::{Element, Network}, shape::Shape};
/// fn is_element<E: Element>() {}
/// is_element::<f32>();
/// is_element::<u16>();
/// ```
pub trait Element: Scalar + sealed::Sealed {
    #[doc(hidden)]
    const ELEMENT: u8;

    #[doc(hidden)]
    fn inputs(inputs: &[Self]) -> Inputs<'_>;
}

/// The network's input, of whichever type.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Inputs<'a> {
    Floats(&'a [f32]),
    Indices(Indices<'a>),
}

impl Element for f32 {
    const ELEMENT: u8 = 0;

    fn inputs(inputs: &[Self]) -> Inputs<'_> {
        Inputs::Floats(inputs)
    }
}

impl Element for u8 {
    const ELEMENT: u8 = 1;

    fn inputs(inputs: &[Self]) -> Inputs<'_> {
        Inputs::Indices(Indices::U8(inputs))
    }
}

impl Element for u16 {
    const ELEMENT: u8 = 2;

    fn inputs(inputs: &[Self]) -> Inputs<'_> {
        Inputs::Indices(Indices::U16(inputs))
    }
}

impl Element for u32 {
    const ELEMENT: u8 = 3;

    fn inputs(inputs: &[Self]) -> Inputs<'_> {
        Inputs::Indices(Indices::U32(inputs))
    }
}

/// The first number that is none of a vocabulary.
fn beyond<I: Copy + Into<u32>>(ids: &[I], vocabulary: u32) -> Result<(), Error> {
    for (position, &id) in ids.iter().enumerate() {
        let index: u32 = id.into();
        if index >= vocabulary {
            return Err(Error::Index { position, index, vocabulary });
        }
    }
    Ok(())
}

impl<'a> Inputs<'a> {
    /// Whether all whole numbers are below that one; 0 where the network reads none.
    pub(super) fn check(&self, vocabulary: u32) -> Result<(), Error> {
        match self {
            _ if vocabulary == 0 => Ok(()),
            Self::Indices(Indices::U8(all)) => beyond(all, vocabulary),
            Self::Indices(Indices::U16(all)) => beyond(all, vocabulary),
            Self::Indices(Indices::U32(all)) => beyond(all, vocabulary),
            _ => Ok(()),
        }
    }

    /// Some of the floats; none where they are no floats.
    #[inline]
    pub(super) fn floats(&self, range: Range<usize>) -> Result<&'a [f32], Error> {
        match self {
            Self::Floats(all) => all.get(range).ok_or(Error::Plan),
            Self::Indices(_) => Ok(&[]),
        }
    }

    /// Some of the indices.
    #[inline]
    pub(super) fn indices(&self, range: Range<usize>) -> Result<Indices<'a>, Error> {
        Ok(match self {
            Self::Floats(_) | Self::Indices(Indices::None) => Indices::None,
            Self::Indices(Indices::U8(all)) => Indices::U8(all.get(range).ok_or(Error::Plan)?),
            Self::Indices(Indices::U16(all)) => Indices::U16(all.get(range).ok_or(Error::Plan)?),
            Self::Indices(Indices::U32(all)) => Indices::U32(all.get(range).ok_or(Error::Plan)?),
        })
    }
}
