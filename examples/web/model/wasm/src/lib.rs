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
    random::Stream,
    simd::Level,
    tflite::{Any, Error, Model, Port, Runner, Type, plan_len},
};

#[path = "../../../wasm/src/heap.rs"]
mod heap;

/// What the page has opened.
struct State {
    runner: Option<Runner<'static, Any>>,
    /// The last error, or what a function has to say.
    text: String,
    /// The last output.
    numbers: Vec<f32>,
}

struct Single(UnsafeCell<State>);

// SAFETY: the module is built without threads.
unsafe impl Sync for Single {}

static STATE: Single = Single(UnsafeCell::new(State { runner: None, text: String::new(), numbers: Vec::new() }));

/// The module's state, for one exported function at a time.
fn with<R>(work: impl FnOnce(&mut State) -> R) -> R {
    // SAFETY: there is one thread, and no exported function is called inside another.
    work(unsafe { &mut *STATE.0.get() })
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}

/// 0, or −1 and a message.
fn tell(state: &mut State, result: Result<i32, Error>) -> i32 {
    result.unwrap_or_else(|error| {
        state.text.clear();
        // Writing to a string does not fail.
        let _ = write!(state.text, "{error}");
        -1
    })
}

/// Memory of so many bytes, for the page to write to.
#[unsafe(no_mangle)]
pub extern "C" fn take(len: usize) -> *mut u8 {
    vec![0; len].leak().as_mut_ptr()
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
    with(|state| {
        let opened = read(file);
        let result = opened.map(|(runner, text)| {
            (state.runner, state.text) = (Some(runner), text);
            0
        });
        tell(state, result)
    })
}

fn read(file: &'static [u8]) -> Result<(Runner<'static, Any>, String), Error> {
    let model = Model::parse(file)?;
    let arena = vec![0; model.arena_bytes()?].leak();
    let runner = model.runner(Level::detect(), arena)?;
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = describe(&model, &runner, &mut text)?;
    Ok((runner, text))
}

/// The model in JSON.
fn describe(model: &Model<'_>, runner: &Runner<'_, Any>, to: &mut String) -> Result<fmt::Result, Error> {
    let mut words = vec![0; plan_len(model)];
    let plan = model.plan(&mut words)?;
    let mut rows = Vec::new();
    for index in 0..model.operators() {
        let node = model.operator(index)?;
        let constants = (0..node.inputs()).filter_map(|i| node.optional(i).ok()?).filter(|tensor| tensor.is_constant());
        let bytes: usize = constants.map(|tensor| tensor.bytes()).sum();
        let dims = node.output(0)?.dims();
        let (parameters, macs) = (model.operator_parameters(index)?, model.operator_macs(index)?);
        rows.push((node.operator(), dims, parameters, macs, bytes, plan.live_bytes(index)));
    }
    let ports = |count: usize, port: &dyn Fn(usize) -> Result<Port, Error>| {
        (0..count).map(port).collect::<Result<Vec<_>, Error>>()
    };
    let inputs = ports(runner.inputs(), &|index| runner.input_port(index))?;
    let outputs = ports(runner.outputs(), &|index| runner.output_port(index))?;
    let mut write = || {
        write!(to, "{{\"bytes\":{},\"arena\":{},\"macs\":{}", model.file().len(), plan.bytes(), model.macs().unwrap_or(0))?;
        for (name, ports) in [("inputs", &inputs), ("outputs", &outputs)] {
            write!(to, ",\"{name}\":[")?;
            for (i, port) in ports.iter().enumerate() {
                let comma = if i > 0 { "," } else { "" };
                write!(to, "{comma}{{\"dims\":{:?},\"kind\":\"{}\"}}", port.dims.as_slice(), port.kind)?;
            }
            to.write_str("]")?;
        }
        to.write_str(",\"operators\":[")?;
        for (i, (name, dims, parameters, macs, bytes, live)) in rows.iter().enumerate() {
            let comma = if i > 0 { "," } else { "" };
            write!(to, "{comma}{{\"name\":\"{name}\",\"dims\":\"{dims}\",\"parameters\":{parameters},\"macs\":{macs},")?;
            write!(to, "\"bytes\":{bytes},\"live\":{live}}}")?;
        }
        to.write_str("]}")
    };
    Ok(write())
}

/// Fills input `index` with `len` real numbers at `from`.
///
/// # Safety
/// [`take`] gave four bytes for each number at `from`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fill(index: usize, from: *const f32, len: usize) -> i32 {
    // SAFETY: the caller vouches for the bytes, which may lie anywhere.
    let numbers = unsafe { core::slice::from_raw_parts(from.cast::<[u8; 4]>(), len) };
    let numbers: Vec<f32> = numbers.iter().map(|&number| f32::from_le_bytes(number)).collect();
    with(|state| {
        let result = match &mut state.runner {
            Some(runner) => runner.quantize_input(index, &numbers).map(|()| 0),
            None => Err(Error::Program),
        };
        tell(state, result)
    })
}

/// Fills input `index` with noise of a seed: any bytes, or floats from 0 to 1.
#[unsafe(no_mangle)]
pub extern "C" fn noise(index: usize, seed: u32) -> i32 {
    with(|state| {
        let result = state.runner.as_mut().ok_or(Error::Program).and_then(|runner| {
            let noise = Stream::new(u64::from(seed), index as u64);
            let port = runner.input_port(index)?;
            if port.kind == Type::FLOAT32 {
                let numbers: Vec<f32> = (0..port.dims.len() as u64).map(|i| noise.f32_at(i)).collect();
                return runner.quantize_input(index, &numbers).map(|()| 0);
            }
            for (i, byte) in (0..).zip(runner.input_bytes(index)?) {
                *byte = noise.u32_at(i) as u8;
            }
            Ok(0)
        });
        tell(state, result)
    })
}

/// Runs the model on its inputs.
#[unsafe(no_mangle)]
pub extern "C" fn run() -> i32 {
    with(|state| {
        let result = state.runner.as_mut().ok_or(Error::Program).and_then(|runner| runner.invoke().map(|()| 0));
        tell(state, result)
    })
}

/// Keeps output `index` as real numbers, and says how many: bytes of other types as they are.
#[unsafe(no_mangle)]
pub extern "C" fn output(index: usize) -> i32 {
    with(|state| {
        let State { runner, numbers, .. } = state;
        let result = runner.as_ref().ok_or(Error::Program).and_then(|runner| {
            let port = runner.output_port(index)?;
            if port.kind == Type::INT8 || port.kind == Type::FLOAT32 {
                *numbers = vec![0.0; port.dims.len()];
                runner.dequantize_output(index, numbers)?;
            } else {
                *numbers = runner.output_bytes(index)?.iter().map(|&byte| f32::from(byte)).collect();
            }
            Ok(numbers.len() as i32)
        });
        tell(state, result)
    })
}

/// Where the output lies that was kept.
#[unsafe(no_mangle)]
pub extern "C" fn numbers() -> *const f32 {
    with(|state| state.numbers.as_ptr())
}
