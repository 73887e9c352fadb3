//! Trains the classifier on the device in 32 KB: one image at a time, gradients applied as
//! they appear, the convolutions as they came.
//!
//! The classifier starts from nothing on a model from the host. Ends in failure below 90 %,
//! above 32 KB, or where the variables that are linked are not what the constants say.
#![no_std]
#![no_main]

use cortex_m_rt::entry;
use kernlet::{
    nn::{Error, Model},
    simd::Level,
    snapshot::StaticSnapshot,
};
use kernlet_firmware::{
    Ram,
    digits::{TEST_IMAGES, TEST_LABELS, TRAIN_IMAGES, TRAIN_LABELS},
    exit,
    train::{Digits, IMAGE, SMALL_BYTES, SMALL_MEMORY, Session, small},
};

static WEIGHTS: StaticSnapshot = kernlet::static_snapshot!(Digits, "../../digits.knl");

/// The kernel and bias of `out`.
const CLASSIFIER: usize = 251 * 10;
const RATE: f32 = 0.02;

#[entry]
fn main() -> ! {
    static mut MODEL: Model<Digits> = Model::zeroed();
    static mut MEMORY: [f32; SMALL_MEMORY] = [0.0; SMALL_MEMORY];
    static mut NUMBERS: [f32; IMAGE] = [0.0; IMAGE];
    // What is linked is what the constants say, and the image.
    const { assert!(SMALL_BYTES == size_of::<Model<Digits>>() + size_of::<[f32; SMALL_MEMORY]>()) }
    match run(MODEL, MEMORY, NUMBERS) {
        Ok(accuracy) => {
            let ram = Ram::measure();
            let linked = SMALL_BYTES + size_of::<[f32; IMAGE]>();
            defmt::println!("RAM: {} of variables, {} of stack; training {}", ram.fixed, ram.stack, SMALL_BYTES);
            // The logger and the counters have a few words of their own.
            let own = linked.abs_diff(ram.fixed as usize);
            exit(accuracy >= 0.9 && ram.total() <= 32 * 1024 && own <= 128)
        }
        Err(error) => {
            defmt::println!("{}", error);
            exit(false)
        }
    }
}

/// The accuracy on the digits that were not trained on.
fn run(model: &mut Model<Digits>, memory: &mut [f32], numbers: &mut [f32]) -> Result<f32, Error> {
    for (i, (parameter, trained)) in model.parameters_mut().iter_mut().zip(WEIGHTS.parameters()).enumerate() {
        *parameter = if i + CLASSIFIER < WEIGHTS.parameters().len() { *trained } else { 0.0 };
    }
    let mut session = Session::new(Level::detect_strict(), small(RATE), model, memory, numbers)?;
    let before = session.evaluate(&TEST_IMAGES, &TEST_LABELS)?;
    let metrics = session.epoch(&TRAIN_IMAGES, &TRAIN_LABELS)?;
    let after = session.evaluate(&TEST_IMAGES, &TEST_LABELS)?;
    defmt::println!(
        "loss {}, accuracy {}, others {} (before {})",
        metrics.loss,
        metrics.accuracy(),
        after.accuracy(),
        before.accuracy()
    );
    defmt::println!("fingerprint {:016x}", session.fingerprint());
    Ok(after.accuracy())
}
