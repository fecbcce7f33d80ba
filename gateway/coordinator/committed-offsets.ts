/** The offsets that groups have committed, as the log says. */
import type { GroupRecord, GroupRecordInput } from "../../wire/group-records.ts";
import { ZERO_UUID } from "../../wire/uuid.ts";
import type { TopicPartition } from "./topic-partition.ts";

export interface CommittedOffset {
  readonly offset: bigint;
  /** -1: not said. */
  readonly leaderEpoch: number;
  readonly metadata: string;
  /** Milliseconds since the epoch. */
  readonly committedAtMs: number;
  /** From when on it is not kept, where a client of old has said so; milliseconds since the epoch. */
  readonly expiresAtMs: number | undefined;
  readonly topicId: string;
}

type OffsetCommit = Extract<GroupRecord, { type: "OffsetCommit" }>;

/** An offset that is committed, or with null taken away. */
export interface OffsetChange extends TopicPartition {
  readonly value: CommittedOffset | null;
}

/** Offsets of one group, by topic and partition. */
export type GroupOffsets = ReadonlyMap<string, ReadonlyMap<number, CommittedOffset>>;

export class CommittedOffsets {
  private readonly byGroup = new Map<string, Map<string, Map<number, CommittedOffset>>>();

  of(groupId: string): GroupOffsets {
    return this.byGroup.get(groupId) ?? new Map();
  }

  has(groupId: string): boolean {
    return this.byGroup.has(groupId);
  }

  groups(): string[] {
    return [...this.byGroup.keys()];
  }

  /** In the order of the log. */
  apply(groupId: string, { topic, partition, value }: OffsetChange): void {
    if (value === null) return this.remove(groupId, topic, partition);
    const topics = this.byGroup.get(groupId) ?? new Map<string, Map<number, CommittedOffset>>();
    this.byGroup.set(groupId, topics);
    const partitions = topics.get(topic) ?? new Map<number, CommittedOffset>();
    topics.set(topic, partitions);
    partitions.set(partition, value);
  }

  private remove(groupId: string, topic: string, partition: number): void {
    const topics = this.byGroup.get(groupId);
    const partitions = topics?.get(topic);
    partitions?.delete(partition);
    if (partitions?.size === 0) topics?.delete(topic);
    if (topics?.size === 0) this.byGroup.delete(groupId);
  }
}

/** Whether the offset is of this topic, and not of one of the same name that was there before. */
export function isOfTopic({ topicId }: CommittedOffset, id: string): boolean {
  return topicId === ZERO_UUID || topicId === id;
}

export function recordOf(groupId: string, { topic, partition, value }: OffsetChange): GroupRecordInput {
  const key = { groupId, topic, partition };
  if (value === null) return { type: "OffsetCommit", key, value };
  const { offset, leaderEpoch, metadata, committedAtMs, topicId } = value;
  return {
    type: "OffsetCommit",
    key,
    value: { offset, leaderEpoch, metadata, commitTimestamp: BigInt(committedAtMs), topicId },
  };
}

export function changeOf({ key: { topic, partition }, value }: OffsetCommit): OffsetChange {
  if (value === null) return { topic, partition, value };
  const { offset, leaderEpoch, metadata, commitTimestamp, expireTimestamp, topicId } = value;
  const committedAtMs = Number(commitTimestamp);
  const expiresAtMs = expireTimestamp < 0n ? undefined : Number(expireTimestamp);
  return {
    topic,
    partition,
    value: { offset, leaderEpoch, metadata, committedAtMs, expiresAtMs, topicId },
  };
}
