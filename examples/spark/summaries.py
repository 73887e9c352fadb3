"""Summaries of a text's words on Spark:  spark-submit summaries.py PROGRAM PARTITIONS TEXT

PROGRAM is the example `word_count`. Each partition is summarised by a native worker: distinct words, quantiles of their
lengths, the most frequent; what comes back are a few kilobytes each, which another merges.
"""
import os
import sys

from pyspark import SparkConf, SparkContext, SparkFiles

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from kernlet_frames import Native, frame, payload_of, worker  # noqa: E402


def main():
    program, partitions, path = sys.argv[1:]
    conf = SparkConf().set("spark.ui.enabled", "false").set("spark.ui.showConsoleProgress", "false")
    spark = SparkContext(appName="summaries", conf=conf.setIfMissing("spark.driver.memory", "1g"))
    spark.setLogLevel("ERROR")
    spark.addPyFile(os.path.join(HERE, "kernlet_frames.py"))
    spark.addFile(os.path.abspath(program))
    name = os.path.basename(program)

    def summarise(lines):
        native = worker([SparkFiles.get(name), "--worker"], None)
        native.ask(frame(b"take", b""))  # A task that failed may have left something.
        block = []
        for line in lines:
            block.append(line)
            if len(block) == 4096:
                native.ask(frame(b"text", b"\n".join(block)))
                block = []
        native.ask(frame(b"text", b"\n".join(block)))
        yield payload_of(native.ask(frame(b"take", b"")))

    lines = spark.textFile(path, int(partitions), use_unicode=False).repartition(int(partitions))
    native = Native("driver", [program, "--worker"])
    parts = lines.mapPartitions(summarise).collect()
    for part in parts:
        native.ask(frame(b"merg", part))
    told = payload_of(native.ask(frame(b"tell", b""))).decode()
    print(told + f"from {len(parts)} partitions, {len(parts[0]):,} bytes each", flush=True)
    spark.stop()


if __name__ == "__main__":
    main()
