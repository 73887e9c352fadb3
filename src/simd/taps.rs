//! What the loops over eight-bit integers are told beside their operands.
// Some of it only those in assembly ask for.
#![cfg_attr(not(kernlet_arm = "dsp"), allow(dead_code))]

/// How rescaled sums become outputs: the zero point is added, then the range holds them.
#[derive(Clone, Copy)]
pub(crate) struct Placing {
    pub(crate) zero_point: i8,
    pub(crate) range: [i8; 2],
}

/// A tap of a depthwise window: where its inputs and its weights lie, from those of the first channel on.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Tap {
    pub(crate) x: usize,
    pub(crate) w: usize,
}

/// Taps of a window.
pub(crate) struct Taps {
    pub(crate) list: [Tap; Self::MOST],
    pub(crate) count: usize,
    /// The farthest of each.
    pub(crate) last: Tap,
}

impl Taps {
    /// As many as a window of 5 × 5 has, and more.
    pub(crate) const MOST: usize = 32;

    pub(crate) const fn new() -> Self {
        let none = Tap { x: 0, w: 0 };
        Self { list: [none; Self::MOST], count: 0, last: none }
    }

    /// Adds a tap; more than [`Self::MOST`] are left out.
    #[inline(always)]
    pub(crate) fn push(&mut self, tap: Tap) {
        if let Some(place) = self.list.get_mut(self.count) {
            *place = tap;
            self.count += 1;
            self.last = Tap { x: self.last.x.max(tap.x), w: self.last.w.max(tap.w) };
        }
    }
}

/// Channels of which each has a multiplier below ½ and a bias below 2²⁹ in size, whose outputs are rounded twice and may have all 256
/// values: sums of up to [`Self::TERMS`] products stay below 2³⁰ then, and a shorter way leads to the same outputs.
#[derive(Clone, Copy)]
pub(crate) struct Simple<'a> {
    pub(crate) zero_point: i8,
    /// A bias for each channel, or none.
    pub(crate) biases: Option<&'a [[u8; 4]]>,
    /// A mantissa and an exponent for each channel, or one for all.
    pub(crate) multipliers: &'a [[i32; 2]],
}

impl<'a> Simple<'a> {
    /// The most terms of a sum.
    pub(crate) const TERMS: usize = 1 << 14;

    /// Whether the channels are such channels.
    pub(crate) fn fits(&self) -> bool {
        // Bits of all, without a branch for each: this is done once for each invocation.
        let exponents = self.multipliers.iter().fold(-1, |all, [_, exponent]| all & exponent);
        let bits = |bias: &[u8; 4]| i32::from_le_bytes(*bias) ^ (i32::from_le_bytes(*bias) >> 31);
        let biases = self.biases.unwrap_or_default().iter().fold(0, |all, bias| all | bits(bias));
        exponents < 0 && biases < 1 << 29
    }

    /// The channels from one on.
    pub(crate) fn from(&self, channel: usize) -> Self {
        let multipliers = match self.multipliers {
            [_] => self.multipliers,
            each => each.get(channel..).unwrap_or_default(),
        };
        Self { biases: self.biases.map(|b| b.get(channel..).unwrap_or_default()), multipliers, ..*self }
    }
}
