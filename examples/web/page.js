// Loads the module and the weights, and wires the parts of the page.

import { compile, hasSimd } from "./wasm.js";
import { keepPage } from "./drop.js";
import { digits } from "./digits.js";
import { train } from "./train.js";
import { words } from "./words.js";

const $ = (id) => document.getElementById(id);

const say = (text) => {
  $("said").textContent = text;
};

// Tabs, as the ARIA practices have them: arrows move, and what is chosen is shown.
function tabs() {
  const all = [...document.querySelectorAll("[role=tab]")];
  const show = (tab) => {
    for (const each of all) {
      const chosen = each === tab;
      each.setAttribute("aria-selected", chosen);
      each.tabIndex = chosen ? 0 : -1;
      $(each.getAttribute("aria-controls")).hidden = !chosen;
    }
    if (tab.id === "model") openModels();
  };
  all.forEach((tab, i) => {
    tab.addEventListener("click", () => {
      show(tab);
      history.replaceState(null, "", `#${tab.id}`);
    });
    tab.addEventListener("keydown", (event) => {
      const to = { ArrowLeft: i - 1, ArrowRight: i + 1, Home: 0, End: -1 }[event.key];
      if (to === undefined) return;
      const next = all.at(to % all.length);
      next.focus();
      next.click();
    });
  });
  show(all.find((tab) => `#${tab.id}` === location.hash) ?? all[0]);
}

// What runs other models is loaded when it is first asked for.
let models = null;
function openModels() {
  models ??= started
    .then(async (recognised) => {
      const { model } = await import("./model/tab.js");
      await model($("model-panel"), say, () => recognised.image);
    })
    .catch((error) => {
      models = null;
      $("model-panel").textContent = `This part could not start: ${error.message}`;
    });
}

async function start() {
  const simd = hasSimd();
  $("build").textContent = simd
    ? "This browser has WASM SIMD."
    : "This browser has no WASM SIMD: the scalar build is used, which gives the same bits, more slowly.";
  $("build").classList.toggle("warning", !simd);
  const [module, weights] = await Promise.all([
    compile(simd),
    fetch("digits.knl").then((response) => response.arrayBuffer()),
  ]);
  const recognised = digits(module, say);
  recognised.open(0, new Uint8Array(weights));
  train(module, recognised, say);
  words(module, say);
  document.body.dataset.ready = "yes";
  return recognised;
}

keepPage();
const started = start();
tabs();
started.catch((error) => {
  $("build").textContent = `The page could not start: ${error.message}`;
  $("build").classList.add("warning");
});
