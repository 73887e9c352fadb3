// The page's third part: a model of TensorFlow Lite, what is in it, and what it makes of a picture or of noise.
// Loaded, with its module, when the tab is opened first.

import { compile, hasSimd } from "../wasm.js";
import { size } from "../words.js";

const PANEL = `
<style>
#model-drop { border: 2px dashed var(--line); border-radius: .75rem; padding: 1rem; }
#model-drop.over { border-color: var(--accent); }
#model-drop p, #model-drop .row { margin: 0 0 .5rem; }
#model-output { list-style: none; margin: .5rem 0 1.25rem; padding: 0; max-width: 32rem; }
#model-output li { display: grid; grid-template-columns: 3rem 1fr 5rem; align-items: center; gap: .6rem; font-variant-numeric: tabular-nums; }
#model-output .track { height: .65rem; background: var(--ground); border-radius: .2rem; overflow: hidden; }
#model-output i { display: block; height: 100%; background: var(--training); }
#model-output li:first-child i { background: var(--accent); }
#model-opened .scroll { overflow-x: auto; }
#model-operators td, #model-opened thead th + th { text-align: right; white-space: nowrap; }
#model-operators td.bar { width: 20%; min-width: 4rem; }
#model-operators tr:first-child td.bar span { background: var(--training); }
</style>
<section aria-labelledby="model-title">
  <h2 id="model-title">Run a TensorFlow Lite model in eight bits</h2>
  <div id="model-drop">
    <p>Drop a <code>.tflite</code> file here. It does not leave the browser.</p>
    <div class="row">
      <label class="button">Choose a file<input id="model-file" type="file" accept=".tflite"></label>
      <button id="model-own" type="button">A model of ten digits, 15 KB</button>
      <span id="model-name" class="faint"></span>
    </div>
  </div>
  <div id="model-opened" hidden>
    <dl id="model-figures" class="figures"></dl>
    <div class="row">
      <button id="model-noise" type="button">Run it on other noise</button>
      <label class="button" id="model-picture-label">Run it on a picture<input id="model-picture" type="file" accept="image/*"></label>
      <span id="model-time" class="faint"></span>
    </div>
    <ol id="model-output" aria-label="The largest outputs"></ol>
    <div class="scroll">
    <table>
      <caption>Operators, in the order in which they run</caption>
      <thead><tr><th scope="col">operator</th><th scope="col">writes</th><th scope="col">multiply-adds</th><th scope="col">bytes of weights</th><th scope="col">memory in use</th><th aria-hidden="true"></th></tr></thead>
      <tbody id="model-operators"></tbody>
    </table>
    </div>
  </div>
</section>`;

const grouped = (number) => Math.round(number).toLocaleString("en");
const $ = (id) => document.getElementById(id);

function element(tag, text, name) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  if (name) made.className = name;
  return made;
}

function bar(part, whole) {
  const cell = element("td", undefined, "bar");
  const inner = element("span");
  inner.style.width = `${whole > 0 ? (100 * part) / whole : 0}%`;
  cell.append(inner);
  return cell;
}

// A picture as the model's input wants it: numbers from 0 to 1, grey or in colours.
async function pixels(file, [, height, width, channels]) {
  const picture = await createImageBitmap(file, { resizeWidth: width, resizeHeight: height, resizeQuality: "high" });
  const context = new OffscreenCanvas(width, height).getContext("2d");
  context.drawImage(picture, 0, 0);
  const { data } = context.getImageData(0, 0, width, height);
  const numbers = new Float32Array(height * width * channels);
  for (let i = 0; i < height * width; i++) {
    const [r, g, b] = data.subarray(4 * i);
    if (channels === 1) numbers[i] = (0.299 * r + 0.587 * g + 0.114 * b) / 255;
    else numbers.set([r / 255, g / 255, b / 255], 3 * i);
  }
  return numbers;
}

export async function model(panel, say) {
  panel.innerHTML = PANEL;
  const module = await compile(hasSimd(), "model/");
  let worker = null;
  let dims = [];
  let seed = 1;

  function open(file, name) {
    worker?.terminate();
    worker = new Worker("model/worker.js", { type: "module" });
    worker.onmessage = ({ data }) => {
      if (data.kind === "failed") {
        $("model-name").textContent = `${name}: ${data.message}`;
        return say(data.message);
      }
      if (data.kind === "opened") show(data.model, name);
      else ran(data);
    };
    worker.onerror = (event) => say(event.message);
    $("model-opened").hidden = true;
    worker.postMessage({ module, file, seed }, [file]);
  }

  const read = async (file) => open(await file.arrayBuffer(), file.name);
  $("model-file").addEventListener("change", () => $("model-file").files[0] && read($("model-file").files[0]));
  $("model-own").addEventListener("click", async () => {
    const response = await fetch("model/digits.tflite");
    if (!response.ok) return say(`${response.url}: ${response.status}`);
    open(await response.arrayBuffer(), "digits.tflite");
  });
  $("model-noise").addEventListener("click", () => worker.postMessage({ seed: ++seed }));
  $("model-picture").addEventListener("change", async () => {
    const file = $("model-picture").files[0];
    if (!file) return;
    try {
      worker.postMessage({ numbers: await pixels(file, dims), seed });
    } catch (error) {
      say(`${file.name}: ${error.message}`);
    }
  });
  const drop = $("model-drop");
  for (const name of ["dragenter", "dragover"]) {
    drop.addEventListener(name, (event) => {
      event.preventDefault();
      drop.classList.add("over");
    });
  }
  drop.addEventListener("dragleave", () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    if (event.dataTransfer.files[0]) read(event.dataTransfer.files[0]);
  });

  function show({ bytes, arena, macs, inputs, outputs, operators }, name) {
    dims = inputs[0]?.dims ?? [];
    const isPicture = dims.length === 4 && dims[0] === 1 && [1, 3].includes(dims[3]);
    $("model-picture-label").hidden = !isPicture;
    $("model-name").textContent = name;
    const shape = ({ dims, kind }) => `${dims.join("×") || "one number"} of ${kind}`;
    const figures = [
      [grouped(arena), "bytes of arena: the memory of all its values"],
      [size(bytes), "of file"],
      [grouped(macs), "multiply-adds a run"],
      [inputs.map(shape).join(", "), "in"],
      [outputs.map(shape).join(", "), "out"],
    ];
    $("model-figures").replaceChildren(
      ...figures.map(([value, label]) => {
        const figure = element("div");
        figure.append(element("dt", label), element("dd", value));
        return figure;
      }),
    );
    const most = Math.max(...operators.map(({ live }) => live));
    $("model-operators").replaceChildren(
      ...operators.map(({ name, dims, macs, bytes, live }) => {
        const row = element("tr");
        const head = element("th", name);
        head.scope = "row";
        row.append(head, element("td", dims), ...[macs, bytes, live].map((n) => element("td", grouped(n))), bar(live, most));
        return row;
      }),
    );
    $("model-opened").hidden = false;
  }

  function ran({ time, output }) {
    $("model-time").textContent = `${time.toFixed(2)} ms here`;
    const best = [...output.keys()].sort((a, b) => output[b] - output[a]).slice(0, 5);
    const span = Math.max(...best.map((i) => Math.abs(output[i])), 1e-9);
    $("model-output").replaceChildren(
      ...best.map((i) => {
        const item = element("li");
        const track = element("span", undefined, "track");
        const fill = element("i");
        fill.style.width = `${(100 * Math.abs(output[i])) / span}%`;
        track.append(fill);
        item.append(element("b", i), track, element("span", output[i].toFixed(3)));
        return item;
      }),
    );
    say(best.length > 0 ? `The largest output is number ${best[0]}, ${output[best[0]].toFixed(3)}` : "It has no output");
    $("model-output").dataset.best = best[0];
  }
  panel.dataset.ready = "yes";
}
