"""Makes the models of `operators/`, each of one operator, and what TensorFlow Lite Micro computes with them.

    python3 -m venv v && v/bin/pip install tflite-micro==0.dev20261023182759 ai-edge-litert==2.3.0 safetensors
    v/bin/python tests/data/tflite/operators.py [NAME...]

Operators that Keras' layers do not become: written table by table, run four times on noise.
"""

import sys
from pathlib import Path

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from safetensors.numpy import save_file
from tflite_micro.python.tflite_micro import runtime

FOLDER = Path(__file__).parent / "operators"
RUNS = 4
TYPES = schema.TensorType
NUMPY = {TYPES.FLOAT32: np.float32, TYPES.INT32: np.int32, TYPES.INT16: np.int16, TYPES.INT8: np.int8, TYPES.BOOL: np.bool_}


class Case:
    """A model of one operator."""

    def __init__(self, code, options_type=0, options=None):
        self.code, self.options_type, self.options = code, options_type, options
        self.tensors, self.buffers = [], [schema.BufferT()]
        self.inputs, self.operands, self.outputs = [], [], []

    def tensor(self, shape, kind, scale=None, zero=0):
        tensor = schema.TensorT()
        tensor.shape, tensor.type, tensor.buffer = list(shape), kind, 0
        tensor.name = f"t{len(self.tensors)}"
        if scale is not None:
            tensor.quantization = schema.QuantizationParametersT()
            tensor.quantization.scale, tensor.quantization.zeroPoint = [scale], [zero]
        self.tensors.append(tensor)
        return len(self.tensors) - 1

    def input(self, *tensor):
        index = self.tensor(*tensor)
        self.inputs.append(index)
        self.operands.append(index)
        return self

    def constant(self, values, kind, scale=None, zero=0, variable=False):
        values = np.asarray(values, NUMPY[kind])
        index = self.tensor(values.shape, kind, scale, zero)
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(values.tobytes(), np.uint8)
        self.buffers.append(buffer)
        self.tensors[index].buffer = len(self.buffers) - 1
        self.operands.append(index)
        return self

    def variable(self, *tensor):
        index = self.tensor(*tensor)
        self.tensors[index].isVariable = True
        self.operands.append(index)
        return self

    def without(self, count):
        """Operands that are left out."""
        self.operands += [-1] * count
        return self

    def output(self, *tensor):
        self.outputs.append(self.tensor(*tensor))
        return self

    def model(self):
        model, graph = schema.ModelT(), schema.SubGraphT()
        model.version, model.buffers, model.subgraphs = 3, self.buffers, [graph]
        code = schema.OperatorCodeT()
        code.builtinCode, code.deprecatedBuiltinCode, code.version = self.code, min(self.code, 127), 1
        model.operatorCodes = [code]
        operator = schema.OperatorT()
        operator.opcodeIndex, operator.inputs, operator.outputs = 0, self.operands, self.outputs
        operator.builtinOptionsType, operator.builtinOptions = self.options_type, self.options
        graph.tensors, graph.operators = self.tensors, [operator]
        graph.inputs, graph.outputs = self.inputs, self.outputs
        builder = flatbuffers.Builder(1024)
        builder.Finish(model.Pack(builder), b"TFL3")
        return bytes(builder.Output())

    def sample(self, index, random):
        tensor = self.tensors[index]
        shape = tuple(tensor.shape)
        if tensor.type == TYPES.BOOL:
            return random.integers(0, 2, shape).astype(np.bool_)
        if tensor.type == TYPES.FLOAT32:
            # Equal numbers, too.
            return np.round(random.normal(size=shape) * 4).astype(np.float32) / 4
        info = np.iinfo(NUMPY[tensor.type])
        span = (max(info.min, -1000), min(info.max, 1000)) if tensor.type == TYPES.INT32 else (info.min, info.max)
        return random.integers(span[0], span[1] + 1, shape).astype(NUMPY[tensor.type])

    def save(self, name):
        model, random = self.model(), np.random.default_rng(len(name))
        interpreter = runtime.Interpreter.from_bytes(model)
        tensors = {}
        for _ in range(RUNS):
            for i, index in enumerate(self.inputs):
                x = self.sample(index, random)
                interpreter.set_input(x, i)
                tensors.setdefault(f"input{i}", []).append(x)
            interpreter.invoke()
            for i in range(len(self.outputs)):
                tensors.setdefault(f"output{i}", []).append(interpreter.get_output(i).copy())
        (FOLDER / f"{name}.tflite").write_bytes(model)
        save_file({key: np.stack(values) for key, values in tensors.items()}, FOLDER / f"{name}.safetensors")


def options_of(name, **values):
    """An operator's options."""
    options = getattr(schema, f"{name}OptionsT")()
    for key, value in values.items():
        setattr(options, key, value)
    return getattr(schema.BuiltinOptions, f"{name}Options"), options


def newer_cases():
    """Softmax of other types, sums of many terms, divisions, indices, other integers."""
    code, random = schema.BuiltinOperator, np.random.default_rng(9)
    i8, i16, i32, f32 = TYPES.INT8, TYPES.INT16, TYPES.INT32, TYPES.FLOAT32
    for classes, scale in [(1, 0.1), (10, 0.05), (12, 0.5), (300, 0.02)]:
        case = Case(code.LOG_SOFTMAX, *options_of("LogSoftmax")).input([3, classes], i8, scale, 4)
        yield f"log_softmax_{classes}", case.output([3, classes], i8, 16 / 256, 127)
        case = Case(code.SOFTMAX, *options_of("Softmax", beta=1.0)).input([3, classes], i8, scale, 4)
        yield f"softmax_int16_{classes}", case.output([3, classes], i16, 1 / 65536, -32768)
    for kind, x, y in [("int8", (i8, 0.05, 7), (i8, 0.12, -9)), ("float", (f32,), (f32,))]:
        case = Case(code.ADD_N, *options_of("AddN")).input([3, 5], *x).input([3, 5], *x).input([3, 5], *x)
        yield f"add_n_{kind}", case.output([3, 5], *y)
        for exclusive, reverse, axis in [(False, False, 1), (True, False, 0), (False, True, -1), (True, True, 1)]:
            case = Case(code.CUMSUM, *options_of("Cumsum", exclusive=exclusive, reverse=reverse)).input([2, 5, 3], *x)
            name = f"cumsum_{kind}{'_exclusive' if exclusive else ''}{'_reverse' if reverse else ''}"
            yield name, case.constant([axis], i32).output([2, 5, 3], *y)
        case = Case(code.GATHER_ND, *options_of("GatherNd")).input([3, 4, 5], *x)
        yield f"gather_nd_{kind}", case.constant([[0, 3], [2, 1], [1, 1]], i32).output([3, 5], *x)
        case = Case(code.GATHER, *options_of("Gather", axis=2, batchDims=1)).input([3, 2, 4], *x)
        yield f"gather_batches_{kind}", case.constant([[0, 3], [2, 1], [1, 1]], i32).output([3, 2, 2], *x)
    for name, activation in [("", 0), ("_relu", 1), ("_relu6", 3)]:
        case = Case(code.DIV, *options_of("Div", fusedActivationFunction=activation)).input([4, 40], i8, 0.05, 3)
        yield f"div_int8{name}", case.constant(random.integers(-127, 2, [40]), i8, 0.04, 3).output([4, 40], i8, 0.1, 5)
    for operator, name in [(code.SUB, "Sub"), (code.MUL, "Mul"), (code.ADD, "Add")]:
        case = Case(operator, *options_of(name, fusedActivationFunction=3)).input([12], i32).input([12], i32)
        yield f"{name.lower()}_int32_relu6", case.output([12], i32)
    for operator, name in [(code.FLOOR_DIV, "FloorDiv"), (code.FLOOR_MOD, "FloorMod")]:
        case = Case(operator, *options_of(name)).input([4, 10], f32).constant(random.normal(size=[10]) + 4, f32)
        yield f"{name.lower()}", case.output([4, 10], f32)
    # Beyond the finite floats: some are held inside them, some are not.
    for operator, name, huge in [(code.MUL, "Mul", 3e38), (code.DIV, "Div", 1e-39), (code.SQUARED_DIFFERENCE, "SquaredDifference", 3e38)]:
        case = Case(operator, *options_of(name)).input([4, 10], f32).constant([huge, -huge] * 5, f32)
        yield f"{name.lower()}_float_huge", case.output([4, 10], f32)
    case = Case(code.FULLY_CONNECTED, *options_of("FullyConnected")).input([4, 24], f32)
    yield "dense_float_huge", case.constant(np.full([3, 24], 5e37), f32).output([4, 3], f32)
    how = dict(padding=0, strideH=2, strideW=1, filterHeight=2, filterWidth=3, fusedActivationFunction=3)
    yield "l2_pool", Case(code.L2_POOL_2D, *options_of("Pool2D", **how)).input([1, 5, 4, 3], f32).output([1, 3, 4, 3], f32)
    integers = [("8", i8, 0.05, 7), ("16", i16, 0.0004, 0), ("32", i32, 0.01, 0)]
    for from_name, *x in integers:
        for to_name, *y in integers:
            if (from_name, to_name) not in [("8", "8"), ("32", "32")]:
                case = Case(code.QUANTIZE, *options_of("Quantize")).input([40], *x).output([40], *y)
                yield f"quantize_{from_name}_to_{to_name}", case
    yield "quantize_float_to_16", Case(code.QUANTIZE, *options_of("Quantize")).input([40], f32).output([40], i16, 0.0003, 0)
    yield "dequantize_16", Case(code.DEQUANTIZE, *options_of("Dequantize")).input([40], i16, 0.0003, 0).output([40], f32)
    yield "cast_32_to_8", Case(code.CAST, *options_of("Cast", inDataType=i32, outDataType=i8)).input([40], i32).output([40], i8)
    case = Case(code.SVDF, *options_of("SVDF", rank=1, fusedActivationFunction=1)).input([2, 4], i8, 0.02278837, 73)
    case.constant(random.integers(-127, 128, [7, 4]), i8, 0.01).constant(random.integers(-32767, 32768, [7, 7]), i16, 0.001)
    case.constant(random.integers(-20000, 20000, [7]), i32, 1.8230697e-06).variable([2, 49], i16, 0.00182307)
    yield "svdf_int8", case.output([2, 7], i8, 0.27346048, 110)
    options = options_of("UnidirectionalSequenceLSTM", fusedActivationFunction=4, cellClip=10.0)
    case = Case(code.UNIDIRECTIONAL_SEQUENCE_LSTM, *options).input([2, 3, 5], f32)
    for columns in (5, 6):
        for _ in range(4):
            case.constant(random.normal(size=[6, columns]) / 3, f32)
    case.without(3)
    for _ in range(4):
        case.constant(random.normal(size=[6]) / 3, f32)
    yield "lstm_float", case.without(2).variable([2, 6], f32).variable([2, 6], f32).without(4).output([2, 3, 6], f32)


def cases():
    """Every case by its name."""
    code, options = schema.BuiltinOperator, schema.BuiltinOptions
    i8, i16, i32, f32, boolean = TYPES.INT8, TYPES.INT16, TYPES.INT32, TYPES.FLOAT32, TYPES.BOOL
    for name in ["EQUAL", "NOT_EQUAL", "GREATER", "GREATER_EQUAL", "LESS", "LESS_EQUAL"]:
        of = getattr(code, name)
        title = name.lower()
        yield f"{title}_int8", Case(of).input([3, 7], i8, 0.05, 3).input([3, 7], i8, 0.049, -4).output([3, 7], boolean)
        yield f"{title}_int8_one", Case(of).input([2, 3, 4], i8, 0.5, 3).input([3, 1], i8, 0.5, 3).output([2, 3, 4], boolean)
        yield f"{title}_float", Case(of).input([40], f32).input([40], f32).output([40], boolean)
        yield f"{title}_int32", Case(of).input([4, 5], i32).input([1], i32).output([4, 5], boolean)
    for name in ["LOGICAL_AND", "LOGICAL_OR"]:
        yield name.lower(), Case(getattr(code, name)).input([4, 5], boolean).input([4, 5], boolean).output([4, 5], boolean)
    yield "logical_not", Case(code.LOGICAL_NOT).input([20], boolean).output([20], boolean)

    select = (code.SELECT_V2, options.SelectV2Options, schema.SelectV2OptionsT())
    q = (i8, 0.1, 2)
    yield "select_int8", Case(*select).input([2, 9], boolean).input([2, 9], *q).input([2, 9], *q).output([2, 9], *q)
    yield "select_row", Case(*select).input([2, 1], boolean).input([2, 9], *q).input([2, 9], *q).output([2, 9], *q)
    yield "select_float", Case(*select).input([3, 4], boolean).input([3, 4], f32).input([1, 4], f32).output([3, 4], f32)

    for turn_a, turn_b in [(False, False), (True, False), (False, True), (True, True)]:
        for kind in ["int8", "float"]:
            how = schema.BatchMatMulOptionsT()
            how.adjX, how.adjY = turn_a, turn_b
            a = [2, 1, 5, 3] if turn_a else [2, 1, 3, 5]
            b = [3, 4, 5] if turn_b else [3, 5, 4]
            x, w, y = [(i8, 0.05, -7), (i8, 0.031, 9), (i8, 0.17, 4)] if kind == "int8" else [(f32,)] * 3
            case = Case(code.BATCH_MATMUL, options.BatchMatMulOptions, how)
            name = f"batch_matmul_{kind}{'_at' if turn_a else ''}{'_bt' if turn_b else ''}"
            yield name, case.input(a, *x).input(b, *w).output([2, 3, 3, 4], *y)
    how = schema.BatchMatMulOptionsT()
    case = Case(code.BATCH_MATMUL, options.BatchMatMulOptions, how)
    yield "batch_matmul_two", case.input([1, 70], i8, 0.02, 0).input([70, 9], i8, 0.01, -128).output([1, 9], i8, 0.3, -1)

    how = (code.L2_NORMALIZATION, options.L2NormOptions, schema.L2NormOptionsT())
    for zero, depth in [(0, 5), (-3, 64), (17, 1), (-128, 300)]:
        shape = [2, depth]
        yield f"l2_{depth}", Case(*how).input(shape, i8, 0.05, zero).output(shape, i8, 1 / 128, 0)
    yield "l2_float", Case(*how).input([3, 7], f32).output([3, 7], f32)

    how = (code.SQUARED_DIFFERENCE, options.SquaredDifferenceOptions, schema.SquaredDifferenceOptionsT())
    case = Case(*how).input([3, 50], i8, 0.05, 3).input([3, 50], i8, 0.031, -9)
    yield "squared_difference_int8", case.output([3, 50], i8, 0.4, -100)
    case = Case(*how).input([2, 3, 8], i8, 0.02, 0).input([3, 1], i8, 0.02, 5)
    yield "squared_difference_one", case.output([2, 3, 8], i8, 0.11, -128)

    how = (code.QUANTIZE, options.QuantizeOptions, schema.QuantizeOptionsT())
    yield "quantize_int16", Case(*how).input([2, 60], i16, 0.001, 0).output([2, 60], i8, 0.24, 5)
    yield "quantize_int16_near", Case(*how).input([100], i16, 1 / 32768, 0).output([100], i8, 1 / 128, 0)
    yield "rsqrt_int8", Case(code.RSQRT).input([200], i8, 0.03, -128).output([200], i8, 0.05, -128)
    case = Case(code.ADD, options.AddOptions, schema.AddOptionsT())
    yield "add_outer", case.input([1, 6], i8, 0.05, 3).input([6, 1], i8, 0.04, -4).output([6, 6], i8, 0.08, 1)


    yield from newer_cases()


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, case in cases():
        if not sys.argv[1:] or name in sys.argv[1:]:
            try:
                case.save(name)
            except Exception as error:
                print(f"{name}: {error}")
