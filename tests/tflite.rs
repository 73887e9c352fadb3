//! Models of TensorFlow Lite, against what TensorFlow Lite Micro computes with them.
//!
//! `KERNLET_TFLITE` names folders, separated by colons. In each, every `NAME.tflite` stands beside a
//! `NAME.safetensors` with `input0`, `input1` … and `output0` …, whose first axis is consecutive
//! invocations of one interpreter. Those of `tests/data/tflite`, of its `operators` and its `variables`
//! are run in any case.
#![cfg(all(feature = "int8", feature = "std"))]

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
};

use kernlet::{
    simd::Level,
    tflite::{Arena, Error, Model, Node, Program, Runner, Type, plan_len},
};
use safetensors::SafeTensors;

const OWN: &str = "tests/data/tflite";

/// Models of one operator each, whose integers and floats are both equal to the bit.
const OPERATORS: &str = "tests/data/tflite/operators";

/// Models whose variables survive an invocation.
const VARIABLES: &str = "tests/data/tflite/variables";

kernlet::tflite! {
    /// Ten digits.
    struct Digits = "data/tflite/digits.tflite";
}

kernlet::tflite! {
    /// Variables that begin with what CALL_ONCE assigns.
    struct Frames = "data/tflite/variables/frames.tflite";
}

kernlet::tflite! {
    /// A state that survives an invocation.
    struct Lstm = "data/tflite/lstm.tflite";
}

/// The models of all folders.
fn models() -> Vec<PathBuf> {
    let given = std::env::var("KERNLET_TFLITE").unwrap_or_default();
    let folders = given.split(':').filter(|folder| !folder.is_empty());
    let mut found = Vec::new();
    for folder in folders.chain([OWN, OPERATORS, VARIABLES]) {
        let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{folder}: {error}"));
        let before = found.len();
        let paths = entries.map(|entry| entry.unwrap().path());
        found.extend(paths.filter(|path| path.extension() == Some("tflite".as_ref())));
        assert!(found.len() > before, "{folder}: there is no model in it");
    }
    found.sort();
    found
}

/// What stands beside a model.
struct Goldens(Vec<u8>);

impl Goldens {
    fn of(path: &Path) -> Result<Self, String> {
        let path = path.with_extension("safetensors");
        fs::read(&path).map(Self).map_err(|error| format!("{}: {error}", path.display()))
    }

    /// The bytes of one run of a tensor, if there is one.
    fn run(&self, name: &str, run: usize) -> Option<Vec<u8>> {
        let tensors = SafeTensors::deserialize(&self.0).ok()?;
        let tensor = tensors.tensor(name).ok()?;
        let len = tensor.data().len() / tensor.shape().first()?;
        Some(tensor.data().get(run * len..(run + 1) * len)?.to_vec())
    }
}

/// Runs a model as its goldens say, and compares. The fingerprint of all outputs.
fn compare<P: Program>(runner: &mut Runner<'_, P>, goldens: &Goldens, bound: f32) -> Result<Vec<u8>, String> {
    let text = |error: Error| error.to_string();
    let mut all = Vec::new();
    for run in 0.. {
        if goldens.run("output0", run).is_none() {
            return if run > 0 { Ok(all) } else { Err("there is no output0".into()) };
        }
        for index in 0..runner.inputs() {
            let bytes = goldens.run(&format!("input{index}"), run).ok_or(format!("there is no input{index}"))?;
            let input = runner.input_bytes(index).map_err(text)?;
            if input.len() != bytes.len() {
                return Err(format!("input {index} has {} bytes, in the goldens {}", input.len(), bytes.len()));
            }
            input.copy_from_slice(&bytes);
        }
        runner.invoke().map_err(text)?;
        for index in 0..runner.outputs() {
            let expected = goldens.run(&format!("output{index}"), run).ok_or(format!("there is no output{index}"))?;
            let kind = runner.output_port(index).map_err(text)?.kind;
            let found = runner.output_bytes(index).map_err(text)?;
            equal(kind, found, &expected, bound).map_err(|error| format!("run {run}, output {index}: {error}"))?;
            all.extend_from_slice(found);
        }
    }
    Ok(all)
}

/// Equal to the bit; floats no further apart than a bound.
fn equal(kind: Type, found: &[u8], expected: &[u8], bound: f32) -> Result<(), String> {
    if found.len() != expected.len() {
        return Err(format!("{} bytes, expected {}", found.len(), expected.len()));
    }
    if kind == Type::FLOAT32 && bound > 0.0 {
        let pairs = found.as_chunks().0.iter().zip(expected.as_chunks().0);
        let worst = pairs.map(|(&a, &b)| (f32::from_le_bytes(a) - f32::from_le_bytes(b)).abs()).fold(0.0, f32::max);
        return if worst <= bound {
            Ok(())
        } else {
            Err(format!("floats differ by {worst:e}, the bound is {bound:e}"))
        };
    }
    let pairs = found.iter().zip(expected).enumerate();
    let wrong: Vec<_> = pairs.filter(|(_, (found, expected))| found != expected).collect();
    match wrong.first() {
        Some((at, (byte, golden))) => {
            let (count, all) = (wrong.len(), expected.len());
            Err(format!("{count} of {all} bytes differ, the first at {at}: {byte}, expected {golden}"))
        }
        None => Ok(()),
    }
}

/// How far a value's floats may be from the goldens', and how large they are.
#[derive(Clone, Copy, Default)]
struct Error32 {
    apart: f32,
    size: f32,
}

/// How far the outputs of a model of floats may be from the goldens.
///
/// Sums are in the goldens' order without fused operations, so they are equal to the bit. What differs are exp
/// and its like, one unit in the last place in either library; behind them a difference grows as much as a
/// layer's weights let it. A model with an operator that this does not know is expected to be equal.
fn bound(model: &Model<'_>, goldens: &Goldens) -> Result<f32, Error> {
    const ULP: f32 = f32::EPSILON;
    let mut values: HashMap<usize, Error32> = HashMap::new();
    for index in 0..model.inputs() {
        let runs = (0..).map_while(|run| goldens.run(&format!("input{index}"), run));
        let size =
            runs.flat_map(|bytes| bytes.as_chunks().0.iter().map(|&x| f32::from_le_bytes(x).abs()).collect::<Vec<_>>());
        values.insert(model.input(index)?.index(), Error32 { apart: 0.0, size: size.fold(0.0, f32::max) });
    }
    for index in 0..model.operators() {
        let node = model.operator(index)?;
        let name = node.operator().name().unwrap_or_default();
        let all = (0..node.inputs()).filter_map(|i| node.optional(i).ok()?).filter(|tensor| !tensor.is_constant());
        let inputs: Vec<Error32> = all.filter_map(|tensor| values.get(&tensor.index()).copied()).collect();
        let x = inputs.first().copied().unwrap_or_default();
        let most = inputs.iter().fold(Error32::default(), |most, x| Error32 {
            apart: most.apart.max(x.apart),
            size: most.size.max(x.size),
        });
        let sum = inputs
            .iter()
            .fold(Error32::default(), |sum, x| Error32 { apart: sum.apart + x.apart, size: sum.size + x.size });
        let result = match name {
            "FULLY_CONNECTED" | "CONV_2D" | "DEPTHWISE_CONV_2D" => layer(&node, x)?,
            // Numerator, sum and quotient: an ulp from each library and the roundings of the sum.
            "SOFTMAX" => Error32 { apart: 2.0 * x.apart + (node.output(0)?.dims().len() + 6) as f32 * ULP, size: 1.0 },
            "LOGISTIC" | "TANH" => Error32 { apart: x.apart + 4.0 * ULP, size: 1.0 },
            "SIN" | "COS" => Error32 { apart: x.apart + ULP, size: 1.0 },
            "EXP" => Error32 { apart: x.size.exp() * (x.apart.exp_m1() + 2.0 * ULP), size: x.size.exp() },
            // No float has a logarithm beyond 104. Near 0 a difference could be anything.
            "LOG" => Error32 { apart: if x.apart > 0.0 { f32::INFINITY } else { 104.0 * ULP }, size: 104.0 },
            // An ulp of each exponential and the roundings of their sum, then the logarithm's and the difference's.
            "LOG_SOFTMAX" => {
                let classes = node.output(0)?.dims().as_slice().last().copied().unwrap_or(1) as f32;
                let size = 2.0 * x.size + classes.ln();
                Error32 { apart: 2.0 * x.apart + (classes + 4.0 + 3.0 * size) * ULP, size }
            }
            "UNIDIRECTIONAL_SEQUENCE_LSTM" => recurrent(&node, x, goldens)?,
            "ELU" => Error32 { apart: x.apart + 2.0 * ULP, size: x.size.max(1.0) },
            "ADD" | "SUB" => {
                Error32 { apart: sum.apart + if sum.apart > 0.0 { sum.size * ULP } else { 0.0 }, size: sum.size }
            }
            _ => Error32 {
                apart: most.apart * 1.5 + if most.apart > 0.0 { most.size * ULP } else { 0.0 },
                size: most.size,
            },
        };
        if let Ok(output) = node.output(0) {
            values.insert(output.index(), result);
        }
    }
    let outputs =
        (0..model.outputs()).map(|index| Ok(values.get(&model.output(index)?.index()).map_or(0.0, |x| x.apart)));
    outputs.collect::<Result<Vec<_>, Error>>().map(|apart| apart.into_iter().fold(0.0, f32::max))
}

/// Behind a layer: a difference times the largest sum of a channel's weights.
fn layer(node: &Node<'_>, x: Error32) -> Result<Error32, Error> {
    let w = node.input(1)?;
    if w.kind() != Type::FLOAT32 {
        return Ok(Error32::default());
    }
    let is_depthwise = node.operator().name() == Some("DEPTHWISE_CONV_2D");
    let dims = w.dims();
    let channels = if is_depthwise { dims.as_slice().last() } else { dims.as_slice().first() };
    let channels = channels.copied().unwrap_or(1);
    let floats = |bytes: &[u8]| bytes.as_chunks().0.iter().map(|&x| f32::from_le_bytes(x).abs()).collect::<Vec<_>>();
    let (weights, terms) = (floats(w.data().unwrap_or_default()), w.dims().len() / channels);
    let row = |channel: usize| -> f32 {
        (0..terms).map(|i| weights[if is_depthwise { i * channels + channel } else { channel * terms + i }]).sum()
    };
    let norm = (0..channels).map(row).fold(0.0, f32::max);
    let bias = node.optional(2)?.map_or(0.0, |b| floats(b.data().unwrap_or_default()).into_iter().fold(0.0, f32::max));
    let size = norm * x.size + bias;
    // Two sums of different terms are rounded differently.
    let rounding = if x.apart > 0.0 { 2.0 * (terms + 1) as f32 * f32::EPSILON * size } else { 0.0 };
    Ok(Error32 { apart: norm * x.apart + rounding, size })
}

/// Behind an LSTM: each step's differences, of all runs, since the state goes on.
fn recurrent(node: &Node<'_>, x: Error32, goldens: &Goldens) -> Result<Error32, Error> {
    const ULP: f32 = f32::EPSILON;
    let weights = node.input(1)?;
    if weights.kind() != Type::FLOAT32 {
        return Ok(Error32::default());
    }
    // The largest sum of a row of weights from the input, and from the state.
    let norm = |first: usize| -> Result<f32, Error> {
        let mut norm = 0.0_f32;
        for gate in first..first + 4 {
            let w = node.input(gate)?;
            let columns = w.dims().as_slice().last().copied().unwrap_or(1);
            let numbers = w.data().unwrap_or_default().as_chunks().0.iter().map(|&w| f32::from_le_bytes(w).abs());
            norm = numbers.collect::<Vec<_>>().chunks(columns).map(|row| row.iter().sum()).fold(norm, f32::max);
        }
        Ok(norm)
    };
    let (input, state) = (norm(1)?, norm(5)?);
    let runs = (0..).take_while(|&run| goldens.run("output0", run).is_some()).count();
    let steps = runs * node.input(0)?.dims().as_slice().iter().rev().skip(1).product::<usize>();
    let (mut cell, mut hidden) = (0.0_f32, 0.0_f32);
    for step in 1..=steps {
        // Sums differ only where what is summed does. A logistic function has a slope of at most a quarter.
        let terms = if hidden > 0.0 { 32.0 * ULP * (input * x.size + state) } else { 0.0 };
        let sum = input * x.apart + state * hidden + terms;
        let [gate, new] = [sum / 4.0 + 4.0 * ULP, sum + 4.0 * ULP];
        // A cell grows by at most 1 a step.
        let size = step as f32;
        cell += size * gate + gate + new + 2.0 * size * ULP;
        hidden = (gate + cell + 4.0 * ULP).min(2.0);
    }
    Ok(Error32 { apart: hidden, size: 1.0 })
}

/// Runs a model at a level as its goldens say.
fn check(path: &Path, level: Level) -> Result<Vec<u8>, String> {
    let file = fs::read(path).map_err(|error| error.to_string())?;
    let goldens = Goldens::of(path)?;
    let text = |error: Error| error.to_string();
    let model = Model::parse(&file).map_err(text)?;
    let mut arena = vec![0xA5; model.arena_bytes().map_err(text)?];
    let mut runner = model.runner(level, &mut arena).map_err(text)?;
    compare(&mut runner, &goldens, bound(&model, &goldens).map_err(text)?)
}

#[test]
fn every_model_has_the_goldens_bits() {
    let models = models();
    let failed: Vec<String> = models
        .iter()
        .filter_map(|path| Some(format!("{}: {}", path.display(), check(path, Level::detect()).err()?)))
        .collect();
    assert!(failed.is_empty(), "{} of {}:\n{}", failed.len(), models.len(), failed.join("\n"));
}

#[test]
fn levels_agree() {
    for path in models() {
        let expected = check(&path, Level::PORTABLE).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        for level in Level::all() {
            assert_eq!(check(&path, level), Ok(expected.clone()), "{} at {level}", path.display());
        }
    }
}

#[test]
fn the_compiler_makes_the_same() {
    fn same<P: Program>(name: &str, mut compiled: Runner<'_, P>, arena_bytes: usize) {
        let path = Path::new(OWN).join(name);
        let file = fs::read(&path).unwrap();
        let model = Model::parse(&file).unwrap();
        assert_eq!(model.value_bytes(), Ok(arena_bytes));
        let outputs = compare(&mut compiled, &Goldens::of(&path).unwrap(), 0.0);
        assert_eq!(outputs, check(&path, Level::detect()));
    }
    let mut arena = Digits::arena();
    same("digits.tflite", Digits::runner(Level::detect(), &mut arena).unwrap(), Digits::ARENA_BYTES);
    let mut arena = Lstm::arena();
    same("lstm.tflite", Lstm::runner(Level::detect(), &mut arena).unwrap(), Lstm::ARENA_BYTES);
    let mut arena = Frames::arena();
    same("variables/frames.tflite", Frames::runner(Level::detect(), &mut arena).unwrap(), Frames::ARENA_BYTES);

    let file = fs::read(Path::new(OWN).join("digits.tflite")).unwrap();
    let model = Model::parse(&file).unwrap();
    let operators = 0..model.operators();
    let parameters: Result<usize, Error> = operators.clone().map(|i| model.operator_parameters(i)).sum();
    assert_eq!(parameters, Ok(Digits::PARAMETERS));
    let macs: Result<u64, Error> = operators.map(|i| model.operator_macs(i)).sum();
    assert_eq!((macs, model.macs()), (Ok(Digits::MACS), Ok(Digits::MACS)));
    let (input, port) = (model.input(0).unwrap(), Digits::INPUTS[0]);
    assert_eq!((input.dims(), input.scale(), input.zero_point()), (port.dims, port.scale, port.zero_point));
}

#[test]
fn a_state_survives_until_it_is_reset() {
    let mut arena = Lstm::arena();
    let mut runner = Lstm::runner(Level::detect(), &mut arena).unwrap();
    let step = |runner: &mut Runner<'_, Lstm>| {
        runner.input(0).unwrap().fill(40);
        runner.invoke().unwrap();
        runner.output(0).unwrap().to_vec()
    };
    let (first, second) = (step(&mut runner), step(&mut runner));
    assert_ne!(first, second);
    runner.reset().unwrap();
    assert_eq!((step(&mut runner), step(&mut runner)), (first, second));
}

#[test]
fn variables_begin_anew_when_they_are_reset() {
    let (mut failed, mut seen) = (Vec::new(), 0);
    for path in models().iter().filter(|path| path.parent() == Some(Path::new(VARIABLES))) {
        let file = fs::read(path).unwrap();
        let (model, goldens) = (Model::parse(&file).unwrap(), Goldens::of(path).unwrap());
        let mut arena = vec![0xA5; model.arena_bytes().unwrap()];
        let mut runner = model.runner(Level::detect(), &mut arena).unwrap();
        let first = compare(&mut runner, &goldens, 0.0).unwrap();
        // Without a reset the variables go on.
        let on = compare(&mut runner, &goldens, 0.0);
        runner.reset().unwrap();
        if on.is_ok() || compare(&mut runner, &goldens, 0.0) != Ok(first) {
            failed.push(path.clone());
        }
        seen += 1;
    }
    assert_eq!((failed, seen), (vec![], 5));
}

#[test]
fn a_model_cut_before_what_it_assigns_is_refused() {
    let file = fs::read(Path::new(VARIABLES).join("frames.tflite")).unwrap();
    let model = Model::parse(&file).unwrap();
    let message = |operator: usize| {
        let cut = model.up_to(operator).unwrap();
        cut.plan(&mut vec![0; plan_len(&cut)]).map(|plan| plan.bytes()).map_err(|error| error.to_string())
    };
    // CALL_ONCE, VAR_HANDLE, READ_VARIABLE, CONCATENATION, SLICE, ASSIGN_VARIABLE, CONV_2D.
    let expected =
        "operator 5, ASSIGN_VARIABLE: expected a model that ends behind it, as its variable is read, found 4";
    assert_eq!(message(4).unwrap_err(), expected);
    assert!(message(6).is_ok());
    assert!(model.up_to(5).is_err());
}

/// Beside a model of TensorFlow Lite Micro's or MLPerf Tiny's: the bytes of its own arena's head.
const HEADS: [(&str, usize); 4] =
    [("kws_ref_model", 16_000), ("vww_96_int8", 73_728), ("pretrainedResnet_quant", 49_152), ("ad01_int8", 768)];

#[test]
fn no_arena_is_larger_than_tensorflow_s() {
    for path in models() {
        let name = path.file_stem().unwrap().to_str().unwrap();
        let file = fs::read(&path).unwrap();
        let bytes = Model::parse(&file).unwrap().value_bytes().unwrap();
        for (model, head) in HEADS {
            assert!(name != model || bytes <= head, "{name}: {bytes}, TensorFlow Lite Micro's {head}");
        }
    }
}

#[test]
fn keywords_are_recognised() {
    let Some(path) = models().into_iter().find(|path| path.ends_with("kws_ref_model.tflite")) else { return };
    let outputs = check(&path, Level::detect()).unwrap();
    let labels = fs::read_to_string(path.with_file_name("kws_labels.txt")).unwrap();
    let labels: Vec<usize> = labels.split_whitespace().map(|label| label.parse().unwrap()).collect();
    let best = |scores: &[u8]| (0..scores.len()).max_by_key(|&i| (scores[i].cast_signed(), std::cmp::Reverse(i)));
    let right = outputs.chunks_exact(12).zip(&labels).filter(|(scores, label)| best(scores) == Some(**label)).count();
    assert_eq!((labels.len(), right), (100, 94));
}

#[test]
fn memory_that_is_too_small_says_what_is_needed() {
    let file = fs::read(Path::new(OWN).join("digits.tflite")).unwrap();
    let model = Model::parse(&file).unwrap();
    let bytes = model.arena_bytes().unwrap();
    for len in [0, 1, 100, 1000, bytes - 100] {
        let mut arena = vec![0; len];
        match model.runner(Level::detect(), &mut arena) {
            Err(Error::Arena { expected, found }) => assert!(expected > len && expected <= bytes && found == len),
            other => panic!("{len} bytes: {other:?}"),
        }
    }
    // Wherever the memory begins.
    let mut arena = vec![0; bytes + 16];
    for start in 0..16 {
        assert!(model.runner(Level::detect(), &mut arena[start..start + bytes]).is_ok());
    }
    assert!(matches!(model.plan(&mut vec![0; plan_len(&model) - 1]), Err(Error::Arena { .. })));
    assert_eq!(size_of::<Arena<1024>>(), 1024);
}

#[test]
fn ports_check_what_they_are_given() {
    let mut arena = Digits::arena();
    let mut runner = Digits::runner(Level::detect(), &mut arena).unwrap();
    assert_eq!(runner.input(1).err(), Some(Error::Port { index: 1, len: 1 }));
    assert_eq!(runner.output(7).err(), Some(Error::Port { index: 7, len: 1 }));
    let error = Error::Length { expected: 784, found: 3 };
    assert_eq!(runner.quantize_input(0, &[0.0; 3]), Err(error));
    assert_eq!(error.to_string(), "expected 784 elements, found 3");
    assert_eq!(runner.dequantize_output(0, &mut []), Err(Error::Length { expected: 10, found: 0 }));
}

#[test]
fn what_is_not_run_is_refused_by_name() {
    let expected = [
        ("unsigned", "operator 1, FULLY_CONNECTED: expected int8, found UINT8"),
        ("sixteen", "operator 1, FULLY_CONNECTED: expected int8, found INT16"),
        ("four", "operator 1, FULLY_CONNECTED: expected int8 weights, found INT4"),
        ("hybrid", "operator 1, FULLY_CONNECTED: expected float32, as the input, found INT8"),
        ("custom", "operator 1, CUSTOM: expected an operator that is run, found 32"),
        (
            "variable_computes",
            "operator 1, ADD: expected VAR_HANDLE or ASSIGN_VARIABLE in CALL_ONCE's subgraph, found 0",
        ),
        ("variable_from_value", "operator 1, ASSIGN_VARIABLE: expected a constant in CALL_ONCE's subgraph, found 1"),
        ("variable_no_graph", "there is no subgraph 2: there are 2"),
        (
            "variable_itself",
            "operator 0, CALL_ONCE: expected VAR_HANDLE or ASSIGN_VARIABLE in CALL_ONCE's subgraph, found 129",
        ),
        ("variable_late", "operator 4, CALL_ONCE: expected READ_VARIABLE and ASSIGN_VARIABLE behind it, found 4"),
        ("variable_never", "operator 0, VAR_HANDLE: expected an ASSIGN_VARIABLE of what is read, found 0"),
        ("variable_no_handle", "operator 0, ASSIGN_VARIABLE: expected a handle that VAR_HANDLE wrote before, found 1"),
        ("variable_two_types", "operator 2, ASSIGN_VARIABLE: expected the variable's type, found FLOAT32"),
        ("variable_two_sizes", "operator 1, ASSIGN_VARIABLE: expected as many bytes as the variable has, found 12"),
        ("variable_with_data", "tensor 1: expected a variable without data in the file, found 16"),
        ("variable_moved", "operator 4, RESHAPE: expected elements of whole bytes, found RESOURCE"),
    ];
    for (name, message) in expected {
        let file = fs::read(Path::new(OWN).join("refused").join(name).with_extension("tflite")).unwrap();
        // What operators mean to each other is looked at when the memory is planned.
        let error = Model::parse(&file).and_then(|model| model.value_bytes()).unwrap_err();
        assert_eq!(error.to_string(), message, "{name}");
    }
}

/// Reads bytes as a model and runs them, if that is not too much. What a file can have wrong is named before it runs: a
/// program that contradicts itself would be a defect of the crate.
fn try_to_run(file: &[u8]) -> Result<(), Error> {
    let model = Model::parse(file)?;
    let (bytes, macs) = (model.arena_bytes()?, model.macs()?);
    if bytes > 1 << 20 || macs > 1 << 24 {
        return Ok(());
    }
    let mut arena = vec![0; bytes];
    let mut runner = model.runner(Level::detect(), &mut arena)?;
    for index in 0..runner.inputs() {
        runner.input_bytes(index)?.fill(17);
    }
    runner.invoke()?;
    for index in 0..runner.outputs() {
        runner.output_bytes(index)?;
    }
    Ok(())
}

/// [`try_to_run`], and a failure where the crate contradicts itself.
fn no_defect(file: &[u8], what: &str) {
    assert_ne!(try_to_run(file), Err(Error::Program), "{what}");
}

/// Values without elements have no bytes, and a place all the same.
#[test]
fn batches_of_nothing_run() {
    for name in ["cast_32_to_8", "equal_int8_one", "log_softmax_300", "cumsum_int8", "floordiv"] {
        let mut file = fs::read(Path::new(OWN).join("operators").join(name).with_extension("tflite")).unwrap();
        let shape = Model::parse(&file).unwrap().input(0).unwrap().dims();
        let words: Vec<u8> = shape.as_slice().iter().flat_map(|&size| (size as u32).to_le_bytes()).collect();
        let rank = (shape.rank() as u32).to_le_bytes();
        let ends = (words.len()..=file.len()).filter(|&end| file[..end].ends_with(&[&rank[..], &words].concat()));
        let ends: Vec<_> = ends.collect();
        assert!(ends.len() > 1, "{name}");
        for end in ends {
            file[end - words.len()..][..4].fill(0);
        }
        assert_eq!(try_to_run(&file), Ok(()), "{name}");
    }
}

#[test]
fn damaged_files_are_an_error_or_a_result() {
    for name in ["lstm", "blocks", "variables/sums"] {
        let file = fs::read(Path::new(OWN).join(name).with_extension("tflite")).unwrap();
        for at in 0..file.len() {
            for byte in [0, 255, file[at].wrapping_add(1)] {
                let mut damaged = file.clone();
                damaged[at] = byte;
                no_defect(&damaged, &format!("{name}, byte {at} is {byte}"));
            }
            no_defect(&file[..at], &format!("{name}, cut at {at}"));
        }
    }
}
