import { describe, expect, it } from "vitest";
import { brokerConfig } from "../../log/config.ts";
import { Cluster } from "../../log/cluster.ts";
import { metadataCodec } from "../../wire/metadata-records.ts";
import { ErrorCode } from "../../wire/errors.ts";
import { CrashingStore } from "./crashing-store.ts";
import { appendAll, batchOf, clock, engine, failureOf, randomOf, readValues } from "./harness.ts";

function openCluster(store: CrashingStore, random = randomOf(7)): Promise<Cluster> {
  return Cluster.open({
    store,
    engine,
    clock,
    codec: metadataCodec,
    random: () => Uint8Array.from({ length: 16 }, () => Math.floor(random() * 256)),
    config: brokerConfig(new Map()),
  });
}

describe("a topic whose files cannot all be made", () => {
  it("can be made once the disk takes them again, without a restart", async () => {
    const store = new CrashingStore(() => 0.9);
    const cluster = await openCluster(store);
    store.arm({ at: 3, kind: "fail", operation: "write", suffix: "partition.metadata" });
    const failure = await failureOf(() => cluster.createTopic("orders", { partitions: 5 }));
    expect(failure.code).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
    expect(failure.message).toContain("injected");
    expect(cluster.topic("orders")).toBeUndefined();
    const topic = await cluster.createTopic("orders", { partitions: 5 });
    expect(topic.partitions).toHaveLength(5);
    await cluster.close();
  });

  it("takes no files with it that are somebody else's", async () => {
    const store = new CrashingStore(() => 0.9);
    const cluster = await openCluster(store);
    const kept = "orders-1/00000000000000000000.log";
    await store.write(kept, batchOf(["whose"]));
    await expect(cluster.createTopic("orders", { partitions: 3 })).rejects.toThrow("no partition.metadata");
    expect(await store.list("orders-")).toEqual([kept]);
    await cluster.close();
  });

  it("can be given its further partitions once the disk takes them again, and loses nothing", async () => {
    const store = new CrashingStore(() => 0.9);
    const cluster = await openCluster(store);
    const before = await cluster.createTopic("orders", { partitions: 1 });
    await appendAll(before.partitions[0]!, [batchOf(["a"])]);
    store.arm({ at: 2, kind: "fail", operation: "write", suffix: "partition.metadata" });
    await expect(cluster.createPartitions("orders", 4)).rejects.toThrow("injected");
    expect(cluster.topic("orders")?.partitions).toHaveLength(1);
    const grown = await cluster.createPartitions("orders", 4);
    expect(grown.partitions.map(({ leaderEpoch }) => leaderEpoch)).toEqual([0, 0, 0, 0]);
    await appendAll(grown.partitions[3]!, [batchOf(["b"])]);
    expect(await readValues(grown.partitions[0]!)).toEqual([[0n, "a"]]);
    await cluster.close();
    const again = await openCluster(store.afterKill());
    expect(await readValues(again.topic("orders")!.partitions[3]!)).toEqual([[0n, "b"]]);
    await again.close();
  });
});

describe("a topic whose files could not all be deleted", () => {
  it("can be made again at once: its name was taken until the node was restarted", async () => {
    const store = new CrashingStore(() => 0.9);
    const cluster = await openCluster(store);
    const first = await cluster.createTopic("orders", { partitions: 2 });
    await appendAll(first.partitions[0]!, [batchOf(["of the first"])]);
    store.arm({ at: 3, kind: "fail", operation: "delete" });
    await cluster.deleteTopic(first.id);
    const second = await cluster.createTopic("orders", { partitions: 2 });
    expect(second.id).not.toBe(first.id);
    expect(await readValues(second.partitions[0]!)).toEqual([]);
    expect(store.operations).toBeGreaterThanOrEqual(3);
    await cluster.close();
  });
});

describe("a metadata log that takes no more records", () => {
  it("is told of, so that somebody restarts a node on which no topic can be made any more", async () => {
    const store = new CrashingStore(() => 0.9);
    const cluster = await openCluster(store);
    expect(cluster.fenced()).toEqual([]);
    store.arm({
      at: 1,
      kind: "fail",
      operation: "sync",
      suffix: "__cluster_metadata-0/00000000000000000000.log",
    });
    const failure = await failureOf(() => cluster.createTopic("orders", { partitions: 1 }));
    expect(failure.code).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
    expect(cluster.fenced()).toEqual([
      { topic: "__cluster_metadata", partition: 0, reason: expect.stringContaining("injected") },
    ]);
    await expect(cluster.close()).rejects.toThrow("injected");
  });
});
