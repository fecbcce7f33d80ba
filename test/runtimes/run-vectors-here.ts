/** Runs the golden vectors, in whatever runs this file, on the build that the argument names; prints the outcome as JSON. */
import { readFileSync } from "node:fs";
import process from "node:process";
import { runVectors } from "../engine/golden/run-vectors.ts";
import type { VectorFile } from "../engine/golden/vectors.ts";

const read = (path: string): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(readFileSync(new URL(path, import.meta.url)));

const file = JSON.parse(new TextDecoder().decode(read("../engine/golden/vectors.json"))) as VectorFile;
const instance = new WebAssembly.Instance(new WebAssembly.Module(read(`../../build/${process.argv[2]}`)));
console.log(JSON.stringify(runVectors(instance, file)));
