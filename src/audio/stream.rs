//! Features of samples as they come.

use super::{AudioError, Features, features::expect};

/// Takes samples one by one and gives a row whenever a frame is full: the rows that
/// [`rows_into`](Features::rows_into) gives for all samples since the beginning, bit by bit.
///
/// The [module](crate::audio) shows it at work.
#[derive(Debug)]
pub struct Streaming<'a> {
    features: Features,
    tables: &'a [f32],
    frame: &'a mut [f32],
    scratch: &'a mut [f32],
    /// Samples of the frame so far.
    filled: usize,
    /// Samples to pass over before it.
    skip: usize,
}

impl<'a> Streaming<'a> {
    /// At the beginning: tables as [`Features::tables_into`] fills them, a buffer of a frame, and one of
    /// [`scratch_len`](Features::scratch_len).
    ///
    /// # Errors
    /// [`AudioError`] if the description is not valid or a length is wrong.
    pub fn new(
        features: Features,
        tables: &'a [f32],
        frame: &'a mut [f32],
        scratch: &'a mut [f32],
    ) -> Result<Self, AudioError> {
        features.validate()?;
        expect("tables", features.tables_len(), tables.len())?;
        expect("frame", features.frame, frame.len())?;
        expect("scratch", features.scratch_len(), scratch.len())?;
        Ok(Self { features, tables, frame, scratch, filled: 0, skip: 0 })
    }

    /// Takes samples, and calls `each` with every row that becomes due.
    pub fn push(&mut self, samples: impl IntoIterator<Item = f32>, mut each: impl FnMut(&[f32])) {
        let (frame_len, hop) = (self.features.frame, self.features.hop);
        for sample in samples {
            if self.skip > 0 {
                self.skip -= 1;
                continue;
            }
            if let Some(place) = self.frame.get_mut(self.filled) {
                *place = sample;
                self.filled += 1;
            }
            if self.filled < frame_len {
                continue;
            }
            // The scratch ends with a row of its own, which the frame does not use.
            let row_at = self.scratch.len().saturating_sub(self.features.row_len());
            let Some((scratch, row)) = self.scratch.split_at_mut_checked(row_at) else { return };
            if self.features.frame_with(self.tables, self.frame, row, scratch).is_ok() {
                each(row);
            }
            let kept = frame_len.saturating_sub(hop);
            if kept > 0 && hop <= self.frame.len() {
                self.frame.copy_within(hop.., 0);
            }
            self.filled = kept;
            self.skip = hop.saturating_sub(frame_len);
        }
    }

    /// Forgets all samples: the next one is the first.
    ///
    /// ```
    /// use kernlet::audio::{Features, Streaming};
    /// const LOG_MEL: Features = Features::new(8000, 64, 64).with_bands(4, 100.0, 4000.0);
    /// static TABLES: [f32; LOG_MEL.tables_len()] = LOG_MEL.tables();
    /// let (mut frame, mut scratch) = ([0.0; 64], [0.0; LOG_MEL.scratch_len()]);
    /// let mut stream = Streaming::new(LOG_MEL, &TABLES, &mut frame, &mut scratch)?;
    /// stream.push([0.5; 63], |_| panic!("a sample is missing"));
    /// stream.reset();
    /// stream.push([0.5; 63], |_| panic!("a sample is missing again"));
    /// # Ok::<(), kernlet::audio::AudioError>(())
    /// ```
    pub const fn reset(&mut self) {
        (self.filled, self.skip) = (0, 0);
    }
}
