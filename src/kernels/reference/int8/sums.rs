//! The twins of [`sums`](crate::kernels::int8::sums).

use super::{output, rescale};
use crate::kernels::int8::{
    Multiplier,
    sums::{Cumsum, Terms},
};

/// One element of [`int8::sums::add_n_into`](crate::kernels::int8::sums::add_n_into).
///
/// ```
/// use kernlet::kernels::{int8::{Output, sums::Terms}, reference::int8::sums};
/// assert_eq!(sums::add_n(&Terms::new(1.0, 0, 1.0, Output::new(0)), [1, 2, 3]), 6);
/// // Less by a zero point.
/// assert_eq!(sums::add_n(&Terms::new(1.0, 4, 1.0, Output::new(0)), [5, 6, 7]), 2);
/// ```
pub fn add_n(terms: &Terms, x: impl IntoIterator<Item = i8>) -> i8 {
    let half = |x: i32| rescale(x * (1 << 20), Multiplier::from_real(0.5), terms.output.rescaling);
    let zero = i32::from(terms.zero_point);
    let sum: i64 = x.into_iter().map(|x| i64::from(half(i32::from(x) - zero))).sum();
    // Sums wrap at 32 bits.
    output(&terms.output, (i64::from(half(-zero)) + sum) as i32, terms.multiplier)
}

/// See [`int8::sums::cumsum_into`](crate::kernels::int8::sums::cumsum_into).
///
/// ```
/// use kernlet::kernels::{int8::{Output, sums::{Cumsum, Terms}}, reference::int8::sums};
/// let mut y = [99; 3];
/// sums::cumsum(&Cumsum::new(3, 1), &Terms::new(1.0, 0, 1.0, Output::new(0)), &[1, 2, 3], &mut y);
/// assert_eq!(y, [1, 3, 6]);
/// ```
pub fn cumsum(shape: &Cumsum, terms: &Terms, x: &[i8], y: &mut [i8]) {
    let Cumsum { count, inner, .. } = *shape;
    for (i, y) in y.iter_mut().enumerate() {
        let (first, own) = (i / (count * inner) * (count * inner) + i % inner, i / inner % count);
        let all = match (shape.reversed, shape.exclusive) {
            (false, false) => 0..own + 1,
            (false, true) => 0..own,
            (true, false) => own..count,
            (true, true) => own + 1..count,
        };
        *y = add_n(terms, all.map(|at| x[first + at * inner]));
    }
}
