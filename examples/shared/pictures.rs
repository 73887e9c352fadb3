//! Labelled pictures in memory, and how a network reads them.

use kernlet::{
    data::{augment::Augment, normalise},
    kernels::ShapeError,
    random::Stream,
};

/// Classes of every set here.
pub const CLASSES: usize = 10;

/// How a picture is shown differently in each epoch.
#[derive(Clone, Copy, PartialEq)]
#[allow(dead_code, reason = "each example changes its pictures in one way")]
pub enum Change {
    /// Shifted, turned and scaled a little.
    Digit,
    /// Shifted by up to 4 whole pixels, black moving in, and mirrored or not: as in the ResNet paper.
    ShiftAndFlip,
}

/// Square pictures and their labels, checked.
pub struct Pictures {
    /// Rows, and columns.
    pub side: usize,
    /// 1 or 3.
    pub channels: usize,
    /// Bytes of all pictures, one after the other, `[h][w][c]`.
    pub pixels: Vec<u8>,
    /// A label for each.
    pub labels: Vec<u8>,
    /// What the classes are.
    pub names: [&'static str; CLASSES],
    /// How they are changed.
    pub change: Change,
}

impl Pictures {
    /// The number of pictures.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Numbers of a picture.
    pub fn image_len(&self) -> usize {
        self.side * self.side * self.channels
    }

    /// The bytes of one picture.
    pub fn image(&self, index: usize) -> &[u8] {
        &self.pixels[index * self.image_len()..(index + 1) * self.image_len()]
    }

    /// One picture as it is seen: digits are dark on light.
    pub fn colours(&self, index: usize) -> Vec<[u8; 3]> {
        match self.image(index).as_chunks::<3>() {
            (colours, []) if self.channels == 3 => colours.to_vec(),
            _ => self.image(index).iter().map(|&byte| grey(f32::from(byte) / 255.0)).collect(),
        }
    }

    /// Writes a picture as the network reads it, 0 to 1.
    pub fn read_into(&self, index: usize, image: &mut [f32]) -> Result<(), ShapeError> {
        normalise::unit_into(self.image(index), image)
    }

    /// Writes a picture as epoch `epoch` shows it; `plain` is room for one.
    pub fn changed_into(
        &self,
        index: u32,
        (seed, epoch): (u64, u32),
        plain: &mut Vec<f32>,
        image: &mut [f32],
    ) -> Result<(), ShapeError> {
        plain.resize(image.len(), 0.0);
        self.read_into(index as usize, plain)?;
        match self.change {
            Change::Digit => {
                Augment::DIGITS.image_into(plain, [self.side, self.side, self.channels], seed, epoch, index, image)
            }
            Change::ShiftAndFlip => {
                self.shift_and_flip(index, seed, epoch, plain, image);
                Ok(())
            }
        }
    }

    fn shift_and_flip(&self, index: u32, seed: u64, epoch: u32, plain: &[f32], image: &mut [f32]) {
        const MOST: isize = 4;
        let stream = Stream::new(seed, u64::from_be_bytes(*b"cropflip") ^ u64::from(epoch));
        let at = 4 * u64::from(index);
        let shift = |word: u64| stream.below_at(at + word, 2 * MOST as u32 + 1) as isize - MOST;
        let (down, right, mirrored) = (shift(0), shift(1), stream.below_at(at + 2, 2) == 1);
        let (side, channels) = (self.side as isize, self.channels);
        image.fill(0.0);
        for (place, pixel) in image.chunks_mut(channels).enumerate() {
            let (row, column) = (place as isize / side + down, place as isize % side);
            let column = if mirrored { side - 1 - column } else { column } + right;
            if (0..side).contains(&row) && (0..side).contains(&column) {
                let from = (row * side + column) as usize * channels;
                pixel.copy_from_slice(&plain[from..from + channels]);
            }
        }
    }
}

/// Dark on light, as ink.
fn grey(value: f32) -> [u8; 3] {
    [(255.0 * (1.0 - value.clamp(0.0, 1.0))) as u8; 3]
}
