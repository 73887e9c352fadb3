//! Recognising what is drawn: probabilities, and which pixels they hang on.

use alloc::{boxed::Box, vec, vec::Vec};
use core::ptr::null;

use kernlet::{
    nn::{Batching, Error, Model, Network, infer, inference_len, saliency, saliency_len},
    simd::Level,
    snapshot::{Described, Snapshot, SnapshotError, fingerprint as fingerprint_of},
};

use crate::{
    CLASSES, IMAGE_LEN, Single,
    network::{MnistCnn, SmallCnn},
    or_note, taken,
};

const ONE: Batching = Batching::of(1);

/// A network whichever it is.
trait Reader {
    fn parameters(&mut self) -> &mut [f32];
    fn open(&mut self, file: &[u8]) -> Result<(), SnapshotError>;
    fn infer(&mut self, image: &[f32], outputs: &mut [f32]) -> Result<(), Error>;
    fn saliency(&mut self, image: &[f32], class: usize, gradient: &mut [f32]) -> Result<(), Error>;
}

struct Reading<N: Network> {
    level: Level,
    model: Box<Model<N>>,
    memory: Vec<f32>,
}

impl<N: Network + Described> Reading<N> {
    fn new() -> Self {
        let memory = vec![0.0; inference_len::<N>(ONE).max(saliency_len::<N>())];
        Self { level: Level::detect_strict(), model: Model::zeroed_box(), memory }
    }
}

impl<N: Network + Described> Reader for Reading<N> {
    fn parameters(&mut self) -> &mut [f32] {
        self.model.parameters_mut()
    }

    fn open(&mut self, file: &[u8]) -> Result<(), SnapshotError> {
        Snapshot::open(file, &N::INFO)?.parameters().copy_into(self.model.parameters_mut())
    }

    fn infer(&mut self, image: &[f32], outputs: &mut [f32]) -> Result<(), Error> {
        infer(self.level, ONE, &self.model, image, &mut self.memory, outputs)
    }

    fn saliency(&mut self, image: &[f32], class: usize, gradient: &mut [f32]) -> Result<(), Error> {
        saliency(self.level, &self.model, image, class, &mut self.memory, gradient)
    }
}

struct State {
    reader: Option<Box<dyn Reader>>,
    image: [f32; IMAGE_LEN],
    outputs: [f32; CLASSES],
    gradient: [f32; IMAGE_LEN],
}

static STATE: Single<State> =
    Single::new(State { reader: None, image: [0.0; IMAGE_LEN], outputs: [0.0; CLASSES], gradient: [0.0; IMAGE_LEN] });

/// Makes the module one that recognises digits, with parameters of 0: network 0 is the small one, 1 that of Keras.
#[unsafe(no_mangle)]
pub extern "C" fn reader(network: u32) {
    STATE.with(|state| {
        state.reader = Some(match network {
            0 => Box::new(Reading::<SmallCnn>::new()),
            _ => Box::new(Reading::<MnistCnn>::new()),
        });
    });
}

/// The number of parameters of a network.
#[unsafe(no_mangle)]
pub extern "C" fn parameters_len(network: u32) -> usize {
    if network == 0 { SmallCnn::PARAMETERS } else { MnistCnn::PARAMETERS }
}

/// Where the reader's parameters are, for the page to write to.
#[unsafe(no_mangle)]
pub extern "C" fn parameters() -> *mut f32 {
    STATE.with(|state| state.reader.as_mut().map_or(core::ptr::null_mut(), |reader| reader.parameters().as_mut_ptr()))
}

/// A number that changes with any bit of any of the reader's parameters.
#[unsafe(no_mangle)]
pub extern "C" fn fingerprint() -> u64 {
    STATE.with(|state| state.reader.as_mut().map_or(0, |reader| fingerprint_of(reader.parameters())))
}

/// Axis `axis` of the first layer's kernel `[kh][kw][ci][co]`, which is where the parameters begin.
#[unsafe(no_mangle)]
pub extern "C" fn filters_axis(network: u32, axis: usize) -> usize {
    let layers = if network == 0 { SmallCnn::LAYERS } else { MnistCnn::LAYERS };
    let kernel = layers.iter().find(|layer| layer.kind == "conv2d").and_then(|layer| layer.tensor("kernel"));
    kernel.map_or(0, |kernel| kernel.dims.axis(axis.min(3)))
}

/// Takes the parameters out of a snapshot of `len` bytes at a place that [`take`](crate::take) gave.
///
/// # Safety
/// The page wrote them there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn open(at: *const u8, len: usize) -> i32 {
    // SAFETY: the caller's.
    let file = unsafe { taken(at, len) };
    STATE.with(|state| match &mut state.reader {
        Some(reader) => or_note(reader.open(file).map(|()| 0), -1),
        None => -1,
    })
}

/// Where the page writes 28×28 numbers from 0 to 1.
#[unsafe(no_mangle)]
pub extern "C" fn image() -> *mut f32 {
    STATE.with(|state| state.image.as_mut_ptr())
}

/// Ten probabilities for the image.
#[unsafe(no_mangle)]
pub extern "C" fn probabilities() -> *const f32 {
    STATE.with(|State { reader, image, outputs, .. }| match reader {
        Some(reader) => or_note(reader.infer(image, outputs).map(|()| outputs.as_ptr()), null()),
        None => null(),
    })
}

/// The gradient of the score of `class` by each pixel of the image.
#[unsafe(no_mangle)]
pub extern "C" fn pixel_gradient(class: usize) -> *const f32 {
    STATE.with(|State { reader, image, gradient, .. }| match reader {
        Some(reader) => or_note(reader.saliency(image, class, gradient).map(|()| gradient.as_ptr()), null()),
        None => null(),
    })
}
