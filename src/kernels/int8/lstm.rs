//! A layer of long short-term memory: eight-bit activations and weights, a cell of 16 bits.
//!
//! For every step, with `x` the input and `h` the hidden state, each gate is two dense products, rescaled to 2⁻¹² and
//! saturated to 16 bits, added, and saturated again:
//!
//! ```text
//! i, f, o = σ(Wx + b + Uh)          g = tanh(Wx + b + Uh)          at a scale of 2⁻¹⁵
//! c = clip(f · c + i · g)           h = o · tanh(c)
//! ```
//!
//! The logistic function and the tangent are read from one table of 256 places, with linear interpolation. The cell's
//! scale is a power of two.
//!
//! **The state survives a call**: `hidden` and `cell` go on where the last step left them. To begin anew, fill
//! `hidden` with its zero point and `cell` with 0.
//!
//! Source: TensorFlow Lite Micro, `UNIDIRECTIONAL_SEQUENCE_LSTM` of 8×16 bits.

use super::{Filter, Multiplier, Output, ShapeError, check, check_batch, div};
use crate::simd::Level;

const NAME: &str = "int8 lstm";

/// Fractional bits of a gate before its function.
const GATE_BITS: i32 = 12;

/// The weights of one gate.
///
/// ```
/// use kernlet::kernels::int8::{Filter, Multiplier, Output, lstm::Gate};
/// let multiplier = [Multiplier::from_real(0.5)];
/// let input = Filter::new(&[1, 2, 3, 4, 5, 6], &multiplier, Output::new(0)).with_input_zero_point(3);
/// let recurrent = Filter::new(&[1, 2, 3, 4], &multiplier, Output::new(0));
/// let gate = Gate { input, recurrent }; // 3 inputs, 2 cells
/// assert_eq!(gate.input.w.len(), 6);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Gate<'a> {
    /// `[cells][inputs]`, with the biases of the gate. Multipliers take sums to a scale of 2⁻¹²; of the output only the
    /// rounding is read.
    pub input: Filter<'a>,
    /// `[cells][cells]`, without biases, for the hidden state.
    pub recurrent: Filter<'a>,
}

/// A layer: its shape, gates and integers.
///
/// ```
/// use kernlet::kernels::int8::{Filter, Multiplier, Output, lstm::{Gate, Lstm}};
/// let multiplier = [Multiplier::from_real(0.5)];
/// let filter = Filter::new(&[1], &multiplier, Output::new(0));
/// let gate = Gate { input: filter, recurrent: filter };
/// // A cell of scale 2⁻¹¹, clipped at 10.
/// let lstm = Lstm::new(1, 1, [gate; 4], -11, [1.0 / 128.0, 10.0], 0);
/// assert_eq!(lstm.scratch_len(), 4);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Lstm<'a> {
    /// The length of an input.
    pub inputs: usize,
    /// The length of the cell and of the hidden state, which is the output.
    pub cells: usize,
    /// The input, forget, cell and output gates.
    pub gates: [Gate<'a>; 4],
    /// Whether `x` and `y` are `[steps][batch]` instead of `[batch][steps]`.
    pub time_major: bool,
    /// How the hidden state is placed.
    pub hidden: Output,
    // The cell's scale is two to this.
    cell_power: i32,
    /// The largest cell; 0 for none.
    clip: i16,
    // 2⁻³⁰ over the scale of the cell and of the hidden state.
    to_cell: Multiplier,
    to_hidden: Multiplier,
}

impl<'a> Lstm<'a> {
    /// A layer whose cell has a scale of `2^cell_power` and is clipped at a real number (0 for none), and whose hidden
    /// state has a scale and a zero point; that scale and the clip are passed as one array.
    pub const fn new(
        inputs: usize,
        cells: usize,
        gates: [Gate<'a>; 4],
        cell_power: i32,
        [hidden_scale, cell_clip]: [f32; 2],
        hidden_zero_point: i8,
    ) -> Self {
        const UNIT: f64 = 1.0 / (1_u32 << 30) as f64;
        let power = if cell_power < -15 {
            -15
        } else if cell_power > 0 {
            0
        } else {
            cell_power
        };
        let cell_scale = 1.0 / (1_u32 << -power) as f64;
        // A cast of a float stays inside 16 bits.
        let clip = (cell_clip as f64 / cell_scale) as i16;
        Self {
            inputs,
            cells,
            gates,
            time_major: false,
            hidden: Output::new(hidden_zero_point),
            cell_power: power,
            clip,
            to_cell: Multiplier::from_real(UNIT / cell_scale),
            to_hidden: Multiplier::from_real(UNIT / hidden_scale as f64),
        }
    }

    /// The same with `x` and `y` as `[steps][batch]`.
    ///
    /// ```
    /// use kernlet::kernels::int8::{Filter, Output, lstm::{Gate, Lstm}};
    /// let filter = Filter::new(&[], &[], Output::new(0));
    /// let lstm = Lstm::new(1, 1, [Gate { input: filter, recurrent: filter }; 4], -11, [0.1, 0.0], 0);
    /// assert!(lstm.with_time_major(true).time_major);
    /// ```
    pub const fn with_time_major(self, time_major: bool) -> Self {
        Self { time_major, ..self }
    }

    /// Whether there are inputs and cells, and the weights, biases and multipliers of each gate fit them.
    ///
    /// # Errors
    /// The first size that is wrong.
    ///
    /// ```
    /// use kernlet::kernels::int8::{Filter, Output, lstm::{Gate, Lstm}};
    /// let filter = Filter::new(&[], &[], Output::new(0));
    /// let lstm = Lstm::new(1, 1, [Gate { input: filter, recurrent: filter }; 4], -11, [0.1, 0.0], 0);
    /// assert_eq!(lstm.validate().unwrap_err().to_string(), "int8 lstm: w: expected 1, found 0");
    /// ```
    pub fn validate(&self) -> Result<(), ShapeError> {
        if self.inputs == 0 || self.cells == 0 {
            return Err(ShapeError::at_least(NAME, "inputs and cells", 1, 0));
        }
        for gate in &self.gates {
            let overflow = ShapeError::at_most(NAME, "w", gate.input.w.len(), usize::MAX);
            gate.input.check(NAME, self.cells.checked_mul(self.inputs).ok_or(overflow)?, self.cells)?;
            gate.recurrent.check(NAME, self.cells.checked_mul(self.cells).ok_or(overflow)?, self.cells)?;
        }
        Ok(())
    }

    /// The length of the scratch: the four gates of one sequence.
    pub const fn scratch_len(&self) -> usize {
        self.cells.saturating_mul(4)
    }

    /// A step of one sequence.
    fn step(&self, x: &[i8], hidden: &mut [i8], cell: &mut [i16], scratch: &mut [i16]) {
        let mut places = scratch.chunks_exact_mut(self.cells.max(1));
        let places = [(); 4].map(|()| places.next().unwrap_or_default());
        for (index, (gate, place)) in self.gates.iter().zip(places).enumerate() {
            gate.sums(x, hidden, place);
            for value in place {
                // The cell gate is a tangent; its input has the scale that needs no shift.
                *value = if index == 2 { tanh(*value, -GATE_BITS) } else { logistic(*value) };
            }
        }
        const FORGET: Multiplier = Multiplier::from_real(1.0 / (1 << 15) as f64);
        let rescaling = self.hidden.rescaling;
        let mut gates = scratch.chunks_exact(self.cells.max(1));
        let [input, forget, update, output] = [(); 4].map(|()| gates.next().unwrap_or_default());
        let gates = input.iter().zip(forget).zip(update.iter().zip(output));
        for ((hidden, cell), ((&input, &forget), (&update, &output))) in hidden.iter_mut().zip(cell).zip(gates) {
            let kept = saturate(FORGET.rescale(i32::from(forget) * i32::from(*cell), rescaling));
            let added = saturate(self.to_cell.rescale(i32::from(input) * i32::from(update), rescaling));
            *cell = kept.saturating_add(added);
            if self.clip > 0 {
                *cell = (*cell).min(self.clip).max(-self.clip);
            }
            let seen = i32::from(tanh(*cell, self.cell_power));
            *hidden = self.hidden.of(i32::from(output) * seen, self.to_hidden);
        }
    }
}

impl Gate<'_> {
    /// Both products, each saturated, and their saturated sum.
    fn sums(&self, x: &[i8], hidden: &[i8], sums: &mut [i16]) {
        for (cell, sum) in sums.iter_mut().enumerate() {
            *sum = product(&self.input, x, cell).saturating_add(product(&self.recurrent, hidden, cell));
        }
    }
}

/// One output of a dense product, saturated to 16 bits.
#[inline(always)]
fn product(filter: &Filter<'_>, x: &[i8], row: usize) -> i16 {
    let w = filter.w.get(row * x.len()..).unwrap_or_default();
    let zero_point = i32::from(filter.input_zero_point);
    let mut sum = filter.bias(row);
    for (&x, &w) in x.iter().zip(w) {
        sum = sum.wrapping_add((i32::from(x) - zero_point) * i32::from(w));
    }
    saturate(filter.multiplier(row).rescale(sum, filter.output.rescaling))
}

#[inline(always)]
fn saturate(x: i32) -> i16 {
    x.clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16
}

/// Where TensorFlow's table is one more than the integer nearest to `65536 · σ(i / 24)`: a bit for each place.
pub(crate) const ONE_MORE: [u64; 4] = [0xC046_7BAE_FA7B_D110, 0x0011_0090_2044_0005, 0x80, 0x8000_0000_0000_0000];

/// `65536 · σ(i / 24)`, rounded, plus one at 44 places.
static LOGISTIC: [u16; 256] = {
    /// e^(−1/24).
    const STEP: f64 = 0.959_189_457_111_381_9;
    let mut table = [0; 256];
    let (mut i, mut power) = (0, 1.0);
    while i < 256 {
        table[i] = (65536.0 / (1.0 + power) + 0.5) as u16 + (ONE_MORE[i / 64] >> (i % 64) & 1) as u16;
        power *= STEP;
        i += 1;
    }
    table
};

/// The table interpolated at `x / 2^bits`, with `bits` fractional bits; `most` beyond its end.
#[inline(always)]
fn interpolated(x: u32, bits: u32, most: u32) -> u32 {
    let place = (x >> bits) as usize;
    match (LOGISTIC.get(place), LOGISTIC.get(place + 1)) {
        (Some(&from), Some(&to)) => {
            let part = x & ((1 << bits) - 1);
            (u32::from(from) << bits) + part * (u32::from(to) - u32::from(from))
        }
        _ => most << bits,
    }
}

/// The logistic function of an input of scale 2⁻¹², at 2⁻¹⁵.
#[inline(always)]
fn logistic(x: i16) -> i16 {
    // 24 places for 1, so three eighths of an octave: times 3, and 2⁹ for a place.
    let x = i32::from(x) * 3;
    let value = interpolated(x.unsigned_abs(), 9, 0x7FFF << 1);
    let value = if x >= 0 { value + (1 << 9) } else { (1 << 25) - value + (1 << 9) - 1 };
    (value >> 10) as i16
}

/// The hyperbolic tangent of an input of scale `2^power`, at 2⁻¹⁵.
#[inline(always)]
fn tanh(x: i16, power: i32) -> i16 {
    let shift = GATE_BITS + power;
    let x = i32::from(x) * 3;
    // tanh x = 2 σ(2x) − 1, so a place has one bit less.
    let x = if shift >= 0 {
        x << shift.min(15)
    } else {
        let right = (-shift).min(15);
        (x + (1 << (right - 1))) >> right
    };
    let value = interpolated(x.unsigned_abs(), 8, 0xFFFF).cast_signed();
    let value = if x >= 0 { value - (1 << 23) + (1 << 7) } else { (1 << 23) - value + (1 << 7) - 1 };
    (value >> 8) as i16
}

/// Memory that one call hands to the next: `[batch][cells]` each.
///
/// ```
/// use kernlet::kernels::int8::lstm::State;
/// let (mut hidden, mut cell) = ([0; 2], [0; 2]);
/// let state = State { hidden: &mut hidden, cell: &mut cell };
/// assert_eq!(state.cell.len(), 2);
/// ```
#[derive(Debug)]
pub struct State<'a> {
    /// The hidden state: the last output.
    pub hidden: &'a mut [i8],
    /// The cell.
    pub cell: &'a mut [i16],
}

/// Runs all steps of a batch of sequences; `y` gets the hidden state after each.
///
/// `x` is `[batch][steps][inputs]`, `y` is `[batch][steps][cells]` (steps before batch if `time_major`), and the length
/// of `x` says how many steps there are. `scratch` may hold anything.
///
/// # Errors
/// If a slice has the wrong length; nothing is written then.
///
/// ```
/// use kernlet::kernels::int8::{Filter, Multiplier, Output, lstm::{self, Gate, Lstm, State}};
/// use kernlet::simd::Level;
/// // Gates that see x / 16 at scale 2⁻¹²: one input, one cell.
/// let multiplier = [Multiplier::from_real(256.0)];
/// let filter = Filter::new(&[1], &multiplier, Output::new(0));
/// let lstm = Lstm::new(1, 1, [Gate { input: filter, recurrent: filter }; 4], -11, [1.0 / 128.0, 0.0], 0);
/// let (mut hidden, mut cell, mut scratch) = ([0], [0], [0; 4]);
/// let state = State { hidden: &mut hidden, cell: &mut cell };
/// let mut y = [99; 2];
/// lstm::forward_into(Level::detect(), &lstm, 1, &[16, 16], &mut y, state, &mut scratch)?;
/// assert_eq!((y, hidden), ([47, 114], [114])); // at first σ(1) tanh(σ(1) tanh(1)) = 0.37
/// # Ok::<(), kernlet::kernels::ShapeError>(())
/// ```
pub fn forward_into(
    level: Level,
    lstm: &Lstm<'_>,
    batch: usize,
    x: &[i8],
    y: &mut [i8],
    state: State<'_>,
    scratch: &mut [i16],
) -> Result<(), ShapeError> {
    lstm.validate()?;
    let Lstm { inputs, cells, .. } = *lstm;
    check_batch(NAME, "hidden", state.hidden, batch, cells)?;
    check_batch(NAME, "cell", state.cell, batch, cells)?;
    check(NAME, "scratch", scratch, lstm.scratch_len())?;
    let steps = div(x.len(), batch.saturating_mul(inputs));
    check(NAME, "x", x, steps * batch * inputs)?;
    check_batch(NAME, "y", y, steps, batch * cells)?;
    let _ = level;
    for sequence in 0..batch {
        let cells_of = sequence * cells..(sequence + 1) * cells;
        let (Some(hidden), Some(cell)) = (state.hidden.get_mut(cells_of.clone()), state.cell.get_mut(cells_of)) else {
            continue;
        };
        for step in 0..steps {
            let at = if lstm.time_major { step * batch + sequence } else { sequence * steps + step };
            let (Some(x), Some(y)) = (x.get(at * inputs..(at + 1) * inputs), y.get_mut(at * cells..(at + 1) * cells))
            else {
                continue;
            };
            lstm.step(x, hidden, cell, scratch);
            for (y, hidden) in y.iter_mut().zip(hidden.iter()) {
                *y = *hidden;
            }
        }
    }
    Ok(())
}
