// Where a model is read and run: a module for each, in a thread of its own.

import { Kernlet } from "../wasm.js";

let kernlet = null;
let inputs = [];

// Runs the model on numbers for its first input, or on noise, several times; the shortest time counts.
function run({ numbers, seed }) {
  let best = Infinity;
  for (let i = 0; i < 3; i++) {
    inputs.forEach((_, index) => {
      if (index === 0 && numbers) {
        const at = kernlet.put(new Uint8Array(numbers.buffer));
        kernlet.check(kernlet.call.fill(0, at, numbers.length));
      } else {
        kernlet.check(kernlet.call.noise(index, seed));
      }
    });
    const start = performance.now();
    kernlet.check(kernlet.call.run());
    best = Math.min(best, performance.now() - start);
  }
  const len = kernlet.check(kernlet.call.output(0));
  return { kind: "ran", time: best, output: kernlet.floats(kernlet.call.numbers(), len).slice() };
}

onmessage = ({ data }) => {
  try {
    if (data.file) {
      kernlet = new Kernlet(data.module);
      const at = kernlet.put(new Uint8Array(data.file));
      kernlet.check(kernlet.call.open(at, data.file.byteLength));
      const model = JSON.parse(kernlet.text(kernlet.call.message(), kernlet.call.message_len()));
      inputs = model.inputs;
      postMessage({ kind: "opened", model });
    }
    postMessage(run(data));
  } catch (error) {
    postMessage({ kind: "failed", message: error.message });
  }
};
