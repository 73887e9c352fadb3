#!/usr/bin/env bash
# The network of an example, trained, quantised, and run by TensorFlow Lite Micro on every test image:
#
#   tests/tflm_trained.sh [VENV [EXAMPLE [OPTIONS OF THE EXAMPLE …]]]
#   tests/tflm_trained.sh target/tflm-venv mnist --data ../mnist --epochs 2    # all 10,000 test images of MNIST
#   tests/tflm_trained.sh target/tflm-venv cifar10 --data DIR                  # all 10,000 of CIFAR-10
#
# Without an example it is the small network on the bundled digits and their 2,000 test images, then ResNet-8 on pictures
# of its own, 1,280 to learn from and 200 to test with. Needs what tests/tflm.sh needs.
set -euo pipefail
cd "$(dirname "$0")/.."
. tests/toolchains.sh

venv=${1:-target/tflm-venv}
[ $# -eq 0 ] || shift
tflm_with "$venv"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# trained EXAMPLE OPTION...: that example's network, under TensorFlow Lite Micro.
trained() {
    local example=$1
    shift
    rm -rf "$folder/model" && mkdir "$folder/model"
    cargo run -q --all-features --example "$example" -- "$@" \
        --quantize "$folder/model/$example.tflite" --quantize-check "$folder/model/$example.safetensors"
    "$venv/bin/python" tests/tflm.py "$folder/model" 2> >(grep -v '^[WI]0000\|^INFO' >&2)
}

if [ $# -gt 0 ]; then
    trained "$@"
    exit
fi
trained mnist --network small --epochs 1
# Pictures in CIFAR-10's binary files: a colour and a stripe for each class, under noise.
"$venv/bin/python" - "$folder" <<'END'
import sys
import numpy as np

random = np.random.default_rng(1)
for name, count in [("data_batch_1", 1280), ("test_batch", 200)]:
    classes = np.arange(count) % 10
    pictures = random.integers(0, 96, (count, 3, 32, 32))
    for picture, c in zip(pictures, classes):
        picture[c % 3] += 80
        picture[:, 3 * c : 3 * c + 3] += 70
    np.column_stack([classes, pictures.reshape(count, -1)]).astype(np.uint8).tofile(f"{sys.argv[1]}/{name}.bin")
END
trained cifar10 --data "$folder" --epochs 3
