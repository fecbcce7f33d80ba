/** `__consumer_offsets`: where groups and their offsets are kept, as a log that is folded into memory at start. */
import { CODEC_NONE } from "../../engine-as/format.ts";
import type { Clock } from "../../log/clock.ts";
import type { Cluster, FencedPartition, Topic } from "../../log/cluster.ts";
import type { Engine } from "../../log/engine.ts";
import type { Logger } from "../../log/logger.ts";
import { OfflinePartition } from "../../log/offline-partition.ts";
import type { PartitionLog } from "../../log/partition-log.ts";
import { ErrorCode, KafkaError } from "../../wire/errors.ts";
import {
  decodeGroupRecord,
  type EncodedGroupRecord,
  encodeGroupRecord,
  type GroupRecord,
  type GroupRecordInput,
} from "../../wire/group-records.ts";
import type { GroupConfig } from "./group-config.ts";
import { GROUP_RECORDS_PER_BATCH, OFFSETS_TOPIC_BATCH_BYTES } from "./limits.ts";

export const OFFSETS_TOPIC = "__consumer_offsets";

/** What a record takes at most besides its key and its value. */
const RECORD_OVERHEAD_BYTES = 32;
/** Of the records of one batch, with room for its header. */
const BATCH_RECORDS_BYTES = OFFSETS_TOPIC_BATCH_BYTES - 1024;

/** Read at once while the topic is folded. */
const READ_BYTES = 1 << 20;

export interface GroupLogOptions {
  readonly cluster: Cluster;
  readonly engine: Engine;
  readonly clock: Clock;
  readonly config: GroupConfig;
  readonly log: Logger;
}

export class GroupLog {
  private readonly options: GroupLogOptions;
  /** Why it cannot be read, by the partition's number. */
  private readonly unreadable = new Map<number, string>();
  private creating: Promise<Topic> | undefined;

  constructor(options: GroupLogOptions) {
    this.options = options;
  }

  /** Whether anything was ever kept. */
  get exists(): boolean {
    return this.topic !== undefined;
  }

  /** The partition that keeps a group, as Kafka chooses it. */
  partitionOf(groupId: string): number {
    const partitions = this.topic?.partitions.length ?? this.options.config.offsetsTopicPartitions;
    return (javaHash(groupId) & 0x7fffffff) % partitions;
  }

  /** Partitions whose groups are not served. */
  get unreadablePartitions(): FencedPartition[] {
    return Array.from(this.unreadable, ([partition, reason]) => ({
      topic: OFFSETS_TOPIC,
      partition,
      reason,
    }));
  }

  /** Whether what was kept of a group cannot be read: until its partition is mended, and the node restarted. */
  isUnreadable(groupId: string): boolean {
    return this.unreadable.has(this.partitionOf(groupId));
  }

  /**
   * Every record that is durable, in the order in which each partition has them. A partition that cannot be read has only its
   * own groups not served: what was read of it does not count.
   */
  async *records(): AsyncGenerator<GroupRecord> {
    this.unreadable.clear();
    for (const [index, partition] of (this.topic?.partitions ?? []).entries()) {
      try {
        yield* this.recordsOf(online(partition));
      } catch (error) {
        if (!(error instanceof KafkaError)) throw error;
        this.unreadable.set(index, error.message);
        this.options.log.error(`groups of ${OFFSETS_TOPIC}-${index} are not served: ${error.message}`);
      }
    }
  }

  /** Makes the topic when it is not there yet. Throws KafkaError. */
  async ensure(): Promise<void> {
    if (this.topic !== undefined) return;
    this.creating ??= this.create().finally(() => (this.creating = undefined));
    await this.creating;
  }

  /**
   * Appends records of one group, all in the order of calls; resolves when they are durable. The topic must be there. Throws
   * KafkaError where nothing was appended, and so does the promise, where some may have been.
   */
  append(groupId: string, records: readonly GroupRecordInput[]): Promise<void> {
    const partition = this.topic?.partitions[this.partitionOf(groupId)];
    if (partition === undefined) throw new KafkaError(ErrorCode.COORDINATOR_NOT_AVAILABLE, gone());
    const log = online(partition);
    const timestamp = this.options.clock.now();
    // All are made before one is appended: a record that cannot be written takes none of the others with it.
    const batches = inBatches(records.map(encodeGroupRecord)).map((each) =>
      this.options.engine.writeBatch(
        each.map((record) => ({ ...record, timestamp })),
        {
          codec: CODEC_NONE,
          producerId: -1n,
          producerEpoch: -1,
          baseSequence: -1,
          bytesMax: OFFSETS_TOPIC_BATCH_BYTES,
        },
      ),
    );
    let last: Promise<void> | undefined;
    for (const batch of batches) {
      // Of several batches the last stands for all: syncs keep the order of appends.
      last?.catch(() => {});
      last = appendedTo(log, batch, last !== undefined);
    }
    return last ?? Promise.resolve();
  }

  private async *recordsOf(log: PartitionLog): AsyncGenerator<GroupRecord> {
    for (let offset = log.logStartOffset; offset < log.highWatermark;) {
      const { bytes, to } = await log.read(offset, READ_BYTES);
      yield* this.decode(bytes);
      offset = to;
    }
  }

  private get topic(): Topic | undefined {
    return this.options.cluster.topic(OFFSETS_TOPIC);
  }

  private async create(): Promise<Topic> {
    const { cluster, config } = this.options;
    try {
      return await cluster.createTopic(OFFSETS_TOPIC, {
        isInternal: true,
        partitions: config.offsetsTopicPartitions,
        configs: new Map([
          ["cleanup.policy", "compact"],
          ["segment.bytes", String(config.offsetsTopicSegmentBytes)],
          ["max.message.bytes", String(OFFSETS_TOPIC_BATCH_BYTES)],
        ]),
      });
    } catch (error) {
      const topic = this.topic;
      if (topic !== undefined) return topic;
      throw error;
    }
  }

  private *decode(bytes: Uint8Array): Generator<GroupRecord> {
    const { engine, cluster } = this.options;
    for (let at = 0; at < bytes.length;) {
      const rest = bytes.subarray(at);
      const size = engine.checkBatch(rest, false, 0);
      if (size <= 0)
        throw new KafkaError(ErrorCode.KAFKA_STORAGE_ERROR, `${OFFSETS_TOPIC} holds a batch that is damaged`);
      for (const { key, value } of engine.readBatch(
        rest.subarray(0, size),
        cluster.config.socketRequestMaxBytes,
      )) {
        if (key === null) continue;
        const record = decodeGroupRecord(key, value);
        if (record !== undefined) yield record;
      }
      at += size;
    }
  }
}

/** Throws where the batch is refused at once; after others of the same records the promise does. */
function appendedTo(log: PartitionLog, batch: Uint8Array, isLater: boolean): Promise<void> {
  try {
    const { written, synced } = log.append(batch);
    written.catch(() => {});
    return synced;
  } catch (error) {
    if (isLater) return Promise.reject(error as Error);
    throw error;
  }
}

/** Splits records by number and by size. */
function inBatches(records: readonly EncodedGroupRecord[]): EncodedGroupRecord[][] {
  const batches: EncodedGroupRecord[][] = [];
  let bytes = 0;
  for (const record of records) {
    const size = record.key.length + (record.value?.length ?? 0) + RECORD_OVERHEAD_BYTES;
    const last = batches.at(-1);
    if (last === undefined || last.length === GROUP_RECORDS_PER_BATCH || bytes + size > BATCH_RECORDS_BYTES) {
      batches.push([record]);
      bytes = size;
    } else {
      last.push(record);
      bytes += size;
    }
  }
  return batches;
}

function online(partition: Topic["partitions"][number]): PartitionLog {
  if (!(partition instanceof OfflinePartition)) return partition;
  throw partition.fenced;
}

function gone(): string {
  return `the topic ${OFFSETS_TOPIC} is not there; try again`;
}

/** `String.hashCode` of Java: over UTF-16 code units, in 32 bits. */
function javaHash(text: string): number {
  let hash = 0;
  for (let i = 0; i < text.length; i++) hash = (Math.imul(31, hash) + text.charCodeAt(i)) | 0;
  return hash;
}
