//! Where values lie in the arena.
//!
//! A value lives from the operator that writes it to the last that reads it; inputs live from the
//! start, outputs to the end, variables always. Values that never live together may lie in the same
//! place. The output of a reshaping lies where its input lies; the output of an elementwise operator may take the place
//! of an operand that nothing else reads.
//!
//! Offsets are chosen greedily (as TensorFlow Lite Micro's planner does: Pisarchyk and Lee, *Efficient
//! Memory Management for Deep Neural Net Inference*, 2020, section 5.2): each value in turn takes the lowest gap among
//! those that live at the same time. Several orders are tried, and the smallest arena is taken.

use super::{Error, Found, Model, model::Node, operators, variables};

/// The alignment of every value in bytes.
pub(super) const ALIGNMENT: u32 = 16;

/// The most tensors, and the most operators, of a model.
const MOST: usize = 4096;

/// Up to this many values are placed in every order; more, in the first only.
const FEW: usize = 512;

/// A time before the first operator; operator `i` works at `i + 1`.
pub(super) const START: u32 = 0;

/// How an operator's output may lie with respect to its inputs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Sharing {
    /// Apart from all of them.
    Apart,
    /// Its bytes are those of input 0.
    Same,
    /// It may overwrite one of the first inputs: as many as given here.
    Over(usize),
}

/// A row of the table that makes up a plan: a number for each value.
#[derive(Clone, Copy)]
pub(super) enum Row {
    /// Bytes; 0 where it needs none.
    Size,
    /// The time of the first writer.
    First,
    /// The time of the last reader.
    Last,
    /// The value whose place it has; itself, if it has its own. For a handle: the variable.
    Root,
    /// The offset; until there is one, what is known about a variable.
    At,
    /// The index of the next value in the order of offsets, plus one; 0 for none.
    Next,
}

const ROWS: usize = 6;

/// How many words of memory the plan of a model takes.
///
/// ```
/// # use kernlet::tflite::Model;
/// # let file = std::fs::read("tests/data/tflite/digits.tflite")?;
/// let model = Model::parse(&file)?;
/// let mut words = vec![0; kernlet::tflite::plan_len(&model)];
/// assert_eq!(model.plan(&mut words)?.bytes(), 4704);
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
pub const fn plan_len(model: &Model<'_>) -> usize {
    ROWS * values(model)
}

/// Tensors, and a value for each operator: its scratch memory, or the variable whose handle it writes.
const fn values(model: &Model<'_>) -> usize {
    model.tensors() + model.operators()
}

/// A plan under way.
pub(super) struct Table<'w> {
    words: &'w mut [u32],
    pub(super) values: usize,
    /// How many of the values are tensors.
    pub(super) tensors: usize,
}

impl Table<'_> {
    pub(super) const fn get(&self, row: Row, value: usize) -> u32 {
        let at = row as usize * self.values + value;
        if value < self.values && at < self.words.len() { self.words[at] } else { 0 }
    }

    pub(super) const fn set(&mut self, row: Row, value: usize, word: u32) {
        let at = row as usize * self.values + value;
        if value < self.values && at < self.words.len() {
            self.words[at] = word;
        }
    }

    /// Records that `value` is alive at `time`.
    pub(super) const fn lives(&mut self, value: usize, time: u32) {
        if time < self.get(Row::First, value) {
            self.set(Row::First, value, time);
        }
        if time > self.get(Row::Last, value) {
            self.set(Row::Last, value, time);
        }
    }

    /// Whether two values live at the same time.
    const fn meet(&self, a: usize, b: usize) -> bool {
        self.get(Row::First, a) <= self.get(Row::Last, b) && self.get(Row::First, b) <= self.get(Row::Last, a)
    }

    /// Whether `value` needs a place of its own.
    const fn is_placed(&self, value: usize) -> bool {
        self.get(Row::Size, value) > 0
            && self.get(Row::Root, value) == value as u32
            && self.get(Row::First, value) <= self.get(Row::Last, value)
    }
}

/// Where each tensor of a model lies.
#[derive(Debug)]
pub struct Plan<'w> {
    words: &'w [u32],
    tensors: usize,
    values: usize,
    bytes: usize,
}

impl Plan<'_> {
    /// The bytes of the arena.
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    const fn get(&self, row: Row, value: usize) -> u32 {
        let at = row as usize * self.values + value;
        if value < self.values && at < self.words.len() { self.words[at] } else { 0 }
    }

    /// The offset of tensor `index` in the arena; not for constants. A tensor without elements was given no place: it
    /// may lie anywhere.
    pub(super) const fn offset(&self, index: usize) -> u32 {
        let root = self.root(index);
        if self.get(Row::Size, root) == 0 { 0 } else { self.get(Row::At, root) }
    }

    /// The tensor whose place tensor `index` has.
    pub(super) const fn root(&self, index: usize) -> usize {
        self.get(Row::Root, index) as usize
    }

    /// The offset of the memory of the variable whose handle is tensor `index`, and its length.
    pub(super) const fn variable(&self, index: usize) -> [u32; 2] {
        let value = self.root(index);
        if value < self.tensors { [0; 2] } else { self.scratch(value - self.tensors) }
    }

    /// The offset of the scratch memory of operator `index`, or of its variable, and the length.
    pub(super) const fn scratch(&self, index: usize) -> [u32; 2] {
        let value = self.tensors + index;
        match self.get(Row::Size, value) {
            0 => [0; 2],
            size => [self.get(Row::At, value), size],
        }
    }

    /// The bytes of the values that are needed while operator `index` works, and those of its scratch memory.
    ///
    /// ```
    /// # use kernlet::tflite::{Model, plan_len};
    /// # let file = std::fs::read("tests/data/tflite/digits.tflite")?;
    /// let model = Model::parse(&file)?;
    /// let mut words = vec![0; plan_len(&model)];
    /// let plan = model.plan(&mut words)?;
    /// let most = (0..model.operators()).map(|index| plan.live_bytes(index)).max();
    /// assert!(most <= Some(plan.bytes()));
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    pub const fn live_bytes(&self, index: usize) -> usize {
        let (time, mut bytes, mut value) = (index as u32 + 1, 0, 0);
        while value < self.values {
            let lives = self.get(Row::First, value) <= time && time <= self.get(Row::Last, value);
            if lives && self.get(Row::Root, value) == value as u32 {
                bytes += self.get(Row::Size, value) as usize;
            }
            value += 1;
        }
        bytes
    }
}

/// Plans the memory of a model in `words`, whose length is [`plan_len`].
pub(super) const fn plan<'w>(model: &Model<'_>, words: &'w mut [u32]) -> Result<Plan<'w>, Error> {
    let values = values(model);
    if words.len() < ROWS * values {
        return Err(Error::Arena { expected: 4 * ROWS * values, found: 4 * words.len() });
    }
    let mut table = Table { words, values, tensors: model.tensors() };
    tri!(lifetimes(model, &mut table));
    let (mut best, mut bytes, mut order) = (0, u32::MAX, 0);
    while order < ORDERS && (order == 0 || values <= FEW) {
        let size = tri!(place(model, &mut table, order));
        if size < bytes {
            (best, bytes) = (order, size);
        }
        order += 1;
    }
    tri!(place(model, &mut table, best));
    Ok(Plan { words: table.words, tensors: model.tensors(), values, bytes: bytes as usize })
}

/// Fills the rows of sizes and lifetimes.
const fn lifetimes(model: &Model<'_>, table: &mut Table<'_>) -> Result<(), Error> {
    let (tensors, operators) = (model.tensors(), model.operators());
    if tensors > MOST || operators > MOST {
        let most = if tensors > operators { tensors } else { operators };
        let expected = "at most 4096 tensors and as many operators";
        return Err(Error::Model { expected, found: Found::Number(most as i64) });
    }
    let end = operators as u32 + 1;
    let mut value = 0;
    while value < table.values {
        table.set(Row::Root, value, value as u32);
        table.set(Row::At, value, 0);
        table.set(Row::Size, value, 0);
        table.set(Row::First, value, u32::MAX);
        table.set(Row::Last, value, 0);
        if value < tensors {
            let tensor = tri!(model.tensor(value));
            if tensor.data.is_none() {
                table.set(Row::Size, value, tensor.bytes() as u32);
                if tensor.variable {
                    table.set(Row::First, value, START);
                    table.set(Row::Last, value, end);
                }
            }
        }
        value += 1;
    }
    let mut i = 0;
    while i < model.inputs() {
        let input = tri!(model.input(i));
        if input.data.is_some() || input.kind.size().is_none() {
            let expected = "an input that is no constant, of whole bytes";
            return Err(Error::Tensor { index: input.index, expected, found: Found::Type(input.kind) });
        }
        table.lives(input.index, START);
        i += 1;
    }
    let mut i = 0;
    while i < operators {
        tri!(uses(&tri!(model.operator(i)), table));
        i += 1;
    }
    tri!(variables::check(model, table));
    let mut i = 0;
    while i < model.outputs() {
        let output = tri!(model.output(i));
        if output.data.is_none() {
            if table.get(Row::First, output.index) == u32::MAX {
                let expected = "an output that an operator writes";
                return Err(Error::Tensor { index: output.index, expected, found: Found::Other });
            }
            table.lives(output.index, end);
        }
        i += 1;
    }
    Ok(())
}

/// Records that what an operator reads and writes lives while it works.
const fn uses(node: &Node<'_>, table: &mut Table<'_>) -> Result<(), Error> {
    let time = node.index as u32 + 1;
    let mut i = 0;
    while i < node.inputs.len() {
        if let Some(tensor) = tri!(node.optional(i))
            && tensor.data.is_none()
            && tensor.bytes() > 0
        {
            if table.get(Row::First, tensor.index) == u32::MAX {
                return Err(node.fail("inputs that were written before", Found::Number(tensor.index as i64)));
            }
            table.lives(tensor.index, time);
        }
        i += 1;
    }
    let mut i = 0;
    while i < node.outputs.len() {
        let tensor = tri!(node.output(i));
        if table.get(Row::First, tensor.index) != u32::MAX {
            return Err(node.fail("an output that nothing else writes", Found::Number(tensor.index as i64)));
        }
        table.lives(tensor.index, time);
        i += 1;
    }
    let scratch = tri!(operators::scratch(node));
    if scratch > 0 {
        table.set(Row::Size, table.tensors + node.index, scratch as u32);
        table.lives(table.tensors + node.index, time);
    }
    variables::uses(node, table)
}

/// The orders that are tried: three rules, with and without outputs that overwrite operands.
const ORDERS: usize = 6;

/// Chooses every offset in one of the orders; returns the bytes of the arena.
const fn place(model: &Model<'_>, table: &mut Table<'_>, order: usize) -> Result<u32, Error> {
    tri!(lifetimes(model, table));
    tri!(share(model, table, order < ORDERS / 2));
    let (mut head, mut bytes) = (0, 0);
    loop {
        let Some(value) = next(table, order % (ORDERS / 2), head) else { return Ok(bytes) };
        let size = table.get(Row::Size, value);
        // The lowest gap among those that live with it.
        let (mut at, mut before, mut entry) = (0_u32, 0, head);
        while entry != 0 {
            let other = entry as usize - 1;
            if table.meet(value, other) {
                let start = table.get(Row::At, other);
                if start >= at && start - at >= size {
                    break;
                }
                let end = (start + table.get(Row::Size, other)).next_multiple_of(ALIGNMENT);
                if end > at {
                    at = end;
                }
            }
            entry = table.get(Row::Next, other);
        }
        if at as u64 + size as u64 > i32::MAX as u64 - ALIGNMENT as u64 {
            return Err(Error::Model { expected: "an arena of less than 2 GiB", found: Found::Number(size as i64) });
        }
        table.set(Row::At, value, at);
        if at + size > bytes {
            bytes = at + size;
        }
        // Into the list, behind those that begin no later.
        entry = head;
        while entry != 0 && table.get(Row::At, entry as usize - 1) <= at {
            before = entry;
            entry = table.get(Row::Next, entry as usize - 1);
        }
        table.set(Row::Next, value, entry);
        if before == 0 {
            head = value as u32 + 1;
        } else {
            table.set(Row::Next, before as usize - 1, value as u32 + 1);
        }
    }
}

/// No place yet.
const NOWHERE: u32 = u32::MAX;

/// The value that a rule places next: the largest, the one that lives first, or the one that takes most space over
/// time.
const fn next(table: &mut Table<'_>, rule: usize, head: u32) -> Option<usize> {
    let (mut best, mut most, mut value) = (None, 0, 0);
    while value < table.values {
        if head == 0 {
            table.set(Row::At, value, NOWHERE);
        }
        if table.is_placed(value) && table.get(Row::At, value) == NOWHERE {
            let (size, first) = (table.get(Row::Size, value) as u64, table.get(Row::First, value) as u64);
            let key = match rule {
                0 => size << 16 | (MOST as u64 + 2 - first),
                1 => (MOST as u64 + 2 - first) << 32 | size,
                _ => size * (table.get(Row::Last, value) as u64 - first + 1),
            };
            if key > most {
                (best, most) = (Some(value), key);
            }
        }
        value += 1;
    }
    best
}

/// Gives outputs the place of an input where the operator allows it.
const fn share(model: &Model<'_>, table: &mut Table<'_>, over: bool) -> Result<(), Error> {
    let mut i = 0;
    while i < model.operators() {
        let node = tri!(model.operator(i));
        let sharing = operators::sharing(&node);
        let inputs = match sharing {
            Sharing::Apart => 0,
            Sharing::Same => 1,
            Sharing::Over(inputs) if over => inputs,
            Sharing::Over(_) => 0,
        };
        let mut k = 0;
        while k < inputs {
            if let Some(input) = tri!(node.optional(k)) {
                let output = tri!(node.output(0));
                let root = table.get(Row::Root, input.index) as usize;
                let free = match sharing {
                    Sharing::Over(_) => table.get(Row::Last, root) == i as u32 + 1 && input.data.is_none(),
                    _ => true,
                };
                if free && input.bytes() == output.bytes() && !is_variable(model, root) && !output.variable {
                    table.set(Row::Root, output.index, root as u32);
                    let last = table.get(Row::Last, output.index);
                    if last > table.get(Row::Last, root) {
                        table.set(Row::Last, root, last);
                    }
                    break;
                }
            }
            k += 1;
        }
        i += 1;
    }
    Ok(())
}

const fn is_variable(model: &Model<'_>, index: usize) -> bool {
    match model.tensor(index) {
        Ok(tensor) => tensor.variable,
        Err(_) => true,
    }
}
