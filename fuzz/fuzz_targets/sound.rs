//! WAV files of any bytes, read a second time by the layout; and what is computed of their samples: by the definition, and in
//! pieces of any size.
#![no_main]

use arbitrary::Arbitrary;
use kernlet::audio::{
    Features, Streaming,
    wav::{Encoding, Wav},
};
use libfuzzer_sys::fuzz_target;

#[derive(Arbitrary, Debug)]
struct Case<'a> {
    /// Where the head that a writer would make is cut, and what follows.
    head: u8,
    edits: Vec<(u8, u8)>,
    format: (u8, u8, u16),
    data: &'a [u8],
    whole: bool,
    features: (u16, u8, u8, u8, u8, u8),
    bands: (u16, u16),
    pieces: Vec<u8>,
}

/// A file as a writer makes it, but for its data.
fn head((kind, channels, rate): (u8, u8, u16), data: usize) -> Vec<u8> {
    let (tag, bits) = [(1_u16, 8_u16), (1, 16), (1, 24), (1, 32), (3, 32), (3, 64), (17, 4)][usize::from(kind % 7)];
    let (channels, rate) = (u16::from(channels % 4), u32::from(rate));
    let frame = channels * (bits / 8);
    let mut file = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0".to_vec();
    file.extend([tag, channels].into_iter().flat_map(u16::to_le_bytes));
    file.extend([rate, rate.wrapping_mul(frame.into())].into_iter().flat_map(u32::to_le_bytes));
    file.extend([frame, bits].into_iter().flat_map(u16::to_le_bytes));
    file.extend(b"data");
    file.extend((data as u32).to_le_bytes());
    file
}

/// Rate, channels, encoding and data by the layout, if the file is one that is read.
fn layout(file: &[u8]) -> Option<(u32, u16, Encoding, &[u8])> {
    let short = |bytes: &[u8]| u16::from_le_bytes([bytes[0], bytes[1]]);
    let long = |bytes: &[u8]| u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    if file.get(..4)? != b"RIFF" || file.get(8..12)? != b"WAVE" {
        return None;
    }
    let (mut rest, mut format) = (&file[12..], None);
    loop {
        let (name, len) = (rest.get(..4)?, long(rest.get(4..8)?) as usize);
        let part = rest[8..].get(..len)?;
        if name == b"fmt " {
            let fmt = part.get(..16).map(|_| part)?;
            let tag = if short(fmt) == 0xFFFE && len >= 26 { short(&fmt[24..]) } else { short(fmt) };
            let encoding = match (tag, short(&fmt[14..])) {
                (1, 8) => (Encoding::U8, 1),
                (1, 16) => (Encoding::I16, 2),
                (1, 24) => (Encoding::I24, 3),
                (1, 32) => (Encoding::I32, 4),
                (3, 32) => (Encoding::F32, 4),
                (3, 64) => (Encoding::F64, 8),
                _ => return None,
            };
            let (channels, frame) = (usize::from(short(&fmt[2..])), usize::from(short(&fmt[12..])));
            if channels == 0 || frame != channels * encoding.1 {
                return None;
            }
            format = Some((long(&fmt[4..]), channels as u16, encoding.0, frame));
        } else if name == b"data" {
            let (rate, channels, encoding, frame) = format?;
            return (len % frame == 0).then_some((rate, channels, encoding, part));
        }
        rest = rest.get(8 + len + len % 2..)?;
    }
}

/// A sample by the definition.
fn number(encoding: Encoding, bytes: &[u8]) -> f32 {
    let whole = bytes.iter().rev().fold(0_i64, |sum, &byte| sum << 8 | i64::from(byte));
    let signed = |bits: u32| (whole << (64 - bits) >> (64 - bits)) as f64;
    match encoding {
        Encoding::U8 => ((whole - 128) as f64 / 128.0) as f32,
        Encoding::I16 => (signed(16) / 32_768.0) as f32,
        Encoding::I24 => (signed(24) / 8_388_608.0) as f32,
        Encoding::I32 => (signed(32) / 2_147_483_648.0) as f32,
        Encoding::F32 => f32::from_bits(whole as u32),
        _ => f64::from_bits(whole as u64) as f32,
    }
}

fn bits(x: impl Iterator<Item = f32>) -> Vec<u32> {
    x.map(|x| if x.is_nan() { f32::NAN.to_bits() } else { x.to_bits() }).collect()
}

/// Power spectra by the definition, within a bound of the roundings; rows in pieces, to the bit.
fn features(case: &Case, samples: &[f32]) {
    let (rate, frame, hop, bands, coefficients, larger) = case.features;
    let frame = usize::from(frame) % 80;
    let mut features = Features::new(rate.into(), frame, hop.into());
    if larger % 4 > 0 {
        features = features.with_fft(1 << (larger % 8));
    }
    let features = features
        .with_bands(usize::from(bands) % 20, case.bands.0.into(), case.bands.1.into())
        .with_coefficients(usize::from(coefficients) % 20);
    let mut tables = vec![f32::NAN; if features.fft < 1 << 8 { features.tables_len() } else { 0 }];
    if features.tables_into(&mut tables).is_err() {
        return;
    }
    let (mut power, mut spectrum) = (vec![f32::NAN; features.bins()], vec![f32::NAN; features.fft]);
    if let Some(frame) = samples.get(..frame).filter(|frame| frame.iter().all(|x| x.abs() <= 1.0)) {
        features.power_into(&tables, frame, &mut power, &mut spectrum).unwrap();
        let windowed: Vec<f64> = frame.iter().zip(&tables).map(|(x, w)| f64::from(x * w)).collect();
        let size: f64 = windowed.iter().map(|x| x.abs()).sum();
        let u = f64::from(f32::EPSILON) / 2.0;
        // Of real and imaginary parts; then two squares, their rounding, and what is lost below the normal numbers.
        let part = 6.0 * (features.fft as f64).log2() * 2.0 * u * size;
        let bound = 2.0 * (2.0 * size * part + part * part) + 4.0 * u * size * size + 1e-37;
        for (k, &power) in power.iter().enumerate() {
            let (mut re, mut im) = (0.0, 0.0);
            for (i, x) in windowed.iter().enumerate() {
                let angle = core::f64::consts::TAU * (i * k % features.fft) as f64 / features.fft as f64;
                re += x * angle.cos();
                im -= x * angle.sin();
            }
            let expected = re * re + im * im;
            assert!(
                (f64::from(power) - expected).abs() <= bound,
                "bin {k}: {power:e}, expected {expected:e} ± {bound:e}"
            );
        }
    }
    let mut expected = vec![f32::NAN; features.frames(samples.len()) * features.row_len()];
    let mut scratch = vec![f32::NAN; features.scratch_len()];
    features.rows_into(&tables, samples, &mut expected, &mut scratch).unwrap();
    let (mut buffer, mut scratch) = (vec![f32::NAN; frame], vec![f32::NAN; features.scratch_len()]);
    let mut stream = Streaming::new(features, &tables, &mut buffer, &mut scratch).unwrap();
    let (mut found, mut rest) = (Vec::new(), samples);
    for piece in case.pieces.iter().map(|&piece| usize::from(piece)).chain([samples.len()]) {
        let (now, later) = rest.split_at(piece.min(rest.len()));
        stream.push(now.iter().copied(), |row| found.extend_from_slice(row));
        rest = later;
    }
    assert_eq!(bits(found.into_iter()), bits(expected.into_iter()));
}

fuzz_target!(|case: Case| {
    let mut file = head(case.format, case.data.len());
    if !case.whole {
        file.truncate(usize::from(case.head));
    }
    file.extend(case.data);
    for &(at, byte) in &case.edits {
        if let Some(to) = file.get_mut(usize::from(at)) {
            *to = byte;
        }
    }
    let Some((rate, channels, encoding, data)) = layout(&file) else {
        assert!(Wav::parse(&file).is_err());
        return;
    };
    let wav = Wav::parse(&file).unwrap();
    assert_eq!((wav.rate, wav.channels, wav.encoding, wav.data), (rate, channels, encoding, data));
    assert!(wav.require(rate, channels).is_ok() && wav.require(rate ^ 1, channels).is_err());
    let each = match encoding {
        Encoding::U8 => 1,
        Encoding::I16 => 2,
        Encoding::I24 => 3,
        Encoding::F64 => 8,
        _ => 4,
    };
    let samples: Vec<f32> = data.chunks(each).map(|bytes| number(encoding, bytes)).collect();
    assert_eq!(bits(wav.samples()), bits(samples.iter().copied()));
    for channel in 0..channels.min(5) {
        let expected = samples.iter().copied().skip(channel.into()).step_by(channels.into());
        assert_eq!(bits(wav.channel(channel)), bits(expected));
    }
    assert_eq!(wav.channel(channels).count(), 0);
    features(&case, &samples);
});
