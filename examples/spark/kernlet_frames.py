"""Native processes that speak kernlet's frames (docs/distributed.md), from Python: no number is looked at here."""
import socket
import struct
import subprocess
import zlib

HEADER = struct.Struct("<4s4sQI")


def frame(kind, payload):
    """A frame as bytes."""
    crc = zlib.crc32(payload, zlib.crc32(struct.pack("<4sQ", kind, len(payload))))
    return HEADER.pack(b"KNLF", kind, len(payload), crc) + payload


def kind_of(whole):
    return whole[4:8]


def payload_of(whole):
    return whole[HEADER.size:]


class Failed(Exception):
    """What a native process said went wrong."""


class Native:
    """A process that reads frames and writes frames. It ends when its standard input does, hence with this one."""

    def __init__(self, name, command):
        self.name, self.taken = name, None
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def write(self, *frames):
        try:
            for whole in frames:
                self.process.stdin.write(whole)
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # What it had to say is read next.

    def read(self):
        """The next frame, whole."""
        header = self.process.stdout.read(HEADER.size)
        length = HEADER.unpack(header)[2] if header[:4] == b"KNLF" and len(header) == HEADER.size else 0
        payload = self.process.stdout.read(length)
        if not header or len(header) + len(payload) < HEADER.size + length:
            code = self.process.wait()
            how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
            raise Failed(f"{self.name} {self.process.pid} on {socket.gethostname()} {how}")
        return header + payload

    def ask(self, *frames):
        """The answer to the last of these, each of which has one."""
        for whole in frames:
            self.write(whole)
            answer = self.read()
            if kind_of(answer) == b"fail":
                raise Failed(f"{payload_of(answer).decode(errors='replace')} (on {socket.gethostname()})")
        return answer


_worker = None


def worker(command, hello):
    """The native worker of this Python process; it lives as long, from task to task."""
    global _worker
    if _worker is None or _worker.process.poll() is not None or _worker.hello != hello:
        fresh = Native("worker", command)
        fresh.hello = hello
        if hello is not None:
            fresh.ask(hello)
        _worker = fresh
    return _worker
