"""The seed's network in eight bits, one core: kernlet's time against LiteRT's (XNNPACK, one thread), in turn.

    python3 -m venv v && v/bin/pip install ai-edge-litert==2.3.0
    cargo build --release --example tflite
    v/bin/python benches/litert.py [--batch 128] [--rounds 7]

Writes the network as a `.tflite` file with weights that are noise (their values do not matter to the time), runs
`target/release/examples/tflite` and LiteRT on it in turn, the shortest of many runs of each, in several rounds, and prints
their medians and the median of the rounds' ratios.
"""

import argparse
import re
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

ROOT = Path(__file__).parent.parent
CODE, KINDS, TYPES = schema.BuiltinOperator, schema.BuiltinOptions, schema.TensorType


class Network:
    """A model, written table by table."""

    def __init__(self):
        self.random = np.random.default_rng(1)
        self.tensors, self.operators, self.codes, self.buffers = [], [], [], [schema.BufferT()]

    def tensor(self, shape, kind, scales, zero=0, data=None, axis=0):
        tensor = schema.TensorT()
        tensor.shape, tensor.type, tensor.buffer, tensor.name = list(shape), kind, 0, f"t{len(self.tensors)}"
        if data is not None:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(data.tobytes(), np.uint8)
            self.buffers.append(buffer)
            tensor.buffer = len(self.buffers) - 1
        tensor.quantization = schema.QuantizationParametersT()
        tensor.quantization.scale, tensor.quantization.zeroPoint = list(scales), [zero] * len(scales)
        tensor.quantization.quantizedDimension = axis
        self.tensors.append(tensor)
        return len(self.tensors) - 1

    def values(self, shape, scale, zero):
        return self.tensor(shape, TYPES.INT8, [scale], zero)

    def layer(self, shape, x_scale, channels):
        """Weights with a scale for each channel, and biases."""
        weights = self.random.integers(-127, 128, shape).astype(np.int8)
        scales = [0.002 + 0.001 * i / channels for i in range(channels)]
        w = self.tensor(shape, TYPES.INT8, scales, 0, weights)
        biases = self.random.integers(-500, 500, channels).astype(np.int32)
        return [w, self.tensor([channels], TYPES.INT32, [x_scale * scale for scale in scales], 0, biases)]

    def operator(self, code, version, inputs, output, kind, options):
        of = schema.OperatorCodeT()
        of.builtinCode, of.deprecatedBuiltinCode, of.version = code, min(code, 127), version
        self.codes.append(of)
        operator = schema.OperatorT()
        operator.opcodeIndex, operator.inputs, operator.outputs = len(self.codes) - 1, inputs, [output]
        operator.builtinOptionsType, operator.builtinOptions = kind, options
        self.operators.append(operator)

    def build(self, x, y):
        model, graph = schema.ModelT(), schema.SubGraphT()
        graph.tensors, graph.operators, graph.inputs, graph.outputs = self.tensors, self.operators, [x], [y]
        model.version, model.operatorCodes, model.subgraphs, model.buffers = 3, self.codes, [graph], self.buffers
        builder = flatbuffers.Builder(1 << 21)
        builder.Finish(model.Pack(builder), b"TFL3")
        return bytes(builder.Output())


def seed(batch):
    """conv 3×3 32, conv 3×3 64, pool 2×2, dense 128, dense 10, softmax."""
    n = Network()
    relu = schema.ActivationFunctionType.RELU

    def convolution(x, x_scale, channels, output):
        options = schema.Conv2DOptionsT()
        options.padding, options.strideH, options.strideW, options.fusedActivationFunction = 1, 1, 1, relu
        options.dilationHFactor = options.dilationWFactor = 1
        inputs = [x, *n.layer([channels, 3, 3, n.tensors[x].shape[3]], x_scale, channels)]
        n.operator(CODE.CONV_2D, 3, inputs, output, KINDS.Conv2DOptions, options)
        return output

    def dense(x, x_scale, inputs, outputs, output, activation):
        options = schema.FullyConnectedOptionsT()
        options.fusedActivationFunction = activation
        weights = n.random.integers(-127, 128, (outputs, inputs)).astype(np.int8)
        w = n.tensor([outputs, inputs], TYPES.INT8, [0.002], 0, weights)
        b = n.tensor([outputs], TYPES.INT32, [x_scale * 0.002], 0, np.zeros(outputs, np.int32))
        n.operator(CODE.FULLY_CONNECTED, 4, [x, w, b], output, KINDS.FullyConnectedOptions, options)
        return output

    x = n.values([batch, 28, 28, 1], 1 / 255, -128)
    y = convolution(x, 1 / 255, 32, n.values([batch, 26, 26, 32], 0.01, -128))
    y = convolution(y, 0.01, 64, n.values([batch, 24, 24, 64], 0.05, -128))
    pool = schema.Pool2DOptionsT()
    pool.padding, pool.strideH, pool.strideW, pool.filterHeight, pool.filterWidth = 1, 2, 2, 2, 2
    pooled = n.values([batch, 12, 12, 64], 0.05, -128)
    n.operator(CODE.MAX_POOL_2D, 2, [y], pooled, KINDS.Pool2DOptions, pool)
    flat, shape = n.values([batch, 9216], 0.05, -128), schema.ReshapeOptionsT()
    shape.newShape = [batch, 9216]
    n.operator(CODE.RESHAPE, 1, [pooled], flat, KINDS.ReshapeOptions, shape)
    y = dense(flat, 0.05, 9216, 128, n.values([batch, 128], 0.3, -128), relu)
    y = dense(y, 0.3, 128, 10, n.values([batch, 10], 0.6, 3), 0)
    soft, out = schema.SoftmaxOptionsT(), n.values([batch, 10], 1 / 256, -128)
    soft.beta = 1.0
    n.operator(CODE.SOFTMAX, 2, [y], out, KINDS.SoftmaxOptions, soft)
    return n.build(x, out)


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--batch", type=int, default=1)
    arguments.add_argument("--rounds", type=int, default=7)
    arguments = arguments.parse_args()
    runs = max(20, 2000 // arguments.batch)
    with tempfile.TemporaryDirectory() as folder:
        path, sample = Path(folder) / "seed.tflite", Path(folder) / "x.bin"
        path.write_bytes(seed(arguments.batch))
        x = np.random.default_rng(2).integers(-128, 128, (arguments.batch, 28, 28, 1)).astype(np.int8)
        sample.write_bytes(x.tobytes())
        interpreter = Interpreter(model_path=str(path), num_threads=1)
        interpreter.allocate_tensors()
        times = {"kernlet": [], "LiteRT": []}
        for _ in range(arguments.rounds):
            command = [ROOT / "target/release/examples/tflite", path, sample, "--runs", str(runs)]
            text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            line = next(line for line in text.splitlines() if line.strip().startswith("all "))
            times["kernlet"].append(float(re.findall(r"\d+\.\d", line)[-1]))
            interpreter.set_tensor(interpreter.get_input_details()[0]["index"], x)
            best = float("inf")
            for _ in range(runs):
                start = time.perf_counter()
                interpreter.invoke()
                best = min(best, time.perf_counter() - start)
            times["LiteRT"].append(best * 1e6)
        print(text)
        for name, each in times.items():
            print(f"{name}: {statistics.median(each):.1f} µs, the fastest {min(each):.1f}")
        ratios = [ours / theirs for ours, theirs in zip(times["kernlet"], times["LiteRT"])]
        print(f"ratio of the times in one round: {statistics.median(ratios):.2f}")


if __name__ == "__main__":
    main()
