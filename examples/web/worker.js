// Training, away from the page. It takes {kind: "make" | "run" | "pause" | "teach", …} and tells
// {kind: "progress" | "test" | "paused" | "taught" | "failed", …}.

import { Kernlet, hex } from "./wasm.js";

const FILES = ["train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"];
const SLICE = 40;
const TEST = 200;

let module = null;
let digits = null;
let kernlet = null;
let network = 0;
let run = null;
// Which of the page's wishes for a module it is: what is said of an earlier one is of no use to it.
let id = 0;

async function fetchDigits() {
  const read = async (name) => {
    const response = await fetch(`digits/${name}-ubyte.gz`);
    if (!response.ok) throw new Error(`${response.url}: ${response.status}`);
    // A server may have unpacked it on the way.
    const bytes = new Uint8Array(await response.arrayBuffer());
    if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
    const unpacked = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Uint8Array(await new Response(unpacked).arrayBuffer());
  };
  return Promise.all(FILES.map(read));
}

// A module with fresh parameters from a seed, or with those given.
async function make({ id: number, network: kind, batch, seed, parameters }) {
  id = number;
  kernlet = null;
  digits ??= await fetchDigits();
  network = kind;
  kernlet = new Kernlet(module);
  const places = digits.flatMap((bytes) => [kernlet.put(bytes), bytes.length]);
  const files = kernlet.call.take(4 * places.length);
  new Uint32Array(kernlet.call.memory.buffer, files, places.length).set(places);
  kernlet.check(kernlet.call.learner(network, files, batch, BigInt(seed)));
  if (parameters) learnt().set(parameters);
}

const learnt = () => kernlet.floats(kernlet.call.learnt(), kernlet.call.parameters_len(network));

function progress() {
  const at = kernlet.call.progress();
  const [step, epoch, position, images, correct] = new Uint32Array(kernlet.call.memory.buffer, at, 5);
  return { step, epoch, position, images, correct, loss: kernlet.floats(at + 20, 1)[0] };
}

// Lets messages in.
const { port1, port2 } = new MessageChannel();
const breathe = () =>
  new Promise((resolve) => {
    port1.onmessage = resolve;
    port2.postMessage(null);
  });

function tell(message, withParameters) {
  if (!withParameters) return postMessage({ ...message, id });
  const parameters = learnt().slice();
  postMessage({ ...message, id, parameters }, [parameters.buffer]);
}

async function test(mine) {
  let [images, correct, loss] = [0, 0, 0];
  for (let first = 0; ; first += TEST) {
    kernlet.check(kernlet.call.evaluate(first, TEST));
    const part = progress();
    if (part.images === 0) break;
    images += part.images;
    correct += part.correct;
    loss += part.loss * part.images;
    await breathe();
    if (run !== mine) return;
  }
  tell({ kind: "test", step: progress().step, accuracy: correct / images, loss: loss / images });
}

// Steps until it is paused, or `until` steps are done, or `epochs`.
async function train({ until, epochs }) {
  // What went wrong in making it was told.
  if (!kernlet) return;
  const mine = {};
  run = mine;
  let [losses, accuracies, images, time] = [[], [], 0, 0];
  let [told, shown] = [performance.now(), 0];
  const report = (parameters) => {
    const { step, epoch, position } = progress();
    const rate = time > 0 ? (1000 * images) / time : 0;
    tell({ kind: "progress", step, epoch, position, losses, accuracies, rate }, parameters);
    [losses, accuracies] = [[], []];
  };
  const done = ({ step, epoch }) => (until && step >= until) || (epochs && epoch >= epochs);
  let state = progress();
  while (run === mine && !done(state)) {
    const start = performance.now();
    do {
      kernlet.check(kernlet.call.step());
      state = progress();
      losses.push(state.loss);
      accuracies.push(state.correct / state.images);
      images += state.images;
    } while (!done(state) && state.position > 0 && performance.now() - start < SLICE);
    const now = performance.now();
    time += now - start;
    if (now - told > 100) {
      // Parameters are copied: the large network's seldom.
      const parameters = now - shown > (network === 0 ? 250 : 1500);
      if (parameters) shown = now;
      told = now;
      report(parameters);
    }
    if (state.position === 0) {
      report(true);
      await test(mine);
    }
    await breathe();
  }
  if (run === mine) run = null;
  report(true);
  tell({
    kind: "paused",
    step: state.step,
    done: Boolean(done(state)),
    fingerprint: hex(kernlet.call.learnt_fingerprint()),
  });
}

function teach({ image, label }) {
  if (!kernlet) return;
  const steps = kernlet.check(kernlet.call.teach(kernlet.put(image), label));
  tell({ kind: "taught", label, steps }, true);
}

// One after the other, but for what must get through to a training under way.
let last = Promise.resolve();
onmessage = ({ data }) => {
  if (data.kind === "module") module = data.module;
  if (data.kind === "pause" || data.kind === "make") run = null;
  const work = { make, run: train, teach }[data.kind];
  if (!work) return;
  last = last.then(() => work(data)).catch((error) => tell({ kind: "failed", message: String(error.message) }));
};
