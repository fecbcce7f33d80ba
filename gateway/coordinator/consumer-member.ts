/** One member of a consumer group (KIP-848): a value, as the records say. A change is another value. */
import type { GroupRecordInput } from "../../wire/group-records.ts";
import { NOTHING, type Owned, ownedOf, recordedOwned } from "./partition-sets.ts";

/** Of a static member that has left for a while, and keeps its place. */
export const AWAY_EPOCH = -2;
/** Of a member that leaves for good. */
export const LEAVE_EPOCH = -1;
/** Of a member that joins. */
export const JOIN_EPOCH = 0;

/** Kafka's numbers, as they stand in records. */
export const MemberState = {
  /** It has what it was assigned. */
  stable: 0,
  /** It has to give up partitions first, and stays in its epoch until it has. */
  unrevoked: 1,
  /** Others have to give up partitions that it is to have. */
  unreleased: 2,
  /** Something that a later version has written. */
  unknown: 127,
} as const;

/** What a member says of itself. */
export interface MemberMetadata {
  readonly instanceId: string | null;
  readonly rackId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  /** Names, in order. */
  readonly topics: readonly string[];
  /** Empty: none. */
  readonly regex: string;
  readonly rebalanceTimeoutMs: number;
  /** null: it leaves it to the others. */
  readonly assignor: string | null;
}

/** What it was given. */
export interface MemberAssignment {
  readonly epoch: number;
  /** What it may still say when the answer with its epoch was lost. */
  readonly previousEpoch: number;
  readonly state: number;
  readonly assigned: Owned;
  /** What it has been told to give up, and has not yet. */
  readonly revoking: Owned;
}

export interface ConsumerMember extends MemberMetadata, MemberAssignment {
  readonly memberId: string;
}

type MetadataRecord = Extract<GroupRecordInput, { type: "ConsumerGroupMemberMetadata" }>;
type AssignmentRecord = Extract<GroupRecordInput, { type: "ConsumerGroupCurrentMemberAssignment" }>;

/** Of a member that has not been given anything yet. */
export const UNASSIGNED: MemberAssignment = {
  epoch: JOIN_EPOCH,
  previousEpoch: JOIN_EPOCH,
  state: MemberState.stable,
  assigned: NOTHING,
  revoking: NOTHING,
};

export function metadataOf(value: NonNullable<MetadataRecord["value"]>): MemberMetadata {
  return {
    instanceId: value.instanceId,
    rackId: value.rackId,
    clientId: value.clientId,
    clientHost: value.clientHost,
    topics: [...value.subscribedTopicNames],
    regex: value.subscribedTopicRegex ?? "",
    rebalanceTimeoutMs: value.rebalanceTimeoutMs ?? -1,
    assignor: value.serverAssignor,
  };
}

export function metadataRecord(groupId: string, member: ConsumerMember): MetadataRecord {
  return {
    type: "ConsumerGroupMemberMetadata",
    key: { groupId, memberId: member.memberId },
    value: {
      instanceId: member.instanceId,
      rackId: member.rackId,
      clientId: member.clientId,
      clientHost: member.clientHost,
      subscribedTopicNames: [...member.topics],
      subscribedTopicRegex: member.regex,
      rebalanceTimeoutMs: member.rebalanceTimeoutMs,
      serverAssignor: member.assignor,
    },
  };
}

export function assignmentOf(value: NonNullable<AssignmentRecord["value"]>): MemberAssignment {
  const { memberEpoch: epoch, previousMemberEpoch: previousEpoch, state } = value;
  return {
    epoch,
    previousEpoch,
    state: state === 0 || state === 1 || state === 2 ? state : MemberState.unknown,
    assigned: ownedOf(value.assignedPartitions, epoch),
    revoking: ownedOf(value.partitionsPendingRevocation, epoch),
  };
}

export function assignmentRecord(groupId: string, member: ConsumerMember): AssignmentRecord {
  return {
    type: "ConsumerGroupCurrentMemberAssignment",
    key: { groupId, memberId: member.memberId },
    value: {
      memberEpoch: member.epoch,
      previousMemberEpoch: member.previousEpoch,
      state: member.state,
      assignedPartitions: recordedOwned(member.assigned),
      partitionsPendingRevocation: recordedOwned(member.revoking),
    },
  };
}

/** Whether they say the same of themselves. */
export function sameMetadata(one: MemberMetadata, other: MemberMetadata): boolean {
  return (
    one.instanceId === other.instanceId &&
    one.rackId === other.rackId &&
    one.clientId === other.clientId &&
    one.clientHost === other.clientHost &&
    one.regex === other.regex &&
    one.rebalanceTimeoutMs === other.rebalanceTimeoutMs &&
    one.assignor === other.assignor &&
    sameNames(one.topics, other.topics)
  );
}

export function sameNames(one: readonly string[], other: readonly string[]): boolean {
  return one === other || (one.length === other.length && one.every((name, index) => name === other[index]));
}
