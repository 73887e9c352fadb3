//! Hears what it is: a second of sound from flash, sample by sample, as cepstral coefficients through a recurrent network,
//! whose last layer learns from 16 sounds before.
//!
//! The last layer starts from nothing on a network from the host. Ends in failure below 90 %, above 3.5 million
//! instructions for the coefficients of a second, above 26,000 for a step of the network, or above 40 KB.
#![no_std]
#![no_main]

use core::hint::black_box;

use cortex_m_rt::entry;
use kernlet::{nn::Model, simd::Level, snapshot::StaticSnapshot};
use kernlet_firmware::{
    Counter, Ram, exit,
    listen::{Failure, Listener, ROWS, Workspace, fingerprint},
    sounds::{KINDS, LEARNT, SOUND, TESTED, bytes},
};

static WEIGHTS: StaticSnapshot = kernlet::static_snapshot!(Listener, "../../../parity/listener.knl");
static TO_LEARN: [u8; bytes(LEARNT)] = *include_bytes!(concat!(env!("OUT_DIR"), "/sounds-to-learn"));
static TO_TEST: [u8; bytes(TESTED)] = *include_bytes!(concat!(env!("OUT_DIR"), "/sounds-to-test"));

#[entry]
fn main() -> ! {
    static mut MODEL: Model<Listener> = Model::zeroed();
    static mut WORKSPACE: Workspace = Workspace::new();
    let Some(peripherals) = cortex_m::Peripherals::take() else { exit(false) };
    if let Err(error) = WEIGHTS.verify() {
        defmt::println!("{}", error);
        exit(false)
    }
    match run(&Counter::start(peripherals.SYST), MODEL, WORKSPACE) {
        Ok(within) => {
            let ram = Ram::measure();
            defmt::println!("RAM: {} of variables, {} of stack", ram.fixed, ram.stack);
            exit(within && ram.total() <= 40 * 1024)
        }
        Err(Failure::Sound(error)) => defmt::println!("{}", error),
        Err(Failure::Network(error)) => defmt::println!("{}", error),
    }
    exit(false)
}

/// Whether it hears well enough, and fast enough.
fn run(counter: &Counter, model: &mut Model<Listener>, workspace: &mut Workspace) -> Result<bool, Failure> {
    let level = Level::detect_strict();
    let sound = black_box(&TO_TEST[..SOUND]);
    let (coefficients, result) = counter.count(|| workspace.read(sound).map(|_| ()));
    result?;
    let (whole, result) = counter.count(|| workspace.listen(level, WEIGHTS.parameters(), sound));
    result?;
    let step = whole.saturating_sub(coefficients) / ROWS as u64;
    defmt::println!("a second of sound: {} instructions for its coefficients, {} for each step", coefficients, step);

    for (parameter, trained) in model.parameters_mut().iter_mut().zip(WEIGHTS.parameters()) {
        *parameter = *trained;
    }
    let (learning, result) = counter.count(|| workspace.learn(level, model, &TO_LEARN));
    let metrics = result?;
    defmt::println!("learnt from {} sounds: loss {}, {} instructions", metrics.samples, metrics.loss, learning);
    let right = workspace.test(level, model.parameters(), &TO_TEST)?;
    defmt::println!("{} of {} sounds", right, TESTED * KINDS.len());
    let heard = workspace.listen(level, model.parameters(), sound)?;
    let (kind, probability) = KINDS.iter().zip(&heard).max_by(|a, b| a.1.total_cmp(b.1)).unwrap_or((&"nothing", &0.0));
    defmt::println!("heard: {} ({})", kind, probability);
    defmt::println!("fingerprint {:016x}", fingerprint(model, &heard));
    Ok(right * 10 >= TESTED * KINDS.len() * 9 && coefficients <= 3_500_000 && step <= 26_000)
}
