/** What a leader asks of a batch before it takes it. Every refusal is a KafkaError whose text says what to do. */
import {
  ATTRIBUTES_AT,
  BATCH_HEADER_BYTES,
  CONTROL_BIT,
  CRC_AT,
  DELETE_HORIZON_BIT,
  LOG_APPEND_TIME_BIT,
  TRANSACTIONAL_BIT,
} from "../engine-as/format.ts";
import {
  BAD_CRC,
  BAD_FRAME,
  BAD_LENGTH,
  BAD_MAGIC,
  BAD_OFFSET,
  BAD_RECORDS,
  OUTPUT_FULL,
  TORN,
  UNSUPPORTED_CODEC,
} from "../engine-as/status.ts";
import { ErrorCode, KafkaError } from "../wire/errors.ts";
import { BatchHeader } from "./batch.ts";
import type { PartitionConfig } from "./partition-config.ts";
import type { Engine } from "./engine.ts";
import { refusedRecords, type SoundBatch } from "./refused-records.ts";

/** The timestamp of a record that has none. */
const NO_TIMESTAMP = -1n;

export interface BatchCheck {
  engine: Engine;
  config: PartitionConfig;
  /** Bounds what a compressed batch may become. */
  uncompressedBytesMax: number;
  nowMs: number;
}

export interface ProducedBatch {
  readonly header: BatchHeader;
  /** The smallest timestamp of its records; -1: one of them has none. */
  readonly minTimestamp: bigint;
  /** The greatest timestamp of its records: what the header must say of them before the batch is stored. */
  readonly maxTimestamp: bigint;
}

/**
 * Checks that `batch` is one batch that a producer may have in the log: `checkNew` says whether it may be appended now.
 * Changes nothing in it. Throws KafkaError.
 */
export function checkProduced(batch: Uint8Array, check: BatchCheck): ProducedBatch {
  if (batch.length > check.config.maxMessageBytes) {
    throw refused(
      ErrorCode.MESSAGE_TOO_LARGE,
      `the batch has ${batch.length} bytes, and max.message.bytes is ${check.config.maxMessageBytes}: send smaller batches`,
    );
  }
  const { status: size, timestamps } = check.engine.checkRecords(batch, check.uncompressedBytesMax);
  if (size === BAD_LENGTH && isAsSealed(batch, check.engine))
    throw invalid("the batch has a count that cannot be");
  if (size < 0) throw refusedByEngine(size, check.uncompressedBytesMax);
  if (size !== batch.length)
    throw invalid(`one batch is taken at a time, and ${batch.length - size} bytes follow it`);
  const header = new BatchHeader(batch);
  for (const [holds, complaint] of SHAPE) if (!holds(header)) throw invalid(complaint);
  // Sound records have been read, and there is one at least.
  if (timestamps === undefined) throw invalid("the batch's records have not been read");
  return { header, minTimestamp: timestamps.oldest, maxTimestamp: timestamps.newest };
}

/**
 * Checks what is asked of a batch that is to be appended, and not of one that is in the log already: that was in time once, and
 * its producer must hear that it is there. Throws KafkaError INVALID_TIMESTAMP, INVALID_RECORD.
 */
export function checkNew(batch: Uint8Array, produced: ProducedBatch, check: BatchCheck): void {
  const { engine, uncompressedBytesMax } = check;
  const sound = { engine, batch, uncompressedBytesMax };
  checkTimestamps(produced, sound, check);
  if (check.config.compacts) checkKeys(sound);
}

/** Checks a batch's bytes as a replica gets them: whole, and as they were sealed. Answers its size. Throws CORRUPT_MESSAGE. */
export function checkStored(bytes: Uint8Array, engine: Engine): number {
  const size = engine.checkBatch(bytes, false, 0);
  if (size < BATCH_HEADER_BYTES) throw refused(ErrorCode.CORRUPT_MESSAGE, refusedByEngine(size, 0).message);
  return size;
}

/** Whether the batch ends where its header says, and its CRC says that it was sealed like this. */
function isAsSealed(batch: Uint8Array, engine: Engine): boolean {
  if (batch.length < BATCH_HEADER_BYTES || new BatchHeader(batch).bytes !== batch.length) return false;
  const crc = new DataView(batch.buffer, batch.byteOffset).getUint32(CRC_AT);
  return crc === engine.crc32c(batch.subarray(ATTRIBUTES_AT));
}

/** What a producer's batch must be besides sound. */
const SHAPE: readonly (readonly [holds: (header: BatchHeader) => boolean, complaint: string])[] = [
  [(header) => header.recordsCount > 0, "the batch has no records"],
  [
    (header) => header.recordsCount === header.lastOffsetDelta + 1,
    "the batch's count of records does not match its last offset",
  ],
  [
    (header) => (header.attributes & CONTROL_BIT) === 0,
    "control batches are written by the log itself, not by producers",
  ],
  [
    (header) => (header.attributes & TRANSACTIONAL_BIT) === 0,
    "transactions are not served here yet: send without a transactional id",
  ],
  [
    (header) => (header.attributes & LOG_APPEND_TIME_BIT) === 0,
    "the timestamp type is set by the log, not by producers",
  ],
  [
    (header) => (header.attributes & DELETE_HORIZON_BIT) === 0,
    "when tombstones may go is set by compaction, not by producers",
  ],
  [
    (header) => header.producerId < 0n || header.producerEpoch >= 0,
    "the batch has a producer id and no producer epoch",
  ],
  [
    (header) => header.producerId < 0n || header.baseSequence >= 0,
    "the batch has a producer id and no sequence",
  ],
  [(header) => header.producerId >= -1n, "the producer id is negative"],
  [(header) => header.baseOffset === 0n, "the batch has an offset already: the log gives it one"],
];

/** What the engine's statuses mean to a producer: only damaged bytes are worth sending again. */
const STATUS_ERRORS: Readonly<Record<number, readonly [code: number, what: string]>> = {
  // What arrives is what was sent: cut short it was by its producer.
  [TORN]: [ErrorCode.INVALID_RECORD, "the batch is cut short"],
  [BAD_LENGTH]: [ErrorCode.CORRUPT_MESSAGE, "the batch has a length or count that cannot be"],
  [BAD_CRC]: [ErrorCode.CORRUPT_MESSAGE, "the batch's CRC does not match its bytes"],
  [BAD_MAGIC]: [ErrorCode.INVALID_RECORD, "only record batches of magic 2 are taken"],
  [BAD_RECORDS]: [ErrorCode.INVALID_RECORD, "the records inside the batch cannot be read"],
  [BAD_OFFSET]: [ErrorCode.INVALID_RECORD, "the records' offsets do not rise from 0 to the last"],
  [BAD_FRAME]: [ErrorCode.INVALID_RECORD, "the batch's compressed records are not a sound frame"],
  [UNSUPPORTED_CODEC]: [
    ErrorCode.UNSUPPORTED_COMPRESSION_TYPE,
    "the batch names a codec that does not exist",
  ],
};

function refusedByEngine(status: number, uncompressedBytesMax: number): KafkaError {
  if (status === OUTPUT_FULL) {
    return refused(
      ErrorCode.MESSAGE_TOO_LARGE,
      `the batch's records decompress to more than ${uncompressedBytesMax} bytes`,
    );
  }
  const [code, what] = STATUS_ERRORS[status] ?? [
    ErrorCode.CORRUPT_MESSAGE,
    `the batch was refused with status ${status}`,
  ];
  return refused(code, what);
}

/** A record without a timestamp is within every limit, as in Kafka. */
function checkTimestamps(
  { minTimestamp: oldest, maxTimestamp: newest }: ProducedBatch,
  sound: SoundBatch,
  { config, nowMs }: BatchCheck,
): void {
  const { timestampAfterMaxMs, timestampBeforeMaxMs, isLogAppendTime } = config;
  if (isLogAppendTime) return;
  const now = BigInt(nowMs);
  const complaint = (timestamp: bigint): string | undefined => {
    if (timestampAfterMaxMs !== undefined && timestamp - now > timestampAfterMaxMs)
      return outOfTime(timestamp, now, "after", timestampAfterMaxMs);
    if (timestampBeforeMaxMs === undefined || timestamp === NO_TIMESTAMP) return undefined;
    return now - timestamp > timestampBeforeMaxMs
      ? outOfTime(timestamp, now, "before", timestampBeforeMaxMs)
      : undefined;
  };
  const message = complaint(newest) ?? complaint(oldest);
  if (message === undefined) return;
  const records = refusedRecords(sound, ({ timestamp }) => complaint(BigInt(timestamp)));
  throw new KafkaError(ErrorCode.INVALID_TIMESTAMP, message, { records });
}

/** In a compacted topic a record without a key could never be told apart from another. */
function checkKeys(sound: SoundBatch): void {
  const records = refusedRecords(sound, ({ key }) =>
    key === null ? "a compacted topic takes no record without a key" : undefined,
  );
  if (records.length === 0) return;
  throw new KafkaError(
    ErrorCode.INVALID_RECORD,
    "the topic is compacted, and some of the batch's records have no key: give each a key",
    { records },
  );
}

function outOfTime(timestamp: bigint, now: bigint, side: "before" | "after", allowed: bigint): string {
  const distance = side === "after" ? timestamp - now : now - timestamp;
  return (
    `timestamp ${timestamp} lies ${distance} ms ${side} this node's time, and message.timestamp.${side}.max.ms is ${allowed}: ` +
    `correct the producer's clock`
  );
}

function invalid(what: string): KafkaError {
  return refused(ErrorCode.INVALID_RECORD, what);
}

function refused(code: number, message: string): KafkaError {
  return new KafkaError(code, message);
}
