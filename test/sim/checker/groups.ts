/** Rules: who is in a group, what its members own, and that nothing is left out between them. */
import type { Assigned, CommitAsked, Gap, Owned, Read, ReadFrom } from "../history.ts";
import type { GroupStory } from "./group-story.ts";
import type { Ledger } from "./ledger.ts";
import type { PartitionStory } from "./partition-story.ts";
import type { Noted } from "./record-story.ts";
import { time } from "./words.ts";

/** A static member is who its instance is: it takes up what it has left, in the same generation. */
function owner({ instanceId, memberId }: Assigned | Owned): string {
  return instanceId ?? memberId;
}

/** Two members never own one partition in one generation, whatever died in between. */
export function* onePartitionOneOwner(ledger: Ledger): Generator<string, void, void> {
  for (const { groupId, assigned } of ledger.groups.all()) {
    const owners = new Map<string, Assigned>();
    for (const { event } of assigned)
      for (const { topic, partition } of event.partitions) {
        const key = `generation ${event.generation} of ${groupId}: ${topic}-${partition}`;
        const first = owners.get(key) ?? event;
        owners.set(key, first);
        if (owner(first) === owner(event)) continue;
        yield `${key} is owned by ${owner(first)} since ${time(first.atMs)}, and by ${owner(event)} since ${time(event.atMs)}`;
      }
  }
}

/** KIP-848: what one member has another gets when it has been given up, or when nobody has heard of that member for long. */
export function* partitionsAreHandedOver(ledger: Ledger): Generator<string, void, void> {
  for (const { groupId, owned } of ledger.groups.all()) {
    /** The last word of each member that has something. */
    const members = new Map<string, Owned>();
    for (const event of owned) {
      for (const other of members.values()) {
        if (other.memberId === event.memberId || other.untilMs <= event.atMs || owner(other) === owner(event))
          continue;
        const both = event.partitions.find((each) =>
          other.partitions.some(
            ({ topicId, partition }) => topicId === each.topicId && partition === each.partition,
          ),
        );
        if (both !== undefined)
          yield `${groupId}: ${event.memberId} has ${ledger.partition(both).name} at ${time(event.atMs)}, and ${other.memberId} has it since ${time(other.atMs)}`;
      }
      members.set(event.memberId, event);
    }
  }
}

/** Once a later generation is there, and once another has taken its place, a member is told so whatever it wants. */
export function* oldMembersAreRefused(ledger: Ledger): Generator<string, void, void> {
  for (const group of ledger.groups.all()) {
    for (const { commits } of group.registers.values())
      for (const { asked, isTaken } of commits) {
        const later = isTaken ? successor(group, asked) : undefined;
        if (later === undefined) continue;
        const { memberId, generation, offset, atMs } = asked.event;
        yield `${group.groupId}: offset ${offset}, committed by ${memberId} (generation ${generation}) at ${time(atMs)}, was taken, and ${later.memberId} was in generation ${later.generation} since ${time(later.atMs)}`;
      }
    for (const { event } of group.assigned) {
      const later = group.assigned.find(
        (other) => other.event.generation > event.generation && other.event.atMs < event.askedMs,
      )?.event;
      if (later !== undefined)
        yield `${group.groupId}: ${event.memberId} asked at ${time(event.askedMs)} for its assignment in generation ${event.generation} and got it, and ${later.memberId} was in generation ${later.generation} since ${time(later.atMs)}`;
    }
  }
}

/** Whoever was there already when a commit was asked for that came from before. */
function successor(
  { assigned }: GroupStory,
  { event: { generation, instanceId, memberId }, at }: Noted<CommitAsked>,
): Assigned | undefined {
  const own = assigned.findLast((each) => each.at < at && each.event.memberId === memberId)?.at ?? -1;
  return assigned.find(
    ({ event, at: thenAt }) =>
      thenAt < at &&
      (event.generation > generation ||
        (instanceId !== null &&
          event.instanceId === instanceId &&
          event.memberId !== memberId &&
          thenAt > own)),
  )?.event;
}

/** After healing: what one member has not read another has, from the start of the log on. */
export function* groupsReadEverything(ledger: Ledger): Generator<string, void, void> {
  for (const { groupId, topics } of ledger.history.groups)
    for (const partition of ledger.partitions()) {
      if (partition.final === undefined || !topics.includes(partition.topic.name)) continue;
      // A log that was set back holds other records where the group has been.
      if (partition.topic.isRelaxed && ledger.hasLoss(0, Infinity)) continue;
      const read = readBy(partition, groupId);
      for (const [offset, { id }] of partition.records) {
        if (read.has(offset)) continue;
        yield `no member of ${groupId} has read ${id} at ${partition.place(offset)}`;
        break;
      }
    }
}

function readBy(partition: PartitionStory, groupId: string): Set<number> {
  const read = new Set<number>();
  for (const events of partition.readers.values()) {
    if (!events.some(({ event }) => isOf(groupId, event))) continue;
    for (const { event } of events) if (event.kind === "read") read.add(Number(event.offset));
  }
  return read;
}

function isOf(groupId: string, event: ReadFrom | Read | Gap): boolean {
  return event.kind === "read from" && event.groupId === groupId;
}

/** After healing: the members are of one generation, and each partition is read by one of them. */
export function* partitionsAreOwned(ledger: Ledger): Generator<string, void, void> {
  for (const { groupId, topics, members } of ledger.history.groups) {
    const generations = [...new Set(members.map(({ generation }) => generation))];
    if (generations.length !== 1)
      yield `the members of ${groupId} are in the generations ${generations.join(", ")}`;
    for (const { topic, partition } of ledger.history.partitions) {
      if (!topics.includes(topic)) continue;
      const owners = members.filter(({ partitions }) =>
        partitions.some((each) => each.topic === topic && each.partition === partition),
      );
      if (owners.length !== 1)
        yield `${topic}-${partition} is read by ${owners.length} members of ${groupId}: ${owners.map(({ memberId }) => memberId).join(", ")}`;
    }
  }
}
