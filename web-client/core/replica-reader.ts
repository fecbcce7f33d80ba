/** Reads what this device holds of a partition: from the log that this tab writes, or from the files that another one does. */
import { BatchHeader } from "../../log/batch.ts";
import type { Engine } from "../../log/engine.ts";
import type { PartitionLog } from "../../log/partition-log.ts";
import type { ReadResult } from "../../log/partition-types.ts";
import type { LogRecord } from "../../log/record.ts";
import { batchesOf } from "../../sync/joined-range.ts";
import { recordsFrom } from "../../sync/subscription.ts";
import { ErrorCode, KafkaError } from "../../wire/errors.ts";
import type { ReadableStore } from "./directory-store.ts";
import { UNCOMPRESSED_BYTES_MAX } from "./limits.ts";
import { firstBase, walkSegments } from "./segment-walk.ts";
import type { SegmentPlace } from "./segment-walk.ts";
import { checkSettled, INDEX_INTERVAL_BYTES, StoredPartition } from "./stored-partition.ts";
import type { ReadablePartition } from "./stored-partition.ts";
import { WalkedTail } from "./walked-tail.ts";

const READ_BYTES = 1024 * 1024;
/** Who reads backwards wants the newest: less at once. */
const BACKWARD_BYTES = 128 * 1024;

export interface ReplicaReaderOptions {
  readonly store: ReadableStore;
  readonly engine: Engine;
  /** `<topic>-<partition>`. */
  readonly directory: string;
  /** The log, while this tab writes it. */
  readonly log: () => PartitionLog | undefined;
}

export interface ReplicaReading {
  /** How far another tab says that it has written. */
  readonly told: () => bigint | undefined;
  /** What is held begins at `to` by now: [from, to) will not come. */
  readonly onMissing: (from: bigint, to: bigint) => void;
  /** Is shown each batch before its records come, also one of which none do. */
  readonly onBatch?: ((header: BatchHeader) => void) | undefined;
}

export class ReplicaReader {
  private readonly options: ReplicaReaderOptions;
  /** Where the last walk through the files ended. */
  private walkedTo: { offset: bigint; place: SegmentPlace } | undefined;

  /** For looks at what another tab writes. */
  private readonly tail: WalkedTail;

  constructor(options: ReplicaReaderOptions) {
    this.options = options;
    this.tail = new WalkedTail(options.engine, INDEX_INTERVAL_BYTES);
  }

  /**
   * Records from `offset` on, a batch at a time, up to the end that is held when it gets there. Answers where it ended.
   */
  async *read(offset: bigint, reading: ReplicaReading): AsyncGenerator<LogRecord[], bigint, void> {
    let next = offset;
    for (;;) {
      const log = this.options.log();
      const after = yield* log === undefined
        ? this.readStore(next, reading)
        : this.readLog(log, next, reading);
      if (after === next) return next;
      next = after;
    }
  }

  /**
   * Records below `offset`, newest first, a batch at a time, down to where what is held begins. Answers where it ended.
   */
  async *readBackward(offset: bigint): AsyncGenerator<LogRecord[], bigint, void> {
    let next = offset;
    for (;;) {
      const partition = await this.partition();
      const { logStartOffset: start, highWatermark: end } = partition;
      if (next > end) next = end;
      if (next <= start) return next;
      const piece = await this.pieceOf(partition, () => partition.readBefore(next, BACKWARD_BYTES));
      // The log was cut back, or is another tab's now.
      if (piece === undefined) continue;
      if (piece.bytes.length === 0) return next;
      for (const { at, bytes } of [...batchesOf(piece.bytes)].toReversed()) {
        const records = this.recordsOf(piece.bytes.subarray(at, at + bytes), start);
        const wanted = records.filter((record) => record.offset < next).toReversed();
        if (wanted.length > 0) yield wanted;
      }
      next = piece.from;
    }
  }

  /** The first record of that time or later; undefined: there is none. */
  async offsetAt(timestamp: bigint): Promise<bigint | undefined> {
    const partition = await this.partition();
    return (await partition.offsetForTimestamp(timestamp))?.offset;
  }

  /** undefined: it is not held. */
  async recordAt(offset: bigint): Promise<LogRecord | undefined> {
    for (;;) {
      const partition = await this.partition();
      if (offset < partition.logStartOffset || offset >= partition.highWatermark) return undefined;
      const piece = await this.pieceOf(partition, () => partition.read(offset, 1));
      if (piece === undefined) continue;
      for (const { at, bytes } of batchesOf(piece.bytes)) {
        const records = this.recordsOf(piece.bytes.subarray(at, at + bytes), offset);
        const found = records.find((record) => record.offset === offset);
        if (found !== undefined) return found;
      }
      return undefined;
    }
  }

  /** The range that can be read now. */
  async held(): Promise<{ from: bigint; to: bigint }> {
    const { logStartOffset: from, highWatermark: to } = await this.partition();
    return { from, to };
  }

  /** The log that this tab writes, or the files as they are now. */
  private async partition(): Promise<ReadablePartition> {
    const { store, engine, directory } = this.options;
    const uncompressedBytesMax = UNCOMPRESSED_BYTES_MAX;
    const { tail } = this;
    return (
      this.options.log() ?? StoredPartition.open({ store, engine, directory, uncompressedBytesMax, tail })
    );
  }

  /** undefined: look again, the log has been cut back, or is written by another tab from now on. */
  private async pieceOf(
    partition: ReadablePartition,
    read: () => Promise<ReadResult>,
  ): Promise<ReadResult | undefined> {
    try {
      return await read();
    } catch (error) {
      const isMoved = error instanceof KafkaError && error.code === ErrorCode.OFFSET_OUT_OF_RANGE;
      const isOther = !(partition instanceof StoredPartition) && this.options.log() !== partition;
      if (isMoved || isOther) return undefined;
      throw error;
    }
  }

  /** Whether the files hold all that is below `end`. */
  async reaches(end: bigint): Promise<boolean> {
    const { store, engine, directory } = this.options;
    for await (const { batch } of walkSegments(store, directory, end - 1n)) {
      if (engine.checkBatch(batch, false, UNCOMPRESSED_BYTES_MAX) < 0) return false;
      if (new BatchHeader(batch).lastOffset >= end - 1n) return true;
    }
    return false;
  }

  /** One piece, from the log that this tab writes. */
  private async *readLog(
    log: PartitionLog,
    offset: bigint,
    { onMissing, onBatch }: ReplicaReading,
  ): AsyncGenerator<LogRecord[], bigint, void> {
    const at = offset < log.logStartOffset ? log.logStartOffset : offset;
    if (at > offset) onMissing(offset, at);
    if (at >= log.highWatermark) return offset;
    const piece = await this.pieceOf(log, () => log.read(at, READ_BYTES));
    // What is there now is read the next time.
    if (piece === undefined) return offset;
    for (const { at: start, bytes } of batchesOf(piece.bytes)) {
      const batch = piece.bytes.subarray(start, start + bytes);
      onBatch?.(new BatchHeader(batch));
      const records = this.recordsOf(batch, at);
      if (records.length > 0) yield records;
    }
    return piece.to;
  }

  /** All there is, from the files that another tab writes. */
  private async *readStore(
    offset: bigint,
    reading: ReplicaReading,
  ): AsyncGenerator<LogRecord[], bigint, void> {
    const told = reading.told();
    const place = this.walkedTo?.offset === offset ? this.walkedTo.place : undefined;
    this.walkedTo = undefined;
    const next = yield* this.walk(offset, place, reading);
    // There should be more, and nothing is found from there: the log was cut back, and the place is no more.
    if (place === undefined || next > offset) return next;
    if (told !== undefined && told > offset) return yield* this.walk(offset, undefined, reading);
    this.walkedTo = { offset, place };
    return next;
  }

  private async *walk(
    offset: bigint,
    place: SegmentPlace | undefined,
    reading: ReplicaReading,
    hole?: bigint,
  ): AsyncGenerator<LogRecord[], bigint, void> {
    const { store, engine, directory } = this.options;
    let next = offset;
    for await (const walked of walkSegments(store, directory, offset, place)) {
      // Not whole yet, or being cut off: the tab that writes will say when there is more.
      if (engine.checkBatch(walked.batch, false, UNCOMPRESSED_BYTES_MAX) < 0) break;
      const header = new BatchHeader(walked.batch);
      const { baseOffset, lastOffset } = header;
      // Offsets may have holes. But compaction exchanges files: it is one only if it is there when looked at anew.
      if (baseOffset > next && baseOffset !== hole) {
        checkSettled(directory, await store.list(`${directory}/`));
        return yield* this.walk(next, undefined, reading, baseOffset);
      }
      // A log that begins later now has lost what was before.
      const isStart = baseOffset > next && ((await firstBase(store, directory)) ?? 0n) > next;
      if (isStart) reading.onMissing(next, baseOffset);
      reading.onBatch?.(header);
      const records = this.recordsOf(walked.batch, next);
      next = lastOffset + 1n;
      this.walkedTo = { offset: next, place: walked.next };
      if (records.length > 0) yield records;
      // This tab has become the one that writes.
      if (this.options.log() !== undefined) break;
    }
    return next;
  }

  private recordsOf(batch: Uint8Array, offset: bigint): LogRecord[] {
    return recordsFrom(this.options.engine, batch, offset, UNCOMPRESSED_BYTES_MAX);
  }
}
