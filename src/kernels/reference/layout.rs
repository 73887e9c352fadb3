//! The naive twins of the kernels that copy: [`layout`](crate::kernels::layout) and
//! [`pad2d`](crate::kernels::pad2d).

use crate::kernels::pad2d::{Fill, Pad2d};

/// An array with its axes in another order, by the index of every element.
///
/// ```
/// use kernlet::kernels::reference::layout::permuted;
/// assert_eq!(permuted(&[2, 3], &[1, 0], |i| i), [0, 3, 1, 4, 2, 5]);
/// ```
#[cfg(feature = "alloc")]
pub fn permuted<T>(sizes: &[usize], order: &[usize], x: impl Fn(usize) -> T) -> alloc::vec::Vec<T> {
    let strides: alloc::vec::Vec<usize> = (0..sizes.len()).map(|axis| sizes[axis + 1..].iter().product()).collect();
    let place = |mut at: usize| {
        let mut from = 0;
        for &axis in order.iter().rev() {
            from += at % sizes[axis] * strides[axis];
            at /= sizes[axis];
        }
        from
    };
    (0..sizes.iter().product()).map(|at| x(place(at))).collect()
}

/// Where along an axis of `size` elements a padding's place has its element from; negative places are before.
///
/// ```
/// use kernlet::kernels::{pad2d::Fill, reference::layout::pad_source};
/// assert_eq!([-1, 0, 2, 3].map(|at| pad_source(Fill::Wrap, at, 3)), [Some(2), Some(0), Some(2), Some(0)]);
/// ```
pub fn pad_source(fill: Fill, at: isize, size: usize) -> Option<usize> {
    let size = size as isize;
    let from = match fill {
        _ if (0..size).contains(&at) => at,
        Fill::Constant(_) => return None,
        Fill::Edge => at.clamp(0, size - 1),
        Fill::Reflect if at < 0 => -at,
        Fill::Reflect => 2 * (size - 1) - at,
        Fill::Wrap => at.rem_euclid(size),
    };
    Some(from as usize)
}

/// Calls `f(output index, input index)` for every element of a padded batch.
///
/// ```
/// use kernlet::{kernels::{pad2d::Pad2d, reference::layout::each_padded}, shape::Padding};
/// let mut inside = 0;
/// let pad = Pad2d::new(2, 2, 1, Padding::Explicit { top: 1, bottom: 1, left: 1, right: 1 });
/// each_padded(&pad, 3, |_, from| inside += usize::from(from.is_some()));
/// assert_eq!(inside, 12);
/// ```
pub fn each_padded(pad: &Pad2d, batch: usize, mut f: impl FnMut(usize, Option<usize>)) {
    for n in 0..batch {
        for row in 0..pad.out_height() {
            for column in 0..pad.out_width() {
                let from_row = pad_source(pad.fill, row as isize - pad.padding[0] as isize, pad.height);
                let from_column = pad_source(pad.fill, column as isize - pad.padding[2] as isize, pad.width);
                for c in 0..pad.channels {
                    let to = n * pad.y_len() + (row * pad.out_width() + column) * pad.channels + c;
                    let from = from_row.zip(from_column);
                    f(to, from.map(|(row, column)| n * pad.x_len() + (row * pad.width + column) * pad.channels + c));
                }
            }
        }
    }
}
