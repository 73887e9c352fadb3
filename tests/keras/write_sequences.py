"""Writes tests/data/keras/sequences.safetensors: Keras' values, in float64, of what has lengths, two directions, groups.

python3 -m venv V && V/bin/pip install tensorflow-cpu==2.21 && V/bin/python tests/keras/write_sequences.py
With a seed and a file, sizes are drawn too: ... write_sequences.py 7 FOLDER/any.safetensors, and then
KERNLET_GOLDENS=FOLDER cargo test --test keras
"""

import json
import pathlib
import struct
import sys

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


def drawn():
    """Layers of drawn sizes and options."""
    whole = lambda low, high: int(rng.integers(low, high + 1))
    yes = lambda: bool(rng.integers(2))
    for cell in CELLS:
        for _ in range(6):
            recurrent_of(cell, whole(1, 4), whole(1, 9), whole(1, 20), whole(1, 35), yes)
        both_of(cell, whole(1, 4), whole(1, 9), whole(1, 20), whole(1, 20), yes)
    for _ in range(8):
        convolution_of(whole, yes)
        depthwise_of(whole, yes)
        pool_of(whole, yes)
        rows_of(whole, yes)
    for _ in range(3):
        embedding_of(whole)
        dense_of(whole, yes)
        global_of(whole)


def make_cell(cell, units, **options):
    layers = {"simple_rnn": keras.layers.SimpleRNN, "lstm": keras.layers.LSTM}
    if cell == "gru_reset_before":
        options["reset_after"] = False
    return layers.get(cell, keras.layers.GRU)(units, **options)


def ends(n, t):
    """Lengths, and the mask of sequences that end so."""
    lengths = rng.integers(1, t + 1, n)
    return lengths, np.arange(t)[None, :] < lengths[:, None]


def recurrent_of(cell, n, t, i, units, yes):
    sequences, backwards, masked, bias, state = yes(), yes(), yes(), yes(), yes()
    layer = make_cell(
        cell, units, return_sequences=sequences, go_backwards=backwards, use_bias=bias, return_state=state
    )
    layer.build((n, t, i))
    randomise(layer)
    x = numbers(n, t, i)
    lengths, mask = ends(n, t)
    states = 2 if cell == "lstm" else 1
    first = [tf.constant(numbers(n, units)) for _ in range(states)] if state else []
    x = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch([x, *first])
        y = layer(x, mask=tf.constant(mask) if masked else None, initial_state=first or None)
        outputs = list(y) if state else [y]
        slopes = [numbers(*y.shape) for y in outputs]
        loss = sum(tf.reduce_sum(y * dy) for y, dy in zip(outputs, slopes))
    gradients = tape.gradient(loss, [x, *first, *[v.value for v in layer.weights]])
    gradients = [tf.convert_to_tensor(g).numpy() for g in gradients]
    arrays = dict(x=x.numpy(), dx=gradients[0], **({"mask": mask.astype(np.int64)} if masked else {}))
    for at, (y, dy) in enumerate(zip(outputs, slopes)):
        arrays |= {f"y{at or ''}": y.numpy(), f"dy{at or ''}": dy}
    for name, value, gradient in zip(["h0", "c0"], first, gradients[1:]):
        arrays |= {name: value.numpy(), "d" + name: gradient}
    words = ["sequence" if sequences else "last"] + ["backwards"] * backwards + ["masked"] * masked
    words += ["nobias"] * (not bias) + ["state"] * state
    case = f"{cell}_n{n}_t{t}_i{i}_h{units}_{'_'.join(words)}"
    store(case, **arrays, **named("", layer.weights, gradients[1 + len(first) :]))


def both_of(cell, n, t, i, units, yes):
    sequences, masked, bias = yes(), yes(), yes()
    layer = keras.layers.Bidirectional(make_cell(cell, units, return_sequences=sequences, use_bias=bias))
    layer.build((n, t, i))
    randomise(layer)
    lengths, mask = ends(n, t)
    there, back = layer.forward_layer.weights, layer.backward_layer.weights
    call = lambda x: layer(x, mask=tf.constant(mask) if masked else None)
    x = numbers(n, t, i)
    y, dy, dx, gradients = differentiate(call, x, [*there, *back])
    words = ["bidirectional", "sequence" if sequences else "last"] + ["masked"] * masked + ["nobias"] * (not bias)
    store(
        f"{cell}_{'_'.join(words)}_n{n}_t{t}_i{i}_h{units}",
        x=x, y=y, dy=dy, dx=dx, **({"lengths": lengths} if masked else {}),
        **named("forward_", there, gradients[: len(there)]), **named("backward_", back, gradients[len(there) :]),
    )


def convolution_of(whole, yes):
    n, t, k, groups = whole(1, 3), whole(8, 30), whole(1, 5), whole(1, 3)
    stride, dilation = [(1, 1), (1, 2), (1, 3), (2, 1), (3, 1), (4, 1)][whole(0, 5)]
    padding, bias = ["valid", "same", "causal"][whole(0, 2)], yes()
    t = max(t, (k - 1) * dilation + 1)
    wide, deep = whole(1, 9), whole(1, 17)
    ci, co = groups * wide, groups * deep
    kernel = keras.Variable(numbers(k, wide, co), name="kernel")
    variables = [kernel] + ([keras.Variable(numbers(co), name="bias")] if bias else [])
    plain = "valid" if padding == "causal" else padding

    def call(x):
        # A group's convolution alone: on a CPU TensorFlow has no gradient of several at once.
        x = tf.pad(x, [[0, 0], [dilation * (k - 1), 0], [0, 0]]) if padding == "causal" else x
        weights = tf.convert_to_tensor(kernel)
        parts = [
            keras.ops.conv(
                x[:, :, wide * g : wide * (g + 1)], weights[:, :, deep * g : deep * (g + 1)],
                stride, plain, dilation_rate=dilation,
            )
            for g in range(groups)
        ]
        y = tf.concat(parts, -1)
        return y + tf.convert_to_tensor(variables[1]) if bias else y

    # That it is what the layer does.
    layer = keras.layers.Conv1D(co, k, stride, padding, dilation_rate=dilation, groups=groups, use_bias=bias)
    layer.build((n, t, ci))
    layer.set_weights([v.numpy() for v in variables])
    x = numbers(n, t, ci)
    y, dy, dx, gradients = differentiate(call, x, variables)
    assert np.allclose(layer(x), y, 1e-12, 1e-12)
    words = [f"g{groups}_s{stride}_{padding}_d{dilation}"] + ["nobias"] * (not bias)
    store(
        f"conv1d_n{n}_t{t}_c{ci}_k{k}_co{co}_{'_'.join(words)}", "kernel [k, c / g, co]",
        x=x, y=y, dy=dy, dx=dx, **named("", variables, gradients),
    )


def depthwise_of(whole, yes):
    n, t, c, k, m = whole(1, 3), whole(8, 30), whole(1, 20), whole(1, 5), whole(1, 3)
    stride, dilation = [(1, 1), (1, 2), (1, 3), (2, 1), (3, 1)][whole(0, 4)]
    padding, bias = ["valid", "same"][whole(0, 1)], yes()
    t = max(t, (k - 1) * dilation + 1)
    layer = keras.layers.DepthwiseConv1D(
        k, strides=stride, padding=padding, depth_multiplier=m, dilation_rate=dilation, use_bias=bias
    )
    layer.build((n, t, c))
    randomise(layer)
    x = numbers(n, t, c)
    y, dy, dx, gradients = differentiate(layer, x, layer.weights)
    arrays = dict(depthwise_kernel=layer.weights[0].numpy(), d_depthwise_kernel=gradients[0])
    if bias:
        arrays |= dict(bias=layer.weights[1].numpy(), d_bias=gradients[1])
    arrays["depthwise_kernel"] = arrays["depthwise_kernel"].reshape(k, c, m)
    arrays["d_depthwise_kernel"] = arrays["d_depthwise_kernel"].reshape(k, c, m)
    words = [f"s{stride}_{padding}_d{dilation}"] + ["nobias"] * (not bias)
    store(f"depthwise_conv1d_n{n}_t{t}_c{c}_k{k}_m{m}_{'_'.join(words)}", x=x, y=y, dy=dy, dx=dx, **arrays)


def pool_of(whole, yes):
    n, t, c, k, stride = whole(1, 3), whole(6, 30), whole(1, 20), whole(1, 6), whole(1, 6)
    padding, kind = ["valid", "same"][whole(0, 1)], ["max", "avg"][whole(0, 1)]
    layer = (keras.layers.MaxPooling1D if kind == "max" else keras.layers.AveragePooling1D)(k, stride, padding)
    x = numbers(n, t, c)
    y, dy, dx, _ = differentiate(layer, x, [])
    store(f"{kind}_pool1d_n{n}_t{t}_c{c}_k{k}_s{stride}_{padding}", x=x, y=y, dy=dy, dx=dx)


def rows_of(whole, yes):
    n, t, c = whole(1, 3), whole(1, 5), whole(2, 40)
    epsilon, centre, scale = [1e-3, 1e-5, 0.1][whole(0, 2)], yes(), yes()
    shape = [(n, t, c), (n, c)][whole(0, 1)]
    sizes = f"n{n}_t{t}_c{c}" if len(shape) > 2 else f"n{n}_c{c}"
    if yes():
        axis = [-1, [1, 2]][whole(0, 1)] if len(shape) > 2 else -1
        layer = keras.layers.LayerNormalization(axis=axis, epsilon=epsilon, center=centre, scale=scale)
        name = f"layer_norm_{sizes}" + "_noscale" * (not scale) + "_nocenter" * (not centre)
        if axis != -1:
            name = f"layer_norm_{sizes}_axes" + "_noscale" * (not scale) + "_nocenter" * (not centre)
    else:
        layer, name = keras.layers.RMSNormalization(epsilon=epsilon), f"rms_norm_{sizes}"
    layer.build(shape)
    randomise(layer)
    x = numbers(*shape)
    y, dy, dx, gradients = differentiate(layer, x, layer.weights)
    store(name, f"epsilon {epsilon}", x=x, y=y, dy=dy, dx=dx, **named("", layer.weights, gradients))


def embedding_of(whole):
    n, t, v, e = whole(1, 4), whole(1, 9), whole(1, 30), whole(1, 40)
    layer = keras.layers.Embedding(v, e, mask_zero=True)
    layer.build((n, t))
    randomise(layer)
    ids = rng.integers(0, v, (n, t))
    with tf.GradientTape() as tape:
        y = layer(tf.constant(ids))
        dy = numbers(*y.shape)
        loss = tf.reduce_sum(y * dy)
    gradient = tf.convert_to_tensor(tape.gradient(loss, layer.weights[0].value)).numpy()
    arrays = dict(ids=ids, y=y.numpy(), dy=dy, embeddings=layer.weights[0].numpy(), d_embeddings=gradient)
    store(f"embedding_n{n}_t{t}_v{v}_e{e}_masked", **arrays)


def dense_of(whole, yes):
    n, t, i, o, bias = whole(1, 3), whole(1, 9), whole(1, 40), whole(1, 40), yes()
    layer = keras.layers.Dense(o, use_bias=bias)
    layer.build((n, t, i))
    randomise(layer)
    x = numbers(n, t, i)
    y, dy, dx, gradients = differentiate(layer, x, layer.weights)
    name = f"dense_n{n}_t{t}_i{i}_o{o}" + "_nobias" * (not bias)
    store(name, "at each step", x=x, y=y, dy=dy, dx=dx, **named("", layer.weights, gradients))


def global_of(whole):
    n, t, c = whole(1, 3), whole(1, 300), whole(1, 20)
    x = numbers(n, t, c)
    y, dy, dx, _ = differentiate(keras.layers.GlobalMaxPooling1D(), x, [])
    store(f"global_max_pool1d_n{n}_t{t}_c{c}", x=x, y=y, dy=dy, dx=dx)
    y, dy, dx, _ = differentiate(keras.layers.GlobalAveragePooling1D(), x, [])
    store(f"global_avg_pool1d_n{n}_t{t}_c{c}", x=x, y=y, dy=dy, dx=dx)
    lengths, mask = ends(n, t)
    masked = lambda x: keras.layers.GlobalAveragePooling1D()(x, mask=tf.constant(mask))
    y, dy, dx, _ = differentiate(masked, x, [])
    store(f"global_avg_pool1d_n{n}_t{t}_c{c}_masked", x=x, y=y, dy=dy, dx=dx, mask=mask.astype(np.int64))


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


if len(sys.argv) == 3:
    rng = np.random.default_rng(int(sys.argv[1]))
    drawn()
    write(pathlib.Path(sys.argv[2]))
else:
    recurrent()
    convolutions()
    others()
    write(pathlib.Path(__file__).parent.parent / "data" / "keras" / "sequences.safetensors")
