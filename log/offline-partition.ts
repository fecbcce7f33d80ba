/**
 * What stands in for a partition whose files cannot be used: damaged, unreadable, or somebody else's. It answers every call
 * with the reason, and changes nothing of the files, so that they can be mended and served after a restart. The other
 * partitions of the node are not touched by it.
 */
import { ErrorCode, KafkaError } from "../wire/errors.ts";
import type { ClosedSegment } from "./closed-segments.ts";
import type { EpochEnd } from "./leader-epochs.ts";
import { deletePartitionFiles } from "./partition-directory.ts";
import { partitionDirectory } from "./partition-files.ts";
import { readIdentity } from "./partition-identity.ts";
import type { PartitionLog } from "./partition-log.ts";
import type { AppendResult, PartitionOptions, ReadResult } from "./partition-types.ts";
import type { RecoveryReport } from "./recovery.ts";
import type { FoundRecord } from "./segment-reader.ts";
import type { Store } from "./store.ts";

/** A partition of a node's topic: its log, or why there is none. */
export type Partition = PartitionLog | OfflinePartition;

export class OfflinePartition implements Pick<PartitionLog, keyof PartitionLog> {
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
  readonly recovery: RecoveryReport;
  /** What is wrong, and what to do. */
  readonly fenced: KafkaError;
  readonly logStartOffset = 0n;
  readonly logEndOffset = 0n;
  readonly highWatermark = 0n;
  readonly lastEpoch = -1;
  readonly sizeBytes = 0;
  readonly pendingBytes = 0;
  readonly filesDueMs = undefined;
  private readonly store: Store;
  private epoch = -1;

  constructor({ topic, topicId, partition, store }: PartitionOptions, cause: unknown) {
    this.topic = topic;
    this.topicId = topicId;
    this.partition = partition;
    this.store = store;
    this.fenced = reasonOf(partitionDirectory(topic, partition), cause);
    this.recovery = { how: "offline", validBytes: 0, droppedBytes: 0, reason: this.fenced.message };
  }

  get leaderEpoch(): number {
    return this.epoch;
  }

  configure(): void {}

  producers(): [] {
    return [];
  }

  startEpoch(epoch: number): Promise<void> {
    this.epoch = epoch;
    return Promise.resolve();
  }

  append(): AppendResult {
    throw this.fenced;
  }

  appendReplica(): Promise<void> {
    return Promise.reject(this.fenced);
  }

  takeReplica(): Promise<never> {
    return Promise.reject(this.fenced);
  }

  read(): Promise<ReadResult> {
    return Promise.reject(this.fenced);
  }

  readBefore(): Promise<ReadResult> {
    return Promise.reject(this.fenced);
  }

  offsetForTimestamp(): Promise<FoundRecord | undefined> {
    return Promise.reject(this.fenced);
  }

  maxTimestamp(): Promise<FoundRecord | undefined> {
    return Promise.reject(this.fenced);
  }

  closedSegments(): ClosedSegment[] {
    throw this.fenced;
  }

  endOffsetForEpoch(): EpochEnd {
    throw this.fenced;
  }

  leaderEpochAt(): number {
    throw this.fenced;
  }

  onAdvance(): () => void {
    return () => {};
  }

  onFenced(): () => void {
    return () => {};
  }

  onStartMoved(): () => void {
    return () => {};
  }

  expireProducers(): void {}

  deleteRecordsBefore(): Promise<bigint> {
    return Promise.reject(this.fenced);
  }

  enforceRetention(): undefined {}

  compact(): undefined {}

  removeFiles(): Promise<void> {
    return Promise.resolve();
  }

  truncateTo(): Promise<void> {
    return Promise.reject(this.fenced);
  }

  resetTo(): Promise<void> {
    return Promise.reject(this.fenced);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** Removes the files when they are this partition's. Throws KafkaError KAFKA_STORAGE_ERROR when nobody can tell. */
  async delete(): Promise<void> {
    const directory = partitionDirectory(this.topic, this.partition);
    if ((await readIdentity(this.store, directory)) === this.topicId)
      await deletePartitionFiles(this.store, directory);
  }
}

function reasonOf(directory: string, cause: unknown): KafkaError {
  const isStorage = cause instanceof KafkaError && cause.code === ErrorCode.KAFKA_STORAGE_ERROR;
  const what = isStorage
    ? cause.message
    : `its files cannot be used (${String(cause)}): free or repair the disk, or restore ${directory} from a backup`;
  return new KafkaError(
    ErrorCode.KAFKA_STORAGE_ERROR,
    `${directory} is offline: ${what}. It is served again after a restart of the node`,
    { cause },
  );
}
