//! Sound as `tf.signal` computes it; what is computed, the case's note says.

use kernlet::{
    audio::{Features, Streaming},
    simd::Level,
};

use super::{
    layers::{Case, Outcome, noted},
    tracked::{Tracked, U},
};

/// The number before a word of the note, or in front of its end.
fn before(note: &str, word: &str) -> Option<f64> {
    let (head, _) = note.split_once(word)?;
    head.split_whitespace().next_back()?.parse().ok()
}

/// What a note describes: `rate 16000, frame 480, hop 320, fft 512, …; 40 HTK mel bands 20.0 to 4000.0 Hz …; ln(mel +
/// 1e-6); …, first 10`.
fn described(note: &str) -> Option<Features> {
    let whole = |word: &str| noted(note, word).map(|x| x as usize);
    let (bands, (low, high)) = (before(note, " HTK")? as usize, note.split_once("bands ")?.1.split_once(" to ")?);
    let floor = note.split_once("mel + ")?.1.split(')').next()?.parse().ok()?;
    let features = Features::new(whole("rate")? as u32, whole("frame")?, whole("hop")?).with_fft(whole("fft")?);
    let features = features.with_bands(bands, low.parse().ok()?, high.split_whitespace().next()?.parse().ok()?);
    Some(features.with_floor(floor).with_coefficients(whole("first")?))
}

pub fn run(case: &Case) -> Outcome {
    let features = described(case.note).ok_or("the note does not say what is computed")?;
    let samples = case.f32("samples")?;
    let mut tables = vec![f32::NAN; features.tables_len()];
    features.tables_into(&mut tables)?;
    let [frames, bands] = case.shape("mel")?;
    if (frames, bands) != (features.frames(samples.len()), features.bands) {
        return Err(format!("{} frames here", features.frames(samples.len())).into());
    }
    let (mut power, mut mel, mut log_mel, mut mfcc) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut bounds: [Vec<f64>; 4] = Default::default();
    for (i, frame) in samples.windows(features.frame).step_by(features.hop).enumerate() {
        let (mut p, mut m) = (vec![f32::NAN; features.bins()], vec![f32::NAN; bands]);
        let mut scratch = vec![f32::NAN; features.fft];
        features.power_into(&tables, frame, &mut p, &mut scratch)?;
        features.mel_into(&tables, &p, &mut m)?;
        let mut l = m.clone();
        features.log_in_place(&mut l);
        let mut c = vec![f32::NAN; features.coefficients];
        features.mfcc_into(&tables, &l, &mut c)?;
        bound(case, &features, frame, i, &mut bounds)?;
        power.append(&mut p);
        mel.append(&mut m);
        log_mel.append(&mut l);
        mfcc.append(&mut c);
    }
    // There are no levels here: sound has the same bits at each.
    let level = Level::PORTABLE;
    for (i, (name, found)) in
        [("power", &power), ("mel", &mel), ("log_mel", &log_mel), ("mfcc", &mfcc)].into_iter().enumerate()
    {
        case.compare(level, name, found, &bounds[i])?;
    }
    let (mut frame, mut scratch) = (vec![f32::NAN; features.frame], vec![f32::NAN; features.scratch_len()]);
    let mut streamed = Vec::new();
    Streaming::new(features, &tables, &mut frame, &mut scratch)?.push(samples, |row| streamed.extend_from_slice(row));
    case.compare(level, "mfcc", &streamed, &bounds[3])
}

/// The bounds of one frame, from Keras' values of the stage before.
///
/// Each bin is a sum of the windowed samples, each of which took two roundings of its factors and one of the product, and
/// goes through the stages of the transform: two turns' roundings and two additions at each, in root mean square over
/// the bins at most √n of what the frame has.
fn bound(case: &Case, features: &Features, frame: &[f32], i: usize, bounds: &mut [Vec<f64>; 4]) -> Outcome {
    let (bins, bands) = (features.bins(), features.bands);
    let power = &case.f64("power")?[i * bins..][..bins];
    let log_mel = &case.f64("log_mel")?[i * bands..][..bands];
    let mel = &case.f64("mel")?[i * bands..][..bands];
    let size: f64 = frame.iter().map(|x| f64::from(x.abs())).sum();
    let stages = (features.fft as f64).log2() + 1.0;
    let off = (3.0 + 6.0 * stages) * U * size;
    // |X|² is off by 2 |X| and the square of what X is off by, and three roundings.
    let of_power: Vec<f64> = power.iter().map(|p| 2.0 * p.sqrt() * off + off * off + 3.0 * U * p).collect();
    let weights = weights(features);
    let tracked: Vec<Tracked> =
        power.iter().zip(&of_power).map(|(&value, &error)| Tracked { value, error: error + U * value }).collect();
    for (band, (&m, &l)) in mel.iter().zip(log_mel).enumerate() {
        let terms =
            (0..bins).filter(|&k| weights[band][k] > 0.0).map(|k| tracked[k] * Tracked::input(weights[band][k]));
        let sum = Tracked::sum(terms) + Tracked::input(f64::from(features.floor));
        bounds[1].push(sum.error + U * m);
        // The logarithm's slope where its argument is least.
        let least = (sum.value - sum.error).max(f64::from(features.floor));
        bounds[2].push(sum.error / least + 4.0 * U * l.abs());
    }
    let scale = (2.0 / bands as f64).sqrt();
    let rows = &bounds[2][i * bands..];
    let carried: f64 = rows.iter().sum::<f64>() * scale;
    let terms: f64 = log_mel.iter().map(|l| l.abs()).sum::<f64>() * scale;
    bounds[3].extend(core::iter::repeat_n(carried + (bands as f64 + 3.0) * U * terms, features.coefficients));
    bounds[0].extend(of_power);
    Ok(())
}

/// The triangles, in the way that TensorFlow writes them.
fn weights(features: &Features) -> Vec<Vec<f64>> {
    let mel = |hertz: f64| 1127.0 * (1.0 + hertz / 700.0).ln();
    let (low, high) = (mel(features.lowest), mel(features.highest));
    let edge = |j: usize| low + (high - low) * j as f64 / (features.bands + 1) as f64;
    (0..features.bands)
        .map(|band| {
            let bins = (0..features.bins()).map(|k| {
                let at = mel(k as f64 * f64::from(features.rate) / features.fft as f64);
                let up = (at - edge(band)) / (edge(band + 1) - edge(band));
                let down = (edge(band + 2) - at) / (edge(band + 2) - edge(band + 1));
                if k == 0 { 0.0 } else { up.min(down).max(0.0) }
            });
            bins.collect()
        })
        .collect()
}
