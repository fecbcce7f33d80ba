import { expect, test } from "vitest";
import type { HistorySource } from "../../sync/history.ts";
import { EARLIEST, LATEST } from "../../sync/log-offsets.ts";
import { Metadata } from "../../sync/metadata.ts";
import { subscription, type SubscriptionOptions } from "../../sync/subscription.ts";
import { Upstream } from "../../sync/upstream.ts";
import { ErrorCode } from "../../wire/errors.ts";
import { framePrefix } from "../../wire/frame-reader.ts";
import { encodePushHeader } from "../../wire/push.ts";
import { loadEngine } from "../engine/load.ts";
import { bulkOf } from "./bulk-of.ts";
import { FakeBroker } from "./fake-broker.ts";
import { seeded, VirtualClock } from "./virtual-clock.ts";

const engine = loadEngine();

function setUp() {
  const clock = new VirtualClock();
  const broker = new FakeBroker(engine);
  const topic = broker.createTopic("orders");
  const upstream = new Upstream({ open: broker.open, clock, random: seeded(2), clientId: "t" });
  const metadata = new Metadata(upstream);
  const controller = new AbortController();
  const options = {
    codec: 0,
    producerId: -1n,
    producerEpoch: -1,
    baseSequence: -1,
    bytesMax: 1 << 20,
  } as const;
  const append = (...values: string[]): void => {
    for (const value of values) {
      const records = [{ key: null, value: new TextEncoder().encode(value), timestamp: 1 }];
      topic.partitions[0]?.append(engine.writeBatch(records, options));
    }
    broker.pushAll();
  };
  const open = (bufferBytesMax?: number, more: Partial<SubscriptionOptions> = {}) =>
    subscription({
      upstream,
      engine,
      topic: "orders",
      topicId: topic.id,
      partition: 0,
      from: EARLIEST,
      uncompressedBytesMax: 1 << 26,
      isThere: async () => {
        metadata.invalidate("orders");
        return (await metadata.topic("orders"))?.id === topic.id;
      },
      signal: controller.signal,
      ...(bufferBytesMax !== undefined && { bufferBytesMax }),
      ...more,
    });
  return {
    clock,
    broker,
    topicId: topic.id,
    partition: topic.partitions[0],
    upstream,
    append,
    open,
    controller,
  };
}

function setUpReader(more: Partial<SubscriptionOptions> = {}) {
  const setup = setUp();
  const { clock, upstream, open, controller } = setup;
  const read: string[] = [];
  const reading = (async () => {
    for await (const records of open(undefined, more)) {
      for (const record of records)
        read.push(`${record.offset} ${new TextDecoder().decode(record.value ?? undefined)}`);
    }
  })();
  reading.catch(() => undefined);
  const hasRead = (count: number): Promise<void> =>
    clock.until(
      (async () => {
        while (read.length < count) await new Promise<void>((resolve) => clock.setTimer(50, resolve));
      })(),
      120_000,
    );
  const stop = async (): Promise<void> => {
    controller.abort();
    await upstream.close("done");
    await clock.until(reading);
  };
  return { ...setup, read, hasRead, stop };
}

test("a gateway that lost its tail: what stands at those offsets now is read, and nothing is skipped", async () => {
  const { clock, broker, partition, append, read, hasRead, stop } = setUpReader();
  append("one", "two", "three", "four");
  await hasRead(4);
  broker.reachable = false;
  broker.dropAll();
  partition?.truncate(2n);
  append("three anew");
  broker.reachable = true;
  await hasRead(5);
  append("four anew", "five");
  await hasRead(7);
  expect(read.slice(4)).toEqual(["2 three anew", "3 four anew", "4 five"]);
  await clock.settle();
  await stop();
});

test("a place beyond the end of a log that has lost its tail: reading goes on from the end, and does not wait for ever", async () => {
  const { append, read, hasRead, stop, clock } = setUpReader({ from: 7n });
  append("one", "two");
  await clock.pass(5000);
  append("three", "four");
  await hasRead(2);
  expect(read).toEqual(["2 three", "3 four"]);
  await stop();
});

test("a connection that is lost while it is asked whether the topic is still there does not end a subscription", async () => {
  const { clock, broker, append, read, hasRead, stop } = setUpReader();
  append("one");
  await hasRead(1);
  let refusals = 2;
  broker.faults = (api) => {
    if (api === "Metadata") return "lost";
    if (api !== "Subscribe" || refusals === 0) return "none";
    refusals -= 1;
    return { refuse: ErrorCode.UNKNOWN_TOPIC_ID };
  };
  broker.dropAll();
  await clock.pass(5000);
  broker.faults = () => "none";
  append("two");
  await hasRead(2);
  expect(read).toEqual(["0 one", "1 two"]);
  await stop();
});

test("a reader that has stopped reading is not pushed to for ever", async () => {
  const { clock, broker, upstream, append, open, controller } = setUp();
  const batches = open(500);
  append("first");
  await clock.until(batches.next());
  const [connection] = broker.connections;
  expect(connection?.subscriptions.size).toBe(1);
  append(...Array.from({ length: 30 }, (_, index) => `record ${index}`));
  await clock.settle();
  expect(connection?.subscriptions.size).toBe(0);
  const read: bigint[] = [];
  while (read.length < 30) {
    const { value } = await clock.until(batches.next());
    for (const record of value ?? []) read.push(record.offset);
  }
  expect(read).toEqual(Array.from({ length: 30 }, (_, index) => BigInt(index + 1)));
  controller.abort();
  await upstream.close("done");
});

test("two who follow one partition over one connection: the one that is behind was left there when the other began", async () => {
  const { clock, broker, append, read, hasRead, stop, upstream, controller, topicId } = setUpReader();
  // The first one's subscription is asked for, and before anything is pushed the second one's moves it to the end.
  broker.paused = true;
  append("a", "b", "c");
  await clock.settle();
  const second = subscription({
    upstream,
    engine,
    topic: "orders",
    topicId,
    partition: 0,
    from: LATEST,
    uncompressedBytesMax: 1 << 26,
    isThere: () => Promise.resolve(true),
    signal: controller.signal,
  });
  const late = second.next();
  late.catch(() => undefined);
  await clock.settle();
  broker.paused = false;
  broker.pushAll();
  await hasRead(3);
  expect(read).toEqual(["0 a", "1 b", "2 c"]);
  append("d");
  await hasRead(4);
  const { value } = await clock.until(late);
  expect(value?.map(({ offset }: { offset: bigint }) => offset)).toEqual([3n]);
  await stop();
});

test("records that are deleted in front of a log that begins within a batch are not given with its history", async () => {
  const { clock, partition, topicId, open, controller } = setUp();
  if (partition === undefined) throw new Error("no partition");
  const records = Array.from({ length: 6 }, (_, index) => ({
    key: null,
    value: new TextEncoder().encode(`v${index}`),
    timestamp: 1,
  }));
  const none = { codec: 0, producerId: -1n, producerEpoch: -1, baseSequence: -1, bytesMax: 1 << 20 };
  partition.append(engine.writeBatch(records, none));
  partition.deleteBefore(4n);
  const history: HistorySource = {
    async *read(_topicId, _partition, from) {
      const { records: bytes, to } = partition.read(from, 1 << 20);
      const header = encodePushHeader({
        errorCode: ErrorCode.NONE,
        topicId,
        partition: 0,
        leaderEpoch: 0,
        highWatermark: partition.end,
        lastStableOffset: partition.end,
        from,
        to,
      });
      yield await Promise.resolve(
        new Uint8Array(Buffer.concat([framePrefix(header.byteLength + bytes.byteLength), header, bytes])),
      );
    },
  };
  const read: bigint[] = [];
  const reading = (async () => {
    for await (const some of open(undefined, { history: bulkOf(history), historyRecordsMin: 1 }))
      for (const { offset } of some) if (read.push(offset) === 2) controller.abort();
  })();
  await clock.until(reading);
  expect(read).toEqual([4n, 5n]);
});

test("readers that come and go on one connection leave nothing behind on it, however long it lasts", async () => {
  const { clock, upstream, append, open, controller } = setUp();
  append("one", "two");
  const connection = await clock.until(upstream.live());
  let held = 0;
  const onEnd = connection.onEnd.bind(connection);
  connection.onEnd = (listener) => {
    const stop = onEnd(listener);
    held += 1;
    return () => {
      held -= 1;
      stop();
    };
  };
  for (let visit = 0; visit < 20; visit++) {
    const reader = open();
    await clock.until(reader.next());
    await clock.until(reader.return());
  }
  expect(held).toBe(0);
  controller.abort();
  await clock.until(upstream.close("done"));
});
