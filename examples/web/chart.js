// Curves over steps, as SVG that takes its colours from the page.

const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [460, 220, 46, 12, 10, 26];
const POINTS = 240;

// A round step, 1, 2 or 5 times a power of ten, that cuts a range into about four.
function round(range) {
  const rough = range / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  return power * [1, 2, 5, 10].find((step) => step * power >= rough);
}

const element = (name, attributes, text) => {
  const node = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (text !== undefined) node.textContent = text;
  return node;
};

export class Chart {
  // `top` is the greatest value, or nothing if it depends on the values.
  constructor(svg, { top, format }) {
    svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
    this.svg = svg;
    this.top = top;
    this.format = format;
    this.grid = svg.appendChild(element("g", {}));
    this.curve = svg.appendChild(element("polyline", { class: "curve training" }));
    this.tests = svg.appendChild(element("g", {}));
    this.clear();
  }

  clear() {
    // Means over so many steps each, at most twice the points that are drawn.
    this.means = [];
    this.every = 1;
    this.open = [0, 0];
    this.steps = 0;
    this.test = [];
    this.draw();
  }

  add(values) {
    for (const value of values) {
      this.steps++;
      this.open[0] += value;
      if (++this.open[1] < this.every) continue;
      this.means.push(this.open[0] / this.open[1]);
      this.open = [0, 0];
      if (this.means.length < 2 * POINTS) continue;
      this.every *= 2;
      this.means = this.means.filter((_, i) => i % 2).map((mean, i) => (mean + this.means[2 * i]) / 2);
    }
  }

  addTest(step, value) {
    this.test.push([step, value]);
  }

  draw() {
    const values = [...this.means, ...this.test.map(([, value]) => value)];
    const most = values.reduce((most, value) => Math.max(most, value), 0);
    const unit = round(this.top ?? (most || 1));
    const top = this.top ?? Math.max(unit, Math.ceil(most / unit) * unit);
    const span = Math.max(1, this.steps);
    const x = (step) => LEFT + (step / span) * (WIDTH - LEFT - RIGHT);
    const y = (value) => TOP + (1 - value / top) * (HEIGHT - TOP - BOTTOM);
    const grid = [];
    for (let value = 0; value <= top + unit / 2; value += unit) {
      grid.push(element("line", { x1: LEFT, x2: WIDTH - RIGHT, y1: y(value), y2: y(value) }));
      grid.push(element("text", { x: LEFT - 7, y: y(value) + 4, "text-anchor": "end" }, this.format(value)));
    }
    if (this.steps > 0) {
      grid.push(element("text", { x: LEFT, y: HEIGHT - 6 }, "0"));
      const end = `${this.steps.toLocaleString("en")} ${this.steps === 1 ? "step" : "steps"}`;
      grid.push(element("text", { x: WIDTH - RIGHT, y: HEIGHT - 6, "text-anchor": "end" }, end));
    }
    this.grid.replaceChildren(...grid);
    const points = this.means.map((value, i) => `${x((i + 0.5) * this.every).toFixed(1)},${y(value).toFixed(1)}`);
    this.curve.setAttribute("points", points.join(" "));
    const dots = this.test.map(([step, value]) =>
      element("circle", { cx: x(step), cy: y(value), r: 3.5, class: "dot" }),
    );
    const through = this.test.map(([step, value]) => `${x(step)},${y(value)}`).join(" ");
    this.tests.replaceChildren(element("polyline", { class: "curve test", points: through }), ...dots);
  }
}
