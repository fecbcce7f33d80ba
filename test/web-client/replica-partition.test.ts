import { expect, test } from "vitest";
import { MemoryStore } from "../../log/memory-store.ts";
import type { StoreFile } from "../../log/store.ts";
import { Metadata } from "../../sync/metadata.ts";
import { Upstream } from "../../sync/upstream.ts";
import type { ReadableStore } from "../../web-client/core/directory-store.ts";
import { ReplicaPartitionKeeper } from "../../web-client/core/replica-partition.ts";
import { loadEngine } from "../engine/load.ts";
import { FakeBroker } from "../sync/fake-broker.ts";
import { seeded, VirtualClock } from "../sync/virtual-clock.ts";

const engine = loadEngine();

class TestStore extends MemoryStore implements ReadableStore {
  /** Appends wait for it. */
  gate: Promise<void> = Promise.resolve();

  override async open(name: string): Promise<StoreFile> {
    const file = await super.open(name);
    const append = file.append.bind(file);
    file.append = async (pieces) => {
      await this.gate;
      await append(pieces);
    };
    return file;
  }

  async readAt(name: string, position: number, length: number): Promise<Uint8Array> {
    return (await this.open(name)).read(position, length);
  }
}

function setUp() {
  const clock = new VirtualClock();
  const broker = new FakeBroker(engine);
  const topic = broker.createTopic("orders");
  const upstream = new Upstream({ open: broker.open, clock, random: seeded(2), clientId: "t" });
  const store = new TestStore();
  const keeper = new ReplicaPartitionKeeper({
    upstream,
    metadata: new Metadata(upstream),
    history: undefined,
    store,
    engine,
    clock,
    topic: "orders",
    topicId: topic.id,
    partition: 0,
    held: undefined,
    onChange: () => undefined,
    onGap: () => undefined,
  });
  const append = (...values: string[]): void => {
    for (const value of values) {
      const records = [{ key: null, value: new TextEncoder().encode(value), timestamp: 1 }];
      const options = { codec: 0, producerId: -1n, producerEpoch: -1, baseSequence: -1, bytesMax: 1 << 20 };
      topic.partitions[0]?.append(engine.writeBatch(records, options));
    }
    broker.pushAll();
  };
  return { clock, broker, partition: topic.partitions[0], upstream, store, keeper, append };
}

test("a reader that follows a replica which is cut back reads what stands there now", async () => {
  const { clock, broker, partition, upstream, keeper, append } = setUp();
  const controller = new AbortController();
  const writing = keeper.write(controller.signal);
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
  const { clock, upstream, store, keeper, append } = setUp();
  const controller = new AbortController();
  const writing = keeper.write(controller.signal);
  const until = (condition: () => boolean): Promise<void> =>
    clock.until(
      (async () => {
        while (!condition()) await new Promise<void>((resolve) => clock.setTimer(50, resolve));
      })(),
      60_000,
    );
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
