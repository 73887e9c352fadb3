//! Small pictures and curves, written into the page itself.

use std::{
    fmt::Write as _,
    io::{self, Write},
};

use flate2::{Compression, write::ZlibEncoder};
use kernlet::snapshot::crc32;

/// An `<img>` of `width × height` RGB pixels.
pub fn image(pixels: &[[u8; 3]], width: usize, height: usize, class: &str, alt: &str) -> io::Result<String> {
    let data = base64(&png(pixels, width, height)?);
    Ok(format!(r#"<img class="{class}" alt="{alt}" src="data:image/png;base64,{data}">"#))
}

/// A PNG file: signature, header, one compressed block of rows (each with filter 0), end.
fn png(pixels: &[[u8; 3]], width: usize, height: usize) -> io::Result<Vec<u8>> {
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut chunk = |name: &[u8; 4], data: &[u8]| {
        file.extend((data.len() as u32).to_be_bytes());
        file.extend(name);
        file.extend(data);
        file.extend(crc32(crc32(0, name), data).to_be_bytes());
    };
    let mut header = Vec::new();
    header.extend((width as u32).to_be_bytes());
    header.extend((height as u32).to_be_bytes());
    // 8 bits, RGB, and the only compression, filters and order there are.
    header.extend([8, 2, 0, 0, 0]);
    chunk(b"IHDR", &header);
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::best());
    for row in pixels.chunks(width.max(1)) {
        packed.write_all(&[0])?;
        packed.write_all(row.as_flattened())?;
    }
    chunk(b"IDAT", &packed.finish()?);
    chunk(b"IEND", &[]);
    Ok(file)
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let word = group.iter().enumerate().fold(0, |word, (i, &byte)| word | u32::from(byte) << (16 - 8 * i));
        for i in 0..4 {
            let digit = DIGITS[(word >> (18 - 6 * i) & 63) as usize];
            text.push(if i <= group.len() { char::from(digit) } else { '=' });
        }
    }
    text
}

/// −1 is blue, 0 is white, 1 is red.
pub fn diverging(value: f32) -> [u8; 3] {
    let value = value.clamp(-1.0, 1.0);
    let fade = |full: f32| (255.0 + (full - 255.0) * value.abs()) as u8;
    if value < 0.0 { [fade(33.0), fade(102.0), fade(172.0)] } else { [fade(178.0), fade(24.0), fade(43.0)] }
}

/// A curve over the epochs.
pub struct Curve<'a> {
    /// What it shows.
    pub name: &'a str,
    /// The class that gives its colour.
    pub class: &'a str,
    /// A point for each epoch.
    pub values: Vec<f64>,
}

/// A chart of curves over epochs `first` and so on.
pub fn chart(title: &str, first: u32, curves: &[Curve<'_>]) -> Result<String, std::fmt::Error> {
    const WIDTH: f64 = 460.0;
    const HEIGHT: f64 = 260.0;
    const LEFT: f64 = 52.0;
    const BOTTOM: f64 = 34.0;
    const TOP: f64 = 14.0;
    const RIGHT: f64 = 14.0;
    let values = || curves.iter().flat_map(|curve| &curve.values).copied().filter(|value| value.is_finite());
    let (low, high) = (values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max));
    let count = curves.iter().map(|curve| curve.values.len()).max().unwrap_or(0);
    let mut svg = format!(
        r#"<figure><figcaption>{title}</figcaption><svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{title}">"#
    );
    if count == 0 || low > high {
        write!(svg, r#"<text x="{LEFT}" y="120">no epoch was run</text></svg></figure>"#)?;
        return Ok(svg);
    }
    let step = tick_step(high - low);
    let (bottom, top) =
        ((low / step).floor() * step, ((high / step).ceil() * step).max((low / step).floor() * step + step));
    let y = |value: f64| TOP + (top - value) / (top - bottom) * (HEIGHT - TOP - BOTTOM);
    let x = |index: usize| LEFT + (index as f64 + 0.5) / count as f64 * (WIDTH - LEFT - RIGHT);
    let decimals = (-step.log10().floor()).max(0.0) as usize;
    for i in 0..=((top - bottom) / step).round() as usize {
        let value = bottom + i as f64 * step;
        let at = y(value);
        write!(svg, r#"<line class="grid" x1="{LEFT}" x2="{:.1}" y1="{at:.1}" y2="{at:.1}"/>"#, WIDTH - RIGHT)?;
        write!(
            svg,
            r#"<text class="tick" text-anchor="end" x="{:.1}" y="{:.1}">{value:.decimals$}</text>"#,
            LEFT - 6.0,
            at + 4.0
        )?;
    }
    for i in (0..count).step_by(count.div_ceil(12)) {
        let (at, epoch) = (x(i), first as usize + i);
        write!(
            svg,
            r#"<text class="tick" text-anchor="middle" x="{at:.1}" y="{:.1}">{epoch}</text>"#,
            HEIGHT - BOTTOM + 16.0
        )?;
    }
    write!(
        svg,
        r#"<text class="tick" text-anchor="middle" x="{:.1}" y="{:.1}">epoch</text>"#,
        (LEFT + WIDTH - RIGHT) / 2.0,
        HEIGHT - 3.0
    )?;
    for curve in curves {
        let class = curve.class;
        let points: Vec<String> = curve
            .values
            .iter()
            .enumerate()
            .filter(|(_, value)| value.is_finite())
            .map(|(i, &value)| format!("{:.1},{:.1}", x(i), y(value)))
            .collect();
        write!(svg, r#"<polyline class="curve {class}" points="{}"/>"#, points.join(" "))?;
        for (i, &value) in curve.values.iter().enumerate().filter(|(_, value)| value.is_finite()) {
            let (at, name) = (first as usize + i, curve.name);
            write!(
                svg,
                r#"<circle class="dot {class}" r="3" cx="{:.1}" cy="{:.1}"><title>{name}, epoch {at}: {value:.4}</title></circle>"#,
                x(i),
                y(value)
            )?;
        }
    }
    svg.push_str(r#"</svg><p class="legend">"#);
    for curve in curves {
        write!(svg, r#"<span class="key {}"></span>{} "#, curve.class, curve.name)?;
    }
    svg.push_str("</p></figure>");
    Ok(svg)
}

/// A round step, 1, 2 or 5 times a power of ten, that cuts `range` into about five.
fn tick_step(range: f64) -> f64 {
    let rough = (range / 5.0).max(1e-4);
    let power = 10.0_f64.powf(rough.log10().floor());
    power * [1.0, 2.0, 5.0].into_iter().find(|step| step * power >= rough).unwrap_or(10.0)
}
