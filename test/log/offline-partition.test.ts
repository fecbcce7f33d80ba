/** A partition whose files cannot be used: it alone is not served, nothing of it is changed, and once mended it is whole. */
import { describe, expect, it } from "vitest";
import { Cluster } from "../../log/cluster.ts";
import { brokerConfig } from "../../log/config.ts";
import { MemoryStore } from "../../log/memory-store.ts";
import { OfflinePartition } from "../../log/offline-partition.ts";
import type { Store } from "../../log/store.ts";
import { ErrorCode } from "../../wire/errors.ts";
import { metadataCodec } from "../../wire/metadata-records.ts";
import { CrashingStore } from "./crashing-store.ts";
import { appendAll, batchOf, engine, failureOf, randomOf, readValues, tickClock } from "./harness.ts";

let random = randomOf(5);

function openCluster(store: Store): Promise<Cluster> {
  return Cluster.open({
    store,
    engine,
    clock: tickClock,
    codec: metadataCodec,
    random: () => Uint8Array.from({ length: 16 }, () => Math.floor(random() * 256)),
    config: brokerConfig(new Map([["log.segment.bytes", "1048576"]])),
  });
}

const VALUES = Array.from({ length: 8 }, (_, at) => `value ${at}`);

/** Topic "orders" with two partitions of the same records, and topic "other". Left as a crash would, or closed. */
async function filled(clean: boolean): Promise<Map<string, Uint8Array>> {
  random = randomOf(5);
  const store = new MemoryStore();
  const cluster = await openCluster(store);
  const topics = [
    await cluster.createTopic("orders", { partitions: 2 }),
    await cluster.createTopic("other", {}),
  ];
  for (const log of topics.flatMap(({ partitions }) => partitions)) {
    await appendAll(
      log,
      VALUES.map((value, at) => batchOf([value], { producerId: 3n, producerEpoch: 0, baseSequence: at })),
    );
    await log.deleteRecordsBefore(1n);
  }
  // The note of the synced end follows the sync.
  for (let tick = 0; tick < 10; tick++) await new Promise((resolve) => setImmediate(resolve));
  if (clean) await cluster.close();
  return filesOf(store);
}

async function filesOf(store: Store, prefix = ""): Promise<Map<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>();
  for (const name of await store.list(prefix)) files.set(name, (await store.read(name)) ?? new Uint8Array(0));
  return files;
}

async function storeOf(files: Iterable<readonly [string, Uint8Array]>): Promise<MemoryStore> {
  const store = new MemoryStore();
  for (const [name, bytes] of files) await store.write(name, bytes);
  return store;
}

const LOG = "orders-0/00000000000000000000.log";

function flipped(bytes: Uint8Array | undefined, at: number): Uint8Array {
  const copy = bytes?.slice() ?? new Uint8Array(0);
  copy[at] = (copy[at] ?? 0) ^ 0x10;
  return copy;
}

type Damage = (store: Store, files: ReadonlyMap<string, Uint8Array>) => Promise<void>;
const DAMAGES: readonly (readonly [string, Damage])[] = [
  ["a byte of a batch", (store, files) => store.write(LOG, flipped(files.get(LOG), 200))],
  [
    "a segment that was cut",
    (store, files) => store.write(LOG, files.get(LOG)?.slice(0, 300) ?? new Uint8Array(0)),
  ],
  ["no segment", (store) => store.delete([LOG])],
  ["its log start", (store) => store.write("orders-0/log-start", Uint8Array.of(1, 2, 3))],
  [
    "an unreadable partition.metadata",
    (store) => store.write("orders-0/partition.metadata", Uint8Array.of(1)),
  ],
  ["no partition.metadata", (store) => store.delete(["orders-0/partition.metadata"])],
  [
    "another topic's files",
    (store, files) =>
      store.write(
        "orders-0/partition.metadata",
        files.get("other-0/partition.metadata") ?? new Uint8Array(0),
      ),
  ],
];

describe.each(DAMAGES)("a partition with damage: %s", (_what, damage) => {
  it("is offline alone, unchanged, and served again once mended", async () => {
    const files = await filled(false);
    const store = await storeOf(files);
    await damage(store, files);
    const damaged = await filesOf(store, "orders-0/");
    // Twice: a stop does not make it sound.
    for (let start = 0; start < 2; start++) {
      const cluster = await openCluster(store);
      const [offline, sound] = cluster.topic("orders")?.partitions ?? [];
      expect(offline).toBeInstanceOf(OfflinePartition);
      expect(offline?.fenced?.message).toContain("orders-0");
      for (const call of [
        () => offline?.append(batchOf(["lost"])),
        () => offline?.read(0n, 100),
        () => offline?.offsetForTimestamp(0n),
        () => offline?.deleteRecordsBefore(-1n),
      ])
        expect((await failureOf(call)).code).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
      for (const log of [sound, cluster.topic("other")?.partitions[0]]) {
        if (log === undefined) throw new Error("a sound partition is not there");
        await appendAll(log, [batchOf([`start ${start}`])]);
        expect((await readValues(log, 1n)).map(([, value]) => value).slice(-1)).toEqual([`start ${start}`]);
      }
      await cluster.close();
      expect(await filesOf(store, "orders-0/")).toEqual(damaged);
    }
    await store.delete(await store.list("orders-0/"));
    for (const [name, bytes] of files) if (name.startsWith("orders-0/")) await store.write(name, bytes);
    const cluster = await openCluster(store);
    const [mended, sound] = cluster.topic("orders")?.partitions ?? [];
    if (mended === undefined || sound === undefined) throw new Error("a partition is not there");
    expect([mended.logStartOffset, mended.highWatermark, mended.leaderEpoch]).toEqual([
      1n,
      8n,
      sound.leaderEpoch,
    ]);
    expect((await readValues(mended, 1n)).map(([, value]) => value)).toEqual(VALUES.slice(1));
    const again = mended.append(batchOf(["value 7"], { producerId: 3n, producerEpoch: 0, baseSequence: 7 }));
    expect(again).toMatchObject({ duplicate: true, baseOffset: 7n });
    await appendAll(mended, [batchOf(["after"])]);
    await cluster.close();
  });

  it("goes with its topic, and nothing of anybody else goes", async () => {
    const files = await filled(true);
    const store = await storeOf(files);
    await damage(store, files);
    // A clean stop is believed where the files agree with it; the scan sees all of it.
    await store.delete([".kafka_cleanshutdown"]);
    const cluster = await openCluster(store);
    const topic = cluster.topic("orders");
    expect(topic?.partitions[0]).toBeInstanceOf(OfflinePartition);
    const identity = await store.read("orders-0/partition.metadata");
    await cluster.deleteTopic(topic?.id ?? "");
    await cluster.close();
    expect(await store.list("orders-1/")).toEqual([]);
    const isOurs =
      new TextDecoder().decode(identity) ===
      new TextDecoder().decode(files.get("orders-0/partition.metadata"));
    expect((await store.list("orders-0/")).length > 0).toBe(!isOurs);
    const again = await openCluster(store);
    expect(again.topic("orders")).toBeUndefined();
    expect(await readValues(again.topic("other")!.partitions[0]!, 1n)).toHaveLength(7);
    await again.close();
  });
});

describe("a node with an offline partition", () => {
  it("goes on when a disk does not give its files", async () => {
    const store = new CrashingStore(randomOf(2));
    for (const [name, bytes] of await filled(false)) await store.write(name, bytes);
    const open = store.open.bind(store);
    store.open = (name) =>
      name.startsWith("orders-1/") ? Promise.reject(new Error("EIO: i/o error")) : open(name);
    const cluster = await openCluster(store);
    const [sound, offline] = cluster.topic("orders")?.partitions ?? [];
    expect(offline?.fenced?.message).toContain("EIO");
    expect(await readValues(sound!, 1n)).toHaveLength(7);
    store.open = open;
    await cluster.close();
    const again = await openCluster(store);
    expect(await readValues(again.topic("orders")!.partitions[1]!, 1n)).toHaveLength(7);
    await again.close();
  });

  it("gives the topic more partitions all the same", async () => {
    const files = await filled(false);
    const store = await storeOf([...files, [LOG, flipped(files.get(LOG), 200)] as const]);
    const cluster = await openCluster(store);
    const grown = await cluster.createPartitions("orders", 3);
    expect(grown.partitions.map((log) => log instanceof OfflinePartition)).toEqual([true, false, false]);
    await appendAll(grown.partitions[2]!, [batchOf(["a"])]);
    await cluster.close();
  });

  it("does not start without its metadata log, and says what is damaged", async () => {
    const files = await filled(false);
    const metadata = "__cluster_metadata-0/00000000000000000000.log";
    const store = await storeOf([...files, [metadata, flipped(files.get(metadata), 100)] as const]);
    expect((await failureOf(() => openCluster(store))).message).toContain(metadata);
    expect(await filesOf(store, "orders")).toEqual(
      new Map([...files].filter(([name]) => name.startsWith("orders"))),
    );
  });
});
