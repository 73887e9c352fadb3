//! The one error of a kernel: a size that does not fit.

use core::fmt;

/// A slice whose length does not fit the shape descriptor, or a descriptor that describes nothing.
///
/// ```
/// use kernlet::kernels::ShapeError;
/// let error = ShapeError::new("conv2d", "w", 288, 287);
/// assert_eq!(error.to_string(), "conv2d: w: expected 288, found 287");
/// let error = ShapeError::at_most("conv2d_transpose", "output_padding", 0, 1);
/// assert_eq!(error.to_string(), "conv2d_transpose: output_padding: expected at most 0, found 1");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct ShapeError {
    /// Which kernel.
    pub operation: &'static str,
    /// Which argument, or which size of the descriptor.
    pub argument: &'static str,
    /// How what was found should stand to `expected`.
    pub relation: Relation,
    /// The size that fits, or the bound of those that do.
    pub expected: usize,
    /// The size that was given; [`usize::MAX`] for a product that overflows.
    pub found: usize,
}

/// What a size should be, compared with the one that a [`ShapeError`] expects.
///
/// ```
/// use kernlet::kernels::Relation;
/// assert_eq!(Relation::AtLeast.words(), "at least ");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Relation {
    /// The same.
    Equal,
    /// Not below it.
    AtLeast,
    /// Not above it.
    AtMost,
    /// A multiple of it.
    MultipleOf,
}

impl Relation {
    /// What a message says before the expected size, with the space after it: `""`, `"at least "`,
    /// `"at most "` or `"a multiple of "`. A `const fn`, for messages made while compiling.
    ///
    /// ```
    /// assert_eq!(kernlet::kernels::Relation::Equal.words(), "");
    /// ```
    pub const fn words(self) -> &'static str {
        match self {
            Self::Equal => "",
            Self::AtLeast => "at least ",
            Self::AtMost => "at most ",
            Self::MultipleOf => "a multiple of ",
        }
    }
}

impl ShapeError {
    /// `argument` of `operation` should be `expected` and is `found`.
    ///
    /// ```
    /// use kernlet::kernels::ShapeError;
    /// assert_eq!(ShapeError::new("dense", "x", 6, 5).to_string(), "dense: x: expected 6, found 5");
    /// ```
    pub const fn new(operation: &'static str, argument: &'static str, expected: usize, found: usize) -> Self {
        Self { operation, argument, relation: Relation::Equal, expected, found }
    }

    /// `argument` of `operation` should be at least `least` and is `found`.
    ///
    /// ```
    /// use kernlet::kernels::ShapeError;
    /// let error = ShapeError::at_least("conv2d", "padded height", 3, 2);
    /// assert_eq!(error.to_string(), "conv2d: padded height: expected at least 3, found 2");
    /// ```
    pub const fn at_least(operation: &'static str, argument: &'static str, least: usize, found: usize) -> Self {
        Self { operation, argument, relation: Relation::AtLeast, expected: least, found }
    }

    /// `argument` of `operation` should be at most `most` and is `found`.
    ///
    /// ```
    /// use kernlet::kernels::ShapeError;
    /// let error = ShapeError::at_most("max_pool2d", "padding", 1, 2);
    /// assert_eq!(error.to_string(), "max_pool2d: padding: expected at most 1, found 2");
    /// ```
    pub const fn at_most(operation: &'static str, argument: &'static str, most: usize, found: usize) -> Self {
        Self { operation, argument, relation: Relation::AtMost, expected: most, found }
    }

    /// `argument` of `operation` should be a multiple of `divisor` and is `found`.
    ///
    /// ```
    /// use kernlet::kernels::ShapeError;
    /// let error = ShapeError::multiple_of("conv2d", "in_channels", 4, 6);
    /// assert_eq!(error.to_string(), "conv2d: in_channels: expected a multiple of 4, found 6");
    /// ```
    pub const fn multiple_of(operation: &'static str, argument: &'static str, divisor: usize, found: usize) -> Self {
        Self { operation, argument, relation: Relation::MultipleOf, expected: divisor, found }
    }
}

impl fmt::Display for ShapeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { operation, argument, relation, expected, found } = self;
        write!(f, "{operation}: {argument}: expected {}{expected}, found {found}", relation.words())
    }
}

impl core::error::Error for ShapeError {}
