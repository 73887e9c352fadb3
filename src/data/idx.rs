//! The IDX format, and MNIST's pairs of it.
//!
//! A file is a magic number (two zero bytes, the element type, the number of
//! axes), the sizes of the axes as big-endian `u32`, outermost first, and the
//! elements, big-endian, the last axis fastest. The format is described on
//! MNIST's page (LeCun, Cortes, Burges: *The MNIST database of handwritten digits*).

use core::fmt;

use crate::shape::{Dims, MAX_RANK};

/// The type of an IDX file's elements.
///
/// ```
/// assert_eq!(kernlet::data::idx::Element::I16.bytes(), 2);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Element {
    /// Code `0x08`.
    U8,
    /// Code `0x09`.
    I8,
    /// Code `0x0B`.
    I16,
    /// Code `0x0C`.
    I32,
    /// Code `0x0D`.
    F32,
    /// Code `0x0E`.
    F64,
}

impl Element {
    const fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            0x08 => Self::U8,
            0x09 => Self::I8,
            0x0B => Self::I16,
            0x0C => Self::I32,
            0x0D => Self::F32,
            0x0E => Self::F64,
            _ => return None,
        })
    }

    /// The size of an element in bytes.
    pub const fn bytes(self) -> usize {
        match self {
            Self::U8 | Self::I8 => 1,
            Self::I16 => 2,
            Self::I32 | Self::F32 => 4,
            Self::F64 => 8,
        }
    }
}

/// What is wrong with an IDX file, or with a pair of them.
///
/// ```
/// use kernlet::data::idx::Idx;
/// let error = Idx::parse(&[0, 0, 8, 1, 0, 0, 0, 9, 1, 2]).unwrap_err();
/// assert_eq!(error.to_string(), "IDX file is cut off: expected 17 bytes, found 10");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum IdxError {
    /// The file ends too early.
    Truncated {
        /// Bytes that the header asks for (or that a header needs).
        expected: usize,
        /// Bytes in the file.
        found: usize,
    },
    /// There are bytes after the last element.
    Trailing {
        /// Bytes that the header asks for.
        expected: usize,
        /// Bytes in the file.
        found: usize,
    },
    /// The file does not begin with two zero bytes.
    Magic {
        /// The first four bytes, as a big-endian number.
        found: u32,
    },
    /// The third byte is not the code of an element type.
    Code {
        /// That byte.
        found: u8,
    },
    /// Another element type than is needed.
    Element {
        /// What the file holds.
        found: Element,
        /// What is needed.
        expected: Element,
    },
    /// Another number of axes than is needed.
    Rank {
        /// Axes in the file.
        found: usize,
        /// Axes that are needed, or the most that can be read.
        expected: usize,
    },
    /// The sizes multiply to more bytes than can be addressed.
    Overflow,
    /// The numbers of images and labels differ.
    Counts {
        /// Images.
        images: usize,
        /// Labels.
        labels: usize,
    },
    /// A label is too large.
    Label {
        /// Which one, counted from 0.
        index: usize,
        /// Its value.
        found: u8,
        /// The number of classes.
        classes: usize,
    },
    /// Labels that count from 1, as those of EMNIST's letters do: [`Labelled::parse_labels_from`] reads them.
    FromOne {
        /// The number of classes.
        classes: usize,
    },
    /// A label is below the one that the first class has.
    Below {
        /// Which one, counted from 0.
        index: usize,
        /// Its value.
        found: u8,
        /// The label of the first class.
        first: u8,
    },
}

impl fmt::Display for IdxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Truncated { expected, found } => {
                write!(f, "IDX file is cut off: expected {expected} bytes, found {found}")
            }
            Self::Trailing { expected, found } => {
                write!(f, "IDX file is too long: expected {expected} bytes, found {found}")
            }
            Self::Magic { found } => write!(f, "not an IDX file: it begins with 0x{found:08x}, expected 0x0000...."),
            Self::Code { found } => write!(f, "unknown IDX element type 0x{found:02x}"),
            Self::Element { found, expected } => {
                write!(f, "IDX elements are {found:?}, expected {expected:?}")
            }
            Self::Rank { found, expected } => write!(f, "IDX file has {found} axes, expected {expected}"),
            Self::Overflow => f.write_str("the sizes in the IDX file multiply to more than can be addressed"),
            Self::Counts { images, labels } => write!(f, "{images} images, but {labels} labels"),
            Self::Label { index, found, classes } => {
                write!(f, "label {index} is {found}, expected less than {classes}")
            }
            Self::FromOne { classes } => {
                write!(
                    f,
                    "labels are 1 to {classes}, not from 0 on, as those of EMNIST's letters: say that the first is 1"
                )
            }
            Self::Below { index, found, first } => write!(f, "label {index} is {found}, expected {first} or more"),
        }
    }
}

impl core::error::Error for IdxError {}

/// An IDX file: element type, sizes, and the elements where they lie.
///
/// ```
/// use kernlet::data::idx::{Element, Idx};
/// let file = [0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6];
/// let idx = Idx::parse(&file)?;
/// assert_eq!((idx.element, idx.dims.as_slice()), (Element::U8, &[2, 3][..]));
/// assert_eq!(idx.data, [1, 2, 3, 4, 5, 6]);
/// # Ok::<(), kernlet::data::idx::IdxError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Debug)]
#[non_exhaustive]
pub struct Idx<'a> {
    /// The type of the elements.
    pub element: Element,
    /// The sizes of the axes, outermost first.
    pub dims: Dims,
    /// The elements, big-endian, the last axis fastest.
    pub data: &'a [u8],
}

impl<'a> Idx<'a> {
    /// Reads the header, and checks that the elements fill the rest of `bytes` exactly.
    ///
    /// # Errors
    /// [`IdxError`] if the magic number is not one, there are more than [`MAX_RANK`] axes,
    /// or `bytes` is longer or shorter than the header says.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, IdxError> {
        let truncated = |expected| IdxError::Truncated { expected, found: bytes.len() };
        let (magic, rest) = bytes.split_first_chunk::<4>().ok_or(truncated(4))?;
        if magic[..2] != [0, 0] {
            return Err(IdxError::Magic { found: u32::from_be_bytes(*magic) });
        }
        let element = Element::from_code(magic[2]).ok_or(IdxError::Code { found: magic[2] })?;
        let rank = usize::from(magic[3]);
        if rank > MAX_RANK {
            return Err(IdxError::Rank { found: rank, expected: MAX_RANK });
        }
        let header = 4 + 4 * rank;
        let (sizes, data) = rest.split_at_checked(4 * rank).ok_or(truncated(header))?;
        let mut axes = [0; MAX_RANK];
        for (axis, size) in axes.iter_mut().zip(sizes.as_chunks::<4>().0) {
            *axis = usize::try_from(u32::from_be_bytes(*size)).map_err(|_| IdxError::Overflow)?;
        }
        let axes = &axes[..rank];
        // A size of 0 must not hide that the others cannot be multiplied: `Dims::len` does so without a check.
        let expected = axes
            .iter()
            .try_fold(1usize, |len, &size| len.checked_mul(size.max(1)))
            .map(|len| if axes.contains(&0) { 0 } else { len })
            .and_then(|len| len.checked_mul(element.bytes())?.checked_add(header))
            .ok_or(IdxError::Overflow)?;
        match bytes.len() {
            found if found < expected => Err(IdxError::Truncated { expected, found }),
            found if found > expected => Err(IdxError::Trailing { expected, found }),
            _ => Ok(Self { element, dims: Dims::new(axes), data }),
        }
    }

    /// The elements, if they are bytes.
    ///
    /// # Errors
    /// [`IdxError::Element`] if they are not.
    ///
    /// ```
    /// use kernlet::data::idx::Idx;
    /// assert_eq!(Idx::parse(&[0, 0, 8, 1, 0, 0, 0, 2, 7, 9])?.bytes()?, [7, 9]);
    /// # Ok::<(), kernlet::data::idx::IdxError>(())
    /// ```
    pub fn bytes(&self) -> Result<&'a [u8], IdxError> {
        match self.element {
            Element::U8 => Ok(self.data),
            found => Err(IdxError::Element { found, expected: Element::U8 }),
        }
    }

    /// Element `index` as an `f64`, which holds every element type exactly; `None` past the last.
    ///
    /// ```
    /// use kernlet::data::idx::Idx;
    /// let file = [0, 0, 0x0D, 1, 0, 0, 0, 1, 0x3F, 0xC0, 0, 0];
    /// assert_eq!(Idx::parse(&file)?.get(0), Some(1.5));
    /// # Ok::<(), kernlet::data::idx::IdxError>(())
    /// ```
    pub fn get(&self, index: usize) -> Option<f64> {
        fn at<const N: usize>(data: &[u8], index: usize) -> Option<[u8; N]> {
            data.as_chunks::<N>().0.get(index).copied()
        }
        Some(match self.element {
            Element::U8 => f64::from(u8::from_be_bytes(at(self.data, index)?)),
            Element::I8 => f64::from(i8::from_be_bytes(at(self.data, index)?)),
            Element::I16 => f64::from(i16::from_be_bytes(at(self.data, index)?)),
            Element::I32 => f64::from(i32::from_be_bytes(at(self.data, index)?)),
            Element::F32 => f64::from(f32::from_be_bytes(at(self.data, index)?)),
            Element::F64 => f64::from_be_bytes(at(self.data, index)?),
        })
    }
}

/// Images with a label each, from the two files of an MNIST-like data set.
///
/// ```
/// use kernlet::data::idx::Labelled;
/// let images = [0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2, 10, 20, 30, 40];
/// let labels = [0, 0, 8, 1, 0, 0, 0, 2, 7, 1];
/// let set = Labelled::parse(&images, &labels, 10)?;
/// assert_eq!((set.len(), set.height(), set.width()), (2, 1, 2));
/// assert_eq!((set.image(1), set.labels()[1]), (Some(&[30, 40][..]), 1));
/// # Ok::<(), kernlet::data::idx::IdxError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Labelled<'a> {
    pixels: &'a [u8],
    labels: &'a [u8],
    size: [usize; 2],
    first: u8,
}

impl<'a> Labelled<'a> {
    /// Reads a file of images (`u8`, three axes) and one of labels (`u8`, one axis, each less than `classes`).
    ///
    /// # Errors
    /// [`IdxError`] if one of them is not such a file, their counts differ or a label is too large.
    /// [`Labelled::parse_images`] and [`Labelled::parse_labels`] tell which file it was.
    pub fn parse(images: &'a [u8], labels: &'a [u8], classes: usize) -> Result<Self, IdxError> {
        let (images, labels) = (Self::parse_images(images)?, Self::parse_labels(labels, classes)?);
        Self::pair(images, labels)
    }

    /// A file of images alone.
    ///
    /// # Errors
    /// [`IdxError`] if it is not one of `u8` with three axes.
    ///
    /// ```
    /// use kernlet::data::idx::{IdxError, Labelled};
    /// let labels = [0, 0, 8, 1, 0, 0, 0, 2, 7, 1];
    /// assert_eq!(Labelled::parse_images(&labels).unwrap_err(), IdxError::Rank { found: 1, expected: 3 });
    /// ```
    pub fn parse_images(bytes: &'a [u8]) -> Result<Idx<'a>, IdxError> {
        let idx = Idx::parse(bytes)?;
        idx.bytes()?;
        match idx.dims.rank() {
            3 => Ok(idx),
            found => Err(IdxError::Rank { found, expected: 3 }),
        }
    }

    /// A file of labels alone.
    ///
    /// # Errors
    /// [`IdxError`] if it is not one of `u8` with one axis, or a label is not less than `classes`;
    /// [`IdxError::FromOne`] if all labels are from 1 to `classes`.
    ///
    /// ```
    /// use kernlet::data::idx::Labelled;
    /// let error = Labelled::parse_labels(&[0, 0, 8, 1, 0, 0, 0, 2, 7, 12], 10).unwrap_err();
    /// assert_eq!(error.to_string(), "label 1 is 12, expected less than 10");
    /// ```
    pub fn parse_labels(bytes: &'a [u8], classes: usize) -> Result<Idx<'a>, IdxError> {
        let idx = Self::parse_label_bytes(bytes)?;
        match idx.data.iter().enumerate().find(|&(_, &label)| usize::from(label) >= classes) {
            Some(_) if idx.data.iter().all(|&label| (1..=classes).contains(&label.into())) => {
                Err(IdxError::FromOne { classes })
            }
            Some((index, &found)) => Err(IdxError::Label { index, found, classes }),
            None => Ok(idx),
        }
    }

    /// A file of labels that count from `first`: 1 for EMNIST's letters, whose 26 classes are 1 to 26.
    /// [`label`](Self::label) then counts from 0.
    ///
    /// EMNIST's images have their rows and columns changed for each other.
    ///
    /// # Errors
    /// [`IdxError`] if it is not one of `u8` with one axis, or a label is not from `first` on, or not less than
    /// `first + classes`.
    ///
    /// ```
    /// use kernlet::data::idx::{IdxError, Labelled};
    /// let letters = [0, 0, 8, 1, 0, 0, 0, 2, 1, 26];
    /// assert_eq!(Labelled::parse_labels(&letters, 26), Err(IdxError::FromOne { classes: 26 }));
    /// let labels = Labelled::parse_labels_from(&letters, 1, 26)?;
    /// let images = Labelled::parse_images(&[0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 1, 9, 7])?;
    /// let set = Labelled::pair(images, labels)?.counting_from(1);
    /// assert_eq!((set.label(0), set.label(1)), (Some(0), Some(25)));
    /// # Ok::<(), IdxError>(())
    /// ```
    pub fn parse_labels_from(bytes: &'a [u8], first: u8, classes: usize) -> Result<Idx<'a>, IdxError> {
        let idx = Self::parse_label_bytes(bytes)?;
        for (index, &found) in idx.data.iter().enumerate() {
            match found.checked_sub(first) {
                None => return Err(IdxError::Below { index, found, first }),
                Some(class) if usize::from(class) >= classes => {
                    return Err(IdxError::Label { index, found, classes: usize::from(first).saturating_add(classes) });
                }
                Some(_) => {}
            }
        }
        Ok(idx)
    }

    fn parse_label_bytes(bytes: &'a [u8]) -> Result<Idx<'a>, IdxError> {
        let idx = Idx::parse(bytes)?;
        idx.bytes()?;
        match idx.dims.rank() {
            1 => Ok(idx),
            found => Err(IdxError::Rank { found, expected: 1 }),
        }
    }

    /// Puts images and labels together.
    ///
    /// # Errors
    /// [`IdxError`] if their elements are not bytes, the images do not have three axes, or the counts differ.
    ///
    /// ```
    /// use kernlet::data::idx::Labelled;
    /// let images = Labelled::parse_images(&[0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 9])?;
    /// let labels = Labelled::parse_labels(&[0, 0, 8, 1, 0, 0, 0, 2, 7, 1], 10)?;
    /// assert_eq!(Labelled::pair(images, labels).unwrap_err().to_string(), "1 images, but 2 labels");
    /// # Ok::<(), kernlet::data::idx::IdxError>(())
    /// ```
    pub fn pair(images: Idx<'a>, labels: Idx<'a>) -> Result<Self, IdxError> {
        let (pixels, label_bytes) = (images.bytes()?, labels.bytes()?);
        let &[count, height, width] = images.dims.as_slice() else {
            return Err(IdxError::Rank { found: images.dims.rank(), expected: 3 });
        };
        if count != label_bytes.len() {
            return Err(IdxError::Counts { images: count, labels: label_bytes.len() });
        }
        Ok(Self { pixels, labels: label_bytes, size: [height, width], first: 0 })
    }

    /// The same with labels that count from `first`, as [`parse_labels_from`](Self::parse_labels_from) checked.
    pub const fn counting_from(self, first: u8) -> Self {
        Self { first, ..self }
    }

    /// The class of image `index`, counted from 0; `None` past the last, or if its label is below the first.
    pub fn label(&self, index: usize) -> Option<u8> {
        self.labels.get(index)?.checked_sub(self.first)
    }

    /// The number of images.
    pub const fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is no image.
    ///
    /// ```
    /// use kernlet::data::idx::Labelled;
    /// let images = [0, 0, 8, 3, 0, 0, 0, 0, 0, 0, 0, 28, 0, 0, 0, 28];
    /// assert!(Labelled::parse(&images, &[0, 0, 8, 1, 0, 0, 0, 0], 10)?.is_empty());
    /// # Ok::<(), kernlet::data::idx::IdxError>(())
    /// ```
    pub const fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Rows of an image.
    pub const fn height(&self) -> usize {
        self.size[0]
    }

    /// Columns of an image.
    pub const fn width(&self) -> usize {
        self.size[1]
    }

    /// All pixels, image after image, row after row.
    ///
    /// ```
    /// # use kernlet::data::idx::Labelled;
    /// # let images = [0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 9];
    /// # let set = Labelled::parse(&images, &[0, 0, 8, 1, 0, 0, 0, 1, 7], 10)?;
    /// assert_eq!(set.pixels().len(), set.len() * set.height() * set.width());
    /// # Ok::<(), kernlet::data::idx::IdxError>(())
    /// ```
    pub const fn pixels(&self) -> &'a [u8] {
        self.pixels
    }

    /// All labels as they are in the file.
    pub const fn labels(&self) -> &'a [u8] {
        self.labels
    }

    /// The pixels of image `index`, or `None` past the last.
    pub fn image(&self, index: usize) -> Option<&'a [u8]> {
        let len = self.size[0] * self.size[1];
        if index < self.len() { self.pixels.get(index * len..(index + 1) * len) } else { None }
    }
}
