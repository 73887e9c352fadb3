//! The Fourier transform of real numbers: half as many complex ones, radix 2 in place.

use super::{AudioError, constant::turn};

/// Fills the table of a transform of `table.len()` numbers: cosine and sine of `2π k / n` for k below n / 2.
///
/// ```
/// let mut table = [0.0; 8];
/// kernlet::audio::twiddles_into(&mut table);
/// assert_eq!(table[..2], [1.0, 0.0]);
/// assert_eq!(table[4..6], [0.0, 1.0]);
/// ```
pub const fn twiddles_into(table: &mut [f32]) {
    let n = table.len();
    let mut k = 0;
    while 2 * k + 1 < n {
        let (c, s) = turn(k, n);
        table[2 * k] = c as f32;
        table[2 * k + 1] = s as f32;
        k += 1;
    }
}

/// `X[k] = Σ_i x[i] e^(−2πi·ik / n)` in place, n a power of two and at least 4.
///
/// Afterwards `x` holds the real numbers `X[0]` and `X[n / 2]`, then real and imaginary parts of `X[1]`, `X[2]` ….
/// `twiddles` is what [`twiddles_into`] made for n.
///
/// # Errors
/// [`AudioError`] if n is no power of two or below 4, or the table is not for n.
///
/// # Numerics
/// Each result is off by at most about `log₂ n` roundings of its terms. The order is fixed.
///
/// ```
/// use kernlet::audio::{real_fft_in_place, twiddles_into};
/// let (mut x, mut table) = ([1.0, 2.0, 3.0, 4.0], [0.0; 4]);
/// twiddles_into(&mut table);
/// real_fft_in_place(&mut x, &table)?;
/// assert_eq!(x, [10.0, -2.0, -2.0, 2.0]);
/// # Ok::<(), kernlet::audio::AudioError>(())
/// ```
pub fn real_fft_in_place(x: &mut [f32], twiddles: &[f32]) -> Result<(), AudioError> {
    let n = x.len();
    if n < 4 || !n.is_power_of_two() {
        return Err(AudioError::Size { what: "transform, a power of two from 4 on", expected: 4, found: n });
    }
    if twiddles.len() != n {
        return Err(AudioError::Size { what: "table of the transform", expected: n, found: twiddles.len() });
    }
    reorder(x);
    first_stages(x);
    let mut len = 16;
    while len <= n {
        // Blocks of `len / 2` complex numbers, whose halves are joined.
        for block in x.chunks_exact_mut(len) {
            let (low, high) = block.split_at_mut(len / 2);
            let turns = twiddles.chunks_exact(2).step_by(2 * (n / len));
            for ((a, b), w) in low.chunks_exact_mut(2).zip(high.chunks_exact_mut(2)).zip(turns) {
                let (&mut [ar, ai], &mut [br, bi], &[c, s]) = (&mut *a, &mut *b, w) else { continue };
                let (tr, ti) = (br * c + bi * s, bi * c - br * s);
                a.copy_from_slice(&[ar + tr, ai + ti]);
                b.copy_from_slice(&[ar - tr, ai - ti]);
            }
        }
        len *= 2;
    }
    split(x, twiddles);
    Ok(())
}

/// Puts complex number `i` where the bits of `i` are reversed.
fn reorder(x: &mut [f32]) {
    let count = x.len() / 2;
    let mut j = 0;
    for i in 1..count {
        // Adding 1 to the reversed number.
        let mut bit = count / 2;
        while bit > 0 && j & bit != 0 {
            j ^= bit;
            bit /= 2;
        }
        j |= bit;
        if i < j
            && let Some((low, high)) = x.split_at_mut_checked(2 * j)
            && let (Some(low), Some(high)) = (low.get_mut(2 * i..2 * i + 2), high.get_mut(..2))
        {
            low.swap_with_slice(high);
        }
    }
}

/// The stages of two and of four complex numbers, whose turns are 1 and −i: nothing is multiplied.
fn first_stages(x: &mut [f32]) {
    if x.len() == 4 {
        let &mut [ar, ai, br, bi] = x else { return };
        x.copy_from_slice(&[ar + br, ai + bi, ar - br, ai - bi]);
        return;
    }
    for x in x.chunks_exact_mut(8) {
        let &mut [ar, ai, br, bi, cr, ci, dr, di] = x else { continue };
        let (er, ei, fr, fi) = (ar + br, ai + bi, ar - br, ai - bi);
        let (gr, gi, hr, hi) = (cr + dr, ci + di, cr - dr, ci - di);
        x.copy_from_slice(&[er + gr, ei + gi, fr + hi, fi - hr, er - gr, ei - gi, fr - hi, fi + hr]);
    }
}

/// From the transform of pairs to that of their elements: for k and n / 2 − k at a time.
fn split(x: &mut [f32], twiddles: &[f32]) {
    let Some((first, rest)) = x.split_at_mut_checked(2) else { return };
    if let [re, im] = first {
        (*re, *im) = (*re + *im, *re - *im);
    }
    let mut pairs = rest.chunks_exact_mut(2);
    for w in twiddles.chunks_exact(2).skip(1) {
        match (pairs.next(), pairs.next_back()) {
            (Some(a), Some(b)) => {
                let (&mut [ar, ai], &mut [br, bi], &[c, s]) = (&mut *a, &mut *b, w) else { continue };
                // The even elements' transform, and the odd ones'.
                let (er, ei) = (0.5 * (ar + br), 0.5 * (ai - bi));
                let (or, oi) = (0.5 * (ai + bi), 0.5 * (br - ar));
                let (tr, ti) = (or * c + oi * s, oi * c - or * s);
                a.copy_from_slice(&[er + tr, ei + ti]);
                b.copy_from_slice(&[er - tr, ti - ei]);
            }
            // The one in the middle turns by a quarter.
            (Some(&mut [_, ref mut im]), None) => *im = -*im,
            _ => return,
        }
    }
}

/// `|X[k]|²` for k from 0 to n / 2, from what [`real_fft_in_place`] left.
///
/// # Errors
/// [`AudioError`] if `power` has not n / 2 + 1 elements.
///
/// ```
/// let mut power = [0.0; 3];
/// kernlet::audio::power_into(&[10.0, -2.0, -2.0, 2.0], &mut power)?;
/// assert_eq!(power, [100.0, 8.0, 4.0]);
/// # Ok::<(), kernlet::audio::AudioError>(())
/// ```
pub fn power_into(spectrum: &[f32], power: &mut [f32]) -> Result<(), AudioError> {
    let expected = spectrum.len() / 2 + 1;
    if power.len() != expected {
        return Err(AudioError::Size { what: "power", expected, found: power.len() });
    }
    let (&[first, last], Some(rest)) = (spectrum.get(..2).unwrap_or(&[0.0; 2]), spectrum.get(2..)) else {
        return Ok(());
    };
    if let [low, between @ .., high] = power {
        (*low, *high) = (first * first, last * last);
        for (power, x) in between.iter_mut().zip(rest.chunks_exact(2)) {
            if let [re, im] = x {
                *power = re * re + im * im;
            }
        }
    }
    Ok(())
}
