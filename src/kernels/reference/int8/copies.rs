//! The twins of [`pad`](crate::kernels::int8::pad), [`slice`](crate::kernels::int8::slice) and
//! [`gather_nd`](crate::kernels::int8::gather_nd): where each element of a result comes from.

/// The place along each axis of an element, from the last axis on.
fn each_index(sizes: &[usize], mut i: usize, mut f: impl FnMut(usize, usize)) {
    for (axis, &size) in sizes.iter().enumerate().rev() {
        f(axis, i % size);
        i /= size;
    }
}

/// Which element of an input stands at place `i` of a padded result of these sizes, `None` for padding.
///
/// ```
/// use kernlet::kernels::reference::int8::copies::padded;
/// assert_eq!(padded(&[2], &[[1, 0]], 0), None);
/// assert_eq!(padded(&[2], &[[1, 0]], 2), Some(1));
/// ```
pub fn padded(sizes: &[usize], around: &[[usize; 2]], i: usize) -> Option<usize> {
    let (mut rest, mut step, mut place) = (i, 1, Some(0));
    for (&size, &[before, after]) in sizes.iter().zip(around).rev() {
        let whole = before + size + after;
        let at = (rest % whole).checked_sub(before).filter(|&at| at < size);
        place = place.zip(at).map(|(place, at)| place + at * step);
        (rest, step) = (rest / whole, step * size);
    }
    place
}

/// Which element of an input of `sizes` stands at place `i` of a slice.
///
/// ```
/// use kernlet::kernels::reference::int8::copies::sliced;
/// assert_eq!(sliced(&[2, 3], &[1, 2], &[1, 3], &[1, -1], 1), 4);
/// ```
pub fn sliced(sizes: &[usize], begins: &[usize], counts: &[usize], steps: &[isize], i: usize) -> usize {
    let mut place = 0;
    each_index(counts, i, |axis, at| {
        let step: usize = sizes[axis + 1..].iter().product();
        place += (begins[axis] as isize + at as isize * steps[axis]) as usize * step;
    });
    place
}

/// Which row of an input an index into axes of these sizes names, `None` if it is not there.
///
/// ```
/// use kernlet::kernels::reference::int8::copies::gathered;
/// assert_eq!(gathered(&[2, 3], &[1, 2]), Some(5));
/// assert_eq!(gathered(&[2, 3], &[0, 3]), None);
/// ```
pub fn gathered(sizes: &[usize], index: &[i32]) -> Option<usize> {
    let mut row = 0;
    for (axis, &at) in index.iter().enumerate() {
        if at < 0 || at as usize >= sizes[axis] {
            return None;
        }
        let step: usize = sizes[axis + 1..].iter().product();
        row += at as usize * step;
    }
    Some(row)
}
