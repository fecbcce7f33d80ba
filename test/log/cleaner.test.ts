/** A node's compaction: in the background, within its budget, and stopped at any moment. */
import { describe, expect, it } from "vitest";
import { Cluster } from "../../log/cluster.ts";
import { brokerConfig } from "../../log/config.ts";
import { MemoryStore } from "../../log/memory-store.ts";
import type { Partition } from "../../log/offline-partition.ts";
import { ErrorCode } from "../../wire/errors.ts";
import { metadataCodec } from "../../wire/metadata-records.ts";
import { VirtualClock } from "../sync/virtual-clock.ts";
import { engine, failureOf, randomOf, readBatches, recordsOf, START_MS } from "./harness.ts";

const COMPACT = new Map([
  ["cleanup.policy", "compact"],
  ["segment.bytes", "10000"],
]);

async function openCluster(clock: VirtualClock, given: Record<string, string> = {}): Promise<Cluster> {
  const random = randomOf(1);
  return Cluster.open({
    store: new MemoryStore(),
    engine,
    clock,
    codec: metadataCodec,
    random: () => Uint8Array.from({ length: 16 }, () => Math.floor(random() * 256)),
    config: brokerConfig(new Map(Object.entries(given))),
  });
}

async function fill(log: Partition, batches = 100): Promise<void> {
  for (let at = 0; at < batches; at++) {
    const record = { key: Uint8Array.of(at % 5), value: new Uint8Array(1000), timestamp: START_MS };
    const options = { codec: 0, producerId: -1n, producerEpoch: -1, baseSequence: -1, bytesMax: 1 << 20 };
    await log.append(engine.writeBatch([record], options)).synced;
  }
}

const countOf = async (log: Partition): Promise<number> => recordsOf(await readBatches(log)).length;

describe("the cleaner of a node", () => {
  it("compacts every 15 s what has cleanup.policy=compact, the node's own topics too, and nothing else", async () => {
    const clock = new VirtualClock(START_MS);
    const cluster = await openCluster(clock);
    const compacted = (await cluster.createTopic("c", { configs: COMPACT })).partitions[0]!;
    const groups = { isInternal: true, configs: COMPACT };
    const internal = (await cluster.createTopic("__consumer_offsets", groups)).partitions[0]!;
    const plain = (await cluster.createTopic("p", { configs: new Map([["segment.bytes", "10000"]]) }))
      .partitions[0]!;
    for (const log of [compacted, internal, plain]) await fill(log);
    await clock.pass(14_000);
    expect(await countOf(compacted)).toBe(100);
    await clock.pass(2000);
    for (const log of [compacted, internal]) expect(await countOf(log)).toBeLessThan(20);
    expect(await countOf(plain)).toBe(100);
    await cluster.configs.changeTopic("p", () => new Map([["cleanup.policy", "compact,delete"]]));
    await clock.pass(16_000);
    expect(await countOf(plain)).toBeLessThan(20);
    await cluster.close();
  });

  it("takes the time that its budget of bytes says", async () => {
    const clock = new VirtualClock(START_MS);
    const cluster = await openCluster(clock, { "log.cleaner.io.max.bytes.per.second": "10000" });
    const log = (await cluster.createTopic("c", { configs: COMPACT })).partitions[0]!;
    await fill(log);
    // The keys of some 90 kB come first.
    await clock.pass(15_000 + 7000);
    expect(await countOf(log)).toBe(100);
    await clock.pass(20_000);
    expect(await countOf(log)).toBeLessThan(20);
    await cluster.close();
  });

  it("stops with the node in the middle of its work, and with its topic, and is off where it is said so", async () => {
    const clock = new VirtualClock(START_MS);
    const slow = await openCluster(clock, { "log.cleaner.io.max.bytes.per.second": "1000" });
    const topic = await slow.createTopic("c", { configs: COMPACT });
    await fill(topic.partitions[0]!);
    await clock.pass(30_000);
    await slow.deleteTopic(topic.id);
    const again = await slow.createTopic("c", { configs: COMPACT });
    await fill(again.partitions[0]!);
    await clock.pass(60_000);
    expect(await countOf(again.partitions[0]!)).toBe(100);
    await slow.close();
    expect(slow.fenced()).toEqual([]);

    const off = await openCluster(clock, { "log.cleaner.enable": "false" });
    const log = (await off.createTopic("c", { configs: COMPACT })).partitions[0]!;
    await fill(log);
    await clock.pass(60_000);
    expect(await countOf(log)).toBe(100);
    await off.close();
  });

  it("is not given lags that contradict each other", async () => {
    const cluster = await openCluster(new VirtualClock(START_MS));
    const lags = new Map([
      ["min.compaction.lag.ms", "10"],
      ["max.compaction.lag.ms", "9"],
    ]);
    for (const attempt of [
      () => cluster.createTopic("c", { configs: lags }),
      async () => {
        await cluster.createTopic("d", {});
        await cluster.configs.changeTopic("d", () => lags);
      },
    ])
      expect((await failureOf(attempt)).code).toBe(ErrorCode.INVALID_CONFIG);
    await cluster.close();
  });
});
