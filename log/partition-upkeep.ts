/**
 * What takes records out of a partition again: those who delete them, retention, and compaction. Its log start, its oldest
 * segments and their files change here and nowhere else.
 */
import { Compaction, type CompactionHost, type CompactionMeans } from "./compaction.ts";
import { type FrontHost, LogFront } from "./log-front.ts";
import type { LogSegments } from "./log-segments.ts";
import type { Logger } from "./logger.ts";
import type { PartitionReads } from "./partition-reads.ts";
import type { PartitionOptions } from "./partition-types.ts";
import type { RetentionView } from "./retention.ts";
import type { Segment } from "./segment.ts";
import type { Standing } from "./standing.ts";
import type { Turns } from "./turns.ts";

/** The partition that it belongs to. */
export interface UpkeepHost {
  readonly directory: string;
  readonly log: Logger;
  /** The settings in them may change. */
  readonly options: PartitionOptions;
  readonly standing: Standing;
  readonly turns: Turns;
  readonly reads: PartitionReads;
  readonly segments: () => LogSegments;
  /** The offset that the next record gets. */
  readonly end: () => bigint;
  readonly highWatermark: () => bigint;
  readonly leaderEpoch: () => number;
  /** Makes sure that a crash cannot take the log back to before its high watermark. */
  readonly makeDurable: () => Promise<void>;
  readonly startMoved: () => void;
  /** Resolves when a new segment is begun after all that was appended so far. Throws KafkaError where it may not be. */
  readonly rollActive: () => Promise<void>;
  /** Ends the partition's writing. */
  readonly failWith: (error: unknown) => never;
}

export class PartitionUpkeep {
  private readonly host: UpkeepHost;
  private readonly front: LogFront;
  private readonly compaction: Compaction;

  constructor(host: UpkeepHost) {
    this.host = host;
    const { directory, log } = host;
    const { store, engine, uncompressedBytesMax } = host.options;
    this.front = new LogFront({ store, directory, log }, this.frontHost());
    this.compaction = new Compaction(
      { store, engine, directory, log, uncompressedBytesMax },
      this.compactionHost(),
    );
  }

  /** See `PartitionLog.deleteRecordsBefore`. */
  deleteRecordsBefore(offset: bigint): Promise<bigint> {
    const { turns, standing, reads, highWatermark, segments } = this.host;
    return turns.take(async () => {
      standing.checkWritable();
      const start = offset === -1n ? highWatermark() : offset;
      if (start < 0n || start > highWatermark()) throw reads.outOfRange(start);
      const { logStart, isStartDurable } = segments();
      if (start > logStart || !isStartDurable) await this.front.moveTo(start > logStart ? start : logStart);
      return segments().logStart;
    });
  }

  /** See `PartitionLog.enforceRetention`. */
  enforceRetention(): Promise<void> | undefined {
    const { turns, standing } = this.host;
    if (!standing.isWritable || !this.front.hasExpired) return undefined;
    return turns.take(async () => {
      if (standing.isWritable) await this.front.enforce();
    });
  }

  /** See `PartitionLog.compact`. */
  compact(means: CompactionMeans): Promise<boolean> | undefined {
    return this.compaction.isDue ? this.compaction.run(means) : undefined;
  }

  /** See `PartitionLog.filesDueMs`. */
  get filesDueMs(): number | undefined {
    return this.host.standing.isOpen ? this.front.dueMs : undefined;
  }

  /** See `PartitionLog.removeFiles`. */
  removeFiles(nowMs: number): Promise<void> {
    return this.host.turns.take(async () => {
      if (this.filesDueMs !== undefined) await this.front.removeFiles(nowMs);
    });
  }

  /** The partition's segments are others from now on. */
  forget(): void {
    this.compaction.forget();
  }

  /** Closes files that are not to be removed by this process. */
  close(): Promise<void> {
    return this.front.close();
  }

  private frontHost(): FrontHost {
    const { segments, makeDurable, startMoved, rollActive, reads } = this.host;
    return {
      segments,
      view: () => this.view(),
      makeDurable,
      startMoved,
      rollActive,
      greatestTimestamp: (segment) => reads.greatestTimestamp(segment),
      unread: () => reads.gate.idle(),
    };
  }

  private compactionHost(): CompactionHost {
    const { segments, leaderEpoch, standing, turns, reads, failWith } = this.host;
    return {
      segments,
      view: () => this.view(),
      times: {
        greatest: (segment) => reads.greatestTimestamp(segment),
        first: (segment) => reads.firstTimestamp(segment),
      },
      rollActive: (active) => turns.take(() => this.rollOverdue(active)),
      remembered: () =>
        new Set(
          segments()
            .producers.batches()
            .map(({ lastOffset }) => lastOffset),
        ),
      isWritable: () => standing.isWritable,
      leaderEpoch,
      inTurn: (task) => turns.take(async () => (standing.isWritable ? task() : undefined)),
      exclusively: (task) =>
        turns.take(async () => {
          if (standing.isWritable) await reads.gate.without(task).catch(failWith);
        }),
    };
  }

  private async rollOverdue(active: Segment): Promise<void> {
    const { segments, standing, options, rollActive } = this.host;
    // A disk without room for one more file is no reason to give up for good.
    if (standing.isWritable && segments().active === active && options.disk?.isShort !== true)
      await rollActive();
  }

  private view(): RetentionView {
    const { segments, end, highWatermark, options } = this.host;
    const { clock, config } = options;
    return {
      segments: segments().all,
      highWatermark: highWatermark(),
      end: end(),
      nowMs: clock.now(),
      config,
    };
  }
}
