"""Counts words in Flink:  python word_count.py PROGRAM PARALLELISM TEXT OUT

PROGRAM is the example `word_count`: each split of the text passes through a native mapper, which combines in its budget;
Flink brings each word to one of the reducers, which are native, too. OUT gets Hadoop's bytes.
"""
import os
import subprocess
import sys
import zlib

from pyflink.common import Types
from pyflink.datastream import RuntimeExecutionMode, StreamExecutionEnvironment


def native(program, role, data):
    """What a native process makes of some lines; if it fails, so does the task, with what it said."""
    done = subprocess.run([program, role, "--budget", "256KiB"], input=data, capture_output=True)
    if done.returncode:
        raise RuntimeError(f"{role}: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout


def split(path, index, count):
    """The lines that begin in one of `count` equal parts of a file."""
    with open(path, "rb") as file:
        size = os.path.getsize(path)
        begin, end = size * index // count, size * (index + 1) // count

        def line_at(place):
            if place:
                file.seek(place - 1)
                file.readline()
            return file.tell() if place else 0

        begin, end = line_at(begin), line_at(end)
        file.seek(begin)
        text = file.read(end - begin)
        # A mark at the very start of a file is no part of its first word.
        return text if begin else text.removeprefix(b"\xef\xbb\xbf")


def main():
    program, parallelism, path, out = os.path.abspath(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:]
    environment = StreamExecutionEnvironment.get_execution_environment()
    environment.set_runtime_mode(RuntimeExecutionMode.BATCH)
    environment.set_parallelism(parallelism)

    def mapped(index):
        parts = {}
        for line in native(program, "--hadoop-mapper", split(path, index, 2 * parallelism)).splitlines(True):
            parts.setdefault(zlib.crc32(line.split(b"\t", 1)[0]) % parallelism, []).append(line)
        return [(part, b"".join(lines)) for part, lines in parts.items()]

    def reduced(pair):
        return native(program, "--hadoop-reducer", b"".join(sorted(pair[1].splitlines(True))))

    pair = Types.TUPLE([Types.INT(), Types.PICKLED_BYTE_ARRAY()])
    splits = environment.from_collection(list(range(2 * parallelism)), Types.INT())
    shuffled = splits.flat_map(mapped, pair).key_by(lambda pair: pair[0], Types.INT())
    joined = shuffled.reduce(lambda a, b: (a[0], a[1] + b[1]))
    with joined.map(reduced, Types.PICKLED_BYTE_ARRAY()).execute_and_collect() as outputs:
        lines = sorted(b"".join(outputs).splitlines(True), key=lambda line: line.split(b"\t", 1)[0])
    with open(out, "wb") as file:
        file.writelines(lines)


if __name__ == "__main__":
    main()
