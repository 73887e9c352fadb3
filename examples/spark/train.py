"""Trains a network of kernlet's on Spark:  spark-submit train.py PROGRAM PARTITIONS RECORDS [OPTION...]

PROGRAM is the example `mnist` or any program of its kind, which is driver (--driver PARTITIONS) and worker (--worker)
with the same options. RECORDS are its samples (--records FILE), in a place that all executors see.
"""
import os
import re
import struct
import sys
from bisect import bisect_right
from collections import defaultdict
from itertools import accumulate, chain

from py4j.protocol import Py4JJavaError
from pyspark import SparkConf, SparkContext, SparkFiles, StorageLevel

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from kernlet_frames import Failed, Native, frame, kind_of, payload_of, worker  # noqa: E402

NOWHERE = 0xFFFFFFFF


class Cluster:
    """Carries frames between the driver and the workers."""

    def __init__(self, spark, program, partitions, records, options):
        self.spark, self.partitions = spark, partitions
        spark.addFile(program)
        name = os.path.basename(program)
        self.command = lambda: [SparkFiles.get(name), "--worker", *options]
        self.driver = Native("driver", [program, "--driver", str(partitions), *options])
        self.path, self.samples, self.held = records, None, None

    def run(self):
        """Serves the driver until it is done; returns its exit code. What goes wrong it tells itself."""
        while True:
            request = self.driver.read()
            kind, payload = kind_of(request), payload_of(request)
            if kind == b"helo":
                self.hello = request
                (length,) = struct.unpack_from("<Q", payload, 32)
                self.count, rest = divmod(os.path.getsize(self.path) if os.path.isfile(self.path) else 1, length)
                if rest:
                    raise Failed(f"{self.path}: expected a file of whole records of {length} bytes")
                self.records = self.spark.binaryRecords(self.path, length).zipWithIndex()
            elif kind == b"says":
                print(payload.decode(), flush=True)
            elif kind == b"ordr":
                self.attempt(self.place, payload)
            elif kind == b"parm":
                self.attempt(self.step, request, [self.driver.read() for _ in range(self.partitions)])
            else:  # Done, or failed.
                return self.driver.process.wait()

    def attempt(self, job, *what):
        try:
            job(*what)
        except Py4JJavaError as error:  # Spark has tried often enough.
            told = re.search(r"Failed: (.*)|SparkException: (.*)", str(error)) or re.search(r"(.*)", str(error))
            self.driver.write(frame(b"fail", next(filter(None, told.groups())).encode()))

    def place(self, order):
        """Lets Spark bring each sample to its partition of this epoch, and workers hold the partitions."""
        for old in filter(None, [self.held, self.samples]):
            old.unpersist()
        key, count = struct.unpack_from("<QQ", order)
        expected = (len(order) - 16 - 8 * count) // 4
        if self.count != expected:
            raise Failed(f"{self.path}: expected {expected} records, found {self.count}")
        ends = list(accumulate(struct.unpack_from(f"<{count}Q", order, 16)))
        places, begin = self.spark.broadcast(order), 16 + 8 * count

        def cut(rows):
            place_of, parts = memoryview(places.value)[begin:].cast("I"), defaultdict(list)
            for record, index in rows:
                place = place_of[index]
                if place != NOWHERE:
                    parts[bisect_right(ends, place)].append((place, index.to_bytes(4, "little") + record))
            return parts.items()

        def join(index, groups):
            rows = sorted(chain.from_iterable(chain.from_iterable(lists for _, lists in groups)))
            yield frame(b"load", struct.pack("<Q", key + index) + b"".join(row for _, row in rows))

        grouped = self.records.mapPartitions(cut).groupByKey(count, partitionFunc=int)
        self.samples = grouped.mapPartitionsWithIndex(join).persist(StorageLevel.MEMORY_AND_DISK)
        command, hello = self.command, self.hello

        def load(frames):
            for whole in frames:
                yield answer(command, hello, whole)

        # A few bytes for each partition, cached where its worker is: Spark prefers to send its steps there.
        self.held = self.samples.mapPartitions(load).persist()
        self.held.count()

    def step(self, parameters, parts):
        """One step: parameters to all, subtrees back."""
        shared = self.spark.broadcast((parameters, parts))
        command, hello = self.command, self.hello

        def gradient(index, rows):
            rows = [row for row in rows if kind_of(row) == b"load"]
            parameters, parts = shared.value
            yield index, answer(command, hello, *rows, parts[index], parameters=parameters)

        answers = dict(self.held.mapPartitionsWithIndex(gradient).collect())
        lacking = [index for index, whole in answers.items() if kind_of(whole) == b"lack"]
        if lacking:  # Another worker was given the partition than before: it loads it.
            again = self.samples.mapPartitionsWithIndex(gradient)
            answers.update(self.spark.runJob(again, list, lacking))
        self.driver.write(*answers.values())
        shared.destroy()


def answer(command, hello, *frames, parameters=None):
    """What the worker of this Python process says to the last frame; an error is a frame, too, for the driver to tell."""
    try:
        native = worker(command(), hello)
        if parameters is not None and native.taken != parameters[:64]:
            native.ask(parameters)
            native.taken = parameters[:64]  # Header with checksum, step, epoch, seed.
        return native.ask(*frames)
    except Failed as error:
        if "was killed" in str(error):
            raise  # Spark tries again elsewhere.
        return frame(b"fail", str(error).encode())


def main():
    program, partitions, records, *options = sys.argv[1:]
    conf = SparkConf().set("spark.ui.enabled", "false").set("spark.ui.showConsoleProgress", "false")
    conf.setIfMissing("spark.locality.wait", "0").setIfMissing("spark.driver.memory", "1g")
    spark = SparkContext(appName="kernlet", conf=conf)
    spark.setLogLevel(os.environ.get("KERNLET_SPARK_LOG", "ERROR"))
    spark.addPyFile(os.path.join(HERE, "kernlet_frames.py"))
    cluster = Cluster(spark, os.path.abspath(program), int(partitions), os.path.abspath(records), options)
    try:
        code = cluster.run()
    except Failed as error:
        code = f"error: {error}"
    spark.stop()
    sys.exit(code)


if __name__ == "__main__":
    main()
