//! Writing a snapshot, piece by piece, to whatever takes bytes.

use super::{ALIGNMENT, MAGIC, ModelInfo, Training, VERSION, WriteError, at, checksum::crc32};

/// Where the table of tensors ends in a network's snapshots.
const fn table_end(info: &ModelInfo) -> usize {
    let mut len = at::TABLE;
    let mut i = 0;
    while i < info.tensors.len() {
        let tensor = &info.tensors[i];
        len += 3 + tensor.layer.len() + tensor.name.len() + 4 * tensor.dims.rank();
        i += 1;
    }
    len
}

/// Bytes of the header of a network's snapshots.
const fn header_len(info: &ModelInfo) -> usize {
    (table_end(info) + size_of::<u32>()).next_multiple_of(ALIGNMENT)
}

/// The length in bytes of a network's snapshot with `state` numbers of optimizer state (0 for none).
///
/// ```
/// use kernlet::{shape::Dims, snapshot::{ModelInfo, TensorInfo, encoded_len}};
/// const INFO: ModelInfo = ModelInfo::new("Tiny", 1, &[
///     TensorInfo { layer: "fc", name: "kernel", dims: Dims::new(&[2, 3]), offset: 0 },
/// ]);
/// const { assert!(encoded_len(&INFO, 0) == 192 + 24) };
/// const { assert!(encoded_len(&INFO, 6) == 192 + 64 + 24) };
/// ```
pub const fn encoded_len(info: &ModelInfo, state: usize) -> usize {
    let parameters_end = header_len(info) + size_of::<f32>() * info.parameters();
    if state == 0 { parameters_end } else { parameters_end.next_multiple_of(ALIGNMENT) + size_of::<f32>() * state }
}

/// Gives the bytes of a snapshot to `sink`, in order.
///
/// Pieces are as long as they come: a parameter slice is one on a little-endian machine.
///
/// # Errors
/// [`WriteError::Length`] if `parameters` is not the network's, [`WriteError::OptimizerName`], both before
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
    if parameters.len() != info.parameters() {
        return Err(WriteError::Length { expected: info.parameters(), found: parameters.len() });
    }
    let optimizer = training.map_or("", |training| training.optimizer);
    if training.is_some() && !(1..=at::TENSORS - at::OPTIMIZER).contains(&optimizer.len()) {
        return Err(WriteError::OptimizerName { found: optimizer.len() });
    }
    let state = training.map_or(&[][..], |training| training.state);
    let state_len = state.iter().map(|array| array.len()).sum();
    let progress = training.map(|training| training.progress).unwrap_or_default();
    let header_len = header_len(info);
    let parameters_end = header_len + size_of_val(parameters);
    let gap = if state_len == 0 { 0 } else { parameters_end.next_multiple_of(ALIGNMENT) - parameters_end };
    let padding = [0; ALIGNMENT];

    let mut crc = 0;
    let count = |crc: &mut u32, bytes: &[u8]| {
        *crc = crc32(*crc, bytes);
        Ok::<(), core::convert::Infallible>(())
    };
    let Ok(()) = payload(parameters, &padding[..gap], state, &mut |bytes| count(&mut crc, bytes));

    let mut fixed = [0; at::TABLE];
    let mut put = |at: usize, bytes: &[u8]| fixed[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, &MAGIC);
    put(at::VERSION, &VERSION.to_le_bytes());
    put(at::HEADER_LEN, &(header_len as u32).to_le_bytes());
    put(at::FILE_LEN, &(encoded_len(info, state_len) as u64).to_le_bytes());
    put(at::ID, &info.id.to_le_bytes());
    put(at::PARAMETERS, &(parameters.len() as u64).to_le_bytes());
    put(at::STATE, &(state_len as u64).to_le_bytes());
    put(at::STEP, &progress.step.to_le_bytes());
    put(at::EPOCH, &progress.epoch.to_le_bytes());
    put(at::POSITION, &progress.position.to_le_bytes());
    put(at::SEED, &progress.seed.to_le_bytes());
    put(at::OPTIMIZER, optimizer.as_bytes());
    put(at::TENSORS, &(info.tensors.len() as u32).to_le_bytes());
    put(at::PAYLOAD_CRC, &crc.to_le_bytes());
    put(at::NAME, super::Label::new(info.name).as_str().as_bytes());

    let mut header_crc = 0;
    let mut header = |bytes: &[u8]| {
        header_crc = crc32(header_crc, bytes);
        sink(bytes)
    };
    header(&fixed).map_err(WriteError::Sink)?;
    for tensor in info.tensors {
        for name in [tensor.layer, tensor.name] {
            header(&[name.len() as u8]).map_err(WriteError::Sink)?;
            header(name.as_bytes()).map_err(WriteError::Sink)?;
        }
        header(&[tensor.dims.rank() as u8]).map_err(WriteError::Sink)?;
        for &size in tensor.dims.as_slice() {
            header(&(size as u32).to_le_bytes()).map_err(WriteError::Sink)?;
        }
    }
    header(&padding[..header_len - size_of::<u32>() - table_end(info)]).map_err(WriteError::Sink)?;
    sink(&header_crc.to_le_bytes()).map_err(WriteError::Sink)?;
    payload(parameters, &padding[..gap], state, sink).map_err(WriteError::Sink)
}

fn payload<E>(
    parameters: &[f32],
    gap: &[u8],
    state: &[&[f32]],
    sink: &mut impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<(), E> {
    little_endian(parameters, sink)?;
    sink(gap)?;
    state.iter().try_for_each(|array| little_endian(array, sink))
}

/// The little-endian bytes of `numbers`.
fn little_endian<E>(numbers: &[f32], sink: &mut impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
    if cfg!(target_endian = "little") {
        return sink(bytemuck::must_cast_slice(numbers));
    }
    numbers.iter().try_for_each(|x| sink(&x.to_le_bytes()))
}
