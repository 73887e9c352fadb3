#!/usr/bin/env python3
"""Keras' own files as safetensors that kernlet reads, and back.

    safetensors_file.py write MODEL.keras OUT.safetensors [--weights W.weights.h5]
    safetensors_file.py read IN.safetensors MODEL.keras OUT.keras (or OUT.weights.h5)

`write` takes the layers of MODEL.keras, with its own weights or those of a `.weights.h5`, which does not say what its
layers are. `read` puts the numbers of a safetensors file into the layers of MODEL.keras. Tensors are called by their layer
and their own name, `conv1/kernel`, whatever model the layer is in; what changes what is computed (epsilon, momentum,
slope, stride, dilation) is in the metadata, where kernlet compares it with the network.

Needs keras 3 with any backend (KERAS_BACKEND=jax is the smallest), h5py, numpy, and safetensors.
"""
import argparse
import sys

import keras
import numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file


def layers(model):
    """All layers that are no models themselves, in order."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from layers(layer)
        else:
            yield layer


def tensors(model):
    """Names and variables; a name that is there twice would be lost."""
    named = {}
    for layer in layers(model):
        for variable in layer.variables:
            if "seed" in variable.path:
                continue
            name = f"{layer.name}/{variable.name}"
            if name in named:
                sys.exit(f"two tensors are called {name}: give the layers names of their own")
            named[name] = variable
    return named


def hyperparameters(model):
    """Lines `layer.name=value`, with kernlet's names and spelling."""
    lines = []
    for layer in layers(model):
        config = layer.get_config()
        for ours, theirs in (("epsilon", "epsilon"), ("momentum", "momentum"), ("slope", "negative_slope")):
            if isinstance(config.get(theirs), float):
                lines.append(f"{layer.name}.{ours}={config[theirs]!r}")
        if "kernel_size" in config:
            lines.append(f"{layer.name}.stride={'×'.join(map(str, config['strides']))}")
            lines.append(f"{layer.name}.dilation={'×'.join(map(str, config['dilation_rate']))}")
    return "\n".join(lines)


def write(arguments):
    model = keras.saving.load_model(arguments.model, compile=False)
    if arguments.weights:
        model.load_weights(arguments.weights)
    numbers = {name: np.ascontiguousarray(variable) for name, variable in tensors(model).items()}
    save_file(numbers, arguments.out, metadata={"hyperparameters": hyperparameters(model)})
    print(f"{len(numbers)} tensors: {', '.join(numbers)}")


def read(arguments):
    model = keras.saving.load_model(arguments.model, compile=False)
    named = tensors(model)
    with safe_open(arguments.file, "numpy") as file:
        names = set(file.keys())
        if names != named.keys():
            sys.exit(f"only in the file: {sorted(names - named.keys())}; only in the model: {sorted(named.keys() - names)}")
        said = dict(line.split("=", 1) for line in (file.metadata() or {}).get("hyperparameters", "").splitlines())
        for line in hyperparameters(model).splitlines():
            name, value = line.split("=", 1)
            same = name not in said or said[name] == value
            if not same and name.rsplit(".", 1)[1] in ("epsilon", "momentum", "slope"):
                same = np.float32(said[name]) == np.float32(value)
            if not same:
                sys.exit(f"{name} is {said[name]} for these weights, and {value} in the model")
        for name, variable in named.items():
            variable.assign(file.get_tensor(name))
    if arguments.out.endswith(".weights.h5"):
        model.save_weights(arguments.out)
    else:
        model.save(arguments.out)
    print(f"{len(named)} tensors: {', '.join(named)}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("write")
    command.add_argument("model")
    command.add_argument("out")
    command.add_argument("--weights")
    command.set_defaults(run=write)
    command = commands.add_parser("read")
    command.add_argument("file")
    command.add_argument("model")
    command.add_argument("out")
    command.set_defaults(run=read)
    arguments = parser.parse_args()
    arguments.run(arguments)


if __name__ == "__main__":
    main()
