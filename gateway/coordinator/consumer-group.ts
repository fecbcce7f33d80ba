/**
 * A group of the consumer protocol (KIP-848), as its records say: nothing else changes it. What a request or a time-out makes of
 * it is worked out first (`group-draft.ts`), written, and applied here, where loading the log applies it too.
 */
import type { GroupRecordInput } from "../../wire/group-records.ts";
import {
  assignmentOf,
  type ConsumerMember,
  type MemberAssignment,
  MemberState,
  metadataOf,
  UNASSIGNED,
} from "./consumer-member.ts";
import { type Owned, type Target, targetOf } from "./partition-sets.ts";

/** Kafka's names. */
export type ConsumerState = "Empty" | "Assigning" | "Reconciling" | "Stable";

export type ConsumerGroupRecord = Extract<GroupRecordInput, { type: `ConsumerGroup${string}` }>;

export class ConsumerGroup {
  readonly kind = "consumer";
  readonly protocolType = "consumer";
  readonly isConsumers = true;
  readonly groupId: string;
  /** Rises whenever the members, what they subscribe to or the topics themselves change: the first members come in epoch 2, as in Kafka. */
  epoch = 1;
  /** Of the topics that are subscribed to, as they were at this epoch. */
  metadataHash = 0n;
  /** The group's epoch when it was last worked out who is to have what. */
  assignmentEpoch = 0;
  /** When that was; milliseconds since the epoch, 0: never. */
  assignedAtMs = 0;
  /** Topics that it may subscribe to have come, gone or grown since its epoch: the next heartbeat looks. */
  isStale = true;
  readonly members = new Map<string, ConsumerMember>();
  /** Ids of static members by their instance ids. */
  readonly instances = new Map<string, string>();
  /** What each member is to have, by its id; nothing where it says nothing. */
  readonly targets = new Map<string, Target>();
  /** Names of the topics that regular expressions were found to match. */
  readonly resolved = new Map<string, readonly string[]>();
  /** How many members subscribe to each topic by name. */
  readonly nameCounts = new Map<string, number>();
  /** How many subscribe by each regular expression. */
  readonly regexCounts = new Map<string, number>();
  /** Who has a partition, or has not given it up yet: member ids by topic id and partition. */
  private readonly owners = new Map<string, Map<number, string>>();

  constructor(groupId: string) {
    this.groupId = groupId;
  }

  get isEmpty(): boolean {
    return this.members.size === 0;
  }

  get state(): ConsumerState {
    if (this.isEmpty) return "Empty";
    if (this.epoch > this.assignmentEpoch) return "Assigning";
    for (const { state, epoch } of this.members.values())
      if (state !== MemberState.stable || epoch !== this.assignmentEpoch) return "Reconciling";
    return "Stable";
  }

  ownerOf(topicId: string, partition: number): string | undefined {
    return this.owners.get(topicId)?.get(partition);
  }

  isSubscribedTo(topic: string): boolean {
    if (this.nameCounts.has(topic)) return true;
    for (const regex of this.regexCounts.keys())
      if (this.resolved.get(regex)?.includes(topic) === true) return true;
    return false;
  }

  subscribedTopics(): ReadonlySet<string> {
    const topics = new Set(this.nameCounts.keys());
    for (const regex of this.regexCounts.keys())
      for (const topic of this.resolved.get(regex) ?? []) topics.add(topic);
    return topics;
  }

  /** Records that take away all that is kept of it. */
  tombstones(): ConsumerGroupRecord[] {
    const { groupId } = this;
    const memberIds = [...this.members.keys()];
    const ofMembers = (type: MemberRecordType): ConsumerGroupRecord[] =>
      memberIds.map((memberId) => ({ type, key: { groupId, memberId }, value: null }));
    return [
      ...ofMembers("ConsumerGroupCurrentMemberAssignment"),
      ...ofMembers("ConsumerGroupTargetAssignmentMember"),
      { type: "ConsumerGroupTargetAssignmentMetadata", key: { groupId }, value: null },
      ...ofMembers("ConsumerGroupMemberMetadata"),
      ...Array.from(this.resolved.keys(), (regularExpression): ConsumerGroupRecord => ({
        type: "ConsumerGroupRegularExpression",
        key: { groupId, regularExpression },
        value: null,
      })),
      { type: "ConsumerGroupMetadata", key: { groupId }, value: null },
    ];
  }

  /** A record of a member that is not there says nothing. */
  apply(record: ConsumerGroupRecord): void {
    const { type, value } = record;
    switch (type) {
      case "ConsumerGroupMetadata":
        this.epoch = value?.epoch ?? 0;
        this.metadataHash = value?.metadataHash ?? 0n;
        return;
      case "ConsumerGroupTargetAssignmentMetadata":
        this.assignmentEpoch = value?.assignmentEpoch ?? 0;
        this.assignedAtMs = Number(value?.assignmentTimestamp ?? 0n);
        return;
      case "ConsumerGroupRegularExpression":
        if (value === null) this.resolved.delete(record.key.regularExpression);
        else this.resolved.set(record.key.regularExpression, [...value.topics]);
        return;
      case "ConsumerGroupTargetAssignmentMember":
        if (value === null) this.targets.delete(record.key.memberId);
        else if (this.members.has(record.key.memberId))
          this.targets.set(record.key.memberId, targetOf(value.topicPartitions));
        return;
      case "ConsumerGroupCurrentMemberAssignment":
        return this.assign(record.key.memberId, value === null ? UNASSIGNED : assignmentOf(value));
      case "ConsumerGroupMemberMetadata":
        return value === null ? this.remove(record.key.memberId) : this.put(record.key.memberId, value);
    }
  }

  private put(memberId: string, value: Parameters<typeof metadataOf>[0]): void {
    const before = this.members.get(memberId);
    const member = { ...(before ?? UNASSIGNED), ...metadataOf(value), memberId };
    if (before !== undefined) this.count(before, -1);
    this.count(member, 1);
    this.members.set(memberId, member);
    if (member.instanceId !== null) this.instances.set(member.instanceId, memberId);
  }

  private remove(memberId: string): void {
    const member = this.members.get(memberId);
    if (member === undefined) return;
    this.assign(memberId, UNASSIGNED);
    this.count(member, -1);
    this.members.delete(memberId);
    this.targets.delete(memberId);
    if (member.instanceId !== null && this.instances.get(member.instanceId) === memberId)
      this.instances.delete(member.instanceId);
  }

  private assign(memberId: string, assignment: MemberAssignment): void {
    const before = this.members.get(memberId);
    if (before === undefined) return;
    for (const owned of [before.assigned, before.revoking]) this.release(memberId, owned);
    for (const owned of [assignment.assigned, assignment.revoking]) this.take(memberId, owned);
    const { epoch, previousEpoch, state, assigned, revoking } = assignment;
    this.members.set(memberId, { ...before, epoch, previousEpoch, state, assigned, revoking });
  }

  private take(memberId: string, owned: Owned): void {
    for (const [topicId, partitions] of owned) {
      const owners = this.owners.get(topicId) ?? new Map<number, string>();
      this.owners.set(topicId, owners);
      for (const partition of partitions.keys()) owners.set(partition, memberId);
    }
  }

  private release(memberId: string, owned: Owned): void {
    for (const [topicId, partitions] of owned) {
      const owners = this.owners.get(topicId);
      if (owners === undefined) continue;
      for (const partition of partitions.keys())
        if (owners.get(partition) === memberId) owners.delete(partition);
      if (owners.size === 0) this.owners.delete(topicId);
    }
  }

  private count({ topics, regex }: ConsumerMember, by: number): void {
    for (const topic of topics) addTo(this.nameCounts, topic, by);
    if (regex !== "") addTo(this.regexCounts, regex, by);
  }
}

type MemberRecordType =
  | "ConsumerGroupCurrentMemberAssignment"
  | "ConsumerGroupTargetAssignmentMember"
  | "ConsumerGroupMemberMetadata";

/** A count that comes to nothing is not kept. */
export function addTo(counts: Map<string, number>, what: string, by: number): void {
  const count = (counts.get(what) ?? 0) + by;
  if (count === 0) counts.delete(what);
  else counts.set(what, count);
}
