/** Sets of partitions as consumer groups keep them: by topic id, which is of one topic for ever. */
import type { GroupRecordInput } from "../../wire/group-records.ts";

/** Partitions that a member is to have: by topic id, in ascending order. */
export type Target = ReadonlyMap<string, readonly number[]>;
/** Partitions that a member has: by topic id, each with the assignment epoch that it came with (KIP-1251). */
export type Owned = ReadonlyMap<string, ReadonlyMap<number, number>>;

/** As requests and answers name them. */
export interface TopicPartitions {
  readonly topicId: string;
  readonly partitions: readonly number[];
}

type CurrentAssignment = Extract<GroupRecordInput, { type: "ConsumerGroupCurrentMemberAssignment" }>;
type OwnedRecord = NonNullable<CurrentAssignment["value"]>["assignedPartitions"];

export const NOTHING: ReadonlyMap<string, never> = new Map<string, never>();

export function targetOf(named: readonly TopicPartitions[]): Target {
  return new Map(
    named.map(({ topicId, partitions }) => [topicId, partitions.toSorted((a, b) => a - b)] as const),
  );
}

export function namedTarget(target: Target): { topicId: string; partitions: number[] }[] {
  return Array.from(target, ([topicId, partitions]) => ({ topicId, partitions: [...partitions] }));
}

export function sameTarget(one: Target, other: Target): boolean {
  if (one.size !== other.size) return false;
  for (const [topicId, partitions] of one) {
    const others = other.get(topicId);
    if (others?.length !== partitions.length) return false;
    if (!partitions.every((partition, index) => partition === others[index])) return false;
  }
  return true;
}

/** What a record says; where it names no epochs (before Kafka 4.3), all came with the epoch of the member. */
export function ownedOf(recorded: OwnedRecord, memberEpoch: number): Owned {
  return new Map(
    recorded.map(({ topicId, partitions, assignmentEpochs }) => [
      topicId,
      new Map(partitions.map((partition, index) => [partition, assignmentEpochs?.[index] ?? memberEpoch])),
    ]),
  );
}

export function recordedOwned(owned: Owned): OwnedRecord {
  return Array.from(owned, ([topicId, partitions]) => ({
    topicId,
    partitions: [...partitions.keys()],
    assignmentEpochs: [...partitions.values()],
  }));
}

export function namedOwned(owned: Owned): { topicId: string; partitions: number[] }[] {
  return Array.from(owned, ([topicId, partitions]) => ({
    topicId,
    partitions: [...partitions.keys()].toSorted((a, b) => a - b),
  }));
}

/** Whether the same partitions are in both, whatever epochs they came with. */
export function samePartitions(one: Owned, other: Owned): boolean {
  if (one.size !== other.size) return false;
  for (const [topicId, partitions] of one) {
    const others = other.get(topicId);
    if (others?.size !== partitions.size) return false;
    for (const partition of partitions.keys()) if (!others.has(partition)) return false;
  }
  return true;
}

/** Whether any of the named partitions is in the set. */
export function meets(named: readonly TopicPartitions[], owned: Owned): boolean {
  return named.some(({ topicId, partitions }) => {
    const there = owned.get(topicId);
    return there !== undefined && partitions.some((partition) => there.has(partition));
  });
}

/** Whether all of the named partitions are in the set. */
export function within(named: readonly TopicPartitions[], owned: Owned): boolean {
  return named.every(({ topicId, partitions }) => {
    const there = owned.get(topicId);
    return there !== undefined && partitions.every((partition) => there.has(partition));
  });
}
