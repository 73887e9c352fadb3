// The page's second half: a text, a budget, and the words that are most frequent in it.

import { dropInto } from "./drop.js";

const $ = (id) => document.getElementById(id);
const grouped = (number) => Math.round(number).toLocaleString("en");

// Bytes as they are spoken of: 64 KiB, 8 MiB.
export function size(bytes) {
  if (bytes < 1024) return `${bytes} bytes`;
  const [value, unit] = bytes < 1 << 20 ? [bytes / 1024, "KiB"] : [bytes / (1 << 20), "MiB"];
  return `${value >= 100 || Number.isInteger(value) ? Math.round(value) : value.toFixed(1)} ${unit}`;
}

export function words(module, say) {
  let worker = null;
  let file = null;
  const budget = () => 2 ** Number($("budget").value);

  const showBudget = () => {
    $("budget-value").textContent = size(budget());
    $("budget").setAttribute("aria-valuetext", size(budget()));
  };
  $("budget").addEventListener("input", showBudget);
  showBudget();

  function fail(message) {
    $("text-error").textContent = message;
    $("text-error").hidden = false;
    say(message);
  }

  function choose(chosen) {
    file = chosen;
    $("text-error").hidden = true;
    $("chosen").textContent = file ? `${file.name}, ${size(file.size)}` : "";
    if (file) count(file);
  }
  $("file").addEventListener("change", () => choose($("file").files[0] ?? null));
  dropInto($("words-panel"), $("drop"), (dropped) => {
    if (dropped.files[0]) choose(dropped.files[0]);
    else {
      $("text").value = dropped.getData("text");
      count($("text").value);
    }
  });
  $("count").addEventListener("click", () => {
    if ($("text").value !== "") count($("text").value);
    else if (file) count(file);
    else fail("There is no text yet: paste one, or choose a file.");
  });
  $("text").addEventListener("input", () => {
    if ($("text").value !== "") choose(null);
  });
  $("bible").addEventListener("click", async () => {
    const response = await fetch("texts/kjv.txt.gz");
    if (!response.ok) return fail(`${response.url}: ${response.status}`);
    const bytes = await response.arrayBuffer();
    const gzipped = new Uint8Array(bytes, 0, 2).join() === "31,139";
    $("text").value = "";
    choose(new File([bytes], gzipped ? "kjv.txt.gz" : "kjv.txt"));
  });

  function count(source) {
    $("text-error").hidden = true;
    worker?.terminate();
    worker = new Worker("count.js", { type: "module" });
    $("count").disabled = true;
    worker.onmessage = ({ data }) => {
      if (data.kind === "failed") {
        $("count").disabled = false;
        return fail(`${source.name ?? "The text"} could not be counted: ${data.message}`);
      }
      show(data);
      if (data.kind === "done") {
        $("count").disabled = false;
        worker.terminate();
        say(`${grouped(data.words)} words, ${grouped(data.distinct)} different ones`);
      }
    };
    worker.onerror = (event) => {
      $("count").disabled = false;
      fail(event.message);
    };
    worker.postMessage({ module, budget: budget(), source });
  }

  function show({ bytes, words, distinct, longWords, runs, spilled, peak, held, budget, seconds, place, top }) {
    $("counted").hidden = false;
    const figures = [
      [grouped(words), "words"],
      [top ? grouped(distinct) : "…", "different words"],
      [`${size(bytes)}`, seconds > 0.05 ? `of text, ${(bytes / seconds / 1e6).toFixed(0)} MB a second` : "of text"],
      [size(budget), `budget, ${Math.min(100, (100 * peak) / budget).toFixed(0)} % of it used at most`],
      [size(held), "memory of the whole module, with the budget, code's data and stack"],
      [
        spilled ? size(spilled) : "nothing",
        spilled ? `sorted into ${grouped(runs)} runs, in ${place}` : "spilled: everything fitted",
      ],
    ];
    $("figures").replaceChildren(
      ...figures.map(([value, name]) => {
        const figure = document.createElement("div");
        const strong = document.createElement("dd");
        const label = document.createElement("dt");
        strong.textContent = value;
        label.textContent = name;
        figure.append(label, strong);
        return figure;
      }),
    );
    $("long-words").textContent = longWords
      ? `${grouped(longWords)} words of more than 64 bytes were not counted.`
      : "";
    if (!top) return;
    const most = top[0]?.[1] ?? 1;
    $("top").replaceChildren(
      ...top.map(([word, count]) => {
        const row = document.createElement("tr");
        const [name, number, cell, bar] = ["th", "td", "td", "span"].map((tag) => document.createElement(tag));
        name.scope = "row";
        name.textContent = word;
        number.textContent = grouped(count);
        cell.className = "bar";
        bar.style.width = `${(100 * count) / most}%`;
        cell.append(bar);
        row.append(name, number, cell);
        return row;
      }),
    );
  }
}
