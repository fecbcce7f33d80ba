import {
  BATCH_HEADER_BYTES,
  CODEC_NONE,
  HEAP_AT,
  RECORD_BYTES_MIN,
  SLACK_BYTES,
} from "../engine-as/format.ts";
import { BAD_RECORDS, OUTPUT_FULL } from "../engine-as/status.ts";
import { BatchHeader } from "./batch.ts";
import type { RewriteOptions } from "./engine.ts";
import { after, ENGINE_BATCH_BYTES_MAX, type WasmArena } from "./wasm-arena.ts";
import { putBatch, withGrowingRoom } from "./wasm-batch-reader.ts";
import type { EngineExports } from "./wasm-exports.ts";
import { statusError } from "./wasm-status.ts";

/** What a record may grow by when its timestamp delta is written anew: a varlong of 10 bytes for one of 1, and its length. */
const RECORD_GROWTH_BYTES_MAX = 9 + 4;

/** `Engine.rewriteBatch`. */
export function rewriteBatch(
  exports: EngineExports,
  arena: WasmArena,
  batch: Uint8Array,
  keep: (index: number) => boolean,
  { deleteHorizonMs, uncompressedBytesMax }: RewriteOptions,
): Uint8Array {
  const what = "writing a record batch again";
  const size = putBatch(exports, arena, batch);
  if (size < 0) throw statusError(size, what);
  const { recordsCount: count, codec } = new BatchHeader(batch);
  const recordsMax = codec === CODEC_NONE ? size - BATCH_HEADER_BYTES : uncompressedBytesMax;
  // Bounds the table before it is made.
  if (count < 0 || count * RECORD_BYTES_MIN > Math.min(recordsMax, ENGINE_BATCH_BYTES_MAX))
    throw statusError(BAD_RECORDS, what);
  const kept = keepTable(count, keep);
  const table = after(HEAP_AT, size);
  const scratch = after(table, kept.length);
  let output = 0;
  const rewrite = (room: number): number => {
    const grown = room + Math.min(count, Math.floor(room / RECORD_BYTES_MIN)) * RECORD_GROWTH_BYTES_MAX;
    const scratchMax = codec === CODEC_NONE ? 0 : room + SLACK_BYTES + grown;
    const bodyMax = codec === CODEC_NONE ? grown : exports.compressedBytesMax(codec, grown);
    if (bodyMax < 0) return bodyMax;
    // Copied as it is, it may be larger than what this engine would make of it.
    const outputMax = Math.max(size, BATCH_HEADER_BYTES + bodyMax);
    output = after(scratch, scratchMax);
    if (!arena.ensure(output + outputMax)) return OUTPUT_FULL;
    arena.bytes.set(kept, table);
    return exports.rewriteBatch(
      HEAP_AT,
      size,
      table,
      output,
      outputMax,
      scratch,
      scratchMax,
      deleteHorizonMs,
    );
  };
  const rewritten =
    codec === CODEC_NONE ? rewrite(recordsMax) : withGrowingRoom(size, uncompressedBytesMax, rewrite);
  if (rewritten < 0) throw statusError(rewritten, what);
  return arena.bytes.slice(output, output + rewritten);
}

/** One bit for each record, as the engine reads them. */
function keepTable(count: number, keep: (index: number) => boolean): Uint8Array {
  const table = new Uint8Array(Math.ceil(count / 8));
  for (let index = 0; index < count; index++) {
    if (keep(index)) table[index >> 3] = (table[index >> 3] ?? 0) | (1 << (index & 7));
  }
  return table;
}
