/**
 * The coordinator of all groups of a node: their members in memory, what outlives them in `__consumer_offsets`. Host free: the
 * clock, the log and the source of ids are handed in.
 */
import type { Clock } from "../../log/clock.ts";
import type { Cluster, Topic } from "../../log/cluster.ts";
import type { Engine } from "../../log/engine.ts";
import type { Logger } from "../../log/logger.ts";
import { newUuid } from "../../log/uuid-text.ts";
import { ErrorCode, KafkaError } from "../../wire/errors.ts";
import type { GroupRecord, GroupRecordInput } from "../../wire/group-records.ts";
import { ClassicGroup, type GroupMetadataValue } from "./classic-group.ts";
import { join, type JoinRequest } from "./classic-join.ts";
import {
  ClassicMember,
  joinFailure,
  type JoinResult,
  syncFailure,
  type SyncResult,
} from "./classic-member.ts";
import {
  heartbeat,
  leave,
  type MemberName,
  sync,
  type SyncRequest,
  unknownMember,
} from "./classic-members.ts";
import { type GroupHost, Rebalance } from "./classic-rebalance.ts";
import {
  changeOf,
  type CommittedOffset,
  CommittedOffsets,
  type GroupOffsets,
  isOfTopic,
  type OffsetChange,
  recordOf,
} from "./committed-offsets.ts";
import { Deadline, Deadlines } from "./deadlines.ts";
import { type GroupConfig, groupConfig } from "./group-config.ts";
import { GroupLog, OFFSETS_TOPIC } from "./group-log.ts";
import { expiredOffsets } from "./offset-expiry.ts";
import type { TopicPartition } from "./topic-partition.ts";

export interface GroupCoordinatorOptions {
  readonly cluster: Cluster;
  readonly engine: Engine;
  readonly clock: Clock;
  /** 16 bytes that nobody can guess. */
  readonly random: () => Uint8Array;
  readonly log: Logger;
}

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
  /** -1: by nobody of the group. */
  readonly generationId: number;
  readonly offsets: readonly OffsetToCommit[];
}

const encoder = new TextEncoder();

export class GroupCoordinator {
  readonly config: GroupConfig;
  private readonly options: GroupCoordinatorOptions;
  private readonly groupLog: GroupLog;
  private readonly deadlines: Deadlines;
  private readonly host: GroupHost;
  private readonly groups = new Map<string, Rebalance>();
  private offsets = new CommittedOffsets();
  /** Resolves when all that was appended so far is durable, or was not taken. */
  private appended: Promise<unknown> = Promise.resolve();
  private state: "loading" | "serving" | "closed" = "loading";
  private readonly expiry: Deadline;
  private readonly stopListening: () => void;
  /** Gives up waiting until the log is read again. */
  private stopWaiting: (() => void) | undefined;

  constructor(options: GroupCoordinatorOptions) {
    const { cluster, clock, log, random } = options;
    this.options = options;
    this.config = groupConfig(cluster.config);
    this.groupLog = new GroupLog({ ...options, config: this.config });
    this.deadlines = new Deadlines(clock);
    this.host = {
      config: this.config,
      deadlines: this.deadlines,
      log,
      nowMs: () => clock.now(),
      newId: () => newUuid(random),
      keep: (group, assignments) => this.append(group.groupId, [group.record(assignments)]),
    };
    this.expiry = new Deadline(() => this.expire());
    this.stopListening = cluster.onTopicsChanged(({ kind, topic }) => {
      if (kind === "deleted") this.forgetTopic(topic);
    });
  }

  /** Folds what was kept. Until it is done requests are answered with COORDINATOR_LOAD_IN_PROGRESS. */
  async load(): Promise<void> {
    const metadata = new Map<string, GroupMetadataValue>();
    const offsets = new CommittedOffsets();
    for await (const record of this.groupLog.records()) fold(record, metadata, offsets);
    if (this.state === "closed") return;
    this.offsets = offsets;
    const isServed = (groupId: string): boolean => !this.groupLog.isUnreadable(groupId);
    for (const [groupId, value] of metadata) if (isServed(groupId)) this.restore(groupId, value);
    for (const groupId of offsets.groups()) if (isServed(groupId)) this.groupOf(groupId);
    this.state = "serving";
    if (this.groupLog.exists) this.watchExpiry();
    // Topics may have been deleted when nobody heard of it, and the next one of the same name begins without offsets.
    this.forget((name, offset) => {
      const topic = this.options.cluster.topic(name);
      return topic === undefined || !isOfTopic(offset, topic.id);
    });
  }

  /** Answers whoever waits, with NOT_COORDINATOR, and takes no more requests. */
  close(): void {
    this.state = "closed";
    this.stopListening();
    this.stopWaiting?.();
    for (const rebalance of this.groups.values()) rebalance.close(ErrorCode.NOT_COORDINATOR);
    this.deadlines.clear();
  }

  /** JoinGroup. Waits until the generation that it joins is complete. */
  async join(request: JoinRequest): Promise<JoinResult> {
    const { groupId, memberId, sessionTimeoutMs } = request;
    const refusal = this.refusal(groupId);
    if (refusal !== undefined) return joinFailure(refusal, memberId);
    const { sessionTimeoutMinMs, sessionTimeoutMaxMs } = this.config;
    if (sessionTimeoutMs < sessionTimeoutMinMs || sessionTimeoutMs > sessionTimeoutMaxMs)
      return joinFailure(ErrorCode.INVALID_SESSION_TIMEOUT, memberId);
    if (!this.groups.has(groupId) && memberId !== "")
      return joinFailure(ErrorCode.UNKNOWN_MEMBER_ID, memberId);
    try {
      await this.groupLog.ensure();
    } catch (error) {
      this.options.log.error(`groups cannot be kept: ${String(error)}`);
      return joinFailure(ErrorCode.COORDINATOR_NOT_AVAILABLE, memberId);
    }
    const refusedNow = this.refusal(groupId);
    return refusedNow === undefined
      ? join(this.groupOf(groupId), request)
      : joinFailure(refusedNow, memberId);
  }

  /** SyncGroup. Waits until the leader has decided and that is durable. */
  async sync(request: SyncRequest): Promise<SyncResult> {
    // Where it was is forgotten: its client is to join anew, and clients know no other error here that says so.
    if (this.state === "loading") return syncFailure(ErrorCode.REBALANCE_IN_PROGRESS);
    const refusal = this.refusal(request.groupId);
    if (refusal !== undefined) return syncFailure(refusal);
    const rebalance = this.groups.get(request.groupId);
    return rebalance === undefined ? syncFailure(ErrorCode.UNKNOWN_MEMBER_ID) : sync(rebalance, request);
  }

  /** Heartbeat: the error code of its answer. */
  heartbeat(groupId: string, member: MemberName, generationId: number): number {
    // Whether the member is known will be known: until then it is believed, as in Kafka.
    if (this.state === "loading") return ErrorCode.NONE;
    const refusal = this.refusal(groupId);
    if (refusal !== undefined) return refusal;
    const rebalance = this.groups.get(groupId);
    return rebalance === undefined ? ErrorCode.UNKNOWN_MEMBER_ID : heartbeat(rebalance, member, generationId);
  }

  /** LeaveGroup: an error code for each member. Throws KafkaError where the group as a whole is refused. */
  leave(groupId: string, members: readonly MemberName[]): number[] {
    this.check(groupId);
    checkNamed(groupId);
    const rebalance = this.groups.get(groupId);
    if (rebalance === undefined) return members.map(() => ErrorCode.UNKNOWN_MEMBER_ID);
    return leave(rebalance, members);
  }

  /** OffsetCommit: an error code for each offset, when those that were taken are durable. Throws KafkaError for all of them. */
  async commit(request: CommitRequest): Promise<number[]> {
    const { groupId, offsets } = request;
    this.check(groupId);
    const refusal = this.commitRefusal(request);
    if (refusal !== undefined) return offsets.map(() => refusal);
    const committedAtMs = this.options.clock.now();
    const taken = offsets.filter((each) => this.isMetadataInBounds(each));
    if (taken.length > 0) {
      await this.groupLog.ensure();
      this.check(groupId);
      // While the topic was made members may have joined.
      const refusalNow = this.commitRefusal(request);
      if (refusalNow !== undefined) return offsets.map(() => refusalNow);
      this.groupOf(groupId);
      await this.append(
        groupId,
        [],
        taken.map(({ topic, topicId, partition, offset, leaderEpoch, metadata }) => ({
          topic,
          partition,
          value: { offset, leaderEpoch, metadata, committedAtMs, expiresAtMs: undefined, topicId },
        })),
      );
    }
    return offsets.map((each) =>
      this.isMetadataInBounds(each) ? ErrorCode.NONE : ErrorCode.OFFSET_METADATA_TOO_LARGE,
    );
  }

  /**
   * OffsetFetch: what `read` makes of a group's offsets, when all that it has seen is durable; a group that is not there has
   * none. Throws KafkaError.
   */
  async committed<T>(groupId: string, read: (offsets: GroupOffsets) => T): Promise<T> {
    this.check(groupId);
    const { offsets } = this;
    // Read before it waits: what is committed while it does may not come to be.
    const found = read(offsets.of(groupId));
    await this.appended;
    this.check(groupId);
    if (offsets === this.offsets) return found;
    throw new KafkaError(ErrorCode.COORDINATOR_LOAD_IN_PROGRESS, "groups were read from the log; try again");
  }

  /** OffsetDelete: an error code for each partition. Throws KafkaError GROUP_ID_NOT_FOUND, NON_EMPTY_GROUP. */
  async deleteOffsets(groupId: string, partitions: readonly TopicPartition[]): Promise<number[]> {
    this.check(groupId);
    checkNamed(groupId);
    const group = this.known(groupId);
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
      if (this.offsets.of(groupId).get(topic)?.has(partition) === true)
        gone.push({ topic, partition, value: null });
      return ErrorCode.NONE;
    });
    if (gone.length > 0) await this.append(groupId, [], gone);
    return results;
  }

  /** Removes a group without members, and its offsets. Throws KafkaError GROUP_ID_NOT_FOUND, NON_EMPTY_GROUP. */
  async delete(groupId: string): Promise<void> {
    this.check(groupId);
    const group = this.known(groupId);
    if (!group.isEmpty) {
      throw new KafkaError(
        ErrorCode.NON_EMPTY_GROUP,
        `group ${groupId} has members; stop them before it is deleted`,
      );
    }
    const offsets = this.offsetsToForget(groupId, () => true);
    await this.append(groupId, [groupTombstone(groupId)], offsets);
  }

  /** A group, for DescribeGroups; undefined when it is not there. Throws KafkaError. */
  describe(groupId: string): ClassicGroup | undefined {
    this.check(groupId);
    return this.groups.get(groupId)?.group;
  }

  /** All groups. Throws KafkaError COORDINATOR_LOAD_IN_PROGRESS. */
  list(): ClassicGroup[] {
    this.check();
    return [...this.groups.values()].map(({ group }) => group);
  }

  /** The error that requests of this group, or of any, are answered with now; an empty id is refused by those that name one. */
  private refusal(groupId?: string): number | undefined {
    if (this.state === "loading") return ErrorCode.COORDINATOR_LOAD_IN_PROGRESS;
    if (this.state === "closed") return ErrorCode.NOT_COORDINATOR;
    if (groupId === undefined) return undefined;
    // What it has committed is not known: taken for a new group, its consumers would begin anew.
    if (this.groupLog.isUnreadable(groupId)) return ErrorCode.COORDINATOR_NOT_AVAILABLE;
    return groupId === "" ? ErrorCode.INVALID_GROUP_ID : undefined;
  }

  /** Throws KafkaError while no requests are taken. Offsets alone may be kept under an empty id, as in Kafka. */
  private check(groupId?: string): void {
    const refusal = this.refusal(groupId);
    if (refusal === undefined || refusal === ErrorCode.INVALID_GROUP_ID) return;
    const why = {
      loading: "groups are being read from the log; try again",
      serving: `the partition of ${OFFSETS_TOPIC} that keeps the group cannot be read; the node's log says why`,
      closed: "the node is stopping",
    };
    throw new KafkaError(refusal, why[this.state]);
  }

  private commitRefusal({
    groupId,
    memberId,
    groupInstanceId,
    generationId,
  }: CommitRequest): number | undefined {
    const rebalance = this.groups.get(groupId);
    if (rebalance === undefined) return generationId < 0 ? undefined : ErrorCode.ILLEGAL_GENERATION;
    const { group } = rebalance;
    // Who assigns its partitions by itself commits to a group without members.
    if (generationId < 0 && group.state === "Empty") return undefined;
    const unknown = unknownMember(group, memberId, groupInstanceId);
    const member = group.members.get(memberId);
    if (unknown !== undefined || member === undefined) return unknown ?? ErrorCode.UNKNOWN_MEMBER_ID;
    if (generationId !== group.generationId) return ErrorCode.ILLEGAL_GENERATION;
    if (group.state === "CompletingRebalance") return ErrorCode.REBALANCE_IN_PROGRESS;
    rebalance.heard(member);
    return undefined;
  }

  private isMetadataInBounds({ metadata }: OffsetToCommit): boolean {
    const most = this.config.offsetMetadataBytesMax;
    return metadata.length <= most && encoder.encode(metadata).length <= most;
  }

  private known(groupId: string): ClassicGroup {
    const group = this.groups.get(groupId)?.group;
    if (group !== undefined) return group;
    throw new KafkaError(ErrorCode.GROUP_ID_NOT_FOUND, `there is no group ${groupId}`);
  }

  private groupOf(groupId: string): Rebalance {
    let rebalance = this.groups.get(groupId);
    if (rebalance === undefined) {
      rebalance = new Rebalance(new ClassicGroup(groupId, this.options.clock.now()), this.host);
      this.groups.set(groupId, rebalance);
      if (this.groups.size === 1) this.watchExpiry();
    }
    return rebalance;
  }

  private drop(groupId: string): void {
    this.groups.get(groupId)?.close(ErrorCode.UNKNOWN_MEMBER_ID);
    this.groups.delete(groupId);
  }

  /**
   * Appends, and applies what offsets and a group's end say at once: what comes next sees it, and who reads waits until it is
   * durable. When it cannot be kept, memory is ahead of the log, and everything is read from there anew; what is refused at
   * once changes nothing. Never throws but by its promise: timers call it.
   */
  private async append(
    groupId: string,
    records: readonly GroupRecordInput[],
    changes: readonly OffsetChange[] = [],
  ): Promise<void> {
    const all = [...changes.map((change) => recordOf(groupId, change)), ...records];
    const durable = this.groupLog.append(groupId, all);
    for (const change of changes) this.offsets.apply(groupId, change);
    if (records.some(({ type, value }) => type === "GroupMetadata" && value === null)) this.drop(groupId);
    const settled = durable.catch((error: unknown) => {
      this.reload(error);
      throw error;
    });
    this.appended = Promise.all([this.appended, settled.catch(() => {})]);
    await settled;
  }

  private reload(cause: unknown): void {
    if (this.state !== "serving") return;
    this.options.log.error(
      `groups are read from the log again, for it did not take a record: ${String(cause)}`,
    );
    this.state = "loading";
    for (const rebalance of this.groups.values())
      rebalance.close(ErrorCode.COORDINATOR_LOAD_IN_PROGRESS, ErrorCode.REBALANCE_IN_PROGRESS);
    this.groups.clear();
    this.deadlines.clear();
    // What was appended elsewhere may become durable yet, and is to be read.
    void this.appended.then(() => this.loadUntilDone());
  }

  /** Loads, again and again while it cannot be. */
  async loadUntilDone(): Promise<void> {
    const { clock, log } = this.options;
    if (this.state !== "loading") return;
    try {
      await this.load();
    } catch (error) {
      log.error(`groups cannot be read from the log: ${String(error)}`);
      if (this.state === "loading")
        this.stopWaiting = clock.setTimer(LOAD_AGAIN_MS, () => void this.loadUntilDone());
    }
  }

  private restore(groupId: string, value: GroupMetadataValue): void {
    const group = new ClassicGroup(groupId, Number(value.currentStateTimestamp));
    const rebalance = new Rebalance(group, this.host);
    group.generationId = value.generation;
    group.protocolType = value.protocolType === "" ? null : value.protocolType;
    group.protocolName = value.protocol;
    for (const each of value.members) {
      const member = new ClassicMember(
        {
          memberId: each.memberId,
          groupInstanceId: each.groupInstanceId,
          clientId: each.clientId,
          clientHost: each.clientHost,
          rebalanceTimeoutMs: each.rebalanceTimeout < 0 ? each.sessionTimeout : each.rebalanceTimeout,
          sessionTimeoutMs: each.sessionTimeout,
          protocols: [{ name: value.protocol ?? "", metadata: each.subscription.slice() }],
        },
        (expired) => rebalance.expired(expired),
      );
      member.assignment = each.assignment.slice();
      group.add(member, value.protocolType);
      rebalance.heard(member);
    }
    group.leader = value.leader;
    group.state = value.members.length === 0 ? "Empty" : "Stable";
    this.groups.set(groupId, rebalance);
  }

  private watchExpiry(): void {
    this.deadlines.set(this.expiry, this.config.offsetsCheckIntervalMs);
  }

  private expire(): void {
    if (this.state !== "serving") return;
    const nowMs = this.options.clock.now();
    for (const [groupId, { group, pendingMembers }] of this.groups) {
      const offsets = this.offsets.of(groupId);
      const gone = expiredOffsets(group, offsets, nowMs, this.config.offsetsRetentionMs);
      let left = -gone.length;
      for (const partitions of offsets.values()) left += partitions.size;
      const isOver = group.state === "Empty" && pendingMembers === 0 && left === 0;
      if (isOver || gone.length > 0)
        this.appendAside(
          groupId,
          isOver ? [groupTombstone(groupId)] : [],
          gone.map((each) => ({ ...each, value: null })),
        );
    }
    if (this.groups.size > 0) this.watchExpiry();
  }

  private forgetTopic(topic: Topic): void {
    if (this.state !== "serving") return;
    this.forget((name, offset) => name === topic.name && isOfTopic(offset, topic.id));
  }

  private forget(which: (topic: string, offset: CommittedOffset) => boolean): void {
    for (const groupId of this.offsets.groups()) {
      const gone = this.groups.has(groupId) ? this.offsetsToForget(groupId, which) : [];
      if (gone.length > 0) this.appendAside(groupId, [], gone);
    }
  }

  /** Nobody waits for these. */
  private appendAside(
    groupId: string,
    records: readonly GroupRecordInput[],
    changes: readonly OffsetChange[],
  ): void {
    this.append(groupId, records, changes).catch((error: unknown) =>
      this.options.log.warn(`offsets of group ${groupId} could not be removed: ${String(error)}`),
    );
  }

  private offsetsToForget(
    groupId: string,
    which: (topic: string, offset: CommittedOffset) => boolean,
  ): OffsetChange[] {
    return [...this.offsets.of(groupId)].flatMap(([topic, partitions]) =>
      [...partitions]
        .filter(([, offset]) => which(topic, offset))
        .map(([partition]) => ({ topic, partition, value: null })),
    );
  }
}

/** After a failure to read the log it is tried again this much later, in milliseconds. */
const LOAD_AGAIN_MS = 5000;

function fold(
  record: GroupRecord,
  metadata: Map<string, GroupMetadataValue>,
  offsets: CommittedOffsets,
): void {
  if (record.type === "OffsetCommit") return offsets.apply(record.key.groupId, changeOf(record));
  if (record.type !== "GroupMetadata") return;
  if (record.value === null) metadata.delete(record.key.groupId);
  else metadata.set(record.key.groupId, record.value);
}

function checkNamed(groupId: string): void {
  if (groupId === "") throw new KafkaError(ErrorCode.INVALID_GROUP_ID, "the group has no id; give it one");
}

function groupTombstone(groupId: string): GroupRecordInput {
  return { type: "GroupMetadata", key: { groupId }, value: null };
}
