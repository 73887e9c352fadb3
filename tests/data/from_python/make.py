"""Trains a small network in Keras and in PyTorch, and writes what tests/quantize.rs reads.

    python3 -m venv v && v/bin/pip install keras torch h5py safetensors
    v/bin/python tests/data/from_python/make.py

It does what docs/from-python.md tells its readers to do: a `.keras` file goes through tests/keras/safetensors_file.py,
a `state_dict` is saved as it is. Beside each stand 64 samples, their classes, and the probabilities that the framework
computes.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

# TensorFlow and PyTorch do not get along in one process.
os.environ["KERAS_BACKEND"] = "torch"
import keras
import numpy as np
import torch
from safetensors.numpy import save_file
from safetensors.torch import save_file as save_state

HERE = Path(__file__).parent
SIDE, CLASSES = 12, 10

# Patterns under noise, as bytes.
draw = np.random.default_rng(1)
patterns = draw.integers(0, 256, (CLASSES, SIDE, SIDE, 1))
classes = draw.integers(0, CLASSES, 1064)
noise = draw.normal(0, 110, (len(classes), SIDE, SIDE, 1))
pixels = np.clip(patterns[classes] + noise, 0, 255).astype(np.uint8)
inputs = pixels.astype(np.float32) / 255
training, test = slice(0, 1000), slice(1000, None)


def probabilities(name, found):
    found = np.asarray(found, np.float32)
    right = (found.argmax(1) == classes[test]).sum()
    print(f"{name}: {right} of {len(found)} are right")
    tensors = {"pixels": pixels[test], "classes": classes[test].astype(np.uint8), "probabilities": found}
    save_file(tensors, HERE / f"{name}_values.safetensors")


keras.utils.set_random_seed(1)
model = keras.Sequential([
    keras.Input((SIDE, SIDE, 1)),
    keras.layers.Conv2D(8, 3, name="conv1"),
    keras.layers.BatchNormalization(name="bn1"),
    keras.layers.ReLU(),
    keras.layers.MaxPooling2D(2),
    keras.layers.Flatten(),
    keras.layers.Dense(CLASSES, activation="softmax", name="fc"),
])
model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
model.fit(inputs[training], classes[training], batch_size=50, epochs=20, verbose=0)
with tempfile.TemporaryDirectory() as folder:
    file = f"{folder}/model.keras"
    model.save(file)
    program = HERE.parents[1] / "keras/safetensors_file.py"
    subprocess.run([sys.executable, program, "write", file, HERE / "keras.safetensors"], check=True)
probabilities("keras", model.predict(inputs[test], verbose=0))

torch.manual_seed(1)
net = torch.nn.Sequential(
    torch.nn.Conv2d(1, 8, 3), torch.nn.BatchNorm2d(8), torch.nn.ReLU(), torch.nn.MaxPool2d(2),
    torch.nn.Flatten(), torch.nn.Linear(5 * 5 * 8, CLASSES),
)
# Channels first.
x, y = torch.from_numpy(inputs.transpose(0, 3, 1, 2).copy()), torch.from_numpy(classes)
optimizer = torch.optim.Adam(net.parameters(), 0.01)
for _ in range(20):
    for begin in range(0, 1000, 50):
        batch = slice(begin, begin + 50)
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(net(x[batch]), y[batch]).backward()
        optimizer.step()
net.eval()
save_state(net.state_dict(), HERE / "pytorch.safetensors")
with torch.no_grad():
    probabilities("pytorch", torch.softmax(net(x[test]), 1))
