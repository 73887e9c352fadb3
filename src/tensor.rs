//! Tensors whose type is the array one would have written.
#![allow(unsafe_code)]

use core::fmt;

use crate::shape::{Dims, Shape};

/// A nested array with flat views: `Tensor<[[f32; 10]; 128]>` is 128 rows of 10.
///
/// Nothing here returns a tensor by value but [`Tensor::zeroed`], which is `const`:
/// a large one belongs in a `static`, in a slice of plain numbers ([`Tensor::from_slice`])
/// or in a box (`Tensor::zeroed_box`), never on the stack.
///
/// ```
/// use kernlet::tensor::Tensor;
/// let mut t = Tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]);
/// t.map(|x| 10.0 * x);
/// assert_eq!(t.0[1][0], 30.0);
/// assert_eq!(t.as_slice(), [10.0, 20.0, 30.0, 40.0, 50.0, 60.0]);
/// ```
#[derive(Clone, Copy, PartialEq)]
#[repr(transparent)]
pub struct Tensor<A>(pub A);

// SAFETY: a transparent wrapper of plain data is plain data.
unsafe impl<A: bytemuck::Zeroable> bytemuck::Zeroable for Tensor<A> {}
// SAFETY: as above.
unsafe impl<A: bytemuck::Pod> bytemuck::Pod for Tensor<A> {}

/// Why numbers or bytes cannot be viewed as a tensor.
///
/// ```
/// use kernlet::tensor::{Tensor, ViewError};
/// let error = Tensor::<[f32; 4]>::from_slice(&[0.0; 3]).unwrap_err();
/// assert_eq!(error.to_string(), "expected 16 bytes for the tensor, found 12");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum ViewError {
    /// The number of bytes is not the tensor's.
    Length {
        /// Bytes of the tensor.
        expected: usize,
        /// Bytes given.
        found: usize,
    },
    /// The address is not a multiple of the scalar's alignment.
    Alignment {
        /// The alignment in bytes.
        expected: usize,
    },
}

impl fmt::Display for ViewError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length { expected, found } => write!(f, "expected {expected} bytes for the tensor, found {found}"),
            Self::Alignment { expected } => write!(f, "expected bytes aligned to {expected}"),
        }
    }
}

impl core::error::Error for ViewError {}

impl<A: Shape> Tensor<A> {
    /// The number of scalars.
    ///
    /// ```
    /// assert_eq!(kernlet::tensor::Tensor::<[[f32; 10]; 128]>::LEN, 1280);
    /// ```
    pub const LEN: usize = A::LEN;

    /// The size in bytes.
    ///
    /// ```
    /// assert_eq!(kernlet::tensor::Tensor::<[[f32; 10]; 128]>::BYTES, 5120);
    /// ```
    pub const BYTES: usize = size_of::<A>();

    /// All zeros, for a `static` or a small tensor.
    ///
    /// ```
    /// use kernlet::tensor::Tensor;
    /// static WEIGHTS: Tensor<[[f32; 128]; 9216]> = Tensor::zeroed();
    /// assert_eq!(WEIGHTS.0[9215][127], 0.0);
    /// ```
    #[inline(always)]
    pub const fn zeroed() -> Self {
        // SAFETY: every shape is plain data, for which zero bytes are a value.
        unsafe { core::mem::zeroed() }
    }

    /// All zeros on the heap, without passing over the stack.
    ///
    /// ```
    /// use kernlet::tensor::Tensor;
    /// let weights = Tensor::<[[f32; 128]; 9216]>::zeroed_box();
    /// assert_eq!(weights.as_slice().len(), 1_179_648);
    /// ```
    #[cfg(feature = "alloc")]
    pub fn zeroed_box() -> alloc::boxed::Box<Self> {
        bytemuck::zeroed_box()
    }

    /// The sizes of the axes.
    ///
    /// ```
    /// assert_eq!(kernlet::tensor::Tensor::<[[f32; 10]; 128]>::dims().to_string(), "128×10");
    /// ```
    #[inline]
    pub fn dims() -> Dims {
        A::dims()
    }

    /// The scalars in order, the last axis fastest.
    #[inline(always)]
    pub fn as_slice(&self) -> &[A::Scalar] {
        // SAFETY: a nested array holds exactly `LEN` scalars, without padding (`Shape` is sealed).
        unsafe { core::slice::from_raw_parts((&raw const self.0).cast(), A::LEN) }
    }

    /// The scalars in order, to be changed.
    ///
    /// ```
    /// let mut t = kernlet::tensor::Tensor([[0.0; 2]; 2]);
    /// t.as_mut_slice()[3] = 1.0;
    /// assert_eq!(t.0[1][1], 1.0);
    /// ```
    #[inline(always)]
    pub fn as_mut_slice(&mut self) -> &mut [A::Scalar] {
        // SAFETY: as in `as_slice`.
        unsafe { core::slice::from_raw_parts_mut((&raw mut self.0).cast(), A::LEN) }
    }

    /// The same numbers seen as a tensor, without a copy.
    ///
    /// # Errors
    /// [`ViewError::Length`] if `numbers` does not hold [`Self::LEN`] scalars.
    ///
    /// ```
    /// use kernlet::tensor::Tensor;
    /// let t = Tensor::<[[f32; 2]; 2]>::from_slice(&[1.0, 2.0, 3.0, 4.0])?;
    /// assert_eq!(t.0[1][0], 3.0);
    /// # Ok::<(), kernlet::tensor::ViewError>(())
    /// ```
    #[inline]
    pub fn from_slice(numbers: &[A::Scalar]) -> Result<&Self, ViewError> {
        if numbers.len() != A::LEN {
            return Err(ViewError::Length { expected: Self::BYTES, found: size_of_val(numbers) });
        }
        // SAFETY: the slice has the tensor's length, element type and so alignment.
        Ok(unsafe { &*numbers.as_ptr().cast() })
    }

    /// The same numbers seen as a tensor to be changed, without a copy.
    ///
    /// # Errors
    /// [`ViewError::Length`] if `numbers` does not hold [`Self::LEN`] scalars.
    ///
    /// ```
    /// use kernlet::tensor::Tensor;
    /// let mut numbers = [0.0; 4];
    /// Tensor::<[[f32; 2]; 2]>::from_mut_slice(&mut numbers)?.0[1][0] = 3.0;
    /// assert_eq!(numbers, [0.0, 0.0, 3.0, 0.0]);
    /// # Ok::<(), kernlet::tensor::ViewError>(())
    /// ```
    #[inline]
    pub fn from_mut_slice(numbers: &mut [A::Scalar]) -> Result<&mut Self, ViewError> {
        if numbers.len() != A::LEN {
            return Err(ViewError::Length { expected: Self::BYTES, found: size_of_val(numbers) });
        }
        // SAFETY: the slice has the tensor's length, element type and so alignment.
        Ok(unsafe { &mut *numbers.as_mut_ptr().cast() })
    }

    /// Bytes (in flash, say) seen as a tensor, without a copy. They are in the machine's byte order.
    ///
    /// # Errors
    /// [`ViewError::Length`] or [`ViewError::Alignment`] if they are not the tensor's.
    ///
    /// ```
    /// use kernlet::tensor::{Tensor, ViewError};
    /// #[repr(align(4))]
    /// struct Aligned([u8; 8]);
    /// static FLASH: Aligned = Aligned([0; 8]);
    /// assert_eq!(Tensor::<[f32; 2]>::from_bytes(&FLASH.0)?.0, [0.0, 0.0]);
    /// assert!(Tensor::<[f32; 1]>::from_bytes(&FLASH.0[1..5]).is_err());
    /// # Ok::<(), ViewError>(())
    /// ```
    pub fn from_bytes(bytes: &[u8]) -> Result<&Self, ViewError> {
        if bytes.len() != Self::BYTES {
            return Err(ViewError::Length { expected: Self::BYTES, found: bytes.len() });
        }
        bytemuck::try_from_bytes(bytes).map_err(|_| ViewError::Alignment { expected: align_of::<A>() })
    }

    /// Sets every scalar.
    ///
    /// ```
    /// let mut t = kernlet::tensor::Tensor([[0.0; 2]; 2]);
    /// t.fill(1.5);
    /// assert_eq!(t.0, [[1.5; 2]; 2]);
    /// ```
    #[inline]
    pub fn fill(&mut self, value: A::Scalar) {
        self.as_mut_slice().fill(value);
    }

    /// Replaces every scalar by a function of it.
    #[inline]
    pub fn map(&mut self, mut f: impl FnMut(A::Scalar) -> A::Scalar) {
        for x in self.as_mut_slice() {
            *x = f(*x);
        }
    }

    /// The scalars in order.
    ///
    /// ```
    /// let t = kernlet::tensor::Tensor([[1.0_f32, 2.0], [3.0, 4.0]]);
    /// assert_eq!(t.iter().sum::<f32>(), 10.0);
    /// ```
    #[inline]
    pub fn iter(&self) -> core::slice::Iter<'_, A::Scalar> {
        self.as_slice().iter()
    }
}

impl<'a, A: Shape> IntoIterator for &'a Tensor<A> {
    type Item = &'a A::Scalar;
    type IntoIter = core::slice::Iter<'a, A::Scalar>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<A: Shape> fmt::Debug for Tensor<A>
where
    A::Scalar: fmt::Debug,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A large tensor would flood a log: its shape and first numbers tell which it is.
        const SHOWN: usize = 8;
        write!(f, "Tensor({}) ", A::dims())?;
        f.debug_list().entries(self.iter().take(SHOWN)).finish_non_exhaustive()
    }
}
