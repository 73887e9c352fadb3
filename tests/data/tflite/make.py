"""Makes the models of this folder, and what TensorFlow Lite Micro computes with them.

    python3 -m venv v && v/bin/pip install tensorflow==2.21.0 tflite-micro==0.dev20261023182759 safetensors
    v/bin/python tests/data/tflite/make.py

NAME.tflite is a model; NAME.safetensors holds input0, input1 … and output0 … of consecutive invocations of
one interpreter, the first axis of each.
"""

import gzip
import os
import sys
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"

import flatbuffers
import keras
import numpy as np
import tensorflow as tf
from keras import layers
from safetensors.numpy import save_file
from tensorflow.lite.python import schema_py_generated as schema
from tflite_micro.python.tflite_micro import runtime

HERE = Path(__file__).parent
DIGITS = HERE / "../../../examples/data"


def digits(name):
    """Images from 0 to 1 and their labels."""
    images = gzip.open(DIGITS / f"{name}-images-idx3-ubyte.gz").read()[16:]
    labels = gzip.open(DIGITS / f"{name}-labels-idx1-ubyte.gz").read()[8:]
    return np.frombuffer(images, np.uint8).reshape(-1, 28, 28, 1) / np.float32(255), np.frombuffer(labels, np.uint8)


def convert(model, samples, integers=True):
    """A model in integers, calibrated on samples (lists of inputs); in floats without."""
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    if integers:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: ([np.float32(x)[None] for x in sample] for sample in samples)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = tf.int8
        converter.inference_output_type = tf.int8
    return converter.convert()


def save(name, model, samples, runs=4):
    """Writes a model and what it computes with the first samples."""
    interpreter = runtime.Interpreter.from_bytes(bytes(model))
    tensors = {}
    for sample in samples[:runs]:
        for i, x in enumerate(sample):
            details = interpreter.get_input_details(i)
            x = np.float32(x)[None]
            if details["dtype"] == np.int8:
                scale, zero = (details["quantization_parameters"][key][0] for key in ("scales", "zero_points"))
                x = np.clip(np.round(x / scale) + zero, -128, 127).astype(np.int8)
            interpreter.set_input(x, i)
            tensors.setdefault(f"input{i}", []).append(x)
        interpreter.invoke()
        i = 0
        while True:
            try:
                y = interpreter.get_output(i)
            except Exception:
                break
            tensors.setdefault(f"output{i}", []).append(y.copy())
            i += 1
            if i == OUTPUTS.get(name, 1):
                break
    (HERE / f"{name}.tflite").write_bytes(model)
    save_file({key: np.stack(values) for key, values in tensors.items()}, HERE / f"{name}.safetensors")
    print(name, len(model), {key: np.stack(value).shape for key, value in tensors.items()})


OUTPUTS = {"split": 2}


def noise(shapes, count=64, seed=1):
    random = np.random.default_rng(seed)
    return [[random.normal(size=shape) for shape in shapes] for _ in range(count)]


def digits_model():
    """10 digits from 28×28 pixels."""
    keras.utils.set_random_seed(1)
    model = keras.Sequential([
        keras.Input((28, 28, 1)),
        layers.Conv2D(8, 5, strides=2, padding="same", activation="relu"),
        layers.DepthwiseConv2D(3, padding="same", activation="relu"),
        layers.Conv2D(16, 1, activation="relu"),
        layers.DepthwiseConv2D(3, strides=2, padding="same", activation="relu"),
        layers.Conv2D(24, 1, activation="relu"),
        layers.AveragePooling2D(2, padding="same"),
        layers.Conv2D(24, 3, strides=2, activation="relu"),
        layers.GlobalAveragePooling2D(),
        layers.Dense(10, activation="softmax"),
    ])
    images, labels = digits("train")
    model.compile(keras.optimizers.Adam(0.004), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(images, labels, batch_size=32, epochs=12, verbose=0)
    test, labels = digits("t10k")
    print("accuracy", model.evaluate(test, labels, verbose=0)[1], model.count_params())
    samples = [[image] for image in images[:200]]
    save("digits", convert(model, samples), [[image] for image in test], runs=8)
    small = keras.Sequential([keras.Input((28, 28, 1)), *model.layers])
    save("digits_float", convert(small, samples, integers=False), [[image] for image in test], runs=2)


def blocks_model():
    """A shortcut, a concatenation, padding, pooling and most activations."""
    keras.utils.set_random_seed(2)
    x = first = keras.Input((9, 7, 4), batch_size=1)
    y = second = keras.Input((9, 7, 4), batch_size=1)
    x = layers.Conv2D(6, 3, padding="same", activation="relu6")(x)
    x = layers.Activation("hard_swish")(x)
    y = layers.Activation("tanh")(layers.Conv2D(6, 1)(y))
    z = layers.add([x, layers.multiply([x, y])])
    z = layers.concatenate([z, layers.subtract([x, y]), layers.maximum([x, y])])
    z = layers.ZeroPadding2D(((1, 0), (0, 2)))(z)
    z = layers.MaxPooling2D(2, padding="same")(z)
    z = layers.Conv2DTranspose(5, 3, strides=2, padding="same")(z)
    z = layers.LeakyReLU(negative_slope=0.2)(z)
    z = layers.Permute((3, 1, 2))(z)
    z = layers.Activation("sigmoid")(layers.Dense(4)(layers.Reshape((50, 10))(z)))
    model = keras.Model([first, second], z)
    samples = noise([(9, 7, 4), (9, 7, 4)])
    save("blocks", convert(model, samples), samples)


class Builder:
    """A model that is written table by table: for operators that the converter does not make of Keras' layers."""

    def __init__(self):
        self.model = schema.ModelT()
        self.model.version = 3
        self.model.buffers = [schema.BufferT()]
        self.model.operatorCodes = []
        self.graph = schema.SubGraphT()
        self.graph.tensors, self.graph.operators, self.graph.inputs, self.graph.outputs = [], [], [], []
        self.model.subgraphs = [self.graph]

    def tensor(self, shape, kind, scale=None, zero=0, data=None, variable=False):
        """The index of a new tensor."""
        tensor = schema.TensorT()
        tensor.shape, tensor.type, tensor.isVariable, tensor.buffer = list(shape), kind, variable, 0
        tensor.name = f"t{len(self.graph.tensors)}"
        if data is not None:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(np.ascontiguousarray(data).tobytes(), np.uint8)
            self.model.buffers.append(buffer)
            tensor.buffer = len(self.model.buffers) - 1
        if scale is not None:
            tensor.quantization = schema.QuantizationParametersT()
            tensor.quantization.scale = [scale]
            tensor.quantization.zeroPoint = [zero]
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1

    def operator(self, code, inputs, outputs, kind=0, options=None, intermediates=None):
        """Adds an operator behind the others."""
        of = schema.OperatorCodeT()
        of.builtinCode, of.deprecatedBuiltinCode, of.version = code, min(code, 127), 1
        self.model.operatorCodes.append(of)
        operator = schema.OperatorT()
        operator.opcodeIndex = len(self.model.operatorCodes) - 1
        operator.inputs, operator.outputs = inputs, outputs
        operator.builtinOptionsType, operator.builtinOptions = kind, options
        operator.intermediates = intermediates or []
        self.graph.operators.append(operator)

    def build(self, inputs, outputs):
        """The bytes of the file."""
        self.graph.inputs, self.graph.outputs = inputs, outputs
        builder = flatbuffers.Builder(1024)
        builder.Finish(self.model.Pack(builder), b"TFL3")
        return bytes(builder.Output())


def lstm_model():
    """A state that survives an invocation."""
    random, types = np.random.default_rng(3), schema.TensorType
    steps, inputs, cells = 3, 5, 7
    b = Builder()
    x = b.tensor((1, steps, inputs), types.INT8, 0.02, -4)
    weights = [
        b.tensor((cells, n), types.INT8, 0.01 + 0.001 * i, 0, random.integers(-127, 128, (cells, n)).astype(np.int8))
        for n in (inputs, cells)
        for i in range(4)
    ]
    biases = [b.tensor((cells,), types.INT32, 0.0002, 0, random.integers(-3000, 3000, cells).astype(np.int32)) for _ in range(4)]
    hidden = b.tensor((1, cells), types.INT8, 1 / 128, 3, variable=True)
    cell = b.tensor((1, cells), types.INT16, 2.0**-11, variable=True)
    middle = [b.tensor((0,), types.FLOAT32, 1.0) for _ in range(4)] + [b.tensor((0,), types.INT8, 1 / 128, 3)]
    y = b.tensor((1, steps, cells), types.INT8, 1 / 128, 3)
    options = schema.UnidirectionalSequenceLSTMOptionsT()
    options.fusedActivationFunction, options.cellClip = schema.ActivationFunctionType.TANH, 10.0
    lists = [x, *weights, -1, -1, -1, *biases, -1, -1, hidden, cell, -1, -1, -1, -1]
    code = schema.BuiltinOperator.UNIDIRECTIONAL_SEQUENCE_LSTM
    b.operator(code, lists, [y], schema.BuiltinOptions.UnidirectionalSequenceLSTMOptions, options, middle)
    save("lstm", b.build([x], [y]), noise([(steps, inputs)]))


class Streaming(tf.Module):
    """Two convolutions over time, one frame at a time, with the frames before in variables."""

    def __init__(self):
        random = np.random.default_rng(0)
        self.frames = tf.Variable(tf.zeros([1, 4, 1, 8]), trainable=False, name="stream/states")
        self.values = tf.Variable(tf.zeros([1, 2, 1, 6]), trainable=False, name="stream_1/states")
        shapes = [(5, 1, 8, 6), (3, 1, 6, 4), (4, 2)]
        self.weights = [tf.constant(random.normal(size=shape) / 3, tf.float32) for shape in shapes]

    @tf.function(input_signature=[tf.TensorSpec([1, 1, 1, 8], tf.float32)])
    def invoke(self, x):
        y = tf.concat([self.frames, x], 1)
        self.frames.assign(y[:, 1:])
        y = tf.nn.relu(tf.nn.conv2d(y, self.weights[0], 1, "VALID"))
        y = tf.concat([self.values, y], 1)
        self.values.assign(y[:, 1:])
        y = tf.nn.relu(tf.nn.conv2d(y, self.weights[1], 1, "VALID"))
        return tf.sigmoid(tf.reshape(y, [1, 4]) @ self.weights[2])


def streaming_model():
    """Variables as the converter writes them."""
    module = Streaming()
    samples = noise([(1, 1, 8)], count=200)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([module.invoke.get_concrete_function()], module)
    converter.experimental_enable_resource_variables = True
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([np.float32(x)[None] for x in sample] for sample in samples)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    converter._experimental_variable_quantization = True
    save("streaming", converter.convert(), samples, runs=8)


def refused_models():
    """Dense layers of types that are not run, and an operator that nobody knows; behind a reshaping."""
    types, folder = schema.TensorType, HERE / "refused"
    folder.mkdir(exist_ok=True)
    for name, x_type, w_type, b_type, code in [
        ("unsigned", types.UINT8, types.UINT8, types.INT32, 9),
        ("sixteen", types.INT16, types.INT8, types.INT64, 9),
        ("four", types.INT8, types.INT4, types.INT32, 9),
        ("hybrid", types.FLOAT32, types.INT8, types.FLOAT32, 9),
        ("custom", types.INT8, types.INT8, types.INT32, 32),
    ]:
        b = Builder()
        x, z, y = (b.tensor((1, n), x_type, 0.1) for n in (4, 4, 2))
        w = b.tensor((2, 4), w_type, 0.1, 0, bytes(4 if w_type == types.INT4 else 8))
        bias = b.tensor((2,), b_type, 0.01, 0, bytes(16 if b_type == types.INT64 else 8))
        b.operator(22, [x], [z])
        b.operator(code, [z, w, bias], [y], schema.BuiltinOptions.FullyConnectedOptions, schema.FullyConnectedOptionsT())
        (folder / f"{name}.tflite").write_bytes(b.build([x], [y]))


if __name__ == "__main__":
    makers = {
        "digits": digits_model,
        "blocks": blocks_model,
        "lstm": lstm_model,
        "streaming": streaming_model,
        "refused": refused_models,
    }
    for name in sys.argv[1:] or makers:
        makers[name]()
