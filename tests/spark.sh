#!/usr/bin/env bash
# Runs word_count as mapper and reducer under Spark's pipe, on local[2], and
# compares the bytes with what Hadoop's WordCount wrote; then tests/spark_training.sh:  tests/spark.sh [VENV]
# Needs cargo, Java 17 and python3 with venv; PySpark is installed into VENV
# (target/spark-venv if none is named) unless it is there.
set -euo pipefail
cd "$(dirname "$0")/.."

. tests/toolchains.sh
engine_tools
venv=${1:-target/spark-venv}
python_with "$venv" pyspark 'pyspark>=4,<5'

cargo build -q --example word_count
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
gzip -dc examples/data/kjv.txt.gz > "$work/kjv.txt"
gzip -dc tests/data/wordcount/tricky.txt.gz > "$work/tricky.txt"
for text in kjv tricky; do
  gzip -dc "tests/data/wordcount/$text.hadoop.tsv.gz" > "$work/$text.expected"
done

export SPARK_LOCAL_IP=127.0.0.1 PYSPARK_PYTHON="$PWD/$venv/bin/python"
[ "${venv#/}" = "$venv" ] || PYSPARK_PYTHON="$venv/bin/python"
"$venv/bin/python" - "${CARGO_TARGET_DIR:-$PWD/target}/debug/examples/word_count" "$work" <<'PY'
import sys
from pyspark import SparkConf, SparkContext

program, work = sys.argv[1:]
conf = SparkConf().set("spark.ui.enabled", "false").set("spark.ui.showConsoleProgress", "false").set("spark.driver.memory", "1g")
spark = SparkContext("local[2]", "word_count", conf=conf)
spark.setLogLevel("OFF")
for text in ["kjv", "tricky"]:
    # Two mappers, a shuffle by ranges of keys, two reducers.
    lines = spark.textFile(f"{work}/{text}.txt", 2)
    mapped = lines.pipe(f"{program} --hadoop-mapper --budget 256KiB", checkCode=True)
    pairs = mapped.map(lambda line: line.split("\t", 1))
    ordered = pairs.sortByKey(numPartitions=2).map("\t".join)
    reduced = ordered.pipe(f"{program} --hadoop-reducer --budget 256KiB", checkCode=True)
    found = "".join(line + "\n" for line in reduced.collect()).encode()
    with open(f"{work}/{text}.expected", "rb") as file:
        expected = file.read()
    if found != expected:
        sys.exit(f"spark.sh: {text}: {len(found)} bytes are not Hadoop's {len(expected)}")
    words, parts = found.count(b"\n"), (mapped.getNumPartitions(), reduced.getNumPartitions())
    print(f"{text}: {words:,} words in {parts[0]} + {parts[1]} partitions, as Hadoop wrote them")

# A process that fails must fail the job.
unsorted = spark.parallelize(["b\t1", "a\t1"], 1).pipe(f"{program} --hadoop-reducer", checkCode=True)
try:
    unsorted.collect()
except Exception:
    print("unsorted input: the job failed, as it should")
else:
    sys.exit("spark.sh: unsorted input went unnoticed")
spark.stop()
PY

tests/spark_training.sh "$venv"
