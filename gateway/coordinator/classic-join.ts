/** JoinGroup to a classic group (KIP-345 static members, KIP-394 known ids, KIP-814 skipped assignments). */
import { ErrorCode } from "../../wire/errors.ts";
import {
  ClassicMember,
  joinFailure,
  type JoinResult,
  type MemberDetails,
  syncFailure,
} from "./classic-member.ts";
import { unknownMember } from "./classic-members.ts";
import type { Rebalance } from "./classic-rebalance.ts";

export interface JoinRequest extends Omit<MemberDetails, "memberId"> {
  readonly groupId: string;
  /** Empty: it has none yet. */
  readonly memberId: string;
  readonly protocolType: string;
  /** A dynamic member gets its id first, and joins with it. */
  readonly needsKnownId: boolean;
  /** The leader can be told to leave assignments as they are. */
  readonly maySkipAssignment: boolean;
}

export function join(rebalance: Rebalance, request: JoinRequest): JoinResult | Promise<JoinResult> {
  const { group } = rebalance;
  if (!hasRoom(rebalance, request.memberId)) return joinFailure(ErrorCode.GROUP_MAX_SIZE_REACHED);
  if (!group.supports(request.protocolType, request.protocols))
    return joinFailure(ErrorCode.INCONSISTENT_GROUP_PROTOCOL, request.memberId);
  return request.memberId === "" ? joinAsNew(rebalance, request) : joinAgain(rebalance, request);
}

function hasRoom(rebalance: Rebalance, memberId: string): boolean {
  const { group, host, pendingMembers } = rebalance;
  const most = host.config.membersMax;
  const member = group.members.get(memberId);
  if (group.state === "PreparingRebalance") {
    if (member?.isAwaitingJoin === true) return true;
    const awaiting = [...group.members.values()].filter((each) => each.isAwaitingJoin).length;
    return awaiting < most;
  }
  // Who was given an id was given a place with it.
  if (member !== undefined || rebalance.isPending(memberId) || group.state === "Empty") return true;
  return group.members.size + pendingMembers < most;
}

function joinAsNew(rebalance: Rebalance, request: JoinRequest): JoinResult | Promise<JoinResult> {
  const { group, host } = rebalance;
  const { groupInstanceId, clientId, sessionTimeoutMs } = request;
  const memberId = `${groupInstanceId ?? clientId}-${host.newId()}`;
  if (groupInstanceId !== null) {
    const before = group.members.get(group.instances.get(groupInstanceId) ?? "");
    return before === undefined
      ? takeIn(rebalance, request, memberId)
      : replace(rebalance, before, request, memberId);
  }
  if (!request.needsKnownId) return takeIn(rebalance, request, memberId);
  rebalance.expect(memberId, sessionTimeoutMs);
  return joinFailure(ErrorCode.MEMBER_ID_REQUIRED, memberId);
}

function joinAgain(rebalance: Rebalance, request: JoinRequest): JoinResult | Promise<JoinResult> {
  const { group } = rebalance;
  const { memberId, groupInstanceId, protocols } = request;
  // Static members never wait for an id: one that says it did would take the place of another unseen.
  if (groupInstanceId === null && rebalance.isPending(memberId)) return takeIn(rebalance, request, memberId);
  const unknown = unknownMember(group, memberId, groupInstanceId);
  const member = group.members.get(memberId);
  if (unknown !== undefined || member === undefined)
    return joinFailure(unknown ?? ErrorCode.UNKNOWN_MEMBER_ID, memberId);
  const isSame = member.hasProtocols(protocols);
  // It has missed the answer, or joins although nothing has changed.
  if (group.state === "CompletingRebalance" && isSame) return group.joined(member);
  if (group.state === "Stable" && isSame && memberId !== group.leader) return group.joined(member);
  // Its instance is found by its id: a member is static, or it is not, for as long as it is there.
  member.details = {
    ...detailsOf(request, memberId),
    groupInstanceId: member.details.groupInstanceId,
  };
  const answer = member.awaitJoin();
  rebalance.begin(`${memberId} joins again`);
  return answer;
}

function takeIn(rebalance: Rebalance, request: JoinRequest, memberId: string): Promise<JoinResult> {
  const member = new ClassicMember(detailsOf(request, memberId), (each) => rebalance.expired(each));
  const answer = member.awaitJoin();
  rebalance.takeIn(member, request.protocolType);
  return answer;
}

/** A static member has come back under a new id: it takes the place of the old one, which is fenced. */
async function replace(
  rebalance: Rebalance,
  before: ClassicMember,
  request: JoinRequest,
  memberId: string,
): Promise<JoinResult> {
  const { group, host } = rebalance;
  const leaderBefore = group.leader;
  const wasLeader = leaderBefore === before.memberId;
  const { assignment } = before;
  host.deadlines.cancel(before.session);
  before.answerJoin(joinFailure(ErrorCode.FENCED_INSTANCE_ID, before.memberId));
  before.answerSync(syncFailure(ErrorCode.FENCED_INSTANCE_ID));
  const member = new ClassicMember(detailsOf(request, memberId), (each) => rebalance.expired(each));
  member.assignment = assignment;
  rebalance.synced(before.memberId);
  group.replace(before, member);
  rebalance.heard(member);
  const isAsBefore = group.state === "Stable" && group.selectProtocol() === group.protocolName;
  if (!isAsBefore) {
    const answer = member.awaitJoin();
    rebalance.begin(`static member ${request.groupInstanceId ?? ""} is back`);
    return answer;
  }
  try {
    await host.keep(group);
  } catch (error) {
    host.log.warn(`a static member of group ${group.groupId} could not be kept: ${String(error)}`);
    return joinFailure(ErrorCode.COORDINATOR_NOT_AVAILABLE, memberId);
  }
  const joined = group.joined(member);
  if (!wasLeader) return joined;
  // Who cannot skip the assignment believes that another leads, and so makes none.
  return request.maySkipAssignment
    ? { ...joined, skipAssignment: true }
    : { ...joined, leader: leaderBefore, members: [] };
}

function detailsOf(request: JoinRequest, memberId: string): MemberDetails {
  const { groupInstanceId, clientId, clientHost, rebalanceTimeoutMs, sessionTimeoutMs, protocols } = request;
  return { memberId, groupInstanceId, clientId, clientHost, rebalanceTimeoutMs, sessionTimeoutMs, protocols };
}
