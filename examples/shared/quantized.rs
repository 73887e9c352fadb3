//! A trained network in eight bits: quantised from training images, written, and compared over all test images.

use std::{fmt::Write as _, path::Path};

use kernlet::{
    data::metrics::argmax,
    nn::{Batching, HeapMemory, Model, Network, infer, inference_len},
    quantize::{Calibration, Comparison, Quantized, Range},
    shape::Shape,
    simd::Level,
    snapshot::replace_file,
};

use crate::{
    page,
    pictures::Pictures,
    terminal::{grouped, say},
};

/// Training images from which ranges are taken.
const CALIBRATION: usize = 500;

/// Test images over which each layer's error is measured.
const COMPARED: usize = 200;

/// Images that pass through the float network at a time.
const BATCH: usize = 100;

/// Some pictures as the network reads them, one after the other.
fn gather(pictures: &Pictures, indices: impl Iterator<Item = usize>) -> Result<Vec<f32>, String> {
    let mut all = Vec::new();
    for index in indices {
        let at = all.len();
        all.resize(at + pictures.image_len(), 0.0);
        pictures.read_into(index, &mut all[at..]).map_err(|error| error.to_string())?;
    }
    Ok(all)
}

/// Those from which ranges are taken: evenly spread over all.
pub fn spread(pictures: &Pictures) -> Result<Vec<f32>, String> {
    let (len, count) = (pictures.len(), CALIBRATION.min(pictures.len()));
    gather(pictures, (0..count).map(|i| i * len / count))
}

/// An image that the two networks take for different things.
#[derive(Clone, Copy)]
pub struct Differs {
    pub index: usize,
    pub label: usize,
    pub float: usize,
    pub quantized: usize,
}

/// What eight bits cost.
pub struct Cost {
    pub bytes: usize,
    pub arena: usize,
    /// Of all test images, those that the float network knows, and the integers.
    pub float_right: usize,
    pub quantized_right: usize,
    pub test_images: usize,
    pub layers: Comparison,
    pub differ: Vec<Differs>,
}

/// Quantises a model, writes it to `path`, runs both over all test images, and says what it costs. `check` gets the integers' inputs and
/// outputs, for `tests/tflm.py`.
pub fn write<N: Network<Input: Shape<Scalar = f32>>>(
    path: &Path,
    check: Option<&Path>,
    level: Level,
    threads: usize,
    model: &Model<N>,
    training: &Pictures,
    test: &Pictures,
) -> Result<Cost, String> {
    let text = |error: kernlet::quantize::Error| error.to_string();
    let mut calibration = Calibration::new(level, model).map_err(text)?;
    calibration.observe(&spread(training)?).map_err(text)?;
    let quantized = calibration.quantize(Range::MinMax).map_err(text)?;
    quantized.save(path).map_err(|error| format!("{}: {error}", path.display()))?;

    let compared = gather(test, 0..COMPARED.min(test.len()))?;
    let layers = quantized.compare(level, model, &compared).map_err(text)?;
    let mut cost = Cost {
        bytes: quantized.bytes().len(),
        arena: quantized.model().and_then(|file| Ok(file.value_bytes()?)).map_err(text)?,
        float_right: 0,
        quantized_right: 0,
        test_images: test.len(),
        layers,
        differ: Vec::new(),
    };
    run_all(&quantized, check, level, threads, model, test, &mut cost)?;
    cost.print(path);
    Ok(cost)
}

/// Both networks over all test images.
fn run_all<N: Network<Input: Shape<Scalar = f32>>>(
    quantized: &Quantized,
    check: Option<&Path>,
    level: Level,
    threads: usize,
    model: &Model<N>,
    test: &Pictures,
    cost: &mut Cost,
) -> Result<(), String> {
    let failed = |error: kernlet::tflite::Error| error.to_string();
    let file = quantized.model().map_err(|error| error.to_string())?;
    let mut arena = vec![0; file.arena_bytes().map_err(failed)?];
    let mut runner = file.runner(level, &mut arena).map_err(failed)?;
    let batching = Batching::of(BATCH).threads(threads);
    let mut memory = HeapMemory::zeroed(inference_len::<N>(batching));
    let (mut inputs, mut outputs) = (Vec::new(), Vec::new());
    for first in (0..test.len()).step_by(BATCH) {
        let images = gather(test, first..(first + BATCH).min(test.len()))?;
        let mut floats = vec![0.0; images.len() / N::Input::LEN * N::Output::LEN];
        infer(level, batching, model, &images, &mut memory, &mut floats).map_err(|error| error.to_string())?;
        let rows = images.chunks(N::Input::LEN).zip(floats.chunks(N::Output::LEN));
        for (index, (image, floats)) in (first..).zip(rows) {
            runner.quantize_input(0, image).map_err(failed)?;
            if check.is_some() {
                inputs.extend(runner.input(0).map_err(failed)?.iter().map(|&q| q as u8));
            }
            runner.invoke().map_err(failed)?;
            let output = runner.output(0).map_err(failed)?;
            outputs.extend(output.iter().map(|&q| q as u8));
            let label = usize::from(test.labels[index]);
            let numbers: Vec<f32> = output.iter().map(|&q| f32::from(q)).collect();
            let (float, quantized) = (argmax(floats), argmax(&numbers));
            cost.float_right += usize::from(float == label);
            cost.quantized_right += usize::from(quantized == label);
            if float != quantized {
                cost.differ.push(Differs { index, label, float, quantized });
            }
        }
    }
    match check {
        Some(path) => {
            let dims = |port: kernlet::tflite::Port| port.dims.as_slice().to_vec();
            let input = dims(runner.input_port(0).map_err(failed)?);
            let output = dims(runner.output_port(0).map_err(failed)?);
            write_values(path, test.len(), [("input0", &input, &inputs), ("output0", &output, &outputs)])
        }
        None => Ok(()),
    }
}

/// Bytes with a sign as safetensors: the length of a header in JSON, the header, the numbers.
fn write_values(path: &Path, runs: usize, tensors: [(&str, &[usize], &[u8]); 2]) -> Result<(), String> {
    let (mut header, mut at) = (serde_json::Map::new(), 0);
    for (name, dims, bytes) in tensors {
        let shape: Vec<usize> = [runs].into_iter().chain(dims.iter().copied()).collect();
        let entry = serde_json::json!({ "dtype": "I8", "shape": shape, "data_offsets": [at, at + bytes.len()] });
        header.insert(name.to_owned(), entry);
        at += bytes.len();
    }
    let header = serde_json::Value::Object(header).to_string();
    let written = replace_file(path, |file| {
        file.write_all(&(header.len() as u64).to_le_bytes())?;
        file.write_all(header.as_bytes())?;
        tensors.iter().try_for_each(|(.., bytes)| file.write_all(bytes))
    });
    written.map_err(|error| format!("{}: {error}", path.display()))
}

impl Cost {
    /// A part of the test images.
    fn share(&self, count: usize) -> f64 {
        count as f64 / self.test_images as f64
    }

    /// The parts of the test images that the float network and the integers know.
    pub fn accuracies(&self) -> [f64; 2] {
        [self.share(self.float_right), self.share(self.quantized_right)]
    }

    /// Says it on the terminal.
    fn print(&self, path: &Path) {
        say!("");
        say!("{:<14} {:<20} {:>21} {:>9}", "layer", "operator", "range", "SQNR");
        for layer in self.layers.layers() {
            let [least, most] = layer.range;
            let range = format!("{least:.3} … {most:.3}");
            say!("{:<14} {:<20} {range:>21} {:>6.1} dB", layer.layer, layer.operator.to_string(), layer.decibels());
        }
        let [float, quantized] = self.accuracies();
        say!("{}: {} bytes, an arena of {} bytes", path.display(), grouped(self.bytes), grouped(self.arena));
        say!("Accuracy in floats: {float:.4}");
        say!(
            "Accuracy in eight bits: {quantized:.4} ({:+.2} points; {} of {} images are taken for something else)",
            100.0 * (quantized - float),
            grouped(self.differ.len()),
            grouped(self.test_images),
        );
    }

    /// The same as a section of a page; `picture` draws an image of the test set, `name` says what a class is.
    pub fn section(
        &self,
        shown: usize,
        picture: &dyn Fn(usize) -> Result<String, String>,
        name: &dyn Fn(usize) -> String,
    ) -> Result<String, String> {
        let [float, quantized] = self.accuracies();
        let mut html = format!(
            "<h2>What eight bits cost</h2><p>{:.2} % of the test images are recognised in floats, {:.2} % in eight bits. The \
             file has {} bytes, an inference needs an arena of {}. The signal-to-noise ratio is of the values as the \
             network runs, over {} test images: 6 dB more are half the error.</p>",
            100.0 * float,
            100.0 * quantized,
            grouped(self.bytes),
            grouped(self.arena),
            grouped(self.layers.samples()),
        );
        html += r#"<table class="layers"><tr><th>layer</th><th>operator</th><th>range</th><th>step</th><th>zero</th><th>error against float</th></tr>"#;
        for layer in self.layers.layers() {
            let ([least, most], decibels) = (layer.range, layer.decibels());
            let width = decibels.clamp(0.0, 60.0);
            let _ = write!(
                html,
                r#"<tr><td>{}</td><td>{}</td><td>{least:.4} … {most:.4}</td><td>{:.5}</td><td>{}</td><td><span class="bar" style="width:{width:.0}px"></span> {decibels:.1} dB</td></tr>"#,
                layer.layer, layer.operator, layer.scale, layer.zero_point,
            );
        }
        let _ = write!(
            html,
            "</table><p>{} of {} test images are taken for something else than in floats.</p><div class=\"cards\">",
            grouped(self.differ.len()),
            grouped(self.test_images)
        );
        for differs in self.differ.iter().take(shown) {
            let [label, float, quantized] = [differs.label, differs.float, differs.quantized].map(name);
            let _ = write!(
                html,
                r#"<div class="card">{}<span>{}<br>floats: <b>{float}</b><br>eight bits: <b>{quantized}</b></span></div>"#,
                picture(differs.index)?,
                page::one(label),
            );
        }
        Ok(html + "</div>")
    }
}
