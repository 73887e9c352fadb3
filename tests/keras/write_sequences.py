"""Writes tests/data/keras/sequences.safetensors: Keras' values, in float64, of what has lengths, two directions, groups.

python3 -m venv V && V/bin/pip install tensorflow-cpu==2.21 && V/bin/python tests/keras/write_sequences.py
"""

import json
import pathlib
import struct

import keras
import numpy as np
import tensorflow as tf

keras.backend.set_floatx("float64")
rng = np.random.default_rng(16)
tensors, notes = {}, {}


def numbers(*shape):
    return rng.uniform(-1.0, 1.0, shape)


def randomise(layer):
    """Every weight, biases too."""
    for variable in layer.weights:
        variable.assign(numbers(*variable.shape))


def store(case, note="", **arrays):
    notes[case] = note
    tensors.update({f"{case}/{name}": np.asarray(array) for name, array in arrays.items()})


def differentiate(call, x, variables, dy=None):
    """y, dy, dx and the gradients of the variables."""
    x = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = call(x)
        dy = numbers(*y.shape) if dy is None else dy
        loss = tf.reduce_sum(y * dy)
    gradients = tape.gradient(loss, [x, *[v.value for v in variables]])
    gradients = [tf.convert_to_tensor(g).numpy() for g in gradients]
    return y.numpy(), dy, gradients[0], gradients[1:]


def named(prefix, variables, gradients):
    out = {}
    for variable, gradient in zip(variables, gradients):
        out[prefix + variable.name] = variable.numpy()
        out["d_" + prefix + variable.name] = gradient
    return out


CELLS = {
    "simple_rnn": lambda **k: keras.layers.SimpleRNN(4, **k),
    "gru": lambda **k: keras.layers.GRU(4, **k),
    "gru_reset_before": lambda **k: keras.layers.GRU(4, reset_after=False, **k),
    "lstm": lambda **k: keras.layers.LSTM(4, **k),
}


def recurrent():
    n, t, i = 3, 6, 5
    lengths = np.array([6, 1, 4])
    mask = tf.constant(np.arange(t)[None, :] < lengths[:, None])
    for cell, make in CELLS.items():
        for sequences in [False, True]:
            for backwards in [False, True]:
                layer = make(return_sequences=sequences, go_backwards=backwards)
                layer.build((n, t, i))
                randomise(layer)
                x = numbers(n, t, i)
                y, dy, dx, gradients = differentiate(lambda x: layer(x, mask=mask), x, layer.weights)
                words = ["masked", "sequence" if sequences else "last"] + ["backwards"] * backwards
                store(
                    f"{cell}_{'_'.join(words)}_n{n}_t{t}_i{i}_h4",
                    lengths=lengths, x=x, y=y, dy=dy, dx=dx, **named("", layer.weights, gradients),
                )
            for masked in [False, True]:
                layer = keras.layers.Bidirectional(make(return_sequences=sequences))
                layer.build((n, t, i))
                randomise(layer)
                x = numbers(n, t, i)
                call = lambda x: layer(x, mask=mask if masked else None)
                there, back = layer.forward_layer.weights, layer.backward_layer.weights
                y, dy, dx, gradients = differentiate(call, x, [*there, *back])
                words = ["bidirectional", "sequence" if sequences else "last"] + ["masked"] * masked
                arrays = dict(x=x, y=y, dy=dy, dx=dx, **({"lengths": lengths} if masked else {}))
                store(
                    f"{cell}_{'_'.join(words)}_n{n}_t{t}_i{i}_h4", **arrays,
                    **named("forward_", there, gradients[: len(there)]),
                    **named("backward_", back, gradients[len(there) :]),
                )


def convolutions():
    for k, m, s, padding in [(3, 1, 1, "valid"), (4, 2, 1, "same"), (3, 1, 2, "same")]:
        layer = keras.layers.DepthwiseConv1D(k, strides=s, padding=padding, depth_multiplier=m)
        layer.build((2, 9, 3))
        randomise(layer)
        x = numbers(2, 9, 3)
        y, dy, dx, (dkernel, dbias) = differentiate(layer, x, layer.weights)
        kernel, bias = (w.numpy() for w in layer.weights)
        shape = (k, 3, m)
        store(
            f"depthwise_conv1d_n2_t9_c3_k{k}_m{m}_s{s}_{padding}", "depthwise kernel [k, c, m]",
            x=x, y=y, dy=dy, dx=dx, kernel=kernel.reshape(shape), d_kernel=dkernel.reshape(shape), bias=bias, d_bias=dbias,
        )
    for groups, dilation, padding in [(2, 1, "same"), (3, 2, "causal")]:
        # A group's convolution alone: on a CPU TensorFlow has no gradient of several at once.
        ci, co, k = 2 * groups, 3 * groups, 3
        kernel, bias = keras.Variable(numbers(k, 2, co)), keras.Variable(numbers(co))

        def call(x):
            parts = []
            for g in range(groups):
                part = x[:, :, 2 * g : 2 * g + 2]
                if padding == "causal":
                    part = tf.pad(part, [[0, 0], [dilation * (k - 1), 0], [0, 0]])
                weights = tf.convert_to_tensor(kernel)[:, :, 3 * g : 3 * g + 3]
                plain = "valid" if padding == "causal" else padding
                parts.append(keras.ops.conv(part, weights, 1, plain, dilation_rate=dilation))
            return tf.concat(parts, -1) + tf.convert_to_tensor(bias)

        x = numbers(2, 10, ci)
        y, dy, dx, (dkernel, dbias) = differentiate(call, x, [kernel, bias])
        store(
            f"conv1d_n2_t10_c{ci}_k{k}_co{co}_g{groups}_s1_{padding}_d{dilation}", "kernel [k, c / g, co]",
            x=x, y=y, dy=dy, dx=dx, kernel=kernel.numpy(), d_kernel=dkernel, bias=bias.numpy(), d_bias=dbias,
        )


def others():
    for name, layer in [
        ("global_avg_pool1d", keras.layers.GlobalAveragePooling1D()),
        ("global_max_pool1d", keras.layers.GlobalMaxPooling1D()),
    ]:
        x = numbers(2, 7, 3)
        y, dy, dx, _ = differentiate(layer, x, [])
        store(f"{name}_n2_t7_c3", x=x, y=y, dy=dy, dx=dx)
    for channels in [5, 33]:
        layer = keras.layers.RMSNormalization()
        layer.build((2, channels))
        randomise(layer)
        x = numbers(2, channels)
        y, dy, dx, (dgamma,) = differentiate(layer, x, layer.weights)
        gamma = layer.weights[0].numpy()
        store(f"rms_norm_n2_c{channels}", "epsilon 1e-6", x=x, y=y, dy=dy, dx=dx, gamma=gamma, d_gamma=dgamma)
    layer = keras.layers.Dense(4)
    layer.build((2, 5, 3))
    randomise(layer)
    x = numbers(2, 5, 3)
    y, dy, dx, gradients = differentiate(layer, x, layer.weights)
    store("dense_n2_t5_i3_o4", "at each step", x=x, y=y, dy=dy, dx=dx, **named("", layer.weights, gradients))


def write(path):
    header, data = {"__metadata__": notes}, b""
    for name, array in tensors.items():
        whole = np.issubdtype(array.dtype, np.integer)
        raw = np.ascontiguousarray(array, "<i8" if whole else "<f8").tobytes()
        kind = "I64" if whole else "F64"
        header[name] = {"dtype": kind, "shape": list(array.shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    head = json.dumps(header).encode()
    head += b" " * (-len(head) % 8)
    path.write_bytes(struct.pack("<Q", len(head)) + head + data)


recurrent()
convolutions()
others()
write(pathlib.Path(__file__).parent.parent / "data" / "keras" / "sequences.safetensors")
