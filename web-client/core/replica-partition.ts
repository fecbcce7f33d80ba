/** One partition on this device: this tab writes it, or another does and this one reads along. */
import { BatchHeader } from "../../log/batch.ts";
import { brokerConfig, topicConfig } from "../../log/config.ts";
import type { Clock } from "../../log/clock.ts";
import type { Engine } from "../../log/engine.ts";
import { PartitionLog } from "../../log/partition-log.ts";
import type { LogRecord } from "../../log/record.ts";
import { errorText } from "../../sync/error-text.ts";
import { Follower } from "../../sync/follower.ts";
import type { FollowerOptions } from "../../sync/follower.ts";
import { batchesOf } from "../../sync/joined-range.ts";
import { recordsFrom } from "../../sync/subscription.ts";
import { Bell } from "../../sync/wait.ts";
import { ErrorCode, KafkaError } from "../../wire/errors.ts";
import type { ReplicaPartition } from "./api.ts";
import type { HeldRange } from "./device.ts";
import type { ReadableStore } from "./directory-store.ts";
import { walkSegments } from "./segment-walk.ts";
import type { SegmentPlace } from "./segment-walk.ts";

export interface ReplicaPartitionOptions extends Pick<FollowerOptions, "upstream" | "metadata" | "history"> {
  store: ReadableStore;
  engine: Engine;
  clock: Clock;
  topic: string;
  topicId: string;
  partition: number;
  /** What an earlier visit, or another tab, has left. */
  held: HeldRange | undefined;
  onChange: () => void;
  onGap: (from: bigint, to: bigint) => void;
}

/** What one batch may decompress to. */
export const UNCOMPRESSED_BYTES_MAX = 128 * 1024 * 1024;
const READ_BYTES = 1024 * 1024;
const SEGMENT_BYTES = 64 * 1024 * 1024;

export class ReplicaPartitionKeeper {
  readonly partition: number;
  /** Rings when what is held has changed. */
  readonly moved = new Bell();
  private readonly options: ReplicaPartitionOptions;
  private log: PartitionLog | undefined;
  private follower: Follower | undefined;
  /** What the tab that writes has told, while this one does not. */
  private told: HeldRange | undefined;
  private toldHighWatermark: bigint | undefined;
  private failure: string | undefined;
  private recovered: string | undefined;
  /** Where the replica was cut back while this tab wrote it, in order. */
  private readonly cuts: bigint[] = [];
  /** Where the last walk through the files ended. */
  private walkedTo: { offset: bigint; place: SegmentPlace } | undefined;

  constructor(options: ReplicaPartitionOptions) {
    this.options = options;
    this.partition = options.partition;
    this.told = options.held;
  }

  private get directory(): string {
    return `${this.options.topic}-${this.partition}`;
  }

  get status(): ReplicaPartition {
    const { log, follower, partition } = this;
    if (log === undefined) {
      const { from, to, bytes } = this.told ?? { from: 0n, to: 0n, bytes: 0 };
      const state = this.failure === undefined ? "reading" : "failed";
      return {
        partition,
        from,
        to,
        bytes,
        highWatermark: this.toldHighWatermark,
        state,
        reason: this.failure,
      };
    }
    const state = follower?.state ?? "waiting";
    return {
      partition,
      from: log.logStartOffset,
      // What is still being written cannot be read yet.
      to: log.highWatermark,
      bytes: log.sizeBytes,
      highWatermark: follower?.highWatermark,
      state: state === "stopped" ? "waiting" : state,
      reason: follower?.reason ?? this.recovered,
    };
  }

  get isWriting(): boolean {
    return this.log !== undefined;
  }

  /** Another tab, which writes this partition, tells how far it is. */
  hear(range: HeldRange, highWatermark: bigint | undefined): void {
    if (this.isWriting) return;
    this.told = range;
    this.toldHighWatermark = highWatermark;
    this.changed();
  }

  /** Writes until the signal aborts; only while this tab holds the partition's lock. */
  async write(signal: AbortSignal): Promise<void> {
    try {
      this.log = await this.open();
    } catch (error) {
      this.failure = errorText(error);
      this.changed();
      return;
    }
    const { upstream, metadata, history, onGap } = this.options;
    this.log.onAdvance(() => this.changed());
    this.follower = new Follower({
      upstream,
      metadata,
      history,
      log: this.log,
      onGap,
      onCut: (end) => this.cuts.push(end),
      onChange: () => this.changed(),
    });
    this.changed();
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener("abort", () => resolve(), { once: true });
    });
    await this.follower.stop();
    const { from, to, bytes, highWatermark } = this.status;
    this.told = { from, to, bytes };
    this.toldHighWatermark = highWatermark;
    const { log } = this;
    this.log = undefined;
    // What cannot be closed in order is recovered when it is opened again.
    await log.close().catch(() => undefined);
    this.moved.ring();
  }

  /** A replica that is damaged is not repaired: the upstream has it all. */
  private async open(): Promise<PartitionLog> {
    const { store, engine, clock, topic, topicId, partition } = this.options;
    const config = topicConfig(
      brokerConfig(new Map([["log.segment.bytes", String(SEGMENT_BYTES)]])),
      new Map(),
    );
    const options = {
      store,
      engine,
      clock,
      topic,
      topicId,
      partition,
      config,
      clean: false,
      uncompressedBytesMax: UNCOMPRESSED_BYTES_MAX,
    };
    try {
      return await PartitionLog.open(options);
    } catch (error) {
      if (!(error instanceof KafkaError)) throw error;
      this.recovered = `what this device held was damaged, and is fetched anew: ${error.message}`;
      await store.delete(await store.list(`${this.directory}/`));
      return PartitionLog.open(options);
    }
  }

  /** Records from `offset` on, a batch at a time, up to the end that is held when it gets there. Answers where it ended. */
  async *read(offset: bigint): AsyncGenerator<LogRecord[], bigint, void> {
    let next = offset;
    for (;;) {
      const { log } = this;
      const after = yield* log === undefined ? this.readStore(next) : this.readLog(log, next);
      if (after === next) return next;
      next = after;
    }
  }

  /** As `read`, and waits for more; goes back to where the replica was cut. Ends when the signal aborts. */
  async *follow(offset: bigint, signal: AbortSignal): AsyncGenerator<LogRecord[], void, void> {
    const wake = (): void => this.moved.ring();
    signal.addEventListener("abort", wake, { once: true });
    try {
      let next = offset;
      let cutsSeen = this.cuts.length;
      while (!signal.aborted) {
        const move = this.moved.next();
        const before = next;
        next = yield* this.read(next);
        for (const end of this.cuts.slice(cutsSeen)) if (end < next) next = end < offset ? offset : end;
        cutsSeen = this.cuts.length;
        if (next === before && !signal.aborted) await move;
      }
    } finally {
      signal.removeEventListener("abort", wake);
    }
  }

  /** One piece, from the log that this tab writes. */
  private async *readLog(log: PartitionLog, offset: bigint): AsyncGenerator<LogRecord[], bigint, void> {
    const at = offset < log.logStartOffset ? log.logStartOffset : offset;
    if (at >= log.highWatermark) return offset;
    let piece: Awaited<ReturnType<PartitionLog["read"]>>;
    try {
      piece = await log.read(at, READ_BYTES);
    } catch (error) {
      // The replica was cut back, or this tab has stopped writing it: what is there now is read the next time.
      const isMoved = error instanceof KafkaError && error.code === ErrorCode.OFFSET_OUT_OF_RANGE;
      if (isMoved || this.log !== log) return offset;
      throw error;
    }
    for (const { at: start, bytes } of batchesOf(piece.bytes)) {
      const records = this.recordsOf(piece.bytes.subarray(start, start + bytes), at);
      if (records.length > 0) yield records;
    }
    return piece.to;
  }

  /** All there is, from the files that another tab writes. */
  private async *readStore(offset: bigint): AsyncGenerator<LogRecord[], bigint, void> {
    const { store, engine } = this.options;
    const place = this.walkedTo?.offset === offset ? this.walkedTo.place : undefined;
    // When there should be more and nothing is found from there, the log was cut back: the next walk goes without it.
    if (place === undefined || (this.told !== undefined && this.told.to > offset)) this.walkedTo = undefined;
    let next = offset;
    for await (const walked of walkSegments(store, this.directory, offset, place)) {
      // Not whole yet, or being cut off: the tab that writes will say when there is more.
      if (engine.checkBatch(walked.batch, false, UNCOMPRESSED_BYTES_MAX) < 0) break;
      const records = this.recordsOf(walked.batch, next);
      next = new BatchHeader(walked.batch).lastOffset + 1n;
      this.walkedTo = { offset: next, place: walked.next };
      if (records.length > 0) yield records;
      // This tab has become the one that writes.
      if (this.isWriting) break;
    }
    return next;
  }

  private recordsOf(batch: Uint8Array, offset: bigint): LogRecord[] {
    return recordsFrom(this.options.engine, batch, offset, UNCOMPRESSED_BYTES_MAX);
  }

  private changed(): void {
    this.moved.ring();
    this.options.onChange();
  }
}
