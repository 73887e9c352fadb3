//! A model as plain bytes that say which model they are.
//!
//! # The format, version 2
//!
//! All numbers are little-endian, lengths are in bytes. A *name* is its length in one byte, then UTF-8.
//!
//! | at | bytes | what |
//! |---|---|---|
//! | 0 | 8 | magic `89 4B 4E 4C 0D 0A 1A 0A`: a text-mode transfer breaks it visibly |
//! | 8 | 4 | format version |
//! | 12 | 4 | `H`, length of this header, a multiple of 64 |
//! | 16 | 8 | length of the whole file |
//! | 24 | 8 | identity of the network: [`ModelInfo::id`] |
//! | 32 | 4 | number of attributes |
//! | 36 | 4 | number of tensors |
//! | 40 | 4 | number of sections |
//! | 44 | 4 | 0 |
//! | 48 | | the network's name |
//! | | | each attribute: names of its owner and itself, its type (1: `f64`, 2: `u64`, 3: sizes, 4: name), its value |
//! | | | each tensor: names of its layer and itself, [type of its elements](ElementType), sizes |
//! | | | each section: name, flags (1: refuse the file if it is not understood), type of its elements, start (8), length (8), CRC-32 (4) |
//! | | | zeros |
//! | `H` − 4 | 4 | CRC-32 of everything before it |
//! | `H` | | the sections, each from a multiple of 64 on, in the order of the list, zeros between |
//!
//! Sizes are their number in one byte, then 4 bytes each. Attributes whose owner is a layer are hyper-parameters of
//! the network: they must be exactly those of the network that is filled. An owner that begins with `@` is
//! something else: `@optimizer` has the optimizer's name and hyper-parameters, `@training` how far training has come.
//!
//! The first section is `parameters`, the elements of all tensors one after the other. Others of this crate are
//! `optimizer` (its state), `best` and `standardizer`; a program may add its own. A reader passes over a section it
//! does not know, unless its flag forbids that.
//!
//! Parameters begin at a multiple of 64 bytes, so a file that lies aligned in
//! flash is used where it lies ([`static_snapshot!`](crate::static_snapshot)).
//! A file of this version will be read by every later release.

mod attribute;
mod checksum;
mod element;
mod error;
#[cfg(feature = "std")]
mod file;
mod fixed;
mod read;
#[cfg(feature = "safetensors")]
pub mod safetensors;
mod table;
mod write;

pub use attribute::{AttributeInfo, AttributeValue};
pub use checksum::{Hash64, crc32, fingerprint};
pub use element::ElementType;
pub use error::{Label, SnapshotError, WriteError};
#[cfg(feature = "std")]
pub use file::{behind_links, replace_file, save, save_contents};
pub use fixed::{Aligned, StaticSnapshot};
pub use read::{Numbers, Snapshot, StoredSection};
pub use write::{contents_len, encoded_len, write, write_contents};

use crate::{data::standardize::Standardizer, shape::Dims};

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
#[derive(Clone, Copy, PartialEq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ModelInfo {
    name: &'static str,
    id: u64,
    tensors: &'static [TensorInfo<'static>],
    attributes: &'static [AttributeInfo<'static>],
    flattened: &'static [(&'static str, Dims)],
    depthwise: &'static [&'static str],
    reshaped: &'static [(&'static str, Dims)],
}

impl ModelInfo {
    /// The network `name`; `id` is a hash of all that makes its parameters fit ([`Hash64`]).
    ///
    /// # Panics
    /// If the tensors do not follow each other without a gap, one is empty, or a name has more than 255 bytes;
    /// in a `const` that is a compile-time error.
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
        assert!(name.len() < 256, "a name has at most 255 bytes");
        Self { name, id, tensors, attributes: &[], flattened: &[], depthwise: &[], reshaped: &[] }
    }

    /// The same with the hyper-parameters of its layers, which a file must have too.
    ///
    /// # Panics
    /// If an owner begins with `@` or a name has more than 255 bytes; in a `const` that is a compile-time error.
    ///
    /// ```
    /// use kernlet::snapshot::{AttributeInfo, AttributeValue, ModelInfo};
    /// const INFO: ModelInfo = ModelInfo::new("Tiny", 1, &[]).with_attributes(&[
    ///     AttributeInfo { owner: "bn1", name: "epsilon", value: AttributeValue::Number(1e-3) },
    /// ]);
    /// assert_eq!(INFO.attributes()[0].owner, "bn1");
    /// ```
    pub const fn with_attributes(self, attributes: &'static [AttributeInfo<'static>]) -> Self {
        let mut i = 0;
        while i < attributes.len() {
            let AttributeInfo { owner, name, value } = &attributes[i];
            assert!(attributes[i].is_of_layer(), "an attribute of a network belongs to a layer");
            assert!(owner.len() < 256 && name.len() < 256, "a name has at most 255 bytes");
            if let AttributeValue::Word(word) = value {
                assert!(word.len() < 256, "a word has at most 255 bytes");
            }
            i += 1;
        }
        Self { attributes, ..self }
    }

    /// The same with what frameworks that lay out images by channels must know: dense layers that read a flattened
    /// image, with its height, width and channels, and depthwise convolutions. Neither is written into files.
    ///
    /// # Panics
    /// If an image does not have three axes; in a `const` that is a compile-time error.
    pub const fn with_images(
        self,
        flattened: &'static [(&'static str, Dims)],
        depthwise: &'static [&'static str],
    ) -> Self {
        let mut i = 0;
        while i < flattened.len() {
            assert!(flattened[i].1.rank() == 3, "an image has height, width and channels");
            i += 1;
        }
        Self { flattened, depthwise, ..self }
    }

    /// The same with layers whose list of outputs is read as an image, with its height, width and channels.
    ///
    /// # Panics
    /// If an image does not have three axes; in a `const` that is a compile-time error.
    pub const fn with_reshaped(self, reshaped: &'static [(&'static str, Dims)]) -> Self {
        let mut i = 0;
        while i < reshaped.len() {
            assert!(reshaped[i].1.rank() == 3, "an image has height, width and channels");
            i += 1;
        }
        Self { reshaped, ..self }
    }

    /// Layers whose list of outputs is read as an image, with its height, width and channels.
    pub const fn reshaped(&self) -> &'static [(&'static str, Dims)] {
        self.reshaped
    }

    /// Layers that read a flattened image, dense or with a number for each element, with its height, width and
    /// channels.
    pub const fn flattened(&self) -> &'static [(&'static str, Dims)] {
        self.flattened
    }

    /// Whether the layer of that name is a depthwise convolution.
    pub fn is_depthwise(&self, layer: &str) -> bool {
        self.depthwise.contains(&layer)
    }

    /// The hyper-parameters of its layers.
    pub const fn attributes(&self) -> &'static [AttributeInfo<'static>] {
        self.attributes
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

/// What training needs, besides the parameters, to go on as if it had not stopped.
///
/// When writing, `N` is a list of arrays, which follow each other in the file; when reading, it is [`Numbers`].
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
    /// The optimizer's name, 1 to 255 bytes.
    pub optimizer: &'a str,
    /// Step, epoch, position and seed.
    pub progress: Progress,
    /// The optimizer's numbers.
    pub state: N,
}

/// A named part of a file, on its way out.
///
/// ```
/// use kernlet::snapshot::{Data, Section};
/// // Who cannot read the words must not use the model.
/// let words = Section { name: "words", required: true, data: Data::Bytes(b"yes no") };
/// # assert!(words.required);
/// ```
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Section<'a> {
    /// Its name, 1 to 255 bytes.
    pub name: &'a str,
    /// Whether a reader that does not know it must refuse the file.
    pub required: bool,
    /// What is in it.
    pub data: Data<'a>,
}

/// The name of the section that [`Section::standardizer`] makes.
pub const STANDARDIZER: &str = "standardizer";

impl<'a> Section<'a> {
    /// What a model's features are standardised by; whoever uses the model must do the same.
    ///
    /// ```
    /// use kernlet::{data::standardize::Standardizer, snapshot::*};
    /// const INFO: ModelInfo = ModelInfo::new("Empty", 7, &[]);
    /// const STANDARD: Standardizer<2> = Standardizer::new([1.0, 2.0], [0.5, 4.0]);
    /// let contents = Contents { sections: &[Section::standardizer(&STANDARD)], ..Contents::default() };
    /// let mut file = Vec::new();
    /// write_contents(&INFO, &contents, &mut |bytes: &[u8]| Ok::<(), ()>(file.extend_from_slice(bytes))).unwrap();
    /// let snapshot = Snapshot::open_with(&file, &INFO, &[STANDARDIZER])?;
    /// assert_eq!(snapshot.standardizer::<2>()?, STANDARD);
    /// # Ok::<(), SnapshotError>(())
    /// ```
    pub const fn standardizer<const N: usize>(standardizer: &'a Standardizer<N>) -> Self {
        Self { name: STANDARDIZER, required: true, data: Data::Array(standardizer.numbers()) }
    }
}

/// What a section holds.
#[derive(Clone, Copy, PartialEq, Debug)]
#[non_exhaustive]
pub enum Data<'a> {
    /// Arrays of numbers, one after the other.
    Numbers(&'a [&'a [f32]]),
    /// One array of numbers.
    Array(&'a [f32]),
    /// Bytes that only their owner understands.
    Bytes(&'a [u8]),
}

/// All that a file may hold besides the description of its network.
///
/// ```
/// use kernlet::snapshot::{Contents, Data, ModelInfo, Section, Snapshot, write_contents};
/// const INFO: ModelInfo = ModelInfo::new("Empty", 7, &[]);
/// let words = [Section { name: "words", required: false, data: Data::Bytes(b"yes no") }];
/// let contents = Contents { sections: &words, ..Contents::default() };
/// let mut file = Vec::new();
/// write_contents(&INFO, &contents, &mut |bytes: &[u8]| Ok::<(), ()>(file.extend_from_slice(bytes))).unwrap();
/// assert_eq!(Snapshot::open(&file, &INFO)?.section("words").unwrap().bytes, b"yes no");
/// # Ok::<(), kernlet::snapshot::SnapshotError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Contents<'a> {
    /// The network's parameters.
    pub parameters: &'a [f32],
    /// What training needs to go on.
    pub training: Option<Training<'a, &'a [&'a [f32]]>>,
    /// Facts whose owner begins with `@`.
    pub attributes: &'a [AttributeInfo<'a>],
    /// Parts besides the parameters and the optimizer's state.
    pub sections: &'a [Section<'a>],
}

/// A tensor as a file has it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct StoredTensor<'a> {
    /// The layer's name.
    pub layer: &'a str,
    /// The tensor's name within the layer.
    pub name: &'a str,
    /// The type of its elements.
    pub element: ElementType,
    /// Its shape.
    pub dims: Dims,
    /// Where it begins among the bytes of the parameters.
    pub start: usize,
    /// Where it ends.
    pub end: usize,
}

/// A section as the list in the header has it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct SectionInfo<'a> {
    /// Its name.
    pub name: &'a str,
    /// Whether a reader that does not know it must refuse the file.
    pub required: bool,
    /// The type of its elements.
    pub element: ElementType,
    /// Where it begins in the file.
    pub start: u64,
    /// Its length in bytes.
    pub len: u64,
    crc: u32,
}

/// Names of this crate's own parts and owners.
pub(crate) mod names {
    pub(crate) const PARAMETERS: &str = "parameters";
    pub(crate) const OPTIMIZER: &str = "optimizer";
    pub(crate) const BEST: &str = "best";
    pub(crate) const AT_OPTIMIZER: &str = "@optimizer";
    pub(crate) const AT_TRAINING: &str = "@training";
    pub(crate) const PROGRESS: [&str; 4] = ["step", "epoch", "position", "seed"];
}

/// Places in the header; the module's table says what they are.
mod at {
    pub const VERSION: usize = 8;
    pub const HEADER_LEN: usize = 12;
    pub const FILE_LEN: usize = 16;
    pub const ID: usize = 24;
    pub const ATTRIBUTES: usize = 32;
    pub const TENSORS: usize = 36;
    pub const SECTIONS: usize = 40;
    pub const ZERO: usize = 44;
    pub const NAME: usize = 48;
}

const fn equal(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let mut i = 0;
    while i < a.len() && a[i] == b[i] {
        i += 1;
    }
    i == a.len()
}

const fn equal_sizes(a: &[usize], b: &[usize]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let mut i = 0;
    while i < a.len() && a[i] == b[i] {
        i += 1;
    }
    i == a.len()
}

const MAGIC: [u8; 8] = *b"\x89KNL\r\n\x1a\n";

/// The version that this release writes, and the only one it reads.
///
/// ```
/// assert_eq!(kernlet::snapshot::VERSION, 2);
/// ```
pub const VERSION: u32 = 2;

/// The alignment in bytes of each section within a file.
///
/// ```
/// assert_eq!(kernlet::snapshot::ALIGNMENT, 64);
/// ```
pub const ALIGNMENT: usize = 64;
