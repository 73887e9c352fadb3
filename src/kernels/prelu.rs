//! PReLU: a ReLU whose slope below 0 is learnt, one for each channel (He *et al.* 2015).
//!
//! ```text
//! forward:  y[row][c] = x[row][c]                 above 0,   slopes[c] · x[row][c]    below
//! backward: dx[row][c] = dy[row][c]               above 0,   slopes[c] · dy[row][c]   below
//!           dslopes[c] += Σ dy[row][c] · x[row][c]           over the rows below 0, in ascending order
//! ```
//!
//! `x`, `y` and their gradients are `[rows][channels]`; a batch of NHWC images has n · h · w rows. With as many
//! channels as an input has elements, each has a slope of its own, as Keras does by default; with one channel
//! all share one. A slope may be negative, since backward reads `x`. NaN gives NaN, and 0 counts as below.

use super::{ShapeError, check};
use crate::simd::{Kernel, Level, Simd};

const NAME: &str = "prelu";

/// The door: whole rows, and a slope for each channel.
fn check_rows(channels: usize, argument: &'static str, x: &[f32], slopes: &[f32]) -> Result<(), ShapeError> {
    match x.len().checked_rem(channels) {
        Some(0) => check(NAME, "slopes", slopes, channels),
        Some(_) => Err(ShapeError::multiple_of(NAME, argument, channels, x.len())),
        None => Err(ShapeError::at_least(NAME, "channels", 1, 0)),
    }
}

/// All or the first lanes.
#[inline(always)]
fn load<S: Simd>(s: S, x: &[f32]) -> S::V {
    if x.len() == S::LANES { s.load(x) } else { s.load_first(x) }
}

/// All or the first lanes.
#[inline(always)]
fn store<S: Simd>(s: S, v: S::V, x: &mut [f32]) {
    if x.len() == S::LANES { s.store(v, x) } else { s.store_first(v, x) }
}

struct Forward<'a> {
    x: &'a [f32],
    slopes: &'a [f32],
    y: &'a mut [f32],
}

impl Kernel for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { x, slopes, y } = self;
        let channels = slopes.len().max(1);
        for (x, y) in x.chunks_exact(channels).zip(y.chunks_exact_mut(channels)) {
            let operands = x.chunks(S::LANES).zip(slopes.chunks(S::LANES));
            for ((x, slopes), y) in operands.zip(y.chunks_mut(S::LANES)) {
                let v = load(s, x);
                store(s, s.select_gt(v, s.splat(0.0), v, s.mul(v, load(s, slopes))), y);
            }
        }
    }
}

/// `y = x` above 0 and `slopes · x` below, with a slope for each of `channels` channels.
///
/// # Errors
/// [`ShapeError`] if `channels` is 0, `x` is not whole rows, or another length is wrong; nothing is written then.
///
/// ```
/// use kernlet::{kernels::prelu, simd::Level};
/// let mut y = [f32::NAN; 4];
/// prelu::forward_into(Level::detect(), 2, &[1.0, -1.0, -1.0, 2.0], &[0.5, -3.0], &mut y)?;
/// assert_eq!(y, [1.0, 3.0, -0.5, 2.0]);
/// # Ok::<(), kernlet::kernels::ShapeError>(())
/// ```
pub fn forward_into(level: Level, channels: usize, x: &[f32], slopes: &[f32], y: &mut [f32]) -> Result<(), ShapeError> {
    check_rows(channels, "x", x, slopes)?;
    check(NAME, "y", y, x.len())?;
    level.dispatch(Forward { x, slopes, y });
    Ok(())
}

/// What the backward pass reads.
#[derive(Clone, Copy, Debug)]
pub struct Backward<'a> {
    /// The input.
    pub x: &'a [f32],
    /// The slopes, one for each channel.
    pub slopes: &'a [f32],
    /// The gradient with respect to the output.
    pub dy: &'a [f32],
}

struct Gradients<'a> {
    operands: Backward<'a>,
    dx: &'a mut [f32],
    dslopes: &'a mut [f32],
}

impl Kernel for Gradients<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { operands: Backward { x, slopes, dy }, dx, dslopes } = self;
        let channels = slopes.len().max(1);
        let mut dx_rows = dx.chunks_exact_mut(channels);
        for (x, dy) in x.chunks_exact(channels).zip(dy.chunks_exact(channels)) {
            let mut dx = dx_rows.next().unwrap_or_default().chunks_mut(S::LANES);
            let mut sums = dslopes.chunks_mut(S::LANES);
            for ((x, dy), slopes) in x.chunks(S::LANES).zip(dy.chunks(S::LANES)).zip(slopes.chunks(S::LANES)) {
                let (x, dy, zero) = (load(s, x), load(s, dy), s.splat(0.0));
                if let Some(dx) = dx.next() {
                    store(s, s.select_gt(x, zero, dy, s.mul(dy, load(s, slopes))), dx);
                }
                if let Some(dslopes) = sums.next() {
                    let sum = load(s, dslopes);
                    store(s, s.select_gt(x, zero, sum, s.mul_add(dy, x, sum)), dslopes);
                }
            }
        }
    }
}

/// The gradients with respect to the input, which is overwritten and can be left out, and to the slopes,
/// which is added to.
///
/// # Errors
/// [`ShapeError`] if `channels` is 0, `x` is not whole rows, or another length is wrong; nothing is written then.
///
/// ```
/// use kernlet::{kernels::prelu::{self, Backward}, simd::Level};
/// let (mut dx, mut dslopes) = ([f32::NAN; 4], [100.0, 0.0]);
/// let operands = Backward { x: &[1.0, -1.0, -1.0, 2.0], slopes: &[0.5, -3.0], dy: &[1.0, 2.0, 3.0, 4.0] };
/// prelu::backward_into(Level::detect(), 2, operands, Some(&mut dx), &mut dslopes)?;
/// assert_eq!((dx, dslopes), ([1.0, -6.0, 1.5, 4.0], [97.0, -2.0]));
/// # Ok::<(), kernlet::kernels::ShapeError>(())
/// ```
pub fn backward_into(
    level: Level,
    channels: usize,
    operands: Backward<'_>,
    dx: Option<&mut [f32]>,
    dslopes: &mut [f32],
) -> Result<(), ShapeError> {
    let Backward { x, slopes, dy } = operands;
    check_rows(channels, "x", x, slopes)?;
    check(NAME, "dy", dy, x.len())?;
    check(NAME, "dslopes", dslopes, channels)?;
    if let Some(dx) = &dx {
        check(NAME, "dx", dx, x.len())?;
    }
    level.dispatch(Gradients { operands, dx: dx.unwrap_or_default(), dslopes });
    Ok(())
}

/// The gradient with respect to the input alone: for rows that are divided among threads, which sums over rows are not.
///
/// # Errors
/// [`ShapeError`] if `channels` is 0, `x` is not whole rows, or another length is wrong; nothing is written then.
///
/// ```
/// use kernlet::{kernels::prelu::{self, Backward}, simd::Level};
/// let mut dx = [f32::NAN; 2];
/// let operands = Backward { x: &[1.0, -1.0], slopes: &[0.5, -3.0], dy: &[1.0, 2.0] };
/// prelu::backward_input_into(Level::detect(), 2, operands, &mut dx)?;
/// assert_eq!(dx, [1.0, -6.0]);
/// # Ok::<(), kernlet::kernels::ShapeError>(())
/// ```
pub fn backward_input_into(
    level: Level,
    channels: usize,
    operands: Backward<'_>,
    dx: &mut [f32],
) -> Result<(), ShapeError> {
    check_rows(channels, "x", operands.x, operands.slopes)?;
    check(NAME, "dy", operands.dy, operands.x.len())?;
    check(NAME, "dx", dx, operands.x.len())?;
    level.dispatch(Gradients { operands, dx, dslopes: &mut [] });
    Ok(())
}
