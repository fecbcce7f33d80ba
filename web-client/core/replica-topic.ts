/** What the partitions of one replica share: how much is kept, how the topic is cleaned up, and what time it is. */
import type { Clock } from "../../log/clock.ts";
import type { PartitionConfig } from "../../log/partition-config.ts";
import type { Connection } from "../../sync/connection.ts";
import type { PartitionKeep } from "../../sync/replica-start.ts";
import { ServerClock } from "../../sync/server-clock.ts";
import { askCleanup } from "../../sync/topic-cleanup.ts";
import type { TopicCleanup } from "../../sync/topic-cleanup.ts";
import type { Keep } from "./api.ts";

export interface ReplicaTopicOptions {
  readonly topic: string;
  readonly clock: Clock;
  /** The gateway's time; left out: the device's clock is right. */
  readonly serverTime?: (() => Promise<number>) | undefined;
  readonly keep: Keep;
  /** As an earlier visit has learned it. */
  readonly cleanup: TopicCleanup | undefined;
  /** It was learned anew. */
  readonly onCleanup: (cleanup: TopicCleanup) => void;
}

/** Less cannot be kept of a partition: segments go whole, and the one that is written to has to have some room. */
export const KEEP_BYTES_MIN = 128 * 1024;

/** A segment goes as a whole: a partition that keeps so much has about eight of them. */
const SEGMENTS = 8;
const SEGMENT_BYTES_MIN = 16 * 1024;
const SEGMENT_BYTES_MAX = 4 * 1024 * 1024;
/** Of a replica that nothing is taken out of. */
const WHOLE_SEGMENT_BYTES = 16 * 1024 * 1024;

const DAY_MS = 86_400_000;
/** As the gateway's table of settings has them; a page needs no names, bounds and texts for them. */
const KAFKA_DEFAULTS = {
  segmentIndexBytes: 10 * 1024 ** 2,
  indexIntervalBytes: 4096,
  maxMessageBytes: 1024 ** 2 + 12,
  lazyFlush: undefined,
  timestampBeforeMaxMs: undefined,
  timestampAfterMaxMs: BigInt(3_600_000),
  isLogAppendTime: false,
  codec: undefined,
  producerExpirationMs: DAY_MS,
  segmentMs: BigInt(7 * DAY_MS),
  segmentJitterMs: 0n,
  deleteRetentionMs: BigInt(DAY_MS),
  minCompactionLagMs: 0n,
  maxCompactionLagMs: 2n ** 63n - 1n,
  minCleanableRatio: 0.5,
} as const;

export class ReplicaTopic {
  private readonly options: ReplicaTopicOptions;
  private readonly serverClock: ServerClock;
  private currentKeep: Keep;
  private currentCleanup: TopicCleanup | undefined;
  private partitions = 0;
  private isTimeKnown: boolean;
  private made: { readonly of: string; readonly config: PartitionConfig } | undefined;
  private asked: { readonly connection: Connection; readonly done: Promise<void> } | undefined;

  constructor(options: ReplicaTopicOptions) {
    this.options = options;
    this.serverClock = new ServerClock(options.clock);
    this.currentKeep = options.keep;
    this.currentCleanup = options.cleanup;
    this.isTimeKnown = options.serverTime === undefined;
  }

  get keep(): Keep {
    return this.currentKeep;
  }

  set keep(keep: Keep) {
    this.currentKeep = keep;
  }

  /** undefined: nobody has ever told. */
  get cleanup(): TopicCleanup | undefined {
    return this.currentCleanup;
  }

  /** Another partition shares what is kept. */
  addPartition(): void {
    this.partitions += 1;
  }

  /** The device's clock may be years off: what is old is told by the gateway's, as far as it is known. */
  get clock(): Clock {
    const { clock } = this.options;
    return {
      now: () => this.serverClock.now(),
      setTimer: (delayMs, callback) => clock.setTimer(delayMs, callback),
      defer: (callback) => clock.defer(callback),
    };
  }

  /** Each partition's share. */
  get share(): PartitionKeep {
    const { bytes, ms } = this.currentKeep;
    const share = bytes === undefined ? undefined : Math.floor(bytes / Math.max(this.partitions, 1));
    return { bytes: share === undefined ? undefined : Math.max(share, KEEP_BYTES_MIN), ms };
  }

  /**
   * How a partition's log is kept here: small segments, so that what goes is little more than has to. Until the gateway's time
   * was heard nothing goes by its age, tombstones included.
   */
  get config(): PartitionConfig {
    const { bytes, ms } = this.share;
    const of = [
      bytes,
      ms,
      this.currentCleanup?.compacts,
      this.currentCleanup?.deleteRetentionMs,
      this.isTimeKnown,
    ].join();
    if (this.made?.of !== of) this.made = { of, config: this.makeConfig() };
    return this.made.config;
  }

  private makeConfig(): PartitionConfig {
    const { bytes, ms } = this.share;
    const compacts = this.currentCleanup?.compacts === true;
    const isBounded = bytes !== undefined || ms !== undefined || compacts;
    const segmentBytes = isBounded ? segmentBytesOf(bytes) : WHOLE_SEGMENT_BYTES;
    const age = this.isTimeKnown ? ms : undefined;
    return {
      ...KAFKA_DEFAULTS,
      compacts: compacts && this.isTimeKnown,
      deletes: bytes !== undefined || age !== undefined,
      segmentBytes,
      // Segments are taken out until less than one more than this is left.
      retentionBytes: bytes === undefined ? undefined : BigInt(bytes - segmentBytes),
      retentionMs: age === undefined ? undefined : BigInt(Math.ceil(age)),
      fileDeleteDelayMs: 0,
      ...(ms !== undefined && { segmentMs: BigInt(Math.max(1, Math.ceil(ms / SEGMENTS))) }),
      ...(this.currentCleanup !== undefined && {
        deleteRetentionMs: BigInt(Math.floor(this.currentCleanup.deleteRetentionMs)),
      }),
    };
  }

  /** Asks, once on each connection. Rejects when the connection ends. */
  learn(connection: Connection): Promise<void> {
    if (this.asked?.connection === connection) return this.asked.done;
    const done = this.ask(connection);
    this.asked = { connection, done };
    done.catch(() => {
      if (this.asked?.done === done) this.asked = undefined;
    });
    return done;
  }

  private async ask(connection: Connection): Promise<void> {
    const { topic, serverTime, onCleanup } = this.options;
    const [cleanup] = await Promise.all([
      askCleanup(connection, topic),
      serverTime === undefined ? undefined : this.serverClock.learn(serverTime),
    ]);
    // One that does not tell cannot be asked better: the device's clock has to do.
    this.isTimeKnown = true;
    if (cleanup === undefined) return;
    this.currentCleanup = cleanup;
    onCleanup(cleanup);
  }
}

function segmentBytesOf(keepBytes: number | undefined): number {
  if (keepBytes === undefined) return SEGMENT_BYTES_MAX;
  return Math.min(Math.max(Math.floor(keepBytes / SEGMENTS), SEGMENT_BYTES_MIN), SEGMENT_BYTES_MAX);
}
