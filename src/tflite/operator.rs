//! Operators and element types by their numbers in the schema.

use core::fmt;

/// The names of builtin operators, in the order of their codes.
const NAMES: [&str; 162] = [
    "ADD",
    "AVERAGE_POOL_2D",
    "CONCATENATION",
    "CONV_2D",
    "DEPTHWISE_CONV_2D",
    "DEPTH_TO_SPACE",
    "DEQUANTIZE",
    "EMBEDDING_LOOKUP",
    "FLOOR",
    "FULLY_CONNECTED",
    "HASHTABLE_LOOKUP",
    "L2_NORMALIZATION",
    "L2_POOL_2D",
    "LOCAL_RESPONSE_NORMALIZATION",
    "LOGISTIC",
    "LSH_PROJECTION",
    "LSTM",
    "MAX_POOL_2D",
    "MUL",
    "RELU",
    "RELU_N1_TO_1",
    "RELU6",
    "RESHAPE",
    "RESIZE_BILINEAR",
    "RNN",
    "SOFTMAX",
    "SPACE_TO_DEPTH",
    "SVDF",
    "TANH",
    "CONCAT_EMBEDDINGS",
    "SKIP_GRAM",
    "CALL",
    "CUSTOM",
    "EMBEDDING_LOOKUP_SPARSE",
    "PAD",
    "UNIDIRECTIONAL_SEQUENCE_RNN",
    "GATHER",
    "BATCH_TO_SPACE_ND",
    "SPACE_TO_BATCH_ND",
    "TRANSPOSE",
    "MEAN",
    "SUB",
    "DIV",
    "SQUEEZE",
    "UNIDIRECTIONAL_SEQUENCE_LSTM",
    "STRIDED_SLICE",
    "BIDIRECTIONAL_SEQUENCE_RNN",
    "EXP",
    "TOPK_V2",
    "SPLIT",
    "LOG_SOFTMAX",
    "DELEGATE",
    "BIDIRECTIONAL_SEQUENCE_LSTM",
    "CAST",
    "PRELU",
    "MAXIMUM",
    "ARG_MAX",
    "MINIMUM",
    "LESS",
    "NEG",
    "PADV2",
    "GREATER",
    "GREATER_EQUAL",
    "LESS_EQUAL",
    "SELECT",
    "SLICE",
    "SIN",
    "TRANSPOSE_CONV",
    "SPARSE_TO_DENSE",
    "TILE",
    "EXPAND_DIMS",
    "EQUAL",
    "NOT_EQUAL",
    "LOG",
    "SUM",
    "SQRT",
    "RSQRT",
    "SHAPE",
    "POW",
    "ARG_MIN",
    "FAKE_QUANT",
    "REDUCE_PROD",
    "REDUCE_MAX",
    "PACK",
    "LOGICAL_OR",
    "ONE_HOT",
    "LOGICAL_AND",
    "LOGICAL_NOT",
    "UNPACK",
    "REDUCE_MIN",
    "FLOOR_DIV",
    "REDUCE_ANY",
    "SQUARE",
    "ZEROS_LIKE",
    "FILL",
    "FLOOR_MOD",
    "RANGE",
    "RESIZE_NEAREST_NEIGHBOR",
    "LEAKY_RELU",
    "SQUARED_DIFFERENCE",
    "MIRROR_PAD",
    "ABS",
    "SPLIT_V",
    "UNIQUE",
    "CEIL",
    "REVERSE_V2",
    "ADD_N",
    "GATHER_ND",
    "COS",
    "WHERE",
    "RANK",
    "ELU",
    "REVERSE_SEQUENCE",
    "MATRIX_DIAG",
    "QUANTIZE",
    "MATRIX_SET_DIAG",
    "ROUND",
    "HARD_SWISH",
    "IF",
    "WHILE",
    "NON_MAX_SUPPRESSION_V4",
    "NON_MAX_SUPPRESSION_V5",
    "SCATTER_ND",
    "SELECT_V2",
    "DENSIFY",
    "SEGMENT_SUM",
    "BATCH_MATMUL",
    "PLACEHOLDER_FOR_GREATER_OP_CODES",
    "CUMSUM",
    "CALL_ONCE",
    "BROADCAST_TO",
    "RFFT2D",
    "CONV_3D",
    "IMAG",
    "REAL",
    "COMPLEX_ABS",
    "HASHTABLE",
    "HASHTABLE_FIND",
    "HASHTABLE_IMPORT",
    "HASHTABLE_SIZE",
    "REDUCE_ALL",
    "CONV_3D_TRANSPOSE",
    "VAR_HANDLE",
    "READ_VARIABLE",
    "ASSIGN_VARIABLE",
    "BROADCAST_ARGS",
    "RANDOM_STANDARD_NORMAL",
    "BUCKETIZE",
    "RANDOM_UNIFORM",
    "MULTINOMIAL",
    "GELU",
    "DYNAMIC_UPDATE_SLICE",
    "RELU_0_TO_1",
    "UNSORTED_SEGMENT_PROD",
    "UNSORTED_SEGMENT_MAX",
    "UNSORTED_SEGMENT_SUM",
    "ATAN2",
    "UNSORTED_SEGMENT_MIN",
    "SIGN",
    "BITCAST",
    "BITWISE_XOR",
    "RIGHT_SHIFT",
];

/// An operator by its code in TensorFlow Lite's schema.
///
/// ```
/// use kernlet::tflite::Operator;
/// assert_eq!(Operator::new(3).to_string(), "CONV_2D");
/// assert_eq!(Operator::new(9999).to_string(), "operator code 9999");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Operator(u32);

impl Operator {
    /// The operator of a code, known or not.
    pub const fn new(code: u32) -> Self {
        Self(code)
    }

    /// The code.
    ///
    /// ```
    /// assert_eq!(kernlet::tflite::Operator::new(25).code(), 25);
    /// ```
    pub const fn code(self) -> u32 {
        self.0
    }

    /// The schema's name, if it has one.
    ///
    /// ```
    /// assert_eq!(kernlet::tflite::Operator::new(9).name(), Some("FULLY_CONNECTED"));
    /// ```
    pub const fn name(self) -> Option<&'static str> {
        if (self.0 as usize) < NAMES.len() { Some(NAMES[self.0 as usize]) } else { None }
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "operator code {}", self.0),
        }
    }
}

/// The codes of the operators that are run.
pub(super) mod code {
    macro_rules! codes {
        ($($name:ident = $code:literal),* $(,)?) => { $(pub(in crate::tflite) const $name: u32 = $code;)* };
    }
    codes! {
        ADD = 0, AVERAGE_POOL_2D = 1, CONCATENATION = 2, CONV_2D = 3, DEPTHWISE_CONV_2D = 4, DEPTH_TO_SPACE = 5,
        DEQUANTIZE = 6, FLOOR = 8, FULLY_CONNECTED = 9, L2_NORMALIZATION = 11, L2_POOL_2D = 12, LOGISTIC = 14, MAX_POOL_2D = 17, MUL = 18, RELU = 19,
        RELU_N1_TO_1 = 20, RELU6 = 21, RESHAPE = 22, RESIZE_BILINEAR = 23, SOFTMAX = 25, SPACE_TO_DEPTH = 26,
        SVDF = 27, TANH = 28, PAD = 34, GATHER = 36, BATCH_TO_SPACE_ND = 37, SPACE_TO_BATCH_ND = 38, TRANSPOSE = 39,
        MEAN = 40, SUB = 41, DIV = 42, SQUEEZE = 43, UNIDIRECTIONAL_SEQUENCE_LSTM = 44, STRIDED_SLICE = 45, EXP = 47,
        SPLIT = 49, LOG_SOFTMAX = 50, CAST = 53, PRELU = 54, MAXIMUM = 55, ARG_MAX = 56, MINIMUM = 57, LESS = 58,
        NEG = 59, GREATER = 61, GREATER_EQUAL = 62, LESS_EQUAL = 63,
        PADV2 = 60, SLICE = 65, SIN = 66, TRANSPOSE_CONV = 67, EXPAND_DIMS = 70, EQUAL = 71,
        NOT_EQUAL = 72, LOG = 73, SUM = 74, SQRT = 75,
        RSQRT = 76, SHAPE = 77, ARG_MIN = 79, REDUCE_MAX = 82, PACK = 83, LOGICAL_OR = 84, LOGICAL_AND = 86,
        LOGICAL_NOT = 87, UNPACK = 88, REDUCE_MIN = 89, FLOOR_DIV = 90, SQUARE = 92, FLOOR_MOD = 95,
        ZEROS_LIKE = 93, FILL = 94, RESIZE_NEAREST_NEIGHBOR = 97, LEAKY_RELU = 98, SQUARED_DIFFERENCE = 99,
        MIRROR_PAD = 100, ABS = 101, SPLIT_V = 102, CEIL = 104, REVERSE_V2 = 105, ADD_N = 106, GATHER_ND = 107, COS = 108, ELU = 111, QUANTIZE = 114,
        ROUND = 116, HARD_SWISH = 117, SELECT_V2 = 123, BATCH_MATMUL = 126, CUMSUM = 128, CALL_ONCE = 129, BROADCAST_TO = 130, VAR_HANDLE = 142, READ_VARIABLE = 143,
        ASSIGN_VARIABLE = 144, GELU = 150,
    }
}

/// The type of a tensor's elements.
///
/// ```
/// use kernlet::tflite::Type;
/// assert_eq!(Type::INT8.to_string(), "INT8");
/// assert_eq!(Type::FLOAT32.size(), Some(4));
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Type(u8);

impl fmt::Debug for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

const TYPES: [(&str, u8); 19] = [
    ("FLOAT32", 4),
    ("FLOAT16", 2),
    ("INT32", 4),
    ("UINT8", 1),
    ("INT64", 8),
    ("STRING", 0),
    ("BOOL", 1),
    ("INT16", 2),
    ("COMPLEX64", 8),
    ("INT8", 1),
    ("FLOAT64", 8),
    ("COMPLEX128", 16),
    ("UINT64", 8),
    ("RESOURCE", 0),
    ("VARIANT", 0),
    ("UINT32", 4),
    ("UINT16", 2),
    ("INT4", 0),
    ("BFLOAT16", 2),
];

impl Type {
    /// 32-bit floats.
    pub const FLOAT32: Self = Self(0);
    /// 32-bit integers.
    pub const INT32: Self = Self(2);
    /// Bytes from 0 to 255, as older quantised models have them: not run.
    pub const UINT8: Self = Self(3);
    /// 64-bit integers.
    pub const INT64: Self = Self(4);
    /// True or false, a byte each.
    pub const BOOL: Self = Self(6);
    /// 16-bit integers.
    pub const INT16: Self = Self(7);
    /// Bytes from −128 to 127, with a scale and a zero point.
    pub const INT8: Self = Self(9);
    /// A handle of a variable. It is not a value: it has no bytes.
    pub const RESOURCE: Self = Self(13);

    pub(super) const fn new(code: u8) -> Self {
        Self(code)
    }

    pub(super) const fn code(self) -> u8 {
        self.0
    }

    /// Whether both are the same: `==` in a `const fn`.
    pub(super) const fn is(self, other: Self) -> bool {
        self.0 == other.0
    }

    /// Bytes of an element, if elements are whole bytes.
    pub const fn size(self) -> Option<usize> {
        if (self.0 as usize) < TYPES.len() {
            match TYPES[self.0 as usize].1 {
                0 => None,
                size => Some(size as usize),
            }
        } else {
            None
        }
    }

    /// The schema's name, if it has one.
    ///
    /// ```
    /// assert_eq!(kernlet::tflite::Type::INT32.name(), Some("INT32"));
    /// ```
    pub const fn name(self) -> Option<&'static str> {
        if (self.0 as usize) < TYPES.len() { Some(TYPES[self.0 as usize].0) } else { None }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "type code {}", self.0),
        }
    }
}
