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
    if let Some(picture) = Picture::read(&bytes) {
        let samples = picture
            .samples(port.dims.as_slice())
            .map_err(|error| format!("{}: input {index} is {}: {error}", path.display(), port.dims))?;
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

/// A binary PGM or PPM.
struct Picture<'a> {
    /// Height, width, samples of a pixel.
    sizes: [usize; 3],
    /// The sample that stands for white.
    most: usize,
    /// All that follows the header.
    rest: &'a [u8],
}

impl<'a> Picture<'a> {
    /// If the bytes begin with a whole header of one.
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let channels = match bytes.get(..2)? {
            b"P5" => 1,
            b"P6" => 3,
            _ => return None,
        };
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
        Some(Self { sizes: [height, width, channels], most, rest: bytes.get(at + 1..)? })
    }

    /// The samples, for an input of these sizes: `[1, height, width, channels]`, or as many in another shape.
    fn samples(&self, input: &[usize]) -> Result<&'a [u8], String> {
        let [height, width, channels] = self.sizes;
        let size = format!("{height}×{width}×{channels}");
        if self.most != 255 {
            return Err(format!("a picture of 8 bits has a maximum of 255, found {}", self.most));
        }
        let len: usize = input.iter().product();
        let is_image = matches!(input, [_, _, _, _]);
        if (is_image && input != [1, height, width, channels])
            || Some(len) != width.checked_mul(height).and_then(|n| n.checked_mul(channels))
        {
            return Err(format!("the picture is {size}"));
        }
        let found = self.rest.len();
        self.rest.get(..len).ok_or_else(|| format!("a picture of {size} has {len} samples, found {found}"))
    }
}
