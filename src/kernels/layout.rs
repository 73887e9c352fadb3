//! Layouts: a copy with the axes in another order, which is a transposition and its own gradient.
//!
//! ```text
//! y[i[order[0]]][i[order[1]]] … = x[i[0]][i[1]] …
//! ```
//!
//! Backward is the [inverse](Permutation::inverse), applied to the gradient of the output. Nothing is
//! computed and nothing allocated: any [`Copy`] element will do, and no [`Level`](crate::simd::Level) is needed.
//!
//! # Other libraries' layouts
//!
//! | from | to | permutation |
//! |---|---|---|
//! | NCHW activations (PyTorch, ONNX) | NHWC (here, Keras, TensorFlow Lite) | [`Permutation::nchw_to_nhwc`] |
//! | NHWC | NCHW | [`Permutation::nhwc_to_nchw`] |
//! | OIHW convolution weights (PyTorch, ONNX), grouped and depthwise too | HWIO | [`Permutation::oihw_to_hwio`] |
//! | HWIO | OIHW | [`Permutation::hwio_to_oihw`] |
//! | IOHW weights of a transposed convolution (PyTorch) | HWOI, Keras' | [`Permutation::oihw_to_hwio`], in and out exchanged |
//! | `[out][in]` weights of a dense layer (PyTorch) | `[in][out]` | [`Permutation::matrix`] |
//! | `[out][c · h · w]` weights of a dense layer after a flattened image (PyTorch) | `[h · w · c][out]` | [`Permutation::oihw_to_hwio`], with c channels in and h × w as the kernel |
//!
//! ```
//! use kernlet::kernels::layout::{Permutation, permute_into};
//! // An image of two pixels and three channels, channels first.
//! let (x, mut y) = ([1, 2, 10, 20, 100, 200], [0; 6]);
//! permute_into(&Permutation::nchw_to_nhwc([1, 3, 1, 2]), &x, &mut y)?;
//! assert_eq!(y, [1, 10, 100, 2, 20, 200]);
//! # Ok::<(), kernlet::kernels::ShapeError>(())
//! ```

use super::{ShapeError, check};
use crate::shape::MAX_RANK;

const NAME: &str = "permute";

/// The sizes of an array's axes, and the order that they are to have.
///
/// ```
/// use kernlet::kernels::layout::Permutation;
/// const P: Permutation = Permutation::new(&[2, 3, 4], &[2, 0, 1]);
/// assert_eq!((P.len(), P.output()), (24, Permutation::new(&[4, 2, 3], &[0, 1, 2])));
/// assert!(P.validate().is_ok());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Permutation {
    sizes: [usize; MAX_RANK],
    order: [usize; MAX_RANK],
    /// How many sizes and how many axes of the order were given.
    given: [usize; 2],
}

impl Permutation {
    /// The axes of an array with these sizes, up to six, in the order `order`: axis `i` of the output is axis
    /// `order[i]` of the input. [`validate`](Self::validate) says whether that is a permutation.
    pub const fn new(sizes: &[usize], order: &[usize]) -> Self {
        let mut new = Self { sizes: [1; MAX_RANK], order: [0; MAX_RANK], given: [sizes.len(), order.len()] };
        let mut axis = 0;
        while axis < MAX_RANK {
            if axis < sizes.len() {
                new.sizes[axis] = sizes[axis];
            }
            new.order[axis] = if axis < order.len() { order[axis] } else { axis };
            axis += 1;
        }
        new
    }

    /// A matrix of `rows` and `columns`, transposed.
    pub const fn matrix(rows: usize, columns: usize) -> Self {
        Self::new(&[rows, columns], &[1, 0])
    }

    /// Images with their channels first, `[n][c][h][w]`, to those with their channels last.
    pub const fn nchw_to_nhwc(sizes: [usize; 4]) -> Self {
        Self::new(&sizes, &[0, 2, 3, 1])
    }

    /// Images with their channels last, `[n][h][w][c]`, to those with their channels first.
    pub const fn nhwc_to_nchw(sizes: [usize; 4]) -> Self {
        Self::new(&sizes, &[0, 3, 1, 2])
    }

    /// Weights `[out][in][h][w]` to `[h][w][in][out]`.
    ///
    /// ```
    /// use kernlet::kernels::layout::{Permutation, permute_into};
    /// // Two outputs, one input, a window of two columns.
    /// let mut hwio = [0.0; 4];
    /// permute_into(&Permutation::oihw_to_hwio([2, 1, 1, 2]), &[1.0, 2.0, 10.0, 20.0], &mut hwio)?;
    /// assert_eq!(hwio, [1.0, 10.0, 2.0, 20.0]);
    /// # Ok::<(), kernlet::kernels::ShapeError>(())
    /// ```
    pub const fn oihw_to_hwio(sizes: [usize; 4]) -> Self {
        Self::new(&sizes, &[2, 3, 1, 0])
    }

    /// Weights `[h][w][in][out]` to `[out][in][h][w]`.
    pub const fn hwio_to_oihw(sizes: [usize; 4]) -> Self {
        Self::new(&sizes, &[3, 2, 0, 1])
    }

    /// Whether the order names every axis once, there are at most six, and the length does not overflow.
    ///
    /// # Errors
    /// What is wrong.
    ///
    /// ```
    /// use kernlet::kernels::layout::Permutation;
    /// let error = Permutation::new(&[2, 3], &[1, 1]).validate().unwrap_err();
    /// assert_eq!(error.to_string(), "permute: times that an axis is named: expected 1, found 2");
    /// ```
    pub const fn validate(&self) -> Result<(), ShapeError> {
        let [rank, ordered] = self.given;
        if rank > MAX_RANK {
            return Err(ShapeError::at_most(NAME, "axes", MAX_RANK, rank));
        }
        if ordered != rank {
            return Err(ShapeError::new(NAME, "axes of the order", rank, ordered));
        }
        let mut len = 1_usize;
        let mut axis = 0;
        while axis < rank && axis < MAX_RANK {
            let mut named = 0;
            let mut other = 0;
            while other < rank && other < MAX_RANK {
                if self.order[other] >= rank {
                    return Err(ShapeError::at_most(NAME, "axis", rank - 1, self.order[other]));
                }
                named += (self.order[other] == self.order[axis]) as usize;
                other += 1;
            }
            if named != 1 {
                return Err(ShapeError::new(NAME, "times that an axis is named", 1, named));
            }
            len = match len.checked_mul(self.sizes[axis]) {
                Some(len) if len <= isize::MAX as usize => len,
                _ => return Err(ShapeError::at_most(NAME, "x", isize::MAX as usize, usize::MAX)),
            };
            axis += 1;
        }
        Ok(())
    }

    /// How many elements the array has.
    pub const fn len(&self) -> usize {
        let mut len = 1;
        let mut axis = 0;
        while axis < MAX_RANK {
            len *= self.sizes[axis];
            axis += 1;
        }
        len
    }

    /// Whether the array has no element.
    ///
    /// ```
    /// assert!(kernlet::kernels::layout::Permutation::matrix(0, 3).is_empty());
    /// ```
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The output's sizes, with its axes as they are.
    pub const fn output(&self) -> Self {
        let mut output = *self;
        let mut axis = 0;
        while axis < MAX_RANK {
            output.sizes[axis] = self.size(self.order[axis]);
            output.order[axis] = axis;
            axis += 1;
        }
        output
    }

    /// From the output back to the input: the backward pass.
    ///
    /// ```
    /// use kernlet::kernels::layout::Permutation;
    /// let p = Permutation::nchw_to_nhwc([2, 3, 4, 5]);
    /// assert_eq!(p.inverse(), Permutation::nhwc_to_nchw([2, 4, 5, 3]));
    /// ```
    pub const fn inverse(&self) -> Self {
        let mut inverse = self.output();
        let mut axis = 0;
        while axis < MAX_RANK {
            if self.order[axis] < MAX_RANK {
                inverse.order[self.order[axis]] = axis;
            }
            axis += 1;
        }
        inverse
    }

    const fn size(&self, axis: usize) -> usize {
        if axis < MAX_RANK { self.sizes[axis] } else { 1 }
    }

    /// The output's axes, innermost first, as their sizes and how far a step goes in the input; axes that
    /// lie side by side in both are one.
    fn steps(&self) -> [(usize, usize); MAX_RANK] {
        let mut strides = [1; MAX_RANK];
        for axis in (1..MAX_RANK).rev() {
            strides[axis - 1] = strides[axis] * self.sizes[axis];
        }
        let mut steps = [(1, 0); MAX_RANK];
        let mut last = 0;
        for &axis in self.order.iter().rev() {
            let (size, stride) = (self.size(axis), strides.get(axis).copied().unwrap_or(0));
            let Some((inner, step)) = steps.get_mut(last) else { break };
            if size == 1 {
                continue;
            }
            if *inner == 1 {
                (*inner, *step) = (size, stride);
            } else if stride == *step * *inner {
                *inner *= size;
            } else {
                last += 1;
                if let Some(next) = steps.get_mut(last) {
                    *next = (size, stride);
                }
            }
        }
        steps
    }
}

/// Copies `x` to `y` with its axes in another order.
///
/// # Errors
/// [`ShapeError`] if the order is no permutation or a length is wrong; nothing is written then.
///
/// ```
/// use kernlet::kernels::layout::{Permutation, permute_into};
/// let (x, mut y, mut back) = ([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [0.0; 6], [0.0; 6]);
/// let transposed = Permutation::matrix(2, 3);
/// permute_into(&transposed, &x, &mut y)?;
/// assert_eq!(y, [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
/// permute_into(&transposed.inverse(), &y, &mut back)?;
/// assert_eq!(back, x);
/// # Ok::<(), kernlet::kernels::ShapeError>(())
/// ```
pub fn permute_into<T: Copy>(permutation: &Permutation, x: &[T], y: &mut [T]) -> Result<(), ShapeError> {
    permutation.validate()?;
    check(NAME, "x", x, permutation.len())?;
    check(NAME, "y", y, permutation.len())?;
    let [(inner, step), outer @ ..] = permutation.steps();
    let mut index = [0; MAX_RANK - 1];
    let mut from = 0;
    for y in y.chunks_exact_mut(inner.max(1)) {
        if step == 1 {
            if let Some(x) = x.get(from..from + inner) {
                y.iter_mut().zip(x).for_each(|(y, &x)| *y = x);
            }
        } else {
            let mut at = from;
            for y in y {
                if let Some(&x) = x.get(at) {
                    *y = x;
                }
                at += step;
            }
        }
        for (index, (size, step)) in index.iter_mut().zip(outer) {
            *index += 1;
            from += step;
            if *index < size {
                break;
            }
            from -= step * size;
            *index = 0;
        }
    }
    Ok(())
}
