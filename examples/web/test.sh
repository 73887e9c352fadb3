#!/usr/bin/env bash
# Builds the page and uses it in a browser: examples/web/test.sh [SHOTS], a folder for pictures.
#
# Chromium, Node and npm are expected, and installed where CI is set.
set -euo pipefail
shots=${1:+$(mkdir -p "$1" && cd "$1" && pwd)}
cd "$(dirname "${BASH_SOURCE[0]}")"
. ../../tests/toolchains.sh
need node nodejs
need npm npm
need "${CHROMIUM:-chromium}" chromium
[ -e node_modules/playwright-core ] || npm ci --omit=optional --no-audit --no-fund --loglevel=error
./build.sh "$portable_target/web"
cargo build --quiet --example mnist
node test.mjs "$portable_target/web" "$portable_target/debug/examples/mnist" ${shots:+"$shots"}
