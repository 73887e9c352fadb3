//! WAV files, read where they lie: in a memory-mapped file, or in flash.
//!
//! Read are integers of 8, 16, 24 and 32 bits and floats of 32 and 64, of any rate and number of channels, in plain
//! `WAVE_FORMAT_PCM` and `IEEE_FLOAT` or behind `EXTENSIBLE`. Compressed sound is refused.

use core::fmt;

/// What is wrong with a file, and at which byte.
///
/// ```
/// let error = kernlet::audio::wav::Wav::parse(b"RIFX\0\0\0\0WAVE").unwrap_err();
/// assert_eq!(error.to_string(), "WAV file, byte 0: expected \"RIFF\"");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct WavError {
    /// Where in the file.
    pub at: usize,
    /// What.
    pub problem: WavProblem,
}

/// What can be wrong with a WAV file.
///
/// ```
/// use kernlet::audio::wav::WavProblem;
/// assert_eq!(WavProblem::Compressed { tag: 17 }.to_string(), "compressed sound, of format 17");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum WavProblem {
    /// Four letters are missing.
    Missing(&'static str),
    /// The file ends before a part of it does.
    Cut {
        /// Bytes that the part has.
        needed: usize,
        /// Bytes that there are.
        found: usize,
    },
    /// The samples are neither integers nor floats.
    Compressed {
        /// The number of the format.
        tag: u16,
    },
    /// Samples of so many bits are not known.
    Bits {
        /// How many.
        bits: u16,
        /// Whether they are floats.
        float: bool,
    },
    /// No channel, or a frame is not as long as its channels' samples.
    Frame {
        /// How many channels.
        channels: u16,
        /// Bytes of a frame.
        bytes: u16,
    },
    /// Another rate than was asked for.
    Rate {
        /// Samples a second that were asked for.
        expected: u32,
        /// The file's.
        found: u32,
    },
    /// Another number of channels than was asked for.
    Channels {
        /// Channels that were asked for.
        expected: u16,
        /// The file's.
        found: u16,
    },
}

impl fmt::Display for WavProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(name) => write!(f, "expected {name:?}"),
            Self::Cut { needed, found } => write!(f, "cut: a part of {needed} bytes has {found}"),
            Self::Compressed { tag } => write!(f, "compressed sound, of format {tag}"),
            Self::Bits { bits, float } => {
                write!(f, "{} of {bits} bits", if *float { "floats" } else { "integers" })
            }
            Self::Frame { channels, bytes } => write!(f, "{channels} channels in a frame of {bytes} bytes"),
            Self::Rate { expected, found } => write!(f, "{found} samples a second, expected {expected}"),
            Self::Channels { expected, found } => write!(f, "{found} channels, expected {expected}"),
        }
    }
}

impl fmt::Display for WavError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WAV file, byte {}: {}", self.at, self.problem)
    }
}

impl core::error::Error for WavError {}

/// What a sample is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Encoding {
    /// An integer of 8 bits, 128 is silence.
    U8,
    /// An integer of 16 bits.
    I16,
    /// An integer of 24 bits.
    I24,
    /// An integer of 32 bits.
    I32,
    /// A float of 32 bits.
    F32,
    /// A float of 64 bits.
    F64,
}

impl Encoding {
    /// Bytes of a sample.
    const fn bytes(self) -> usize {
        match self {
            Self::U8 => 1,
            Self::I16 => 2,
            Self::I24 => 3,
            Self::I32 | Self::F32 => 4,
            Self::F64 => 8,
        }
    }

    /// A sample as a number: integers in −1 ..= 1.
    fn number(self, bytes: &[u8]) -> f32 {
        match (self, bytes) {
            (Self::U8, &[a]) => (f32::from(a) - 128.0) / 128.0,
            (Self::I16, &[a, b]) => f32::from(i16::from_le_bytes([a, b])) / 32_768.0,
            (Self::I24, &[a, b, c]) => (i32::from_le_bytes([0, a, b, c]) >> 8) as f32 / 8_388_608.0,
            (Self::I32, &[a, b, c, d]) => i32::from_le_bytes([a, b, c, d]) as f32 / 2_147_483_648.0,
            (Self::F32, &[a, b, c, d]) => f32::from_le_bytes([a, b, c, d]),
            (Self::F64, &[a, b, c, d, e, f, g, h]) => f64::from_le_bytes([a, b, c, d, e, f, g, h]) as f32,
            _ => 0.0,
        }
    }
}

/// A WAV file.
///
/// ```
/// use kernlet::audio::wav::{Encoding, Wav};
/// let mut file = b"RIFF\x28\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0".to_vec();
/// file.extend(8000_u32.to_le_bytes());
/// file.extend(16_000_u32.to_le_bytes());
/// file.extend(b"\x02\0\x10\0data\x04\0\0\0\0\x40\0\x80");
/// let wav = Wav::parse(&file)?;
/// assert_eq!((wav.rate, wav.channels, wav.encoding), (8000, 1, Encoding::I16));
/// assert!(wav.samples().eq([0.5, -1.0]));
/// assert_eq!(wav.require(16_000, 1).unwrap_err().to_string(), "WAV file, byte 24: 8000 samples a second, expected 16000");
/// # Ok::<(), kernlet::audio::wav::WavError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Wav<'a> {
    /// Samples of a channel a second.
    pub rate: u32,
    /// Channels.
    pub channels: u16,
    /// What a sample is.
    pub encoding: Encoding,
    /// The samples, of all channels in turn; whole frames.
    pub data: &'a [u8],
    /// Where the format begins in the file.
    format_at: usize,
}

/// What the format says.
#[derive(Clone, Copy)]
struct Format {
    at: usize,
    rate: u32,
    channels: u16,
    encoding: Encoding,
}

const fn error<T>(at: usize, problem: WavProblem) -> Result<T, WavError> {
    Err(WavError { at, problem })
}

/// So many bytes of the file.
fn bytes<const N: usize>(file: &[u8], at: usize) -> Result<[u8; N], WavError> {
    let rest = file.get(at..).unwrap_or_default();
    match rest.first_chunk() {
        Some(&bytes) => Ok(bytes),
        None => error(at, WavProblem::Cut { needed: N, found: rest.len() }),
    }
}

fn letters(file: &[u8], at: usize, name: &'static str) -> Result<(), WavError> {
    if bytes::<4>(file, at)?[..] == *name.as_bytes() { Ok(()) } else { error(at, WavProblem::Missing(name)) }
}

impl<'a> Wav<'a> {
    /// Reads the head of a file.
    ///
    /// # Errors
    /// [`WavError`] if it is no WAV file, is cut, or holds compressed sound.
    pub fn parse(file: &'a [u8]) -> Result<Self, WavError> {
        letters(file, 0, "RIFF")?;
        letters(file, 8, "WAVE")?;
        let (mut at, mut format) = (12, None);
        loop {
            if at >= file.len() {
                return error(at, WavProblem::Missing(if format.is_some() { "data" } else { "fmt " }));
            }
            let (name, len) = (bytes::<4>(file, at)?, u32::from_le_bytes(bytes(file, at + 4)?) as usize);
            let rest = file.get(at + 8..).unwrap_or_default();
            match &name {
                b"fmt " => format = Some(read_format(file, at + 8, len)?),
                b"data" => {
                    let Some(Format { at: format_at, rate, channels, encoding }) = format else {
                        return error(at, WavProblem::Missing("fmt "));
                    };
                    let frame = encoding.bytes() * usize::from(channels);
                    let Some(data) = rest.get(..len) else {
                        return error(at + 8, WavProblem::Cut { needed: len, found: rest.len() });
                    };
                    let part = len.checked_rem(frame).unwrap_or_default();
                    if part > 0 {
                        return error(at + 8 + len - part, WavProblem::Cut { needed: frame, found: part });
                    }
                    return Ok(Self { rate, channels, encoding, data, format_at });
                }
                _ if rest.len() < len => return error(at + 8, WavProblem::Cut { needed: len, found: rest.len() }),
                _ => {}
            }
            // A part of an odd length is followed by one byte more.
            at = at.saturating_add(8).saturating_add(len).saturating_add(len % 2);
        }
    }

    /// Whether the file has this rate and so many channels.
    ///
    /// # Errors
    /// [`WavError`] with what it has.
    pub const fn require(&self, rate: u32, channels: u16) -> Result<(), WavError> {
        if self.channels != channels {
            let problem = WavProblem::Channels { expected: channels, found: self.channels };
            return error(self.format_at + 2, problem);
        }
        if self.rate != rate {
            return error(self.format_at + 4, WavProblem::Rate { expected: rate, found: self.rate });
        }
        Ok(())
    }

    /// How many samples a channel has.
    pub const fn frames(&self) -> usize {
        match self.data.len().checked_div(self.encoding.bytes() * self.channels as usize) {
            Some(frames) => frames,
            None => 0,
        }
    }

    /// The samples of all channels in turn, integers divided so that they lie in −1 ..= 1.
    pub fn samples(&self) -> impl ExactSizeIterator<Item = f32> + Clone + use<'a> {
        let encoding = self.encoding;
        self.data.chunks_exact(encoding.bytes()).map(move |sample| encoding.number(sample))
    }

    /// The samples of one channel.
    ///
    /// ```
    /// # let mut file = b"RIFF\x28\0\0\0WAVEfmt \x10\0\0\0\x01\0\x02\0".to_vec();
    /// # file.extend(8000_u32.to_le_bytes());
    /// # file.extend(32_000_u32.to_le_bytes());
    /// # file.extend(b"\x04\0\x10\0data\x04\0\0\0\0\x40\0\x80");
    /// let stereo = kernlet::audio::wav::Wav::parse(&file)?;
    /// assert!(stereo.channel(1).eq([-1.0]));
    /// # Ok::<(), kernlet::audio::wav::WavError>(())
    /// ```
    pub fn channel(&self, channel: u16) -> impl Iterator<Item = f32> + Clone + use<'a> {
        let samples = self.samples().skip(usize::from(channel)).step_by(usize::from(self.channels).max(1));
        samples.take(if channel < self.channels { self.frames() } else { 0 })
    }
}

fn read_format(file: &[u8], at: usize, len: usize) -> Result<Format, WavError> {
    const PCM: u16 = 1;
    const FLOAT: u16 = 3;
    const EXTENSIBLE: u16 = 0xFFFE;
    let found = file.len().saturating_sub(at).min(len);
    if found < 16 || found < len {
        return error(at, WavProblem::Cut { needed: len.max(16), found });
    }
    let short = |from: usize| bytes(file, at + from).map(u16::from_le_bytes);
    let rate = u32::from_le_bytes(bytes(file, at + 4)?);
    let (channels, frame, bits) = (short(2)?, short(12)?, short(14)?);
    let mut tag = short(0)?;
    if tag == EXTENSIBLE && len >= 26 {
        tag = short(24)?;
    }
    let encoding = match (tag, bits) {
        (PCM, 8) => Encoding::U8,
        (PCM, 16) => Encoding::I16,
        (PCM, 24) => Encoding::I24,
        (PCM, 32) => Encoding::I32,
        (FLOAT, 32) => Encoding::F32,
        (FLOAT, 64) => Encoding::F64,
        (PCM | FLOAT, _) => return error(at + 14, WavProblem::Bits { bits, float: tag == FLOAT }),
        _ => return error(at, WavProblem::Compressed { tag }),
    };
    if channels == 0 || usize::from(channels) * encoding.bytes() != usize::from(frame) {
        return error(at + 2, WavProblem::Frame { channels, bytes: frame });
    }
    Ok(Format { at, rate, channels, encoding })
}
