//! What is in a file: tensors and operators by the numbers of TensorFlow Lite's schema.

use alloc::{string::String, vec::Vec};

use super::flatbuffer::{At, Builder, Field};

/// Builtin operators: code in the schema, and the first version of it that supports int8.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Code(pub(super) i32, pub(super) i32);

impl Code {
    pub(super) const ADD: Self = Self(0, 2);
    pub(super) const AVERAGE_POOL_2D: Self = Self(1, 2);
    pub(super) const CONCATENATION: Self = Self(2, 2);
    pub(super) const CONV_2D: Self = Self(3, 3);
    pub(super) const DEPTHWISE_CONV_2D: Self = Self(4, 3);
    /// With a scale for each row of the weights.
    pub(super) const FULLY_CONNECTED: Self = Self(9, 12);
    pub(super) const LOGISTIC: Self = Self(14, 2);
    pub(super) const MAX_POOL_2D: Self = Self(17, 2);
    pub(super) const MUL: Self = Self(18, 2);
    pub(super) const RELU: Self = Self(19, 2);
    pub(super) const RELU6: Self = Self(21, 2);
    pub(super) const RESHAPE: Self = Self(22, 1);
    pub(super) const SOFTMAX: Self = Self(25, 2);
    pub(super) const TANH: Self = Self(28, 2);
    pub(super) const PAD: Self = Self(34, 2);
    pub(super) const MEAN: Self = Self(40, 2);
    pub(super) const LEAKY_RELU: Self = Self(98, 2);
    pub(super) const ELU: Self = Self(111, 1);
    pub(super) const QUANTIZE: Self = Self(114, 2);
    pub(super) const HARD_SWISH: Self = Self(117, 1);
}

/// A fused activation, by its number in the schema.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fused {
    None = 0,
    Relu = 1,
    Relu6 = 3,
}

/// How a window meets the border, by its number in the schema.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Border {
    Same = 0,
    Valid = 1,
}

/// The options of an operator; pairs are rows, columns.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Options {
    None,
    Conv { border: Border, stride: [usize; 2], dilation: [usize; 2], fused: Fused },
    Depthwise { border: Border, stride: [usize; 2], dilation: [usize; 2], multiplier: usize, fused: Fused },
    Pool { border: Border, stride: [usize; 2], window: [usize; 2] },
    Dense { fused: Fused },
    Softmax,
    Concat { axis: i32 },
    Add { fused: Fused },
    Mul { fused: Fused },
    Reshape { shape: Vec<i32> },
    Mean,
    LeakyRelu { slope: f32 },
    Pad,
    Quantize,
    HardSwish,
}

impl Options {
    /// The number of their kind in the schema, and the table.
    fn write(&self, out: &mut Builder) -> Option<(u8, At)> {
        let int = |size: usize| Field::Int(size as i32);
        let (kind, fields) = match self {
            Self::None => return None,
            Self::Conv { border, stride, dilation, fused } => (
                1,
                alloc::vec![
                    (0, Field::Byte(*border as u8)),
                    (1, int(stride[1])),
                    (2, int(stride[0])),
                    (3, Field::Byte(*fused as u8)),
                    (4, int(dilation[1])),
                    (5, int(dilation[0])),
                ],
            ),
            Self::Depthwise { border, stride, dilation, multiplier, fused } => (
                2,
                alloc::vec![
                    (0, Field::Byte(*border as u8)),
                    (1, int(stride[1])),
                    (2, int(stride[0])),
                    (3, int(*multiplier)),
                    (4, Field::Byte(*fused as u8)),
                    (5, int(dilation[1])),
                    (6, int(dilation[0])),
                ],
            ),
            Self::Pool { border, stride, window } => (
                5,
                alloc::vec![
                    (0, Field::Byte(*border as u8)),
                    (1, int(stride[1])),
                    (2, int(stride[0])),
                    (3, int(window[1])),
                    (4, int(window[0])),
                ],
            ),
            Self::Dense { fused } => (8, alloc::vec![(0, Field::Byte(*fused as u8))]),
            Self::Softmax => (9, alloc::vec![(0, Field::Float(1.0))]),
            Self::Concat { axis } => (10, alloc::vec![(0, Field::Int(*axis))]),
            Self::Add { fused } => (11, alloc::vec![(0, Field::Byte(*fused as u8))]),
            Self::Reshape { shape } => (17, alloc::vec![(0, Field::At(out.ints(shape)))]),
            Self::Mul { fused } => (21, alloc::vec![(0, Field::Byte(*fused as u8))]),
            Self::Pad => (22, Vec::new()),
            Self::Mean => (27, alloc::vec![(0, Field::Byte(0))]),
            Self::LeakyRelu { slope } => (75, alloc::vec![(0, Field::Float(*slope))]),
            Self::Quantize => (89, Vec::new()),
            Self::HardSwish => (91, Vec::new()),
        };
        Some((kind, out.table(&fields)))
    }
}

/// The type of a tensor's elements, by its number in the schema.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Int32 = 2,
    Int8 = 9,
}

/// A tensor.
#[derive(Clone, Debug)]
pub(super) struct Tensor {
    pub(super) name: String,
    pub(super) shape: Vec<i32>,
    pub(super) kind: Kind,
    /// None where it is not quantised.
    pub(super) scales: Vec<f32>,
    pub(super) zero_point: i32,
    /// The axis that has several scales.
    pub(super) axis: i32,
    /// Constants have data.
    pub(super) data: Vec<u8>,
}

/// An operator.
#[derive(Clone, Debug)]
pub(super) struct Operator {
    pub(super) code: Code,
    pub(super) inputs: Vec<i32>,
    pub(super) output: i32,
    pub(super) options: Options,
}

/// A model.
#[derive(Clone, Debug, Default)]
pub(super) struct Graph {
    pub(super) name: String,
    pub(super) tensors: Vec<Tensor>,
    pub(super) operators: Vec<Operator>,
    pub(super) input: i32,
    pub(super) outputs: Vec<i32>,
}

impl Graph {
    /// The bytes of a `.tflite` file.
    pub(super) fn write(&self) -> Vec<u8> {
        let mut out = Builder::new();
        // Buffer 0 is the empty one of all values that are no constants.
        let mut buffers = alloc::vec![out.table(&[])];
        let mut tensors = Vec::new();
        for tensor in &self.tensors {
            let mut buffer = 0;
            if !tensor.data.is_empty() {
                let data = out.data(&tensor.data);
                buffer = buffers.len();
                buffers.push(out.table(&[(0, Field::At(data))]));
            }
            tensors.push(tensor.write(buffer, &mut out));
        }
        let mut codes: Vec<Code> = Vec::new();
        let mut operators = Vec::new();
        for operator in &self.operators {
            let code = codes.iter().position(|code| *code == operator.code).unwrap_or_else(|| {
                codes.push(operator.code);
                codes.len() - 1
            });
            operators.push(operator.write(code, &mut out));
        }
        let codes: Vec<At> = codes
            .iter()
            .map(|code| {
                // Codes below 127 stand in the old field, too.
                let old = code.0.min(127) as u8;
                out.table(&[(0, Field::Byte(old)), (2, Field::Int(code.1)), (3, Field::Int(code.0))])
            })
            .collect();
        let name = out.text("main");
        let subgraph = [
            (0, Field::At(out.list(&tensors))),
            (1, Field::At(out.ints(&[self.input]))),
            (2, Field::At(out.ints(&self.outputs))),
            (3, Field::At(out.list(&operators))),
            (4, Field::At(name)),
        ];
        let subgraph = out.table(&subgraph);
        let description = out.text(&self.name);
        let model = [
            (0, Field::Int(3)),
            (1, Field::At(out.list(&codes))),
            (2, Field::At(out.list(&[subgraph]))),
            (3, Field::At(description)),
            (4, Field::At(out.list(&buffers))),
        ];
        let model = out.table(&model);
        out.finish(model, *b"TFL3")
    }
}

impl Tensor {
    fn write(&self, buffer: usize, out: &mut Builder) -> At {
        let (shape, name) = (out.ints(&self.shape), out.text(&self.name));
        let mut fields = alloc::vec![
            (0, Field::At(shape)),
            (1, Field::Byte(self.kind as u8)),
            (2, Field::Int(buffer as i32)),
            (3, Field::At(name)),
        ];
        if !self.scales.is_empty() {
            let scales = out.floats(&self.scales);
            let zero_points = out.longs(&alloc::vec![i64::from(self.zero_point); self.scales.len()]);
            let quantization =
                out.table(&[(2, Field::At(scales)), (3, Field::At(zero_points)), (6, Field::Int(self.axis))]);
            fields.push((4, Field::At(quantization)));
        }
        out.table(&fields)
    }
}

impl Operator {
    fn write(&self, code: usize, out: &mut Builder) -> At {
        let (inputs, output) = (out.ints(&self.inputs), out.ints(&[self.output]));
        let mut fields = alloc::vec![(0, Field::Int(code as i32)), (1, Field::At(inputs)), (2, Field::At(output))];
        if let Some((kind, options)) = self.options.write(out) {
            fields.extend([(3, Field::Byte(kind)), (4, Field::At(options))]);
        }
        out.table(&fields)
    }
}
