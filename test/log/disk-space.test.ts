/** A disk that is nearly full: what is refused, what is not, and that all goes on by itself when there is room. */
import { describe, expect, it } from "vitest";
import { Cluster } from "../../log/cluster.ts";
import { brokerConfig } from "../../log/config.ts";
import { MemoryStore } from "../../log/memory-store.ts";
import type { Partition } from "../../log/offline-partition.ts";
import { ErrorCode } from "../../wire/errors.ts";
import { metadataCodec } from "../../wire/metadata-records.ts";
import { VirtualClock } from "../sync/virtual-clock.ts";
import { appendAll, batchOf, engine, failureOf, randomOf, readValues, START_MS } from "./harness.ts";

const RESERVE = 100_000;
const TOTAL = 10_000_000;
const SETTINGS = {
  "log.dir.min.free.bytes": String(RESERVE),
  "log.retention.check.interval.ms": "3600000",
  "log.segment.bytes": "20000",
};

/** A node whose disk has as much room as the test says. */
class Rig {
  readonly clock = new VirtualClock(START_MS);
  readonly store = new MemoryStore();
  usable: number | undefined = TOTAL;
  asked = 0;
  cluster!: Cluster;

  async open(settings: Record<string, string> = SETTINGS): Promise<this> {
    const random = randomOf(1);
    this.cluster = await Cluster.open({
      store: this.store,
      engine,
      clock: this.clock,
      codec: metadataCodec,
      random: () => Uint8Array.from({ length: 16 }, () => Math.floor(random() * 256)),
      config: brokerConfig(new Map(Object.entries(settings))),
      space: () => {
        this.asked++;
        const { usable } = this;
        return Promise.resolve(
          usable === undefined ? undefined : { totalBytes: BigInt(TOTAL), usableBytes: BigInt(usable) },
        );
      },
    });
    return this;
  }

  /** Tells the node, at its next tick. */
  async left(usable: number | undefined): Promise<void> {
    this.usable = usable;
    await this.clock.pass(1100);
  }
}

const refusal = async (log: Partition, bytes = 100): Promise<number> =>
  (await failureOf(() => log.append(batchOf(["x".repeat(bytes)])).synced)).code;

describe("a disk that is nearly full", () => {
  it("takes no records below the reserve, keeps what there is readable, and takes them again with some room more", async () => {
    const rig = await new Rig().open();
    const { partitions } = await rig.cluster.createTopic("t", {});
    const log = partitions[0]!;
    await appendAll(log, [batchOf(["a"])]);
    await rig.left(RESERVE - 1);
    expect(await refusal(log)).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
    expect(rig.cluster.disk.isShort).toBe(true);
    expect(log.fenced).toBeUndefined();
    expect(await readValues(log)).toEqual([[0n, "a"]]);
    await rig.left(RESERVE * 1.2);
    expect(await refusal(log)).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
    await rig.left(RESERVE * 1.25);
    await appendAll(log, [batchOf(["b"])]);
    expect(await readValues(log)).toEqual([
      [0n, "a"],
      [1n, "b"],
    ]);
    await rig.cluster.close();
  });

  it("counts what is written between two looks, and answers what is sent again as ever", async () => {
    const rig = await new Rig().open();
    const { partitions } = await rig.cluster.createTopic("t", {});
    const log = partitions[0]!;
    await rig.left(RESERVE + 35_000);
    const { asked } = rig;
    const producer = { producerId: 7n, producerEpoch: 0 };
    const batches = Array.from({ length: 10 }, (_, at) =>
      batchOf(["x".repeat(10_000)], { ...producer, baseSequence: at }),
    );
    await appendAll(log, batches.slice(0, 4));
    expect((await failureOf(() => log.append(batches[4]!))).code).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
    expect(rig.asked).toBe(asked);
    expect(log.highWatermark).toBe(4n);
    const again = batchOf(["x".repeat(10_000)], { ...producer, baseSequence: 3 });
    expect(log.append(again)).toMatchObject({ duplicate: true, baseOffset: 3n });
    // The disk has more than was thought: the sequence goes on where it was.
    await rig.left(TOTAL);
    await appendAll(log, batches.slice(4, 6));
    expect(log.highWatermark).toBe(6n);
    await rig.cluster.close();
  });

  it("leaves room for groups, topics and deletions, in this order", async () => {
    const rig = await new Rig().open();
    const { cluster } = rig;
    const groups = (await cluster.createTopic("__consumer_offsets", { isInternal: true })).partitions[0]!;
    const topic = await cluster.createTopic("t", {});
    await appendAll(topic.partitions[0]!, [batchOf(["a"])]);
    await rig.left(RESERVE / 2);
    expect(await refusal(topic.partitions[0]!)).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
    await appendAll(groups, [batchOf(["offset"])]);
    await rig.left(RESERVE / 4);
    expect(await refusal(groups)).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
    await cluster.createTopic("u", {});
    await rig.left(RESERVE / 16);
    expect((await failureOf(() => cluster.createTopic("v", {}))).code).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
    expect(cluster.topic("v")).toBeUndefined();
    await cluster.configs.changeTopic("t", () => new Map([["retention.bytes", "1"]]));
    expect(await topic.partitions[0]?.deleteRecordsBefore(-1n)).toBe(1n);
    await cluster.deleteTopic(topic.id);
    await rig.left(10);
    // The last thing that is wanted is a metadata log that takes nothing any more.
    expect((await failureOf(() => cluster.deleteTopic(cluster.topic("u")?.id ?? ""))).code).toBe(
      ErrorCode.KAFKA_STORAGE_ERROR,
    );
    expect(cluster.fenced()).toEqual([]);
    await rig.left(TOTAL);
    await cluster.createTopic("v", {});
    await cluster.close();
  });

  it("is what retention hurries for: it waits neither for its next check nor with the files", async () => {
    const rig = await new Rig().open();
    const configs = new Map([["retention.bytes", "40000"]]);
    const { partitions } = await rig.cluster.createTopic("t", { configs });
    const log = partitions[0]!;
    await appendAll(
      log,
      Array.from({ length: 10 }, () => batchOf(["x".repeat(9000)])),
    );
    const files = async (): Promise<number> =>
      (await rig.store.list("t-0/")).filter((name) => name.endsWith(".log")).length;
    await rig.clock.pass(5000);
    expect([log.logStartOffset, await files()]).toEqual([0n, 5]);
    await rig.left(RESERVE / 2);
    await rig.clock.pass(1000);
    expect([log.logStartOffset > 0n, (await files()) < 5]).toEqual([true, true]);
    await rig.cluster.close();
  });

  it("is never said of a file system that does not tell, nor without a reserve; a small one keeps a twentieth", async () => {
    const silent = await new Rig().open();
    const { partitions } = await silent.cluster.createTopic("t", {});
    await silent.left(10);
    expect(silent.cluster.disk.isShort).toBe(true);
    await silent.left(undefined);
    await appendAll(partitions[0]!, [batchOf(["a"])]);
    expect(silent.cluster.disk.state).toBeUndefined();
    await silent.cluster.close();

    const without = await new Rig().open({ "log.dir.min.free.bytes": "0" });
    const topic = await without.cluster.createTopic("t", {});
    await without.left(0);
    await appendAll(topic.partitions[0]!, [batchOf(["a"])]);
    expect(without.asked).toBe(0);
    await without.cluster.close();

    const small = await new Rig().open({});
    expect(small.cluster.disk.state).toEqual({ freeBytes: TOTAL, reserveBytes: TOTAL / 20 });
    await small.cluster.close();
  });
});
