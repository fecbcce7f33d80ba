/**
 * A foreign Kafka consumer over TCP: long polls, a position for each partition, a new connection for ever. It checks every
 * batch. What it reads after its position was taken from it, it reads under a new name.
 */
import { BatchHeader } from "../../../log/batch.ts";
import { fetch } from "../../../wire/apis/fetch.ts";
import type { ResponseOf } from "../../../wire/api.ts";
import { ErrorCode, errorName } from "../../../wire/errors.ts";
import type { Random } from "../kernel/random.ts";
import type { Actor, FinalState, Run } from "../workload.ts";
import { engine, UNCOMPRESSED_BYTES_MAX } from "./engine.ts";
import { EARLIEST, KafkaClient, LATEST, offsetAt, topicNamed } from "./kafka-client.ts";
import type { KafkaConnection } from "./kafka-connection.ts";
import { behind, isDiskDamaged } from "./log-now.ts";
import { idOf } from "./values.ts";
import { sleep } from "./waiting.ts";

export interface KafkaConsumerOptions {
  readonly topics: readonly string[];
  readonly from: "earliest" | "latest" | "somewhere";
  /** Mean time between two crashes of its process; undefined: never. */
  readonly crashMeanMs?: number | undefined;
}

type Answered = ResponseOf<typeof fetch>["responses"][number]["partitions"][number];

/** One partition that it reads. */
interface Reading {
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
  /** Its name in the history. */
  reader: string;
  next: bigint;
  lastEpoch: number;
  leaderEpoch: number;
}

const FETCH_VERSION = 13;
const REFRESH_MS = 5000;
const REST_MS = [20, 500] as const;
/** However often in a row there was nothing to be had. */
const REST_MS_MAX = 5000;
const BATCH_HEADER_BYTES = 61;

/** The topic, or this partition of it, is not what it was. */
const LOOK_AGAIN: ReadonlySet<number> = new Set([
  ErrorCode.UNKNOWN_TOPIC_ID,
  ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
  ErrorCode.INCONSISTENT_TOPIC_ID,
  ErrorCode.NOT_LEADER_OR_FOLLOWER,
  ErrorCode.FENCED_LEADER_EPOCH,
  ErrorCode.UNKNOWN_LEADER_EPOCH,
  ErrorCode.OFFSET_NOT_AVAILABLE,
  ErrorCode.KAFKA_STORAGE_ERROR,
]);

export class KafkaConsumer implements Actor {
  readonly name: string;
  private readonly run: Run;
  private readonly options: KafkaConsumerOptions;
  private readonly random: Random;
  private lives = 0;
  private life: ConsumerLife | undefined;
  private isCalm = false;

  constructor(run: Run, name: string, options: KafkaConsumerOptions) {
    this.run = run;
    this.name = name;
    this.options = options;
    this.random = run.random.fork(name);
  }

  start(): void {
    const { run, random, options } = this;
    this.lives += 1;
    const life = new ConsumerLife(run, `${this.name}.${this.lives}`, options, random);
    this.life = life;
    life.begin();
    if (options.crashMeanMs === undefined) return;
    run.world.after(-Math.log(1 - random.next()) * options.crashMeanMs, () => {
      if (this.isCalm) return;
      life.crash();
      run.world.after(random.delay(100, 5000), () => this.start());
    });
  }

  calm(): void {
    this.isCalm = true;
  }

  get waitsFor(): string | undefined {
    return this.life?.waitsFor ?? (this.life === undefined ? "its start" : undefined);
  }

  finish(final: FinalState): Promise<void> {
    for (const { reader, topicId, partition, next } of this.life?.readings ?? [])
      final.readers.push({ reader, topicId, partition, next });
    return Promise.resolve();
  }
}

class ConsumerLife {
  /** In the order in which they were begun. */
  readings: Reading[] = [];
  private readonly run: Run;
  private readonly name: string;
  private readonly options: KafkaConsumerOptions;
  private readonly random: Random;
  private readonly client: KafkaClient;
  private names = 0;
  /** Whether it has begun: from then on, partitions that come up are read from their start. */
  private readonly begun = new Set<string>();

  constructor(run: Run, name: string, options: KafkaConsumerOptions, random: Random) {
    this.run = run;
    this.name = name;
    this.options = options;
    this.random = random;
    this.client = new KafkaClient(run, name);
  }

  begin(): void {
    void this.client.keepConnected((connection) => this.work(connection));
  }

  crash(): void {
    this.run.world.trace.say(this.name, "crashes");
    this.run.world.trace.count("kafka consumer: crashed");
    this.client.process.kill();
  }

  get waitsFor(): string | undefined {
    const { cluster } = this.run.gateway;
    if (!this.client.process.isAlive) return "its next life";
    for (const name of this.options.topics) {
      const topic = Array.from(cluster?.topics() ?? []).find((each) => each.name === name);
      if (topic === undefined) return `topic ${name}`;
      for (const { partition } of topic.partitions) {
        const reading = this.readings.find(
          (each) => each.topicId === topic.id && each.partition === partition,
        );
        const why = behind(this.run, topic.id, partition, reading?.next);
        if (why !== undefined) return why;
      }
    }
    return undefined;
  }

  private async work(connection: KafkaConnection): Promise<void> {
    let refreshAtMs = 0;
    let failures = 0;
    while (!connection.isClosed) {
      if (this.run.world.nowMs >= refreshAtMs) {
        await this.refresh(connection);
        refreshAtMs = this.run.world.nowMs + REFRESH_MS;
      }
      if (this.readings.length > 0 && (await this.fetchOnce(connection))) {
        failures = 0;
        continue;
      }
      failures += 1;
      refreshAtMs = 0;
      const [leastMs, mostMs] = REST_MS;
      await sleep(this.client.process, this.random.delay(leastMs, Math.min(mostMs * failures, REST_MS_MAX)));
    }
  }

  /** Topics, partitions and leader epochs as they are now. */
  private async refresh(connection: KafkaConnection): Promise<void> {
    for (const name of this.options.topics) {
      const topic = await topicNamed(connection, name);
      // A topic that is not there may be on its way: what was read of it goes on, or is over when there is another one.
      if (topic === undefined) continue;
      this.readings = this.readings.filter((each) => each.topic !== name || each.topicId === topic.id);
      for (const { partition, leaderEpoch } of topic.partitions) {
        const known = this.readings.find((each) => each.topicId === topic.id && each.partition === partition);
        if (known !== undefined) known.leaderEpoch = leaderEpoch;
        else {
          const next = await this.startOf(connection, topic, partition);
          if (next === undefined) continue;
          const reading = {
            topic: name,
            topicId: topic.id,
            partition,
            reader: "",
            next,
            lastEpoch: -1,
            leaderEpoch,
          };
          this.readings.push(reading);
          this.beginAt(reading, next);
        }
      }
    }
  }

  /** Where a partition is read from that was not read before. */
  private async startOf(
    connection: KafkaConnection,
    topic: { readonly name: string; readonly id: string },
    partition: number,
  ): Promise<bigint | undefined> {
    const { from } = this.options;
    const key = `${topic.name}/${partition}`;
    const earliest = await offsetAt(connection, topic, partition, EARLIEST);
    const latest = await offsetAt(connection, topic, partition, LATEST);
    if (earliest === undefined || latest === undefined) return undefined;
    const isFirst = !this.begun.has(key);
    this.begun.add(key);
    if (!isFirst || from === "earliest") return earliest;
    if (from === "latest" || latest <= earliest) return latest;
    return earliest + BigInt(this.random.below(Number(latest - earliest) + 1));
  }

  /** From here on it reads under a new name. */
  private beginAt(reading: Reading, from: bigint): void {
    reading.reader = `${this.name}/${reading.topic}.${++this.names}`;
    reading.next = from;
    reading.lastEpoch = -1;
    const { reader, topicId, partition } = reading;
    const askedMs = this.run.world.nowMs;
    this.run.note({ kind: "read from", reader, topicId, partition, from, askedMs });
  }

  /** One Fetch of everything. Answers false when it should rest and look at the topics again. */
  private async fetchOnce(connection: KafkaConnection): Promise<boolean> {
    const { random } = this;
    const maxWaitMs = random.between(100, 3000);
    const asked = [...this.readings];
    const answer = await connection.request(
      fetch,
      FETCH_VERSION,
      {
        maxWaitMs,
        minBytes: 1,
        maxBytes: 1024 * 1024,
        isolationLevel: 0,
        sessionId: 0,
        topics: asked.map(({ topicId, partition, next, lastEpoch, leaderEpoch }) => ({
          topicId,
          partitions: [
            {
              partition,
              currentLeaderEpoch: leaderEpoch,
              fetchOffset: next,
              lastFetchedEpoch: lastEpoch,
              partitionMaxBytes: random.pick([1, 4096, 1024 * 1024]),
            },
          ],
        })),
        forgottenTopicsData: [],
      },
      maxWaitMs,
    );
    if (answer.errorCode !== ErrorCode.NONE) return false;
    let isWell = true;
    for (const { topicId, partitions } of answer.responses) {
      for (const answered of partitions) {
        const reading = this.readings.find(
          (each) => each.topicId === topicId && each.partition === answered.partitionIndex,
        );
        if (reading !== undefined && !(await this.take(connection, reading, answered))) isWell = false;
      }
    }
    return isWell;
  }

  /** Answers false when it should rest and look at the topics again. */
  private async take(connection: KafkaConnection, reading: Reading, answered: Answered): Promise<boolean> {
    const { errorCode, divergingEpoch, records } = answered;
    const { trace } = this.run.world;
    if (errorCode === ErrorCode.OFFSET_OUT_OF_RANGE) return this.reset(connection, reading);
    if (errorCode !== ErrorCode.NONE) {
      trace.count(`kafka consumer: ${errorName(errorCode)}`);
      if (!LOOK_AGAIN.has(errorCode))
        trace.violation(`${reading.reader} at ${reading.next}: Fetch answered ${errorName(errorCode)}`);
      return false;
    }
    if (divergingEpoch.epoch >= 0) {
      trace.say(
        this.name,
        `${reading.topic}-${reading.partition} lost what was read from ${divergingEpoch.endOffset} on`,
      );
      trace.count("kafka consumer: diverged");
      const { endOffset } = divergingEpoch;
      this.beginAt(reading, endOffset < reading.next ? endOffset : reading.next);
      return true;
    }
    return records === null || this.read(reading, records);
  }

  /** Answers false when a batch is damaged: there is no getting past it. */
  private read(reading: Reading, bytes: Uint8Array): boolean {
    const { reader, topicId, partition } = reading;
    // The last batch may be cut short, as Kafka's brokers do.
    for (let at = 0; at + BATCH_HEADER_BYTES <= bytes.byteLength;) {
      const header = new BatchHeader(bytes, at);
      if (at + header.bytes > bytes.byteLength) return true;
      const batch = bytes.slice(at, at + header.bytes);
      const status = engine.checkBatch(batch, true, UNCOMPRESSED_BYTES_MAX);
      if (status < 0) {
        const { trace } = this.run.world;
        trace.count("kafka consumer: damaged batch");
        if (!isDiskDamaged(this.run))
          trace.violation(
            `${reader}: the batch at ${header.baseOffset} is damaged (engine status ${status})`,
          );
        return false;
      }
      for (const { offset, value } of engine.readBatch(batch, UNCOMPRESSED_BYTES_MAX)) {
        if (offset < reading.next) continue;
        this.run.note({ kind: "read", reader, topicId, partition, offset, id: idOf(value) });
      }
      if (header.lastOffset >= reading.next) reading.next = header.lastOffset + 1n;
      reading.lastEpoch = header.leaderEpoch;
      at += header.bytes;
    }
    return true;
  }

  /** The log does not reach to the position: its start has moved beyond, or it is shorter than it was. */
  private async reset(connection: KafkaConnection, reading: Reading): Promise<boolean> {
    const { topic, topicId, partition, reader, next } = reading;
    const start = await offsetAt(connection, { name: topic, id: topicId }, partition, EARLIEST);
    if (start === undefined) return false;
    const { trace } = this.run.world;
    if (start > next) {
      trace.count("kafka consumer: gap");
      this.run.note({ kind: "gap", reader, topicId, partition, from: next, to: start });
      reading.next = start;
      return true;
    }
    const end = await offsetAt(connection, { name: topic, id: topicId }, partition, LATEST);
    if (end === undefined || end >= next) return false;
    trace.say(this.name, `${topic}-${partition} ends at ${end}, and ${next} was read`);
    trace.count("kafka consumer: the log was cut back");
    this.beginAt(reading, end);
    return true;
  }
}
