//! Trains a small CNN on 1,000 digits in flash and evaluates it on 200 others.
//!
//! Prints loss and accuracy per epoch, the fingerprint of the parameters, RAM, and
//! instructions per training sample and per multiply-accumulate. Ends in failure below
//! 90 %, above 256 KB, or where the variables that are linked are not what the constants say.
#![no_std]
#![no_main]

use cortex_m_rt::entry;
use kernlet::{nn::Error, simd::Level};
use kernlet_firmware::{
    Counter, Ram,
    digits::{TEST_IMAGES, TEST_LABELS, TRAIN_IMAGES, TRAIN_LABELS},
    exit,
    train::{BATCH, EPOCHS, FULL_BYTES, IMAGE, SEED, TRAINING_MACS, Workspace},
};

#[entry]
fn main() -> ! {
    static mut WORKSPACE: Workspace = Workspace::new();
    let Some(peripherals) = cortex_m::Peripherals::take() else { exit(false) };
    let counter = Counter::start(peripherals.SYST);
    match run(WORKSPACE, &counter) {
        Ok(accuracy) => {
            let ram = Ram::measure();
            let linked = FULL_BYTES + size_of::<[f32; BATCH * IMAGE]>();
            defmt::println!("RAM: {} of variables, {} of stack; training {}", ram.fixed, ram.stack, FULL_BYTES);
            // The logger and the counters have a few words of their own.
            let own = linked.abs_diff(ram.fixed as usize);
            exit(accuracy >= 0.9 && ram.total() <= 256 * 1024 && own <= 128)
        }
        Err(error) => {
            defmt::println!("{}", error);
            exit(false)
        }
    }
}

/// The accuracy on the digits that were not trained on.
fn run(workspace: &mut Workspace, counter: &Counter) -> Result<f32, Error> {
    workspace.model.initialize(SEED);
    let mut session = workspace.session(Level::detect_strict())?;
    let mut accuracy = 0.0;
    let mut instructions = 0;
    for epoch in 1..=EPOCHS {
        let (count, metrics) = counter.count(|| session.epoch(&TRAIN_IMAGES, &TRAIN_LABELS));
        let metrics = metrics?;
        let test = session.evaluate(&TEST_IMAGES, &TEST_LABELS)?;
        accuracy = test.accuracy();
        instructions = count / TRAIN_LABELS.len() as u64;
        defmt::println!("epoch {}: loss {}, accuracy {}, others {}", epoch, metrics.loss, metrics.accuracy(), accuracy);
    }
    defmt::println!("fingerprint {:016x}", session.fingerprint());
    let per_mac = instructions as f32 / TRAINING_MACS as f32;
    defmt::println!("instructions per training sample {}, per multiply-accumulate {}", instructions, per_mac);
    Ok(accuracy)
}
