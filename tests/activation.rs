//! Activations against their `f64` twins, and their bits across levels.

use kernlet::kernels::{ShapeError, activation::*, reference::activation::Activation};
use kernlet::random::Stream;
use kernlet::simd::{Level, Rounding};

const U: f64 = f32::EPSILON as f64 / 2.0;
const LENGTHS: [usize; 9] = [0, 1, 3, 7, 8, 15, 16, 17, 31];

type Forward = fn(Level, &[f32], &mut [f32]) -> Result<(), ShapeError>;
type Backward = fn(Level, &[f32], &[f32], &mut [f32]) -> Result<(), ShapeError>;
type BackwardInPlace = fn(Level, &[f32], &mut [f32]) -> Result<(), ShapeError>;

struct Case {
    twin: Activation,
    forward: Forward,
    in_place: fn(Level, &mut [f32]),
    backward: Backward,
    backward_in_place: BackwardInPlace,
    keeps_output: bool,
    /// Half units in the last place of the value, and of the slope's largest term, at x.
    roundings: fn(f64) -> f64,
}

macro_rules! case {
    ($twin:expr, $forward:ident $in_place:ident $backward:ident $backward_in_place:ident, $keeps:expr, $roundings:expr) => {
        Case {
            twin: $twin,
            forward: $forward,
            in_place: $in_place,
            backward: $backward,
            backward_in_place: $backward_in_place,
            keeps_output: $keeps,
            roundings: $roundings,
        }
    };
}

fn cases() -> [Case; 16] {
    [
        case!(Activation::Relu, relu_into relu_in_place relu_backward_into relu_backward_in_place, true, |_| 0.0),
        Case {
            twin: Activation::LeakyRelu(f64::from(0.2_f32)),
            forward: |level, x, y| leaky_relu_into(level, 0.2, x, y),
            in_place: |level, y| leaky_relu_in_place(level, 0.2, y),
            backward: |level, y, dy, dx| leaky_relu_backward_into(level, 0.2, y, dy, dx),
            backward_in_place: |level, y, dy| leaky_relu_backward_in_place(level, 0.2, y, dy),
            keeps_output: true,
            roundings: |_| 1.0,
        },
        case!(Activation::Relu6, relu6_into relu6_in_place relu6_backward_into relu6_backward_in_place, true, |_| 0.0),
        Case {
            twin: Activation::Clip(-1.5, 0.75),
            forward: |level, x, y| clip_into(level, -1.5, 0.75, x, y),
            in_place: |level, y| clip_in_place(level, -1.5, 0.75, y),
            backward: |level, y, dy, dx| clip_backward_into(level, -1.5, 0.75, y, dy, dx),
            backward_in_place: |level, y, dy| clip_backward_in_place(level, -1.5, 0.75, y, dy),
            keeps_output: true,
            roundings: |_| 0.0,
        },
        // A sum whose operands may cancel, and a quotient.
        case!(Activation::HardSigmoid, hard_sigmoid_into hard_sigmoid_in_place hard_sigmoid_backward_into
            hard_sigmoid_backward_in_place, true, |x| 2.0 + 1.0 / (x + 3.0).abs().max(1e-3)),
        case!(Activation::HardSwish, hard_swish_into hard_swish_in_place hard_swish_backward_into
            hard_swish_backward_in_place, false, |x| 4.0 + 6.0 / (x + 3.0).abs().max(1e-3) + 6.0 / (2.0 * x + 3.0).abs().max(1e-3)),
        // Three units of the function and a product; backward adds α to what may be nearly −α.
        Case {
            twin: Activation::Elu(f64::from(0.7_f32)),
            forward: |level, x, y| elu_into(level, 0.7, x, y),
            in_place: |level, y| elu_in_place(level, 0.7, y),
            backward: |level, y, dy, dx| elu_backward_into(level, 0.7, y, dy, dx),
            backward_in_place: |level, y, dy| elu_backward_in_place(level, 0.7, y, dy),
            keeps_output: true,
            roundings: |_| 9.0,
        },
        case!(Activation::Selu, selu_into selu_in_place selu_backward_into selu_backward_in_place, true, |_| 20.0),
        Case {
            twin: Activation::Celu(f64::from(1.3_f32)),
            forward: |level, x, y| celu_into(level, 1.3, x, y),
            in_place: |level, y| celu_in_place(level, 1.3, y),
            backward: |level, y, dy, dx| celu_backward_into(level, 1.3, y, dy, dx),
            backward_in_place: |level, y, dy| celu_backward_in_place(level, 1.3, y, dy),
            keeps_output: true,
            roundings: |x| 11.0 + x.abs(),
        },
        case!(Activation::Softplus, softplus_into softplus_in_place softplus_backward_into softplus_backward_in_place,
            false, |_| 8.0),
        case!(Activation::Mish, mish_into mish_in_place mish_backward_into mish_backward_in_place, false, |_| 20.0),
        // Three units of the function, a difference and two products.
        case!(Activation::Sigmoid, sigmoid_into sigmoid_in_place sigmoid_backward_into sigmoid_backward_in_place, true,
            |_| 9.0),
        case!(Activation::Tanh, tanh_into tanh_in_place tanh_backward_into tanh_backward_in_place, true, |_| 9.0),
        // x² + 6 units of the distribution; x² and the roundings again for the slope.
        case!(Activation::Gelu, gelu_into gelu_in_place gelu_backward_into gelu_backward_in_place, false,
            |x| 2.0 * (x * x + 6.0) + 4.0),
        // The sigmoid's argument has four roundings, which its slope multiplies.
        case!(Activation::GeluTanh, gelu_tanh_into gelu_tanh_in_place gelu_tanh_backward_into
            gelu_tanh_backward_in_place, false, |x| 10.0 + 10.0 * (1.6 * x + 0.072 * x * x * x).abs()),
        case!(Activation::Silu, silu_into silu_in_place silu_backward_into silu_backward_in_place, false, |_| 10.0),
    ]
}

fn samples(seed: u64, len: usize, scale: f32) -> Vec<f32> {
    let stream = Stream::new(seed, 0);
    (0..len).map(|i| (2.0 * stream.f32_at(i as u64) - 1.0) * scale).collect()
}

#[test]
fn forward_and_backward_as_the_twins() {
    for Case { twin, forward, in_place, backward, backward_in_place, keeps_output, roundings } in cases() {
        for level in Level::all() {
            for (len, scale) in LENGTHS.iter().map(|&len| (len, 4.0)).chain([(4000, 1.0), (4000, 12.0), (4000, 90.0)]) {
                let (x, dy) = (samples(len as u64, len, scale), samples(7, len, 1.0));
                let (mut y, mut dx) = (vec![f32::NAN; len], vec![f32::NAN; len]);
                forward(level, &x, &mut y).unwrap();
                let kept = if keeps_output { &y } else { &x };
                backward(level, kept, &dy, &mut dx).unwrap();
                for i in 0..len {
                    let (x, dy) = (f64::from(x[i]), f64::from(dy[i]));
                    let room = U * roundings(x);
                    // A subnormal factor is rounded to a multiple of the smallest.
                    let tiny = f64::from(f32::from_bits(1)) * (1.0 + x.abs().powi(3));
                    let (value, slope) = (twin.value(x), twin.slope(x));
                    let off = (f64::from(y[i]) - value).abs();
                    assert!(off <= room * value.abs() + tiny, "{twin:?}({x}) at {level}: {} for {value}", y[i]);
                    // The terms of a slope from x may cancel: Φ or σ, and x times a density or σ' u'.
                    let terms = if keeps_output {
                        1.0
                    } else {
                        slope.abs() + (value / x).abs() + value.abs() * (1.6 + 0.25 * x * x)
                    };
                    let off = (f64::from(dx[i]) - dy * slope).abs();
                    assert!(
                        off <= room * dy.abs() * terms + tiny,
                        "{twin:?}'({x}) · {dy} at {level}: {} for {}",
                        dx[i],
                        dy * slope
                    );
                }
                let (mut again, mut d) = (x.clone(), dy.clone());
                in_place(level, &mut again);
                backward_in_place(level, kept, &mut d).unwrap();
                assert_eq!((again, d), (y, dx), "{twin:?} in place at {level}");
            }
        }
    }
}

#[test]
fn special_values() {
    let at = |f: fn(Level, &mut [f32]), x: f32| {
        let mut first = None;
        for level in Level::all() {
            let mut y = [x; 17];
            f(level, &mut y);
            assert!(y.iter().all(|lane| lane.to_bits() == y[0].to_bits()));
            let first = *first.get_or_insert(y[0]);
            assert!(first == y[0] || first.is_nan() && y[0].is_nan());
        }
        first.unwrap()
    };
    for case in cases() {
        assert!(at(case.in_place, f32::NAN).is_nan(), "{:?}(NaN)", case.twin);
        let high = match case.twin {
            Activation::Relu6 => 6.0,
            Activation::Clip(_, high) => high as f32,
            Activation::Sigmoid | Activation::Tanh | Activation::HardSigmoid => 1.0,
            _ => f32::INFINITY,
        };
        assert_eq!(at(case.in_place, f32::INFINITY), high, "{:?}(∞)", case.twin);
        let low = match case.twin {
            Activation::LeakyRelu(_) => f32::NEG_INFINITY,
            Activation::Tanh => -1.0,
            Activation::Clip(low, _) => low as f32,
            Activation::Elu(alpha) | Activation::Celu(alpha) => -alpha as f32,
            Activation::Selu => -1.758_099_3,
            _ => 0.0,
        };
        assert_eq!(at(case.in_place, f32::NEG_INFINITY), low, "{:?}(−∞)", case.twin);
        for (x, slope) in [(f32::INFINITY, 1.0), (f32::NEG_INFINITY, 0.0), (0.0, case.twin.slope(0.0) as f32)] {
            let kept = if case.keeps_output { at(case.in_place, x) } else { x };
            let mut dy = [1.0; 17];
            (case.backward_in_place)(Level::detect(), &[kept; 17], &mut dy).unwrap();
            let slope = match case.twin {
                Activation::Relu6 | Activation::Sigmoid | Activation::Tanh if x != 0.0 => 0.0,
                Activation::Clip(..) | Activation::HardSigmoid if x != 0.0 => 0.0,
                Activation::Selu if x > 0.0 => 1.050_701,
                Activation::LeakyRelu(slope) if x < 0.0 => slope as f32,
                _ => slope,
            };
            assert_eq!(dy, [slope; 17], "{:?}'({x})", case.twin);
        }
    }
}

#[test]
fn bits_depend_on_the_rounding_alone() {
    for case in cases() {
        for rounding in [Rounding::Strict, Rounding::Fused] {
            let bits: Vec<Vec<u32>> = Level::all()
                .filter(|level| level.rounding() == rounding)
                .map(|level| {
                    let mut y = samples(1, 1001, 10.0);
                    let mut dx = samples(2, 1001, 1.0);
                    if !case.keeps_output {
                        (case.backward_in_place)(level, &y, &mut dx).unwrap();
                    }
                    (case.in_place)(level, &mut y);
                    if case.keeps_output {
                        (case.backward_in_place)(level, &y, &mut dx).unwrap();
                    }
                    y.iter().chain(&dx).map(|x| x.to_bits()).collect()
                })
                .collect();
            assert!(bits.windows(2).all(|pair| pair[0] == pair[1]), "{:?}, {rounding}", case.twin);
        }
    }
}

/// −0 comes through what is 0 at 0.
#[test]
fn negative_zero() {
    for case in cases() {
        for level in Level::all() {
            let mut y = [-0.0; 19];
            (case.in_place)(level, &mut y);
            if case.twin.value(0.0) == 0.0 {
                assert!(y.iter().all(|y| *y == 0.0 && y.is_sign_negative()), "{:?}, {level}: {y:?}", case.twin);
            }
        }
    }
}

/// A negative slope gives both signs of the input the same sign: backward from the output would guess.
#[test]
fn parameters_that_hide_the_sign_of_the_input_are_refused() {
    let (level, y, dy, mut dx) = (Level::detect(), [2.0, 1.0], [1.0; 2], [7.0; 2]);
    for bad in [-2.0, -f32::MIN_POSITIVE, f32::NAN] {
        let error = leaky_relu_backward_into(level, bad, &y, &dy, &mut dx).unwrap_err();
        assert_eq!(error.to_string(), "leaky_relu: sign of the parameter: expected 0, found 1");
        leaky_relu_backward_in_place(level, bad, &y, &mut dx).unwrap_err();
        elu_backward_into(level, bad, &y, &dy, &mut dx).unwrap_err();
        celu_backward_into(level, bad, &y, &dy, &mut dx).unwrap_err();
    }
    celu_backward_in_place(level, 0.0, &y, &mut dx).unwrap_err();
    assert_eq!(dx, [7.0; 2]);
    leaky_relu_backward_into(level, 0.0, &y, &dy, &mut dx).unwrap();
}

/// A bound that is NaN bounds nothing, an infinite one neither; where the lower is above, all become the upper.
#[test]
fn odd_bounds() {
    let x = [-5.0, 0.5, 5.0, f32::NAN];
    for level in Level::all() {
        for (low, high, expected, slope) in [
            (f32::NAN, 1.0, [-5.0, 0.5, 1.0], [1.0, 1.0, 0.0]),
            (0.0, f32::NAN, [0.0, 0.5, 5.0], [0.0, 1.0, 1.0]),
            (f32::NEG_INFINITY, f32::INFINITY, [-5.0, 0.5, 5.0], [1.0; 3]),
            (1.0, -1.0, [-1.0; 3], [0.0; 3]),
        ] {
            let (mut y, mut dx) = ([0.0; 4], [0.0; 4]);
            clip_into(level, low, high, &x, &mut y).unwrap();
            clip_backward_into(level, low, high, &y, &[1.0; 4], &mut dx).unwrap();
            assert_eq!((&y[..3], &dx[..3]), (&expected[..], &slope[..]), "{level}, {low} to {high}");
            assert!(y[3].is_nan());
        }
    }
}

#[test]
fn wrong_lengths_are_errors() {
    let level = Level::detect();
    for case in cases() {
        let mut y = [7.0; 3];
        (case.forward)(level, &[0.0; 4], &mut y).unwrap_err();
        (case.backward)(level, &[0.0; 3], &[0.0; 4], &mut y).unwrap_err();
        (case.backward)(level, &[0.0; 4], &[0.0; 4], &mut y).unwrap_err();
        (case.backward_in_place)(level, &[0.0; 4], &mut y).unwrap_err();
        assert_eq!(y, [7.0; 3]);
    }
    let error = gelu_backward_into(level, &[0.0; 3], &[0.0; 4], &mut [0.0; 4]).unwrap_err();
    assert_eq!(error.to_string(), "gelu: x: expected 4, found 3");
}
