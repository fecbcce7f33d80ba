/** Requests to groups of the consumer protocol (KIP-848), and what happens to them without a request. */
import type { TopicsChange } from "../../log/cluster.ts";
import { ErrorCode, KafkaError } from "../../wire/errors.ts";
import type { GroupRecordInput } from "../../wire/group-records.ts";
import type { MemberName } from "./classic-members.ts";
import { ConsumerGroup } from "./consumer-group.ts";
import {
  awayFor,
  checkAssignor,
  checkHeartbeat,
  type ConsumerHeartbeat,
  type ConsumerSurroundings,
  heartbeat,
  leaving,
  withoutMembers,
} from "./consumer-heartbeat.ts";
import { AWAY_EPOCH, JOIN_EPOCH, LEAVE_EPOCH } from "./consumer-member.ts";
import { preferredAssignor } from "./consumer-target.ts";
import type { GroupDraft } from "./group-draft.ts";
import type { GroupRegistry } from "./group-registry.ts";
import type { Owned } from "./partition-sets.ts";
import { TopicPatterns } from "./topic-patterns.ts";

export interface ConsumerHeartbeatAnswer {
  readonly memberId: string;
  readonly memberEpoch: number;
  /** 0: it need not come again. */
  readonly heartbeatIntervalMs: number;
  /** undefined: as the member knows it. */
  readonly assigned: Owned | undefined;
}

export class ConsumerGroups {
  private readonly registry: GroupRegistry;
  private readonly patterns: TopicPatterns;

  constructor(registry: GroupRegistry) {
    const { cluster, clock } = registry.options;
    this.registry = registry;
    this.patterns = new TopicPatterns(cluster, clock);
  }

  /**
   * ConsumerGroupHeartbeat: a member joins, says that it is there, or leaves. Answered when what it changes is durable. Throws
   * KafkaError: what `checkHeartbeat` and `heartbeat` say, GROUP_ID_NOT_FOUND, INVALID_REGULAR_EXPRESSION.
   */
  async heartbeat(asked: ConsumerHeartbeat, needsMemberId: boolean): Promise<ConsumerHeartbeatAnswer> {
    const { registry } = this;
    const { groupId, memberEpoch, regex } = asked;
    checkHeartbeat(asked, needsMemberId);
    checkAssignor(asked.assignor, registry.config.consumerAssignors);
    registry.check(groupId);
    if (memberEpoch === LEAVE_EPOCH || memberEpoch === AWAY_EPOCH) return this.leave(asked);
    const known = registry.groups.get(groupId);
    // An expression that is none is refused before anything is made for it.
    const regexes = new Set(regex === null || regex === "" ? [] : [regex]);
    if (regexes.size > 0) await this.patterns.ready(regexes);
    if (memberEpoch === JOIN_EPOCH) await this.kept(registry.ensureLog());
    if (known?.kind === "consumer" && known.group.isStale)
      for (const each of known.group.regexCounts.keys()) regexes.add(each);
    const { version } = this.patterns;
    const found = await this.patterns.ready(regexes);
    registry.check(groupId);
    // A group may have more expressions than are remembered.
    const matchedBy = (each: string): readonly string[] | undefined =>
      this.patterns.topicsOf(each) ?? (version === this.patterns.version ? found.get(each) : undefined);
    const request = asked.memberId === "" ? { ...asked, memberId: registry.newId() } : asked;
    const { group, before } = this.groupFor(request);
    const { draft, memberId, epoch, assigned } = heartbeat(group, request, {
      ...this.surroundings(groupId),
      matchedBy,
    });
    group.isStale = draft.regexes().some((each) => matchedBy(each) === undefined);
    const keeping = this.keep(draft, before);
    const { sessionTimeoutMs, heartbeatIntervalMs } = registry.settingsOf(groupId);
    this.heard(groupId, memberId, sessionTimeoutMs);
    await keeping;
    return { memberId, memberEpoch: epoch, heartbeatIntervalMs, assigned };
  }

  /** LeaveGroup, by which operators remove members: an error code for each, when that is durable. */
  async remove(group: ConsumerGroup, members: readonly MemberName[]): Promise<number[]> {
    const gone: string[] = [];
    const codes = members.map(({ memberId, groupInstanceId }) => {
      const named = groupInstanceId === null ? memberId : (group.instances.get(groupInstanceId) ?? "");
      if (!group.members.has(named)) return ErrorCode.UNKNOWN_MEMBER_ID;
      // An operator names static members by their instance alone.
      if (groupInstanceId !== null && memberId !== "" && named !== memberId)
        return ErrorCode.FENCED_INSTANCE_ID;
      gone.push(named);
      return ErrorCode.NONE;
    });
    await this.keep(withoutMembers(group, new Set(gone), this.surroundings(group.groupId)));
    return codes;
  }

  /** The name of the assignor that a group's partitions are assigned by. */
  assignorOf(group: ConsumerGroup): string {
    return preferredAssignor(group.members.values()) ?? this.defaultAssignor;
  }

  /** A member is given up. */
  giveUp(groupId: string, memberId: string, why: string): void {
    const { registry } = this;
    const live = registry.groups.get(groupId);
    if (!registry.isServing || live?.kind !== "consumer" || !live.group.members.has(memberId)) return;
    registry.options.log.info(`consumer group ${groupId} goes on without ${memberId}: ${why}`);
    const draft = withoutMembers(live.group, [memberId], this.surroundings(groupId));
    this.keep(draft).catch((error: unknown) => {
      registry.options.log.warn(`a member of group ${groupId} could not be removed: ${String(error)}`);
      const still = registry.groups.get(groupId);
      if (still?.kind === "consumer") still.again(memberId, registry.settingsOf(groupId).sessionTimeoutMs);
    });
  }

  /** All members that were kept have a session to say that they are still there. */
  loaded(): void {
    for (const [groupId, live] of this.registry.groups) {
      if (live.kind !== "consumer") continue;
      const { sessionTimeoutMs } = this.registry.settingsOf(groupId);
      for (const memberId of live.group.members.keys()) live.heard(memberId, sessionTimeoutMs);
    }
  }

  topicsChanged({ kind, topic: { name } }: TopicsChange): void {
    if (kind === "created") this.patterns.created(name);
    if (kind === "deleted") this.patterns.deleted(name);
    for (const { kind: protocol, group } of this.registry.groups.values()) {
      if (protocol !== "consumer" || group.kind !== "consumer") continue;
      if (group.isSubscribedTo(name) || (kind === "created" && group.regexCounts.size > 0))
        group.isStale = true;
    }
  }

  private async leave(request: ConsumerHeartbeat): Promise<ConsumerHeartbeatAnswer> {
    const { groupId, memberId, memberEpoch } = request;
    const live = this.registry.groups.get(groupId);
    if (live?.kind !== "consumer") throw notFound(groupId);
    const member = leaving(live.group, request);
    await this.keep(
      memberEpoch === AWAY_EPOCH
        ? awayFor(live.group, member)
        : withoutMembers(live.group, [member.memberId], this.surroundings(groupId)),
    );
    return { memberId, memberEpoch, heartbeatIntervalMs: 0, assigned: undefined };
  }

  /** The group that a member is of, and what is to be written before: one that joins takes the place of an empty classic group. */
  private groupFor({ groupId, memberEpoch }: ConsumerHeartbeat): {
    group: ConsumerGroup;
    before: readonly GroupRecordInput[];
  } {
    const live = this.registry.groups.get(groupId);
    if (live?.kind === "consumer") return { group: live.group, before: [] };
    if (memberEpoch !== JOIN_EPOCH || live?.group.isEmpty === false) throw notFound(groupId);
    return { group: new ConsumerGroup(groupId), before: live?.group.tombstones() ?? [] };
  }

  private surroundings(groupId: string): Omit<ConsumerSurroundings, "matchedBy"> {
    const { registry } = this;
    return {
      topics: registry.options.cluster,
      nowMs: registry.nowMs(),
      membersMax: registry.config.consumerMembersMax,
      defaultAssignor: this.defaultAssignor,
      assignmentIntervalMs: registry.settingsOf(groupId).assignmentIntervalMs,
    };
  }

  private get defaultAssignor(): string {
    return this.registry.config.consumerAssignors[0] ?? "uniform";
  }

  /** Writes what a draft says; where it says nothing, waits until what it has seen is durable. */
  private async keep(
    { group, records }: GroupDraft,
    before: readonly GroupRecordInput[] = [],
  ): Promise<void> {
    if (records.length === 0) return this.registry.durable();
    const keeping = this.registry.append(group.groupId, [...before, ...records]);
    await this.kept(keeping).catch((error: unknown) => {
      // What was seen of the topics with it has not been kept.
      group.isStale = true;
      throw error;
    });
  }

  /** A log that does not take what is written is an error that clients know to try again after. */
  private async kept(keeping: Promise<void>): Promise<void> {
    try {
      await keeping;
    } catch (error) {
      if (error instanceof KafkaError && error.code !== ErrorCode.KAFKA_STORAGE_ERROR) throw error;
      this.registry.options.log.error(`consumer groups cannot be kept: ${String(error)}`);
      throw new KafkaError(
        ErrorCode.COORDINATOR_NOT_AVAILABLE,
        "the group cannot be kept now; the node's log says why",
        { cause: error },
      );
    }
  }

  private heard(groupId: string, memberId: string, sessionTimeoutMs: number): void {
    const live = this.registry.groups.get(groupId);
    if (live?.kind === "consumer") live.heard(memberId, sessionTimeoutMs);
  }
}

function notFound(groupId: string): KafkaError {
  return new KafkaError(
    ErrorCode.GROUP_ID_NOT_FOUND,
    `Group ${groupId} is not a consumer group, or not there.`,
  );
}
