#!/usr/bin/env bash
# The network of the example mnist, trained, quantised, and run by TensorFlow Lite Micro on every test image:
#
#   tests/tflm_mnist.sh [VENV [OPTIONS OF THE EXAMPLE …]]
#   tests/tflm_mnist.sh target/tflm-venv --data ../mnist --epochs 2     # all 10,000 test images of MNIST
#
# Without options it is the small network on the bundled digits, and their 2,000 test images. Needs what tests/tflm.sh needs.
set -euo pipefail
cd "$(dirname "$0")/.."
. tests/toolchains.sh

venv=${1:-target/tflm-venv}
[ $# -eq 0 ] || shift
tflm_with "$venv"
[ $# -gt 0 ] || set -- --network small --epochs 1

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cargo run -q --all-features --example mnist -- "$@" --quantize "$folder/mnist.tflite" --quantize-check "$folder/mnist.safetensors"
"$venv/bin/python" tests/tflm.py "$folder" 2> >(grep -v '^[WI]0000\|^INFO' >&2)
