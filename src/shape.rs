//! Shapes as types, and the sizes that convolution and pooling derive.

mod sealed {
    /// Only `f32`-like scalars and arrays of shapes are shapes.
    pub trait Sealed {}
}

/// A scalar that a tensor may hold.
///
/// ```
/// fn is_scalar<T: kernlet::shape::Scalar>() {}
/// is_scalar::<f32>();
/// is_scalar::<u8>();
/// ```
pub trait Scalar: Shape<Scalar = Self> + bytemuck::Pod {}

/// A nested array such as `[[f32; 10]; 128]`: its type is the tensor's shape.
///
/// ```
/// use kernlet::shape::Shape;
/// assert_eq!(<[[f32; 10]; 128]>::LEN, 1280);
/// assert_eq!(<[[f32; 10]; 128]>::RANK, 2);
/// assert_eq!(<[[f32; 10]; 128]>::dims().as_slice(), [128, 10]);
/// ```
pub trait Shape: sealed::Sealed + bytemuck::Pod {
    /// The innermost element.
    type Scalar: Scalar;
    /// The number of scalars.
    const LEN: usize;
    /// The number of axes: 0 for a scalar.
    const RANK: usize;
    /// The sizes of the axes, outermost first; those past [`Self::RANK`] are 0.
    const DIMS: [usize; MAX_RANK];

    /// The sizes of the axes as a list.
    #[inline]
    fn dims() -> Dims {
        Dims { sizes: Self::DIMS, rank: Self::RANK }
    }
}

/// The most axes that a shape may have.
///
/// ```
/// assert_eq!(kernlet::shape::MAX_RANK, 6);
/// ```
pub const MAX_RANK: usize = 6;

/// The sizes of a tensor's axes, outermost first.
///
/// ```
/// use kernlet::shape::Dims;
/// let dims = Dims::new(&[28, 28, 1]);
/// assert_eq!(dims.len(), 784);
/// assert_eq!(dims.to_string(), "28×28×1");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Dims {
    sizes: [usize; MAX_RANK],
    rank: usize,
}

impl Dims {
    /// The axes `sizes`, outermost first.
    ///
    /// # Panics
    /// If there are more than [`MAX_RANK`] axes; in a `const` that is a compile-time error.
    ///
    /// ```
    /// const IMAGE: kernlet::shape::Dims = kernlet::shape::Dims::new(&[28, 28, 1]);
    /// ```
    pub const fn new(sizes: &[usize]) -> Self {
        assert!(sizes.len() <= MAX_RANK, "a shape has at most 6 axes");
        let mut dims = Self { sizes: [0; MAX_RANK], rank: sizes.len() };
        let mut i = 0;
        while i < sizes.len() {
            dims.sizes[i] = sizes[i];
            i += 1;
        }
        dims
    }

    /// The sizes, outermost first.
    ///
    /// ```
    /// assert_eq!(kernlet::shape::Dims::new(&[3, 4]).as_slice(), [3, 4]);
    /// ```
    #[inline]
    pub const fn as_slice(&self) -> &[usize] {
        match self.sizes.split_at_checked(self.rank) {
            Some((sizes, _)) => sizes,
            None => &self.sizes,
        }
    }

    /// The number of axes.
    ///
    /// ```
    /// assert_eq!(kernlet::shape::Dims::new(&[3, 4]).rank(), 2);
    /// ```
    #[inline]
    pub const fn rank(&self) -> usize {
        self.rank
    }

    /// The number of scalars: the product of the sizes, 1 for no axes.
    ///
    /// ```
    /// assert_eq!(kernlet::shape::Dims::new(&[3, 4]).len(), 12);
    /// ```
    #[inline]
    pub const fn len(&self) -> usize {
        let mut len = 1;
        let mut i = 0;
        // The second bound always holds; it spares firmware a check that could panic.
        while i < self.rank && i < MAX_RANK {
            len *= self.sizes[i];
            i += 1;
        }
        len
    }

    /// Whether there is no scalar at all.
    ///
    /// ```
    /// assert!(kernlet::shape::Dims::new(&[3, 0]).is_empty());
    /// ```
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The size of one axis, 1 past the last: a shape can be read as a longer one.
    ///
    /// ```
    /// assert_eq!(kernlet::shape::Dims::new(&[3, 4]).axis(1), 4);
    /// ```
    #[inline]
    pub const fn axis(&self, axis: usize) -> usize {
        if axis < self.rank && axis < MAX_RANK { self.sizes[axis] } else { 1 }
    }
}

impl core::fmt::Display for Dims {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        for (i, size) in self.as_slice().iter().enumerate() {
            if i > 0 {
                f.write_str("×")?;
            }
            write!(f, "{size}")?;
        }
        Ok(())
    }
}

macro_rules! scalars {
    ($($t:ty)*) => {$(
        impl sealed::Sealed for $t {}
        impl Scalar for $t {}
        impl Shape for $t {
            type Scalar = $t;
            const LEN: usize = 1;
            const RANK: usize = 0;
            const DIMS: [usize; MAX_RANK] = [0; MAX_RANK];
        }
    )*};
}

scalars!(f32 f64 u8 i8 u16 i16 u32 i32 u64 i64);

impl<A: Shape, const N: usize> sealed::Sealed for [A; N] {}

impl<A: Shape, const N: usize> Shape for [A; N] {
    type Scalar = A::Scalar;
    const LEN: usize = N * A::LEN;
    const RANK: usize = A::RANK + 1;
    const DIMS: [usize; MAX_RANK] = {
        assert!(A::RANK < MAX_RANK, "a shape has at most 6 axes");
        let mut dims = [0; MAX_RANK];
        dims[0] = N;
        let mut i = 0;
        while i < A::RANK {
            dims[i + 1] = A::DIMS[i];
            i += 1;
        }
        dims
    };
}

/// How much is added around an image before a window slides over it.
///
/// ```
/// use kernlet::shape::Padding;
/// assert_eq!(Padding::Same.resolve([7, 9], [3, 3], [2, 2], [1, 1]), [1, 1, 1, 1]);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Padding {
    /// Nothing: the window stays inside.
    #[default]
    Valid,
    /// As TensorFlow and Keras do: the output has `⌈size / stride⌉` elements; where
    /// the total is odd, the extra row or column is at the bottom or right.
    Same,
    /// Rows and columns on each side.
    Explicit {
        /// Rows above.
        top: usize,
        /// Rows below.
        bottom: usize,
        /// Columns on the left.
        left: usize,
        /// Columns on the right.
        right: usize,
    },
}

impl Padding {
    /// The padding of a `[height, width]` image as `[top, bottom, left, right]`.
    pub const fn resolve(
        self,
        input: [usize; 2],
        kernel: [usize; 2],
        stride: [usize; 2],
        dilation: [usize; 2],
    ) -> [usize; 4] {
        match self {
            Self::Valid => [0; 4],
            Self::Same => {
                let [top, bottom] = same_padding(input[0], kernel[0], stride[0], dilation[0]);
                let [left, right] = same_padding(input[1], kernel[1], stride[1], dilation[1]);
                [top, bottom, left, right]
            }
            Self::Explicit { top, bottom, left, right } => [top, bottom, left, right],
        }
    }
}

/// How many elements a kernel of `kernel` taps, `dilation` apart, spans.
///
/// ```
/// assert_eq!(kernlet::shape::span(3, 2), 5);
/// ```
#[inline]
pub const fn span(kernel: usize, dilation: usize) -> usize {
    if kernel == 0 { 0 } else { (kernel - 1) * dilation + 1 }
}

/// The padding before and after one axis that makes the output `⌈input / stride⌉` long.
///
/// ```
/// assert_eq!(kernlet::shape::same_padding(28, 3, 1, 1), [1, 1]);
/// assert_eq!(kernlet::shape::same_padding(8, 3, 2, 1), [0, 1]);
/// ```
pub const fn same_padding(input: usize, kernel: usize, stride: usize, dilation: usize) -> [usize; 2] {
    if input == 0 || stride == 0 {
        return [0, 0];
    }
    let output = input.div_ceil(stride);
    let needed = (output - 1) * stride + span(kernel, dilation);
    let total = needed.saturating_sub(input);
    [total / 2, total - total / 2]
}

/// The number of positions of a window along one axis: `⌊(input + padding − span) / stride⌋ + 1`,
/// or 0 if the window does not fit (or a size or the stride is 0).
///
/// ```
/// assert_eq!(kernlet::shape::window_count(28, 0, 3, 1, 1), 26);
/// assert_eq!(kernlet::shape::window_count(2, 0, 3, 1, 1), 0);
/// ```
pub const fn window_count(input: usize, padding: usize, kernel: usize, stride: usize, dilation: usize) -> usize {
    let padded = input + padding;
    let span = span(kernel, dilation);
    if span == 0 || stride == 0 || span > padded { 0 } else { (padded - span) / stride + 1 }
}

/// The length of one axis after a transposed convolution:
/// `(input − 1) · stride + span − padding`, or 0 if nothing is left.
///
/// ```
/// assert_eq!(kernlet::shape::transposed_size(13, 0, 2, 2, 1), 26);
/// ```
pub const fn transposed_size(input: usize, padding: usize, kernel: usize, stride: usize, dilation: usize) -> usize {
    if input == 0 { 0 } else { ((input - 1) * stride + span(kernel, dilation)).saturating_sub(padding) }
}
