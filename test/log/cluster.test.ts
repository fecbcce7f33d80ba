import { afterEach, describe, expect, it } from "vitest";
import { brokerConfig } from "../../log/config.ts";
import { Cluster, type Topic } from "../../log/cluster.ts";
import { MemoryStore } from "../../log/memory-store.ts";
import type { Store } from "../../log/store.ts";
import { ErrorCode } from "../../wire/errors.ts";
import { metadataCodec } from "../../wire/metadata-records.ts";
import { appendAll, batchOf, clock, engine, failureOf, randomOf, readValues } from "./harness.ts";

let random = randomOf(1);
const opened: Cluster[] = [];
afterEach(async () => {
  for (const cluster of opened.splice(0)) await cluster.close().catch(() => {});
});

async function openCluster(store: Store, settings: Record<string, string> = {}): Promise<Cluster> {
  const cluster = await Cluster.open({
    store,
    engine,
    clock,
    codec: metadataCodec,
    random: () => Uint8Array.from({ length: 16 }, () => Math.floor(random() * 256)),
    config: brokerConfig(new Map(Object.entries(settings))),
  });
  opened.push(cluster);
  return cluster;
}

const shape = (topic: Topic | undefined) =>
  topic && {
    id: topic.id,
    partitions: topic.partitions.length,
    overrides: [...topic.overrides],
    epochs: topic.partitions.map((log) => log.leaderEpoch),
  };

describe("a cluster of one node", () => {
  it("keeps topics, their ids, settings and records across a clean stop, in the same epoch", async () => {
    const store = new MemoryStore();
    const first = await openCluster(store);
    const topic = await first.createTopic("orders", {
      partitions: 3,
      configs: new Map([
        ["retention.ms", "1000"],
        ["segment.bytes", null],
      ]),
    });
    await appendAll(topic.partitions[2]!, [batchOf(["a"]), batchOf(["b"])]);
    const before = shape(topic);
    await first.close();
    const second = await openCluster(store);
    expect(second.clusterId).toBe(first.clusterId);
    expect(shape(second.topic("orders"))).toEqual(before);
    expect(second.topicById(topic.id)).toBe(second.topic("orders"));
    expect(second.topic("orders")?.partitions[2]?.recovery.how).toBe("clean");
    expect(await readValues(second.topic("orders")!.partitions[2]!)).toEqual([
      [0n, "a"],
      [1n, "b"],
    ]);
  });

  it("raises every leader epoch after a stop that was not clean", async () => {
    const store = new MemoryStore();
    const first = await openCluster(store);
    await first.createTopic("orders", { partitions: 2 });
    await appendAll(first.topic("orders")!.partitions[1]!, [batchOf(["a"])]);
    for (let crash = 1; crash <= 3; crash++) {
      const next = await openCluster(store);
      expect(shape(next.topic("orders"))?.epochs).toEqual([crash, crash]);
      expect(await readValues(next.topic("orders")!.partitions[1]!)).toEqual([[0n, "a"]]);
    }
  });

  it("refuses names that are not topic names, and collisions", async () => {
    const cluster = await openCluster(new MemoryStore());
    await cluster.createTopic("a.b", {});
    const bad = [
      "",
      ".",
      "..",
      "a/b",
      "a\\b",
      "a\0b",
      "ä",
      "a b",
      "x".repeat(250),
      "__consumer_offsets",
      "__cluster_metadata",
      "a_b",
    ];
    for (const name of bad) {
      expect([name, (await failureOf(() => cluster.createTopic(name, {}))).code]).toEqual([
        name,
        ErrorCode.INVALID_TOPIC_EXCEPTION,
      ]);
    }
    expect((await failureOf(() => cluster.createTopic("a.b", {}))).code).toBe(ErrorCode.TOPIC_ALREADY_EXISTS);
    expect((await failureOf(() => cluster.createTopic("c", { partitions: 0 }))).code).toBe(
      ErrorCode.INVALID_PARTITIONS,
    );
    expect((await failureOf(() => cluster.createTopic("c", { partitions: 10_001 }))).code).toBe(
      ErrorCode.INVALID_PARTITIONS,
    );
    for (const [name, value] of [
      ["retention.ms", "soon"],
      ["no.such.setting", "1"],
      ["message.timestamp.type", "Now"],
      ["segment.bytes", "1"],
      ["cleanup.policy", "burn"],
    ]) {
      expect(
        (await failureOf(() => cluster.createTopic("c", { configs: new Map([[name!, value!]]) }))).code,
      ).toBe(ErrorCode.INVALID_CONFIG);
    }
    await cluster.createTopic("x".repeat(249), {});
    expect([...cluster.topics()].map(({ name }) => name)).toEqual(["a.b", "x".repeat(249)]);
  });

  it("makes a topic that is deleted and made again another one, empty, at once", async () => {
    const store = new MemoryStore();
    const cluster = await openCluster(store);
    const first = await cluster.createTopic("orders", { configs: new Map([["retention.ms", "7"]]) });
    await appendAll(first.partitions[0]!, [batchOf(["a"])]);
    await cluster.deleteTopic(first.id);
    expect(cluster.topic("orders")).toBeUndefined();
    const second = await cluster.createTopic("orders", {});
    expect(second.id).not.toBe(first.id);
    expect([...second.overrides]).toEqual([]);
    expect(await readValues(second.partitions[0]!)).toEqual([]);
    expect((await failureOf(() => first.partitions[0]!.append(batchOf(["late"])))).code).toBe(
      ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
    );
    expect((await failureOf(() => cluster.deleteTopic(first.id))).code).toBe(ErrorCode.UNKNOWN_TOPIC_ID);
  });

  it("never hands out a producer id twice, crash or not", async () => {
    const store = new MemoryStore();
    const seen = new Set<bigint>();
    for (let start = 0; start < 4; start++) {
      const cluster = await openCluster(store);
      const ids = await Promise.all(Array.from({ length: 1200 }, () => cluster.nextProducerId()));
      for (const id of ids) {
        expect(seen.has(id)).toBe(false);
        seen.add(id);
      }
      if (start % 2 === 0) await cluster.close();
    }
  });

  it("leaves directories that it does not know alone, and refuses topics that would take them", async () => {
    const store = new MemoryStore();
    const other = await openCluster(store);
    await other.createTopic("orders", {});
    await other.close();
    const identity = await store.read("orders-0/partition.metadata");
    const mixed = new MemoryStore();
    const cluster = await openCluster(mixed);
    await cluster.close();
    await mixed.write("Payments-0/partition.metadata", identity ?? new Uint8Array(0));
    const again = await openCluster(mixed);
    expect(await mixed.list("Payments-0/")).toHaveLength(1);
    expect((await failureOf(() => again.createTopic("Payments", {}))).code).toBe(
      ErrorCode.INVALID_TOPIC_EXCEPTION,
    );
    expect(again.topic("Payments")).toBeUndefined();
  });

  it("refuses to start when the list of topics is gone, and touches nothing", async () => {
    const store = new MemoryStore();
    const cluster = await openCluster(store);
    await appendAll((await cluster.createTopic("orders", {})).partitions[0]!, [batchOf(["a"])]);
    await cluster.close();
    const metadata = await store.list("__cluster_metadata-0/");
    const saved = await Promise.all(metadata.map(async (name) => [name, await store.read(name)] as const));
    await store.delete(metadata);
    const error = await failureOf(() => openCluster(store));
    expect(error.code).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
    expect(error.message).toContain("__cluster_metadata-0");
    for (const [name, bytes] of saved) await store.write(name, bytes ?? new Uint8Array(0));
    const restored = await openCluster(store);
    expect(await readValues(restored.topic("orders")!.partitions[0]!)).toEqual([[0n, "a"]]);
    await restored.close();
    await store.delete(["meta.properties"]);
    expect((await failureOf(() => openCluster(store))).message).toContain("meta.properties");
  });

  it.each([1, 2, 3, 4, 5, 6])(
    "equals a model through creations, deletions and restarts, seed %i",
    async (seed) => {
      random = randomOf(seed * 7919);
      const pick = (count: number): number => Math.floor(random() * count);
      const store = new MemoryStore();
      const model = new Map<string, { id: string; values: string[][] }>();
      let cluster = await openCluster(store);
      for (let step = 0; step < 120; step++) {
        const name = `topic-${pick(5)}`;
        const known = model.get(name);
        const action = pick(10);
        if (action < 3 && known === undefined) {
          const topic = await cluster.createTopic(name, { partitions: 1 + pick(3) });
          model.set(name, { id: topic.id, values: topic.partitions.map(() => []) });
        } else if (action === 3 && known !== undefined) {
          await cluster.deleteTopic(known.id);
          model.delete(name);
        } else if (action === 4 && known !== undefined && known.values.length < 6) {
          await cluster.createPartitions(name, known.values.length + 1);
          known.values.push([]);
        } else if (action < 8 && known !== undefined) {
          const partition = pick(known.values.length);
          const value = `${name} ${step}`;
          await cluster.topic(name)!.partitions[partition]!.append(batchOf([value])).synced;
          known.values[partition]!.push(value);
        } else if (action >= 8) {
          if (action === 8) await cluster.close();
          cluster = await openCluster(store);
        }
        expect([...cluster.topics()].map((topic) => topic.name).sort()).toEqual([...model.keys()].sort());
      }
      for (const [name, { id, values }] of model) {
        const topic = cluster.topic(name)!;
        expect(topic.id).toBe(id);
        for (const [partition, expected] of values.entries()) {
          expect((await readValues(topic.partitions[partition]!)).map(([, value]) => value)).toEqual(
            expected,
          );
        }
        expect(topic.partitions.length).toBe(values.length);
      }
      await cluster.close();
      const directories = new Set(
        (await store.list(""))
          .map((file) => file.split("/")[0] ?? "")
          .filter((file) => file.startsWith("topic-")),
      );
      expect(directories.size).toBe([...model.values()].reduce((sum, { values }) => sum + values.length, 0));
    },
  );
});
