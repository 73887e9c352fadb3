"""What `models` reads: a model, its first input and the output that it must lead to, their lengths before them.

    python3 blob.py MODEL.tflite > BLOB      # with MODEL.safetensors beside it: input0, output0
"""

import json
import struct
import sys
from pathlib import Path

path = Path(sys.argv[1])
goldens = path.with_suffix(".safetensors").read_bytes()
(length,) = struct.unpack("<Q", goldens[:8])
header = json.loads(goldens[8 : 8 + length])


def first(name):
    """The first run of a tensor."""
    start, end = header[name]["data_offsets"]
    return goldens[8 + length + start : 8 + length + end][: (end - start) // header[name]["shape"][0]]


parts = [path.read_bytes(), first("input0"), first("output0")]
sys.stdout.buffer.write(struct.pack("<4I", *map(len, parts), 0))
for part in parts:
    sys.stdout.buffer.write(part + bytes(-len(part) % 16))
