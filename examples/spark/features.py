"""The features of newsgroups' posts on Spark:  spark-submit features.py PROGRAM PARTITIONS DIR OUT

PROGRAM is the example `newsgroups`; DIR has a folder for each group with a file for each post, where all executors see
it. OUT gets the bytes that `newsgroups --data DIR --features OUT` writes.
"""
import os
import struct
import sys
from operator import add

from pyspark import SparkConf, SparkContext, SparkFiles

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from kernlet_frames import Native, frame, payload_of, worker  # noqa: E402

VOCABULARY = 8192


def names(folder):
    return sorted(name for name in os.listdir(os.fsencode(folder)) if not name.startswith(b"."))


def posts_of(root):
    """Paths of the posts to learn from, and of every fifth, which is not."""
    learnt, held_out = [], []
    for group in names(root):
        folder = os.path.join(os.fsencode(root), group)
        for index, name in enumerate(names(folder)):
            (held_out if index % 5 == 4 else learnt).append(os.path.join(folder, name))
    return learnt, held_out


def read(paths):
    texts = []
    for path in paths:
        with open(path, "rb") as file:
            text = file.read()
        texts.append(struct.pack("<I", len(text)) + text)
    return b"".join(texts)


def main():
    program, partitions, root, out = sys.argv[1:]
    conf = SparkConf().set("spark.ui.enabled", "false").set("spark.ui.showConsoleProgress", "false")
    spark = SparkContext(appName="features", conf=conf.setIfMissing("spark.driver.memory", "1g"))
    spark.setLogLevel("ERROR")
    spark.addPyFile(os.path.join(HERE, "kernlet_frames.py"))
    spark.addFile(os.path.abspath(program))
    name, partitions = os.path.basename(program), int(partitions)

    def ask(kind, payload):
        command = [SparkFiles.get(name), "--worker"]
        return payload_of(worker(command, None).ask(frame(kind, payload)))

    def counted(paths):
        for line in ask(b"coun", read(paths)).splitlines():
            word, posts = line.split(b"\t")
            yield word, int(posts)

    learnt, held_out = posts_of(root)
    counts = spark.parallelize(learnt, partitions).mapPartitions(counted).reduceByKey(add, partitions).collect()
    lines = b"".join(b"%s\t%d\n" % pair for pair in sorted(counts))
    native = Native("driver", [program, "--worker"])
    vocabulary = payload_of(native.ask(frame(b"voca", struct.pack("<I", VOCABULARY) + lines)))
    shared = spark.broadcast(struct.pack("<II", len(learnt), len(vocabulary)) + vocabulary)
    rows = spark.parallelize(learnt + held_out, partitions).mapPartitions(lambda paths: [ask(b"rows", shared.value + read(paths))])
    with open(out, "wb") as file:
        file.writelines(rows.collect())
    print(f"{len(learnt)} + {len(held_out)} posts, {len(counts):,} words, in {partitions} partitions")
    spark.stop()


if __name__ == "__main__":
    main()
