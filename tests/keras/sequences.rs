//! Recurrent layers, normalisations of rows, embeddings, and what is one-dimensional.
//!
//! Errors of recurrent layers are carried through the formulas, forward and backward ([`Tracked`]).

use kernlet::{
    kernels::{
        conv1d::{Conv1d, Padding1d},
        embedding::{self, Embedding},
        layer_norm,
        pool1d::Pool1d,
        pool2d::{Pool2d, global_average_backward_into, global_average_forward_into},
        recurrent::*,
        rms_norm,
    },
    simd::Level,
};

use super::{
    layers::{Case, Outcome, Problem, Word, known, noted, single},
    recurrence::{Gradients, Layer},
    tracked::{Tracked, U},
};

fn padding(words: &[Word]) -> Padding1d {
    let has = |name: &str| words.iter().any(|(word, _)| word == name);
    if has("same") {
        Padding1d::Same
    } else if has("causal") {
        Padding1d::Causal
    } else {
        Padding1d::Valid
    }
}

/// Whether the case says which steps its sequences have.
pub fn is_masked(case: &Case) -> bool {
    case.has("lengths") || case.has("mask")
}

/// How many steps each sequence has: as given, or as a mask of ones and then zeros says.
fn lengths(case: &Case, batch: usize, steps: usize) -> Result<Vec<u32>, Problem> {
    if case.has("lengths") {
        return Ok(case.f64("lengths")?.iter().map(|&length| length as u32).collect());
    }
    if !case.has("mask") {
        return Ok(vec![steps as u32; batch]);
    }
    let length = |mask: &[f64]| {
        let length = mask.iter().take_while(|&&step| step > 0.0).count();
        match mask[length..].iter().all(|&step| step == 0.0) {
            true => Ok(length as u32),
            false => Err("`mask` is not that of sequences which end".into()),
        }
    };
    case.f64("mask")?.chunks(steps).map(length).collect()
}

/// Means over the steps that each sequence has.
pub fn mean_of_steps(case: &Case, words: &[Word]) -> Outcome {
    known(words, &["n", "t", "c", "masked", "mask"])?;
    let [batch, steps, channels] = case.shape("x")?;
    let lengths = lengths(case, batch, steps)?;
    let [x, dy] = [case.f32("x")?, case.f32("dy")?];
    let (exact, slopes) = (case.f64("x")?, case.f64("dy")?);
    let (mut y_bounds, mut dx_bounds) = (Vec::new(), Vec::new());
    for (n, &length) in lengths.iter().enumerate() {
        let count = Tracked::input(length.into());
        let at = |step: usize, c: usize| (n * steps + step) * channels + c;
        let mean = |c| Tracked::sum((0..length as usize).map(|step| Tracked::input(exact[at(step, c)]))) / count;
        y_bounds.extend((0..channels).map(|c| mean(c).error));
        for step in 0..steps {
            let inside = step < length as usize;
            let share = |c: usize| (Tracked::input(slopes[n * channels + c]) * (Tracked::input(1.0) / count)).error;
            dx_bounds.extend((0..channels).map(|c| if inside { share(c) } else { 0.0 }));
        }
    }
    for level in Level::all() {
        let (mut y, mut dx) = (vec![f32::NAN; dy.len()], vec![0.0; x.len()]);
        for (n, &length) in lengths.iter().enumerate() {
            let (of, to) =
                (n * steps * channels..(n * steps + length as usize) * channels, n * channels..(n + 1) * channels);
            let steps = length as usize;
            global_average_forward_into(level, steps, channels, 1, &x[of.clone()], &mut y[to.clone()])?;
            global_average_backward_into(level, steps, channels, 1, &dy[to], &mut dx[of])?;
        }
        case.compare(level, "y", &y, &y_bounds)?;
        case.compare(level, "dx", &dx, &dx_bounds)?;
    }
    Ok(())
}

/// The shape of a convolution; its weights are `[k][ci / groups][co]`, depthwise ones `[k][ci][multiplier]`.
pub fn convolution(case: &Case, words: &[Word], depthwise: bool) -> Result<Conv1d, Problem> {
    known(words, &["n", "t", "c", "ci", "k", "co", "s", "d", "g", "m", "same", "valid", "causal", "nobias"])?;
    let [_, steps, ci] = case.shape("x")?;
    let [kernel, wi, wo] = case.shape("w")?;
    let [_, _, co] = case.shape("y")?;
    let groups = if depthwise { ci } else { ci / wi };
    if depthwise && (wi, ci * wo) != (ci, co) || !depthwise && (wi * groups, wo) != (ci, co) {
        return Err("the channels of x, w and y do not fit".into());
    }
    Ok(Conv1d::new(steps, ci, co, kernel)
        .with_groups(groups)
        .with_stride(single(words, "s").unwrap_or(1))
        .with_dilation(single(words, "d").unwrap_or(1))
        .with_padding(padding(words)))
}

/// The shape of a pooling; a window as long as the sequence without `k`.
pub fn pool(case: &Case, words: &[Word], global: bool) -> Result<Pool2d, Problem> {
    known(words, &["n", "t", "c", "k", "s", "same", "valid"])?;
    let [_, steps, channels] = case.shape("x")?;
    let kernel = if global { steps } else { single(words, "k").ok_or("the name has no window `k`")? };
    let pool = Pool1d::new(steps, channels, kernel).with_stride(single(words, "s").unwrap_or(kernel));
    Ok(pool.with_padding(padding(words)).as_pool2d())
}

fn tracked(x: &[f64]) -> Vec<Tracked> {
    x.iter().map(|&x| Tracked::input(x)).collect()
}

fn errors(x: &[Tracked]) -> Vec<f64> {
    x.iter().map(|x| x.error).collect()
}

/// Joins numbers for each sequence: one state after the other, as the kernels have them.
fn joined<T: Clone>(units: usize, batch: usize, parts: &[Vec<T>]) -> Vec<T> {
    let rows = (0..batch).flat_map(|n| parts.iter().map(move |part| &part[n * units..(n + 1) * units]));
    rows.flatten().cloned().collect()
}

/// The part `i` of joined states.
fn part<T: Clone>(units: usize, count: usize, joined: &[T], i: usize) -> Vec<T> {
    joined.chunks(units * count).flat_map(|row| row[i * units..(i + 1) * units].to_vec()).collect()
}

/// One direction of a recurrent layer: a prefix of its weights' names, and whether it runs in reverse.
struct Direction {
    prefix: &'static str,
    reverse: bool,
    /// Which columns of `y` are its own.
    first: usize,
}

/// Whether a case has the weights of two directions.
fn is_bidirectional(case: &Case) -> bool {
    case.has("forward_recurrent_kernel")
}

pub fn recurrent<C: Cell>(case: &Case, words: &[Word]) -> Outcome {
    let options = ["last", "sequence", "sequences", "state", "masked", "mask", "backwards", "zeros", "nobias"];
    known(words, &[&["n", "t", "i", "h", "u", "bidirectional"], &options[..]].concat())?;
    let has = |name: &str| words.iter().any(|(word, _)| word == name);
    if is_bidirectional(case) {
        let [units, _] = case.shape("forward_recurrent_kernel")?;
        let there = direction::<C>(case, words, &Direction { prefix: "forward_", reverse: false, first: 0 })?;
        let back = direction::<C>(case, words, &Direction { prefix: "backward_", reverse: true, first: units })?;
        let bounds: Vec<f64> = there.dx.iter().zip(&back.dx).map(|(&a, &b)| (a + b).error).collect();
        for ((level, a), (_, b)) in there.found.iter().zip(&back.found) {
            let dx: Vec<f32> = a.iter().zip(b).map(|(a, b)| a + b).collect();
            case.compare(*level, "dx", &dx, &bounds)?;
        }
        return Ok(());
    }
    let reverse = has("backwards");
    let one = direction::<C>(case, words, &Direction { prefix: "", reverse, first: 0 })?;
    let bounds = errors(&one.dx);
    one.found.iter().try_for_each(|(level, dx)| case.compare(*level, "dx", dx, &bounds))
}

/// The gradient with respect to the input: with bounds, and as found at each level.
struct Found {
    dx: Vec<Tracked>,
    found: Vec<(Level, Vec<f32>)>,
}

fn direction<C: Cell>(case: &Case, words: &[Word], direction: &Direction) -> Result<Found, Problem> {
    let has = |name: &str| words.iter().any(|(word, _)| word == name);
    let named = |name: &str| format!("{}{name}", direction.prefix);
    let [batch, steps, inputs] = case.shape("x")?;
    let [units, _] = case.shape(&named("recurrent_kernel"))?;
    let columns = if direction.prefix.is_empty() { units } else { 2 * units };
    let mut shape = Recurrent::<C>::new(steps, inputs, units).with_columns(direction.first, columns);
    shape.sequences = case.dims("y")? == 3;
    shape.reverse = direction.reverse;
    shape.zeros_after_end = is_bidirectional(case) || has("zeros");
    shape.validate()?;
    let lengths = lengths(case, batch, steps)?;
    let sequences = Sequences::new(batch);
    let sequences = if is_masked(case) { sequences.with_lengths(&lengths) } else { sequences };
    let states = |names: [&str; 2]| -> Result<Vec<f64>, Problem> {
        let of = |name: &str| {
            let zeros = || Ok(vec![0.0; batch * units]);
            if case.has(name) { case.f64(name).map(<[f64]>::to_vec) } else { zeros() }
        };
        Ok(joined(units, batch, &names[..C::STATES].iter().map(|name| of(name)).collect::<Result<Vec<_>, _>>()?))
    };
    let (state, dstate) = (states(["h0", "c0"])?, states(["dy1", "dy2"])?);
    let bias = if case.has(&named("bias")) { Some(case.f64(&named("bias"))?) } else { None };
    // Keras gives outputs in the order of computation; here they lie where their inputs do.
    let turn = shape.sequences && shape.reverse && direction.prefix.is_empty();
    let turned = |x: &[f64]| -> Vec<f64> {
        if !turn {
            x.to_vec()
        } else {
            x.chunks(steps * columns).flat_map(|x| x.rchunks(columns).flatten().copied()).collect()
        }
    };
    let dy = turned(case.f64("dy")?);
    let own = |x: &[f64]| -> Vec<f64> {
        x.chunks(columns).flat_map(|row| row[direction.first..direction.first + units].to_vec()).collect()
    };

    let layer = Layer {
        kernel: tracked(case.f64(&named("kernel"))?),
        recurrent: tracked(case.f64(&named("recurrent_kernel"))?),
        bias: bias.map(tracked),
        x: tracked(case.f64("x")?),
        state: tracked(&state),
        lengths: lengths.iter().map(|&length| length as usize).collect(),
    };
    let outputs = layer.forward(&shape);
    let gradients = layer.backward(&shape, &tracked(&own(&dy)), &tracked(&dstate));
    let narrow = |x: &[f64]| x.iter().map(|&x| x as f32).collect::<Vec<f32>>();
    let [kernel, recurrent_kernel] = [case.f32(&named("kernel"))?, case.f32(&named("recurrent_kernel"))?];
    let (bias, x, dy) = (bias.map(narrow), case.f32("x")?, narrow(&dy));
    let expected_y = own(&turned(case.f64("y")?));
    let mut found = Vec::new();
    for level in Level::all() {
        let weights = Weights { kernel: &kernel, recurrent: &recurrent_kernel, bias: bias.as_deref() };
        let (mut y, mut state) = (vec![f32::NAN; batch * shape.y_len()], narrow(&state));
        let mut kept = vec![f32::NAN; batch * shape.kept_len()];
        forward_into(level, &shape, sequences, Forward { x: &x, weights }, &mut y, &mut state, &mut kept)?;
        let y: Vec<f64> = y.iter().map(|&y| f64::from(y)).collect();
        case.compare_values(level, "y", &own(&y), &expected_y, &errors(&outputs.y))?;
        for (i, name) in ["y1", "y2"].into_iter().enumerate().filter(|(i, name)| *i < C::STATES && case.has(name)) {
            let bounds = errors(&part(units, C::STATES, &outputs.state, i));
            case.compare(level, name, &part(units, C::STATES, &state, i), &bounds)?;
        }
        let dx = backward(
            case,
            level,
            (&shape, sequences),
            weights,
            &Data { x: &x, dy: &dy, dstate: &narrow(&dstate) },
            kept,
            (&gradients, direction),
        )?;
        found.push((level, dx));
    }
    Ok(Found { dx: gradients.dx, found })
}

struct Data<'a> {
    x: &'a [f32],
    dy: &'a [f32],
    dstate: &'a [f32],
}

/// Compares all gradients but `dx`, which is returned.
fn backward<C: Cell>(
    case: &Case,
    level: Level,
    (shape, sequences): (&Recurrent<C>, Sequences),
    weights: Weights,
    data: &Data,
    mut kept: Vec<f32>,
    (bounds, direction): (&Gradients<Tracked>, &Direction),
) -> Result<Vec<f32>, Problem> {
    let mut scratch = vec![f32::NAN; backward_scratch_len(shape, sequences.batch)];
    let (mut dstate, mut dx) = (data.dstate.to_vec(), vec![f32::NAN; data.x.len()]);
    let of = Backward { recurrent: weights.recurrent, dy: data.dy };
    backward_in_place(level, shape, sequences, of, &mut dstate, &mut kept, &mut scratch)?;
    backward_input_into(level, shape, sequences, weights.kernel, &kept, &mut dx, &mut scratch)?;
    let mut dkernel = vec![0.0; shape.kernel_len()];
    backward_kernel_acc(level, shape, sequences, data.x, &kept, 0..shape.inputs, &mut dkernel)?;
    let mut drecurrent = vec![0.0; shape.recurrent_len()];
    backward_recurrent_acc(level, shape, sequences, &kept, 0..shape.units, &mut drecurrent)?;
    let mut dbias = vec![0.0; shape.bias_len()];
    backward_bias_acc(level, shape, sequences, &kept, 0..C::BIASES, &mut dbias)?;
    let named = |name: &str| format!("d_{}{name}", direction.prefix);
    case.compare(level, &named("kernel"), &dkernel, &errors(&bounds.dkernel))?;
    case.compare(level, &named("recurrent_kernel"), &drecurrent, &errors(&bounds.drecurrent))?;
    if weights.bias.is_some() {
        case.compare(level, &named("bias"), &dbias, &errors(&bounds.dbias))?;
    }
    for (i, name) in ["dh0", "dc0"].into_iter().enumerate().filter(|(i, name)| *i < C::STATES && case.has(name)) {
        let of = |x: &[f64]| part(shape.units, C::STATES, x, i);
        let dstate: Vec<f64> = dstate.iter().map(|&x| f64::from(x)).collect();
        case.compare_f64(level, name, &of(&dstate), &of(&errors(&bounds.dstate)))?;
    }
    Ok(dx)
}

/// Layer normalisation, or with `centred` false that by the root of the mean square.
pub fn row_norm(case: &Case, words: &[Word], centred: bool) -> Outcome {
    known(words, &["n", "t", "c", "eps", "epsilon", "axes", "noscale", "nocenter"])?;
    let default = if centred { layer_norm::EPSILON } else { rms_norm::EPSILON };
    let epsilon = noted(case.note, "epsilon").unwrap_or(f64::from(default)) as f32;
    let (x, dy) = (case.f64("x")?, case.f64("dy")?);
    // Layers without a scale or a shift have ones and zeros.
    let given = |name: &str, other: f64, len: usize| {
        if case.has(name) || name == "gamma" && case.has_scale() {
            case.f64(name).map(<[f64]>::to_vec)
        } else {
            Ok(vec![other; len])
        }
    };
    let last = if words.iter().any(|(word, _)| word == "axes") {
        case.shape::<3>("x")?[1..].iter().product()
    } else {
        case.last("x")?
    };
    let gamma = &given("gamma", 1.0, if case.has("beta") { case.f64("beta")?.len() } else { last })?;
    let channels = gamma.len();
    let beta = &given("beta", 0.0, channels)?;
    let count = Tracked::input(channels as f64);
    let (mut y_bounds, mut dx_bounds) = (Vec::new(), Vec::new());
    let (mut dgamma_terms, mut dbeta_terms) = (vec![Vec::new(); channels], vec![Vec::new(); channels]);
    for (x, dy) in x.chunks(channels).zip(dy.chunks(channels)) {
        let (x, dy, gamma) = (tracked(x), tracked(dy), tracked(gamma));
        let zero = Tracked::input(0.0);
        let mean = if centred { Tracked::sum(x.iter().copied()) / count } else { zero };
        let variance = Tracked::sum(x.iter().map(|&x| (x - mean) * (x - mean))) / count;
        let scale = Tracked::input(1.0) / (variance + Tracked::input(epsilon.into())).sqrt();
        let normal: Vec<Tracked> = x.iter().map(|&x| (x - mean) * scale).collect();
        let g: Vec<Tracked> = dy.iter().zip(&gamma).map(|(&dy, &gamma)| dy * gamma).collect();
        let of_gradient = if centred { Tracked::sum(g.iter().copied()) / count } else { zero };
        let with_input = Tracked::sum(g.iter().zip(&normal).map(|(&g, &normal)| g * normal)) / count;
        for c in 0..channels {
            let product = normal[c] * gamma[c];
            let y = if centred { product + Tracked::input(beta[c]) } else { product };
            y_bounds.push(y.error);
            dx_bounds.push((scale * ((g[c] - of_gradient) - normal[c] * with_input)).error);
            dgamma_terms[c].push(dy[c] * normal[c]);
            dbeta_terms[c].push(dy[c]);
        }
    }
    let sums = |terms: Vec<Vec<Tracked>>| terms.into_iter().map(|terms| Tracked::sum(terms).error).collect::<Vec<_>>();
    let (dgamma_bounds, dbeta_bounds) = (sums(dgamma_terms), sums(dbeta_terms));
    let rows = x.len() / channels;
    let narrow = |x: &[f64]| x.iter().map(|&x| x as f32).collect::<Vec<f32>>();
    let [x, dy, gamma, beta] = [narrow(x), narrow(dy), narrow(gamma), narrow(beta)];
    for level in Level::all() {
        let (mut y, mut dx) = (vec![f32::NAN; x.len()], vec![f32::NAN; x.len()]);
        let (mut dgamma, mut dbeta) = (vec![0.0; channels], vec![0.0; channels]);
        if centred {
            let mut statistics = vec![f32::NAN; 2 * rows];
            let of = layer_norm::Forward { x: &x, gamma: &gamma, beta: &beta };
            layer_norm::forward_into(level, channels, epsilon, of, &mut y, &mut statistics)?;
            let of = layer_norm::Backward { x: &x, statistics: &statistics, gamma: &gamma, dy: &dy };
            layer_norm::backward_input_into(level, channels, of, &mut dx)?;
            layer_norm::backward_weight_acc(level, channels, of, &mut dgamma, &mut dbeta)?;
            if case.has("beta") {
                case.compare(level, "dbeta", &dbeta, &dbeta_bounds)?;
            }
        } else {
            let mut statistics = vec![f32::NAN; rows];
            rms_norm::forward_into(level, epsilon, &x, &gamma, &mut y, &mut statistics)?;
            let of = rms_norm::Backward { x: &x, statistics: &statistics, gamma: &gamma, dy: &dy };
            rms_norm::backward_input_into(level, of, &mut dx)?;
            rms_norm::backward_weight_acc(level, of, &mut dgamma)?;
        }
        case.compare(level, "y", &y, &y_bounds)?;
        case.compare(level, "dx", &dx, &dx_bounds)?;
        if case.has_scale() {
            case.compare(level, "dgamma", &dgamma, &dgamma_bounds)?;
        }
    }
    Ok(())
}

pub fn embedding(case: &Case, words: &[Word]) -> Outcome {
    known(words, &["n", "t", "v", "e", "masked", "mask"])?;
    let [vocabulary, width] = case.shape("embeddings")?;
    let ids: Vec<u32> = case.f64("ids")?.iter().map(|&id| id as u32).collect();
    let shape = Embedding::new(vocabulary, width);
    let [w, dy] = [case.f32("embeddings")?, case.f32("dy")?];
    let bounds: Vec<f64> = case.f64("y")?.iter().map(|y| U * y.abs()).collect();
    let mut terms = vec![Vec::new(); w.len()];
    for (row, &id) in ids.iter().enumerate() {
        for i in 0..width {
            terms[id as usize * width + i].push(Tracked::input(case.f64("dy")?[row * width + i]));
        }
    }
    let slopes: Vec<f64> = terms.into_iter().map(|terms| Tracked::sum(terms).error).collect();
    for level in Level::all() {
        let (mut y, mut dw) = (vec![f32::NAN; dy.len()], vec![0.0; w.len()]);
        embedding::forward_into(&shape, &ids, &w, &mut y)?;
        embedding::backward_acc(level, &shape, &ids, &dy, 0..vocabulary, &mut dw)?;
        case.compare(level, "y", &y, &bounds)?;
        case.compare(level, "d_embeddings", &dw, &slopes)?;
    }
    Ok(())
}
