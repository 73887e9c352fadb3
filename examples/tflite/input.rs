//! What a model's inputs are filled with.

use std::{error::Error, fs, path::Path};

use kernlet::tflite::{Any, Runner};

use crate::facts;

/// Fills input `index` from a file, or with noise.
pub fn write(
    runner: &mut Runner<'_, Any>,
    index: usize,
    path: Option<&Path>,
    signed: bool,
) -> Result<(), Box<dyn Error>> {
    let port = runner.input_port(index)?;
    let Some(path) = path else {
        return Ok(facts::noise(runner, index, 1)?);
    };
    let bytes = fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    if let Some(samples) = picture(&bytes) {
        let (scale, least) = if signed { (2.0, -1.0) } else { (1.0, 0.0) };
        let numbers: Vec<f32> = samples.iter().map(|&sample| f32::from(sample) / 255.0 * scale + least).collect();
        return Ok(runner.quantize_input(index, &numbers).map_err(|error| format!("{}: {error}", path.display()))?);
    }
    let input = runner.input_bytes(index)?;
    if input.len() != bytes.len() {
        return Err(format!(
            "{}: input {index} is {} of {} bytes, found {}",
            path.display(),
            port.dims,
            input.len(),
            bytes.len()
        )
        .into());
    }
    input.copy_from_slice(&bytes);
    Ok(())
}

/// The samples of a binary PGM or PPM of 8 bits.
fn picture(bytes: &[u8]) -> Option<&[u8]> {
    if !bytes.starts_with(b"P5") && !bytes.starts_with(b"P6") {
        return None;
    }
    let channels = if bytes.starts_with(b"P6") { 3 } else { 1 };
    let (mut at, mut sizes) = (2, [0_usize; 3]);
    for size in &mut sizes {
        loop {
            match bytes.get(at)? {
                b'#' => at += bytes[at..].iter().position(|&byte| byte == b'\n')?,
                byte if byte.is_ascii_whitespace() => at += 1,
                _ => break,
            }
        }
        let end = at + bytes[at..].iter().position(|byte| !byte.is_ascii_digit())?;
        *size = std::str::from_utf8(&bytes[at..end]).ok()?.parse().ok()?;
        at = end;
    }
    let [width, height, most] = sizes;
    if most == 255 { bytes.get(at + 1..)?.get(..width.checked_mul(height)?.checked_mul(channels)?) } else { None }
}
