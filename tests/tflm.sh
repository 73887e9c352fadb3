#!/usr/bin/env bash
# Runs what kernlet quantises with TensorFlow Lite Micro, and compares the bytes:  tests/tflm.sh [VENV]
# Needs cargo and python3 with venv; tflite-micro and LiteRT are installed into VENV (target/tflm-venv if none is named)
# unless they are there.
set -euo pipefail
cd "$(dirname "$0")/.."
. tests/toolchains.sh

venv=${1:-target/tflm-venv}
tflm_with "$venv"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
KERNLET_QUANTIZED=$folder cargo test -q --all-features --test quantize -- networks_survive from_python
"$venv/bin/python" tests/tflm.py "$folder" 2> >(grep -v '^[WI]0000\|^INFO' >&2)
