import type { Clock } from "../../log/clock.ts";
import type { Cluster } from "../../log/cluster.ts";
import { TOPIC_NAME_LENGTH_MAX } from "../../log/topic-name.ts";
import { FetchSession, type AnsweredTopic, type AskedTopic, type ForgottenTopic } from "./fetch-session.ts";
import type { NamedTopic } from "./fetch-read.ts";

/** A session that was not used for so long makes room for another one (Kafka's `min.incremental.fetch.session.eviction.ms`). */
const EVICTION_MS = 120_000;
/** Partitions of one session, and of all of them: each takes a few hundred bytes. */
const SESSION_PARTITIONS_MAX = 20_000;
const PARTITIONS_MAX = 100_000;

/** No session: every Fetch names all that it asks for. */
export const NO_SESSION = 0;

export interface FetchSessionsOptions {
  cluster: Pick<Cluster, "onTopicsChanged">;
  clock: Clock;
  random: () => Uint8Array;
  /** Kafka's `max.incremental.fetch.session.cache.slots`. */
  slots: number;
}

/**
 * The fetch sessions of this node. They belong to no connection: whoever knows a session's id goes on with it, as in
 * Kafka. There are only so many, and who gets none fetches without.
 */
export class FetchSessions {
  private readonly clock: Clock;
  private readonly random: () => Uint8Array;
  private readonly slots: number;
  /** The one that was not used for longest comes first. */
  private readonly sessions = new Map<number, FetchSession>();
  private held = 0;
  private readonly stopListening: () => void;

  constructor({ cluster, clock, random, slots }: FetchSessionsOptions) {
    this.clock = clock;
    this.random = random;
    this.slots = slots;
    this.stopListening = cluster.onTopicsChanged(({ kind, topic }) => {
      if (kind !== "deleted") return;
      for (const session of this.sessions.values()) session.lost(topic);
    });
  }

  get size(): number {
    return this.sessions.size;
  }
  /** Partitions of all sessions. */
  get partitions(): number {
    return this.held;
  }

  find(id: number): FetchSession | undefined {
    return this.sessions.get(id);
  }

  /** A session for who has asked for `topics` and was answered; its id, or `NO_SESSION` when there is no room for it. */
  create(usesTopicIds: boolean, topics: readonly AskedTopic[], answers: readonly AnsweredTopic[]): number {
    if (!canBeHeld(topics) || topics.every(({ partitions }) => partitions.length === 0)) return NO_SESSION;
    const nowMs = this.clock.now();
    const session = new FetchSession(this.newId(), usesTopicIds, nowMs);
    session.begin(topics, answers);
    if (session.size > SESSION_PARTITIONS_MAX || !this.makeRoom(session, nowMs)) return NO_SESSION;
    this.sessions.set(session.id, session);
    this.held += session.size;
    return session.id;
  }

  /** What is asked for and no longer asked for in a session from now on. One that grows too large is closed. */
  change(session: FetchSession, topics: readonly AskedTopic[], forgotten: readonly ForgottenTopic[]): void {
    const before = session.size;
    if (!canBeHeld(topics)) return this.close(session.id);
    session.ask(topics);
    session.forget(forgotten);
    this.held += session.size - before;
    this.sessions.delete(session.id);
    this.sessions.set(session.id, session);
    session.lastUsedMs = this.clock.now();
    if (session.size > SESSION_PARTITIONS_MAX || this.held > PARTITIONS_MAX) this.close(session.id);
  }

  /** Forgets a session, if it is there. */
  close(id: number): void {
    const session = this.sessions.get(id);
    if (session === undefined) return;
    this.sessions.delete(id);
    this.held -= session.size;
    session.close();
  }

  closeAll(): void {
    this.stopListening();
    for (const id of this.sessions.keys()) this.close(id);
  }

  /** As in Kafka: a session that nobody uses goes, or a smaller one that is not new. */
  private makeRoom(wanted: FetchSession, nowMs: number): boolean {
    const hasRoom = (): boolean =>
      this.sessions.size < this.slots && this.held + wanted.size <= PARTITIONS_MAX;
    for (const session of this.sessions.values()) {
      if (hasRoom() || nowMs - session.lastUsedMs <= EVICTION_MS) break;
      this.close(session.id);
    }
    if (this.sessions.size >= this.slots) this.closeSmaller(wanted.size, nowMs);
    return hasRoom();
  }

  private closeSmaller(size: number, nowMs: number): void {
    let smallest: FetchSession | undefined;
    for (const session of this.sessions.values()) {
      const isNew = nowMs - session.createdMs <= EVICTION_MS;
      if (!isNew && session.size < (smallest?.size ?? size)) smallest = session;
    }
    if (smallest !== undefined) this.close(smallest.id);
  }

  /** Nobody can guess it. */
  private newId(): number {
    for (;;) {
      const bytes = this.random();
      const id = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0) >>> 1;
      if (id !== NO_SESSION && !this.sessions.has(id)) return id;
    }
  }
}

/** A topic that cannot be is not remembered: its name may be of any length. */
function canBeHeld(topics: readonly NamedTopic[]): boolean {
  return topics.every(({ topic }) => topic.length <= TOPIC_NAME_LENGTH_MAX);
}
