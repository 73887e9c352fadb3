//! Snapshots that are part of the program, used where they lie.

use super::{ModelInfo, Numbers, Snapshot, SnapshotError, crc32};

/// A value at an address that is a multiple of 64.
///
/// ```
/// let bytes = kernlet::snapshot::Aligned([0_u8; 3]);
/// assert_eq!((&raw const bytes).addr() % 64, 0);
/// ```
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub struct Aligned<T: ?Sized>(pub T);

const _: () = assert!(align_of::<Aligned<u8>>() == super::ALIGNMENT);

/// A snapshot in a `static`, checked when the program was compiled; see [`static_snapshot!`](crate::static_snapshot).
#[derive(Clone, Copy, Debug)]
pub struct StaticSnapshot {
    // No more than is asked for: the header is read by the compiler alone.
    parameters: Numbers<'static>,
    crc: u32,
}

impl StaticSnapshot {
    /// Checks that `bytes` hold a snapshot of the network `info`: all but the checksum of the
    /// numbers, for which [`verify`](Self::verify) is meant.
    ///
    /// # Panics
    /// If they do not; in a `const` that is a compile-time error. Also on a big-endian machine.
    ///
    /// See [`static_snapshot!`](crate::static_snapshot), which calls it.
    pub const fn new(bytes: &'static Aligned<[u8]>, info: &ModelInfo) -> Self {
        if cfg!(target_endian = "big") {
            panic!("a snapshot is little-endian, this machine is not");
        }
        let snapshot = match Snapshot::parse_header(&bytes.0) {
            Ok(snapshot) => snapshot,
            Err(error) => panic!("{}", error.kind()),
        };
        if let Err(error) = snapshot.expect(info) {
            panic!("{}", error.kind());
        }
        let (parameters, crc) = snapshot.checked_parameters();
        Self { parameters, crc }
    }

    /// The parameters, where they lie.
    #[inline]
    pub fn parameters(&self) -> &'static [f32] {
        // `Aligned` and `new` leave nothing that could go wrong.
        self.parameters.in_place().unwrap_or_default()
    }

    /// Whether the numbers are as they were written: a pass over all of them, for a start after a
    /// transfer or years in flash.
    ///
    /// # Errors
    /// [`SnapshotError::PayloadChecksum`] if they are not.
    pub fn verify(&self) -> Result<(), SnapshotError> {
        let found = crc32(0, self.parameters.0);
        if found == self.crc { Ok(()) } else { Err(SnapshotError::PayloadChecksum { expected: self.crc, found }) }
    }
}

/// Puts a snapshot file into the program, aligned, and checks it against a network while compiling.
///
/// `static_snapshot!(Network, "path")`, the path as in [`include_bytes!`], is a
/// [`StaticSnapshot`](crate::snapshot::StaticSnapshot) for a `static` or `const`. A file that is
/// not a snapshot of that network does not compile.
///
/// ```
/// use kernlet::{
///     shape::Dims,
///     snapshot::{AttributeInfo, AttributeValue, Described, ModelInfo, StaticSnapshot, TensorInfo},
/// };
/// struct Tiny;
/// impl Described for Tiny {
///     const INFO: ModelInfo = ModelInfo::new("Tiny", 0x0123456789abcdef, &[
///         TensorInfo { layer: "conv", name: "kernel", dims: Dims::new(&[1, 1, 2, 3]), offset: 0 },
///         TensorInfo { layer: "conv", name: "bias", dims: Dims::new(&[3]), offset: 6 },
///     ])
///     .with_attributes(&[
///         AttributeInfo { owner: "conv", name: "stride", value: AttributeValue::Sizes(Dims::new(&[2, 1])) },
///         AttributeInfo { owner: "conv", name: "slope", value: AttributeValue::Number(0.25) },
///         AttributeInfo { owner: "conv", name: "padding", value: AttributeValue::Word("same") },
///     ]);
/// }
/// static WEIGHTS: StaticSnapshot = kernlet::static_snapshot!(Tiny, "../../tests/data/snapshot_v2.knl");
/// WEIGHTS.verify()?;
/// assert_eq!(WEIGHTS.parameters().len(), 9);
/// # Ok::<(), kernlet::snapshot::SnapshotError>(())
/// ```
///
/// ```compile_fail
/// # use kernlet::snapshot::{Described, ModelInfo, StaticSnapshot};
/// struct Other;
/// impl Described for Other {
///     const INFO: ModelInfo = ModelInfo::new("Other", 1, &[]);
/// }
/// // error: the snapshot has another number of tensors
/// static WEIGHTS: StaticSnapshot = kernlet::static_snapshot!(Other, "../../tests/data/snapshot_v2.knl");
/// ```
#[macro_export]
macro_rules! static_snapshot {
    ($model:ty, $path:expr) => {
        const {
            static BYTES: &$crate::snapshot::Aligned<[u8]> = &$crate::snapshot::Aligned(*include_bytes!($path));
            $crate::snapshot::StaticSnapshot::new(BYTES, &<$model as $crate::snapshot::Described>::INFO)
        }
    };
}
