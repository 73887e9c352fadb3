// The page's third part: a model of TensorFlow Lite, what is in it, and what it makes of a picture or of noise.
// Loaded, with its module, when the tab is opened first.

import { dropInto } from "../drop.js";
import { compile, hasSimd } from "../wasm.js";
import { size } from "../words.js";

const PANEL = `
<style>
#model-output { list-style: none; margin: .25rem 0 1.25rem; padding: 0; max-width: 32rem; }
#model-output li { display: grid; grid-template-columns: 3rem 1fr 5.5rem; align-items: center; gap: .6rem; font-variant-numeric: tabular-nums; }
#model-output li.title { display: block; color: var(--faint); font-size: .875rem; }
#model-output li > :last-child { text-align: right; }
#model-output .title > :last-child { text-align: left; }
#model-output .track { height: .65rem; background: var(--ground); border-radius: .2rem; overflow: hidden; }
#model-output i { display: block; height: 100%; background: var(--training); }
#model-output .best i { background: var(--accent); }
#model-seen { display: block; width: 7rem; margin: .25rem 0 .75rem; image-rendering: pixelated; border: 1px solid var(--line); border-radius: .5rem; }
#model-caption { font-size: 1rem; margin: 0 0 .25rem; }
#model-table { overflow-x: auto; }
#model-table :is(th, td) { white-space: nowrap; }
#model-table :is(th, td):nth-child(2) { text-align: left; }
#model-table :is(th, td):nth-child(n + 4) { text-align: right; }
#model-table td.bar { width: 15%; min-width: 4rem; }
#model-table td.bar span { background: var(--training); }
#model-table tfoot :is(th, td) { border-top: 1px solid var(--line); font-weight: 600; }
</style>
<section aria-labelledby="model-title">
  <h2 id="model-title">Look into a TensorFlow Lite model, and run it</h2>
  <div id="model-drop" class="drop">
    <p>Drop a <code>.tflite</code> file here. It does not leave the browser.</p>
    <div class="row">
      <label class="button">Choose a file<input id="model-file" type="file"></label>
      <button id="model-own" type="button">Example: a model that knows digits, 15 KiB</button>
      <span id="model-name" class="faint"></span>
    </div>
    <p id="model-error" class="warning" hidden></p>
  </div>
  <div id="model-opened" hidden>
    <dl id="model-figures" class="figures"></dl>
    <div class="row">
      <button id="model-drawing" type="button">Run it on your drawing</button>
      <label class="button" id="model-picture-label">Run it on a picture<input id="model-picture" type="file" accept="image/*"></label>
      <button id="model-noise" type="button">Run it on noise</button>
      <label id="model-range-label">Pixels, from black to white: <select id="model-range"><option value="0 1">0 to 1</option><option value="-1 1">−1 to 1</option><option value="0 255">0 to 255</option></select></label>
    </div>
    <p id="model-source" class="faint"></p>
    <canvas id="model-seen" role="img" aria-label="The picture as the model sees it" hidden></canvas>
    <ol id="model-output" aria-label="The largest outputs"></ol>
    <h3 id="model-caption">Operators, in the order in which they run</h3>
    <div id="model-table" tabindex="0" role="group" aria-labelledby="model-caption">
      <table aria-labelledby="model-caption">
        <thead><tr><th scope="col">operator</th><th scope="col">reads</th><th scope="col">writes</th><th scope="col">parameters</th><th scope="col">multiply-adds</th><th scope="col">bytes of weights</th><th scope="col">bytes in use</th><th aria-hidden="true"></th></tr></thead>
        <tbody id="model-operators"></tbody>
        <tfoot id="model-sums"></tfoot>
      </table>
    </div>
  </div>
</section>`;

const SHOWN = 5;
const grouped = (number) => Math.round(number).toLocaleString("en");
const $ = (id) => document.getElementById(id);

function element(tag, text, name) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  if (name) made.className = name;
  return made;
}

// A row of the table: its head, cells, and a bar.
function line(head, cells, part) {
  const [row, first, last, bar] = [element("tr"), element("th", head), element("td", undefined, "bar"), element("span")];
  first.scope = "row";
  if (part !== undefined) {
    bar.style.width = `${100 * part}%`;
    last.append(bar);
  }
  row.append(first, ...cells.map((cell) => element("td", cell)), last);
  return row;
}

// A picture in the model's size, grey or in colours, as numbers from 0 to 1.
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

// What the input's integers stand for says what black and white are.
function rangeOf({ kind, scale, zero }) {
  if (kind !== "INT8") return "0 1";
  const [least, most] = [scale * (-128 - zero), scale * (127 - zero)];
  return most > 100 ? "0 255" : least < -0.5 ? "-1 1" : "0 1";
}

// `drawing` gives the first tab's digit: bytes, or nothing.
export async function model(panel, say, drawing) {
  const module = await compile(hasSimd(), "model/");
  panel.innerHTML = PANEL;
  let worker = null;
  let input = null;
  let seed = 0;
  // What it was run on last: numbers from 0 to 1, or nothing for noise.
  let image = null;
  let source = "";

  function fail(message) {
    $("model-error").textContent = message;
    $("model-error").hidden = false;
    say(message);
  }

  function open(file, name) {
    worker?.terminate();
    const mine = new Worker(new URL("worker.js", import.meta.url), { type: "module" });
    worker = mine;
    const failed = (message) => {
      if (worker === mine) fail(`${name}: ${message}`);
    };
    mine.onmessage = ({ data }) => {
      if (worker !== mine) return;
      if (data.kind === "failed") failed(data.message);
      else if (data.kind === "opened") show(data.model, name);
      else ran(data);
    };
    mine.onerror = (event) => failed(event.message);
    $("model-opened").hidden = true;
    $("model-error").hidden = true;
    $("model-name").textContent = "";
    mine.postMessage({ module, file }, [file]);
  }

  async function read(file) {
    try {
      open(await file.arrayBuffer(), file.name);
    } catch (error) {
      fail(`${file.name} could not be read: ${error.message}`);
    }
  }

  async function own() {
    const response = await fetch(new URL("digits.tflite", import.meta.url));
    if (!response.ok) return fail(`${response.url}: ${response.status}`);
    open(await response.arrayBuffer(), "digits.tflite");
  }

  function run(numbers, from) {
    [image, source] = [numbers, from];
    const [black, white] = $("model-range").value.split(" ").map(Number);
    $("model-error").hidden = true;
    $("model-source").textContent = `Running on ${from} …`;
    worker.postMessage({ numbers: numbers?.map((value) => black + (white - black) * value), seed });
  }

  function noise() {
    seed++;
    run(null, "noise");
  }

  function draw() {
    const bytes = drawing();
    if (bytes) run(Float32Array.from(bytes, (byte) => byte / 255), "the digit drawn under “Digits”");
    else fail("There is no digit yet: draw one under “Digits”.");
  }

  async function picture(file) {
    try {
      const [, height, width] = input.dims;
      run(await pixels(file, input.dims), `${file.name}, stretched to ${width} × ${height}`);
    } catch {
      fail(`${file.name}: the browser cannot read this picture.`);
    }
  }

  const takesPicture = () =>
    !$("model-opened").hidden && input?.dims.length === 4 && input.dims[0] === 1 && [1, 3].includes(input.dims[3]);

  // The same file can be chosen again.
  const chosen = (id, take) =>
    $(id).addEventListener("change", () => {
      const [file] = $(id).files;
      if (file) take(file);
      $(id).value = "";
    });
  chosen("model-file", read);
  chosen("model-picture", picture);
  $("model-own").addEventListener("click", own);
  $("model-noise").addEventListener("click", noise);
  $("model-drawing").addEventListener("click", draw);
  $("model-range").addEventListener("change", () => image && run(image, source));
  dropInto(panel, $("model-drop"), ({ files: [file] }) => {
    if (!file) fail("That was no file.");
    else if (file.type.startsWith("image/") && takesPicture()) picture(file);
    else read(file);
  });

  function figures(time) {
    const { bytes, values, arena, macs, inputs, outputs } = panel.model;
    const shape = ({ dims, kind }) => `${dims.join("×") || "one number"} ${kind}`;
    const figures = [
      [time === undefined ? "…" : time < 0.995 ? `${(1000 * time).toPrecision(3)} µs` : `${time.toPrecision(3)} ms`, "a run takes, in this browser, on one thread"],
      [`${grouped(values)} bytes`, "arena: memory for all of its values"],
      [`${grouped(arena)} bytes`, "arena and program, for a file that is read at run time"],
      [size(bytes), "file"],
      [grouped(macs), "multiply-adds a run"],
      [inputs.map(shape).join(", "), inputs.length === 1 ? "input" : "inputs"],
      [outputs.map(shape).join(", "), outputs.length === 1 ? "output" : "outputs"],
    ];
    $("model-figures").replaceChildren(
      ...figures.map(([value, label]) => {
        const figure = element("div");
        figure.append(element("dt", label), element("dd", value));
        return figure;
      }),
    );
  }

  function show(model, name) {
    panel.model = model;
    input = model.inputs[0];
    $("model-opened").hidden = false;
    $("model-name").textContent = name;
    $("model-output").replaceChildren();
    $("model-picture-label").hidden = $("model-range-label").hidden = !takesPicture();
    $("model-drawing").hidden = input?.dims.join() !== "1,28,28,1";
    if (input) $("model-range").value = rangeOf(input);
    figures();
    const { operators, values, macs } = model;
    const most = Math.max(1, ...operators.map(({ live }) => live));
    $("model-operators").replaceChildren(
      ...operators.map(({ name, reads, writes, parameters, macs, bytes, live }) =>
        line(name, [reads, writes, ...[parameters, macs, bytes, live].map(grouped)], live / most),
      ),
    );
    const sum = (of) => operators.reduce((sum, operator) => sum + operator[of], 0);
    const sums = [sum("parameters"), macs, sum("bytes"), values];
    $("model-sums").replaceChildren(line("all", ["", "", ...sums.map(grouped)]));
    if (!$("model-drawing").hidden && drawing()) draw();
    else noise();
  }

  function ran({ time, outputs }) {
    figures(time);
    $("model-source").textContent = `What it makes of ${source}:`;
    const seen = takesPicture() && image;
    $("model-seen").hidden = !seen;
    if (seen) paint($("model-seen"), input.dims, image);
    const several = outputs.length > 1;
    $("model-output").replaceChildren(
      ...outputs.flatMap((output, index) => {
        const best = [...output.keys()].sort((a, b) => output[b] - output[a]).slice(0, SHOWN);
        const span = Math.max(...best.map((i) => Math.abs(output[i])), 1e-9);
        const whole = panel.model.outputs[index].kind.startsWith("INT") && panel.model.outputs[index].kind !== "INT8";
        const rest = output.length > SHOWN ? `, the largest ${SHOWN} of ${grouped(output.length)}` : "";
        const title = element("li", `output${several ? ` ${index}` : ""}${best.length ? rest : ": no numbers"}`, "title");
        const items = best.map((i, place) => {
          const [item, track, fill] = [element("li", undefined, place ? "" : "best"), element("span", undefined, "track"), element("i")];
          fill.style.width = `${(100 * Math.abs(output[i])) / span}%`;
          track.append(fill);
          item.append(element("b", i), track, element("span", whole ? grouped(output[i]) : output[i].toFixed(3)));
          return item;
        });
        return [title, ...items];
      }),
    );
    const [item] = $("model-output").querySelectorAll(".best");
    $("model-output").dataset.best = item?.firstChild.textContent ?? "";
    say(item ? `The largest output is number ${item.firstChild.textContent}, ${item.lastChild.textContent}` : "It has no outputs");
  }

  panel.dataset.ready = "yes";
  await own();
}

function paint(canvas, [, height, width, channels], numbers) {
  [canvas.width, canvas.height] = [width, height];
  const context = canvas.getContext("2d");
  const picture = context.createImageData(width, height);
  for (let i = 0; i < width * height; i++) {
    const colour = [0, 1, 2].map((c) => 255 * numbers[channels * i + (channels === 1 ? 0 : c)]);
    picture.data.set([...colour, 255], 4 * i);
  }
  context.putImageData(picture, 0, 0);
}
