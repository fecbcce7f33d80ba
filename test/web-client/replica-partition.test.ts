import { expect, test } from "vitest";
import { MemoryStore } from "../../log/memory-store.ts";
import type { StoreFile } from "../../log/store.ts";
import { Metadata } from "../../sync/metadata.ts";
import { Upstream } from "../../sync/upstream.ts";
import type { HeldRange } from "../../web-client/core/device.ts";
import type { ReadableStore } from "../../web-client/core/directory-store.ts";
import { ReplicaPartitionKeeper } from "../../web-client/core/replica-partition.ts";
import { ReplicaTopic } from "../../web-client/core/replica-topic.ts";
import { loadEngine } from "../engine/load.ts";
import { FakeBroker } from "../sync/fake-broker.ts";
import { seeded, VirtualClock } from "../sync/virtual-clock.ts";

const engine = loadEngine();

class TestStore extends MemoryStore implements ReadableStore {
  /** Appends wait for it. */
  gate: Promise<void> = Promise.resolve();
  /** What reads and writes fail with, and how often. */
  failing: { error: Error; times: number } | undefined;

  fail(error: Error, times: number): void {
    this.failing = { error, times };
  }

  private mayFail(): void {
    const { failing } = this;
    if (failing === undefined || failing.times <= 0) return;
    failing.times -= 1;
    throw failing.error;
  }

  override async open(name: string): Promise<StoreFile> {
    const file = await super.open(name);
    const append = file.append.bind(file);
    file.append = async (pieces) => {
      await this.gate;
      this.mayFail();
      await append(pieces);
    };
    return file;
  }

  override async list(prefix: string): Promise<string[]> {
    this.mayFail();
    return super.list(prefix);
  }

  async readAt(name: string, position: number, length: number): Promise<Uint8Array> {
    this.mayFail();
    return (await this.open(name)).read(position, length);
  }

  onLost(): () => void {
    return () => undefined;
  }

  async size(name: string): Promise<number> {
    return (await this.open(name)).size;
  }
}

function setUp(noted?: HeldRange) {
  const clock = new VirtualClock();
  const broker = new FakeBroker(engine);
  const topic = broker.createTopic("orders");
  const upstream = new Upstream({ open: broker.open, clock, random: seeded(2), clientId: "t" });
  const store = new TestStore();
  const gaps: [from: bigint, to: bigint][] = [];
  const ground = { upstream, metadata: new Metadata(upstream) };
  const options = {
    random: seeded(3),
    history: undefined,
    store,
    engine,
    clock,
    topic: "orders",
    topicId: topic.id,
    partition: 0,
    noted,
    shared: new ReplicaTopic({
      topic: "orders",
      clock,
      keep: {},
      cleanup: undefined,
      onCleanup: () => undefined,
    }),
    onRebuild: () => undefined,
    onCut: () => undefined,
    onChange: () => undefined,
    onGap: (from: bigint, to: bigint) => void gaps.push([from, to]),
  };
  const keeper = new ReplicaPartitionKeeper(options);
  /** Another tab's, over the same store. */
  const another = (): ReplicaPartitionKeeper => new ReplicaPartitionKeeper(options);
  const until = (condition: () => boolean): Promise<void> =>
    clock.until(
      (async () => {
        while (!condition()) await new Promise<void>((resolve) => clock.setTimer(50, resolve));
      })(),
      600_000,
    );
  const append = (...values: string[]): void => {
    for (const value of values) {
      const records = [{ key: null, value: new TextEncoder().encode(value), timestamp: 1 }];
      const options = { codec: 0, producerId: -1n, producerEpoch: -1, baseSequence: -1, bytesMax: 1 << 20 };
      topic.partitions[0]?.append(engine.writeBatch(records, options));
    }
    broker.pushAll();
  };
  return {
    clock,
    broker,
    partition: topic.partitions[0],
    upstream,
    ground,
    store,
    keeper,
    another,
    until,
    append,
    gaps,
  };
}

test("a reader that follows a replica which is cut back reads what stands there now", async () => {
  const { clock, broker, partition, upstream, keeper, append, ground } = setUp();
  const controller = new AbortController();
  const writing = keeper.write(controller.signal, ground);
  const read: string[] = [];
  const reading = (async () => {
    for await (const records of keeper.follow(1n, controller.signal)) {
      for (const { offset, value } of records)
        read.push(`${offset} ${new TextDecoder().decode(value ?? undefined)}`);
    }
  })();
  const hasRead = (count: number): Promise<void> =>
    clock.until(
      (async () => {
        while (read.length < count) await new Promise<void>((resolve) => clock.setTimer(50, resolve));
      })(),
      120_000,
    );
  append("one", "two", "three", "four");
  await hasRead(3);
  broker.dropAll();
  partition?.truncate(2n);
  append("three anew");
  await hasRead(4);
  append("four anew", "five");
  await hasRead(6);
  expect(read).toEqual(["1 two", "2 three", "3 four", "2 three anew", "3 four anew", "4 five"]);
  controller.abort();
  await clock.until(Promise.all([writing, reading]));
  await upstream.close("done");
});

test("what is still being written is not told as held: whoever is told can read it", async () => {
  const { clock, upstream, store, keeper, until, append, ground } = setUp();
  const controller = new AbortController();
  const writing = keeper.write(controller.signal, ground);
  await until(() => keeper.status.state === "live");
  let openGate = (): void => undefined;
  store.gate = new Promise((resolve) => (openGate = resolve));
  append("one", "two");
  await clock.settle();
  expect(keeper.status.to).toBe(0n);
  openGate();
  await until(() => keeper.status.to === 2n);
  const read: bigint[] = [];
  for await (const records of keeper.read(0n)) read.push(...records.map(({ offset }) => offset));
  expect(read).toEqual([0n, 1n]);
  controller.abort();
  await clock.until(writing);
  await upstream.close("done");
});

const offsetsIn = async (keeper: ReplicaPartitionKeeper): Promise<bigint[]> => {
  const read: bigint[] = [];
  for await (const records of keeper.read(0n)) read.push(...records.map(({ offset }) => offset));
  return read;
};

test("a replica whose store fails is opened again: nobody has to load the page anew", async () => {
  const { clock, upstream, store, keeper, until, append, ground } = setUp();
  const controller = new AbortController();
  const writing = keeper.write(controller.signal, ground);
  append("one");
  await until(() => keeper.status.to === 1n);
  store.fail(new DOMException("aborted for no reason", "AbortError"), 1);
  append("two");
  await until(() => keeper.status.reason !== undefined);
  expect(keeper.status).toMatchObject({ state: "waiting", to: 1n });
  expect(keeper.status.reason).toContain("aborted for no reason");
  append("three");
  await until(() => keeper.status.to === 3n);
  expect(keeper.status).toMatchObject({ state: "live", reason: undefined });
  expect(await clock.until(offsetsIn(keeper))).toEqual([0n, 1n, 2n]);
  controller.abort();
  await clock.until(writing);
  await upstream.close("done");
});

test("a replica that finds no room says so, tries again less and less often, and goes on when there is some", async () => {
  const { clock, upstream, store, keeper, until, append, ground } = setUp();
  const controller = new AbortController();
  // From the beginning: not even the empty log can be made.
  store.fail(new DOMException("over the quota", "QuotaExceededError"), 1000);
  const writing = keeper.write(controller.signal, ground);
  append("one", "two");
  await until(() => keeper.status.reason !== undefined);
  expect(keeper.status).toMatchObject({ state: "waiting", to: 0n });
  expect(keeper.status.reason).toContain("no room left");
  await clock.pass(3_600_000);
  const tried = 1000 - (store.failing?.times ?? 0);
  expect(tried).toBeGreaterThan(20);
  expect(tried).toBeLessThan(200);
  store.failing = undefined;
  await until(() => keeper.status.to === 2n);
  expect(keeper.status).toMatchObject({ state: "live", reason: undefined });
  controller.abort();
  await clock.until(writing);
  await upstream.close("done");
});

test("a reader that follows survives a store that fails now and then, in the tab that writes and in one that reads along", async () => {
  const { clock, upstream, store, keeper, another, until, append, ground } = setUp();
  const controller = new AbortController();
  const { signal } = controller;
  const writing = keeper.write(signal, ground);
  const alongside = another();
  const read = [keeper, alongside].map((each) => {
    const offsets: bigint[] = [];
    const done = (async () => {
      for await (const records of each.follow(0n, signal)) {
        offsets.push(...records.map(({ offset }) => offset));
        store.fail(new DOMException("aborted for no reason", "AbortError"), 2);
      }
    })();
    return { offsets, done };
  });
  for (let count = 1; count <= 5; count++) {
    append(`record ${count}`);
    await until(() => keeper.status.to === BigInt(count));
    const { from, to, bytes } = keeper.status;
    store.fail(new DOMException("aborted for no reason", "UnknownError"), 2);
    alongside.hear({ from, to, bytes }, to, keeper.lastCut);
    await until(() => read.every(({ offsets }) => offsets.length === count));
  }
  for (const { offsets } of read) expect(offsets).toEqual([0n, 1n, 2n, 3n, 4n]);
  controller.abort();
  await clock.until(Promise.all([writing, ...read.map(({ done }) => done)]));
  await upstream.close("done");
});

test("a reader is told of a store that fails again and again", async () => {
  const { clock, upstream, store, another } = setUp();
  store.fail(new DOMException("the disk is broken", "UnknownError"), 1000);
  await expect(clock.until(offsetsIn(another()))).rejects.toThrow("the disk is broken");
  await upstream.close("done");
});

test("a note that a loss of power has made untrue is not told as held; one that the files bear out is", async () => {
  const noted = { from: 0n, to: 3n, bytes: 300 };
  const { clock, upstream, keeper, another, until, append, ground } = setUp(noted);
  const controller = new AbortController();
  const along = another();
  await clock.until(along.lookAtNote(controller.signal));
  expect(along.status).toMatchObject({ state: "reading", from: 0n, to: 0n, bytes: 0 });
  expect(along.held).toBeUndefined();
  const writing = keeper.write(controller.signal, ground);
  append("one", "two");
  await until(() => keeper.status.to === 2n);
  await clock.until(along.lookAtNote(controller.signal));
  expect(along.status.to).toBe(0n);
  append("three");
  await until(() => keeper.status.to === 3n);
  await clock.until(along.lookAtNote(controller.signal));
  expect(along.status).toMatchObject({ state: "reading", ...noted });
  expect(await clock.until(offsetsIn(along))).toEqual([0n, 1n, 2n]);
  controller.abort();
  await clock.until(writing);
  await upstream.close("done");
});

test("a reader hears of what is gone before it came there, in the tab that writes and in one that reads along", async () => {
  const { clock, broker, partition, upstream, keeper, another, until, append, gaps, ground } = setUp();
  const first = new AbortController();
  const writing = keeper.write(first.signal, ground);
  append("one", "two", "three");
  await until(() => keeper.status.to === 3n);
  const alongside = another();
  const controller = new AbortController();
  const read = [keeper, alongside].map((each) => {
    const offsets: bigint[] = [];
    const done = (async () => {
      for await (const records of each.follow(0n, controller.signal))
        offsets.push(...records.map(({ offset }) => offset));
    })();
    return { offsets, done };
  });
  await until(() => read.every(({ offsets }) => offsets.length === 3));
  broker.dropAll();
  first.abort();
  await clock.until(writing);
  append("four", "five", "six", "seven");
  if (partition !== undefined) partition.logStart = 5n;
  const again = keeper.write(controller.signal, ground);
  await until(() => keeper.status.to === 7n);
  const { from, to, bytes } = keeper.status;
  alongside.hear({ from, to, bytes }, to, keeper.lastCut);
  await until(() => read.every(({ offsets }) => offsets.length === 5));
  for (const { offsets } of read) expect(offsets).toEqual([0n, 1n, 2n, 5n, 6n]);
  // Once in each tab, though in the one that writes both the replica and its reader have found out.
  expect(gaps).toEqual([
    [3n, 5n],
    [3n, 5n],
  ]);
  controller.abort();
  await clock.until(Promise.all([again, ...read.map(({ done }) => done)]));
  await upstream.close("done");
});
