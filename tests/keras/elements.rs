//! Activations and losses: functions of elements and of rows.
//!
//! An input is off by half a unit where it is rounded to `f32`, and a value then by that times the slope; the
//! functions' own errors are those that `kernlet::math` states. A slope changes by at most 1 where x changes
//! by 1 (no second derivative here is above 1), but at the corners of the piecewise linear ones.

use kernlet::{
    kernels::{
        ShapeError,
        activation::*,
        loss::{self, LossError},
        reference::{activation::Activation, loss as twin, softmax as rows},
        softmax::*,
    },
    simd::Level,
};

use super::{
    layers::{Case, Outcome, SMALLEST, Word},
    tracked::U,
};

type Forward = Box<dyn Fn(Level, &[f32], &mut [f32]) -> Result<(), ShapeError>>;
type Backward = Box<dyn Fn(Level, &[f32], &[f32], &mut [f32]) -> Result<(), ShapeError>>;

/// An activation's kernels, its twin, whether backward reads the output, and half units of the value's error.
struct Function {
    forward: Forward,
    backward: Backward,
    twin: Activation,
    keeps_output: bool,
    roundings: fn(f64) -> f64,
}

fn function(name: &str, numbers: &[f64]) -> Option<Function> {
    macro_rules! function {
        ($forward:ident $backward:ident, $twin:expr, $keeps:expr, $roundings:expr) => {
            Function {
                forward: Box::new($forward),
                backward: Box::new($backward),
                twin: $twin,
                keeps_output: $keeps,
                roundings: $roundings,
            }
        };
    }
    Some(match (name, numbers) {
        ("relu", []) => function!(relu_into relu_backward_into, Activation::Relu, true, |_| 0.0),
        ("relu", [6.0]) => function!(relu6_into relu6_backward_into, Activation::Relu6, true, |_| 0.0),
        ("leaky_relu", slope @ ([] | [_])) => {
            // Keras' default slope.
            let slope = slope.first().copied().unwrap_or(0.2);
            let narrow = slope as f32;
            Function {
                forward: Box::new(move |level, x, y| leaky_relu_into(level, narrow, x, y)),
                backward: Box::new(move |level, y, dy, dx| leaky_relu_backward_into(level, narrow, y, dy, dx)),
                twin: Activation::LeakyRelu(slope),
                keeps_output: true,
                // The slope's own rounding, and the product's.
                roundings: |_| 2.0,
            }
        }
        ("sigmoid", []) => function!(sigmoid_into sigmoid_backward_into, Activation::Sigmoid, true, |_| 9.0),
        ("tanh", []) => function!(tanh_into tanh_backward_into, Activation::Tanh, true, |_| 9.0),
        ("gelu" | "gelu_exact" | "gelu_erf", []) => {
            function!(gelu_into gelu_backward_into, Activation::Gelu, false, |x| 2.0 * (x * x + 6.0) + 4.0)
        }
        ("gelu_tanh" | "gelu_approximate", []) => {
            function!(gelu_tanh_into gelu_tanh_backward_into, Activation::GeluTanh, false, |x| {
                10.0 + 10.0 * (1.6 * x + 0.072 * x * x * x).abs()
            })
        }
        ("silu" | "swish", []) => function!(silu_into silu_backward_into, Activation::Silu, false, |_| 10.0),
        _ => return None,
    })
}

pub fn activation(case: &Case, words: &[Word]) -> Outcome {
    let name = words.iter().map(|(word, _)| &word[..]).collect::<Vec<_>>().join("_");
    let numbers = words.last().map_or(&[][..], |(_, numbers)| numbers);
    match &name[..] {
        "softmax" | "log_softmax" => return softmax(case, name == "log_softmax"),
        _ => {}
    }
    let f = function(&name, numbers).ok_or("this activation is not known here")?;
    let (x, dy) = (case.f64("x")?, case.f64("dy")?);
    let (mut values, mut slopes) = (Vec::new(), Vec::new());
    for (&x, &dy) in x.iter().zip(dy) {
        let (value, slope, off) = (f.twin.value(x), f.twin.slope(x), U * x.abs());
        let room = U * (f.roundings)(x);
        // What is below the normal numbers is rounded to a multiple of the smallest.
        let tiny = SMALLEST * (1.0 + x.abs().powi(3));
        values.push(room * value.abs() + off * (slope.abs() + off) + tiny);
        let terms =
            if f.keeps_output { 1.0 } else { slope.abs() + f.twin.slope(0.0) + value.abs() * (1.6 + 0.25 * x * x) };
        // Rounded, x may be on the other side of a corner.
        let corner = (f.twin.slope(f64::from(x as f32)) - slope).abs();
        slopes.push(dy.abs() * (room * terms + off + corner + 2.0 * U * slope.abs()) + tiny);
    }
    let [x, dy] = [case.f32("x")?, case.f32("dy")?];
    for level in Level::all() {
        let (mut y, mut dx) = (vec![f32::NAN; x.len()], vec![f32::NAN; x.len()]);
        (f.forward)(level, &x, &mut y)?;
        (f.backward)(level, if f.keeps_output { &y } else { &x }, &dy, &mut dx)?;
        case.compare(level, "y", &y, &values)?;
        case.compare(level, "dx", &dx, &slopes)?;
    }
    Ok(())
}

fn largest(x: &[f64]) -> f64 {
    x.iter().fold(0.0, |most, x| most.max(x.abs()))
}

/// How far the largest and the smallest element are apart.
fn spread(x: &[f64]) -> f64 {
    let (low, high) = x.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &x| (low.min(x), high.max(x)));
    high - low
}

/// Additions in the longest chain of a sum in 16 virtual lanes and their tree.
fn chain(len: usize) -> f64 {
    len.div_ceil(16) as f64 + 4.0
}

/// Relative to p: x is off by u|x| twice (its own and the maximum's), their difference by u of itself, the
/// exponential by a unit, the sum by its chain, the quotient by u.
fn relative(x: &[f64]) -> f64 {
    U * (2.0 * largest(x) + spread(x) + 4.0 + chain(x.len()) + 2.0)
}

fn softmax(case: &Case, logarithm: bool) -> Outcome {
    let [_, classes] = case.shape("x")?;
    let (x, dy) = (case.f64("x")?, case.f64("dy")?);
    let (mut values, mut slopes) = (Vec::new(), Vec::new());
    for (x, dy) in x.chunks(classes).zip(dy.chunks(classes)) {
        let (relative, terms) = (relative(x), chain(classes));
        let size: f64 = dy.iter().map(|dy| dy.abs()).sum();
        let dot: f64 = dy.iter().enumerate().map(|(j, dy)| rows::softmax(x, j) * dy.abs()).sum();
        for (j, dy) in dy.iter().enumerate() {
            let (p, l) = (rows::softmax(x, j), rows::log_softmax(x, j));
            if logarithm {
                // The error of the logarithm's argument, of itself, and of two differences.
                let value = relative + U * (spread(x) + 3.0 * l.abs());
                values.push(value);
                slopes.push(2.0 * U * dy.abs() + p * size * (value + U * (terms + 7.0)));
            } else {
                // The exponential and the quotient may fall below the normal numbers.
                values.push(relative * p + SMALLEST);
                let bound = p * (dy.abs() + dot) * (2.0 * relative + U * (terms + 5.0));
                slopes.push(bound + SMALLEST * (1.0 + dy.abs() + dot));
            }
        }
    }
    let [x, dy] = [case.f32("x")?, case.f32("dy")?];
    for level in Level::all() {
        let (mut y, mut dx) = (vec![f32::NAN; x.len()], vec![f32::NAN; x.len()]);
        if logarithm {
            log_softmax_into(level, classes, &x, &mut y)?;
            log_softmax_backward_into(level, classes, &y, &dy, &mut dx)?;
        } else {
            softmax_into(level, classes, &x, &mut y)?;
            softmax_backward_into(level, classes, &y, &dy, &mut dx)?;
        }
        case.compare(level, "y", &y, &values)?;
        case.compare(level, "dx", &dx, &slopes)?;
    }
    Ok(())
}

type Loss = fn(Level, &[f32], &[f32], &mut [f32]) -> Result<f32, LossError>;

/// Value and gradient of one element from output and target, and how far each may be off: from its own
/// computation, and from the rounding of output and target.
type Element = fn(f64, f64) -> [f64; 3];

pub fn loss(case: &Case, name: &str) -> Outcome {
    match name {
        "softmax_cross_entropy" | "sparse_categorical_cross_entropy" | "sparse_categorical_crossentropy" => {
            cross_entropy(case)
        }
        "half_squared_error" => elementwise(case, loss::half_squared_error, false, |y, t| {
            let (d, off) = (y - t, U * (y.abs() + t.abs()));
            [0.5 * d * d, d.abs() * off + off * off + 3.0 * U * d * d, off + U * d.abs()]
        }),
        "mean_squared_error" => elementwise(case, loss::mean_squared_error, true, |y, t| {
            let (d, off) = (y - t, U * (y.abs() + t.abs()));
            [d * d, 2.0 * d.abs() * off + off * off + 3.0 * U * d * d, 2.0 * off + 4.0 * U * d.abs()]
        }),
        "binary_cross_entropy_from_logits" | "binary_crossentropy_from_logits" | "sigmoid_cross_entropy" => {
            elementwise(case, loss::binary_cross_entropy_from_logits, true, |x, t| {
                // The value's slopes are σ(x) − t and −x; σ is three units off and has slope ¼.
                let room = U * (8.0 + 3.0 * x.abs()) + U * x.abs() * (1.0 + t.abs()) + U * t.abs() * x.abs();
                [twin::binary_cross_entropy_from_logits(x, t), room, U * (9.0 + 0.25 * x.abs() + t.abs())]
            })
        }
        "binary_cross_entropy" | "binary_crossentropy" => {
            elementwise(case, loss::binary_cross_entropy, true, |p, t| {
                let (slope, rest) = (twin::binary_cross_entropy_gradient(p, t), p * (1.0 - p));
                // d²/dp² = t/p² + (1 − t)/(1 − p)², d²/dp dt = −1/(p (1 − p)).
                let bend = t.abs() / (p * p) + (1.0 - t).abs() / ((1.0 - p) * (1.0 - p));
                let (off_p, off_t) = (U * p.abs(), U * t.abs());
                let logarithms = p.ln().abs() + (1.0 - p).ln().abs();
                [
                    twin::binary_cross_entropy(p, t),
                    20.0 * U * (1.0 + logarithms) + off_p * slope.abs() + off_t * logarithms,
                    8.0 * U * slope.abs() + off_p * bend + off_t / rest,
                ]
            })
        }
        _ => Err("this loss is not known here".into()),
    }
}

/// Keras' `dx` is the gradient times `dy`, by which the loss is multiplied; here that is done in `f64`.
fn elementwise(case: &Case, loss: Loss, mean: bool, element: Element) -> Outcome {
    let (x, t, dy) = (case.f64("x")?, case.f64("t")?, case.f64("dy")?[0]);
    let share = if mean { 1.0 / x.len() as f64 } else { 1.0 };
    let (mut sum, mut room, mut slopes) = (0.0, 0.0, Vec::new());
    for (&x, &t) in x.iter().zip(t) {
        let [value, off, slope] = element(x, t);
        (sum, room) = (sum + value.abs(), room + off);
        slopes.push(slope * share * dy.abs());
    }
    // The sum, its share, and half of it.
    let bound = share * (room + U * (chain(x.len()) + 2.0) * sum);
    let [x, t] = [case.f32("x")?, case.f32("t")?];
    for level in Level::all() {
        let mut dx = vec![f32::NAN; x.len()];
        let value = loss(level, &x, &t, &mut dx)?;
        case.compare(level, "y", &[value], &[bound])?;
        let dx: Vec<f64> = dx.iter().map(|&dx| f64::from(dx) * dy).collect();
        case.compare_f64(level, "dx", &dx, &slopes)?;
    }
    Ok(())
}

fn cross_entropy(case: &Case) -> Outcome {
    let [count, classes] = case.shape("x")?;
    let (x, labels, dy) = (case.f64("x")?, case.f64("labels")?, case.f64("dy")?[0]);
    let (mut sum, mut room, mut slopes) = (0.0, 0.0, Vec::new());
    for (x, &label) in x.chunks(classes).zip(labels) {
        let (loss, relative) = (twin::softmax_cross_entropy(x, label as usize), relative(x));
        (sum, room) = (sum + loss, room + relative + U * (spread(x) + 2.0 * loss));
        for j in 0..classes {
            // p, its difference from 1, and the share.
            let bound = rows::softmax(x, j) * relative + 3.0 * U;
            slopes.push(bound / count as f64 * dy.abs());
        }
    }
    let bound = (room + U * sum * (count as f64 + 2.0)) / count as f64;
    let labels: Vec<u32> = labels.iter().map(|&label| label as u32).collect();
    let x = case.f32("x")?;
    for level in Level::all() {
        let mut dx = vec![f32::NAN; x.len()];
        let value = loss::softmax_cross_entropy(level, classes, &x, &labels, &mut dx)?;
        case.compare(level, "y", &[value], &[bound])?;
        let dx: Vec<f64> = dx.iter().map(|&dx| f64::from(dx) * dy).collect();
        case.compare_f64(level, "dx", &dx, &slopes)?;
    }
    Ok(())
}
