//! What a convolution and its transpose ask of their sizes.

use crate::kernels::ShapeError;

/// Returns an error, in a `const fn`.
macro_rules! check {
    ($e:expr) => {
        if let Err(error) = $e {
            return Err(error);
        }
    };
}

/// Sizes of which each must be there.
pub(in crate::kernels) struct Sizes {
    pub size: [usize; 2],
    pub channels: [usize; 2],
    pub kernel: [usize; 2],
    pub stride: [usize; 2],
    pub dilation: [usize; 2],
    pub groups: usize,
}

impl Sizes {
    /// Sizes are at least 1, steps small enough that no place along an axis overflows, and the groups
    /// divide both channel counts.
    pub(in crate::kernels) const fn validate(&self, name: &'static str) -> Result<(), ShapeError> {
        check!(positive(name, "height", self.size[0]));
        check!(positive(name, "width", self.size[1]));
        check!(positive(name, "in_channels", self.channels[0]));
        check!(positive(name, "out_channels", self.channels[1]));
        check!(positive(name, "kernel rows", self.kernel[0]));
        check!(positive(name, "kernel columns", self.kernel[1]));
        check!(step(name, "stride of rows", self.stride[0]));
        check!(step(name, "stride of columns", self.stride[1]));
        check!(step(name, "dilation of rows", self.dilation[0]));
        check!(step(name, "dilation of columns", self.dilation[1]));
        check!(positive(name, "groups", self.groups));
        check!(multiple(name, "in_channels", self.groups, self.channels[0]));
        multiple(name, "out_channels", self.groups, self.channels[1])
    }
}

const fn positive(name: &'static str, argument: &'static str, size: usize) -> Result<(), ShapeError> {
    if size > 0 { Ok(()) } else { Err(ShapeError::at_least(name, argument, 1, 0)) }
}

const fn step(name: &'static str, argument: &'static str, step: usize) -> Result<(), ShapeError> {
    const MOST: usize = isize::MAX as usize / 4;
    if step > MOST { Err(ShapeError::at_most(name, argument, MOST, step)) } else { positive(name, argument, step) }
}

const fn multiple(name: &'static str, argument: &'static str, of: usize, size: usize) -> Result<(), ShapeError> {
    if size.is_multiple_of(of) { Ok(()) } else { Err(ShapeError::multiple_of(name, argument, of, size)) }
}

/// Whether a window of `kernel` taps, `dilation` apart, fits into an axis with its padding, computed
/// without overflow.
pub(in crate::kernels) const fn fits(
    name: &'static str,
    argument: &'static str,
    size: usize,
    padding: [usize; 2],
    kernel: usize,
    dilation: usize,
) -> Result<(), ShapeError> {
    const MOST: usize = isize::MAX as usize / 2;
    let overflow = Err(ShapeError::at_most(name, argument, MOST, usize::MAX));
    let Some(padded) = size.checked_add(padding[0]) else { return overflow };
    let Some(padded) = padded.checked_add(padding[1]) else { return overflow };
    let Some(reach) = kernel.saturating_sub(1).checked_mul(dilation) else {
        return Err(ShapeError::at_least(name, argument, usize::MAX, padded));
    };
    if padded > MOST {
        return overflow;
    }
    if reach >= padded { Err(ShapeError::at_least(name, argument, reach.saturating_add(1), padded)) } else { Ok(()) }
}

/// Whether a product of sizes is a length that a slice of `f32` could have.
pub(in crate::kernels) const fn product(
    name: &'static str,
    argument: &'static str,
    sizes: [usize; 4],
) -> Result<(), ShapeError> {
    const MOST: usize = isize::MAX as usize / size_of::<f32>();
    let mut len = 1_usize;
    let mut i = 0;
    while i < sizes.len() {
        len = match len.checked_mul(sizes[i]) {
            Some(len) if len <= MOST => len,
            _ => return Err(ShapeError::at_most(name, argument, MOST, usize::MAX)),
        };
        i += 1;
    }
    Ok(())
}
