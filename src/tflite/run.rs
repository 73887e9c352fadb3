//! Running a program.

use super::{
    Error, Model, Port, Type,
    operators::{self, How},
    plan::{ALIGNMENT, plan, plan_len},
    program::{Emitter, Memory, Place, Words},
    variables,
};
use crate::{
    kernels::int8::{Rescaling, quantize},
    simd::Level,
};

/// What runs: a model's words, and which kinds of steps there may be.
///
/// [`tflite!`](crate::tflite!) defines types that implement it; a [`Model`] at run time has [`Any`].
pub trait Program {
    /// A bit for each kind of step: only their kernels are linked.
    const KINDS: u64;
}

/// Every kind of step.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Any {}

impl Program for Any {
    const KINDS: u64 = u64::MAX;
}

/// The sizes of a model, worked out without memory for it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Counts {
    /// Words of the program.
    pub(super) words: usize,
    /// The kinds of its steps.
    pub(super) kinds: u64,
    pub(super) macs: u64,
    pub(super) parameters: usize,
}

/// Checks every operator and counts.
pub(super) const fn count(model: Model<'_>) -> Result<Counts, Error> {
    let mut out = Emitter::new(model, None, &mut []);
    tri!(emit(&mut out));
    Ok(Counts { words: out.len(), kinds: out.kinds(), macs: out.macs(), parameters: out.parameters() })
}

/// Writes header and steps.
pub(super) const fn emit(out: &mut Emitter<'_, '_>) -> Result<(), Error> {
    tri!(out.header());
    tri!(variables::emit(out));
    let mut i = 0;
    while i < out.model.operators() {
        let node = tri!(out.model.operator(i));
        tri!(operators::emit(&node, out));
        i += 1;
    }
    Ok(())
}

/// A model in an arena, ready to run.
///
/// Inputs are written, the model is invoked, outputs are read. Inputs and outputs lie in the arena, where other
/// values take their places while the model runs: write every input before every invocation.
///
/// ```
/// use kernlet::{simd::Level, tflite::Model};
/// let file = std::fs::read("tests/data/tflite/digits.tflite")?;
/// let model = Model::parse(&file)?;
/// let mut arena = vec![0; model.arena_bytes()?];
/// let mut runner = model.runner(Level::detect(), &mut arena)?;
/// runner.quantize_input(0, &[0.5; 784])?;
/// runner.invoke()?;
/// let mut probabilities = [0.0; 10];
/// runner.dequantize_output(0, &mut probabilities)?;
/// assert!((probabilities.iter().sum::<f32>() - 1.0).abs() < 0.05);
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
pub struct Runner<'a, P> {
    file: &'a [u8],
    words: &'a [u32],
    arena: &'a mut [u8],
    how: How,
    program: core::marker::PhantomData<P>,
}

impl<P> core::fmt::Debug for Runner<'_, P> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Runner")
            .field("words", &self.words.len())
            .field("arena", &self.arena.len())
            .finish_non_exhaustive()
    }
}

impl<'a> Model<'a> {
    /// Reads a file and checks every operator in it.
    ///
    /// # Errors
    /// If the bytes are not such a file, are damaged, or have an operator, a type or an option that is not run.
    pub const fn parse(file: &'a [u8]) -> Result<Self, Error> {
        let model = tri!(Self::open(file));
        tri!(count(model));
        Ok(model)
    }

    /// The multiply-accumulates of an invocation: those of convolutions, dense layers and LSTMs.
    ///
    /// # Errors
    /// As [`Self::parse`].
    ///
    /// ```
    /// # use kernlet::tflite::Model;
    /// # let file = std::fs::read("tests/data/tflite/digits.tflite")?;
    /// assert_eq!(Model::parse(&file)?.macs()?, 109_696);
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    pub const fn macs(&self) -> Result<u64, Error> {
        Ok(tri!(count(*self)).macs)
    }

    /// The multiply-accumulates of operator `index`.
    ///
    /// # Errors
    /// As [`Self::parse`].
    ///
    /// ```
    /// # use kernlet::tflite::Model;
    /// # let file = std::fs::read("tests/data/tflite/digits.tflite")?;
    /// assert_eq!(Model::parse(&file)?.operator_macs(0)?, 14 * 14 * 8 * 25);
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    pub const fn operator_macs(&self, index: usize) -> Result<u64, Error> {
        let mut out = Emitter::new(*self, None, &mut []);
        tri!(operators::emit(&tri!(self.operator(index)), &mut out));
        Ok(out.macs())
    }

    /// The weights and biases of operator `index`: those that are in the file.
    ///
    /// # Errors
    /// As [`Self::parse`].
    ///
    /// ```
    /// # use kernlet::tflite::Model;
    /// # let file = std::fs::read("tests/data/tflite/digits.tflite")?;
    /// assert_eq!(Model::parse(&file)?.operator_parameters(0)?, 5 * 5 * 8 + 8);
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    pub const fn operator_parameters(&self, index: usize) -> Result<usize, Error> {
        let mut out = Emitter::new(*self, None, &mut []);
        tri!(operators::emit(&tri!(self.operator(index)), &mut out));
        Ok(out.parameters())
    }

    /// Where each tensor is to lie in the arena, worked out in `words`, whose length is [`plan_len`].
    ///
    /// # Errors
    /// If there are fewer words, or the model is damaged.
    pub const fn plan<'w>(&self, words: &'w mut [u32]) -> Result<super::Plan<'w>, Error> {
        plan(self, words)
    }

    /// The bytes of memory that [`Self::runner`] needs: the arena, and the program.
    ///
    /// # Errors
    /// As [`Self::parse`].
    #[cfg(feature = "alloc")]
    pub fn arena_bytes(&self) -> Result<usize, Error> {
        let mut words = alloc::vec![0; plan_len(self)];
        let values = self.plan(&mut words)?.bytes();
        Ok(Layout::new(self, values, count(*self)?.words).bytes)
    }

    /// The bytes of the values alone, without the program: what a type that [`tflite!`](crate::tflite!) makes needs.
    ///
    /// # Errors
    /// As [`Self::parse`].
    ///
    /// ```
    /// # use kernlet::tflite::Model;
    /// # let file = std::fs::read("tests/data/tflite/digits.tflite")?;
    /// assert_eq!(Model::parse(&file)?.value_bytes()?, 4704);
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    #[cfg(feature = "alloc")]
    pub fn value_bytes(&self) -> Result<usize, Error> {
        Ok(self.plan(&mut alloc::vec![0; plan_len(self)])?.bytes())
    }

    /// Plans the model's memory in `arena`, writes its program there, and makes it ready. Variables are as after
    /// [`Runner::reset`].
    ///
    /// # Errors
    /// As [`Self::parse`], or if the arena is too small; the error then says how many bytes there should be.
    pub fn runner(&self, level: Level, arena: &'a mut [u8]) -> Result<Runner<'a, Any>, Error> {
        let (found, counts) = (arena.len(), count(*self)?);
        // What lies before the first aligned byte is lost.
        let lost = arena.as_ptr().align_offset(ALIGNMENT as usize).min(found);
        let arena = arena.get_mut(lost..).unwrap_or_default();
        let mut layout = Layout::new(self, 0, counts.words);
        let short = |layout: &Layout| Error::Arena { expected: layout.bytes, found };
        let values = plan(self, words(arena.get_mut(..layout.program).ok_or(short(&layout))?)?)?.bytes();
        layout = Layout::new(self, values, counts.words);
        let len = 4 * counts.words;
        let (scratch, program) = arena.split_at_mut_checked(layout.program).ok_or(short(&layout))?;
        let program = words(program.get_mut(..len).ok_or(short(&layout))?)?;
        let plan = plan(self, words(scratch)?)?;
        emit(&mut Emitter::new(*self, Some(&plan), program))?;
        let (arena, program) = arena.split_at_mut_checked(layout.program).ok_or(Error::Program)?;
        let program = words(program.get_mut(..len).ok_or(Error::Program)?)?;
        Runner::new(level, self.file, program, arena.get_mut(..values).ok_or(Error::Program)?)
    }
}

/// Aligned bytes as words.
fn words(bytes: &mut [u8]) -> Result<&mut [u32], Error> {
    bytemuck::try_cast_slice_mut(bytes).map_err(|_| Error::Program)
}

/// How an arena is divided at run time: values, then the program. The plan is worked out where the values will lie.
struct Layout {
    /// Where the program begins.
    program: usize,
    /// All bytes, including those lost before the first aligned one.
    bytes: usize,
}

impl Layout {
    fn new(model: &Model<'_>, values: usize, words: usize) -> Self {
        let program = values.max(4 * plan_len(model)).next_multiple_of(ALIGNMENT as usize);
        Self { program, bytes: program + 4 * words + ALIGNMENT as usize - 1 }
    }
}

impl<'a, P: Program> Runner<'a, P> {
    /// A program over the file that it was made from.
    pub(super) fn new(level: Level, file: &'a [u8], words: &'a [u32], arena: &'a mut [u8]) -> Result<Self, Error> {
        let how = How { level, rescaling: Rescaling::Double };
        let mut runner = Self { file, words, arena, how, program: core::marker::PhantomData };
        runner.reset()?;
        Ok(runner)
    }

    /// The same with another rounding of rescaled integers; TensorFlow Lite Micro uses [`Rescaling::Double`].
    ///
    /// ```
    /// # use kernlet::{simd::Level, tflite::Model};
    /// use kernlet::kernels::int8::Rescaling;
    /// # let file = std::fs::read("tests/data/tflite/digits.tflite")?;
    /// # let model = Model::parse(&file)?;
    /// # let mut arena = vec![0; model.arena_bytes()?];
    /// let runner = model.runner(Level::detect(), &mut arena)?.with_rescaling(Rescaling::Single);
    /// # drop(runner);
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    pub fn with_rescaling(mut self, rescaling: Rescaling) -> Self {
        self.how.rescaling = rescaling;
        self
    }

    /// Runs the model once on the inputs that were written.
    ///
    /// # Errors
    /// If the program contradicts itself; errors in a model's file are found earlier.
    pub fn invoke(&mut self) -> Result<(), Error> {
        self.invoke_with(|_| {})
    }

    /// As [`Self::invoke`]; `after` is called after each step with the index of its operator.
    ///
    /// # Errors
    /// As [`Self::invoke`].
    ///
    /// ```
    /// # use kernlet::{simd::Level, tflite::Model};
    /// # let file = std::fs::read("tests/data/tflite/digits.tflite")?;
    /// # let model = Model::parse(&file)?;
    /// # let mut arena = vec![0; model.arena_bytes()?];
    /// # let mut runner = model.runner(Level::detect(), &mut arena)?;
    /// let mut seen = Vec::new();
    /// runner.invoke_with(|operator| seen.push(operator))?;
    /// assert_eq!(seen.first(), Some(&0));
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    pub fn invoke_with(&mut self, mut after: impl FnMut(usize)) -> Result<(), Error> {
        let mut steps = Words(self.words).steps()?;
        let mut memory = Memory { file: self.file, arena: self.arena };
        while let Some((kind, operator, words)) = steps.step()? {
            operators::run::<P>(kind, self.how, words, &mut memory)?;
            after(operator);
        }
        Ok(())
    }

    /// Gives every variable its first value: what CALL_ONCE assigns, or zero, which in an `i8` is the zero point.
    ///
    /// # Errors
    /// If the program contradicts itself.
    ///
    /// ```
    /// # use kernlet::{simd::Level, tflite::Model};
    /// # let file = std::fs::read("tests/data/tflite/digits.tflite")?;
    /// # let model = Model::parse(&file)?;
    /// # let mut arena = vec![0; model.arena_bytes()?];
    /// # let mut runner = model.runner(Level::detect(), &mut arena)?;
    /// runner.invoke()?;
    /// runner.reset()?; // the next invocation begins anew
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    pub fn reset(&mut self) -> Result<(), Error> {
        let ([fills, copies], mut words) = Words(self.words).first_values()?;
        for _ in 0..fills {
            let (place, value) = (words.place()?, words.word()?);
            self.bytes_mut(place)?.fill(value as u8);
        }
        for _ in 0..copies {
            let [from, to] = [words.place()?, words.place()?];
            let (from, to) = (self.file.get(from.start()..from.end()).ok_or(Error::Program)?, self.bytes_mut(to)?);
            if from.len() != to.len() {
                return Err(Error::Program);
            }
            to.copy_from_slice(from);
        }
        Ok(())
    }

    fn bytes(&self, place: Place) -> Result<&[u8], Error> {
        let from = if place.is_in_file() { self.file } else { &*self.arena };
        from.get(place.start()..place.end()).ok_or(Error::Program)
    }

    fn bytes_mut(&mut self, place: Place) -> Result<&mut [u8], Error> {
        if place.is_in_file() {
            return Err(Error::Program);
        }
        self.arena.get_mut(place.start()..place.end()).ok_or(Error::Program)
    }

    /// What input `index` is.
    ///
    /// # Errors
    /// If there is none.
    pub fn input_port(&self, index: usize) -> Result<Port, Error> {
        Words(self.words).input(index)
    }

    /// What output `index` is.
    ///
    /// # Errors
    /// If there is none.
    pub fn output_port(&self, index: usize) -> Result<Port, Error> {
        Words(self.words).output(index)
    }

    /// The number of inputs.
    pub fn inputs(&self) -> usize {
        Words(self.words).input_count()
    }

    /// The number of outputs.
    pub fn outputs(&self) -> usize {
        Words(self.words).output_count()
    }

    /// The bytes of input `index`, to be written: little-endian where elements have several.
    ///
    /// # Errors
    /// If there is none.
    ///
    /// ```
    /// # use kernlet::{simd::Level, tflite::Model};
    /// # let file = std::fs::read("tests/data/tflite/digits.tflite")?;
    /// # let model = Model::parse(&file)?;
    /// # let mut arena = vec![0; model.arena_bytes()?];
    /// # let mut runner = model.runner(Level::detect(), &mut arena)?;
    /// runner.input_bytes(0)?.fill(7);
    /// runner.invoke()?;
    /// assert_eq!(runner.output_bytes(0)?.len(), 10);
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    pub fn input_bytes(&mut self, index: usize) -> Result<&mut [u8], Error> {
        self.bytes_mut(self.input_port(index)?.place())
    }

    /// The bytes of output `index`.
    ///
    /// # Errors
    /// If there is none.
    pub fn output_bytes(&self, index: usize) -> Result<&[u8], Error> {
        self.bytes(self.output_port(index)?.place())
    }

    /// The elements of input `index`, to be written.
    ///
    /// # Errors
    /// If there is none, or its elements are not `i8`.
    ///
    /// ```
    /// # use kernlet::{simd::Level, tflite::Model};
    /// # let file = std::fs::read("tests/data/tflite/digits.tflite")?;
    /// # let model = Model::parse(&file)?;
    /// # let mut arena = vec![0; model.arena_bytes()?];
    /// # let mut runner = model.runner(Level::detect(), &mut arena)?;
    /// runner.input(0)?.copy_from_slice(&[-128; 784]);
    /// runner.invoke()?;
    /// let _: &[i8] = runner.output(0)?;
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    pub fn input(&mut self, index: usize) -> Result<&mut [i8], Error> {
        let port = self.input_port(index)?;
        if port.kind != Type::INT8 {
            return Err(Error::Element { expected: port.kind });
        }
        Ok(bytemuck::must_cast_slice_mut(self.bytes_mut(port.place())?))
    }

    /// The elements of output `index`.
    ///
    /// # Errors
    /// If there is none, or its elements are not `i8`.
    pub fn output(&self, index: usize) -> Result<&[i8], Error> {
        let port = self.output_port(index)?;
        if port.kind != Type::INT8 {
            return Err(Error::Element { expected: port.kind });
        }
        Ok(bytemuck::must_cast_slice(self.bytes(port.place())?))
    }

    /// Writes real numbers to input `index`, quantised if it is: a number beyond the range of eight bits becomes the
    /// end of that range, and NaN the zero point.
    ///
    /// # Errors
    /// If there is none, it has another length, or its elements are neither `i8` nor `f32`.
    pub fn quantize_input(&mut self, index: usize, from: &[f32]) -> Result<(), Error> {
        let port = self.input_port(index)?;
        let level = self.how.level;
        let to = self.bytes_mut(port.place())?;
        check_len(port, from.len())?;
        match port.kind {
            Type::INT8 => {
                let to = bytemuck::must_cast_slice_mut(to);
                Ok(quantize::quantize_into(level, port.scale, port.zero_point as i8, from, to)?)
            }
            Type::FLOAT32 => {
                for (to, from) in to.as_chunks_mut().0.iter_mut().zip(from) {
                    *to = from.to_le_bytes();
                }
                Ok(())
            }
            expected => Err(Error::Element { expected }),
        }
    }

    /// Writes the real numbers of output `index` to `to`.
    ///
    /// # Errors
    /// If there is none, it has another length, or its elements are neither `i8` nor `f32`.
    pub fn dequantize_output(&self, index: usize, to: &mut [f32]) -> Result<(), Error> {
        let port = self.output_port(index)?;
        let from = self.bytes(port.place())?;
        check_len(port, to.len())?;
        match port.kind {
            Type::INT8 => {
                let from = bytemuck::must_cast_slice(from);
                Ok(quantize::dequantize_into(self.how.level, port.scale, port.zero_point as i8, from, to)?)
            }
            Type::FLOAT32 => {
                for (to, &from) in to.iter_mut().zip(from.as_chunks().0) {
                    *to = f32::from_le_bytes(from);
                }
                Ok(())
            }
            expected => Err(Error::Element { expected }),
        }
    }
}

fn check_len(port: Port, found: usize) -> Result<(), Error> {
    let expected = port.dims.len();
    if found == expected { Ok(()) } else { Err(Error::Length { expected, found }) }
}
