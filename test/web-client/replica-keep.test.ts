/** How much a replica keeps, and when it may go on from what it has. */
import { afterEach, expect, test } from "vitest";
import type { RecordInput } from "../../log/record.ts";
import { Metadata } from "../../sync/metadata.ts";
import { Upstream } from "../../sync/upstream.ts";
import { leads } from "./leads.ts";
import { GapEvent, RebuildEvent } from "../../web-client/core/api.ts";
import type { Keep } from "../../web-client/core/api.ts";
import { MemoryDevice } from "../../web-client/core/memory-device.ts";
import { ReplicaKeeper } from "../../web-client/core/replica-client.ts";
import { openTabChannel } from "../../web-client/core/tab-channel.ts";
import { loadEngine } from "../engine/load.ts";
import { FakeBroker } from "../sync/fake-broker.ts";
import type { FakePartition } from "../sync/fake-partition.ts";
import { seeded, VirtualClock } from "../sync/virtual-clock.ts";

const engine = loadEngine();
const HOUR_MS = 3_600_000;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A page of an app, on a device that stays when it is closed. */
class Page {
  readonly upstream: Upstream;
  readonly gaps: [from: bigint, to: bigint][] = [];
  readonly rebuilds: string[] = [];
  readonly keeper: ReplicaKeeper;

  constructor(upstream: Upstream, keeper: ReplicaKeeper) {
    this.upstream = upstream;
    this.keeper = keeper;
    keeper.news.hear((make) => {
      const event = make();
      if (event instanceof GapEvent) this.gaps.push([event.from, event.to]);
      if (event instanceof RebuildEvent) this.rebuilds.push(event.reason);
    });
  }

  get status() {
    const status = this.keeper.keepers[0]?.status;
    if (status === undefined) throw new Error("there is no partition");
    return status;
  }
}

class Rig {
  readonly clock = new VirtualClock();
  readonly broker = new FakeBroker(engine);
  readonly topic = this.broker.createTopic("orders");
  readonly device = new MemoryDevice("replica-keep-test", seeded(3));
  /** How far the gateway's clock is ahead of the device's. */
  aheadMs = 0;
  private readonly pages = new Set<Page>();

  get partition(): FakePartition {
    const [partition] = this.topic.partitions;
    if (partition === undefined) throw new Error("there is no partition");
    return partition;
  }

  async open(keep: Keep = {}, offline = false): Promise<Page> {
    const { clock, device, topic, broker } = this;
    const upstream = new Upstream({ open: broker.open, clock, random: seeded(2), clientId: "t" }, offline);
    await device.enterCluster("cluster-one");
    device.learn({ clusterId: "cluster-one", name: "orders", id: topic.id, partitions: [] });
    const metadata = new Metadata(upstream);
    const keeper = new ReplicaKeeper({
      leading: leads({ upstream, metadata }, device.locks),
      random: seeded(4),
      metadata,
      history: undefined as never,
      engine,
      clock,
      device,
      channel: openTabChannel(() => ({ post: () => undefined, close: () => undefined })),
      clusterId: "cluster-one",
      store: await device.replicas("cluster-one"),
      topic: "orders",
      topicId: topic.id,
      partitions: [0],
      isWhole: false,
      keep,
      serverTime: () => Promise.resolve(clock.now() + this.aheadMs),
    });
    const page = new Page(upstream, keeper);
    this.pages.add(page);
    return page;
  }

  async close(page: Page): Promise<void> {
    this.pages.delete(page);
    await this.clock.until(page.keeper.close());
    await this.clock.until(page.upstream.close("done"));
  }

  async closeAll(): Promise<void> {
    for (const page of this.pages) await this.close(page);
  }

  append(...records: (Partial<RecordInput> & { k?: string; v: string | null })[]): void {
    const options = { codec: 0, producerId: -1n, producerEpoch: -1, baseSequence: -1, bytesMax: 1 << 24 };
    const inputs = records.map(({ k, v, timestamp }) => ({
      key: k === undefined ? null : encoder.encode(k),
      value: v === null ? null : encoder.encode(v),
      timestamp: timestamp ?? this.clock.now() + this.aheadMs,
    }));
    this.partition.append(engine.writeBatch(inputs, options));
    this.broker.pushAll();
  }

  until(condition: () => boolean, limitMs = 600_000): Promise<void> {
    return this.clock.until(
      (async () => {
        while (!condition()) await new Promise<void>((resolve) => this.clock.setTimer(50, resolve));
      })(),
      limitMs,
    );
  }

  caughtUp(page: Page): Promise<void> {
    return this.until(() => page.status.state === "live" && page.status.to === this.partition.end);
  }

  /** What the page can read, by key; null: a tombstone. */
  async values(page: Page): Promise<Record<string, string | null>> {
    const values: Record<string, string | null> = {};
    for await (const records of page.keeper.keepers[0]?.read(0n) ?? []) {
      for (const { key, value } of records)
        values[decoder.decode(key ?? undefined)] = value && decoder.decode(value);
    }
    return values;
  }
}

let rig: Rig;
function setUp(configs: Record<string, string> = {}): Rig {
  rig = new Rig();
  for (const [name, value] of Object.entries(configs)) rig.topic.configs.set(name, value);
  return rig;
}
afterEach(() => rig.closeAll());

const large = (name: string): string => name.padEnd(10_000, ".");

test("a replica stays within its bytes as records come, and keeps the newest", async () => {
  const { clock } = setUp();
  const page = await rig.open({ bytes: 200_000 });
  for (let at = 0; at < 60; at++) {
    rig.append({ k: `k${at}`, v: large(`v${at}`) });
    await rig.caughtUp(page);
  }
  await rig.until(() => page.status.bytes <= 200_000);
  expect(page.status.bytes).toBeGreaterThan(150_000);
  expect(page.status).toMatchObject({ state: "live", to: 60n, reason: undefined });
  const held = Object.keys(await clock.until(rig.values(page)));
  expect(held).toEqual(Array.from({ length: held.length }, (_, at) => `k${60 - held.length + at}`));
  // More may be kept from now on, and less.
  page.keeper.keep({ bytes: 131_072 });
  await rig.until(() => page.status.bytes <= 131_072);
  expect(() => page.keeper.keep({ bytes: 1000 })).toThrow(RangeError);
});

test("what would not be kept is not fetched: a new replica begins near the end, one that was away goes there", async () => {
  setUp();
  for (let at = 0; at < 100; at++) rig.append({ k: `k${at}`, v: large(`v${at}`) });
  const page = await rig.open({ bytes: 200_000 });
  await rig.caughtUp(page);
  await rig.until(() => page.status.bytes <= 200_000);
  // 25 of 100 records, and a margin, are what is fetched.
  const first = page.status;
  expect(first.from).toBeGreaterThanOrEqual(70n);
  expect(page.gaps).toEqual([]);
  await rig.close(page);
  for (let at = 100; at < 200; at++) rig.append({ k: `k${at}`, v: large(`v${at}`) });
  const again = await rig.open({ bytes: 200_000 });
  await rig.caughtUp(again);
  expect(again.gaps).toEqual([[100n, expect.any(BigInt)]]);
  expect(again.status.from).toBeGreaterThanOrEqual(170n);
});

test("by age: what was too old is not fetched, what becomes it goes, and the rest stays readable", async () => {
  const { clock } = setUp();
  for (const hours of [5, 3, 1])
    rig.append({ k: `${hours}h`, v: "v", timestamp: clock.now() - hours * HOUR_MS });
  const page = await rig.open({ ms: 2 * HOUR_MS });
  await rig.caughtUp(page);
  expect(await clock.until(rig.values(page))).toEqual({ "1h": "v" });
  await clock.pass(HOUR_MS / 2);
  rig.append({ k: "now", v: "v" });
  await rig.caughtUp(page);
  await clock.pass(HOUR_MS);
  expect(await clock.until(rig.values(page))).toEqual({ now: "v" });
  await clock.pass(2 * HOUR_MS);
  expect(page.status).toMatchObject({ state: "live", from: 4n, to: 4n, bytes: 0 });
});

test("a device whose clock is years ahead throws nothing away by age, before or after it hears the gateway's time", async () => {
  const { clock } = setUp();
  const page = await rig.open({ ms: 2 * HOUR_MS });
  rig.append({ k: "a", v: "1" });
  await rig.caughtUp(page);
  await rig.close(page);
  clock.jump(50_000 * HOUR_MS);
  rig.aheadMs = -50_000 * HOUR_MS;
  const offline = await rig.open({ ms: 2 * HOUR_MS }, true);
  await clock.pass(120_000);
  expect(await clock.until(rig.values(offline))).toEqual({ a: "1" });
  offline.upstream.goOnline();
  await rig.caughtUp(offline);
  await clock.pass(120_000);
  expect(await clock.until(rig.values(offline))).toEqual({ a: "1" });
});

const compacted = { "cleanup.policy": "compact", "delete.retention.ms": String(24 * HOUR_MS) };

test("of a compacted topic the last record of each key stays within the budget, and tombstones with them", async () => {
  const { clock } = setUp(compacted);
  const page = await rig.open({ bytes: 300_000 });
  for (let at = 0; at < 150; at++)
    rig.append({ k: `k${at % 10}`, v: at % 10 === 7 ? null : large(`v${at}`) });
  await rig.caughtUp(page);
  await rig.until(() => page.status.bytes <= 300_000);
  expect(page.status).toMatchObject({ state: "live", from: 0n, reason: undefined });
  const values = await clock.until(rig.values(page));
  expect(Object.keys(values)).toHaveLength(10);
  for (let key = 0; key < 10; key++)
    expect(values[`k${key}`]).toBe(key === 7 ? null : large(`v${140 + key}`));
  expect(page.gaps).toEqual([]);
});

test("more keys than the budget has room for: the oldest go, and the replica says so", async () => {
  const { clock } = setUp(compacted);
  const page = await rig.open({ bytes: 200_000 });
  for (let at = 0; at < 40; at++) rig.append({ k: `k${at}`, v: large(`v${at}`) });
  await rig.caughtUp(page);
  await rig.until(() => page.status.bytes <= 200_000);
  expect(page.status.reason).toContain("let go");
  const held = Object.keys(await clock.until(rig.values(page)));
  expect(held).toContain("k39");
  expect(held).not.toContain("k0");
});

/** A replica of two keys; while it was away one was deleted, and the leader has compacted the tombstone away. */
async function missTombstone(awayMs: number, jumpMs = 0): Promise<Page> {
  const { clock } = rig;
  const page = await rig.open();
  rig.append({ k: "a", v: "1" }, { k: "b", v: "1" });
  await rig.caughtUp(page);
  await rig.close(page);
  rig.append({ k: "a", v: null });
  rig.append({ k: "c", v: "1" });
  rig.partition.compact();
  await clock.pass(awayMs);
  clock.jump(jumpMs);
  rig.aheadMs -= jumpMs;
  const again = await rig.open();
  await rig.caughtUp(again);
  return again;
}

test("a compacted replica that was away longer than delete.retention.ms is built anew: it has missed a tombstone", async () => {
  const { clock } = setUp(compacted);
  const page = await missTombstone(25 * HOUR_MS);
  expect(page.rebuilds).toEqual([expect.stringContaining("some may have been missed")]);
  expect(await clock.until(rig.values(page))).toEqual({ b: "1", c: "1" });
});

test("one that was away for less goes on from where it was, also when the device's clock was changed meanwhile", async () => {
  for (const jumpMs of [0, 100 * HOUR_MS, -100 * HOUR_MS]) {
    setUp(compacted);
    const page = await missTombstone(23 * HOUR_MS, jumpMs);
    expect(page.rebuilds).toEqual([]);
    await rig.closeAll();
  }
});

test("a page that stays open while the connection is away for too long builds its replica anew, and who follows hears of it", async () => {
  const { clock } = setUp(compacted);
  const page = await rig.open();
  rig.append({ k: "a", v: "1" }, { k: "b", v: "1" });
  await rig.caughtUp(page);
  const stop = new AbortController();
  const read: string[] = [];
  const following = (async () => {
    for await (const records of page.keeper.keepers[0]?.follow(0n, stop.signal) ?? [])
      read.push(...records.map(({ key }) => decoder.decode(key ?? undefined)));
  })();
  // Idle for long, and caught up all the time: nothing is missed.
  await clock.pass(30 * HOUR_MS);
  rig.append({ k: "c", v: "1" });
  await rig.caughtUp(page);
  expect(page.rebuilds).toEqual([]);
  page.upstream.goOffline();
  await clock.pass(30 * HOUR_MS);
  rig.append({ k: "a", v: null });
  rig.append({ k: "d", v: "1" });
  rig.partition.compact();
  page.upstream.goOnline();
  await rig.caughtUp(page);
  expect(page.rebuilds).toHaveLength(1);
  await rig.until(() => read.includes("d"));
  expect(read).toEqual(["a", "b", "c", "b", "c", "d"]);
  stop.abort();
  await clock.until(following);
});

test("nothing new while it was away: nothing was missed, however long that was", async () => {
  const { clock } = setUp(compacted);
  const page = await rig.open();
  rig.append({ k: "a", v: "1" });
  await rig.caughtUp(page);
  await rig.close(page);
  await clock.pass(1000 * HOUR_MS);
  const again = await rig.open();
  await rig.caughtUp(again);
  expect(again.rebuilds).toEqual([]);
  expect(await clock.until(rig.values(again))).toEqual({ a: "1" });
});

test("records that were compacted away because of some that are cut off now come back", async () => {
  const { clock } = setUp(compacted);
  const page = await rig.open({ bytes: 140_000 });
  rig.append({ k: "a", v: "first" });
  for (let at = 0; at < 20; at++) rig.append({ k: `fill ${at % 2}`, v: large("") });
  const cut = rig.partition.end;
  rig.append({ k: "a", v: "second" });
  for (let at = 0; at < 20; at++) rig.append({ k: `fill ${at % 2}`, v: large("") });
  await rig.caughtUp(page);
  await rig.until(() => page.status.bytes < 140_000);
  rig.broker.dropAll();
  rig.partition.truncate(cut);
  await rig.caughtUp(page);
  expect((await clock.until(rig.values(page))).a).toBe("first");
});
