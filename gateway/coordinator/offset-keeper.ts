/** What groups commit and read back, and when it is no longer kept. */
import type { Cluster, Topic } from "../../log/cluster.ts";
import { ErrorCode, KafkaError } from "../../wire/errors.ts";
import type { MemberName } from "./classic-members.ts";
import { unknownMember } from "./classic-members.ts";
import type { Rebalance } from "./classic-rebalance.ts";
import {
  type CommittedOffset,
  type GroupOffsets,
  isOfTopic,
  type OffsetChange,
} from "./committed-offsets.ts";
import type { ConsumerGroup } from "./consumer-group.ts";
import { Deadline } from "./deadlines.ts";
import type { GroupRegistry } from "./group-registry.ts";
import { expiredOffsets } from "./offset-expiry.ts";
import type { TopicPartition } from "./topic-partition.ts";

export interface OffsetToCommit {
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
  readonly offset: bigint;
  readonly leaderEpoch: number;
  readonly metadata: string;
}

export interface CommitRequest extends MemberName {
  readonly groupId: string;
  /** Of a classic group its generation, of a consumer group the member's epoch; -1: by nobody of the group. */
  readonly epoch: number;
  /** Whether the request can be of a member of a consumer group: from OffsetCommit version 9 on. */
  readonly mayBeConsumer: boolean;
  readonly offsets: readonly OffsetToCommit[];
}

/** Who reads offsets, where it says so; a member of a consumer group has to be of its epoch. */
export interface OffsetReader {
  /** null: nobody of the group. */
  readonly memberId: string | null;
  readonly memberEpoch: number;
}

/** The error code that one offset is refused with; undefined: it is taken. */
type Judgement = (offset: OffsetToCommit) => number | undefined;

const NOBODY: OffsetReader = { memberId: null, memberEpoch: -1 };
const encoder = new TextEncoder();

export class OffsetKeeper {
  private readonly registry: GroupRegistry;
  private readonly cluster: Cluster;
  private readonly expiry: Deadline;

  constructor(registry: GroupRegistry) {
    this.registry = registry;
    this.cluster = registry.options.cluster;
    this.expiry = new Deadline(() => this.expire());
  }

  /** OffsetCommit: an error code for each offset, when those that were taken are durable. Throws KafkaError for all of them. */
  async commit(request: CommitRequest): Promise<number[]> {
    const { registry } = this;
    const { groupId, offsets } = request;
    registry.check(groupId);
    const judged = this.judged(request);
    if (judged.every((code) => code !== ErrorCode.NONE)) return judged;
    await registry.ensureLog();
    registry.check(groupId);
    // While the topic was made members may have joined.
    const codes = this.judged(request);
    const taken = offsets.filter((_, index) => codes[index] === ErrorCode.NONE);
    if (taken.length === 0) return codes;
    const committedAtMs = registry.nowMs();
    await registry.append(
      groupId,
      [],
      taken.map(({ topic, topicId, partition, offset, leaderEpoch, metadata }) => ({
        topic,
        partition,
        value: { offset, leaderEpoch, metadata, committedAtMs, expiresAtMs: undefined, topicId },
      })),
    );
    return codes;
  }

  /**
   * OffsetFetch: what `read` makes of a group's offsets, when all that it has seen is durable; a group that is not there has
   * none. Throws KafkaError UNKNOWN_MEMBER_ID, STALE_MEMBER_EPOCH for a reader that is not of the group.
   */
  async committed<T>(
    groupId: string,
    read: (offsets: GroupOffsets) => T,
    reader: OffsetReader = NOBODY,
  ): Promise<T> {
    this.registry.check(groupId);
    this.checkReader(groupId, reader);
    // Read before it waits: what is committed while it does may not come to be.
    const found = read(this.registry.offsets.of(groupId));
    await this.registry.durable();
    return found;
  }

  /** OffsetDelete: an error code for each partition. Throws KafkaError GROUP_ID_NOT_FOUND, NON_EMPTY_GROUP. */
  async delete(groupId: string, partitions: readonly TopicPartition[]): Promise<number[]> {
    const { registry } = this;
    registry.check(groupId);
    if (groupId === "") throw new KafkaError(ErrorCode.INVALID_GROUP_ID, "the group has no id; give it one");
    const { group } = registry.known(groupId);
    if (!group.isEmpty && !group.isConsumers) {
      throw new KafkaError(
        ErrorCode.NON_EMPTY_GROUP,
        `group ${groupId} has members; stop them before its offsets are deleted`,
      );
    }
    const subscribed = group.subscribedTopics();
    const gone: OffsetChange[] = [];
    const results = partitions.map(({ topic, partition }) => {
      if (subscribed === "unknown" || subscribed.has(topic)) return ErrorCode.GROUP_SUBSCRIBED_TO_TOPIC;
      if (registry.offsets.of(groupId).get(topic)?.has(partition) === true)
        gone.push({ topic, partition, value: null });
      return ErrorCode.NONE;
    });
    if (gone.length > 0) await registry.append(groupId, [], gone);
    return results;
  }

  /** Takes away offsets of topics that are not there: they may have been deleted when nobody heard of it. */
  forgetMissing(): void {
    // The next topic of the same name begins without offsets.
    this.forget((name, offset) => {
      const topic = this.cluster.topic(name);
      return topic === undefined || !isOfTopic(offset, topic.id);
    });
  }

  forgetTopic(topic: Topic): void {
    this.forget((name, offset) => name === topic.name && isOfTopic(offset, topic.id));
  }

  /** Looks every so often for offsets that are no longer kept, while there are groups. */
  watch(): void {
    this.registry.deadlines.set(this.expiry, this.registry.config.offsetsCheckIntervalMs);
  }

  /** Those of a group that `which` names, as changes that take them away. */
  changesToForget(
    groupId: string,
    which: (topic: string, offset: CommittedOffset) => boolean,
  ): OffsetChange[] {
    return [...this.registry.offsets.of(groupId)].flatMap(([topic, partitions]) =>
      [...partitions]
        .filter(([, offset]) => which(topic, offset))
        .map(([partition]) => ({ topic, partition, value: null })),
    );
  }

  private forget(which: (topic: string, offset: CommittedOffset) => boolean): void {
    const { registry } = this;
    if (!registry.isServing) return;
    for (const groupId of registry.offsets.groups()) {
      const gone = registry.groups.has(groupId) ? this.changesToForget(groupId, which) : [];
      if (gone.length > 0) registry.appendAside(groupId, [], gone);
    }
  }

  private expire(): void {
    const { registry } = this;
    if (!registry.isServing) return;
    const nowMs = registry.nowMs();
    for (const [groupId, live] of registry.groups) {
      const offsets = registry.offsets.of(groupId);
      const gone = expiredOffsets(live.group, offsets, nowMs, registry.config.offsetsRetentionMs);
      let left = -gone.length;
      for (const partitions of offsets.values()) left += partitions.size;
      const isAwaited = live.kind === "classic" && live.pendingMembers > 0;
      const isOver = live.group.state === "Empty" && !isAwaited && left === 0;
      if (isOver || gone.length > 0)
        registry.appendAside(
          groupId,
          isOver ? live.group.tombstones() : [],
          gone.map((each) => ({ ...each, value: null })),
        );
    }
    if (registry.groups.size > 0) this.watch();
  }

  /** An error code for each offset, or NONE. */
  private judged(request: CommitRequest): number[] {
    const judge = this.judge(request);
    return request.offsets.map(
      (offset) =>
        judge(offset) ??
        (this.isMetadataInBounds(offset) ? ErrorCode.NONE : ErrorCode.OFFSET_METADATA_TOO_LARGE),
    );
  }

  private judge(request: CommitRequest): Judgement {
    const { groupId, epoch, mayBeConsumer } = request;
    const live = this.registry.groups.get(groupId);
    if (live?.kind === "consumer") return consumerJudgement(live.group, request);
    const refusal =
      live === undefined
        ? epoch < 0
          ? undefined
          : mayBeConsumer
            ? ErrorCode.GROUP_ID_NOT_FOUND
            : ErrorCode.ILLEGAL_GENERATION
        : classicRefusal(live, request);
    return () => refusal;
  }

  private checkReader(groupId: string, { memberId, memberEpoch }: OffsetReader): void {
    const live = this.registry.groups.get(groupId);
    if (live?.kind !== "consumer" || (memberId === null && memberEpoch < 0)) return;
    const member = live.group.members.get(memberId ?? "");
    if (member === undefined)
      throw new KafkaError(ErrorCode.UNKNOWN_MEMBER_ID, `${memberId ?? ""} is no member of group ${groupId}`);
    if (member.epoch !== memberEpoch)
      throw new KafkaError(
        ErrorCode.STALE_MEMBER_EPOCH,
        `the member is in epoch ${member.epoch}, and reads as of ${memberEpoch}`,
      );
  }

  private isMetadataInBounds({ metadata }: OffsetToCommit): boolean {
    const most = this.registry.config.offsetMetadataBytesMax;
    return metadata.length <= most && encoder.encode(metadata).length <= most;
  }
}

function classicRefusal(
  rebalance: Rebalance,
  { memberId, groupInstanceId, epoch }: CommitRequest,
): number | undefined {
  const { group } = rebalance;
  // Who assigns its partitions by itself commits to a group without members.
  if (epoch < 0 && group.state === "Empty") return undefined;
  const unknown = unknownMember(group, memberId, groupInstanceId);
  const member = group.members.get(memberId);
  if (unknown !== undefined || member === undefined) return unknown ?? ErrorCode.UNKNOWN_MEMBER_ID;
  if (epoch !== group.generationId) return ErrorCode.ILLEGAL_GENERATION;
  if (group.state === "CompletingRebalance") return ErrorCode.REBALANCE_IN_PROGRESS;
  rebalance.heard(member);
  return undefined;
}

/** A member that has not heard of its epoch yet may commit what it was given in that one or before (KIP-1251). */
function consumerJudgement(group: ConsumerGroup, request: CommitRequest): Judgement {
  const { memberId, epoch, mayBeConsumer } = request;
  if (epoch < 0 && group.isEmpty) return () => undefined;
  const member = group.members.get(memberId);
  if (member === undefined) return () => ErrorCode.UNKNOWN_MEMBER_ID;
  if (!mayBeConsumer) return () => ErrorCode.UNSUPPORTED_VERSION;
  if (epoch === member.epoch) return () => undefined;
  if (epoch > member.epoch) return () => ErrorCode.STALE_MEMBER_EPOCH;
  return ({ topicId, partition }) => {
    const since =
      member.assigned.get(topicId)?.get(partition) ?? member.revoking.get(topicId)?.get(partition);
    return since === undefined || epoch < since ? ErrorCode.STALE_MEMBER_EPOCH : undefined;
  };
}
