#!/usr/bin/env bash
# Builds the page into a folder that any server of files can serve.
#
#   examples/web/build.sh OUT
#   python3 -m http.server --directory OUT 8000     # then http://localhost:8000
#
# It needs what tests/toolchains.sh names for wasm32, and nothing else.
set -euo pipefail
out=${1:?usage: examples/web/build.sh OUT}
mkdir -p "$out/model"
out=$(cd "$out" && pwd)
cd "$(dirname "${BASH_SOURCE[0]}")"
. ../../tests/toolchains.sh

target=wasm32-unknown-unknown
have_target $target
for name in scalar simd; do
    if [ $name = simd ]; then flags='-C target-feature=+simd128'; else flags=; fi
    (cd wasm && RUSTFLAGS=$flags cargo_for $target build --release --quiet)
    cp "$(built_for $target)/release/kernlet_web.wasm" "$out/$name.wasm"
    (cd model/wasm && RUSTFLAGS=$flags cargo_for $target build --release --quiet)
    cp "$(built_for $target)/release/kernlet_web_model.wasm" "$out/model/$name.wasm"
done
cp index.html style.css ./*.js digits.knl "$out"
cp model/*.js ../../tests/data/tflite/digits.tflite "$out/model"
mkdir -p "$out/digits" "$out/texts"
cp ../data/*-ubyte.gz "$out/digits"
cp ../data/kjv.txt.gz "$out/texts"
