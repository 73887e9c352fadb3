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


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, case in cases():
        if not sys.argv[1:] or name in sys.argv[1:]:
            try:
                case.save(name)
            except Exception as error:
                print(f"{name}: {error}")
