/** How a member comes from what it has to what it is to have (KIP-848): it gives up first, and is given what others have given up. */
import { ErrorCode, KafkaError } from "../../wire/errors.ts";
import { type ConsumerMember, type MemberAssignment, MemberState } from "./consumer-member.ts";
import { meets, NOTHING, type Owned, type Target, type TopicPartitions } from "./partition-sets.ts";

export interface Reconciliation {
  /** Of the target. */
  readonly epoch: number;
  readonly target: Target;
  /** What the member says that it has; null: as before. */
  readonly owned: readonly TopicPartitions[] | null;
  /** What it subscribes to has changed with this request. */
  readonly isResubscribed: boolean;
  isSubscribed(topicId: string): boolean;
  /** Whether no other member has the partition. */
  isFree(topicId: string, partition: number): boolean;
}

/** What the member is given next; undefined: nothing else. Throws KafkaError FENCED_MEMBER_EPOCH. */
export function reconciled(member: ConsumerMember, to: Reconciliation): MemberAssignment | undefined {
  switch (member.state) {
    case MemberState.stable:
      if (member.epoch !== to.epoch) return next(member, to, member.epoch);
      return to.isResubscribed ? withoutUnsubscribed(member, to) : undefined;
    case MemberState.unrevoked:
      if (!holds(to.owned, member.revoking)) return next(member, to, member.epoch);
      return to.isResubscribed ? withoutUnsubscribed(member, to) : undefined;
    case MemberState.unreleased:
      return changedFrom(member, next(member, to, member.epoch));
    default:
      // A later version has written it, and what it meant is not known here: it begins anew, without partitions.
      if (to.owned === null || to.owned.length > 0) {
        throw new KafkaError(
          ErrorCode.FENCED_MEMBER_EPOCH,
          "The member is in a state that is not known here. It must give up all its partitions and join again.",
        );
      }
      return next(member, to, to.epoch);
  }
}

/** Whether a member may still have any of these: what it does not say has not changed. */
function holds(owned: Reconciliation["owned"], partitions: Owned): boolean {
  return owned === null || meets(owned, partitions);
}

function next(member: ConsumerMember, to: Reconciliation, epoch: number): MemberAssignment {
  const kept = new Map<string, Map<number, number>>();
  const revoking = new Map<string, Map<number, number>>();
  const given = new Map<string, Map<number, number>>();
  let isWaiting = false;
  const wanted = new Map<string, ReadonlySet<number>>();
  for (const [topicId, partitions] of to.target)
    if (to.isSubscribed(topicId)) wanted.set(topicId, new Set(partitions));
  for (const [topicId, partitions] of member.assigned)
    for (const [partition, since] of partitions)
      put(wanted.get(topicId)?.has(partition) === true ? kept : revoking, topicId, partition, since);
  for (const [topicId, partitions] of wanted) {
    for (const partition of partitions) {
      if (member.assigned.get(topicId)?.has(partition) === true) continue;
      if (to.isFree(topicId, partition)) put(given, topicId, partition, to.epoch);
      else isWaiting = true;
    }
  }
  if (revoking.size > 0 && holds(to.owned, revoking)) {
    const state = MemberState.unrevoked;
    return { epoch, previousEpoch: member.epoch, state, assigned: kept, revoking };
  }
  for (const [topicId, partitions] of given)
    for (const [partition, since] of partitions) put(kept, topicId, partition, since);
  return {
    epoch: to.epoch,
    previousEpoch: member.epoch,
    state: isWaiting ? MemberState.unreleased : MemberState.stable,
    assigned: kept,
    revoking: NOTHING,
  };
}

/** It no longer subscribes to topics that it has partitions of: those go at once, whatever it is to have next. */
function withoutUnsubscribed(member: ConsumerMember, to: Reconciliation): MemberAssignment | undefined {
  const gone = [...member.assigned.keys()].filter((topicId) => !to.isSubscribed(topicId));
  if (gone.length === 0) return undefined;
  const assigned = new Map(member.assigned);
  const revoking = new Map(member.revoking);
  for (const topicId of gone) {
    const partitions = member.assigned.get(topicId) ?? new Map<number, number>();
    assigned.delete(topicId);
    revoking.set(topicId, new Map([...(revoking.get(topicId) ?? []), ...partitions]));
  }
  const assignment = { epoch: member.epoch, previousEpoch: member.epoch, assigned };
  return holds(to.owned, revoking)
    ? { ...assignment, state: MemberState.unrevoked, revoking }
    : { ...assignment, state: member.state, revoking: member.revoking };
}

/** One that waits for others is looked at with every heartbeat, and mostly nothing has changed. */
function changedFrom(member: ConsumerMember, assignment: MemberAssignment): MemberAssignment | undefined {
  const isSame =
    member.epoch === assignment.epoch &&
    member.state === assignment.state &&
    sizeOf(member.assigned) === sizeOf(assignment.assigned) &&
    assignment.revoking.size === 0;
  return isSame ? undefined : assignment;
}

function sizeOf(owned: Owned): number {
  let size = 0;
  for (const partitions of owned.values()) size += partitions.size;
  return size;
}

function put(
  sets: Map<string, Map<number, number>>,
  topicId: string,
  partition: number,
  epoch: number,
): void {
  const partitions = sets.get(topicId);
  if (partitions === undefined) sets.set(topicId, new Map([[partition, epoch]]));
  else partitions.set(partition, epoch);
}
