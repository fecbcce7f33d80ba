/** What compaction could do to those around it: replicas, rolls, deletions, and a disk whose bits flip. */
import { BatchHeader } from "../../log/batch.ts";
import { describe, expect, it } from "vitest";
import {
  ATTRIBUTES_AT,
  BATCH_LENGTH_AT,
  BATCH_OVERHEAD_BYTES,
  CRC_AT,
  DELETE_HORIZON_BIT,
  RECORDS_COUNT_AT,
} from "../../engine-as/format.ts";
import { compactBatch } from "../../log/batch-compaction.ts";
import { CleanedSegment } from "../../log/cleaned-segment.ts";
import type { CompactionMeans } from "../../log/compaction.ts";
import { Deferred } from "../../log/deferred.ts";
import type { Engine } from "../../log/engine.ts";
import { MESSAGE_BYTES_MAX, SEGMENT_BYTES_MAX } from "../../log/limits.ts";
import { MemoryStore } from "../../log/memory-store.ts";
import { OffsetMap } from "../../log/offset-map.ts";
import { PartitionLog } from "../../log/partition-log.ts";
import { Segment } from "../../log/segment.ts";
import type { Store } from "../../log/store.ts";
import { ErrorCode } from "../../wire/errors.ts";
import { CrashingStore } from "./crashing-store.ts";
import {
  batchOf,
  clock,
  config,
  engine,
  failureOf,
  openLeader,
  optionsFor,
  randomOf,
  readBatches,
  recordsOf,
  splitBatches,
  START_MS,
} from "./harness.ts";

const MEANS: CompactionMeans = { mapBytesMax: 1e6, pace: () => Promise.resolve(true) };
const SETTINGS = {
  "cleanup.policy": "compact",
  "segment.bytes": 700,
  "index.interval.bytes": 200,
  "min.cleanable.dirty.ratio": 0,
};

const open = (store: Store): Promise<PartitionLog> => openLeader(store, { config: config(SETTINGS) });

function keyed(key: string, value: string | null): Uint8Array {
  return keyedBatch([[key, value]]);
}

function keyedBatch(pairs: readonly (readonly [key: string, value: string | null])[]): Uint8Array {
  const encoder = new TextEncoder();
  const records = pairs.map(([key, value]) => ({
    key: encoder.encode(key),
    value: value === null ? null : encoder.encode(value),
    timestamp: START_MS,
  }));
  return engine.writeBatch(records, {
    codec: 0,
    producerId: -1n,
    producerEpoch: -1,
    baseSequence: -1,
    bytesMax: 1 << 20,
  });
}

async function write(log: PartitionLog, key: string, value: string | null): Promise<void> {
  await log.append(keyed(key, value)).synced;
}

const offsetsOf = async (log: PartitionLog): Promise<bigint[]> =>
  recordsOf(await readBatches(log)).map(({ offset }) => offset);

/** How many offsets are refused, each by a reason that says what to do; all others read as ever. */
async function refusedOffsets(log: PartitionLog): Promise<number> {
  let refused = 0;
  for (let offset = 0n; offset < log.highWatermark; offset++) {
    const read = await log.read(offset, 1).catch((error: unknown) => error);
    if (read instanceof Error) {
      expect(read).toMatchObject({ code: ErrorCode.KAFKA_STORAGE_ERROR });
      expect(read.message).toMatch(/^offsets \d+ to \d+ of orders-0 cannot be read: .* restart the node/);
      refused += 1;
    } else expect(read).toMatchObject({ from: offset });
  }
  expect(log.fenced?.message).toContain("restart the node");
  return refused;
}

describe("a replica", () => {
  it("is not stuck where compaction has joined, around its end, the offsets that nothing is left of", async () => {
    const leader = await open(new MemoryStore());
    for (let at = 0; at < 40; at++) await write(leader, at % 5 > 2 ? `kept ${at}` : "k", "x".repeat(60));
    const replica = await PartitionLog.open(optionsFor(new MemoryStore(), { config: config(SETTINGS) }));
    for (let at = 0; at < 2; at++) {
      const { bytes, from, to } = await leader.read(replica.logEndOffset, 1);
      await replica.appendReplica(bytes, { from, to });
    }
    expect(replica.logEndOffset).toBe(2n);
    await leader.compact(MEANS);
    while (replica.logEndOffset < leader.highWatermark) {
      const { bytes, from, to } = await leader.read(replica.logEndOffset, 400);
      await replica.appendReplica(bytes, { from, to });
    }
    expect((await offsetsOf(replica)).slice(2)).toEqual(await offsetsOf(leader));
  });
});

describe("a segment", () => {
  it("is not compacted while it is being closed: what its roll writes would index the wrong bytes", async () => {
    const store = new MemoryStore();
    const log = await open(store);
    // The roll stops before it writes the old segment's index.
    const [held, reached] = [new Deferred(), new Deferred()];
    const writeFile = store.write.bind(store);
    let isFirst = true;
    store.write = async (name, bytes) => {
      if (name.endsWith("0.index") && isFirst) {
        isFirst = false;
        reached.resolve();
        await held.promise;
      }
      return writeFile(name, bytes);
    };
    await write(log, "key 0", "x".repeat(250));
    for (let at = 0; at < 3; at++) await write(log, `key ${at}`, "x".repeat(20));
    const last = log.append(keyed("key 9", "x".repeat(600))).synced;
    await reached.promise;
    await log.compact(MEANS);
    held.resolve();
    await last;
    await write(log, "key 10", "x".repeat(600));
    await log.compact(MEANS);
    const again = await openLeader(store, { config: config(SETTINGS) }, 1);
    for (const offset of [1n, 2n, 3n, 4n]) {
      const { bytes } = await again.read(offset, 1);
      expect(recordsOf(splitBatches(bytes))[0]?.offset).toBe(offset);
    }
  });

  it("is left alone when an offset in it has flipped: its record would take later ones of its key away", async () => {
    const store = new MemoryStore();
    const log = await open(store);
    for (let at = 0; at < 12; at++) await write(log, `key ${at % 2}`, `${at} ${"x".repeat(60)}`);
    const before = await offsetsOf(log);
    const name = "orders-0/00000000000000000000.log";
    const bytes = (await store.read(name)) ?? new Uint8Array(0);
    const flipped = bytes.slice();
    // The highest bit but the sign of the second batch's base offset, which is outside of its checksum.
    const second = 12 + new DataView(bytes.buffer, bytes.byteOffset).getInt32(8);
    flipped[second + 4] = 0x10;
    const file = await store.open(name);
    await file.truncate(0);
    await file.append([flipped]);
    const error = await failureOf(async () => log.compact(MEANS));
    expect(error.code).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
    await file.truncate(0);
    await file.append([bytes]);
    expect(await offsetsOf(log)).toEqual(before);
  });
});

describe("a topic that is deleted while it is compacted", () => {
  it("leaves nothing behind for the next one of its name", async () => {
    const store = new MemoryStore();
    const log = await open(store);
    for (let at = 0; at < 30; at++) await write(log, `key ${at}`, "x".repeat(500));
    let paces = 0;
    let deleting: Promise<void> | undefined;
    const pace = async (): Promise<boolean> => {
      if (++paces === 40) await (deleting = log.delete());
      return true;
    };
    await log.compact({ mapBytesMax: 1e6, pace });
    await deleting;
    expect(paces).toBeGreaterThanOrEqual(40);
    expect(await store.list("orders-0/")).toEqual([]);
  });
});

describe("a log that is begun anew", () => {
  it("does not believe that it is compacted: a tombstone would go before what it deletes", async () => {
    const store = new MemoryStore();
    const log = await open(store);
    for (let at = 0; at < 20; at++) await write(log, `key ${at}`, "x".repeat(300));
    await log.compact(MEANS);
    await log.close();
    expect(await store.list("orders-0/compacted-end")).toHaveLength(1);
    const replica = await PartitionLog.open(optionsFor(store, { config: config(SETTINGS) }));
    await replica.resetTo(0n);
    expect(await store.list("orders-0/compacted-end")).toEqual([]);
    await replica.close();
  });
});

describe("cleanup.policy", () => {
  it("counts until the end: what it no longer says is not done", async () => {
    const log = await open(new MemoryStore());
    for (let at = 0; at < 20; at++) await write(log, "k", "x".repeat(300));
    const pace = (): Promise<boolean> => {
      log.configure(config({ ...SETTINGS, "cleanup.policy": "delete" }));
      return Promise.resolve(true);
    };
    await log.compact({ ...MEANS, pace });
    expect(await offsetsOf(log)).toHaveLength(20);
  });
});

describe("a store that fails once, at any step of a compaction", () => {
  it("takes nothing away that counts", async () => {
    let cutShort = 0;
    for (let at = 1; ; at++) {
      const store = new CrashingStore(randomOf(at));
      const log = await open(store);
      for (let record = 0; record < 30; record++) await write(log, `key ${record % 7}`, "x".repeat(150));
      store.arm({ at, kind: "fail" });
      await Promise.allSettled([log.compact(MEANS)]);
      const steps = store.operations;
      if (log.fenced !== undefined) cutShort += await refusedOffsets(log);
      const [last] = await Promise.allSettled([write(log, "after", "it")]);
      for (const left of [store.afterKill(), store.afterPowerLoss()]) {
        const again = await openLeader(left, { config: config(SETTINGS) }, 1);
        const offsets = await offsetsOf(again);
        const isWritten = last?.status === "fulfilled";
        expect(offsets).toEqual(
          expect.arrayContaining([23n, 24n, 25n, 26n, 27n, 28n, 29n, ...(isWritten ? [30n] : [])]),
        );
        await again.compact(MEANS);
        expect((await offsetsOf(again)).filter((offset) => offset < 20n)).toEqual([]);
        expect((await left.list("orders-0/")).filter((name) => /cleaned|swap/.test(name))).toEqual([]);
      }
      // All of the compaction went well, and the fault is still to come.
      if (steps < at) break;
      // A compaction that failed while nothing counted yet is made up for without a restart.
      if (log.fenced === undefined) {
        await log.compact(MEANS);
        expect((await offsetsOf(log)).filter((offset) => offset < 20n)).toEqual([]);
      }
    }
    expect(cutShort).toBeGreaterThan(0);
  }, 60_000);
});

describe("a swap that a stop has cut short", () => {
  it("is on the disk before what it replaces is deleted: a loss of power took both", async () => {
    const store = new CrashingStore(randomOf(1));
    const log = await open(store);
    for (let record = 0; record < 30; record++) await write(log, `key ${record % 7}`, "x".repeat(150));
    store.arm({ at: 1, kind: "crash", operation: "delete", suffix: ".index" });
    await Promise.race([log.compact(MEANS), store.crashed]);
    const left = store.afterKill();
    expect((await left.list("orders-0/")).filter((name) => name.endsWith(".swap"))).toHaveLength(1);
    const steps: string[] = [];
    const [openFile, deleteFiles] = [left.open.bind(left), left.delete.bind(left)];
    left.open = async (name) => {
      const file = await openFile(name);
      const sync = file.sync.bind(file);
      file.sync = () => (steps.push(`sync ${name}`), sync());
      return file;
    };
    left.delete = (names) => (steps.push(...names.map((name) => `delete ${name}`)), deleteFiles(names));
    await openLeader(left, { config: config(SETTINGS) }, 1);
    const first = (pattern: RegExp): number => steps.findIndex((step) => pattern.test(step));
    expect(first(/^sync .*\.swap$/)).toBeGreaterThanOrEqual(0);
    expect(first(/^sync .*\.swap$/)).toBeLessThan(first(/^delete /));
  });
});

describe("a producer", () => {
  it("cannot say when its tombstones go: they went at once, before delete.retention.ms", async () => {
    const log = await open(new MemoryStore());
    const batch = keyed("k", null);
    const view = new DataView(batch.buffer, batch.byteOffset);
    view.setInt16(ATTRIBUTES_AT, view.getInt16(ATTRIBUTES_AT) | DELETE_HORIZON_BIT);
    view.setUint32(CRC_AT, engine.crc32c(batch.subarray(ATTRIBUTES_AT)));
    const error = await failureOf(() => log.append(batch));
    expect([error.code, error.message]).toEqual([
      ErrorCode.INVALID_RECORD,
      expect.stringContaining("set by compaction"),
    ]);
  });
});

describe("a batch that tombstones with a time to go have made larger", () => {
  it("never outgrows its segment's index, nor what recovery takes for a batch", async () => {
    const store = new MemoryStore();
    const group = new Segment(0n, "orders-0/00000000000000000000.log");
    const cleaned = await CleanedSegment.begin({ store, engine, directory: "orders-0" }, [group], 4096);
    // The same bytes again and again, and none of them written: 2 GiB, by their sizes.
    const batch = new Uint8Array(MESSAGE_BYTES_MAX);
    const header = new DataView(batch.buffer);
    header.setInt32(BATCH_LENGTH_AT, batch.length - BATCH_OVERHEAD_BYTES);
    header.setInt32(RECORDS_COUNT_AT, 1);
    const fitting = Math.floor(SEGMENT_BYTES_MAX / batch.length);
    for (let at = 0; at < fitting; at++) cleaned.add(batch, batch);
    const error = await failureOf(() => cleaned.add(batch, batch));
    expect([error.code, error.message]).toEqual([
      ErrorCode.KAFKA_STORAGE_ERROR,
      expect.stringContaining("Set a smaller segment.bytes"),
    ]);
    expect(cleaned.bytes).toBe(fitting * batch.length);
    await cleaned.discard();
    expect(await store.list("")).toEqual([]);

    const tombstones = keyed("k", null);
    const map = new OffsetMap(0n, 1e6);
    map.put(new TextEncoder().encode("k"), 0n);
    map.reached(1n);
    const growing: Engine = Object.assign(Object.create(engine) as Engine, { rewriteBatch: () => grown });
    const context = {
      map,
      nowMs: START_MS,
      deleteRetentionMs: 0n,
      uncompressedBytesMax: 1 << 20,
      remembered: new Set<bigint>(),
    };
    let grown = new Uint8Array(MESSAGE_BYTES_MAX + 1);
    expect(compactBatch(tombstones, { ...context, engine: growing })).toBe(tombstones);
    grown = new Uint8Array(100);
    expect(compactBatch(tombstones, { ...context, engine: growing })).toBe(grown);

    // What is superseded goes even then: else it would be there for longer than the tombstone that takes it away.
    const superseded = keyedBatch([
      ["k", null],
      ["l", "old"],
    ]);
    map.put(new TextEncoder().encode("l"), 7n);
    map.reached(8n);
    const narrow: Engine = Object.assign(Object.create(engine) as Engine, {
      rewriteBatch: (...[batch, keeps, options]: Parameters<Engine["rewriteBatch"]>) =>
        options.deleteHorizonMs >= 0n
          ? new Uint8Array(MESSAGE_BYTES_MAX + 1)
          : engine.rewriteBatch(batch, keeps, options),
    });
    const left = compactBatch(superseded, { ...context, engine: narrow }) ?? new Uint8Array(0);
    expect(recordsOf([left]).map(({ offset }) => offset)).toEqual([0n]);
    expect(new BatchHeader(left).deleteHorizonMs).toBeUndefined();
  });
});

describe("a closed segment that is damaged, and whose index is lost", () => {
  /** Records a second apart, a flipped bit in the third batch of the first segment, and no index. */
  async function damagedLog(
    overrides: Record<string, string | number> = {},
    now = (): number => START_MS,
  ): Promise<[MemoryStore, PartitionLog]> {
    const store = new MemoryStore();
    const settings = { config: config({ ...SETTINGS, ...overrides }), clock: { ...clock, now } };
    const log = await openLeader(store, settings);
    for (let at = 0; at < 20; at++) {
      const batch = batchOf([{ key: `key ${at}`, value: "x".repeat(60) }], {
        timestamp: START_MS + at * 1000,
      });
      await log.append(batch).synced;
    }
    await log.close();
    const name = "orders-0/00000000000000000000.log";
    const bytes = (await store.read(name)) ?? new Uint8Array(0);
    const [first, second, third] = splitBatches(bytes);
    const at = (first?.length ?? 0) + (second?.length ?? 0) + (third?.length ?? 0) - 1;
    bytes[at] = (bytes[at] ?? 0) ^ 4;
    await store.write(name, bytes);
    await store.delete([name.replace(".log", ".index"), name.replace(".log", ".timeindex")]);
    return [store, await openLeader(store, { ...settings, clean: true }, 1)];
  }

  it("does not make look-ups by time pass over what stands behind the damage", async () => {
    const [store, log] = await damagedLog();
    expect(log.recovery.how).toBe("clean");
    for (const lookUp of [() => log.offsetForTimestamp(BigInt(START_MS + 3000)), () => log.maxTimestamp()]) {
      const error = await failureOf(lookUp);
      expect([error.code, error.message]).toEqual([
        ErrorCode.KAFKA_STORAGE_ERROR,
        expect.stringContaining("no look-up by time can tell"),
      ]);
    }
    // By offset all is read that can be, and no index is left that tells of a part.
    for (const offset of [0n, 1n, 3n, 19n])
      expect(recordsOf(splitBatches((await log.read(offset, 1)).bytes))[0]?.offset).toBe(offset);
    expect(await store.list("orders-0/00000000000000000000.timeindex")).toEqual([]);
  });

  it("is not older than what comes after it: retention took it by the times before the damage", async () => {
    let nowMs = START_MS;
    const [, log] = await damagedLog({ "cleanup.policy": "delete", "retention.ms": 7000 }, () => nowMs);
    const second = log.closedSegments(1n)[0];
    expect(second).toMatchObject({ from: 5n, to: 10n });
    // Its last record is six seconds old, and the last one before the damage nine.
    nowMs += 10_000;
    await log.enforceRetention();
    expect(log.logStartOffset).toBe(0n);
    nowMs += 7000;
    await log.enforceRetention();
    expect(log.logStartOffset).toBe(10n);
  });
});
