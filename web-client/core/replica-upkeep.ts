/**
 * Looks after one partition of a replica that this tab writes: keeps it within its bytes and its age, compacts it where its
 * topic is compacted, and sees to it, before it follows on a new connection, that it may go on from where it is.
 *
 * | a replica                                                            | goes on from                                |
 * | -------------------------------------------------------------------- | ------------------------------------------- |
 * | of a compacted topic, away for longer than `delete.retention.ms`     | the leader's log start: it is built anew    |
 * | that ends before what it would keep                                  | where that begins                           |
 * | any other                                                            | where it is                                 |
 */
import type { CompactionMeans } from "../../log/compaction.ts";
import type { PartitionLog } from "../../log/partition-log.ts";
import type { Store } from "../../log/store.ts";
import type { Connection } from "../../sync/connection.ts";
import { LATEST, logOffset } from "../../sync/log-offsets.ts";
import type { Metadata } from "../../sync/metadata.ts";
import { leastOffsetToKeep } from "../../sync/replica-start.ts";
import type { LiveConnection } from "../../sync/live-connection.ts";
import { Bell, linkedController, sleep } from "../../sync/wait.ts";
import { ReplicaFreshness } from "./replica-freshness.ts";
import type { ReplicaTopic } from "./replica-topic.ts";

export interface ReplicaUpkeepOptions {
  readonly log: PartitionLog;
  readonly store: Store;
  readonly directory: string;
  readonly upstream: LiveConnection;
  readonly metadata: Metadata;
  readonly topic: ReplicaTopic;
  /** It begins anew, from the leader's log start. */
  readonly onRebuild: (reason: string) => void;
  /** [from, to) is not fetched: it would not be kept. */
  readonly onSkipped: (from: bigint, to: bigint) => void;
  /** Something that the app can see of it has changed. */
  readonly onChange: () => void;
}

/** Memory for keys while a partition is compacted; with more of them it is compacted in parts. */
const KEYS_BYTES_MAX = 16 * 1024 * 1024;
/** Compactions in a row; what comes faster than that has to go by its age. */
const COMPACTIONS_MAX = 20;
/** How often it is looked at while nothing comes, in milliseconds: at least, and at most. */
const LOOK_MS = [1000, 60_000] as const;
/** Whatever there is to compact, the segment that is written to included: a batch may be larger than the whole budget. */
const ALL_AT_ONCE = { minCleanableRatio: 0, maxCompactionLagMs: -(2n ** 62n) } as const;
/** A clock that was set back by more than this says nothing about how long somebody was away. */
const SET_BACK_MS = 60_000;

export class ReplicaUpkeep {
  private readonly options: ReplicaUpkeepOptions;
  private readonly freshness: ReplicaFreshness;
  private readonly controller = new AbortController();
  private readonly bell = new Bell();
  private readonly running: Promise<void>;
  private prepared: Connection | undefined;
  /** The last record of some key did not fit. */
  private hasLetGo = false;

  constructor(options: ReplicaUpkeepOptions) {
    this.options = options;
    this.freshness = new ReplicaFreshness(options.store, options.directory);
    this.running = this.run();
  }

  /** What the app should know; undefined: all is as it was asked for. */
  get reason(): string | undefined {
    return this.hasLetGo
      ? "the last records of all keys are more than is kept here: those that were written longest ago are let go"
      : undefined;
  }

  /** The log has grown, or more or less is to be kept. */
  wake(): void {
    this.bell.ring();
  }

  /** Resolves when nothing is being done any more. */
  async stop(): Promise<void> {
    this.controller.abort();
    this.bell.ring();
    await this.running;
  }

  /** Before the replica follows on this connection. Rejects with KafkaError, or with what the store failed with. */
  async prepare(connection: Connection): Promise<void> {
    if (this.prepared === connection) return;
    const { log, metadata, topic } = this.options;
    // Of another topic with its name nothing is to be learned; following will tell.
    if ((await metadata.topic(log.topic))?.id !== log.topicId) return;
    await topic.learn(connection);
    if (topic.cleanup?.compacts === true)
      await this.rebuildIfStale(connection, topic.cleanup.deleteRetentionMs);
    else await this.skipAhead(connection);
    this.prepared = connection;
    this.wake();
  }

  private async rebuildIfStale(connection: Connection, deleteRetentionMs: number): Promise<void> {
    const { log, topic, onRebuild } = this.options;
    const nowMs = topic.clock.now();
    const isEmpty = log.sizeBytes === 0;
    if (isEmpty || (await this.endOf(connection)) <= log.logEndOffset) return this.freshness.write(nowMs);
    const atMs = await this.freshness.read();
    const awayMs = atMs === undefined ? Infinity : nowMs - atMs;
    if (awayMs <= deleteRetentionMs && awayMs >= -SET_BACK_MS) return;
    await log.resetTo(0n);
    await this.freshness.write(nowMs);
    const howLong = atMs === undefined ? "an unknown time" : `${Math.round(awayMs / 1000)} s`;
    onRebuild(
      `was away for ${howLong}, and ${log.topic} keeps tombstones for ${deleteRetentionMs / 1000} s: some may have been ` +
        `missed, so it is fetched anew`,
    );
  }

  private async skipAhead(connection: Connection): Promise<void> {
    const { log, topic, onSkipped } = this.options;
    const least = await leastOffsetToKeep(
      connection,
      log.topic,
      log.partition,
      topic.share,
      topic.clock.now(),
    );
    const { logEndOffset: end, logStartOffset: start } = log;
    if (least === undefined || least <= end) return;
    await log.resetTo(least);
    if (end > start || end > 0n) onSkipped(end, least);
  }

  private endOf(connection: Connection): Promise<bigint> {
    const { topic, partition } = this.options.log;
    return logOffset(connection, topic, partition, LATEST);
  }

  private async run(): Promise<void> {
    const { signal } = this.controller;
    const { log, topic } = this.options;
    const { clock } = topic;
    let lookedMs = -Infinity;
    while (!signal.aborted && log.fenced === undefined) {
      const woken = this.bell.next();
      // What fails here fails following, too, and that is told; or it is tried again the next time.
      await this.tidy().catch(() => undefined);
      const everyMs = this.lookMs();
      if (clock.now() - lookedMs >= everyMs || clock.now() < lookedMs) {
        lookedMs = clock.now();
        await this.lookWhetherFresh().catch(() => undefined);
      }
      const pause = linkedController(signal);
      await Promise.race([woken, sleep(clock, everyMs, pause.signal)]);
      pause.abort();
    }
  }

  private lookMs(): number {
    const { keep, cleanup } = this.options.topic;
    const wanted = [
      ...(keep.ms === undefined ? [] : [keep.ms / 8]),
      ...(cleanup?.compacts === true ? [cleanup.deleteRetentionMs / 10] : []),
    ];
    return Math.max(LOOK_MS[0], Math.min(LOOK_MS[1], ...wanted));
  }

  private async tidy(): Promise<void> {
    const { log, topic, onChange } = this.options;
    const bytes = log.sizeBytes;
    // What is superseded goes first.
    if (topic.config.compacts) await this.compact();
    const { config, share } = topic;
    const { retentionBytes } = config;
    // What is not written yet could not be compacted.
    const unwritten = config.compacts ? BigInt(log.pendingBytes) : 0n;
    log.configure(
      retentionBytes === undefined ? config : { ...config, retentionBytes: retentionBytes + unwritten },
    );
    const start = log.logStartOffset;
    await log.enforceRetention();
    await log.removeFiles(Infinity);
    this.hasLetGo ||= config.compacts && share.bytes !== undefined && log.logStartOffset > start;
    if (log.sizeBytes !== bytes) onChange();
  }

  /** Over its bytes it is compacted as far as it can be, with what comes meanwhile. */
  private async compact(): Promise<void> {
    const { log, topic } = this.options;
    for (let times = 0; times < COMPACTIONS_MAX && !this.controller.signal.aborted; times++) {
      const { config } = topic;
      const isOver = config.retentionBytes !== undefined && log.sizeBytes > config.retentionBytes;
      log.configure(isOver ? { ...config, ...ALL_AT_ONCE } : config);
      const compacting = log.compact(this.means());
      if (compacting === undefined) return;
      await compacting;
    }
  }

  private means(): CompactionMeans {
    const { clock } = this.options.topic;
    const pace = async (): Promise<boolean> => {
      await new Promise<void>((resolve) => clock.defer(resolve));
      return !this.controller.signal.aborted;
    };
    return { mapBytesMax: KEYS_BYTES_MAX, pace };
  }

  /** What was asked after all was here is an answer about that moment, whatever the connection has done since. */
  private async lookWhetherFresh(): Promise<void> {
    const { log, upstream, topic } = this.options;
    const { connection } = upstream;
    if (topic.cleanup?.compacts !== true || connection === undefined || this.prepared !== connection) return;
    const askedMs = topic.clock.now();
    if ((await this.endOf(connection)) <= log.highWatermark) await this.freshness.write(askedMs);
  }
}
