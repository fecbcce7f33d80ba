import type { LogRecord, RecordInput } from "./record.ts";

/**
 * The log engine as a host sees it: `engine.wasm` behind plain byte arrays.
 *
 * All calls are synchronous and copy: bytes go in, fresh bytes or numbers come out, and no view on WASM memory ever
 * leaves. A status is one of `engine-as/status.ts`. Nothing here throws for bad bytes.
 */
export interface Engine {
  /** CRC32C (Castagnoli) of `bytes`, as an unsigned 32-bit number; `seed` continues an earlier one. */
  crc32c(bytes: Uint8Array, seed?: number): number;

  /**
   * Checks the batch at the start of `bytes`: length, magic, counts, CRC. With `deep` also every record inside it
   * (varints, lengths, count, offset deltas that rise and lie within the batch: holes, which compaction leaves, pass),
   * decompressing as needed. `uncompressedBytesMax` bounds what decompression may produce; an engine takes in at most
   * 128 MiB, compressed or not.
   * Answers the batch's size in bytes, or a status < 0.
   */
  checkBatch(bytes: Uint8Array, deep: boolean, uncompressedBytesMax: number): number;

  /** A deep `checkBatch` that also tells the records' timestamps, in the same pass over them. */
  checkRecords(bytes: Uint8Array, uncompressedBytesMax: number): CheckedRecords;

  /**
   * Walks the batches of a segment, fed in pieces: for recovery, for a replica's incoming bytes, and to build both sparse
   * indexes in the same pass. Any number of scanners may be in use at a time.
   */
  scanner(options: ScanOptions): SegmentScanner;

  /**
   * Seals records into one RecordBatch v2 with base offset 0 and leader epoch -1; throws KafkaError: MESSAGE_TOO_LARGE when it
   * would be larger than `bytesMax`, INVALID_RECORD without a record, INVALID_TIMESTAMP, UNSUPPORTED_COMPRESSION_TYPE.
   */
  writeBatch(records: readonly RecordInput[], options: BatchOptions): Uint8Array;

  /**
   * A producer's batch that its leader refused as too large, as several that are not: the same records in order, same producer
   * and epoch, sequences that go on from batch to batch, as Kafka's producer does it. One that is small enough comes back as it
   * is. Throws KafkaError: MESSAGE_TOO_LARGE for a single record above the limit, INVALID_RECORD for a batch without records or
   * with holes, which no producer makes; and as `readBatch`.
   */
  splitBatch(batch: Uint8Array, options: SplitOptions): Uint8Array[];

  /**
   * The batch at the start of `batch` without the records that `keep` denies, as Kafka's log cleaner writes it: offsets,
   * producer, sequence, codec and timestamp type stay, and with none left its header does. Its bytes stay as they are when all
   * are kept and no delete horizon is to be set. Throws KafkaError: as `readBatch`, and CORRUPT_MESSAGE for a CRC that does not
   * match.
   */
  rewriteBatch(batch: Uint8Array, keep: (index: number) => boolean, options: RewriteOptions): Uint8Array;

  /**
   * The records of the batch at the start of `batch`, decoded lazily; throws KafkaError: UNSUPPORTED_COMPRESSION_TYPE,
   * CORRUPT_MESSAGE, UNSUPPORTED_FOR_MESSAGE_FORMAT (not magic 2), MESSAGE_TOO_LARGE when they come to more than
   * `uncompressedBytesMax`. The CRC is not compared: that is `checkBatch`. A record costs 40 bytes besides its own.
   */
  readBatch(batch: Uint8Array, uncompressedBytesMax: number): RecordTable;

  /** Position of the last entry at or before `relativeOffset` in a `.index` file's bytes; 0 when there is none. */
  lookupOffset(index: Uint8Array, relativeOffset: number): number;

  /** Relative offset of the last entry with a timestamp before `timestamp` in a `.timeindex` file's bytes; 0 when there is none. */
  lookupTime(index: Uint8Array, timestamp: bigint): number;

  /** `lookupOffset` for each of many, several times as fast; takes in the whole index. */
  lookupOffsets(index: Uint8Array, relativeOffsets: Int32Array): Int32Array;

  /** `lookupTime` for each of many, several times as fast; takes in the whole index. */
  lookupTimes(index: Uint8Array, timestamps: BigInt64Array): Int32Array;

  /**
   * Compresses `bytes` as Kafka frames them in a batch; `codec` is one of `engine-as/format.ts`. Throws KafkaError:
   * UNSUPPORTED_COMPRESSION_TYPE (no codec at all, too), MESSAGE_TOO_LARGE.
   */
  compress(codec: number, bytes: Uint8Array): Uint8Array;
  /** Decompresses into at most `bytesMax` bytes; throws KafkaError: CORRUPT_MESSAGE, MESSAGE_TOO_LARGE, UNSUPPORTED_COMPRESSION_TYPE. */
  decompress(codec: number, bytes: Uint8Array, bytesMax: number): Uint8Array;
}

/** What publishing and reading take of it. */
export type RecordEngine = Pick<Engine, "crc32c" | "checkBatch" | "readBatch" | "writeBatch">;

export interface CheckedRecords {
  /** The batch's size in bytes, or a status < 0. */
  readonly status: number;
  /**
   * Of the records themselves, whatever the header says, in milliseconds since the epoch; -1n: no record has a timestamp.
   * Not there when the batch is not sound, or has no records.
   */
  readonly timestamps?: { readonly oldest: bigint; readonly newest: bigint };
}

export interface BatchOptions {
  codec: number;
  /** -1n: none. */
  producerId: bigint;
  producerEpoch: number;
  baseSequence: number;
  transactional?: boolean;
  control?: boolean;
  bytesMax: number;
}

export interface SplitOptions {
  /** What each of the batches may have, in bytes. */
  bytesMax: number;
  /** Bounds what decompression may produce, in bytes. */
  uncompressedBytesMax: number;
}

export interface RewriteOptions {
  /**
   * KIP-534: when the tombstones of the batch may go, or its transaction marker, in milliseconds since the epoch. It takes the
   * place of the base timestamp. A batch that has one keeps it. -1n: sets none.
   */
  deleteHorizonMs: bigint;
  /** Bounds what decompression may produce, in bytes. */
  uncompressedBytesMax: number;
}

export interface ScanOptions {
  /** Base offset of the segment: what index entries are relative to. */
  baseOffset: bigint;
  /** First offset that may appear. */
  nextOffset: bigint;
  /** Byte position in the segment at which the scan begins. */
  position: number;
  /** `index.interval.bytes`: at least this many bytes lie between two index entries. 0 builds no index. */
  indexIntervalBytes: number;
  /** A batch larger than this is BAD_LENGTH. */
  batchBytesMax: number;
}

/** One batch that the scanner passed; positions are in the whole segment. */
export interface ScannedBatch {
  position: number;
  bytes: number;
  baseOffset: bigint;
  lastOffset: bigint;
  leaderEpoch: number;
  maxTimestamp: bigint;
  producerId: bigint;
  producerEpoch: number;
  baseSequence: number;
  attributes: number;
  recordsCount: number;
}

export interface SegmentScanner {
  /**
   * Takes the next bytes of the segment, in pieces of any size. Answers OK, TORN (a batch is not complete yet: feed
   * more, or take it as the torn tail) or the status that ended the scan; after that nothing more is taken.
   */
  feed(piece: Uint8Array): number;
  /** The batches of the last `feed`, in order. */
  readonly batches: readonly ScannedBatch[];
  /** Where valid bytes end in the segment. */
  readonly validBytes: number;
  /** The offset after the last valid batch. */
  readonly nextOffset: bigint;
  /** The greatest timestamp of a record so far, -1n when there is none, and the last offset of the first batch that has it. */
  readonly maxTimestamp: bigint;
  readonly maxTimestampOffset: bigint;
  /** Index entries of everything scanned so far, in Kafka's file format. */
  offsetIndex(): Uint8Array;
  /** The same for the time index. Its last entry is the greatest timestamp so far, as in a segment that Kafka has closed. */
  timeIndex(): Uint8Array;
}

/** The records of one batch. An object is built only for a record that is asked for. */
export interface RecordTable extends Iterable<LogRecord> {
  readonly count: number;
  at(index: number): LogRecord;
  offset(index: number): bigint;
  timestamp(index: number): number;
}
