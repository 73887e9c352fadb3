//! A model as a list of steps: words that say which kernel runs on which bytes.
//!
//! The words are made once from the file, by the compiler or at run time, and hold all that a kernel needs to know:
//! places, sizes, zero points, multipliers. Running them needs only the file's weights, not its tables.
//!
//! ```text
//! inputs, outputs, fills, copies  the header: how many of each
//! a port for each of the first two: type, axes, scale, zero point, place
//! place, byte                     a fill: a variable that begins with this byte
//! place, place                    a copy: a variable that begins with a constant
//! kind | operator << 8, length    a step, and how many words it has besides these two
//! …
//! ```

use super::{Error, Found, Model, Plan, Type, model::Tensor};
use crate::{
    kernels::int8::Multiplier,
    shape::{Dims, MAX_RANK},
};

/// The bit of an offset that means: in the file.
const IN_FILE: u32 = 1 << 31;

/// Bytes of the arena or of the file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Place {
    at: u32,
    len: u32,
}

impl Place {
    /// `len` bytes of the arena.
    pub(super) const fn arena(at: u32, len: u32) -> Self {
        Self { at, len }
    }

    const fn file(at: u32, len: u32) -> Self {
        Self { at: at | IN_FILE, len }
    }

    /// Whether both are the same: `==` in a `const fn`.
    pub(super) const fn is(self, other: Self) -> bool {
        self.at == other.at && self.len == other.len
    }

    pub(super) const fn is_in_file(self) -> bool {
        self.at & IN_FILE != 0
    }

    /// Where it begins.
    pub(super) const fn start(self) -> usize {
        (self.at & !IN_FILE) as usize
    }

    /// Its length in bytes.
    pub(super) const fn len(self) -> usize {
        self.len as usize
    }

    /// Where it ends; both are below 2³¹.
    pub(super) const fn end(self) -> usize {
        self.start().saturating_add(self.len())
    }

    /// Whether both lie in the arena and have bytes in common.
    pub(super) const fn overlaps(self, other: Self) -> bool {
        !self.is_in_file() && !other.is_in_file() && self.start() < other.end() && other.start() < self.end()
    }

    /// The part `[from, from + len)` of it.
    pub(super) const fn part(self, from: usize, len: usize) -> Self {
        Self { at: self.at + from as u32, len: len as u32 }
    }
}

/// An input or output.
///
/// ```
/// # use kernlet::{tflite::{Model, Type}, simd::Level};
/// # let file = std::fs::read("tests/data/tflite/digits.tflite")?;
/// let model = Model::parse(&file)?;
/// let mut arena = vec![0; model.arena_bytes()?];
/// let runner = model.runner(Level::detect(), &mut arena)?;
/// let output = runner.output_port(0)?;
/// assert_eq!((output.kind, output.dims.to_string()), (Type::INT8, "1×10".into()));
/// assert_eq!((output.scale, output.zero_point), (1.0 / 256.0, -128));
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Clone, Copy, PartialEq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct Port {
    /// The type of its elements.
    pub kind: Type,
    /// Its shape, the batch first.
    pub dims: Dims,
    /// The real number of one step; 0 where it is not quantised.
    pub scale: f32,
    /// The integer that stands for 0.
    pub zero_point: i32,
    at: u32,
    len: u32,
}

impl Port {
    /// A placeholder for one that is not read yet.
    pub(super) const NONE: Self =
        Self { kind: Type::FLOAT32, dims: Dims::new(&[]), scale: 0.0, zero_point: 0, at: 0, len: 0 };

    pub(super) const fn place(&self) -> Place {
        Place { at: self.at, len: self.len }
    }
}

/// Writes words; without room for them it only counts.
pub(super) struct Emitter<'a, 'w> {
    words: &'w mut [u32],
    len: usize,
    plan: Option<&'w Plan<'w>>,
    pub(super) model: Model<'a>,
    /// The kinds of the steps so far, a bit each.
    kinds: u64,
    /// The header of the step under way.
    step: usize,
    macs: u64,
    parameters: usize,
}

impl<'a, 'w> Emitter<'a, 'w> {
    /// One that writes `words` of a model whose plan is known, or counts them.
    pub(super) const fn new(model: Model<'a>, plan: Option<&'w Plan<'w>>, words: &'w mut [u32]) -> Self {
        Self { words, len: 0, plan, model, kinds: 0, step: 0, macs: 0, parameters: 0 }
    }

    /// The words so far.
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// The kinds of the steps so far, a bit each.
    pub(super) const fn kinds(&self) -> u64 {
        self.kinds
    }

    /// The multiply-accumulates so far.
    pub(super) const fn macs(&self) -> u64 {
        self.macs
    }

    /// Weights and biases so far.
    pub(super) const fn parameters(&self) -> usize {
        self.parameters
    }

    /// Counts the elements of weights or a bias.
    pub(super) const fn add_parameters(&mut self, tensor: &Tensor<'_>) {
        if tensor.data.is_some() {
            self.parameters = self.parameters.saturating_add(tensor.dims.len());
        }
    }

    /// Counts multiply-accumulates.
    pub(super) const fn add_macs(&mut self, macs: u64) {
        self.macs = self.macs.saturating_add(macs);
    }

    pub(super) const fn word(&mut self, word: u32) {
        if self.len < self.words.len() {
            self.words[self.len] = word;
        }
        self.len += 1;
    }

    pub(super) const fn size(&mut self, size: usize) {
        self.word(size as u32);
    }

    pub(super) const fn sizes(&mut self, sizes: &[usize]) {
        let mut i = 0;
        while i < sizes.len() {
            self.size(sizes[i]);
            i += 1;
        }
    }

    pub(super) const fn int(&mut self, int: i32) {
        self.word(int as u32);
    }

    pub(super) const fn multiplier(&mut self, multiplier: Multiplier) {
        self.int(multiplier.mantissa());
        self.int(multiplier.exponent());
    }

    /// The place of a tensor; nowhere while words are only counted.
    pub(super) const fn place_of(&self, tensor: &Tensor<'_>) -> Result<Place, Error> {
        let mut root = *tensor;
        if let (None, Some(plan)) = (tensor.data, self.plan) {
            root = tri!(self.model.tensor(plan.root(tensor.index)));
        }
        Ok(match (root.data, self.plan) {
            (Some(data), _) => Place::file(data.position() as u32, data.len() as u32),
            (None, Some(plan)) => Place::arena(plan.offset(tensor.index), tensor.bytes() as u32),
            (None, None) => Place::arena(0, tensor.bytes() as u32),
        })
    }

    /// Whether places are known.
    pub(super) const fn is_planned(&self) -> bool {
        self.plan.is_some()
    }

    /// The place of the variable that a handle refers to.
    pub(super) const fn variable(&self, handle: &Tensor<'_>) -> Place {
        match self.plan {
            Some(plan) => {
                let [at, len] = plan.variable(handle.index);
                Place::arena(at, len)
            }
            None => Place::arena(0, 0),
        }
    }

    /// The place of the variable that lies in the memory of operator `index`.
    pub(super) const fn variable_of_operator(&self, index: usize) -> Place {
        match self.plan {
            Some(plan) => {
                let [at, len] = plan.scratch(index);
                Place::arena(at, len)
            }
            None => Place::arena(0, 0),
        }
    }

    pub(super) const fn place(&mut self, place: Place) {
        self.word(place.at);
        self.word(place.len);
    }

    /// Writes the place of a tensor.
    pub(super) const fn tensor(&mut self, tensor: &Tensor<'_>) -> Result<(), Error> {
        let place = tri!(self.place_of(tensor));
        self.place(place);
        Ok(())
    }

    /// Writes the place of a tensor, or none.
    pub(super) const fn optional(&mut self, tensor: &Option<Tensor<'_>>) -> Result<(), Error> {
        match tensor {
            Some(tensor) => self.tensor(tensor),
            None => {
                self.place(Place::arena(0, 0));
                Ok(())
            }
        }
    }

    /// Writes the place of the scratch memory of operator `index`.
    pub(super) const fn scratch(&mut self, index: usize) {
        let [at, len] = match self.plan {
            Some(plan) => plan.scratch(index),
            None => [0; 2],
        };
        self.place(Place::arena(at, len));
    }

    /// Begins a step of a kind; what is written until [`Self::end`] belongs to it.
    pub(super) const fn begin(&mut self, kind: u32, operator: usize) {
        self.kinds |= 1 << kind;
        self.step = self.len;
        self.word(kind | (operator as u32) << 8);
        self.word(0);
    }

    /// Ends a step.
    pub(super) const fn end(&mut self) {
        if self.step + 1 < self.words.len() {
            self.words[self.step + 1] = (self.len - self.step - 2) as u32;
        }
    }

    const fn port(&mut self, tensor: &Tensor<'_>) -> Result<(), Error> {
        self.word(tensor.kind.code() as u32);
        let sizes = tensor.dims.as_slice();
        self.size(sizes.len());
        let mut i = 0;
        while i < MAX_RANK {
            self.size(if i < sizes.len() { sizes[i] } else { 0 });
            i += 1;
        }
        self.word(tensor.scale().to_bits());
        self.int(tensor.zero_point());
        self.tensor(tensor)
    }

    /// Writes the header: inputs, outputs, and the first values of variable tensors.
    pub(super) const fn header(&mut self) -> Result<(), Error> {
        let model = self.model;
        self.sizes(&[model.inputs(), model.outputs(), 0, 0]);
        let mut i = 0;
        while i < model.inputs() {
            tri!(self.port(&tri!(model.input(i))));
            i += 1;
        }
        let mut i = 0;
        while i < model.outputs() {
            let output = tri!(model.output(i));
            if output.kind.size().is_none() {
                let expected = "an output of whole bytes";
                return Err(Error::Tensor { index: output.index, expected, found: Found::Type(output.kind) });
            }
            tri!(self.port(&output));
            i += 1;
        }
        let mut i = 0;
        while i < model.tensors() {
            let tensor = tri!(model.tensor(i));
            if tensor.variable {
                let place = tri!(self.place_of(&tensor));
                self.fill(place, if tensor.kind.is(Type::INT8) { tensor.zero_point() as u8 } else { 0 });
            }
            i += 1;
        }
        Ok(())
    }

    /// Adds one to a number of the header.
    const fn tally(&mut self, group: usize) {
        if group < self.words.len() {
            self.words[group] += 1;
        }
    }

    /// Makes a variable begin with the same byte throughout. Fills come before copies.
    pub(super) const fn fill(&mut self, place: Place, byte: u8) {
        self.tally(FILLS);
        self.place(place);
        self.word(byte as u32);
    }

    /// Makes a variable begin with a constant.
    pub(super) const fn copy(&mut self, from: Place, to: Place) {
        self.tally(COPIES);
        self.place(from);
        self.place(to);
    }
}

/// Words to be read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Words<'a>(pub(super) &'a [u32]);

/// Inputs, outputs, fills, copies.
const HEADER: usize = 4;
const FILLS: usize = 2;
const COPIES: usize = 3;

/// How many words each has.
const PORT: usize = MAX_RANK + 6;
const FILL: usize = 3;
const COPY: usize = 4;

impl<'a> Words<'a> {
    pub(super) const fn word(&mut self) -> Result<u32, Error> {
        match self.0 {
            [word, rest @ ..] => {
                self.0 = rest;
                Ok(*word)
            }
            [] => Err(Error::Program),
        }
    }

    pub(super) const fn size(&mut self) -> Result<usize, Error> {
        Ok(tri!(self.word()) as usize)
    }

    pub(super) const fn sizes<const N: usize>(&mut self) -> Result<[usize; N], Error> {
        let (mut sizes, mut i) = ([0; N], 0);
        while i < N {
            sizes[i] = tri!(self.size());
            i += 1;
        }
        Ok(sizes)
    }

    pub(super) const fn int(&mut self) -> Result<i32, Error> {
        Ok(tri!(self.word()) as i32)
    }

    /// A number that fits a byte: a zero point, a bound.
    pub(super) const fn byte(&mut self) -> Result<i8, Error> {
        Ok(tri!(self.word()) as i8)
    }

    pub(super) const fn float(&mut self) -> Result<f32, Error> {
        Ok(f32::from_bits(tri!(self.word())))
    }

    pub(super) const fn place(&mut self) -> Result<Place, Error> {
        Ok(Place { at: tri!(self.word()), len: tri!(self.word()) })
    }

    pub(super) fn multiplier(&mut self) -> Result<Multiplier, Error> {
        Multiplier::from_parts(self.int()?, self.int()?).ok_or(Error::Program)
    }

    /// The multipliers that the remaining words hold.
    pub(super) fn multipliers(self) -> Result<&'a [Multiplier], Error> {
        bytemuck::try_cast_slice(self.0).map_err(|_| Error::Program)
    }

    /// The next `n` words.
    pub(super) const fn take(&mut self, n: usize) -> Result<&'a [u32], Error> {
        match self.0.split_at_checked(n) {
            Some((head, rest)) => {
                self.0 = rest;
                Ok(head)
            }
            None => Err(Error::Program),
        }
    }

    /// How many inputs, outputs, fills and copies there are.
    const fn counts(mut self) -> Result<[usize; HEADER], Error> {
        self.sizes()
    }

    /// The port of a group (0 inputs, 1 outputs).
    const fn port(mut self, group: usize, index: usize) -> Result<Port, Error> {
        let [inputs, outputs, ..] = tri!(self.sizes::<HEADER>());
        let (before, len) = if group == 0 { (0, inputs) } else { (inputs, outputs) };
        if index >= len {
            return Err(Error::Port { index, len });
        }
        tri!(self.take((before + index) * PORT));
        let kind = Type::new(tri!(self.word()) as u8);
        let rank = tri!(self.size());
        let sizes = tri!(self.sizes::<MAX_RANK>());
        let dims = match sizes.split_at_checked(rank) {
            Some((sizes, _)) => Dims::new(sizes),
            None => return Err(Error::Program),
        };
        let (scale, zero_point) = (tri!(self.float()), tri!(self.int()));
        Ok(Port { kind, dims, scale, zero_point, at: tri!(self.word()), len: tri!(self.word()) })
    }

    /// The number of inputs.
    pub(super) const fn input_count(self) -> usize {
        match self.counts() {
            Ok([inputs, ..]) => inputs,
            Err(_) => 0,
        }
    }

    /// The number of outputs.
    pub(super) const fn output_count(self) -> usize {
        match self.counts() {
            Ok([_, outputs, ..]) => outputs,
            Err(_) => 0,
        }
    }

    pub(super) const fn input(self, index: usize) -> Result<Port, Error> {
        self.port(0, index)
    }

    pub(super) const fn output(self, index: usize) -> Result<Port, Error> {
        self.port(1, index)
    }

    /// How many fills there are, and copies after them; the words of both.
    pub(super) const fn first_values(mut self) -> Result<([usize; 2], Self), Error> {
        let [inputs, outputs, fills, copies] = tri!(self.sizes::<HEADER>());
        tri!(self.take((inputs + outputs) * PORT));
        Ok(([fills, copies], self))
    }

    /// The steps, after the header.
    pub(super) const fn steps(self) -> Result<Self, Error> {
        let ([fills, copies], mut words) = tri!(self.first_values());
        tri!(words.take(fills * FILL + copies * COPY));
        Ok(words)
    }

    /// The next step: its kind, its operator, its words. `None` after the last.
    pub(super) fn step(&mut self) -> Result<Option<(u32, usize, Self)>, Error> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let head = self.word()?;
        let len = self.size()?;
        Ok(Some((head & 0xFF, (head >> 8) as usize, Self(self.take(len)?))))
    }
}

/// Parts of the arena around at most four outputs.
const PARTS: usize = 5;

/// What steps work on: the file and the arena.
pub(super) struct Memory<'m> {
    pub(super) file: &'m [u8],
    pub(super) arena: &'m mut [u8],
}

impl Memory<'_> {
    /// An output, and all that lies outside it.
    pub(super) fn output(&mut self, place: Place) -> Result<(Sources<'_>, &mut [u8]), Error> {
        let (sources, [output]) = self.outputs([place])?;
        Ok((sources, output))
    }

    /// Places to be written that do not overlap, and all that lies outside them.
    pub(super) fn outputs<const N: usize>(
        &mut self,
        places: [Place; N],
    ) -> Result<(Sources<'_>, [&mut [u8]; N]), Error> {
        let mut found: [&mut [u8]; N] = [(); N].map(|()| &mut [][..]);
        let mut parts: [(usize, &[u8]); PARTS] = [(0, &[]); PARTS];
        let (mut rest, mut at) = (&mut *self.arena, 0);
        for part in &mut parts {
            // The lowest of those that are left.
            let lowest = places.iter().zip(&mut found);
            let lowest = lowest.filter(|(place, found)| {
                found.is_empty() && place.len() > 0 && place.start() >= at && !place.is_in_file()
            });
            let Some((place, found)) = lowest.min_by_key(|(place, _)| place.start()) else {
                *part = (at, rest);
                rest = &mut [];
                continue;
            };
            let (before, from) = rest.split_at_mut_checked(place.start() - at).ok_or(Error::Program)?;
            let (output, behind) = from.split_at_mut_checked(place.len()).ok_or(Error::Program)?;
            *part = (at, before);
            (*found, rest, at) = (output, behind, place.end());
        }
        // One that overlaps another, or lies in the file, was not found.
        if places.iter().zip(&found).all(|(place, found)| place.len() == found.len()) {
            Ok((Sources { file: self.file, parts }, found))
        } else {
            Err(Error::Program)
        }
    }
}

impl Memory<'_> {
    /// The bytes of a place.
    pub(super) fn bytes(&self, place: Place) -> Result<&[u8], Error> {
        let from: &[u8] = if place.is_in_file() { self.file } else { self.arena };
        from.get(place.start()..place.end()).ok_or(Error::Program)
    }

    /// Copies a place's bytes to the beginning of `to`, and returns that part.
    pub(super) fn copy<'t>(&self, place: Place, to: &'t mut [u8]) -> Result<&'t mut [u8], Error> {
        let (from, to) = (self.bytes(place)?, to.get_mut(..place.len()).ok_or(Error::Program)?);
        to.copy_from_slice(from);
        Ok(to)
    }

    /// The element at byte `at` of a place.
    pub(super) fn element<const N: usize>(&self, place: Place, at: usize) -> Result<[u8; N], Error> {
        self.bytes(place)?.get(at..).and_then(|bytes| bytes.first_chunk().copied()).ok_or(Error::Program)
    }

    /// Writes an element at byte `at` of a place in the arena.
    pub(super) fn set_element<const N: usize>(&mut self, place: Place, at: usize, to: [u8; N]) -> Result<(), Error> {
        if place.is_in_file() {
            return Err(Error::Program);
        }
        let bytes = self.arena.get_mut(place.start()..place.end()).and_then(|bytes| bytes.get_mut(at..));
        *bytes.and_then(|bytes| bytes.first_chunk_mut()).ok_or(Error::Program)? = to;
        Ok(())
    }
}

/// What may be read while something is written: the file, and the parts of the arena around it.
#[derive(Clone, Copy)]
pub(super) struct Sources<'m> {
    file: &'m [u8],
    parts: [(usize, &'m [u8]); PARTS],
}

impl<'m> Sources<'m> {
    pub(super) fn bytes(&self, place: Place) -> Result<&'m [u8], Error> {
        let (start, end) = (place.start(), place.end());
        let found = if place.is_in_file() {
            self.file.get(start..end)
        } else {
            // An empty part has nothing to give but nothing.
            self.parts.iter().find_map(|&(at, part)| part.get(start.checked_sub(at)?..end.checked_sub(at)?))
        };
        found.ok_or(Error::Program)
    }

    pub(super) fn i8(&self, place: Place) -> Result<&'m [i8], Error> {
        Ok(bytemuck::must_cast_slice(self.bytes(place)?))
    }

    /// Words of four bytes, wherever they lie.
    pub(super) fn words(&self, place: Place) -> Result<&'m [[u8; 4]], Error> {
        let (words, rest) = self.bytes(place)?.as_chunks();
        if rest.is_empty() { Ok(words) } else { Err(Error::Program) }
    }

    /// A bias, if there is one.
    pub(super) fn bias(&self, place: Place) -> Result<Option<&'m [[u8; 4]]>, Error> {
        if place.len() == 0 { Ok(None) } else { self.words(place).map(Some) }
    }
}

pub(super) fn as_i8(bytes: &mut [u8]) -> &mut [i8] {
    bytemuck::must_cast_slice_mut(bytes)
}
