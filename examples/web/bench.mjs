// The page's network against TensorFlow.js and ONNX Runtime Web, in one browser, on one thread.
//
//   npm install && node bench.mjs PAGE        # PAGE is what build.sh made
//
// Answers are compared before anything is timed. Rounds take turns, and medians count. Without the other two
// (`npm ci --omit=optional`), the page's two builds are compared, with WASM SIMD and without.

import { fileURLToPath } from "node:url";

import { open, serve } from "./browser.mjs";

const [page] = process.argv.slice(2);
if (!page) {
  console.error("usage: node bench.mjs PAGE");
  process.exit(2);
}
const here = fileURLToPath(new URL("./", import.meta.url));
const { url, close } = await serve(page, { "/modules/": `${here}node_modules/`, "/bench/": here });
const browser = await open();
const tab = await browser.newPage();
tab.setDefaultTimeout(180_000);
tab.on("pageerror", (error) => console.error(String(error)));
await tab.goto(`${url}bench/bench.html`);

const results = await tab.evaluate(async () => {
  const { Kernlet, compile } = await import("/wasm.js");
  const { smallNetwork } = await import("/bench/onnx.mjs");
  const BATCH = 128;
  const unpack = async (path) =>
    new Uint8Array(
      await new Response((await fetch(path)).body.pipeThrough(new DecompressionStream("gzip"))).arrayBuffer(),
    );
  const names = ["train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"];
  const digits = await Promise.all(names.map((name) => unpack(`/digits/${name}-ubyte.gz`)));

  const weights = new Uint8Array(await (await fetch("/digits.knl")).arrayBuffer());
  const make = (module) => {
    const learner = new Kernlet(module);
    const places = digits.flatMap((bytes) => [learner.put(bytes), bytes.length]);
    const files = learner.call.take(32);
    new Uint32Array(learner.call.memory.buffer, files, 8).set(places);
    learner.check(learner.call.learner(0, files, BATCH, 1n));
    const reader = new Kernlet(module);
    reader.call.reader(0);
    reader.check(reader.call.open(reader.put(weights), weights.length));
    return { learner, reader };
  };
  const { learner, reader } = make(await compile(true));
  const scalar = make(await compile(false));
  const parameters = reader.floats(reader.call.parameters(), reader.call.parameters_len(0)).slice();
  const image = Float32Array.from(digits[2].subarray(16, 16 + 784), (byte) => byte / 255);
  const infers = (reader) => () => {
    reader.floats(reader.call.image(), 784).set(image);
    return reader.floats(reader.call.probabilities(), 10);
  };
  const truth = infers(reader)().slice();
  const agree = (name, found) => {
    const off = Math.max(...truth.map((value, i) => Math.abs(value - found[i])));
    if (!(off < 1e-4)) throw new Error(`${name} differs by ${off}`);
  };

  if (infers(scalar.reader)().some((value, i) => value !== truth[i])) throw new Error("the builds have other bits");

  const peers = Boolean(globalThis.tf);
  if (peers) {
    tf.wasm.setWasmPaths("/modules/@tensorflow/tfjs-backend-wasm/dist/");
    tf.wasm.setThreadsCount(1);
  }
  const build = () => {
    const { layers } = tf;
    const model = tf.sequential({
      layers: [
        layers.conv2d({ inputShape: [28, 28, 1], filters: 8, kernelSize: 5, activation: "relu" }),
        layers.maxPooling2d({ poolSize: 2 }),
        layers.conv2d({ filters: 16, kernelSize: 3, activation: "relu" }),
        layers.maxPooling2d({ poolSize: 2 }),
        layers.dropout({ rate: 0.1 }),
        layers.flatten(),
        layers.dense({ units: 32, activation: "relu" }),
        layers.dense({ units: 10, activation: "softmax" }),
      ],
    });
    let at = 0;
    model.setWeights(model.getWeights().map(({ shape, size }) => tf.tensor(parameters.slice(at, (at += size)), shape)));
    model.compile({ optimizer: tf.train.adadelta(1), loss: "categoricalCrossentropy" });
    return model;
  };
  const batch = Float32Array.from(digits[0].subarray(16, 16 + BATCH * 784), (byte) => byte / 255);
  const labels = Int32Array.from(digits[1].subarray(8, 8 + BATCH));

  const contenders = {
    training: {
      kernlet: () => learner.check(learner.call.step()),
      "kernlet, scalar": () => scalar.learner.check(scalar.learner.call.step()),
    },
    inference: { kernlet: infers(reader), "kernlet, scalar": infers(scalar.reader) },
  };
  const prepare = {};
  const missing = {};
  for (const backend of peers ? ["wasm", "cpu"] : []) {
    const name = `tfjs ${backend}`;
    prepare[name] = () => tf.setBackend(backend);
    await prepare[name]();
    const model = build();
    const x = tf.tensor(batch, [BATCH, 28, 28, 1]);
    const one = tf.tensor(image, [1, 28, 28, 1]);
    const y = tf.oneHot(tf.tensor1d(labels, "int32"), 10).toFloat();
    const infer = () => tf.tidy(() => model.predict(one).dataSync());
    const train = () => model.trainOnBatch(x, y);
    agree(name, await infer());
    contenders.inference[name] = infer;
    try {
      await train();
      contenders.training[name] = train;
    } catch (error) {
      missing[name] = error.message.split("\n")[0];
    }
    // The step has changed the weights, which is of no importance to the time.
  }

  if (peers) {
    const ort = await import("/modules/onnxruntime-web/dist/ort.wasm.min.mjs");
    ort.env.wasm.wasmPaths = "/modules/onnxruntime-web/dist/";
    ort.env.wasm.numThreads = 1;
    const session = await ort.InferenceSession.create(smallNetwork(parameters), { executionProviders: ["wasm"] });
    const input = new ort.Tensor("float32", image, [1, 1, 28, 28]);
    const ortInfers = async () => (await session.run({ image: input })).probabilities.data;
    agree("onnxruntime-web", await ortInfers());
    contenders.inference["onnxruntime-web"] = ortInfers;
  }

  // Milliseconds of one call, the median of some rounds of so many calls.
  const median = {};
  for (const [kind, rounds, calls] of [
    ["training", 21, 1],
    ["inference", 41, 100],
  ]) {
    const times = {};
    for (let round = 0; round < rounds; round++) {
      for (const [name, work] of Object.entries(contenders[kind])) {
        await prepare[name]?.();
        const start = performance.now();
        for (let call = 0; call < calls; call++) await work();
        (times[name] ??= []).push((performance.now() - start) / calls);
      }
    }
    const middle = (list) => list.sort((a, b) => a - b)[list.length >> 1];
    median[kind] = Object.fromEntries(Object.entries(times).map(([name, list]) => [name, middle(list)]));
  }
  return { median, missing };
});

let short = false;
for (const [kind, least, what] of [
  ["training", 2, "a step on a batch of 128"],
  ["inference", 1, "one image"],
]) {
  const { kernlet, ...others } = results.median[kind];
  console.log(`${kind}, ${what}: kernlet ${kernlet.toFixed(3)} ms`);
  for (const [name, time] of Object.entries(others))
    console.log(`  ${name.padEnd(16)} ${time.toFixed(3)} ms, ${(time / kernlet).toFixed(1)} times`);
  const peers = Object.entries(others).filter(([name]) => !name.startsWith("kernlet"));
  short ||= peers.some(([, time]) => time < least * kernlet);
}
for (const [name, message] of Object.entries(results.missing)) console.log(`  ${name} cannot train: ${message}`);
await browser.close();
close();
process.exitCode = short ? 1 : 0;
