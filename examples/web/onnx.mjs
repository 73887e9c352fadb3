// The small network as an ONNX model: just enough of its protocol buffers.

const varint = (number) => {
  const bytes = [];
  for (; number > 127; number = Math.floor(number / 128)) bytes.push((number % 128) | 128);
  return [...bytes, number];
};
const number = (field, value) => [...varint(field << 3), ...varint(value)];
const bytes = (field, value) => [...varint((field << 3) | 2), ...varint(value.length), ...value];
const string = (field, text) => bytes(field, new TextEncoder().encode(text));

const tensor = (name, dims, floats) =>
  bytes(5, [
    ...dims.flatMap((dim) => number(1, dim)),
    ...number(2, 1),
    ...string(8, name),
    ...bytes(9, new Uint8Array(Float32Array.from(floats).buffer)),
  ]);
const ints = (name, values) =>
  bytes(5, [...string(1, name), ...values.flatMap((value) => number(8, value)), ...number(20, 7)]);
const int = (name, value) => bytes(5, [...string(1, name), ...number(3, value), ...number(20, 2)]);
const node = (kind, inputs, output, ...attributes) =>
  bytes(1, [
    ...inputs.flatMap((input) => string(1, input)),
    ...string(2, output),
    ...string(4, kind),
    ...attributes.flat(),
  ]);
const value = (field, name, dims) => {
  const shape = bytes(
    2,
    dims.flatMap((dim) => bytes(1, number(1, dim))),
  );
  return bytes(field, [...string(1, name), ...bytes(2, bytes(1, [...number(1, 1), ...shape]))]);
};

// From kernlet's parameters; kernels there are [height][width][in][out], here [out][in][height][width].
export function smallNetwork(parameters) {
  let at = 0;
  const take = (count) => parameters.subarray(at, (at += count));
  const kernel = (side, inputs, outputs) => {
    const from = take(side * side * inputs * outputs);
    return Float32Array.from({ length: from.length }, (_, i) => {
      const [x, y, input, output] = [
        i % side,
        Math.floor(i / side) % side,
        Math.floor(i / side ** 2) % inputs,
        Math.floor(i / side ** 2 / inputs),
      ];
      return from[((y * side + x) * inputs + input) * outputs + output];
    });
  };
  const weights = [
    tensor("k1", [8, 1, 5, 5], kernel(5, 1, 8)),
    tensor("b1", [8], take(8)),
    tensor("k2", [16, 8, 3, 3], kernel(3, 8, 16)),
    tensor("b2", [16], take(16)),
    tensor("w3", [400, 32], take(12800)),
    tensor("b3", [32], take(32)),
    tensor("w4", [32, 10], take(320)),
    tensor("b4", [10], take(10)),
  ];
  const pool = [ints("kernel_shape", [2, 2]), ints("strides", [2, 2])];
  const graph = [
    node("Conv", ["image", "k1", "b1"], "c1", ints("kernel_shape", [5, 5])),
    node("Relu", ["c1"], "r1"),
    node("MaxPool", ["r1"], "p1", ...pool),
    node("Conv", ["p1", "k2", "b2"], "c2", ints("kernel_shape", [3, 3])),
    node("Relu", ["c2"], "r2"),
    node("MaxPool", ["r2"], "p2", ...pool),
    node("Transpose", ["p2"], "t", ints("perm", [0, 2, 3, 1])),
    node("Flatten", ["t"], "f", int("axis", 1)),
    node("Gemm", ["f", "w3", "b3"], "d3"),
    node("Relu", ["d3"], "r3"),
    node("Gemm", ["r3", "w4", "b4"], "d4"),
    node("Softmax", ["d4"], "probabilities", int("axis", 1)),
    string(2, "small"),
    weights.flat(),
    value(11, "image", [1, 1, 28, 28]),
    value(12, "probabilities", [1, 10]),
  ];
  return Uint8Array.from([
    ...number(1, 8),
    ...bytes(7, graph.flat()),
    ...bytes(8, [...string(1, ""), ...number(2, 17)]),
  ]);
}
