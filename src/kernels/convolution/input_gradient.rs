//! The gradient of the input, through a transposed panel of weights.
#![allow(unsafe_code)]

use core::ops::Range;

use super::{Window, depthwise, sparse, taps::Run};
use crate::{
    kernels::{
        Epilogue, div,
        tile::{Ahead, Axis, Contraction, Nest, Start},
        transpose::transpose,
    },
    simd::{HAS_VECTORS, Kernel, Level, Simd},
};

/// The most elements of the panel of transposed weights: 32 KiB.
const PANEL: usize = 8192;

/// The most columns (input channels) of the panel: four vectors of 16 lanes.
const PANEL_COLUMNS: usize = 64;

/// The length of the panel: at most [`PANEL`], and never more than the weights of a group.
pub(in crate::kernels) const fn panel_len(conv: &Window) -> usize {
    if conv.groups == 0 {
        return 0;
    }
    let (ci, co) = conv.group_channels();
    let columns = if ci < PANEL_COLUMNS { ci } else { PANEL_COLUMNS };
    let terms = conv.kernel[0].saturating_mul(conv.kernel[1]).saturating_mul(co);
    let most = div(PANEL, columns);
    columns * if terms < most { terms } else { most }
}

/// The operands of the adjoint, which a transposed convolution runs forward: their lengths have
/// been checked against the descriptor.
pub(in crate::kernels) struct Adjoint<'a> {
    pub conv: &'a Window,
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
    fn first(conv: &Window, co: usize, most: usize) -> Self {
        Self::at(conv, co, most, [0; 3])
    }

    fn next(&self, conv: &Window, co: usize, most: usize) -> Option<Self> {
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

    fn at(conv: &Window, co: usize, most: usize, [h, v, c]: [usize; 3]) -> Self {
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
    if HAS_VECTORS && level.dispatch(sparse::InputGradient(&mut of)) {
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
        if of.batch == images || rows * 2 < images * conv.input[0] * conv.input[1] {
            return Ahead::NONE;
        }
        let window = (conv.kernel[0] - 1).wrapping_mul(conv.output[1] * conv.out_channels);
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
    let line = conv.output[1] as isize * pixel;
    let in_pixel = conv.in_channels as isize;
    let in_line = conv.input[1] as isize * in_pixel;
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
                    .wrapping_add((h.first * conv.input[1] + v.first) * conv.in_channels),
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
