// Where a model is read and run, in a thread of its own. It takes {module, file}, then {numbers, seed}, and tells
// {kind: "opened" | "ran" | "failed", …}.

import { Kernlet } from "../wasm.js";

// Milliseconds that a time is taken over: clocks of browsers are coarse.
const SPAN = 20;
const OUTPUTS = 8;

let kernlet = null;
let model = null;

function open({ module, file }) {
  kernlet = new Kernlet(module);
  const at = kernlet.call.take(file.byteLength);
  if (at === 0) throw new Error("the browser has not enough memory for this file");
  kernlet.bytes(at, file.byteLength).set(new Uint8Array(file));
  kernlet.check(kernlet.call.open(at, file.byteLength));
  model = JSON.parse(kernlet.text(kernlet.call.message(), kernlet.call.message_len()));
  return { kind: "opened", model };
}

// Runs the model on numbers for its first input, or on noise, several times; the shortest time counts.
function run({ numbers, seed }) {
  if (numbers) kernlet.floats(kernlet.call.reals(), numbers.length).set(numbers);
  kernlet.check(kernlet.call.fill(numbers ? 1 : 0, seed));
  const measure = (times) => {
    const start = performance.now();
    kernlet.check(kernlet.call.run(times));
    return (performance.now() - start) / times;
  };
  let time = measure(1);
  if (time < 1000) {
    const times = Math.max(1, Math.min(1000, Math.floor(SPAN / time)));
    time = Math.min(...[1, 2, 3].map(() => measure(times)));
  }
  const outputs = model.outputs.slice(0, OUTPUTS).map((_, index) => {
    const len = kernlet.check(kernlet.call.output(index));
    return kernlet.floats(kernlet.call.numbers(), len).slice();
  });
  return { kind: "ran", time, outputs };
}

onmessage = ({ data }) => {
  try {
    postMessage(data.file ? open(data) : run(data));
  } catch (error) {
    postMessage({ kind: "failed", message: String(error.message) });
  }
};
