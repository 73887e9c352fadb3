// The module: which build of it this browser can run, and its memory.

// A function that counts bits of bytes in a vector: valid where there is WASM SIMD.
const VECTOR = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11,
]);

export const hasSimd = () => WebAssembly.validate(VECTOR);

export async function compile(simd, folder = "") {
  const response = await fetch(new URL(folder + (simd ? "simd.wasm" : "scalar.wasm"), import.meta.url));
  if (!response.ok) throw new Error(`${response.url}: ${response.status}`);
  return WebAssembly.compile(await response.arrayBuffer());
}

const nowhere = { write: () => 1, read: () => 1 };

// A module's functions, and views of its memory, which moves when it grows.
export class Kernlet {
  constructor(module, store = nowhere) {
    this.call = new WebAssembly.Instance(module, { store }).exports;
  }
  bytes(at, len) {
    return new Uint8Array(this.call.memory.buffer, at, len);
  }
  floats(at, len) {
    return new Float32Array(this.call.memory.buffer, at, len);
  }
  doubles(at, len) {
    return new Float64Array(this.call.memory.buffer, at, len);
  }
  // Copies bytes in, and says where they are.
  put(bytes) {
    const at = this.call.take(bytes.length);
    this.bytes(at, bytes.length).set(bytes);
    return at;
  }
  text(at, len) {
    return new TextDecoder().decode(this.bytes(at, len));
  }
  // The result of a function that says by one below 0 that it failed.
  check(result) {
    if (result < 0) throw new Error(this.text(this.call.message(), this.call.message_len()));
    return result;
  }
  get held() {
    return this.call.memory.buffer.byteLength;
  }
}

export const hex = (fingerprint) => BigInt.asUintN(64, fingerprint).toString(16).padStart(16, "0");
