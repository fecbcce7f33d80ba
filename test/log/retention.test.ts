/** Retention: what is too old or too much goes, whole segments from the front, for good; nothing else does. */
import { describe, expect, it } from "vitest";
import type { Clock } from "../../log/clock.ts";
import type { TopicConfig } from "../../log/config.ts";
import { MemoryStore } from "../../log/memory-store.ts";
import { PartitionLog } from "../../log/partition-log.ts";
import type { Store } from "../../log/store.ts";
import { ErrorCode, KafkaError } from "../../wire/errors.ts";
import { CrashingStore } from "./crashing-store.ts";
import {
  appendAll,
  batchOf,
  config,
  failureOf,
  openLeader,
  optionsFor,
  randomOf,
  readValues,
  splitBatches,
  START_MS,
  tickClock,
} from "./harness.ts";

const SEGMENT_BYTES = 400;
const RECORDS = 40;
const MINUTE_MS = 60_000;
const value = (at: number): string => `value number ${at}`;

function settings(overrides: Record<string, string | number>): TopicConfig {
  return config({ "segment.bytes": SEGMENT_BYTES, "file.delete.delay.ms": 0, ...overrides });
}

/** A log of forty records, a minute apart, and its time. */
class Rig {
  nowMs = START_MS;
  readonly store: Store;
  log!: PartitionLog;
  readonly clock: Clock = { ...tickClock, now: () => this.nowMs };

  constructor(store: Store = new MemoryStore()) {
    this.store = store;
  }

  async open(overrides: Record<string, string | number>, epoch = 0, clean = false): Promise<this> {
    this.log = await openLeader(this.store, { config: settings(overrides), clock: this.clock, clean }, epoch);
    return this;
  }

  async fill(from = 0, to = RECORDS, timestamp = (at: number) => START_MS + at * MINUTE_MS): Promise<void> {
    for (let at = from; at < to; at++) {
      this.nowMs = START_MS + at * MINUTE_MS;
      const shape = { producerId: 3n, producerEpoch: 0, baseSequence: at, timestamp: timestamp(at) };
      await appendAll(this.log, [batchOf([{ key: "k", value: value(at) }], shape)]);
    }
  }

  /** One check, and the files whose time has come. */
  async check(log = this.log): Promise<bigint> {
    await log.enforceRetention();
    await log.removeFiles(this.nowMs);
    return log.logStartOffset;
  }

  async bases(): Promise<bigint[]> {
    const names = (await this.store.list("orders-0/")).filter((name) => name.endsWith(".log"));
    return names.map((name) => BigInt(name.slice("orders-0/".length, -".log".length)));
  }
}

const rigOf = async (overrides: Record<string, string | number>, store?: Store): Promise<Rig> => {
  const rig = await new Rig(store).open(overrides);
  await rig.fill();
  return rig;
};
const valuesFrom = (start: number, to = RECORDS): [bigint, string][] =>
  Array.from({ length: to - start }, (_, at) => [BigInt(start + at), value(start + at)]);

describe("retention by time", () => {
  it("takes segments whose greatest timestamp is too long ago, at the moment that it is, and no other", async () => {
    const rig = await rigOf({ "retention.ms": 60 * MINUTE_MS });
    const bases = await rig.bases();
    expect(bases.length).toBeGreaterThan(8);
    for (const [at, base] of bases.slice(0, -1).entries()) {
      const next = bases[at + 1] ?? 0n;
      // The last record of the segment is as old as is allowed.
      rig.nowMs = START_MS + (Number(next) - 1 + 60) * MINUTE_MS;
      expect(await rig.check()).toBe(base);
      rig.nowMs++;
      expect(await rig.check()).toBe(next);
      expect(await rig.bases()).toEqual(bases.slice(at + 1));
      expect((await failureOf(() => rig.log.read(next - 1n, 1))).code).toBe(ErrorCode.OFFSET_OUT_OF_RANGE);
      expect(await readValues(rig.log)).toEqual(valuesFrom(Number(next)));
    }
  });

  it("is told by the greatest timestamp, wherever in the segment it stands", async () => {
    const rig = await new Rig().open({ "retention.ms": MINUTE_MS });
    const late = START_MS + 50 * MINUTE_MS;
    await rig.fill(0, RECORDS, (at) => (at === 1 ? late : START_MS));
    rig.nowMs = late + MINUTE_MS;
    expect(await rig.check()).toBe(0n);
    rig.nowMs++;
    expect(await rig.check()).toBe(BigInt(RECORDS));
  });

  it("takes the segment that is written to when all of it is too old, and the log goes on where it was", async () => {
    const rig = await rigOf({ "retention.ms": MINUTE_MS });
    rig.nowMs += 2 * MINUTE_MS;
    expect(await rig.check()).toBe(BigInt(RECORDS));
    expect([rig.log.highWatermark, rig.log.sizeBytes]).toEqual([BigInt(RECORDS), 0]);
    expect(await rig.bases()).toEqual([BigInt(RECORDS)]);
    // Nothing is left to do, and an empty segment stays.
    rig.nowMs += 1000 * MINUTE_MS;
    expect(rig.log.enforceRetention()).toBeUndefined();
    // What is gone is still recognised when it is sent again.
    const again = { producerId: 3n, producerEpoch: 0, baseSequence: RECORDS - 1, timestamp: START_MS };
    expect(rig.log.append(batchOf([value(RECORDS - 1)], again))).toMatchObject({ duplicate: true });
    await rig.fill(RECORDS, RECORDS + 3);
    expect(await readValues(rig.log)).toEqual(valuesFrom(RECORDS, RECORDS + 3));
    await rig.log.close();
    for (const clean of [true, false]) {
      await rig.open({ "retention.ms": MINUTE_MS }, 1, clean);
      expect([rig.log.logStartOffset, rig.log.highWatermark]).toEqual([40n, 43n]);
      expect(await readValues(rig.log)).toEqual(valuesFrom(RECORDS, RECORDS + 3));
      await rig.log.close();
    }
  });

  it("starts again, clean or not, with a log that it has emptied", async () => {
    for (const clean of [true, false]) {
      const rig = await rigOf({ "retention.ms": 0 });
      rig.nowMs++;
      await rig.check();
      await rig.log.close();
      await rig.open({ "retention.ms": 0 }, 1, clean);
      expect([rig.log.logStartOffset, rig.log.logEndOffset]).toEqual([40n, 40n]);
      expect(rig.log.enforceRetention()).toBeUndefined();
      await rig.fill(RECORDS, RECORDS + 1);
      expect(await readValues(rig.log)).toEqual(valuesFrom(RECORDS, RECORDS + 1));
    }
  });

  it("never takes what is above the high watermark, however old", async () => {
    const rig = await new Rig().open({ "retention.ms": 0 });
    await rig.fill(0, 5);
    rig.nowMs += MINUTE_MS;
    const appended = rig.log.append(batchOf(["not synced yet"], { timestamp: START_MS }));
    expect(rig.log.highWatermark).toBe(5n);
    await rig.log.enforceRetention();
    expect(rig.log.logStartOffset).toBeLessThan(5n);
    await appended.synced;
    expect(await rig.check()).toBe(6n);
  });

  it("counts records without timestamps as old as what came after them, or as their arrival", async () => {
    const rig = await new Rig().open({ "retention.ms": MINUTE_MS });
    await rig.fill(0, 20, () => -1);
    await rig.fill(20, RECORDS);
    const bases = await rig.bases();
    const firstTimed = bases.find((base) => base > 20n) ?? 0n;
    rig.nowMs = START_MS + (Number(firstTimed) + 2) * MINUTE_MS;
    const start = await rig.check();
    expect([start > 16n, start <= firstTimed]).toEqual([true, true]);

    const silent = await new Rig().open({ "retention.ms": MINUTE_MS });
    await silent.fill(0, 20, () => -1);
    const [, second = 0n] = await silent.bases();
    silent.nowMs = START_MS + Number(second) * MINUTE_MS;
    expect(await silent.check()).toBe(0n);
    silent.nowMs++;
    expect(await silent.check()).toBe(second);
  });
});

describe("retention by size", () => {
  it("takes segments while what is left is not less than retention.bytes", async () => {
    for (const keep of [0, 1, SEGMENT_BYTES, 1000, 2500, 100_000]) {
      const rig = await rigOf({ "retention.bytes": keep, "retention.ms": -1 });
      const bases = await rig.bases();
      const files = await Promise.all(
        (await rig.store.list("orders-0/"))
          .filter((name) => name.endsWith(".log"))
          .map(async (name) => (await rig.store.read(name))?.length ?? 0),
      );
      let left = files.reduce((sum, bytes) => sum + bytes, 0);
      let gone = 0;
      while (gone < files.length && left - (files[gone] ?? 0) >= keep) left -= files[gone++] ?? 0;
      expect(await rig.check()).toBe(bases[gone] ?? BigInt(RECORDS));
      expect(rig.log.sizeBytes).toBe(left);
      expect(await readValues(rig.log)).toEqual(valuesFrom(Number(rig.log.logStartOffset)));
    }
  });

  it("and time: whatever takes more", async () => {
    const rig = await rigOf({ "retention.bytes": 2500, "retention.ms": 10 * MINUTE_MS });
    const start = await rig.check();
    expect(start).toBeGreaterThanOrEqual(28n);
    expect(rig.log.enforceRetention()).toBeUndefined();
  });
});

describe("what retention leaves alone", () => {
  it("is a log whose cleanup.policy does not say delete, but for what was deleted already", async () => {
    for (const policy of ["compact", ""]) {
      const rig = await rigOf({ "cleanup.policy": policy, "retention.ms": 0, "retention.bytes": 0 });
      rig.nowMs += 100 * MINUTE_MS;
      expect(rig.log.enforceRetention()).toBeUndefined();
      expect(rig.log.logStartOffset).toBe(0n);
    }
    const both = await rigOf({ "cleanup.policy": "compact, delete", "retention.ms": 0 });
    both.nowMs++;
    expect(await both.check()).toBe(40n);
  });

  it("is everything when nothing is set to end", async () => {
    const rig = await rigOf({ "retention.bytes": -1, "retention.ms": -1 });
    rig.nowMs += 1e12;
    expect(rig.log.enforceRetention()).toBeUndefined();
  });

  it("is what a replica's own settings keep, whatever its leader's were", async () => {
    const rig = await rigOf({ "retention.ms": 0 });
    await rig.log.close();
    const openWith = (retentionMs: number): Promise<PartitionLog> =>
      PartitionLog.open(
        optionsFor(rig.store, { config: settings({ "retention.ms": retentionMs }), clock: rig.clock }),
      );
    rig.nowMs += MINUTE_MS;
    const keeping = await openWith(-1);
    expect(keeping.enforceRetention()).toBeUndefined();
    await keeping.close();
    const forgetting = await openWith(0);
    await forgetting.enforceRetention();
    expect(forgetting.logStartOffset).toBe(forgetting.logEndOffset);
  });

  it("are segments of deleted records while they are written to; they go once they are not", async () => {
    const rig = await rigOf({ "retention.ms": -1 });
    await rig.log.deleteRecordsBefore(-1n);
    const [only = 0n] = await rig.bases();
    expect(only).toBeLessThan(40n);
    await rig.check();
    expect(await rig.bases()).toEqual([only]);
    await rig.fill(RECORDS, RECORDS + 10);
    await rig.check();
    expect((await rig.bases())[0]).toBeGreaterThan(only);
    expect(rig.log.logStartOffset).toBe(40n);
  });
});

describe("files of what retention has taken", () => {
  it("stay for file.delete.delay.ms, out of everybody's reach, and then go", async () => {
    const rig = await rigOf({ "retention.ms": 10 * MINUTE_MS, "file.delete.delay.ms": 5000 });
    const bases = await rig.bases();
    await rig.log.enforceRetention();
    const first = await rig.check();
    expect(first).toBeGreaterThan(20n);
    expect(await rig.bases()).toEqual(bases);
    expect(rig.log.filesDueMs).toBe(rig.nowMs + 5000);
    expect((await failureOf(() => rig.log.read(0n, 10))).code).toBe(ErrorCode.OFFSET_OUT_OF_RANGE);
    rig.nowMs += 4999;
    await rig.log.removeFiles(rig.nowMs);
    expect(await rig.bases()).toEqual(bases);
    // More goes meanwhile, and has a time of its own.
    rig.nowMs += 5 * MINUTE_MS;
    await rig.log.enforceRetention();
    expect(rig.log.logStartOffset).toBeGreaterThan(first);
    await rig.log.removeFiles(rig.nowMs);
    expect(await rig.bases()).toEqual(bases.filter((base) => base >= first));
    rig.nowMs += 5000;
    await rig.log.removeFiles(rig.nowMs);
    expect((await rig.bases())[0]).toBe(rig.log.logStartOffset);
    expect(rig.log.filesDueMs).toBeUndefined();
  });

  it("that a stop has left behind go with the next start, clean or not", async () => {
    for (const clean of [true, false]) {
      const rig = await rigOf({ "retention.ms": 10 * MINUTE_MS, "file.delete.delay.ms": 5000 });
      const start = await rig.check();
      await rig.log.close();
      await rig.open({ "retention.ms": -1 }, 1, clean);
      expect((await rig.bases())[0]).toBe(start);
      expect(await readValues(rig.log)).toEqual(valuesFrom(Number(start)));
    }
  });

  it("are not touched when the new log start cannot be written: everything is as it was, and tried again", async () => {
    const store = new MemoryStore();
    const rig = await rigOf({ "retention.ms": 10 * MINUTE_MS }, store);
    const bases = await rig.bases();
    const write = store.write.bind(store);
    store.write = (name, bytes) =>
      name.endsWith("log-start") ? Promise.reject(new Error("injected")) : write(name, bytes);
    const error = await failureOf(() => rig.log.enforceRetention());
    expect([error.code, rig.log.fenced, rig.log.logStartOffset]).toEqual([
      ErrorCode.KAFKA_STORAGE_ERROR,
      undefined,
      0n,
    ]);
    expect(await rig.bases()).toEqual(bases);
    store.write = write;
    expect(await readValues(rig.log)).toEqual(valuesFrom(0));
    expect(await rig.check()).toBeGreaterThan(20n);
  });

  it("make room for the new log start on a disk that has none: their indexes go first", async () => {
    const store = new MemoryStore();
    const rig = await rigOf({ "retention.ms": 10 * MINUTE_MS }, store);
    const write = store.write.bind(store);
    store.write = async (name, bytes) => {
      // There is room once an index is gone.
      if ((await store.list("orders-0/00000000000000000000.")).some((each) => each.endsWith(".timeindex")))
        throw new Error("no space left on device");
      return write(name, bytes);
    };
    expect(await rig.check()).toBeGreaterThan(20n);
    expect((await rig.bases())[0]).toBe(rig.log.logStartOffset);
    expect(await readValues(rig.log)).toEqual(valuesFrom(Number(rig.log.logStartOffset)));
  });
});

describe("retention among crashes and readers", () => {
  it("has taken whole segments or nothing after a stop at every step, and what is above is there", async () => {
    let steps = 0;
    for (let at = 1; at < 200; at++) {
      const store = new CrashingStore(randomOf(at));
      const rig = await rigOf({ "retention.ms": at % 2 === 0 ? 0 : 10 * MINUTE_MS }, store);
      const bases = await rig.bases();
      rig.nowMs++;
      store.arm({ at, kind: "crash" });
      let isOver = false;
      const life = rig.check().then(() => void (isOver = true));
      await Promise.race([life, store.crashed]);
      store.crash();
      for (const after of [store.afterKill(), store.afterPowerLoss()]) {
        const again = await new Rig(after).open({ "retention.ms": -1 }, 1);
        const start = again.log.logStartOffset;
        expect([...bases, 40n]).toContain(start);
        if (isOver) expect(start).toBeGreaterThan(20n);
        expect(again.log.highWatermark).toBe(40n);
        expect(await readValues(again.log)).toEqual(valuesFrom(Number(start)));
        await again.fill(RECORDS, RECORDS + 2);
        expect((await readValues(again.log)).at(-1)).toEqual([41n, value(41)]);
        await again.log.close();
      }
      steps = at;
      if (isOver && at % 2 === 0) break;
    }
    expect(steps).toBeGreaterThan(20);
  }, 120_000);

  it("lets a read that has begun come to its end, or says that its offset is gone; it fences nothing", async () => {
    for (let seed = 1; seed < 12; seed++) {
      const rig = await rigOf({ "retention.ms": 10 * MINUTE_MS }, new CrashingStore(randomOf(seed)));
      const random = randomOf(seed);
      const outcomes = new Set<string>();
      const reads = Array.from({ length: 30 }, async (_, at) => {
        for (let wait = at % 7; wait > 0; wait--) await new Promise((resolve) => setImmediate(resolve));
        const offset = BigInt(Math.floor(random() * RECORDS));
        try {
          const { bytes } = await rig.log.read(offset, 1 + Math.floor(random() * 300));
          const [batch = new Uint8Array(0)] = splitBatches(bytes);
          expect(new TextDecoder().decode(batch)).toContain(value(Number(offset)));
          outcomes.add("read");
        } catch (error) {
          expect(error).toBeInstanceOf(KafkaError);
          expect(error).toMatchObject({ code: ErrorCode.OFFSET_OUT_OF_RANGE });
          outcomes.add("gone");
        }
      });
      const more = rig.fill(RECORDS, RECORDS + 5);
      await rig.check();
      await Promise.all([...reads, more]);
      expect(rig.log.fenced).toBeUndefined();
      expect(outcomes.has("read")).toBe(true);
      expect((await readValues(rig.log)).at(-1)).toEqual([44n, value(44)]);
    }
  });

  it("keeps a record that comes while the last segment is about to go", async () => {
    for (let wait = 0; wait < 16; wait++) {
      const rig = await rigOf({ "retention.ms": MINUTE_MS }, new CrashingStore(randomOf(wait)));
      rig.nowMs += 10 * MINUTE_MS;
      const checking = rig.check();
      for (let turn = 0; turn < wait; turn++) await new Promise((resolve) => setImmediate(resolve));
      const shape = { producerId: 3n, producerEpoch: 0, baseSequence: RECORDS, timestamp: rig.nowMs };
      await appendAll(rig.log, [batchOf([value(RECORDS)], shape)]);
      expect(await checking).toBeLessThanOrEqual(40n);
      await rig.log.close();
      await rig.open({ "retention.ms": -1 }, 1);
      expect((await readValues(rig.log)).at(-1)).toEqual([40n, value(RECORDS)]);
    }
  });

  it("with a lazy flush never begins after a crash where the log does not reach", async () => {
    const lazy = { "flush.messages": 1000, "retention.ms": 0 };
    for (let seed = 1; seed < 15; seed++) {
      const store = new CrashingStore(randomOf(seed));
      const rig = await new Rig(store).open(lazy);
      await rig.fill(0, 1 + (seed % 9));
      rig.nowMs++;
      const start = await rig.check();
      expect(start).toBe(BigInt(1 + (seed % 9)));
      store.crash();
      const again = await new Rig(store.afterPowerLoss()).open(lazy, 1);
      expect([again.log.logStartOffset, again.log.logEndOffset]).toEqual([start, start]);
    }
  });
});

describe("rolling by time", () => {
  it("begins a new segment with the record that comes segment.ms after the first of the old one", async () => {
    const rig = await new Rig().open({ "segment.bytes": 1e6, "segment.ms": 10 * MINUTE_MS });
    await rig.fill(0, 35);
    expect(await rig.bases()).toEqual([0n, 11n, 22n, 33n]);
  });

  it("counts from the records' own time, also after a clean start, and without one by the clock", async () => {
    const settingsOf = { "segment.bytes": 1e6, "segment.ms": 10 * MINUTE_MS };
    const rig = await new Rig().open(settingsOf);
    await rig.fill(0, 8);
    await rig.log.close();
    await rig.open(settingsOf, 0, true);
    expect(rig.log.recovery.how).toBe("clean");
    await rig.fill(8, 12);
    expect(await rig.bases()).toEqual([0n, 11n]);

    const silent = await new Rig().open(settingsOf);
    await silent.fill(0, 15, () => -1);
    expect(await silent.bases()).toEqual([0n, 11n]);
  });

  it("varies by less than segment.jitter.ms, the same each time", async () => {
    const jittery = {
      "segment.bytes": 1e6,
      "segment.ms": 20 * MINUTE_MS,
      "segment.jitter.ms": 15 * MINUTE_MS,
    };
    const starts = new Set<string>();
    for (let again = 0; again < 2; again++) {
      const rig = await new Rig().open(jittery);
      await rig.fill(0, 100);
      const bases = (await rig.bases()).map(Number);
      for (const [at, base] of bases.slice(1).entries()) {
        expect(base - (bases[at] ?? 0)).toBeGreaterThan(5);
        expect(base - (bases[at] ?? 0)).toBeLessThanOrEqual(21);
      }
      expect(new Set(bases.slice(1).map((base, at) => base - (bases[at] ?? 0))).size).toBeGreaterThan(1);
      starts.add(bases.join());
    }
    expect(starts.size).toBe(1);
  });
});
