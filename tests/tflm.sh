#!/usr/bin/env bash
# Runs what kernlet quantises with TensorFlow Lite Micro, and compares the bytes:  tests/tflm.sh [VENV]
# Needs cargo and python3 with venv; tflite-micro and LiteRT are installed into VENV (target/tflm-venv if none is named)
# unless they are there.
set -euo pipefail
cd "$(dirname "$0")/.."

venv=${1:-target/tflm-venv}
[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
"$venv/bin/python" -c 'import tflite_micro, ai_edge_litert' 2>/dev/null ||
    "$venv/bin/pip" install -q 'tflite-micro==0.dev20261023182759' 'ai-edge-litert>=2,<3'

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
KERNLET_QUANTIZED=$folder cargo test -q --all-features --test quantize networks_survive
"$venv/bin/python" tests/tflm.py "$folder" 2> >(grep -v '^[WI]0000\|^INFO' >&2)
