//! The gradients: of the input through a transposed panel of weights, of the
//! weights and the bias with pixels as terms.
#![allow(unsafe_code)]

use core::ops::Range;

#[cfg(feature = "rayon")]
use super::Backward;
use super::{Conv2d, Epilogue, NAME, depthwise, taps::Run, zeros};
#[cfg(feature = "rayon")]
use crate::parallel;
use crate::{
    kernels::{
        ShapeError, check, check_batch, div, rem,
        tile::{Ahead, Axis, Contraction, Nest, Start},
        transpose::transpose,
    },
    simd::{HAS_VECTORS, Kernel, Level, Simd},
};

/// The most elements of the panel of transposed weights: 32 KiB.
const PANEL: usize = 8192;

/// The most columns (input channels) of the panel: four vectors of 16 lanes.
const PANEL_COLUMNS: usize = 64;

/// The length of the scratch of [`backward_input_into`]: a panel of transposed
/// weights, at most 8192 elements and never more than the weights of a group.
///
/// ```
/// use kernlet::kernels::conv2d::{Conv2d, backward_input_scratch_len};
/// assert_eq!(backward_input_scratch_len(&Conv2d::new(28, 28, 4, 8, [3, 3])), 9 * 8 * 4);
/// assert_eq!(backward_input_scratch_len(&Conv2d::new(28, 28, 512, 512, [3, 3])), 8192);
/// ```
pub const fn backward_input_scratch_len(conv: &Conv2d) -> usize {
    if conv.groups == 0 {
        return 0;
    }
    let (ci, co) = conv.group_channels();
    let columns = if ci < PANEL_COLUMNS { ci } else { PANEL_COLUMNS };
    let terms = conv.kernel[0].saturating_mul(conv.kernel[1]).saturating_mul(co);
    let most = match PANEL.checked_div(columns) {
        Some(most) => most,
        None => 0,
    };
    columns * if terms < most { terms } else { most }
}

/// `dx = ∂E/∂x`: overwrites the gradient of the input.
///
/// `scratch` may hold anything and has [`backward_input_scratch_len`] elements.
///
/// # Errors
/// If the descriptor is not valid or a slice has the wrong length; nothing is written then.
///
/// # Numerics
/// Each gradient starts at 0 and adds its terms (kh, kw, co) in ascending order.
///
/// ```
/// use kernlet::{kernels::conv2d::{self, Conv2d}, simd::Level};
/// let conv = Conv2d::new(1, 3, 1, 1, [1, 2]);
/// let mut dx = [f32::NAN; 3];
/// let mut scratch = [f32::NAN; conv2d::backward_input_scratch_len(&Conv2d::new(1, 3, 1, 1, [1, 2]))];
/// conv2d::backward_input_into(Level::detect(), &conv, 1, &[1.0, 10.0], &[2.0, 3.0], &mut dx, &mut scratch)?;
/// assert_eq!(dx, [2.0, 23.0, 30.0]);
/// # Ok::<(), kernlet::kernels::ShapeError>(())
/// ```
pub fn backward_input_into(
    level: Level,
    conv: &Conv2d,
    batch: usize,
    w: &[f32],
    dy: &[f32],
    dx: &mut [f32],
    scratch: &mut [f32],
) -> Result<(), ShapeError> {
    conv.validate()?;
    check(NAME, "w", w, conv.w_len())?;
    check_batch(NAME, "dy", dy, batch, conv.y_len())?;
    check_batch(NAME, "dx", dx, batch, conv.x_len())?;
    check(NAME, "scratch", scratch, backward_input_scratch_len(conv))?;
    input_gradient(level, Adjoint { conv, batch, w, dy, bias: None, epilogue: Epilogue::None, dx, scratch });
    Ok(())
}

/// The operands of the adjoint, which a transposed convolution runs forward: their lengths have
/// been checked against the descriptor.
pub(in crate::kernels) struct Adjoint<'a> {
    pub conv: &'a Conv2d,
    pub batch: usize,
    pub w: &'a [f32],
    pub dy: &'a [f32],
    pub bias: Option<&'a [f32]>,
    pub epilogue: Epilogue,
    pub dx: &'a mut [f32],
    pub scratch: &'a mut [f32],
}

/// A part of the terms that fits the panel: ranges of kh, kw and co.
#[derive(Clone)]
struct Piece {
    kh: Range<usize>,
    kw: Range<usize>,
    co: Range<usize>,
}

impl Piece {
    /// The first piece in ascending order, of at most `most` terms.
    fn first(conv: &Conv2d, co: usize, most: usize) -> Self {
        Self::at(conv, co, most, [0; 3])
    }

    fn next(&self, conv: &Conv2d, co: usize, most: usize) -> Option<Self> {
        let [kh, kw] = conv.kernel;
        let mut at = [self.kh.start, self.kw.start, self.co.end];
        if at[2] == co {
            at = [self.kh.start, self.kw.end, 0];
        }
        if at[1] == kw {
            at = [self.kh.end, 0, 0];
        }
        (at[0] < kh).then(|| Self::at(conv, co, most, at))
    }

    fn at(conv: &Conv2d, co: usize, most: usize, [h, v, c]: [usize; 3]) -> Self {
        let [kh, kw] = conv.kernel;
        let one = |from: usize| from..from + 1;
        if co > most {
            Self { kh: one(h), kw: one(v), co: c..(c + most).min(co) }
        } else if kw * co > most {
            Self { kh: one(h), kw: v..(v + div(most, co)).min(kw), co: 0..co }
        } else {
            Self { kh: h..(h + div(most, kw * co)).min(kh), kw: 0..kw, co: 0..co }
        }
    }
}

/// Runs the adjoint: panels of input channels, each through pieces of the terms.
pub(in crate::kernels) fn input_gradient(level: Level, mut of: Adjoint<'_>) {
    let conv = of.conv;
    if conv.is_by_channel() {
        return depthwise::input_gradient(level, &mut of);
    }
    if HAS_VECTORS && level.dispatch(zeros::InputGradient(&mut of)) {
        return;
    }
    let (ci, co) = conv.group_channels();
    let columns = ci.min(PANEL_COLUMNS);
    let most = div(of.scratch.len(), columns);
    let panel = of.scratch.as_mut_ptr();
    // Regions and pieces read and write the same images again, so only as many images are taken
    // at a time as stay in the cache.
    let terms = conv.kernel[0] * conv.kernel[1] * co;
    let images = conv.resident_images().min(of.batch.max(1));
    let once = terms <= most && columns == ci;
    for group in 0..conv.groups {
        let mut image = 0;
        while image < of.batch {
            let count = images.min(of.batch - image);
            let mut channel = 0;
            while channel < ci {
                let width = columns.min(ci - channel);
                let first = Piece::first(conv, co, most);
                let mut piece = Some(first);
                let mut start = true;
                while let Some(now) = piece {
                    piece = now.next(conv, co, most);
                    let part = Part { group, images: image..image + count, channel, width, panel };
                    if image == 0 || !once {
                        level.dispatch(Transpose { of: &of, part: &part, piece: &now });
                    }
                    regions(level, &mut of, &part, &now, start, piece.is_none());
                    start = false;
                }
                channel += width;
            }
            image += count;
        }
    }
}

/// A part of the result: some images, some channels of a group.
struct Part {
    group: usize,
    images: Range<usize>,
    channel: usize,
    width: usize,
    panel: *mut f32,
}

impl Part {
    /// The pixels of `dy` that come some lines after those being read, if these `rows` are most of the
    /// images and others follow.
    fn ahead(&self, of: &Adjoint<'_>, rows: usize) -> Ahead {
        /// How far ahead, in elements: half a tile's work of the widest vectors, or more.
        const DISTANCE: usize = 1024;
        let conv = of.conv;
        let images = self.images.end - self.images.start;
        if of.batch == images || rows * 2 < images * conv.height * conv.width {
            return Ahead::NONE;
        }
        let window = (conv.kernel[0] - 1).wrapping_mul(conv.out_width() * conv.out_channels);
        let at =
            of.dy.as_ptr().wrapping_add(self.images.start * conv.y_len()).wrapping_add(window).wrapping_add(DISTANCE);
        Ahead::over(rows / 8, [(at, images * conv.y_len()), (at, 0)])
    }
}

/// Fills the panel: `panel[(kh, kw, co)][ci] = w[kh][kw][ci][co]`.
struct Transpose<'a> {
    of: &'a Adjoint<'a>,
    part: &'a Part,
    piece: &'a Piece,
}

impl Kernel for Transpose<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { of, part, piece } = self;
        let (ci, co) = of.conv.group_channels();
        let (rows, columns) = (part.width, piece.co.end - piece.co.start);
        let mut panel = part.panel;
        for kh in piece.kh.clone() {
            for kw in piece.kw.clone() {
                let row = (kh * of.conv.kernel[1] + kw) * ci + part.channel;
                let first = row * of.conv.out_channels + part.group * co + piece.co.start;
                let from = of.w.as_ptr().wrapping_add(first);
                // SAFETY: the piece and the part are inside the weights, and the piece times the
                // width is at most the panel.
                unsafe { transpose(s, from, of.conv.out_channels, rows, columns, panel, rows) };
                panel = panel.wrapping_add(rows * columns);
            }
        }
    }
}

/// Adds the terms of a piece to each region of equal taps.
fn regions(level: Level, of: &mut Adjoint<'_>, part: &Part, piece: &Piece, first: bool, last: bool) {
    let conv = of.conv;
    let (ci, co) = conv.group_channels();
    let pixel = conv.out_channels as isize;
    let line = conv.out_width() as isize * pixel;
    let in_pixel = conv.in_channels as isize;
    let in_line = conv.width as isize * in_pixel;
    let channels = piece.co.end - piece.co.start;
    let tap = channels * part.width;
    let tap_line = tap * (piece.kw.end - piece.kw.start);
    let channel = part.group * ci + part.channel;
    for h in conv.rows().inputs() {
        let h: Run = h.within(piece.kh.start, piece.kh.end);
        for v in conv.columns().inputs() {
            let v = v.within(piece.kw.start, piece.kw.end);
            if (h.taps == 0 || v.taps == 0) && !first && !(last && of.epilogue != Epilogue::None) {
                continue;
            }
            let rows = Nest([
                Axis::new(part.images.end - part.images.start, conv.y_len() as isize, conv.x_len() as isize),
                Axis::new(h.count, h.source_step.wrapping_mul(line), (h.step as isize).wrapping_mul(in_line)),
                Axis::new(v.count, v.source_step.wrapping_mul(pixel), (v.step as isize).wrapping_mul(in_pixel)),
            ]);
            let terms = Nest([
                Axis::new(h.taps, h.source_tap.wrapping_mul(line), h.tap_step.wrapping_mul(tap_line) as isize),
                Axis::new(v.taps, v.source_tap.wrapping_mul(pixel), v.tap_step.wrapping_mul(tap) as isize),
                Axis::new(channels, 1, part.width as isize),
            ]);
            let source = h.source.wrapping_mul(line).wrapping_add(v.source.wrapping_mul(pixel));
            let job = Contraction {
                rows,
                first_row: 0,
                row_count: rows.len(),
                terms,
                columns: part.width,
                a: of
                    .dy
                    .as_ptr()
                    .wrapping_add(part.images.start * conv.y_len() + part.group * co + piece.co.start)
                    .wrapping_offset(source),
                b: part
                    .panel
                    .cast_const()
                    .wrapping_add(h.tap.wrapping_sub(piece.kh.start).wrapping_mul(tap_line))
                    .wrapping_add(v.tap.wrapping_sub(piece.kw.start).wrapping_mul(tap)),
                c: of
                    .dx
                    .as_mut_ptr()
                    .wrapping_add(part.images.start * conv.x_len() + channel)
                    .wrapping_add((h.first * conv.width + v.first) * conv.in_channels),
                start: match (first, of.bias) {
                    (false, _) => Start::Continue,
                    (true, Some(bias)) => Start::Bias(bias.as_ptr().wrapping_add(channel)),
                    (true, None) => Start::Zero,
                },
                epilogue: if last { of.epilogue } else { Epilogue::None },
                ahead: part.ahead(of, rows.len()),
            };
            // SAFETY: lengths were checked at the door; a run's positions and taps stay inside the
            // images, the piece inside the panel; `dx` is borrowed alone.
            level.dispatch(unsafe { job.vouched::<false>() });
        }
    }
}

/// `dw += ∂E/∂w`: adds to some rows of the gradient of the weights.
///
/// `rows` are rows of the matrix `[kh · kw · in_channels / groups][out_channels]` that the weights
/// are, and `dw_rows` holds these rows alone, so that threads can divide them, or an update can be
/// made with a gradient of a few rows.
///
/// # Errors
/// If the descriptor is not valid, `rows` are not inside the matrix or a slice has the wrong
/// length; nothing is written then.
///
/// # Numerics
/// Each gradient continues from `dw_rows` and adds its terms (n, oh, ow) in ascending order.
///
/// ```
/// use kernlet::{kernels::conv2d::{self, Conv2d}, simd::Level};
/// let conv = Conv2d::new(1, 3, 1, 1, [1, 2]);
/// let mut dw = [1.0, 1.0];
/// conv2d::backward_weight_acc(Level::detect(), &conv, 1, &[1.0, 2.0, 3.0], &[1.0, 10.0], 0..2, &mut dw)?;
/// assert_eq!(dw, [22.0, 33.0]);
/// # Ok::<(), kernlet::kernels::ShapeError>(())
/// ```
pub fn backward_weight_acc(
    level: Level,
    conv: &Conv2d,
    batch: usize,
    x: &[f32],
    dy: &[f32],
    rows: Range<usize>,
    dw_rows: &mut [f32],
) -> Result<(), ShapeError> {
    conv.validate()?;
    check_batch(NAME, "x", x, batch, conv.x_len())?;
    check_batch(NAME, "dy", dy, batch, conv.y_len())?;
    if rows.end > conv.w_rows() || rows.start > rows.end {
        return Err(ShapeError::at_most(NAME, "rows", conv.w_rows(), rows.end.max(rows.start)));
    }
    check(NAME, "dw_rows", dw_rows, (rows.end - rows.start) * conv.out_channels)?;
    weight_gradient(level, conv, batch, x, dy, rows, dw_rows);
    Ok(())
}

/// The weight gradient of checked operands.
pub(in crate::kernels) fn weight_gradient(
    level: Level,
    conv: &Conv2d,
    batch: usize,
    x: &[f32],
    dy: &[f32],
    rows: Range<usize>,
    dw_rows: &mut [f32],
) {
    if conv.is_by_channel() {
        return depthwise::weight_gradient(level, conv, batch, x, dy, rows, dw_rows);
    }
    let (_, co) = conv.group_channels();
    // SAFETY: all columns of rows that are borrowed here.
    unsafe { weight_columns(level, conv, batch, x, dy, rows, 0..co, dw_rows.as_mut_ptr()) }
}

/// The weight gradient of some columns of each group; `dw` is the first of the rows.
///
/// # Safety
/// The rows are valid for reading and writing these columns, and nobody else does either.
unsafe fn weight_columns(
    level: Level,
    conv: &Conv2d,
    batch: usize,
    x: &[f32],
    dy: &[f32],
    rows: Range<usize>,
    columns: Range<usize>,
    dw: *mut f32,
) {
    let with_all = |rows: Range<usize>, columns: Range<usize>, dw: *mut f32| {
        // SAFETY: a part of what the caller vouches for.
        unsafe { weights(level, conv, batch, x, dy, rows, columns, dw) };
    };
    // SAFETY: as above.
    let done = HAS_VECTORS
        && unsafe { zeros::weight_gradient(level, conv, batch, x, dy, rows.clone(), columns.clone(), dw, with_all) };
    if !done {
        with_all(rows, columns, dw);
    }
}

/// The gradients of all weights and of the bias, which continue, on threads.
///
/// Each thread has output channels of its own, of which it lists the terms that are not zero; with
/// rows of weights of its own, as where channels are few, it would list those of all.
///
/// # Errors
/// As for [`backward_weight_acc`] and [`backward_bias_acc`].
#[cfg(feature = "rayon")]
pub(crate) fn backward_weight_on(
    level: Level,
    threads: usize,
    conv: &Conv2d,
    batch: usize,
    operands: Backward<'_>,
    dw: &mut [f32],
    db: &mut [f32],
) -> Result<(), ShapeError> {
    let Backward { x, dy } = operands;
    if threads < 2 || conv.groups > 1 || conv.out_channels < 2 * CHANNELS {
        parallel::for_rows(threads, conv.w_rows(), dw, &|rows, dw: &mut [f32]| {
            backward_weight_acc(level, conv, batch, x, dy, rows, dw)
        })?;
        return backward_bias_acc(level, conv, batch, dy, db);
    }
    conv.validate()?;
    check_batch(NAME, "x", x, batch, conv.x_len())?;
    check_batch(NAME, "dy", dy, batch, conv.y_len())?;
    check(NAME, "dw", dw, conv.w_len())?;
    check(NAME, "db", db, conv.b_len())?;
    /// A gradient whose columns threads divide.
    struct Shared(*mut f32);
    // SAFETY: below, each thread has columns of its own.
    unsafe impl Sync for Shared {}
    let (dw, db) = (&Shared(dw.as_mut_ptr()), &Shared(db.as_mut_ptr()));
    parallel::for_ranges(threads, conv.out_channels, CHANNELS, &|columns| {
        // SAFETY: these columns of what was checked and is borrowed here.
        unsafe {
            weight_columns(level, conv, batch, x, dy, 0..conv.w_rows(), columns.clone(), dw.0);
            sum_columns(level, dy, conv.out_channels, columns, db.0);
        }
    });
    Ok(())
}

/// Threads divide output channels at multiples of this: a vector, and what the passing over zeros takes at a time.
#[cfg(feature = "rayon")]
const CHANNELS: usize = 16;

/// The weight gradient of some columns of each group, with all terms.
///
/// # Safety
/// As for [`weight_columns`].
unsafe fn weights(
    level: Level,
    conv: &Conv2d,
    batch: usize,
    x: &[f32],
    dy: &[f32],
    rows: Range<usize>,
    columns: Range<usize>,
    dw: *mut f32,
) {
    let (ci, _) = conv.group_channels();
    // Pieces of pixels that stay in the cache while all rows go over them.
    let pixels = conv.out_height() * conv.out_width();
    let images = div(PIXELS, pixels).max(1);
    let lines = div(PIXELS, conv.out_width()).max(1);
    let everywhere = conv.padding == [0; 4];
    let mut image = 0;
    while image < batch {
        let images = image..(image + images).min(batch);
        let mut line = 0;
        while line < conv.out_height() {
            let lines = line..(line + lines).min(conv.out_height());
            for group in 0..conv.groups {
                let mut at = rows.start;
                while at < rows.end {
                    // Without padding all taps see the same pixels.
                    let end = if everywhere { rows.end } else { (div(at, ci) * ci + ci).min(rows.end) };
                    let target = dw.wrapping_add((at - rows.start) * conv.out_channels);
                    let (images, lines, columns) = (images.clone(), lines.clone(), columns.clone());
                    let job = Weights { conv, x, dy, group, columns, images, lines };
                    job.run(level, at..end, target);
                    at = end;
                }
            }
            line = lines.end;
        }
        image = images.end;
    }
}

/// Terms of the weight gradient that are worked through at a time.
const PIXELS: usize = 128;

/// A piece of the weight gradient's terms.
struct Weights<'a> {
    conv: &'a Conv2d,
    x: &'a [f32],
    dy: &'a [f32],
    group: usize,
    columns: Range<usize>,
    images: Range<usize>,
    lines: Range<usize>,
}

impl Weights<'_> {
    /// Adds to the rows of weights, all of one tap unless there is no padding.
    fn run(&self, level: Level, rows: Range<usize>, target: *mut f32) {
        let conv = self.conv;
        let (ci, co) = conv.group_channels();
        let channel_out = self.group * co + self.columns.start;
        let (tap, channel) = (div(rows.start, ci), rem(rows.start, ci));
        let (kh, kw) = (div(tap, conv.kernel[1]), rem(tap, conv.kernel[1]));
        let (first_line, line_count) = conv.rows().outputs_of_tap(kh);
        let (first_column, column_count) = conv.columns().outputs_of_tap(kw);
        let from = first_line.max(self.lines.start);
        let line_count = (first_line + line_count).min(self.lines.end).saturating_sub(from);
        let pixel = conv.in_channels as isize;
        let line = conv.width as isize * pixel;
        let out_pixel = conv.out_channels as isize;
        let out_line = conv.out_width() as isize * out_pixel;
        let [down, right] = [conv.dilation[0] as isize, conv.dilation[1] as isize];
        let [tap_line, tap_pixel] = [down.wrapping_mul(line), right.wrapping_mul(pixel)];
        let everywhere = conv.padding == [0; 4];
        let nest = if everywhere {
            Nest([
                Axis::new(conv.kernel[0], tap_line, (conv.kernel[1] * ci) as isize * out_pixel),
                Axis::new(conv.kernel[1], tap_pixel, ci as isize * out_pixel),
                Axis::new(ci, 1, out_pixel),
            ])
        } else {
            Nest::line(Axis::new(ci, 1, out_pixel))
        };
        // The first row of the nest: the whole matrix, or that tap's channels.
        let (first_row, [h, v]) = if everywhere { (rows.start, [0, 0]) } else { (channel, [kh, kw]) };
        let top = (from * conv.stride[0] + h * conv.dilation[0]).wrapping_sub(conv.padding[0]) as isize;
        let left = (first_column * conv.stride[1] + v * conv.dilation[1]).wrapping_sub(conv.padding[2]) as isize;
        let images = self.images.end - self.images.start;
        let job = Contraction {
            rows: nest,
            first_row,
            row_count: rows.end - rows.start,
            terms: Nest([
                Axis::new(images, conv.x_len() as isize, conv.y_len() as isize),
                Axis::new(line_count, (conv.stride[0] as isize).wrapping_mul(line), out_line),
                Axis::new(column_count, (conv.stride[1] as isize).wrapping_mul(pixel), out_pixel),
            ]),
            columns: self.columns.end - self.columns.start,
            a: self
                .x
                .as_ptr()
                .wrapping_add(self.images.start * conv.x_len() + self.group * ci)
                .wrapping_offset(top.wrapping_mul(line).wrapping_add(left.wrapping_mul(pixel))),
            b: self
                .dy
                .as_ptr()
                .wrapping_add(self.images.start * conv.y_len() + channel_out)
                .wrapping_offset(from as isize * out_line + first_column as isize * out_pixel),
            c: target.wrapping_add(channel_out).wrapping_offset(-(first_row as isize * out_pixel)),
            start: Start::Continue,
            epilogue: Epilogue::None,
            ahead: self.ahead(rows.end - rows.start, from + line_count, line_count),
        };
        if job.terms.len() > 0 {
            // SAFETY: lengths and rows were checked at the door; the pixels are those that the
            // tap sees inside the image; `target` are the rows' own elements, borrowed alone.
            level.dispatch(unsafe { job.vouched::<false>() });
        }
    }
}

impl Weights<'_> {
    /// The lines of `dy` and `x` that come after those before line `from`, as many as these are.
    fn ahead(&self, rows: usize, from: usize, lines: usize) -> Ahead {
        let conv = self.conv;
        let line = conv.width * conv.in_channels;
        let out_line = conv.out_width() * conv.out_channels;
        let dy = self.dy.as_ptr().wrapping_add(self.images.start * conv.y_len() + from * out_line);
        let below = from.wrapping_mul(conv.stride[0]).wrapping_add(conv.kernel[0] - 1);
        let x = self.x.as_ptr().wrapping_add(self.images.start * conv.x_len()).wrapping_add(below.wrapping_mul(line));
        let tiles = div(rows, 6) * (self.columns.len() / 64).max(1);
        Ahead::over(tiles, [(dy, lines * out_line), (x, lines.saturating_mul(conv.stride[0]).saturating_mul(line))])
    }
}

/// `db += ∂E/∂b`: adds to the gradient of the bias.
///
/// # Errors
/// If the descriptor is not valid or a slice has the wrong length; nothing is written then.
///
/// # Numerics
/// Each gradient continues from `db` and adds its terms (n, oh, ow) in ascending order.
///
/// ```
/// use kernlet::{kernels::conv2d::{self, Conv2d}, simd::Level};
/// let mut db = [1.0, 1.0];
/// let conv = Conv2d::new(1, 3, 1, 2, [1, 2]);
/// conv2d::backward_bias_acc(Level::detect(), &conv, 1, &[1.0, 10.0, 2.0, 20.0], &mut db)?;
/// assert_eq!(db, [4.0, 31.0]);
/// # Ok::<(), kernlet::kernels::ShapeError>(())
/// ```
pub fn backward_bias_acc(
    level: Level,
    conv: &Conv2d,
    batch: usize,
    dy: &[f32],
    db: &mut [f32],
) -> Result<(), ShapeError> {
    conv.validate()?;
    check_batch(NAME, "dy", dy, batch, conv.y_len())?;
    check(NAME, "db", db, conv.b_len())?;
    sum_rows(level, dy, db);
    Ok(())
}

/// Adds the rows of a matrix, each as long as `sum`, in ascending order.
pub(in crate::kernels) fn sum_rows(level: Level, rows: &[f32], sum: &mut [f32]) {
    // SAFETY: all columns, borrowed here.
    unsafe { sum_columns(level, rows, sum.len(), 0..sum.len(), sum.as_mut_ptr()) }
}

/// Adds some columns of the rows of a matrix, in ascending order.
///
/// # Safety
/// `sum` is valid for reading and writing these columns, and nobody else does either; they are below `len`, the length of
/// a row.
unsafe fn sum_columns(level: Level, rows: &[f32], len: usize, columns: Range<usize>, sum: *mut f32) {
    // A product with 1 is exact, so this is a sum in either rounding.
    static ONE: f32 = 1.0;
    if columns.is_empty() {
        return;
    }
    let job = Contraction {
        rows: Nest::line(Axis::ONE),
        first_row: 0,
        row_count: 1,
        terms: Nest::line(Axis::new(div(rows.len(), len), 0, len as isize)),
        columns: columns.len(),
        a: &raw const ONE,
        b: rows.as_ptr().wrapping_add(columns.start),
        c: sum.wrapping_add(columns.start),
        start: Start::Continue,
        epilogue: Epilogue::None,
        ahead: Ahead::NONE,
    };
    // SAFETY: columns of whole rows are read, one row of them is written, as the caller vouches; `ONE` is read at step 0.
    level.dispatch(unsafe { job.vouched::<false>() });
}
