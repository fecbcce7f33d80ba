/** What is read of a replica: both ways, by offset and by time, and by key; in the tab that writes and in one that reads along. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { MemoryStore } from "../../log/memory-store.ts";
import { Metadata } from "../../sync/metadata.ts";
import { Upstream } from "../../sync/upstream.ts";
import { leads } from "./leads.ts";
import { publishedHere } from "./published-here.ts";
import type { LatestOptions, ReadOptions } from "../../web-client/core/api.ts";
import type { ReadableStore } from "../../web-client/core/directory-store.ts";
import { KeyIndex } from "../../web-client/core/key-index.ts";
import type { KeyIndexSource } from "../../web-client/core/key-index.ts";
import { MemoryDevice } from "../../web-client/core/memory-device.ts";
import { ReplicaClient, ReplicaKeeper } from "../../web-client/core/replica-client.ts";
import { text } from "../../web-client/core/serializer.ts";
import { openTabChannel } from "../../web-client/core/tab-channel.ts";
import type { TabMessage } from "../../web-client/core/tab-channel.ts";
import { loadEngine } from "../engine/load.ts";
import { FakeBroker } from "../sync/fake-broker.ts";
import { seeded, VirtualClock } from "../sync/virtual-clock.ts";

const engine = loadEngine();
const encoder = new TextEncoder();
const START_MS = 1_700_000_000_000;

/** Counts what is read of it. */
class CountingStore extends MemoryStore implements ReadableStore {
  bytesRead = 0;
  /** What every file is opened with, instead of being opened. */
  failure: Error | undefined;

  async readAt(name: string, position: number, length: number): Promise<Uint8Array> {
    return (await this.open(name)).read(position, length);
  }

  onLost(): () => void {
    return () => undefined;
  }

  async size(name: string): Promise<number> {
    return (await this.open(name)).size;
  }

  override async open(name: string) {
    if (this.failure !== undefined) throw this.failure;
    const file = await super.open(name);
    const read = Object.getPrototypeOf(file).read as typeof file.read;
    file.read = async (position, length) => {
      const bytes = await read.call(file, position, length);
      if (name.endsWith(".log")) this.bytesRead += bytes.byteLength;
      return bytes;
    };
    return file;
  }
}

class Rig {
  readonly clock = new VirtualClock();
  readonly broker = new FakeBroker(engine);
  readonly topic = this.broker.createTopic("orders", 2);
  readonly device = new MemoryDevice("replica-reads-test", seeded(3));
  readonly store = new CountingStore();
  readonly upstream = new Upstream({
    open: this.broker.open,
    clock: this.clock,
    random: seeded(2),
    clientId: "t",
  });
  readonly metadata = new Metadata(this.upstream);
  private readonly tabs = new Set<(message: TabMessage) => void>();
  readonly writer = this.tab();
  readonly along = this.tab();

  /** A tab with this store: the first that asks for a partition writes it. */
  tab(): ReplicaClient<string, string> {
    const { clock, device, store, topic, upstream, metadata } = this;
    const channel = openTabChannel((hear) => {
      this.tabs.add(hear);
      const post = (message: TabMessage): void => {
        for (const each of this.tabs) if (each !== hear) setImmediate(() => each(message));
      };
      return { post, close: () => this.tabs.delete(hear) };
    });
    const keeper = new ReplicaKeeper({
      leading: leads({ upstream, metadata }, device.locks),
      random: seeded(4),
      metadata,
      history: undefined as never,
      engine,
      clock,
      device,
      channel,
      clusterId: "cluster-one",
      store,
      topic: "orders",
      topicId: topic.id,
      partitions: [0, 1],
      isWhole: false,
      keep: { bytes: 4e6 },
    });
    return new ReplicaClient(keeper, { key: text(), value: text() }, publishedHere(device), async (each) =>
      each.close(),
    );
  }

  append(partition: number, key: string | null, value: string | null, timestamp = START_MS): void {
    const options = { codec: 0, producerId: -1n, producerEpoch: -1, baseSequence: -1, bytesMax: 1 << 24 };
    const record = {
      key: key === null ? null : encoder.encode(key),
      value: value && encoder.encode(value),
      timestamp,
    };
    this.topic.partitions[partition]?.append(
      engine.writeBatch([{ ...record, value: value === null ? null : encoder.encode(value) }], options),
    );
  }

  /** Both tabs have it all. */
  async synced(): Promise<void> {
    this.broker.pushAll();
    const isThere = (tab: ReplicaClient<string, string>): boolean =>
      tab.partitions.every(({ to, partition }) => to === this.topic.partitions[partition]?.end);
    await this.clock.until(
      (async () => {
        while (!isThere(this.writer) || !isThere(this.along))
          await new Promise<void>((resolve) => this.clock.setTimer(50, resolve));
      })(),
      600_000,
    );
  }

  async read(tab: ReplicaClient<string, string>, options: ReadOptions): Promise<string[]> {
    const read = async (): Promise<string[]> => {
      const found: string[] = [];
      for await (const { partition, offset } of tab.read(options)) found.push(`${partition}/${offset}`);
      return found;
    };
    return this.clock.until(read());
  }

  async latest(tab: ReplicaClient<string, string>, key: string, options?: LatestOptions) {
    const record = await this.clock.until(tab.latest(key, options));
    return record && [record.partition, record.offset, record.value];
  }

  async close(): Promise<void> {
    await this.clock.until(Promise.all([this.writer.close(), this.along.close()]));
    await this.clock.until(this.upstream.close("done"));
  }
}

let rig: Rig;
beforeEach(() => {
  rig = new Rig();
});
afterEach(() => rig.close());

test("forwards and backwards, from an offset, from a time, and from the ends", async () => {
  for (let at = 0; at < 10; at++) rig.append(0, null, `v${at}`, START_MS + at * 1000);
  for (let at = 0; at < 3; at++) rig.append(1, null, `w${at}`, START_MS + at * 1000);
  await rig.synced();
  expect(rig.along.partitions.map(({ state }) => state)).toEqual(["reading", "reading"]);
  const at = (...offsets: number[]): string[] => offsets.map((offset) => `0/${offset}`);
  const time = (ms: number) => ({ timestamp: START_MS + ms });
  const cases: [ReadOptions, string[]][] = [
    [{ partition: 0, from: 7n }, at(7, 8, 9)],
    [{ partition: 0, from: 7n, direction: "backward" }, at(7, 6, 5, 4, 3, 2, 1, 0)],
    [{ partition: 0, direction: "backward" }, at(9, 8, 7, 6, 5, 4, 3, 2, 1, 0)],
    [{ partition: 0, from: 1000n }, []],
    [{ partition: 0, from: 1000n, direction: "backward" }, at(9, 8, 7, 6, 5, 4, 3, 2, 1, 0)],
    [{ partition: 0, from: time(7500) }, at(8, 9)],
    [{ partition: 0, from: time(8000) }, at(8, 9)],
    [{ partition: 0, from: { timestamp: new Date(START_MS + 1500) }, direction: "backward" }, at(1, 0)],
    [{ partition: 0, from: time(2000), direction: "backward" }, at(2, 1, 0)],
    [{ partition: 0, from: time(1e9) }, []],
    [{ partition: 0, from: time(-1), direction: "backward" }, []],
    [{ from: time(1000), direction: "backward" }, [...at(1, 0), "1/1", "1/0"]],
    [{ direction: "backward", partition: 1 }, ["1/2", "1/1", "1/0"]],
  ];
  for (const [options, expected] of cases) {
    for (const tab of [rig.writer, rig.along]) expect(await rig.read(tab, options)).toEqual(expected);
  }
  await expect(rig.read(rig.writer, { from: { timestamp: NaN } })).rejects.toThrow(TypeError);
  await expect(rig.read(rig.writer, { from: 1n, direction: "backward" })).rejects.toThrow(TypeError);
});

test("the newest of many are read without the rest", async () => {
  for (let at = 0; at < 600; at++) rig.append(0, null, `${at}`.padEnd(5000, "."), START_MS + at);
  await rig.synced();
  const held = rig.writer.heldBytes;
  expect(held).toBeGreaterThan(1_500_000);
  for (const tab of [rig.writer, rig.along]) {
    rig.store.bytesRead = 0;
    const newest: bigint[] = [];
    for await (const { offset } of tab.read({ partition: 0, direction: "backward" })) {
      newest.push(offset);
      if (newest.length === 10) break;
    }
    expect(newest).toEqual(Array.from({ length: 10 }, (_, at) => BigInt(599 - at)));
    expect(rig.store.bytesRead).toBeLessThan(held / 2);
    rig.store.bytesRead = 0;
    for await (const { offset } of tab.read({ partition: 0, from: { timestamp: START_MS + 590 } })) {
      expect(offset).toBe(590n);
      break;
    }
    expect(rig.store.bytesRead).toBeLessThan(held / 2);
  }
});

test("the last record of a key, in every tab, while records come, and after some were cut off", async () => {
  rig.append(0, "a", "a 0");
  rig.append(0, "b", "b 0");
  rig.append(1, "c", "c 0");
  rig.append(0, "a", "a 1");
  await rig.synced();
  for (const tab of [rig.writer, rig.along]) {
    expect(await rig.latest(tab, "a")).toEqual([0, 2n, "a 1"]);
    expect(await rig.latest(tab, "b")).toEqual([0, 1n, "b 0"]);
    expect(await rig.latest(tab, "c")).toEqual([1, 0n, "c 0"]);
    expect(await rig.latest(tab, "c", { partition: 0 })).toBeUndefined();
    expect(await rig.latest(tab, "d")).toBeUndefined();
  }
  rig.append(0, "b", null);
  rig.append(0, "d", "d 0");
  // The topic has got more partitions since, and the key is in another one.
  rig.append(1, "a", "a 2", START_MS + 1);
  await rig.synced();
  for (const tab of [rig.writer, rig.along]) {
    expect(await rig.latest(tab, "a")).toEqual([1, 1n, "a 2"]);
    expect(await rig.latest(tab, "b")).toEqual([0, 3n, null]);
    expect(await rig.latest(tab, "d")).toEqual([0, 4n, "d 0"]);
  }
  rig.broker.dropAll();
  rig.topic.partitions[0]?.truncate(3n);
  rig.append(0, "e", "e 0");
  rig.append(0, "f", "f 0");
  rig.append(0, "f", "f 1");
  await rig.synced();
  for (const tab of [rig.writer, rig.along]) {
    expect(await rig.latest(tab, "b")).toEqual([0, 1n, "b 0"]);
    expect(await rig.latest(tab, "d")).toBeUndefined();
    expect(await rig.latest(tab, "e")).toEqual([0, 3n, "e 0"]);
    expect(await rig.latest(tab, "f")).toEqual([0, 5n, "f 1"]);
  }
});

/** A partition in memory; counts the records that are read. */
class Source implements KeyIndexSource {
  readonly records: {
    key: Uint8Array | null;
    value: Uint8Array;
    offset: bigint;
    timestamp: number;
    headers: [];
  }[] = [];
  changes = 0;
  from = 0n;
  read_ = 0;

  add(key: string | null): void {
    const offset = BigInt(this.records.length);
    const value = encoder.encode(`${offset}`);
    this.records.push({
      key: key === null ? null : encoder.encode(key),
      value,
      offset,
      timestamp: 0,
      headers: [],
    });
  }

  held() {
    return Promise.resolve({ from: this.from, to: BigInt(this.records.length) });
  }

  async *read(offset: bigint) {
    for (const record of this.records.slice(Number(offset))) {
      this.read_ += 1;
      yield await Promise.resolve([record]);
    }
    return BigInt(this.records.length);
  }

  async *readBackward(offset: bigint) {
    for (let at = Number(offset) - 1; at >= Number(this.from); at--) {
      const record = this.records[at];
      this.read_ += 1;
      if (record !== undefined) yield await Promise.resolve([record]);
    }
    return this.from;
  }

  recordAt(offset: bigint) {
    return Promise.resolve(offset < this.from ? undefined : this.records[Number(offset)]);
  }
}

test.each([1, 2, 3, 4])(
  "an index of keys answers as the whole log does, in whatever memory (seed %d)",
  async (seed) => {
    const random = seeded(seed);
    const source = new Source();
    const index = new KeyIndex(source, seed === 1 ? 1 : seed === 2 ? 500 : 1e6);
    const last = (key: string): bigint | undefined =>
      source.records.findLast(
        ({ key: each, offset }) =>
          offset >= source.from && each !== null && Buffer.from(each).toString() === key,
      )?.offset;
    for (let step = 0; step < 400; step++) {
      const key = `key ${Math.floor(random() * 30)}`;
      const drawn = random();
      if (drawn < 0.6) source.add(random() < 0.1 ? null : key);
      else if (drawn < 0.63)
        source.from += BigInt(Math.floor(random() * (source.records.length - Number(source.from))));
      else if (drawn < 0.66) {
        source.records.length = Math.max(Number(source.from), source.records.length - 5);
        source.changes += 1;
      } else expect((await index.latest(encoder.encode(key)))?.offset).toBe(last(key));
    }
  },
);

test("what was passed before is not read again to find a key", async () => {
  const source = new Source();
  for (let at = 0; at < 1000; at++) source.add(`key ${at}`);
  const index = new KeyIndex(source);
  await index.latest(encoder.encode("key 990"));
  expect(source.read_).toBe(10);
  await index.latest(encoder.encode("key 995"));
  expect(source.read_).toBe(10);
  await Promise.all(["key 980", "none", "none of them"].map((key) => index.latest(encoder.encode(key))));
  expect(source.read_).toBe(1000);
  source.add("key 5");
  expect((await index.latest(encoder.encode("key 5")))?.offset).toBe(1000n);
  expect(source.read_).toBe(1001);
});

/** Why a replica's partitions do not get on, by their state; what gets on has no reason. */
function troubles({ partitions }: ReplicaClient<string, string>): string[] {
  return partitions.map(({ state, reason }) => (reason === undefined ? "well" : `${state}: ${reason}`));
}

async function untilTold(tab: ReplicaClient<string, string>, what: string): Promise<void> {
  const told = async (): Promise<void> => {
    while (!troubles(tab).every((each) => each.startsWith(what)))
      await new Promise<void>((resolve) => rig.clock.setTimer(50, resolve));
  };
  await rig.clock.until(told(), 600_000);
}

test("a tab that reads along shows that the topic is gone, as the one that writes does, also when it comes later", async () => {
  rig.append(0, "a", "1");
  await rig.synced();
  expect(troubles(rig.along)).toEqual(["well", "well"]);
  rig.broker.topics.delete("orders");
  rig.broker.dropAll();
  await untilTold(rig.along, "deleted: ");
  expect(troubles(rig.along)).toEqual(troubles(rig.writer));
  const later = rig.tab();
  await untilTold(later, "deleted: ");
  await rig.clock.until(later.close());
});

test("a tab that reads along shows that the store of the one that writes fails, until it works again", async () => {
  rig.append(0, "a", "1");
  await rig.synced();
  const third = rig.tab();
  rig.store.failure = new DOMException("no room", "QuotaExceededError");
  // The next in line writes now, or would if it could.
  await rig.clock.until(rig.writer.close());
  await untilTold(third, "waiting: this device has no room left");
  expect(troubles(third)).toEqual(troubles(rig.along));
  rig.store.failure = undefined;
  await untilTold(third, "well");
  await rig.clock.until(third.close());
});
