/** Runs the golden vectors in whatever runs this file, and prints the outcome as JSON. */
import { readFileSync } from "node:fs";
import { runVectors } from "../engine/golden/run-vectors.ts";
import type { VectorFile } from "../engine/golden/vectors.ts";

const read = (path: string): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(readFileSync(new URL(path, import.meta.url)));

const file = JSON.parse(new TextDecoder().decode(read("../engine/golden/vectors.json"))) as VectorFile;
const instance = new WebAssembly.Instance(new WebAssembly.Module(read("../../build/engine.wasm")));
console.log(JSON.stringify(runVectors(instance, file)));
