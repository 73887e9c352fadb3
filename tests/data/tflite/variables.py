"""Makes the models of `variables/`, whose state survives an invocation, and what TensorFlow Lite Micro computes with them.

    python3 -m venv v && v/bin/pip install tflite-micro==0.dev20261023182759 ai-edge-litert==2.3.0 safetensors
    v/bin/python tests/data/tflite/variables.py [NAME...]

Written table by table, run eight times on noise. Those of `refused/` that begin with `variable_` are not run.
"""

import sys
from pathlib import Path

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from safetensors.numpy import save_file
from tflite_micro.python.tflite_micro import runtime

HERE = Path(__file__).parent
RUNS = 8
CODE, KINDS, TYPES = schema.BuiltinOperator, schema.BuiltinOptions, schema.TensorType
NUMPY = {TYPES.FLOAT32: np.float32, TYPES.INT32: np.int32, TYPES.INT8: np.int8}


class Graph:
    """Tensors and operators of a subgraph."""

    def __init__(self, model):
        self.model, self.graph = model, schema.SubGraphT()
        g = self.graph
        g.tensors, g.operators, g.inputs, g.outputs = [], [], [], []

    def tensor(self, shape, kind, scale=None, zero=0, data=None):
        tensor = schema.TensorT()
        tensor.shape, tensor.type, tensor.buffer, tensor.name = list(shape), kind, 0, f"t{len(self.graph.tensors)}"
        if data is not None:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(np.ascontiguousarray(data).tobytes(), np.uint8)
            self.model.buffers.append(buffer)
            tensor.buffer = len(self.model.buffers) - 1
        if scale is not None:
            tensor.quantization = schema.QuantizationParametersT()
            tensor.quantization.scale, tensor.quantization.zeroPoint = [scale], [zero]
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1

    def constant(self, values, kind, scale=None, zero=0):
        values = np.asarray(values, NUMPY[kind])
        return self.tensor(values.shape, kind, scale, zero, values)

    def operator(self, code, inputs, outputs, kind=0, options=None):
        operator = schema.OperatorT()
        operator.opcodeIndex = self.model.code(code)
        operator.inputs, operator.outputs = inputs, outputs
        operator.builtinOptionsType, operator.builtinOptions = kind, options
        self.graph.operators.append(operator)
        return outputs[0] if outputs else None

    def handle(self, name, container=""):
        options = schema.VarHandleOptionsT()
        options.sharedName, options.container = name, container
        return self.operator(CODE.VAR_HANDLE, [], [self.tensor([], TYPES.RESOURCE)], KINDS.VarHandleOptions, options)

    def read(self, handle, *tensor):
        return self.operator(CODE.READ_VARIABLE, [handle], [self.tensor(*tensor)])

    def assign(self, handle, value):
        self.operator(CODE.ASSIGN_VARIABLE, [handle, value], [])

    def once(self, index):
        options = schema.CallOnceOptionsT()
        options.initSubgraphIndex = index
        self.operator(CODE.CALL_ONCE, [], [], KINDS.CallOnceOptions, options)

    def concatenate(self, axis, inputs, *tensor):
        options = schema.ConcatenationOptionsT()
        options.axis = axis
        return self.operator(CODE.CONCATENATION, inputs, [self.tensor(*tensor)], KINDS.ConcatenationOptions, options)

    def behind(self, x, shape, *rest):
        """All but the first of axis 1."""
        begin = self.constant([int(axis == 1) for axis in range(len(shape))], TYPES.INT32)
        size = self.constant(shape, TYPES.INT32)
        return self.operator(CODE.SLICE, [x, begin, size], [self.tensor(shape, *rest)], KINDS.SliceOptions, schema.SliceOptionsT())

    def add(self, a, b, *tensor):
        return self.operator(CODE.ADD, [a, b], [self.tensor(*tensor)], KINDS.AddOptions, schema.AddOptionsT())

    def convolution(self, x, w, b, *tensor):
        options = schema.Conv2DOptionsT()
        options.padding, options.strideH, options.strideW = schema.Padding.VALID, 1, 1
        options.dilationHFactor = options.dilationWFactor = 1
        options.fusedActivationFunction = schema.ActivationFunctionType.RELU
        return self.operator(CODE.CONV_2D, [x, w, b], [self.tensor(*tensor)], KINDS.Conv2DOptions, options)

    def dense(self, x, w, b, *tensor):
        options = schema.FullyConnectedOptionsT()
        return self.operator(CODE.FULLY_CONNECTED, [x, w, b], [self.tensor(*tensor)], KINDS.FullyConnectedOptions, options)


class Model:
    """A file of several graphs; the first is run."""

    def __init__(self):
        self.buffers, self.codes, self.graphs = [schema.BufferT()], [], []

    def graph(self):
        self.graphs.append(Graph(self))
        return self.graphs[-1]

    def code(self, code):
        if code not in self.codes:
            self.codes.append(code)
        return self.codes.index(code)

    def build(self, inputs, outputs):
        model = schema.ModelT()
        self.inputs = [self.graphs[0].graph.tensors[i] for i in inputs]
        self.outputs = len(outputs)
        self.graphs[0].graph.inputs, self.graphs[0].graph.outputs = inputs, outputs
        model.version, model.buffers, model.subgraphs = 3, self.buffers, [graph.graph for graph in self.graphs]
        model.operatorCodes = []
        for code in self.codes:
            of = schema.OperatorCodeT()
            of.builtinCode, of.deprecatedBuiltinCode, of.version = code, min(code, 127), 1
            model.operatorCodes.append(of)
        builder = flatbuffers.Builder(1024)
        builder.Finish(model.Pack(builder), b"TFL3")
        return bytes(builder.Output())


def sums():
    """A running sum of floats that begins with constants, and what it was before; a row that stays as it began."""
    m = Model()
    g, once = m.graph(), m.graph()
    f32 = TYPES.FLOAT32
    x = g.tensor([1, 5], f32)
    g.once(1)
    row = g.read(g.handle("row"), [1, 5], f32)
    handle = g.handle("sum")
    before = g.read(handle, [1, 5], f32)
    after = g.add(before, x, [1, 5], f32)
    g.assign(handle, after)
    y = g.add(g.read(handle, [1, 5], f32), row, [1, 5], f32)
    once.assign(once.handle("sum"), once.constant([[1, -2, 0.5, 3, 100]], f32))
    once.assign(once.handle("row"), once.constant([[0.25, 0.5, 1, 2, -4]], f32))
    once.assign(once.handle("unused"), once.constant([7], TYPES.INT32))
    return m, m.build([x], [before, y])


def ring():
    """The last four inputs, of whole numbers; zeros before there were so many."""
    m, i32 = Model(), TYPES.INT32
    g = m.graph()
    x = g.tensor([2, 1, 3], i32)
    handle = g.handle("ring")
    y = g.concatenate(1, [g.read(handle, [2, 3, 3], i32), x], [2, 4, 3], i32)
    g.assign(handle, g.behind(y, [2, 3, 3], i32))
    return m, m.build([x], [y])


def handles():
    """Two handles of one variable, one without a container, and an assignment before the first reading."""
    m = Model()
    g, once = m.graph(), m.graph()
    q = (TYPES.INT8, 0.1, -7)
    x = g.tensor([1, 6], *q)
    g.once(1)
    one, two, other = g.handle("a", "one"), g.handle("a", None), g.handle("b", "one")
    first = g.read(one, [1, 6], *q)
    g.assign(two, x)
    second = g.read(one, [1, 6], *q)
    kept = g.read(other, [6], *q)
    g.assign(other, first)
    g.assign(g.handle("late"), kept)
    late = g.read(g.handle("late"), [1, 6], *q)
    once.assign(once.handle("b", "one"), once.constant([1, 2, 3, -4, 5, 127], *q))
    return m, m.build([x], [first, second, kept, late])


def frames(is_called):
    """Frames of a microphone, one at a time, as streaming models of keywords have them: two convolutions over time,
    each with the frames before in a variable, and a dense layer. Without CALL_ONCE the variables begin with zero points."""
    random = np.random.default_rng(5)
    m = Model()
    g, i8, i32 = m.graph(), TYPES.INT8, TYPES.INT32
    x = g.tensor([1, 1, 1, 8], i8, 0.1, -128)
    if is_called:
        g.once(1)
        once = m.graph()
    y, scale, zero, inputs = x, 0.1, -128, 8
    for layer, (before, channels, to, to_zero) in enumerate([(2, 6, 0.15, -20), (4, 4, 0.2, -128)]):
        q = (i8, scale, zero)
        handle = g.handle(f"stream_{layer}/states")
        y = g.concatenate(1, [g.read(handle, [1, before, 1, inputs], *q), y], [1, before + 1, 1, inputs], *q)
        g.assign(handle, g.behind(y, [1, before, 1, inputs], *q))
        w = g.constant(random.integers(-127, 128, (channels, before + 1, 1, inputs)), i8, 0.01)
        b = g.constant(random.integers(-500, 500, channels), i32, scale * 0.01)
        y = g.convolution(y, w, b, [1, 1, 1, channels], i8, to, to_zero)
        if is_called:
            once.assign(once.handle(f"stream_{layer}/states"), once.constant(random.integers(-128, 128, (1, before, 1, inputs)), *q))
        scale, zero, inputs = to, to_zero, channels
    shape = schema.ReshapeOptionsT()
    shape.newShape = [1, 4]
    y = g.operator(CODE.RESHAPE, [y], [g.tensor([1, 4], i8, scale, zero)], KINDS.ReshapeOptions, shape)
    w, b = g.constant(random.integers(-127, 128, (2, 4)), i8, 0.02), g.constant([50, -80], i32, scale * 0.02)
    y = g.dense(y, w, b, [1, 2], i8, 0.05, 4)
    y = g.operator(CODE.LOGISTIC, [y], [g.tensor([1, 2], i8, 1 / 256, -128)])
    return m, m.build([x], [y])


def refused():
    """Files with something in them that is not run, and why."""
    f32, i8 = TYPES.FLOAT32, TYPES.INT8

    def model(change):
        m = Model()
        g, once = m.graph(), m.graph()
        x = g.tensor([1, 4], f32)
        change(g, once, x)
        return m.build([x], [len(g.graph.tensors) - 1])

    def plain(g, once, x):
        handle = g.handle("v")
        g.assign(handle, g.add(g.read(handle, [1, 4], f32), x, [1, 4], f32))
        return handle

    def computes(g, once, x):
        g.once(1)
        plain(g, once, x)
        handle, row = once.handle("v"), once.constant([[1, 2, 3, 4]], f32)
        once.assign(handle, once.add(row, row, [1, 4], f32))

    def from_value(g, once, x):
        g.once(1)
        plain(g, once, x)
        once.assign(once.handle("v"), once.tensor([1, 4], f32))

    def no_graph(g, once, x):
        g.once(2)
        plain(g, once, x)

    def itself(g, once, x):
        g.once(0)
        plain(g, once, x)

    def late(g, once, x):
        plain(g, once, x)
        g.once(1)
        g.add(x, x, [1, 4], f32)

    def never(g, once, x):
        g.add(g.read(g.handle("v"), [1, 4], f32), x, [1, 4], f32)

    def no_handle(g, once, x):
        g.assign(g.tensor([], TYPES.RESOURCE), x)
        g.add(x, x, [1, 4], f32)

    def two_types(g, once, x):
        handle = g.handle("v")
        g.read(handle, [1, 16], i8, 0.1, 0)
        g.assign(handle, x)
        g.add(x, x, [1, 4], f32)

    def two_sizes(g, once, x):
        g.once(1)
        once.assign(once.handle("v"), once.constant([1, 2, 3], f32))
        plain(g, once, x)
        g.add(x, x, [1, 4], f32)

    def moved(g, once, x):
        options = schema.ReshapeOptionsT()
        options.newShape = []
        handle = plain(g, once, x)
        g.operator(CODE.RESHAPE, [handle], [g.tensor([], TYPES.RESOURCE)], KINDS.ReshapeOptions, options)
        g.add(x, x, [1, 4], f32)

    def with_data(g, once, x):
        row = g.constant([[1, 2, 3, 4]], f32)
        g.graph.tensors[row].isVariable = True
        g.add(row, x, [1, 4], f32)

    for name, change in list(locals().items()):
        if callable(change) and name not in ("model", "plain"):
            yield name, model(change)


def save(name, m, model):
    random = np.random.default_rng(len(name))
    interpreter = runtime.Interpreter.from_bytes(model, arena_size=1 << 16)
    tensors = {}
    for _ in range(RUNS):
        for i, tensor in enumerate(m.inputs):
            if tensor.type == TYPES.FLOAT32:
                x = (np.round(random.normal(size=tensor.shape) * 4) / 4).astype(np.float32)
            else:
                x = random.integers(-128, 128, tensor.shape).astype(NUMPY[tensor.type])
            interpreter.set_input(x, i)
            tensors.setdefault(f"input{i}", []).append(x)
        interpreter.invoke()
        for i in range(m.outputs):
            tensors.setdefault(f"output{i}", []).append(interpreter.get_output(i).copy())
    (HERE / "variables" / f"{name}.tflite").write_bytes(model)
    save_file({key: np.stack(values) for key, values in tensors.items()}, HERE / "variables" / f"{name}.safetensors")


def main():
    cases = {
        "sums": sums,
        "ring": ring,
        "handles": handles,
        "frames": lambda: frames(True),
        "frames_zero": lambda: frames(False),
    }
    (HERE / "variables").mkdir(exist_ok=True)
    for name, case in cases.items():
        if not sys.argv[1:] or name in sys.argv[1:]:
            save(name, *case())
    for name, model in refused():
        (HERE / "refused" / f"variable_{name}.tflite").write_bytes(model)


if __name__ == "__main__":
    main()
