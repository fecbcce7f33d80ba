import { expect, test } from "vitest";
import { brokerConfig, topicConfig } from "../../log/config.ts";
import { MemoryStore } from "../../log/memory-store.ts";
import { PartitionLog } from "../../log/partition-log.ts";
import { EARLIEST } from "../../sync/log-offsets.ts";
import { Follower } from "../../sync/follower.ts";
import type { HistorySource } from "../../sync/history.ts";
import { Metadata } from "../../sync/metadata.ts";
import { subscription } from "../../sync/subscription.ts";
import { Upstream } from "../../sync/upstream.ts";
import { ErrorCode } from "../../wire/errors.ts";
import { framePrefix } from "../../wire/frame-reader.ts";
import { encodePushHeader } from "../../wire/push.ts";
import { loadEngine } from "../engine/load.ts";
import { bulkOf } from "./bulk-of.ts";
import { FakeBroker } from "./fake-broker.ts";
import { seeded, VirtualClock } from "./virtual-clock.ts";

const engine = loadEngine();
const encoder = new TextEncoder();

function setUp() {
  const clock = new VirtualClock();
  const broker = new FakeBroker(engine);
  const topic = broker.createTopic("orders");
  const [partition] = topic.partitions;
  if (partition === undefined) throw new Error("no partition");
  const upstream = new Upstream({ open: broker.open, clock, random: seeded(2), clientId: "t" });
  const metadata = new Metadata(upstream);
  const disk = { append: (_name: string): Promise<void> => Promise.resolve() };
  const store = withSlowAppends(new MemoryStore(), disk);
  const openLog = (): Promise<PartitionLog> =>
    PartitionLog.open({
      store,
      engine,
      clock,
      topic: "orders",
      topicId: topic.id,
      partition: 0,
      config: topicConfig(brokerConfig(new Map()), new Map()),
      clean: false,
      uncompressedBytesMax: 1 << 26,
    });
  let written = 0;
  /** Appends batches of `size` records. */
  const produce = (batches: number, size = 3): void => {
    for (let batch = 0; batch < batches; batch++) {
      const records = Array.from({ length: size }, () => ({
        key: null,
        value: encoder.encode(`record ${written++}`),
        timestamp: 1,
      }));
      partition.append(
        engine.writeBatch(records, {
          codec: 0,
          producerId: -1n,
          producerEpoch: -1,
          baseSequence: -1,
          bytesMax: 1 << 20,
        }),
      );
    }
    broker.pushAll();
  };
  return { clock, broker, topic, partition, upstream, metadata, openLog, produce, disk };
}

/** Each append waits for what `disk.append` answers, and fails as that does. */
function withSlowAppends(store: MemoryStore, disk: { append: (name: string) => Promise<void> }): MemoryStore {
  const open = store.open.bind(store);
  store.open = async (name) => {
    const file = await open(name);
    const append = file.append.bind(file);
    file.append = async (pieces) => {
      await disk.append(name);
      await append(pieces);
    };
    return file;
  };
  return store;
}

async function contents(log: PartitionLog): Promise<string[]> {
  const values: string[] = [];
  for (let at = log.logStartOffset; at < log.logEndOffset;) {
    const { bytes, to } = await log.read(at, 1 << 20);
    for (let position = 0; position < bytes.byteLength;) {
      const size = engine.checkBatch(bytes.subarray(position), true, 1 << 26);
      for (const record of engine.readBatch(bytes.subarray(position, position + size), 1 << 26)) {
        values.push(new TextDecoder().decode(record.value ?? undefined));
      }
      position += size;
    }
    at = to;
  }
  return values;
}

const valuesOf = (setup: ReturnType<typeof setUp>): (string | null)[] =>
  setup.partition.records().map((record) => record.value);

async function until(clock: VirtualClock, condition: () => boolean): Promise<void> {
  await clock.until(
    (async () => {
      while (!condition()) await new Promise<void>((resolve) => clock.setTimer(20, resolve));
    })(),
  );
}

/** The history of a partition as the gateway frames it, in pieces of `pieceBytes`. */
function historyOf(setup: ReturnType<typeof setUp>, pieceBytes: number, reads: bigint[]): HistorySource {
  return {
    async *read(_topicId, _partition, from) {
      reads.push(from);
      let next = from;
      const { partition, topic } = setup;
      while (next < partition.end) {
        const start = next < partition.logStart ? partition.logStart : next;
        const isGap = start !== next;
        const { records, to } = isGap ? { records: new Uint8Array(), to: start } : partition.read(next, 200);
        const header = encodePushHeader({
          errorCode: isGap ? ErrorCode.OFFSET_OUT_OF_RANGE : ErrorCode.NONE,
          topicId: topic.id,
          partition: 0,
          leaderEpoch: 0,
          highWatermark: partition.end,
          lastStableOffset: partition.end,
          from: next,
          to,
        });
        const frame = Buffer.concat([framePrefix(header.byteLength + records.byteLength), header, records]);
        for (let at = 0; at < frame.byteLength; at += pieceBytes)
          yield new Uint8Array(frame.subarray(at, at + pieceBytes));
        next = to;
      }
    },
  };
}

test("follows from the start and live, over lost connections, and a reopened replica goes on where it was", async () => {
  const setup = setUp();
  const { clock, broker, upstream, metadata, produce } = setup;
  produce(20);
  let log = await setup.openLog();
  let follower = new Follower({ upstream, metadata, log });
  await until(clock, () => log.logEndOffset === 60n);
  expect(follower.state).toBe("live");
  for (let round = 0; round < 10; round++) {
    produce(3);
    if (round % 3 === 0) broker.dropAll();
    await clock.pass(10);
    produce(2);
  }
  await until(clock, () => log.logEndOffset === setup.partition.end);
  await follower.stop();
  await log.close();
  produce(5);
  log = await setup.openLog();
  expect(log.logEndOffset).toBe(setup.partition.end - 15n);
  follower = new Follower({ upstream, metadata, log });
  await until(clock, () => log.logEndOffset === setup.partition.end);
  expect(await contents(log)).toEqual(valuesOf(setup));
  await follower.stop();
  await upstream.close("done");
});

test.each([1, 7, 100_000])("takes history in pieces of %i bytes, then pushes", async (pieceBytes) => {
  const setup = setUp();
  const { clock, upstream, metadata, produce, broker } = setup;
  produce(60);
  const reads: bigint[] = [];
  const log = await setup.openLog();
  const follower = new Follower({
    upstream,
    metadata,
    log,
    history: bulkOf(historyOf(setup, pieceBytes, reads)),
    historyRecordsMin: 50,
  });
  await until(clock, () => log.logEndOffset === setup.partition.end);
  await until(clock, () => follower.state === "live");
  produce(2);
  await until(clock, () => log.logEndOffset === setup.partition.end);
  expect(await contents(log)).toEqual(valuesOf(setup));
  expect(reads).toEqual([0n]);
  expect(broker.requests.filter((name) => name === "Subscribe")).toHaveLength(1);
  await follower.stop();
  await upstream.close("done");
});

test("history that breaks off in the middle of a frame, or fails, is gone on with", async () => {
  const setup = setUp();
  const { clock, upstream, metadata, produce } = setup;
  produce(100);
  const reads: bigint[] = [];
  const whole = historyOf(setup, 50, reads);
  const history: HistorySource = {
    async *read(...args) {
      let left = reads.length < 3 ? 40 : 0;
      for await (const piece of whole.read(...args)) {
        if (left-- === 0) throw new Error("the network is gone");
        yield piece;
      }
    },
  };
  const log = await setup.openLog();
  const follower = new Follower({ upstream, metadata, log, history: bulkOf(history), historyRecordsMin: 50 });
  await until(clock, () => log.logEndOffset === setup.partition.end);
  expect(await contents(log)).toEqual(valuesOf(setup));
  expect(reads.length).toBeGreaterThan(0);
  await follower.stop();
  await upstream.close("done");
});

test("what retention took before it was read is told as a gap, and the replica begins anew", async () => {
  const setup = setUp();
  const { clock, upstream, metadata, produce, partition } = setup;
  produce(10);
  const log = await setup.openLog();
  const gaps: [bigint, bigint][] = [];
  const follower = new Follower({ upstream, metadata, log, onGap: (from, to) => gaps.push([from, to]) });
  await until(clock, () => log.logEndOffset === 30n);
  upstream.goOffline();
  produce(20);
  partition.deleteBefore(60n);
  upstream.goOnline();
  await until(clock, () => log.logEndOffset === 90n);
  expect(gaps).toEqual([[30n, 60n]]);
  expect(log.logStartOffset).toBe(60n);
  expect(await contents(log)).toEqual(valuesOf(setup));
  await follower.stop();
  await upstream.close("done");
});

test("an empty replica that would begin beyond the end of the log goes on from the end, and does not wait for ever", async () => {
  const { clock, upstream, metadata, produce, openLog } = setUp();
  produce(2);
  const log = await openLog();
  await log.resetTo(50n);
  const cuts: bigint[] = [];
  const follower = new Follower({ upstream, metadata, log, onCut: (end) => cuts.push(end) });
  await until(clock, () => follower.state === "live");
  expect([cuts, log.logEndOffset]).toEqual([[6n], 6n]);
  produce(1);
  await until(clock, () => log.logEndOffset === 9n);
  expect(await contents(log)).toEqual(["record 6", "record 7", "record 8"]);
  await follower.stop();
  await upstream.close("done");
});

test.each(["push", "history"])(
  "a history that diverged is cut back to where both agree (found by %s)",
  async (way) => {
    const setup = setUp();
    const { clock, upstream, metadata, produce, partition } = setup;
    produce(10);
    const log = await setup.openLog();
    const history = way === "history" ? bulkOf(historyOf(setup, 1000, [])) : undefined;
    const follower = new Follower({ upstream, metadata, log, history, historyRecordsMin: 10 });
    await until(clock, () => log.logEndOffset === 30n);
    upstream.goOffline();
    partition.truncate(18n);
    produce(20);
    upstream.goOnline();
    await until(clock, () => log.logEndOffset === partition.end);
    expect(await contents(log)).toEqual(valuesOf(setup));
    await follower.stop();
    await upstream.close("done");
  },
);

test("a topic that was deleted, or made anew, leaves the replica as it is and says so", async () => {
  for (const isMadeAnew of [false, true]) {
    const setup = setUp();
    const { clock, upstream, metadata, produce, broker } = setup;
    produce(4);
    const log = await setup.openLog();
    const follower = new Follower({ upstream, metadata, log });
    await until(clock, () => log.logEndOffset === 12n);
    broker.topics.delete("orders");
    if (isMadeAnew) broker.createTopic("orders");
    broker.pushAll();
    await until(clock, () => follower.state === "deleted");
    expect(follower.reason).toContain("deleted");
    expect(await contents(log)).toHaveLength(12);
    await follower.stop();
    await upstream.close("done");
  }
});

test("what a topic of the same name tells of its epochs does not cut a replica of the one before", async () => {
  const setup = setUp();
  const { clock, upstream, metadata, produce, partition, broker } = setup;
  partition.leaderEpoch = 3;
  produce(4);
  const log = await setup.openLog();
  const history = bulkOf(historyOf(setup, 1000, []));
  const options = { upstream, metadata, log, history, historyRecordsMin: 10 };
  const follower = new Follower(options);
  await until(clock, () => log.logEndOffset === 12n);
  upstream.goOffline();
  broker.topics.delete("orders");
  const anew = broker.createTopic("orders");
  for (const batch of [...partition.batches, ...partition.batches, ...partition.batches]) {
    anew.partitions[0]?.append(batch);
  }
  upstream.goOnline();
  await until(clock, () => follower.state === "deleted");
  expect(await contents(log)).toHaveLength(12);
  await follower.stop();
  await upstream.close("done");
});

test("a damaged push is refused, and asked for again", async () => {
  const setup = setUp();
  const { clock, upstream, metadata, produce, broker } = setup;
  const log = await setup.openLog();
  const follower = new Follower({ upstream, metadata, log });
  await until(clock, () => follower.state === "live");
  let damage = 2;
  for (const connection of broker.connections) {
    const give = connection.give.bind(connection);
    connection.give = (message) => {
      const isPush =
        message.byteLength > 150 && new DataView(message.buffer, message.byteOffset).getInt32(0) === -1;
      if (isPush && damage > 0) {
        damage -= 1;
        message[message.byteLength - 5] = (message[message.byteLength - 5] ?? 0) ^ 0x10;
      }
      give(message);
    };
  }
  produce(5);
  await until(clock, () => log.logEndOffset === 15n);
  expect(damage).toBe(0);
  expect(await contents(log)).toEqual(valuesOf(setup));
  await follower.stop();
  await upstream.close("done");
});

test("a push that was lost is noticed because ranges do not join", async () => {
  const setup = setUp();
  const { clock, upstream, metadata, produce, broker } = setup;
  const log = await setup.openLog();
  const follower = new Follower({ upstream, metadata, log });
  await until(clock, () => follower.state === "live");
  for (const connection of broker.connections) {
    const give = connection.give.bind(connection);
    let lose = 1;
    connection.give = (message) => {
      const isPush = new DataView(message.buffer, message.byteOffset).getInt32(0) === -1;
      if (isPush && lose-- > 0) return;
      give(message);
    };
  }
  produce(1);
  produce(3);
  await until(clock, () => log.logEndOffset === 12n);
  expect(await contents(log)).toEqual(valuesOf(setup));
  await follower.stop();
  await upstream.close("done");
});

test("a slow reader is not buffered for beyond its bound, and misses nothing", async () => {
  const setup = setUp();
  const { clock, upstream, metadata, produce, broker } = setup;
  produce(5);
  const controller = new AbortController();
  const batches = subscription({
    upstream,
    engine,
    topic: "orders",
    topicId: setup.topic.id,
    partition: 0,
    from: EARLIEST,
    uncompressedBytesMax: 1 << 26,
    bufferBytesMax: 1000,
    isThere: async () => (await metadata.topic("orders"))?.id === setup.topic.id,
    signal: controller.signal,
  });
  const values: string[] = [];
  for (let round = 0; round < 60; round++) {
    const next = await clock.until(batches.next());
    for (const record of next.value ?? []) values.push(new TextDecoder().decode(record.value ?? undefined));
    if (round < 20) produce(10);
  }
  const reading = (async () => {
    for await (const records of batches) {
      for (const record of records) values.push(new TextDecoder().decode(record.value ?? undefined));
      if (values.length === Number(setup.partition.end)) break;
    }
  })();
  await clock.until(reading);
  expect(values).toEqual(valuesOf(setup));
  expect(broker.requests.filter((name) => name === "Unsubscribe").length).toBeGreaterThan(1);
  controller.abort();
  await upstream.close("done");
});

test("two readers of one partition on one connection do not disturb each other", async () => {
  const setup = setUp();
  const { clock, upstream, metadata, produce } = setup;
  produce(30);
  const log = await setup.openLog();
  const follower = new Follower({ upstream, metadata, log });
  const controller = new AbortController();
  const options = {
    upstream,
    engine,
    topic: "orders",
    topicId: setup.topic.id,
    partition: 0,
    uncompressedBytesMax: 1 << 26,
    isThere: () => Promise.resolve(true),
    signal: controller.signal,
  };
  const seen: string[][] = [[], []];
  const reading = [EARLIEST, 40n].map(async (from, reader) => {
    for await (const records of subscription({ ...options, from })) {
      for (const record of records) seen[reader]?.push(new TextDecoder().decode(record.value ?? undefined));
    }
  });
  await clock.pass(500);
  produce(10);
  await until(clock, () => seen[0]?.length === 120 && seen[1]?.length === 80 && log.logEndOffset === 120n);
  expect(seen[0]).toEqual(valuesOf(setup));
  expect(seen[1]).toEqual(valuesOf(setup).slice(40));
  expect(await contents(log)).toEqual(valuesOf(setup));
  controller.abort();
  await clock.until(Promise.all(reading));
  await follower.stop();
  await upstream.close("done");
});

test("a write that fails is told at once, though nothing more comes", async () => {
  const setup = setUp();
  const { clock, upstream, metadata } = setup;
  setup.produce(2);
  const log = await setup.openLog();
  const follower = new Follower({ upstream, metadata, log });
  await until(clock, () => log.highWatermark === 6n);
  expect(follower.state).toBe("live");
  setup.disk.append = () => Promise.reject(new Error("the disk is gone"));
  setup.produce(1);
  await until(clock, () => follower.state === "failed");
  expect(follower.reason).toContain("the disk is gone");
  expect(log.highWatermark).toBe(6n);
  await follower.stop();
  await upstream.close("done");
});

test("one range is written while the next one is taken, no more; and a replica that was stopped writes nothing more", async () => {
  const setup = setUp();
  const { clock, upstream, metadata, disk } = setup;
  setup.produce(1);
  const log = await setup.openLog();
  const follower = new Follower({ upstream, metadata, log });
  await until(clock, () => log.highWatermark === 3n);
  const held: (() => void)[] = [];
  disk.append = (name) =>
    name.endsWith(".log") ? new Promise<void>((resolve) => held.push(resolve)) : Promise.resolve();
  // Each comes alone: what has come meanwhile is joined.
  for (let pushed = 1; pushed <= 4; pushed++) {
    setup.produce(1);
    await until(clock, () => log.logEndOffset >= BigInt(3 + 3 * Math.min(pushed, 2)));
  }
  expect([log.highWatermark, log.logEndOffset, held.length]).toEqual([3n, 9n, 1]);
  let isStopped = false;
  const stopped = follower.stop().then(() => (isStopped = true));
  held.shift()?.();
  await until(clock, () => held.length === 1);
  expect([isStopped, log.highWatermark]).toEqual([false, 6n]);
  disk.append = () => Promise.resolve();
  held.shift()?.();
  await clock.until(stopped);
  expect([log.highWatermark, follower.state]).toEqual([log.logEndOffset, "stopped"]);
  await upstream.close("done");
});
