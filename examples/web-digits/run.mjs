// Runs the module in Node.js as a web page would, and compares its scores with those on the host.
//
// usage: node run.mjs target/wasm32-unknown-unknown/release/web_digits.wasm
import { readFile } from "node:fs/promises";

const file = (name) => readFile(new URL(name, import.meta.url));
const images = await file("../firmware-tiny/models/images.bin");
const outputs = await file("../firmware-tiny/models/outputs.bin");

const { instance } = await WebAssembly.instantiate(await readFile(process.argv[2]));
const { memory, image, scores, run } = instance.exports;

let equal = 0;
for (let digit = 0; digit < 10; digit++) {
  new Uint8Array(memory.buffer, image(), 64).set(images.subarray(64 * digit, 64 * (digit + 1)));
  run();
  const found = new Float32Array(memory.buffer, scores(), 10);
  console.log(`${digit} is ${found.indexOf(Math.max(...found))}`);
  const bytes = Buffer.from(memory.buffer, scores(), 40);
  equal += bytes.equals(outputs.subarray(40 * digit, 40 * (digit + 1)));
}
console.log(`${equal} of 10 outputs have the host's bytes`);
process.exitCode = equal === 10 ? 0 : 1;
