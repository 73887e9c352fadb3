//! Models that are compiled in: the same reader, run by the compiler.

use super::{
    Error, Found, Model, Port, Program, Runner,
    plan::{plan, plan_len},
    program::{Emitter, Words},
    run::{count, emit},
};
use crate::simd::Level;

/// Aligned memory of `BYTES` bytes for a model's values.
///
/// ```
/// use kernlet::tflite::Arena;
/// let arena = Arena::<1024>::new();
/// assert_eq!(size_of_val(&arena), 1024);
/// ```
#[derive(Debug)]
#[repr(C, align(16))]
pub struct Arena<const BYTES: usize>([u8; BYTES]);

impl<const BYTES: usize> Arena<BYTES> {
    /// Zeros.
    pub const fn new() -> Self {
        Self([0; BYTES])
    }
}

impl<const BYTES: usize> Default for Arena<BYTES> {
    fn default() -> Self {
        Self::new()
    }
}

/// What a model needs, worked out from its file before there is memory for it.
///
/// ```
/// use kernlet::tflite::Sizes;
/// const FILE: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/tflite/digits.tflite"));
/// const SIZES: Sizes = Sizes::of(FILE);
/// const { assert!(SIZES.parameters == 6_458) };
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Sizes {
    /// Words of the program.
    pub words: usize,
    /// Words that its plan is worked out in.
    pub plan: usize,
    /// The kinds of its steps, a bit each.
    pub kinds: u64,
    /// Weights and biases.
    pub parameters: usize,
    /// Multiply-accumulates of an invocation.
    pub macs: u64,
    /// The number of inputs.
    pub inputs: usize,
    /// The number of outputs.
    pub outputs: usize,
}

/// A file, or its beginning up to an operator.
const fn open(file: &[u8], operator: usize) -> Result<Model<'_>, Error> {
    let model = tri!(Model::open(file));
    if operator == usize::MAX { Ok(model) } else { model.up_to(operator) }
}

impl Sizes {
    /// The sizes of the model in a file.
    ///
    /// # Panics
    /// If the file cannot be read or run, saying what is wrong; in a `const` that is a compile-time error.
    pub const fn of(file: &[u8]) -> Self {
        Self::up_to(file, usize::MAX)
    }

    /// The sizes of a file up to an operator; `usize::MAX` for all of it.
    ///
    /// # Panics
    /// As [`of`](Self::of), or if there is no such operator.
    pub const fn up_to(file: &[u8], operator: usize) -> Self {
        match Self::read(file, operator) {
            Ok(sizes) => sizes,
            Err(error) => fail(&error),
        }
    }

    const fn read(file: &[u8], operator: usize) -> Result<Self, Error> {
        let model = tri!(open(file, operator));
        let counts = tri!(count(model));
        Ok(Self {
            words: counts.words,
            plan: plan_len(&model),
            kinds: counts.kinds,
            parameters: counts.parameters,
            macs: counts.macs,
            inputs: model.inputs(),
            outputs: model.outputs(),
        })
    }
}

/// A model's program, and the bytes of its arena.
///
/// ```
/// use kernlet::tflite::{Compiled, Sizes};
/// const FILE: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/tflite/digits.tflite"));
/// const SIZES: Sizes = Sizes::of(FILE);
/// static DIGITS: Compiled<{ SIZES.words }> = Compiled::of::<{ SIZES.plan }>(FILE);
/// assert!(DIGITS.arena_bytes() <= 8192);
/// ```
#[derive(Debug)]
pub struct Compiled<const WORDS: usize> {
    words: [u32; WORDS],
    arena_bytes: usize,
}

impl<const WORDS: usize> Compiled<WORDS> {
    /// The program of a file whose [`Sizes`] are known.
    ///
    /// # Panics
    /// As [`Sizes::of`].
    pub const fn of<const PLAN: usize>(file: &[u8]) -> Self {
        Self::up_to::<PLAN>(file, usize::MAX)
    }

    /// The program of a file up to an operator; `usize::MAX` for all of it.
    ///
    /// # Panics
    /// As [`Sizes::up_to`].
    pub const fn up_to<const PLAN: usize>(file: &[u8], operator: usize) -> Self {
        match Self::read::<PLAN>(file, operator) {
            Ok(compiled) => compiled,
            Err(error) => fail(&error),
        }
    }

    const fn read<const PLAN: usize>(file: &[u8], operator: usize) -> Result<Self, Error> {
        let model = tri!(open(file, operator));
        let (mut scratch, mut words) = ([0; PLAN], [0; WORDS]);
        let plan = tri!(plan(&model, &mut scratch));
        tri!(emit(&mut Emitter::new(model, Some(&plan), &mut words)));
        Ok(Self { words, arena_bytes: plan.bytes() })
    }

    /// The bytes of the arena.
    pub const fn arena_bytes(&self) -> usize {
        self.arena_bytes
    }

    /// The program.
    pub const fn words(&self) -> &[u32] {
        &self.words
    }
}

/// A model that is compiled in; [`tflite!`](crate::tflite!) defines types that implement it.
///
/// ```
/// use kernlet::{simd::Level, tflite::{Arena, Embedded, Error}};
/// kernlet::tflite! {
///     /// Ten digits.
///     pub struct Digits = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/tflite/digits.tflite");
/// }
/// /// How many bytes of values the models of a list have.
/// fn bytes<A: Embedded, B: Embedded>() -> usize {
///     A::ARENA_BYTES + B::ARENA_BYTES
/// }
/// assert_eq!(bytes::<Digits, Digits>(), 2 * Digits::ARENA_BYTES);
/// ```
pub trait Embedded: Program {
    /// The file.
    const FILE: &'static [u8];
    /// Its program.
    const WORDS: &'static [u32];
    /// The bytes of the arena.
    const ARENA_BYTES: usize;
}

/// A runner of a compiled model in an arena of its size.
///
/// # Errors
/// If the program contradicts itself.
///
/// ```
/// use kernlet::{simd::Level, tflite::{self, Arena}};
/// kernlet::tflite! { struct Digits = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/tflite/digits.tflite"); }
/// let mut arena = Arena::<{ Digits::ARENA_BYTES }>::new();
/// let mut runner = tflite::embedded_runner::<Digits, _>(Level::detect(), &mut arena)?;
/// runner.invoke()?;
/// # Ok::<(), tflite::Error>(())
/// ```
pub fn embedded_runner<E: Embedded, const BYTES: usize>(
    level: Level,
    arena: &mut Arena<BYTES>,
) -> Result<Runner<'_, E>, Error> {
    const { assert!(BYTES >= E::ARENA_BYTES, "the arena is smaller than the model's ARENA_BYTES") };
    Runner::new(level, E::FILE, E::WORDS, &mut arena.0)
}

/// The inputs of a program.
///
/// # Panics
/// If there are fewer than `N`.
pub const fn input_ports<const N: usize>(words: &[u32]) -> [Port; N] {
    ports(words, true)
}

/// The outputs of a program.
///
/// # Panics
/// If there are fewer than `N`.
pub const fn output_ports<const N: usize>(words: &[u32]) -> [Port; N] {
    ports(words, false)
}

const fn ports<const N: usize>(words: &[u32], are_inputs: bool) -> [Port; N] {
    let (mut ports, mut i) = ([Port::NONE; N], 0);
    while i < N {
        let port = if are_inputs { Words(words).input(i) } else { Words(words).output(i) };
        ports[i] = match port {
            Ok(port) => port,
            Err(error) => fail(&error),
        };
        i += 1;
    }
    ports
}

/// Defines a type for a `.tflite` file that is compiled in.
///
/// The file is read, checked and planned by the compiler: what is wrong with it is a compile-time error
/// that names the operator. The program contains the file, a list of steps with their multipliers, and the kernels of
/// the operators that it has, no others.
///
/// ```
/// use kernlet::{simd::Level, tflite::Arena};
///
/// kernlet::tflite! {
///     /// Ten digits in 28×28 pixels.
///     pub struct Digits = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/tflite/digits.tflite");
/// }
/// const { assert!(Digits::ARENA_BYTES <= 8192 && Digits::PARAMETERS == 6_458) };
/// assert_eq!(Digits::INPUTS[0].dims.as_slice(), [1, 28, 28, 1]);
///
/// let mut arena = Digits::arena();
/// let mut digits = Digits::runner(Level::detect(), &mut arena)?;
/// digits.quantize_input(0, &[0.0; 784])?;
/// digits.invoke()?;
/// let mut probabilities = [0.0; 10];
/// digits.dequantize_output(0, &mut probabilities)?;
/// # Ok::<(), kernlet::tflite::Error>(())
/// ```
///
/// With `up_to` the model ends with an operator, whose output becomes its own; what follows is neither run nor linked.
/// That gives features for a [`network!`](crate::network!) that learns the last layers on a device.
///
/// ```
/// kernlet::tflite! {
///     struct Features = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/tflite/digits.tflite"), up_to: 0;
/// }
/// assert_eq!(Features::OUTPUTS[0].dims.as_slice(), [1, 14, 14, 8]);
/// ```
///
/// A file that cannot be run is refused:
///
/// ```compile_fail
/// kernlet::tflite! { struct Manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"); }
/// ```
#[macro_export]
macro_rules! tflite {
    ($(#[$attribute:meta])* $visibility:vis struct $name:ident = $path:expr $(;)?) => {
        $crate::tflite! { $(#[$attribute])* $visibility struct $name = $path, up_to: usize::MAX }
    };
    ($(#[$attribute:meta])* $visibility:vis struct $name:ident = $path:expr, up_to: $operator:expr $(;)?) => {
        $(#[$attribute])*
        #[derive(Clone, Copy, Debug)]
        $visibility struct $name;

        // The compiler may take its time.
        #[allow(long_running_const_eval)]
        const _: () = {
            const FILE: &$crate::snapshot::Aligned<[u8]> = &$crate::snapshot::Aligned(*include_bytes!($path));
            const SIZES: $crate::tflite::Sizes = $crate::tflite::Sizes::up_to(&FILE.0, $operator);
            const COMPILED: $crate::tflite::Compiled<{ SIZES.words }> =
                $crate::tflite::Compiled::up_to::<{ SIZES.plan }>(&FILE.0, $operator);
            static PROGRAM: $crate::tflite::Compiled<{ SIZES.words }> = COMPILED;

            impl $crate::tflite::Program for $name {
                const KINDS: u64 = SIZES.kinds;
            }

            impl $crate::tflite::Embedded for $name {
                const FILE: &'static [u8] = &FILE.0;
                const WORDS: &'static [u32] = PROGRAM.words();
                const ARENA_BYTES: usize = COMPILED.arena_bytes();
            }

            #[allow(dead_code)]
            impl $name {
                /// The bytes of memory that the model's values need.
                pub const ARENA_BYTES: usize = <Self as $crate::tflite::Embedded>::ARENA_BYTES;
                /// Weights and biases.
                pub const PARAMETERS: usize = SIZES.parameters;
                /// Multiply-accumulates of an invocation.
                pub const MACS: u64 = SIZES.macs;
                /// What the inputs are: types, shapes, scales, zero points.
                pub const INPUTS: [$crate::tflite::Port; SIZES.inputs] =
                    $crate::tflite::input_ports(<Self as $crate::tflite::Embedded>::WORDS);
                /// What the outputs are.
                pub const OUTPUTS: [$crate::tflite::Port; SIZES.outputs] =
                    $crate::tflite::output_ports(<Self as $crate::tflite::Embedded>::WORDS);

                /// An arena of the model's size.
                pub const fn arena() -> $crate::tflite::Arena<{ COMPILED.arena_bytes() }> {
                    $crate::tflite::Arena::new()
                }

                /// The model, ready to run in an arena.
                ///
                /// # Errors
                /// If the program contradicts itself.
                pub fn runner(
                    level: $crate::simd::Level,
                    arena: &mut $crate::tflite::Arena<{ COMPILED.arena_bytes() }>,
                ) -> ::core::result::Result<$crate::tflite::Runner<'_, Self>, $crate::tflite::Error> {
                    $crate::tflite::embedded_runner(level, arena)
                }
            }
        };
    };
}

/// A message that the compiler can show.
struct Message {
    bytes: [u8; Self::LEN],
    len: usize,
}

impl Message {
    const LEN: usize = 256;

    const fn text(&mut self, text: &str) {
        let (bytes, mut i) = (text.as_bytes(), 0);
        while i < bytes.len() && self.len < Self::LEN {
            self.bytes[self.len] = bytes[i];
            self.len += 1;
            i += 1;
        }
    }

    const fn number(&mut self, number: i64) {
        if number < 0 {
            self.text("-");
        }
        let (mut digits, mut rest, mut i) = ([0; 20], number.unsigned_abs(), 20);
        loop {
            i -= 1;
            digits[i] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        if let (_, Ok(text)) = (0, core::str::from_utf8(digits.split_at(i).1)) {
            self.text(text);
        }
    }

    const fn expected(&mut self, expected: &str, found: Found) {
        self.text("expected ");
        self.text(expected);
        self.text(", found ");
        match found {
            Found::Number(number) => self.number(number),
            Found::Type(kind) => match kind.name() {
                Some(name) => self.text(name),
                None => self.text("a type that is not known"),
            },
            Found::Other => self.text("another"),
        }
    }

    const fn of(error: &Error) -> Self {
        let mut message = Self { bytes: [0; Self::LEN], len: 0 };
        match *error {
            Error::Offset { what, at } => {
                message.text(what);
                message.text(", which byte ");
                message.number(at as i64);
                message.text(" leads to, is not in the file");
            }
            Error::Index { what, index, .. } => {
                message.text("there is no ");
                message.text(what);
                message.text(" ");
                message.number(index as i64);
            }
            Error::Model { expected, found } => message.expected(expected, found),
            Error::Tensor { index, expected, found } => {
                message.text("tensor ");
                message.number(index as i64);
                message.text(": ");
                message.expected(expected, found);
            }
            Error::Operator { operator, index, expected, found } => {
                message.text("operator ");
                message.number(index as i64);
                message.text(", ");
                match operator.name() {
                    Some(name) => message.text(name),
                    None => message.text("whose code is not known"),
                }
                message.text(": ");
                message.expected(expected, found);
            }
            _ => message.text(error.kind()),
        }
        message
    }

    const fn as_str(&self) -> &str {
        match core::str::from_utf8(self.bytes.split_at(self.len).0) {
            Ok(text) => text,
            Err(_) => "the model cannot be run",
        }
    }
}

/// Ends compilation with what is wrong.
const fn fail(error: &Error) -> ! {
    panic!("{}", Message::of(error).as_str())
}

#[cfg(test)]
mod tests {
    use super::{Error, Found, Message};
    use crate::tflite::{Operator, Type};
    use std::string::ToString;

    #[test]
    fn messages_of_the_compiler_are_those_of_run_time() {
        let operator = Operator::new(3);
        let errors = [
            Error::Identifier,
            Error::Offset { what: "the list of tensors", at: 1234 },
            Error::Model { expected: "a file of less than 2 GiB", found: Found::Number(-120) },
            Error::Tensor { index: 7, expected: "6 axes at most", found: Found::Number(0) },
            Error::Operator { operator, index: 3, expected: "int8 weights", found: Found::Type(Type::UINT8) },
            Error::Operator { operator, index: 0, expected: "one scale", found: Found::Other },
        ];
        for error in errors {
            assert_eq!(Message::of(&error).as_str(), error.to_string());
        }
    }
}
