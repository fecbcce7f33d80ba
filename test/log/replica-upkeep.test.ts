/** A follower's own retention and compaction: what it keeps of its leader's log, and that it goes on following. */
import { describe, expect, it } from "vitest";
import type { CompactionMeans } from "../../log/compaction.ts";
import { MemoryStore } from "../../log/memory-store.ts";
import { PartitionLog } from "../../log/partition-log.ts";
import type { LogRecord } from "../../log/record.ts";
import type { Store } from "../../log/store.ts";
import {
  appendAll,
  batchOf,
  config,
  engine,
  openLeader,
  optionsFor,
  randomOf,
  readBatches,
  recordsOf,
  START_MS,
  tickClock,
} from "./harness.ts";

const MEANS: CompactionMeans = { mapBytesMax: 1e6, pace: () => Promise.resolve(true) };
const encoder = new TextEncoder();
const decoder = new TextDecoder();

type Settings = Record<string, string | number>;

const openReplica = (store: Store, settings: Settings, nowMs = START_MS): Promise<PartitionLog> =>
  PartitionLog.open(
    optionsFor(store, { config: config(settings), clock: { ...tickClock, now: () => nowMs } }),
  );

async function follow(replica: PartitionLog, leader: PartitionLog): Promise<void> {
  while (replica.logEndOffset < leader.highWatermark) {
    const { bytes, from, to } = await leader.read(replica.logEndOffset, 300);
    await replica.appendReplica(bytes, { from, to });
  }
}

const textOf = ({ offset, value }: LogRecord): string =>
  `${offset} ${value === null ? "tombstone" : decoder.decode(value)}`;

const values = async (log: PartitionLog): Promise<string[]> =>
  recordsOf(await readBatches(log)).map(({ value }) => decoder.decode(value ?? undefined));

describe("retention of a replica", () => {
  const settings = {
    "segment.bytes": 500,
    "retention.bytes": 1500,
    "retention.ms": -1,
    "file.delete.delay.ms": 0,
  };

  it("keeps within its bytes while it follows, and after a restart", async () => {
    const leader = await openLeader(new MemoryStore(), { config: config({ "segment.bytes": 900 }) });
    const store = new MemoryStore();
    let replica = await openReplica(store, settings);
    for (let round = 0; round < 5; round++) {
      const batches = Array.from({ length: 20 }, (_, at) => batchOf([`round ${round}, ${at}`]));
      await appendAll(leader, batches);
      await follow(replica, leader);
      await replica.enforceRetention();
      await replica.removeFiles(Infinity);
      expect(replica.sizeBytes).toBeLessThan(1500 + 500);
      expect(replica.sizeBytes).toBeGreaterThanOrEqual(1500);
      expect(replica.enforceRetention()).toBeUndefined();
      const bytes = (await store.list("orders-0/")).filter((name) => name.endsWith(".log"));
      expect(bytes.length).toBeLessThanOrEqual(5);
      const held = await values(replica);
      expect(held).toEqual((await values(leader)).slice(-held.length));
      await replica.close();
      const { logStartOffset: start } = replica;
      replica = await openReplica(store, settings);
      expect(replica.logStartOffset).toBe(start);
      expect(await values(replica)).toEqual(held);
    }
  });

  it("lets go of all that is too old, and goes on where it was", async () => {
    const byAge = { ...settings, "retention.bytes": -1, "retention.ms": 1000 };
    const leader = await openLeader(new MemoryStore());
    await appendAll(leader, [batchOf(["a"]), batchOf(["b"])]);
    const store = new MemoryStore();
    const replica = await openReplica(store, byAge, START_MS + 2000);
    await follow(replica, leader);
    await replica.enforceRetention();
    await replica.removeFiles(Infinity);
    expect([replica.logStartOffset, replica.logEndOffset, replica.sizeBytes]).toEqual([2n, 2n, 0]);
    await replica.close();
    const again = await openReplica(store, byAge, START_MS + 2000);
    expect(again.logEndOffset).toBe(2n);
    await appendAll(leader, [batchOf(["c"], { timestamp: START_MS + 1500 })]);
    await follow(again, leader);
    expect(again.enforceRetention()).toBeUndefined();
    expect(await values(again)).toEqual(["c"]);
  });
});

describe("compaction of a replica", () => {
  const settings = {
    "cleanup.policy": "compact",
    "segment.bytes": 600,
    "min.cleanable.dirty.ratio": 0,
    "delete.retention.ms": 1000,
  };

  it.each([1, 2, 3, 4])("leaves the last record of each key, and follows on (seed %d)", async (seed) => {
    const random = randomOf(seed);
    const leader = await openLeader(new MemoryStore(), { config: config({ "segment.bytes": 1000 }) });
    const store = new MemoryStore();
    let replica = await openReplica(store, settings);
    for (let round = 0; round < 6; round++) {
      for (let at = 0; at < 15; at++) {
        const records = Array.from({ length: 1 + Math.floor(random() * 3) }, () => ({
          key: encoder.encode(`key ${Math.floor(random() * 6)}`),
          value: random() < 0.2 ? null : encoder.encode(`value ${Math.floor(random() * 1e6)}`),
          timestamp: START_MS,
        }));
        const options = { codec: 0, producerId: 7n, producerEpoch: 0, baseSequence: -1, bytesMax: 1e6 };
        await appendAll(leader, [
          engine.writeBatch(records, { ...options, producerId: -1n, producerEpoch: -1 }),
        ]);
      }
      // In two halves: what is compacted in between grows on.
      await follow(replica, leader);
      await replica.compact(MEANS);
      const latest = (log: readonly LogRecord[]): Map<string, string> =>
        new Map(log.map((record) => [decoder.decode(record.key ?? undefined), textOf(record)]));
      const whole = recordsOf(await readBatches(leader));
      const held = recordsOf(await readBatches(replica));
      expect(latest(held)).toEqual(latest(whole));
      expect(held.length).toBeLessThan(whole.length);
      if (random() < 0.5) continue;
      await replica.close();
      replica = await openReplica(store, settings);
      expect(recordsOf(await readBatches(replica)).map(textOf)).toEqual(held.map(textOf));
    }
    expect(replica.sizeBytes).toBeLessThan(leader.sizeBytes / 2);
  });

  it("begun anew while it is compacted: nothing of before comes back, and it is compacted again", async () => {
    const leader = await openLeader(new MemoryStore());
    const keyed = (value: string): Uint8Array => batchOf([{ key: "key", value }]);
    await appendAll(
      leader,
      Array.from({ length: 40 }, (_, at) => keyed(`value ${at}`)),
    );
    const store = new MemoryStore();
    const replica = await openReplica(store, settings);
    await follow(replica, leader);
    let reset: Promise<void> | undefined;
    const pace = async (): Promise<boolean> => {
      reset ??= replica.resetTo(0n);
      await reset;
      return true;
    };
    await replica.compact({ mapBytesMax: 1e6, pace });
    expect(reset).toBeDefined();
    expect([replica.logEndOffset, replica.sizeBytes]).toEqual([0n, 0]);
    expect((await store.list("orders-0/")).filter((name) => /cleaned|swap|compacted/.test(name))).toEqual([]);
    await follow(replica, leader);
    await replica.compact(MEANS);
    expect((await values(replica)).at(-1)).toBe("value 39");
    expect((await values(replica)).length).toBeLessThan(15);
  });
});
