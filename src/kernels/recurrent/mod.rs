//! Recurrent layers over batches of sequences: simple, GRU, LSTM.
//!
//! # Formulas
//!
//! As Keras has them, with its orders of gates; `σ` is the logistic function, `∘` multiplies element by element,
//! `h` is the state before the step and `h′` after it, `a_g = b_g + x · W_g`:
//!
//! | cell | gates | formula |
//! |---|---|---|
//! | [`SimpleRnn`] | 1 | `h′ = tanh(a + h · U)` |
//! | [`Gru`] | z, r, h | `z = σ(a_z + h · U_z + b′_z)`, `r = σ(a_r + h · U_r + b′_r)`, `ĥ = tanh(a_h + r ∘ (b′_h + h · U_h))`, `h′ = z ∘ h + (1 − z) ∘ ĥ` |
//! | [`GruResetBefore`] | z, r, h | `z = σ(a_z + h · U_z)`, `r = σ(a_r + h · U_r)`, `ĥ = tanh(a_h + (r ∘ h) · U_h)`, `h′` the same |
//! | [`Lstm`] | i, f, c, o | `i, f, o = σ(a + h · U)`, `g = tanh(a_c + h · U_c)`, `c′ = f ∘ c + i ∘ g`, `h′ = o ∘ tanh c′` |
//!
//! `x` is `[n][steps][inputs]`, the kernel `W` is `[inputs][gates · units]`, the recurrent kernel `U` is
//! `[units][gates · units]`, the bias `[gates · units]` ([`Gru`]: `[2][gates · units]`, of the input and of the
//! state). `y` is `[n][steps][units]`, or `[n][units]` if only the last state is asked for. A state is
//! `[n][units]`, of the LSTM `[n][2][units]`: `h`, then `c`.
//!
//! # Sequences
//!
//! Lengths may differ in a batch. A step beyond a sequence's end reads and changes nothing; its output is, as with
//! Keras' mask, the last state again, or zeros if the descriptor says so or the sequence runs in reverse. In
//! reverse the step at the end comes first; outputs lie where their inputs do (Keras' `go_backwards` gives
//! them in the order of computation, its `Bidirectional` turns them round).
//!
//! # Memory
//!
//! A training step keeps a row for every step: the gates and the state before it. [`backward_in_place`] turns the gates
//! into their gradients, from which the other backward functions make those of the inputs and weights.
//! Inference and streaming need no more than a scratch of a few rows.
//!
//! # Numerics
//!
//! | output | starts at | terms in ascending |
//! |---|---|---|
//! | a gate | the bias, 0 without one | inputs, then units |
//! | gradient of `h` | its direct part | gates, units |
//! | `dx` | 0 | gates, units |
//! | gradients of weights | what they hold | (n, step) |
//!
//! So a batch in pieces, a sequence in pieces with its state carried over, and one step at a time give the same bits.
//!
//! Sources: Elman 1990; Hochreiter, Schmidhuber 1997; Cho et al. 2014.
#![allow(unsafe_code)]

mod gru;
mod lstm;
mod product;
mod run;
mod simple_rnn;

use core::{fmt, marker::PhantomData, ops::Range};

pub use gru::{Gru, GruResetBefore};
pub use lstm::Lstm;
pub use simple_rnn::SimpleRnn;

use super::{ShapeError, check, check_batch, div};
use crate::simd::{HAS_VECTORS, Level};

/// What the cells have in common, out of reach for others.
mod sealed {
    use super::run::{Lanes, Part};
    use crate::simd::Simd;

    /// The formulas of a cell over vectors of units. A row of a step has [`SLOTS`](Self::SLOTS) times `units`
    /// elements: first the sums, then the gates, at last the gradients of the sums.
    pub trait Formula: Copy + Send + Sync + 'static {
        /// Parts of a row of a step.
        const SLOTS: usize;
        /// Which columns of the kernel go into which slots.
        const INPUT: &'static [Part];
        /// Which columns of the recurrent kernel go into which slots, stage by stage.
        const STAGES: &'static [Part];
        /// A slot that starts at the second row of the bias, and not with the input.
        const BIASED: Option<usize>;

        /// What follows the products of a stage.
        ///
        /// # Safety
        /// The lanes' pointers are valid.
        unsafe fn forward<S: Simd>(s: S, stage: usize, at: &Lanes);

        /// What comes before the products of a stage in the backward pass.
        ///
        /// # Safety
        /// The lanes' pointers are valid.
        unsafe fn backward<S: Simd>(s: S, stage: usize, at: &Lanes);
    }
}
pub(super) use sealed::Formula;

/// A recurrent cell: [`SimpleRnn`], [`Gru`], [`GruResetBefore`] or [`Lstm`].
///
/// ```
/// use kernlet::kernels::recurrent::{Cell, Gru, Lstm};
/// assert_eq!((Gru::GATES, Gru::STATES, Gru::BIASES), (3, 1, 2));
/// assert_eq!((Lstm::GATES, Lstm::STATES, Lstm::BIASES), (4, 2, 1));
/// ```
pub trait Cell: Formula {
    /// What errors name.
    const NAME: &'static str;
    /// Gates: the kernels have so many columns per unit.
    const GATES: usize;
    /// Vectors of `units` elements in a state.
    const STATES: usize;
    /// Rows of the bias.
    const BIASES: usize;
}

/// Why a batch of sequences could not be worked on.
///
/// ```
/// use kernlet::kernels::recurrent::SequenceError;
/// let error = SequenceError::Length { sequence: 3, length: 9, steps: 8 };
/// assert_eq!(error.to_string(), "sequence 3: length 9 is not within 1 and the number of steps, 8");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum SequenceError {
    /// A slice has the wrong length.
    Shape(ShapeError),
    /// A sequence has no step, or more than there are.
    Length {
        /// Which sequence of the batch.
        sequence: usize,
        /// Its length.
        length: u32,
        /// How many steps there are.
        steps: usize,
    },
}

impl fmt::Display for SequenceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shape(error) => error.fmt(f),
            Self::Length { sequence, length, steps } => {
                write!(f, "sequence {sequence}: length {length} is not within 1 and the number of steps, {steps}")
            }
        }
    }
}

impl core::error::Error for SequenceError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Shape(error) => Some(error),
            Self::Length { .. } => None,
        }
    }
}

impl From<ShapeError> for SequenceError {
    fn from(error: ShapeError) -> Self {
        Self::Shape(error)
    }
}

/// The shape of a recurrent layer over one sequence.
///
/// ```
/// use kernlet::kernels::recurrent::{Gru, Recurrent};
/// let gru = Recurrent::<Gru>::new(100, 6, 20);
/// assert_eq!((gru.kernel_len(), gru.recurrent_len(), gru.bias_len()), (6 * 60, 20 * 60, 2 * 60));
/// assert_eq!((gru.y_len(), gru.with_sequences().y_len()), (20, 100 * 20));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recurrent<C> {
    /// Steps of a sequence; a shorter one ends before.
    pub steps: usize,
    /// Elements of an input at each step.
    pub inputs: usize,
    /// Elements of a state, and of an output.
    pub units: usize,
    /// Whether the output is the state after each step, and not only after the last.
    pub sequences: bool,
    /// Whether the last step comes first.
    pub reverse: bool,
    /// Whether outputs beyond a sequence's end are zeros, and not the last state again.
    pub zeros_after_end: bool,
    /// Which of the columns of `y` is the first of this layer's.
    pub first_column: usize,
    /// How many columns a row of `y` has: more than units if it holds those of another layer too.
    pub columns: usize,
    cell: PhantomData<C>,
}

impl<C: Cell> Recurrent<C> {
    /// The state after the last step, forwards.
    pub const fn new(steps: usize, inputs: usize, units: usize) -> Self {
        Self {
            steps,
            inputs,
            units,
            sequences: false,
            reverse: false,
            zeros_after_end: false,
            first_column: 0,
            columns: units,
            cell: PhantomData,
        }
    }

    /// The same with the state after each step as output.
    pub const fn with_sequences(self) -> Self {
        Self { sequences: true, ..self }
    }

    /// The same with the last step first.
    ///
    /// ```
    /// use kernlet::kernels::recurrent::{Lstm, Recurrent};
    /// assert!(Recurrent::<Lstm>::new(9, 2, 3).in_reverse().reverse);
    /// ```
    pub const fn in_reverse(self) -> Self {
        Self { reverse: true, ..self }
    }

    /// The same with zeros as outputs beyond a sequence's end: what Keras' `Bidirectional` does.
    ///
    /// ```
    /// use kernlet::kernels::recurrent::{Lstm, Recurrent};
    /// assert!(Recurrent::<Lstm>::new(9, 2, 3).with_zeros_after_end().zeros_after_end);
    /// ```
    pub const fn with_zeros_after_end(self) -> Self {
        Self { zeros_after_end: true, ..self }
    }

    /// The same with its output in columns `first..first + units` of rows of `columns`, as two directions share them.
    ///
    /// ```
    /// use kernlet::kernels::recurrent::{Lstm, Recurrent};
    /// assert_eq!(Recurrent::<Lstm>::new(9, 2, 3).with_columns(3, 6).y_len(), 6);
    /// ```
    pub const fn with_columns(self, first: usize, columns: usize) -> Self {
        Self { first_column: first, columns, ..self }
    }

    /// Whether every size is at least 1, the output's columns are inside their rows, and no length overflows.
    ///
    /// # Errors
    /// The first size that is wrong.
    ///
    /// ```
    /// use kernlet::kernels::recurrent::{Lstm, Recurrent};
    /// let error = Recurrent::<Lstm>::new(0, 2, 3).validate().unwrap_err();
    /// assert_eq!(error.to_string(), "lstm: steps: expected at least 1, found 0");
    /// ```
    pub const fn validate(&self) -> Result<(), ShapeError> {
        const MOST: usize = isize::MAX as usize / size_of::<f32>();
        let name = C::NAME;
        if self.steps == 0 {
            return Err(ShapeError::at_least(name, "steps", 1, 0));
        }
        if self.inputs == 0 {
            return Err(ShapeError::at_least(name, "inputs", 1, 0));
        }
        if self.units == 0 {
            return Err(ShapeError::at_least(name, "units", 1, 0));
        }
        match self.first_column.checked_add(self.units) {
            Some(end) if end <= self.columns => {}
            Some(end) => return Err(ShapeError::at_least(name, "columns", end, self.columns)),
            None => return Err(ShapeError::at_most(name, "first_column", MOST, self.first_column)),
        }
        let longest = if self.inputs > self.columns { self.inputs } else { self.columns };
        // Eight bounds the gates, the slots and the state of every cell.
        let (Some(step), Some(weights)) = (longest.checked_mul(8), longest.checked_mul(longest)) else {
            return Err(ShapeError::at_most(name, "inputs and units", MOST, usize::MAX));
        };
        match (step.checked_mul(self.steps), weights.checked_mul(8)) {
            (Some(steps), Some(weights)) if steps <= MOST && weights <= MOST => Ok(()),
            _ => Err(ShapeError::at_most(name, "steps, inputs and units", MOST, usize::MAX)),
        }
    }

    /// The length of `x` per sequence.
    ///
    /// ```
    /// use kernlet::kernels::recurrent::{Lstm, Recurrent};
    /// assert_eq!(Recurrent::<Lstm>::new(9, 2, 3).x_len(), 18);
    /// ```
    pub const fn x_len(&self) -> usize {
        self.steps * self.inputs
    }

    /// The length of `y` per sequence, all columns of its rows.
    pub const fn y_len(&self) -> usize {
        self.columns * if self.sequences { self.steps } else { 1 }
    }

    /// The length of a state per sequence.
    ///
    /// ```
    /// use kernlet::kernels::recurrent::{Lstm, Recurrent};
    /// assert_eq!(Recurrent::<Lstm>::new(9, 2, 3).state_len(), 6);
    /// ```
    pub const fn state_len(&self) -> usize {
        self.units * C::STATES
    }

    /// The length of the kernel.
    pub const fn kernel_len(&self) -> usize {
        self.inputs * self.gates()
    }

    /// The length of the recurrent kernel.
    pub const fn recurrent_len(&self) -> usize {
        self.units * self.gates()
    }

    /// The length of the bias.
    pub const fn bias_len(&self) -> usize {
        self.gates() * C::BIASES
    }

    /// What a training step keeps per sequence: for each step the gates and the state before it.
    ///
    /// ```
    /// use kernlet::kernels::recurrent::{Gru, Lstm, Recurrent, SimpleRnn};
    /// assert_eq!(Recurrent::<SimpleRnn>::new(9, 2, 3).kept_len(), 9 * 2 * 3);
    /// assert_eq!(Recurrent::<Gru>::new(9, 2, 3).kept_len(), 9 * 5 * 3);
    /// assert_eq!(Recurrent::<Lstm>::new(9, 2, 3).kept_len(), 9 * 6 * 3);
    /// ```
    pub const fn kept_len(&self) -> usize {
        self.steps * self.kept_row()
    }

    /// Columns of the kernels.
    const fn gates(&self) -> usize {
        self.units * C::GATES
    }

    /// Elements of a step in inference.
    const fn slots(&self) -> usize {
        self.units * C::SLOTS
    }

    /// Elements of a step in training.
    const fn kept_row(&self) -> usize {
        self.slots() + self.state_len()
    }

    /// How many steps inference takes at a time: so many that the product of their inputs is worth it.
    const fn steps_at_a_time(&self, batch: usize) -> usize {
        const ROWS: usize = 16;
        let most = if HAS_VECTORS && 0 < batch && batch < ROWS { ROWS / batch } else { 1 };
        if most < self.steps { most } else { self.steps }
    }

    /// Columns of a panel of the transposed kernel.
    const fn panel(&self) -> usize {
        const LEAST: usize = 64;
        let most = if self.units > LEAST { self.units } else { LEAST };
        if self.inputs < most { self.inputs } else { most }
    }
}

/// How many sequences a batch has, and how long they are.
///
/// ```
/// use kernlet::kernels::recurrent::Sequences;
/// let all = Sequences::new(2);
/// assert_eq!(all.with_lengths(&[5, 3]).lengths, Some(&[5, 3][..]));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sequences<'a> {
    /// How many.
    pub batch: usize,
    /// The steps of each, if they are not all there are.
    pub lengths: Option<&'a [u32]>,
}

impl<'a> Sequences<'a> {
    /// So many sequences of all steps.
    pub const fn new(batch: usize) -> Self {
        Self { batch, lengths: None }
    }

    /// The same with a length for each, at least 1.
    pub const fn with_lengths(self, lengths: &'a [u32]) -> Self {
        Self { lengths: Some(lengths), ..self }
    }

    /// How many steps sequence `n` has.
    #[inline(always)]
    fn length(&self, n: usize, steps: usize) -> usize {
        match self.lengths.and_then(|lengths| lengths.get(n)) {
            Some(&length) => length as usize,
            None => steps,
        }
    }

    /// The door.
    fn check<C: Cell>(&self, shape: &Recurrent<C>) -> Result<(), SequenceError> {
        shape.validate()?;
        if let Some(lengths) = self.lengths {
            check(C::NAME, "lengths", lengths, self.batch)?;
            for (sequence, &length) in lengths.iter().enumerate() {
                if length == 0 || length as usize > shape.steps {
                    return Err(SequenceError::Length { sequence, length, steps: shape.steps });
                }
            }
        }
        Ok(())
    }
}

/// The weights of a recurrent layer, with Keras' names, shapes and orders.
#[derive(Clone, Copy, Debug)]
pub struct Weights<'a> {
    /// `[inputs][gates · units]`.
    pub kernel: &'a [f32],
    /// `[units][gates · units]`.
    pub recurrent: &'a [f32],
    /// `[gates · units]`; of [`Gru`] `[2][gates · units]`.
    pub bias: Option<&'a [f32]>,
}

impl Weights<'_> {
    fn check<C: Cell>(&self, shape: &Recurrent<C>) -> Result<(), ShapeError> {
        let name = C::NAME;
        check(name, "kernel", self.kernel, shape.kernel_len())?;
        check(name, "recurrent", self.recurrent, shape.recurrent_len())?;
        if let Some(bias) = self.bias { check(name, "bias", bias, shape.bias_len()) } else { Ok(()) }
    }
}

/// What a forward pass reads.
#[derive(Clone, Copy, Debug)]
pub struct Forward<'a> {
    /// The inputs: [`Recurrent::x_len`] per sequence.
    pub x: &'a [f32],
    /// The weights.
    pub weights: Weights<'a>,
}

impl Forward<'_> {
    fn check<C: Cell>(&self, shape: &Recurrent<C>, sequences: Sequences<'_>) -> Result<(), SequenceError> {
        sequences.check(shape)?;
        self.weights.check(shape)?;
        Ok(check_batch(C::NAME, "x", self.x, sequences.batch, shape.x_len())?)
    }
}

/// The forward pass of training: outputs, the last state, and what backward needs.
///
/// `y` has [`Recurrent::y_len`] elements per sequence, `state` [`Recurrent::state_len`]: before the first step, and
/// afterwards that after the last; `kept`, which backward reads, [`Recurrent::kept_len`].
///
/// # Errors
/// [`SequenceError`] if a size, a slice or a length of a sequence is wrong; nothing is written then.
///
/// # Numerics
/// See the module. Where sequences have lengths, inputs beyond an end are not read.
///
/// ```
/// use kernlet::{kernels::recurrent::{self, Forward, Recurrent, Sequences, SimpleRnn, Weights}, simd::Level};
/// let rnn = Recurrent::<SimpleRnn>::new(2, 1, 1).with_sequences();
/// let weights = Weights { kernel: &[100.0], recurrent: &[100.0], bias: None };
/// let (mut y, mut state, mut kept) = ([f32::NAN; 2], [0.0], [f32::NAN; 4]);
/// let of = Forward { x: &[1.0, -1.0], weights };
/// recurrent::forward_into(Level::detect(), &rnn, Sequences::new(1), of, &mut y, &mut state, &mut kept)?;
/// assert_eq!((y, state), ([1.0, 0.0], [0.0]));
/// # Ok::<(), kernlet::kernels::recurrent::SequenceError>(())
/// ```
pub fn forward_into<C: Cell>(
    level: Level,
    shape: &Recurrent<C>,
    sequences: Sequences<'_>,
    of: Forward<'_>,
    y: &mut [f32],
    state: &mut [f32],
    kept: &mut [f32],
) -> Result<(), SequenceError> {
    of.check(shape, sequences)?;
    check_batch(C::NAME, "y", y, sequences.batch, shape.y_len())?;
    check_batch(C::NAME, "state", state, sequences.batch, shape.state_len())?;
    check_batch(C::NAME, "kept", kept, sequences.batch, shape.kept_len())?;
    let job = run::Job { shape, sequences, of, at_a_time: shape.steps, keep: true };
    run::forward(level, &job, y, state, kept);
    Ok(())
}

/// The length of the scratch of [`infer_into`] for a batch.
///
/// ```
/// use kernlet::kernels::recurrent::{Gru, Recurrent, infer_scratch_len};
/// assert_eq!(infer_scratch_len(&Recurrent::<Gru>::new(1, 32, 32), 1), 4 * 32);
/// ```
pub const fn infer_scratch_len<C: Cell>(shape: &Recurrent<C>, batch: usize) -> usize {
    batch * shape.steps_at_a_time(batch) * shape.slots()
}

/// The forward pass of inference: outputs and the last state, the same bits as [`forward_into`].
///
/// `scratch` may hold anything and has [`infer_scratch_len`] elements.
///
/// # Errors
/// [`SequenceError`] if a size, a slice or a length of a sequence is wrong; nothing is written then.
///
/// ```
/// use kernlet::{kernels::recurrent::{self, Forward, Lstm, Recurrent, Sequences, Weights}, simd::Level};
/// let lstm = Recurrent::<Lstm>::new(3, 1, 1);
/// // Input gate, candidate and output gate open, everything is forgotten: y = tanh(tanh 9).
/// let weights = Weights { kernel: &[9.0, 0.0, 9.0, 9.0], recurrent: &[0.0; 4], bias: Some(&[9.0, -100.0, 0.0, 9.0]) };
/// let (mut y, mut state, mut scratch) = ([f32::NAN], [0.0; 2], vec![0.0; recurrent::infer_scratch_len(&lstm, 1)]);
/// let of = Forward { x: &[1.0; 3], weights };
/// recurrent::infer_into(Level::detect(), &lstm, Sequences::new(1), of, &mut y, &mut state, &mut scratch)?;
/// assert!((y[0] - 0.7616).abs() < 1e-4);
/// # Ok::<(), kernlet::kernels::recurrent::SequenceError>(())
/// ```
pub fn infer_into<C: Cell>(
    level: Level,
    shape: &Recurrent<C>,
    sequences: Sequences<'_>,
    of: Forward<'_>,
    y: &mut [f32],
    state: &mut [f32],
    scratch: &mut [f32],
) -> Result<(), SequenceError> {
    of.check(shape, sequences)?;
    check_batch(C::NAME, "y", y, sequences.batch, shape.y_len())?;
    check_batch(C::NAME, "state", state, sequences.batch, shape.state_len())?;
    check(C::NAME, "scratch", scratch, infer_scratch_len(shape, sequences.batch))?;
    let job = run::Job { shape, sequences, of, at_a_time: shape.steps_at_a_time(sequences.batch), keep: false };
    run::forward(level, &job, y, state, scratch);
    Ok(())
}

/// The length of the scratch of [`step_in_place`].
///
/// ```
/// use kernlet::kernels::recurrent::{Gru, Recurrent, step_scratch_len};
/// assert_eq!(step_scratch_len(&Recurrent::<Gru>::new(100, 32, 32)), 4 * 32);
/// ```
pub const fn step_scratch_len<C: Cell>(shape: &Recurrent<C>) -> usize {
    shape.slots()
}

/// One step of one sequence: its state goes on by the input `x`, and its first `units` elements are the output.
///
/// After every step it has the bits that [`forward_into`] gives for the sequence so far.
///
/// # Errors
/// [`SequenceError`] if a size or a slice is wrong; nothing is written then.
///
/// ```
/// use kernlet::{kernels::recurrent::{self, Forward, Recurrent, SimpleRnn, Weights}, simd::Level};
/// let rnn = Recurrent::<SimpleRnn>::new(1, 1, 1);
/// let weights = Weights { kernel: &[100.0], recurrent: &[100.0], bias: None };
/// let (mut state, mut scratch) = ([0.0], [f32::NAN]);
/// recurrent::step_in_place(Level::detect(), &rnn, Forward { x: &[1.0], weights }, &mut state, &mut scratch)?;
/// assert_eq!(state, [1.0]);
/// recurrent::step_in_place(Level::detect(), &rnn, Forward { x: &[-1.0], weights }, &mut state, &mut scratch)?;
/// assert_eq!(state, [0.0]);
/// # Ok::<(), kernlet::kernels::recurrent::SequenceError>(())
/// ```
pub fn step_in_place<C: Cell>(
    level: Level,
    shape: &Recurrent<C>,
    of: Forward<'_>,
    state: &mut [f32],
    scratch: &mut [f32],
) -> Result<(), SequenceError> {
    let shape = &Recurrent::<C>::new(1, shape.inputs, shape.units).with_sequences();
    let sequences = Sequences::new(1);
    of.check(shape, sequences)?;
    check(C::NAME, "state", state, shape.state_len())?;
    check(C::NAME, "scratch", scratch, shape.slots())?;
    let job = run::Job { shape, sequences, of, at_a_time: 1, keep: false };
    run::forward(level, &job, &mut [], state, scratch);
    Ok(())
}

/// What the backward pass reads, beside what was kept.
#[derive(Clone, Copy, Debug)]
pub struct Backward<'a> {
    /// The recurrent kernel.
    pub recurrent: &'a [f32],
    /// The gradient with respect to the outputs: [`Recurrent::y_len`] per sequence.
    pub dy: &'a [f32],
}

/// The length of the scratch of [`backward_in_place`], [`backward_input_into`] and [`backward_input_acc`] for a batch:
/// with vectors a transposed kernel, and of the GRU that resets before the product a vector for each sequence.
///
/// ```
/// use kernlet::kernels::recurrent::{Lstm, Recurrent, backward_scratch_len};
/// assert!(backward_scratch_len(&Recurrent::<Lstm>::new(9, 20, 30), 4) <= 30 * 4 * 30);
/// ```
pub const fn backward_scratch_len<C: Cell>(shape: &Recurrent<C>, batch: usize) -> usize {
    let widest = if shape.panel() > shape.units { shape.panel() } else { shape.units };
    let transposed = if HAS_VECTORS { shape.gates() * widest } else { 0 };
    transposed + if C::STAGES.len() > 1 { batch * shape.units } else { 0 }
}

/// The backward pass through all steps: gradients of the gates, and of the initial state.
///
/// `dstate` is the gradient with respect to the state after the last step (zeros if nothing follows it) and becomes that
/// with respect to the state before the first. In `kept`, which [`forward_into`] wrote, the gates become the gradients
/// that the other backward functions read. `scratch` may hold anything and has [`backward_scratch_len`] elements.
///
/// # Errors
/// [`SequenceError`] if a size, a slice or a length of a sequence is wrong; nothing is written then.
///
/// # Numerics
/// Step by step from the last one: the gradient of `h` has `dy` added, passes through the formulas, and gathers the
/// gates' products with the recurrent kernel. Steps beyond a sequence's end hand `dy` on if they repeat its state.
///
/// ```
/// use kernlet::{kernels::recurrent::{self, *}, simd::Level};
/// let (level, rnn, one) = (Level::detect(), Recurrent::<SimpleRnn>::new(2, 1, 1), Sequences::new(1));
/// let weights = Weights { kernel: &[1.0], recurrent: &[2.0], bias: None };
/// let (mut y, mut state, mut kept) = ([f32::NAN], [0.0], [f32::NAN; 4]);
/// recurrent::forward_into(level, &rnn, one, Forward { x: &[0.0; 2], weights }, &mut y, &mut state, &mut kept)?;
/// let (mut dstate, mut scratch) = ([0.0], vec![f32::NAN; backward_scratch_len(&rnn, 1)]);
/// let of = Backward { recurrent: weights.recurrent, dy: &[1.0] };
/// recurrent::backward_in_place(level, &rnn, one, of, &mut dstate, &mut kept, &mut scratch)?;
/// assert_eq!(dstate, [4.0]);
/// let mut dx = [f32::NAN; 2];
/// recurrent::backward_input_into(level, &rnn, one, weights.kernel, &kept, &mut dx, &mut scratch)?;
/// assert_eq!(dx, [2.0, 1.0]);
/// let mut dkernel = [0.0];
/// recurrent::backward_kernel_acc(level, &rnn, one, &[3.0, 4.0], &kept, 0..1, &mut dkernel)?;
/// assert_eq!(dkernel, [10.0]);
/// # Ok::<(), kernlet::kernels::recurrent::SequenceError>(())
/// ```
pub fn backward_in_place<C: Cell>(
    level: Level,
    shape: &Recurrent<C>,
    sequences: Sequences<'_>,
    of: Backward<'_>,
    dstate: &mut [f32],
    kept: &mut [f32],
    scratch: &mut [f32],
) -> Result<(), SequenceError> {
    sequences.check(shape)?;
    check(C::NAME, "recurrent", of.recurrent, shape.recurrent_len())?;
    check_batch(C::NAME, "dy", of.dy, sequences.batch, shape.y_len())?;
    check_batch(C::NAME, "dstate", dstate, sequences.batch, shape.state_len())?;
    check_batch(C::NAME, "kept", kept, sequences.batch, shape.kept_len())?;
    check(C::NAME, "scratch", scratch, backward_scratch_len(shape, sequences.batch))?;
    run::backward(level, shape, sequences, of, dstate, kept, scratch);
    Ok(())
}

/// Overwrites the gradient with respect to the inputs, from the gates' gradients in `kept`; 0 beyond a sequence's end.
///
/// `scratch` may hold anything and has [`backward_scratch_len`] elements.
///
/// # Errors
/// [`SequenceError`] if a size, a slice or a length of a sequence is wrong; nothing is written then.
pub fn backward_input_into<C: Cell>(
    level: Level,
    shape: &Recurrent<C>,
    sequences: Sequences<'_>,
    kernel: &[f32],
    kept: &[f32],
    dx: &mut [f32],
    scratch: &mut [f32],
) -> Result<(), SequenceError> {
    let of = run::InputGradient { shape, sequences, kernel, kept, add: false };
    of.check(dx, scratch)?;
    of.run(level, dx, scratch);
    Ok(())
}

/// Adds to the gradient with respect to the inputs: a second direction's share. Otherwise as [`backward_input_into`].
///
/// # Errors
/// [`SequenceError`] if a size, a slice or a length of a sequence is wrong; nothing is written then.
pub fn backward_input_acc<C: Cell>(
    level: Level,
    shape: &Recurrent<C>,
    sequences: Sequences<'_>,
    kernel: &[f32],
    kept: &[f32],
    dx: &mut [f32],
    scratch: &mut [f32],
) -> Result<(), SequenceError> {
    let of = run::InputGradient { shape, sequences, kernel, kept, add: true };
    of.check(dx, scratch)?;
    of.run(level, dx, scratch);
    Ok(())
}

/// Rows `rows` of a matrix of `count` rows and `columns`.
fn check_rows(
    name: &'static str,
    rows: &Range<usize>,
    count: usize,
    columns: usize,
    slice: &[f32],
) -> Result<(), ShapeError> {
    if rows.end > count || rows.start > rows.end {
        return Err(ShapeError::at_most(name, "rows", count, rows.end.max(rows.start)));
    }
    check(name, "rows of the gradient", slice, (rows.end - rows.start) * columns)
}

/// Adds to some rows of the gradient of the kernel, from the gates' gradients in `kept`.
///
/// `rows` are rows of `[inputs][gates · units]`, and `dkernel_rows` holds these rows alone. See [`backward_in_place`] for
/// an example.
///
/// # Errors
/// [`SequenceError`] if a size, a slice or a length of a sequence is wrong; nothing is written then.
pub fn backward_kernel_acc<C: Cell>(
    level: Level,
    shape: &Recurrent<C>,
    sequences: Sequences<'_>,
    x: &[f32],
    kept: &[f32],
    rows: Range<usize>,
    dkernel_rows: &mut [f32],
) -> Result<(), SequenceError> {
    sequences.check(shape)?;
    check_batch(C::NAME, "x", x, sequences.batch, shape.x_len())?;
    check_batch(C::NAME, "kept", kept, sequences.batch, shape.kept_len())?;
    check_rows(C::NAME, &rows, shape.inputs, shape.gates(), dkernel_rows)?;
    let from = run::Terms { values: x, first: rows.start, step: shape.inputs };
    run::WeightGradient { shape, sequences, parts: C::INPUT, from, kept }.run(level, dkernel_rows);
    Ok(())
}

/// Adds to some rows of the gradient of the recurrent kernel, from the gates' gradients in `kept`.
///
/// `rows` are rows of `[units][gates · units]`, and `drecurrent_rows` holds these rows alone.
///
/// # Errors
/// [`SequenceError`] if a size, a slice or a length of a sequence is wrong; nothing is written then.
///
/// ```
/// use kernlet::{kernels::recurrent::{self, Recurrent, Sequences, SimpleRnn}, simd::Level};
/// // Two steps: the gradients of the sums, 2 and 3, and the states before them, 0 and 5.
/// let (rnn, kept) = (Recurrent::<SimpleRnn>::new(2, 1, 1), [2.0, 0.0, 3.0, 5.0]);
/// let mut drecurrent = [1.0];
/// recurrent::backward_recurrent_acc(Level::detect(), &rnn, Sequences::new(1), &kept, 0..1, &mut drecurrent)?;
/// assert_eq!(drecurrent, [1.0 + 15.0]);
/// # Ok::<(), kernlet::kernels::recurrent::SequenceError>(())
/// ```
pub fn backward_recurrent_acc<C: Cell>(
    level: Level,
    shape: &Recurrent<C>,
    sequences: Sequences<'_>,
    kept: &[f32],
    rows: Range<usize>,
    drecurrent_rows: &mut [f32],
) -> Result<(), SequenceError> {
    sequences.check(shape)?;
    check_batch(C::NAME, "kept", kept, sequences.batch, shape.kept_len())?;
    check_rows(C::NAME, &rows, shape.units, shape.gates(), drecurrent_rows)?;
    for part in C::STAGES {
        let source = match part.from {
            Some(slot) => slot * shape.units,
            None => shape.slots(),
        };
        let from = run::Terms { values: kept, first: source + rows.start, step: shape.kept_row() };
        let parts = core::slice::from_ref(part);
        run::WeightGradient { shape, sequences, parts, from, kept }.run(level, drecurrent_rows);
    }
    Ok(())
}

/// Adds to some rows of the gradient of the bias, from the gates' gradients in `kept`: of its only row, or of the
/// input's and the state's.
///
/// # Errors
/// [`SequenceError`] if a size, a slice or a length of a sequence is wrong; nothing is written then.
///
/// ```
/// use kernlet::{kernels::recurrent::{self, Recurrent, Sequences, SimpleRnn}, simd::Level};
/// let (rnn, kept, mut dbias) = (Recurrent::<SimpleRnn>::new(2, 1, 1), [2.0, 0.0, 3.0, 5.0], [1.0]);
/// recurrent::backward_bias_acc(Level::detect(), &rnn, Sequences::new(1), &kept, 0..1, &mut dbias)?;
/// assert_eq!(dbias, [6.0]);
/// # Ok::<(), kernlet::kernels::recurrent::SequenceError>(())
/// ```
pub fn backward_bias_acc<C: Cell>(
    level: Level,
    shape: &Recurrent<C>,
    sequences: Sequences<'_>,
    kept: &[f32],
    rows: Range<usize>,
    dbias_rows: &mut [f32],
) -> Result<(), SequenceError> {
    sequences.check(shape)?;
    check_batch(C::NAME, "kept", kept, sequences.batch, shape.kept_len())?;
    check_rows(C::NAME, &rows, C::BIASES, shape.gates(), dbias_rows)?;
    let from = run::Terms { values: &[1.0], first: 0, step: 0 };
    for (row, dbias) in rows.zip(dbias_rows.chunks_exact_mut(shape.gates().max(1))) {
        let parts = if row == 0 { C::INPUT } else { C::STAGES };
        run::WeightGradient { shape, sequences, parts, from, kept }.run(level, dbias);
    }
    Ok(())
}

/// How many whole rows of `columns` a slice has.
const fn rows_of(len: usize, columns: usize) -> usize {
    div(len, columns)
}
