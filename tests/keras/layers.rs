//! Cases of single layers: a name such as `conv2d_n2_h9_w7_ci5_k3x2_co7_s2_same_d1` and tensors
//! `x`, `w`, `b`, `y`, `dy`, `dx`, `dw`, `db` in `f64`.
//!
//! Keras' inputs are rounded to `f32` here. A sum of n products then has n roundings of its chain and two of
//! each factor, so it is within `(n + 4) u Σ |a| |b|`; where a result is not such a sum, its
//! error is carried through the formula ([`Tracked`]).

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    panic::{AssertUnwindSafe, catch_unwind},
};

use kernlet::{
    kernels::{
        ShapeError, batch_norm,
        conv2d::{self, Conv2d, Epilogue},
        conv2d_transpose::{self, Conv2dTranspose},
        dense::{self, Dense},
        pool2d::{self, Pool2d},
        recurrent::{Gru, GruResetBefore, Lstm, SimpleRnn},
    },
    shape::Padding,
    simd::Level,
};

use super::{
    elements, optimizers, sequences, taps,
    tracked::{Tracked, U},
};

/// A shape and its elements.
type Tensor = (Vec<usize>, Vec<f64>);

/// Tensors by name.
pub type Tensors = BTreeMap<String, Tensor>;

/// The smallest positive `f32`: what is rounded below the normal numbers is off by half of it.
pub const SMALLEST: f64 = 1.401_298_464_324_817e-45;

/// What went wrong before anything could be compared.
pub struct Problem(pub String);

impl<T: ToString> From<T> for Problem {
    fn from(text: T) -> Self {
        Self(text.to_string())
    }
}

pub type Outcome = Result<(), Problem>;

/// A word of a case's name with the numbers in it: `k3x2` is `("k", [3, 2])`; `lr0_001` is `("lr", [0.001])`.
pub type Word = (String, Vec<f64>);

/// The words of a name. Digits that stand alone are the decimals of the number before them, or belong to
/// the word before.
pub fn words(name: &str) -> Vec<Word> {
    let mut words: Vec<(String, String)> = Vec::new();
    for part in name.split('_') {
        let digits = part.find(|c: char| c.is_ascii_digit()).unwrap_or(part.len());
        match (words.last_mut(), digits) {
            (Some((_, number)), 0) if number.is_empty() => number.push_str(part),
            (Some((_, number)), 0) if !number.contains('.') => *number = format!("{number}.{part}"),
            _ => words.push((part[..digits].into(), part[digits..].into())),
        }
    }
    let numbers = |text: &str| text.split('x').filter_map(|number| number.parse().ok()).collect();
    words.into_iter().map(|(word, number)| (word, numbers(&number))).collect()
}

/// One case: its tensors, of which each must be asked for, and what is wrong.
pub struct Case<'a> {
    pub name: &'a str,
    /// What the file says about it.
    pub note: &'a str,
    tensors: BTreeMap<&'a str, &'a Tensor>,
    asked: RefCell<BTreeSet<&'a str>>,
    wrong: RefCell<Vec<String>>,
}

impl<'a> Case<'a> {
    pub fn has(&self, tensor: &str) -> bool {
        self.tensors.contains_key(tensor)
    }

    /// Whether a normalisation has factors, by either of Keras' names.
    pub fn has_scale(&self) -> bool {
        self.has("gamma") || self.has("scale")
    }

    /// Whether a linear layer adds a bias.
    fn has_bias(&self) -> bool {
        self.has("b") || self.has("bias")
    }

    /// See [`Self::has_bias`].
    fn bias(&self) -> Result<Option<Vec<f32>>, Problem> {
        if self.has_bias() { self.f32("b").map(Some) } else { Ok(None) }
    }

    fn tensor(&self, tensor: &str) -> Result<&'a Tensor, Problem> {
        // Files of sequences have Keras' own names.
        let other: &[&str] = match tensor {
            "w" => &["kernel", "depthwise_kernel"],
            "b" => &["bias"],
            "dw" => &["d_kernel", "d_depthwise_kernel"],
            "db" => &["d_bias"],
            "gamma" => &["scale"],
            "dgamma" => &["d_gamma", "d_scale"],
            "dbeta" => &["d_beta"],
            _ => &[],
        };
        let names = core::iter::once(&tensor).chain(other);
        let found = names.copied().find_map(|name| self.tensors.get_key_value(name));
        let (&name, &found) = found.ok_or(format!("no tensor `{tensor}`"))?;
        self.asked.borrow_mut().insert(name);
        Ok(found)
    }

    pub fn shape<const N: usize>(&self, tensor: &str) -> Result<[usize; N], Problem> {
        let shape = &self.tensor(tensor)?.0;
        Ok(shape[..].try_into().map_err(|_| format!("`{tensor}` has {} axes, expected {N}", shape.len()))?)
    }

    /// How many axes a tensor has.
    pub fn dims(&self, tensor: &str) -> Result<usize, Problem> {
        Ok(self.tensor(tensor)?.0.len())
    }

    /// The size of a tensor's last axis.
    pub fn last(&self, tensor: &str) -> Result<usize, Problem> {
        Ok(*self.tensor(tensor)?.0.last().ok_or(format!("`{tensor}` is one number"))?)
    }

    pub fn f64(&self, tensor: &str) -> Result<&'a [f64], Problem> {
        Ok(&self.tensor(tensor)?.1)
    }

    pub fn f32(&self, tensor: &str) -> Result<Vec<f32>, Problem> {
        Ok(self.f64(tensor)?.iter().map(|&x| x as f32).collect())
    }

    /// Fails where an element is farther from Keras' than its bound; the worst is named.
    pub fn compare(&self, level: Level, tensor: &str, found: &[f32], bounds: &[f64]) -> Outcome {
        let found: Vec<f64> = found.iter().map(|&x| f64::from(x)).collect();
        self.compare_f64(level, tensor, &found, bounds)
    }

    /// See [`Self::compare`].
    pub fn compare_f64(&self, level: Level, tensor: &str, found: &[f64], bounds: &[f64]) -> Outcome {
        self.compare_values(level, tensor, found, self.f64(tensor)?, bounds)
    }

    /// See [`Self::compare`]: with values of the tensor that were put in another order, or are some of it.
    pub fn compare_values(
        &self,
        level: Level,
        tensor: &str,
        found: &[f64],
        expected: &[f64],
        bounds: &[f64],
    ) -> Outcome {
        if found.len() != expected.len() || bounds.len() != expected.len() {
            let lens = [found.len(), bounds.len(), expected.len()];
            return Err(format!("{tensor}: found, bounds, Keras have lengths {lens:?}").into());
        }
        let excess = |i: usize| {
            let off = (found[i] - expected[i]).abs();
            // NaN is past every bound.
            if off <= bounds[i] {
                0.0
            } else if off.is_nan() {
                f64::INFINITY
            } else {
                off / bounds[i]
            }
        };
        let worst = (0..found.len()).max_by(|&i, &j| excess(i).total_cmp(&excess(j)));
        if let Some(i) = worst.filter(|&i| excess(i) > 0.0) {
            let count = (0..found.len()).filter(|&i| excess(i) > 0.0).count();
            self.wrong.borrow_mut().push(format!(
                "{level}: {tensor}[{i}]: found {:e}, Keras {:e}: off by {:.2e}, bound {:.2e} ({count} of {} are off)",
                found[i],
                expected[i],
                (found[i] - expected[i]).abs(),
                bounds[i],
                found.len(),
            ));
        }
        Ok(())
    }
}

/// Runs all cases of a file; how many there are, and what is wrong.
pub fn run(tensors: &Tensors, metadata: &BTreeMap<String, String>) -> (usize, Vec<String>) {
    let mut cases: BTreeMap<&str, BTreeMap<&str, &Tensor>> = BTreeMap::new();
    let mut wrong = Vec::new();
    for (name, tensor) in tensors {
        match name.rsplit_once('/') {
            Some((case, name)) => _ = cases.entry(case).or_default().insert(name, tensor),
            None => wrong.push(format!("{name}: belongs to no case")),
        }
    }
    let count = cases.len();
    for (name, tensors) in cases {
        let note = metadata.get(name).map_or("", |note| note);
        let case = Case { name, note, tensors, asked: RefCell::default(), wrong: RefCell::default() };
        // A panic in a kernel is that case's failure, and the others are still run.
        let outcome = catch_unwind(AssertUnwindSafe(|| one(&case)));
        let mut found = case.wrong.into_inner();
        match outcome {
            Ok(Ok(())) => {
                let asked = case.asked.into_inner();
                let unread = case.tensors.keys().filter(|name| !asked.contains(*name));
                found.extend(unread.map(|name| format!("tensor `{name}` is compared with nothing here")));
            }
            Ok(Err(Problem(problem))) => found.push(problem),
            Err(_) => found.push("panicked".into()),
        }
        wrong.extend(found.into_iter().map(|line| format!("{name}: {line}")));
    }
    (count, wrong)
}

fn one(case: &Case) -> Outcome {
    let name = case.name;
    let rest = |prefix: &str| name.strip_prefix(prefix).filter(|rest| rest.is_empty() || rest.starts_with('_'));
    let rest = |prefixes: &[&str]| prefixes.iter().find_map(|p| rest(p)).map(|rest| rest.trim_start_matches('_'));
    if let Some(outcome) = sequence(case, &rest) {
        outcome
    } else if let Some(rest) =
        rest(&["conv2d_transpose", "conv2dtranspose", "convtranspose", "transposed", "conv_transpose"])
    {
        transposed(case, &words(rest))
    } else if let Some(rest) = rest(&["depthwise_conv2d", "depthwise"]) {
        convolution(case, &words(rest), true)
    } else if let Some(rest) = rest(&["conv2d", "conv", "grouped"]) {
        convolution(case, &words(rest), false)
    } else if let Some(rest) = rest(&["dense"]) {
        matrix(case, &words(rest))
    } else if let Some(rest) = rest(&["maxpool", "max_pool", "maxpool2d"]) {
        max_pool(case, &pool(case, &words(rest))?)
    } else if let Some(rest) = rest(&["avgpool", "avg_pool", "averagepool", "avgpool2d"]) {
        average_pool(case, &pool(case, &words(rest))?)
    } else if let Some(rest) = rest(&["global_avgpool", "globalavgpool", "global_average_pool", "global_avg_pool"]) {
        let [_, h, w, c] = case.shape("x")?;
        known(&words(rest), &["n", "h", "w", "c"])?;
        average_pool(case, &Pool2d::new(h, w, c, [h, w]))
    } else if let Some(rest) = rest(&["batch_norm", "batchnorm"]) {
        normalisation(case, &words(rest))
    } else if let Some(rest) = rest(&["activation"]) {
        elements::activation(case, &words(rest))
    } else if let Some(rest) = rest(&["loss"]) {
        elements::loss(case, rest)
    } else if let Some(rest) = rest(&["optimizer"]) {
        optimizers::run(case, rest)
    } else {
        Err("a case of this name is not known here".into())
    }
}

/// Cases of sequences.
fn sequence<'a>(case: &Case, rest: &dyn Fn(&[&str]) -> Option<&'a str>) -> Option<Outcome> {
    let pooled = |words: &[Word], global: bool, average: bool| {
        if global && average && sequences::is_masked(case) {
            return sequences::mean_of_steps(case, words);
        }
        let pool = sequences::pool(case, words, global)?;
        pool.validate()?;
        if average { average_pool(case, &pool) } else { max_pool(case, &pool) }
    };
    #[cfg(feature = "audio")]
    if rest(&["audio"]).is_some() {
        return Some(super::sound::run(case));
    }
    Some(if let Some(rest) = rest(&["simple_rnn", "bidirectional_simple_rnn"]) {
        sequences::recurrent::<SimpleRnn>(case, &words(rest))
    } else if let Some(rest) = rest(&["gru_reset_before", "bidirectional_gru_reset_before"]) {
        sequences::recurrent::<GruResetBefore>(case, &words(rest))
    } else if let Some(rest) = rest(&["gru", "bidirectional_gru"]) {
        sequences::recurrent::<Gru>(case, &words(rest))
    } else if let Some(rest) = rest(&["lstm", "bidirectional_lstm"]) {
        sequences::recurrent::<Lstm>(case, &words(rest))
    } else if let Some(rest) = rest(&["depthwise_conv1d"]) {
        convolution_1d(case, &words(rest), true)
    } else if let Some(rest) = rest(&["conv1d"]) {
        convolution_1d(case, &words(rest), false)
    } else if let Some(rest) = rest(&["max_pool1d"]) {
        pooled(&words(rest), false, false)
    } else if let Some(rest) = rest(&["avg_pool1d", "average_pool1d"]) {
        pooled(&words(rest), false, true)
    } else if let Some(rest) = rest(&["global_max_pool1d"]) {
        pooled(&words(rest), true, false)
    } else if let Some(rest) = rest(&["global_avg_pool1d", "global_average_pool1d"]) {
        pooled(&words(rest), true, true)
    } else if let Some(rest) = rest(&["layer_norm", "layer_normalization"]) {
        sequences::row_norm(case, &words(rest), true)
    } else if let Some(rest) = rest(&["rms_norm", "rms_normalization"]) {
        sequences::row_norm(case, &words(rest), false)
    } else if let Some(rest) = rest(&["embedding"]) {
        sequences::embedding(case, &words(rest))
    } else {
        return None;
    })
}

/// Fails at a word that means nothing here.
pub fn known(words: &[Word], names: &[&str]) -> Outcome {
    match words.iter().find(|(word, _)| !word.is_empty() && !names.contains(&&word[..])) {
        Some((word, _)) => Err(format!("`{word}` in the name means nothing here").into()),
        None => Ok(()),
    }
}

/// The number of a word, for rows and columns.
fn pair(words: &[Word], name: &str) -> Option<[usize; 2]> {
    let (_, numbers) = words.iter().find(|(word, _)| word == name)?;
    let whole: Vec<usize> = numbers.iter().map(|&x| x as usize).collect();
    match whole[..] {
        [both] => Some([both, both]),
        [rows, columns] => Some([rows, columns]),
        _ => None,
    }
}

/// The number of a word.
pub fn single(words: &[Word], name: &str) -> Option<usize> {
    let (_, numbers) = words.iter().find(|(word, _)| word == name)?;
    numbers.first().map(|&x| x as usize)
}

fn padding(words: &[Word]) -> Padding {
    if words.iter().any(|(word, _)| word == "same") { Padding::Same } else { Padding::Valid }
}

/// Sums of products of absolute values and the number of terms, for each element of three tensors
/// that a linear layer joins.
struct Sizes {
    x: Vec<(f64, f64)>,
    w: Vec<(f64, f64)>,
    y: Vec<(f64, f64)>,
    b: Vec<(f64, f64)>,
}

impl Sizes {
    /// `each` calls back with (x, w, y) for every product of the layer.
    fn new(
        case: &Case,
        channels: usize,
        each: impl FnOnce(&mut dyn FnMut(usize, usize, usize)),
    ) -> Result<Self, Problem> {
        let [x, w, dy] = [case.f64("x")?, case.f64("w")?, case.f64("dy")?];
        let b = if case.has_bias() { case.f64("b")? } else { &vec![0.0; channels] };
        let mut sizes = Self {
            x: vec![(0.0, 0.0); x.len()],
            w: vec![(0.0, 0.0); w.len()],
            y: (0..dy.len()).map(|i| (b[i % channels].abs(), 1.0)).collect(),
            b: vec![(0.0, 0.0); channels],
        };
        let add = |sum: &mut (f64, f64), product: f64| *sum = (sum.0 + product.abs(), sum.1 + 1.0);
        each(&mut |i, j, k| {
            add(&mut sizes.x[i], dy[k] * w[j]);
            add(&mut sizes.w[j], dy[k] * x[i]);
            add(&mut sizes.y[k], x[i] * w[j]);
        });
        dy.iter().enumerate().for_each(|(i, dy)| add(&mut sizes.b[i % channels], *dy));
        Ok(sizes)
    }

    /// `(n + 4) u Σ |a| |b|`, and what a term may lose below the normal numbers.
    fn bounds(sizes: &[(f64, f64)]) -> Vec<f64> {
        sizes.iter().map(|(sum, terms)| (terms + 4.0) * U * sum + terms * SMALLEST).collect()
    }

    fn compare(&self, case: &Case, level: Level, [y, dx, dw, db]: [&[f32]; 4]) -> Outcome {
        case.compare(level, "y", y, &Self::bounds(&self.y))?;
        case.compare(level, "dx", dx, &Self::bounds(&self.x))?;
        case.compare(level, "dw", dw, &Self::bounds(&self.w))?;
        if case.has_bias() { case.compare(level, "db", db, &Self::bounds(&self.b)) } else { Ok(()) }
    }
}

fn convolution(case: &Case, words: &[Word], depthwise: bool) -> Outcome {
    known(words, &["n", "h", "w", "ci", "k", "co", "s", "d", "g", "m", "same", "valid"])?;
    let [batch, height, width, ci] = case.shape("x")?;
    let [kh, kw, wi, wo] = case.shape("w")?;
    let [_, _, _, co] = case.shape("y")?;
    let groups = if depthwise { ci } else { ci / wi };
    if depthwise && (wi, ci * wo) != (ci, co) || !depthwise && (wi * groups, wo) != (ci, co) {
        return Err("the channels of x, w and y do not fit".into());
    }
    let conv = Conv2d::new(height, width, ci, co, [kh, kw])
        .with_groups(groups)
        .with_stride(pair(words, "s").unwrap_or([1, 1]))
        .with_dilation(pair(words, "d").unwrap_or([1, 1]))
        .with_padding(padding(words));
    linear(case, &conv, batch)
}

fn convolution_1d(case: &Case, words: &[Word], depthwise: bool) -> Outcome {
    let [batch, ..]: [usize; 3] = case.shape("x")?;
    linear(case, &sequences::convolution(case, words, depthwise)?.as_conv2d(), batch)
}

/// A convolution's passes.
fn linear(case: &Case, conv: &Conv2d, batch: usize) -> Outcome {
    conv.validate()?;
    let sizes = Sizes::new(case, conv.out_channels, |each| taps::of_conv(conv, batch, each))?;
    let ([x, w, dy], b) = ([case.f32("x")?, case.f32("w")?, case.f32("dy")?], case.bias()?);
    for level in Level::all() {
        let (mut y, mut dx) = (vec![f32::NAN; batch * conv.y_len()], vec![f32::NAN; x.len()]);
        let (mut dw, mut db) = (vec![0.0; conv.w_len()], vec![0.0; conv.b_len()]);
        let mut scratch = vec![f32::NAN; conv2d::backward_input_scratch_len(conv)];
        conv2d::forward_into(
            level,
            conv,
            batch,
            conv2d::Forward { x: &x, w: &w, b: b.as_deref(), epilogue: Epilogue::None },
            &mut y,
        )?;
        conv2d::backward_input_into(level, conv, batch, &w, &dy, &mut dx, &mut scratch)?;
        conv2d::backward_weight_acc(level, conv, batch, &x, &dy, 0..conv.w_rows(), &mut dw)?;
        conv2d::backward_bias_acc(level, conv, batch, &dy, &mut db)?;
        sizes.compare(case, level, [&y, &dx, &dw, &db])?;
    }
    Ok(())
}

fn transposed(case: &Case, words: &[Word]) -> Outcome {
    known(words, &["n", "h", "w", "ci", "k", "co", "s", "d", "same", "valid"])?;
    let [batch, height, width, ci] = case.shape("x")?;
    let [kh, kw, ..]: [usize; 4] = case.shape("w")?;
    let [_, out_height, out_width, co] = case.shape("y")?;
    let conv = Conv2dTranspose::new(height, width, ci, co, [kh, kw])
        .with_stride(pair(words, "s").unwrap_or([1, 1]))
        .with_dilation(pair(words, "d").unwrap_or([1, 1]))
        .with_padding(padding(words));
    conv.validate()?;
    if [conv.out_height(), conv.out_width()] != [out_height, out_width] {
        return Err(format!("y is {}×{} here", conv.out_height(), conv.out_width()).into());
    }
    let sizes = Sizes::new(case, co, |each| taps::of_transpose(&conv, batch, each))?;
    let [x, w, b, dy] = [case.f32("x")?, case.f32("w")?, case.f32("b")?, case.f32("dy")?];
    for level in Level::all() {
        let (mut y, mut dx) = (vec![f32::NAN; batch * conv.y_len()], vec![f32::NAN; x.len()]);
        let (mut dw, mut db) = (vec![0.0; conv.w_len()], vec![0.0; conv.b_len()]);
        let mut scratch = vec![f32::NAN; conv2d_transpose::forward_scratch_len(&conv)];
        conv2d_transpose::forward_into(
            level,
            &conv,
            batch,
            conv2d_transpose::Forward { x: &x, w: &w, b: Some(&b), epilogue: Epilogue::None },
            &mut y,
            &mut scratch,
        )?;
        conv2d_transpose::backward_input_into(level, &conv, batch, &w, &dy, &mut dx)?;
        conv2d_transpose::backward_weight_acc(level, &conv, batch, &x, &dy, 0..conv.w_rows(), &mut dw)?;
        conv2d_transpose::backward_bias_acc(level, &conv, batch, &dy, &mut db)?;
        sizes.compare(case, level, [&y, &dx, &dw, &db])?;
    }
    Ok(())
}

/// A dense layer, over the last axis where there are more.
fn matrix(case: &Case, words: &[Word]) -> Outcome {
    known(words, &["b", "n", "t", "i", "o", "nobias"])?;
    let [inputs, outputs] = case.shape("w")?;
    let batch = case.f64("x")?.len() / inputs;
    let layer = Dense::new(inputs, outputs);
    let sizes = Sizes::new(case, outputs, |each| taps::of_dense(&layer, batch, each))?;
    let ([x, w, dy], b) = ([case.f32("x")?, case.f32("w")?, case.f32("dy")?], case.bias()?);
    for level in Level::all() {
        let (mut y, mut dx) = (vec![f32::NAN; batch * outputs], vec![f32::NAN; x.len()]);
        let (mut dw, mut db) = (vec![0.0; layer.w_len()], vec![0.0; layer.b_len()]);
        let mut scratch = vec![f32::NAN; dense::backward_input_scratch_len(&layer)];
        dense::forward_into(
            level,
            &layer,
            batch,
            dense::Forward { x: &x, w: &w, b: b.as_deref(), epilogue: Epilogue::None },
            &mut y,
        )?;
        dense::backward_input_into(level, &layer, batch, &w, &dy, &mut dx, &mut scratch)?;
        dense::backward_weight_acc(level, &layer, batch, &x, &dy, 0..inputs, &mut dw)?;
        dense::backward_bias_acc(level, &layer, batch, &dy, &mut db)?;
        sizes.compare(case, level, [&y, &dx, &dw, &db])?;
    }
    Ok(())
}

fn pool(case: &Case, words: &[Word]) -> Result<Pool2d, Problem> {
    known(words, &["n", "h", "w", "c", "k", "s", "same", "valid"])?;
    let [_, h, w, c] = case.shape("x")?;
    let kernel = pair(words, "k").ok_or("the name has no window `k`")?;
    let pool =
        Pool2d::new(h, w, c, kernel).with_stride(pair(words, "s").unwrap_or(kernel)).with_padding(padding(words));
    pool.validate()?;
    Ok(pool)
}

/// The maximum of rounded elements is the rounded maximum, and a gradient is a sum of those that chose it.
fn max_pool(case: &Case, pool: &Pool2d) -> Outcome {
    let batch = case.f64("x")?.len() / pool.x_len();
    let [x, dy] = [case.f32("x")?, case.f32("dy")?];
    let (exact, slopes) = (case.f64("x")?, case.f64("dy")?);
    let mut largest = vec![f64::NEG_INFINITY; dy.len()];
    taps::of_pool(pool, batch, |i, o| largest[o] = largest[o].max(exact[i]));
    let mut sums = vec![(0.0, 0.0); x.len()];
    taps::of_pool(pool, batch, |i, o| {
        if exact[i] == largest[o] {
            sums[i] = (sums[i].0 + slopes[o].abs(), sums[i].1 + 1.0);
        }
    });
    let bounds: Vec<f64> = case.f64("y")?.iter().map(|y| U * y.abs()).collect();
    for level in Level::all() {
        let (mut y, mut dx) = (vec![f32::NAN; dy.len()], vec![f32::NAN; x.len()]);
        let mut argmax = vec![255; batch * pool.argmax_len()];
        pool2d::max_forward_into(level, pool, batch, &x, &mut y, Some(&mut argmax))?;
        pool2d::max_backward_into(level, pool, batch, &argmax, &dy, None, &mut dx)?;
        case.compare(level, "y", &y, &bounds)?;
        case.compare(level, "dx", &dx, &Sizes::bounds(&sums))?;
    }
    Ok(())
}

fn average_pool(case: &Case, pool: &Pool2d) -> Outcome {
    let batch = case.f64("x")?.len() / pool.x_len();
    let [x, dy] = [case.f32("x")?, case.f32("dy")?];
    let (exact, slopes) = (case.f64("x")?, case.f64("dy")?);
    let mut sums = vec![(0.0, 0.0); dy.len()];
    taps::of_pool(pool, batch, |i, o| sums[o] = (sums[o].0 + exact[i].abs(), sums[o].1 + 1.0));
    let mut shares = vec![(0.0, 0.0); x.len()];
    taps::of_pool(pool, batch, |i, o| shares[i] = (shares[i].0 + slopes[o].abs() / sums[o].1, shares[i].1 + 1.0));
    let means: Vec<(f64, f64)> = sums.iter().map(|(sum, count)| (sum / count, *count)).collect();
    let whole = pool.kernel == [pool.height, pool.width] && pool.padding == [0; 4];
    for level in Level::all() {
        let (mut y, mut dx) = (vec![f32::NAN; dy.len()], vec![f32::NAN; x.len()]);
        pool2d::average_forward_into(level, pool, batch, &x, &mut y)?;
        pool2d::average_backward_into(level, pool, batch, &dy, &mut dx)?;
        case.compare(level, "y", &y, &Sizes::bounds(&means))?;
        case.compare(level, "dx", &dx, &Sizes::bounds(&shares))?;
        if whole {
            let pixels = pool.height * pool.width;
            pool2d::global_average_forward_into(level, pixels, pool.channels, batch, &x, &mut y)?;
            pool2d::global_average_backward_into(level, pixels, pool.channels, batch, &dy, &mut dx)?;
            case.compare(level, "y", &y, &Sizes::bounds(&means))?;
            case.compare(level, "dx", &dx, &Sizes::bounds(&shares))?;
        }
    }
    Ok(())
}

/// A number after a word of the note: Keras' ε of a case.
pub fn noted(note: &str, word: &str) -> Option<f64> {
    let (_, rest) = note.split_once(word)?;
    rest.split(|c: char| c.is_whitespace() || c == ',' || c == ';' || c == '=').find_map(|part| part.parse().ok())
}

/// In training with the batch's own statistics, in inference with those given.
fn normalisation(case: &Case, words: &[Word]) -> Outcome {
    known(words, &["train", "training", "inference", "infer", "eps", "epsilon", "momentum", "n", "h", "w", "c", "b"])?;
    let in_name = words.iter().find(|(word, _)| word.starts_with("eps")).and_then(|(_, x)| x.first().copied());
    let epsilon = in_name.or(noted(case.note, "epsilon")).unwrap_or(f64::from(batch_norm::EPSILON)) as f32;
    let momentum = words.iter().find(|(word, _)| word == "momentum").and_then(|(_, x)| x.first().copied());
    let momentum = momentum.or(noted(case.note, "momentum")).unwrap_or(batch_norm::MOMENTUM);
    let inference = words.iter().any(|(word, _)| word.starts_with("infer"));
    let (x, gamma) = (case.f64("x")?, case.f64("gamma")?);
    let (beta, channels) = (case.f64("beta")?, gamma.len());
    let zeros = vec![0.0; x.len()];
    let dy = if case.has("dy") { case.f64("dy")? } else { &zeros };
    let first = |names: [&'static str; 3]| names.into_iter().find(|name| case.has(name));
    let given = |names| match first(names) {
        Some(name) if inference => case.f32(name),
        _ => Ok(vec![f32::NAN; channels]),
    };
    let given_mean = given(["mean", "moving_mean", "moving_mean0"])?;
    let given_variance = given(["variance", "moving_variance", "moving_variance0"])?;

    // The same formulas with a bound on the error of each step.
    let input = |x: &[f64]| x.iter().map(|&x| Tracked::input(x)).collect::<Vec<_>>();
    let column = |x: &[Tracked], c: usize| x.iter().skip(c).step_by(channels).copied().collect::<Vec<_>>();
    let (tracked_x, tracked_dy) = (input(x), input(dy));
    let count = Tracked::input((x.len() / channels) as f64);
    let mut errors: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    errors.insert("y", vec![0.0; x.len()]);
    errors.insert("dx", vec![0.0; x.len()]);
    for c in 0..channels {
        let (x, dy) = (column(&tracked_x, c), column(&tracked_dy, c));
        let (mean, variance) = if inference {
            (Tracked::input(given_mean[c].into()), Tracked::input(given_variance[c].into()))
        } else {
            let mean = Tracked::sum(x.iter().copied()) / count;
            (mean, Tracked::sum(x.iter().map(|&x| (x - mean) * (x - mean))) / count)
        };
        let root = (variance + Tracked::input(epsilon.into())).sqrt();
        let scale = Tracked::input(gamma[c]) / root;
        let total = Tracked::sum(dy.iter().copied());
        let with_x = Tracked::sum(x.iter().zip(&dy).map(|(&x, &dy)| dy * (x - mean))) / root;
        for (row, (&x, &dy)) in x.iter().zip(&dy).enumerate() {
            let at = row * channels + c;
            let rest = (dy - total / count) - (x - mean) * (with_x / root / count);
            errors.get_mut("y").unwrap()[at] = ((x - mean) * scale + Tracked::input(beta[c])).error;
            errors.get_mut("dx").unwrap()[at] = (scale * if inference { dy } else { rest }).error;
        }
        let moving =
            |old: Tracked, new: Tracked| (old * Tracked::input(momentum) + new * Tracked::input(1.0 - momentum)).error;
        for (name, error) in [
            ("mean", mean.error),
            ("variance", variance.error),
            ("dgamma", with_x.error),
            ("dbeta", total.error),
            // Both start as Keras' layer starts them.
            ("moving_mean", moving(Tracked::input(0.0), mean)),
            ("moving_variance", moving(Tracked::input(1.0), variance)),
        ] {
            errors.entry(name).or_default().push(error);
        }
    }

    let [x, dy] = [x, dy].map(|x| x.iter().map(|&x| x as f32).collect::<Vec<_>>());
    let (gamma, beta) = (case.f32("gamma")?, case.f32("beta")?);
    for level in Level::all() {
        let (mut mean, mut variance) = (given_mean.clone(), given_variance.clone());
        let (mut y, mut dx) = (vec![f32::NAN; x.len()], vec![f32::NAN; x.len()]);
        let (mut dgamma, mut dbeta) = (vec![0.0; channels], vec![0.0; channels]);
        if !inference {
            batch_norm::statistics_into(level, channels, &x, &mut mean, &mut variance)?;
        }
        batch_norm::forward_into(
            level,
            channels,
            batch_norm::Forward { mean: &mean, variance: &variance, gamma: &gamma, beta: &beta, epsilon },
            &x,
            &mut y,
        )?;
        let mut scratch = vec![f32::NAN; batch_norm::backward_scratch_len(channels)];
        batch_norm::backward_into(
            level,
            channels,
            batch_norm::Backward { x: &x, mean: &mean, variance: &variance, gamma: &gamma, epsilon, dy: &dy },
            Some(&mut dx),
            &mut dgamma,
            &mut dbeta,
            &mut scratch,
        )?;
        if inference {
            dx.copy_from_slice(&dy);
            batch_norm::backward_frozen_in_place(level, channels, epsilon, &variance, &gamma, &mut dx)?;
        }
        let moving = |start: f32, batch: &[f32]| -> Result<Vec<f32>, ShapeError> {
            let mut moving = vec![start; channels];
            batch_norm::moving_acc(level, momentum, batch, &mut moving).map(|()| moving)
        };
        let (moving_mean, moving_variance) = (moving(0.0, &mean)?, moving(1.0, &variance)?);
        let mut results = vec![("y", &y), ("dx", &dx), ("dgamma", &dgamma), ("dbeta", &dbeta)];
        if !inference {
            results.extend([("mean", &mean), ("variance", &variance)]);
            results.extend([("moving_mean", &moving_mean), ("moving_variance", &moving_variance)]);
        }
        for (name, found) in results {
            if name == "y" || case.has(name) {
                case.compare(level, name, found, &errors[name])?;
            }
        }
    }
    Ok(())
}
