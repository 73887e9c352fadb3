//! What is in a file: tensors and operators, read where they lie.

use super::{
    Error, Found, Operator, Type,
    flatbuffer::{Table, Vector},
};
use crate::shape::{Dims, MAX_RANK};

/// The most elements of a tensor: what a 32-bit machine can hold, and an offset can express.
const MOST: usize = (1 << 30) - 1;

/// A TensorFlow Lite file, checked.
///
/// ```
/// use kernlet::tflite::Model;
/// let file = std::fs::read("tests/data/tflite/digits.tflite")?;
/// let model = Model::parse(&file)?;
/// let input = model.input(0)?;
/// assert_eq!((input.dims().to_string(), input.kind().to_string()), ("1×28×28×1".into(), "INT8".into()));
/// assert_eq!(model.operator(0)?.operator().to_string(), "CONV_2D");
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Clone, Copy)]
pub struct Model<'a> {
    pub(super) file: &'a [u8],
    codes: Vector<'a>,
    graphs: Vector<'a>,
    tensors: Vector<'a>,
    operators: Vector<'a>,
    /// Those, and what comes after the last that is run.
    whole: Vector<'a>,
    buffers: Vector<'a>,
    inputs: Vector<'a>,
    outputs: Vector<'a>,
}

impl core::fmt::Debug for Model<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Model")
            .field("bytes", &self.file.len())
            .field("tensors", &self.tensors.len())
            .field("operators", &self.operators.len())
            .finish_non_exhaustive()
    }
}

impl<'a> Model<'a> {
    /// The tables of a file; its operators are not checked.
    pub(super) const fn open(file: &'a [u8]) -> Result<Self, Error> {
        match file.split_at_checked(4) {
            Some((_, [b'T', b'F', b'L', b'3', ..])) => {}
            _ => return Err(Error::Identifier),
        }
        if file.len() > i32::MAX as usize {
            return Err(Error::Model {
                expected: "a file of less than 2 GiB",
                found: Found::Number(file.len() as i64),
            });
        }
        let root = tri!(Table::root(file));
        let none = Vector::EMPTY;
        Self {
            file,
            codes: tri!(root.vector(1, 4, "the list of operator codes")),
            graphs: tri!(root.vector(2, 4, "the list of subgraphs")),
            buffers: tri!(root.vector(4, 4, "the list of buffers")),
            tensors: none,
            inputs: none,
            outputs: none,
            operators: none,
            whole: none,
        }
        .graph(0)
    }

    /// Subgraph `index` of the same file.
    pub(super) const fn graph(&self, index: usize) -> Result<Self, Error> {
        let graph = tri!(self.graphs.table(index, "subgraph"));
        let operators = tri!(graph.vector(3, 4, "the list of operators"));
        Ok(Self {
            tensors: tri!(graph.vector(0, 4, "the list of tensors")),
            inputs: tri!(graph.vector(1, 4, "the list of inputs")),
            outputs: tri!(graph.vector(2, 4, "the list of outputs")),
            operators,
            whole: operators,
            ..*self
        })
    }

    /// The model with what comes after the last operator that is run.
    pub(super) const fn whole(&self) -> Self {
        Self { operators: self.whole, ..*self }
    }

    /// The bytes that it was read from.
    pub const fn file(&self) -> &'a [u8] {
        self.file
    }

    /// The number of tensors.
    pub const fn tensors(&self) -> usize {
        self.tensors.len()
    }

    /// The number of operators.
    pub const fn operators(&self) -> usize {
        self.operators.len()
    }

    /// The number of inputs.
    pub const fn inputs(&self) -> usize {
        self.inputs.len()
    }

    /// The number of outputs.
    pub const fn outputs(&self) -> usize {
        self.outputs.len()
    }

    /// Input `index`.
    ///
    /// # Errors
    /// If there is none, or the file is damaged there.
    pub const fn input(&self, index: usize) -> Result<Tensor<'a>, Error> {
        self.port(&self.inputs, index)
    }

    /// Output `index`.
    ///
    /// # Errors
    /// As [`Self::input`].
    pub const fn output(&self, index: usize) -> Result<Tensor<'a>, Error> {
        self.port(&self.outputs, index)
    }

    const fn port(&self, ports: &Vector<'a>, index: usize) -> Result<Tensor<'a>, Error> {
        match ports.int(index) {
            Some(tensor) if tensor >= 0 => self.tensor(tensor as usize),
            Some(tensor) => {
                Err(Error::Model { expected: "a tensor as input or output", found: Found::Number(tensor as i64) })
            }
            None => Err(Error::Port { index, len: ports.len() }),
        }
    }

    /// The model up to an operator, whose outputs become the model's: features for layers that learn on a device.
    ///
    /// The file is the same; later operators are not run, and their memory is not planned. See
    /// [`tflite!`](crate::tflite!) for the same at compile time.
    ///
    /// # Errors
    /// If there is no such operator, or the file is damaged there.
    ///
    /// ```
    /// use kernlet::{simd::Level, tflite::Model};
    /// # let file = std::fs::read("tests/data/tflite/digits.tflite")?;
    /// let model = Model::parse(&file)?;
    /// let features = model.up_to(0)?;
    /// assert_eq!((features.operators(), features.output(0)?.dims().to_string()), (1, "1×14×14×8".into()));
    /// let mut arena = vec![0; features.arena_bytes()?];
    /// let mut runner = features.runner(Level::detect(), &mut arena)?;
    /// runner.quantize_input(0, &[0.5; 784])?;
    /// runner.invoke()?;
    /// let mut floats = [0.0; 14 * 14 * 8];
    /// runner.dequantize_output(0, &mut floats)?;
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    pub const fn up_to(&self, operator: usize) -> Result<Self, Error> {
        let node = tri!(self.operator(operator));
        tri!(node.output(0));
        Ok(Self { operators: self.operators.first(operator + 1), outputs: node.outputs, ..*self })
    }

    /// Tensor `index`.
    ///
    /// # Errors
    /// If there is none, the file is damaged there, or its shape is not known or too large.
    ///
    /// ```
    /// # use kernlet::tflite::Model;
    /// # let file = std::fs::read("tests/data/tflite/digits.tflite")?;
    /// let model = Model::parse(&file)?;
    /// for index in 0..model.tensors() {
    ///     let tensor = model.tensor(index)?;
    ///     println!("{}: {} of {}", tensor.name(), tensor.dims(), tensor.kind());
    /// }
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    pub const fn tensor(&self, index: usize) -> Result<Tensor<'a>, Error> {
        let table = tri!(self.tensors.table(index, "tensor"));
        let dims = tri!(dims(&tri!(table.vector(0, 4, "a tensor's shape")), index));
        let kind = Type::new(tri!(table.byte(1, 0, "a tensor's type")));
        let buffer = tri!(self.buffers.table(tri!(table.int(2, 0, "a tensor's buffer")) as u32 as usize, "buffer"));
        if tri!(buffer.int(1, 0, "a buffer's offset")) as u32 > 1 {
            return Err(Error::Tensor { index, expected: "data in the model's tables", found: Found::Other });
        }
        let data = tri!(buffer.vector(0, 1, "a buffer's data"));
        let variable = tri!(table.flag(5, "a tensor's variable"));
        let mut tensor = Tensor {
            index,
            kind,
            dims,
            scales: Vector::EMPTY,
            zero_points: Vector::EMPTY,
            axis: 0,
            data: None,
            variable,
            name: tri!(table.vector(3, 1, "a tensor's name")),
        };
        if let Some(quantization) = tri!(table.table(4, "a tensor's quantization")) {
            tensor.scales = tri!(quantization.vector(2, 4, "a tensor's scales"));
            tensor.zero_points = tri!(quantization.vector(3, 8, "a tensor's zero points"));
            tensor.axis = tri!(quantization.int(6, 0, "a tensor's quantized axis")) as u32 as usize;
        }
        if data.len() > 0 {
            let (Some(size), expected) = (kind.size(), "as much data as the shape says") else {
                return Ok(tensor);
            };
            if data.len() != size * dims.len() {
                return Err(Error::Tensor { index, expected, found: Found::Number(data.len() as i64) });
            }
            if variable {
                let expected = "a variable without data in the file";
                return Err(Error::Tensor { index, expected, found: Found::Number(data.len() as i64) });
            }
            tensor.data = Some(data);
        }
        Ok(tensor)
    }

    /// Operator `index`.
    ///
    /// # Errors
    /// If there is none, or the file is damaged there.
    pub const fn operator(&self, index: usize) -> Result<Node<'a>, Error> {
        let table = tri!(self.operators.table(index, "operator"));
        let code = tri!(self.codes.table(tri!(table.int(0, 0, "an operator's code")) as u32 as usize, "operator code"));
        let old = tri!(code.byte(0, 0, "an operator's old code")) as i8 as i32;
        let new = tri!(code.int(3, 0, "an operator's code"));
        let operator = Operator::new(if old > new { old } else { new } as u32);
        Ok(Node {
            model: *self,
            index,
            operator,
            inputs: tri!(table.vector(1, 4, "an operator's inputs")),
            outputs: tri!(table.vector(2, 4, "an operator's outputs")),
            options: tri!(table.table(4, "an operator's options")),
        })
    }
}

/// The axes of a shape, whose product is at most [`MOST`].
const fn dims(shape: &Vector<'_>, index: usize) -> Result<Dims, Error> {
    let rank = shape.len();
    if rank > MAX_RANK {
        return Err(Error::Tensor { index, expected: "6 axes at most", found: Found::Number(rank as i64) });
    }
    let (mut sizes, mut len, mut i) = ([0; MAX_RANK], 1_usize, 0);
    while i < rank && i < MAX_RANK {
        match shape.int(i) {
            Some(size) if size >= 0 => sizes[i] = size as usize,
            Some(size) => {
                let expected = "a shape that does not depend on the input";
                return Err(Error::Tensor { index, expected, found: Found::Number(size as i64) });
            }
            None => return Err(Error::Offset { what: "a tensor's shape", at: shape.position() }),
        }
        // An axis of 0 hides no overflow of the others.
        len = match len.checked_mul(if sizes[i] == 0 { 1 } else { sizes[i] }) {
            Some(len) if len <= MOST => len,
            _ => {
                let expected = "less than 2^30 elements";
                return Err(Error::Tensor { index, expected, found: Found::Number(sizes[i] as i64) });
            }
        };
        i += 1;
    }
    match sizes.split_at_checked(rank) {
        Some((sizes, _)) => Ok(Dims::new(sizes)),
        None => Err(Error::Program),
    }
}

/// A tensor: shape, type, quantisation, and its data if it is a constant.
#[derive(Clone, Copy)]
pub struct Tensor<'a> {
    pub(super) index: usize,
    pub(super) kind: Type,
    pub(super) dims: Dims,
    pub(super) scales: Vector<'a>,
    pub(super) zero_points: Vector<'a>,
    pub(super) axis: usize,
    /// Constants have data.
    pub(super) data: Option<Vector<'a>>,
    pub(super) variable: bool,
    name: Vector<'a>,
}

impl core::fmt::Debug for Tensor<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "tensor {} {}: {} of {}", self.index, self.name(), self.dims, self.kind)
    }
}

impl<'a> Tensor<'a> {
    /// Its index in the model.
    pub const fn index(&self) -> usize {
        self.index
    }

    /// Its name; empty where it has none that can be read.
    pub fn name(&self) -> &'a str {
        core::str::from_utf8(self.name.bytes()).unwrap_or_default()
    }

    /// Its shape.
    pub const fn dims(&self) -> Dims {
        self.dims
    }

    /// The type of its elements.
    pub const fn kind(&self) -> Type {
        self.kind
    }

    /// Whether its data are in the file.
    pub const fn is_constant(&self) -> bool {
        self.data.is_some()
    }

    /// The bytes of a constant, where they lie in the file.
    ///
    /// ```
    /// # use kernlet::tflite::Model;
    /// # let file = std::fs::read("tests/data/tflite/digits.tflite")?;
    /// let weights = Model::parse(&file)?.operator(0)?.input(1)?;
    /// assert_eq!(weights.data().map(<[u8]>::len), Some(5 * 5 * 8));
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    pub const fn data(&self) -> Option<&'a [u8]> {
        match self.data {
            Some(data) => Some(data.bytes()),
            None => None,
        }
    }

    /// The (first) scale: real = scale · (q − zero point); 0 where it is not quantised.
    pub const fn scale(&self) -> f32 {
        match self.scales.float(0) {
            Some(scale) => scale,
            None => 0.0,
        }
    }

    /// The (first) zero point.
    pub const fn zero_point(&self) -> i32 {
        match self.zero_points.long(0) {
            Some(zero) => zero,
            None => 0,
        }
    }

    /// The size of axis `i`, 1 beyond the last.
    pub(super) const fn axis(&self, i: usize) -> usize {
        let sizes = self.dims.as_slice();
        if i < sizes.len() { sizes[i] } else { 1 }
    }

    /// Bytes of its elements; 0 where they are not whole bytes.
    pub const fn bytes(&self) -> usize {
        match self.kind.size() {
            Some(size) => size * self.dims.len(),
            None => 0,
        }
    }

    /// Element `i` of a constant of integers.
    pub(super) const fn constant(&self, i: usize) -> Option<i32> {
        match self.data {
            Some(data) if i < self.dims.len() => {
                if self.kind.is(Type::INT32) {
                    data.words().int(i)
                } else if self.kind.is(Type::INT64) {
                    data.longs().long(i)
                } else if self.kind.is(Type::INT8) {
                    data.byte(i)
                } else {
                    None
                }
            }
            _ => None,
        }
    }

    /// Whether both have the same shape.
    pub(super) const fn same_shape(&self, other: &Tensor<'_>) -> bool {
        let (a, b) = (self.dims.as_slice(), other.dims.as_slice());
        if a.len() != b.len() {
            return false;
        }
        let mut i = 0;
        while i < a.len() {
            if a[i] != b[i] {
                return false;
            }
            i += 1;
        }
        true
    }
}

/// An operator in a model: which, what it reads and writes, its options.
///
/// ```
/// # use kernlet::tflite::Model;
/// # let file = std::fs::read("tests/data/tflite/digits.tflite")?;
/// let model = Model::parse(&file)?;
/// let first = model.operator(0)?;
/// assert_eq!((first.inputs(), first.outputs()), (3, 1)); // image, weights, bias
/// assert_eq!(first.output(0)?.dims().to_string(), "1×14×14×8");
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Clone, Copy)]
pub struct Node<'a> {
    pub(super) model: Model<'a>,
    pub(super) index: usize,
    pub(super) operator: Operator,
    pub(super) inputs: Vector<'a>,
    pub(super) outputs: Vector<'a>,
    options: Option<Table<'a>>,
}

impl core::fmt::Debug for Node<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "operator {}, {}", self.index, self.operator)
    }
}

impl<'a> Node<'a> {
    /// Which operator.
    pub const fn operator(&self) -> Operator {
        self.operator
    }

    /// How many inputs it has, including absent ones.
    pub const fn inputs(&self) -> usize {
        self.inputs.len()
    }

    /// How many outputs it has.
    pub const fn outputs(&self) -> usize {
        self.outputs.len()
    }

    /// Input `index`.
    ///
    /// # Errors
    /// If there is none, or the file is damaged there.
    pub const fn input(&self, index: usize) -> Result<Tensor<'a>, Error> {
        match tri!(self.optional(index)) {
            Some(tensor) => Ok(tensor),
            None => Err(self.fail("another input", Found::Number(self.inputs.len() as i64))),
        }
    }

    /// Input `index`, if it is there.
    ///
    /// # Errors
    /// If the file is damaged there.
    pub const fn optional(&self, index: usize) -> Result<Option<Tensor<'a>>, Error> {
        match self.inputs.int(index) {
            Some(tensor) if tensor >= 0 => Ok(Some(tri!(self.model.tensor(tensor as usize)))),
            _ => Ok(None),
        }
    }

    /// Output `index`.
    ///
    /// # Errors
    /// If there is none, or the file is damaged there.
    pub const fn output(&self, index: usize) -> Result<Tensor<'a>, Error> {
        match self.outputs.int(index) {
            Some(tensor) if tensor >= 0 => {
                let tensor = tri!(self.model.tensor(tensor as usize));
                if tensor.data.is_some() {
                    return Err(self.fail("an output that is no constant", Found::Other));
                }
                Ok(tensor)
            }
            _ => Err(self.fail("another output", Found::Number(self.outputs.len() as i64))),
        }
    }

    /// An error about this operator.
    pub(super) const fn fail(&self, expected: &'static str, found: Found) -> Error {
        Error::Operator { operator: self.operator, index: self.index, expected, found }
    }

    /// Fails where a tensor is of another type.
    pub(super) const fn expect(&self, tensor: &Tensor<'_>, kind: Type, expected: &'static str) -> Result<(), Error> {
        if tensor.kind.is(kind) { Ok(()) } else { Err(self.fail(expected, Found::Type(tensor.kind))) }
    }

    /// Fails where `found` is not `wanted`.
    pub(super) const fn equal(&self, found: usize, wanted: usize, expected: &'static str) -> Result<(), Error> {
        if found == wanted { Ok(()) } else { Err(self.fail(expected, Found::Number(found as i64))) }
    }

    /// An option of four bytes.
    pub(super) const fn int(&self, id: usize, default: i32) -> Result<i32, Error> {
        match &self.options {
            Some(options) => options.int(id, default, "an option"),
            None => Ok(default),
        }
    }

    /// An option of one byte.
    pub(super) const fn byte(&self, id: usize) -> Result<u8, Error> {
        match &self.options {
            Some(options) => options.byte(id, 0, "an option"),
            None => Ok(0),
        }
    }

    /// An option that is a float.
    pub(super) const fn float(&self, id: usize, default: f32) -> Result<f32, Error> {
        match &self.options {
            Some(options) => options.float(id, default, "an option"),
            None => Ok(default),
        }
    }

    /// An option that is a string, if it is there.
    pub(super) const fn text(&self, id: usize) -> Result<Option<Vector<'a>>, Error> {
        match &self.options {
            Some(options) => options.optional_vector(id, 1, "an option"),
            None => Ok(None),
        }
    }

    /// An option that counts something: 1 or more.
    pub(super) const fn count(&self, id: usize, default: i32, expected: &'static str) -> Result<usize, Error> {
        let found = tri!(self.int(id, default));
        if found > 0 { Ok(found as usize) } else { Err(self.fail(expected, Found::Number(found as i64))) }
    }
}
