// Counting, away from the page: a text streams through a module with a budget; what does not fit goes to a file of
// the browser. It takes {module, budget, source: File | string} and tells {kind: "progress" | "done" | "failed", …}.

import { Kernlet } from "./wasm.js";

const CHUNK = 64 << 10;
const SHOWN = 100;

// Two files of the origin's private file system, which workers can write without waiting.
async function files() {
  const folder = await navigator.storage.getDirectory();
  // What a closed page left behind; another page's cannot be removed while they are open.
  for await (const name of folder.keys()) {
    if (name.startsWith("runs-")) await folder.removeEntry(name).catch(() => {});
  }
  const names = ["even", "odd"].map((name) => `runs-${name}-${crypto.randomUUID()}`);
  const handles = [];
  for (const name of names) {
    const file = await folder.getFileHandle(name, { create: true });
    handles.push(await file.createSyncAccessHandle());
  }
  return {
    place: "a file",
    write: (stack, at, bytes) => handles[stack].write(bytes, { at }) === bytes.length,
    read: (stack, at, out) => handles[stack].read(out, { at }) === out.length,
    async close() {
      handles.forEach((handle) => handle.close());
      for (const name of names) await folder.removeEntry(name);
    },
  };
}

// Where there is no such file system, memory outside the module.
function memory() {
  const stacks = [new Uint8Array(1 << 16), new Uint8Array(1 << 16)];
  return {
    place: "memory outside the budget, since this browser lends no files here",
    write(stack, at, bytes) {
      const end = at + bytes.length;
      if (end > stacks[stack].length) {
        const larger = new Uint8Array(Math.max(end, 2 * stacks[stack].length));
        larger.set(stacks[stack]);
        stacks[stack] = larger;
      }
      stacks[stack].set(bytes, at);
      return true;
    },
    read(stack, at, out) {
      out.set(stacks[stack].subarray(at, at + out.length));
      return true;
    },
    async close() {},
  };
}

async function* chunks(source) {
  if (typeof source === "string") source = new Blob([source]);
  let stream = source.stream();
  if (source.name?.endsWith(".gz")) stream = stream.pipeThrough(new DecompressionStream("gzip"));
  const reader = stream.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    for (let at = 0; at < value.length; at += CHUNK) yield value.subarray(at, at + CHUNK);
  }
}

async function count({ module, budget, source }) {
  const store = await files().catch(memory);
  const guard = (work) => {
    try {
      return work() ? 0 : 1;
    } catch {
      return 1;
    }
  };
  const kernlet = new Kernlet(module, {
    write: (stack, at, bytes, len) => guard(() => store.write(stack, at, kernlet.bytes(bytes, len))),
    read: (stack, at, out, len) => guard(() => store.read(stack, at, kernlet.bytes(out, len))),
  });
  const start = performance.now();
  let [bytes, told] = [0, start];
  const figures = () => {
    const [words, distinct, longWords, runs, spilled, merged, peak] = kernlet.doubles(kernlet.call.figures(), 7);
    const seconds = (performance.now() - start) / 1000;
    const { held } = kernlet;
    return {
      bytes,
      words,
      distinct,
      longWords,
      runs,
      spilled,
      merged,
      peak,
      held,
      budget,
      seconds,
      place: store.place,
    };
  };
  const tell = () => {
    if (performance.now() - told < 100) return;
    told = performance.now();
    postMessage({ kind: "progress", ...figures() });
  };
  try {
    kernlet.check(kernlet.call.counter(budget));
    const room = kernlet.call.take(CHUNK);
    for await (const chunk of chunks(source)) {
      kernlet.bytes(room, chunk.length).set(chunk);
      kernlet.check(kernlet.call.text(room, chunk.length, 0));
      bytes += chunk.length;
      tell();
    }
    kernlet.check(kernlet.call.text(room, 0, 1));
    while (kernlet.check(kernlet.call.merge(1 << 14))) tell();
    const top = [];
    for (let len; top.length < SHOWN && (len = kernlet.call.next()) > 0;) {
      top.push([kernlet.text(kernlet.call.word(), len), kernlet.call.word_count()]);
    }
    postMessage({ kind: "done", top, ...figures() });
  } finally {
    await store.close();
  }
}

onmessage = ({ data }) => count(data).catch((error) => postMessage({ kind: "failed", message: String(error.message) }));
