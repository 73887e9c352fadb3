//! The inputs of each output pixel as a row of terms: what makes a convolution a product of matrices.

use core::ops::Range;

use super::{div, div_ceil, rem};

/// Rows of terms, one for each output pixel of a batch; what lies in the padding has the zero point.
pub(super) trait Rows {
    /// Where a row is read: found once, and moved on without a division.
    type Place: Copy;

    /// Where row `row` is read.
    fn place(&self, row: usize) -> Self::Place;

    /// Where the next row is read.
    fn next(&self, place: Self::Place) -> Self::Place;

    /// The row, where its terms lie together in the input.
    fn whole(&self, place: Self::Place) -> Option<&[i8]>;

    /// This row and the three that follow, where they lie together in the input.
    fn four(&self, place: Self::Place) -> Option<&[i8]>;

    /// The runs in which rows lie in the input, if they do.
    fn runs(&self) -> Option<Runs<'_>>;

    /// Where the first run of a row begins, if all of them are in the input.
    fn start(&self, place: Self::Place) -> Option<usize>;

    /// How many rows from `place` on are evenly spaced, and how far apart: if the first of them has its runs in the
    /// input, all have.
    fn even(&self, place: Self::Place) -> (usize, usize);

    /// The place `count` rows on, of those that [`Self::even`] counts.
    fn skip(&self, place: Self::Place, count: usize) -> Self::Place;

    /// Copies the terms from `from` on, as many as fit.
    fn gather(&self, place: Self::Place, from: usize, to: &mut (impl Line + ?Sized));
}

/// Terms that lie together, several times: `count` runs of `len`, whose beginnings are `step` apart.
#[derive(Clone, Copy)]
pub(super) struct Runs<'a> {
    pub x: &'a [i8],
    pub count: usize,
    pub len: usize,
    pub step: usize,
}

impl Runs<'_> {
    /// The length from the first term to the end of the last.
    #[inline(always)]
    pub(super) fn span(&self) -> Option<usize> {
        self.count.checked_sub(1)?.checked_mul(self.step)?.checked_add(self.len)
    }
}

/// Where terms are copied to.
pub(super) trait Line {
    /// How many terms it holds.
    fn len(&self) -> usize;

    /// Copies terms to the places from `at` on; those that do not fit are left out.
    fn copy(&mut self, at: usize, terms: &[i8]);

    /// Fills `len` places from `at` on.
    fn fill(&mut self, at: usize, len: usize, value: i8);
}

impl Line for [i8] {
    #[inline(always)]
    fn len(&self) -> usize {
        self.len()
    }

    #[inline(always)]
    fn copy(&mut self, at: usize, terms: &[i8]) {
        let end = self.len().min(at + terms.len());
        copy(self.get_mut(at..end).unwrap_or_default(), terms);
    }

    #[inline(always)]
    fn fill(&mut self, at: usize, len: usize, value: i8) {
        for to in self.get_mut(at..).unwrap_or_default().iter_mut().take(len) {
            *to = value;
        }
    }
}

/// The rows of a matrix.
pub(super) struct Matrix<'a> {
    pub x: &'a [i8],
    pub columns: usize,
}

impl Rows for Matrix<'_> {
    type Place = usize;

    #[inline(always)]
    fn place(&self, row: usize) -> usize {
        row * self.columns
    }

    #[inline(always)]
    fn next(&self, place: usize) -> usize {
        place + self.columns
    }

    #[inline(always)]
    fn whole(&self, place: usize) -> Option<&[i8]> {
        self.x.get(place..place + self.columns)
    }

    #[inline(always)]
    fn four(&self, place: usize) -> Option<&[i8]> {
        self.x.get(place..place + 4 * self.columns)
    }

    #[inline(always)]
    fn runs(&self) -> Option<Runs<'_>> {
        Some(Runs { x: self.x, count: 1, len: self.columns, step: 0 })
    }

    #[inline(always)]
    fn start(&self, place: usize) -> Option<usize> {
        Some(place)
    }

    #[inline(always)]
    fn even(&self, place: usize) -> (usize, usize) {
        (div(self.x.len().saturating_sub(place), self.columns), self.columns)
    }

    #[inline(always)]
    fn skip(&self, place: usize, count: usize) -> usize {
        place + count * self.columns
    }

    #[inline(always)]
    fn gather(&self, place: Self::Place, from: usize, to: &mut (impl Line + ?Sized)) {
        let row = self.x.get(place..place + self.columns).unwrap_or_default();
        to.copy(0, row.get(from..).unwrap_or_default());
    }
}

/// Fills `to` from `from`, which is long enough. Runs are short, and a call of the library's copy is not.
#[inline(always)]
fn copy(to: &mut [i8], from: &[i8]) {
    let (to_words, to_rest) = to.as_chunks_mut::<4>();
    let (from_words, _) = from.as_chunks::<4>();
    for (to, from) in to_words.iter_mut().zip(from_words) {
        *to = *from;
    }
    let done = 4 * to_words.len().min(from_words.len());
    if done == 4 * to_words.len() {
        for (to, &from) in to_rest.iter_mut().zip(from.get(done..).unwrap_or_default()) {
            *to = from;
        }
    }
}

/// One axis of a window.
#[derive(Clone, Copy)]
pub(super) struct Axis {
    pub size: usize,
    pub kernel: usize,
    pub stride: usize,
    pub dilation: usize,
    /// Padding before the first element.
    pub before: usize,
}

/// The taps of a window that lie inside an axis.
#[derive(Clone)]
pub(super) struct Inside {
    pub taps: Range<usize>,
    /// What the first of them reads.
    pub first: usize,
}

impl Inside {
    /// What its taps read, without dilation.
    #[inline(always)]
    pub(super) fn reads(&self) -> Range<usize> {
        self.first..self.first + self.taps.len()
    }
}

impl Axis {
    /// The taps of output `at`.
    #[inline(always)]
    pub(super) fn inside(&self, at: usize) -> Inside {
        let at = at * self.stride;
        let taps = |len: usize| if self.dilation == 1 { len } else { div_ceil(len, self.dilation) };
        let first = taps(self.before.saturating_sub(at)).min(self.kernel);
        let end = taps((self.size + self.before).saturating_sub(at)).min(self.kernel);
        let end = end.max(first);
        Inside { taps: first..end, first: (at + first * self.dilation).saturating_sub(self.before) }
    }
}

/// An output: its image, row and column.
#[derive(Clone, Copy)]
pub(super) struct Place {
    image: usize,
    row: usize,
    column: usize,
}

impl Place {
    #[inline(always)]
    fn of(pixel: usize, [height, width]: [usize; 2]) -> Self {
        let line = div(pixel, width);
        Self { image: div(line, height), row: rem(line, height), column: pixel - line * width }
    }

    #[inline(always)]
    fn next(self, [height, width]: [usize; 2]) -> Self {
        if self.column + 1 < width {
            Self { column: self.column + 1, ..self }
        } else if self.row + 1 < height {
            Self { column: 0, row: self.row + 1, ..self }
        } else {
            Self { column: 0, row: 0, image: self.image + 1 }
        }
    }
}

/// Windows over images: some of their channels, in the order (tap row, tap column, channel).
pub(super) struct Windows<'a> {
    pub x: &'a [i8],
    pub rows: Axis,
    pub columns: Axis,
    /// The number of channels of a pixel.
    pub channels: usize,
    /// Those that are taken.
    pub taken: Range<usize>,
    /// Rows and columns of the output.
    pub output: [usize; 2],
    pub zero_point: i8,
}

impl Windows<'_> {
    /// Where a pixel's channels begin.
    #[inline(always)]
    fn offset(&self, image: usize, row: usize, column: usize) -> usize {
        ((image * self.rows.size + row) * self.columns.size + column) * self.channels + self.taken.start
    }

    /// A pixel's channels and all that follows.
    #[inline(always)]
    fn pixel(&self, image: usize, row: usize, column: usize) -> &[i8] {
        self.x.get(self.offset(image, row, column)..).unwrap_or_default()
    }

    /// Whether neighbouring taps are neighbours in the image: where all channels are taken.
    #[inline(always)]
    fn is_together(&self) -> bool {
        self.columns.dilation == 1 && self.taken.len() == self.channels
    }
}

impl Rows for Windows<'_> {
    type Place = Place;

    #[inline(always)]
    fn place(&self, row: usize) -> Place {
        Place::of(row, self.output)
    }

    #[inline(always)]
    fn next(&self, place: Place) -> Place {
        place.next(self.output)
    }

    #[inline(always)]
    fn whole(&self, place: Place) -> Option<&[i8]> {
        if self.rows.kernel != 1 || self.columns.kernel != 1 || self.rows.before != 0 || self.columns.before != 0 {
            return None;
        }
        let Place { image, row: h, column: v } = place;
        let (h, v) = (h * self.rows.stride, v * self.columns.stride);
        // Padding below or on the right.
        if h >= self.rows.size || v >= self.columns.size {
            return None;
        }
        self.pixel(image, h, v).get(..self.taken.len())
    }

    #[inline(always)]
    fn four(&self, _: Place) -> Option<&[i8]> {
        None
    }

    #[inline(always)]
    fn runs(&self) -> Option<Runs<'_>> {
        let (len, step) = (self.columns.kernel * self.channels, self.rows.dilation * self.columns.size * self.channels);
        self.is_together().then_some(Runs { x: self.x, count: self.rows.kernel, len, step })
    }

    #[inline(always)]
    fn start(&self, place: Place) -> Option<usize> {
        let (rows, columns) = (self.rows.inside(place.row), self.columns.inside(place.column));
        let inside = rows.taps.len() == self.rows.kernel && columns.taps.len() == self.columns.kernel;
        inside.then(|| self.offset(place.image, rows.first, columns.first))
    }

    #[inline(always)]
    fn even(&self, place: Place) -> (usize, usize) {
        // In this row of the output, those whose last tap is not in the padding.
        let Axis { size, kernel, stride, dilation, before } = self.columns;
        let last = (size + before).saturating_sub(kernel.saturating_sub(1) * dilation);
        let inside = div(last + stride.saturating_sub(1), stride).min(self.output[1]);
        (inside.saturating_sub(place.column), stride * self.channels)
    }

    #[inline(always)]
    fn skip(&self, place: Place, count: usize) -> Place {
        match (place.column + count).checked_sub(1) {
            Some(column) if count > 0 => Place { column, ..place }.next(self.output),
            _ => place,
        }
    }

    #[inline(always)]
    fn gather(&self, place: Self::Place, from: usize, to: &mut (impl Line + ?Sized)) {
        let Place { image, row: h, column: v } = place;
        let (rows, columns) = (self.rows.inside(h), self.columns.inside(v));
        let channels = self.taken.len();
        let together = self.is_together();
        let line = self.columns.kernel * channels;
        let inside = rows.taps.len() == self.rows.kernel && columns.taps.len() == self.columns.kernel;
        if inside && together && from == 0 && to.len() == self.rows.kernel * line {
            // A whole window inside the image, the usual case.
            let step = self.rows.dilation * self.columns.size * self.channels;
            let mut x = self.pixel(image, rows.first, columns.first);
            for tap in 0..self.rows.kernel {
                to.copy(tap * line, x.get(..line).unwrap_or_default());
                x = x.get(step..).unwrap_or_default();
            }
            return;
        }
        let mut put = Put { to, from, at: 0 };
        for tap in 0..self.rows.kernel {
            if !rows.taps.contains(&tap) {
                put.fill(line, self.zero_point);
                continue;
            }
            if put.passes(line) {
                continue;
            }
            let h = rows.first + (tap - rows.taps.start) * self.rows.dilation;
            put.fill(columns.taps.start * channels, self.zero_point);
            if together {
                put.copy(columns.taps.len() * channels, self.pixel(image, h, columns.first));
            } else {
                for tap in 0..columns.taps.len() {
                    put.copy(channels, self.pixel(image, h, columns.first + tap * self.columns.dilation));
                }
            }
            put.fill((self.columns.kernel - columns.taps.end) * channels, self.zero_point);
            if put.is_full() {
                break;
            }
        }
    }
}

/// The windows of a transposed convolution: for each tap, the input that it brings to the output, if there is one.
pub(super) struct Gathered<'a> {
    pub x: &'a [i8],
    pub rows: Axis,
    pub columns: Axis,
    pub channels: usize,
    pub output: [usize; 2],
    pub zero_point: i8,
}

impl Axis {
    /// What tap `tap` of the adjoint brings to output `at`.
    #[inline(always)]
    fn source(&self, at: usize, tap: usize) -> Option<usize> {
        let offset = (at + self.before).checked_sub(tap * self.dilation)?;
        let source = div(offset, self.stride);
        (source * self.stride == offset && source < self.size).then_some(source)
    }
}

impl Rows for Gathered<'_> {
    type Place = Place;

    #[inline(always)]
    fn place(&self, row: usize) -> Place {
        Place::of(row, self.output)
    }

    #[inline(always)]
    fn next(&self, place: Place) -> Place {
        place.next(self.output)
    }

    #[inline(always)]
    fn whole(&self, _: Place) -> Option<&[i8]> {
        None
    }

    #[inline(always)]
    fn four(&self, _: Place) -> Option<&[i8]> {
        None
    }

    #[inline(always)]
    fn runs(&self) -> Option<Runs<'_>> {
        None
    }

    #[inline(always)]
    fn start(&self, _: Place) -> Option<usize> {
        None
    }

    #[inline(always)]
    fn even(&self, _: Place) -> (usize, usize) {
        (0, 0)
    }

    #[inline(always)]
    fn skip(&self, place: Place, _: usize) -> Place {
        place
    }

    #[inline(always)]
    fn gather(&self, place: Self::Place, from: usize, to: &mut (impl Line + ?Sized)) {
        let Place { image, row: h, column: v } = place;
        let mut put = Put { to, from, at: 0 };
        for kh in 0..self.rows.kernel {
            let h = self.rows.source(h, kh);
            for kw in 0..self.columns.kernel {
                match (h, self.columns.source(v, kw)) {
                    (Some(h), Some(v)) => {
                        let pixel = (image * self.rows.size + h) * self.columns.size + v;
                        put.copy(self.channels, self.x.get(pixel * self.channels..).unwrap_or_default());
                    }
                    _ => put.fill(self.channels, self.zero_point),
                }
                if put.is_full() {
                    return;
                }
            }
        }
    }
}

/// A piece of a row that is being written.
struct Put<'a, L: ?Sized> {
    to: &'a mut L,
    /// Terms of the row before the piece that are not passed over yet.
    from: usize,
    at: usize,
}

impl<L: Line + ?Sized> Put<'_, L> {
    #[inline(always)]
    fn is_full(&self) -> bool {
        self.at >= self.to.len()
    }

    /// Whether the next `len` terms are all before the piece; they are passed over then.
    #[inline(always)]
    fn passes(&mut self, len: usize) -> bool {
        let all = len <= self.from;
        if all {
            self.from -= len;
        }
        all
    }

    /// How many of the next terms are passed over, and how many of those after them fit.
    #[inline(always)]
    fn next(&mut self, len: usize) -> (usize, usize) {
        let passed = self.from.min(len);
        self.from -= passed;
        (passed, (len - passed).min(self.to.len().saturating_sub(self.at)))
    }

    #[inline(always)]
    fn fill(&mut self, len: usize, value: i8) {
        if len > 0 {
            let (_, len) = self.next(len);
            self.to.fill(self.at, len, value);
            self.at += len;
        }
    }

    #[inline(always)]
    fn copy(&mut self, len: usize, x: &[i8]) {
        let (passed, len) = self.next(len);
        let x = x.get(passed..).unwrap_or_default();
        self.to.copy(self.at, x.get(..len).unwrap_or(x));
        self.at += len;
    }
}
