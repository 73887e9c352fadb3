//! Reading a snapshot where it lies.

use super::{
    ALIGNMENT, AttributeInfo, AttributeValue, ElementType, Label, MAGIC, ModelInfo, Progress, STANDARDIZER,
    SectionInfo, SnapshotError, StoredTensor, Training, VERSION, at,
    attribute::is_among,
    checksum::crc32,
    equal, equal_sizes, names,
    table::{Cursor, is_zero},
};
use crate::data::standardize::Standardizer;

/// Little-endian `f32` in a file, wherever they lie.
///
/// ```
/// # use kernlet::snapshot::{ModelInfo, Progress, Snapshot, Training, write};
/// # const INFO: ModelInfo = ModelInfo::new("Empty", 7, &[]);
/// # let mut file = Vec::new();
/// # let training = Training { optimizer: "sgd", progress: Progress::default(), state: &[&[1.5_f32, 2.5][..]][..] };
/// # write(&INFO, &[], Some(&training), &mut |bytes: &[u8]| Ok::<(), ()>(file.extend_from_slice(bytes))).unwrap();
/// let snapshot = Snapshot::parse(&file)?;
/// let mut state = [0.0; 2];
/// snapshot.training()?.state.copy_into(&mut state)?;
/// assert_eq!(state, [1.5, 2.5]);
/// # Ok::<(), kernlet::snapshot::SnapshotError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Numbers<'a>(pub(super) &'a [u8]);

impl<'a> Numbers<'a> {
    /// How many there are.
    ///
    /// See [`ModelInfo::parameters`] for what a network's file should have.
    pub const fn len(&self) -> usize {
        self.0.len() / size_of::<f32>()
    }

    /// Whether there are none.
    ///
    /// See [`Numbers::len`].
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The first `count` and the rest, or `None` if there are fewer.
    ///
    /// ```
    /// # use kernlet::snapshot::{ModelInfo, Snapshot, write};
    /// # let mut file = Vec::new();
    /// # write(&ModelInfo::new("Empty", 7, &[]), &[], None, &mut |bytes: &[u8]| Ok::<(), ()>(file.extend_from_slice(bytes))).unwrap();
    /// assert!(Snapshot::parse(&file)?.parameters().split_at(1).is_none());
    /// # Ok::<(), kernlet::snapshot::SnapshotError>(())
    /// ```
    pub fn split_at(&self, count: usize) -> Option<(Self, Self)> {
        let (first, rest) = self.0.split_at_checked(count.checked_mul(size_of::<f32>())?)?;
        Some((Self(first), Self(rest)))
    }

    /// Copies them, from any address and on any machine.
    ///
    /// # Errors
    /// [`SnapshotError::Length`] if `numbers` has another length.
    pub fn copy_into(&self, numbers: &mut [f32]) -> Result<(), SnapshotError> {
        if numbers.len() != self.len() {
            return Err(SnapshotError::Length { expected: self.len(), found: numbers.len() });
        }
        for (number, bytes) in numbers.iter_mut().zip(self.0.as_chunks::<4>().0) {
            *number = f32::from_le_bytes(*bytes);
        }
        Ok(())
    }

    /// The numbers where they lie.
    ///
    /// # Errors
    /// [`SnapshotError::NotInPlace`] if they are not aligned to 4 bytes or the machine is big-endian.
    ///
    /// See [`static_snapshot!`](crate::static_snapshot) for files that are always aligned.
    pub fn in_place(&self) -> Result<&'a [f32], SnapshotError> {
        if cfg!(target_endian = "big") {
            return Err(SnapshotError::NotInPlace);
        }
        bytemuck::try_cast_slice(self.0).map_err(|_| SnapshotError::NotInPlace)
    }
}

/// A section of a file.
///
/// [`Contents`](super::Contents) has an example.
#[derive(Clone, Copy, PartialEq, Debug)]
#[non_exhaustive]
pub struct StoredSection<'a> {
    /// Its name.
    pub name: &'a str,
    /// The type of its elements; `U8` for bytes that only their owner understands.
    pub element: ElementType,
    /// What is in it.
    pub bytes: &'a [u8],
}

impl<'a> StoredSection<'a> {
    /// Its numbers, if they are `f32`.
    pub const fn numbers(&self) -> Option<Numbers<'a>> {
        match self.element {
            ElementType::F32 => Some(Numbers(self.bytes)),
            _ => None,
        }
    }
}

/// A snapshot whose header, length and checksums have been checked.
///
/// ```
/// use kernlet::snapshot::{ModelInfo, Snapshot, SnapshotError, write};
/// const INFO: ModelInfo = ModelInfo::new("Empty", 7, &[]);
/// let mut file = Vec::new();
/// write(&INFO, &[], None, &mut |bytes: &[u8]| Ok::<(), ()>(file.extend_from_slice(bytes))).unwrap();
/// let snapshot = Snapshot::open(&file, &INFO)?;
/// assert_eq!((snapshot.name(), snapshot.parameters().len()), ("Empty", 0));
///
/// file[30] ^= 1;
/// assert!(matches!(Snapshot::open(&file, &INFO), Err(SnapshotError::HeaderChecksum { .. })));
/// # Ok::<(), SnapshotError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Snapshot<'a> {
    bytes: &'a [u8],
    name: &'a str,
    attributes: List<'a>,
    tensors: List<'a>,
    sections: List<'a>,
    parameters: &'a [u8],
}

/// A list in the header: where it begins, and how many entries it has.
#[derive(Clone, Copy, PartialEq, Debug)]
struct List<'a> {
    cursor: Cursor<'a>,
    count: usize,
}

impl<'a> Snapshot<'a> {
    /// Reads a snapshot of any network, without asking whether all of its sections are understood.
    ///
    /// # Errors
    /// [`SnapshotError`] if the bytes are not a snapshot, or are cut off, too long or damaged.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, SnapshotError> {
        let snapshot = Self::parse_header(bytes)?;
        snapshot.verify_payload()?;
        Ok(snapshot)
    }

    /// Reads a snapshot of the network that `info` describes.
    ///
    /// # Errors
    /// [`SnapshotError`] if the bytes are not a snapshot, or are cut off, too long, damaged, or of another network, and
    /// [`SnapshotError::Section`] if there is a section that must be understood and is not one of this crate's.
    pub fn open(bytes: &'a [u8], info: &ModelInfo) -> Result<Self, SnapshotError> {
        Self::open_with(bytes, info, &[])
    }

    /// Reads a snapshot of the network that `info` describes; the caller understands sections of these names.
    ///
    /// # Errors
    /// As for [`open`](Self::open).
    ///
    /// ```
    /// use kernlet::snapshot::{Contents, Data, ModelInfo, Section, Snapshot, SnapshotError, write_contents};
    /// const INFO: ModelInfo = ModelInfo::new("Empty", 7, &[]);
    /// let words = [Section { name: "words", required: true, data: Data::Bytes(b"yes no") }];
    /// let contents = Contents { sections: &words, ..Contents::default() };
    /// let mut file = Vec::new();
    /// write_contents(&INFO, &contents, &mut |bytes: &[u8]| Ok::<(), ()>(file.extend_from_slice(bytes))).unwrap();
    /// assert!(matches!(Snapshot::open(&file, &INFO), Err(SnapshotError::Section { .. })));
    /// assert!(Snapshot::open_with(&file, &INFO, &["words"]).is_ok());
    /// # Ok::<(), SnapshotError>(())
    /// ```
    pub fn open_with(bytes: &'a [u8], info: &ModelInfo, understood: &[&str]) -> Result<Self, SnapshotError> {
        let snapshot = Self::parse_header(bytes)?;
        // Which network it is of says more than that its numbers are damaged.
        snapshot.expect(info)?;
        snapshot.expect_sections(understood)?;
        snapshot.verify_payload()?;
        Ok(snapshot)
    }

    /// All checks but those of the sections' contents; `const`, so written with loops.
    pub(super) const fn parse_header(bytes: &'a [u8]) -> Result<Self, SnapshotError> {
        let found = bytes.len() as u64;
        let Some(magic) = bytes.first_chunk::<8>() else {
            return Err(SnapshotError::Truncated { expected: at::NAME as u64, found });
        };
        if u64::from_be_bytes(*magic) != u64::from_be_bytes(MAGIC) {
            return Err(SnapshotError::Magic { found: u64::from_be_bytes(*magic) });
        }
        if bytes.len() < at::NAME {
            return Err(SnapshotError::Truncated { expected: at::NAME as u64, found });
        }
        let version = u32_at(bytes, at::VERSION);
        if version != VERSION {
            return Err(SnapshotError::Version { expected: VERSION, found: version });
        }
        let header_len = u32_at(bytes, at::HEADER_LEN) as usize;
        if !header_len.is_multiple_of(ALIGNMENT) || header_len < at::NAME + 4 {
            return Err(SnapshotError::Header { what: "the length of the header", found: header_len as u64 });
        }
        let Some((header, _)) = bytes.split_at_checked(header_len) else {
            return Err(SnapshotError::Truncated { expected: header_len as u64, found });
        };
        let (checked, crc) = header.split_at(header_len - 4);
        let (expected, computed) = (u32_at(crc, 0), crc32(0, checked));
        if expected != computed {
            return Err(SnapshotError::HeaderChecksum { expected, found: computed });
        }
        let expected = u64_at(bytes, at::FILE_LEN);
        if found < expected {
            return Err(SnapshotError::Truncated { expected, found });
        }
        if found > expected {
            return Err(SnapshotError::Trailing { expected, found });
        }
        // From here on the header is whole, and may still say anything.
        if u32_at(bytes, at::ZERO) != 0 {
            return Err(SnapshotError::Header { what: "what must be 0", found: u32_at(bytes, at::ZERO) as u64 });
        }
        Self::parse_lists(bytes, checked)
    }

    const fn parse_lists(bytes: &'a [u8], checked: &'a [u8]) -> Result<Self, SnapshotError> {
        let mut cursor = Cursor::new(checked.split_at(at::NAME).1);
        let Some(name) = cursor.name() else { return Err(broken(checked, cursor, "the place of a broken name")) };
        let count = u32_at(bytes, at::ATTRIBUTES) as usize;
        let attributes = List { cursor, count };
        let mut i = 0;
        while i < count {
            if cursor.attribute().is_none() {
                return Err(broken(checked, cursor, "the place of a broken attribute"));
            }
            i += 1;
        }
        let count = u32_at(bytes, at::TENSORS) as usize;
        let tensors = List { cursor, count };
        let (mut i, mut start) = (0, 0);
        while i < count {
            match cursor.tensor(start) {
                Some(tensor) => start = tensor.end,
                None => return Err(broken(checked, cursor, "the place of a broken tensor")),
            }
            i += 1;
        }
        let count = u32_at(bytes, at::SECTIONS) as usize;
        let sections = List { cursor, count };
        let (mut i, mut at, mut parameters) = (0, checked.len() + 4, None);
        while i < count {
            let Some(section) = cursor.section() else {
                return Err(broken(checked, cursor, "the place of a broken section"));
            };
            // Sections follow each other, with zeros up to a multiple between.
            let place = match at.checked_next_multiple_of(ALIGNMENT) {
                Some(place) if place as u64 == section.start => place,
                _ => return Err(SnapshotError::Header { what: "the start of a section", found: section.start }),
            };
            if section.len > (bytes.len() as u64).saturating_sub(section.start) {
                return Err(SnapshotError::Header { what: "the length of a section", found: section.len });
            }
            let contents = bytes.split_at(place).1.split_at(section.len as usize).0;
            if !is_zero(bytes.split_at(at).1.split_at(place - at).0) {
                return Err(SnapshotError::Header { what: "what must be 0 before a section", found: place as u64 });
            }
            if i == 0 && equal(section.name.as_bytes(), names::PARAMETERS.as_bytes()) {
                parameters = Some(contents);
            }
            at = place + contents.len();
            i += 1;
        }
        if !cursor.is_padding() {
            return Err(broken(checked, cursor, "the place of what must be 0"));
        }
        if at != bytes.len() {
            return Err(SnapshotError::Header { what: "the length of the file", found: bytes.len() as u64 });
        }
        let Some(parameters) = parameters else {
            return Err(SnapshotError::Header { what: "the number of parameter sections", found: 0 });
        };
        if parameters.len() != start {
            return Err(SnapshotError::Header { what: "the length of the parameters", found: parameters.len() as u64 });
        }
        Ok(Self { bytes, name, attributes, tensors, sections, parameters })
    }

    /// The parameters and their checksum, which comes with the first section.
    pub(super) const fn checked_parameters(&self) -> (Numbers<'a>, u32) {
        let mut cursor = self.sections.cursor;
        let crc = match cursor.section() {
            Some(section) => section.crc,
            None => 0,
        };
        (Numbers(self.parameters), crc)
    }

    /// Whether the checksums of all sections are right.
    pub(super) fn verify_payload(&self) -> Result<(), SnapshotError> {
        for section in self.section_infos() {
            let found = crc32(0, self.contents(&section));
            if section.crc != found {
                return Err(SnapshotError::PayloadChecksum { expected: section.crc, found });
            }
        }
        Ok(())
    }

    /// Whether each section that must be understood is one of this crate's or of `understood`.
    fn expect_sections(&self, understood: &[&str]) -> Result<(), SnapshotError> {
        let own = [names::PARAMETERS, names::OPTIMIZER, names::BEST];
        for section in self.section_infos().filter(|section| section.required) {
            if !own.iter().chain(understood).any(|name| *name == section.name) {
                return Err(SnapshotError::Section { name: Label::new(section.name) });
            }
        }
        Ok(())
    }

    /// Whether it is of the network that `info` describes.
    ///
    /// # Errors
    /// [`SnapshotError::Tensors`], [`SnapshotError::Tensor`] or [`SnapshotError::Element`] with the first difference of
    /// tensors, else [`SnapshotError::Attribute`] with the first difference of hyper-parameters, else
    /// [`SnapshotError::Network`] if the identities differ. Names of networks may differ.
    ///
    /// ```
    /// use kernlet::snapshot::{AttributeInfo, AttributeValue, ModelInfo, Snapshot, write};
    /// const EPSILON: AttributeInfo = AttributeInfo { owner: "bn", name: "epsilon", value: AttributeValue::Number(1e-3) };
    /// const SMALLER: AttributeInfo = AttributeInfo { value: AttributeValue::Number(1e-5), ..EPSILON };
    /// const KERAS: ModelInfo = ModelInfo::new("Net", 7, &[]).with_attributes(&[EPSILON]);
    /// const TORCH: ModelInfo = ModelInfo::new("Net", 7, &[]).with_attributes(&[SMALLER]);
    /// let mut file = Vec::new();
    /// write(&TORCH, &[], None, &mut |bytes: &[u8]| Ok::<(), ()>(file.extend_from_slice(bytes))).unwrap();
    /// assert_eq!(
    ///     Snapshot::parse(&file)?.expect(&KERAS).unwrap_err().to_string(),
    ///     "a hyper-parameter in the snapshot is another: bn: epsilon: expected 0.001, found 0.00001",
    /// );
    /// # Ok::<(), kernlet::snapshot::SnapshotError>(())
    /// ```
    pub const fn expect(&self, info: &ModelInfo) -> Result<(), SnapshotError> {
        if let Err(error) = self.expect_tensors(info) {
            return Err(error);
        }
        if let Err(error) = self.expect_attributes(info) {
            return Err(error);
        }
        if self.id() != info.id {
            return Err(SnapshotError::Network {
                expected: info.name,
                expected_id: info.id,
                found: Label::new(self.name),
                found_id: self.id(),
            });
        }
        Ok(())
    }

    const fn expect_tensors(&self, info: &ModelInfo) -> Result<(), SnapshotError> {
        let List { mut cursor, count } = self.tensors;
        if count != info.tensors.len() {
            return Err(SnapshotError::Tensors { expected: info.tensors.len(), found: count });
        }
        let (mut i, mut start) = (0, 0);
        while i < count {
            let Some(found) = cursor.tensor(start) else { return Ok(()) };
            let expected = &info.tensors[i];
            let same = equal(found.layer.as_bytes(), expected.layer.as_bytes())
                && equal(found.name.as_bytes(), expected.name.as_bytes())
                && equal_sizes(found.dims.as_slice(), expected.dims.as_slice());
            let name = Label::new(found.layer).then("/").then(found.name);
            if !same {
                return Err(SnapshotError::Tensor { expected, name, found: found.dims });
            }
            if !matches!(found.element, ElementType::F32) {
                return Err(SnapshotError::Element { name, expected: ElementType::F32, found: found.element });
            }
            start = found.end;
            i += 1;
        }
        Ok(())
    }

    /// Whether the hyper-parameters of layers are exactly those of `info`, in the same order.
    const fn expect_attributes(&self, info: &ModelInfo) -> Result<(), SnapshotError> {
        let List { mut cursor, count } = self.attributes;
        let (mut i, mut n) = (0, 0);
        while i < count {
            let Some(found) = cursor.attribute() else { return Ok(()) };
            i += 1;
            if !found.is_of_layer() {
                continue;
            }
            let place = Label::new(found.owner).then(": ").then(found.name);
            if n == info.attributes.len() {
                return Err(differs(None, place, Some(&found)));
            }
            let expected = &info.attributes[n];
            n += 1;
            if expected.is_named(&found) {
                if !found.value.is(&expected.value) {
                    return Err(differs(Some(expected), place, Some(&found)));
                }
                continue;
            }
            // Two of different names say nothing of each other: one of them is what the other side lacks.
            if !is_among(&found, info.attributes) {
                return Err(differs(None, place, Some(&found)));
            }
            if !self.has_attribute(expected) {
                return Err(differs(Some(expected), place, None));
            }
            return Err(differs(Some(expected), place, Some(&found)));
        }
        if n < info.attributes.len() {
            let expected = &info.attributes[n];
            let name = Label::new(expected.owner).then(": ").then(expected.name);
            return Err(differs(Some(expected), name, None));
        }
        Ok(())
    }

    /// Whether there is an attribute with this one's name.
    const fn has_attribute(&self, wanted: &AttributeInfo<'_>) -> bool {
        let List { mut cursor, count } = self.attributes;
        let mut i = 0;
        while i < count {
            match cursor.attribute() {
                Some(found) if wanted.is_named(&found) => return true,
                _ => i += 1,
            }
        }
        false
    }

    /// The network's name.
    pub const fn name(&self) -> &'a str {
        self.name
    }

    /// The identity of the network, as [`ModelInfo::id`].
    pub const fn id(&self) -> u64 {
        u64_at(self.bytes, at::ID)
    }

    /// The parameters of all tensors, if they are `f32`, as in every network of this crate; none otherwise.
    pub const fn parameters(&self) -> Numbers<'a> {
        Numbers(self.parameters)
    }

    /// The tensors in the order of the parameters.
    ///
    /// ```
    /// # use kernlet::{shape::Dims, snapshot::{ModelInfo, Snapshot, TensorInfo, write}};
    /// # const BIAS: TensorInfo = TensorInfo { layer: "fc", name: "bias", dims: Dims::new(&[2]), offset: 0 };
    /// # const INFO: ModelInfo = ModelInfo::new("Tiny", 7, &[BIAS]);
    /// # let mut file = Vec::new();
    /// # write(&INFO, &[1.0, 2.0], None, &mut |bytes: &[u8]| Ok::<(), ()>(file.extend_from_slice(bytes))).unwrap();
    /// let snapshot = Snapshot::parse(&file)?;
    /// let bias = snapshot.tensors().next().unwrap();
    /// assert_eq!((bias.layer, bias.name, bias.dims.as_slice()), ("fc", "bias", &[2][..]));
    /// # Ok::<(), kernlet::snapshot::SnapshotError>(())
    /// ```
    pub fn tensors(&self) -> impl Iterator<Item = StoredTensor<'a>> + use<'a> {
        let List { mut cursor, count } = self.tensors;
        let mut start = 0;
        (0..count).map_while(move |_| {
            let tensor = cursor.tensor(start)?;
            start = tensor.end;
            Some(tensor)
        })
    }

    /// Hyper-parameters of layers, and facts whose owner begins with `@`.
    pub fn attributes(&self) -> impl Iterator<Item = AttributeInfo<'a>> + use<'a> {
        let List { mut cursor, count } = self.attributes;
        (0..count).map_while(move |_| cursor.attribute())
    }

    /// The value of an attribute.
    pub fn attribute(&self, owner: &str, name: &str) -> Option<AttributeValue<&'a str>> {
        self.attributes().find(|found| found.owner == owner && found.name == name).map(|found| found.value)
    }

    fn section_infos(&self) -> impl Iterator<Item = SectionInfo<'a>> + use<'a> {
        let List { mut cursor, count } = self.sections;
        (0..count).map_while(move |_| cursor.section())
    }

    fn contents(&self, section: &SectionInfo<'_>) -> &'a [u8] {
        let range = usize::try_from(section.start).ok().zip(usize::try_from(section.len).ok());
        range.and_then(|(start, len)| self.bytes.get(start..)?.get(..len)).unwrap_or_default()
    }

    /// All sections, the parameters first.
    pub fn sections(&self) -> impl Iterator<Item = StoredSection<'a>> + use<'a> {
        let snapshot = *self;
        self.section_infos().map(move |info| StoredSection {
            name: info.name,
            element: info.element,
            bytes: snapshot.contents(&info),
        })
    }

    /// The section of that name.
    pub fn section(&self, name: &str) -> Option<StoredSection<'a>> {
        self.sections().find(|section| section.name == name)
    }

    /// What the model's `N` features are standardised by.
    ///
    /// # Errors
    /// [`SnapshotError::Length`] if the file has none, or one for another number of features.
    pub fn standardizer<const N: usize>(&self) -> Result<Standardizer<N>, SnapshotError> {
        let (mut means, mut deviations) = ([0.0; N], [0.0; N]);
        let numbers = self.section(STANDARDIZER).and_then(|section| section.numbers()).unwrap_or(Numbers(&[]));
        let halves = numbers.split_at(N).filter(|_| numbers.len() == 2 * N);
        let (low, high) = halves.ok_or(SnapshotError::Length { expected: numbers.len(), found: 2 * N })?;
        low.copy_into(&mut means)?;
        high.copy_into(&mut deviations)?;
        Ok(Standardizer::new(means, deviations))
    }

    /// What training needs to go on.
    ///
    /// # Errors
    /// [`SnapshotError::NoTraining`] if the file has none.
    ///
    /// [`write`](super::write()) has an example.
    pub fn training(&self) -> Result<Training<'a, Numbers<'a>>, SnapshotError> {
        let missing = SnapshotError::NoTraining;
        let Some(AttributeValue::Word(optimizer)) = self.attribute(names::AT_OPTIMIZER, "name") else {
            return Err(missing);
        };
        let state = self.section(names::OPTIMIZER).and_then(|section| section.numbers()).ok_or(missing)?;
        let number = |name| match self.attribute(names::AT_TRAINING, name) {
            Some(AttributeValue::Whole(number)) => Ok(number),
            _ => Err(missing),
        };
        let [step, epoch, position, seed] = names::PROGRESS.map(number);
        let progress = Progress { step: step?, epoch: epoch?, position: position?, seed: seed? };
        Ok(Training { optimizer, progress, state })
    }

    /// What training with `optimizer` needs to go on.
    ///
    /// # Errors
    /// [`SnapshotError::NoTraining`] if the file has none, [`SnapshotError::Optimizer`] if it is of another optimizer.
    ///
    /// ```
    /// # use kernlet::snapshot::{ModelInfo, Progress, Snapshot, Training, write};
    /// # const INFO: ModelInfo = ModelInfo::new("Empty", 7, &[]);
    /// # let mut file = Vec::new();
    /// # let training = Training { optimizer: "sgd", progress: Progress::default(), state: &[][..] };
    /// # write(&INFO, &[], Some(&training), &mut |bytes: &[u8]| Ok::<(), ()>(file.extend_from_slice(bytes))).unwrap();
    /// let snapshot = Snapshot::parse(&file)?;
    /// assert!(snapshot.training_with("sgd").is_ok());
    /// assert!(snapshot.training_with("adam").is_err());
    /// # Ok::<(), kernlet::snapshot::SnapshotError>(())
    /// ```
    pub fn training_with(&self, optimizer: &str) -> Result<Training<'a, Numbers<'a>>, SnapshotError> {
        let training = self.training()?;
        if training.optimizer == optimizer {
            Ok(training)
        } else {
            Err(SnapshotError::Optimizer { found: Label::new(training.optimizer) })
        }
    }
}

/// The error of an attribute that is not the expected one.
const fn differs(
    expected: Option<&'static AttributeInfo<'static>>,
    name: Label,
    found: Option<&AttributeInfo<'_>>,
) -> SnapshotError {
    let found = match found {
        Some(found) => Some(found.value.labelled()),
        None => None,
    };
    SnapshotError::Attribute { expected, name, found }
}

/// What is wrong where the cursor stands.
const fn broken(checked: &[u8], cursor: Cursor<'_>, what: &'static str) -> SnapshotError {
    SnapshotError::Header { what, found: (checked.len() - cursor.left()) as u64 }
}

const fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

const fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u32_at(bytes, at) as u64 | (u32_at(bytes, at + 4) as u64) << 32
}
