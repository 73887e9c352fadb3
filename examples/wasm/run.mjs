// kernlet's WASM module in Node.
//
//   node run.mjs parity MODULE          the fingerprints of the parity program (feature "zoo")
//   node run.mjs adapt MODULE FOLDER    the fingerprint of two words learnt on a model (feature "zoo")
//   node run.mjs speed SCALAR SIMD      the ratio of a training step's times; fails below 3
//   node run.mjs digits MODULE          trains and infers, and says what it does

import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";

const IMAGE = 28 * 28;
const data = new URL("../data/", import.meta.url);
const idx = (name, header) => gunzipSync(readFileSync(new URL(name, data))).subarray(header);
const images = idx("train-images-idx3-ubyte.gz", 16);
const labels = idx("train-labels-idx1-ubyte.gz", 8);

// An instance, and a function that puts digits into its memory.
async function load(path) {
  const { instance } = await WebAssembly.instantiate(readFileSync(path));
  const kernlet = instance.exports;
  const put = (first, count) => {
    const memory = new Uint8Array(kernlet.memory.buffer);
    memory.set(images.subarray(first * IMAGE, (first + count) * IMAGE), kernlet.images());
    memory.set(labels.subarray(first, first + count), kernlet.labels());
  };
  put(0, kernlet.room());
  return { kernlet, put };
}

const hex = (number) => BigInt.asUintN(64, number).toString(16).padStart(16, "0");

async function parity(path) {
  const { kernlet } = await load(path);
  console.log(hex(kernlet.parity()), hex(kernlet.parity_zoo()), hex(kernlet.parity_steps()));
}

async function adapt(path, folder) {
  const { kernlet } = await load(path);
  const files = ["model.tflite", "learn", "test"].map((name) => readFileSync(`${folder}/${name}`));
  new Uint8Array(kernlet.memory.buffer).set(Buffer.concat(files), kernlet.words());
  console.log(hex(kernlet.adapt_words(...files.map((file) => file.length))));
}

// Both modules train in turn; the fastest round of each counts, since others use the machine too.
async function speed(scalarPath, simdPath) {
  const modules = [await load(scalarPath), await load(simdPath)];
  const best = [Infinity, Infinity];
  const count = modules[0].kernlet.room();
  for (const { kernlet } of modules) kernlet.reset(1n);
  for (let round = 0; round < 40; round++) {
    modules.forEach(({ kernlet }, i) => {
      const start = performance.now();
      kernlet.train(count);
      best[i] = Math.min(best[i], performance.now() - start);
    });
  }
  const same = modules[0].kernlet.fingerprint() === modules[1].kernlet.fingerprint();
  const steps = count / 8;
  const [scalar, simd] = best.map((time) => ((time / steps) * 1000).toFixed(0));
  const ratio = best[0] / best[1];
  console.log(`a training step: ${scalar} µs scalar, ${simd} µs simd128, ${ratio.toFixed(2)} times; bits ${same ? "equal" : "DIFFER"}`);
  process.exitCode = ratio >= 3 && same ? 0 : 1;
}

async function digits(path) {
  const { kernlet, put } = await load(path);
  const room = kernlet.room();
  kernlet.reset(1n);
  for (let epoch = 1; epoch <= 4; epoch++) {
    let loss = 0;
    let batches = 0;
    for (let first = 0; first + room <= 1024; first += room) {
      put(first, room);
      loss += kernlet.train(room);
      batches++;
    }
    console.log(`epoch ${epoch}: loss ${(loss / batches).toFixed(4)}`);
  }
  put(7000, room);
  let right = 0;
  for (let i = 0; i < room; i++) right += kernlet.infer(i) === labels[7000 + i];
  console.log(`${right} of ${room} others are right`);
}

const [command, ...paths] = process.argv.slice(2);
await { parity, adapt, speed, digits }[command](...paths);
