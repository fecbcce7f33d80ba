/**
 * What a partition holds: its segments in offset order, the producers and leader epochs that their batches tell of, and the
 * files beside them. Batches are taken in memory first; their bytes reach the store through the partition's commit queue.
 */
import type { BatchHeader } from "./batch.ts";
import { type Checkpoint, takeCheckpoint, writeCheckpoint, writeLastCheckpoint } from "./checkpoint.ts";
import type { LeaderEpochs } from "./leader-epochs.ts";
import { RELATIVE_OFFSET_MAX } from "./limits.ts";
import { writeLogStart } from "./log-start.ts";
import { segmentFile } from "./partition-files.ts";
import type { RecoveredPartition } from "./partition-recovery.ts";
import type { PartitionOptions } from "./partition-types.ts";
import type { ProducerState } from "./producer-state.ts";
import { SegmentIndex } from "./segment-index.ts";
import { isTooOld } from "./segment-age.ts";
import { Segment } from "./segment.ts";
import type { SyncedEnd } from "./synced-ends.ts";

export class LogSegments {
  readonly producers: ProducerState;
  readonly epochs: LeaderEpochs;
  readonly syncedEnd: SyncedEnd;
  private readonly options: PartitionOptions;
  private readonly directory: string;
  /** By the segment that comes after: what the one before it is closed with. */
  private readonly rolls = new Map<Segment, Checkpoint>();
  private segments: readonly Segment[];
  private start: bigint;
  private isStartSynced: boolean;

  constructor(options: PartitionOptions, directory: string, recovered: RecoveredPartition) {
    this.options = options;
    this.directory = directory;
    this.segments = recovered.segments;
    this.start = recovered.logStart;
    this.isStartSynced = recovered.logStart === 0n;
    this.producers = recovered.producers;
    this.epochs = recovered.epochs;
    this.syncedEnd = recovered.syncedEnd;
  }

  /** In offset order. An array that was handed out never changes. */
  get all(): readonly Segment[] {
    return this.segments;
  }
  /** The one that batches go to. */
  get active(): Segment {
    const active = this.segments.at(-1);
    if (active === undefined) throw new Error(`${this.directory} has no segment`);
    return active;
  }
  get bytes(): number {
    return this.segments.reduce((sum, segment) => sum + segment.bytes, 0);
  }
  /** The first offset of the log: in the first segment, or after all of them in a log that holds nothing. */
  get logStart(): bigint {
    return this.start;
  }
  /** Whether it is known that the log start is durable: what an opened log reads may not be. */
  get isStartDurable(): boolean {
    return this.isStartSynced;
  }
  /** The offset after the last batch, or the log start when that comes later. */
  get end(): bigint {
    const { endOffset } = this.active;
    return endOffset > this.start ? endOffset : this.start;
  }

  /** Takes a checked and stamped batch as the next one, and answers the segment that its bytes are to be written to. */
  take(batch: Uint8Array, header: BatchHeader, nowMs: number): Segment {
    const { lastOffset, maxTimestamp, recordsMaxTimestamp } = header;
    const segment = this.segmentFor(batch.length, header, nowMs);
    segment.index?.add({
      position: segment.bytes,
      bytes: batch.length,
      lastOffset,
      maxTimestamp: recordsMaxTimestamp,
    });
    if (segment.bytes === 0) segment.firstTimestamp = maxTimestamp;
    segment.touchedMs = nowMs;
    segment.bytes += batch.length;
    segment.endOffset = lastOffset + 1n;
    this.epochs.note(header.leaderEpoch, header.baseOffset);
    this.producers.note(header, lastOffset, maxTimestamp, nowMs);
    return segment;
  }

  /**
   * The store's half of a roll. All that the closed segment needs is durable before the next one's file is there. Answers the
   * segment that was closed.
   */
  async roll(next: Segment): Promise<Segment | undefined> {
    const { store } = this.options;
    const checkpoint = this.rolls.get(next);
    if (checkpoint !== undefined) {
      await writeCheckpoint(store, this.directory, checkpoint, this.syncedEnd);
      this.rolls.delete(next);
    }
    next.file = await store.open(next.name);
    return checkpoint?.segment;
  }

  /** Syncs what is written. */
  async sync(): Promise<void> {
    // A roll syncs what is before it.
    await this.segments.findLast((segment) => segment.file !== undefined)?.file?.sync();
  }

  /** What a clean start needs: all is written, and becomes synced here. */
  async checkpoint(): Promise<void> {
    const { store, engine } = this.options;
    const { directory, active, producers, epochs } = this;
    await active.file?.sync();
    const checkpoint = takeCheckpoint(engine, active, active.endOffset, { producers, epochs });
    await writeLastCheckpoint({ store, engine, directory }, checkpoint, this.syncedEnd);
  }

  /** Moves the log start up to `offset`, whose segment is written. Durable when resolved; no file is deleted yet. */
  async startAt(offset: bigint): Promise<void> {
    await writeLogStart(this.options.store, this.options.engine, this.directory, offset);
    this.start = offset;
    this.isStartSynced = true;
    this.epochs.truncateBefore(offset);
  }

  /** Whether `dropBeforeStart` has anything to drop. */
  get hasDeleted(): boolean {
    return this.countDeleted() > 0;
  }

  /**
   * Takes out the segments that are wholly below the log start, but never the one that is written to: who comes from now on
   * does not find them. Their files are still open.
   */
  dropBeforeStart(): readonly Segment[] {
    const count = this.countDeleted();
    const dropped = this.segments.slice(0, count);
    if (count > 0) this.segments = this.segments.slice(count);
    return dropped;
  }

  private countDeleted(): number {
    const kept = this.segments.findLastIndex(
      ({ baseOffset, file }) => baseOffset <= this.start && file !== undefined,
    );
    return Math.max(kept, 0);
  }

  /** `made` takes the place of neighbours, none of them the last. */
  replace(group: readonly Segment[], made: Segment): void {
    const at = this.segments.findIndex((segment) => segment === group[0]);
    this.segments = [...this.segments.slice(0, at), made, ...this.segments.slice(at + group.length)];
  }

  /** Closes the segments' files. */
  async close(): Promise<void> {
    for (const segment of this.segments) await segment.file?.close();
  }

  /** Begins a new segment though the last one has room, so that what that one holds can go. Its file is made by `roll`. */
  rollActive(nowMs: number): Segment {
    const { active } = this;
    return this.begin(active.endOffset, nowMs);
  }

  /** The segment that a batch goes to: the last one, or a new one when the last one has no room, or is too old. */
  private segmentFor(bytes: number, header: BatchHeader, nowMs: number): Segment {
    const { active } = this;
    const { config } = this.options;
    const isFull =
      active.bytes > config.segmentBytes - bytes ||
      active.index?.isFull(config.segmentIndexBytes) === true ||
      header.lastOffset - active.baseOffset > BigInt(RELATIVE_OFFSET_MAX);
    if (active.bytes === 0 || !(isFull || isTooOld(active, header.maxTimestamp, nowMs, config)))
      return active;
    // Where the batches of this segment end, so that it can be told later that none is missing; unless that is too far away.
    const isFar = header.lastOffset - active.endOffset > BigInt(RELATIVE_OFFSET_MAX);
    return this.begin(isFar ? header.baseOffset : active.endOffset, nowMs);
  }

  private begin(base: bigint, nowMs: number): Segment {
    const { active, producers, epochs } = this;
    const { engine, config } = this.options;
    producers.expire(nowMs, config.producerExpirationMs);
    const next = new Segment(base, segmentFile(this.directory, base, "log"));
    next.index = new SegmentIndex(engine, base, config.indexIntervalBytes);
    next.maxTimestamp = -1n;
    next.createdMs = nowMs;
    this.rolls.set(next, takeCheckpoint(engine, active, base, { producers, epochs }));
    this.segments = [...this.segments, next];
    return next;
  }
}
