//! The binary formats of CIFAR-10 and CIFAR-100.
//!
//! A file is records of 3,073 bytes: a label (0 to 9), then 32 × 32 pixels, all
//! red ones, all green ones, all blue ones, each row by row (A. Krizhevsky:
//! *Learning multiple layers of features from tiny images*, 2009, and the data
//! set's page). One of CIFAR-100 has two labels, 3,074 bytes: the coarse one of 20, then the fine one of 100. Networks here read `[h][w][c]`, so an image is transposed as it is read.

use core::fmt;

/// Rows, and columns, of an image.
///
/// ```
/// assert_eq!(kernlet::data::cifar::SIDE, 32);
/// ```
pub const SIDE: usize = 32;

/// Red, green, blue.
///
/// ```
/// assert_eq!(kernlet::data::cifar::CHANNELS, 3);
/// ```
pub const CHANNELS: usize = 3;

/// The number of classes.
///
/// ```
/// assert_eq!(kernlet::data::cifar::CLASSES, 10);
/// ```
pub const CLASSES: usize = 10;

/// Bytes of an image without its label.
///
/// ```
/// assert_eq!(kernlet::data::cifar::IMAGE_LEN, 32 * 32 * 3);
/// ```
pub const IMAGE_LEN: usize = SIDE * SIDE * CHANNELS;

/// Bytes of a record.
///
/// ```
/// assert_eq!(kernlet::data::cifar::RECORD_LEN, 3073);
/// ```
pub const RECORD_LEN: usize = 1 + IMAGE_LEN;

/// What is wrong with a CIFAR-10 file.
///
/// ```
/// use kernlet::data::cifar::Cifar10;
/// let error = Cifar10::parse(&[0; 3000]).unwrap_err();
/// assert_eq!(error.to_string(), "CIFAR file is not a multiple of 3073 bytes (CIFAR-10) or 3074 (CIFAR-100): found 3000");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum CifarError {
    /// The file is not a whole number of records.
    Length {
        /// Bytes in the file.
        found: usize,
    },
    /// The file is whole records of the other of the two formats.
    OtherFormat {
        /// Classes of the format that was asked for.
        expected: usize,
        /// Classes of the format that the length fits.
        found: usize,
    },
    /// A label is too large.
    Label {
        /// Which record, counted from 0.
        index: usize,
        /// Its label.
        found: u8,
    },
}

impl fmt::Display for CifarError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Length { found } => {
                write!(
                    f,
                    "CIFAR file is not a multiple of {RECORD_LEN} bytes (CIFAR-10) or {} (CIFAR-100): found {found}",
                    RECORD_LEN + 1
                )
            }
            Self::OtherFormat { expected, found } => {
                write!(f, "the file's length is that of CIFAR-{found}, expected CIFAR-{expected}: read it as that")
            }
            Self::Label { index, found } => write!(f, "image {index} has label {found}, which is no class"),
        }
    }
}

impl core::error::Error for CifarError {}

/// The records of a CIFAR-10 file.
///
/// ```
/// use kernlet::data::cifar::{Cifar10, IMAGE_LEN, RECORD_LEN};
/// let mut file = [0; RECORD_LEN];
/// file[0] = 7;
/// file[1 + 1024] = 200; // the first pixel's green
/// let set = Cifar10::parse(&file)?;
/// let mut image = [0; IMAGE_LEN];
/// set.image_into(0, &mut image);
/// assert_eq!((set.len(), set.label(0), &image[..3]), (1, Some(7), &[0, 200, 0][..]));
/// # Ok::<(), kernlet::data::cifar::CifarError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Cifar10<'a> {
    records: &'a [[u8; RECORD_LEN]],
}

impl<'a> Cifar10<'a> {
    /// Checks the length and all labels.
    ///
    /// # Errors
    /// [`CifarError`] if `bytes` is not a whole number of records or a label is not less than 10.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, CifarError> {
        let (records, rest) = bytes.as_chunks::<RECORD_LEN>();
        if !rest.is_empty() {
            if bytes.len().is_multiple_of(RECORD_LEN + 1) {
                return Err(CifarError::OtherFormat { expected: CLASSES, found: FINE_CLASSES });
            }
            return Err(CifarError::Length { found: bytes.len() });
        }
        match records.iter().position(|record| usize::from(record[0]) >= CLASSES) {
            Some(index) => Err(CifarError::Label { index, found: records[index][0] }),
            None => Ok(Self { records }),
        }
    }

    /// The number of images.
    pub const fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether there is no image.
    ///
    /// ```
    /// assert!(kernlet::data::cifar::Cifar10::parse(&[])?.is_empty());
    /// # Ok::<(), kernlet::data::cifar::CifarError>(())
    /// ```
    pub const fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// The label of image `index`, or `None` past the last.
    pub fn label(&self, index: usize) -> Option<u8> {
        Some(self.records.get(index)?[0])
    }

    /// Writes image `index` as `[h][w][c]`; says whether there is such an image.
    pub fn image_into(&self, index: usize, image: &mut [u8; IMAGE_LEN]) -> bool {
        let Some([_, planes @ ..]) = self.records.get(index) else { return false };
        interleave(planes, image);
        true
    }
}

/// `[h][w][c]` from `[c][h][w]`.
fn interleave(planes: &[u8; IMAGE_LEN], image: &mut [u8; IMAGE_LEN]) {
    for (channel, plane) in planes.as_chunks::<{ SIDE * SIDE }>().0.iter().enumerate() {
        for (pixel, &value) in image.as_chunks_mut::<CHANNELS>().0.iter_mut().zip(plane) {
            pixel[channel] = value;
        }
    }
}

/// The number of fine classes of CIFAR-100.
pub const FINE_CLASSES: usize = 100;

/// The number of coarse classes of CIFAR-100.
pub const COARSE_CLASSES: usize = 20;

/// The records of a CIFAR-100 file.
///
/// ```
/// use kernlet::data::cifar::{Cifar10, Cifar100, CifarError, IMAGE_LEN};
/// let mut file = [0; 2 + IMAGE_LEN];
/// (file[0], file[1], file[2]) = (19, 99, 255);
/// let set = Cifar100::parse(&file)?;
/// let mut image = [0; IMAGE_LEN];
/// set.image_into(0, &mut image);
/// assert_eq!((set.coarse_label(0), set.label(0), image[0]), (Some(19), Some(99), 255));
/// assert_eq!(Cifar10::parse(&file), Err(CifarError::OtherFormat { expected: 10, found: 100 }));
/// # Ok::<(), CifarError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Cifar100<'a> {
    records: &'a [[u8; RECORD_LEN + 1]],
}

impl<'a> Cifar100<'a> {
    /// Checks the length and all labels.
    ///
    /// # Errors
    /// [`CifarError`] if `bytes` is not a whole number of records, or a label is not a class.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, CifarError> {
        let (records, rest) = bytes.as_chunks::<{ RECORD_LEN + 1 }>();
        if !rest.is_empty() {
            if bytes.len().is_multiple_of(RECORD_LEN) {
                return Err(CifarError::OtherFormat { expected: FINE_CLASSES, found: CLASSES });
            }
            return Err(CifarError::Length { found: bytes.len() });
        }
        for (index, &[coarse, fine, ..]) in records.iter().enumerate() {
            if usize::from(coarse) >= COARSE_CLASSES {
                return Err(CifarError::Label { index, found: coarse });
            }
            if usize::from(fine) >= FINE_CLASSES {
                return Err(CifarError::Label { index, found: fine });
            }
        }
        Ok(Self { records })
    }

    /// The number of images.
    pub const fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether there is no image.
    pub const fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// The fine label of image `index`, below 100, or `None` past the last.
    pub fn label(&self, index: usize) -> Option<u8> {
        self.records.get(index).map(|&[_, fine, ..]| fine)
    }

    /// The coarse label of image `index`, below 20, or `None` past the last.
    pub fn coarse_label(&self, index: usize) -> Option<u8> {
        self.records.get(index).map(|&[coarse, ..]| coarse)
    }

    /// Writes image `index` as `[h][w][c]`; says whether there is such an image.
    pub fn image_into(&self, index: usize, image: &mut [u8; IMAGE_LEN]) -> bool {
        let Some([_, _, planes @ ..]) = self.records.get(index) else { return false };
        interleave(planes, image);
        true
    }
}
