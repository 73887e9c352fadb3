// Training as the page shows it: buttons, figures, curves, and the command that ends with the same bits.

import { Chart } from "./chart.js";

const $ = (id) => document.getElementById(id);
const grouped = (number) => Math.round(number).toLocaleString("en");
const NETWORKS = ["small", "keras"];

export function train(module, digits, say) {
  const worker = new Worker("worker.js", { type: "module" });
  worker.postMessage({ kind: "module", module });
  const loss = new Chart($("loss"), { format: (value) => Number(value.toPrecision(2)).toString() });
  const accuracy = new Chart($("accuracy"), { top: 1, format: (value) => `${Math.round(100 * value)} %` });
  // Whose the worker's module is: "nothing", "fresh" from a seed, or "taught".
  let state = "nothing";
  let id = 0;
  let running = false;
  let drawing = false;
  let settings = null;

  const chosen = () => ({
    network: Number($("network").value),
    batch: Number($("batch").value),
    seed: Math.min(Number.MAX_SAFE_INTEGER, Math.max(0, Math.floor(Number($("seed").value)) || 0)),
  });

  function enable() {
    $("start").textContent = running ? "Pause" : state === "fresh" ? "Continue" : "Train from scratch";
    for (const id of ["network", "batch", "seed"]) $(id).disabled = running || state === "fresh";
    $("reset").disabled = state === "nothing" && !running;
  }

  function redraw() {
    if (drawing) return;
    drawing = true;
    requestAnimationFrame(() => {
      drawing = false;
      loss.draw();
      accuracy.draw();
    });
  }

  $("start").addEventListener("click", () => {
    if (running) {
      worker.postMessage({ kind: "pause" });
      return;
    }
    if (state !== "fresh") {
      clear();
      settings = chosen();
      worker.postMessage({ kind: "make", id: ++id, ...settings });
      state = "fresh";
    }
    running = true;
    $("note").textContent = "Loading digits…";
    const [number, unit] = $("until").value.split(" ");
    worker.postMessage({ kind: "run", [unit]: Number(number) });
    enable();
  });

  $("reset").addEventListener("click", () => {
    worker.postMessage({ kind: "pause" });
    state = "nothing";
    running = false;
    id++;
    clear();
    $("note").textContent = "";
    enable();
  });

  function clear() {
    loss.clear();
    accuracy.clear();
    for (const id of ["step", "rate", "now-accuracy", "test-accuracy"]) $(id).textContent = "–";
    $("proof").hidden = true;
  }

  for (let digit = 0; digit < 10; digit++) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = digit;
    button.setAttribute("aria-label", `It is a ${digit}`);
    button.addEventListener("click", () => teach(digit));
    $("teach").append(button);
  }

  function teach(label) {
    const image = digits.image;
    if (!image) {
      $("taught").textContent = "Draw a digit first.";
      return say($("taught").textContent);
    }
    if (running) worker.postMessage({ kind: "pause" });
    if (state === "nothing") {
      const { network, parameters } = digits;
      worker.postMessage({ kind: "make", id: ++id, network, batch: 32, seed: 1, parameters });
      state = "taught";
    }
    $("taught").textContent = "Learning…";
    worker.postMessage({ kind: "teach", image, label });
  }

  worker.onerror = (event) => {
    $("note").textContent = event.message;
    say(event.message);
  };
  worker.onmessage = ({ data }) => {
    if (data.id !== id) return;
    if (data.parameters) digits.show(settings && state === "fresh" ? settings.network : digits.network, data.parameters);
    if (data.kind === "failed") {
      running = false;
      state = "nothing";
      $("note").textContent = data.message;
      $("taught").textContent = "";
      say(data.message);
      enable();
    } else if (data.kind === "progress") {
      loss.add(data.losses);
      accuracy.add(data.accuracies);
      $("note").textContent = `Epoch ${data.epoch + 1}`;
      $("step").textContent = grouped(data.step);
      if (data.rate) $("rate").textContent = grouped(data.rate);
      if (data.accuracies.length) {
        const mean = data.accuracies.reduce((sum, value) => sum + value, 0) / data.accuracies.length;
        $("now-accuracy").textContent = `${(100 * mean).toFixed(1)} %`;
      }
      redraw();
    } else if (data.kind === "test") {
      loss.addTest(data.step, data.loss);
      accuracy.addTest(data.step, data.accuracy);
      $("test-accuracy").textContent = `${(100 * data.accuracy).toFixed(2)} %`;
      redraw();
    } else if (data.kind === "paused") {
      running = false;
      const { network, batch, seed } = settings;
      const chosen = `--network ${NETWORKS[network]} --rounding strict --augment=off --batch ${batch} --seed ${seed}`;
      $("note").textContent = data.done ? "Done. To go on, choose a later end." : "Paused";
      $("fingerprint").textContent = data.fingerprint;
      $("command").textContent = `cargo run --example mnist -- ${chosen} --steps ${data.step}`;
      $("proof").hidden = false;
      say(`${data.done ? "Training is done" : "Paused"} after ${data.step} steps`);
      enable();
    } else if (data.kind === "taught") {
      if (state === "fresh") state = "taught";
      $("proof").hidden = true;
      const steps = data.steps === 1 ? "1 step" : `${data.steps} steps`;
      $("taught").textContent = `It learnt that this is a ${data.label}, in ${steps} of its last two layers.`;
      say($("taught").textContent);
      enable();
    }
  };
  enable();
  clear();
}
