/** The push extension over real sockets: what `push.test.ts` proves with stalls by hand, with the kernel's buffers in between. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { deleteRecords } from "../../wire/apis/delete-records.ts";
import { deleteTopics } from "../../wire/apis/delete-topics.ts";
import { subscribe } from "../../wire/apis/subscribe.ts";
import { unsubscribe } from "../../wire/apis/unsubscribe.ts";
import { ErrorCode } from "../../wire/errors.ts";
import type { PushFrame } from "../../wire/push.ts";
import { decodeResponse } from "../../wire/response.ts";
import { batchOf, createTopic, produceTo, valuesOf } from "./batches.ts";
import { ProtocolClient } from "./protocol-client.ts";
import { startTestGateway, type TestGateway } from "./start-gateway.ts";

let gateway: TestGateway;
let producer: ProtocolClient;
let count = 0;

beforeAll(async () => {
  gateway = await startTestGateway();
  producer = await ProtocolClient.tcp(gateway.kafkaPort);
});
afterAll(async () => {
  await producer.close();
  await gateway.stop();
});

const newTopic = async (partitions = 1): Promise<{ name: string; topicId: string }> => {
  const name = `push-${++count}`;
  return { name, topicId: await createTopic(producer, name, partitions) };
};

/** Follows one partition and checks each frame as it comes; keeps positions, not bytes. */
class Follower {
  next: bigint;
  frames = 0;
  readonly gone: [bigint, bigint][] = [];
  ended: number | undefined;
  readonly values: string[] = [];
  failure: Error | undefined;
  private waiting: { offset: bigint; resolve: () => void } | undefined;

  constructor(start: bigint) {
    this.next = start;
  }

  take(frame: PushFrame): void {
    this.frames++;
    if (frame.from !== this.next) this.failure ??= new Error(`a frame from ${frame.from} after ${this.next}`);
    if (frame.errorCode === ErrorCode.NONE) {
      // Only what is new: the first batch may begin before the range.
      const values = valuesOf(frame.records).filter(
        (value) => BigInt(value.slice(0, value.indexOf(" "))) >= frame.from,
      );
      this.values.push(...values.map((value) => value.slice(0, 40)));
      this.next = frame.to;
    } else if (frame.errorCode === ErrorCode.OFFSET_OUT_OF_RANGE) {
      this.gone.push([frame.from, frame.to]);
      this.next = frame.to;
    } else this.ended = frame.errorCode;
    if (this.waiting !== undefined && this.next >= this.waiting.offset) this.waiting.resolve();
  }

  async reached(offset: bigint): Promise<void> {
    if (this.next < offset) await new Promise<void>((resolve) => (this.waiting = { offset, resolve }));
    if (this.failure !== undefined) throw this.failure;
    expect(this.next).toBe(offset);
    this.waiting = undefined;
  }
}

async function follow(
  topicId: string,
  offset: bigint,
  options: { partition?: number; lastEpoch?: number; client?: ProtocolClient } = {},
) {
  const { partition = 0, lastEpoch = -1 } = options;
  const client = options.client ?? (await ProtocolClient.webSocket(gateway.httpPort));
  const follower = new Follower(0n);
  const early: PushFrame[] = [];
  const asked = client.encode(subscribe, 0, { subscriptions: [{ topicId, partition, offset, lastEpoch }] });
  const others = client.onPush;
  let take = (frame: PushFrame): void => {
    if (!client.answered.includes(asked.correlationId))
      follower.failure ??= new Error("a push before the answer");
    early.push(frame);
  };
  client.onPush = (frame) =>
    frame.topicId === topicId && frame.partition === partition ? take(frame) : others(frame);
  const answer = client.expect(asked.correlationId);
  client.send(asked.message);
  const [subscription] = decodeResponse(subscribe, 0, await answer).body.subscriptions;
  if (subscription === undefined) throw new Error("no answer for the partition");
  follower.next = subscription.offset;
  for (const frame of early) follower.take(frame);
  take = (frame) => follower.take(frame);
  return { client, follower, subscription };
}

describe("Subscribe", () => {
  it("from the start, from the end, and from in between", async () => {
    const { name, topicId } = await newTopic();
    for (const value of ["a", "b", "c"]) await produceTo(producer, name, batchOf([value]));
    const all = await follow(topicId, -2n);
    const tail = await follow(topicId, -1n);
    const middle = await follow(topicId, 1n);
    expect(all.subscription).toMatchObject({
      errorCode: 0,
      offset: 0n,
      logStartOffset: 0n,
      highWatermark: 3n,
      divergingEpoch: -1,
    });
    expect(tail.subscription).toMatchObject({ errorCode: 0, offset: 3n });
    await produceTo(producer, name, batchOf(["d", "e"]));
    for (const { follower } of [all, tail, middle]) await follower.reached(5n);
    expect(all.follower.values).toEqual(["0 a", "1 b", "2 c", "3 d", "4 e"]);
    expect(middle.follower.values).toEqual(["1 b", "2 c", "3 d", "4 e"]);
    expect(tail.follower.values).toEqual(["3 d", "4 e"]);
    for (const { client } of [all, tail, middle]) await client.close();
  });

  it("from within a batch gets the whole batch, in a range that begins where it asked", async () => {
    const { name, topicId } = await newTopic();
    await produceTo(producer, name, batchOf(["a", "b", "c"]));
    const { client, follower } = await follow(topicId, 2n);
    await follower.reached(3n);
    expect(follower.values).toEqual(["2 c"]);
    await client.close();
  });

  it("after a deletion of records tells the range that is gone, and goes on within a batch", async () => {
    const { name, topicId } = await newTopic();
    const live = await follow(topicId, -1n);
    for (const value of ["a", "b"]) await produceTo(producer, name, batchOf([value, value]));
    await live.follower.reached(4n);
    await producer.request(deleteRecords, 2, {
      topics: [{ name, partitions: [{ partitionIndex: 0, offset: 3n }] }],
      timeoutMs: 1000,
    });
    const late = await follow(topicId, 0n);
    expect(late.subscription).toMatchObject({ errorCode: 0, offset: 0n, logStartOffset: 3n });
    await produceTo(producer, name, batchOf(["c"]));
    for (const { follower } of [live, late]) await follower.reached(5n);
    expect(late.follower.gone).toEqual([[0n, 3n]]);
    expect(late.follower.values).toEqual(["3 b", "4 c"]);
    expect(live.follower.values).toEqual(["0 a", "1 a", "2 b", "3 b", "4 c"]);
    for (const { client } of [live, late]) await client.close();
  });

  it.each([
    ["a topic id that is not there", { topicId: "AAAAAAAAAAAAAAAAAAAAAg" }, ErrorCode.UNKNOWN_TOPIC_ID],
    ["a partition that is not there", { partition: 4 }, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
    ["an offset beyond the high watermark", { offset: 1n }, ErrorCode.OFFSET_OUT_OF_RANGE],
    ["an offset that stands for nothing", { offset: -9n }, ErrorCode.OFFSET_OUT_OF_RANGE],
  ])("refuses %s", async (_what, wrong, errorCode) => {
    const { topicId } = await newTopic();
    const asked: { topicId: string; partition: number; offset: bigint } = {
      topicId,
      partition: 0,
      offset: 0n,
      ...wrong,
    };
    const { client, subscription } = await follow(asked.topicId, asked.offset, {
      partition: asked.partition,
    });
    expect(subscription).toMatchObject({ errorCode, offset: -1n });
    expect(subscription.errorMessage).toBeTruthy();
    await client.close();
  });

  it("tells a client whose log has diverged where to cut, and pushes it nothing", async () => {
    const { name, topicId } = await newTopic();
    await produceTo(producer, name, batchOf(["a"]));
    const { client, follower, subscription } = await follow(topicId, 1n, { lastEpoch: 7 });
    expect(subscription).toMatchObject({ errorCode: 0, offset: -1n, divergingEndOffset: 1n });
    expect(subscription.divergingEpoch).toBeLessThan(7);
    await produceTo(producer, name, batchOf(["b"]));
    await client.request(unsubscribe, 0, { subscriptions: [] });
    expect(follower.frames).toBe(0);
    await client.close();
  });

  it("Unsubscribe ends it, and one that is not there is told so", async () => {
    const { name, topicId } = await newTopic();
    const { client, follower } = await follow(topicId, 0n);
    await produceTo(producer, name, batchOf(["a"]));
    await follower.reached(1n);
    const ask = () => client.request(unsubscribe, 0, { subscriptions: [{ topicId, partition: 0 }] });
    expect((await ask()).subscriptions[0]?.errorCode).toBe(0);
    expect((await ask()).subscriptions[0]?.errorCode).toBe(ErrorCode.UNKNOWN_SUBSCRIPTION_ID);
    await produceTo(producer, name, batchOf(["b"]));
    await ask();
    expect(follower.frames).toBe(1);
    await client.close();
  });

  it("a deleted topic ends it with the reason", async () => {
    const { name, topicId } = await newTopic();
    const { client, follower } = await follow(topicId, 0n);
    await producer.request(deleteTopics, 5, { topicNames: [name], timeoutMs: 1000 });
    await expect.poll(() => follower.ended).toBe(ErrorCode.UNKNOWN_TOPIC_ID);
    await client.close();
  });
});

describe("a subscriber that stops reading", () => {
  it(
    "falls back to the log, stops nobody else, and comes back without a gap or a duplicate",
    { timeout: 60_000 },
    async () => {
      const { name, topicId } = await newTopic(2);
      const slow = await follow(topicId, 0n);
      const slowToo = await follow(topicId, 0n, { partition: 1, client: slow.client });
      const quick = await follow(topicId, 0n);
      const value = Buffer.alloc(100_000, "v");
      const BATCHES = 200;
      slow.client.pause();
      // 20 MB to each partition: several times what the kernel takes in for a socket that is not read.
      for (let n = 0; n < BATCHES; n += 4) {
        const four = [0, 1, 2, 3].map(() => produceTo(producer, name, batchOf([value]), { acks: 1 }));
        const others = [0, 1, 2, 3].map(() =>
          produceTo(producer, name, batchOf([value]), { acks: 1, partition: 1 }),
        );
        await Promise.all([...four, ...others]);
      }
      await quick.follower.reached(BigInt(BATCHES));
      expect(slow.follower.next).toBeLessThan(BigInt(BATCHES));
      // More comes while it catches up, with stalls in between.
      const more = (async () => {
        for (let n = 0; n < 50; n++)
          await produceTo(producer, name, batchOf([`more ${n}`]), { partition: n % 2 });
      })();
      for (let n = 0; n < 10; n++) {
        slow.client.resume();
        await new Promise((resolve) => setTimeout(resolve, 5));
        slow.client.pause();
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      slow.client.resume();
      await more;
      await slow.follower.reached(BigInt(BATCHES + 25));
      await slowToo.follower.reached(BigInt(BATCHES + 25));
      await quick.follower.reached(BigInt(BATCHES + 25));
      expect(slow.follower.values).toEqual(quick.follower.values);
      // Live again.
      await produceTo(producer, name, batchOf(["last"]));
      await slow.follower.reached(BigInt(BATCHES + 26));
      for (const { client } of [slow, quick]) await client.close();
    },
  );

  it("that goes away in the middle harms nobody", { timeout: 60_000 }, async () => {
    const { name, topicId } = await newTopic();
    const value = Buffer.alloc(100_000, "v");
    for (let n = 0; n < 60; n++) await produceTo(producer, name, batchOf([value]), { acks: 1 });
    const followers = await Promise.all(Array.from({ length: 10 }, () => follow(topicId, 0n)));
    const stays = await follow(topicId, 0n);
    for (const { client } of followers) client.pause();
    for (const { client } of followers) {
      await produceTo(producer, name, batchOf([value]));
      await client.close();
    }
    await stays.follower.reached(70n);
    await stays.client.close();
  });
});
