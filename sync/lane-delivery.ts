/**
 * One partition's frozen batches on their way: sent in order, at most five in flight, again bit for bit until answered.
 * After the first failure nothing more is sent until all that is in flight is answered; then it is mended.
 */
import { ErrorCode, KafkaError } from "../wire/errors.ts";
import { fullJitterMs, RETRY_BACK_OFF } from "./back-off.ts";
import type { Connection } from "./connection.ts";
import type { FrozenBatch, LaneKey } from "./outbox-store.ts";
import { settle, takeApart } from "./delivery-rows.ts";
import { nextEpoch } from "./outbox-rows.ts";
import type { Verdict } from "./outbox-rows.ts";
import { isCertainlyNotAppended, outcomeOf, SUSPECT_AFTER } from "./produce-outcome.ts";
import { freshProducerId, produceOnce } from "./produce-requests.ts";
import { readBack } from "./read-back.ts";
import type { DeliveryOptions } from "./delivery.ts";
import { sleep } from "./wait.ts";

/** Kafka recognises a producer's last five batches per partition as duplicates: more in flight could not be sent again. */
export const IN_FLIGHT_MAX = 5;

/** What a lane needs of the session that it belongs to. */
export interface LaneHost {
  readonly options: DeliveryOptions;
  readonly connection: Connection;
  readonly term: number;
  readonly signal: AbortSignal;
  /** The gateway's `producer.id.expiration.ms`: after half of it an unanswered batch is looked for before it is sent again. */
  readonly producerIdExpirationMs: number;
  /** Milliseconds since the epoch by the server's clock. */
  serverNow(): number;
  /** What was sent for a topic came back without an answer, or with one. */
  heard(topic: string, answered: boolean): void;
  /** Ends the session; the next one looks at everything anew. */
  fail(error: unknown): void;
  /** Something may be frozen now. */
  ring(): void;
  /** Records that were frozen wait again: what was read of the waiting ones before is not in order any more. */
  reordered(): void;
}

interface Entry {
  readonly batch: FrozenBatch;
  /** Some send of it may have reached the log without our knowing. */
  uncertain: boolean;
  /** Looked for in the log at this server time: it was not there. */
  lookedBackAtMs: number | undefined;
  inFlight: boolean;
  /** The last answer's error, until it is dealt with. */
  failure: KafkaError | undefined;
  /** Failures of one kind in a row. */
  failures: number;
}

export class LaneDelivery {
  readonly key: LaneKey;
  readonly topic: string;
  /** An offset that is not beyond the log's end now; undefined until it was asked. */
  endKnown: bigint | undefined;
  private readonly host: LaneHost;
  private entries: Entry[] = [];
  private mending = false;
  private sealing = false;
  private failuresInRow = 0;
  /** When the broker last took a batch, by the server's clock. */
  private provenAtMs: number | undefined;
  /** Everything under way: sends, and mending. */
  private readonly active = new Set<Promise<void>>();

  constructor(host: LaneHost, key: LaneKey, topic: string) {
    this.host = host;
    this.key = key;
    this.topic = topic;
  }

  /** Whether another batch may be frozen: sequences are taken only for what can be sent at once. */
  get isOpen(): boolean {
    return (
      !this.mending &&
      this.entries.length < IN_FLIGHT_MAX &&
      this.entries.every((entry) => entry.failure === undefined)
    );
  }

  /** Keeps the lane from being mended, which may give back older records, while `seal` freezes newer ones. */
  async whileSealing<T>(seal: () => Promise<T>): Promise<T> {
    this.sealing = true;
    try {
      return await seal();
    } finally {
      this.sealing = false;
      this.pump();
    }
  }

  /** `fresh`: sealed just now, never sent. */
  add(batch: FrozenBatch, fresh: boolean): void {
    this.entries.push({
      batch,
      uncertain: !fresh,
      lookedBackAtMs: undefined,
      inFlight: false,
      failure: undefined,
      failures: 0,
    });
  }

  /** Sends what may be sent. */
  pump(): void {
    if (this.mending || this.host.signal.aborted) return;
    const old = this.entries.find((entry) => !entry.inFlight && this.isTooOldToSend(entry));
    const failed = old ?? this.entries.find((entry) => entry.failure !== undefined);
    if (failed !== undefined) {
      if (!this.sealing && !this.entries.some((entry) => entry.inFlight)) this.track(this.mend(failed));
      return;
    }
    const inFlightMax = this.isProven() ? IN_FLIGHT_MAX : 1;
    let inFlight = this.entries.filter((entry) => entry.inFlight).length;
    for (const entry of this.entries) {
      if (inFlight >= inFlightMax) return;
      if (entry.inFlight) continue;
      inFlight += 1;
      this.track(this.send(entry).then(() => this.pump()));
    }
  }

  /**
   * Whether the broker is known to remember the producer's sequence. One that does not may take any sequence as the first
   * (Kafka's does), and with it the second batch of a pair after it has refused the first: so the first goes alone.
   */
  private isProven(): boolean {
    if (this.provenAtMs === undefined) return false;
    return Math.abs(this.host.serverNow() - this.provenAtMs) < this.host.producerIdExpirationMs / 2;
  }

  /** Resolves when nothing is under way any more: only then may another session deal with the same batches. */
  async idle(): Promise<void> {
    while (this.active.size > 0) await Promise.all(this.active);
  }

  /** `work` never rejects. */
  private track(work: Promise<void>): void {
    this.active.add(work);
    void work.then(() => this.active.delete(work));
  }

  /** The broker may have forgotten the producer, and would then take a duplicate for a new batch. */
  private isTooOldToSend(entry: Entry): boolean {
    if (!entry.uncertain) return false;
    const since = entry.lookedBackAtMs ?? entry.batch.frozenAtMs;
    const ageMs = this.host.serverNow() - since;
    return ageMs < -this.host.producerIdExpirationMs / 2 || ageMs > this.host.producerIdExpirationMs / 2;
  }

  /** Sends one batch once, and settles it or notes the failure. Never rejects. */
  private async send(entry: Entry): Promise<void> {
    const { batch } = entry;
    entry.inFlight = true;
    entry.failure = undefined;
    try {
      const baseOffset = await produceOnce(this.host.connection, batch);
      this.provenAtMs = this.host.serverNow();
      this.host.heard(this.topic, true);
      await this.settle(entry, baseOffset);
    } catch (error) {
      if (error instanceof KafkaError && error.code !== ErrorCode.NETWORK_EXCEPTION) {
        entry.failures += 1;
        entry.failure = error;
        if (!isCertainlyNotAppended(error.code)) entry.uncertain = true;
      } else {
        // Unanswered, or the store failed: the next session takes it from the store again.
        entry.uncertain = true;
        if (error instanceof KafkaError) this.host.heard(this.topic, false);
        this.host.fail(error);
      }
    } finally {
      entry.inFlight = false;
    }
  }

  private async settle(entry: Entry, baseOffset: bigint): Promise<void> {
    const { host } = this;
    const { batch } = entry;
    if (baseOffset < 0n) baseOffset = await this.foundAt(batch);
    await settle(host.options.store, host.term, batch, baseOffset);
    this.entries = this.entries.filter((each) => each !== entry);
    this.failuresInRow = 0;
    if (baseOffset >= 0n) {
      const after = baseOffset + BigInt(batch.recordIds.length);
      if (this.endKnown === undefined || after > this.endKnown) this.endKnown = after;
    }
    host.options.onSettled({ recordIds: batch.recordIds, partition: batch.partition, baseOffset });
    host.ring();
  }

  /** The offset of a batch that stands in the log; -1n when the log does not tell: that says nothing against the batch. */
  private async foundAt(batch: FrozenBatch): Promise<bigint> {
    try {
      return (await readBack(this.host.connection, [batch])).found.get(batch.id) ?? -1n;
    } catch (error) {
      if (error instanceof KafkaError && error.code !== ErrorCode.NETWORK_EXCEPTION) return -1n;
      throw error;
    }
  }

  /** Nothing is in flight. Deals with the first failure; what follows on it is sent again or taken apart with it. */
  private async mend(failed: Entry): Promise<void> {
    this.mending = true;
    try {
      await this.mendFailure(failed);
      for (const entry of this.entries) entry.failure = undefined;
    } catch (error) {
      this.host.fail(error);
    } finally {
      this.mending = false;
    }
    this.host.ring();
    this.pump();
  }

  private async mendFailure(failed: Entry): Promise<void> {
    const { failure } = failed;
    if (failure === undefined) return this.lookBack(undefined);
    const suspectAfter = SUSPECT_AFTER.get(failure.code);
    if (suspectAfter !== undefined && failed.failures >= suspectAfter) return this.refuse(failed, failure);
    switch (outcomeOf(failure.code)) {
      case "again":
      case "delivered":
        return sleep(
          this.host.options.clock,
          fullJitterMs(this.failuresInRow++, this.host.options.random, RETRY_BACK_OFF),
          this.host.signal,
        );
      case "look back":
        return this.lookBack(failure);
      case "changed":
        // The next session asks which topic it is now; by what is known here it would send the same again.
        this.host.options.metadata.invalidate(this.topic);
        throw failure;
      case "record refused":
      case "topic refused":
        return this.refuse(failed, failure);
    }
  }

  /** Asks the log which of our batches it holds. With a failure, what is absent is sealed anew; else it is sent again. */
  private async lookBack(failure: KafkaError | undefined): Promise<void> {
    await this.checkTopic();
    const { found, gone } = await readBack(
      this.host.connection,
      this.entries.map((entry) => entry.batch),
    );
    for (const entry of this.entries) {
      const offset = found.get(entry.batch.id);
      if (offset !== undefined) await this.settle(entry, offset);
    }
    const lost = this.entries.filter((entry) => entry.uncertain && gone.has(entry.batch.id));
    if (lost.length === 0 && (failure === undefined || found.size > 0)) {
      for (const entry of this.entries) entry.lookedBackAtMs = this.host.serverNow();
      return;
    }
    const reason = `sent, but never answered, and what ${this.topic}-${this.key.partition} held at that time is gone`;
    await this.takeApart(
      lost.map(({ batch }) => ({ batch, state: "in doubt", reason })),
      failure?.code,
      new KafkaError(ErrorCode.NETWORK_EXCEPTION, reason),
    );
  }

  /** A topic that was made anew knows none of our sequences either: then the next session asks the app. */
  private async checkTopic(): Promise<void> {
    const { metadata } = this.host.options;
    metadata.invalidate(this.topic);
    const id = (await metadata.topic(this.topic))?.id;
    if (id === this.key.topicId) return;
    throw new KafkaError(
      ErrorCode.UNKNOWN_TOPIC_ID,
      `topic ${this.topic} (${this.key.topicId}) is gone or was made anew`,
    );
  }

  private async refuse(failed: Entry, failure: KafkaError): Promise<void> {
    const { batch } = failed;
    const isOfOneRecord = batch.recordIds.length === 1;
    const isAboutRecords = outcomeOf(failure.code) !== "topic refused";
    if (isAboutRecords && !isOfOneRecord) {
      // Which record it was is not certain: each goes alone now, and those that can pass will.
      return this.takeApart([{ batch, state: "waiting", reason: null, alone: true }], failure.code, failure);
    }
    const state = failed.uncertain ? "in doubt" : "refused";
    await this.takeApart([{ batch, state, reason: failure.message }], failure.code, failure);
  }

  /** Takes the whole lane apart: `verdicts` for some of its batches, the others wait to be sealed anew. */
  private async takeApart(
    verdicts: readonly Verdict[],
    code: number | undefined,
    error: KafkaError,
  ): Promise<void> {
    const judged = new Set(verdicts.map((verdict) => verdict.batch.id));
    for (const entry of this.entries.filter((each) => !judged.has(each.batch.id)))
      await this.makeCertain(entry);
    // What is decided now was found out for this session: after its end another may have sent these batches.
    this.host.signal.throwIfAborted();
    const others = this.entries.filter((entry) => !judged.has(entry.batch.id));
    const all: Verdict[] = [
      ...verdicts,
      ...others.map(({ batch }): Verdict => ({ batch, state: "waiting", reason: null })),
    ];
    await takeApart(this.host.options.store, this.host.term, all, await this.nextProducer(code));
    this.entries = [];
    this.host.reordered();
    this.provenAtMs = undefined;
    for (const verdict of verdicts) {
      if (verdict.state !== "waiting") this.host.options.onUndelivered(verdict.batch.recordIds, error);
    }
  }

  /** Sends a batch whose fate is open until the answer is certain: in the log (settled), or not. */
  private async makeCertain(entry: Entry): Promise<void> {
    for (let attempt = 0; this.entries.includes(entry); attempt++) {
      const { failure } = entry;
      if (failure !== undefined && isCertainlyNotAppended(failure.code)) return;
      if (failure === undefined && !entry.uncertain) return;
      if (attempt > 0)
        await sleep(
          this.host.options.clock,
          fullJitterMs(attempt, this.host.options.random, RETRY_BACK_OFF),
          this.host.signal,
        );
      this.host.signal.throwIfAborted();
      await this.send(entry);
    }
  }

  /** Under which id and epoch the lane goes on. An epoch that the broker has passed already needs another id. */
  private async nextProducer(
    code: number | undefined,
  ): Promise<{ producerId: bigint; producerEpoch: number } | undefined> {
    const last = this.entries[0]?.batch;
    if (last === undefined) return undefined;
    const raised = nextEpoch({ ...last, nextSequence: 0 });
    const isSpent =
      code === ErrorCode.INVALID_PRODUCER_EPOCH ||
      code === ErrorCode.PRODUCER_FENCED ||
      raised.producerEpoch === last.producerEpoch;
    if (!isSpent) return { producerId: raised.producerId, producerEpoch: raised.producerEpoch };
    return { producerId: await freshProducerId(this.host.connection), producerEpoch: 0 };
  }
}
