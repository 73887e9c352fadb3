//! Two words that a model of keywords does not know: the model is used where its file lies in flash, up to the layer before
//! the last, and a new last layer learns from sounds in flash what it makes of them.
//!
//! Without `ADAPT` the model is one of our own that knows the sounds of a house; `ADAPT=FOLDER` takes `model.tflite`,
//! `learn` and `test` from a folder, which `words.py` makes for the keywords of MLPerf Tiny. Ends in failure below 90 % or
//! above 48 KB.
#![no_std]
#![no_main]

use cortex_m_rt::entry;
use kernlet::{simd::Level, tflite::Arena};
use kernlet_firmware::{
    Counter, Ram,
    adapt::{Failure, LAST, SOUND, Workspace},
    exit,
};

kernlet::tflite! { struct Backbone = concat!(env!("OUT_DIR"), "/adapt/model.tflite"), up_to: LAST; }

static TO_LEARN: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/adapt/learn"));
static TO_TEST: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/adapt/test"));

#[entry]
fn main() -> ! {
    static mut ARENA: Arena<{ Backbone::ARENA_BYTES }> = Backbone::arena();
    static mut WORKSPACE: Workspace = Workspace::new();
    let Some(peripherals) = cortex_m::Peripherals::take() else { exit(false) };
    match run(&Counter::start(peripherals.SYST), ARENA, WORKSPACE) {
        Ok(within) => {
            let ram = Ram::measure();
            defmt::println!(
                "RAM: {} of variables, {} of them arena, {} of stack",
                ram.fixed,
                Backbone::ARENA_BYTES,
                ram.stack
            );
            exit(within && ram.total() <= 48 * 1024)
        }
        Err(Failure::Sound(error)) => defmt::println!("{}", error),
        Err(Failure::Backbone(error)) => defmt::println!("{}", error),
        Err(Failure::Network(error)) => defmt::println!("{}", error),
        Err(Failure::Sounds(bytes)) => defmt::println!("sounds: {} bytes are not 1 to 16 seconds", bytes),
    }
    exit(false)
}

/// Whether it tells the words apart well enough.
fn run(
    counter: &Counter,
    arena: &mut Arena<{ Backbone::ARENA_BYTES }>,
    workspace: &mut Workspace,
) -> Result<bool, Failure> {
    let level = Level::detect_strict();
    let mut backbone = Backbone::runner(level, arena)?;
    let sound = TO_LEARN.get(..SOUND).unwrap_or(TO_LEARN);
    let (coefficients, result) = counter.count(|| workspace.ear.coefficients(sound).map(|_| ()));
    result?;
    let (invocation, result) = counter.count(|| backbone.invoke());
    result?;
    defmt::println!("a sound: {} instructions for its coefficients, {} for the model", coefficients, invocation);

    let (learning, result) = counter.count(|| workspace.learn(level, &mut backbone, TO_LEARN));
    let count = TO_LEARN.len() / SOUND;
    defmt::println!("learnt from {} sounds: loss {}, {} instructions each", count, result?, learning / count as u64);
    let (right, fingerprint) = workspace.test(level, &mut backbone, TO_TEST)?;
    let count = TO_TEST.len() / SOUND;
    defmt::println!("{} of {} others", right, count);
    defmt::println!("fingerprint {:016x}", fingerprint);
    Ok(right * 10 >= count * 9)
}
