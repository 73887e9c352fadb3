//! Cases of optimizers: `p0`, the gradients of some steps, and the parameters after each.
//!
//! The files name a hyperparameter where it is what a case is about. Learning rate and weight decay that are
//! not named are found from the first step: it is linear in both, so two numbers are fitted to all
//! parameters and taken as the short decimals they are; everything else has to follow from them.

use kernlet::{
    optim::{Adadelta, Adagrad, Adam, AdamW, Optimizer, RmsProp, Sgd, Step, fill_initial, split_states},
    simd::Level,
};

use super::{
    layers::{Case, Outcome, Problem, known, words},
    tracked::Tracked,
};

#[derive(Clone, Copy, Debug)]
enum Rule {
    Sgd,
    Adadelta,
    Adagrad,
    Adam,
    RmsProp,
}

/// Keras' defaults, but for what a name says.
#[derive(Clone, Copy, Debug)]
struct Hyperparameters {
    rule: Rule,
    lr: f64,
    decay: f64,
    momentum: f64,
    nesterov: bool,
    beta1: f64,
    beta2: f64,
    rho: f64,
    epsilon: f64,
    initial: f64,
    amsgrad: bool,
    centred: bool,
}

fn input(x: f64) -> Tracked {
    Tracked::input(x)
}

impl Hyperparameters {
    /// Keras' formula for one parameter, its error included.
    fn step(&self, w: Tracked, g: Tracked, [a, b, c]: &mut [Tracked; 3], number: u32) -> Tracked {
        let average = |old: Tracked, new: Tracked| input(self.rho) * old + input(1.0 - self.rho) * new;
        let lr = input(self.lr);
        let w = w - w * (input(self.decay) * lr);
        match self.rule {
            Rule::Sgd if self.momentum == 0.0 => w - lr * g,
            Rule::Sgd => {
                *a = *a * input(self.momentum) - g * lr;
                w + if self.nesterov { *a * input(self.momentum) - g * lr } else { *a }
            }
            Rule::Adadelta => {
                *a = average(*a, g * g);
                let delta = (*b + input(self.epsilon)).sqrt() * g / (*a + input(self.epsilon)).sqrt();
                *b = average(*b, delta * delta);
                w - lr * delta
            }
            Rule::Adagrad => {
                *a = *a + g * g;
                w - lr * g / (*a + input(self.epsilon)).sqrt()
            }
            Rule::Adam => {
                // Keras raises β to the step's power as it is rounded to `f32`.
                let rest = |beta: f64| (0..number).fold(input(1.0), |power, _| power * input(beta));
                let correction = (input(1.0) - rest(self.beta2)).sqrt() / (input(1.0) - rest(self.beta1));
                *a = *a + (g - *a) * input(1.0 - self.beta1);
                *b = *b + (g * g - *b) * input(1.0 - self.beta2);
                *c = if self.amsgrad { c.max(*b) } else { *b };
                w - *a * (lr * correction) / (c.sqrt() + input(self.epsilon))
            }
            Rule::RmsProp => {
                *a = average(*a, g * g);
                *c = average(*c, g);
                let divisor = if self.centred { *a - *c * *c } else { *a };
                let change = lr * g / (divisor + input(self.epsilon)).sqrt();
                *b = if self.momentum == 0.0 { change } else { input(self.momentum) * *b + change };
                w - *b
            }
        }
    }

    fn states(&self) -> [Tracked; 3] {
        let first = if matches!(self.rule, Rule::Adagrad) { self.initial } else { 0.0 };
        [input(first), input(0.0), input(0.0)]
    }

    /// All parameters after each step.
    fn run(&self, p0: &[f64], grads: &[f64]) -> Vec<Tracked> {
        let mut after: Vec<Tracked> = p0.iter().map(|&p| input(p)).collect();
        let mut states = vec![self.states(); p0.len()];
        let mut all = Vec::new();
        for (i, g) in grads.chunks(p0.len()).enumerate() {
            for ((w, states), &g) in after.iter_mut().zip(&mut states).zip(g) {
                *w = self.step(*w, input(g), states, i as u32 + 1);
            }
            all.extend_from_slice(&after);
        }
        all
    }

    /// Learning rate and weight decay that lead from `p0` to `p1`, by least squares.
    fn fit(&self, p0: &[f64], grads: &[f64], p1: &[f64]) -> (f64, f64) {
        let unit = Self { lr: 1.0, decay: 0.0, ..*self };
        let [mut aa, mut ab, mut bb, mut ay, mut by] = [0.0; 5];
        for ((&p0, &g), &p1) in p0.iter().zip(grads).zip(p1) {
            let down = unit.step(input(0.0), input(g), &mut self.states(), 1).value;
            let (a, b, y) = (down, -p0, p1 - p0);
            (aa, ab, bb, ay, by) = (aa + a * a, ab + a * b, bb + b * b, ay + a * y, by + b * y);
        }
        let determinant = aa * bb - ab * ab;
        let (lr, product) = ((ay * bb - by * ab) / determinant, (by * aa - ay * ab) / determinant);
        (decimal(lr), decimal(product / lr))
    }
}

/// The decimal of three digits that a number is as good as; 0 for what rounding has left of it.
fn decimal(x: f64) -> f64 {
    if x.abs() < 1e-7 { 0.0 } else { format!("{x:.2e}").parse().unwrap() }
}

fn parse(name: &str) -> Result<(Hyperparameters, [bool; 2]), Problem> {
    // The 1 and 2 of the names are no numbers of theirs.
    let name = name.replace("beta_1", "beta1").replace("beta_2", "beta2");
    let words = words(&name.replace("beta1", "first").replace("beta2", "second").replace("weight_decay", "wd"));
    let (kind, flags) = words.split_first().ok_or("the name says no optimizer")?;
    let rule = match &kind.0[..] {
        "sgd" => Rule::Sgd,
        "adadelta" => Rule::Adadelta,
        "adagrad" => Rule::Adagrad,
        "adam" | "adamw" => Rule::Adam,
        "rmsprop" => Rule::RmsProp,
        other => return Err(format!("the optimizer `{other}` is not known here").into()),
    };
    let names = [
        "lr", "wd", "momentum", "nesterov", "first", "second", "rho", "eps", "epsilon", "initial", "amsgrad",
        "centered", "centred",
    ];
    known(flags, &names)?;
    let has = |name: &str| flags.iter().any(|(word, _)| word == name);
    let number =
        |name: &str| flags.iter().find(|(word, _)| word == name).and_then(|(_, numbers)| numbers.first().copied());
    let default_rho = if matches!(rule, Rule::Adadelta) { 0.95 } else { 0.9 };
    let hyperparameters = Hyperparameters {
        rule,
        lr: number("lr").unwrap_or(0.0),
        decay: number("wd").unwrap_or(0.0),
        momentum: number("momentum").unwrap_or(if has("momentum") || has("nesterov") { 0.9 } else { 0.0 }),
        nesterov: has("nesterov"),
        beta1: number("first").unwrap_or(0.9),
        beta2: number("second").unwrap_or(0.999),
        rho: number("rho").unwrap_or(default_rho),
        epsilon: number("eps").or(number("epsilon")).unwrap_or(1e-7),
        initial: number("initial").unwrap_or(0.1),
        amsgrad: has("amsgrad"),
        centred: has("centered") || has("centred"),
    };
    Ok((hyperparameters, [number("lr").is_none(), number("wd").is_none()]))
}

pub fn run(case: &Case, name: &str) -> Outcome {
    let (p0, grads, p) = (case.f64("p0")?, case.f64("grads")?, case.f64("p")?);
    if p0.is_empty() || grads.len() != p.len() || !p.len().is_multiple_of(p0.len()) {
        return Err("p0, grads and p do not fit".into());
    }
    let (mut h, unknown) = parse(name)?;
    let (lr, decay) = h.fit(p0, grads, &p[..p0.len()]);
    if unknown[0] {
        h.lr = lr;
    }
    if unknown[1] {
        h.decay = decay;
    }
    let (lr, decay, epsilon) = (h.lr as f32, h.decay as f32, h.epsilon as f32);
    let momentum = h.momentum as f32;
    let is_adamw = name.starts_with("adamw");
    match (h.rule, h.momentum != 0.0) {
        (Rule::Sgd, false) => compare(case, &h, Sgd::new(lr).with_weight_decay(decay)),
        (Rule::Sgd, true) => {
            let sgd = Sgd::new(lr).with_momentum(momentum).with_weight_decay(decay);
            compare(case, &h, if h.nesterov { sgd.with_nesterov() } else { sgd })
        }
        (Rule::Adadelta, _) => {
            compare(case, &h, Adadelta::new(lr).with_rho(h.rho).with_epsilon(epsilon).with_weight_decay(decay))
        }
        (Rule::Adagrad, _) => {
            let adagrad = Adagrad::new(lr).with_initial(h.initial as f32).with_epsilon(epsilon);
            compare(case, &h, adagrad.with_weight_decay(decay))
        }
        (Rule::Adam, _) if is_adamw && !h.amsgrad => {
            let adam = AdamW::new(lr).with_betas(h.beta1, h.beta2).with_epsilon(epsilon);
            compare(case, &h, adam.with_weight_decay(decay))
        }
        (Rule::Adam, _) => {
            let adam = Adam::new(lr).with_betas(h.beta1, h.beta2).with_epsilon(epsilon).with_weight_decay(decay);
            if h.amsgrad { compare(case, &h, adam.with_amsgrad()) } else { compare(case, &h, adam) }
        }
        (Rule::RmsProp, with_momentum) => {
            let rms = RmsProp::new(lr).with_rho(h.rho).with_epsilon(epsilon).with_weight_decay(decay);
            match (with_momentum, h.centred) {
                (false, false) => compare(case, &h, rms),
                (true, false) => compare(case, &h, rms.with_momentum(momentum)),
                (false, true) => compare(case, &h, rms.with_centred()),
                (true, true) => compare(case, &h, rms.with_centred().with_momentum(momentum)),
            }
        }
    }
}

fn compare<O: Optimizer>(case: &Case, h: &Hyperparameters, optimizer: O) -> Outcome {
    let (p0, grads) = (case.f64("p0")?, case.f64("grads")?);
    let bounds: Vec<f64> = h.run(p0, grads).iter().map(|p| p.error).collect();
    let (p0, grads) = (case.f32("p0")?, case.f32("grads")?);
    let len = p0.len();
    for level in Level::all() {
        let mut w = p0.clone();
        let mut memory = vec![f32::NAN; O::STATES * len];
        let mut states = split_states(&mut memory, len, 0, len);
        fill_initial(&optimizer, &mut states[..O::STATES]);
        let mut found = Vec::new();
        for (i, g) in grads.chunks(len).enumerate() {
            optimizer.update(level, Step::new(i as u32 + 1), &mut w, g, &mut states[..O::STATES])?;
            found.extend_from_slice(&w);
        }
        case.compare(level, "p", &found, &bounds).map_err(|Problem(text)| Problem(format!("{text} ({h:?})")))?;
    }
    Ok(())
}
