//! A model as plain bytes that say which model they are.
//!
//! # The format, version 1
//!
//! All numbers are little-endian. Lengths are in bytes but for counts of `f32`.
//!
//! | at | bytes | what |
//! |---|---|---|
//! | 0 | 8 | magic `89 4B 4E 4C 0D 0A 1A 0A`: a text-mode transfer breaks it visibly |
//! | 8 | 4 | format version |
//! | 12 | 4 | `H`, length of this header, a multiple of 64 |
//! | 16 | 8 | length of the whole file |
//! | 24 | 8 | identity of the network: [`ModelInfo::id`] |
//! | 32 | 8 | `P`, number of parameters |
//! | 40 | 8 | `S`, numbers of optimizer state |
//! | 48 | 8 | steps done |
//! | 56 | 8 | epochs done |
//! | 64 | 8 | examples seen of the epoch under way |
//! | 72 | 8 | seed |
//! | 80 | 16 | the optimizer's name, zeros after it; all zeros: no training state |
//! | 96 | 4 | number of tensors |
//! | 100 | 4 | CRC-32 of everything from `H` on |
//! | 104 | 32 | the network's name, cut off there, zeros after it |
//! | 136 | | each tensor: length and bytes of its layer's name, of its own name, number of axes (one byte each), sizes (4 each) |
//! | | | zeros |
//! | `H` − 4 | 4 | CRC-32 of everything before it |
//! | `H` | 4 `P` | parameters as `f32`, in the order of the tensors |
//! | `H` + 4 `P` | | zeros to a multiple of 64, if `S` > 0 |
//! | | 4 `S` | optimizer state as `f32` |
//!
//! Parameters begin at a multiple of 64 bytes, so a file that lies aligned in
//! flash is used where it lies ([`static_snapshot!`](crate::static_snapshot)).
//! A file of this version will be read by every later release.

mod checksum;
mod error;
#[cfg(feature = "std")]
mod file;
mod fixed;
mod read;
#[cfg(feature = "safetensors")]
pub mod safetensors;
mod write;

pub use checksum::{Hash64, crc32, fingerprint};
pub use error::{Label, SnapshotError, WriteError};
#[cfg(feature = "std")]
pub use file::{replace_file, save};
pub use fixed::{Aligned, StaticSnapshot};
pub use read::{Numbers, Snapshot, Tensors};
pub use write::{encoded_len, write};

use crate::shape::Dims;

/// One tensor among a network's parameters.
///
/// ```
/// use kernlet::{shape::Dims, snapshot::TensorInfo};
/// const BIAS: TensorInfo = TensorInfo { layer: "fc", name: "bias", dims: Dims::new(&[10]), offset: 7840 };
/// assert_eq!(BIAS.range(), 7840..7850);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct TensorInfo<'a> {
    /// The layer's name.
    pub layer: &'a str,
    /// The tensor's name within the layer, Keras' word: `kernel`, `bias`, `gamma` …
    pub name: &'a str,
    /// Its shape.
    pub dims: Dims,
    /// Where it begins among the parameters, counted in `f32`.
    pub offset: usize,
}

impl TensorInfo<'_> {
    /// Where it lies among the parameters.
    ///
    /// See [`TensorInfo`] for an example.
    pub const fn range(&self) -> core::ops::Range<usize> {
        self.offset..self.offset + self.dims.len()
    }
}

/// What a file must agree with: a network's name, identity and tensors.
///
/// ```
/// use kernlet::{shape::Dims, snapshot::{ModelInfo, TensorInfo}};
/// const INFO: ModelInfo = ModelInfo::new("Tiny", 1, &[
///     TensorInfo { layer: "fc", name: "kernel", dims: Dims::new(&[2, 3]), offset: 0 },
///     TensorInfo { layer: "fc", name: "bias", dims: Dims::new(&[3]), offset: 6 },
/// ]);
/// assert_eq!(INFO.parameters(), 9);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ModelInfo {
    name: &'static str,
    id: u64,
    tensors: &'static [TensorInfo<'static>],
}

impl ModelInfo {
    /// The network `name`; `id` is a hash of all that makes its parameters fit ([`Hash64`]).
    ///
    /// # Panics
    /// If the tensors do not follow each other without a gap, one is empty, or a name has more than 255 bytes;
    /// in a `const` that is a compile-time error.
    ///
    /// See [`ModelInfo`] for an example.
    pub const fn new(name: &'static str, id: u64, tensors: &'static [TensorInfo<'static>]) -> Self {
        let (mut i, mut end) = (0, 0);
        while i < tensors.len() {
            let tensor = &tensors[i];
            assert!(tensor.offset == end, "each tensor must begin where the one before ends");
            assert!(!tensor.dims.is_empty(), "a tensor has at least one number");
            assert!(tensor.layer.len() < 256 && tensor.name.len() < 256, "a name has at most 255 bytes");
            end += tensor.dims.len();
            i += 1;
        }
        Self { name, id, tensors }
    }

    /// The network's name.
    ///
    /// ```
    /// assert_eq!(kernlet::snapshot::ModelInfo::new("Tiny", 1, &[]).name(), "Tiny");
    /// ```
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The identity of the network's layers.
    ///
    /// ```
    /// assert_eq!(kernlet::snapshot::ModelInfo::new("Tiny", 1, &[]).id(), 1);
    /// ```
    pub const fn id(&self) -> u64 {
        self.id
    }

    /// The tensors, in the order of the parameters.
    ///
    /// ```
    /// assert!(kernlet::snapshot::ModelInfo::new("Tiny", 1, &[]).tensors().is_empty());
    /// ```
    pub const fn tensors(&self) -> &'static [TensorInfo<'static>] {
        self.tensors
    }

    /// The number of parameters, all tensors together.
    ///
    /// See [`ModelInfo`] for an example.
    pub const fn parameters(&self) -> usize {
        match self.tensors.last() {
            Some(tensor) => tensor.offset + tensor.dims.len(),
            None => 0,
        }
    }
}

/// A network type that says what its snapshots hold.
///
/// ```
/// use kernlet::snapshot::{Described, ModelInfo};
/// struct Empty;
/// impl Described for Empty {
///     const INFO: ModelInfo = ModelInfo::new("Empty", 0, &[]);
/// }
/// assert_eq!(Empty::INFO.parameters(), 0);
/// ```
pub trait Described {
    /// Name, identity and tensors.
    const INFO: ModelInfo;
}

/// How far training has come.
///
/// ```
/// use kernlet::snapshot::Progress;
/// let start = Progress { seed: 42, ..Progress::default() };
/// assert_eq!(start.step, 0);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Progress {
    /// Steps done since the first.
    pub step: u64,
    /// Epochs done.
    pub epoch: u64,
    /// Examples seen of the epoch under way.
    pub position: u64,
    /// The seed of shuffling, dropout and augmentation.
    pub seed: u64,
}

/// What training needs, beside the parameters, to go on as if it had not stopped.
///
/// `N` is a list of arrays in what is written, which follow each other in the file, and [`Numbers`]
/// in what was read.
///
/// ```
/// use kernlet::snapshot::{Progress, Training};
/// let (first, second) = ([0.0; 4], [0.0; 4]);
/// let state: &[&[f32]] = &[&first, &second];
/// let training = Training { optimizer: "adam", progress: Progress::default(), state };
/// assert_eq!(training.state.len(), 2);
/// ```
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Training<'a, N> {
    /// The optimizer's name, 16 bytes at most.
    pub optimizer: &'a str,
    /// Step, epoch, position and seed.
    pub progress: Progress,
    /// The optimizer's numbers.
    pub state: N,
}

/// Places in the header; the module's table says what they are.
mod at {
    pub const VERSION: usize = 8;
    pub const HEADER_LEN: usize = 12;
    pub const FILE_LEN: usize = 16;
    pub const ID: usize = 24;
    pub const PARAMETERS: usize = 32;
    pub const STATE: usize = 40;
    pub const STEP: usize = 48;
    pub const EPOCH: usize = 56;
    pub const POSITION: usize = 64;
    pub const SEED: usize = 72;
    pub const OPTIMIZER: usize = 80;
    pub const TENSORS: usize = 96;
    pub const PAYLOAD_CRC: usize = 100;
    pub const NAME: usize = 104;
    pub const TABLE: usize = 136;
}

const MAGIC: [u8; 8] = *b"\x89KNL\r\n\x1a\n";

/// The version that this release writes, and the only one it reads.
///
/// ```
/// assert_eq!(kernlet::snapshot::VERSION, 1);
/// ```
pub const VERSION: u32 = 1;

/// The alignment in bytes of the parameters, and of the optimizer state, within a file.
///
/// ```
/// assert_eq!(kernlet::snapshot::ALIGNMENT, 64);
/// ```
pub const ALIGNMENT: usize = 64;
