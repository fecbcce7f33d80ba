/** The topics of the soak, each with another way of being kept small, and what keeps a node busy with it. */

export interface SoakTopic {
  readonly name: string;
  readonly partitions: number;
  /** Different keys in each partition. */
  readonly keys: number;
  readonly compacts: boolean;
  readonly deletes: boolean;
  readonly configs: Readonly<Record<string, string>>;
  /** Bytes on the disk that are too many for all of its partitions, once nothing is written any more. */
  readonly settledBytesMax: number;
}

const SEGMENT_BYTES = 64 * 1024;
export const VALUE_BYTES_MAX = 900;
/** Ratio of what is not compacted yet; up to this much of a log may be so for ever. */
const DIRTY_RATIO = 0.3;
export const TOMBSTONES_STAY_MS = 2000;
const KEPT_BYTES = 256 * 1024;
const KEPT_MS = 5000;
const KEYS = 250;
/** A record alone in its batch, and what stands for the offsets before it. */
const RECORD_BYTES_MAX = VALUE_BYTES_MAX + 200;

/** What is beside that: the segment that is written to, the one before it, indexes, snapshots, and what is noted. */
const BESIDE_BYTES = 3 * SEGMENT_BYTES;
const compactedBytesMax = (KEYS * RECORD_BYTES_MAX) / (1 - DIRTY_RATIO) + BESIDE_BYTES;
const compaction = {
  "cleanup.policy": "compact",
  "min.cleanable.dirty.ratio": String(DIRTY_RATIO),
  "delete.retention.ms": String(TOMBSTONES_STAY_MS),
};

export const soakTopics: readonly SoakTopic[] = [
  {
    name: "by-size",
    partitions: 2,
    keys: KEYS,
    compacts: false,
    deletes: true,
    configs: { "retention.bytes": String(KEPT_BYTES) },
    settledBytesMax: 2 * (KEPT_BYTES + SEGMENT_BYTES + BESIDE_BYTES),
  },
  {
    name: "by-time",
    partitions: 1,
    keys: KEYS,
    compacts: false,
    deletes: true,
    configs: { "retention.ms": String(KEPT_MS) },
    // All of it has expired by then.
    settledBytesMax: BESIDE_BYTES,
  },
  {
    name: "latest",
    partitions: 2,
    keys: KEYS,
    compacts: true,
    deletes: false,
    configs: compaction,
    settledBytesMax: 2 * compactedBytesMax,
  },
  {
    name: "latest-by-size",
    partitions: 1,
    keys: KEYS,
    compacts: true,
    deletes: true,
    configs: { ...compaction, "cleanup.policy": "compact,delete", "retention.bytes": String(KEPT_BYTES) },
    settledBytesMax: Math.min(compactedBytesMax, KEPT_BYTES + SEGMENT_BYTES + BESIDE_BYTES),
  },
];

/** Of the node: it looks after its disk many times a second, where it would every few minutes. */
export const soakSettings: readonly string[] = [
  `log.segment.bytes=${SEGMENT_BYTES}`,
  "log.index.interval.bytes=1024",
  "log.retention.check.interval.ms=200",
  "log.initial.task.delay.ms=0",
  "log.segment.delete.delay.ms=500",
  "log.cleaner.backoff.ms=200",
  `log.cleaner.min.cleanable.ratio=${DIRTY_RATIO}`,
  `log.cleaner.delete.retention.ms=${TOMBSTONES_STAY_MS}`,
  `offsets.topic.segment.bytes=${SEGMENT_BYTES}`,
].flatMap((setting) => ["--config", setting]);

/** What groups leave on the disk: one small record for each partition that somebody reads, and as much as not compacted yet. */
export const OFFSETS_TOPIC = "__consumer_offsets";
export const OFFSETS_BYTES_MAX: number = SEGMENT_BYTES + BESIDE_BYTES;
