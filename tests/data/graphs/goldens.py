"""Writes networks.safetensors: what Keras computes, in float64, with the networks of tests/graphs.rs.

    pip install tensorflow safetensors
    python tests/data/graphs/goldens.py

Weights, inputs and labels come from a hash that the test computes too, so the file holds results alone: the
loss of each of three steps of SGD, the gradients of the first step and the parameters after the last one (32
numbers of each tensor, evenly spaced), and the outputs at the end, in inference.
"""

import pathlib

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from safetensors.numpy import save_file

keras.config.set_floatx("float64")
STEPS, SAMPLES = 3, 32


def unit(stream, count):
    """Numbers in -0.5..0.5 that float32 holds exactly: the 24 high bits of a hash."""
    x = np.arange(count, dtype=np.uint64) + np.uint64(stream << 32)
    for shift, factor in ((33, 0xFF51AFD7ED558CCD), (33, 0xC4CEB9FE1A85EC53)):
        x ^= x >> np.uint64(shift)
        x *= np.uint64(factor)
    x ^= x >> np.uint64(33)
    return (x >> np.uint64(40)).astype(np.float64) / 2**24 - 0.5


def initial(stream, name, shape):
    numbers = unit(stream, int(np.prod(shape)))
    if "gamma" in name or "variance" in name:
        numbers = 1 + numbers
    elif "kernel" in name:
        fan_in = shape[0] * shape[1] if "depthwise" in name else int(np.prod(shape[:-1]))
        numbers = numbers * 2.0 ** (1 - (fan_in.bit_length() - 1) // 2)
    else:
        numbers = numbers / 8
    return numbers.reshape(shape)


class Net:
    def __init__(self, shape):
        self.input = self.at = keras.Input(shape)
        self.layers = []

    def __call__(self, layer, *others):
        self.layers.append(layer)
        self.at = layer([self.at, *others]) if others else layer(self.at)
        return self.at

    def conv(self, filters, size, stride=1, act="relu"):
        self(layers.Conv2D(filters, size, stride, "same"))
        self(layers.BatchNormalization())
        return self.activate(act)

    def depthwise(self, size, stride=1, act="relu"):
        self(layers.DepthwiseConv2D(size, stride, "same"))
        self(layers.BatchNormalization())
        return self.activate(act)

    def activate(self, act):
        if act == "relu6":
            return self(layers.ReLU(6.0))
        return self(layers.ReLU()) if act else self.at

    def model(self):
        """The model, and its tensors in the order in which the layers were written, as kernlet's are."""
        return keras.Model(self.input, self.at), [w for layer in self.layers for w in layer.weights]


def resnet8():
    net = Net((32, 32, 3))
    net.conv(16, 3)
    for filters, stride in ((16, 1), (32, 2), (64, 2)):
        entry = net.at
        net.conv(filters, 3, stride)
        body = net.conv(filters, 3, act=None)
        if stride > 1:
            net.at = entry
            net(layers.Conv2D(filters, 1, stride, "same"))
            net(layers.Add(), body)
        else:
            net(layers.Add(), entry)
        net.activate("relu")
    net(layers.GlobalAveragePooling2D())
    net(layers.Dense(10))
    return net.model()


def ds_cnn():
    net = Net((49, 10, 1))
    net.conv(64, (10, 4), 2)
    for _ in range(4):
        net.depthwise(3)
        net.conv(64, 1)
    net(layers.AveragePooling2D((25, 5)))
    net(layers.Flatten())
    net(layers.Dense(12))
    return net.model()


def mobilenet_v1():
    net = Net((96, 96, 3))
    net.conv(8, 3, 2)
    for stride, filters in [(1, 16), (2, 32), (1, 32), (2, 64), (1, 64), (2, 128), *[(1, 128)] * 5, (2, 256), (1, 256)]:
        net.depthwise(3, stride)
        net.conv(filters, 1)
    net(layers.AveragePooling2D(3))
    net(layers.Flatten())
    net(layers.Dense(2))
    return net.model()


def autoencoder():
    net = Net((640,))
    for units in (128, 128, 128, 128, 8, 128, 128, 128, 128):
        net(layers.Dense(units))
        net(layers.BatchNormalization())
        net.activate("relu")
    net(layers.Dense(640))
    return net.model()


def mobilenet_v2():
    net = Net((32, 32, 3))
    channels = 16
    net.conv(channels, 3, 2, "relu6")
    for factor, filters, stride in ((1, 8, 1), (6, 12, 2), (6, 12, 1), (6, 16, 2), (6, 16, 1)):
        entry = net.at
        if factor > 1:
            net.conv(channels * factor, 1, act="relu6")
        net.depthwise(3, stride, "relu6")
        net.conv(filters, 1, act=None)
        if stride == 1 and channels == filters:
            net(layers.Add(), entry)
        channels = filters
    net.conv(64, 1, act="relu6")
    net(layers.GlobalAveragePooling2D())
    net(layers.Dense(10))
    return net.model()


def branches():
    """Values with three readers, branches side by side, a product."""
    net = Net((8, 8, 2))
    entry = net(layers.Conv2D(4, 3, padding="same"))
    left = net(layers.Conv2D(4, 3, padding="same", activation="relu"))
    net.at = entry
    middle = net(layers.Conv2D(4, 1, activation="tanh"))
    net.at = entry
    right = net(layers.Activation("sigmoid"))
    net(layers.Multiply(), middle)
    net(layers.Concatenate(), left, entry)
    net(layers.Conv2D(6, 3))
    net(layers.GlobalAveragePooling2D())
    net(layers.Dense(3))
    return net.model()


def spaced(array):
    flat = np.asarray(array).reshape(-1)
    return flat[np.arange(SAMPLES) * len(flat) // SAMPLES]


golden = {}
# Batches and rates with which no ReLU's input is so near to zero that float32 takes the other branch, and
# in which normalisation has more than a few numbers: either makes a rounding error large.
for build, BATCH, RATE in (
    (resnet8, 4, 2**-10),
    (ds_cnn, 16, 2**-10),
    (mobilenet_v1, 4, 2**-16),
    (autoencoder, 16, 2**-10),
    (mobilenet_v2, 16, 2**-10),
    (branches, 16, 2**-10),
):
    name = build.__name__
    model, tensors = build()
    for stream, tensor in enumerate(tensors):
        tensor.assign(initial(stream, tensor.path, tensor.shape))
    shape = (BATCH, *model.input_shape[1:])
    inputs = tf.constant((unit(1000, int(np.prod(shape))) * 2).reshape(shape))
    outputs = model.output_shape[-1]
    labels = np.floor((unit(1001, BATCH) + 0.5) * outputs).astype(int)
    trained = {w.path for w in model.trainable_variables}
    for step in range(STEPS):
        with tf.GradientTape() as tape:
            y = model(inputs, training=True)
            if name == "autoencoder":
                loss = tf.reduce_mean((y - inputs) ** 2)
            else:
                loss = keras.losses.sparse_categorical_crossentropy(labels, y, from_logits=True)
                loss = tf.reduce_mean(loss)
        gradients = tape.gradient(loss, model.trainable_variables)
        golden[f"{name}/loss{step}"] = np.array([float(loss)])
        for variable, gradient in zip(model.trainable_variables, gradients):
            if step == 0:
                place = [w.path for w in tensors].index(variable.path)
                golden[f"{name}/gradient{place}"] = spaced(gradient)
                golden[f"{name}/largest{place}"] = np.array([np.abs(gradient).max()])
            variable.assign_sub(RATE * gradient)
    for place, tensor in enumerate(tensors):
        golden[f"{name}/parameter{place}"] = spaced(tensor)
    golden[f"{name}/outputs"] = np.asarray(model(inputs, training=False))
    print(name, model.count_params(), [float(golden[f"{name}/loss{step}"][0]) for step in range(STEPS)], len(trained))

save_file(golden, pathlib.Path(__file__).with_name("networks.safetensors"))
