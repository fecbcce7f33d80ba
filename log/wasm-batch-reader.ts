import {
  BATCH_HEADER_BYTES,
  CODEC_NONE,
  DESCRIPTOR_BYTES,
  DESCRIPTOR_OFFSET_DELTA_AT,
  HEAP_AT,
  NEWEST_TIMESTAMP_AT,
  OLDEST_TIMESTAMP_AT,
  RECORDS_AT,
  RECORD_BYTES_MIN,
  RECORD_TIMES_BYTES,
} from "../engine-as/format.ts";
import { BAD_LENGTH, BAD_RECORDS, OUTPUT_FULL, TORN } from "../engine-as/status.ts";
import { BatchHeader } from "./batch.ts";
import type { CheckedRecords, RecordTable } from "./engine.ts";
import { DescribedRecords, tableParts } from "./record-table.ts";
import { after, ENGINE_BATCH_BYTES_MAX, type WasmArena } from "./wasm-arena.ts";
import type { EngineExports } from "./wasm-exports.ts";
import { statusError } from "./wasm-status.ts";

/** Descriptors filled by one call: bounds what a batch of very many records takes of WASM memory. */
const DESCRIPTORS_PER_CALL = 4096;
/** Room tried first for what an LZ4 frame holds: memory has it from the start, and text rarely comes to more. */
const FIRST_ROOM_BYTES = 1 << 20;
const FIRST_ROOM_RATIO = 8;
const ROOM_STEP = 4;

/**
 * Calls `run` with more and more room until the answer is another than OUTPUT_FULL or `bytesMax` was not enough, so that a
 * small frame needs little memory and a bomb no more than its limit.
 */
export function withGrowingRoom(compressed: number, bytesMax: number, run: (room: number) => number): number {
  const max = Math.min(bytesMax, ENGINE_BATCH_BYTES_MAX);
  let room = Math.min(Math.max(FIRST_ROOM_BYTES, compressed * FIRST_ROOM_RATIO), max);
  for (;;) {
    const status = run(room);
    if (status !== OUTPUT_FULL || room >= max) return status;
    room = Math.min(room * ROOM_STEP, max);
  }
}

/** Puts the batch at the start of `bytes` at HEAP_AT; answers its size in bytes or a status. */
export function putBatch(exports: EngineExports, arena: WasmArena, bytes: Uint8Array): number {
  const head = Math.min(bytes.length, BATCH_HEADER_BYTES);
  arena.bytes.set(bytes.subarray(0, head), HEAP_AT);
  const size = exports.batchSize(HEAP_AT, head);
  if (size < 0) return size;
  if (size > bytes.length) return TORN;
  if (size > ENGINE_BATCH_BYTES_MAX || !arena.put(bytes.subarray(0, size))) return BAD_LENGTH;
  return size;
}

/** `Engine.checkBatch`. */
export function checkBatch(exports: EngineExports, arena: WasmArena, bytes: Uint8Array): number {
  const put = putBatch(exports, arena, bytes);
  return put < 0 ? put : exports.checkBatch(HEAP_AT, put);
}

/** `Engine.checkRecords`. */
export function checkRecords(
  exports: EngineExports,
  arena: WasmArena,
  bytes: Uint8Array,
  uncompressedBytesMax: number,
): CheckedRecords {
  const size = checkBatch(exports, arena, bytes);
  if (size < 0) return { status: size };
  const times = after(HEAP_AT, size);
  const scratch = after(times, RECORD_TIMES_BYTES);
  const max = new BatchHeader(bytes).codec === CODEC_NONE ? 0 : uncompressedBytesMax;
  const count = withGrowingRoom(size, max, (room) =>
    arena.ensure(scratch + room) ? exports.checkRecords(HEAP_AT, size, scratch, room, times) : OUTPUT_FULL,
  );
  if (count < 0) return { status: count };
  if (count === 0) return { status: size };
  const oldest = arena.view.getBigInt64(times + OLDEST_TIMESTAMP_AT, true);
  const newest = arena.view.getBigInt64(times + NEWEST_TIMESTAMP_AT, true);
  return { status: size, timestamps: { oldest, newest } };
}

/** `Engine.readBatch`. */
export function readBatch(
  exports: EngineExports,
  arena: WasmArena,
  batch: Uint8Array,
  uncompressedBytesMax: number,
): RecordTable {
  const size = putBatch(exports, arena, batch);
  if (size < 0) throw statusError(size, "reading a record batch");
  const header = new BatchHeader(batch);
  let records = HEAP_AT + RECORDS_AT;
  let length = size - RECORDS_AT;
  if (header.codec !== CODEC_NONE && length > 0) {
    records = after(HEAP_AT, size);
    const compressed = length;
    length = withGrowingRoom(compressed, uncompressedBytesMax, (room) =>
      arena.ensure(records + room)
        ? exports.decompress(header.codec, HEAP_AT + RECORDS_AT, compressed, records, room)
        : OUTPUT_FULL,
    );
    if (length < 0) throw statusError(length, "decompressing a record batch");
  }
  const words = describeRecords(exports, arena, header, records, length);
  return new DescribedRecords(tableParts(header, arena.bytes.slice(records, records + length), words));
}

/** Descriptors of all records that lie in the `length` bytes at `records`. */
function describeRecords(
  exports: EngineExports,
  arena: WasmArena,
  header: BatchHeader,
  records: number,
  length: number,
): Int32Array<ArrayBuffer> {
  const count = header.recordsCount;
  // Each record has its least size, so the count is bounded by bytes that are there.
  if (count < 0 || count * RECORD_BYTES_MIN > length)
    throw statusError(BAD_RECORDS, "reading a record batch");
  const table = after(records, length);
  if (!arena.ensure(table + Math.min(count, DESCRIPTORS_PER_CALL) * DESCRIPTOR_BYTES)) {
    throw statusError(OUTPUT_FULL, "reading a record batch");
  }
  const described = new Uint8Array(count * DESCRIPTOR_BYTES);
  let position = 0;
  let previousDelta = -1;
  for (let done = 0; done < count; done += DESCRIPTORS_PER_CALL) {
    const take = Math.min(count - done, DESCRIPTORS_PER_CALL);
    position = exports.readRecords(
      records,
      length,
      position,
      take,
      previousDelta,
      header.lastOffsetDelta,
      table,
    );
    if (position < 0) throw statusError(position, "reading a record batch");
    const end = table + take * DESCRIPTOR_BYTES;
    described.set(arena.bytes.subarray(table, end), done * DESCRIPTOR_BYTES);
    previousDelta = arena.view.getInt32(end - DESCRIPTOR_BYTES + DESCRIPTOR_OFFSET_DELTA_AT, true);
  }
  if (position !== length) throw statusError(BAD_RECORDS, "reading a record batch");
  return new Int32Array(described.buffer);
}
