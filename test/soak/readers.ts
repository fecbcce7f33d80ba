/** The three readers of the soak: a Kafka consumer, a subscriber to pushes, and one that takes whole histories over HTTP. */
import { equal, ok } from "node:assert/strict";
import { setTimeout } from "node:timers/promises";
import { fetch as fetchApi } from "../../wire/apis/fetch.ts";
import { listOffsets } from "../../wire/apis/list-offsets.ts";
import { offsetCommit } from "../../wire/apis/offset-commit.ts";
import { offsetFetch } from "../../wire/apis/offset-fetch.ts";
import { subscribe } from "../../wire/apis/subscribe.ts";
import { ErrorCode } from "../../wire/errors.ts";
import { FrameReader } from "../../wire/frame-reader.ts";
import { decodePush, type PushFrame } from "../../wire/push.ts";
import { ProtocolClient } from "../gateway/protocol-client.ts";
import { isLost, type Place, withClient } from "./place.ts";
import { type Reading, wholeBatches } from "./reading.ts";

const EARLIEST = -2n;
const GROUP = "soak";
const COMMIT_MS = 100;
const WAIT_MS = 200;
const FRAME_BYTES_MAX = 2 ** 26;

/** Requests name a topic once, with all that is asked of its partitions. */
function byTopic<Asked>(
  readings: readonly Reading[],
  ask: (reading: Reading) => Asked,
): { readonly topic: string; readonly partitions: Asked[] }[] {
  const names = [...new Set(readings.map(({ model }) => model.topic.name))];
  return names.map((topic) => ({
    topic,
    partitions: readings.filter(({ model }) => model.topic.name === topic).map(ask),
  }));
}

/** Fetches all partitions over TCP and commits how far it has come, until the gateway is gone or `isDone`. */
export class KafkaReader {
  readonly readings: readonly Reading[];
  /** What was acknowledged of its commits. */
  private readonly committed = new Map<Reading, number>();

  constructor(readings: readonly Reading[]) {
    this.readings = readings;
  }

  async run(place: Place, isDone: () => boolean): Promise<void> {
    const open = (): Promise<ProtocolClient> => ProtocolClient.tcp(place.kafkaPort);
    await withClient(place, open, async (client) => {
      await this.checkCommitted(client);
      let committedMs = performance.now();
      while (!client.isClosed && !isDone()) {
        await this.fetch(client);
        if (performance.now() - committedMs < COMMIT_MS) continue;
        committedMs = performance.now();
        await this.commit(client);
      }
    });
  }

  private async fetch(client: ProtocolClient): Promise<void> {
    const { responses } = await client.request(fetchApi, 12, {
      maxWaitMs: WAIT_MS,
      minBytes: 1,
      maxBytes: 2 ** 22,
      topics: byTopic(this.readings, ({ model: { partition }, next }) => ({
        partition,
        fetchOffset: BigInt(next),
        partitionMaxBytes: 2 ** 18,
      })),
    });
    for (const { topic, partitions } of responses) {
      for (const { partitionIndex, errorCode, records } of partitions) {
        const reading = this.readings.find(
          ({ model }) => model.topic.name === topic && model.partition === partitionIndex,
        );
        ok(reading);
        if (errorCode === ErrorCode.OFFSET_OUT_OF_RANGE) {
          reading.skipTo(await logStart(client, topic, partitionIndex));
          continue;
        }
        equal(errorCode, ErrorCode.NONE, reading.model.name);
        const { batches, to } = wholeBatches(records ?? new Uint8Array(0));
        if (to > reading.next) reading.take(batches, to);
      }
    }
  }

  private async commit(client: ProtocolClient): Promise<void> {
    const positions = new Map(this.readings.map((reading) => [reading, reading.next]));
    const { topics } = await client.request(offsetCommit, 8, {
      groupId: GROUP,
      memberId: "",
      topics: byTopic(this.readings, ({ model: { partition }, next }) => ({
        partitionIndex: partition,
        committedOffset: BigInt(next),
        committedMetadata: "",
      })).map(({ topic: name, partitions }) => ({ name, partitions })),
    });
    for (const { name, partitions } of topics)
      for (const { errorCode } of partitions) equal(errorCode, ErrorCode.NONE, `commit for ${name}`);
    for (const [reading, next] of positions) this.committed.set(reading, next);
  }

  /** Nothing that was acknowledged was taken back. */
  private async checkCommitted(client: ProtocolClient): Promise<void> {
    const topics = byTopic(this.readings, ({ model: { partition } }) => partition).map(
      ({ topic: name, partitions: partitionIndexes }) => ({ name, partitionIndexes }),
    );
    const answer = await client.request(offsetFetch, 8, { groups: [{ groupId: GROUP, topics }] });
    for (const [reading, next] of this.committed) {
      const { topic, partition } = reading.model;
      const found = answer.groups[0]?.topics
        .filter(({ name }) => name === topic.name)
        .flatMap(({ partitions }) => partitions)
        .find(({ partitionIndex }) => partitionIndex === partition);
      // A crash may have kept the one after it, which was not acknowledged.
      const offset = Number(found?.committedOffset ?? -1);
      ok(
        offset >= next && offset <= reading.next,
        `${reading.model.name}: ${next} committed, ${offset} found`,
      );
    }
  }
}

export async function logStart(client: ProtocolClient, topic: string, partition: number): Promise<number> {
  const { topics } = await client.request(listOffsets, 7, {
    replicaId: -1,
    isolationLevel: 0,
    topics: [{ name: topic, partitions: [{ partitionIndex: partition, timestamp: EARLIEST }] }],
  });
  const answer = topics[0]?.partitions[0];
  equal(answer?.errorCode, ErrorCode.NONE);
  return Number(answer?.offset);
}

/** Follows all partitions over one WebSocket until the gateway is gone or `isDone`. */
export async function followPushes(
  readings: readonly Reading[],
  place: Place,
  isDone: () => boolean,
): Promise<void> {
  const { httpPort, topicIds } = place;
  let failure: unknown;
  const take = (frame: PushFrame): void => {
    const reading = readings.find(
      ({ model }) => topicIds.get(model.topic.name) === frame.topicId && model.partition === frame.partition,
    );
    ok(reading);
    takeFrame(reading, frame);
  };
  const open = (): Promise<ProtocolClient> => ProtocolClient.webSocket(httpPort);
  await withClient(place, open, async (client) => {
    client.onPush = (frame) => {
      try {
        if (failure === undefined) take(frame);
      } catch (error) {
        failure = error;
      }
    };
    // The first push may come together with the answer.
    const from = readings.map(({ next }) => next);
    const { subscriptions } = await client.request(subscribe, 0, {
      subscriptions: readings.map(({ model, next }) => ({
        topicId: topicIds.get(model.topic.name) ?? "",
        partition: model.partition,
        offset: BigInt(next),
      })),
    });
    for (const [at, { errorCode, offset }] of subscriptions.entries())
      equal(`${errorCode} ${offset}`, `0 ${from[at]}`, readings[at]?.model.name);
    while (!client.isClosed && !isDone() && failure === undefined)
      await Promise.race([setTimeout(WAIT_MS), client.closed]);
  });
  if (failure !== undefined) throw failure as Error;
}

/** Takes whole histories, partition after partition, until the gateway is gone or `isDone`. */
export async function readHistories(
  begin: () => readonly Reading[],
  place: Place,
  isDone: () => boolean,
): Promise<void> {
  while (!place.isGone() && !isDone()) {
    for (const reading of begin()) if (await readHistory(reading, place)) reading.checkLatest();
    await setTimeout(WAIT_MS);
  }
}

/** Answers whether it came to the end. Keeps no more of it than a piece. */
export async function readHistory(reading: Reading, place: Place): Promise<boolean> {
  const { httpPort, topicIds } = place;
  const { topic, partition } = reading.model;
  const url = `http://127.0.0.1:${httpPort}/log/${topicIds.get(topic.name)}/${partition}?from=${reading.next}`;
  try {
    const response = await fetch(url);
    equal(response.status, 200);
    const frames = new FrameReader({ frameBytesMax: FRAME_BYTES_MAX });
    for await (const piece of response.body ?? [])
      for (const message of frames.push(piece)) takeFrame(reading, decodePush(message));
    return true;
  } catch (error) {
    // What fetch throws when the connection ends, or there is none.
    if (error instanceof TypeError && (await isLost(place))) return false;
    throw error;
  }
}

function takeFrame(reading: Reading, { errorCode, from, to, records }: PushFrame): void {
  equal(Number(from), reading.next, `${reading.model.name}: ranges join`);
  if (errorCode === ErrorCode.OFFSET_OUT_OF_RANGE) return reading.skipTo(Number(to));
  equal(errorCode, ErrorCode.NONE, reading.model.name);
  reading.take(records, Number(to));
}
