"""What the summary bench is compared with: milliseconds of a step and of inference of the Keras network, and of depthwise
convolutions.

    pip install tensorflow-cpu
    cargo bench --bench summary -- --only Keras --keras "python benches/keras_mnist.py"

One thread; medians of the processor's time, since that is what the bench counts on its side."""
import gzip, os, pathlib, time
os.environ['TF_CPP_MIN_LOG_LEVEL'] = '3'
import numpy as np, tensorflow as tf
tf.config.threading.set_intra_op_parallelism_threads(1)
tf.config.threading.set_inter_op_parallelism_threads(1)
layers = tf.keras.layers

data = pathlib.Path(__file__).parent.parent / 'examples' / 'data'
def idx(name, skip): return np.frombuffer(gzip.open(data / name).read(), np.uint8)[skip:]
images = tf.constant(idx('train-images-idx3-ubyte.gz', 16).reshape(-1, 28, 28, 1)[:128].astype('float32') / 255)
labels = tf.constant(idx('train-labels-idx1-ubyte.gz', 8)[:128].astype('int32'))

model = tf.keras.Sequential([
    layers.Input((28, 28, 1)), layers.Conv2D(32, 3, activation='relu'), layers.Conv2D(64, 3, activation='relu'),
    layers.MaxPooling2D(2), layers.Dropout(.25), layers.Flatten(), layers.Dense(128, activation='relu'),
    layers.Dropout(.5), layers.Dense(10, activation='softmax')])
model.compile(loss='sparse_categorical_crossentropy', optimizer=tf.keras.optimizers.Adadelta(learning_rate=1.0))

def median_ms(call, count=40):
    for _ in range(5): call()
    times = []
    for _ in range(count):
        start = time.process_time()
        call()
        times.append(time.process_time() - start)
    return 1e3 * float(np.median(times))

print(f'train_step_128_ms {median_ms(lambda: model.train_on_batch(images, labels)):.2f}')
infer = tf.function(lambda x: model(x, training=False))
for batch in (1, 128):
    part = images[:batch]
    print(f'infer_{batch}_ms {median_ms(lambda: infer(part).numpy()):.3f}')

depthwise = {
    'forward': lambda x, w, dy: tf.nn.depthwise_conv2d(x, w, [1, 1, 1, 1], 'SAME'),
    'input_gradient': lambda x, w, dy: tf.nn.depthwise_conv2d_backprop_input(x.shape, w, dy, [1, 1, 1, 1], 'SAME'),
    'weight_gradient': lambda x, w, dy: tf.nn.depthwise_conv2d_backprop_filter(x, w.shape, dy, [1, 1, 1, 1], 'SAME')}
for height, width in (25, 5), (48, 48):
    x, dy = (tf.random.normal((32, height, width, 64)) for _ in range(2))
    w = tf.random.normal((3, 3, 64, 1))
    for name, call in depthwise.items():
        call = tf.function(call)
        print(f'depthwise_{height}x{width}_{name}_ms {median_ms(lambda: call(x, w, dy)):.3f}')
