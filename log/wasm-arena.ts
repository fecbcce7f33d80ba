import { HEAP_AT, MEMORY_BYTES_MAX, SLACK_BYTES } from "../engine-as/format.ts";

const PAGE_BYTES = 65536;
const GROW_BYTES_MIN = 1 << 20;
const GROW_BYTES_MAX = 16 << 20;
const ALIGNMENT = 64;

/** The greatest batch an engine takes in, compressed or not: what is left beside it must hold its records. */
export const ENGINE_BATCH_BYTES_MAX = MEMORY_BYTES_MAX / 4;

/** Where a region may start that follows one of `bytes` at `at`. */
export function after(at: number, bytes: number): number {
  return Math.ceil((at + bytes + SLACK_BYTES) / ALIGNMENT) * ALIGNMENT;
}

/**
 * The host's part of WASM memory. Each call lays its regions out anew from HEAP_AT on, so nothing is ever freed. WASM
 * memory cannot shrink: what a large batch has made it grow to stays, up to MEMORY_BYTES_MAX, and is used again.
 *
 * Growing detaches all views; `bytes` and `view` are taken anew then, so they must be read after `ensure`.
 */
export class WasmArena {
  private readonly memory: WebAssembly.Memory;
  bytes: Uint8Array;
  view: DataView;

  constructor(memory: WebAssembly.Memory) {
    this.memory = memory;
    this.bytes = new Uint8Array(memory.buffer);
    this.view = new DataView(memory.buffer);
  }

  /** Makes memory reach to `end` and the slack after it; false when it cannot. */
  ensure(end: number): boolean {
    const size = this.bytes.byteLength;
    const needed = end + SLACK_BYTES;
    if (needed <= size) return true;
    if (needed > MEMORY_BYTES_MAX) return false;
    const step = Math.min(Math.max(size, GROW_BYTES_MIN), GROW_BYTES_MAX);
    const wanted = Math.min(Math.max(needed, size + step), MEMORY_BYTES_MAX);
    try {
      this.memory.grow(Math.ceil((wanted - size) / PAGE_BYTES));
    } catch {
      // The machine has no more memory to give.
      return false;
    }
    this.bytes = new Uint8Array(this.memory.buffer);
    this.view = new DataView(this.memory.buffer);
    return true;
  }

  /** Puts `bytes` alone at HEAP_AT; false when they do not fit. */
  put(bytes: Uint8Array): boolean {
    if (!this.ensure(HEAP_AT + bytes.length)) return false;
    this.bytes.set(bytes, HEAP_AT);
    return true;
  }
}
