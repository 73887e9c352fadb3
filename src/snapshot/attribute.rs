//! What a file says besides shapes: hyper-parameters and other facts.

use core::fmt;

use super::Label;
use crate::shape::Dims;

/// The value of an attribute; `T` is a word as it is held.
///
/// ```
/// use kernlet::{shape::Dims, snapshot::AttributeValue};
/// assert_eq!(AttributeValue::Number::<&str>(0.001).to_string(), "0.001");
/// assert_eq!(AttributeValue::Sizes::<&str>(Dims::new(&[2, 1])).to_string(), "2×1");
/// ```
#[derive(Clone, Copy, PartialEq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum AttributeValue<T> {
    /// A number: an ε, a slope.
    Number(f64),
    /// A whole number: a count, a seed.
    Whole(u64),
    /// Sizes: a stride, a padding.
    Sizes(Dims),
    /// A word.
    Word(T),
}

impl<T: fmt::Display> fmt::Display for AttributeValue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Whole(number) => number.fmt(f),
            Self::Sizes(sizes) => sizes.fmt(f),
            Self::Word(word) => word.fmt(f),
        }
    }
}

impl AttributeValue<&str> {
    /// Whether both are the same to the bit.
    pub(super) const fn is(&self, other: &AttributeValue<&str>) -> bool {
        match (self, other) {
            (AttributeValue::Number(a), AttributeValue::Number(b)) => a.to_bits() == b.to_bits(),
            (AttributeValue::Whole(a), AttributeValue::Whole(b)) => *a == *b,
            (AttributeValue::Sizes(a), AttributeValue::Sizes(b)) => super::equal_sizes(a.as_slice(), b.as_slice()),
            (AttributeValue::Word(a), AttributeValue::Word(b)) => super::equal(a.as_bytes(), b.as_bytes()),
            _ => false,
        }
    }

    /// The same with a word cut off after 32 bytes.
    pub(crate) const fn labelled(&self) -> AttributeValue<Label> {
        match self {
            AttributeValue::Number(number) => AttributeValue::Number(*number),
            AttributeValue::Whole(number) => AttributeValue::Whole(*number),
            AttributeValue::Sizes(sizes) => AttributeValue::Sizes(*sizes),
            AttributeValue::Word(word) => AttributeValue::Word(Label::new(word)),
        }
    }
}

/// A hyper-parameter that changes what a layer computes, or another fact about a file.
///
/// The owner is a layer's name, or begins with `@`: `@optimizer` and `@training` are this crate's, others are free.
///
/// ```
/// use kernlet::snapshot::{AttributeInfo, AttributeValue};
/// const EPSILON: AttributeInfo = AttributeInfo { owner: "bn1", name: "epsilon", value: AttributeValue::Number(1e-3) };
/// assert_eq!(EPSILON.value, AttributeValue::Number(0.001));
/// ```
#[derive(Clone, Copy, PartialEq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct AttributeInfo<'a> {
    /// The layer, or what else it belongs to.
    pub owner: &'a str,
    /// Its name.
    pub name: &'a str,
    /// Its value.
    pub value: AttributeValue<&'a str>,
}

impl AttributeInfo<'_> {
    /// Whether it belongs to a layer.
    pub(super) const fn is_of_layer(&self) -> bool {
        !matches!(self.owner.as_bytes(), [b'@', ..])
    }

    /// Whether it has the name and the owner of another.
    pub(super) const fn is_named(&self, other: &AttributeInfo<'_>) -> bool {
        super::equal(self.owner.as_bytes(), other.owner.as_bytes())
            && super::equal(self.name.as_bytes(), other.name.as_bytes())
    }
}

/// Whether one of `all` has its name and its owner.
pub(super) const fn is_among(attribute: &AttributeInfo<'_>, all: &[AttributeInfo<'_>]) -> bool {
    let mut i = 0;
    while i < all.len() {
        if all[i].is_named(attribute) {
            return true;
        }
        i += 1;
    }
    false
}
