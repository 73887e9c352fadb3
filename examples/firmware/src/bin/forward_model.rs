//! An inference of a model of TensorFlow Lite and nothing else: a row of the size table, and the program whose symbols
//! are searched for panics.
#![no_std]
#![no_main]

use core::hint::black_box;

use cortex_m_rt::entry;
use kernlet::{
    simd::Level,
    tflite::{Arena, Error},
};
use kernlet_firmware::report;

kernlet::tflite! { struct Network = concat!(env!("OUT_DIR"), "/model.tflite"); }

#[entry]
fn main() -> ! {
    static mut ARENA: Arena<{ Network::ARENA_BYTES }> = Network::arena();
    report(run(ARENA).is_ok())
}

fn run(arena: &mut Arena<{ Network::ARENA_BYTES }>) -> Result<(), Error> {
    let mut network = Network::runner(Level::detect_strict(), arena)?;
    network.input_bytes(0)?.fill(black_box(1));
    network.invoke()?;
    black_box(network.output_bytes(0)?);
    Ok(())
}
