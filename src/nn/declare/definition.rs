//! A layer as it was written, and what its kind may ask about it.

use super::{
    layer::{Layer, MAX_OPERANDS, Value, same},
    message::Message,
    spec::Declared,
};
use crate::shape::{Dims, Padding};

/// The most arguments of one layer.
pub const MAX_ARGUMENTS: usize = 12;

/// One argument of a layer: `32`, `3x3`, `padding: same`.
#[derive(Clone, Copy, Debug)]
pub struct Argument {
    /// The name before the colon; empty for an argument by position.
    name: &'static str,
    /// As it was written.
    text: &'static str,
    value: Value,
}

impl Argument {
    const EMPTY: Self = Self { name: "", text: "", value: Value::Word("") };

    /// A number, from an expression; what is none stays as it was written, for a message.
    pub const fn number(name: &'static str, text: &'static str, number: Option<f64>) -> Self {
        match number {
            Some(number) => Self { name, text, value: Value::Number(number) },
            None => Self::word(name, text),
        }
    }

    /// A word or a size such as `3x3`, as it was written.
    pub const fn word(name: &'static str, text: &'static str) -> Self {
        Self { name, text, value: Value::Word(text) }
    }

    /// Sizes in brackets; what are none stay as they were written.
    pub const fn list(name: &'static str, text: &'static str, list: &[Option<f64>]) -> Self {
        let mut sizes = [0; 4];
        let mut i = 0;
        while i < list.len() && i < 4 {
            match list[i] {
                Some(number) if number >= 0.0 && number <= u32::MAX as f64 && number as usize as f64 == number => {
                    sizes[i] = number as usize;
                }
                _ => return Self::word(name, text),
            }
            i += 1;
        }
        Self { name, text, value: Value::Sizes(sizes, list.len()) }
    }
}

/// An argument's value, whatever its type is, so that one of another type is refused in words.
///
/// A method taken by value is found before one taken by reference, so a number without a suffix is an `i32` or an `f64`.
#[derive(Debug)]
pub struct Given<T>(pub T);

macro_rules! given {
    ($([$($generics:tt)*] $t:ty, |$given:ident: $own:ty| $number:expr;)*) => {$(
        impl<$($generics)*> Given<$t> {
            /// The number, if it is one.
            pub const fn number(self: $own) -> Option<f64> {
                let $given = self;
                $number
            }
        }
    )*};
}
given! {
    [] i32, |given: Self| Some(given.0 as f64);
    [] f64, |given: Self| Some(given.0);
    [] i8, |given: &Self| Some(given.0 as f64);
    [] i16, |given: &Self| Some(given.0 as f64);
    [] i64, |given: &Self| Some(given.0 as f64);
    [] i128, |given: &Self| Some(given.0 as f64);
    [] isize, |given: &Self| Some(given.0 as f64);
    [] u8, |given: &Self| Some(given.0 as f64);
    [] u16, |given: &Self| Some(given.0 as f64);
    [] u32, |given: &Self| Some(given.0 as f64);
    [] u64, |given: &Self| Some(given.0 as f64);
    [] u128, |given: &Self| Some(given.0 as f64);
    [] usize, |given: &Self| Some(given.0 as f64);
    [] f32, |given: &Self| Some(given.0 as f64);
    [] bool, |_given: &Self| None;
    [] char, |_given: &Self| None;
    [] (), |_given: &Self| None;
    [T: ?Sized] &T, |_given: &Self| None;
    [T] Option<T>, |_given: &Self| None;
    [T, const N: usize] [T; N], |_given: &Self| None;
    [A] (A,), |_given: &Self| None;
    [A, B] (A, B), |_given: &Self| None;
    [A, B, C] (A, B, C), |_given: &Self| None;
    [A, B, C, D] (A, B, C, D), |_given: &Self| None;
}

/// A layer as it was written, before its shapes are known.
#[derive(Clone, Copy, Debug)]
pub struct Definition {
    /// The name it was given, or that of its kind.
    name: &'static str,
    kind: &'static str,
    arguments: [Argument; MAX_ARGUMENTS],
    count: usize,
    /// What could not be understood at all, as it was written.
    wrong: Option<&'static str>,
}

impl Definition {
    /// A layer of a kind, with its arguments.
    pub const fn new(name: &'static str, kind: &'static str, arguments: &[Argument]) -> Self {
        let mut all = [Argument::EMPTY; MAX_ARGUMENTS];
        let mut i = 0;
        while i < arguments.len() && i < MAX_ARGUMENTS {
            all[i] = arguments[i];
            i += 1;
        }
        let wrong = if arguments.len() > MAX_ARGUMENTS { Some("more than 12 arguments") } else { None };
        Self { name, kind, arguments: all, count: i, wrong }
    }

    /// A layer whose arguments are not of the form that its kind takes.
    pub const fn wrong(name: &'static str, kind: &'static str, text: &'static str) -> Self {
        Self { wrong: Some(text), ..Self::new(name, kind, &[]) }
    }
}

/// Whether an option stands in a usage by itself, and whether it stands there with a value.
const fn mentions(usage: &[u8], option: &[u8]) -> [bool; 2] {
    let (mut found, mut i) = ([false; 2], 1);
    while i + option.len() < usage.len() {
        let mut same = 0;
        while same < option.len() && usage[i + same] == option[same] {
            same += 1;
        }
        if same == option.len() && matches!(usage[i - 1], b' ' | b'(' | b'`') {
            match usage[i + same] {
                b':' => found[1] = true,
                b',' | b')' => found[0] = true,
                _ => {}
            }
        }
        i += 1;
    }
    found
}

/// What a kind of layer is asked with: what was written, and the shapes of what it reads.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The network's name.
    network: &'a str,
    /// The layer's place in the order of the declaration.
    index: usize,
    definition: &'a Definition,
    before: &'a [Declared],
    input: Dims,
    /// Values that the layer reads: 0 is the network's input, `i + 1` the output of layer `i`.
    operands: [usize; MAX_OPERANDS],
    operand_count: usize,
    usage: &'static str,
    options: &'static [&'static str],
}

impl<'a> Context<'a> {
    /// The question about layer `index`; those before it are known.
    pub const fn new(
        network: &'a str,
        index: usize,
        definition: &'a Definition,
        before: &'a [Declared],
        input: Dims,
    ) -> Self {
        let mut operands = [0; MAX_OPERANDS];
        operands[0] = index;
        let mut context =
            Self { network, index, definition, before, input, operands, operand_count: 1, usage: "", options: &[] };
        if let Some(from) = context.option_word("from") {
            context.operands[0] = context.find(from);
        }
        context
    }

    /// Says how the kind is written, and refuses arguments of another form and options that it does not have.
    /// `from` is everybody's.
    pub const fn expect(mut self, usage: &'static str, positional: usize, options: &'static [&'static str]) -> Self {
        self.usage = usage;
        self.options = options;
        if let Some(text) = self.definition.wrong {
            self.message().text("expected `").text(usage).text("`, found `").text(text).text("`").fail();
        }
        let (mut i, mut plain) = (0, 0);
        while i < self.definition.count {
            let argument = &self.definition.arguments[i];
            let option = if argument.name.is_empty() { argument.text } else { argument.name };
            // Beyond the arguments by position, a word by itself is an option that is switched on.
            if argument.name.is_empty() {
                plain += 1;
            }
            if !argument.name.is_empty() || plain > positional {
                if !self.knows(option) {
                    self.unknown(option);
                }
                let [alone, with_value] = mentions(usage.as_bytes(), option.as_bytes());
                if argument.name.is_empty() && !alone {
                    self.message()
                        .text("`")
                        .text(option)
                        .text("` is given without a value; it is written `")
                        .text(usage)
                        .text("`")
                        .fail();
                }
                if !argument.name.is_empty() && alone && !with_value {
                    self.message()
                        .text("`")
                        .text(option)
                        .text("` takes no value: leave it out or write `")
                        .text(usage)
                        .text("`")
                        .fail();
                }
            }
            let mut j = 0;
            while j < i {
                if !argument.name.is_empty() && same(self.definition.arguments[j].name, argument.name) {
                    self.message().text("`").text(argument.name).text("` is given twice").fail();
                }
                j += 1;
            }
            i += 1;
        }
        self
    }

    const fn knows(&self, name: &str) -> bool {
        let mut i = 0;
        while i < self.options.len() {
            if same(self.options[i], name) {
                return true;
            }
            i += 1;
        }
        same(name, "from")
    }

    const fn unknown(&self, name: &str) -> ! {
        let mut message = self.message().text("`").text(name).text("` is no option of `");
        message = message.text(self.definition.kind).text("`");
        message = match Message::nearest(name, self.options) {
            Some(nearest) => message.text("; did you mean `").text(nearest).text("`? It"),
            None => message.text("; it"),
        };
        message.text(" is written `").text(self.usage).text("`").fail()
    }

    /// A message that begins with the network's name and the layer's.
    pub const fn message(&self) -> Message {
        Message::at_layer(self.network, self.index, self.definition.name)
    }

    /// The name that was given, or that of the kind.
    pub const fn name(&self) -> &'static str {
        self.definition.name
    }

    /// The kind, as it was written.
    pub const fn kind(&self) -> &'static str {
        self.definition.kind
    }

    /// The shape of the value that the layer reads first.
    pub const fn input(&self) -> Dims {
        self.dims(self.operands[0])
    }

    /// Whether the layer reads the network's input first.
    pub const fn is_first(&self) -> bool {
        self.operands[0] == 0
    }

    /// The values that the layer reads, and how many.
    pub const fn operands(&self) -> ([usize; MAX_OPERANDS], usize) {
        (self.operands, self.operand_count)
    }

    /// The shape of value `value`.
    pub const fn dims(&self, value: usize) -> Dims {
        if value == 0 { self.input } else { self.before[value - 1].layer.output }
    }

    /// The layer that gives value `value`, if one does.
    pub const fn producer(&self, value: usize) -> Option<&Layer> {
        if value == 0 { None } else { Some(&self.before[value - 1].layer) }
    }

    /// The value of a name: that of the last layer before this one which has it, or `input`.
    pub const fn find(&self, name: &str) -> usize {
        let mut i = self.index;
        while i > 0 {
            i -= 1;
            if same(self.before[i].layer.name, name) {
                return i + 1;
            }
        }
        if same(name, "input") {
            return 0;
        }
        let mut message = self.message().text("no earlier layer is named `").text(name).text("`");
        let mut names = ["input"; 64];
        let mut i = 0;
        while i < self.index && i < 63 {
            names[i] = self.before[self.index - 1 - i].layer.name;
            i += 1;
        }
        if let Some(nearest) = Message::nearest(name, &names) {
            message = message.text("; did you mean `").text(nearest).text("`?");
        }
        message.fail()
    }

    /// The layer reads the values named by all its arguments without a colon too.
    pub const fn read_named(mut self) -> Self {
        let mut i = 0;
        while i < self.definition.count {
            let argument = &self.definition.arguments[i];
            if argument.name.is_empty() {
                if self.operand_count == MAX_OPERANDS {
                    self.message().text("reads more than ").number(MAX_OPERANDS).text(" values").fail();
                }
                self.operands[self.operand_count] = self.find(argument.text);
                self.operand_count += 1;
            }
            i += 1;
        }
        if self.operand_count == 1 {
            self.message().text("expected the name of an earlier layer: `").text(self.usage).text("`").fail();
        }
        self
    }

    const fn positional(&self, at: usize) -> Option<&Argument> {
        let (mut i, mut plain) = (0, 0);
        while i < self.definition.count {
            if self.definition.arguments[i].name.is_empty() {
                if plain == at {
                    return Some(&self.definition.arguments[i]);
                }
                plain += 1;
            }
            i += 1;
        }
        None
    }

    const fn option(&self, name: &str) -> Option<&Argument> {
        let mut i = 0;
        while i < self.definition.count {
            if same(self.definition.arguments[i].name, name) {
                return Some(&self.definition.arguments[i]);
            }
            i += 1;
        }
        None
    }

    /// The word of an option, as it was written.
    pub const fn option_word(&self, name: &str) -> Option<&'static str> {
        match self.option(name) {
            Some(argument) => Some(argument.text),
            None => None,
        }
    }

    /// Whether a word stands among the arguments by itself: `winograd`, `sequences`.
    pub const fn has_flag(&self, word: &str) -> bool {
        let mut i = 0;
        while i < self.definition.count {
            let argument = &self.definition.arguments[i];
            if argument.name.is_empty() && same(argument.text, word) {
                return true;
            }
            i += 1;
        }
        false
    }

    /// The axes of an argument by position, in brackets.
    pub const fn axes(&self, at: usize, what: &str) -> Dims {
        match self.positional(at) {
            Some(Argument { value: Value::Sizes(sizes, count), .. }) if *count >= 1 && *count <= 4 => {
                Dims::new(sizes.split_at(*count).0)
            }
            Some(argument) => self
                .message()
                .text(what)
                .text(": expected 1 to 4 sizes in brackets, found `")
                .text(argument.text)
                .text("`")
                .fail(),
            None => self.missing(),
        }
    }

    /// An option that is `yes` or `no`.
    pub const fn switch(&self, name: &str, default: bool) -> bool {
        match self.option_word(name) {
            None => default,
            Some(word) if same(word, "yes") => true,
            Some(word) if same(word, "no") => false,
            Some(word) => {
                self.message().text("`").text(name).text(": ").text(word).text("`: expected `yes` or `no`").fail()
            }
        }
    }

    /// The number of an option.
    pub const fn option_number(&self, name: &str, default: f64) -> f64 {
        match self.option(name) {
            None => default,
            Some(Argument { value: Value::Number(number), .. }) => *number,
            Some(argument) => self.no_number(name, argument.text),
        }
    }

    /// The whole number of an option.
    pub const fn option_size(&self, name: &str, default: usize) -> usize {
        match self.option(name) {
            None => default,
            Some(Argument { value: Value::Number(number), text, .. }) => self.whole(name, *number, text),
            Some(argument) => self.no_number(name, argument.text),
        }
    }

    /// The whole number of an argument by position, at least 1.
    pub const fn size(&self, at: usize, what: &str) -> usize {
        let size = match self.positional(at) {
            Some(Argument { value: Value::Number(number), text, .. }) => self.whole(what, *number, text),
            Some(argument) => self.no_number(what, argument.text),
            None => self.missing(),
        };
        if size == 0 {
            self.message().text("0 ").text(what).text("; expected at least 1").fail();
        }
        size
    }

    /// The number of an argument by position.
    pub const fn number(&self, at: usize, what: &str) -> f64 {
        match self.positional(at) {
            Some(Argument { value: Value::Number(number), .. }) => *number,
            Some(argument) => self.no_number(what, argument.text),
            None => self.missing(),
        }
    }

    const fn missing(&self) -> ! {
        self.message().text("an argument is missing; expected `").text(self.usage).text("`").fail()
    }

    const fn no_number(&self, what: &str, text: &str) -> ! {
        self.message().text(what).text(": expected a number, found `").text(text).text("`").fail()
    }

    const fn whole(&self, what: &str, number: f64, text: &str) -> usize {
        if number >= 0.0 && number <= u32::MAX as f64 && number as usize as f64 == number {
            return number as usize;
        }
        self.message().text(what).text(": expected a whole number, found `").text(text).text("`").fail()
    }

    /// The rows and columns of an argument by position: `3x3`, or `3` for both.
    pub const fn pair(&self, at: usize, what: &str) -> [usize; 2] {
        match self.positional(at) {
            Some(argument) => self.parse_pair(what, argument),
            None => self.missing(),
        }
    }

    /// The rows and columns of an option.
    pub const fn option_pair(&self, name: &str, default: [usize; 2]) -> [usize; 2] {
        match self.option(name) {
            Some(argument) => self.parse_pair(name, argument),
            None => default,
        }
    }

    /// The steps of an option over time: one number, at least 1.
    pub const fn option_steps(&self, name: &str, default: usize) -> usize {
        let [first, steps] = self.option_pair(name, [default; 2]);
        if first != steps {
            self.message().text(name).text(": expected a number of steps, found ").pair([first, steps]).fail();
        }
        steps
    }

    /// `"3x5"` or `"3"` as `[3, 5]` or `[3, 3]`, each at least 1.
    const fn parse_pair(&self, what: &str, argument: &Argument) -> [usize; 2] {
        if let Value::Number(number) = argument.value {
            let size = self.whole(what, number, argument.text);
            return [self.not_zero(what, size), size];
        }
        let text = argument.text.as_bytes();
        let (mut pair, mut at, mut i, mut digits) = ([0, 0], 0, 0, 0);
        while i < text.len() {
            match text[i] {
                digit @ b'0'..=b'9' if digits < 9 => {
                    pair[at] = pair[at] * 10 + (digit - b'0') as usize;
                    digits += 1;
                }
                b'x' if at == 0 && digits > 0 => {
                    at = 1;
                    digits = 0;
                }
                _ => self.no_pair(what, argument.text),
            }
            i += 1;
        }
        if digits == 0 {
            self.no_pair(what, argument.text);
        }
        if at == 0 {
            pair[1] = pair[0];
        }
        [self.not_zero(what, pair[0]), self.not_zero(what, pair[1])]
    }

    const fn no_pair(&self, what: &str, text: &str) -> ! {
        self.message()
            .text(what)
            .text(": expected a size such as `3x3`, or `3` for both sides, found `")
            .text(text)
            .text("`")
            .fail()
    }

    const fn not_zero(&self, what: &str, size: usize) -> usize {
        if size == 0 {
            self.message().text(what).text(" 0; expected at least 1").fail();
        }
        size
    }

    /// `padding: same`, `valid` or `[top, bottom, left, right]`.
    pub const fn padding(&self) -> Padding {
        match self.option("padding") {
            None => Padding::Valid,
            Some(Argument { value: Value::Sizes([top, bottom, left, right], 4), .. }) => {
                Padding::Explicit { top: *top, bottom: *bottom, left: *left, right: *right }
            }
            Some(argument) if same(argument.text, "same") => Padding::Same,
            Some(argument) if same(argument.text, "valid") => Padding::Valid,
            Some(argument) => self
                .message()
                .text("padding: expected `valid`, `same` or `[top, bottom, left, right]`, found `")
                .text(argument.text)
                .text("`")
                .fail(),
        }
    }

    /// Height, width and channels of the input.
    pub const fn image(&self) -> [usize; 3] {
        let input = self.input();
        if input.rank() != 3 {
            self.message().text("expected an input of height x width x channels, found ").dims(&input).fail();
        }
        [input.axis(0), input.axis(1), input.axis(2)]
    }

    /// Steps and channels of the input.
    pub const fn sequence(&self) -> [usize; 2] {
        let input = self.input();
        if input.rank() != 2 {
            self.message().text("expected an input of time x channels, found ").dims(&input).fail();
        }
        [input.axis(0), input.axis(1)]
    }

    /// What a kernel's `validate` refuses, said with the layer's name.
    pub const fn check(&self, result: Result<(), crate::kernels::ShapeError>) {
        if let Err(error) = result {
            self.message()
                .text(error.operation)
                .text(": ")
                .text(error.argument)
                .text(": expected ")
                .text(error.relation.words())
                .number(error.expected)
                .text(", found ")
                .number(error.found)
                .text(" (input ")
                .dims(&self.input())
                .text(")")
                .fail();
        }
    }
}
