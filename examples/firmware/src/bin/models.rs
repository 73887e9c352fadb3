//! Any model of TensorFlow Lite, read at run time: instructions per multiply-accumulate, of each operator too.
//!
//! The emulator puts a model, an input and the output that it must lead to behind one another in memory, and before
//! them their lengths (`../../tests/portable.sh firmware` does).
#![no_std]
#![no_main]

use core::{ptr::addr_of, slice};

use cortex_m_rt::entry;
use kernlet::{
    simd::Level,
    tflite::{Error, Model},
};
use kernlet_firmware::{Counter, exit};

unsafe extern "C" {
    static _models: u32;
}

/// Words for values, the program and its plan.
const ARENA: usize = 45_000;

/// Most operators of whose instructions an account is kept.
const OPERATORS: usize = 64;

#[entry]
fn main() -> ! {
    static mut MEMORY: [u32; ARENA] = [0; ARENA];
    let Some(peripherals) = cortex_m::Peripherals::take() else { exit(false) };
    let counter = Counter::start(peripherals.SYST);
    match run(&counter, as_bytes(MEMORY)) {
        Ok(same) => {
            defmt::println!("outputs {}", if same { "equal" } else { "DIFFER" });
            exit(same)
        }
        Err(error) => {
            defmt::println!("{}", error);
            exit(false)
        }
    }
}

fn as_bytes(words: &mut [u32]) -> &mut [u8] {
    // SAFETY: words of any bits are bytes of any bits.
    unsafe { slice::from_raw_parts_mut(words.as_mut_ptr().cast(), size_of_val(words)) }
}

/// The model, an input and its output.
fn blob() -> [&'static [u8]; 3] {
    // SAFETY: whoever runs this has put three lengths there, and as many bytes behind them.
    unsafe {
        let lengths = addr_of!(_models).cast::<[u32; 3]>().read_volatile();
        let mut at = addr_of!(_models).cast::<u8>().add(size_of::<[u32; 4]>());
        lengths.map(|len| {
            let bytes = slice::from_raw_parts(at, len as usize);
            at = at.add(len.next_multiple_of(16) as usize);
            bytes
        })
    }
}

/// Runs the model once, says what it took, and whether its output is as it should be.
fn run(counter: &Counter, memory: &mut [u8]) -> Result<bool, Error> {
    let [file, input, output] = blob();
    let model = Model::parse(file)?;
    let mut network = model.runner(Level::detect_strict(), memory)?;
    let mut of_operators = [0; OPERATORS];
    network.input_bytes(0)?.copy_from_slice(input);
    let mut last = counter.now();
    let (instructions, result) = counter.count(|| {
        network.invoke_with(|operator| {
            let now = counter.now();
            if let Some(place) = of_operators.get_mut(operator) {
                *place = now - last;
            }
            last = now;
        })
    });
    result?;
    for (i, instructions) in of_operators.into_iter().enumerate().take(model.operators()) {
        defmt::println!("operator {}: {} instructions{}", i, instructions, Each(instructions, model.operator_macs(i)?));
    }
    defmt::println!("all: {} instructions{}", instructions, Each(instructions, model.macs()?));
    Ok(network.output_bytes(0)? == output)
}

/// How many a multiply-accumulate takes.
struct Each(u64, u64);

impl defmt::Format for Each {
    fn format(&self, f: defmt::Formatter<'_>) {
        if let Some(hundredths) = (self.0 * 100).checked_div(self.1) {
            defmt::write!(f, ", {}.{:02} each", hundredths / 100, hundredths % 100);
        }
    }
}
