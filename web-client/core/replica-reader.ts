/** Reads what this device holds of a partition: from the log that this tab writes, or from the files that another one does. */
import { BatchHeader } from "../../log/batch.ts";
import type { Engine } from "../../log/engine.ts";
import type { PartitionLog } from "../../log/partition-log.ts";
import type { LogRecord } from "../../log/record.ts";
import { batchesOf } from "../../sync/joined-range.ts";
import { recordsFrom } from "../../sync/subscription.ts";
import { ErrorCode, KafkaError } from "../../wire/errors.ts";
import type { ReadableStore } from "./directory-store.ts";
import { firstBase, walkSegments } from "./segment-walk.ts";
import type { SegmentPlace } from "./segment-walk.ts";

/** What one batch may decompress to. */
export const UNCOMPRESSED_BYTES_MAX = 128 * 1024 * 1024;
const READ_BYTES = 1024 * 1024;

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
}

export class ReplicaReader {
  private readonly options: ReplicaReaderOptions;
  /** Where the last walk through the files ended. */
  private walkedTo: { offset: bigint; place: SegmentPlace } | undefined;

  constructor(options: ReplicaReaderOptions) {
    this.options = options;
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
    { onMissing }: ReplicaReading,
  ): AsyncGenerator<LogRecord[], bigint, void> {
    const at = offset < log.logStartOffset ? log.logStartOffset : offset;
    if (at > offset) onMissing(offset, at);
    if (at >= log.highWatermark) return offset;
    let piece: Awaited<ReturnType<PartitionLog["read"]>>;
    try {
      piece = await log.read(at, READ_BYTES);
    } catch (error) {
      // The replica was cut back, or this tab has stopped writing it: what is there now is read the next time.
      const isMoved = error instanceof KafkaError && error.code === ErrorCode.OFFSET_OUT_OF_RANGE;
      if (isMoved || this.options.log() !== log) return offset;
      throw error;
    }
    for (const { at: start, bytes } of batchesOf(piece.bytes)) {
      const records = this.recordsOf(piece.bytes.subarray(start, start + bytes), at);
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
  ): AsyncGenerator<LogRecord[], bigint, void> {
    const { store, engine, directory } = this.options;
    let next = offset;
    for await (const walked of walkSegments(store, directory, offset, place)) {
      // Not whole yet, or being cut off: the tab that writes will say when there is more.
      if (engine.checkBatch(walked.batch, false, UNCOMPRESSED_BYTES_MAX) < 0) break;
      const { baseOffset, lastOffset } = new BatchHeader(walked.batch);
      // Offsets may have holes; a log that begins later now has lost what was before.
      const isStart = baseOffset > next && ((await firstBase(store, directory)) ?? 0n) > next;
      if (isStart) reading.onMissing(next, baseOffset);
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
