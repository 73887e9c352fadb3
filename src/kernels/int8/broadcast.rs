//! Two shapes joined as NumPy joins them: an axis of one element repeats.

use super::{MAX_RANK, ShapeError};

/// Two operands of an elementwise operation, whose shapes need not be the same.
///
/// Shapes are compared from the last axis to the first; of two different sizes one must be 1, and repeats.
///
/// ```
/// use kernlet::kernels::int8::Broadcast;
/// const CHANNELS: Broadcast = match Broadcast::new(&[2, 3, 4], &[4]) {
///     Ok(shape) => shape,
///     Err(_) => panic!(),
/// };
/// assert_eq!((CHANNELS.a_len(), CHANNELS.b_len(), CHANNELS.y_len()), (24, 4, 24));
/// assert!(Broadcast::new(&[2, 3], &[2]).is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Broadcast {
    // Innermost first; axes that go on in both operands are one.
    axes: [Axis; MAX_RANK],
    a_len: usize,
    b_len: usize,
    y_len: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
struct Axis {
    count: usize,
    /// How far a step goes in each operand; 0 where it repeats.
    a: usize,
    b: usize,
}

const NAME: &str = "broadcast";

/// The size of an axis counted from the last, 1 beyond the first.
const fn size(shape: &[usize], from_last: usize) -> usize {
    let at = shape.len().wrapping_sub(1).wrapping_sub(from_last);
    if at < shape.len() { shape[at] } else { 1 }
}

impl Broadcast {
    /// Operands of the same shape, of `len` elements each.
    ///
    /// ```
    /// assert_eq!(kernlet::kernels::int8::Broadcast::same(24).y_len(), 24);
    /// ```
    pub const fn same(len: usize) -> Self {
        let mut axes = [Axis { count: 1, a: 0, b: 0 }; MAX_RANK];
        axes[0] = Axis { count: len, a: 1, b: 1 };
        Self { axes, a_len: len, b_len: len, y_len: len }
    }

    /// Operands of these shapes.
    ///
    /// # Errors
    /// If two sizes differ and neither is 1, a shape has more than [`MAX_RANK`] axes, or a length overflows.
    pub const fn new(a: &[usize], b: &[usize]) -> Result<Self, ShapeError> {
        let rank = if a.len() > b.len() { a.len() } else { b.len() };
        if rank > MAX_RANK {
            return Err(ShapeError::at_most(NAME, "axes", MAX_RANK, rank));
        }
        let mut axes = [Axis { count: 1, a: 0, b: 0 }; MAX_RANK];
        let (mut used, mut a_len, mut b_len, mut y_len) = (0_usize, 1_usize, 1_usize, 1_usize);
        let mut i = 0;
        while i < rank {
            let (m, n) = (size(a, i), size(b, i));
            let count = if m == 1 { n } else { m };
            if n != count && n != 1 {
                return Err(ShapeError::new(NAME, "size of b", m, n));
            }
            let axis = Axis { count, a: if m == 1 { 0 } else { a_len }, b: if n == 1 { 0 } else { b_len } };
            let (Some(a_next), Some(b_next), Some(y_next)) =
                (a_len.checked_mul(m), b_len.checked_mul(n), y_len.checked_mul(count))
            else {
                return Err(ShapeError::at_most(NAME, "length", isize::MAX as usize, usize::MAX));
            };
            (a_len, b_len, y_len) = (a_next, b_next, y_next);
            if count != 1 {
                let last = used.wrapping_sub(1);
                if last < MAX_RANK && continues(axis, axes[last]) {
                    axes[last].count *= count;
                } else if used < MAX_RANK {
                    axes[used] = axis;
                    used += 1;
                }
            }
            i += 1;
        }
        Ok(Self { axes, a_len, b_len, y_len })
    }

    /// The length of the first operand.
    pub const fn a_len(&self) -> usize {
        self.a_len
    }

    /// The length of the second operand.
    pub const fn b_len(&self) -> usize {
        self.b_len
    }

    /// The length of the result.
    pub const fn y_len(&self) -> usize {
        self.y_len
    }

    /// Calls `f` for each run of results with the operands that it joins: as long as the run, or one
    /// element that repeats. The calls end early if a slice is shorter than the descriptor says.
    #[inline(always)]
    pub(super) fn each_run(&self, a: &[i8], b: &[i8], y: &mut [i8], mut f: impl FnMut(&[i8], &[i8], &mut [i8])) {
        let [inner, outer @ ..] = &self.axes;
        if inner.count == 0 {
            return;
        }
        let mut index = [0; MAX_RANK - 1];
        let (mut from_a, mut from_b) = (0, 0);
        for y in y.chunks_exact_mut(inner.count.max(1)) {
            let a_run = a.get(from_a..from_a + if inner.a == 0 { 1 } else { inner.count });
            let b_run = b.get(from_b..from_b + if inner.b == 0 { 1 } else { inner.count });
            let (Some(a_run), Some(b_run)) = (a_run, b_run) else { return };
            f(a_run, b_run, y);
            for (index, axis) in index.iter_mut().zip(outer) {
                *index += 1;
                from_a += axis.a;
                from_b += axis.b;
                if *index < axis.count {
                    break;
                }
                *index = 0;
                from_a -= axis.a * axis.count;
                from_b -= axis.b * axis.count;
            }
        }
    }
}

/// Whether `outer` continues where `inner` ends, in both operands.
const fn continues(outer: Axis, inner: Axis) -> bool {
    outer.a == inner.a.wrapping_mul(inner.count) && outer.b == inner.b.wrapping_mul(inner.count)
}
