"""Runs models with TensorFlow Lite Micro, and LiteRT, and compares with what kernlet computed.

    python3 -m venv v && v/bin/pip install tflite-micro==0.dev20261023182759 ai-edge-litert
    v/bin/python tests/tflm.py FOLDER...

In each folder every NAME.tflite stands beside NAME.safetensors with input0 and output0 of consecutive invocations.
TensorFlow Lite Micro must give the same bytes. LiteRT's kernels round otherwise (and on x86 in float32): it must run
the file, and its outputs are counted.
"""

import json
import sys
from pathlib import Path

import numpy as np
from tflite_micro.python.tflite_micro import runtime

try:
    from ai_edge_litert.interpreter import Interpreter
except ImportError:
    Interpreter = None


def tensors(path):
    """The int8 tensors of a safetensors file."""
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    found = {}
    for name, entry in header.items():
        if name != "__metadata__":
            begin, end = entry["data_offsets"]
            body = data[8 + length + begin : 8 + length + end]
            found[name] = np.frombuffer(body, np.int8).reshape(entry["shape"])
    return found


def micro(model, inputs):
    interpreter = runtime.Interpreter.from_bytes(model, arena_size=1 << 22)
    for x in inputs:
        interpreter.set_input(x, 0)
        interpreter.invoke()
        yield interpreter.get_output(0).copy()


def litert(model, inputs):
    interpreter = Interpreter(model_content=model, num_threads=1)
    interpreter.allocate_tensors()
    x, y = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]
    for value in inputs:
        interpreter.set_tensor(x, value)
        interpreter.invoke()
        yield interpreter.get_tensor(y).copy()


def compare(path):
    """Whether TensorFlow Lite Micro has our bytes."""
    model, values = path.read_bytes(), tensors(path.with_suffix(".safetensors"))
    inputs, expected = values["input0"], values["output0"]
    wrong = sum(not np.array_equal(y, want) for y, want in zip(micro(model, inputs), expected))
    text = f"{path.stem}: {len(inputs) - wrong} of {len(inputs)} runs as TensorFlow Lite Micro's"
    if Interpreter is not None:
        apart = [np.abs(np.int32(y) - want).max() for y, want in zip(litert(model, inputs), expected)]
        text += f"; LiteRT's at most {max(apart)} steps apart, {sum(a == 0 for a in apart)} equal"
    print(text, flush=True)
    return wrong == 0


def main():
    paths = sorted(path for folder in sys.argv[1:] for path in Path(folder).glob("*.tflite"))
    if not paths:
        sys.exit("error: there is no model in " + (" ".join(sys.argv[1:]) or "no folder"))
    if not all([compare(path) for path in paths]):
        sys.exit("error: TensorFlow Lite Micro computes something else")


if __name__ == "__main__":
    main()
