/** `engine.wasm` for benches: behind the host binding as everyone uses it, and bare, to time it without copies. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { HEAP_AT, SLACK_BYTES } from "../engine-as/format.ts";
import type { Engine } from "../log/engine.ts";
import { createEngine } from "../log/wasm-engine.ts";

/** An instance with memory of its own: what one bench leaves in memory is no business of another. */
export interface BareEngine {
  /** A function of the flat ABI; integers in, an integer out. */
  call(name: string, ...args: number[]): number;
  /** Puts bytes into WASM memory at `at`, counted from where memory is the host's, and answers the address. */
  put(bytes: Uint8Array, at: number): number;
  /** A copy of what lies at an address. */
  get(address: number, length: number): Uint8Array;
  /** All of WASM memory, which does not grow any more: for loops that are timed. */
  view(): Uint8Array;
  /** Resolves a function once, for loops that are timed. */
  resolve(name: string): (...args: number[]) => number;
}

export function loadEngine(root: string): Engine {
  return createEngine(instantiate(root));
}

/** `heapBytes`: how much memory the host's part must have, slack apart. */
export function loadBareEngine(root: string, heapBytes: number): BareEngine {
  const { exports } = instantiate(root);
  const memory = exports.memory;
  if (!(memory instanceof WebAssembly.Memory)) throw new Error("engine.wasm exports no memory");
  const missing = HEAP_AT + heapBytes + SLACK_BYTES - memory.buffer.byteLength;
  if (missing > 0) memory.grow(Math.ceil(missing / 65_536));
  const resolve = (name: string): ((...args: number[]) => number) => {
    const found = exports[name];
    if (typeof found !== "function") throw new Error(`engine.wasm exports no ${name}`);
    return found as (...args: number[]) => number;
  };
  return {
    resolve,
    call: (name, ...args) => resolve(name)(...args),
    put: (bytes, at) => {
      new Uint8Array(memory.buffer, HEAP_AT + at, bytes.length).set(bytes);
      return HEAP_AT + at;
    },
    view: () => new Uint8Array(memory.buffer),
    get: (address, length) => new Uint8Array(memory.buffer, address, length).slice(),
  };
}

function instantiate(root: string): WebAssembly.Instance {
  return new WebAssembly.Instance(new WebAssembly.Module(readFileSync(join(root, "build/engine.wasm"))));
}
