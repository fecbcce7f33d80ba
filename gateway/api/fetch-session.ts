import type { PartitionLog } from "../../log/partition-log.ts";
import type { Advance } from "../../log/partition-types.ts";
import { Turns } from "../../log/turns.ts";
import { ErrorCode } from "../../wire/errors.ts";
import {
  isUrgent,
  type AskedPartition,
  type FetchReading,
  type NamedTopic,
  type PartitionAnswer,
} from "./fetch-read.ts";
import type { FetchWait } from "./fetch-wait.ts";

/** A topic's partitions in a request. */
export interface AskedTopic extends NamedTopic {
  readonly partitions: readonly AskedPartition[];
}

export interface ForgottenTopic extends NamedTopic {
  readonly partitions: readonly number[];
}

export interface AnsweredTopic extends NamedTopic {
  readonly partitions: PartitionAnswer[];
}

interface SessionTopic extends NamedTopic {
  readonly partitions: Map<number, SessionPartition>;
}

/** What a client asked for last, and what it was told. */
interface SessionPartition {
  readonly topic: SessionTopic;
  asked: AskedPartition;
  /** -1: it was never told, or told of an error. */
  highWatermark: bigint;
  logStartOffset: bigint;
  /** Something has happened since it was looked at. */
  hasNews: boolean;
  /** Ends listening to its log; undefined: nobody listens. */
  unwatch: (() => void) | undefined;
}

/** What was read for one answer. */
export type SessionRound = readonly (readonly [SessionPartition, PartitionAnswer])[];

/** The epoch of a session's second Fetch; they go up to 2^31-1 and begin again here. */
const FIRST_EPOCH = 1;
const LAST_EPOCH = 2 ** 31 - 1;
const NEVER_TOLD = -1n;

/**
 * What a client reads, remembered for it (KIP-227): a Fetch names only what has changed for it, and is answered only what
 * has changed here. Which partitions those are is not searched for: a partition that has nothing new is listened to, and
 * until something happens there it costs nothing.
 */
export class FetchSession {
  readonly id: number;
  /** Whether its topics are named by id (Fetch from version 13 on). */
  readonly usesTopicIds: boolean;
  /** By the node's clock. */
  readonly createdMs: number;
  lastUsedMs: number;
  private count = 0;
  private epoch = FIRST_EPOCH;
  private isClosed = false;
  private readonly topics = new Map<string, SessionTopic>();
  /**
   * What has to be looked at when the next Fetch comes, in the order in which it gets its share of an answer: who has got
   * some goes to the end, so that none starves.
   */
  private readonly pending = new Set<SessionPartition>();
  private readonly turns = new Turns();
  /** The Fetch that waits for something new. */
  private waiting: FetchWait | undefined;

  constructor(id: number, usesTopicIds: boolean, nowMs: number) {
    this.id = id;
    this.usesTopicIds = usesTopicIds;
    this.createdMs = nowMs;
    this.lastUsedMs = nowMs;
  }

  /** Partitions that it holds. */
  get size(): number {
    return this.count;
  }

  /**
   * Takes the Fetch of `epoch` as the session's next one, and runs `serve` when the one before has ended, which it does at
   * once: a client that comes again has given it up. `standing` says what the Fetch may be answered with: an error once it
   * was given up, or the session closed. Undefined: another epoch's turn it is.
   */
  next<T>(epoch: number, serve: (standing: () => number) => Promise<T>): Promise<T> | undefined {
    if (epoch !== this.epoch) return undefined;
    const expected = epoch === LAST_EPOCH ? FIRST_EPOCH : epoch + 1;
    this.epoch = expected;
    this.waiting?.end();
    const standing = (): number => {
      if (this.isClosed) return ErrorCode.FETCH_SESSION_ID_NOT_FOUND;
      return this.epoch === expected ? ErrorCode.NONE : ErrorCode.INVALID_FETCH_SESSION_EPOCH;
    };
    return this.turns.take(() => serve(standing));
  }

  /** What a client asks for from now on. */
  ask(topics: readonly AskedTopic[]): void {
    for (const { topic, topicId, partitions } of topics) {
      for (const asked of partitions) this.pending.add(this.hold({ topic, topicId }, asked));
    }
  }

  /** What a client does not ask for any more. */
  forget(topics: readonly ForgottenTopic[]): void {
    for (const named of topics) {
      const topic = this.topics.get(this.keyOf(named));
      for (const partition of named.partitions) {
        const held = topic?.partitions.get(partition);
        if (held === undefined) continue;
        held.unwatch?.();
        this.pending.delete(held);
        held.topic.partitions.delete(partition);
        this.count--;
      }
      if (topic?.partitions.size === 0) this.topics.delete(this.keyOf(named));
    }
  }

  /** Reads what may have something new. A partition that has not is listened to from before it was read. */
  async read(
    reading: FetchReading,
    find: (topic: NamedTopic, partition: number) => PartitionLog,
  ): Promise<SessionRound> {
    const round: [SessionPartition, PartitionAnswer][] = [];
    // What something happens to meanwhile is for the next round.
    const partitions = Array.from(this.pending);
    for (const partition of partitions) {
      // Whoever is listened to now would be for ever.
      if (this.isClosed) break;
      partition.hasNews = false;
      const { topic, asked } = partition;
      const answer = await reading.read(asked, () => this.watch(partition, find(topic, asked.partition)));
      if (isNew(partition, answer)) round.push([partition, answer]);
      else if (!partition.hasNews && asked.fetchOffset >= answer.highWatermark)
        this.pending.delete(partition);
    }
    return round;
  }

  /** What the client is told: it counts as told from now on. */
  tell(round: SessionRound): AnsweredTopic[] {
    const answered = new Map<SessionTopic, AnsweredTopic>();
    for (const [partition, answer] of round) {
      const { topic } = partition;
      const { topic: name, topicId } = topic;
      const told = answered.get(topic) ?? { topic: name, topicId, partitions: [] };
      answered.set(topic, told);
      told.partitions.push(answer);
      this.told(partition, answer);
    }
    return [...answered.values()];
  }

  /** What its first Fetch, which named everything, was answered. */
  begin(topics: readonly AskedTopic[], answers: readonly AnsweredTopic[]): void {
    this.ask(topics);
    for (const answered of answers) {
      const topic = this.topics.get(this.keyOf(answered));
      for (const answer of answered.partitions) {
        const partition = topic?.partitions.get(answer.partitionIndex);
        if (partition !== undefined) this.told(partition, answer);
      }
    }
  }

  /** A Fetch of it waits; undefined: it does no longer. */
  wait(wait: FetchWait | undefined): void {
    this.waiting = wait;
  }

  /** A topic is gone: what is listened to is nobody's. */
  lost(deleted: { readonly name: string; readonly id: string }): void {
    const topic = this.topics.get(this.usesTopicIds ? deleted.id : deleted.name);
    if (topic === undefined) return;
    for (const partition of topic.partitions.values()) {
      partition.unwatch?.();
      this.note(partition);
    }
    this.waiting?.end();
  }

  /** Lets go of everything; a Fetch that waits is answered that the session is gone. */
  close(): void {
    this.isClosed = true;
    for (const { partitions } of this.topics.values())
      for (const { unwatch } of partitions.values()) unwatch?.();
    this.topics.clear();
    this.pending.clear();
    this.waiting?.end();
  }

  private keyOf({ topic, topicId }: NamedTopic): string {
    return this.usesTopicIds ? topicId : topic;
  }

  private hold(named: NamedTopic, asked: AskedPartition): SessionPartition {
    const key = this.keyOf(named);
    const topic = this.topics.get(key) ?? { ...named, partitions: new Map<number, SessionPartition>() };
    this.topics.set(key, topic);
    const wanted = onlyAsked(asked);
    const known = topic.partitions.get(asked.partition);
    if (known !== undefined) {
      known.asked = wanted;
      known.hasNews = true;
      return known;
    }
    const partition: SessionPartition = {
      topic,
      asked: wanted,
      highWatermark: NEVER_TOLD,
      logStartOffset: NEVER_TOLD,
      hasNews: true,
      unwatch: undefined,
    };
    topic.partitions.set(asked.partition, partition);
    this.count++;
    return partition;
  }

  private told(partition: SessionPartition, answer: PartitionAnswer): void {
    // After an error everything is told anew.
    const isError = answer.errorCode !== ErrorCode.NONE;
    partition.highWatermark = isError ? NEVER_TOLD : answer.highWatermark;
    partition.logStartOffset = isError ? NEVER_TOLD : answer.logStartOffset;
    if (answer.records.byteLength === 0 || !this.pending.delete(partition)) return;
    this.pending.add(partition);
  }

  /** Listens to the log until something happens while nobody waits: then it is known that there is something to look at. */
  private watch(partition: SessionPartition, log: PartitionLog): PartitionLog {
    if (partition.unwatch !== undefined) return log;
    const happened = (advance?: Advance): void => {
      this.note(partition);
      if (this.waiting === undefined) partition.unwatch?.();
      else if (advance !== undefined) this.waiting.gained(advance);
    };
    const undo = [log.onAdvance(happened), log.onStartMoved(() => happened())];
    partition.unwatch = () => {
      partition.unwatch = undefined;
      for (const each of undo) each();
    };
    return log;
  }

  private note(partition: SessionPartition): void {
    partition.hasNews = true;
    this.pending.add(partition);
  }
}

/** Whether a client has to be told. */
function isNew(partition: SessionPartition, answer: PartitionAnswer): boolean {
  return (
    answer.records.byteLength > 0 ||
    answer.highWatermark !== partition.highWatermark ||
    answer.logStartOffset !== partition.logStartOffset ||
    isUrgent(answer)
  );
}

/** Without what else stands in a request: it is kept for long. */
function onlyAsked(asked: AskedPartition): AskedPartition {
  const { partition, currentLeaderEpoch, fetchOffset, lastFetchedEpoch, partitionMaxBytes } = asked;
  return { partition, currentLeaderEpoch, fetchOffset, lastFetchedEpoch, partitionMaxBytes };
}
