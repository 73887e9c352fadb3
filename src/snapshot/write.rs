//! Writing a snapshot, piece by piece, to whatever takes bytes.

use super::{
    ALIGNMENT, AttributeInfo, AttributeValue, Contents, Data, ElementType, MAGIC, ModelInfo, Progress, Section,
    Training, VERSION, WriteError, at, checksum::crc32, names,
};
use crate::shape::Dims;

/// The length in bytes of a network's snapshot without training state or other sections.
///
/// [`contents_len`] is the length with them.
///
/// ```
/// use kernlet::{shape::Dims, snapshot::{ModelInfo, TensorInfo, encoded_len}};
/// const INFO: ModelInfo = ModelInfo::new("Tiny", 1, &[
///     TensorInfo { layer: "fc", name: "kernel", dims: Dims::new(&[2, 3]), offset: 0 },
/// ]);
/// const { assert!(encoded_len(&INFO) == 128 + 24) };
/// ```
pub const fn encoded_len(info: &ModelInfo) -> usize {
    let mut len = at::NAME + 1 + info.name.len();
    let mut i = 0;
    while i < info.attributes.len() {
        len += attribute_len(&info.attributes[i]);
        i += 1;
    }
    i = 0;
    while i < info.tensors.len() {
        let tensor = &info.tensors[i];
        len += 4 + tensor.layer.len() + tensor.name.len() + 4 * tensor.dims.rank();
        i += 1;
    }
    len += section_len(names::PARAMETERS) + size_of::<u32>();
    len.next_multiple_of(ALIGNMENT) + size_of::<f32>() * info.parameters()
}

const fn attribute_len(attribute: &AttributeInfo<'_>) -> usize {
    3 + attribute.owner.len()
        + attribute.name.len()
        + match &attribute.value {
            AttributeValue::Number(_) | AttributeValue::Whole(_) => 8,
            AttributeValue::Sizes(sizes) => 1 + 4 * sizes.rank(),
            AttributeValue::Word(word) => 1 + word.len(),
        }
}

const fn section_len(name: &str) -> usize {
    1 + name.len() + 2 + 8 + 8 + 4
}

/// The length in bytes of a snapshot with these contents.
///
/// ```
/// use kernlet::snapshot::{Contents, ModelInfo, contents_len, encoded_len};
/// const INFO: ModelInfo = ModelInfo::new("Empty", 7, &[]);
/// assert_eq!(contents_len(&INFO, &Contents::default()), encoded_len(&INFO));
/// ```
pub fn contents_len(info: &ModelInfo, contents: &Contents<'_>) -> usize {
    File { info, contents }.len()
}

/// Gives the bytes of a snapshot to `sink`, in order.
///
/// Pieces have any length: a parameter slice is one piece on a little-endian machine.
///
/// # Errors
/// [`WriteError::Length`] if `parameters` does not have the network's length, [`WriteError::Name`], both before
/// anything is written; [`WriteError::Sink`] with the first error of `sink`.
///
/// ```
/// use kernlet::snapshot::{ModelInfo, Progress, Snapshot, Training, write};
/// const INFO: ModelInfo = ModelInfo::new("Empty", 7, &[]);
/// let mut file = Vec::new();
/// let training = Training { optimizer: "sgd", progress: Progress { step: 5, ..Default::default() }, state: &[][..] };
/// write(&INFO, &[], Some(&training), &mut |bytes: &[u8]| Ok::<(), ()>(file.extend_from_slice(bytes))).unwrap();
/// assert_eq!(Snapshot::open(&file, &INFO)?.training()?.progress.step, 5);
/// # Ok::<(), kernlet::snapshot::SnapshotError>(())
/// ```
pub fn write<E>(
    info: &ModelInfo,
    parameters: &[f32],
    training: Option<&Training<'_, &[&[f32]]>>,
    sink: &mut impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<(), WriteError<E>> {
    write_contents(info, &Contents { parameters, training: training.copied(), ..Contents::default() }, sink)
}

/// Gives the bytes of a snapshot with attributes and sections of a program's own to `sink`, in order.
///
/// # Errors
/// As for [`write`](write()).
///
/// [`Contents`] has an example.
pub fn write_contents<E>(
    info: &ModelInfo,
    contents: &Contents<'_>,
    sink: &mut impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<(), WriteError<E>> {
    let file = File { info, contents };
    file.check().map_err(|error| match error {
        WriteError::Length { expected, found } => WriteError::Length { expected, found },
        WriteError::Name { what, found } => WriteError::Name { what, found },
        WriteError::Sections { most, found } => WriteError::Sections { most, found },
        WriteError::Repeated { index } => WriteError::Repeated { index },
        WriteError::Sink(never) => match never {},
    })?;
    let mut crc = 0;
    file.header(&mut |bytes| {
        crc = crc32(crc, bytes);
        sink(bytes)
    })
    .map_err(WriteError::Sink)?;
    sink(&crc.to_le_bytes()).map_err(WriteError::Sink)?;
    let mut at = 0_usize;
    file.sections(|section| {
        // Sections begin at a multiple; after the last there is nothing.
        zeros(at.next_multiple_of(ALIGNMENT) - at, sink)?;
        at = at.next_multiple_of(ALIGNMENT) + data_len(&section.data);
        data(&section.data, sink)
    })
    .map_err(WriteError::Sink)
}

/// A file to be written.
struct File<'f, 'a> {
    info: &'f ModelInfo,
    contents: &'f Contents<'a>,
}

impl File<'_, '_> {
    fn check(&self) -> Result<(), WriteError<core::convert::Infallible>> {
        let Contents { parameters, training, attributes, sections } = self.contents;
        if parameters.len() != self.info.parameters() {
            return Err(WriteError::Length { expected: self.info.parameters(), found: parameters.len() });
        }
        let name = |what, name: &str| {
            let found = name.len();
            if (1..256).contains(&found) { Ok(()) } else { Err(WriteError::Name { what, found }) }
        };
        if let Some(training) = training {
            name("an optimizer", training.optimizer)?;
        }
        for AttributeInfo { owner, name: own, value } in *attributes {
            if !owner.starts_with('@') {
                return Err(WriteError::Name { what: "an owner that begins with @", found: owner.len() });
            }
            name("an owner", owner)?;
            name("an attribute", own)?;
            if let AttributeValue::Word(word) = value
                && word.len() > 255
            {
                return Err(WriteError::Name { what: "a word", found: word.len() });
            }
        }
        for (index, section) in sections.iter().enumerate() {
            name("a section", section.name)?;
            let mut there = 0;
            let Ok(()) = self.sections(|other| {
                there += usize::from(other.name == section.name);
                Ok::<(), core::convert::Infallible>(())
            });
            if there > 1 {
                return Err(WriteError::Repeated { index });
            }
        }
        Ok(())
    }

    /// Attributes in their order: the network's, training's, others.
    fn attributes<E>(&self, mut each: impl FnMut(&AttributeInfo<'_>) -> Result<(), E>) -> Result<(), E> {
        self.info.attributes.iter().try_for_each(&mut each)?;
        if let Some(Training { optimizer, progress, .. }) = &self.contents.training {
            let owner = names::AT_OPTIMIZER;
            each(&AttributeInfo { owner, name: "name", value: AttributeValue::Word(optimizer) })?;
            let Progress { step, epoch, position, seed } = *progress;
            for (name, number) in names::PROGRESS.into_iter().zip([step, epoch, position, seed]) {
                let owner = names::AT_TRAINING;
                each(&AttributeInfo { owner, name, value: AttributeValue::Whole(number) })?;
            }
        }
        self.contents.attributes.iter().try_for_each(each)
    }

    /// Sections in their order: parameters, the optimizer's state, others.
    fn sections<E>(&self, mut each: impl FnMut(&Section<'_>) -> Result<(), E>) -> Result<(), E> {
        let parameters = Data::Numbers(&[self.contents.parameters]);
        each(&Section { name: names::PARAMETERS, required: true, data: parameters })?;
        if let Some(training) = &self.contents.training {
            each(&Section { name: names::OPTIMIZER, required: false, data: Data::Numbers(training.state) })?;
        }
        self.contents.sections.iter().try_for_each(each)
    }

    fn count(&self, count: impl FnOnce(&mut dyn FnMut())) -> u32 {
        let mut number = 0;
        count(&mut || number += 1);
        number
    }

    /// Bytes of the header up to the zeros.
    fn table_len(&self) -> usize {
        let mut len = at::NAME + 1 + self.info.name.len();
        let Ok(()) = self.attributes(|attribute| {
            len += attribute_len(attribute);
            Ok::<(), core::convert::Infallible>(())
        });
        for tensor in self.info.tensors {
            len += 4 + tensor.layer.len() + tensor.name.len() + 4 * tensor.dims.rank();
        }
        let Ok(()) = self.sections(|section| {
            len += section_len(section.name);
            Ok::<(), core::convert::Infallible>(())
        });
        len
    }

    fn header_len(&self) -> usize {
        (self.table_len() + size_of::<u32>()).next_multiple_of(ALIGNMENT)
    }

    fn len(&self) -> usize {
        let mut at = self.header_len();
        let Ok(()) = self.sections(|section| {
            at = at.next_multiple_of(ALIGNMENT) + data_len(&section.data);
            Ok::<(), core::convert::Infallible>(())
        });
        at
    }

    /// The header without its checksum.
    fn header<E>(&self, sink: &mut impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        let header_len = self.header_len();
        let attributes = self.count(|one| {
            let Ok(()) = self.attributes(|_| {
                one();
                Ok::<(), core::convert::Infallible>(())
            });
        });
        let sections = self.count(|one| {
            let Ok(()) = self.sections(|_| {
                one();
                Ok::<(), core::convert::Infallible>(())
            });
        });
        sink(&MAGIC)?;
        sink(&VERSION.to_le_bytes())?;
        sink(&(header_len as u32).to_le_bytes())?;
        sink(&(self.len() as u64).to_le_bytes())?;
        sink(&self.info.id.to_le_bytes())?;
        for count in [attributes, self.info.tensors.len() as u32, sections, 0] {
            sink(&count.to_le_bytes())?;
        }
        name(self.info.name, sink)?;
        self.attributes(|attribute| {
            name(attribute.owner, sink)?;
            name(attribute.name, sink)?;
            match &attribute.value {
                AttributeValue::Number(number) => sink(&[1]).and_then(|()| sink(&number.to_bits().to_le_bytes())),
                AttributeValue::Whole(number) => sink(&[2]).and_then(|()| sink(&number.to_le_bytes())),
                AttributeValue::Sizes(dims) => sink(&[3]).and_then(|()| sizes(dims, sink)),
                AttributeValue::Word(word) => sink(&[4]).and_then(|()| name(word, sink)),
            }
        })?;
        for tensor in self.info.tensors {
            name(tensor.layer, sink)?;
            name(tensor.name, sink)?;
            sink(&[ElementType::F32 as u8])?;
            sizes(&tensor.dims, sink)?;
        }
        let mut at = header_len;
        self.sections(|section| {
            at = at.next_multiple_of(ALIGNMENT);
            name(section.name, sink)?;
            let element = match section.data {
                Data::Numbers(_) | Data::Array(_) => ElementType::F32,
                Data::Bytes(_) => ElementType::U8,
            };
            sink(&[section.required.into(), element as u8])?;
            sink(&(at as u64).to_le_bytes())?;
            let len = data_len(&section.data);
            sink(&(len as u64).to_le_bytes())?;
            at += len;
            let mut crc = 0;
            let Ok(()) = data(&section.data, &mut |bytes| {
                crc = crc32(crc, bytes);
                Ok::<(), core::convert::Infallible>(())
            });
            sink(&crc.to_le_bytes())
        })?;
        zeros(header_len - size_of::<u32>() - self.table_len(), sink)
    }
}

fn name<E>(name: &str, sink: &mut impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
    sink(&[name.len() as u8])?;
    sink(name.as_bytes())
}

fn sizes<E>(dims: &Dims, sink: &mut impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
    sink(&[dims.rank() as u8])?;
    dims.as_slice().iter().try_for_each(|&size| sink(&(size as u32).to_le_bytes()))
}

fn data_len(data: &Data<'_>) -> usize {
    match data {
        Data::Numbers(arrays) => arrays.iter().map(|array| size_of_val(*array)).sum(),
        Data::Array(array) => size_of_val(*array),
        Data::Bytes(bytes) => bytes.len(),
    }
}

fn data<E>(data: &Data<'_>, sink: &mut impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
    match data {
        Data::Numbers(arrays) => arrays.iter().try_for_each(|array| little_endian(array, sink)),
        Data::Array(array) => little_endian(array, sink),
        Data::Bytes(bytes) => sink(bytes),
    }
}

fn zeros<E>(len: usize, sink: &mut impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
    sink([0; ALIGNMENT].get(..len).unwrap_or(&[]))
}

/// The little-endian bytes of `numbers`.
fn little_endian<E>(numbers: &[f32], sink: &mut impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
    if cfg!(target_endian = "little") {
        return sink(bytemuck::must_cast_slice(numbers));
    }
    numbers.iter().try_for_each(|x| sink(&x.to_le_bytes()))
}
