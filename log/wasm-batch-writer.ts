import {
  BATCH_HEADER_BYTES,
  CODEC_MASK,
  CODEC_NONE,
  CONTROL_BIT,
  DESCRIPTOR_BYTES,
  DESCRIPTOR_HEADERS_AT,
  DESCRIPTOR_HEADERS_COUNT_AT,
  DESCRIPTOR_KEY_AT,
  DESCRIPTOR_KEY_LENGTH_AT,
  DESCRIPTOR_TIMESTAMP_DELTA_AT,
  DESCRIPTOR_VALUE_AT,
  DESCRIPTOR_VALUE_LENGTH_AT,
  HEADER_ENTRY_BYTES,
  HEADER_KEY_AT,
  HEADER_KEY_LENGTH_AT,
  HEADER_VALUE_AT,
  HEADER_VALUE_LENGTH_AT,
  HEAP_AT,
  TRANSACTIONAL_BIT,
} from "../engine-as/format.ts";
import { ErrorCode, KafkaError } from "../wire/errors.ts";
import type { BatchOptions } from "./engine.ts";
import type { RecordHeader, RecordInput } from "./record.ts";
import { after, ENGINE_BATCH_BYTES_MAX, type WasmArena } from "./wasm-arena.ts";
import type { EngineExports } from "./wasm-exports.ts";
import { statusError } from "./wasm-status.ts";

/** What a record takes beyond its bytes at most: four int32 varints, a varlong, the header count, the attributes. */
const RECORD_OVERHEAD_BYTES_MAX = 5 * 5 + 10 + 1;
const HEADER_OVERHEAD_BYTES_MAX = 2 * 5;
/** UTF-8 bytes of one UTF-16 code unit at most. */
const UTF8_BYTES_MAX = 3;

const encoder = new TextEncoder();

/** How much there is to pack, in bytes and numbers. */
interface Load {
  bytes: number;
  headers: number;
}

function loadOf(records: readonly RecordInput[], baseTimestamp: number): Load {
  const load = { bytes: 0, headers: 0 };
  for (const record of records) {
    load.bytes += (record.key?.length ?? 0) + (record.value?.length ?? 0);
    if (!Number.isSafeInteger(record.timestamp) || !Number.isSafeInteger(record.timestamp - baseTimestamp)) {
      throw new KafkaError(
        ErrorCode.INVALID_TIMESTAMP,
        `a record's timestamp is ${record.timestamp}; give whole milliseconds since the epoch`,
      );
    }
    for (const header of record.headers ?? []) {
      load.headers++;
      load.bytes += header.key.length * UTF8_BYTES_MAX + (header.value?.length ?? 0);
    }
  }
  return load;
}

/** Copies records into WASM memory, which must not grow meanwhile: descriptors, and at `data` header entries, then bytes. */
class Packer {
  private readonly memory: Uint8Array;
  private readonly view: DataView;
  private readonly data: number;
  /** Positions relative to `data`. */
  private entryAt = 0;
  private byteAt: number;

  constructor(arena: WasmArena, data: number, headers: number) {
    this.memory = arena.bytes;
    this.view = arena.view;
    this.data = data;
    this.byteAt = headers * HEADER_ENTRY_BYTES;
  }

  /** Bytes of data packed so far. */
  get length(): number {
    return this.byteAt;
  }

  record(descriptor: number, record: RecordInput, baseTimestamp: number): void {
    const delta = record.timestamp - baseTimestamp;
    const high = Math.floor(delta / 2 ** 32);
    this.view.setUint32(descriptor + DESCRIPTOR_TIMESTAMP_DELTA_AT, delta - high * 2 ** 32, true);
    this.view.setInt32(descriptor + DESCRIPTOR_TIMESTAMP_DELTA_AT + 4, high, true);
    this.bytes(descriptor + DESCRIPTOR_KEY_AT, descriptor + DESCRIPTOR_KEY_LENGTH_AT, record.key);
    this.bytes(descriptor + DESCRIPTOR_VALUE_AT, descriptor + DESCRIPTOR_VALUE_LENGTH_AT, record.value);
    this.view.setUint32(descriptor + DESCRIPTOR_HEADERS_AT, this.entryAt, true);
    this.view.setInt32(descriptor + DESCRIPTOR_HEADERS_COUNT_AT, record.headers?.length ?? 0, true);
    if (record.headers !== undefined) this.headers(record.headers);
  }

  private headers(headers: readonly RecordHeader[]): void {
    for (const header of headers) {
      const entry = this.data + this.entryAt;
      this.entryAt += HEADER_ENTRY_BYTES;
      this.text(entry + HEADER_KEY_AT, entry + HEADER_KEY_LENGTH_AT, header.key);
      this.bytes(entry + HEADER_VALUE_AT, entry + HEADER_VALUE_LENGTH_AT, header.value);
    }
  }

  private bytes(at: number, lengthAt: number, bytes: Uint8Array | null): void {
    if (bytes !== null) this.memory.set(bytes, this.data + this.byteAt);
    this.place(at, lengthAt, bytes === null ? -1 : bytes.length);
  }

  private text(at: number, lengthAt: number, text: string): void {
    const start = this.data + this.byteAt;
    const room = this.memory.subarray(start, start + text.length * UTF8_BYTES_MAX);
    this.place(at, lengthAt, encoder.encodeInto(text, room).written);
  }

  private place(at: number, lengthAt: number, length: number): void {
    this.view.setUint32(at, this.byteAt, true);
    this.view.setInt32(lengthAt, length, true);
    if (length > 0) this.byteAt += length;
  }
}

function attributesOf(options: BatchOptions): number {
  return (
    (options.codec & CODEC_MASK) |
    (options.transactional === true ? TRANSACTIONAL_BIT : 0) |
    (options.control === true ? CONTROL_BIT : 0)
  );
}

function tooLarge(bytes: number, bytesMax: number): KafkaError {
  return new KafkaError(
    ErrorCode.MESSAGE_TOO_LARGE,
    `a batch of ${bytes} bytes is larger than the ${bytesMax} allowed; send fewer or smaller records`,
  );
}

/** `Engine.writeBatch`. */
export function writeBatch(
  exports: EngineExports,
  arena: WasmArena,
  records: readonly RecordInput[],
  options: BatchOptions,
): Uint8Array {
  const [first] = records;
  if (first === undefined) {
    throw new KafkaError(ErrorCode.INVALID_RECORD, "a batch must hold at least one record");
  }
  const load = loadOf(records, first.timestamp);
  const dataMax = load.bytes + load.headers * HEADER_ENTRY_BYTES;
  const recordsMax =
    load.bytes + records.length * RECORD_OVERHEAD_BYTES_MAX + load.headers * HEADER_OVERHEAD_BYTES_MAX;
  if (recordsMax > ENGINE_BATCH_BYTES_MAX) throw tooLarge(recordsMax, ENGINE_BATCH_BYTES_MAX);
  const compressed = options.codec !== CODEC_NONE;
  const bodyMax = compressed ? exports.compressedBytesMax(options.codec, recordsMax) : recordsMax;
  if (bodyMax < 0) throw statusError(bodyMax, "writing a record batch");
  const outputMax = BATCH_HEADER_BYTES + bodyMax;
  const scratchMax = compressed ? recordsMax : 0;

  const table = HEAP_AT;
  const data = after(table, records.length * DESCRIPTOR_BYTES);
  const output = after(data, dataMax);
  const scratch = after(output, outputMax);
  if (!arena.ensure(scratch + scratchMax)) throw tooLarge(recordsMax, ENGINE_BATCH_BYTES_MAX);

  const packer = new Packer(arena, data, load.headers);
  let descriptor = table;
  for (const record of records) {
    packer.record(descriptor, record, first.timestamp);
    descriptor += DESCRIPTOR_BYTES;
  }
  const size = exports.writeBatch(
    table,
    records.length,
    data,
    packer.length,
    output,
    outputMax,
    scratch,
    scratchMax,
    attributesOf(options),
    BigInt(first.timestamp),
    options.producerId,
    options.producerEpoch,
    options.baseSequence,
  );
  if (size < 0) throw statusError(size, "writing a record batch");
  if (size > options.bytesMax) throw tooLarge(size, options.bytesMax);
  return arena.bytes.slice(output, output + size);
}
