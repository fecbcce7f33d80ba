/** How a partition's log is kept: Kafka's settings of a topic, as numbers. */
export interface PartitionConfig {
  readonly segmentBytes: number;
  readonly segmentIndexBytes: number;
  readonly indexIntervalBytes: number;
  readonly maxMessageBytes: number;
  /** undefined: every sync is waited for (rule: the high watermark is the synced end). */
  readonly lazyFlush: LazyFlush | undefined;
  /** Milliseconds; undefined: no bound. */
  readonly timestampBeforeMaxMs: bigint | undefined;
  readonly timestampAfterMaxMs: bigint | undefined;
  /** Records have the time of their append, not their producer's. */
  readonly isLogAppendTime: boolean;
  /** The codec of stored batches; undefined: as their producer has sealed them. */
  readonly codec: number | undefined;
  readonly producerExpirationMs: number;
  /** What `cleanup.policy` names. */
  readonly deletes: boolean;
  readonly compacts: boolean;
  /** Of records, in milliseconds; undefined: for ever. */
  readonly retentionMs: bigint | undefined;
  /** Of a partition; undefined: all. */
  readonly retentionBytes: bigint | undefined;
  /** From the first record of a segment to one that is too late for it, less `segmentJitterMs` at most. */
  readonly segmentMs: bigint;
  readonly segmentJitterMs: bigint;
  readonly fileDeleteDelayMs: number;
  /** How long compaction keeps tombstones. */
  readonly deleteRetentionMs: bigint;
  /** How old a record is before it may be compacted, and when it must be. */
  readonly minCompactionLagMs: bigint;
  readonly maxCompactionLagMs: bigint;
  /** Share of a log that is not compacted at which it is. */
  readonly minCleanableRatio: number;
}

/** Written counts as synced; a sync follows after so many records, or so many milliseconds. */
export interface LazyFlush {
  readonly records: bigint;
  readonly ms: bigint;
}
