/**
 * A foreign Kafka producer over TCP, after the Java client: sequences per partition, five batches in flight, what is not
 * answered is sent again bit for bit. Written apart from `sync/delivery.ts`. It crashes now and then.
 */
import { CRC_AT } from "../../../engine-as/format.ts";
import { initProducerId } from "../../../wire/apis/init-producer-id.ts";
import { produce } from "../../../wire/apis/produce.ts";
import { ErrorCode, errorName } from "../../../wire/errors.ts";
import type { AcksLevel } from "../history.ts";
import type { Random } from "../kernel/random.ts";
import type { Actor, FinalState, KafkaRun } from "../workload.ts";
import { engine } from "./engine.ts";
import { KafkaClient, topicNamed, type KafkaTopic } from "./kafka-client.ts";
import type { KafkaConnection } from "./kafka-connection.ts";
import { ProducerLane, type ProducerBatch } from "./producer-lane.ts";
import { keyFor } from "./keys.ts";
import { contentOf, recordId } from "./values.ts";
import { sleep } from "./waiting.ts";

export interface KafkaProducerOptions {
  /** -1: all. 0: it is told nothing, and sends nothing again. */
  readonly acks: -1 | 0 | 1;
  readonly isIdempotent: boolean;
  /** Mean time between two crashes of its process; undefined: never. */
  readonly crashMeanMs?: number | undefined;
  /** Chance that a bit of a batch turns round on its way: the log has to refuse it, and the batch is sent again. */
  readonly damageRate?: number;
  /** Longest pause between two batches, in milliseconds; most are much shorter. */
  readonly pauseMsMax?: number;
}

const PRODUCE_VERSION = 13;
const INIT_PRODUCER_ID_VERSION = 4;
const LZ4 = 3;
const BATCH_BYTES_MAX = 1024 * 1024;
const PENDING_BATCHES_MAX = 12;
const RETRY_MS = [20, 500] as const;
/** The log does not know what it has acknowledged. */
const FORGOTTEN: ReadonlySet<number> = new Set([
  ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER,
  ErrorCode.UNKNOWN_PRODUCER_ID,
  ErrorCode.INVALID_PRODUCER_EPOCH,
]);

export class KafkaProducer implements Actor {
  readonly name: string;
  private readonly run: KafkaRun;
  private readonly options: KafkaProducerOptions;
  private readonly random: Random;
  private life: ProducerLife | undefined;
  private lives = 0;
  private isCalm = false;

  constructor(run: KafkaRun, name: string, options: KafkaProducerOptions) {
    this.run = run;
    this.name = name;
    this.options = options;
    this.random = run.random.fork(name);
  }

  start(): void {
    const { run, name, options, random } = this;
    this.lives += 1;
    const life = new ProducerLife(run, `${name}.${this.lives}`, options, random);
    this.life = life;
    life.begin();
    if (options.crashMeanMs === undefined) return;
    run.world.after(-Math.log(1 - random.next()) * options.crashMeanMs, () => {
      if (this.isCalm) return;
      life.crash();
      this.life = undefined;
      run.world.after(random.delay(100, 5000), () => {
        if (!this.isCalm) this.start();
      });
    });
  }

  calm(): void {
    this.isCalm = true;
    this.life?.calm();
  }

  get waitsFor(): string | undefined {
    const pending = this.life?.pendingBatches ?? 0;
    return pending === 0 ? undefined : `the answers for ${pending} batches`;
  }

  finish(_final: FinalState): Promise<void> {
    return Promise.resolve();
  }
}

/** One partition of one topic id. */
interface Lane {
  readonly topic: KafkaTopic;
  readonly partition: number;
  readonly state: ProducerLane;
  restsUntilMs: number;
  /** The log has said that it holds something of this producer. */
  isKnown: boolean;
}

/** What goes on under one producer id. */
interface Generation {
  /** The producer's name in the history. */
  readonly name: string;
  readonly producerId: bigint;
  readonly producerEpoch: number;
  readonly lanes: Map<string, Lane>;
  published: number;
}

interface Sending {
  readonly lane: Lane;
  readonly batch: ProducerBatch;
}

class ProducerLife {
  private readonly run: KafkaRun;
  private readonly name: string;
  private readonly options: KafkaProducerOptions;
  private readonly random: Random;
  private readonly client: KafkaClient;
  private readonly topics = new Map<string, KafkaTopic>();
  private connection: KafkaConnection | undefined;
  private generation: Generation | undefined;
  private generations = 0;
  private isCalm = false;

  constructor(run: KafkaRun, name: string, options: KafkaProducerOptions, random: Random) {
    this.run = run;
    this.name = name;
    this.options = options;
    this.random = random;
    this.client = new KafkaClient(run, name);
  }

  get pendingBatches(): number {
    let count = 0;
    for (const lane of this.generation?.lanes.values() ?? []) count += lane.state.pending.length;
    return count;
  }

  begin(): void {
    void this.client.keepConnected((connection) => this.work(connection));
    void this.publish().catch((error: unknown) => this.client.fail(error));
  }

  calm(): void {
    this.isCalm = true;
  }

  crash(): void {
    const { world } = this.run;
    world.trace.say(this.name, `crashes with ${this.pendingBatches} batches unanswered`);
    world.trace.count("kafka producer: crashed");
    this.client.process.kill();
    this.end();
  }

  private async work(connection: KafkaConnection): Promise<void> {
    await this.beginGeneration(connection);
    this.connection = connection;
    this.pump();
    await connection.closed;
    this.connection = undefined;
    for (const lane of this.generation?.lanes.values() ?? []) lane.state.lost();
  }

  /** Asks for a producer id, unless there is one. */
  private async beginGeneration(connection: KafkaConnection): Promise<void> {
    while (this.generation === undefined && !connection.isClosed) {
      const { isIdempotent } = this.options;
      const answer = isIdempotent
        ? await connection.request(initProducerId, INIT_PRODUCER_ID_VERSION, {
            transactionalId: null,
            transactionTimeoutMs: 0,
          })
        : { errorCode: ErrorCode.NONE, producerId: -1n, producerEpoch: -1 };
      if (answer.errorCode === ErrorCode.NONE) {
        const { producerId, producerEpoch } = answer;
        this.generations += 1;
        const name = `${this.name}.${this.generations}`;
        this.generation = { name, producerId, producerEpoch, lanes: new Map(), published: 0 };
        this.run.world.trace.say(this.name, `goes on as ${name}, producer id ${producerId}`);
      } else await this.rest();
    }
  }

  private rest(): Promise<void> {
    return sleep(this.client.process, this.random.delay(...RETRY_MS));
  }

  /** Hands over one batch after the other; one that finds no connection waits for it. */
  private async publish(): Promise<void> {
    const { random, options, client } = this;
    while (!this.isCalm) {
      await sleep(client.process, random.delay(5, options.pauseMsMax ?? 1500));
      if (this.isCalm || this.pendingBatches >= PENDING_BATCHES_MAX) continue;
      const topic = await this.topicNow(random.pick(this.run.topics).name);
      // What was awaited may have ended it.
      if (topic === undefined || this.generation === undefined || topic.partitions.length === 0) continue;
      const { partition } = random.pick(topic.partitions);
      this.hand(this.laneOf(this.generation, topic, partition), this.generation);
      this.pump();
    }
  }

  private async topicNow(name: string): Promise<KafkaTopic | undefined> {
    const known = this.topics.get(name);
    if (known !== undefined || this.connection === undefined) return known;
    const asked = await topicNamed(this.connection, name).catch(() => undefined);
    if (asked !== undefined) this.topics.set(name, asked);
    return asked;
  }

  private laneOf(generation: Generation, topic: KafkaTopic, partition: number): Lane {
    const key = `${topic.id}/${partition}`;
    let lane = generation.lanes.get(key);
    if (lane === undefined) {
      const state = new ProducerLane(this.random.chance(0.5));
      generation.lanes.set(key, (lane = { topic, partition, state, restsUntilMs: 0, isKnown: false }));
    }
    return lane;
  }

  /** Makes one batch of new records. */
  private hand({ topic, state }: Lane, generation: Generation): void {
    const { random, run } = this;
    const timestamp = this.client.process.clock.now();
    const ids: string[] = [];
    const count = random.chance(0.5) ? 1 : random.between(2, 20);
    const records = Array.from({ length: count }, () => {
      const number = generation.published++;
      const id = recordId(generation.name, number);
      const { key, isTombstone } = keyFor(run.topics, topic.name, random);
      ids.push(id);
      run.note({
        kind: "publish",
        id,
        producer: generation.name,
        number,
        principal: this.name,
        topic: topic.name,
        key,
        ...(isTombstone && { isTombstone }),
        idempotent: this.options.isIdempotent,
      });
      return {
        key: key === null ? null : new TextEncoder().encode(key),
        ...contentOf(id, Math.floor(random.delay(10, 2000)), isTombstone),
        timestamp,
      };
    });
    const baseSequence = state.nextSequence;
    const bytes = engine.writeBatch(records, {
      codec: random.chance(0.3) ? LZ4 : 0,
      producerId: generation.producerId,
      producerEpoch: generation.producerEpoch,
      baseSequence: this.options.isIdempotent ? baseSequence : -1,
      bytesMax: BATCH_BYTES_MAX,
    });
    state.add({ baseSequence, bytes, ids });
  }

  /** Sends what may be sent: requests with at most one batch of each partition, or one batch each. */
  private pump(): void {
    const { connection, generation } = this;
    if (generation === undefined) return;
    for (;;) {
      if (connection === undefined || connection.isClosed || this.generation !== generation) return;
      const round: Sending[] = [];
      for (const lane of generation.lanes.values()) {
        if (lane.restsUntilMs > this.run.world.nowMs) continue;
        const batch = lane.state.take();
        if (batch !== undefined) round.push({ lane, batch });
      }
      if (round.length === 0) return;
      if (this.random.chance(0.5)) this.send(connection, generation, round);
      else for (const one of round) this.send(connection, generation, [one]);
    }
  }

  private send(connection: KafkaConnection, generation: Generation, sendings: readonly Sending[]): void {
    const { acks } = this.options;
    const damaged = new Set(sendings.filter(({ lane }) => this.isDamagedOnItsWay(lane)));
    const body = {
      transactionalId: null,
      acks,
      timeoutMs: 30_000,
      topicData: sendings.map((sending) => {
        const { lane, batch } = sending;
        const records = damaged.has(sending) ? this.damage(batch.bytes) : batch.bytes;
        return { topicId: lane.topic.id, partitionData: [{ index: lane.partition, records }] };
      }),
    };
    for (const { batch } of sendings)
      for (const id of batch.ids) this.run.note({ kind: "sent", id, principal: this.name });
    if (acks === 0) {
      connection.tell(produce, PRODUCE_VERSION, body);
      for (const { lane, batch } of sendings) {
        lane.state.answered(batch, ErrorCode.NONE);
        for (const id of batch.ids) this.run.note({ kind: "unknown", id });
      }
      return;
    }
    connection
      .request(produce, PRODUCE_VERSION, body)
      .then(
        ({ responses }) => {
          for (const { topicId, partitionResponses } of responses) {
            for (const { index, errorCode, baseOffset } of partitionResponses) {
              const sending = sendings.find(
                ({ lane }) => lane.topic.id === topicId && lane.partition === index,
              );
              if (sending === undefined)
                throw new Error(`an answer for ${topicId}/${index}, which was not asked for`);
              if (damaged.has(sending) && errorCode === ErrorCode.NONE)
                this.run.world.trace.violation(
                  `${generation.name}: a batch that was damaged on its way was taken at ${baseOffset}`,
                );
              this.answered(generation, sending, errorCode, baseOffset);
            }
          }
          this.pump();
        },
        // The connection is lost, and `work` knows.
        () => undefined,
      )
      .catch((error: unknown) => this.client.fail(error));
  }

  /** One that the log does not know would be taken with any sequence: what follows on a refused batch could pass it. */
  private isDamagedOnItsWay({ isKnown }: Lane): boolean {
    const { acks, isIdempotent, damageRate = 0 } = this.options;
    return acks !== 0 && (isKnown || !isIdempotent) && this.random.chance(damageRate);
  }

  /** A copy with one bit turned round: in its CRC, or behind it. */
  private damage(bytes: Uint8Array): Uint8Array {
    const damaged = bytes.slice();
    const at = this.random.between(CRC_AT, bytes.byteLength - 1);
    damaged[at] = (damaged[at] ?? 0) ^ (1 << this.random.below(8));
    this.run.world.trace.count("kafka producer: batch damaged on its way");
    return damaged;
  }

  private answered(generation: Generation, { lane, batch }: Sending, code: number, baseOffset: bigint): void {
    if (this.generation !== generation) return;
    const word = lane.state.answered(batch, code);
    const { run } = this;
    if (word === "acknowledged") {
      const level: AcksLevel = this.options.acks === 1 ? "1" : "all";
      const { partition, topic } = lane;
      lane.isKnown = true;
      for (const [at, id] of batch.ids.entries()) {
        const offset = baseOffset < 0n ? -1n : baseOffset + BigInt(at);
        run.note({ kind: "acknowledged", id, topicId: topic.id, partition, offset, level });
      }
      return;
    }
    if (word === undefined) return;
    const where = `${lane.topic.name}-${lane.partition} sequence ${batch.baseSequence}`;
    run.world.trace.say(this.name, `${where}: ${errorName(code)}`);
    run.world.trace.count(`kafka producer: ${errorName(code)}`);
    if (word === "over") {
      if (FORGOTTEN.has(code) && lane.isKnown && this.options.acks === -1 && !this.isRelaxed(lane.topic.name))
        run.world.trace.violation(
          `${generation.name}: ${where} is refused with ${errorName(code)}, though what it follows on was acknowledged as durable`,
        );
      return this.giveUp();
    }
    const restMs = this.random.delay(...RETRY_MS);
    lane.restsUntilMs = run.world.nowMs + restMs;
    this.client.process.later(restMs, () => void this.goOn(lane));
  }

  private isRelaxed(topic: string): boolean {
    return this.run.topics.some(({ name, isRelaxed }) => name === topic && isRelaxed);
  }

  /** After a rest; the topic may be another one by now, and then the producer begins anew with it. */
  private async goOn(lane: Lane): Promise<void> {
    const { connection, generation } = this;
    if (connection === undefined) return;
    const topic = await topicNamed(connection, lane.topic.name).catch(() => undefined);
    if (connection.isClosed || this.generation !== generation) return;
    if (topic !== undefined) this.topics.set(topic.name, topic);
    if (topic === undefined || topic.id === lane.topic.id) this.pump();
    else this.giveUp();
  }

  /** Nothing that is pending will be known, and another producer id is wanted. */
  private giveUp(): void {
    this.run.world.trace.count("kafka producer: began anew");
    this.end();
    const { connection } = this;
    if (connection !== undefined && !this.isCalm)
      void this.beginGeneration(connection).then(
        () => this.pump(),
        // The connection is lost, and the next one does it.
        () => undefined,
      );
  }

  private end(): void {
    const lanes = [...(this.generation?.lanes.values() ?? [])];
    this.generation = undefined;
    this.topics.clear();
    for (const { state } of lanes)
      for (const { ids } of state.pending) for (const id of ids) this.run.note({ kind: "unknown", id });
  }
}
