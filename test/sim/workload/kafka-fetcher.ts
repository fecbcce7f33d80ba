/**
 * What a foreign Kafka consumer fetches, in a group or by itself: a position for each partition, long polls, every batch
 * checked. What it reads after its position was taken from it, it reads under a new name.
 */
import { BatchHeader } from "../../../log/batch.ts";
import { fetch } from "../../../wire/apis/fetch.ts";
import type { ResponseOf } from "../../../wire/api.ts";
import { ErrorCode, errorName } from "../../../wire/errors.ts";
import type { Random } from "../kernel/random.ts";
import type { KafkaRun } from "../workload.ts";
import { engine, UNCOMPRESSED_BYTES_MAX } from "./engine.ts";
import { EARLIEST, LATEST, offsetAt } from "./kafka-client.ts";
import type { KafkaConnection } from "./kafka-connection.ts";
import { isDiskDamaged } from "./log-now.ts";
import { idOf } from "./values.ts";

type Answered = ResponseOf<typeof fetch>["responses"][number]["partitions"][number];

/** One partition that it reads. */
export interface Reading {
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

export interface KafkaFetcherOptions {
  readonly run: KafkaRun;
  /** Of whoever fetches: what it reads it reads under names that begin with it. */
  readonly name: string;
  readonly random: Random;
  /** The group that it reads for. */
  readonly groupId?: string;
}

export class KafkaFetcher {
  /** In the order in which they were begun. */
  readings: Reading[] = [];
  private readonly run: KafkaRun;
  private readonly name: string;
  private readonly random: Random;
  private readonly groupId: string | undefined;
  private names = 0;

  constructor({ run, name, random, groupId }: KafkaFetcherOptions) {
    this.run = run;
    this.name = name;
    this.random = random;
    this.groupId = groupId;
  }

  /** From here on it reads under a new name. */
  beginAt(reading: Reading, from: bigint): void {
    reading.reader = `${this.name}/${reading.topic}.${++this.names}`;
    reading.next = from;
    reading.lastEpoch = -1;
    const { reader, topicId, partition } = reading;
    const askedMs = this.run.world.nowMs;
    const { groupId } = this;
    const ofGroup = groupId === undefined ? {} : { groupId };
    this.run.note({ kind: "read from", reader, topicId, partition, from, askedMs, ...ofGroup });
  }

  /** One Fetch of everything. Answers false when it should rest and look at the topics again. */
  async fetchOnce(connection: KafkaConnection): Promise<boolean> {
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
        const reading = asked.find(
          (each) => each.topicId === topicId && each.partition === answered.partitionIndex,
        );
        // It may have been taken away meanwhile, and have come back at another position.
        if (reading === undefined || !this.readings.includes(reading)) continue;
        if (!(await this.take(connection, reading, answered))) isWell = false;
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
      for (const record of engine.readBatch(batch, UNCOMPRESSED_BYTES_MAX)) {
        const { offset } = record;
        if (offset < reading.next) continue;
        this.run.note({ kind: "read", reader, topicId, partition, offset, id: idOf(record) });
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
