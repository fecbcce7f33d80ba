/** A node's topics through crashes at every step: what was answered is there, what was not is there whole or not at all. */
import { describe, expect, it } from "vitest";
import { Cluster } from "../../log/cluster.ts";
import { brokerConfig } from "../../log/config.ts";
import { OfflinePartition } from "../../log/offline-partition.ts";
import { metadataCodec } from "../../wire/metadata-records.ts";
import { KafkaError } from "../../wire/errors.ts";
import { CrashingStore } from "./crashing-store.ts";
import { batchOf, engine, randomOf, readValues, tickClock } from "./harness.ts";

/** What the clients of the node were told. */
interface Told {
  /** By name: id, and what each partition has acknowledged. */
  topics: Map<string, { id: string; values: string[][] }>;
  /** Names that a call was made about whose answer never came. */
  inDoubt: Set<string>;
  producerIds: Set<bigint>;
  /** The highest leader epoch seen of each partition, by topic id. */
  epochs: Map<string, number>;
}

function open(store: CrashingStore, random: () => number): Promise<Cluster> {
  const uuid = (): Uint8Array => Uint8Array.from({ length: 16 }, () => Math.floor(random() * 256));
  return Cluster.open({
    store,
    engine,
    clock: tickClock,
    codec: metadataCodec,
    random: uuid,
    config: brokerConfig(new Map()),
  });
}

async function act(cluster: Cluster, told: Told, random: () => number): Promise<void> {
  const pick = (count: number): number => Math.floor(random() * count);
  const name = `topic-${pick(3)}`;
  const known = told.topics.get(name);
  const action = pick(10);
  if (action === 0) {
    const id = await cluster.nextProducerId();
    if (told.producerIds.has(id)) throw new Error(`producer id ${id} was handed out twice`);
    told.producerIds.add(id);
  } else if (known === undefined) {
    told.inDoubt.add(name);
    const topic = await cluster.createTopic(name, { partitions: 1 + pick(2) });
    told.topics.set(name, { id: topic.id, values: topic.partitions.map(() => []) });
    told.inDoubt.delete(name);
  } else if (action === 1) {
    told.topics.delete(name);
    told.inDoubt.add(name);
    await cluster.deleteTopic(known.id);
    told.inDoubt.delete(name);
  } else if (action === 2 && known.values.length < 4) {
    const topic = await cluster.createPartitions(name, known.values.length + 1);
    while (known.values.length < topic.partitions.length) known.values.push([]);
  } else {
    const partition = pick(known.values.length);
    const value = `${name} ${partition} ${random()}`;
    await cluster.topic(name)?.partitions[partition]?.append(batchOf([value])).synced;
    known.values[partition]?.push(value);
  }
}

async function check(cluster: Cluster, told: Told, rises: boolean): Promise<void> {
  for (const [name, { id, values }] of told.topics) {
    const topic = cluster.topic(name);
    expect(topic?.id).toBe(id);
    expect(topic?.partitions.length).toBeGreaterThanOrEqual(values.length);
    for (const log of topic?.partitions ?? []) {
      // Its files could not be used this time: nothing is known of it before the next start.
      if (log instanceof OfflinePartition) throw log.fenced;
      const expected = values[log.partition] ?? [];
      const found = (await readValues(log)).map(([, value]) => value);
      // One append may have been cut off from its answer.
      expect(found.filter((value) => expected.includes(value))).toEqual(expected);
      const key = `${id}-${log.partition}`;
      const before = told.epochs.get(key);
      if (rises && before !== undefined) expect(log.leaderEpoch).toBeGreaterThan(before);
      told.epochs.set(key, log.leaderEpoch);
    }
    while (values.length < (topic?.partitions.length ?? 0)) values.push([]);
  }
  for (const topic of cluster.topics()) {
    if (told.topics.has(topic.name)) continue;
    // It was never said that this one is there, nor that it is gone.
    expect([...told.inDoubt]).toContain(topic.name);
    const values = await Promise.all(
      topic.partitions.map(async (log) => (await readValues(log)).map(([, value]) => value)),
    );
    told.topics.set(topic.name, { id: topic.id, values });
  }
  told.inDoubt.clear();
}

async function history(seed: number): Promise<void> {
  const random = randomOf(seed);
  const told: Told = { topics: new Map(), inDoubt: new Set(), producerIds: new Set(), epochs: new Map() };
  let store = new CrashingStore(random);
  for (let round = 0; round < 10; round++) {
    if (random() < 0.85)
      store.arm({ at: 1 + Math.floor(random() * 120), kind: random() < 0.8 ? "crash" : "fail" });
    const life = async (): Promise<void> => {
      // A stop in the very last step of a shutdown leaves it clean, though nobody was told.
      const isClean = (await store.read(".kafka_cleanshutdown")) !== undefined;
      const cluster = await open(store, random);
      await check(cluster, told, !isClean);
      for (let step = 0; step < 15; step++) await act(cluster, told, random);
      await cluster.close();
    };
    await Promise.race([life().catch(ofStorage), store.crashed]);
    expect(store.violations).toEqual([]);
    store.crash();
    store = random() < 0.5 ? store.afterPowerLoss() : store.afterKill();
  }
  await check(await open(store, random), told, false);
}

/** A failed disk may stop anything, but with this error only. */
function ofStorage(error: unknown): void {
  const isStorage =
    error instanceof KafkaError || (error instanceof Error && error.message.startsWith("injected"));
  if (!isStorage) throw error;
}

describe("a node through crashes", () => {
  it.each(Array.from({ length: 25 }, (_, at) => 100 + at))(
    "keeps topics, records and epochs as it told them, seed %i",
    history,
  );
});
