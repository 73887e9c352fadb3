//! The parity program on this machine: the same short training at every level.
//!
//! `cargo run --example parity` prints one line per level with the fingerprints of the
//! trained parameters of two networks, and of networks of sequences. All that say `strict` are equal, and equal to what the same code
//! prints in firmware, WASM and bare builds (`tests/portable.sh`).
//! `cargo run --example parity train [FILE]` is the whole training of the firmware example;
//! it saves the model, which `examples/firmware` has in flash as `digits.knl`.
//! `cargo run --example parity listen [FILE]` is what the firmware's `listen` does, on `listener.knl`; with a file, it trains
//! that network first and saves it.
//! `cargo run --example parity adapt [FOLDER]` is what the firmware's `adapt` does, on `words.tflite` and sounds of a house,
//! or on `model.tflite`, `learn` and `test` of a folder. `parity words FOLDER` makes such a folder, and `parity backbone FILE`
//! learns what `words.tflite` holds.

use std::{error::Error, path::Path};

use kernlet::{
    nn::{Event, Model, Pairs, Training},
    optim::Adam,
    quantize::{Calibration, Range},
    simd::Level,
    snapshot::{self, Described, Snapshot},
    tflite,
};

mod adapt;
mod digits;
mod listen;
mod sounds;
mod train;
mod zoo;

/// Sounds of so many numbers, from one on.
fn sounds(first: usize, numbers: usize) -> Vec<u8> {
    let mut sounds = vec![0; sounds::bytes(numbers)];
    sounds::fill(first, &mut sounds);
    sounds
}

/// Trains the network that firmware listens with.
fn train_listener() -> Result<Box<Model<listen::Listener>>, Box<dyn Error>> {
    let mut workspace = Box::new(listen::Workspace::new());
    let (mut rows, mut labels) = (Vec::new(), Vec::new());
    for (number, sound) in sounds(100, 64).chunks_exact(sounds::SOUND).enumerate() {
        rows.extend(workspace.read(sound)?);
        labels.push((number % sounds::KINDS.len()) as u8);
    }
    let training: Training<listen::Listener, Adam> = Training::new(Adam::new(0.005)).batch(16).epochs(30).seed(1);
    let mut trainer = training.level(Level::detect_strict()).build()?;
    trainer.fit(&Pairs(&rows, &labels), |_, event| {
        if let Event::Epoch { epoch, training, .. } = *event {
            eprintln!("epoch {}: loss {:.4}, accuracy {:.3}", epoch + 1, training.loss, training.accuracy());
        }
        true
    })?;
    Ok(trainer.into_parts().0)
}

/// What the firmware's `listen` does, and its fingerprint.
fn listen(file: Option<&str>) -> Result<(), Box<dyn Error>> {
    let mut workspace = Box::new(listen::Workspace::new());
    let bundled = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/parity/listener.knl");
    if let Some(path) = file {
        snapshot::save(path, &listen::Listener::INFO, train_listener()?.parameters(), None)?;
    }
    let bytes = std::fs::read(file.unwrap_or(bundled))?;
    let snapshot = Snapshot::open(&bytes, &listen::Listener::INFO)?;
    let (learnt, tested) = (sounds(0, sounds::LEARNT), sounds(sounds::LEARNT, sounds::TESTED));
    for level in Level::all() {
        let mut model = Box::new(Model::<listen::Listener>::zeroed());
        snapshot.parameters().copy_into(model.parameters_mut())?;
        let metrics = workspace.learn(level, &mut model, &learnt)?;
        let right = workspace.test(level, model.parameters(), &tested)?;
        let heard = workspace.listen(level, model.parameters(), &tested[..sounds::SOUND])?;
        eprintln!("{level}: loss {:.4}, {right} of {} sounds", metrics.loss, tested.len() / sounds::SOUND);
        println!("{level} {:016x}", listen::fingerprint(&model, &heard));
    }
    Ok(())
}

kernlet::network! {
    /// DS-CNN of MLPerf Tiny, for the sounds of a house that everybody knows.
    struct Backbone([49, 10, 1]) {
        conv0: conv2d(64, 10x4, stride: 2, padding: same), norm0: batch_norm, relu,
        apart1: depthwise_conv2d(3x3, padding: same), norm1a: batch_norm, relu,
        conv1: conv2d(64, 1x1), norm1b: batch_norm, relu,
        apart2: depthwise_conv2d(3x3, padding: same), norm2a: batch_norm, relu,
        conv2: conv2d(64, 1x1), norm2b: batch_norm, relu,
        apart3: depthwise_conv2d(3x3, padding: same), norm3a: batch_norm, relu,
        conv3: conv2d(64, 1x1), norm3b: batch_norm, relu,
        apart4: depthwise_conv2d(3x3, padding: same), norm4a: batch_norm, relu,
        conv4: conv2d(64, 1x1), norm4b: batch_norm, relu,
        global_avg_pool2d, out: dense(4), softmax,
    }
}

/// Trains the network that firmware adapts, and writes it in eight bits.
fn backbone(file: &str) -> Result<(), Box<dyn Error>> {
    let mut ear = Box::new(adapt::Ear::new());
    let (mut rows, mut labels) = (Vec::new(), Vec::new());
    for (number, sound) in sounds(200, 64).chunks_exact(sounds::SOUND).enumerate() {
        rows.extend(ear.coefficients(sound)?);
        labels.push((number % sounds::KINDS.len()) as u8);
    }
    let training: Training<Backbone, Adam> = Training::new(Adam::new(0.002)).batch(16).epochs(25).seed(1);
    let mut trainer = training.build()?;
    trainer.fit(&Pairs(&rows, &labels), |_, event| {
        if let Event::Epoch { epoch, training, .. } = *event {
            eprintln!("epoch {}: loss {:.4}, accuracy {:.3}", epoch + 1, training.loss, training.accuracy());
        }
        true
    })?;
    let mut calibration = Calibration::new(Level::detect(), trainer.model())?;
    calibration.observe(&rows)?;
    Ok(calibration.quantize(Range::MinMax)?.save(file)?)
}

/// The model that `adapt` adapts, and the sounds that it learns from and is tested with: those of a folder, or our own.
fn words(folder: Option<&Path>) -> Result<[Vec<u8>; 3], Box<dyn Error>> {
    let read = |path: &Path| std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()));
    if let Some(folder) = folder {
        return Ok([read(&folder.join("model.tflite"))?, read(&folder.join("learn"))?, read(&folder.join("test"))?]);
    }
    let [mut learnt, mut tested] = [adapt::LEARNT, 2 * adapt::LEARNT].map(|count| vec![0; count * adapt::SOUND]);
    sounds::fill_with_new(0, &mut learnt);
    sounds::fill_with_new(adapt::LEARNT / adapt::WORDS, &mut tested);
    let bundled = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/parity/words.tflite");
    Ok([read(&bundled)?, learnt, tested])
}

/// What the firmware's `adapt` does, and its fingerprint.
fn adapt(folder: Option<&Path>) -> Result<(), Box<dyn Error>> {
    let [file, learnt, tested] = words(folder)?;
    let model = tflite::Model::parse(&file)?.up_to(adapt::LAST)?;
    let mut workspace = Box::new(adapt::Workspace::new());
    for level in Level::all() {
        let mut arena = vec![0; model.arena_bytes()?];
        let mut backbone = model.runner(level, &mut arena)?;
        let loss = workspace.learn(level, &mut backbone, &learnt)?;
        let (right, fingerprint) = workspace.test(level, &mut backbone, &tested)?;
        eprintln!("{level}: loss {loss:.4}, {right} of {} sounds", tested.len() / adapt::SOUND);
        println!("{level} {fingerprint:016x}");
    }
    Ok(())
}

/// Writes our own model and sounds to a folder.
fn write_words(folder: &Path) -> Result<(), Box<dyn Error>> {
    std::fs::create_dir_all(folder)?;
    for (name, bytes) in ["model.tflite", "learn", "test"].iter().zip(words(None)?) {
        std::fs::write(folder.join(name), bytes)?;
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["listen"] => return listen(None),
        ["listen", file] => return listen(Some(file)),
        ["adapt"] => return adapt(None),
        ["adapt", folder] => return adapt(Some(folder.as_ref())),
        ["words", folder] => return write_words(folder.as_ref()),
        ["backbone", file] => return backbone(file),
        _ => {}
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/data");
    let [images, labels, test_images, test_labels] = digits::read(&folder);
    let mut workspace = Box::new(train::Workspace::new());
    if std::env::args().nth(1).as_deref() != Some("train") {
        for level in Level::all() {
            let digits = workspace.parity(level, &images, &labels)?;
            let zoo = zoo::Workspace::new().parity(level)?;
            println!("{level} {digits:016x} {zoo:016x} {:016x}", zoo::steps::Workspace::new().parity(level)?);
        }
        return Ok(());
    }
    eprintln!("{} bytes, and {} for the classifier alone", train::FULL_BYTES, train::SMALL_BYTES);
    workspace.model.initialize(train::SEED);
    let mut session = workspace.session(Level::detect_strict())?;
    for epoch in 1..=train::EPOCHS {
        let metrics = session.epoch(&images, &labels)?;
        let test = session.evaluate(&test_images, &test_labels)?;
        let (accuracy, test) = (metrics.accuracy(), test.accuracy());
        eprintln!("epoch {epoch}: loss {:.4}, accuracy {accuracy:.3}, others {test:.3}", metrics.loss);
    }
    println!("{:016x}", session.fingerprint());
    if let Some(path) = std::env::args().nth(2) {
        snapshot::save(path, &train::Digits::INFO, workspace.model.parameters(), None)?;
    }
    Ok(())
}
