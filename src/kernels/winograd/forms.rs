//! The matrices of both forms, as steps along one axis.
//!
//! Steps are fewer than products with the matrices: common parts are computed once. Their order is what
//! the bits depend on, and [`reference::winograd`](crate::kernels::reference::winograd) has the same.

use crate::simd::Simd;

/// The most places along an axis.
pub(super) const MOST: usize = 6;

/// A line of places along one axis, or of outputs; those past the form's number are not used.
pub(super) type Line<S> = [<S as Simd>::V; MOST];

/// F(m, 3) along one axis.
pub(super) trait Form {
    /// Outputs of a tile: `m`.
    const OUT: usize;
    /// Inputs of a tile, and places: `m + 2`.
    const IN: usize;

    /// `Bᵀ d`: inputs to places.
    fn input<S: Simd>(s: S, d: Line<S>) -> Line<S>;
    /// `G w`: weights to places.
    fn weights<S: Simd>(s: S, w: [S::V; 3]) -> Line<S>;
    /// `Aᵀ m`: places to outputs.
    fn output<S: Simd>(s: S, m: Line<S>) -> Line<S>;
    /// `A y`: gradients of outputs to places.
    fn output_adjoint<S: Simd>(s: S, y: Line<S>) -> Line<S>;
    /// `B m`: places to gradients of inputs.
    fn input_adjoint<S: Simd>(s: S, m: Line<S>) -> Line<S>;
}

/// F(2, 3), points 0, 1, −1, ∞.
pub(super) struct F2;

impl Form for F2 {
    const OUT: usize = 2;
    const IN: usize = 4;

    #[inline(always)]
    fn input<S: Simd>(s: S, [d0, d1, d2, d3, zero, _]: Line<S>) -> Line<S> {
        [s.sub(d0, d2), s.add(d1, d2), s.sub(d2, d1), s.sub(d3, d1), zero, zero]
    }

    #[inline(always)]
    fn weights<S: Simd>(s: S, [w0, w1, w2]: [S::V; 3]) -> Line<S> {
        let (half, ends) = (s.splat(0.5), s.add(w0, w2));
        [w0, s.mul(s.add(ends, w1), half), s.mul(s.sub(ends, w1), half), w2, w2, w2]
    }

    #[inline(always)]
    fn output<S: Simd>(s: S, [m0, m1, m2, m3, zero, _]: Line<S>) -> Line<S> {
        [s.add(m0, s.add(m1, m2)), s.add(s.sub(m1, m2), m3), zero, zero, zero, zero]
    }

    #[inline(always)]
    fn output_adjoint<S: Simd>(s: S, [y0, y1, zero, ..]: Line<S>) -> Line<S> {
        [y0, s.add(y0, y1), s.sub(y0, y1), y1, zero, zero]
    }

    #[inline(always)]
    fn input_adjoint<S: Simd>(s: S, [m0, m1, m2, m3, zero, _]: Line<S>) -> Line<S> {
        [m0, s.sub(s.sub(m1, m2), m3), s.sub(s.add(m1, m2), m0), m3, zero, zero]
    }
}

/// F(4, 3), points 0, 1, −1, ½, −2, ∞.
///
/// With `q(x) = x² + 1.5 x − 1`, whose roots are ½ and −2, the rows of `Bᵀ` are `(x² − 1) q`, `x (x ± 1) q`,
/// `x (x² − 1) (x + 2)`, `x (x² − 1) (x − ½)` and `x (x² − 1) q`: hence the parts below.
pub(super) struct F4;

impl Form for F4 {
    const OUT: usize = 4;
    const IN: usize = 6;

    #[inline(always)]
    fn input<S: Simd>(s: S, [d0, d1, d2, d3, d4, d5]: Line<S>) -> Line<S> {
        let c = s.splat(1.5);
        // x (x² − 1) and x² (x² − 1).
        let (h1, h2) = (s.sub(d3, d1), s.sub(d4, d2));
        // q, x q, x² q and x³ q.
        let q0 = s.mul_add(c, d1, s.sub(d2, d0));
        let q1 = s.mul_add(c, d2, h1);
        let q2 = s.mul_add(c, d3, h2);
        let q3 = s.mul_add(c, d4, s.sub(d5, d3));
        [
            s.sub(q2, q0),
            s.add(q2, q1),
            s.sub(q2, q1),
            s.mul_add(s.splat(2.0), h1, h2),
            s.mul_add(s.splat(-0.5), h1, h2),
            s.sub(q3, q1),
        ]
    }

    #[inline(always)]
    fn weights<S: Simd>(s: S, [w0, w1, w2]: [S::V; 3]) -> Line<S> {
        let ends = s.add(w0, w2);
        let half = s.mul_add(s.splat(0.25), w2, s.mul_add(s.splat(0.5), w1, w0));
        let two = s.mul_add(s.splat(4.0), w2, s.mul_add(s.splat(-2.0), w1, w0));
        [
            w0,
            s.mul(s.add(ends, w1), s.splat(1.0 / 3.0)),
            s.mul(s.sub(ends, w1), s.splat(-1.0 / 3.0)),
            s.mul(half, s.splat(-16.0 / 15.0)),
            s.mul(two, s.splat(1.0 / 15.0)),
            w2,
        ]
    }

    #[inline(always)]
    fn output<S: Simd>(s: S, [m0, m1, m2, m3, m4, m5]: Line<S>) -> Line<S> {
        let (sum, difference) = (s.add(m1, m2), s.sub(m1, m2));
        [
            s.add(s.add(m0, sum), s.add(m3, m4)),
            s.mul_add(s.splat(-2.0), m4, s.mul_add(s.splat(0.5), m3, difference)),
            s.mul_add(s.splat(4.0), m4, s.mul_add(s.splat(0.25), m3, sum)),
            s.add(s.mul_add(s.splat(-8.0), m4, s.mul_add(s.splat(0.125), m3, difference)), m5),
            m5,
            m5,
        ]
    }

    #[inline(always)]
    fn output_adjoint<S: Simd>(s: S, [y0, y1, y2, y3, ..]: Line<S>) -> Line<S> {
        let (even, odd) = (s.add(y0, y2), s.add(y1, y3));
        let half = s.mul_add(s.splat(0.25), y2, s.mul_add(s.splat(0.5), y1, y0));
        let two = s.mul_add(s.splat(4.0), y2, s.mul_add(s.splat(-2.0), y1, y0));
        [
            y0,
            s.add(even, odd),
            s.sub(even, odd),
            s.mul_add(s.splat(0.125), y3, half),
            s.mul_add(s.splat(-8.0), y3, two),
            y3,
        ]
    }

    #[inline(always)]
    fn input_adjoint<S: Simd>(s: S, [m0, m1, m2, m3, m4, m5]: Line<S>) -> Line<S> {
        let c = s.splat(1.5);
        let q1 = s.sub(s.sub(m1, m2), m5);
        let q2 = s.add(m0, s.add(m1, m2));
        let h1 = s.mul_add(s.splat(2.0), m3, s.mul_add(s.splat(-0.5), m4, q1));
        let h2 = s.add(s.add(m3, m4), q2);
        [
            m0,
            s.neg(s.mul_add(c, m0, h1)),
            s.sub(s.mul_add(c, q1, s.neg(m0)), h2),
            s.sub(s.mul_add(c, q2, h1), m5),
            s.mul_add(c, m5, h2),
            m5,
        ]
    }
}
