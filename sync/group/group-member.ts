/**
 * One member of a consumer group, by the protocol of KIP-848: it says in heartbeats that it is there and what it has, and is
 * told what it is to have. What it is to give up it gives up first, and says so; only then is it given to another.
 * Heartbeats go on whatever the one who reads is doing.
 */
import type { Clock } from "../../log/clock.ts";
import { consumerGroupHeartbeat } from "../../wire/apis/consumer-group-heartbeat.ts";
import type { ResponseOf } from "../../wire/api.ts";
import { ErrorCode, errorName, KafkaError } from "../../wire/errors.ts";
import { fullJitterMs, RETRY_BACK_OFF } from "../back-off.ts";
import type { Connection } from "../connection.ts";
import type { LiveConnection } from "../live-connection.ts";
import { Bell, sleep } from "../wait.ts";

/** A partition by its topic's id: a topic that is made anew is another one. */
export interface TopicIdPartition {
  readonly topicId: string;
  readonly partition: number;
}

export function partitionKey({ topicId, partition }: TopicIdPartition): string {
  return `${topicId}/${partition}`;
}

export interface GroupMemberOptions {
  readonly upstream: LiveConnection;
  readonly groupId: string;
  /** Chosen by the member itself, once for its life (KIP-1082). */
  readonly memberId: string;
  /** Of a static member: what it had is kept for it while it is away. */
  readonly instanceId: string | undefined;
  readonly topics: readonly string[];
  /** How long giving partitions up may take before the group goes on without the member. */
  readonly rebalanceTimeoutMs: number;
  /** Begins to read; answers what was begun: the rest is tried again. Gives up when the signal aborts, and rejects for good. */
  readonly assign: (
    partitions: readonly TopicIdPartition[],
    signal: AbortSignal,
  ) => Promise<readonly TopicIdPartition[]>;
  /** Resolves when they are not read any more, and where they were read to is committed; or when the signal aborts. */
  readonly revoke: (partitions: readonly TopicIdPartition[], signal: AbortSignal) => Promise<void>;
  /** Somebody else may have everything that was assigned: nothing of it may be read or committed any more. */
  readonly lose: (reason: string) => void;
  /** What the member is at: told at each change. */
  readonly onState: (state: GroupMemberState) => void;
}

export interface GroupMemberState {
  readonly name: "joining" | "joined" | "suspended" | "left";
  /** Why it does not get in, as far as it is known. */
  readonly reason: string | undefined;
}

type Answer = ResponseOf<typeof consumerGroupHeartbeat>;

const JOIN_EPOCH = 0;
const LEAVE_EPOCH = -1;
/** A static member leaves, and will be back. */
const AWAY_EPOCH = -2;

/** The group does not know the member as it is now: it joins anew. */
const FENCED: ReadonlySet<number> = new Set([
  ErrorCode.UNKNOWN_MEMBER_ID,
  ErrorCode.FENCED_MEMBER_EPOCH,
  ErrorCode.GROUP_ID_NOT_FOUND,
]);

export class GroupMember {
  private readonly options: GroupMemberOptions;
  private currentEpoch = JOIN_EPOCH;
  private owned = new Map<string, TopicIdPartition>();
  /** What it is to have, until that is taken up. */
  private target: readonly TopicIdPartition[] | undefined;
  /** What it could not take up wholly. */
  private unfinished: readonly TopicIdPartition[] | undefined;
  private reconciling = false;
  /** Aborts when everything is lost; replaced for each life in the group. */
  private life = new AbortController();
  /** What it has is not what it has last said. */
  private hasNews = false;
  /** It may have missed an answer: it says everything of itself, and is told everything. */
  private saysAll = true;
  private isSuspended = false;
  private failures = 0;
  private failure: { readonly error: unknown } | undefined;
  private lastTold: GroupMemberState = { name: "left", reason: undefined };
  private readonly bell = new Bell();

  constructor(options: GroupMemberOptions) {
    this.options = options;
  }

  /** What goes with a commit; undefined while it is not in the group. */
  get epoch(): number | undefined {
    return this.currentEpoch > JOIN_EPOCH ? this.currentEpoch : undefined;
  }

  /** Joins and stays until the signal aborts, then leaves. Rejects with KafkaError when the group does not take it. */
  async run(signal: AbortSignal): Promise<void> {
    const ring = (): void => this.bell.ring();
    signal.addEventListener("abort", ring, { once: true });
    this.tell("joining", undefined);
    try {
      while (!signal.aborted && this.failure === undefined) {
        const change = this.bell.next();
        const restMs = await this.turn(signal);
        const isOver = signal.aborted || this.failure !== undefined;
        if (isOver || (this.hasNews && !this.isSuspended)) continue;
        await this.rest(restMs, change);
      }
      await this.leave();
      if (this.failure !== undefined) throw this.failure.error;
    } finally {
      signal.removeEventListener("abort", ring);
      this.life.abort();
      this.currentEpoch = JOIN_EPOCH;
      this.tell("left", undefined);
    }
  }

  /** The next heartbeat goes out now: something the group has answered did not fit what is known here. */
  beatNow(): void {
    this.saysAll = true;
    this.hasNews = true;
    this.bell.ring();
  }

  /** Leaves until `resume`: whoever reads does not get on. */
  suspend(): void {
    this.isSuspended = true;
    this.bell.ring();
  }

  resume(): void {
    if (!this.isSuspended) return;
    this.isSuspended = false;
    if (this.lastTold.name === "suspended") this.tell("joining", undefined);
    this.bell.ring();
  }

  private get clock(): Clock {
    return this.options.upstream.clock;
  }

  /** One heartbeat, or a wait. Answers how long to rest; undefined: until something changes. */
  private async turn(signal: AbortSignal): Promise<number | undefined> {
    if (this.isSuspended) {
      await this.leave();
      this.tell("suspended", "a record was worked on for too long");
      return undefined;
    }
    let connection: Connection;
    try {
      connection = await this.options.upstream.live(signal);
    } catch (error) {
      if (!signal.aborted) this.failure = { error };
      return undefined;
    }
    try {
      return await this.beat(connection);
    } catch (error) {
      // The connection broke, or what came is no answer: whether it was heard is not known.
      this.saysAll = true;
      return this.again(error);
    }
  }

  private async rest(restMs: number | undefined, change: Promise<void>): Promise<void> {
    if (restMs === undefined) return change;
    const waiting = new AbortController();
    void change.then(() => waiting.abort());
    await sleep(this.clock, restMs, waiting.signal);
  }

  private async beat(connection: Connection): Promise<number> {
    const { groupId, memberId, instanceId, topics, rebalanceTimeoutMs } = this.options;
    const all = this.saysAll || this.currentEpoch === JOIN_EPOCH;
    const says = all || this.hasNews;
    this.hasNews = false;
    const answer = await connection.request(consumerGroupHeartbeat, {
      groupId,
      memberId,
      memberEpoch: this.currentEpoch,
      instanceId: instanceId ?? null,
      rebalanceTimeoutMs: all ? rebalanceTimeoutMs : -1,
      subscribedTopicNames: all ? topics : null,
      topicPartitions: says ? byTopic(this.owned.values()) : null,
    });
    if (answer.errorCode !== ErrorCode.NONE) {
      this.saysAll = true;
      return this.refused(answer);
    }
    this.saysAll = false;
    this.failures = 0;
    this.currentEpoch = answer.memberEpoch;
    this.tell("joined", undefined);
    this.target = targetOf(answer) ?? this.target ?? this.unfinished;
    void this.reconcile();
    return answer.heartbeatIntervalMs;
  }

  private refused({ errorCode, errorMessage }: Answer): number {
    const { groupId } = this.options;
    const why = errorMessage ?? errorName(errorCode);
    const error = new KafkaError(errorCode, `group ${groupId}: ${why}`);
    if (FENCED.has(errorCode) && this.currentEpoch !== JOIN_EPOCH) {
      this.loseAll(why);
      return 0;
    }
    return this.again(error);
  }

  /** Answers how long to rest before it is tried again; what trying again cannot mend ends the member. */
  private again(error: unknown): number {
    // Whoever has the same name is believed to be there until its session is over.
    const isTaken = error instanceof KafkaError && error.code === ErrorCode.UNRELEASED_INSTANCE_ID;
    if (!(error instanceof KafkaError) || !(error.retriable || isTaken)) {
      this.failure = { error };
      return 0;
    }
    if (this.currentEpoch === JOIN_EPOCH) this.tell("joining", error.message);
    return fullJitterMs(this.failures++, this.options.upstream.random, RETRY_BACK_OFF);
  }

  private loseAll(reason: string): void {
    this.life.abort();
    this.life = new AbortController();
    this.currentEpoch = JOIN_EPOCH;
    this.owned = new Map();
    this.target = undefined;
    this.unfinished = undefined;
    this.hasNews = false;
    this.saysAll = true;
    this.tell("joining", reason);
    this.options.lose(reason);
  }

  /** Gives up what it is no longer to have, then takes what is new; again for as long as it is told something else meanwhile. */
  private async reconcile(): Promise<void> {
    if (this.reconciling) return;
    this.reconciling = true;
    try {
      while (this.target !== undefined && !this.life.signal.aborted) {
        const wanted = this.target;
        this.target = undefined;
        await this.takeUp(wanted, this.life.signal);
      }
    } catch (error) {
      this.failure = { error };
      this.bell.ring();
    } finally {
      this.reconciling = false;
    }
  }

  private async takeUp(wanted: readonly TopicIdPartition[], life: AbortSignal): Promise<void> {
    const wantedKeys = new Set(wanted.map(partitionKey));
    const surplus = [...this.owned].filter(([key]) => !wantedKeys.has(key));
    if (surplus.length > 0) {
      await this.options.revoke(
        surplus.map(([, partition]) => partition),
        life,
      );
      if (life.aborted) return;
      for (const [key] of surplus) this.owned.delete(key);
      this.tellOwned();
    }
    const missing = wanted.filter((partition) => !this.owned.has(partitionKey(partition)));
    const begun = missing.length === 0 ? [] : await this.options.assign(missing, life);
    if (life.aborted) return;
    for (const partition of begun) this.owned.set(partitionKey(partition), partition);
    this.unfinished = begun.length < missing.length ? wanted : undefined;
    if (begun.length > 0) this.tellOwned();
  }

  /** At once: others wait for what was given up. */
  private tellOwned(): void {
    this.hasNews = true;
    this.bell.ring();
  }

  /** Says that it goes, where it can be said; the group finds out by itself otherwise. */
  private async leave(): Promise<void> {
    const { upstream, groupId, memberId, instanceId } = this.options;
    const wasIn = this.currentEpoch !== JOIN_EPOCH;
    const { connection } = upstream;
    if (!wasIn) return;
    // Nothing of it is its own any more, from before others hear of it.
    this.loseAll("it has left the group");
    const memberEpoch = instanceId === undefined ? LEAVE_EPOCH : AWAY_EPOCH;
    await connection
      ?.request(consumerGroupHeartbeat, {
        groupId,
        memberId,
        memberEpoch,
        instanceId: instanceId ?? null,
      })
      .catch(() => undefined);
  }

  private tell(name: GroupMemberState["name"], reason: string | undefined): void {
    if (this.lastTold.name === name && this.lastTold.reason === reason) return;
    this.lastTold = { name, reason };
    this.options.onState(this.lastTold);
  }
}

function targetOf({ assignment }: Answer): TopicIdPartition[] | undefined {
  return assignment?.topicPartitions.flatMap(({ topicId, partitions }) =>
    partitions.map((partition) => ({ topicId, partition })),
  );
}

function byTopic(partitions: Iterable<TopicIdPartition>): { topicId: string; partitions: number[] }[] {
  const topics = new Map<string, number[]>();
  for (const { topicId, partition } of partitions)
    topics.set(topicId, [...(topics.get(topicId) ?? []), partition]);
  return Array.from(topics, ([topicId, numbers]) => ({ topicId, partitions: numbers }));
}
