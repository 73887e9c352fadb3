//! Sound: frames, spectra, mel bands, cepstral coefficients; and WAV files read where they lie.
//!
//! ```text
//! frame:    w[i] = ½ − ½ cos(2πi / frame)                        periodic Hann window, zeros up to fft
//! power:    p[k] = |Σ_i x[i] w[i] e^(−2πi·ik / fft)|²             k = 0 … fft / 2
//! mel:      m[b] = Σ_k p[k] · weight[k][b]                       triangles linear in mel(f) = 1127 ln(1 + f / 700);
//!                                                                with_magnitudes: of √p[k]
//! log-mel:  l[b] = ln(m[b] + floor)
//! MFCC:     c[j] = √(2 / bands) Σ_b l[b] cos(π j (b + ½) / bands)
//! ```
//!
//! These are TensorFlow's `tf.signal.stft`, `linear_to_mel_weight_matrix` (HTK's formula, without the bin at 0) and
//! `mfccs_from_log_mel_spectrograms`. [`Features`] describes what is computed; its tables are a constant that firmware
//! keeps in flash, or memory that the caller fills once. [`Streaming`] takes samples as they come and gives the same bits
//! as a whole recording does.
//!
//! ```
//! use kernlet::audio::{Features, Streaming};
//! const MFCC: Features = Features::new(16_000, 480, 320).with_bands(40, 20.0, 4000.0).with_coefficients(10);
//! static TABLES: [f32; MFCC.tables_len()] = MFCC.tables();
//!
//! let (mut frame, mut scratch) = ([0.0; 480], [0.0; MFCC.scratch_len()]);
//! let mut stream = Streaming::new(MFCC, &TABLES, &mut frame, &mut scratch)?;
//! let mut rows = 0;
//! let second = (0..16_000).map(|i| (i as f32 * 0.3).sin());
//! stream.push(second, |coefficients| {
//!     assert_eq!(coefficients.len(), 10);
//!     rows += 1;
//! });
//! assert_eq!((rows, MFCC.frames(16_000)), (49, 49));
//! # Ok::<(), kernlet::audio::AudioError>(())
//! ```
//!
//! # Numerics
//!
//! Tables are computed in `f64` and rounded once. Everything else is single operations of `f32` in one order, multiply
//! then add: the same bits on every target and at every level. NaN makes the frames that hold it NaN.
//!
//! # Why an FFT of its own
//!
//! `realfft` and `rustfft` choose their algorithm by the processor, so their bits differ between machines. `microfft`
//! (radix 2, `no_std`, plain `f32`) has the same bits everywhere, but its sizes are functions of their own, its
//! table is chosen by a crate feature that every user in a build shares, and it brings `num-complex`. What is needed here is a
//! page, with the table that a size needs and no more.

mod constant;
mod features;
mod fft;
mod stream;
pub mod wav;

pub use features::{AudioError, Features};
pub use fft::{power_into, real_fft_in_place, twiddles_into};
pub use stream::Streaming;
