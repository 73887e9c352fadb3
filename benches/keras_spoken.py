"""What `spoken --leave-one-out` is compared with: the same network in Keras, on the same coefficients by tf.signal, learnt
the same way: each speaker left out in turn, and the mean over all.

    pip install tensorflow-cpu
    python benches/keras_spoken.py DIR [SEED]

DIR has the recordings, DIGIT_SPEAKER_INDEX.wav. One thread."""
import os, pathlib, sys, wave
os.environ['TF_CPP_MIN_LOG_LEVEL'] = '3'
import numpy as np, tensorflow as tf
tf.config.threading.set_intra_op_parallelism_threads(1)
tf.config.threading.set_inter_op_parallelism_threads(1)
layers = tf.keras.layers

RATE, FRAME, STEP, BANDS, FLOOR, COEFFICIENTS, ROWS = 8000, 256, 128, 40, 1e-3, 20, 64
SPEEDS, EPOCHS, BATCH = (0.86, 0.93, 1.0, 1.08, 1.16), 12, 50
mel = tf.signal.linear_to_mel_weight_matrix(BANDS, FRAME // 2 + 1, RATE, 60.0, 3800.0)
rng = np.random.default_rng(int(sys.argv[2]) if len(sys.argv) > 2 else 1)
tf.keras.utils.set_random_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 1)

def rows(samples, speed):
    """The cepstral coefficients of a recording at that speed, half a window of silence around it."""
    place = np.arange(int(len(samples) / speed)) * speed
    played = np.interp(place, np.arange(len(samples) + 1), np.append(samples, 0))
    power = tf.abs(tf.signal.stft(np.pad(played, FRAME // 2).astype('float32'), FRAME, STEP, FRAME)) ** 2
    return tf.signal.mfccs_from_log_mel_spectrograms(tf.math.log(power @ mel + FLOOR))[:, :COEFFICIENTS].numpy()

def read(path):
    with wave.open(str(path)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (RATE, 1, 2), path
        samples = np.frombuffer(file.readframes(file.getnframes()), '<i2') / 32768
    digit, speaker, _ = path.stem.split('_')
    return int(digit), speaker, [rows(samples, speed) for speed in SPEEDS]

def placed(recording, mean, deviation, learn):
    """A second around the middle, standardised; changed at random to be learnt from."""
    silence = np.zeros(COEFFICIENTS)
    silence[0] = np.sqrt(2 * BANDS) * np.log(FLOOR)
    chosen = recording[rng.integers(len(SPEEDS)) if learn else SPEEDS.index(1.0)].copy()
    moved = rng.integers(17) if learn else 8
    left = ROWS - len(chosen)
    skip, at = (0, max(left // 2 + moved - 8, 0)) if left >= 0 else (max(-left // 2 + moved - 8, 0), 0)
    if learn:
        chosen[:, 0] += 13.4 * (rng.integers(1024) / 512 - 1)
    x = np.tile(silence, (ROWS, 1))
    part = chosen[skip:][:ROWS - at]
    x[at:at + len(part)] = part
    if learn:
        first, count = rng.integers(ROWS), rng.integers(8)
        x[first:first + count] = silence
    return (x - mean) / deviation

def network():
    def normal(): return [layers.BatchNormalization(momentum=.9), layers.ReLU()]
    def block(channels):
        return [layers.ZeroPadding1D((4, 0)), layers.DepthwiseConv1D(5, use_bias=False), *normal(),
                layers.Conv1D(channels, 1, use_bias=False), *normal()]
    return tf.keras.Sequential([
        layers.Input((ROWS, COEFFICIENTS)), layers.Conv1D(48, 5, strides=2, padding='causal', use_bias=False), *normal(),
        *block(48), *block(64), *block(64), layers.GlobalAveragePooling1D(), layers.Dropout(.3),
        layers.Dense(10, activation='softmax')])

def learn(recordings, tested):
    every = np.concatenate([of[SPEEDS.index(1.0)] for _, _, of in recordings])
    mean, deviation = every.mean(0), every.std(0)
    steps = EPOCHS * -(-len(recordings) // BATCH)
    model = network()
    rate = tf.keras.optimizers.schedules.CosineDecay(0.004, steps)
    model.compile(tf.keras.optimizers.Adam(rate), 'sparse_categorical_crossentropy', metrics=['accuracy'])
    labels = np.array([digit for digit, _, _ in recordings])
    for _ in range(EPOCHS):
        order = rng.permutation(len(recordings))
        x = np.stack([placed(recordings[i][2], mean, deviation, True) for i in order]).astype('float32')
        model.fit(x, labels[order], BATCH, shuffle=False, verbose=0)
    x = np.stack([placed(of, mean, deviation, False) for _, _, of in tested]).astype('float32')
    return model.evaluate(x, np.array([digit for digit, _, _ in tested]), verbose=0)[1]

paths = sorted(pathlib.Path(sys.argv[1]).rglob('*_*_*.wav'))
everything = [(path, *read(path)) for path in paths]
official = [[part[1:] for part in everything if (int(part[0].stem.split('_')[2]) < 5) == test] for test in (False, True)]
print(f'official split: {learn(*official):.2%}', flush=True)
speakers = sorted({speaker for _, _, speaker, _ in everything})
found = []
for left_out in speakers:
    parts = [[part[1:] for part in everything if (part[2] == left_out) == test] for test in (False, True)]
    found.append(learn(*parts))
    print(f'{left_out}: {found[-1]:.2%}', flush=True)
print(f'mean: {np.mean(found):.2%}')
