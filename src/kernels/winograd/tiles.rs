//! Tiles of images to places, and places back to tiles.
#![allow(unsafe_code)]
// Places are addressed by row and column; iterators hide which.
#![allow(clippy::needless_range_loop)]

use core::{marker::PhantomData, ops::Range};

use super::{
    Epilogue, Sides,
    forms::{Form, MOST},
    place_of,
};
use crate::simd::{Kernel, Simd};

/// The images on both sides of a convolution, and how tiles cover them.
pub(super) struct Grid {
    /// Rows, columns and channels of the input.
    pub input: [usize; 3],
    /// Rows, columns and channels of the output.
    pub output: [usize; 3],
    /// Padding above and on the left.
    pub before: [usize; 2],
    /// Tiles along the rows and along the columns of an image.
    pub tiles: [usize; 2],
    /// Tiles of all images.
    pub count: usize,
}

impl Grid {
    /// The lines of the input, or of the output, where a block of tiles begins to the end of those where it ends, but
    /// for what lies below or above them.
    pub(super) fn lines_of<'a>(
        &self,
        of_output: bool,
        outputs: usize,
        images: &'a [f32],
        block: &Range<usize>,
    ) -> &'a [f32] {
        let [height, width, channels] = if of_output { self.output } else { self.input };
        let line = |tile: usize| {
            let [image, row, _] = place_of(self.tiles, tile);
            (image * height + (row * outputs).min(height)) * width * channels
        };
        let end = line(block.end + self.tiles[1] - 1).min(images.len());
        images.get(line(block.start)..end).unwrap_or_default()
    }

    /// The patch of the input under a tile, or of the output (`of_output`), `side` pixels square.
    #[inline(always)]
    fn patch(&self, of_output: bool, outputs: usize, side: usize, tile: usize) -> Patch {
        let [image, row, column] = place_of(self.tiles, tile);
        let [height, width, channels] = if of_output { self.output } else { self.input };
        let before = if of_output { [0; 2] } else { self.before };
        let origin = [row, column].map(|at| (at * outputs) as isize);
        let origin = [origin[0] - before[0] as isize, origin[1] - before[1] as isize];
        let pixel = ((image * height) as isize + origin[0]) * width as isize + origin[1];
        Patch {
            first: pixel * channels as isize,
            line: width * channels,
            channels,
            rows: inside(origin[0], side, height),
            columns: inside(origin[1], side, width),
            side,
        }
    }
}

/// Which of `side` positions from `origin` on are inside an axis of `size`.
#[inline(always)]
fn inside(origin: isize, side: usize, size: usize) -> Range<usize> {
    // No `clamp`, which can panic.
    let end = (size as isize - origin).min(side as isize).max(0);
    let first = (-origin).min(end).max(0);
    first as usize..end as usize
}

/// A square of pixels of an image, some of which may lie outside.
struct Patch {
    /// Where its first pixel is or would be.
    first: isize,
    /// From a line to the next.
    line: usize,
    channels: usize,
    /// Those inside.
    rows: Range<usize>,
    columns: Range<usize>,
    side: usize,
}

impl Patch {
    #[inline(always)]
    fn is_full(&self) -> bool {
        self.rows.len() == self.side && self.columns.len() == self.side
    }

    #[inline(always)]
    fn has(&self, i: usize, j: usize) -> bool {
        self.rows.contains(&i) && self.columns.contains(&j)
    }

    #[inline(always)]
    fn at(&self, i: usize, j: usize) -> isize {
        (i * self.line + j * self.channels) as isize
    }
}

/// Transforms along the columns, then along the rows: `$from` by `$from` values to `$to` by `$to`. A macro,
/// since a closure that is called more than once is a function of its own, without the instruction set.
macro_rules! along_both {
    ($s:ident, [$from:expr, $to:expr], $step:expr, |$i:ident, $j:ident| $load:expr, |$value:ident| $store:expr) => {{
        let mut lines = [[$s.splat(0.0); MOST]; MOST];
        for $j in 0..$from {
            let mut line = [$s.splat(0.0); MOST];
            for $i in 0..$from {
                line[$i] = $load;
            }
            let line = $step($s, line);
            for $i in 0..$to {
                lines[$i][$j] = line[$i];
            }
        }
        for $i in 0..$to {
            let line = $step($s, lines[$i]);
            for $j in 0..$to {
                let $value = line[$j];
                $store;
            }
        }
    }};
}

/// A vector, or the first `left` elements of it.
///
/// # Safety
/// They are valid for reading.
#[inline(always)]
unsafe fn load<S: Simd, const MASKED: bool>(s: S, from: *const f32, left: usize) -> S::V {
    // SAFETY: the caller vouches.
    unsafe { if MASKED { s.load_ptr_first(from, left) } else { s.load_ptr(from) } }
}

/// Writes a vector, or the first `left` elements of it.
///
/// # Safety
/// They are valid for writing.
#[inline(always)]
unsafe fn store<S: Simd, const MASKED: bool>(s: S, value: S::V, to: *mut f32, left: usize) {
    // SAFETY: the caller vouches.
    unsafe { if MASKED { s.store_ptr_first(value, to, left) } else { s.store_ptr(value, to) } }
}

/// Calls `$run` with the first channel, how many there are from it on, and whether these are fewer than a vector.
macro_rules! for_channels {
    ($s:ident, $channels:expr, |$channel:ident, $MASKED:ident| $run:expr) => {{
        let mut $channel = 0;
        while $channel + $s::LANES <= $channels {
            const $MASKED: bool = false;
            $run;
            $channel += $s::LANES;
        }
        if $channel < $channels {
            const $MASKED: bool = true;
            $run;
        }
    }};
}

/// Transforms the tiles of a block: of the input, or in the adjoint of the output's gradient.
pub(super) struct Gather<'a, F, const ADJOINT: bool> {
    grid: &'a Grid,
    block: Range<usize>,
    from: *const f32,
    to: *mut f32,
    /// From a place to the next.
    stride: usize,
    form: PhantomData<F>,
}

impl<'a, F: Form, const ADJOINT: bool> Gather<'a, F, ADJOINT> {
    pub(super) fn new(grid: &'a Grid, block: Range<usize>, images: &'a [f32], sides: &Sides) -> Self {
        Self { grid, block, from: images.as_ptr(), to: sides.from, stride: sides.stride[0], form: PhantomData }
    }

    /// The transform as a kernel.
    ///
    /// # Safety
    /// The images are whole, the block is inside the grid, and `sides` have room for it.
    pub(super) unsafe fn vouched(self) -> VouchedGather<'a, F, ADJOINT> {
        VouchedGather(self)
    }

    /// One vector of channels of one tile.
    ///
    /// # Safety
    /// As for [`vouched`](Self::vouched); `left` channels are there, and fewer than a vector only if `MASKED`.
    #[inline(always)]
    unsafe fn vector<S: Simd, const FULL: bool, const MASKED: bool>(
        &self,
        s: S,
        patch: &Patch,
        at: [usize; 2],
        left: usize,
    ) {
        let [channel, to] = at;
        let (from, to) = (self.from.wrapping_offset(patch.first).wrapping_add(channel), self.to.wrapping_add(to));
        macro_rules! transform {
            ($from:expr, $step:expr) => {
                along_both!(
                    s,
                    [$from, F::IN],
                    $step,
                    |i, j| if FULL || patch.has(i, j) {
                        // SAFETY: the pixel is inside the image, and so are the channels.
                        unsafe { load::<S, MASKED>(s, from.wrapping_offset(patch.at(i, j)), left) }
                    } else {
                        s.splat(0.0)
                    },
                    |value| {
                        let to = to.wrapping_add((i * F::IN + j) * self.stride);
                        // SAFETY: every place has room for these channels of the tile.
                        unsafe { store::<S, MASKED>(s, value, to, left) }
                    }
                )
            };
        }
        if ADJOINT {
            transform!(F::OUT, F::output_adjoint);
        } else {
            transform!(F::IN, F::input);
        }
    }
}

/// A [`Gather`] whose maker vouches for its pointers.
pub(super) struct VouchedGather<'a, F, const ADJOINT: bool>(Gather<'a, F, ADJOINT>);

impl<F: Form, const ADJOINT: bool> Kernel for VouchedGather<'_, F, ADJOINT> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let job = self.0;
        let side = if ADJOINT { F::OUT } else { F::IN };
        for (i, tile) in job.block.clone().enumerate() {
            let patch = job.grid.patch(ADJOINT, F::OUT, side, tile);
            let channels = patch.channels;
            let full = patch.is_full();
            for_channels!(S, channels, |channel, MASKED| {
                let at = [channel, i * channels + channel];
                // SAFETY: the maker vouches.
                unsafe {
                    if full {
                        job.vector::<S, true, MASKED>(s, &patch, at, channels - channel);
                    } else {
                        job.vector::<S, false, MASKED>(s, &patch, at, channels - channel);
                    }
                }
            });
        }
    }
}

/// Transforms the places of a block back to tiles of the output, or in the adjoint adds them to the
/// input's gradient.
pub(super) struct Scatter<'a, F, const ADJOINT: bool> {
    grid: &'a Grid,
    block: Range<usize>,
    from: *const f32,
    /// From a place to the next.
    stride: usize,
    bias: Option<&'a [f32]>,
    epilogue: Epilogue,
    to: *mut f32,
    form: PhantomData<F>,
}

impl<'a, F: Form, const ADJOINT: bool> Scatter<'a, F, ADJOINT> {
    pub(super) fn new(
        grid: &'a Grid,
        block: Range<usize>,
        sides: &Sides,
        bias: Option<&'a [f32]>,
        epilogue: Epilogue,
        images: &'a mut [f32],
    ) -> Self {
        let (from, stride) = (sides.to.cast_const(), sides.stride[1]);
        Self { grid, block, from, stride, bias, epilogue, to: images.as_mut_ptr(), form: PhantomData }
    }

    /// The transform as a kernel.
    ///
    /// # Safety
    /// The images are whole, the block is inside the grid, `sides` hold it, and a bias has as many elements as
    /// there are channels.
    pub(super) unsafe fn vouched(self) -> VouchedScatter<'a, F, ADJOINT> {
        VouchedScatter(self)
    }

    /// One vector of channels of one tile.
    ///
    /// # Safety
    /// As for [`vouched`](Self::vouched); `left` channels are there, and fewer than a vector only if `MASKED`.
    #[inline(always)]
    unsafe fn vector<S: Simd, const FULL: bool, const MASKED: bool>(
        &self,
        s: S,
        patch: &Patch,
        at: [usize; 2],
        left: usize,
    ) {
        let [channel, from] = at;
        let (from, to) = (self.from.wrapping_add(from), self.to.wrapping_offset(patch.first).wrapping_add(channel));
        // SAFETY: a bias has these channels.
        let bias = self.bias.map(|bias| unsafe { load::<S, MASKED>(s, bias.as_ptr().wrapping_add(channel), left) });
        macro_rules! transform {
            ($to:expr, $step:expr, |$value:ident, $pixel:ident| $result:expr) => {
                along_both!(
                    s,
                    [F::IN, $to],
                    $step,
                    |i, j| {
                        let from = from.wrapping_add((i * F::IN + j) * self.stride);
                        // SAFETY: every place has these channels of the tile.
                        unsafe { load::<S, MASKED>(s, from, left) }
                    },
                    |$value| if FULL || patch.has(i, j) {
                        let $pixel = to.wrapping_offset(patch.at(i, j));
                        // SAFETY: the pixel is inside the image, and so are the channels.
                        unsafe { store::<S, MASKED>(s, $result, $pixel, left) }
                    }
                )
            };
        }
        if ADJOINT {
            transform!(F::IN, F::input_adjoint, |value, to| s.add(load::<S, MASKED>(s, to, left), value));
        } else {
            transform!(F::OUT, F::output, |value, to| {
                let sum = match bias {
                    Some(bias) => s.add(value, bias),
                    None => value,
                };
                self.epilogue.apply_to(s, sum)
            });
        }
    }
}

/// A [`Scatter`] whose maker vouches for its pointers.
pub(super) struct VouchedScatter<'a, F, const ADJOINT: bool>(Scatter<'a, F, ADJOINT>);

impl<F: Form, const ADJOINT: bool> Kernel for VouchedScatter<'_, F, ADJOINT> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let job = self.0;
        let side = if ADJOINT { F::IN } else { F::OUT };
        for (i, tile) in job.block.clone().enumerate() {
            let patch = job.grid.patch(!ADJOINT, F::OUT, side, tile);
            let channels = patch.channels;
            let full = patch.is_full();
            for_channels!(S, channels, |channel, MASKED| {
                let at = [channel, i * channels + channel];
                // SAFETY: the maker vouches.
                unsafe {
                    if full {
                        job.vector::<S, true, MASKED>(s, &patch, at, channels - channel);
                    } else {
                        job.vector::<S, false, MASKED>(s, &patch, at, channels - channel);
                    }
                }
            });
        }
    }
}
