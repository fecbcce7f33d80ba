/** A node's housekeeping: one timer for all partitions, with the settings that count at the moment. */
import { describe, expect, it } from "vitest";
import type { Clock } from "../../log/clock.ts";
import { Cluster } from "../../log/cluster.ts";
import { brokerConfig, topicConfig } from "../../log/config.ts";
import { MemoryStore } from "../../log/memory-store.ts";
import type { Partition } from "../../log/offline-partition.ts";
import type { Store } from "../../log/store.ts";
import { ErrorCode } from "../../wire/errors.ts";
import { metadataCodec } from "../../wire/metadata-records.ts";
import { VirtualClock } from "../sync/virtual-clock.ts";
import { appendAll, batchOf, engine, failureOf, randomOf, readValues } from "./harness.ts";

const MINUTE_MS = 60_000;

async function openCluster(
  clock: Clock,
  given: Record<string, string> = {},
  store: Store = new MemoryStore(),
): Promise<Cluster> {
  const random = randomOf(1);
  return Cluster.open({
    store,
    engine,
    clock,
    codec: metadataCodec,
    random: () => Uint8Array.from({ length: 16 }, () => Math.floor(random() * 256)),
    config: brokerConfig(new Map(Object.entries(given))),
  });
}

async function fill(log: Partition, clock: Clock, records = 20): Promise<void> {
  for (let at = 0; at < records; at++)
    await appendAll(log, [batchOf([`value number ${at}`], { timestamp: clock.now() })]);
}

const logFiles = async (store: Store): Promise<number> =>
  (await store.list("t-0/")).filter((name) => name.endsWith(".log")).length;

describe("the housekeeping of a node", () => {
  it("looks 30 s after the start and then every 5 minutes, and removes files a minute later", async () => {
    const clock = new VirtualClock();
    const store = new MemoryStore();
    const cluster = await openCluster(clock, {}, store);
    const configs = new Map([
      ["retention.ms", String(2 * MINUTE_MS)],
      ["segment.bytes", "300"],
    ]);
    const { partitions } = await cluster.createTopic("t", { configs });
    const log = partitions[0]!;
    await fill(log, clock);
    const files = await logFiles(store);
    expect(files).toBeGreaterThan(3);
    await clock.pass(35_000);
    await fill(log, clock, 1);
    await clock.pass(5 * MINUTE_MS - 10_000);
    expect(log.logStartOffset).toBe(0n);
    await clock.pass(10_000);
    expect([log.logStartOffset, log.highWatermark]).toEqual([21n, 21n]);
    expect(await logFiles(store)).toBe(files + 1);
    await clock.pass(MINUTE_MS - 10_000);
    expect(await logFiles(store)).toBe(files + 1);
    await clock.pass(12_000);
    expect(await logFiles(store)).toBe(1);
    await cluster.close();
  });

  it("forgets producers at the next check after they were silent for too long, as the setting says by then", async () => {
    const clock = new VirtualClock();
    const cluster = await openCluster(clock, { "log.retention.check.interval.ms": "60000" });
    const { partitions } = await cluster.createTopic("t", {});
    const log = partitions[0]!;
    const from = (producerId: bigint): Uint8Array =>
      batchOf(["a"], { producerId, producerEpoch: 0, baseSequence: 0, timestamp: 0 });
    const known = (): bigint[] => log.producers().map(({ producerId }) => producerId);
    await appendAll(log, [from(1n)]);
    await clock.pass(10 * MINUTE_MS);
    await appendAll(log, [from(2n)]);
    // A day is what is set: what counts is when it was heard, not what its records say of their time.
    expect(known()).toEqual([1n, 2n]);
    const expiration = new Map([["producer.id.expiration.ms", String(5 * MINUTE_MS)]]);
    await cluster.configs.changeBroker("", () => expiration);
    expect(known()).toEqual([1n, 2n]);
    await clock.pass(MINUTE_MS + 1000);
    expect(known()).toEqual([2n]);
    await clock.pass(5 * MINUTE_MS);
    expect(known()).toEqual([]);
    await cluster.close();
  });

  it("goes by what a topic's settings say at the next check", async () => {
    const clock = new VirtualClock();
    const cluster = await openCluster(clock, { "log.retention.check.interval.ms": "60000" });
    const { partitions } = await cluster.createTopic("t", { configs: new Map([["segment.bytes", "300"]]) });
    const log = partitions[0]!;
    await fill(log, clock);
    await clock.pass(10 * MINUTE_MS);
    expect(log.logStartOffset).toBe(0n);
    await cluster.configs.changeTopic("t", () => new Map([["retention.bytes", "500"]]));
    expect(log.logStartOffset).toBe(0n);
    await clock.pass(MINUTE_MS + 1000);
    const bySize = log.logStartOffset;
    expect([bySize > 5n, bySize < 20n]).toEqual([true, true]);
    await cluster.configs.changeTopic("t", () => new Map([["retention.ms", "1000"]]));
    await clock.pass(MINUTE_MS + 1000);
    expect(log.logStartOffset).toBe(20n);
    await cluster.close();
  });

  it("is done for the others where one partition's fails, and for that one at the next check", async () => {
    const clock = new VirtualClock();
    let fails = 2;
    const store = new MemoryStore();
    const write = store.write.bind(store);
    store.write = (name, bytes) =>
      name === "t-1/log-start" && fails-- > 0 ? Promise.reject(new Error("injected")) : write(name, bytes);
    const cluster = await openCluster(clock, { "log.retention.check.interval.ms": "60000" }, store);
    const configs = new Map([["retention.ms", "1000"]]);
    const { partitions } = await cluster.createTopic("t", { partitions: 3, configs });
    for (const log of partitions) await fill(log, clock, 3);
    await clock.pass(35_000);
    expect(partitions.map((log) => log.logStartOffset)).toEqual([3n, 0n, 3n]);
    expect(cluster.fenced()).toEqual([]);
    await clock.pass(MINUTE_MS);
    expect(partitions.map((log) => log.logStartOffset)).toEqual([3n, 3n, 3n]);
    await cluster.close();
  });

  it("stops with the node, and leaves the topics alone that are deleted meanwhile", async () => {
    const clock = new VirtualClock();
    const store = new MemoryStore();
    const cluster = await openCluster(clock, { "log.retention.check.interval.ms": "1000" }, store);
    const configs = new Map([["retention.ms", "1000"]]);
    const topic = await cluster.createTopic("t", { partitions: 3, configs });
    const kept = await cluster.createTopic("kept", { configs });
    for (const log of [...topic.partitions, ...kept.partitions]) await fill(log, clock, 3);
    await clock.pass(33_000);
    expect(topic.partitions[0]?.filesDueMs).toBeDefined();
    await cluster.deleteTopic(topic.id);
    await clock.pass(2 * MINUTE_MS);
    expect(await store.list("t-")).toEqual([]);
    expect(kept.partitions[0]?.logStartOffset).toBe(3n);
    await cluster.close();
    const before = await store.list("");
    await clock.pass(10 * MINUTE_MS);
    expect(await store.list("")).toEqual(before);
    const again = await openCluster(clock, {}, store);
    expect(again.topic("kept")?.partitions[0]?.logStartOffset).toBe(3n);
    expect(await readValues(again.topic("kept")!.partitions[0]!)).toEqual([]);
    await again.close();
  });
});

describe("settings of retention", () => {
  const valueOf = (given: Record<string, string>, name: string): string | undefined =>
    topicConfig(brokerConfig(new Map(Object.entries(given))), new Map()).values.get(name);

  it.each([
    [{}, "retention.ms", "604800000"],
    [{ "log.retention.hours": "2" }, "retention.ms", "7200000"],
    [{ "log.retention.hours": "2", "log.retention.minutes": "3" }, "retention.ms", "180000"],
    [{ "log.retention.minutes": "3", "log.retention.ms": "4" }, "retention.ms", "4"],
    [{ "log.retention.hours": "-1" }, "retention.ms", "-1"],
    [{ "log.roll.hours": "5" }, "segment.ms", "18000000"],
    [{ "log.roll.hours": "5", "log.roll.ms": "6" }, "segment.ms", "6"],
    [{ "log.roll.jitter.hours": "1" }, "segment.jitter.ms", "3600000"],
    [{ "log.segment.delete.delay.ms": "7" }, "file.delete.delay.ms", "7"],
    [{ "log.retention.bytes": "8" }, "retention.bytes", "8"],
  ])("of the node %j make %s %s", (given, name, value) => {
    expect(valueOf(given as Record<string, string>, name)).toBe(value);
  });

  it("of the node are refused where Kafka refuses them", async () => {
    for (const [name, value] of [
      ["log.roll.hours", "0"],
      ["log.retention.check.interval.ms", "0"],
      ["log.retention.hours", "soon"],
      ["log.cleanup.policy", "delete,delete"],
      ["log.cleanup.policy", "keep"],
    ] as const) {
      const { code } = await failureOf(() => brokerConfig(new Map([[name, value]])));
      expect([name, code]).toEqual([name, ErrorCode.INVALID_CONFIG]);
    }
  });
});
