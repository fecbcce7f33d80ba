/**
 * Compaction of one partition: of the records with one key only the last stays, and a tombstone only for a while (KIP-58,
 * KIP-534). Offsets stay as they are.
 *
 * The keys that are new since the last time are gathered, with the offset of each one's last record, and then all segments
 * before are written again without what these keys supersede, into segments of their own:
 *
 *     <base>.log.cleaned      being written; a start deletes it
 *     <base>.log.swap         whole and synced: it counts from here on, and a start does the rest
 *     <base>.log              what it was made of is deleted, and it has its place
 *
 * What is written to is never touched, and records are written and read meanwhile; only from the swap of a segment to its end
 * do reads wait, which is a few calls of the file system.
 */
import { ErrorCode, KafkaError } from "../wire/errors.ts";
import { compactBatch } from "./batch-compaction.ts";
import { BatchHeader } from "./batch.ts";
import { CleanedSegment } from "./cleaned-segment.ts";
import {
  cleanable,
  type CompactionView,
  grouped,
  isActiveOverdue,
  mayBeCleanable,
  type SegmentTimes,
} from "./compaction-plan.ts";
import { CONTROL_BIT, TRANSACTIONAL_BIT } from "../engine-as/format.ts";
import type { Engine } from "./engine.ts";
import type { LogSegments } from "./log-segments.ts";
import type { Logger } from "./logger.ts";
import { OffsetMap } from "./offset-map.ts";
import { compactedEndFile } from "./partition-files.ts";
import { batchesOf } from "./segment-batches.ts";
import type { Segment } from "./segment.ts";
import type { Store } from "./store.ts";

/** The partition that it belongs to. */
export interface CompactionHost {
  segments(): LogSegments;
  view(): Omit<CompactionView, "compactedEnd">;
  readonly times: SegmentTimes;
  /** Begins a new segment, if the one that is written to still is `active`; resolves when its file is there. */
  rollActive(active: Segment): Promise<void>;
  /** Last offsets of the batches that producers are remembered by. */
  remembered(): ReadonlySet<bigint>;
  /** Whether the partition can be written to. */
  isWritable(): boolean;
  /** No batch is of a later one. */
  leaderEpoch(): number;
  /** Runs the task while nothing else changes the partition; undefined, and not at all, when it can no longer be written to. */
  inTurn<T>(task: () => Promise<T>): Promise<T | undefined>;
  /** Runs the task while nobody reads, and nothing else changes the partition. What fails in it fences the partition. */
  exclusively(task: () => Promise<void>): Promise<void>;
}

export interface CompactionOptions {
  readonly store: Store;
  readonly engine: Engine;
  readonly directory: string;
  readonly log: Logger;
  readonly uncompressedBytesMax: number;
}

/** What a node gives its compactions. */
export interface CompactionMeans {
  /** Bytes of memory for keys. */
  readonly mapBytesMax: number;
  /** So many bytes were read or written; resolves when more may be. Answers whether to go on. */
  readonly pace: (bytes: number) => Promise<boolean>;
}

const FORM = /^version: 0\ncompacted_end: (0|[1-9]\d{0,18})\n$/;

export class Compaction {
  private readonly options: CompactionOptions;
  private readonly host: CompactionHost;
  /** Undefined until it was read. */
  private end: bigint | undefined;
  /** Damage keeps it from being compacted, until a restart. */
  private isImpossible = false;
  private isRunning = false;

  constructor(options: CompactionOptions, host: CompactionHost) {
    this.options = options;
    this.host = host;
  }

  /** Whether `run` may find anything to do. */
  get isDue(): boolean {
    if (this.isImpossible || this.isRunning || !this.host.isWritable()) return false;
    return mayBeCleanable({ ...this.host.view(), compactedEnd: this.end ?? 0n });
  }

  /** The partition's segments are others from now on. */
  forget(): void {
    this.end = undefined;
    this.isImpossible = false;
  }

  /**
   * Compacts what is worth while. Answers whether it has done a part of that, for want of memory for more keys, and should
   * go on; what was not finished is done again the next time. Throws KafkaError KAFKA_STORAGE_ERROR.
   */
  async run(means: CompactionMeans): Promise<boolean> {
    this.isRunning = true;
    const { all } = this.host.segments();
    try {
      const history = this.host.segments();
      const end = this.end ?? (await this.readEnd());
      if (this.host.segments() !== history) return false;
      this.end = end;
      return await this.compact(end, means);
    } catch (error) {
      // Segments may have been deleted under it, by retention or with their topic, or cut back with a replica.
      const now = this.host.segments().all;
      if (!this.host.isWritable() || all.some((segment) => !now.includes(segment))) return false;
      this.isImpossible = error instanceof KafkaError && error.code === ErrorCode.KAFKA_STORAGE_ERROR;
      throw error;
    } finally {
      this.isRunning = false;
    }
  }

  private async compact(compactedEnd: bigint, means: CompactionMeans): Promise<boolean> {
    const history = this.host.segments();
    const { active } = history;
    if (isActiveOverdue({ ...this.host.view(), compactedEnd })) await this.host.rollActive(active);
    const view = this.host.view();
    const { config } = view;
    const segments = await cleanable({ ...view, compactedEnd }, this.host.times);
    const [first] = segments;
    if (first === undefined) return false;
    const from = compactedEnd > first.baseOffset ? compactedEnd : first.baseOffset;
    const map = await this.mapOf(segments, from, means);
    if (map === undefined || map.endOffset <= from) return false;
    const covered = segments.filter(({ baseOffset }) => baseOffset < map.endOffset);
    let [before, after] = [0, 0];
    for (const group of grouped(covered, config)) {
      const bytes = await this.clean(group, map, view, means);
      if (bytes === undefined) return false;
      before += group.reduce((sum, segment) => sum + segment.bytes, 0);
      after += bytes;
    }
    const { store, directory, log } = this.options;
    // Never after the partition was deleted: the next one of its name would take it for its own.
    const noted = new TextEncoder().encode(`version: 0\ncompacted_end: ${map.endOffset}\n`);
    await this.host.inTurn(async () => {
      // Nor after a replica was begun anew: what it gets is not compacted.
      if (this.host.segments() !== history) return;
      this.end = map.endOffset;
      await store.write(compactedEndFile(directory), noted);
    });
    log.info(`${directory} is compacted up to offset ${map.endOffset}: ${before} bytes are ${after} now`, {
      partition: directory,
      keys: map.size,
      before,
      after,
    });
    return map.endOffset < (segments.at(-1)?.endOffset ?? 0n);
  }

  /** The keys from `from` on, as many as there is memory for; undefined when it is to stop. */
  private async mapOf(
    segments: readonly Segment[],
    from: bigint,
    { mapBytesMax, pace }: CompactionMeans,
  ): Promise<OffsetMap | undefined> {
    const { engine, uncompressedBytesMax } = this.options;
    const map = new OffsetMap(from, mapBytesMax);
    for (const segment of segments.filter(({ endOffset }) => endOffset > from)) {
      for await (const batches of batchesOf(engine, segment, this.host.leaderEpoch())) {
        for (const batch of batches) {
          const { lastOffset, attributes } = new BatchHeader(batch);
          if (lastOffset < from) continue;
          if ((attributes & (CONTROL_BIT | TRANSACTIONAL_BIT)) === 0) {
            for (const { key, offset } of engine.readBatch(batch, uncompressedBytesMax)) {
              if (key === null || offset < from) continue;
              if (!map.put(key, offset)) return map;
              map.reached(offset + 1n);
            }
          }
          map.reached(lastOffset + 1n);
        }
        if (!(await pace(batches.reduce((sum, batch) => sum + batch.length, 0)))) return undefined;
      }
    }
    return map;
  }

  /** Writes the segments again, as one. Answers the bytes that are left of them; undefined when it is to stop. */
  private async clean(
    group: readonly Segment[],
    map: OffsetMap,
    { nowMs, config }: Omit<CompactionView, "compactedEnd">,
    { pace }: CompactionMeans,
  ): Promise<number | undefined> {
    const { engine, uncompressedBytesMax } = this.options;
    const remembered = this.host.remembered();
    const { deleteRetentionMs } = config;
    const context = { engine, map, nowMs, deleteRetentionMs, uncompressedBytesMax, remembered };
    const cleaned = await this.host.inTurn(() =>
      CleanedSegment.begin(this.options, group, config.indexIntervalBytes),
    );
    if (cleaned === undefined) return undefined;
    let isKept = false;
    try {
      for (const segment of group) {
        for await (const batches of batchesOf(engine, segment, this.host.leaderEpoch())) {
          for (const batch of batches) cleaned.add(batch, compactBatch(batch, context));
          const bytes = batches.reduce((sum, batch) => sum + batch.length, 0);
          if (!(await pace(bytes + (await cleaned.write())))) return undefined;
        }
      }
      await cleaned.finish();
      if (!cleaned.hasChanged) return cleaned.bytes;
      await this.host.exclusively(async () => {
        if (!this.host.view().config.compacts) return;
        const { all } = this.host.segments();
        const at = all.findIndex((segment) => segment === group[0]);
        if (!group.every((segment, index) => all[at + index] === segment)) return;
        isKept = true;
        await cleaned.beginSwap();
        try {
          this.host.segments().replace(group, await cleaned.endSwap());
        } catch (error) {
          this.host.segments().replace(group, cleaned.unreadable(error));
          throw error;
        }
      });
      return isKept ? cleaned.bytes : undefined;
    } finally {
      if (!isKept) await cleaned.discard();
    }
  }

  /** Where it is not known, everything is compacted once more. */
  private async readEnd(): Promise<bigint> {
    const bytes = await this.options.store.read(compactedEndFile(this.options.directory));
    const found = BigInt(FORM.exec(new TextDecoder().decode(bytes))?.[1] ?? 0);
    return found <= this.host.segments().end ? found : 0n;
  }
}
