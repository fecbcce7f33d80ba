/** What members of a classic group ask besides joining: SyncGroup, Heartbeat, LeaveGroup. */
import { ErrorCode } from "../../wire/errors.ts";
import type { ClassicGroup } from "./classic-group.ts";
import { NO_BYTES, syncFailure, type SyncResult } from "./classic-member.ts";
import type { Rebalance } from "./classic-rebalance.ts";

/** How a member names itself. */
export interface MemberName {
  readonly memberId: string;
  /** null: it is dynamic. */
  readonly groupInstanceId: string | null;
}

export interface SyncRequest extends MemberName {
  readonly groupId: string;
  readonly generationId: number;
  /** null: it does not say, before version 5. */
  readonly protocolType: string | null;
  readonly protocolName: string | null;
  /** Of the leader. */
  readonly assignments: readonly { readonly memberId: string; readonly assignment: Uint8Array }[];
}

/** The error for a member that is not in the group, or whose place another has taken; undefined: it is the one it says. */
export function unknownMember(
  group: ClassicGroup,
  memberId: string,
  groupInstanceId: string | null,
): number | undefined {
  if (groupInstanceId !== null) {
    const known = group.instances.get(groupInstanceId);
    if (known === undefined) return ErrorCode.UNKNOWN_MEMBER_ID;
    if (known !== memberId) return ErrorCode.FENCED_INSTANCE_ID;
  }
  return group.members.has(memberId) ? undefined : ErrorCode.UNKNOWN_MEMBER_ID;
}

export function sync(rebalance: Rebalance, request: SyncRequest): SyncResult | Promise<SyncResult> {
  const { group } = rebalance;
  const { memberId, groupInstanceId, generationId } = request;
  const unknown = unknownMember(group, memberId, groupInstanceId);
  const member = group.members.get(memberId);
  if (unknown !== undefined || member === undefined)
    return syncFailure(unknown ?? ErrorCode.UNKNOWN_MEMBER_ID);
  if (generationId !== group.generationId) return syncFailure(ErrorCode.ILLEGAL_GENERATION);
  if (differs(request.protocolType, group.protocolType) || differs(request.protocolName, group.protocolName))
    return syncFailure(ErrorCode.INCONSISTENT_GROUP_PROTOCOL);
  if (group.state === "Empty") return syncFailure(ErrorCode.UNKNOWN_MEMBER_ID);
  if (group.state === "PreparingRebalance") return syncFailure(ErrorCode.REBALANCE_IN_PROGRESS);
  rebalance.heard(member);
  rebalance.synced(memberId);
  if (group.state === "Stable") return assigned(group, member.assignment);
  const answer = member.awaitSync();
  if (memberId === group.leader) void assign(rebalance, request);
  return answer;
}

/** The leader has decided: when that is durable, everybody who waits is told. */
async function assign(rebalance: Rebalance, { assignments }: SyncRequest): Promise<void> {
  const { group, host } = rebalance;
  const { generationId } = group;
  const given = new Map(assignments.map(({ memberId, assignment }) => [memberId, assignment.slice()]));
  for (const memberId of group.members.keys()) if (!given.has(memberId)) given.set(memberId, NO_BYTES);
  const failure = await host.keep(group, given).then(
    () => undefined,
    (error: unknown) => String(error),
  );
  if (rebalance.isClosed || group.state !== "CompletingRebalance" || group.generationId !== generationId)
    return;
  if (failure !== undefined) {
    host.log.warn(`the assignment of group ${group.groupId} could not be kept: ${failure}`);
    for (const member of group.members.values())
      member.answerSync(syncFailure(ErrorCode.COORDINATOR_NOT_AVAILABLE));
    return rebalance.begin("its assignment could not be kept");
  }
  group.enter("Stable", host.nowMs());
  for (const member of group.members.values()) {
    member.assignment = given.get(member.memberId) ?? NO_BYTES;
    if (member.answerSync(assigned(group, member.assignment))) rebalance.heard(member);
  }
}

function assigned({ protocolType, protocolName }: ClassicGroup, assignment: Uint8Array): SyncResult {
  return { errorCode: ErrorCode.NONE, protocolType, protocolName, assignment };
}

/** The error code of a Heartbeat's answer. */
export function heartbeat(
  rebalance: Rebalance,
  { memberId, groupInstanceId }: MemberName,
  generationId: number,
): number {
  const { group } = rebalance;
  const unknown = unknownMember(group, memberId, groupInstanceId);
  const member = group.members.get(memberId);
  if (unknown !== undefined || member === undefined) return unknown ?? ErrorCode.UNKNOWN_MEMBER_ID;
  if (generationId !== group.generationId) return ErrorCode.ILLEGAL_GENERATION;
  rebalance.heard(member);
  return group.state === "PreparingRebalance" ? ErrorCode.REBALANCE_IN_PROGRESS : ErrorCode.NONE;
}

/** Error codes of a LeaveGroup, in the order of its members. The rest of the group rebalances once. */
export function leave(rebalance: Rebalance, leaving: readonly MemberName[]): number[] {
  const { group } = rebalance;
  let left = 0;
  const results = leaving.map(({ memberId, groupInstanceId }) => {
    const named = groupInstanceId === null ? memberId : (group.instances.get(groupInstanceId) ?? "");
    // An operator names static members by their instance alone.
    if (groupInstanceId !== null && memberId !== "" && named !== "" && named !== memberId)
      return ErrorCode.FENCED_INSTANCE_ID;
    if (rebalance.noLongerPending(named)) {
      rebalance.completeWhenAllJoined();
      return ErrorCode.NONE;
    }
    const member = group.members.get(named);
    if (member === undefined) return ErrorCode.UNKNOWN_MEMBER_ID;
    rebalance.forget(member);
    left++;
    return ErrorCode.NONE;
  });
  if (left > 0) rebalance.begin(`${left} members left`);
  return results;
}

function differs(asked: string | null, known: string | null): boolean {
  return asked !== null && asked !== known;
}
