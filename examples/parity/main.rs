//! The parity program on this machine: the same short training at every level.
//!
//! `cargo run --example parity` prints one line per level with the fingerprints of the
//! trained parameters of two networks. All that say `strict` are equal, and equal to what the same code
//! prints in firmware, WASM and bare builds (`tests/portable.sh`).
//! `cargo run --example parity train [FILE]` is the whole training of the firmware example;
//! it saves the model, which `examples/firmware` has in flash as `digits.knl`.
//! `cargo run --example parity listen [FILE]` is what the firmware's `listen` does, on `listener.knl`; with a file, it trains
//! that network first and saves it.

use std::{error::Error, path::Path};

use kernlet::{
    nn::{Event, Model, Pairs, Training},
    optim::Adam,
    simd::Level,
    snapshot::{self, Described, Snapshot},
};

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
    let bundled = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/firmware/listener.knl");
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

fn main() -> Result<(), Box<dyn Error>> {
    if std::env::args().nth(1).as_deref() == Some("listen") {
        return listen(std::env::args().nth(2).as_deref());
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/data");
    let [images, labels, test_images, test_labels] = digits::read(&folder);
    let mut workspace = Box::new(train::Workspace::new());
    if std::env::args().nth(1).as_deref() != Some("train") {
        for level in Level::all() {
            let digits = workspace.parity(level, &images, &labels)?;
            println!("{level} {digits:016x} {:016x}", zoo::Workspace::new().parity(level)?);
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
