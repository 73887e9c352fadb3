"""What the summary bench is compared with: milliseconds of a training step and of inference of the Keras MNIST network, of a
training step of ResNet-8 on pictures of 32×32, and in TensorFlow of depthwise convolutions.

    pip install tensorflow-cpu torch onnx onnxruntime ai-edge-litert
    cargo bench --bench summary --features rayon -- --only Keras --peers "python benches/peers.py"

Each framework has a process of its own; one that is not installed is left out, and said so. `peers.py NAME…` asks those
alone. One thread; medians of the processor's time, since that is what the bench counts on its side. A line is a framework,
a name, and milliseconds."""
import gzip, importlib.util, os, pathlib, subprocess, sys, tempfile, time

os.environ['TF_CPP_MIN_LOG_LEVEL'] = '3'
os.environ['OMP_NUM_THREADS'] = '1'
DATA = pathlib.Path(__file__).parent.parent / 'examples' / 'data'
BATCHES = 1, 128


def digits():
    import numpy as np
    def idx(name, skip):
        return np.frombuffer(gzip.open(DATA / name).read(), np.uint8)[skip:]
    images = idx('train-images-idx3-ubyte.gz', 16).reshape(-1, 28, 28, 1)[:128].astype('float32') / 255
    return images, idx('train-labels-idx1-ubyte.gz', 8)[:128].astype('int32')


def pictures():
    import numpy as np
    random = np.random.default_rng(1)
    return random.random((128, 32, 32, 3), 'float32'), random.integers(0, 10, 128).astype('int32')


def say(peer, name, call, count=40):
    for _ in range(5):
        call()
    times = []
    for _ in range(count):
        start = time.process_time()
        call()
        times.append(time.process_time() - start)
    print(peer, f'{name}_ms', f'{1e3 * sorted(times)[count // 2]:.3f}', flush=True)


def keras_network(layers, keras):
    return keras.Sequential([
        layers.Input((28, 28, 1)), layers.Conv2D(32, 3, activation='relu'), layers.Conv2D(64, 3, activation='relu'),
        layers.MaxPooling2D(2), layers.Dropout(.25), layers.Flatten(), layers.Dense(128, activation='relu'),
        layers.Dropout(.5), layers.Dense(10, activation='softmax')])


def keras_resnet(layers, keras):
    def conv(x, channels, size, stride=1):
        return layers.Conv2D(channels, size, stride, 'same')(x)
    x = start = layers.Input((32, 32, 3))
    x = layers.ReLU()(layers.BatchNormalization()(conv(x, 16, 3)))
    for channels, stride in (16, 1), (32, 2), (64, 2):
        y = layers.ReLU()(layers.BatchNormalization()(conv(x, channels, 3, stride)))
        y = layers.BatchNormalization()(conv(y, channels, 3))
        x = layers.ReLU()(layers.Add()([y, x if stride == 1 else conv(x, channels, 1, stride)]))
    x = layers.Dense(10, activation='softmax')(layers.GlobalAveragePooling2D()(x))
    return keras.Model(start, x)


def one_thread():
    import tensorflow as tf
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    return tf


def tensorflow():
    tf = one_thread()
    layers, keras = tf.keras.layers, tf.keras
    for name, model, (x, labels), optimizer in (
            ('train_step_128', keras_network(layers, keras), digits(), keras.optimizers.Adadelta(learning_rate=1.0)),
            ('resnet_step_128', keras_resnet(layers, keras), pictures(), keras.optimizers.Adam(0.001))):
        model.compile(optimizer, 'sparse_categorical_crossentropy')
        x, labels = tf.constant(x), tf.constant(labels)
        say('TensorFlow', name, lambda: model.train_on_batch(x, labels))
        if name == 'train_step_128':
            infer = tf.function(lambda x: model(x, training=False))
            for batch in BATCHES:
                part = x[:batch]
                say('TensorFlow', f'infer_{batch}', lambda: infer(part).numpy())
    depthwise = {
        'forward': lambda x, w, dy: tf.nn.depthwise_conv2d(x, w, [1, 1, 1, 1], 'SAME'),
        'input_gradient': lambda x, w, dy: tf.nn.depthwise_conv2d_backprop_input(x.shape, w, dy, [1, 1, 1, 1], 'SAME'),
        'weight_gradient': lambda x, w, dy: tf.nn.depthwise_conv2d_backprop_filter(x, w.shape, dy, [1, 1, 1, 1], 'SAME')}
    for height, width in (25, 5), (48, 48):
        x, dy = (tf.random.normal((32, height, width, 64)) for _ in range(2))
        w = tf.random.normal((3, 3, 64, 1))
        for name, call in depthwise.items():
            call = tf.function(call)
            say('TensorFlow', f'depthwise_{height}x{width}_{name}', lambda: call(x, w, dy))


def torch_network(nn):
    return nn.Sequential(
        nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(.25), nn.Flatten(),
        nn.Linear(9216, 128), nn.ReLU(), nn.Dropout(.5), nn.Linear(128, 10))


def torch_resnet(nn):
    class Block(nn.Module):
        def __init__(self, before, channels, stride):
            super().__init__()
            self.body = nn.Sequential(
                nn.Conv2d(before, channels, 3, stride, 1), nn.BatchNorm2d(channels), nn.ReLU(),
                nn.Conv2d(channels, channels, 3, 1, 1), nn.BatchNorm2d(channels))
            self.shortcut = nn.Identity() if stride == 1 else nn.Conv2d(before, channels, 1, stride)

        def forward(self, x):
            return (self.body(x) + self.shortcut(x)).relu()
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, 1, 1), nn.BatchNorm2d(16), nn.ReLU(), Block(16, 16, 1), Block(16, 32, 2), Block(32, 64, 2),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))


def pytorch():
    import torch
    torch.set_num_threads(1)
    nn = torch.nn
    for name, model, (x, labels), optimizer in (
            ('train_step_128', torch_network(nn), digits(), lambda of: torch.optim.Adadelta(of, lr=1.0)),
            ('resnet_step_128', torch_resnet(nn), pictures(), lambda of: torch.optim.Adam(of, lr=0.001))):
        # The order of channels that convolutions on a processor are fastest with.
        model = model.to(memory_format=torch.channels_last)
        x = torch.from_numpy(x).permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)
        labels, optimizer = torch.from_numpy(labels).long(), optimizer(model.parameters())

        def step():
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x), labels).backward()
            optimizer.step()
        say('PyTorch', name, step)
        if name == 'train_step_128':
            model.eval()
            with torch.inference_mode():
                for batch in BATCHES:
                    part = x[:batch]
                    say('PyTorch', f'infer_{batch}', lambda: model(part).softmax(1))


def onnxruntime():
    import numpy as np, onnx, onnxruntime as ort
    random = np.random.default_rng(1)
    def weights(name, *shape):
        return onnx.numpy_helper.from_array((random.standard_normal(shape) / np.sqrt(np.prod(shape[1:]))).astype('float32'), name)
    node, value = onnx.helper.make_node, onnx.helper.make_tensor_value_info
    nodes = [
        node('Conv', ['x', 'w1', 'b1'], ['c1']), node('Relu', ['c1'], ['r1']),
        node('Conv', ['r1', 'w2', 'b2'], ['c2']), node('Relu', ['c2'], ['r2']),
        node('MaxPool', ['r2'], ['p'], kernel_shape=[2, 2], strides=[2, 2]), node('Flatten', ['p'], ['f']),
        node('Gemm', ['f', 'w3', 'b3'], ['d1']), node('Relu', ['d1'], ['r3']),
        node('Gemm', ['r3', 'w4', 'b4'], ['d2']), node('Softmax', ['d2'], ['y'])]
    tensors = [
        weights('w1', 32, 1, 3, 3), weights('b1', 32), weights('w2', 64, 32, 3, 3), weights('b2', 64),
        weights('w3', 9216, 128), weights('b3', 128), weights('w4', 128, 10), weights('b4', 10)]
    kind = onnx.TensorProto.FLOAT
    graph = onnx.helper.make_graph(
        nodes, 'mnist', [value('x', kind, ['n', 1, 28, 28])], [value('y', kind, ['n', 10])], tensors)
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid('', 17)], ir_version=8)
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = ort.InferenceSession(model.SerializeToString(), options, ['CPUExecutionProvider'])
    images = digits()[0].transpose(0, 3, 1, 2)
    for batch in BATCHES:
        part = np.ascontiguousarray(images[:batch])
        say('ONNX Runtime', f'infer_{batch}', lambda: session.run(None, {'x': part}))


def convert(path):
    """The network as a `.tflite` file, its weights as Keras begins with."""
    tf = one_thread()
    model = keras_network(tf.keras.layers, tf.keras)
    pathlib.Path(path).write_bytes(tf.lite.TFLiteConverter.from_keras_model(model).convert())


def litert():
    from ai_edge_litert.interpreter import Interpreter
    images = digits()[0]
    with tempfile.TemporaryDirectory() as folder:
        path = f'{folder}/mnist.tflite'
        subprocess.run([sys.executable, __file__, '--convert', path], check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
        for batch in BATCHES:
            interpreter = Interpreter(path, num_threads=1)
            index = interpreter.get_input_details()[0]['index']
            interpreter.resize_tensor_input(index, [batch, 28, 28, 1])
            interpreter.allocate_tensors()
            interpreter.set_tensor(index, images[:batch])
            say('LiteRT', f'infer_{batch}', interpreter.invoke)


PEERS = {'tensorflow': (tensorflow, ['tensorflow']), 'pytorch': (pytorch, ['torch']),
         'onnxruntime': (onnxruntime, ['onnx', 'onnxruntime']), 'litert': (litert, ['tensorflow', 'ai_edge_litert'])}


def main(*names):
    if names[:1] == ('--convert',):
        return convert(names[1])
    if len(names) == 1 and names[0] in PEERS:
        return PEERS[names[0]][0]()
    failed = False
    for name in names or PEERS:
        if name not in PEERS:
            sys.exit(f'{name}: expected one of {", ".join(PEERS)}')
        missing = [module for module in PEERS[name][1] if importlib.util.find_spec(module) is None]
        if missing:
            print(f'{name}: left out, {" and ".join(missing)} not installed', file=sys.stderr)
            continue
        # What frameworks say of themselves is only wanted if they fail.
        run = subprocess.run([sys.executable, __file__, name], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        print(run.stdout, end='', flush=True)
        if run.returncode:
            failed = True
            print(f'{name}: failed\n{run.stderr[-2000:]}', file=sys.stderr)
    sys.exit(failed)


main(*sys.argv[1:])
