/** A member of a group as the app has it: records to iterate over, and what it has said of them committed. */
import { EARLIEST } from "../../../sync/log-offsets.ts";
import { GroupMember, partitionKey } from "../../../sync/group/group-member.ts";
import type { GroupMemberState, TopicIdPartition } from "../../../sync/group/group-member.ts";
import { groupStarts } from "../../../sync/group/group-offsets.ts";
import type { GroupStart, GroupTopicPartition, OffsetToCommit } from "../../../sync/group/group-offsets.ts";
import { subscription } from "../../../sync/subscription.ts";
import { linkedController, sleep } from "../../../sync/wait.ts";
import { whenAnswered } from "../../../sync/when-answered.ts";
import { ErrorCode, KafkaError } from "../../../wire/errors.ts";
import type { ReceivedRecord } from "../api.ts";
import { PartitionsEvent } from "../api-group.ts";
import type {
  GroupEvents,
  GroupState,
  GroupSubscribeOptions,
  GroupSubscription,
  TopicPartition,
} from "../api-group.ts";
import type { ClientParts } from "../client-parts.ts";
import { LazyRecord } from "../received-record.ts";
import type { Codec } from "../received-record.ts";
import { UNCOMPRESSED_BYTES_MAX } from "../limits.ts";
import { typedEventTarget } from "../typed-events.ts";
import { GroupCommits } from "./group-commits.ts";
import { GroupReading } from "./group-reading.ts";

const AUTO_COMMIT_MS = 1000;
/** As Kafka's `default.api.timeout.ms`. */
const COMMIT_TIMEOUT_MS = 60_000;
/** As Kafka's `max.poll.interval.ms`. */
const WORK_MS_MAX = 300_000;
/** Of the last commit and of leaving together: whoever closes does not wait for a network that is slow. */
const CLOSE_MS = 5000;

/** Codes that say that a topic is not there any more. */
const GONE: ReadonlySet<number> = new Set([ErrorCode.UNKNOWN_TOPIC_ID, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION]);

export interface GroupMembership<V, K> {
  readonly groupId: string;
  readonly memberId: string;
  readonly topics: readonly string[];
  readonly options: GroupSubscribeOptions<V, K>;
  readonly codec: Codec<V, K>;
}

export class GroupSubscriptionClient<V, K>
  extends typedEventTarget<GroupEvents>()
  implements GroupSubscription<V, K>
{
  readonly memberId: string;
  private readonly groupId: string;
  private readonly topics: readonly string[];
  private readonly options: GroupSubscribeOptions<V, K>;
  private readonly parts: ClientParts;
  private readonly codec: Codec<V, K>;
  private readonly member: GroupMember;
  private readonly reading: GroupReading;
  private readonly commits: GroupCommits;
  private readonly controller = new AbortController();
  private currentState: GroupState = { name: "joining", reason: undefined };
  private running: Promise<void> | undefined;
  private closing: Promise<void> | undefined;
  private cancelWorkTimer: () => void = () => undefined;

  constructor({ groupId, memberId, topics, options, codec }: GroupMembership<V, K>, parts: ClientParts) {
    super();
    this.groupId = groupId;
    this.topics = [...new Set(topics)];
    this.options = options;
    this.parts = parts;
    this.codec = codec;
    const { upstream } = parts;
    const { instanceId } = options;
    this.memberId = memberId;
    this.reading = new GroupReading((where, from, signal) => this.read(where, from, signal));
    this.member = new GroupMember({
      upstream,
      groupId,
      memberId: this.memberId,
      instanceId,
      topics: this.topics,
      rebalanceTimeoutMs: options.workMsMax ?? WORK_MS_MAX,
      assign: (partitions, signal) => this.assign(partitions, signal),
      revoke: (partitions, signal) => this.revoke(partitions, signal),
      lose: () => this.tell("lost", this.dropAll()),
      onState: (state) => this.setState(state),
    });
    this.commits = new GroupCommits({
      upstream,
      groupId,
      memberId: this.memberId,
      instanceId,
      epoch: () => this.member.epoch,
      onCommitted: (offset) => this.reading.committed(offset),
      onStranger: () => this.member.beatNow(),
    });
  }

  get state(): GroupState {
    return this.currentState;
  }

  get partitions(): readonly TopicPartition[] {
    return this.reading.partitions.map(plain).toSorted(byPlace);
  }

  async next(): Promise<IteratorResult<ReceivedRecord<V, K>, void>> {
    if (this.closing !== undefined) return this.ended();
    this.start();
    this.cancelWorkTimer();
    this.reading.takeBack();
    this.member.resume();
    let given;
    try {
      given = await this.reading.next();
    } catch (error) {
      await this.close();
      throw error;
    }
    if (given === undefined) return this.ended();
    const { clock } = this.parts.host;
    this.cancelWorkTimer = clock.setTimer(this.options.workMsMax ?? WORK_MS_MAX, () => this.member.suspend());
    const { topic, partition } = given.where;
    return { done: false, value: new LazyRecord(topic, partition, given.record, this.codec) };
  }

  return(): Promise<IteratorResult<ReceivedRecord<V, K>, void>> {
    void this.close();
    return this.ended();
  }

  close(): Promise<void> {
    this.closing ??= this.end();
    return this.closing;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async commit(record?: TopicPartition & { readonly offset: bigint }): Promise<void> {
    const offsets = this.toCommit(record);
    // Or what is committed by itself, while the app is still at this record, would take the group back behind it.
    this.reading.doneBelow(offsets);
    return this.commits.commit(offsets, COMMIT_TIMEOUT_MS, this.controller.signal);
  }

  private toCommit(record: (TopicPartition & { readonly offset: bigint }) | undefined): OffsetToCommit[] {
    if (record === undefined) return this.reading.uncommitted(this.reading.partitions, { withInHand: true });
    const { topic, partition, offset } = record;
    const where = this.reading.partitions.find(
      (each) => each.topic === topic && each.partition === partition,
    );
    if (where !== undefined) return [{ ...where, offset: offset + 1n }];
    throw new KafkaError(
      ErrorCode.REBALANCE_IN_PROGRESS,
      `commit to group ${this.groupId}: ${topic}-${partition} is not this member's any more; who has it reads the record again`,
    );
  }

  private async ended(): Promise<IteratorResult<ReceivedRecord<V, K>, void>> {
    await this.closing;
    return { done: true, value: undefined };
  }

  private start(): void {
    if (this.running !== undefined) return;
    const over = this.controller.signal;
    const ends = linkedController(this.parts.signal, this.options.signal, over);
    ends.signal.addEventListener("abort", () => void this.close(), { once: true });
    if (ends.signal.aborted) return void this.close();
    this.parts.groups.add(this);
    this.running = this.member.run(over).catch((error: unknown) => this.reading.fail(error));
    if (this.isAuto) void this.commitNowAndThen();
  }

  private get isAuto(): boolean {
    return (this.options.commit ?? "auto") === "auto";
  }

  /** Stops reading, commits, leaves. */
  private async end(): Promise<void> {
    this.cancelWorkTimer();
    this.reading.end();
    const { clock } = this.parts.host;
    const finishing = this.finish();
    const late = new AbortController();
    await Promise.race([finishing, sleep(clock, CLOSE_MS, late.signal)]);
    late.abort();
    this.controller.abort();
    this.parts.groups.delete(this);
  }

  private async finish(): Promise<void> {
    const { upstream } = this.parts;
    const { partitions } = this.reading;
    if (this.running === undefined) this.setState({ name: "left", reason: undefined });
    if (this.isAuto && upstream.connection !== undefined && this.member.epoch !== undefined) {
      const offsets = this.reading.uncommitted(partitions, { withInHand: false });
      await this.commits.commit(offsets, CLOSE_MS, this.controller.signal).catch(() => undefined);
    }
    this.tell("revoked", this.dropAll());
    this.controller.abort();
    await this.running;
  }

  private async commitNowAndThen(): Promise<void> {
    const { signal } = this.controller;
    const { clock } = this.parts.host;
    for (;;) {
      await sleep(clock, AUTO_COMMIT_MS, signal);
      if (signal.aborted) return;
      await this.commitDone(this.reading.partitions, signal);
    }
  }

  /** What the app is done with in these. What cannot be committed is read again by who gets it. */
  private async commitDone(partitions: readonly TopicIdPartition[], signal: AbortSignal): Promise<void> {
    const offsets = this.reading.uncommitted(partitions, { withInHand: false });
    const isReachable = this.member.epoch !== undefined && this.parts.upstream.connection !== undefined;
    if (offsets.length === 0 || !isReachable) return;
    await this.commits.commit(offsets, COMMIT_TIMEOUT_MS, signal).catch((error: unknown) => {
      const isGone = error instanceof KafkaError && GONE.has(error.code);
      if (!signal.aborted && !isGone) this.parts.host.report("what was read could not be committed", error);
    });
  }

  private async assign(
    partitions: readonly TopicIdPartition[],
    life: AbortSignal,
  ): Promise<readonly TopicIdPartition[]> {
    const named = await this.named(partitions);
    if (named.length === 0) return [];
    const ends = linkedController(life, this.controller.signal);
    const { signal } = ends;
    let starts: Map<string, GroupStart> | undefined;
    try {
      starts = await this.startsOf(named, signal);
    } catch (error) {
      if (!signal.aborted && this.parts.upstream.state.name !== "closed") throw error;
    } finally {
      ends.abort();
    }
    if (life.aborted || this.closing !== undefined || starts === undefined) return [];
    for (const where of named) {
      const { from, known } = starts.get(partitionKey(where)) ?? { from: EARLIEST, known: undefined };
      this.reading.open(where, from, known);
    }
    this.tell("assigned", named);
    return named;
  }

  private async revoke(partitions: readonly TopicIdPartition[], life: AbortSignal): Promise<void> {
    const keys = new Set(partitions.map(partitionKey));
    const given = this.reading.partitions.filter((where) => keys.has(partitionKey(where)));
    this.reading.hold(given);
    await this.reading.untilFree(given, life);
    if (this.isAuto && !life.aborted) await this.commitDone(given, life);
    if (life.aborted) return;
    this.reading.drop(given);
    this.tell("revoked", given);
  }

  /** With their topics' names; those whose names nobody tells are left out. */
  private async named(partitions: readonly TopicIdPartition[]): Promise<GroupTopicPartition[]> {
    const { metadata } = this.parts;
    const names = new Map<string, string>();
    const isKnown = (): boolean => partitions.every(({ topicId }) => names.has(topicId));
    const learn = async (name: string): Promise<void> => {
      const topic = await metadata.topic(name).catch(() => undefined);
      if (topic !== undefined) names.set(topic.id, name);
    };
    for (const name of this.topics) if (!isKnown()) await learn(name);
    for (const name of this.topics) {
      if (isKnown()) break;
      // What was known may be of one that was deleted since.
      metadata.invalidate(name);
      await learn(name);
    }
    return partitions.flatMap(({ topicId, partition }) => {
      const topic = names.get(topicId);
      return topic === undefined ? [] : [{ topic, topicId, partition }];
    });
  }

  /** Where to begin in each; undefined when a topic is gone, which the group will say, too. */
  private startsOf(
    partitions: readonly GroupTopicPartition[],
    signal: AbortSignal,
  ): Promise<Map<string, GroupStart> | undefined> {
    const { upstream, metadata } = this.parts;
    return whenAnswered(upstream, signal, async (connection) => {
      try {
        const isFromEnd = this.options.from === "latest";
        return await groupStarts(connection, this.groupId, partitions, isFromEnd);
      } catch (error) {
        if (!(error instanceof KafkaError) || !GONE.has(error.code)) throw error;
        for (const { topic } of partitions) metadata.invalidate(topic);
        return undefined;
      }
    });
  }

  private read({ topic, topicId, partition }: GroupTopicPartition, from: bigint, signal: AbortSignal) {
    const { upstream, metadata, engine, history } = this.parts;
    return subscription({
      upstream,
      engine,
      history,
      topic,
      topicId,
      partition,
      from,
      uncompressedBytesMax: UNCOMPRESSED_BYTES_MAX,
      onGap: (gapFrom, to) => this.options.onGap?.({ topic, partition, from: gapFrom, to }),
      isThere: async () => {
        metadata.invalidate(topic);
        return (await metadata.topic(topic))?.id === topicId;
      },
      signal,
    });
  }

  private dropAll(): readonly GroupTopicPartition[] {
    const { partitions } = this.reading;
    this.reading.drop(partitions);
    return partitions;
  }

  private tell(type: "assigned" | "revoked" | "lost", partitions: readonly GroupTopicPartition[]): void {
    if (partitions.length === 0) return;
    this.dispatchEvent(new PartitionsEvent(type, partitions.map(plain).toSorted(byPlace)));
  }

  private setState(state: GroupMemberState): void {
    this.currentState = state;
    this.dispatchEvent(new Event("state"));
  }
}

function plain({ topic, partition }: TopicPartition): TopicPartition {
  return { topic, partition };
}

function byPlace(a: TopicPartition, b: TopicPartition): number {
  if (a.topic === b.topic) return a.partition - b.partition;
  return a.topic < b.topic ? -1 : 1;
}
