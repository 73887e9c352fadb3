//! kernlet behind plain functions: numbers in, numbers out, one memory, no glue.
//!
//! A page or Node writes digits as bytes to [`images`] and their labels to [`labels`],
//! then calls [`reset`], [`train`], [`infer`], [`fingerprint`] or [`parity`].
//! Nothing is allocated.
#![no_std]

use core::{cell::UnsafeCell, panic::PanicInfo};

use kernlet::{
    data::metrics::argmax,
    nn::{Batching, inference_len},
    simd::Level,
    snapshot::fingerprint as fingerprint_of,
};

#[path = "../../parity/train.rs"]
mod shared;
#[cfg(feature = "zoo")]
mod words;
#[cfg(feature = "zoo")]
#[path = "../../parity/zoo.rs"]
mod zoo;
use shared::{BATCH, Digits, IMAGE, STEPS, Workspace, convert};

/// How many digits there is room for: those of [`parity`].
const ROOM: usize = BATCH * STEPS;
const ONE: Batching = Batching::of(1);

struct State {
    images: [u8; ROOM * IMAGE],
    labels: [u8; ROOM],
    workspace: Workspace,
    input: [f32; IMAGE],
    memory: [f32; inference_len::<Digits>(ONE)],
    outputs: [f32; 10],
}

struct Single(UnsafeCell<State>);

// SAFETY: the module is built without threads.
unsafe impl Sync for Single {}

static STATE: Single = Single(UnsafeCell::new(State {
    images: [0; ROOM * IMAGE],
    labels: [0; ROOM],
    workspace: Workspace::new(),
    input: [0.0; IMAGE],
    memory: [0.0; inference_len::<Digits>(ONE)],
    outputs: [0.0; 10],
}));

/// The module's memory, for one exported function at a time.
fn with<T>(work: impl FnOnce(&mut State) -> T) -> T {
    // SAFETY: there is one thread, and no exported function is called inside another.
    work(unsafe { &mut *STATE.0.get() })
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}

/// Where the page writes digits of 28×28 bytes.
#[unsafe(no_mangle)]
pub extern "C" fn images() -> *mut u8 {
    with(|state| state.images.as_mut_ptr())
}

/// Where the page writes labels, 0 to 9.
#[unsafe(no_mangle)]
pub extern "C" fn labels() -> *mut u8 {
    with(|state| state.labels.as_mut_ptr())
}

/// How many digits there is room for.
#[unsafe(no_mangle)]
pub extern "C" fn room() -> usize {
    ROOM
}

/// Fresh parameters from a seed.
#[unsafe(no_mangle)]
pub extern "C" fn reset(seed: u64) {
    with(|state| state.workspace.model.initialize(seed));
}

/// Trains on the first `count` digits and labels, in steps of 8. Their mean loss; NaN if a
/// label is no digit or there is no room for so many.
#[unsafe(no_mangle)]
pub extern "C" fn train(count: usize) -> f32 {
    with(|state| {
        let (Some(images), Some(labels)) = (state.images.get(..count.saturating_mul(IMAGE)), state.labels.get(..count))
        else {
            return f32::NAN;
        };
        let session = state.workspace.session(Level::detect_strict());
        session.and_then(|mut session| session.epoch(images, labels)).map_or(f32::NAN, |metrics| metrics.loss)
    })
}

/// The digit that image `index` shows; −1 if there is no such image.
#[unsafe(no_mangle)]
pub extern "C" fn infer(index: usize) -> i32 {
    with(|state| {
        let start = index.saturating_mul(IMAGE);
        let Some(bytes) = start.checked_add(IMAGE).and_then(|end| state.images.get(start..end)) else { return -1 };
        let input = convert(bytes, &mut state.input);
        let model = &state.workspace.model;
        match kernlet::nn::infer(Level::detect_strict(), ONE, model, input, &mut state.memory, &mut state.outputs) {
            Ok(()) => argmax(&state.outputs) as i32,
            Err(_) => -1,
        }
    })
}

/// A number that changes with any bit of any parameter.
#[unsafe(no_mangle)]
pub extern "C" fn fingerprint() -> u64 {
    with(|state| fingerprint_of(state.workspace.model.parameters()))
}

/// The parity program on the digits in [`images`] and [`labels`]: the fingerprint, 0 on an error.
#[unsafe(no_mangle)]
pub extern "C" fn parity() -> u64 {
    with(|state| state.workspace.parity(Level::detect_strict(), &state.images, &state.labels).unwrap_or(0))
}

/// The parity program's second network, of every kind of layer: the fingerprint, 0 on an error.
#[cfg(feature = "zoo")]
#[unsafe(no_mangle)]
pub extern "C" fn parity_zoo() -> u64 {
    struct Zoo(UnsafeCell<zoo::Workspace>);
    // SAFETY: the module is built without threads.
    unsafe impl Sync for Zoo {}
    static ZOO: Zoo = Zoo(UnsafeCell::new(zoo::Workspace::new()));
    // SAFETY: there is one thread, and this function does not call itself.
    unsafe { &mut *ZOO.0.get() }.parity(Level::detect_strict()).unwrap_or(0)
}

/// The parity program's networks of sequences: the fingerprint, 0 on an error.
#[cfg(feature = "zoo")]
#[unsafe(no_mangle)]
pub extern "C" fn parity_steps() -> u64 {
    struct Steps(UnsafeCell<zoo::steps::Workspace>);
    // SAFETY: the module is built without threads.
    unsafe impl Sync for Steps {}
    static STEPS: Steps = Steps(UnsafeCell::new(zoo::steps::Workspace::new()));
    // SAFETY: there is one thread, and this function does not call itself.
    unsafe { &mut *STEPS.0.get() }.parity(Level::detect_strict()).unwrap_or(0)
}
