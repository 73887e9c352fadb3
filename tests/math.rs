//! The elementary functions against `f64`, over all magnitudes, at every level.

use kernlet::math;
use kernlet::simd::{Kernel, Level, Rounding, Scalar, Simd};

/// A function of a vector, as a value.
trait Function: Copy {
    fn apply<S: Simd>(self, s: S, x: S::V) -> S::V;
}

macro_rules! functions {
    ($($name:ident = $path:path;)*) => {$(
        #[derive(Clone, Copy)]
        struct $name;
        impl Function for $name {
            #[inline(always)]
            fn apply<S: Simd>(self, s: S, x: S::V) -> S::V {
                $path(s, x)
            }
        }
    )*};
}

functions! {
    Exp = math::exp;
    ExpM1 = math::exp_m1;
    Softplus = math::softplus;
    Ln = math::ln;
    Ln1p = math::ln_1p;
    Sigmoid = math::sigmoid;
    Tanh = math::tanh;
    Erf = math::erf;
    Cdf = math::normal_cdf;
}

struct Map<'a, F>(F, &'a mut [f32]);

impl<F: Function> Kernel for Map<'_, F> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        for chunk in self.1.chunks_mut(S::LANES) {
            let y = self.0.apply(s, s.load_first(chunk));
            s.store_first(y, chunk);
        }
    }
}

/// The distance of the floats around an exact value.
fn ulp(exact: f64) -> f64 {
    let exponent = (exact.abs().to_bits() >> 52) as i32 - 1023;
    2.0_f64.powi(exponent.max(-126) - 23)
}

/// Every 1009th float in `from ..= to`, by bits, and both ends.
fn sweep(from: f32, to: f32) -> impl Iterator<Item = f32> {
    assert!(from.is_sign_negative() == to.is_sign_negative());
    let (low, high) = (from.to_bits().min(to.to_bits()), from.to_bits().max(to.to_bits()));
    (low..=high).step_by(1009).chain([high]).map(f32::from_bits)
}

/// Fails where `function` is more than `bound(x)` units off, and prints the worst.
fn check(name: &str, f: impl Function, exact: fn(f64) -> f64, ranges: &[(f32, f32)], bound: fn(f64) -> f64) {
    for level in Level::all() {
        let (mut worst, mut worst_at) = (0.0, 0.0);
        for &(from, to) in ranges {
            let x: Vec<f32> = sweep(from, to).collect();
            let mut y = x.clone();
            level.dispatch(Map(f, &mut y));
            for (&x, &y) in x.iter().zip(&y) {
                let expected = exact(f64::from(x));
                if expected.abs() > f64::from(f32::MAX) {
                    assert!(y.is_infinite() || y.abs() == f32::MAX, "{name}({x}) at {level} is {y}");
                    continue;
                }
                let off = (f64::from(y) - expected).abs() / ulp(expected);
                assert!(off <= bound(f64::from(x)), "{name}({x:e}) at {level}: {y:e} for {expected:e}, {off:.3} ulp");
                if off > worst {
                    (worst, worst_at) = (off, x);
                }
            }
        }
        println!("{name}, {level}: {worst:.3} ulp at {worst_at:e}");
    }
}

const ALL: &[(f32, f32)] = &[(0.0, f32::MAX), (-0.0, f32::MIN)];
const POSITIVE: &[(f32, f32)] = &[(f32::from_bits(1), f32::MAX)];

#[test]
fn exp() {
    check("exp", Exp, libm::exp, ALL, |_| 1.0);
    check("exp", Exp, libm::exp, &[(80.0, 89.0), (-80.0, -105.0)], |_| 1.0);
}

#[test]
fn exp_m1() {
    check("exp_m1", ExpM1, libm::expm1, ALL, |_| 3.0);
    check("exp_m1", ExpM1, libm::expm1, &[(1e-12, 89.0), (-1e-12, -18.0), (0.2, 6.0), (-0.2, -2.0)], |_| 3.0);
}

#[test]
fn softplus() {
    let exact = |x: f64| x.max(0.0) + libm::log1p(libm::exp(-x.abs()));
    check("softplus", Softplus, exact, ALL, |_| 3.0);
    check("softplus", Softplus, exact, &[(0.01, 20.0), (-0.01, -105.0)], |_| 3.0);
}

#[test]
fn ln() {
    check("ln", Ln, libm::log, POSITIVE, |_| 1.0);
    check("ln", Ln, libm::log, &[(0.7, 1.5)], |_| 1.0);
    check("ln_1p", Ln1p, libm::log1p, &[(0.0, 1.0)], |_| 2.0);
}

#[test]
fn sigmoid() {
    check("sigmoid", Sigmoid, |x| 1.0 / (1.0 + libm::exp(-x)), ALL, |_| 3.0);
}

#[test]
fn tanh() {
    check("tanh", Tanh, libm::tanh, ALL, |_| 2.0);
    check("tanh", Tanh, libm::tanh, &[(0.5, 1.0), (-9.5, -0.5)], |_| 2.0);
}

#[test]
fn erf() {
    check("erf", Erf, libm::erf, ALL, |_| 3.0);
    check("erf", Erf, libm::erf, &[(0.5, 4.0), (-4.0, -0.5)], |_| 3.0);
}

#[test]
fn normal_cdf() {
    let exact = |x: f64| 0.5 * libm::erfc(-x * std::f64::consts::FRAC_1_SQRT_2);
    check("cdf", Cdf, exact, ALL, |x| if x > 0.0 { 5.0 } else { x * x + 6.0 });
    check("cdf", Cdf, exact, &[(-0.1, -15.0)], |x| x * x + 6.0);
}

/// The values at infinities, zeros and NaN, at every level.
#[test]
fn special_values() {
    fn at(f: impl Function, x: f32) -> impl Iterator<Item = f32> {
        Level::all().map(move |level| {
            let mut y = [x; 19];
            level.dispatch(Map(f, &mut y));
            assert!(y.iter().all(|lane| lane.to_bits() == y[0].to_bits()), "lanes differ at {level}: {y:?}");
            y[0]
        })
    }
    macro_rules! gives {
        ($($f:ident($x:expr) = $y:expr;)*) => {$(
            for y in at($f, $x) {
                let expected: f32 = $y;
                assert!(y == expected || y.is_nan() && expected.is_nan(), "{}({}) = {y}", stringify!($f), $x);
            }
        )*};
    }
    let (inf, nan) = (f32::INFINITY, f32::NAN);
    gives! {
        Exp(inf) = inf; Exp(-inf) = 0.0; Exp(nan) = nan; Exp(0.0) = 1.0; Exp(-0.0) = 1.0;
        Exp(88.73) = inf; Exp(-104.0) = 0.0; Exp(f32::MAX) = inf; Exp(f32::MIN) = 0.0;
        ExpM1(inf) = inf; ExpM1(-inf) = -1.0; ExpM1(nan) = nan; ExpM1(1e-45) = 1e-45; ExpM1(88.73) = inf;
        ExpM1(f32::MIN) = -1.0;
        Softplus(inf) = inf; Softplus(-inf) = 0.0; Softplus(nan) = nan; Softplus(f32::MAX) = f32::MAX;
        Ln(inf) = inf; Ln(-inf) = nan; Ln(nan) = nan; Ln(0.0) = -inf; Ln(-0.0) = -inf; Ln(-1e-45) = nan; Ln(1.0) = 0.0;
        Sigmoid(inf) = 1.0; Sigmoid(-inf) = 0.0; Sigmoid(nan) = nan; Sigmoid(-0.0) = 0.5;
        Tanh(inf) = 1.0; Tanh(-inf) = -1.0; Tanh(nan) = nan; Tanh(1e-45) = 1e-45;
        Erf(inf) = 1.0; Erf(-inf) = -1.0; Erf(nan) = nan; Erf(0.0) = 0.0;
        Cdf(inf) = 1.0; Cdf(-inf) = 0.0; Cdf(nan) = nan; Cdf(0.0) = 0.5;
    }
    for y in at(Tanh, -0.0).chain(at(Erf, -0.0)).chain(at(ExpM1, -0.0)) {
        assert!(y == 0.0 && y.is_sign_negative());
    }
}

/// The same bits at every level of a rounding, and on the scalar token.
#[test]
fn bits_depend_on_the_rounding_alone() {
    fn compare(f: impl Function) {
        let x: Vec<f32> = (0..u32::MAX).step_by(100_003).map(f32::from_bits).filter(|x| !x.is_nan()).collect();
        for rounding in [Rounding::Strict, Rounding::Fused] {
            let mut first: Option<Vec<f32>> =
                (rounding == Rounding::Strict).then(|| x.iter().map(|&x| f.apply(Scalar::strict(), x)).collect());
            for level in Level::all().filter(|level| level.rounding() == rounding) {
                let mut y = x.clone();
                level.dispatch(Map(f, &mut y));
                let first = first.get_or_insert_with(|| y.clone());
                for ((x, y), first) in x.iter().zip(&y).zip(first.iter()) {
                    let same = y.to_bits() == first.to_bits() || y.is_nan() && first.is_nan();
                    assert!(same, "{x:e} gives {y:e} at {level}, {first:e} elsewhere");
                }
            }
        }
    }
    compare(Exp);
    compare(ExpM1);
    compare(Softplus);
    compare(Ln);
    compare(Sigmoid);
    compare(Tanh);
    compare(Erf);
    compare(Cdf);
}
