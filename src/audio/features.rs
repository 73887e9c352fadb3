//! What is computed of a sound, its tables, and one frame after the other.

use core::fmt;

use super::{
    constant::{ln, sqrt, turn},
    fft::{power_into, real_fft_in_place, twiddles_into},
};
use crate::{
    math,
    simd::{Scalar, Simd},
};

/// Why features could not be computed.
///
/// ```
/// let error = kernlet::audio::Features::new(16_000, 0, 320).validate().unwrap_err();
/// assert_eq!(error.to_string(), "audio: frame: expected at least 1, found 0");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum AudioError {
    /// A slice or a size is another one.
    Size {
        /// Which.
        what: &'static str,
        /// The size that fits.
        expected: usize,
        /// The size that was given.
        found: usize,
    },
    /// A size is too small.
    AtLeast {
        /// Which.
        what: &'static str,
        /// The least.
        least: usize,
        /// The size that was given.
        found: usize,
    },
    /// The bands do not rise from 0 or more to half of the rate at most.
    Bands,
}

impl fmt::Display for AudioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Size { what, expected, found } => write!(f, "audio: {what}: expected {expected}, found {found}"),
            Self::AtLeast { what, least, found } => {
                write!(f, "audio: {what}: expected at least {least}, found {found}")
            }
            Self::Bands => {
                f.write_str("audio: bands: the frequencies must rise, from 0 or more to half of the rate at most")
            }
        }
    }
}

impl core::error::Error for AudioError {}

/// Log-mel energies or cepstral coefficients: a row for each frame.
///
/// The [module](crate::audio) shows it at work.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Features {
    /// Samples a second.
    pub rate: u32,
    /// Samples of a frame.
    pub frame: usize,
    /// Samples between frames.
    pub hop: usize,
    /// The size of the transform: a power of two, not below the frame.
    pub fft: usize,
    /// Mel bands.
    pub bands: usize,
    /// Where the first band begins, in Hz.
    pub lowest: f64,
    /// Where the last band ends, in Hz.
    pub highest: f64,
    /// What is added to a band before its logarithm.
    pub floor: f32,
    /// Cepstral coefficients; 0 for log-mel energies.
    pub coefficients: usize,
    /// Whether bands add up magnitudes, the roots of the powers.
    pub magnitudes: bool,
}

/// Where the tables lie.
struct Tables<'a> {
    window: &'a [f32],
    twiddles: &'a [f32],
    /// Of each bin, its weight in the band that rises there, and in the one that falls.
    rising: &'a [f32],
    falling: &'a [f32],
    /// Of each edge between bands, the first bin that is not below it.
    edges: &'a [f32],
    cosines: &'a [f32],
}

impl Features {
    /// 40 log-mel bands from 20 Hz to half of the rate, at most 4000 Hz, floor 10⁻⁶; the transform is the next power of two.
    pub const fn new(rate: u32, frame: usize, hop: usize) -> Self {
        let fft = if frame <= 4 { 4 } else { frame.next_power_of_two() };
        let half = rate as f64 / 2.0;
        let highest = if half < 4000.0 { half } else { 4000.0 };
        let (bands, lowest) = (40, 20.0);
        Self { rate, frame, hop, fft, bands, lowest, highest, floor: 1e-6, coefficients: 0, magnitudes: false }
    }

    /// The same with a larger transform.
    ///
    /// ```
    /// assert_eq!(kernlet::audio::Features::new(8000, 200, 80).with_fft(512).bins(), 257);
    /// ```
    pub const fn with_fft(self, fft: usize) -> Self {
        Self { fft, ..self }
    }

    /// The same with so many bands between two frequencies.
    pub const fn with_bands(self, bands: usize, lowest: f64, highest: f64) -> Self {
        Self { bands, lowest, highest, ..self }
    }

    /// The same with another floor.
    ///
    /// ```
    /// assert_eq!(kernlet::audio::Features::new(8000, 200, 80).with_floor(1e-3).floor, 1e-3);
    /// ```
    pub const fn with_floor(self, floor: f32) -> Self {
        Self { floor, ..self }
    }

    /// The same with so many cepstral coefficients as a row.
    pub const fn with_coefficients(self, coefficients: usize) -> Self {
        Self { coefficients, ..self }
    }

    /// The same with bands that add up magnitudes `|X[k]|` instead of powers: what TensorFlow's `tf.abs(stft)` gives, from
    /// which MLPerf Tiny's keywords were learnt.
    ///
    /// ```
    /// use kernlet::audio::Features;
    /// let (powers, magnitudes) = (Features::new(8000, 256, 128), Features::new(8000, 256, 128).with_magnitudes());
    /// let (mut tables, mut scratch) = (vec![0.0; powers.tables_len()], vec![0.0; powers.scratch_len()]);
    /// powers.tables_into(&mut tables)?;
    /// let tone: Vec<f32> = (0..256).map(|i| (0.5 * i as f32).sin()).collect();
    /// let (mut of_powers, mut of_magnitudes) = ([0.0; 40], [0.0; 40]);
    /// powers.frame_into(&tables, &tone, &mut of_powers, &mut scratch)?;
    /// magnitudes.frame_into(&tables, &tone, &mut of_magnitudes, &mut scratch)?;
    /// // Where one bin has nearly all, a root halves the logarithm.
    /// let loudest = of_powers.iter().copied().fold(f32::MIN, f32::max);
    /// assert!((of_magnitudes.iter().copied().fold(f32::MIN, f32::max) - loudest / 2.0).abs() < 0.6);
    /// # Ok::<(), kernlet::audio::AudioError>(())
    /// ```
    pub const fn with_magnitudes(self) -> Self {
        Self { magnitudes: true, ..self }
    }

    /// Whether the sizes are at least 1, the transform holds a frame, and the bands lie between 0 and half of the rate.
    ///
    /// # Errors
    /// The first that is wrong.
    pub const fn validate(&self) -> Result<(), AudioError> {
        let sizes = [("rate", self.rate as usize), ("frame", self.frame), ("hop", self.hop), ("bands", self.bands)];
        let mut i = 0;
        while i < sizes.len() {
            let (what, found) = sizes[i];
            if found == 0 {
                return Err(AudioError::AtLeast { what, least: 1, found });
            }
            i += 1;
        }
        // The first bins' numbers must be exact in a table of f32.
        const MOST: usize = 1 << 20;
        if self.fft < self.frame || self.fft < 4 {
            let least = if self.frame > 4 { self.frame } else { 4 };
            return Err(AudioError::AtLeast { what: "fft", least, found: self.fft });
        }
        if !self.fft.is_power_of_two() || self.fft > MOST {
            let expected = if self.fft > MOST { MOST } else { self.fft.next_power_of_two() };
            return Err(AudioError::Size { what: "fft, a power of two", expected, found: self.fft });
        }
        if self.bands > MOST || self.coefficients > self.bands {
            let found = if self.bands > MOST { self.bands } else { self.coefficients };
            return Err(AudioError::Size { what: "bands, or coefficients above them", expected: self.bands, found });
        }
        if !(self.lowest >= 0.0 && self.lowest < self.highest && self.highest <= self.rate as f64 / 2.0) {
            return Err(AudioError::Bands);
        }
        Ok(())
    }

    /// Bins of a spectrum.
    pub const fn bins(&self) -> usize {
        self.fft / 2 + 1
    }

    /// Elements of a row: coefficients, or bands.
    ///
    /// ```
    /// assert_eq!(kernlet::audio::Features::new(16_000, 400, 160).row_len(), 40);
    /// ```
    pub const fn row_len(&self) -> usize {
        if self.coefficients > 0 { self.coefficients } else { self.bands }
    }

    /// Whole frames in so many samples.
    pub const fn frames(&self, samples: usize) -> usize {
        if samples < self.frame || self.hop == 0 { 0 } else { (samples - self.frame) / self.hop + 1 }
    }

    /// The length of the tables: window, turns, weights of bins, edges of bands, cosines.
    pub const fn tables_len(&self) -> usize {
        self.frame + self.fft + 2 * self.bins() + self.bands + 2 + self.coefficients * self.bands
    }

    /// The length of the scratch of a frame: spectrum, power, bands, and a row.
    pub const fn scratch_len(&self) -> usize {
        self.fft + self.bins() + self.bands + self.row_len()
    }

    /// The tables as a constant.
    ///
    /// # Panics
    /// While compiling, if the description is not valid or `N` is not [`tables_len`](Self::tables_len).
    pub const fn tables<const N: usize>(&self) -> [f32; N] {
        let mut tables = [0.0; N];
        assert!(self.tables_into(&mut tables).is_ok(), "audio: N must be tables_len() of a valid description");
        tables
    }

    /// Fills the tables.
    ///
    /// # Errors
    /// [`AudioError`] if the description is not valid, or there are not [`tables_len`](Self::tables_len) elements.
    ///
    /// ```
    /// let features = kernlet::audio::Features::new(8000, 256, 128);
    /// let mut tables = vec![0.0; features.tables_len()];
    /// features.tables_into(&mut tables)?;
    /// assert_eq!((tables[0], tables[128]), (0.0, 1.0));
    /// # Ok::<(), kernlet::audio::AudioError>(())
    /// ```
    pub const fn tables_into(&self, tables: &mut [f32]) -> Result<(), AudioError> {
        if let Err(error) = self.validate() {
            return Err(error);
        }
        if tables.len() != self.tables_len() {
            return Err(AudioError::Size { what: "tables", expected: self.tables_len(), found: tables.len() });
        }
        let (window, rest) = tables.split_at_mut(self.frame);
        let (twiddles, rest) = rest.split_at_mut(self.fft);
        let (rising, rest) = rest.split_at_mut(self.bins());
        let (falling, rest) = rest.split_at_mut(self.bins());
        let (edges, cosines) = rest.split_at_mut(self.bands + 2);
        let mut i = 0;
        while i < self.frame {
            window[i] = (0.5 - 0.5 * turn(i, self.frame).0) as f32;
            i += 1;
        }
        twiddles_into(twiddles);
        self.weights_into(rising, falling, edges);
        let scale = sqrt(2.0 / self.bands as f64);
        let mut i = 0;
        while i < cosines.len() {
            let (coefficient, band) = (i / self.bands, i % self.bands);
            cosines[i] = (scale * turn(coefficient * (2 * band + 1), 4 * self.bands).0) as f32;
            i += 1;
        }
        Ok(())
    }

    /// The triangles of the bands.
    const fn weights_into(&self, rising: &mut [f32], falling: &mut [f32], edges: &mut [f32]) {
        const fn mel(hertz: f64) -> f64 {
            1127.0 * ln(1.0 + hertz / 700.0)
        }
        let (low, high) = (mel(self.lowest), mel(self.highest));
        let step = (high - low) / (self.bands + 1) as f64;
        let mut edge = 0;
        let mut bin = 0;
        while bin < self.bins() {
            (rising[bin], falling[bin]) = (0.0, 0.0);
            if bin > 0 {
                let at = (mel(bin as f64 * self.rate as f64 / self.fft as f64) - low) / step;
                while edge < edges.len() && edge as f64 <= at {
                    edges[edge] = bin as f32;
                    edge += 1;
                }
                if edge > 0 && edge < edges.len() {
                    let up = at - (edge - 1) as f64;
                    (rising[bin], falling[bin]) = (up as f32, (1.0 - up) as f32);
                }
            }
            bin += 1;
        }
        while edge < edges.len() {
            edges[edge] = self.bins() as f32;
            edge += 1;
        }
    }

    /// The tables in their parts.
    fn parts<'a>(&self, tables: &'a [f32]) -> Result<Tables<'a>, AudioError> {
        let wrong = AudioError::Size { what: "tables", expected: self.tables_len(), found: tables.len() };
        if tables.len() != self.tables_len() {
            return Err(wrong);
        }
        let (window, rest) = tables.split_at_checked(self.frame).ok_or(wrong)?;
        let (twiddles, rest) = rest.split_at_checked(self.fft).ok_or(wrong)?;
        let (rising, rest) = rest.split_at_checked(self.bins()).ok_or(wrong)?;
        let (falling, rest) = rest.split_at_checked(self.bins()).ok_or(wrong)?;
        let (edges, cosines) = rest.split_at_checked(self.bands + 2).ok_or(wrong)?;
        Ok(Tables { window, twiddles, rising, falling, edges, cosines })
    }

    /// The power spectrum of a frame. `scratch` has [`fft`](Self::fft) elements, whatever they hold.
    ///
    /// # Errors
    /// [`AudioError`] if a length is wrong.
    ///
    /// ```
    /// let features = kernlet::audio::Features::new(8000, 8, 8).with_bands(1, 0.0, 4000.0);
    /// let (mut tables, mut power, mut scratch) = (vec![0.0; features.tables_len()], [f32::NAN; 5], [f32::NAN; 8]);
    /// features.tables_into(&mut tables)?;
    /// features.power_into(&tables, &[1.0; 8], &mut power, &mut scratch)?;
    /// assert_eq!(power, [16.0, 4.0, 0.0, 0.0, 0.0]);
    /// # Ok::<(), kernlet::audio::AudioError>(())
    /// ```
    pub fn power_into(
        &self,
        tables: &[f32],
        frame: &[f32],
        power: &mut [f32],
        scratch: &mut [f32],
    ) -> Result<(), AudioError> {
        let tables = self.parts(tables)?;
        expect("frame", self.frame, frame.len())?;
        expect("scratch", self.fft, scratch.len())?;
        scratch.fill(0.0);
        for ((to, x), w) in scratch.iter_mut().zip(frame).zip(tables.window) {
            *to = x * w;
        }
        real_fft_in_place(scratch, tables.twiddles)?;
        power_into(scratch, power)
    }

    /// The energies of the bands from a spectrum of powers, or of magnitudes.
    ///
    /// # Errors
    /// [`AudioError`] if a length is wrong.
    ///
    /// ```
    /// let features = kernlet::audio::Features::new(8000, 8, 8).with_bands(1, 0.0, 4000.0);
    /// let (mut tables, mut mel) = (vec![0.0; features.tables_len()], [f32::NAN]);
    /// features.tables_into(&mut tables)?;
    /// features.mel_into(&tables, &[1.0, 0.0, 0.0, 0.0, 0.0], &mut mel)?;
    /// assert_eq!(mel, [0.0]); // the bin at 0 belongs to no band
    /// # Ok::<(), kernlet::audio::AudioError>(())
    /// ```
    pub fn mel_into(&self, tables: &[f32], power: &[f32], mel: &mut [f32]) -> Result<(), AudioError> {
        let tables = self.parts(tables)?;
        expect("power", self.bins(), power.len())?;
        expect("mel", self.bands, mel.len())?;
        for (to, edges) in mel.iter_mut().zip(tables.edges.windows(3)) {
            let &[low, centre, high] = edges else { continue };
            let (low, centre, high) = (low as usize, centre as usize, high as usize);
            let mut sum = 0.0;
            for (weights, bins) in [(tables.rising, low..centre), (tables.falling, centre..high)] {
                let weights = weights.get(bins.clone()).unwrap_or_default();
                for (w, p) in weights.iter().zip(power.get(bins).unwrap_or_default()) {
                    sum += w * p;
                }
            }
            *to = sum;
        }
        Ok(())
    }

    /// `ln(m + floor)` of each band, in place.
    ///
    /// ```
    /// let mut mel = [1.0, 0.0];
    /// kernlet::audio::Features::new(8000, 256, 128).with_floor(1.0).log_in_place(&mut mel);
    /// assert_eq!(mel, [core::f32::consts::LN_2, 0.0]);
    /// ```
    pub fn log_in_place(&self, mel: &mut [f32]) {
        for m in mel {
            *m = math::ln(Scalar::strict(), *m + self.floor);
        }
    }

    /// Cepstral coefficients from logarithms of bands.
    ///
    /// # Errors
    /// [`AudioError`] if a length is wrong.
    ///
    /// ```
    /// let features = kernlet::audio::Features::new(8000, 256, 128).with_bands(2, 20.0, 4000.0).with_coefficients(2);
    /// let (mut tables, mut mfcc) = (vec![0.0; features.tables_len()], [f32::NAN; 2]);
    /// features.tables_into(&mut tables)?;
    /// features.mfcc_into(&tables, &[3.0, 4.0], &mut mfcc)?;
    /// assert_eq!(mfcc[0], 7.0);
    /// # Ok::<(), kernlet::audio::AudioError>(())
    /// ```
    pub fn mfcc_into(&self, tables: &[f32], log_mel: &[f32], mfcc: &mut [f32]) -> Result<(), AudioError> {
        let tables = self.parts(tables)?;
        expect("log_mel", self.bands, log_mel.len())?;
        expect("mfcc", self.coefficients, mfcc.len())?;
        for (to, cosines) in mfcc.iter_mut().zip(tables.cosines.chunks_exact(self.bands.max(1))) {
            *to = cosines.iter().zip(log_mel).fold(0.0, |sum, (c, l)| sum + c * l);
        }
        Ok(())
    }

    /// A frame's row: log-mel energies or cepstral coefficients. `scratch` has [`scratch_len`](Self::scratch_len) elements,
    /// whatever they hold.
    ///
    /// # Errors
    /// [`AudioError`] if a length is wrong.
    ///
    /// ```
    /// let features = kernlet::audio::Features::new(8000, 256, 128);
    /// let (mut tables, mut scratch) = (vec![0.0; features.tables_len()], vec![0.0; features.scratch_len()]);
    /// features.tables_into(&mut tables)?;
    /// let mut row = [0.0; 40];
    /// features.frame_into(&tables, &[0.0; 256], &mut row, &mut scratch)?;
    /// assert!((row[0] + 13.815).abs() < 1e-3); // ln 10⁻⁶
    /// # Ok::<(), kernlet::audio::AudioError>(())
    /// ```
    pub fn frame_into(
        &self,
        tables: &[f32],
        frame: &[f32],
        row: &mut [f32],
        scratch: &mut [f32],
    ) -> Result<(), AudioError> {
        expect("row", self.row_len(), row.len())?;
        expect("scratch", self.scratch_len(), scratch.len())?;
        self.frame_with(tables, frame, row, scratch)
    }

    /// [`Self::frame_into`] with a scratch that may lack the row that it ends with.
    pub(super) fn frame_with(
        &self,
        tables: &[f32],
        frame: &[f32],
        row: &mut [f32],
        scratch: &mut [f32],
    ) -> Result<(), AudioError> {
        let wrong = AudioError::Size { what: "scratch", expected: self.scratch_len(), found: scratch.len() };
        let (spectrum, rest) = scratch.split_at_mut_checked(self.fft).ok_or(wrong)?;
        let (power, rest) = rest.split_at_mut_checked(self.bins()).ok_or(wrong)?;
        let (mel, _) = rest.split_at_mut_checked(self.bands).ok_or(wrong)?;
        self.power_into(tables, frame, power, spectrum)?;
        if self.magnitudes {
            for p in &mut *power {
                *p = Scalar::strict().sqrt(*p);
            }
        }
        if self.coefficients == 0 {
            self.mel_into(tables, power, row)?;
            self.log_in_place(row);
            return Ok(());
        }
        self.mel_into(tables, power, mel)?;
        self.log_in_place(mel);
        self.mfcc_into(tables, mel, row)
    }

    /// The rows of a recording: `[frames(samples)][row_len()]`, without padding at its end.
    ///
    /// # Errors
    /// [`AudioError`] if a length is wrong.
    ///
    /// ```
    /// let features = kernlet::audio::Features::new(8000, 256, 128);
    /// let (mut tables, mut scratch) = (vec![0.0; features.tables_len()], vec![0.0; features.scratch_len()]);
    /// features.tables_into(&mut tables)?;
    /// let mut rows = [f32::NAN; 2 * 40];
    /// features.rows_into(&tables, &[0.0; 384], &mut rows, &mut scratch)?;
    /// assert_eq!(rows[..40], rows[40..]);
    /// # Ok::<(), kernlet::audio::AudioError>(())
    /// ```
    pub fn rows_into(
        &self,
        tables: &[f32],
        samples: &[f32],
        rows: &mut [f32],
        scratch: &mut [f32],
    ) -> Result<(), AudioError> {
        self.validate()?;
        let count = self.frames(samples.len());
        expect("rows", count.saturating_mul(self.row_len()), rows.len())?;
        for (i, row) in rows.chunks_exact_mut(self.row_len().max(1)).enumerate() {
            let at = i * self.hop;
            let frame = samples.get(at..at + self.frame).unwrap_or_default();
            self.frame_into(tables, frame, row, scratch)?;
        }
        Ok(())
    }
}

/// The door.
pub(super) const fn expect(what: &'static str, expected: usize, found: usize) -> Result<(), AudioError> {
    if expected == found { Ok(()) } else { Err(AudioError::Size { what, expected, found }) }
}
