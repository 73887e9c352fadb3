// The page's first half: a digit is drawn, recognised, and explained.

import { Pad, normalise } from "./draw.js";
import { Kernlet } from "./wasm.js";

const $ = (id) => document.getElementById(id);
const SIDE = 28;
const percent = (value) => `${(100 * value).toFixed(value > 0.9995 || value < 0.0005 ? 0 : 1)} %`;

// −1 is blue, 0 the ground, 1 red, over light or dark.
function diverging(value, dark) {
  const strength = Math.min(1, Math.abs(value));
  const ground = dark ? [30, 35, 40] : [255, 255, 255];
  const full = value < 0 ? (dark ? [82, 155, 232] : [33, 102, 172]) : dark ? [240, 96, 110] : [190, 30, 50];
  return ground.map((from, i) => Math.round(from + (full[i] - from) * strength));
}

function paint(canvas, width, height, colour) {
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d");
  const pixels = context.createImageData(width, height);
  for (let i = 0; i < width * height; i++) pixels.data.set([...colour(i), 255], 4 * i);
  context.putImageData(pixels, 0, 0);
}

export function digits(module, say) {
  const scheme = matchMedia("(prefers-color-scheme: dark)");
  const image = new Float32Array(SIDE * SIDE);
  let kernlet = null;
  let network = 0;
  let place = null;
  let announcing = 0;

  const rows = Array.from({ length: 10 }, (_, digit) => {
    const row = document.createElement("li");
    row.innerHTML = `<b>${digit}</b><span class="bar"><span></span></span><span class="value"></span>`;
    $("bars").append(row);
    return { row, bar: row.querySelector(".bar span"), value: row.querySelector(".value") };
  });

  const pad = new Pad($("pad"), update, (text) => say(text));
  $("clear").addEventListener("click", () => pad.clear());
  $("heat").addEventListener("change", () => pad.touch());
  scheme.addEventListener("change", () => {
    showFilters();
    pad.touch();
  });

  function use(kind) {
    network = kind;
    kernlet = new Kernlet(module);
    kernlet.call.reader(network);
  }

  function update(strokes) {
    place = normalise(strokes, image);
    if (!place || !kernlet) return showNothing();
    kernlet.floats(kernlet.call.image(), image.length).set(image);
    const at = kernlet.call.probabilities();
    if (!at) return;
    const outputs = kernlet.floats(at, 10).slice();
    const best = outputs.indexOf(Math.max(...outputs));
    outputs.forEach((value, digit) => {
      rows[digit].bar.style.transform = `scaleX(${value})`;
      rows[digit].value.textContent = percent(value);
      rows[digit].row.classList.toggle("best", digit === best);
    });
    $("answer").textContent = best;
    $("sure").textContent = `${percent(outputs[best])} sure`;
    explain(best);
    clearTimeout(announcing);
    if (!pad.isExample) announcing = setTimeout(() => say(`${best}, ${percent(outputs[best])} sure`), 700);
  }

  function showNothing() {
    rows.forEach(({ row, bar, value }) => {
      bar.style.transform = "scaleX(0)";
      value.textContent = "";
      row.classList.remove("best");
    });
    $("answer").textContent = "–";
    $("sure").textContent = "Draw a digit";
    pad.heat = null;
    const dark = scheme.matches;
    paint($("seen"), SIDE, SIDE, () => diverging(0, dark));
  }

  // Ink by how much it spoke for the answer: its gradient times what is there.
  function explain(best) {
    const dark = scheme.matches;
    pad.heat = null;
    if (!$("heat").checked) {
      paint($("seen"), SIDE, SIDE, (i) => {
        const ink = image[i];
        return dark
          ? [30 + 200 * ink, 35 + 197 * ink, 40 + 195 * ink]
          : [255 - 227 * ink, 255 - 223 * ink, 255 - 219 * ink];
      });
      return;
    }
    const at = kernlet.call.pixel_gradient(best);
    if (!at) return;
    const gradient = kernlet.floats(at, image.length).slice();
    const most = gradient.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-9);
    paint($("seen"), SIDE, SIDE, (i) => diverging(gradient[i] / most, dark));
    const spoke = gradient.map((value, i) => value * image[i]);
    const around = (x, y) => {
      let sum = 0;
      for (let row = Math.max(0, y - 1); row <= Math.min(SIDE - 1, y + 1); row++) {
        for (let column = Math.max(0, x - 1); column <= Math.min(SIDE - 1, x + 1); column++)
          sum += spoke[row * SIDE + column];
      }
      return sum;
    };
    const { scale, x, y } = place;
    const sums = pad.strokes
      .flat()
      .map(([px, py]) => Math.abs(around(Math.floor(px * scale + x), Math.floor(py * scale + y))));
    const greatest = sums.reduce((most, value) => Math.max(most, value), 1e-9);
    pad.heat = (px, py) => {
      const value = around(Math.floor(px * scale + x), Math.floor(py * scale + y)) / greatest;
      const ground = dark ? [120, 128, 138] : [176, 182, 190];
      const full = value < 0 ? (dark ? [82, 155, 232] : [33, 102, 172]) : dark ? [240, 96, 110] : [190, 30, 50];
      const strength = Math.min(1, Math.abs(value));
      return `rgb(${ground.map((from, i) => Math.round(from + (full[i] - from) * strength))})`;
    };
  }

  function showFilters() {
    if (!kernlet) return;
    const [rows, columns, , count] = [0, 1, 2, 3].map((axis) => kernlet.call.filters_axis(network, axis));
    const weights = kernlet.floats(kernlet.call.parameters(), rows * columns * count).slice();
    const most = weights.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-9);
    const list = $("filters");
    while (list.children.length > count) list.lastChild.remove();
    while (list.children.length < count) list.append(document.createElement("canvas"));
    for (let filter = 0; filter < count; filter++) {
      paint(list.children[filter], columns, rows, (i) => diverging(weights[i * count + filter] / most, scheme.matches));
    }
    list.setAttribute("aria-label", `${count} filters of ${rows} by ${columns} weights`);
  }

  return {
    // Parameters as a training has them.
    show(kind, parameters) {
      if (!kernlet || kind !== network) use(kind);
      kernlet.floats(kernlet.call.parameters(), parameters.length).set(parameters);
      showFilters();
      pad.touch();
    },
    // Parameters out of a snapshot.
    open(kind, bytes) {
      use(kind);
      kernlet.check(kernlet.call.open(kernlet.put(bytes), bytes.length));
      showFilters();
      pad.touch();
    },
    get network() {
      return network;
    },
    get parameters() {
      return kernlet.floats(kernlet.call.parameters(), kernlet.call.parameters_len(network)).slice();
    },
    // The image as bytes, or nothing if the pad is empty.
    get image() {
      return place && Uint8Array.from(image, (value) => Math.round(255 * value));
    },
  };
}
