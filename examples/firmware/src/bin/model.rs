//! A model of TensorFlow Lite, used where its file lies in flash: its outputs are TensorFlow Lite Micro's to the bit.
//!
//! The file is read, checked and planned when this is compiled. Prints instructions per multiply-accumulate and the
//! RAM. `MODEL=FILE.tflite` (with its values beside it) takes another.
#![no_std]
#![no_main]

use cortex_m_rt::entry;
use kernlet::{
    simd::Level,
    tflite::{Arena, Error},
};
use kernlet_firmware::{Counter, Ram, exit};

kernlet::tflite! { struct Network = concat!(env!("OUT_DIR"), "/model.tflite"); }

static INPUTS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/input0"));
static OUTPUTS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/output0"));

/// Invocations, if there are so many inputs.
const RUNS: usize = 3;

#[entry]
fn main() -> ! {
    static mut ARENA: Arena<{ Network::ARENA_BYTES }> = Network::arena();
    let peripherals = cortex_m::Peripherals::take();
    let Some(peripherals) = peripherals else { exit(false) };
    let counter = Counter::start(peripherals.SYST);
    match run(&counter, ARENA) {
        Ok((instructions, same)) => {
            let ram = Ram::measure();
            let hundredths = instructions * 100 / Network::MACS.max(1);
            defmt::println!("{}: {} multiply-accumulates", env!("MODEL_NAME"), Network::MACS);
            defmt::println!("{} instructions, {}.{:02} each", instructions, hundredths / 100, hundredths % 100);
            defmt::println!("arena {}, variables {}, stack {}", Network::ARENA_BYTES, ram.fixed, ram.stack);
            defmt::println!("outputs {}", if same { "equal" } else { "DIFFER" });
            exit(same)
        }
        Err(error) => {
            defmt::println!("{}", error);
            exit(false)
        }
    }
}

/// The instructions of an invocation, and whether all outputs are as they should be.
fn run(counter: &Counter, arena: &mut Arena<{ Network::ARENA_BYTES }>) -> Result<(u64, bool), Error> {
    let mut network = Network::runner(Level::detect_strict(), arena)?;
    let (input, output) = (network.input_bytes(0)?.len(), network.output_bytes(0)?.len());
    let (mut same, mut instructions) = (true, 0);
    for (input, expected) in INPUTS.chunks_exact(input).zip(OUTPUTS.chunks_exact(output)).take(RUNS) {
        network.input_bytes(0)?.copy_from_slice(input);
        let (count, result) = counter.count(|| network.invoke());
        result?;
        instructions = count;
        same &= network.output_bytes(0)? == expected;
    }
    Ok((instructions, same && instructions > 0))
}
