import { HEAP_AT, OFFSET_INDEX_ENTRY_BYTES, TIME_INDEX_ENTRY_BYTES } from "../engine-as/format.ts";
import { OUTPUT_FULL, UNSUPPORTED_CODEC } from "../engine-as/status.ts";
import type { Engine } from "./engine.ts";
import { splitBatch } from "./split-batch.ts";
import { after } from "./wasm-arena.ts";
import type { WasmArena } from "./wasm-arena.ts";
import { checkRecords, withGrowingRoom } from "./wasm-batch-reader.ts";
import { rewriteBatch } from "./wasm-batch-rewriter.ts";
import type { EngineExports } from "./wasm-exports.ts";
import { lookupOffsets, lookupTimes } from "./wasm-index-lookups.ts";
import { createRecordEngine } from "./wasm-record-engine.ts";
import type { WasmRecordEngine } from "./wasm-record-engine.ts";
import { WasmScanner } from "./wasm-scanner.ts";
import { codecName, statusError } from "./wasm-status.ts";

/** Index entries that are copied in for a lookup; a larger index is halved down to this first. */
const LOOKUP_ENTRIES = 256;
const INT32_MAX = 2 ** 31 - 1;

/** The engine over an instance of `engine.wasm`, whose memory it takes for itself. */
export function createEngine(instance: WebAssembly.Instance): Engine {
  return wholeEngine(createRecordEngine(instance));
}

/** All that the engine can do, in the same memory. */
export function wholeEngine({ wasm, ...records }: WasmRecordEngine): Engine {
  const { exports, arena } = wasm;
  const engine: Engine = {
    ...records,
    checkRecords: (bytes, uncompressedBytesMax) => checkRecords(exports, arena, bytes, uncompressedBytesMax),
    scanner: (options) => new WasmScanner(exports, arena, options),
    splitBatch: (batch, options) => splitBatch(engine, batch, options),
    rewriteBatch: (batch, keep, options) => rewriteBatch(exports, arena, batch, keep, options),
    lookupOffset: (index, relativeOffset) => lookupOffset(exports, arena, index, relativeOffset),
    lookupTime: (index, timestamp) => lookupTime(exports, arena, index, timestamp),
    lookupOffsets: (index, relativeOffsets) => lookupOffsets(exports, arena, index, relativeOffsets),
    lookupTimes: (index, timestamps) => lookupTimes(exports, arena, index, timestamps),
    compress: (codec, bytes) => compress(exports, arena, codec, bytes),
    decompress: (codec, bytes, bytesMax) => decompress(exports, arena, codec, bytes, bytesMax),
  };
  return engine;
}

/**
 * Halves a sorted index until at most LOOKUP_ENTRIES are left, the last one that `isBefore` among them if there is one, and
 * puts these at HEAP_AT. Answers how many.
 */
function putNarrowed(
  arena: WasmArena,
  index: Uint8Array,
  entryBytes: number,
  isBefore: (view: DataView, at: number) => boolean,
): number {
  const view = new DataView(index.buffer, index.byteOffset, index.byteLength);
  let low = 0;
  let high = Math.floor(index.length / entryBytes);
  while (high - low > LOOKUP_ENTRIES) {
    const middle = (low + high) >>> 1;
    if (isBefore(view, middle * entryBytes)) low = middle;
    else high = middle;
  }
  arena.bytes.set(index.subarray(low * entryBytes, high * entryBytes), HEAP_AT);
  return high - low;
}

function lookupOffset(
  exports: EngineExports,
  arena: WasmArena,
  index: Uint8Array,
  relativeOffset: number,
): number {
  const target = Math.max(-1, Math.min(relativeOffset, INT32_MAX));
  const entries = putNarrowed(
    arena,
    index,
    OFFSET_INDEX_ENTRY_BYTES,
    (view, at) => view.getInt32(at) <= target,
  );
  return exports.lookupOffset(HEAP_AT, entries, target);
}

function lookupTime(exports: EngineExports, arena: WasmArena, index: Uint8Array, timestamp: bigint): number {
  const entries = putNarrowed(
    arena,
    index,
    TIME_INDEX_ENTRY_BYTES,
    (view, at) => view.getBigInt64(at) < timestamp,
  );
  return exports.lookupTime(HEAP_AT, entries, timestamp);
}

function compress(exports: EngineExports, arena: WasmArena, codec: number, bytes: Uint8Array): Uint8Array {
  const what = `compressing with ${codecName(codec)}`;
  const output = after(HEAP_AT, bytes.length);
  const outputMax = exports.compressedBytesMax(codec, bytes.length);
  if (outputMax === UNSUPPORTED_CODEC) throw statusError(outputMax, what);
  if (outputMax < 0 || !arena.ensure(output + outputMax)) throw statusError(OUTPUT_FULL, what);
  arena.bytes.set(bytes, HEAP_AT);
  const size = exports.compress(codec, HEAP_AT, bytes.length, output, outputMax);
  if (size < 0) throw statusError(size, what);
  return arena.bytes.slice(output, output + size);
}

function decompress(
  exports: EngineExports,
  arena: WasmArena,
  codec: number,
  bytes: Uint8Array,
  bytesMax: number,
): Uint8Array {
  const what = `decompressing ${codecName(codec)}`;
  if (!arena.put(bytes)) throw statusError(OUTPUT_FULL, what);
  const output = after(HEAP_AT, bytes.length);
  const size = withGrowingRoom(bytes.length, bytesMax, (room) =>
    arena.ensure(output + room)
      ? exports.decompress(codec, HEAP_AT, bytes.length, output, room)
      : OUTPUT_FULL,
  );
  if (size < 0) throw statusError(size, what);
  return arena.bytes.slice(output, output + size);
}
