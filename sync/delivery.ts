/**
 * Delivers an outbox: seals what waits, sends what is sealed. One session per connection looks at the cluster, the topics
 * and the stored batches anew; whatever is not as it was ends the session, and the next one begins the same way.
 */
import { errorText, isFull } from "./error-text.ts";
import type { Clock } from "../log/clock.ts";
import type { RecordEngine } from "../log/engine.ts";
import { ErrorCode, KafkaError } from "../wire/errors.ts";
import { fullJitterMs, RETRY_BACK_OFF } from "./back-off.ts";
import type { Connection } from "./connection.ts";
import { logOffset, LATEST } from "./log-offsets.ts";
import { LaneDelivery } from "./lane-delivery.ts";
import { freshProducerId } from "./produce-requests.ts";
import { askProducerIdExpiration } from "./producer-expiration.ts";
import { firstBatch, sealBatch } from "./batch-sealing.ts";
import type { LaneHost } from "./lane-delivery.ts";
import type { Metadata, TopicMetadata } from "./metadata.ts";
import { block, freeze, producerIdFor, release, setAside } from "./delivery-rows.ts";
import { Superseded } from "./outbox-rows.ts";
import type { FrozenBatch, Lane, LaneKey, OutboxRecord, OutboxStore } from "./outbox-store.ts";
import { outcomeOf } from "./produce-outcome.ts";
import { partitionOfKey } from "./partitioner.ts";
import { ServerClock } from "./server-clock.ts";
import { TopicRests } from "./topic-rests.ts";
import type { LiveConnection } from "./live-connection.ts";
import type { Bell } from "./wait.ts";
import { linkedController, sleep } from "./wait.ts";

/** A batch that is in the log: record `recordIds[i]` has offset `baseOffset + i`; -1n when the offset is not known. */
export interface Settlement {
  readonly recordIds: readonly number[];
  readonly partition: number;
  readonly baseOffset: bigint;
}

export interface DeliveryOptions {
  readonly store: OutboxStore;
  readonly engine: RecordEngine;
  readonly clock: Clock;
  /** Answers [0, 1). */
  readonly random: () => number;
  readonly upstream: LiveConnection;
  readonly metadata: Metadata;
  /** What `takeOver` has answered: once there is a later one, nothing more is written. */
  readonly term: number;
  /** Milliseconds since the epoch by the gateway's clock; may reject, then the last known difference stays. */
  readonly serverTime: () => Promise<number>;
  readonly onSettled: (settlement: Settlement) => void;
  /** These records were refused, or are in doubt. */
  readonly onUndelivered: (recordIds: readonly number[], error: KafkaError) => void;
  /** Why the last session ended, until one gets on. For people. */
  readonly onProblem: (reason: string | undefined) => void;
}

const WAITING_READ_MAX = 2000;
/** A topic that is not there this often in a row is not just late: the app is asked about its batches. */
const ABSENT_TIMES_MAX = 5;

const NO_ROOM =
  "this device has no room left to seal what waits, not even a record at a time: free some of it";

/**
 * Delivers until the signal aborts or the upstream is closed. Throws Superseded when another deliverer has taken over
 * this store. `added` rings when records were added.
 */
export async function deliver(options: DeliveryOptions, added: Bell, signal: AbortSignal): Promise<void> {
  const { term } = options;
  const serverClock = new ServerClock(options.clock);
  const unanswered = new Map<string, number>();
  const room = { records: Infinity };
  let failures = 0;
  while (!signal.aborted) {
    let connection: Connection;
    try {
      connection = await options.upstream.live(signal);
    } catch {
      return;
    }
    const session = new Session(options, connection, { term, serverClock, unanswered, room }, added, signal);
    try {
      await session.run();
    } catch (error) {
      if (error instanceof Superseded) throw error;
      options.onProblem(isFull(error) ? NO_ROOM : errorText(error));
    }
    if (session.delivered) failures = 0;
    if (!signal.aborted && !connection.isClosed) {
      await sleep(options.clock, fullJitterMs(failures++, options.random, RETRY_BACK_OFF), signal);
    }
  }
}

/** What a deliverer knows over all its sessions. */
interface DelivererState {
  readonly term: number;
  readonly serverClock: ServerClock;
  /**
   * How often in a row a topic's batches went unanswered. It may be they that end each connection, too large for something
   * on the way say: after each time the other topics go first for longer.
   */
  readonly unanswered: Map<string, number>;
  /** So many records at most are sealed together: a device that is full has room for a small batch before it has it for a large one. */
  readonly room: { records: number };
}

class Session implements LaneHost {
  readonly options: DeliveryOptions;
  readonly connection: Connection;
  readonly term: number;
  producerIdExpirationMs = Infinity;
  delivered = false;
  /** Rings when records were added, and when a lane may take more. */
  private readonly bell: Bell;
  private readonly controller: AbortController;
  private readonly lanes = new Map<string, LaneDelivery>();
  private readonly sticky = new Map<string, number>();
  private readonly serverClock: ServerClock;
  private readonly rests: TopicRests;
  private readonly unanswered: Map<string, number>;
  private readonly room: DelivererState["room"];
  /** Stored batches that have no lane yet, by topic. */
  private readonly parked = new Map<string, FrozenBatch[]>();
  private clusterId = "";
  private producerId: bigint | undefined;
  private failure: unknown;
  private readonly stopHearing: () => void;
  /** How often records came back to be sealed anew. */
  private orderings = 0;

  constructor(
    options: DeliveryOptions,
    connection: Connection,
    { term, serverClock, unanswered, room }: DelivererState,
    added: Bell,
    signal: AbortSignal,
  ) {
    const { onSettled } = options;
    this.options = {
      ...options,
      onSettled: (settlement) => {
        this.delivered = true;
        options.onProblem(undefined);
        onSettled(settlement);
      },
    };
    this.connection = connection;
    this.term = term;
    this.bell = added;
    this.controller = linkedController(signal);
    this.serverClock = serverClock;
    this.unanswered = unanswered;
    this.room = room;
    const { clock, random } = options;
    this.rests = new TopicRests({ clock, random, signal: this.signal, onRested: () => this.ring() });
    this.stopHearing = connection.onEnd((reason) =>
      this.fail(new KafkaError(ErrorCode.NETWORK_EXCEPTION, reason)),
    );
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  serverNow(): number {
    return this.serverClock.now();
  }

  heard(topic: string, answered: boolean): void {
    if (answered) this.unanswered.delete(topic);
    else this.unanswered.set(topic, (this.unanswered.get(topic) ?? 0) + 1);
  }

  fail(error: unknown): void {
    this.failure ??= error;
    this.controller.abort();
    this.bell.ring();
  }

  ring(): void {
    this.bell.ring();
  }

  reordered(): void {
    this.orderings += 1;
  }

  /** Ends by throwing why; without an error when the signal aborts. */
  async run(): Promise<void> {
    try {
      await this.begin();
      await this.sealWhatWaits();
    } finally {
      this.controller.abort();
      this.stopHearing();
      for (const lane of this.lanes.values()) await lane.idle();
    }
  }

  private async begin(): Promise<void> {
    const { store, metadata } = this.options;
    const [{ clusterId, nodeId }] = await Promise.all([
      metadata.cluster(),
      this.serverClock.learn(this.options.serverTime),
    ]);
    this.clusterId = clusterId;
    this.producerIdExpirationMs = await askProducerIdExpiration(this.connection, nodeId);
    await release(store, this.term, this.clusterId);
    for (const [topic, times] of this.unanswered) this.rests.pause(topic, times);
    for (const batch of await store.transact("readonly", (rows) => rows.batches())) {
      // Rule 3: another cluster must not get what was meant for the one before.
      const isOurs = batch.clusterId === this.clusterId;
      if (isOurs) this.parked.set(batch.topic, [...(this.parked.get(batch.topic) ?? []), batch]);
      else
        await this.blockBatch(
          batch,
          `sealed for cluster ${batch.clusterId}, and this is cluster ${this.clusterId}`,
        );
    }
  }

  /** Answers false when the batch is no more. */
  private async blockBatch(batch: FrozenBatch, reason: string | null): Promise<boolean> {
    const isThere = await block(this.options.store, this.term, batch, reason);
    // The app is asked about its records from now on, or no longer: every tab is to count them anew.
    if (isThere && reason !== batch.blocked)
      this.options.onUndelivered([], new KafkaError(ErrorCode.INCONSISTENT_TOPIC_ID, reason ?? "sent again"));
    return isThere;
  }

  /** The stored batches of a topic, now that it is known which one it is: nothing is sealed for it before they have their lanes. */
  private async unpark(topic: TopicMetadata): Promise<void> {
    const batches = this.parked.get(topic.name) ?? [];
    const lanes = new Set<LaneDelivery>();
    for (const batch of batches) {
      const isSame = batch.topicId === topic.id;
      const reason = isSame
        ? null
        : `sealed for topic ${topic.name} with id ${batch.topicId}, which was made anew as ${topic.id}`;
      if (!(await this.blockBatch(batch, reason)) || !isSame) continue;
      const lane = this.laneOf(batch, batch.topic);
      lane.add(batch, false);
      lanes.add(lane);
    }
    this.parked.delete(topic.name);
    for (const lane of lanes) lane.pump();
  }

  private async sealWhatWaits(): Promise<void> {
    for (;;) {
      const change = this.bell.next();
      if (this.failure !== undefined) throw this.failure;
      if (this.signal.aborted) return;
      if (!(await this.sealOnce())) await change;
    }
  }

  /** One round over all topics with something to deliver. Answers whether there may be more to do at once. */
  private async sealOnce(): Promise<boolean> {
    const waiting = new Set(
      await this.options.store.transact("readonly", (rows) => rows.topicsIn("waiting")),
    );
    let progress = false;
    for (const name of new Set([...this.parked.keys(), ...waiting])) {
      if (this.signal.aborted) return true;
      const topic = this.rests.isResting(name) ? undefined : await this.usableTopic(name, waiting.has(name));
      if (topic === undefined) continue;
      await this.unpark(topic);
      try {
        if (await this.sealTopic(topic)) progress = true;
      } catch (error) {
        // What the gateway answers about one topic is not to hold up the others.
        if (!(error instanceof KafkaError) || error.code === ErrorCode.NETWORK_EXCEPTION) throw error;
        this.options.metadata.invalidate(name);
        await this.rest(name, error.message);
      }
    }
    return progress;
  }

  /** The topic as it is now, made where that is wanted and the gateway does so; undefined when it cannot be used at present. */
  private async usableTopic(name: string, create: boolean): Promise<TopicMetadata | undefined> {
    let problem: string;
    try {
      const topic = await this.options.metadata.topic(name, { create });
      if (topic !== undefined && topic.partitions > 0) return topic;
      this.options.metadata.invalidate(name);
      if (topic !== undefined) problem = `topic ${name} has no partitions yet`;
      else problem = `topic ${name} is not there${create ? ", and the gateway does not make it" : ""}`;
    } catch (error) {
      if (!(error instanceof KafkaError) || error.code === ErrorCode.NETWORK_EXCEPTION) throw error;
      if (outcomeOf(error.code) === "topic refused") {
        await this.refuseWaiting(name, error);
        if (!this.parked.has(name)) return undefined;
      }
      problem = error.message;
    }
    await this.rest(name, problem);
    return undefined;
  }

  /** Leaves a topic alone for a while; one that stays away has its batches blocked, and the app is asked. */
  private async rest(name: string, problem: string): Promise<void> {
    this.options.onProblem(problem);
    if (this.rests.rest(name) !== ABSENT_TIMES_MAX) return;
    for (const batch of this.parked.get(name) ?? []) await this.blockBatch(batch, problem);
  }

  private async refuseWaiting(topic: string, error: KafkaError): Promise<void> {
    const records = await this.waitingOf(topic);
    await setAside(this.options.store, this.term, records, "refused", error.message);
    this.options.onUndelivered(
      records.map((record) => record.id),
      error,
    );
  }

  private waitingOf(topic: string): Promise<OutboxRecord[]> {
    return this.options.store.transact("readonly", (rows) =>
      rows.recordsIn("waiting", WAITING_READ_MAX, topic),
    );
  }

  private async sealTopic(topic: TopicMetadata): Promise<boolean> {
    const { orderings } = this;
    const waiting = await this.waitingOf(topic.name);
    const misfits = waiting.filter((record) => !this.fits(record, topic));
    if (misfits.length > 0) {
      const reason = `published for another cluster or for a topic ${topic.name} that was made anew since`;
      await setAside(this.options.store, this.term, misfits, "held", reason);
      this.options.onUndelivered([], new KafkaError(ErrorCode.INCONSISTENT_TOPIC_ID, reason));
    }
    let progress = misfits.length > 0;
    for (const [partition, records] of this.byPartition(
      waiting.filter((record) => this.fits(record, topic)),
      topic,
    )) {
      const lane = this.laneOf({ clusterId: this.clusterId, topicId: topic.id, partition }, topic.name);
      if (orderings !== this.orderings) return true;
      if (!lane.isOpen) continue;
      if (await lane.whileSealing(() => this.sealInto(lane, records))) progress = true;
    }
    return progress;
  }

  private fits(record: OutboxRecord, topic: TopicMetadata): boolean {
    return (
      (record.clusterId ?? this.clusterId) === this.clusterId && (record.topicId ?? topic.id) === topic.id
    );
  }

  private byPartition(records: readonly OutboxRecord[], topic: TopicMetadata): Map<number, OutboxRecord[]> {
    const byPartition = new Map<number, OutboxRecord[]>();
    for (const record of records) {
      const partition =
        record.key === null ? this.stickyPartition(topic) : partitionOfKey(record.key, topic.partitions);
      const list = byPartition.get(partition);
      if (list === undefined) byPartition.set(partition, [record]);
      else list.push(record);
    }
    return byPartition;
  }

  /** Records without a key stay with one partition until a batch of theirs is full (KIP-480). */
  private stickyPartition(topic: TopicMetadata): number {
    const known = this.sticky.get(topic.id);
    if (known !== undefined && known < topic.partitions) return known;
    const partition = Math.floor(this.options.random() * topic.partitions);
    this.sticky.set(topic.id, partition);
    return partition;
  }

  private laneOf({ clusterId, topicId, partition }: LaneKey, topic: string): LaneDelivery {
    const name = `${topicId}/${partition}`;
    let lane = this.lanes.get(name);
    if (lane === undefined)
      this.lanes.set(name, (lane = new LaneDelivery(this, { clusterId, topicId, partition }, topic)));
    return lane;
  }

  /** Seals one batch of the oldest records and sends it. Answers false when nothing could be sealed. */
  private async sealInto(lane: LaneDelivery, waiting: readonly OutboxRecord[]): Promise<boolean> {
    const { store, engine } = this.options;
    const { room } = this;
    const records = firstBatch(waiting.slice(0, room.records));
    const endBefore = (lane.endKnown ??= await logOffset(
      this.connection,
      lane.topic,
      lane.key.partition,
      LATEST,
    ));
    const expected = await this.expectedLane(lane.key);
    let bytes: Uint8Array;
    try {
      bytes = sealBatch(engine, records, expected, this.sealingTime());
    } catch (error) {
      if (!(error instanceof KafkaError)) throw error;
      const refused = this.unsealable(records, expected);
      await setAside(store, this.term, refused, "refused", error.message);
      this.options.onUndelivered(
        refused.map((record) => record.id),
        error,
      );
      return true;
    }
    const plan = {
      lane: lane.key,
      topic: lane.topic,
      records,
      bytes,
      expected,
      endBefore,
      frozenAtMs: this.serverNow(),
    };
    let batch: FrozenBatch | undefined;
    try {
      batch = await freeze(store, engine, this.term, plan);
      room.records *= 2;
    } catch (error) {
      if (!isFull(error)) throw error;
      room.records = Math.ceil(records.length / 2);
      if (records.length === 1) throw error;
      return true;
    }
    if (batch === undefined || this.signal.aborted) return true;
    if (records.length < waiting.length && records.some((record) => record.key === null))
      this.sticky.delete(lane.key.topicId);
    lane.add(batch, true);
    lane.pump();
    return true;
  }

  private sealingTime(): { serverNowMs: number; clockAheadMs: number } {
    return { serverNowMs: this.serverNow(), clockAheadMs: this.serverClock.ahead };
  }

  /** Of records that cannot be sealed together, those that cannot alone either; all where each of them could. */
  private unsealable(records: readonly OutboxRecord[], lane: Lane): readonly OutboxRecord[] {
    const alone = records.filter((record) => {
      try {
        sealBatch(this.options.engine, [record], lane, this.sealingTime());
        return false;
      } catch {
        return true;
      }
    });
    return alone.length > 0 ? alone : records;
  }

  private async expectedLane(key: LaneKey): Promise<Lane> {
    const { store } = this.options;
    const known = await store.transact("readonly", (rows) => rows.lane(key));
    if (known !== undefined) return known;
    this.producerId ??=
      (await store.transact("readonly", (rows) => rows.producerId(this.clusterId))) ??
      (await producerIdFor(store, this.term, this.clusterId, await freshProducerId(this.connection)));
    return { ...key, producerId: this.producerId, producerEpoch: 0, nextSequence: 0 };
  }
}
