#!/usr/bin/env bash
# Trains on Spark and compares fingerprints with one process:  tests/spark_training.sh VENV [PART...]
# VENV has PySpark. Unless parts are named, the first three are done.
#
# | part | what it does |
# |---|---|
# | small | a few steps of a small network |
# | features | newsgroups' features of posts, to the byte |
# | summaries | summaries of words, made in partitions and merged |
# | resume | goes on from a snapshot in other partitions; workers that hold less than all |
# | refused | what can go wrong: one line, an exit code, no snapshot |
# | large | 30 steps of 1,024: one thread and two, 1, 2, 3 and 8 partitions, a cluster of two executors, speculation, an executor killed |
#
# PROFILE=release builds and runs the release profile; PROGRAMS names a folder of programs that were built already; NETWORK=small
# makes the large part quick.
set -euo pipefail
cd "$(dirname "$0")/.."
venv=$1
shift
[ $# -gt 0 ] || set -- small features summaries
programs=${PROGRAMS:-}
if [ -z "$programs" ]; then
  profile=${PROFILE:-dev}
  cargo build -q --profile "$profile" --example mnist --example newsgroups --example word_count
  [ "$profile" != dev ] || profile=debug
  programs=${CARGO_TARGET_DIR:-$PWD/target}/$profile/examples
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export SPARK_LOCAL_IP=127.0.0.1 PYSPARK_PYTHON=${PYSPARK_PYTHON:-$(cd "$venv/bin" && pwd)/python}
printf 'rootLogger.level = off\n' > "$work/log4j2.properties"
submit=("$venv/bin/spark-submit" --conf "spark.driver.extraJavaOptions=-Dlog4j.configurationFile=$work/log4j2.properties"
  --conf spark.driver.memory=1g)
"$programs/mnist" --records "$work/digits.bin"
gzip -dc examples/data/kjv.txt.gz > "$work/kjv.txt"

fail() { printf 'spark_training.sh: %s\n' "$@" >&2; exit 1; }
fingerprint() { sed -n 's/^Parameters fingerprint: //p' "$1"; }

# What one process comes to: ONE, for these options of mnist.
one() {
  "$programs/mnist" --map-reduce 1 "$@" > "$work/one.out"
  expected=$(fingerprint "$work/one.out")
  echo "one process: $expected"
}

# On Spark: MASTER PARTITIONS NAME [Spark's options] -- options of mnist.
on() {
  local master=$1 partitions=$2 name=$3 conf=()
  shift 3
  while [ "$1" != -- ]; do conf+=("$1"); shift; done
  shift
  local start=$SECONDS
  "${submit[@]}" --master "$master" "${conf[@]}" examples/spark/train.py "$programs/mnist" "$partitions" "$work/digits.bin" "$@" \
    > "$work/$name.out" 2> "$work/$name.err" || { cat "$work/$name.out" "$work/$name.err" >&2; fail "$name: it failed"; }
  local found
  found=$(fingerprint "$work/$name.out")
  [ "$found" = "$expected" ] || fail "$name: found '$found', expected $expected"
  echo "$name, $master, $partitions partitions: $found, $((SECONDS - start)) s"
}

# A run that must fail: a line that NAME's driver says.
refuses() {
  local expected=$1 code=0
  shift
  "${submit[@]}" --master 'local[2]' examples/spark/train.py "$@" > "$work/bad.out" 2> "$work/bad.err" || code=$?
  [ "$code" -ne 0 ] || fail "it went unnoticed: $expected"
  cat "$work/bad.out" "$work/bad.err" > "$work/bad.all" # Spark hands what Python says on to standard output.
  grep -q "error: .*$expected" "$work/bad.all" || { cat "$work/bad.all" >&2; fail "it did not say: $expected"; }
  [ ! -e "$work/bad.knl" ] || fail "a snapshot was written"
  echo "refused: $(grep -o "error: .*$expected.*" "$work/bad.all" | tail -1)"
}

small=(--network small --batch 256)

part_small() {
  one "${small[@]}" --steps 3
  on 'local[2]' 3 small -- "${small[@]}" --steps 3
}

part_features() {
  # Posts as numbers: three groups of the book's chapters.
  mkdir -p "$work"/posts/{first,second,third}
  split -l 400 -a 3 "$work/kjv.txt" "$work/posts/part."
  count=0
  for part in "$work"/posts/part.*; do
    group=(first second third)
    { printf 'Subject: part\n\n'; cat "$part"; } > "$work/posts/${group[$((count * 3 / 90 % 3))]}/$count"
    rm "$part"
    count=$((count + 1))
  done
  "$programs/newsgroups" --data "$work/posts" --features "$work/features.one" > /dev/null
  "${submit[@]}" --master 'local[2]' examples/spark/features.py "$programs/newsgroups" 3 "$work/posts" "$work/features.spark" 2> "$work/err" ||
    { cat "$work/err" >&2; fail "features: it failed"; }
  cmp "$work/features.one" "$work/features.spark"
  echo "features of $count posts: the bytes of one process"
}

part_summaries() {
  # Summaries: distinct words and quantiles are those of one worker; a frequent word's count is within its bound.
  for partitions in 1 4; do
    "${submit[@]}" --master 'local[2]' examples/spark/summaries.py "$programs/word_count" "$partitions" "$work/kjv.txt" \
      > "$work/summaries.$partitions" 2> "$work/err" || { cat "$work/err" >&2; fail "summaries: it failed"; }
  done
  diff <(grep -v '	\|partitions' "$work/summaries.1") <(grep -v '	\|partitions' "$work/summaries.4")
  gzip -dc tests/data/wordcount/kjv.hadoop.tsv.gz > "$work/exact.tsv"
  awk -F '\t' 'NR == FNR { exact[$1] = $2; next } NF == 3 { seen++; if ($2 < exact[$1] || $2 - $3 > exact[$1]) exit 1 }
    END { if (seen != 10) exit 1 }' "$work/exact.tsv" "$work/summaries.4" || fail "summaries: a count is not within its bound"
  echo "summaries: $(tail -1 "$work/summaries.4"), merged as one"
}

part_resume() {
  # Goes on from a snapshot in the middle of an epoch, in other partitions.
  one "${small[@]}" --steps 3
  on 'local[2]' 3 half -- "${small[@]}" --steps 3 --save "$work/half.knl"
  one "${small[@]}" --epochs 1
  on 'local[2]' 2 resumed -- "${small[@]}" --epochs 1 --resume "$work/half.knl"
  # Workers that hold one partition of three, and load the others again.
  on 'local[1]' 3 'small budget' -- "${small[@]}" --epochs 1 --budget 2400000
}

part_refused() {
  refuses 'a partition has .* more than the budget of 1000' "$programs/mnist" 2 "$work/digits.bin" "${small[@]}" --steps 2 --budget 1000 --save "$work/bad.knl"
  refuses '17 partitions: expected 1 to 16' "$programs/mnist" 17 "$work/digits.bin" "${small[@]}" --steps 2 --save "$work/bad.knl"
  head -c 3140000 "$work/digits.bin" > "$work/short.bin"
  refuses 'short.bin: expected 8000 records, found 4000' "$programs/mnist" 2 "$work/short.bin" "${small[@]}" --steps 2 --save "$work/bad.knl"
  # A program whose workers are of another network than its driver.
  printf '#!/bin/sh\n[ "$1" = --worker ] && exec "%s" --worker --network keras\nexec "%s" "$@"\n' "$programs/mnist" "$programs/mnist" > "$work/mixed"
  chmod +x "$work/mixed"
  refuses 'the network of the driver is SmallCnn' "$work/mixed" 2 "$work/digits.bin" "${small[@]}" --steps 2 --save "$work/bad.knl"
  # One whose workers die.
  printf '#!/bin/sh\n[ "$1" = --worker ] && { head -c 20 > /dev/null; kill -9 $$; }\nexec "%s" "$@"\n' "$programs/mnist" > "$work/dying"
  chmod +x "$work/dying"
  refuses 'worker [0-9]* on .* was killed by signal 9' "$work/dying" 2 "$work/digits.bin" "${small[@]}" --steps 2 --save "$work/bad.knl"
}

part_large() {
  large=(--steps 30 --batch 1024 --threads 1 --network "${NETWORK:-keras}")
  cluster=(--conf spark.executor.memory=512m)
  one "${large[@]}"
  on 'local[1]' 1 one -- "${large[@]}"
  on 'local[2]' 2 two -- "${large[@]}"
  on 'local[2]' 3 three -- "${large[@]}"
  on 'local-cluster[2,1,1024]' 8 cluster "${cluster[@]}" -- "${large[@]}"
  on 'local-cluster[2,1,1024]' 2 speculation "${cluster[@]}" --conf spark.speculation=true --conf spark.speculation.multiplier=1.01 \
    --conf spark.speculation.quantile=0.1 --conf spark.speculation.minTaskRuntime=1ms --conf spark.speculation.interval=50ms -- "${large[@]}"

  # An executor that is killed after the first epoch: its tasks run again elsewhere.
  {
    until grep -qs '^epoch  1' "$work/killed.out"; do sleep 0.2; done
    for java in $(pgrep -f "killed-$$.*CoarseGrainedExecutorBackend" || true); do
      kill -9 "$java" && touch "$work/killed.mark" && break
    done
  } &
  on 'local-cluster[2,1,1024]' 3 killed "${cluster[@]}" --conf "spark.executor.extraJavaOptions=-Dkernlet=killed-$$" -- "${large[@]}"
  [ -e "$work/killed.mark" ] || fail "no executor was killed"
}

for part in "$@"; do "part_$part"; done
