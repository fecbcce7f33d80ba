/**
 * What a consumer group comes to be, before it is written: the records, and a view of the group as they will leave it. The group
 * itself does not change, so that what the log refuses has never been.
 */
import { addTo, type ConsumerGroup, type ConsumerGroupRecord } from "./consumer-group.ts";
import {
  assignmentRecord,
  type ConsumerMember,
  metadataRecord,
  type MemberAssignment,
} from "./consumer-member.ts";
import { namedTarget, NOTHING, type Target } from "./partition-sets.ts";

export class GroupDraft {
  readonly group: ConsumerGroup;
  readonly records: ConsumerGroupRecord[] = [];
  epoch: number;
  metadataHash: bigint;
  assignmentEpoch: number;
  /** Members that are others than in the group; undefined: gone. */
  private readonly changed = new Map<string, ConsumerMember | undefined>();
  private readonly changedTargets = new Map<string, Target>();
  private readonly changedResolutions = new Map<string, readonly string[] | undefined>();
  private readonly nameChanges = new Map<string, number>();
  private readonly regexChanges = new Map<string, number>();

  constructor(group: ConsumerGroup) {
    this.group = group;
    this.epoch = group.epoch;
    this.metadataHash = group.metadataHash;
    this.assignmentEpoch = group.assignmentEpoch;
  }

  member(memberId: string): ConsumerMember | undefined {
    return this.changed.has(memberId) ? this.changed.get(memberId) : this.group.members.get(memberId);
  }

  /** All members: those that were there in their order, new ones after them. */
  *members(): Generator<ConsumerMember> {
    for (const [memberId, member] of this.group.members) {
      const current = this.changed.has(memberId) ? this.changed.get(memberId) : member;
      if (current !== undefined) yield current;
    }
    for (const [memberId, member] of this.changed)
      if (member !== undefined && !this.group.members.has(memberId)) yield member;
  }

  target(memberId: string): Target {
    return this.changedTargets.get(memberId) ?? this.group.targets.get(memberId) ?? NOTHING;
  }

  resolution(regex: string): readonly string[] | undefined {
    return this.changedResolutions.has(regex)
      ? this.changedResolutions.get(regex)
      : this.group.resolved.get(regex);
  }

  /** Regular expressions that members subscribe by. */
  regexes(): string[] {
    return keysAfter(this.group.regexCounts, this.regexChanges);
  }

  /** Names of the topics that members subscribe to, whether they are there or not. */
  subscribedTopics(): Set<string> {
    const topics = new Set(keysAfter(this.group.nameCounts, this.nameChanges));
    for (const regex of this.regexes()) for (const topic of this.resolution(regex) ?? []) topics.add(topic);
    return topics;
  }

  /** A member that is new, or says something else of itself. */
  describe(member: ConsumerMember): void {
    this.put(member.memberId, member);
    this.records.push(metadataRecord(this.group.groupId, member));
  }

  /** A member that is given something else. */
  assign(memberId: string, assignment: MemberAssignment): void {
    const member = this.member(memberId);
    if (member === undefined) return;
    const assigned = { ...member, ...assignment, memberId };
    this.put(memberId, assigned);
    this.records.push(assignmentRecord(this.group.groupId, assigned));
  }

  remove(memberId: string): void {
    const key = { groupId: this.group.groupId, memberId };
    this.put(memberId, undefined);
    this.records.push(
      { type: "ConsumerGroupCurrentMemberAssignment", key, value: null },
      { type: "ConsumerGroupTargetAssignmentMember", key, value: null },
      { type: "ConsumerGroupMemberMetadata", key, value: null },
    );
  }

  retarget(memberId: string, target: Target): void {
    this.changedTargets.set(memberId, target);
    this.records.push({
      type: "ConsumerGroupTargetAssignmentMember",
      key: { groupId: this.group.groupId, memberId },
      value: { topicPartitions: namedTarget(target) },
    });
  }

  /** All are told what they are to have in this epoch of the group. */
  retargeted(nowMs: number): void {
    this.assignmentEpoch = this.epoch;
    this.records.push({
      type: "ConsumerGroupTargetAssignmentMetadata",
      key: { groupId: this.group.groupId },
      value: { assignmentEpoch: this.epoch, assignmentTimestamp: BigInt(nowMs) },
    });
  }

  /** What a regular expression is found to match; undefined: nobody subscribes by it any more. */
  resolve(regex: string, topics: readonly string[] | undefined, nowMs: number): void {
    this.changedResolutions.set(regex, topics);
    this.records.push({
      type: "ConsumerGroupRegularExpression",
      key: { groupId: this.group.groupId, regularExpression: regex },
      value: topics === undefined ? null : { topics: [...topics], version: 0n, timestamp: BigInt(nowMs) },
    });
  }

  /** The next epoch of the group. */
  bump(metadataHash: bigint): void {
    this.epoch++;
    this.metadataHash = metadataHash;
    this.records.push({
      type: "ConsumerGroupMetadata",
      key: { groupId: this.group.groupId },
      value: { epoch: this.epoch, metadataHash },
    });
  }

  private put(memberId: string, member: ConsumerMember | undefined): void {
    this.count(this.member(memberId), -1);
    this.count(member, 1);
    this.changed.set(memberId, member);
  }

  private count(member: ConsumerMember | undefined, by: number): void {
    if (member === undefined) return;
    for (const topic of member.topics) addTo(this.nameChanges, topic, by);
    if (member.regex !== "") addTo(this.regexChanges, member.regex, by);
  }
}

function keysAfter(counts: ReadonlyMap<string, number>, changes: ReadonlyMap<string, number>): string[] {
  const keys: string[] = [];
  for (const [key, count] of counts) if (count + (changes.get(key) ?? 0) > 0) keys.push(key);
  for (const [key, change] of changes) if (change > 0 && !counts.has(key)) keys.push(key);
  return keys;
}
