#!/usr/bin/env bash
# Runs examples/flink and compares: words with the bytes of Hadoop's WordCount, windows of event time with those of
# mapreduce::Windows:  tests/flink.sh [VENV]
# Needs cargo, Java 17 and python3 with venv; PyFlink is installed into VENV (target/flink-venv if none is named) unless it
# is there.
set -euo pipefail
cd "$(dirname "$0")/.."

. tests/toolchains.sh
engine_tools
venv=${1:-target/flink-venv}
python_with "$venv" pyflink 'apache-flink>=2.3,<2.4'
# Flink starts whatever `python` is on the path.
PATH=$(cd "$venv/bin" && pwd):$PATH
export PATH

cargo build -q --example word_count --example windows
programs=${CARGO_TARGET_DIR:-$PWD/target}/debug/examples
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
gzip -dc examples/data/kjv.txt.gz > "$work/kjv.txt"
gzip -dc tests/data/wordcount/tricky.txt.gz > "$work/tricky.txt"
for text in kjv tricky; do
  gzip -dc "tests/data/wordcount/$text.hadoop.tsv.gz" > "$work/$text.expected"
  python examples/flink/word_count.py "$programs/word_count" 2 "$work/$text.txt" "$work/$text.found"
  cmp "$work/$text.found" "$work/$text.expected"
  echo "$text: $(wc -l < "$work/$text.found") words, as Hadoop wrote them"
done

# A hundred thousand events: one in ten is up to 20 s late, where the watermark waits for 2.
python - > "$work/events.csv" <<'PY'
import random

draw, now = random.Random(7), 0
for _ in range(100_000):
    now += draw.randrange(40)
    at = now - draw.randrange(2_000 if draw.random() < 0.9 else 20_000)
    print(max(at, 0), f"k{draw.randrange(20)}", draw.randrange(-50, 1000), sep=",")
PY
for window in "10000 10000" "10000 2500"; do
  # shellcheck disable=SC2086 # Size and slide.
  "$programs/windows" $window 2000 < "$work/events.csv" 2> "$work/late" | sort > "$work/expected"
  # shellcheck disable=SC2086
  python examples/flink/windows.py "$work/events.csv" $window 2000 "$work/found"
  sort "$work/found" | cmp - "$work/expected"
  echo "windows of ${window/ / every } ms: $(wc -l < "$work/expected") results, $(cat "$work/late"), as mapreduce::Windows has them"
done
