//! RESIZE_NEAREST_NEIGHBOR and RESIZE_BILINEAR.

use super::{Emitter, Error, Found, Memory, Node, Type, Words, code, convolution::image, float, kind, quantized};

/// Sizes up to this give places with ten fractional bits that fit 32 bits.
const MOST: usize = 1 << 15;

pub(super) const fn emit(node: &Node<'_>, out: &mut Emitter<'_, '_>) -> Result<(), Error> {
    let (x, y) = (tri!(node.input(0)), tri!(node.output(0)));
    tri!(image(node, &x));
    tri!(image(node, &y));
    tri!(node.expect(&y, x.kind, "an output of the input's type"));
    tri!(node.equal(y.axis(0), x.axis(0), "an output of the input's batch"));
    tri!(node.equal(y.axis(3), x.axis(3), "an output of the input's channels"));
    let Some(size) = x.kind.size() else { return Err(node.fail("elements of whole bytes", Found::Type(x.kind))) };
    let sizes = [x.axis(1), x.axis(2), y.axis(1), y.axis(2)];
    let mut i = 0;
    while i < 4 {
        if sizes[i] == 0 || sizes[i] > MOST {
            return Err(node.fail("sides from 1 to 32768", Found::Number(sizes[i] as i64)));
        }
        i += 1;
    }
    let is_nearest = node.operator.code() == code::RESIZE_NEAREST_NEIGHBOR;
    let first = if is_nearest { 0 } else { 2 };
    let (corners, half) = (tri!(node.byte(first)), tri!(node.byte(first + 1)));
    out.begin(
        if is_nearest {
            kind::NEAREST
        } else if x.kind.is(Type::FLOAT32) {
            kind::FLOAT_BILINEAR
        } else {
            tri!(quantized(node, &x));
            kind::BILINEAR
        },
        node.index,
    );
    tri!(out.tensor(&x));
    tri!(out.tensor(&y));
    out.sizes(&sizes);
    out.sizes(&[x.axis(3), if is_nearest { size } else { 1 }, corners as usize, half as usize]);
    out.end();
    Ok(())
}

/// What both have: sides of input and output, channels, and how places are mapped.
struct Resize {
    from: [usize; 2],
    to: [usize; 2],
    /// Elements of a pixel; bytes for the nearest neighbour.
    pixel: usize,
    corners: bool,
    half: bool,
}

impl Resize {
    fn read(words: &mut Words<'_>) -> Result<Self, Error> {
        let [height, width, out_height, out_width] = words.sizes()?;
        let [channels, size, corners, half] = words.sizes()?;
        let resize = Self {
            from: [height, width],
            to: [out_height, out_width],
            pixel: channels * size,
            corners: corners != 0,
            half: half != 0,
        };
        let whole = resize.pixel.min(height).min(width).min(out_height).min(out_width);
        if whole == 0 { Err(Error::Program) } else { Ok(resize) }
    }

    /// What an output's place is multiplied by.
    fn scale(&self, axis: usize) -> f32 {
        let (from, to) = (self.from[axis & 1], self.to[axis & 1]);
        if self.corners && to > 1 { (from - 1) as f32 / (to - 1) as f32 } else { from as f32 / to as f32 }
    }

    fn nearest(&self, axis: usize, place: usize) -> usize {
        let scaled = (place as f32 + if self.half { 0.5 } else { 0.0 }) * self.scale(axis);
        let place = if self.corners { libm::roundf(scaled) } else { libm::floorf(scaled) };
        // A cast of a negative number is 0.
        (place as usize).min(self.from[axis & 1] - 1)
    }

    /// A place in 1/1024 of a pixel, and the pixels around it.
    fn between(&self, axis: usize, place: usize) -> (i64, [usize; 2]) {
        let (from, to) = (self.from[axis & 1] as i64, self.to[axis & 1] as i64);
        let scale = if self.corners && to > 1 {
            quotient(1024 * (from - 1) + (to - 1) / 2, to - 1)
        } else {
            quotient(1024 * from + to / 2, to)
        };
        let scaled = place as i64 * scale + if self.half { scale / 2 - 512 } else { 0 };
        let low = (scaled / 1024).max(0);
        let high = ((scaled + 1023) / 1024).min(from - 1);
        (scaled - 1024 * low, [low as usize, high.max(0) as usize])
    }

    fn float_between(&self, axis: usize, place: usize) -> (f32, [usize; 2]) {
        let scale = self.scale(axis);
        let place = place as f32;
        let scaled = if self.half { (place + 0.5) * scale - 0.5 } else { place * scale };
        let low = libm::floorf(scaled) as usize;
        let high = (libm::ceilf(scaled) as usize).min(self.from[axis & 1] - 1);
        (scaled - low as f32, [low, high])
    }

    fn images<'a>(
        &self,
        x: &'a [u8],
        y: &'a mut [u8],
        size: usize,
    ) -> impl Iterator<Item = (&'a [u8], &'a mut [u8])> + use<'a> {
        let pixel = self.pixel * size;
        x.chunks_exact(self.from[0] * self.from[1] * pixel).zip(y.chunks_exact_mut(self.to[0] * self.to[1] * pixel))
    }
}

fn quotient(a: i64, b: i64) -> i64 {
    a.checked_div(b).unwrap_or(0)
}

pub(super) fn run_nearest(mut words: Words<'_>, memory: &mut Memory<'_>) -> Result<(), Error> {
    let [x, y] = [words.place()?, words.place()?];
    let resize = Resize::read(&mut words)?;
    let (sources, y) = memory.output(y)?;
    for (x, y) in resize.images(sources.bytes(x)?, y, 1) {
        for (row, y) in y.chunks_exact_mut(resize.to[1] * resize.pixel).enumerate() {
            let first = resize.nearest(0, row) * resize.from[1];
            for (column, y) in y.chunks_exact_mut(resize.pixel).enumerate() {
                let pixel = (first + resize.nearest(1, column)) * resize.pixel;
                let x = x.get(pixel..).and_then(|x| x.get(..y.len())).ok_or(Error::Program)?;
                if x.len() == y.len() {
                    y.copy_from_slice(x);
                }
            }
        }
    }
    Ok(())
}

pub(super) fn run_bilinear(mut words: Words<'_>, memory: &mut Memory<'_>) -> Result<(), Error> {
    let [x, y] = [words.place()?, words.place()?];
    let resize = Resize::read(&mut words)?;
    let (sources, y) = memory.output(y)?;
    for (x, y) in resize.images(sources.bytes(x)?, y, 1) {
        for (row, y) in y.chunks_exact_mut(resize.to[1] * resize.pixel).enumerate() {
            let (dy, rows) = resize.between(0, row);
            for (column, y) in y.chunks_exact_mut(resize.pixel).enumerate() {
                let (dx, columns) = resize.between(1, column);
                for (channel, y) in y.iter_mut().enumerate() {
                    let at = |row: usize, column: usize| {
                        let at = (row * resize.from[1] + column) * resize.pixel + channel;
                        i64::from(x.get(at).copied().unwrap_or_default().cast_signed())
                    };
                    let [[a, b], [c, d]] = rows.map(|row| columns.map(|column| at(row, column)));
                    let sum = a * (1024 - dy) * (1024 - dx) + c * dy * (1024 - dx) + b * (1024 - dy) * dx + d * dy * dx;
                    let half = if sum > 0 { 1 << 19 } else { -(1 << 19) };
                    *y = (((sum + half) / (1 << 20)) as i8).cast_unsigned();
                }
            }
        }
    }
    Ok(())
}

pub(super) fn run_float_bilinear(mut words: Words<'_>, memory: &mut Memory<'_>) -> Result<(), Error> {
    let [x, y] = [words.place()?, words.place()?];
    let resize = Resize::read(&mut words)?;
    let (sources, y) = memory.output(y)?;
    for (x, y) in resize.images(sources.bytes(x)?, y, 4) {
        let (x, y) = (x.as_chunks().0, y.as_chunks_mut().0);
        for (row, y) in y.chunks_exact_mut(resize.to[1] * resize.pixel).enumerate() {
            let (dy, rows) = resize.float_between(0, row);
            for (column, y) in y.chunks_exact_mut(resize.pixel).enumerate() {
                let (dx, columns) = resize.float_between(1, column);
                for (channel, y) in y.iter_mut().enumerate() {
                    let at = |row: usize, column: usize| {
                        let at = (row * resize.from[1] + column) * resize.pixel + channel;
                        float::number(x.get(at))
                    };
                    let [[a, b], [c, d]] = rows.map(|row| columns.map(|column| at(row, column)));
                    let sum = a * (1.0 - dy) * (1.0 - dx) + c * dy * (1.0 - dx) + b * (1.0 - dy) * dx + d * dy * dx;
                    *y = sum.to_le_bytes();
                }
            }
        }
    }
    Ok(())
}
