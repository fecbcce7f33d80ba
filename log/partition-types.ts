/** What goes into a partition and what comes out of it. */
import type { Clock } from "./clock.ts";
import type { PartitionConfig } from "./partition-config.ts";
import type { DiskSpace } from "./disk-space.ts";
import type { Engine } from "./engine.ts";
import type { Logger } from "./logger.ts";
import type { Store } from "./store.ts";
import type { SyncedEnds } from "./synced-ends.ts";

export interface PartitionOptions {
  store: Store;
  engine: Engine;
  clock: Clock;
  topic: string;
  topicId: string;
  partition: number;
  config: PartitionConfig;
  log?: Logger;
  /** The last shutdown was clean: the end of the log is believed when it agrees with the checkpoints beside it. */
  clean: boolean;
  /** Bounds what a compressed batch may become in memory. */
  uncompressedBytesMax: number;
  /** What the partitions of a node share; left out: the partition has a file of its own. */
  syncedEnds?: SyncedEnds;
  /** The room on the disk; left out: nobody asks. */
  disk?: DiskSpace;
  /** This node has led the partition, up to this epoch: holes and later epochs are damage. */
  ledUpTo?: number;
}

export interface AppendResult {
  readonly baseOffset: bigint;
  readonly lastOffset: bigint;
  readonly logStartOffset: bigint;
  /** -1n: the timestamps are the producer's. */
  readonly logAppendTimeMs: bigint;
  /** The producer sent this batch before: the offsets are those that it got then. */
  readonly duplicate: boolean;
  /** Resolved: it survives a crash of the process. Rejects with KAFKA_STORAGE_ERROR. */
  readonly written: Promise<void>;
  /** Resolved: it survives power loss, and is below the high watermark. Rejects with KAFKA_STORAGE_ERROR. */
  readonly synced: Promise<void>;
}

/** Offsets of [from, to) have become readable; `pieces` are their bytes, in order, and last until what a listener defers has run. */
export interface Advance {
  readonly from: bigint;
  readonly to: bigint;
  readonly pieces: readonly Uint8Array[];
}

export interface ReadResult {
  readonly bytes: Uint8Array;
  /** The offset that was asked for; it may lie within the first batch. */
  readonly from: bigint;
  /** The offset after what was read; `from` when there is nothing yet. */
  readonly to: bigint;
}
