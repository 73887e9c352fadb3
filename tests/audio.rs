//! Sound: transforms against the definition, streams against whole recordings, WAV files whole, cut and changed.
#![cfg(feature = "audio")]

use kernlet::{
    audio::{
        AudioError, Features, Streaming, power_into, real_fft_in_place, twiddles_into,
        wav::{Encoding, Wav, WavProblem},
    },
    random::Stream,
};
use proptest::prelude::*;

fn values(seed: u64, len: usize) -> Vec<f32> {
    let stream = Stream::new(seed, 8);
    (0..len).map(|i| 2.0 * stream.f32_at(i as u64) - 1.0).collect()
}

#[test]
fn transforms_are_the_definition() {
    for n in [4_usize, 8, 16, 32, 64, 512, 1024] {
        let (x, mut table) = (values(n as u64, n), vec![0.0; n]);
        twiddles_into(&mut table);
        let mut found = x.clone();
        real_fft_in_place(&mut found, &table).unwrap();
        let mut power = vec![f32::NAN; n / 2 + 1];
        power_into(&found, &mut power).unwrap();
        let size: f64 = x.iter().map(|x| f64::from(x.abs())).sum();
        let bound = 6.0 * (n as f64).log2() * f64::from(f32::EPSILON) / 2.0 * size;
        for (k, &power) in power.iter().enumerate() {
            let (mut re, mut im) = (0.0, 0.0);
            for (i, &x) in x.iter().enumerate() {
                let angle = core::f64::consts::TAU * (i * k % n) as f64 / n as f64;
                re += f64::from(x) * angle.cos();
                im -= f64::from(x) * angle.sin();
            }
            let (fr, fi) = match k {
                0 => (found[0], 0.0),
                k if k == n / 2 => (found[1], 0.0),
                k => (found[2 * k], found[2 * k + 1]),
            };
            let off = (f64::from(fr) - re).abs().max((f64::from(fi) - im).abs());
            assert!(off <= bound, "{k} of {n}: ({fr}, {fi}), expected ({re}, {im}), off by {off:e}, bound {bound:e}");
            assert_eq!(power, fr * fr + fi * fi, "{k} of {n}");
        }
    }
}

/// Small integers at quarter turns leave nothing to round.
#[test]
fn whole_numbers_are_exact() {
    let (mut x, mut table) = ([1.0, 2.0, 0.0, -3.0, 4.0, 2.0, 0.0, -3.0], [0.0; 8]);
    twiddles_into(&mut table);
    real_fft_in_place(&mut x, &table).unwrap();
    assert_eq!(x, [3.0, 7.0, -3.0, 0.0, 5.0, -10.0, -3.0, 0.0]);
}

const MFCC: Features = Features::new(8000, 200, 80).with_bands(20, 100.0, 3800.0).with_coefficients(12);
static TABLES: [f32; MFCC.tables_len()] = MFCC.tables();

#[test]
fn tables_are_the_same_compiled_and_computed() {
    let mut tables = vec![f32::NAN; MFCC.tables_len()];
    MFCC.tables_into(&mut tables).unwrap();
    assert_eq!(tables, TABLES);
    // Between the first and the last edge, the weights of a bin add up to 1.
    let (rising, falling) = (&TABLES[200 + 256..][..129], &TABLES[200 + 256 + 129..][..129]);
    let sums: Vec<f32> = rising.iter().zip(falling).map(|(a, b)| a + b).collect();
    assert!(sums.iter().all(|&sum| sum == 0.0 || (sum - 1.0).abs() < 1e-6), "{sums:?}");
    assert_eq!(sums[0], 0.0);
    assert!(sums.iter().filter(|&&sum| sum > 0.0).count() > 110);
}

/// The row below as TensorFlow 2.21 computes it.
const TENSORFLOW: [f32; 12] = [
    19.438_412, -1.514_929, 0.351_591, 0.387_876, 0.513_783, -0.413_993, 0.387_181, -0.048_715, 0.644_756, 0.605_141,
    0.231_254, -0.715_423,
];

/// Rows of magnitudes are the bands of the powers' roots; TensorFlow's `tf.abs(stft)` gives the values below.
#[test]
fn magnitudes_are_roots() {
    let features = MFCC.with_magnitudes();
    let samples: Vec<f32> = (0..200).map(|i| ((i * i % 97) as f32 - 48.0) / 48.0).collect();
    let (mut power, mut scratch) = (vec![f32::NAN; features.bins()], vec![f32::NAN; features.scratch_len()]);
    features.power_into(&TABLES, &samples, &mut power, &mut scratch[..features.fft]).unwrap();
    for p in &mut power {
        *p = p.sqrt();
    }
    let (mut mel, mut expected, mut found) = ([f32::NAN; 20], [f32::NAN; 12], [f32::NAN; 12]);
    features.mel_into(&TABLES, &power, &mut mel).unwrap();
    features.log_in_place(&mut mel);
    features.mfcc_into(&TABLES, &mel, &mut expected).unwrap();
    features.frame_into(&TABLES, &samples, &mut found, &mut scratch).unwrap();
    assert_eq!(found, expected);
    for (found, tensorflow) in found.iter().zip(TENSORFLOW) {
        assert!((found - tensorflow).abs() < 1e-4, "{found}, {tensorflow}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever the pieces, and whether frames overlap, touch or lie apart.
    #[test]
    fn streams_have_the_bits_of_the_whole(
        frame in 1..70_usize, hop in 1..100_usize, coefficients in 0..6_usize, len in 0..400_usize,
        pieces in proptest::collection::vec(0..90_usize, 0..12), seed in 0..1000_u64,
    ) {
        let features = Features::new(1000, frame, hop).with_bands(6, 0.0, 500.0).with_coefficients(coefficients);
        let mut tables = vec![f32::NAN; features.tables_len()];
        features.tables_into(&mut tables).unwrap();
        let samples = values(seed, len);
        let mut expected = vec![f32::NAN; features.frames(len) * features.row_len()];
        let mut scratch = vec![f32::NAN; features.scratch_len()];
        features.rows_into(&tables, &samples, &mut expected, &mut scratch).unwrap();
        let (mut buffer, mut scratch) = (vec![f32::NAN; frame], vec![f32::NAN; features.scratch_len()]);
        let mut stream = Streaming::new(features, &tables, &mut buffer, &mut scratch).unwrap();
        stream.push([9.0; 75], |_| {});
        stream.reset();
        let (mut found, mut rest) = (Vec::new(), &samples[..]);
        for piece in pieces.into_iter().chain([len]) {
            let (now, later) = rest.split_at(piece.min(rest.len()));
            stream.push(now.iter().copied(), |row| found.extend_from_slice(row));
            rest = later;
        }
        prop_assert_eq!(found, expected);
    }

    /// Any bytes give a description or an error, and never a panic.
    #[test]
    fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..80), head in 0..5_usize) {
        let mut file = wav(1, 16, 1, 8000, &[0; 8])[..[0, 12, 20, 36, 44][head]].to_vec();
        file.extend(bytes);
        if let Ok(wav) = Wav::parse(&file) {
            prop_assert_eq!(wav.samples().count(), wav.frames() * usize::from(wav.channels));
            prop_assert_eq!(wav.channel(0).count(), wav.frames());
            prop_assert_eq!(wav.channel(wav.channels).count(), 0);
        }
    }
}

#[test]
fn wrong_sizes_are_errors() {
    let (mut frame, mut scratch) = ([0.0; 200], [0.0; MFCC.scratch_len()]);
    assert!(Streaming::new(MFCC, &TABLES[1..], &mut frame, &mut scratch).is_err());
    assert!(Streaming::new(MFCC, &TABLES, &mut frame[1..], &mut scratch).is_err());
    let error = Streaming::new(MFCC, &TABLES, &mut frame, &mut scratch[1..]).unwrap_err();
    assert_eq!(error.to_string(), "audio: scratch: expected 417, found 416");
    let wrong = [
        Features::new(0, 200, 80),
        Features::new(8000, 200, 0),
        MFCC.with_fft(128),
        MFCC.with_fft(300),
        MFCC.with_bands(0, 100.0, 200.0),
        MFCC.with_bands(20, 200.0, 100.0),
        MFCC.with_bands(20, 100.0, 4001.0),
        MFCC.with_bands(20, f64::NAN, 4000.0),
        MFCC.with_coefficients(21),
    ];
    for features in wrong {
        assert!(features.validate().is_err(), "{features:?}");
    }
    assert_eq!(MFCC.with_bands(20, -1.0, 4000.0).validate(), Err(AudioError::Bands));
    assert!(real_fft_in_place(&mut [0.0; 6], &[0.0; 6]).is_err());
    assert!(real_fft_in_place(&mut [0.0; 8], &[0.0; 4]).is_err());
    assert!(power_into(&[0.0; 8], &mut [0.0; 4]).is_err());
}

/// A file with a chunk of an odd length before its samples.
fn wav(tag: u16, bits: u16, channels: u16, rate: u32, data: &[u8]) -> Vec<u8> {
    let frame = channels * bits / 8;
    let mut file = b"RIFF....WAVEfmt \x10\0\0\0".to_vec();
    file.extend(tag.to_le_bytes());
    file.extend(channels.to_le_bytes());
    file.extend(rate.to_le_bytes());
    file.extend((rate * u32::from(frame)).to_le_bytes());
    file.extend(frame.to_le_bytes());
    file.extend(bits.to_le_bytes());
    file.extend(b"LIST\x03\0\0\0abc\0data");
    file.extend((data.len() as u32).to_le_bytes());
    file.extend(data);
    file
}

fn samples(file: &[u8]) -> Vec<f32> {
    Wav::parse(file).unwrap().samples().collect()
}

#[test]
fn every_encoding_is_read() {
    assert_eq!(samples(&wav(1, 8, 1, 8000, &[0, 128, 192])), [-1.0, 0.0, 0.5]);
    assert_eq!(samples(&wav(1, 16, 1, 8000, &[0, 0x80, 0, 0x40])), [-1.0, 0.5]);
    assert_eq!(samples(&wav(1, 24, 1, 8000, &[0, 0, 0x80, 1, 0, 0])), [-1.0, 1.0 / 8_388_608.0]);
    assert_eq!(samples(&wav(1, 32, 1, 8000, &[0, 0, 0, 0xC0])), [-0.5]);
    assert_eq!(samples(&wav(3, 32, 1, 8000, &0.25_f32.to_le_bytes())), [0.25]);
    assert_eq!(samples(&wav(3, 64, 1, 8000, &0.25_f64.to_le_bytes())), [0.25]);
    let file = wav(1, 16, 2, 44_100, &[0, 0x40, 0, 0x80, 0, 0x20, 0, 0]);
    let stereo = Wav::parse(&file).unwrap();
    assert_eq!((stereo.rate, stereo.channels, stereo.frames(), stereo.encoding), (44_100, 2, 2, Encoding::I16));
    assert!(stereo.channel(0).eq([0.5, 0.25]) && stereo.channel(1).eq([-1.0, 0.0]));
    // An extensible format names its encoding farther on.
    let mut file = wav(0xFFFE, 16, 1, 8000, &[]);
    file[16] = 40;
    let extension = [22, 0, 16, 0, 0, 0, 0, 0, 1, 0].into_iter().chain([0; 14]);
    file.splice(36..36, extension);
    let at = file.len() - 4;
    file.splice(at.., 2_u32.to_le_bytes().into_iter().chain([0, 0x40]));
    assert_eq!(samples(&file), [0.5]);
}

#[test]
fn errors_say_what_and_where() {
    let error = |file: &[u8]| Wav::parse(file).unwrap_err().to_string();
    let whole = wav(1, 16, 1, 8000, &[0; 8]);
    assert_eq!(error(&whole[..whole.len() - 3]), "WAV file, byte 56: cut: a part of 8 bytes has 5");
    assert_eq!(error(&whole[..30]), "WAV file, byte 20: cut: a part of 16 bytes has 10");
    assert_eq!(error(&whole[..48]), "WAV file, byte 48: expected \"data\"");
    assert_eq!(error(&wav(1, 16, 1, 8000, &[0; 3])), "WAV file, byte 58: cut: a part of 2 bytes has 1");
    assert_eq!(error(&wav(17, 4, 1, 8000, &[0; 8])), "WAV file, byte 20: compressed sound, of format 17");
    assert_eq!(error(&wav(1, 12, 1, 8000, &[0; 8])), "WAV file, byte 34: integers of 12 bits");
    assert_eq!(error(&wav(1, 16, 0, 8000, &[0; 8])), "WAV file, byte 22: 0 channels in a frame of 0 bytes");
    assert_eq!(error(b"RIFF....WAVEdata\0\0\0\0"), "WAV file, byte 12: expected \"fmt \"");
    assert_eq!(error(b""), "WAV file, byte 0: cut: a part of 4 bytes has 0");
    let whole = Wav::parse(&whole).unwrap();
    assert_eq!(whole.require(8000, 1), Ok(()));
    assert_eq!(
        whole.require(16_000, 1).unwrap_err().to_string(),
        "WAV file, byte 24: 8000 samples a second, expected 16000"
    );
    assert_eq!(whole.require(8000, 2).unwrap_err().problem, WavProblem::Channels { expected: 2, found: 1 });
}
