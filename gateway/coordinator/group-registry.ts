/**
 * All groups of a node and what they have committed, in memory as the log says, and the one way to change what is kept. Host
 * free: the clock, the log and the source of ids are handed in.
 */
import type { Clock } from "../../log/clock.ts";
import type { Cluster, FencedPartition } from "../../log/cluster.ts";
import type { Engine } from "../../log/engine.ts";
import { effectiveGroupSettings, type GroupSettings } from "../../log/group-settings.ts";
import type { Logger } from "../../log/logger.ts";
import { newUuid } from "../../log/uuid-text.ts";
import { ErrorCode, KafkaError } from "../../wire/errors.ts";
import type { GroupRecordInput } from "../../wire/group-records.ts";
import { ClassicGroup } from "./classic-group.ts";
import { type GroupHost, Rebalance } from "./classic-rebalance.ts";
import { CommittedOffsets, type OffsetChange, recordOf } from "./committed-offsets.ts";
import { ConsumerGroup, type ConsumerGroupRecord } from "./consumer-group.ts";
import { ConsumerMembership } from "./consumer-membership.ts";
import { Deadlines } from "./deadlines.ts";
import { type GroupConfig, groupConfig } from "./group-config.ts";
import { GroupLog, OFFSETS_TOPIC } from "./group-log.ts";
import { restoredClassic, StoredGroups } from "./stored-groups.ts";

export interface GroupCoordinatorOptions {
  readonly cluster: Cluster;
  readonly engine: Engine;
  readonly clock: Clock;
  /** 16 bytes that nobody can guess. */
  readonly random: () => Uint8Array;
  readonly log: Logger;
}

/** What hears of a registry. */
export interface RegistryListener {
  /** What the log says is in memory, and requests are served. */
  loaded(): void;
  /** There are groups from now on. */
  begun(): void;
  /** A member of a consumer group has had its time. */
  giveUp(groupId: string, memberId: string, why: string): void;
}

/** A group as it lives, of either protocol. */
export type LiveGroup = Rebalance | ConsumerMembership;

export class GroupRegistry {
  readonly config: GroupConfig;
  readonly options: GroupCoordinatorOptions;
  readonly deadlines: Deadlines;
  readonly groups = new Map<string, LiveGroup>();
  offsets = new CommittedOffsets();
  /** Of a consumer group that was given none of its own. */
  private readonly settings: GroupSettings;
  private readonly groupLog: GroupLog;
  private readonly host: GroupHost;
  private readonly listener: RegistryListener;
  /** Resolves when all that was appended so far is durable, or was not taken. */
  private appended: Promise<void> = Promise.resolve();
  private state: "loading" | "serving" | "closed" = "loading";
  /** Gives up waiting until the log is read again. */
  private stopWaiting: (() => void) | undefined;

  constructor(options: GroupCoordinatorOptions, listener: RegistryListener) {
    const { cluster, clock, log, random } = options;
    this.options = options;
    this.listener = listener;
    this.config = groupConfig(cluster.config);
    this.settings = effectiveGroupSettings(cluster.config, new Map());
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
  }

  get isServing(): boolean {
    return this.state === "serving";
  }
  get isLoading(): boolean {
    return this.state === "loading";
  }
  /** Whether anything was ever kept. */
  get hasLog(): boolean {
    return this.groupLog.exists;
  }
  /** Partitions of the log whose groups are not served: what was kept of them cannot be read. */
  get unreadable(): FencedPartition[] {
    return this.groupLog.unreadablePartitions;
  }
  newId(): string {
    return this.host.newId();
  }
  nowMs(): number {
    return this.host.nowMs();
  }

  settingsOf(groupId: string): GroupSettings {
    const { cluster } = this.options;
    const overrides = cluster.configs.ofGroup(groupId);
    return overrides.size === 0 ? this.settings : effectiveGroupSettings(cluster.config, overrides);
  }

  /** Folds what was kept. Until it is done requests are answered with COORDINATOR_LOAD_IN_PROGRESS. */
  async load(): Promise<void> {
    const stored = new StoredGroups();
    for await (const record of this.groupLog.records()) stored.fold(record);
    if (this.state === "closed") return;
    this.offsets = stored.offsets;
    const isServed = (groupId: string): boolean => !this.groupLog.isUnreadable(groupId);
    for (const [groupId, value] of stored.classic)
      if (isServed(groupId)) this.groups.set(groupId, restoredClassic(groupId, value, this.host));
    for (const groupId of stored.consumerGroups())
      if (isServed(groupId)) stored.restoreConsumer(groupId, this.becomeConsumer(groupId));
    for (const groupId of stored.offsets.groups()) if (isServed(groupId)) this.groupOf(groupId);
    this.state = "serving";
    this.listener.loaded();
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

  /** Answers whoever waits, with NOT_COORDINATOR, and takes no more requests. */
  close(): void {
    this.state = "closed";
    this.stopWaiting?.();
    for (const group of this.groups.values()) group.close(ErrorCode.NOT_COORDINATOR);
    this.deadlines.clear();
  }

  /** The error that requests of this group, or of any, are answered with now; an empty id is refused by those that name one. */
  refusal(groupId?: string): number | undefined {
    if (this.state === "loading") return ErrorCode.COORDINATOR_LOAD_IN_PROGRESS;
    if (this.state === "closed") return ErrorCode.NOT_COORDINATOR;
    if (groupId === undefined) return undefined;
    // What it has committed is not known: taken for a new group, its consumers would begin anew.
    if (this.groupLog.isUnreadable(groupId)) return ErrorCode.COORDINATOR_NOT_AVAILABLE;
    return groupId === "" ? ErrorCode.INVALID_GROUP_ID : undefined;
  }

  /** Throws KafkaError while no requests are taken. Offsets alone may be kept under an empty id, as in Kafka. */
  check(groupId?: string): void {
    const refusal = this.refusal(groupId);
    if (refusal === undefined || refusal === ErrorCode.INVALID_GROUP_ID) return;
    const why = {
      loading: "groups are being read from the log; try again",
      serving: `the partition of ${OFFSETS_TOPIC} that keeps the group cannot be read; the node's log says why`,
      closed: "the node is stopping",
    };
    throw new KafkaError(refusal, why[this.state]);
  }

  /** Makes the topic that groups are kept in. Throws KafkaError. */
  ensureLog(): Promise<void> {
    return this.groupLog.ensure();
  }

  /** Resolves when all that was appended until now is durable. Throws KafkaError where some of it was not taken. */
  async durable(): Promise<void> {
    const { offsets } = this;
    await this.appended;
    this.check();
    if (offsets !== this.offsets)
      throw new KafkaError(
        ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
        "groups were read from the log; try again",
      );
  }

  /** A group that was never heard of is a classic one, which keeps offsets and may get members. */
  groupOf(groupId: string): LiveGroup {
    return this.groups.get(groupId) ?? this.becomeClassic(groupId);
  }

  /** A classic group of this id in the place of what was there, which has no members. */
  becomeClassic(groupId: string): Rebalance {
    const rebalance = new Rebalance(new ClassicGroup(groupId, this.nowMs()), this.host);
    this.put(groupId, rebalance);
    return rebalance;
  }

  known(groupId: string): LiveGroup {
    const group = this.groups.get(groupId);
    if (group !== undefined) return group;
    throw new KafkaError(ErrorCode.GROUP_ID_NOT_FOUND, `there is no group ${groupId}`);
  }

  /**
   * Appends, and applies what offsets, consumer groups and a group's end say at once: what comes next sees it, and who reads waits
   * until it is durable. When it cannot be kept, memory is ahead of the log, and everything is read from there anew; what is
   * refused at once changes nothing. Never throws but by its promise: timers call it.
   */
  async append(
    groupId: string,
    records: readonly GroupRecordInput[],
    changes: readonly OffsetChange[] = [],
  ): Promise<void> {
    const all = [...changes.map((change) => recordOf(groupId, change)), ...records];
    const durable = this.groupLog.append(groupId, all);
    for (const change of changes) {
      this.offsets.apply(groupId, change);
      if (change.value !== null) this.groupOf(groupId);
    }
    for (const record of records) this.apply(groupId, record);
    const settled = durable.catch((error: unknown) => {
      this.reload(error);
      throw error;
    });
    // What `all` resolves to holds what came before, and that what came before that.
    this.appended = Promise.all([this.appended, settled.catch(() => {})]).then(() => {});
    await settled;
  }

  /** Nobody waits for these. */
  appendAside(
    groupId: string,
    records: readonly GroupRecordInput[],
    changes: readonly OffsetChange[] = [],
  ): void {
    this.append(groupId, records, changes).catch((error: unknown) =>
      this.options.log.warn(`what changed of group ${groupId} could not be kept: ${String(error)}`),
    );
  }

  private apply(groupId: string, record: GroupRecordInput): void {
    if (record.type === "OffsetCommit") return;
    // What is kept of a classic group follows what it is, and nothing needs to be applied but its end.
    const isEnd =
      record.value === null && (record.type === "GroupMetadata" || record.type === "ConsumerGroupMetadata");
    if (isEnd) return this.drop(groupId, record.type === "GroupMetadata" ? "classic" : "consumer");
    if (record.type !== "GroupMetadata") this.consumerOf(groupId, record)?.apply(record);
  }

  /** The consumer group that a record is of; its first one makes it. */
  private consumerOf(groupId: string, { value }: ConsumerGroupRecord): ConsumerMembership | undefined {
    const group = this.groups.get(groupId);
    if (group?.kind === "consumer") return group;
    return value === null ? undefined : this.becomeConsumer(groupId);
  }

  private becomeConsumer(groupId: string): ConsumerMembership {
    const membership = new ConsumerMembership(new ConsumerGroup(groupId), this.deadlines, (...given) =>
      this.listener.giveUp(...given),
    );
    this.put(groupId, membership);
    return membership;
  }

  private put(groupId: string, group: LiveGroup): void {
    this.groups.set(groupId, group);
    if (this.groups.size === 1) this.listener.begun();
  }

  private drop(groupId: string, kind: LiveGroup["kind"]): void {
    const group = this.groups.get(groupId);
    if (group?.kind !== kind) return;
    group.close(ErrorCode.UNKNOWN_MEMBER_ID);
    this.groups.delete(groupId);
  }

  private reload(cause: unknown): void {
    if (this.state !== "serving") return;
    this.options.log.error(
      `groups are read from the log again, for it did not take a record: ${String(cause)}`,
    );
    this.state = "loading";
    for (const group of this.groups.values())
      group.close(ErrorCode.COORDINATOR_LOAD_IN_PROGRESS, ErrorCode.REBALANCE_IN_PROGRESS);
    this.groups.clear();
    this.deadlines.clear();
    // What was appended elsewhere may become durable yet, and is to be read.
    void this.appended.then(() => this.loadUntilDone());
  }
}

/** After a failure to read the log it is tried again this much later, in milliseconds. */
const LOAD_AGAIN_MS = 5000;
