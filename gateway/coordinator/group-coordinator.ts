/** The coordinator of all groups of a node: requests to classic groups, and what is asked of groups of either protocol. */
import type { FencedPartition, TopicsChange } from "../../log/cluster.ts";
import { ErrorCode, KafkaError } from "../../wire/errors.ts";
import type { ClassicGroup } from "./classic-group.ts";
import { join, type JoinRequest } from "./classic-join.ts";
import { joinFailure, type JoinResult, syncFailure, type SyncResult } from "./classic-member.ts";
import { heartbeat, leave, type MemberName, sync, type SyncRequest } from "./classic-members.ts";
import type { Rebalance } from "./classic-rebalance.ts";
import type { ConsumerGroup } from "./consumer-group.ts";
import { ConsumerGroups } from "./consumer-groups.ts";
import { type GroupCoordinatorOptions, GroupRegistry } from "./group-registry.ts";
import { OffsetKeeper } from "./offset-keeper.ts";

/** A group of either protocol. */
export type Group = ClassicGroup | ConsumerGroup;

export class GroupCoordinator {
  readonly offsets: OffsetKeeper;
  readonly consumers: ConsumerGroups;
  private readonly registry: GroupRegistry;
  private readonly stopListening: () => void;

  constructor(options: GroupCoordinatorOptions) {
    this.registry = new GroupRegistry(options, {
      loaded: () => this.loaded(),
      begun: () => this.offsets.watch(),
      giveUp: (groupId, memberId, why) => this.consumers.giveUp(groupId, memberId, why),
    });
    this.offsets = new OffsetKeeper(this.registry);
    this.consumers = new ConsumerGroups(this.registry);
    this.stopListening = options.cluster.onTopicsChanged((change) => this.topicsChanged(change));
  }

  /** Folds what was kept. Until it is done requests are answered with COORDINATOR_LOAD_IN_PROGRESS. */
  load(): Promise<void> {
    return this.registry.load();
  }

  /** Loads, again and again while it cannot be. */
  loadUntilDone(): Promise<void> {
    return this.registry.loadUntilDone();
  }

  /** Answers whoever waits, with NOT_COORDINATOR, and takes no more requests. */
  close(): void {
    this.stopListening();
    this.registry.close();
  }

  /** JoinGroup. Waits until the generation that it joins is complete. */
  async join(request: JoinRequest): Promise<JoinResult> {
    const { registry } = this;
    const { groupId, memberId, sessionTimeoutMs } = request;
    const refusal = registry.refusal(groupId);
    if (refusal !== undefined) return joinFailure(refusal, memberId);
    const { sessionTimeoutMinMs, sessionTimeoutMaxMs } = registry.config;
    if (sessionTimeoutMs < sessionTimeoutMinMs || sessionTimeoutMs > sessionTimeoutMaxMs)
      return joinFailure(ErrorCode.INVALID_SESSION_TIMEOUT, memberId);
    if (!registry.groups.has(groupId) && memberId !== "")
      return joinFailure(ErrorCode.UNKNOWN_MEMBER_ID, memberId);
    try {
      await registry.ensureLog();
      await this.replaceEmptyConsumerGroup(request);
    } catch (error) {
      registry.options.log.error(`groups cannot be kept: ${String(error)}`);
      return joinFailure(ErrorCode.COORDINATOR_NOT_AVAILABLE, memberId);
    }
    const refusedNow = registry.refusal(groupId);
    if (refusedNow !== undefined) return joinFailure(refusedNow, memberId);
    const live = registry.groupOf(groupId);
    if (live.kind === "classic") return join(live, request);
    return joinFailure(
      live.group.isEmpty ? ErrorCode.UNKNOWN_MEMBER_ID : ErrorCode.INCONSISTENT_GROUP_PROTOCOL,
      memberId,
    );
  }

  /** SyncGroup. Waits until the leader has decided and that is durable. */
  async sync(request: SyncRequest): Promise<SyncResult> {
    // Where it was is forgotten: its client is to join anew, and clients know no other error here that says so.
    if (this.registry.isLoading) return syncFailure(ErrorCode.REBALANCE_IN_PROGRESS);
    const refusal = this.registry.refusal(request.groupId);
    if (refusal !== undefined) return syncFailure(refusal);
    const rebalance = this.classic(request.groupId);
    return rebalance === undefined ? syncFailure(ErrorCode.UNKNOWN_MEMBER_ID) : sync(rebalance, request);
  }

  /** Heartbeat: the error code of its answer. */
  heartbeat(groupId: string, member: MemberName, generationId: number): number {
    // Whether the member is known will be known: until then it is believed, as in Kafka.
    if (this.registry.isLoading) return ErrorCode.NONE;
    const refusal = this.registry.refusal(groupId);
    if (refusal !== undefined) return refusal;
    const rebalance = this.classic(groupId);
    return rebalance === undefined ? ErrorCode.UNKNOWN_MEMBER_ID : heartbeat(rebalance, member, generationId);
  }

  /** LeaveGroup: an error code for each member. Throws KafkaError where the group as a whole is refused. */
  async leave(groupId: string, members: readonly MemberName[]): Promise<number[]> {
    this.registry.check(groupId);
    if (groupId === "") throw new KafkaError(ErrorCode.INVALID_GROUP_ID, "the group has no id; give it one");
    const live = this.registry.groups.get(groupId);
    if (live === undefined) return members.map(() => ErrorCode.UNKNOWN_MEMBER_ID);
    return live.kind === "classic" ? leave(live, members) : this.consumers.remove(live.group, members);
  }

  /** Removes a group without members, and its offsets. Throws KafkaError GROUP_ID_NOT_FOUND, NON_EMPTY_GROUP. */
  async delete(groupId: string): Promise<void> {
    this.registry.check(groupId);
    const { group } = this.registry.known(groupId);
    if (!group.isEmpty) {
      throw new KafkaError(
        ErrorCode.NON_EMPTY_GROUP,
        `group ${groupId} has members; stop them before it is deleted`,
      );
    }
    const offsets = this.offsets.changesToForget(groupId, () => true);
    await this.registry.append(groupId, group.tombstones(), offsets);
  }

  /** A group, for those that describe it; undefined when it is not there. Throws KafkaError. */
  describe(groupId: string): Group | undefined {
    this.registry.check(groupId);
    return this.registry.groups.get(groupId)?.group;
  }

  /** Partitions whose groups are not served until they are mended and the node is restarted, and why. */
  unreadable(): FencedPartition[] {
    return this.registry.unreadable;
  }

  /** All groups. Throws KafkaError COORDINATOR_LOAD_IN_PROGRESS. */
  list(): Group[] {
    this.registry.check();
    return Array.from(this.registry.groups.values(), ({ group }) => group);
  }

  private classic(groupId: string): Rebalance | undefined {
    const live = this.registry.groups.get(groupId);
    return live?.kind === "classic" ? live : undefined;
  }

  /** A consumer group that nobody is in gives way to a classic one; what it has committed stays. */
  private async replaceEmptyConsumerGroup({ groupId, memberId }: JoinRequest): Promise<void> {
    const live = this.registry.groups.get(groupId);
    if (live?.kind !== "consumer" || !live.group.isEmpty || memberId !== "") return;
    const keeping = this.registry.append(groupId, live.group.tombstones());
    if (!this.registry.groups.has(groupId)) this.registry.becomeClassic(groupId);
    await keeping;
  }

  private loaded(): void {
    if (this.registry.hasLog) this.offsets.watch();
    this.consumers.loaded();
    this.offsets.forgetMissing();
  }

  private topicsChanged(change: TopicsChange): void {
    if (change.kind === "deleted") this.offsets.forgetTopic(change.topic);
    this.consumers.topicsChanged(change);
  }
}
