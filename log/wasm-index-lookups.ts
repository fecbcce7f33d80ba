import { HEAP_AT, OFFSET_INDEX_ENTRY_BYTES, TIME_INDEX_ENTRY_BYTES } from "../engine-as/format.ts";
import { BAD_LENGTH } from "../engine-as/status.ts";
import { after, type WasmArena } from "./wasm-arena.ts";
import type { EngineExports } from "./wasm-exports.ts";
import { statusError } from "./wasm-status.ts";

type Lookup = (
  this: void,
  index: number,
  entries: number,
  targets: number,
  count: number,
  results: number,
) => number;

/** `Engine.lookupOffsets`. */
export function lookupOffsets(
  exports: EngineExports,
  arena: WasmArena,
  index: Uint8Array,
  relativeOffsets: Int32Array,
): Int32Array {
  const lookup: Lookup = (...values) => exports.lookupOffsets(...values);
  return lookupAll(lookup, arena, index, OFFSET_INDEX_ENTRY_BYTES, relativeOffsets);
}

/** `Engine.lookupTimes`. */
export function lookupTimes(
  exports: EngineExports,
  arena: WasmArena,
  index: Uint8Array,
  timestamps: BigInt64Array,
): Int32Array {
  const lookup: Lookup = (...values) => exports.lookupTimes(...values);
  return lookupAll(lookup, arena, index, TIME_INDEX_ENTRY_BYTES, timestamps);
}

function lookupAll(
  lookup: Lookup,
  arena: WasmArena,
  index: Uint8Array,
  entryBytes: number,
  wanted: Int32Array | BigInt64Array,
): Int32Array {
  const targets = after(HEAP_AT, index.length);
  const results = after(targets, wanted.byteLength);
  const resultsBytes = wanted.length * Int32Array.BYTES_PER_ELEMENT;
  if (!arena.ensure(results + resultsBytes)) throw statusError(BAD_LENGTH, "looking an index up");
  arena.bytes.set(index, HEAP_AT);
  arena.bytes.set(new Uint8Array(wanted.buffer, wanted.byteOffset, wanted.byteLength), targets);
  const entries = Math.floor(index.length / entryBytes);
  const status = lookup(HEAP_AT, entries, targets, wanted.length, results);
  if (status < 0) throw statusError(status, "looking an index up");
  return new Int32Array(arena.bytes.slice(results, results + resultsBytes).buffer);
}
