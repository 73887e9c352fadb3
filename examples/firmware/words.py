#!/usr/bin/env python3
"""What `adapt` learns from and is tested with, from recordings of spoken digits.

    words.py MODEL.tflite RECORDINGS FOLDER [WORD WORD]

RECORDINGS is a folder or a tar archive with `digit_speaker_index.wav`, 8 kHz (Free Spoken Digit Dataset). FOLDER gets
`model.tflite`, and `learn` and `test`: sounds of a second each, the two words in turn. Tested is on the recordings
of the data set's own test, the indices 0 to 4; learnt from are the next two of four speakers, and nobody else's.
"""
import array
import io
import pathlib
import shutil
import sys
import tarfile
import wave

RATE = 16_000
SPEAKERS = ["george", "jackson", "lucas", "nicolas", "theo", "yweweler"]


def recordings(path):
    """The WAV files by their names."""
    if path.is_dir():
        return {file.name: file.read_bytes() for file in path.rglob("*.wav")}
    with tarfile.open(path) as archive:
        return {pathlib.Path(m.name).name: archive.extractfile(m).read() for m in archive if m.name.endswith(".wav")}


def second(data):
    """A recording as a second at 16 kHz, in its middle: straight lines between samples."""
    with wave.open(io.BytesIO(data)) as file:
        rate, samples = file.getframerate(), array.array("h", file.readframes(file.getnframes()))
    if RATE % rate:
        sys.exit(f"expected a rate that divides {RATE}, found {rate}")
    times = RATE // rate
    samples.append(samples[-1])
    long = [(a * (times - i) + b * i) // times for a, b in zip(samples, samples[1:]) for i in range(times)]
    long = long[max(0, len(long) - RATE) // 2 :][:RATE]
    before = (RATE - len(long)) // 2
    return array.array("h", [0] * before + long + [0] * (RATE - len(long) - before)).tobytes()


def main():
    if len(sys.argv) not in (4, 6):
        sys.exit(__doc__)
    model, folder = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[3])
    words = sys.argv[4:] or ["0", "1"]
    wavs = recordings(pathlib.Path(sys.argv[2]))
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(model, folder / "model.tflite")
    for name, speakers, indices in [("learn", SPEAKERS[:4], range(5, 7)), ("test", SPEAKERS, range(5))]:
        names = [f"{word}_{speaker}_{index}.wav" for index in indices for speaker in speakers for word in words]
        (folder / name).write_bytes(b"".join(second(wavs[name]) for name in names))


if __name__ == "__main__":
    main()
