//! How a layer goes through its steps, whatever the cell.
#![allow(unsafe_code)]

use core::ptr::null_mut;

use super::{
    Backward, Cell, Forward, Recurrent, SequenceError, Sequences, backward_scratch_len,
    product::{From, Operand, Product, Steps, transposed},
    rows_of,
};
use crate::{
    kernels::{check, check_batch},
    simd::{HAS_VECTORS, Kernel, Level, Simd},
};

/// Gates of a kernel that go into slots of a step's row.
#[derive(Clone, Copy, Debug)]
pub struct Part {
    pub gate: usize,
    pub gates: usize,
    pub slot: usize,
    /// What is multiplied by a recurrent kernel: a slot, or without one the state before.
    pub from: Option<usize>,
}

impl Part {
    pub(super) const fn new(gate: usize, gates: usize, slot: usize) -> Self {
        Self { gate, gates, slot, from: None }
    }

    pub(super) const fn of_slot(self, slot: usize) -> Self {
        Self { from: Some(slot), ..self }
    }
}

/// A vector of units of one step of one sequence.
#[derive(Clone, Copy, Debug)]
pub struct Lanes {
    slots: *mut f32,
    /// The state, in the backward pass its gradient.
    state: *mut f32,
    before: *mut f32,
    /// The gradient of a product's other factor, where a stage needs it.
    product: *mut f32,
    /// The second row of the bias, or null.
    bias: *const f32,
    /// The gradient of the output, or null.
    dy: *const f32,
    units: usize,
    /// How many units are left, at most a vector.
    n: usize,
}

#[inline(always)]
unsafe fn load<S: Simd>(s: S, x: *const f32, n: usize) -> S::V {
    // SAFETY: the caller vouches for the elements.
    unsafe { if S::LANES == 1 || n == S::LANES { s.load_ptr(x) } else { s.load_ptr_first(x, n) } }
}

#[inline(always)]
unsafe fn store<S: Simd>(s: S, v: S::V, x: *mut f32, n: usize) {
    // SAFETY: the caller vouches for the elements.
    unsafe { if S::LANES == 1 || n == S::LANES { s.store_ptr(v, x) } else { s.store_ptr_first(v, x, n) } }
}

macro_rules! accessors {
    ($($get:ident $set:ident $field:ident: $doc:literal;)*) => {$(
        #[doc = $doc]
        ///
        /// # Safety
        /// The pointers are valid, and there is such a vector.
        #[inline(always)]
        pub(super) unsafe fn $get<S: Simd>(&self, s: S, i: usize) -> S::V {
            // SAFETY: the caller vouches.
            unsafe { load(s, self.$field.wrapping_add(i * self.units), self.n) }
        }

        #[doc = $doc]
        ///
        /// # Safety
        /// The pointers are valid, and there is such a vector.
        #[inline(always)]
        pub(super) unsafe fn $set<S: Simd>(&self, s: S, i: usize, v: S::V) {
            // SAFETY: the caller vouches.
            unsafe { store(s, v, self.$field.wrapping_add(i * self.units), self.n) }
        }
    )*};
}

impl Lanes {
    accessors! {
        slot set_slot slots: "A slot of the step's row.";
        state set_state state: "A vector of the state, in the backward pass of its gradient.";
        before set_before before: "A vector of the state before the step.";
    }

    /// A gate's second bias; 0 without one.
    ///
    /// # Safety
    /// The pointers are valid.
    #[inline(always)]
    pub(super) unsafe fn bias<S: Simd>(&self, s: S, gate: usize) -> S::V {
        if self.bias.is_null() {
            return s.splat(0.0);
        }
        // SAFETY: the caller vouches.
        unsafe { load(s, self.bias.wrapping_add(gate * self.units), self.n) }
    }

    /// The gradient of the state after the step, that of the output included.
    ///
    /// # Safety
    /// The pointers are valid.
    #[inline(always)]
    pub(super) unsafe fn dh<S: Simd>(&self, s: S) -> S::V {
        // SAFETY: the caller vouches.
        unsafe {
            let later = self.state(s, 0);
            if self.dy.is_null() { later } else { s.add(later, load(s, self.dy, self.n)) }
        }
    }

    /// The gradient of what a product multiplied by its kernel.
    ///
    /// # Safety
    /// The pointers are valid, and the cell has more than one stage.
    #[inline(always)]
    pub(super) unsafe fn product<S: Simd>(&self, s: S) -> S::V {
        // SAFETY: the caller vouches.
        unsafe { load(s, self.product, self.n) }
    }

    /// See [`Self::product`].
    ///
    /// # Safety
    /// As there.
    #[inline(always)]
    pub(super) unsafe fn set_product<S: Simd>(&self, s: S, v: S::V) {
        // SAFETY: the caller vouches.
        unsafe { store(s, v, self.product, self.n) }
    }
}

/// One stage of one step of consecutive sequences, all units.
struct Stage<C, const BACKWARD: bool> {
    cell: core::marker::PhantomData<C>,
    stage: usize,
    sequences: usize,
    /// Of the first sequence; how far the next one's are.
    first: Lanes,
    slots: usize,
    state: usize,
    dy: usize,
    /// Whether the state is copied to where backward finds it.
    keep: bool,
}

impl<C: Cell, const BACKWARD: bool> Kernel for Stage<C, BACKWARD> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let units = self.first.units;
        for sequence in 0..self.sequences {
            let mut at = 0;
            while at < units {
                let first = &self.first;
                let slots = sequence * self.slots + at;
                let lanes = Lanes {
                    slots: first.slots.wrapping_add(slots),
                    state: first.state.wrapping_add(sequence * self.state + at),
                    before: first.before.wrapping_add(slots),
                    product: first.product.wrapping_add(sequence * units + at),
                    bias: if first.bias.is_null() { first.bias } else { first.bias.wrapping_add(at) },
                    dy: if first.dy.is_null() { first.dy } else { first.dy.wrapping_add(sequence * self.dy + at) },
                    units,
                    n: S::LANES.min(units - at),
                };
                // SAFETY: whoever made the stage has compared the lengths of all its slices with the shape.
                unsafe {
                    if BACKWARD {
                        C::backward(s, self.stage, &lanes);
                    } else {
                        if self.keep && self.stage == 0 {
                            for i in 0..C::STATES {
                                lanes.set_before(s, i, lanes.state(s, i));
                            }
                        }
                        C::forward(s, self.stage, &lanes);
                    }
                }
                at += S::LANES;
            }
        }
    }
}

/// The runs of sequences that have a step `step`, as their first and their number.
struct Alive<'a> {
    sequences: Sequences<'a>,
    step: usize,
    at: usize,
}

impl Iterator for Alive<'_> {
    type Item = (usize, usize);
    fn next(&mut self) -> Option<(usize, usize)> {
        let batch = self.sequences.batch;
        if self.sequences.lengths.is_none() {
            let at = core::mem::replace(&mut self.at, batch);
            return (at < batch).then_some((at, batch - at));
        }
        let lives = |n: usize| self.step < self.sequences.length(n, usize::MAX);
        while self.at < batch && !lives(self.at) {
            self.at += 1;
        }
        let first = self.at;
        while self.at < batch && lives(self.at) {
            self.at += 1;
        }
        (self.at > first).then_some((first, self.at - first))
    }
}

/// Consecutive steps, and how their rows lie.
#[derive(Clone, Copy)]
struct Window {
    first: usize,
    count: usize,
    /// Elements of a row.
    row: usize,
}

impl Window {
    /// Where the row of a step of a sequence begins.
    const fn at(&self, n: usize, step: usize) -> usize {
        (n * self.count + (step - self.first)) * self.row
    }

    /// Whole sequences of equal length at once, or one after the other: the first, how many, and their steps inside.
    fn blocks(self, sequences: Sequences<'_>) -> impl Iterator<Item = (usize, usize, usize)> {
        let (at_once, turns) = if sequences.lengths.is_none() { (sequences.batch, 1) } else { (1, sequences.batch) };
        (0..turns).map(move |n| {
            let end = sequences.length(n, usize::MAX).min(self.first + self.count);
            (n, at_once, end.saturating_sub(self.first))
        })
    }
}

/// What the forward pass reads, and how it goes: so many steps at a time as there are rows for.
pub(super) struct Job<'a, C> {
    pub shape: &'a Recurrent<C>,
    pub sequences: Sequences<'a>,
    pub of: Forward<'a>,
    pub at_a_time: usize,
    /// Whether rows hold the state before their step, too.
    pub keep: bool,
}

/// Goes through the steps.
pub(super) fn forward<C: Cell>(level: Level, job: &Job<'_, C>, y: &mut [f32], state: &mut [f32], kept: &mut [f32]) {
    let (shape, sequences) = (job.shape, job.sequences);
    let mut done = 0;
    while done < shape.steps {
        let count = job.at_a_time.min(shape.steps - done).max(1);
        let first = if shape.reverse { (shape.steps - done).saturating_sub(count) } else { done };
        let window = Window { first, count, row: if job.keep { shape.kept_row() } else { shape.slots() } };
        input(level, job, window, kept);
        for i in 0..count {
            let step = first + if shape.reverse { count - 1 - i } else { i };
            for (n, sequences) in (Alive { sequences, step, at: 0 }) {
                forward_step(level, job, window, (step, n, sequences), state, kept);
            }
            if shape.sequences {
                outputs(shape, sequences, step, state, y);
            }
        }
        done += count;
    }
    if !shape.sequences {
        for (n, y) in y.chunks_exact_mut(shape.columns.max(1)).enumerate() {
            copy(y, shape.first_column, state, n * shape.state_len(), shape.units);
        }
    }
}

fn copy(to: &mut [f32], at: usize, from: &[f32], start: usize, len: usize) {
    if let (Some(to), Some(from)) = (to.get_mut(at..at + len), from.get(start..start + len)) {
        to.copy_from_slice(from);
    }
}

/// The outputs of a step. Beyond a sequence's end they are the last state again, or zeros.
fn outputs<C: Cell>(shape: &Recurrent<C>, sequences: Sequences<'_>, step: usize, state: &[f32], y: &mut [f32]) {
    for n in 0..sequences.batch {
        let at = (n * shape.steps + step) * shape.columns + shape.first_column;
        if step >= sequences.length(n, usize::MAX) && (shape.reverse || shape.zeros_after_end) {
            y.get_mut(at..at + shape.units).unwrap_or_default().fill(0.0);
        } else {
            copy(y, at, state, n * shape.state_len(), shape.units);
        }
    }
}

/// The products of all inputs of a window.
fn input<C: Cell>(level: Level, job: &Job<'_, C>, window: Window, rows: &mut [f32]) {
    let (shape, units, gates) = (job.shape, job.shape.units, job.shape.gates());
    let bias = job.of.weights.bias.map(|bias| bias.split_at_checked(gates).unwrap_or_default());
    for (n, at_once, steps) in window.blocks(job.sequences) {
        for part in C::INPUT {
            let columns = part.gates * units;
            let from = part.gate * units;
            let product = Product {
                rows: [
                    Steps::new(at_once, shape.x_len(), window.count * window.row),
                    Steps::new(steps, shape.inputs, window.row),
                ],
                terms: [Steps::ONE, Steps::new(shape.inputs, 1, gates)],
                columns,
                a: Operand::new(job.of.x, n * shape.x_len() + window.first * shape.inputs),
                b: Operand::new(job.of.weights.kernel, from),
                c: Operand::of(rows.as_mut_ptr(), rows.len(), window.at(n, window.first) + part.slot * units),
                start: match bias.and_then(|(bias, _)| bias.get(from..from + columns)) {
                    Some(bias) => From::Bias(bias),
                    None => From::Zero,
                },
            };
            // SAFETY: the operands are borrowed here, and the rows are nobody else's.
            unsafe { product.run(level) };
        }
        if let Some(slot) = C::BIASED {
            let (from, to) = (slot * units, (slot + 1) * units);
            let bias = bias.and_then(|(_, bias)| bias.get(from..to));
            for n in n..n + at_once {
                for step in window.first..window.first + steps {
                    let at = window.at(n, step);
                    let row = rows.get_mut(at + from..at + to).unwrap_or_default();
                    match bias {
                        Some(bias) if bias.len() == row.len() => row.copy_from_slice(bias),
                        _ => row.fill(0.0),
                    }
                }
            }
        }
    }
}

/// One step of consecutive sequences: the first and how many.
fn forward_step<C: Cell>(
    level: Level,
    job: &Job<'_, C>,
    window: Window,
    (step, n, sequences): (usize, usize, usize),
    state: &mut [f32],
    rows: &mut [f32],
) {
    let (shape, units, gates) = (job.shape, job.shape.units, job.shape.gates());
    let (at, pitch) = (window.at(n, step), window.count * window.row);
    let (len, state_at) = (rows.len(), n * shape.state_len());
    let rows = rows.as_mut_ptr();
    let bias = match job.of.weights.bias.and_then(|bias| bias.get(gates..)) {
        Some(bias) if C::BIASED.is_some() => bias.as_ptr(),
        _ => core::ptr::null(),
    };
    for (stage, part) in C::STAGES.iter().enumerate() {
        let (a, a_pitch) = match part.from {
            Some(slot) => (Operand::of(rows, len, at + slot * units), pitch),
            None => (Operand::new(state, state_at), shape.state_len()),
        };
        let product = Product {
            rows: [Steps::ONE, Steps::new(sequences, a_pitch, pitch)],
            terms: [Steps::ONE, Steps::new(units, 1, gates)],
            columns: part.gates * units,
            a,
            b: Operand::new(job.of.weights.recurrent, part.gate * units),
            c: Operand::of(rows, len, at + part.slot * units),
            start: From::Continue,
        };
        let first = Lanes {
            slots: rows.wrapping_add(at),
            state: state.as_mut_ptr().wrapping_add(state_at),
            before: rows.wrapping_add(at + shape.slots()),
            product: null_mut(),
            bias,
            dy: core::ptr::null(),
            units,
            n: 0,
        };
        // SAFETY: the rows and the state are borrowed alone, their lengths were compared at the door, and a stage's
        // product writes slots that it does not read.
        unsafe { product.run(level) };
        let cell = core::marker::PhantomData::<C>;
        let (slots, state, keep) = (pitch, shape.state_len(), job.keep);
        level.dispatch(Stage::<C, false> { cell, stage, sequences, first, slots, state, dy: 0, keep });
    }
}

/// Goes back through the steps.
pub(super) fn backward<C: Cell>(
    level: Level,
    shape: &Recurrent<C>,
    sequences: Sequences<'_>,
    Backward { recurrent, dy }: Backward<'_>,
    dstate: &mut [f32],
    kept: &mut [f32],
    scratch: &mut [f32],
) {
    let products = if C::STAGES.len() > 1 { sequences.batch * shape.units } else { 0 };
    let Some((scratch, products)) = scratch.split_at_mut_checked(scratch.len().saturating_sub(products)) else {
        return;
    };
    let recurrent = transposed(level, recurrent, shape.units, scratch);
    let hands_on = shape.sequences && !shape.reverse && !shape.zeros_after_end;
    for i in 0..shape.steps {
        let step = if shape.reverse { i } else { shape.steps - 1 - i };
        let last = if shape.sequences { None } else { (i == 0).then_some(0) };
        if last.is_some() || hands_on {
            for (n, dstate) in dstate.chunks_exact_mut(shape.state_len().max(1)).enumerate() {
                if last.is_some() || step >= sequences.length(n, usize::MAX) {
                    let row = last.map_or(n * shape.steps + step, |_| n);
                    let at = row * shape.columns + shape.first_column;
                    let dy = dy.get(at..at + shape.units).unwrap_or_default();
                    dstate.iter_mut().zip(dy).for_each(|(to, dy)| *to += dy);
                }
            }
        }
        for (n, sequences) in (Alive { sequences, step, at: 0 }) {
            let to = Gradients { dstate: &mut *dstate, kept: &mut *kept, products: &mut *products };
            backward_step(level, shape, Backward { recurrent, dy }, (step, n, sequences), to);
        }
    }
}

/// What a step back changes.
struct Gradients<'a> {
    dstate: &'a mut [f32],
    kept: &'a mut [f32],
    /// Of what a stage's product multiplied by its kernel, where it is not the state.
    products: &'a mut [f32],
}

/// One step of consecutive sequences: the first and how many.
fn backward_step<C: Cell>(
    level: Level,
    shape: &Recurrent<C>,
    Backward { recurrent, dy }: Backward<'_>,
    (step, n, sequences): (usize, usize, usize),
    Gradients { dstate, kept, products }: Gradients<'_>,
) {
    let (units, gates, state) = (shape.units, shape.gates(), shape.state_len());
    let window = Window { first: 0, count: shape.steps, row: shape.kept_row() };
    let (at, pitch) = (window.at(n, step), shape.kept_len());
    let (len, rows) = (kept.len(), kept.as_mut_ptr());
    let first = Lanes {
        slots: rows.wrapping_add(at),
        state: dstate.as_mut_ptr().wrapping_add(n * state),
        before: rows.wrapping_add(at + shape.slots()),
        product: products.as_mut_ptr().wrapping_add(if products.is_empty() { 0 } else { n * units }),
        bias: core::ptr::null(),
        dy: if shape.sequences {
            dy.as_ptr().wrapping_add((n * shape.steps + step) * shape.columns + shape.first_column)
        } else {
            core::ptr::null()
        },
        units,
        n: 0,
    };
    for (stage, part) in C::STAGES.iter().enumerate().rev() {
        let cell = core::marker::PhantomData::<C>;
        let dy = shape.steps * shape.columns;
        level.dispatch(Stage::<C, true> { cell, stage, sequences, first, slots: pitch, state, dy, keep: false });
        let (c, c_pitch) = match part.from {
            Some(_) => (Operand::of(products.as_mut_ptr(), products.len(), n * units), units),
            None => (Operand::of(dstate.as_mut_ptr(), dstate.len(), n * state), state),
        };
        let (terms, b) = gate_terms(part, units, units, gates);
        let product = Product {
            rows: [Steps::ONE, Steps::new(sequences, pitch, c_pitch)],
            terms,
            columns: units,
            a: Operand::of(rows, len, at + part.slot * units),
            b: Operand::new(recurrent, b),
            c,
            start: From::Continue,
        };
        // SAFETY: the gradients are borrowed alone, their lengths were compared at the door, and they are not the gates.
        unsafe { run(&product, level) };
    }
}

/// The gates of a part as terms, and where they begin in a kernel: transposed to rows of `columns`, or, without vectors,
/// as it lies.
const fn gate_terms(part: &Part, units: usize, columns: usize, gates: usize) -> ([Steps; 2], usize) {
    let (count, first) = (part.gates * units, part.gate * units);
    if HAS_VECTORS {
        ([Steps::ONE, Steps::new(count, 1, columns)], first * columns)
    } else {
        ([Steps::new(1, 0, gates), Steps::new(count, 1, 1)], first)
    }
}

/// A product with a kernel's transpose: what [`transposed`] returned.
///
/// # Safety
/// As [`Product::run`].
unsafe fn run(product: &Product<'_>, level: Level) {
    // SAFETY: the caller vouches.
    unsafe { if HAS_VECTORS { product.run(level) } else { product.run_transposed(level) } }
}

/// The gradient with respect to the inputs: `dx = gates' gradients · Wᵀ`, in panels of inputs.
pub(super) struct InputGradient<'a, C> {
    pub shape: &'a Recurrent<C>,
    pub sequences: Sequences<'a>,
    pub kernel: &'a [f32],
    pub kept: &'a [f32],
    /// Whether it is added to what there is.
    pub add: bool,
}

impl<C: Cell> InputGradient<'_, C> {
    /// The door.
    pub(super) fn check(&self, dx: &[f32], scratch: &[f32]) -> Result<(), SequenceError> {
        let (shape, batch) = (self.shape, self.sequences.batch);
        self.sequences.check(shape)?;
        check(C::NAME, "kernel", self.kernel, shape.kernel_len())?;
        check_batch(C::NAME, "kept", self.kept, batch, shape.kept_len())?;
        check_batch(C::NAME, "dx", dx, batch, shape.x_len())?;
        Ok(check(C::NAME, "scratch", scratch, backward_scratch_len(shape, batch))?)
    }

    /// Runs it on what was checked.
    pub(super) fn run(&self, level: Level, dx: &mut [f32], scratch: &mut [f32]) {
        let shape = self.shape;
        let (units, gates) = (shape.units, shape.gates());
        let window = Window { first: 0, count: shape.steps, row: shape.kept_row() };
        if !self.add && self.sequences.lengths.is_some() {
            for (n, dx) in dx.chunks_exact_mut(shape.x_len().max(1)).enumerate() {
                dx.get_mut(self.sequences.length(n, shape.steps) * shape.inputs..).unwrap_or_default().fill(0.0);
            }
        }
        let mut input = 0;
        while input < shape.inputs {
            let columns = shape.panel().min(shape.inputs - input).max(1);
            let panel = self.kernel.get(input * gates..(input + columns) * gates).unwrap_or_default();
            let panel = transposed(level, panel, columns, scratch);
            for (n, at_once, steps) in window.blocks(self.sequences) {
                for (i, part) in C::INPUT.iter().enumerate() {
                    let (terms, b) = gate_terms(part, units, columns, gates);
                    let product = Product {
                        rows: [
                            Steps::new(at_once, shape.kept_len(), shape.x_len()),
                            Steps::new(steps, window.row, shape.inputs),
                        ],
                        terms,
                        columns,
                        a: Operand::new(self.kept, window.at(n, 0) + part.slot * units),
                        b: Operand::new(panel, b),
                        c: Operand::of(dx.as_mut_ptr(), dx.len(), n * shape.x_len() + input),
                        start: if self.add || i > 0 { From::Continue } else { From::Zero },
                    };
                    // SAFETY: the operands are borrowed here, `dx` alone.
                    unsafe { run(&product, level) };
                }
            }
            input += columns;
        }
    }
}

/// What the gates' gradients are multiplied by in a gradient of weights: of a row its first element, and how far the
/// next step's is.
#[derive(Clone, Copy)]
pub(super) struct Terms<'a> {
    pub values: &'a [f32],
    pub first: usize,
    pub step: usize,
}

/// A gradient of weights: rows of `values` by gates.
pub(super) struct WeightGradient<'a, C> {
    pub shape: &'a Recurrent<C>,
    pub sequences: Sequences<'a>,
    pub parts: &'a [Part],
    pub from: Terms<'a>,
    pub kept: &'a [f32],
}

impl<C: Cell> WeightGradient<'_, C> {
    /// Adds it to some rows, whose elements were checked.
    pub(super) fn run(&self, level: Level, rows: &mut [f32]) {
        let shape = self.shape;
        let (units, gates) = (shape.units, shape.gates());
        let window = Window { first: 0, count: shape.steps, row: shape.kept_row() };
        let count = rows_of(rows.len(), gates);
        for (n, at_once, steps) in window.blocks(self.sequences) {
            for part in self.parts {
                let product = Product {
                    rows: [Steps::ONE, Steps::new(count, 1, gates)],
                    terms: [
                        Steps::new(at_once, shape.steps * self.from.step, shape.kept_len()),
                        Steps::new(steps, self.from.step, window.row),
                    ],
                    columns: part.gates * units,
                    a: Operand::new(self.from.values, self.from.first + n * shape.steps * self.from.step),
                    b: Operand::new(self.kept, window.at(n, 0) + part.slot * units),
                    c: Operand::of(rows.as_mut_ptr(), rows.len(), part.gate * units),
                    start: From::Continue,
                };
                // SAFETY: the operands are borrowed here, the rows alone.
                unsafe { product.run(level) };
            }
        }
    }
}
