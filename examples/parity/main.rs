//! The parity program on this machine: the same short training at every level.
//!
//! `cargo run --example parity` prints one line per level with the fingerprints of the
//! trained parameters of two networks. All that say `strict` are equal, and equal to what the same code
//! prints in firmware, WASM and bare builds (`tests/portable.sh`).
//! `cargo run --example parity train [FILE]` is the whole training of the firmware example;
//! it saves the model, which `examples/firmware` has in flash as `digits.knl`.

use std::{error::Error, path::Path};

use kernlet::{simd::Level, snapshot::Described};

mod digits;
mod train;
mod zoo;

fn main() -> Result<(), Box<dyn Error>> {
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
        kernlet::snapshot::save(path, &train::Digits::INFO, workspace.model.parameters(), None)?;
    }
    Ok(())
}
