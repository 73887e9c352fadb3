//! Along one axis: which positions see which taps of the window.
//!
//! Inside an image every position sees all taps; near a border, or between the
//! strides of the adjoint, some. Positions that see the same taps are a [`Run`],
//! so that a kernel works through a run without asking again.

use crate::kernels::{div, div_ceil, rem};

/// One axis of a convolution.
#[derive(Clone, Copy)]
pub(super) struct Axis {
    pub input: usize,
    pub output: usize,
    pub kernel: usize,
    pub stride: usize,
    pub dilation: usize,
    /// Padding before the first element.
    pub before: usize,
}

/// Positions `first, first + step, …`, each seeing the taps `tap, tap + tap_step, …`.
#[derive(Clone, Copy)]
pub(super) struct Run {
    pub first: usize,
    pub step: usize,
    pub count: usize,
    pub tap: usize,
    pub tap_step: usize,
    pub taps: usize,
    /// What the first position reads at its first tap; meaningless without taps.
    pub source: isize,
    /// How far that moves per position.
    pub source_step: isize,
    /// How far that moves per tap.
    pub source_tap: isize,
}

impl Run {
    /// The same positions with only the taps inside `from..to`.
    pub(super) fn within(self, from: usize, to: usize) -> Self {
        let index = |bound: usize| div_ceil(bound.saturating_sub(self.tap), self.tap_step).min(self.taps);
        let (low, high) = (index(from), index(to));
        Self {
            tap: self.tap + low * self.tap_step,
            taps: high - low,
            source: self.source.wrapping_add((low as isize).wrapping_mul(self.source_tap)),
            ..self
        }
    }
}

/// The taps of one position: the first, how many, and what the first reads.
#[derive(Clone, Copy)]
struct Taps {
    first: usize,
    count: usize,
    source: isize,
}

impl Axis {
    /// Whether every window lies inside the image.
    pub(super) const fn is_inside(self) -> bool {
        let span = (self.kernel - 1).saturating_mul(self.dilation);
        let last = (self.output - 1).saturating_mul(self.stride);
        self.before == 0 && last.saturating_add(span) < self.input
    }

    /// The outputs, each seeing inputs.
    pub(super) const fn outputs(self) -> Runs {
        let source_tap = self.dilation;
        Runs { axis: self, adjoint: false, period: 1, tap_step: 1, source_tap, residue: 0, position: 0 }
    }

    /// The inputs, each seeing the outputs that it contributes to.
    pub(super) const fn inputs(self) -> Runs {
        let mut common = self.stride;
        let mut rest = self.dilation;
        while rest > 0 {
            (common, rest) = (rest, rem(common, rest));
        }
        let tap_step = div(self.stride, common);
        let source_tap = div(self.dilation, common);
        Runs { axis: self, adjoint: true, period: self.stride, tap_step, source_tap, residue: 0, position: 0 }
    }

    /// The outputs that see `tap` inside the image, as their first and their count.
    pub(super) const fn outputs_of_tap(self, tap: usize) -> (usize, usize) {
        let at = tap * self.dilation;
        let first = div_ceil(self.before.saturating_sub(at), self.stride);
        // Outputs below `end` read below `input`.
        let end = div_ceil((self.input + self.before).saturating_sub(at), self.stride);
        let end = if end < self.output { end } else { self.output };
        (first, end.saturating_sub(first))
    }

    fn taps_of_output(self, position: usize) -> Taps {
        let at = position * self.stride;
        let first = div_ceil(self.before.saturating_sub(at), self.dilation).min(self.kernel);
        let end = div_ceil((self.input + self.before).saturating_sub(at), self.dilation).min(self.kernel);
        let source = (at + first * self.dilation).wrapping_sub(self.before) as isize;
        Taps { first, count: end.saturating_sub(first), source }
    }

    fn taps_of_input(self, position: usize, tap_step: usize) -> Taps {
        let at = position + self.before;
        let last = (self.output - 1) * self.stride;
        if self.stride == 1 && self.dilation == 1 {
            // As below, without its divisions.
            let first = at.saturating_sub(last);
            let end = (at + 1).min(self.kernel);
            return Taps { first, count: end.saturating_sub(first), source: at.wrapping_sub(first) as isize };
        }
        let mut first = div_ceil(at.saturating_sub(last), self.dilation);
        let end = (div(at, self.dilation) + 1).min(self.kernel);
        // One of `tap_step` consecutive taps falls on an output, or none does.
        for _ in 0..tap_step {
            if first >= end || (at - first * self.dilation).is_multiple_of(self.stride) {
                break;
            }
            first += 1;
        }
        if first >= end || !(at - first * self.dilation).is_multiple_of(self.stride) {
            return Taps { first: 0, count: 0, source: 0 };
        }
        let source = div(at - first * self.dilation, self.stride) as isize;
        Taps { first, count: div_ceil(end - first, tap_step), source }
    }
}

/// The runs of an axis.
#[derive(Clone, Copy)]
pub(super) struct Runs {
    axis: Axis,
    adjoint: bool,
    /// Positions so far apart see the same taps, borders aside.
    period: usize,
    tap_step: usize,
    /// How far what is read moves in so many taps.
    source_tap: usize,
    residue: usize,
    position: usize,
}

impl Runs {
    fn taps(&self, position: usize) -> Taps {
        if self.adjoint { self.axis.taps_of_input(position, self.tap_step) } else { self.axis.taps_of_output(position) }
    }
}

impl Iterator for Runs {
    type Item = Run;

    fn next(&mut self) -> Option<Run> {
        let size = if self.adjoint { self.axis.input } else { self.axis.output };
        if self.position >= size {
            self.residue += 1;
            if self.residue >= self.period.min(size) {
                return None;
            }
            self.position = self.residue;
        }
        let first = self.position;
        let taps = self.taps(first);
        let mut count = 0;
        loop {
            count += 1;
            self.position += self.period;
            if self.position >= size {
                break;
            }
            let next = self.taps(self.position);
            if (next.first, next.count) != (taps.first, taps.count) {
                break;
            }
        }
        let (source_step, source_tap) = if self.adjoint {
            (1, -(self.source_tap as isize))
        } else {
            (self.axis.stride as isize, self.source_tap as isize)
        };
        Some(Run {
            first,
            step: self.period,
            count,
            tap: taps.first,
            tap_step: self.tap_step,
            taps: taps.count,
            source: taps.source,
            source_step,
            source_tap,
        })
    }
}
