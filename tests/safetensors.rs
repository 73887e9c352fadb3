//! Weights of other frameworks: names, prefixes, layouts, types, and what a file cannot say.
#![cfg(feature = "safetensors")]

use kernlet::{
    nn::{Batching, Model, infer, inference_len},
    random::Stream,
    shape::Dims,
    simd::Level,
    snapshot::{
        AttributeInfo, AttributeValue, Described, ModelInfo, TensorInfo,
        safetensors::{Reader, SafetensorsError, read_into, to_bytes, to_pytorch_bytes},
    },
};

/// A file as another program writes it: names, types, shapes, bytes.
fn file<S: AsRef<str>>(tensors: &[(S, &str, &[usize], Vec<u8>)], metadata: &str) -> Vec<u8> {
    let (mut at, mut header, mut data) = (0, Vec::new(), Vec::new());
    if !metadata.is_empty() {
        header.push(format!("\"__metadata__\":{{\"hyperparameters\":\"{metadata}\"}}"));
    }
    for (name, dtype, shape, bytes) in tensors {
        let (name, end) = (name.as_ref(), at + bytes.len());
        header.push(format!("\"{name}\":{{\"dtype\":\"{dtype}\",\"shape\":{shape:?},\"data_offsets\":[{at},{end}]}}"));
        at = end;
        data.extend(bytes);
    }
    let header = format!("{{{}}}", header.join(","));
    [(header.len() as u64).to_le_bytes().to_vec(), header.into_bytes(), data].concat()
}

fn f32s(numbers: &[f32]) -> Vec<u8> {
    numbers.iter().flat_map(|x| x.to_le_bytes()).collect()
}

fn count(n: usize) -> Vec<f32> {
    (0..n).map(|i| i as f32).collect()
}

kernlet::network! { struct Net([2]) { fc1: dense(3), relu, fc2: dense(2) } }

/// Net's tensors under these names, with the numbers 0, 1, 2 … as Keras orders them.
fn keras(names: [&str; 4]) -> Vec<(&str, &'static str, &'static [usize], Vec<u8>)> {
    let all = count(17);
    let shapes: [&[usize]; 4] = [&[2, 3], &[3], &[3, 2], &[2]];
    let mut at = 0;
    let mut next = |shape: &[usize]| {
        let len: usize = shape.iter().product();
        at += len;
        f32s(&all[at - len..at])
    };
    names.into_iter().zip(shapes).map(|(name, shape)| (name, "F32", shape, next(shape))).collect()
}

const PLAIN: [&str; 4] = ["fc1/kernel", "fc1/bias", "fc2/kernel", "fc2/bias"];

#[track_caller]
fn loads(reader: Reader<'_>, bytes: &[u8], expected: &[f32]) {
    let mut parameters = vec![f32::NAN; expected.len()];
    reader.read_into(bytes, &Net::INFO, &mut parameters).unwrap();
    assert_eq!(parameters, expected);
}

/// What a file is refused with; nothing has changed.
#[track_caller]
fn refused(reader: Reader<'_>, info: &ModelInfo, bytes: &[u8]) -> String {
    let mut parameters = vec![7.0; info.parameters()];
    let error = reader.read_into(bytes, info, &mut parameters).unwrap_err();
    assert!(parameters.iter().all(|&p| p == 7.0), "an error has changed the parameters");
    error.to_string()
}

/// keras-hub#1704, tensorflow#19836: `{w.path: w.numpy() for w in model.weights}` of a `keras.Sequential`.
#[test]
fn prefixes_and_suffixes_are_found() {
    for (prefix, suffix) in [("", ""), ("sequential/", ""), ("model/net/", ""), ("", ":0"), ("sequential/", ":0")] {
        let names = PLAIN.map(|name| format!("{prefix}{name}{suffix}"));
        let names: [&str; 4] = std::array::from_fn(|i| names[i].as_str());
        loads(Reader::keras(), &file(&keras(names), ""), &count(17));
    }
    let both = ["teacher/", "student/"].map(|prefix| PLAIN.map(|name| format!("{prefix}{name}")));
    let tensors: Vec<_> = both.iter().flat_map(|names| keras(std::array::from_fn(|i| names[i].as_str()))).collect();
    let bytes = file(&tensors, "");
    loads(Reader::keras().prefix("student/"), &bytes, &count(17));
    let told = "the network's tensors are there with several prefixes, choose one: \"student/\", \"teacher/\"";
    assert_eq!(refused(Reader::keras(), &Net::INFO, &bytes), told);
}

#[test]
fn what_does_not_fit_is_named() {
    let told = refused(
        Reader::keras(),
        &Net::INFO,
        &file(&keras(["dense/kernel", "dense/bias", "dense_1/kernel", "dense_1/bias"]), ""),
    );
    assert_eq!(
        told,
        "tensor fc1/kernel is missing; the file has dense/bias, dense/kernel, dense_1/bias, dense_1/kernel"
    );
    let layers = [("fc1", "dense"), ("fc2", "dense_1")];
    let renamed = file(&keras(["dense/kernel", "dense/bias", "dense_1/kernel", "dense_1/bias"]), "");
    loads(Reader::keras().layers(&layers), &renamed, &count(17));
    let mut extra = keras(PLAIN);
    extra.push(("fc2/scale", "F32", &[2], f32s(&[1.0; 2])));
    assert_eq!(
        refused(Reader::keras(), &Net::INFO, &file(&extra, "")),
        "tensor fc2/scale of shape [2] is not of this network, which has fc1/kernel, fc1/bias, fc2/kernel, fc2/bias"
    );
    let mut twice = keras(PLAIN);
    twice.push(("fc1/bias:0", "F32", &[3], f32s(&[1.0; 3])));
    assert_eq!(
        refused(Reader::keras(), &Net::INFO, &file(&twice, "")),
        "tensors fc1/bias and fc1/bias:0 are the same of the network"
    );
    let mut turned = keras(PLAIN);
    turned[0].2 = &[3, 2];
    assert_eq!(
        refused(Reader::keras(), &Net::INFO, &file(&turned, "")),
        "tensor fc1/kernel has shape [3, 2], expected [2, 3]"
    );
    let mut whole = keras(PLAIN);
    whole[1] = ("fc1/bias", "I32", &[3], vec![0; 12]);
    assert!(refused(Reader::keras(), &Net::INFO, &file(&whole, "")).contains("holds I32, expected F32, F16"));
    assert!(refused(Reader::keras(), &Net::INFO, b"{").starts_with("not a safetensors file: "));
    let short = read_into(&file(&keras(PLAIN), ""), &Net::INFO, &mut [0.0; 16]);
    assert_eq!(short, Err(SafetensorsError::Length { expected: 17, found: 16 }));
}

/// tinygrad#3310, lucebox#142: half precision is what hubs have.
#[test]
fn numbers_of_other_sizes_are_read() {
    let mut tensors = keras(PLAIN);
    // 0, 1, 2, 3, 4, 5 as F16; 6, 7, 8 as BF16; 9 … 14 as F64.
    let halves = [0x0000_u16, 0x3C00, 0x4000, 0x4200, 0x4400, 0x4500];
    tensors[0] = ("fc1/kernel", "F16", &[2, 3], halves.iter().flat_map(|x| x.to_le_bytes()).collect());
    let upper = [6.0_f32, 7.0, 8.0].map(|x| (x.to_bits() >> 16) as u16);
    tensors[1] = ("fc1/bias", "BF16", &[3], upper.iter().flat_map(|x| x.to_le_bytes()).collect());
    tensors[2] = ("fc2/kernel", "F64", &[3, 2], (9..15).flat_map(|i| f64::from(i).to_le_bytes()).collect());
    loads(Reader::keras(), &file(&tensors, ""), &count(17));
}

/// burn#4080, #4043, nn-transfer#17: a `state_dict`, of a module with names and of an `nn.Sequential`.
#[test]
fn a_state_dict_is_transposed() {
    // [out][in], so that the network has 0, 1, 2 … in its own order.
    let tensors = |modules: [&str; 2]| {
        let name = |module: usize, tensor: &str| format!("{}.{tensor}", modules[module]);
        let (w1, w2) = ([0.0, 3.0, 1.0, 4.0, 2.0, 5.0], [9.0, 11.0, 13.0, 10.0, 12.0, 14.0]);
        vec![
            (name(0, "weight"), "F32", &[3, 2][..], f32s(&w1)),
            (name(0, "bias"), "F32", &[3], f32s(&[6.0, 7.0, 8.0])),
            (name(1, "weight"), "F32", &[2, 3], f32s(&w2)),
            (name(1, "bias"), "F32", &[2], f32s(&[15.0, 16.0])),
        ]
    };
    // 10 after 2: by number, not by letter.
    for modules in [["fc1", "fc2"], ["0", "2"], ["2", "10"], ["net.0", "net.2"], ["module.fc1", "module.fc2"]] {
        loads(Reader::pytorch(), &file(&tensors(modules), ""), &count(17));
    }
    let layers = [("fc1", "head.in"), ("fc2", "head.out")];
    loads(Reader::pytorch().layers(&layers), &file(&tensors(["head.in", "head.out"]), ""), &count(17));
    let told = refused(Reader::pytorch(), &Net::INFO, &file(&tensors(["a", "b"]), ""));
    assert_eq!(told, "tensor fc1.weight is missing; the file has a.bias, a.weight, b.bias, b.weight");
    let told = refused(Reader::keras(), &Net::INFO, &file(&tensors(["fc1", "fc2"]), ""));
    assert_eq!(told, "tensor fc1/kernel is missing; the file has fc1.bias, fc1.weight, fc2.bias, fc2.weight");
}

kernlet::network! {
    /// A convolution, a depthwise one, and a dense layer that reads the image as a list, after an activation.
    struct Image([5, 4, 2]) {
        conv: conv2d(3, 2x3), dw: depthwise_conv2d(2x2, multiplier: 2), relu, flatten, fc: dense(4),
    }
}

/// PyTorch's definitions, over channels first: the same outputs from the same `state_dict`.
#[test]
fn a_state_dict_computes_what_pytorch_says() {
    let draw =
        |seed: u64, len: usize| -> Vec<f32> { (0..len as u64).map(|i| Stream::new(seed, 3).f32_at(i) - 0.5).collect() };
    let (wc, bc) = (draw(1, 3 * 2 * 2 * 3), draw(2, 3));
    let (wd, bd) = (draw(3, 6 * 2 * 2), draw(4, 6));
    let (wf, bf) = (draw(5, 4 * 6 * 3), draw(6, 4));
    let x = draw(7, 2 * 5 * 4);
    let bytes = file(
        &[
            ("conv.weight", "F32", &[3, 2, 2, 3][..], f32s(&wc)),
            ("conv.bias", "F32", &[3], f32s(&bc)),
            ("dw.weight", "F32", &[6, 1, 2, 2], f32s(&wd)),
            ("dw.bias", "F32", &[6], f32s(&bd)),
            ("fc.weight", "F32", &[4, 18], f32s(&wf)),
            ("fc.bias", "F32", &[4], f32s(&bf)),
        ],
        "",
    );
    // conv: 2 channels of 5 × 4 to 3 of 4 × 2; dw: to 6 of 3 × 1.
    let mut conv = [0.0_f32; 3 * 4 * 2];
    for (o, y, w) in (0..3).flat_map(|o| (0..4).flat_map(move |y| (0..2).map(move |w| (o, y, w)))) {
        conv[(o * 4 + y) * 2 + w] = bc[o];
        for (i, ky, kx) in (0..2).flat_map(|i| (0..2).flat_map(move |y| (0..3).map(move |w| (i, y, w)))) {
            conv[(o * 4 + y) * 2 + w] += wc[((o * 2 + i) * 2 + ky) * 3 + kx] * x[(i * 5 + y + ky) * 4 + w + kx];
        }
    }
    let mut dw = [0.0_f32; 6 * 3];
    for (o, y) in (0..6).flat_map(|o| (0..3).map(move |y| (o, y))) {
        dw[o * 3 + y] = bd[o];
        for (ky, kx) in (0..2).flat_map(|y| (0..2).map(move |w| (y, w))) {
            dw[o * 3 + y] += wd[(o * 2 + ky) * 2 + kx] * conv[(o / 2 * 4 + y + ky) * 2 + kx];
        }
        dw[o * 3 + y] = dw[o * 3 + y].max(0.0);
    }
    let fc: Vec<f32> = (0..4).map(|o| bf[o] + (0..18).map(|i| wf[o * 18 + i] * dw[i]).sum::<f32>()).collect();

    let mut model = Model::<Image>::zeroed();
    Reader::pytorch().read_into(&bytes, &Image::INFO, model.parameters_mut()).unwrap();
    const ONE: Batching = Batching::of(1);
    let (mut memory, mut found) = (vec![0.0; inference_len::<Image>(ONE)], [0.0; 4]);
    // Height, width, channel from channel, height, width.
    let last: Vec<f32> = (0..40).map(|i| x[i % 2 * 20 + i / 2]).collect();
    infer(Level::detect(), ONE, &model, &last, &mut memory, &mut found).unwrap();
    for (found, expected) in found.iter().zip(&fc) {
        assert!((found - expected).abs() < 1e-5, "{found} {expected}");
    }
    // And back: the same file's numbers.
    let out = to_pytorch_bytes(&Image::INFO, model.parameters()).unwrap();
    let mut again = Model::<Image>::zeroed();
    Reader::pytorch().read_into(&out, &Image::INFO, again.parameters_mut()).unwrap();
    assert_eq!(again.parameters(), model.parameters());
    let theirs = safetensors::SafeTensors::deserialize(&out).unwrap();
    assert_eq!(theirs.tensor("fc.weight").unwrap().data(), f32s(&wf));
    assert_eq!(theirs.tensor("conv.weight").unwrap().data(), f32s(&wc));
    assert_eq!(theirs.tensor("dw.weight").unwrap().shape(), [6, 1, 2, 2]);
    assert_eq!(theirs.tensor("dw.weight").unwrap().data(), f32s(&wd));
}

kernlet::network! {
    struct Sequence([5, 2]) { dw: depthwise_conv1d(3, multiplier: 2), own: conv1d(4, 2, groups: 4, bias: no) }
}

/// Convolutions of sequences that read each channel by itself, both as PyTorch writes them: `Conv1d` with `groups`.
#[test]
fn depthwise_convolutions_of_sequences_are_transposed() {
    let draw =
        |seed: u64, len: usize| -> Vec<f32> { (0..len as u64).map(|i| Stream::new(seed, 3).f32_at(i) - 0.5).collect() };
    let (wd, bd, wo, x) = (draw(1, 4 * 3), draw(2, 4), draw(3, 4 * 2), draw(4, 10));
    let bytes = file(
        &[
            ("dw.weight", "F32", &[4, 1, 3][..], f32s(&wd)),
            ("dw.bias", "F32", &[4], f32s(&bd)),
            ("own.weight", "F32", &[4, 1, 2], f32s(&wo)),
        ],
        "",
    );
    let mut dw = [[0.0_f32; 4]; 3];
    for (t, o) in (0..3).flat_map(|t| (0..4).map(move |o| (t, o))) {
        dw[t][o] = bd[o] + (0..3).map(|k| wd[o * 3 + k] * x[(t + k) * 2 + o / 2]).sum::<f32>();
    }
    let own: Vec<f32> = (0..2)
        .flat_map(|t| (0..4).map(move |o| (t, o)))
        .map(|(t, o)| (0..2).map(|k| wo[o * 2 + k] * dw[t + k][o]).sum())
        .collect();
    let mut model = Model::<Sequence>::zeroed();
    Reader::pytorch().read_into(&bytes, &Sequence::INFO, model.parameters_mut()).unwrap();
    const ONE: Batching = Batching::of(1);
    let (mut memory, mut found) = (vec![0.0; inference_len::<Sequence>(ONE)], [0.0; 8]);
    infer(Level::detect(), ONE, &model, &x, &mut memory, &mut found).unwrap();
    for (found, expected) in found.iter().zip(&own) {
        assert!((found - expected).abs() < 1e-5, "{found} {expected}");
    }
    let out = to_pytorch_bytes(&Sequence::INFO, model.parameters()).unwrap();
    let theirs = safetensors::SafeTensors::deserialize(&out).unwrap();
    assert_eq!(theirs.tensor("dw.weight").unwrap().shape(), [4, 1, 3]);
    assert_eq!(theirs.tensor("dw.weight").unwrap().data(), f32s(&wd));
    assert_eq!(theirs.tensor("own.weight").unwrap().data(), f32s(&wo));
}

kernlet::network! { struct Normed([3]) { fc: dense(2, bias: no), bn1: batch_norm, leaky_relu(0.1) } }

/// A model whose ε is another computes something else: it is asked for, or said by the file.
#[test]
fn an_epsilon_is_stated_or_said() {
    let info = &Normed::INFO;
    let tensors = [
        ("fc/kernel", "F32", &[3, 2][..], f32s(&[0.5; 6])),
        ("bn1/gamma", "F32", &[2], f32s(&[1.0; 2])),
        ("bn1/beta", "F32", &[2], f32s(&[0.0; 2])),
        ("bn1/moving_mean", "F32", &[2], f32s(&[0.0; 2])),
        ("bn1/moving_variance", "F32", &[2], f32s(&[1.0; 2])),
    ];
    let silent = file(&tensors, "");
    let told = "the file does not say bn1.epsilon, which the network has as 0.001: say what it was when the weights were trained";
    assert_eq!(refused(Reader::keras(), info, &silent), told);
    let told = "bn1.epsilon is 0.00001001 for these weights, and 0.001 in the network";
    assert_eq!(refused(Reader::keras().epsilon(1.001e-5), info, &silent), told);
    assert_eq!(refused(Reader::keras().epsilon(1e-3).epsilons(&[("bn1", 1.001e-5)]), info, &silent), told);
    assert_eq!(
        refused(Reader::keras().epsilon(1e-3), info, &file(&tensors, "bn1.epsilon=1.001e-05")),
        told.replace("0.00001001", "1.001e-05")
    );
    let read = |reader: Reader<'_>, bytes: &[u8]| reader.read_into(bytes, info, &mut [0.0; 14]);
    read(Reader::keras().epsilon(1e-3), &silent).unwrap();
    read(Reader::keras().epsilon(1e-5).epsilons(&[("bn1", 1e-3)]), &silent).unwrap();
    read(Reader::keras(), &file(&tensors, "bn1.epsilon=0.001")).unwrap();
    let slope = refused(Reader::keras(), info, &file(&tensors, "bn1.epsilon=0.001\\nleaky_relu.slope=0.3"));
    assert_eq!(slope, "leaky_relu.slope is 0.3 for these weights, and 0.1 in the network");
    // What is written here says it.
    read(Reader::keras(), &to_bytes(info, &[0.0; 14]).unwrap()).unwrap();
    read(Reader::pytorch(), &to_pytorch_bytes(info, &[0.0; 14]).unwrap()).unwrap();
}

#[test]
fn batch_normalisation_of_pytorch_counts_batches_in_vain() {
    let tensors = [
        ("fc.weight", "F32", &[2, 3][..], f32s(&[0.0, 2.0, 4.0, 1.0, 3.0, 5.0])),
        ("bn1.weight", "F32", &[2], f32s(&[6.0, 7.0])),
        ("bn1.bias", "F32", &[2], f32s(&[8.0, 9.0])),
        ("bn1.running_mean", "F32", &[2], f32s(&[10.0, 11.0])),
        ("bn1.running_var", "F32", &[2], f32s(&[12.0, 13.0])),
        ("bn1.num_batches_tracked", "I64", &[], vec![0; 8]),
    ];
    let mut parameters = [f32::NAN; 14];
    Reader::pytorch().epsilon(1e-3).read_into(&file(&tensors, ""), &Normed::INFO, &mut parameters).unwrap();
    assert_eq!(parameters.as_slice(), count(14));
}

#[test]
fn what_pytorch_orders_otherwise_is_refused() {
    const GRU: ModelInfo = ModelInfo::new(
        "Gru",
        1,
        &[TensorInfo { layer: "gru", name: "recurrent_kernel", dims: Dims::new(&[2, 6]), offset: 0 }],
    )
    .with_attributes(&[AttributeInfo { owner: "gru", name: "reset", value: AttributeValue::Word("before") }]);
    let refused = to_pytorch_bytes(&GRU, &[0.0; 12]).unwrap_err();
    assert_eq!(refused, SafetensorsError::Unsupported { name: "gru.recurrent_kernel".into() });
}

#[test]
fn files_have_the_same_bytes_each_time() {
    let (parameters, once) = (count(14), to_bytes(&Normed::INFO, &count(14)).unwrap());
    assert_eq!(to_bytes(&Normed::INFO, &parameters).unwrap(), once);
    let header = String::from_utf8_lossy(&once);
    assert!(header.contains(r#""hyperparameters":"bn1.epsilon=0.001\nbn1.momentum=0.99\n"#), "{header}");
    assert!(header.contains(r#""fc/kernel":{"dtype":"F32","shape":[3,2]"#), "{header}");
    assert_eq!(Normed::PARAMETERS, 14);
}

kernlet::network! { struct Roots([4]) { norm: rms_norm, out: dense(2) } }

/// Keras' `RMSNormalization` calls `scale` what its other normalisations call `gamma`.
#[test]
fn rms_normalisation_has_the_names_of_its_peers() {
    let (factors, ones) = (f32s(&[1.0, 2.0, 3.0, 4.0]), f32s(&[1.0; 10]));
    let dense = |kernel, bias, shape: &'static [usize]| {
        [(kernel, "F32", shape, ones[..32].to_vec()), (bias, "F32", &[2], ones[..8].to_vec())]
    };
    let [kernel, bias] = dense("out/kernel", "out/bias", &[4, 2]);
    let keras = file(&[("norm/scale", "F32", &[4], factors.clone()), kernel, bias], "");
    let [kernel, bias] = dense("out.weight", "out.bias", &[2, 4]);
    let pytorch = file(&[("norm.weight", "F32", &[4], factors), kernel, bias], "");
    for (reader, bytes) in [(Reader::keras(), keras), (Reader::pytorch(), pytorch)] {
        let mut parameters = [7.0; Roots::PARAMETERS];
        reader.epsilon(1e-6).read_into(&bytes, &Roots::INFO, &mut parameters).unwrap();
        assert_eq!(parameters[..4], [1.0, 2.0, 3.0, 4.0]);
    }
}
