//! A model of TensorFlow Lite behind plain functions: one memory, no glue.
//!
//! A module is made for one model, and dropped after it. Functions that can fail return less than 0, and leave a
//! sentence in [`message`].
#![no_std]

extern crate alloc;

use alloc::{string::String, vec, vec::Vec};
use core::{
    cell::UnsafeCell,
    fmt::{self, Write},
    panic::PanicInfo,
};

use kernlet::{
    simd::Level,
    tflite::{Any, Error, Model, Port, Runner, Type},
};

#[path = "../../../../tflite/facts.rs"]
mod facts;
#[path = "../../../wasm/src/heap.rs"]
mod heap;

/// Why something was not done.
enum Failure {
    Model(Error),
    /// The browser does not lend so many bytes.
    Memory(usize),
    /// No model was opened.
    Closed,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Model(error)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Model(error) => error.fmt(f),
            Self::Memory(bytes) => write!(f, "it needs {bytes} bytes of memory, which this browser does not give"),
            Self::Closed => f.write_str("no model was opened"),
        }
    }
}

/// A model that the page has opened.
struct Opened {
    runner: Runner<'static, Any>,
    /// Real numbers that the page writes for the first input.
    reals: Vec<f32>,
    /// What the model is run on, again and again.
    inputs: Vec<Vec<u8>>,
    /// The output that was asked for last.
    output: Vec<f32>,
}

struct State {
    opened: Option<Opened>,
    /// The last error, or what a function has to say.
    text: String,
}

struct Single(UnsafeCell<State>);

// SAFETY: the module is built without threads.
unsafe impl Sync for Single {}

static STATE: Single = Single(UnsafeCell::new(State { opened: None, text: String::new() }));

/// The module's state, for one exported function at a time.
fn with<R>(work: impl FnOnce(&mut State) -> R) -> R {
    // SAFETY: there is one thread, and no exported function is called inside another.
    work(unsafe { &mut *STATE.0.get() })
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}

/// The number, or −1 and a message.
fn tell(text: &mut String, result: Result<usize, Failure>) -> i32 {
    result.map_or_else(
        |failure| {
            text.clear();
            // Writing to a string does not fail.
            let _ = write!(text, "{failure}");
            -1
        },
        |number| number as i32,
    )
}

/// Something done with the model that is open.
fn with_opened(work: impl FnOnce(&mut Opened) -> Result<usize, Failure>) -> i32 {
    with(|State { opened, text }| tell(text, opened.as_mut().ok_or(Failure::Closed).and_then(work)))
}

/// Zeros that are there until the module goes.
fn zeros<T: Clone + Default>(len: usize) -> Result<&'static mut [T], Failure> {
    let mut zeros = Vec::new();
    zeros.try_reserve_exact(len).map_err(|_| Failure::Memory(len.saturating_mul(size_of::<T>())))?;
    zeros.resize(len, T::default());
    Ok(zeros.leak())
}

/// Memory of so many bytes, for the page to write to; null if the browser does not give as many.
#[unsafe(no_mangle)]
pub extern "C" fn take(len: usize) -> *mut u8 {
    zeros::<u8>(len).map_or(core::ptr::null_mut(), <[u8]>::as_mut_ptr)
}

/// Where the last message lies.
#[unsafe(no_mangle)]
pub extern "C" fn message() -> *const u8 {
    with(|state| state.text.as_ptr())
}

/// The bytes of the last message.
#[unsafe(no_mangle)]
pub extern "C" fn message_len() -> usize {
    with(|state| state.text.len())
}

/// Reads the model in `len` bytes at `file`, plans its memory, and describes it in JSON as the message.
///
/// # Safety
/// [`take`] gave `len` bytes at `file`, which are not written any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn open(file: *const u8, len: usize) -> i32 {
    // SAFETY: the caller vouches for the bytes; what `take` gave is never taken back.
    let file: &'static [u8] = unsafe { core::slice::from_raw_parts(file, len) };
    with(|State { opened, text }| {
        let result = read(file).map(|(model, description)| {
            (*opened, *text) = (Some(model), description);
            0
        });
        tell(text, result)
    })
}

fn read(file: &'static [u8]) -> Result<(Opened, String), Failure> {
    let model = Model::parse(file)?;
    let arena = model.arena_bytes()?;
    let mut runner = model.runner(Level::detect(), zeros(arena)?)?;
    let text = describe(&model, &runner, arena)?;
    let reals = if runner.inputs() > 0 { runner.input_port(0)?.dims.len() } else { 0 };
    let reals = vec![0.0; reals];
    let inputs = facts::inputs(&mut runner)?;
    Ok((Opened { runner, reals, inputs, output: Vec::new() }, text))
}

/// The model in JSON.
fn describe(model: &Model<'_>, runner: &Runner<'_, Any>, arena: usize) -> Result<String, Failure> {
    let (rows, values) = facts::rows(model)?;
    let ports = |count: usize, port: &dyn Fn(usize) -> Result<Port, Error>| {
        (0..count).map(port).collect::<Result<Vec<_>, Error>>()
    };
    let inputs = ports(runner.inputs(), &|index| runner.input_port(index))?;
    let outputs = ports(runner.outputs(), &|index| runner.output_port(index))?;
    let (macs, mut to) = (model.macs()?, String::new());
    let mut write = || {
        write!(to, "{{\"bytes\":{},\"values\":{values},\"arena\":{arena},\"macs\":{macs}", model.file().len())?;
        for (name, ports) in [("inputs", &inputs), ("outputs", &outputs)] {
            write!(to, ",\"{name}\":[")?;
            for (i, port) in ports.iter().enumerate() {
                let comma = if i > 0 { "," } else { "" };
                let (scale, zero) = (if port.scale.is_finite() { port.scale } else { 0.0 }, port.zero_point);
                write!(to, "{comma}{{\"dims\":{:?},\"kind\":\"{}\"", port.dims.as_slice(), port.kind)?;
                write!(to, ",\"scale\":{scale},\"zero\":{zero}}}")?;
            }
            to.write_str("]")?;
        }
        to.write_str(",\"operators\":[")?;
        for (i, row) in rows.iter().enumerate() {
            let comma = if i > 0 { "," } else { "" };
            write!(to, "{comma}{{\"name\":\"{}\"", row.operator)?;
            for (name, dims) in [("reads", row.reads), ("writes", row.writes)] {
                write!(to, ",\"{name}\":\"")?;
                if let Some(dims) = dims {
                    write!(to, "{dims}")?;
                }
                to.write_str("\"")?;
            }
            write!(to, ",\"parameters\":{}", row.parameters)?;
            write!(to, ",\"macs\":{},\"bytes\":{}", row.macs, row.constant_bytes)?;
            write!(to, ",\"live\":{}}}", row.live_bytes)?;
        }
        to.write_str("]}")
    };
    // Writing to a string does not fail.
    let _: fmt::Result = write();
    Ok(to)
}

/// Where the page writes real numbers for the first input.
#[unsafe(no_mangle)]
pub extern "C" fn reals() -> *mut f32 {
    with(|state| state.opened.as_mut().map_or(core::ptr::null_mut(), |opened| opened.reals.as_mut_ptr()))
}

/// Fills the inputs: the first with the real numbers that the page wrote, or all with noise of a seed.
#[unsafe(no_mangle)]
pub extern "C" fn fill(with_reals: i32, seed: u32) -> i32 {
    with_opened(|Opened { runner, reals, inputs, .. }| {
        for (index, input) in inputs.iter_mut().enumerate() {
            let kind = runner.input_port(index)?.kind;
            if index == 0 && with_reals != 0 && (kind == Type::INT8 || kind == Type::FLOAT32) {
                runner.quantize_input(index, reals)?;
            } else {
                facts::noise(runner, index, u64::from(seed))?;
            }
            // Inputs may have places in common with others: each is kept before the next is written.
            input.copy_from_slice(runner.input_bytes(index)?);
        }
        Ok(0)
    })
}

/// Runs the model so many times on its inputs.
#[unsafe(no_mangle)]
pub extern "C" fn run(times: u32) -> i32 {
    with_opened(|Opened { runner, inputs, .. }| {
        for _ in 0..times {
            facts::run(runner, inputs, |_| {})?;
        }
        Ok(0)
    })
}

/// Keeps output `index` as real numbers, and says how many.
#[unsafe(no_mangle)]
pub extern "C" fn output(index: usize) -> i32 {
    with_opened(|Opened { runner, output, .. }| {
        *output = facts::output(runner, index)?;
        Ok(output.len())
    })
}

/// Where the output lies that was kept.
#[unsafe(no_mangle)]
pub extern "C" fn numbers() -> *const f32 {
    with(|state| state.opened.as_ref().map_or(core::ptr::null(), |opened| opened.output.as_ptr()))
}
