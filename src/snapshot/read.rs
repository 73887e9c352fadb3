//! Reading a snapshot where it lies.

use super::{
    ALIGNMENT, Label, MAGIC, ModelInfo, Progress, SnapshotError, TensorInfo, Training, VERSION, at, checksum::crc32,
};
use crate::shape::{Dims, MAX_RANK};

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
pub struct Numbers<'a>(&'a [u8]);

impl<'a> Numbers<'a> {
    /// How many.
    ///
    /// See [`ModelInfo::parameters`] for what a network's file should have.
    pub const fn len(&self) -> usize {
        self.0.len() / size_of::<f32>()
    }

    /// Whether there is none.
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
    ///
    /// See [`Numbers`] for an example.
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
    header: &'a [u8],
    parameters: Numbers<'a>,
    state: Numbers<'a>,
    payload: &'a [u8],
}

impl<'a> Snapshot<'a> {
    /// Reads a snapshot of any network.
    ///
    /// # Errors
    /// [`SnapshotError`] if the bytes are not one, cut off, too long or damaged.
    ///
    /// See [`SnapshotError`] for an example.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, SnapshotError> {
        let snapshot = Self::parse_header(bytes)?;
        snapshot.verify_payload()?;
        Ok(snapshot)
    }

    /// Reads a snapshot of the network that `info` describes.
    ///
    /// # Errors
    /// [`SnapshotError`] if the bytes are not one, cut off, too long, damaged, or of another network.
    ///
    /// See [`Snapshot`] for an example.
    pub fn open(bytes: &'a [u8], info: &ModelInfo) -> Result<Self, SnapshotError> {
        let snapshot = Self::parse_header(bytes)?;
        // Which network it is of says more than that its numbers are damaged.
        snapshot.expect(info)?;
        snapshot.verify_payload()?;
        Ok(snapshot)
    }

    /// All checks but the checksum of the numbers; `const`, so written with loops.
    pub(super) const fn parse_header(bytes: &'a [u8]) -> Result<Self, SnapshotError> {
        let found = bytes.len() as u64;
        let Some(magic) = bytes.first_chunk::<8>() else {
            return Err(SnapshotError::Truncated { expected: at::TABLE as u64, found });
        };
        if u64::from_be_bytes(*magic) != u64::from_be_bytes(MAGIC) {
            return Err(SnapshotError::Magic { found: u64::from_be_bytes(*magic) });
        }
        if bytes.len() < at::TABLE {
            return Err(SnapshotError::Truncated { expected: at::TABLE as u64, found });
        }
        let version = u32_at(bytes, at::VERSION);
        if version != VERSION {
            return Err(SnapshotError::Version { expected: VERSION, found: version });
        }
        let header_len = u32_at(bytes, at::HEADER_LEN) as usize;
        if !header_len.is_multiple_of(ALIGNMENT) || header_len < at::TABLE + 4 {
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

        // From here on the header is intact, but anybody may have written it.
        let (parameters, state) = (u64_at(bytes, at::PARAMETERS), u64_at(bytes, at::STATE));
        let Some(parameters_end) = end(header_len, parameters) else {
            return Err(SnapshotError::Header { what: "the number of parameters", found: parameters });
        };
        let state_start = if state == 0 {
            parameters_end
        } else {
            match parameters_end.checked_next_multiple_of(ALIGNMENT) {
                Some(start) => start,
                None => return Err(SnapshotError::Header { what: "the number of parameters", found: parameters }),
            }
        };
        let Some(file_end) = end(state_start, state) else {
            return Err(SnapshotError::Header { what: "the number of optimizer states", found: state });
        };
        let expected = u64_at(bytes, at::FILE_LEN);
        if expected != file_end as u64 {
            return Err(SnapshotError::Header { what: "the length of the file", found: expected });
        }
        if found < expected {
            return Err(SnapshotError::Truncated { expected, found });
        }
        if found > expected {
            return Err(SnapshotError::Trailing { expected, found });
        }
        let (_, payload) = bytes.split_at(header_len);
        let snapshot = Self {
            header,
            parameters: Numbers(payload.split_at(parameters_end - header_len).0),
            state: Numbers(payload.split_at(state_start - header_len).1),
            payload,
        };
        match snapshot.check_table() {
            Ok(()) => Ok(snapshot),
            Err(error) => Err(error),
        }
    }

    /// That names are UTF-8, the tensors' sizes multiply to the parameters, and the table fits the header.
    const fn check_table(&self) -> Result<(), SnapshotError> {
        if text(self.header, at::NAME, at::TABLE).is_none() {
            return Err(SnapshotError::Header {
                what: "the place of a name that is not UTF-8",
                found: at::NAME as u64,
            });
        }
        match text(self.header, at::OPTIMIZER, at::TENSORS) {
            // State that nobody can ask for would be lost without a word.
            Some(name) if name.is_empty() && !self.state.is_empty() => {
                let found = self.state.len() as u64;
                return Err(SnapshotError::Header { what: "the number of optimizer states of no optimizer", found });
            }
            Some(_) => {}
            None => {
                let found = at::OPTIMIZER as u64;
                return Err(SnapshotError::Header { what: "the place of a name that is not UTF-8", found });
            }
        }
        let mut tensors = self.tensors();
        while tensors.left > 0 {
            if tensors.step().is_none() {
                let found = tensors.place as u64;
                return Err(SnapshotError::Header { what: "the place of a broken tensor", found });
            }
        }
        if tensors.offset != self.parameters.len() {
            let found = self.parameters.len() as u64;
            return Err(SnapshotError::Header { what: "the number of parameters", found });
        }
        Ok(())
    }

    /// Whether the checksum of the numbers is right.
    pub(super) fn verify_payload(&self) -> Result<(), SnapshotError> {
        let (expected, found) = (u32_at(self.header, at::PAYLOAD_CRC), crc32(0, self.payload));
        if expected == found { Ok(()) } else { Err(SnapshotError::PayloadChecksum { expected, found }) }
    }

    /// Whether it is of the network that `info` describes.
    ///
    /// # Errors
    /// [`SnapshotError::Tensors`] or [`SnapshotError::Tensor`] with the first difference of shapes, else
    /// [`SnapshotError::Network`] if the identities differ. Names of networks may differ.
    ///
    /// ```
    /// # use kernlet::snapshot::{ModelInfo, Snapshot, write};
    /// # const EMPTY: ModelInfo = ModelInfo::new("Empty", 7, &[]);
    /// # let mut file = Vec::new();
    /// # write(&EMPTY, &[], None, &mut |bytes: &[u8]| Ok::<(), ()>(file.extend_from_slice(bytes))).unwrap();
    /// const OTHER: ModelInfo = ModelInfo::new("Other", 8, &[]);
    /// assert_eq!(
    ///     Snapshot::parse(&file)?.expect(&OTHER).unwrap_err().to_string(),
    ///     "the snapshot is of another network: expected Other (0000000000000008), found Empty (0000000000000007)",
    /// );
    /// # Ok::<(), kernlet::snapshot::SnapshotError>(())
    /// ```
    pub const fn expect(&self, info: &ModelInfo) -> Result<(), SnapshotError> {
        let mut tensors = self.tensors();
        if tensors.left != info.tensors.len() {
            return Err(SnapshotError::Tensors { expected: info.tensors.len(), found: tensors.left });
        }
        let mut i = 0;
        while let Some(found) = tensors.step() {
            let expected = &info.tensors[i];
            let same = equal(found.layer.as_bytes(), expected.layer.as_bytes())
                && equal(found.name.as_bytes(), expected.name.as_bytes())
                && equal_sizes(found.dims.as_slice(), expected.dims.as_slice());
            if !same {
                return Err(SnapshotError::Tensor {
                    expected,
                    name: Label::new(found.layer).then("/").then(found.name),
                    found: found.dims,
                });
            }
            i += 1;
        }
        if self.id() != info.id {
            return Err(SnapshotError::Network {
                expected: info.name,
                expected_id: info.id,
                found: Label::new(self.name()),
                found_id: self.id(),
            });
        }
        Ok(())
    }

    /// The network's name.
    ///
    /// See [`Snapshot`] for an example.
    pub const fn name(&self) -> &'a str {
        match text(self.header, at::NAME, at::TABLE) {
            Some(name) => name,
            None => "",
        }
    }

    /// The identity of the network.
    ///
    /// See [`ModelInfo::id`].
    pub const fn id(&self) -> u64 {
        u64_at(self.header, at::ID)
    }

    /// The parameters of all tensors.
    ///
    /// See [`Snapshot`] for an example.
    pub const fn parameters(&self) -> Numbers<'a> {
        self.parameters
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
    /// assert!(snapshot.tensors().eq([BIAS]));
    /// # Ok::<(), kernlet::snapshot::SnapshotError>(())
    /// ```
    pub const fn tensors(&self) -> Tensors<'a> {
        Tensors { header: self.header, left: u32_at(self.header, at::TENSORS) as usize, place: at::TABLE, offset: 0 }
    }

    /// What training needs to go on.
    ///
    /// # Errors
    /// [`SnapshotError::NoTraining`] if the file has none.
    ///
    /// See [`write`](super::write()) for an example.
    pub fn training(&self) -> Result<Training<'a, Numbers<'a>>, SnapshotError> {
        let optimizer = text(self.header, at::OPTIMIZER, at::TENSORS).unwrap_or_default();
        if optimizer.is_empty() {
            return Err(SnapshotError::NoTraining);
        }
        let [step, epoch, position, seed] =
            [at::STEP, at::EPOCH, at::POSITION, at::SEED].map(|at| u64_at(self.header, at));
        Ok(Training { optimizer, progress: Progress { step, epoch, position, seed }, state: self.state })
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

/// The tensors that a snapshot's header lists; see [`Snapshot::tensors`].
#[derive(Clone, Copy, Debug)]
pub struct Tensors<'a> {
    header: &'a [u8],
    left: usize,
    place: usize,
    offset: usize,
}

impl<'a> Tensors<'a> {
    /// The next tensor; `None` at the end, or if the table is broken, which `Snapshot::parse` rules out.
    const fn step(&mut self) -> Option<TensorInfo<'a>> {
        if self.left == 0 {
            return None;
        }
        let mut at = self.place;
        let Some(layer) = self.name(&mut at) else { return None };
        let Some(name) = self.name(&mut at) else { return None };
        let Some(rank) = self.byte(&mut at) else { return None };
        let (mut sizes, mut i, mut len) = ([0; MAX_RANK], 0, 1usize);
        if rank > MAX_RANK || self.room(at) < 4 * rank {
            return None;
        }
        while i < rank {
            sizes[i] = u32_at(self.header, at + 4 * i) as usize;
            // A zero must not hide sizes whose product overflows.
            if sizes[i] == 0 {
                return None;
            }
            len = match len.checked_mul(sizes[i]) {
                Some(len) => len,
                None => return None,
            };
            i += 1;
        }
        let Some(end) = self.offset.checked_add(len) else { return None };
        let tensor = TensorInfo { layer, name, dims: Dims::new(sizes.split_at(rank).0), offset: self.offset };
        self.place = at + 4 * rank;
        self.offset = end;
        self.left -= 1;
        Some(tensor)
    }

    /// Bytes of the table from `at` on; the header ends with its checksum.
    const fn room(&self, at: usize) -> usize {
        (self.header.len() - 4).saturating_sub(at)
    }

    const fn byte(&self, at: &mut usize) -> Option<usize> {
        if self.room(*at) == 0 {
            return None;
        }
        *at += 1;
        Some(self.header[*at - 1] as usize)
    }

    const fn name(&self, at: &mut usize) -> Option<&'a str> {
        let Some(len) = self.byte(at) else { return None };
        if self.room(*at) < len {
            return None;
        }
        let name = self.header.split_at(*at).1.split_at(len).0;
        *at += len;
        match core::str::from_utf8(name) {
            Ok(name) => Some(name),
            Err(_) => None,
        }
    }
}

impl<'a> Iterator for Tensors<'a> {
    type Item = TensorInfo<'a>;

    fn next(&mut self) -> Option<TensorInfo<'a>> {
        self.step()
    }
}

const fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

const fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u32_at(bytes, at) as u64 | (u32_at(bytes, at + 4) as u64) << 32
}

/// Where `count` numbers end that begin at `start`, if that can be addressed.
const fn end(start: usize, count: u64) -> Option<usize> {
    if count > (usize::MAX / size_of::<f32>()) as u64 {
        return None;
    }
    start.checked_add(count as usize * size_of::<f32>())
}

/// The name in `bytes[start..end]`, without the zeros after it, if it is UTF-8.
const fn text(bytes: &[u8], start: usize, end: usize) -> Option<&str> {
    let mut field = bytes.split_at(end).0.split_at(start).1;
    while let Some((0, rest)) = field.split_last() {
        field = rest;
    }
    match core::str::from_utf8(field) {
        Ok(name) => Some(name),
        Err(_) => None,
    }
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
