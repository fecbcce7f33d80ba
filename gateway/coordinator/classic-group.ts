/** A group of the classic protocol: who is in it, in which state, and what is to be remembered of it. */
import { ErrorCode } from "../../wire/errors.ts";
import type { GroupRecord, GroupRecordInput } from "../../wire/group-records.ts";
import { subscribedTopicsOf } from "./consumer-subscription.ts";
import type { ClassicMember, GroupProtocol, JoinResult } from "./classic-member.ts";

/** Kafka's names; `Dead` stands only in answers about groups that are not there. */
export type ClassicState = "Empty" | "PreparingRebalance" | "CompletingRebalance" | "Stable";

type GroupMetadata = Extract<GroupRecord, { type: "GroupMetadata" }>;
export type GroupMetadataValue = NonNullable<GroupMetadata["value"]>;

export class ClassicGroup {
  readonly kind = "classic";
  readonly groupId: string;
  state: ClassicState = "Empty";
  generationId = 0;
  protocolType: string | null = null;
  protocolName: string | null = null;
  leader: string | null = null;
  /** Since when it is in its state; milliseconds since the epoch. */
  stateSinceMs: number;
  readonly members = new Map<string, ClassicMember>();
  /** Ids of static members by their instance ids (KIP-345). */
  readonly instances = new Map<string, string>();

  constructor(groupId: string, nowMs: number) {
    this.groupId = groupId;
    this.stateSinceMs = nowMs;
  }

  /** Whether it has only ever kept offsets. */
  get isSimple(): boolean {
    return this.protocolType === null && this.members.size === 0;
  }
  get isEmpty(): boolean {
    return this.members.size === 0;
  }
  get isConsumers(): boolean {
    return this.protocolType === "consumer";
  }
  /** The longest that any member may take to join again, in milliseconds. */
  get rebalanceTimeoutMs(): number {
    let longest = 0;
    for (const { details } of this.members.values()) longest = Math.max(longest, details.rebalanceTimeoutMs);
    return longest;
  }

  enter(state: ClassicState, nowMs: number): void {
    this.state = state;
    this.stateSinceMs = nowMs;
  }

  add(member: ClassicMember, protocolType: string): void {
    if (this.members.size === 0) this.protocolType = protocolType;
    this.members.set(member.memberId, member);
    this.leader ??= member.memberId;
    const { groupInstanceId } = member.details;
    if (groupInstanceId !== null) this.instances.set(groupInstanceId, member.memberId);
  }

  remove(member: ClassicMember): void {
    this.members.delete(member.memberId);
    const { groupInstanceId } = member.details;
    if (groupInstanceId !== null && this.instances.get(groupInstanceId) === member.memberId)
      this.instances.delete(groupInstanceId);
    if (this.leader === member.memberId) this.leader = this.members.keys().next().value ?? null;
  }

  /** A member takes the place of another, in the same order among the members. */
  replace(before: ClassicMember, member: ClassicMember): void {
    const { groupInstanceId } = member.details;
    const members = [...this.members].map(([id, each]) =>
      each === before ? ([member.memberId, member] as const) : ([id, each] as const),
    );
    this.members.clear();
    for (const [id, each] of members) this.members.set(id, each);
    if (groupInstanceId !== null) this.instances.set(groupInstanceId, member.memberId);
    if (this.leader === before.memberId) this.leader = member.memberId;
  }

  /** Whether a member with these protocols could be in it: of one type, and one protocol at least that all speak. */
  supports(protocolType: string, protocols: readonly GroupProtocol[]): boolean {
    if (protocolType === "" || protocols.length === 0) return false;
    if (this.members.size === 0) return true;
    return protocolType === this.protocolType && this.spokenByAll(protocols).size > 0;
  }

  /** The protocol that all members speak and most like best: each votes for the first of its own that all speak. */
  selectProtocol(): string | null {
    const votes = new Map<string, number>();
    const [one] = this.members.values();
    const spoken = this.spokenByAll(one?.details.protocols ?? []);
    for (const { details } of this.members.values()) {
      const vote = details.protocols.find(({ name }) => spoken.has(name))?.name;
      if (vote !== undefined) votes.set(vote, (votes.get(vote) ?? 0) + 1);
    }
    let best: string | null = null;
    for (const [name, count] of votes) if (best === null || count > (votes.get(best) ?? 0)) best = name;
    return best;
  }

  beginGeneration(): void {
    this.generationId++;
    this.protocolName = this.members.size === 0 ? null : this.selectProtocol();
    if (this.members.size === 0) this.leader = null;
  }

  /** What a member is told of the generation that it is in. */
  joined(member: ClassicMember): JoinResult {
    const isLeader = member.memberId === this.leader;
    return {
      errorCode: ErrorCode.NONE,
      generationId: this.generationId,
      protocolType: this.protocolType,
      protocolName: this.protocolName,
      leader: this.leader ?? "",
      skipAssignment: false,
      memberId: member.memberId,
      members: isLeader ? this.membersForLeader() : [],
    };
  }

  membersForLeader(): JoinResult["members"] {
    return [...this.members.values()].map((member) => ({
      memberId: member.memberId,
      groupInstanceId: member.details.groupInstanceId,
      metadata: member.metadataOf(this.protocolName),
    }));
  }

  /** What consumers subscribe to; "unknown" when what they say of it cannot be read. */
  subscribedTopics(): ReadonlySet<string> | "unknown" {
    const topics = new Set<string>();
    for (const member of this.members.values()) {
      const subscribed = subscribedTopicsOf(member.metadataOf(this.protocolName));
      if (subscribed === undefined) return "unknown";
      for (const topic of subscribed) topics.add(topic);
    }
    return topics;
  }

  /** What is written to `__consumer_offsets`; `assignments` stand for those that the members have. */
  record(assignments?: ReadonlyMap<string, Uint8Array>): GroupRecordInput {
    return {
      type: "GroupMetadata",
      key: { groupId: this.groupId },
      value: {
        protocolType: this.protocolType ?? "",
        generation: this.generationId,
        protocol: this.protocolName,
        leader: this.leader,
        currentStateTimestamp: BigInt(this.stateSinceMs),
        members: [...this.members.values()].map((member) => ({
          memberId: member.memberId,
          groupInstanceId: member.details.groupInstanceId,
          clientId: member.details.clientId,
          clientHost: member.details.clientHost,
          rebalanceTimeout: member.details.rebalanceTimeoutMs,
          sessionTimeout: member.details.sessionTimeoutMs,
          subscription: member.metadataOf(this.protocolName),
          assignment: assignments?.get(member.memberId) ?? member.assignment,
        })),
      },
    };
  }

  /** Records that take away all that is kept of it. */
  tombstones(): GroupRecordInput[] {
    return [{ type: "GroupMetadata", key: { groupId: this.groupId }, value: null }];
  }

  /** Those of the protocols that every member speaks. One pass for each member: a client names as many as it likes. */
  private spokenByAll(protocols: readonly GroupProtocol[]): ReadonlySet<string> {
    let spoken = new Set(protocols.map(({ name }) => name));
    for (const { details } of this.members.values()) {
      const common = new Set<string>();
      for (const { name } of details.protocols) if (spoken.has(name)) common.add(name);
      spoken = common;
      if (spoken.size === 0) break;
    }
    return spoken;
  }
}
