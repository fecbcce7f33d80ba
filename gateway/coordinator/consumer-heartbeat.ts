/** What a ConsumerGroupHeartbeat makes of its group (KIP-848): worked out here, written and applied by who asks. */
import { ErrorCode, KafkaError } from "../../wire/errors.ts";
import { ASSIGNORS } from "./assignor.ts";
import type { ConsumerGroup } from "./consumer-group.ts";
import {
  AWAY_EPOCH,
  type ConsumerMember,
  JOIN_EPOCH,
  sameMetadata,
  sameNames,
  UNASSIGNED,
} from "./consumer-member.ts";
import { reconciled } from "./consumer-reconcile.ts";
import { isSubscribed, mayRetarget, retarget, type Topics } from "./consumer-target.ts";
import { GroupDraft } from "./group-draft.ts";
import { metadataHash } from "./metadata-hash.ts";
import { NOTHING, type Owned, samePartitions, type TopicPartitions, within } from "./partition-sets.ts";

/** null: as it was said before. */
export interface ConsumerHeartbeat {
  readonly groupId: string;
  readonly memberId: string;
  readonly memberEpoch: number;
  readonly instanceId: string | null;
  readonly rackId: string | null;
  /** Milliseconds; -1: as before. */
  readonly rebalanceTimeoutMs: number;
  readonly topics: readonly string[] | null;
  readonly regex: string | null;
  readonly assignor: string | null;
  readonly owned: readonly TopicPartitions[] | null;
  readonly clientId: string;
  readonly clientHost: string;
}

/** What groups are worked out with. */
export interface ConsumerSurroundings {
  readonly topics: Topics;
  /** Topics that a regular expression matches, in order; undefined: not known yet. */
  readonly matchedBy: (regex: string) => readonly string[] | undefined;
  readonly nowMs: number;
  readonly membersMax: number;
  readonly defaultAssignor: string;
  readonly assignmentIntervalMs: number;
}

export interface HeartbeatOutcome {
  readonly draft: GroupDraft;
  readonly memberId: string;
  readonly epoch: number;
  /** undefined: as the member knows it. */
  readonly assigned: Owned | undefined;
}

/** Refuses a request that is not one. Throws KafkaError INVALID_REQUEST, UNSUPPORTED_ASSIGNOR. */
export function checkHeartbeat(request: ConsumerHeartbeat, needsMemberId: boolean): void {
  const { memberEpoch, rebalanceTimeoutMs } = request;
  const refuse = (message: string): KafkaError => new KafkaError(ErrorCode.INVALID_REQUEST, message);
  if (request.groupId.trim() === "") throw refuse("GroupId can't be empty.");
  if ((needsMemberId || memberEpoch !== JOIN_EPOCH) && request.memberId.trim() === "")
    throw refuse("MemberId can't be empty.");
  if (request.instanceId?.trim() === "") throw refuse("InstanceId can't be empty.");
  if (request.rackId?.trim() === "") throw refuse("RackId can't be empty.");
  if (rebalanceTimeoutMs < -1) throw refuse("RebalanceTimeoutMs can't be negative.");
  if (memberEpoch < AWAY_EPOCH) throw refuse("MemberEpoch is invalid.");
  if (memberEpoch === AWAY_EPOCH && request.instanceId === null) throw refuse("InstanceId can't be null.");
  if (memberEpoch === JOIN_EPOCH) {
    if (rebalanceTimeoutMs === -1) throw refuse("RebalanceTimeoutMs must be provided in first request.");
    if (request.owned?.length !== 0) throw refuse("TopicPartitions must be empty when (re-)joining.");
    if (request.topics === null && request.regex === null)
      throw refuse("Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when (re-)joining.");
  }
}

/** Refuses an assignor that is not served. Throws KafkaError UNSUPPORTED_ASSIGNOR. */
export function checkAssignor(assignor: string | null, served: readonly string[]): void {
  if (assignor === null || (served.includes(assignor) && ASSIGNORS.has(assignor))) return;
  throw new KafkaError(
    ErrorCode.UNSUPPORTED_ASSIGNOR,
    `ServerAssignor ${assignor.slice(0, 100)} is not supported. Supported assignors: ${served.join(", ")}.`,
  );
}

/**
 * A member joins, or says that it is there. Throws KafkaError INVALID_REQUEST, UNKNOWN_MEMBER_ID, FENCED_MEMBER_EPOCH, UNRELEASED_INSTANCE_ID,
 * FENCED_INSTANCE_ID, GROUP_MAX_SIZE_REACHED.
 */
export function heartbeat(
  group: ConsumerGroup,
  request: ConsumerHeartbeat,
  around: ConsumerSurroundings,
): HeartbeatOutcome {
  const draft = new GroupDraft(group);
  const { memberId, replaced } = takePlace(draft, request, around.membersMax);
  const before = draft.member(memberId);
  const member = updated(before ?? { ...NOBODY, memberId }, request);
  if (before === undefined || !sameMetadata(before, member)) draft.describe(member);
  const isResubscribed =
    before === undefined || before.regex !== member.regex || !sameNames(before.topics, member.topics);
  if (isResubscribed || group.isStale) refresh(draft, around, isResubscribed);
  if (draft.epoch > group.assignmentEpoch && mayRetarget(draft, around.nowMs, around.assignmentIntervalMs))
    retarget(draft, around.topics, around.defaultAssignor, around.nowMs);
  const isMine = (owner: string | undefined): boolean =>
    owner === undefined || owner === memberId || owner === replaced;
  const assignment = isReconciled(member, draft.assignmentEpoch, isResubscribed)
    ? undefined
    : reconciled(member, {
        epoch: draft.assignmentEpoch,
        target: draft.target(memberId),
        owned: request.owned,
        isResubscribed,
        isSubscribed: isSubscribed(draft, member, around.topics),
        isFree: (topicId, partition) => isMine(group.ownerOf(topicId, partition)),
      });
  if (assignment !== undefined) draft.assign(memberId, assignment);
  const { epoch, assigned } = assignment ?? member;
  const isTold = isFull(request) || !samePartitions(assigned, before?.assigned ?? NOTHING);
  return { draft, memberId, epoch, assigned: isTold ? assigned : undefined };
}

/** Takes members out of the group, which rebalances without them. */
export function withoutMembers(
  group: ConsumerGroup,
  memberIds: Iterable<string>,
  around: Pick<ConsumerSurroundings, "topics" | "nowMs">,
): GroupDraft {
  const draft = new GroupDraft(group);
  for (const memberId of memberIds) if (draft.member(memberId) !== undefined) draft.remove(memberId);
  forgetRegexes(draft, around.nowMs);
  if (draft.records.length > 0) draft.bump(metadataHash(draft.subscribedTopics(), around.topics));
  return draft;
}

/** A static member leaves, and will be back: its place and its partitions are kept for as long as its session lasts. */
export function awayFor(group: ConsumerGroup, member: ConsumerMember): GroupDraft {
  const draft = new GroupDraft(group);
  // Whoever comes back in its place has had them from the beginning.
  const assigned = new Map(
    Array.from(member.assigned, ([topicId, partitions]) => [
      topicId,
      new Map(Array.from(partitions.keys(), (partition) => [partition, 0])),
    ]),
  );
  const { epoch: previousEpoch, state } = member;
  draft.assign(member.memberId, { epoch: AWAY_EPOCH, previousEpoch, state, assigned, revoking: NOTHING });
  return draft;
}

/** The member that leaves. Throws KafkaError UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID. */
export function leaving(
  group: ConsumerGroup,
  { memberId, instanceId }: Pick<ConsumerHeartbeat, "memberId" | "instanceId">,
): ConsumerMember {
  return instanceId === null ? known(group, memberId) : knownInstance(group, memberId, instanceId);
}

const NOBODY: Omit<ConsumerMember, "memberId"> = {
  ...UNASSIGNED,
  instanceId: null,
  rackId: null,
  clientId: "",
  clientHost: "",
  topics: [],
  regex: "",
  rebalanceTimeoutMs: -1,
  assignor: null,
};

/** Finds the member's place, or makes one: of a static member that was away another takes it over. */
function takePlace(
  draft: GroupDraft,
  request: ConsumerHeartbeat,
  membersMax: number,
): { memberId: string; replaced?: string } {
  const { group } = draft;
  const { memberId, memberEpoch, instanceId, owned } = request;
  if (memberEpoch !== JOIN_EPOCH) {
    const member = instanceId === null ? known(group, memberId) : knownInstance(group, memberId, instanceId);
    checkEpoch(member, memberEpoch, owned);
    return { memberId };
  }
  const before = instanceId === null ? undefined : group.members.get(group.instances.get(instanceId) ?? "");
  const there = group.members.get(memberId);
  if (instanceId !== null && there !== undefined && there.instanceId !== instanceId) {
    throw new KafkaError(
      ErrorCode.INVALID_REQUEST,
      `Member ${memberId} is in the group with another instance id, or with none; it leaves before it joins as ${instanceId}.`,
    );
  }
  if (before === undefined) {
    if (group.members.size >= membersMax && !group.members.has(memberId)) {
      throw new KafkaError(
        ErrorCode.GROUP_MAX_SIZE_REACHED,
        `The consumer group has reached its maximum capacity of ${membersMax} members.`,
      );
    }
    return { memberId };
  }
  if (before.epoch !== AWAY_EPOCH) {
    // It was fenced, or has missed what it was answered: clients would take the refusal for the end of them.
    if (there === before) return { memberId };
    throw new KafkaError(
      ErrorCode.UNRELEASED_INSTANCE_ID,
      `Static member ${memberId} with instance id ${instanceId} cannot join the group because the instance id is owned by ${before.memberId} member.`,
    );
  }
  const target = draft.target(before.memberId);
  draft.remove(before.memberId);
  draft.describe({ ...before, memberId });
  draft.retarget(memberId, target);
  draft.assign(memberId, { ...before, epoch: JOIN_EPOCH, previousEpoch: JOIN_EPOCH });
  return { memberId, replaced: before.memberId };
}

function known(group: ConsumerGroup, memberId: string): ConsumerMember {
  const member = group.members.get(memberId);
  if (member !== undefined) return member;
  throw new KafkaError(
    ErrorCode.UNKNOWN_MEMBER_ID,
    `Member ${memberId} is not a member of group ${group.groupId}.`,
  );
}

function knownInstance(group: ConsumerGroup, memberId: string, instanceId: string): ConsumerMember {
  const member = group.members.get(group.instances.get(instanceId) ?? "");
  if (member === undefined)
    throw new KafkaError(ErrorCode.UNKNOWN_MEMBER_ID, `Instance id ${instanceId} is unknown.`);
  if (member.memberId === memberId) return member;
  throw new KafkaError(
    ErrorCode.FENCED_INSTANCE_ID,
    `Static member ${memberId} with instance id ${instanceId} was fenced by member ${member.memberId}.`,
  );
}

function checkEpoch(
  member: ConsumerMember,
  received: number,
  owned: readonly TopicPartitions[] | null,
): void {
  if (received === member.epoch) return;
  // The answer with its new epoch may have been lost: then it has none of what is new.
  const hasMissedIt =
    received < member.epoch &&
    received === member.previousEpoch &&
    owned !== null &&
    within(owned, member.assigned);
  if (hasMissedIt) return;
  throw new KafkaError(
    ErrorCode.FENCED_MEMBER_EPOCH,
    `The consumer group member has a ${received > member.epoch ? "greater" : "smaller"} member epoch (${received}) ` +
      `than the one known by the group coordinator (${member.epoch}). The member must abandon all its partitions and rejoin.`,
  );
}

/** The member as it describes itself now. */
function updated(before: ConsumerMember, request: ConsumerHeartbeat): ConsumerMember {
  return {
    ...before,
    instanceId: request.instanceId ?? before.instanceId,
    rackId: request.rackId ?? before.rackId,
    rebalanceTimeoutMs:
      request.rebalanceTimeoutMs === -1 ? before.rebalanceTimeoutMs : request.rebalanceTimeoutMs,
    topics: request.topics === null ? before.topics : [...new Set(request.topics)].toSorted(),
    regex: request.regex ?? before.regex,
    assignor: request.assignor ?? before.assignor,
    clientId: request.clientId,
    clientHost: request.clientHost,
  };
}

/** Looks at the topics anew; when what is subscribed to is something else, it is another epoch of the group. */
function refresh(draft: GroupDraft, around: ConsumerSurroundings, isResubscribed: boolean): void {
  const { nowMs, topics } = around;
  let isChanged = isResubscribed;
  forgetRegexes(draft, nowMs);
  for (const regex of draft.regexes()) {
    const matched = around.matchedBy(regex);
    const before = draft.resolution(regex);
    if (matched === undefined || (before !== undefined && sameNames(matched, before))) continue;
    draft.resolve(regex, matched, nowMs);
    isChanged = true;
  }
  const hash = metadataHash(draft.subscribedTopics(), topics);
  if (isChanged || hash !== draft.metadataHash) draft.bump(hash);
}

/** What nobody subscribes by any more need not be kept. */
function forgetRegexes(draft: GroupDraft, nowMs: number): void {
  const used = new Set(draft.regexes());
  for (const regex of draft.group.resolved.keys())
    if (!used.has(regex)) draft.resolve(regex, undefined, nowMs);
}

/** Whether the member has what it is to have, and asks for nothing else. */
function isReconciled(member: ConsumerMember, epoch: number, isResubscribed: boolean): boolean {
  return !isResubscribed && member.state === 0 && member.epoch === epoch;
}

/** Whether the member says everything of itself: then it is told everything, for it may have missed an answer. */
function isFull({ memberEpoch, rebalanceTimeoutMs, topics, regex, owned }: ConsumerHeartbeat): boolean {
  if (memberEpoch === JOIN_EPOCH) return true;
  return rebalanceTimeoutMs !== -1 && (topics !== null || regex !== null) && owned !== null;
}
