//! The optimizers against their formulas in `f64`, and their bits across levels and parts.

mod tracked;

use kernlet::optim::*;
use kernlet::random::Stream;
use kernlet::simd::{Level, Rounding};
use tracked::Tracked;

const LENGTHS: [usize; 10] = [0, 1, 3, 7, 8, 15, 16, 17, 31, 100];

fn uniform(seed: u64, len: usize) -> Vec<f32> {
    let stream = Stream::new(seed, 0);
    (0..len).map(|i| 2.0 * stream.f32_at(i as u64) - 1.0).collect()
}

fn input(x: f64) -> Tracked {
    Tracked::input(x)
}

/// One element's step: parameter, gradient, states, number of the step.
type Formula = fn(Tracked, Tracked, &mut [Tracked; 3], i32) -> Tracked;

fn average(rate: f64, old: Tracked, new: Tracked) -> Tracked {
    input(rate) * old + input(1.0 - rate) * new
}

fn adam(w: Tracked, g: Tracked, [m, v, largest]: &mut [Tracked; 3], step: i32, amsgrad: bool) -> Tracked {
    let alpha = input(0.001) * input((1.0 - 0.999_f64.powi(step)).sqrt() / (1.0 - 0.9_f64.powi(step)));
    *m = *m + (g - *m) * input(0.1);
    *v = *v + (g * g - *v) * input(0.001);
    *largest = if amsgrad { largest.max(*v) } else { *v };
    w - *m * alpha / (largest.sqrt() + input(1e-7))
}

fn rmsprop(w: Tracked, g: Tracked, [v, u, a]: &mut [Tracked; 3], momentum: f64, centred: bool) -> Tracked {
    *v = average(0.9, *v, g * g);
    *a = average(0.9, *a, g);
    let divisor = if centred { *v - *a * *a } else { *v };
    let change = input(0.001) * g / (divisor + input(1e-7)).sqrt();
    *u = if momentum == 0.0 { change } else { input(momentum) * *u + change };
    w - *u
}

/// Runs five steps at every level and compares them with the formula.
fn compare<O: Optimizer>(name: &str, optimizer: O, formula: Formula) {
    for level in Level::all() {
        for len in LENGTHS {
            let w0 = uniform(1, len);
            let mut w = w0.clone();
            let mut memory = vec![f32::NAN; O::STATES * len];
            let mut states = split_states(&mut memory, len, 0, len);
            fill_initial(&optimizer, &mut states[..O::STATES]);
            let initial = |i| if i < O::STATES { f64::from(optimizer.initial_state(i)) } else { 0.0 };
            let mut expected: Vec<_> =
                w0.iter().map(|&w| (input(f64::from(w)), [initial(0), initial(1), initial(2)].map(input))).collect();
            for step in 1..=5 {
                let g = uniform(u64::from(step) + 10, len);
                optimizer.update(level, Step::new(step), &mut w, &g, &mut states[..O::STATES]).unwrap();
                for (i, (w, (expected, states))) in w.iter().zip(&mut expected).enumerate() {
                    *expected = formula(*expected, input(f64::from(g[i])), states, step as i32);
                    expected.assert_near(*w, || format!("{name}, {level}, length {len}, step {step}, element {i}"));
                }
            }
        }
    }
}

#[test]
fn formulas() {
    compare("sgd", Sgd::new(0.01), |w, g, _, _| w - input(0.01) * g);
    compare("sgd with decay", Sgd::new(0.1).with_weight_decay(0.5), |w, g, _, _| {
        w - w * (input(0.5) * input(0.1)) - input(0.1) * g
    });
    compare("momentum", Sgd::new(0.01).with_momentum(0.9), |w, g, [v, ..], _| {
        *v = *v * input(0.9) - g * input(0.01);
        w + *v
    });
    compare("nesterov", Sgd::new(0.01).with_momentum(0.9).with_nesterov(), |w, g, [v, ..], _| {
        *v = *v * input(0.9) - g * input(0.01);
        w + (*v * input(0.9) - g * input(0.01))
    });
    compare("adadelta", Adadelta::new(1.0), |w, g, [a, d, _], _| {
        *a = average(0.95, *a, g * g);
        let delta = (*d + input(1e-7)).sqrt() * g / (*a + input(1e-7)).sqrt();
        *d = average(0.95, *d, delta * delta);
        w - delta
    });
    compare("adagrad", Adagrad::new(0.001), |w, g, [a, ..], _| {
        *a = *a + g * g;
        w - input(0.001) * g / (*a + input(1e-7)).sqrt()
    });
    compare("adam", Adam::new(0.001), |w, g, states, step| adam(w, g, states, step, false));
    compare("amsgrad", Adam::new(0.001).with_amsgrad(), |w, g, states, step| adam(w, g, states, step, true));
    compare("adamw", AdamW::new(0.001), |w, g, states, step| {
        adam(w - w * (input(0.004) * input(0.001)), g, states, step, false)
    });
    compare("rmsprop", RmsProp::new(0.001), |w, g, states, _| rmsprop(w, g, states, 0.0, false));
    compare("rmsprop with momentum", RmsProp::new(0.001).with_momentum(0.9), |w, g, states, _| {
        rmsprop(w, g, states, 0.9, false)
    });
    compare("rmsprop centred", RmsProp::new(0.001).with_centred(), |w, g, states, _| rmsprop(w, g, states, 0.0, true));
    compare("rmsprop with both", RmsProp::new(0.001).with_centred().with_momentum(0.9), |w, g, states, _| {
        rmsprop(w, g, states, 0.9, true)
    });
}

#[test]
fn hyperparameters_and_weight_decay() {
    fn decayed(w: Tracked, lr: f64) -> Tracked {
        w - w * (input(0.25) * input(lr))
    }
    compare("momentum with decay", Sgd::new(0.01).with_momentum(0.5).with_weight_decay(0.25), |w, g, [v, ..], _| {
        *v = *v * input(0.5) - g * input(0.01);
        decayed(w, 0.01) + *v
    });
    compare(
        "nesterov with decay",
        Sgd::new(0.01).with_momentum(0.5).with_nesterov().with_weight_decay(0.25),
        |w, g, [v, ..], _| {
            *v = *v * input(0.5) - g * input(0.01);
            decayed(w, 0.01) + (*v * input(0.5) - g * input(0.01))
        },
    );
    compare(
        "adadelta",
        Adadelta::new(0.5).with_rho(0.8).with_epsilon(1e-3).with_weight_decay(0.25),
        |w, g, [a, d, _], _| {
            *a = average(0.8, *a, g * g);
            let delta = (*d + input(1e-3)).sqrt() * g / (*a + input(1e-3)).sqrt();
            *d = average(0.8, *d, delta * delta);
            decayed(w, 0.5) - input(0.5) * delta
        },
    );
    compare(
        "adagrad",
        Adagrad::new(0.1).with_initial(0.5).with_epsilon(1e-2).with_weight_decay(0.25),
        |w, g, [a, ..], _| {
            *a = *a + g * g;
            decayed(w, 0.1) - input(0.1) * g / (*a + input(1e-2)).sqrt()
        },
    );
    fn adam(w: Tracked, g: Tracked, [m, v, _]: &mut [Tracked; 3], step: i32) -> Tracked {
        let alpha = input(0.01) * input((1.0 - 0.99_f64.powi(step)).sqrt() / (1.0 - 0.8_f64.powi(step)));
        *m = *m + (g - *m) * input(0.2);
        *v = *v + (g * g - *v) * input(0.01);
        decayed(w, 0.01) - *m * alpha / (v.sqrt() + input(1e-3))
    }
    compare("adam", Adam::new(0.01).with_betas(0.8, 0.99).with_epsilon(1e-3).with_weight_decay(0.25), adam);
    compare("adamw", AdamW::new(0.01).with_betas(0.8, 0.99).with_epsilon(1e-3).with_weight_decay(0.25), adam);
    compare(
        "rmsprop",
        RmsProp::new(0.01).with_rho(0.7).with_epsilon(1e-3).with_weight_decay(0.25).with_momentum(0.5),
        |w, g, [v, u, _], _| {
            *v = average(0.7, *v, g * g);
            *u = input(0.5) * *u + input(0.01) * g / (*v + input(1e-3)).sqrt();
            decayed(w, 0.01) - *u
        },
    );
}

/// PyTorch's formulas, as its documentation writes them.
#[test]
fn formulas_of_pytorch() {
    use kernlet::optim::pytorch::{Adadelta, Adagrad, Adam, RmsProp, Sgd};
    fn l2(w: Tracked, g: Tracked) -> Tracked {
        g + input(0.25) * w
    }
    compare("torch sgd", Sgd::new(0.01).with_weight_decay(0.25), |w, g, _, _| w - input(0.01) * l2(w, g));
    let momentum = Sgd::new(0.01).with_momentum(0.9);
    compare("torch momentum", momentum.with_weight_decay(0.25).with_dampening(0.2), |w, g, [v, ..], step| {
        let g = l2(w, g);
        *v = if step == 1 { g } else { input(0.9) * *v + input(0.8) * g };
        w - input(0.01) * *v
    });
    compare("torch nesterov", momentum.with_nesterov(), |w, g, [v, ..], _| {
        *v = input(0.9) * *v + g;
        w - input(0.01) * (g + input(0.9) * *v)
    });
    fn adam(w: Tracked, g: Tracked, [m, v, largest]: &mut [Tracked; 3], step: i32, amsgrad: bool) -> Tracked {
        *m = *m + (g - *m) * input(0.1);
        *v = *v + (g * g - *v) * input(0.001);
        *largest = if amsgrad { largest.max(*v) } else { *v };
        let root = largest.sqrt() / input((1.0 - 0.999_f64.powi(step)).sqrt()) + input(1e-8);
        w - input(0.001) * input(1.0 / (1.0 - 0.9_f64.powi(step))) * *m / root
    }
    compare("torch adam", Adam::new(0.001).with_weight_decay(0.25), |w, g, states, step| {
        adam(w, l2(w, g), states, step, false)
    });
    compare("torch amsgrad", Adam::new(0.001).with_amsgrad(), |w, g, states, step| adam(w, g, states, step, true));
    compare("torch adamw", Adam::adamw(0.001), |w, g, states, step| {
        adam(w - w * (input(0.01) * input(0.001)), g, states, step, false)
    });
    fn rmsprop(w: Tracked, g: Tracked, [v, u, a]: &mut [Tracked; 3], momentum: f64, centred: bool) -> Tracked {
        *v = if centred {
            let deviation = g - *a;
            *a = average(0.99, *a, g);
            input(0.99) * (*v + input(0.01) * (deviation * deviation))
        } else {
            average(0.99, *v, g * g)
        };
        *u = input(momentum) * *u + g / (v.sqrt() + input(1e-8));
        w - input(0.01) * *u
    }
    compare("torch rmsprop", RmsProp::new(0.01).with_weight_decay(0.25), |w, g, states, _| {
        rmsprop(w, l2(w, g), states, 0.0, false)
    });
    compare("torch rmsprop with momentum", RmsProp::new(0.01).with_momentum(0.9), |w, g, states, _| {
        rmsprop(w, g, states, 0.9, false)
    });
    compare("torch rmsprop centred", RmsProp::new(0.01).with_centred(), |w, g, states, _| {
        rmsprop(w, g, states, 0.0, true)
    });
    compare("torch rmsprop with both", RmsProp::new(0.01).with_momentum(0.9).with_centred(), |w, g, states, _| {
        rmsprop(w, g, states, 0.9, true)
    });
    compare("torch adagrad", Adagrad::new(0.01).with_lr_decay(0.5).with_weight_decay(0.25), |w, g, [a, ..], step| {
        let g = l2(w, g);
        *a = *a + g * g;
        w - input(0.01) / (input(1.0) + input(0.5) * input(f64::from(step - 1))) * (g / (a.sqrt() + input(1e-10)))
    });
    compare("torch adadelta", Adadelta::new(1.0).with_weight_decay(0.25), |w, g, [a, d, _], _| {
        let g = l2(w, g);
        *a = average(0.9, *a, g * g);
        let delta = (*d + input(1e-6)).sqrt() * g / (*a + input(1e-6)).sqrt();
        *d = average(0.9, *d, delta * delta);
        w - delta
    });
}

/// Gradients that hardly differ: the variance is what is left of two large moments, and stays one.
#[test]
fn a_centred_variance_has_its_digits() {
    fn check<O: Optimizer>(optimizer: O, lr: f64, rho: f64, root: fn(f64) -> f64) {
        for level in Level::all() {
            for (mean, noise) in [(300.0, 0.01), (1.0, 0.0), (-2.0, 1e-6), (1e-3, 1e-3), (4e4, 1.0)] {
                let (mut w, mut variance, mut average) = ([0.0], [0.0], [0.0]);
                let [mut v, mut a] = [0.0, 0.0];
                for number in 1..=500 {
                    let g = mean + noise * Stream::new(5, 5).f32_at(number.into());
                    let before = w[0];
                    let states = &mut [&mut variance[..], &mut average[..]];
                    optimizer.update(level, Step::new(number), &mut w, &[g], states).unwrap();
                    assert!(w[0].is_finite(), "{level}, {mean}, step {number}");
                    // The documented formula, in twice the digits.
                    let g = f64::from(g);
                    v = rho * v + (1.0 - rho) * g * g;
                    a = rho * a + (1.0 - rho) * g;
                    let expected = f64::from(before) - lr * g / root(v - a * a);
                    // Each average forgets all but 1 / (1 − ρ) roundings; the deviations g − a lose digits of g.
                    let kept = 1.0 / (1.0 - rho);
                    let lost = kept * (f64::from(g as f32) * tracked::U / (v - a * a).max(1e-7).sqrt()).abs();
                    let bound = tracked::U * 4.0 * (f64::from(before).abs() + f64::from(w[0]).abs())
                        + (expected - f64::from(before)).abs() * (lost + kept * 4.0 * tracked::U);
                    let off = (f64::from(w[0]) - expected).abs();
                    assert!(off <= bound, "{level}, {mean}, step {number}: {} for {expected}, bound {bound:e}", w[0]);
                }
            }
        }
    }
    check(RmsProp::new(0.01).with_centred(), f64::from(0.01_f32), 0.9, |variance| (variance + 1e-7).sqrt());
    check(
        pytorch::RmsProp::new(0.01).with_centred().with_rho(0.9).with_epsilon(1e-3),
        f64::from(0.01_f32),
        0.9,
        |variance| variance.max(0.0).sqrt() + 1e-3,
    );
}

/// What is chosen at run time makes the steps of what it chose, and says how many states it has.
#[test]
fn optimizers_chosen_at_run_time() {
    fn check<O: Optimizer + Into<AnyOptimizer> + 'static>(optimizer: O) {
        for level in Level::all() {
            let expected = bits(optimizer, level, 21, &[]);
            let (any, dynamic): (AnyOptimizer, &dyn DynOptimizer) = (optimizer.into(), &optimizer);
            for (found, states) in [
                (bits(any, level, 21, &[]), any.states()),
                (bits(dynamic, level, 21, &[]), Optimizer::states(&dynamic)),
            ] {
                assert_eq!(states, O::STATES);
                assert_eq!(found[..expected.len()], expected);
                // The states that it does not use stay as they were.
                assert!(found[expected.len()..].iter().all(|&bits| f32::from_bits(bits).is_nan()));
            }
        }
    }
    check(Sgd::new(0.01).with_weight_decay(0.1));
    check(Sgd::new(0.01).with_momentum(0.9));
    check(Adadelta::new(1.0));
    check(Adagrad::new(0.1));
    check(Adam::new(0.1));
    check(Adam::new(0.1).with_amsgrad());
    check(AdamW::new(0.1));
    check(RmsProp::new(0.1));
    check(RmsProp::new(0.1).with_momentum(0.9));
    check(RmsProp::new(0.1).with_centred());
    check(RmsProp::new(0.1).with_momentum(0.9).with_centred());
    check(pytorch::Sgd::new(0.01));
    check(pytorch::Sgd::new(0.01).with_momentum(0.9).with_dampening(0.5));
    check(pytorch::Adadelta::new(1.0));
    check(pytorch::Adagrad::new(0.1));
    check(pytorch::Adam::new(0.1));
    check(pytorch::Adam::adamw(0.1).with_amsgrad());
    check(pytorch::RmsProp::new(0.1));
    check(pytorch::RmsProp::new(0.1).with_momentum(0.9));
    check(pytorch::RmsProp::new(0.1).with_centred());
    check(pytorch::RmsProp::new(0.1).with_momentum(0.9).with_centred());
}

/// A step whose decay is scaled by 0 is the step of the optimizer without decay, to the bit.
#[test]
fn parameters_that_do_not_decay() {
    fn check<O: Optimizer>(decays: O, plain: O) {
        for level in Level::all() {
            let step = |optimizer: O, decay_scale| {
                let (mut w, mut memory) = (uniform(1, 21), vec![f32::NAN; MAX_STATES * 21]);
                let mut states = split_states(&mut memory, 21, 0, 21);
                fill_initial(&optimizer, &mut states);
                let step = Step { decay_scale, ..Step::first() };
                optimizer.update(level, step, &mut w, &uniform(2, 21), &mut states).unwrap();
                w
            };
            assert_eq!(step(decays, 0.0), step(plain, 1.0));
            assert_ne!(step(decays, 1.0), step(plain, 1.0));
        }
    }
    check(Sgd::new(0.1).with_weight_decay(0.5), Sgd::new(0.1));
    check(Sgd::new(0.1).with_momentum(0.9).with_weight_decay(0.5), Sgd::new(0.1).with_momentum(0.9));
    check(Adadelta::new(1.0).with_weight_decay(0.5), Adadelta::new(1.0));
    check(Adagrad::new(0.1).with_weight_decay(0.5), Adagrad::new(0.1));
    check(Adam::new(0.1).with_weight_decay(0.5), Adam::new(0.1));
    check(AdamW::new(0.1), AdamW::new(0.1).with_weight_decay(0.0));
    check(RmsProp::new(0.1).with_weight_decay(0.5), RmsProp::new(0.1));
    check(pytorch::Sgd::new(0.1).with_weight_decay(0.5), pytorch::Sgd::new(0.1));
    check(pytorch::Adadelta::new(1.0).with_weight_decay(0.5), pytorch::Adadelta::new(1.0));
    check(pytorch::Adagrad::new(0.1).with_weight_decay(0.5), pytorch::Adagrad::new(0.1));
    check(pytorch::Adam::new(0.1).with_weight_decay(0.5), pytorch::Adam::new(0.1));
    check(pytorch::Adam::adamw(0.1), pytorch::Adam::adamw(0.1).with_weight_decay(0.0));
    check(pytorch::RmsProp::new(0.1).with_weight_decay(0.5), pytorch::RmsProp::new(0.1));
}

/// A step with scales is the step at the scaled learning rate with the scaled gradient, to the bit.
#[test]
fn scales_of_a_step() {
    fn check<O: Optimizer>(name: &str, at: impl Fn(f32) -> O) {
        for level in Level::all() {
            let run = |optimizer: O, lr_scale: f32, gradient_scale: f32, by: f32| {
                let (len, mut w) = (21, uniform(1, 21));
                let mut memory = vec![f32::NAN; O::STATES * len];
                let mut states = split_states(&mut memory, len, 0, len);
                fill_initial(&optimizer, &mut states[..O::STATES]);
                for number in 1..=3 {
                    let g: Vec<f32> = uniform(u64::from(number) + 10, len).iter().map(|g| g * by).collect();
                    let step = Step { lr_scale, gradient_scale, ..Step::new(number) };
                    optimizer.update(level, step, &mut w, &g, &mut states[..O::STATES]).unwrap();
                }
                w
            };
            let expected = run(at(0.3 * 0.7), 1.0, 1.0, 0.9);
            assert_eq!(run(at(0.3), 0.7, 0.9, 1.0), expected, "{name}, {level}");
        }
    }
    check("sgd", |lr| Sgd::new(lr).with_weight_decay(0.1));
    check("nesterov", |lr| Sgd::new(lr).with_momentum(0.9).with_nesterov().with_weight_decay(0.1));
    check("adadelta", |lr| Adadelta::new(lr).with_weight_decay(0.1));
    check("adagrad", |lr| Adagrad::new(lr).with_weight_decay(0.1));
    check("adam", |lr| Adam::new(lr).with_amsgrad().with_weight_decay(0.1));
    check("adamw", AdamW::new);
    check("rmsprop", |lr| RmsProp::new(lr).with_weight_decay(0.1));
}

/// Gradients clipped by the global norm move plain descent by the largest norm, and others by themselves.
#[test]
fn a_clipped_step_has_the_largest_norm() {
    for level in Level::all() {
        for scale in [100.0, 0.001] {
            let g: Vec<f32> = uniform(5, 100).iter().map(|g| g * scale).collect();
            let (a, b) = g.split_at(37);
            let found = global_norm(level, &[a, b]);
            let step = Step { gradient_scale: clip_scale(found, 0.5), ..Step::first() };
            let mut w = vec![0.0; 100];
            Sgd::new(1.0).update(level, step, &mut w, &g, &mut []).unwrap();
            let exact = g.iter().map(|&g| f64::from(g).powi(2)).sum::<f64>().sqrt();
            let factor = if exact > 0.5 { 0.5 / exact } else { 1.0 };
            for (w, g) in w.iter().zip(&g) {
                let expected = -f64::from(*g) * factor;
                // The norm of 100 terms in 16 chains, its root, the quotient and two products.
                let off = (f64::from(*w) - expected).abs();
                assert!(off <= tracked::U * 20.0 * expected.abs(), "{level}, scale {scale}: {w} for {expected}");
            }
        }
    }
}

/// Schedules are the formulas in `f64` at every step.
#[test]
fn schedules_as_their_formulas() {
    let near = |found: f32, expected: f64, what: &str| {
        // The argument, at most π, has three roundings, the cosine two, and what is made of it three.
        let off = (f64::from(found) - expected).abs();
        assert!(off <= tracked::U * (3.0 * 3.15 + 2.0 + 3.0), "{what}: {found} for {expected}");
    };
    let steps = StepDecay::new(7, 0.6);
    let cosine = CosineDecay::new(40).with_warmup(10, 0.2).with_floor(0.05);
    for number in 1..60 {
        let done = f64::from(number - 1);
        near(steps.scale_at(number), f64::from(0.6_f32).powi((number as i32 - 1) / 7), "steps");
        let expected = if done < 10.0 {
            0.2 + 0.8 * done / 10.0
        } else {
            0.05 + 0.95 * 0.5 * (1.0 + (std::f64::consts::PI * ((done - 10.0) / 40.0).min(1.0)).cos())
        };
        near(cosine.scale_at(number), expected, "cosine");
        assert_eq!(Constant.scale_at(number), 1.0);
    }
}

/// Three steps over `parts`, as bits of the parameters and all states.
fn bits<O: Optimizer>(optimizer: O, level: Level, len: usize, parts: &[usize]) -> Vec<u32> {
    let mut w = uniform(1, len);
    let mut memory = vec![f32::NAN; O::STATES * len];
    fill_initial(&optimizer, &mut split_states(&mut memory, len, 0, len)[..O::STATES]);
    for number in 1..=3 {
        let g = uniform(u64::from(number) + 10, len);
        let mut at = 0;
        for part in parts.iter().copied().chain([len]) {
            let end = (at + part).min(len);
            let step = Step { lr_scale: 0.7, gradient_scale: 0.3, ..Step::new(number) };
            let mut states = split_states(&mut memory, len, at, end - at);
            optimizer.update(level, step, &mut w[at..end], &g[at..end], &mut states).unwrap();
            at = end;
        }
    }
    w.iter().chain(&memory).map(|x| x.to_bits()).collect()
}

fn same_bits<O: Optimizer>(optimizer: O) {
    for rounding in [Rounding::Strict, Rounding::Fused] {
        let levels: Vec<_> = Level::all().filter(|level| level.rounding() == rounding).collect();
        let Some(&first) = levels.first() else { continue };
        for len in LENGTHS {
            let expected = bits(optimizer, first, len, &[]);
            for &level in &levels {
                for parts in [&[][..], &[1, 5, 16], &[17]] {
                    assert_eq!(bits(optimizer, level, len, parts), expected, "{level}, length {len}, parts {parts:?}");
                }
            }
        }
    }
}

#[test]
fn bits_depend_on_the_rounding_alone() {
    same_bits(Sgd::new(0.01));
    same_bits(Sgd::new(0.01).with_momentum(0.9).with_nesterov().with_weight_decay(0.1));
    same_bits(Adadelta::new(1.0).with_weight_decay(0.1));
    same_bits(Adagrad::new(0.001));
    same_bits(Adam::new(0.001).with_amsgrad());
    same_bits(AdamW::new(0.001));
    same_bits(RmsProp::new(0.001).with_momentum(0.9).with_centred());
    same_bits(pytorch::Sgd::new(0.01).with_momentum(0.9).with_nesterov().with_weight_decay(0.1));
    same_bits(pytorch::Adadelta::new(1.0).with_weight_decay(0.1));
    same_bits(pytorch::Adagrad::new(0.001));
    same_bits(pytorch::Adam::new(0.001).with_amsgrad().with_weight_decay(0.1));
    same_bits(pytorch::RmsProp::new(0.001).with_momentum(0.9).with_centred().with_weight_decay(0.1));
}

#[test]
fn wrong_lengths_are_errors_and_nothing_is_written() {
    let optimizer = Adadelta::new(1.0);
    let (mut w, mut first, mut second) = ([1.0; 5], [2.0; 5], [3.0; 4]);
    let level = Level::detect();
    let error = optimizer.update(level, Step::first(), &mut w, &[1.0; 4], &mut [&mut first, &mut second]).unwrap_err();
    assert_eq!(error.to_string(), "adadelta: g: expected 5, found 4");
    let error = optimizer.update(level, Step::first(), &mut w, &[1.0; 5], &mut [&mut first, &mut second]).unwrap_err();
    assert_eq!(error.to_string(), "adadelta: state: expected 5, found 4");
    let error = optimizer.update(level, Step::first(), &mut w, &[1.0; 5], &mut [&mut first]).unwrap_err();
    assert_eq!(error.to_string(), "adadelta: number of states: expected 2, found 1");
    assert_eq!((w, first, second), ([1.0; 5], [2.0; 5], [3.0; 4]));
}

#[test]
fn a_broken_gradient_breaks_its_own_parameter_only() {
    for level in Level::all() {
        let (mut w, mut states) = ([1.0; 20], [0.0; 40]);
        let mut g = [0.0; 20];
        g[3] = f32::NAN;
        let mut states = split_states(&mut states, 20, 0, 20);
        Adam::new(0.1).update(level, Step::first(), &mut w, &g, &mut states).unwrap();
        assert!(w[3].is_nan());
        assert!(w.iter().enumerate().all(|(i, &w)| i == 3 || w == 1.0), "{w:?}");
    }
}

#[test]
fn clipping_leaves_the_largest_norm() {
    let level = Level::detect();
    let (a, b) = (uniform(1, 1000), uniform(2, 77));
    let norm = global_norm(level, &[&a, &b]);
    let exact = a.iter().chain(&b).map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt();
    // 16 chains of 63 terms, four levels of the tree, one sum and the root's own rounding.
    assert!((f64::from(norm) - exact).abs() <= exact * tracked::U * (63.0 + 6.0));
    let scale = clip_scale(norm, 1.0);
    assert!((norm * scale - 1.0).abs() <= 2.0 * f32::EPSILON);
    assert_eq!(clip_scale(0.0, 0.0), 1.0);
    assert!(clip_scale(f32::NAN, 1.0).is_nan());
}

/// Gradients whose squares overflow are clipped like any others.
#[test]
fn large_gradients_are_clipped_and_not_lost() {
    for level in Level::all() {
        for size in [1e19, 1e25, 3e37] {
            let g = [size, -size, 0.0, size, size];
            let norm = global_norm(level, &[&g[..2], &g[2..]]);
            assert!((norm / size - 2.0).abs() <= 4.0 * f32::EPSILON, "{level}: {norm} for {size}");
            let step = Step { gradient_scale: clip_scale(norm, 1.0), ..Step::first() };
            let mut w = [0.0; 5];
            Sgd::new(1.0).update(level, step, &mut w, &g, &mut []).unwrap();
            assert!((w[0] + 0.5).abs() <= 4.0 * f32::EPSILON, "{level}: {w:?}");
        }
        assert_eq!(global_norm(level, &[&[1e25, f32::NEG_INFINITY]]), f32::INFINITY);
        assert!(global_norm(level, &[&[1e25, f32::NAN]]).is_nan());
    }
}

#[test]
fn schedules_at_their_corners() {
    let cosine = CosineDecay::new(4).with_warmup(2, 0.5);
    let found = [1, 2, 3, 4, 5, 6, 7, u32::MAX].map(|step| cosine.scale_at(step));
    let root = std::f32::consts::FRAC_1_SQRT_2;
    for (found, expected) in found.into_iter().zip([0.5, 0.75, 1.0, 0.5 + root / 2.0, 0.5, 0.5 - root / 2.0, 0.0, 0.0])
    {
        assert!((found - expected).abs() <= f32::EPSILON, "{found} for {expected}");
    }
    assert_eq!(CosineDecay::new(0).scale_at(1), 0.0);
    assert_eq!(StepDecay::new(0, 0.5).scale_at(3), 0.25);
    assert_eq!(StepDecay::new(1, 0.5).scale_at(u32::MAX), 0.0);
}

#[test]
fn a_norm_adds_its_slices_in_their_order() {
    let slices: [&[f32]; 9] = [&[4096.0], &[1.0], &[1.0], &[1.0], &[1.0], &[1.0], &[1.0], &[1.0], &[1.0]];
    // 2²⁴ + 1 is not a float.
    assert_eq!(global_norm(Level::detect(), &slices), 4096.0);
}

#[test]
fn what_is_asked_for_is_where_states_begin() {
    assert_eq!(Adagrad::new(0.1).with_initial(0.5).initial_state(0), 0.5);
}

#[test]
fn step_0_is_taken_as_1() {
    let run = |number| {
        let (mut w, mut m, mut v) = ([1.0; 3], [0.0; 3], [0.0; 3]);
        let states = &mut [&mut m[..], &mut v[..]];
        Adam::new(0.1).update(Level::detect(), Step::new(number), &mut w, &[0.5; 3], states).unwrap();
        w
    };
    assert_eq!(run(0), run(1));
}
