import {
  DESCRIPTOR_BYTES,
  DESCRIPTOR_HEADERS_AT,
  DESCRIPTOR_HEADERS_COUNT_AT,
  DESCRIPTOR_KEY_AT,
  DESCRIPTOR_KEY_LENGTH_AT,
  DESCRIPTOR_OFFSET_DELTA_AT,
  DESCRIPTOR_TIMESTAMP_DELTA_AT,
  DESCRIPTOR_VALUE_AT,
  DESCRIPTOR_VALUE_LENGTH_AT,
  LOG_APPEND_TIME_BIT,
} from "../engine-as/format.ts";
import type { BatchHeader } from "./batch.ts";
import type { RecordTable } from "./engine.ts";
import type { LogRecord, RecordHeader } from "./record.ts";

const WORDS = DESCRIPTOR_BYTES / 4;
const TIMESTAMP_LOW = DESCRIPTOR_TIMESTAMP_DELTA_AT / 4;
const TIMESTAMP_HIGH = TIMESTAMP_LOW + 1;
const OFFSET = DESCRIPTOR_OFFSET_DELTA_AT / 4;
const KEY = DESCRIPTOR_KEY_AT / 4;
const KEY_LENGTH = DESCRIPTOR_KEY_LENGTH_AT / 4;
const VALUE = DESCRIPTOR_VALUE_AT / 4;
const VALUE_LENGTH = DESCRIPTOR_VALUE_LENGTH_AT / 4;
const HEADERS = DESCRIPTOR_HEADERS_AT / 4;
const HEADERS_COUNT = DESCRIPTOR_HEADERS_COUNT_AT / 4;

const decoder = new TextDecoder();

/** What a table of records is made of: another thread that is handed it needs no engine to read it. */
export interface RecordTableParts {
  /** The decompressed records, which the table owns. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** One descriptor for each, checked by the engine's reader. */
  readonly words: Int32Array<ArrayBuffer>;
  readonly baseOffset: bigint;
  readonly baseTimestamp: number;
  /** Of a batch in log-append time: the timestamp of every record. */
  readonly appendTime: number | undefined;
}

/** `bytes` are the decompressed records of the batch with this header, `words` what the engine's reader says of them. */
export function tableParts(
  header: BatchHeader,
  bytes: Uint8Array<ArrayBuffer>,
  words: Int32Array<ArrayBuffer>,
): RecordTableParts {
  const isAppendTime = (header.attributes & LOG_APPEND_TIME_BIT) !== 0;
  return {
    bytes,
    words,
    baseOffset: header.baseOffset,
    baseTimestamp: Number(header.baseTimestamp),
    appendTime: isAppendTime ? Number(header.maxTimestamp) : undefined,
  };
}

/** A table, and which of its records: the first, and 1 for those that follow it or -1 for those before. */
export interface TableRun {
  readonly parts: RecordTableParts;
  readonly first: number;
  readonly step: 1 | -1;
}

/** The table that these records stand in, one after the other; undefined: they do not, or not all of them. */
export function tableOf(records: readonly LogRecord[]): TableRun | undefined {
  const [head, second] = records;
  if (!(head instanceof DescribedRecord)) return undefined;
  const { table, index: first } = head;
  const step = second instanceof DescribedRecord && second.index < first ? -1 : 1;
  const isRun = records.every(
    (record, at) =>
      record instanceof DescribedRecord && record.table === table && record.index === first + step * at,
  );
  return isRun ? { parts: table.parts, first, step } : undefined;
}

/** The records of a batch as the engine has described them. */
export class DescribedRecords implements RecordTable {
  readonly count: number;
  readonly parts: RecordTableParts;
  private readonly bytes: Uint8Array;
  private readonly words: Int32Array;

  constructor(parts: RecordTableParts) {
    this.count = parts.words.length / WORDS;
    this.parts = parts;
    this.bytes = parts.bytes;
    this.words = parts.words;
  }

  at(index: number): LogRecord {
    this.checkIndex(index);
    return new DescribedRecord(this, index);
  }

  offset(index: number): bigint {
    this.checkIndex(index);
    return this.parts.baseOffset + BigInt(this.word(index, OFFSET));
  }

  timestamp(index: number): number {
    this.checkIndex(index);
    const { appendTime, baseTimestamp } = this.parts;
    if (appendTime !== undefined) return appendTime;
    const low = this.word(index, TIMESTAMP_LOW) >>> 0;
    return baseTimestamp + this.word(index, TIMESTAMP_HIGH) * 2 ** 32 + low;
  }

  key(index: number): Uint8Array | null {
    return this.piece(this.word(index, KEY), this.word(index, KEY_LENGTH));
  }

  value(index: number): Uint8Array | null {
    return this.piece(this.word(index, VALUE), this.word(index, VALUE_LENGTH));
  }

  headers(index: number): readonly RecordHeader[] {
    const headers: RecordHeader[] = [];
    const count = this.word(index, HEADERS_COUNT);
    let at = this.word(index, HEADERS);
    const next = (): Uint8Array | null => {
      const [length, bytesAt] = this.varint(at);
      at = bytesAt + Math.max(length, 0);
      return this.piece(bytesAt, length);
    };
    for (let i = 0; i < count; i++) {
      const key = decoder.decode(next() ?? undefined);
      headers.push({ key, value: next() });
    }
    return headers;
  }

  *[Symbol.iterator](): Iterator<LogRecord> {
    for (let index = 0; index < this.count; index++) yield new DescribedRecord(this, index);
  }

  private word(index: number, word: number): number {
    return this.words[index * WORDS + word] ?? 0;
  }

  private piece(at: number, length: number): Uint8Array | null {
    return length < 0 ? null : this.bytes.subarray(at, at + length);
  }

  /** A varint that the engine has checked already: its value and where it ends. */
  private varint(at: number): [value: number, end: number] {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.bytes[at++] ?? 0;
      value |= (byte & 127) << shift;
      if (byte < 128) return [(value >>> 1) ^ -(value & 1), at];
    }
  }

  private checkIndex(index: number): void {
    if (!Number.isInteger(index) || index < 0 || index >= this.count) {
      throw new RangeError(`record ${index} of a batch of ${this.count}`);
    }
  }
}

/** One record of a table; its parts are taken out of the table when they are read. */
class DescribedRecord implements LogRecord {
  readonly table: DescribedRecords;
  readonly index: number;

  constructor(table: DescribedRecords, index: number) {
    this.table = table;
    this.index = index;
  }
  get offset(): bigint {
    return this.table.offset(this.index);
  }
  get timestamp(): number {
    return this.table.timestamp(this.index);
  }
  get key(): Uint8Array | null {
    return this.table.key(this.index);
  }
  get value(): Uint8Array | null {
    return this.table.value(this.index);
  }
  get headers(): readonly RecordHeader[] {
    return this.table.headers(this.index);
  }
}
