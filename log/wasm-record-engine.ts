import { HEAP_AT } from "../engine-as/format.ts";
import type { RecordEngine } from "./engine.ts";
import { WasmArena } from "./wasm-arena.ts";
import { checkBatch, checkRecords, readBatch } from "./wasm-batch-reader.ts";
import { writeBatch } from "./wasm-batch-writer.ts";
import { engineExports, type EngineExports } from "./wasm-exports.ts";

/** Bytes that are copied in for one step of a CRC: stay in the processor's cache, bound the memory. */
const CRC_STEP_BYTES = 1 << 19;

/** What publishing and reading take of the engine, and what the rest of it can be made of. */
export interface WasmRecordEngine extends RecordEngine {
  readonly wasm: { readonly exports: EngineExports; readonly arena: WasmArena };
}

/** Over an instance of `engine.wasm`, whose memory it takes for itself. */
export function createRecordEngine(instance: WebAssembly.Instance): WasmRecordEngine {
  const exports = engineExports(instance);
  const arena = new WasmArena(exports.memory);
  return {
    wasm: { exports, arena },
    crc32c: (bytes, seed = 0) => crc32c(exports, arena, bytes, seed),
    checkBatch: (bytes, deep, uncompressedBytesMax) =>
      deep
        ? checkRecords(exports, arena, bytes, uncompressedBytesMax).status
        : checkBatch(exports, arena, bytes),
    writeBatch: (records, options) => writeBatch(exports, arena, records, options),
    readBatch: (batch, uncompressedBytesMax) => readBatch(exports, arena, batch, uncompressedBytesMax),
  };
}

function crc32c(exports: EngineExports, arena: WasmArena, bytes: Uint8Array, seed: number): number {
  let crc = seed;
  for (let at = 0; at < bytes.length; at += CRC_STEP_BYTES) {
    const piece = bytes.subarray(at, at + CRC_STEP_BYTES);
    arena.bytes.set(piece, HEAP_AT);
    crc = exports.crc32c(HEAP_AT, piece.length, crc);
  }
  return crc >>> 0;
}
