// A pad to draw on with mouse, pen, touch or keys, and what of it the network sees.

const SIDE = 28;
// MNIST's digits fill a square of 20, with strokes a little more than 2 wide and soft edges.
const BOX = 20;
const RADIUS = 1.15;
const EDGE = 0.65;
// Less than this part of the pad is a dot, which is not blown up.
const DOT = 0.15;

// Ink of strokes, which are lists of points, moved and scaled: each pixel by its distance to the nearest line.
function ink(strokes, scale, left, top, image) {
  const reach = RADIUS + EDGE;
  image.fill(0);
  for (const stroke of strokes) {
    for (let i = 0; i < stroke.length; i++) {
      const [ax, ay] = stroke[Math.max(0, i - 1)];
      const [bx, by] = stroke[i];
      const x0 = ax * scale + left;
      const y0 = ay * scale + top;
      const dx = (bx - ax) * scale;
      const dy = (by - ay) * scale;
      const length = dx * dx + dy * dy;
      const right = Math.min(SIDE - 1, Math.floor(Math.max(x0, x0 + dx) + reach));
      const bottom = Math.min(SIDE - 1, Math.floor(Math.max(y0, y0 + dy) + reach));
      for (let y = Math.max(0, Math.floor(Math.min(y0, y0 + dy) - reach)); y <= bottom; y++) {
        for (let x = Math.max(0, Math.floor(Math.min(x0, x0 + dx) - reach)); x <= right; x++) {
          const px = x + 0.5 - x0;
          const py = y + 0.5 - y0;
          const along = length > 0 ? Math.min(1, Math.max(0, (px * dx + py * dy) / length)) : 0;
          const distance = Math.hypot(px - along * dx, py - along * dy);
          const value = Math.min(1, (reach - distance) / (2 * EDGE));
          if (value > image[y * SIDE + x]) image[y * SIDE + x] = value;
        }
      }
    }
  }
}

// As MNIST was made: scaled into 20×20, then moved so that the centre of mass is that of 28×28.
export function normalise(strokes, image) {
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const [x, y] of strokes.flat()) {
    left = Math.min(left, x);
    right = Math.max(right, x);
    top = Math.min(top, y);
    bottom = Math.max(bottom, y);
  }
  if (right < left) {
    image.fill(0);
    return null;
  }
  const scale = (BOX - 2 * RADIUS) / Math.max(right - left, bottom - top, DOT);
  let x = SIDE / 2 - (scale * (left + right)) / 2;
  let y = SIDE / 2 - (scale * (top + bottom)) / 2;
  ink(strokes, scale, x, y, image);
  let [mass, massX, massY] = [0, 0, 0];
  image.forEach((value, i) => {
    mass += value;
    massX += value * ((i % SIDE) + 0.5);
    massY += value * (Math.floor(i / SIDE) + 0.5);
  });
  x += SIDE / 2 - massX / mass;
  y += SIDE / 2 - massY / mass;
  ink(strokes, scale, x, y, image);
  return { scale, x, y };
}

// A 3 for a pad on which nobody has drawn yet: a curve through these points.
const EXAMPLE = [
  [0.29, 0.27],
  [0.36, 0.18],
  [0.5, 0.14],
  [0.64, 0.19],
  [0.68, 0.31],
  [0.6, 0.42],
  [0.46, 0.47],
  [0.62, 0.52],
  [0.72, 0.64],
  [0.69, 0.78],
  [0.55, 0.87],
  [0.39, 0.85],
  [0.27, 0.76],
];

// A Catmull-Rom spline through points, eight lines from each to the next.
function curve(points) {
  const at = (i) => points[Math.min(points.length - 1, Math.max(0, i))];
  const between = (a, b, c, d, t) =>
    0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t * t + (3 * b - a - 3 * c + d) * t * t * t);
  return Array.from({ length: 8 * (points.length - 1) + 1 }, (_, i) => {
    const [n, t] = [Math.floor(i / 8), (i % 8) / 8];
    return [0, 1].map((axis) => between(at(n - 1)[axis], at(n)[axis], at(n + 1)[axis], at(n + 2)[axis], t));
  });
}

export class Pad {
  // `changed` is called when there is something else on it, at most once a frame; `said` with what a key did.
  constructor(canvas, changed, said) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    // What is on it at first is an example, which goes when somebody draws.
    this.strokes = [curve(EXAMPLE)];
    this.isExample = true;
    this.pen = null;
    this.cursor = null;
    this.heat = null;
    this.changed = changed;
    this.said = said;
    this.waiting = false;
    canvas.addEventListener("pointerdown", (event) => this.down(event));
    canvas.addEventListener("pointermove", (event) => this.move(event));
    for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, () => (this.pen = null));
    canvas.addEventListener("keydown", (event) => this.key(event));
    canvas.addEventListener("blur", () => {
      this.cursor = null;
      this.draw();
    });
    new ResizeObserver(() => this.draw()).observe(canvas);
  }

  point(event) {
    const box = this.canvas.getBoundingClientRect();
    const inside = (value) => Math.min(1, Math.max(0, value));
    return [inside((event.clientX - box.left) / box.width), inside((event.clientY - box.top) / box.height)];
  }

  down(event) {
    if (event.button !== 0) return;
    event.preventDefault();
    this.canvas.focus({ preventScroll: true });
    this.canvas.setPointerCapture(event.pointerId);
    this.cursor = null;
    this.pen = event.pointerId;
    this.begin(this.point(event));
    this.touch();
  }

  move(event) {
    if (event.pointerId !== this.pen) return;
    const stroke = this.strokes.at(-1);
    const events = event.getCoalescedEvents?.() ?? [];
    for (const each of events.length ? events : [event]) {
      const [x, y] = this.point(each);
      const [lastX, lastY] = stroke.at(-1);
      if (Math.hypot(x - lastX, y - lastY) > 0.004) stroke.push([x, y]);
    }
    this.touch();
  }

  key(event) {
    const step = event.shiftKey ? 0.1 : 0.025;
    const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] };
    this.cursor ??= { at: [0.5, 0.5], down: false };
    if (event.key in moves) {
      const at = this.cursor.at.map((value, i) => Math.min(1, Math.max(0, value + moves[event.key][i])));
      this.cursor.at = at;
      if (this.cursor.down) this.strokes.at(-1).push(at);
    } else if (event.key === " " || event.key === "Enter") {
      this.cursor.down = !this.cursor.down;
      if (this.cursor.down) this.begin(this.cursor.at);
      this.said(this.cursor.down ? "Pen down" : "Pen up");
    } else if (event.key === "Delete" || event.key === "Backspace" || event.key === "Escape") {
      this.clear();
      this.said("Cleared");
    } else {
      return;
    }
    event.preventDefault();
    this.touch();
  }

  // A stroke; the first takes the example's place.
  begin(point) {
    if (this.isExample) this.strokes = [];
    this.isExample = false;
    this.strokes.push([point]);
  }

  clear() {
    this.strokes = [];
    this.isExample = false;
    this.heat = null;
    if (this.cursor) this.cursor.down = false;
    this.touch();
  }

  touch() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      performance.mark("stroke");
      this.changed(this.strokes);
      this.draw();
      performance.measure("stroke update", "stroke");
    });
  }

  // `heat` colours a point of the pad, or is null.
  draw() {
    const { canvas, context } = this;
    const style = getComputedStyle(canvas);
    const side = Math.round(canvas.clientWidth * devicePixelRatio);
    if (side === 0) return;
    if (canvas.width !== side) canvas.width = canvas.height = side;
    context.clearRect(0, 0, side, side);
    context.lineWidth = 0.075 * side;
    context.lineCap = context.lineJoin = "round";
    context.strokeStyle = style.color;
    for (const stroke of this.strokes) {
      if (this.heat) {
        for (let i = 0; i < stroke.length; i++) {
          context.strokeStyle = this.heat(...stroke[i]);
          this.line(stroke.slice(Math.max(0, i - 1), i + 1), side);
        }
      } else {
        this.line(stroke, side);
      }
    }
    if (this.cursor) {
      const [x, y] = this.cursor.at;
      context.beginPath();
      context.arc(x * side, y * side, 0.03 * side, 0, 7);
      context.lineWidth = 0.008 * side;
      context.strokeStyle = context.fillStyle = style.caretColor;
      if (this.cursor.down) context.fill();
      else context.stroke();
    }
  }

  line(points, side) {
    const { context } = this;
    context.beginPath();
    const [[x, y], ...rest] = points;
    context.moveTo(x * side, y * side);
    // A line to its own start is a dot.
    for (const [x, y] of rest.length ? rest : [points[0]]) context.lineTo(x * side, y * side);
    context.stroke();
  }
}
