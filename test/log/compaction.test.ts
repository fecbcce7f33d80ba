/** Compaction against a plain model: random keyed histories, tombstones, producers, crashes and restarts. */
import { describe, expect, it } from "vitest";
import { BatchHeader } from "../../log/batch.ts";
import type { Clock } from "../../log/clock.ts";
import type { CompactionMeans } from "../../log/compaction.ts";
import { OffsetMap } from "../../log/offset-map.ts";
import { MemoryStore } from "../../log/memory-store.ts";
import type { PartitionLog } from "../../log/partition-log.ts";
import type { Store } from "../../log/store.ts";
import { ErrorCode } from "../../wire/errors.ts";
import { CrashingStore } from "./crashing-store.ts";
import {
  config,
  engine,
  failureOf,
  openLeader,
  randomOf,
  readBatches,
  recordsOf,
  splitBatches,
  START_MS,
  tickClock,
} from "./harness.ts";
import { checkLookUps, checkTimeIndexes } from "./time-look-ups.ts";

const MINUTE_MS = 60_000;
const DELETE_RETENTION_MS = 30 * MINUTE_MS;
const encoder = new TextEncoder();
const decoder = new TextDecoder();
const MEANS: CompactionMeans = { mapBytesMax: 1e6, pace: () => Promise.resolve(true) };

interface Written {
  readonly offset: bigint;
  readonly key: string;
  /** null: a tombstone. */
  readonly value: string | null;
}

/** A compacted log, and everything that was ever acknowledged in it. */
class Rig {
  nowMs = START_MS;
  store: Store;
  log!: PartitionLog;
  epoch = -1;
  sequence = 0;
  readonly written: Written[];
  readonly settings: Record<string, string | number>;
  readonly clock: Clock = { ...tickClock, now: () => this.nowMs };

  constructor(store: Store, settings: Record<string, string | number> = {}, written: Written[] = []) {
    this.store = store;
    this.settings = {
      "cleanup.policy": "compact",
      "segment.bytes": 700,
      "index.interval.bytes": 200,
      "min.cleanable.dirty.ratio": 0,
      "delete.retention.ms": DELETE_RETENTION_MS,
      ...settings,
    };
    this.written = written;
  }

  async open(clean = false): Promise<this> {
    this.epoch++;
    const options = { config: config(this.settings), clock: this.clock, clean };
    this.log = await openLeader(this.store, options, this.epoch);
    return this;
  }

  async write(
    records: readonly (readonly [key: string, value: string | null])[],
    { codec = 0, skewMs = 0, isByAnother = false } = {},
  ): Promise<void> {
    this.nowMs += MINUTE_MS;
    const producer = isByAnother
      ? { producerId: 1000n + BigInt(this.written.length), baseSequence: 0 }
      : { producerId: 5n, baseSequence: this.sequence };
    const batch = engine.writeBatch(
      records.map(([key, value]) => ({
        key: encoder.encode(key),
        value: value === null ? null : encoder.encode(value),
        timestamp: this.nowMs + skewMs,
      })),
      { codec, ...producer, producerEpoch: 0, bytesMax: 1 << 20 },
    );
    const { baseOffset, synced } = this.log.append(batch);
    await synced;
    if (!isByAnother) this.sequence += records.length;
    for (const [at, [key, value]] of records.entries())
      this.written.push({ offset: baseOffset + BigInt(at), key, value });
  }

  /** Some batches, with few keys: much is superseded. Clocks differ, and some producers write one batch and no more. */
  async writeSome(random: () => number, batches: number): Promise<void> {
    for (let at = 0; at < batches; at++) {
      const records = Array.from({ length: 1 + Math.floor(random() * 4) }, () => {
        const key = `key ${Math.floor(random() * 8)}`;
        const value = random() < 0.25 ? null : `value ${Math.floor(random() * 1e6)}`;
        return [key, value] as const;
      });
      const skewMs = Math.floor((random() - 0.5) * 40 * MINUTE_MS);
      await this.write(records, { codec: random() < 0.3 ? 3 : 0, skewMs, isByAnother: random() < 0.2 });
    }
  }

  async read(): Promise<Written[]> {
    return recordsOf(await readBatches(this.log)).map(({ offset, key, value }) => ({
      offset,
      key: decoder.decode(key ?? undefined),
      value: value === null ? null : decoder.decode(value),
    }));
  }

  /** What nobody may take away, and nothing that was never there; offsets join from the log start to the end. */
  async check(): Promise<Written[]> {
    const read = await this.read();
    const known = new Map(this.written.map((record) => [record.offset, record]));
    for (const record of read) expect(record).toEqual(known.get(record.offset));
    expect(read.map(({ offset }) => offset)).toEqual(
      read.map(({ offset }) => offset).toSorted((a, b) => Number(a - b)),
    );
    const last = new Map(this.written.map((record) => [record.key, record]));
    const isThere = new Set(read.map(({ offset }) => offset));
    for (const { offset, value } of last.values()) if (value !== null) expect(isThere).toContain(offset);
    // A fold over what is left is a fold over everything, but for tombstones that are over.
    const fold = (records: readonly Written[]): [string, string | null][] =>
      [...new Map(records.map(({ key, value }) => [key, value]))]
        .filter(([, value]) => value !== null)
        .sort(([one], [other]) => (one < other ? -1 : 1));
    expect(fold(read)).toEqual(fold(this.written));
    return read;
  }

  /** The batches on disk join, from the first segment to the last: a hole is damage. */
  async checkFiles(): Promise<void> {
    const names = (await this.store.list("orders-0/")).filter((name) => name.endsWith(".log"));
    let next = BigInt(names[0]?.slice("orders-0/".length, -".log".length) ?? 0);
    for (const name of names) {
      for (const batch of splitBatches((await this.store.read(name)) ?? new Uint8Array(0))) {
        const { baseOffset, lastOffset } = new BatchHeader(batch);
        expect(baseOffset).toBe(next);
        next = lastOffset + 1n;
      }
    }
    expect(next).toBe(this.log.logEndOffset);
  }
}

describe("compaction", () => {
  it("leaves the last record of each key where it was, and what is in the segment that is written to", async () => {
    const rig = await new Rig(new CrashingStore(randomOf(1))).open();
    for (let round = 0; round < 30; round++) await rig.write([[`k${round % 3}`, `v${round}`]]);
    const before = await rig.read();
    expect(before).toHaveLength(30);
    await rig.log.compact(MEANS);
    await rig.checkFiles();
    const after = await rig.check();
    expect(after.length).toBeLessThan(15);
    expect(after.at(-1)).toEqual({ offset: 29n, key: "k2", value: "v29" });
    expect(rig.log.compact(MEANS)).toBeUndefined();
    expect((await rig.store.list("orders-0/")).filter((name) => /cleaned|swap/.test(name))).toEqual([]);
  });

  it("keeps tombstones for delete.retention.ms after it has seen them, and no longer", async () => {
    const rig = await new Rig(new CrashingStore(randomOf(1))).open();
    await rig.write([
      ["gone", "value"],
      ["kept", "value"],
    ]);
    await rig.write([["gone", null]]);
    const tombstone = { offset: 2n, key: "gone", value: null };
    const more = async (): Promise<Written[]> => {
      for (let at = 0; at < 8; at++) await rig.write([["other", `${"x".repeat(100)}${at}`]]);
      await rig.log.compact(MEANS);
      return rig.check();
    };
    let read = await more();
    expect(read).toContainEqual(tombstone);
    expect(read.map(({ offset }) => offset)).not.toContain(0n);
    rig.nowMs += DELETE_RETENTION_MS - 10 * MINUTE_MS;
    read = await more();
    expect(read).toContainEqual(tombstone);
    rig.nowMs += 10 * MINUTE_MS;
    read = await more();
    expect(read).not.toContainEqual(tombstone);
    expect(read).toContainEqual({ offset: 1n, key: "kept", value: "value" });
  });

  it("merges small neighbours, and never beyond segment.bytes", async () => {
    const rig = await new Rig(new CrashingStore(randomOf(1)), { "segment.bytes": 1000 }).open();
    await rig.writeSome(randomOf(3), 120);
    const files = async (): Promise<[string, number][]> => {
      const names = (await rig.store.list("orders-0/")).filter((name) => name.endsWith(".log"));
      return Promise.all(
        names.map(async (name) => [name, (await rig.store.read(name))?.length ?? 0] as [string, number]),
      );
    };
    const before = (await files()).length;
    await rig.log.compact(MEANS);
    await rig.writeSome(randomOf(4), 12);
    await rig.log.compact(MEANS);
    const after = await files();
    expect(after.length).toBeLessThan(before / 2);
    for (const [, bytes] of after) expect(bytes).toBeLessThanOrEqual(1000);
    await rig.check();
  });

  it("waits for min.compaction.lag.ms and the dirty ratio, and no longer than max.compaction.lag.ms", async () => {
    const lag = await new Rig(new CrashingStore(randomOf(1)), {
      "min.compaction.lag.ms": 1000 * MINUTE_MS,
    }).open();
    await lag.writeSome(randomOf(5), 40);
    await lag.log.compact(MEANS);
    expect(await lag.check()).toHaveLength(lag.written.length);
    lag.nowMs += 1000 * MINUTE_MS;
    await lag.log.compact(MEANS);
    expect((await lag.check()).length).toBeLessThan(lag.written.length);

    const ratio = await new Rig(new CrashingStore(randomOf(1)), {
      "min.cleanable.dirty.ratio": 0.9,
      "max.compaction.lag.ms": 200 * MINUTE_MS,
    }).open();
    for (let at = 0; at < 40; at++) await ratio.write([[`unique ${at}`, "x".repeat(60)]]);
    await ratio.log.compact(MEANS);
    await ratio.writeSome(randomOf(6), 20);
    const before = (await ratio.check()).length;
    await ratio.log.compact(MEANS);
    expect(await ratio.check()).toHaveLength(before);
    ratio.nowMs += 200 * MINUTE_MS;
    await ratio.log.compact(MEANS);
    expect((await ratio.check()).length).toBeLessThan(before);
  });

  it("compacts a part at a time when its memory does not hold all keys, and comes to the same end", async () => {
    const rig = await new Rig(new CrashingStore(randomOf(1))).open();
    await rig.writeSome(randomOf(7), 100);
    let rounds = 0;
    const compact = (): Promise<boolean> | undefined => rig.log.compact({ ...MEANS, mapBytesMax: 300 });
    for (let run = compact(); run !== undefined; run = compact()) {
      // One at a time.
      expect(compact()).toBeUndefined();
      const hasMore = await run;
      await rig.check();
      if (!hasMore) expect(compact()).toBeUndefined();
      expect(++rounds).toBeLessThan(300);
    }
    expect(rounds).toBeGreaterThan(2);
    expect((await rig.check()).length).toBeLessThan(40);
  });

  it("takes no more keys at once than a JavaScript Map does, which threw in the middle of a compaction", async () => {
    const map = new OffsetMap(0n, Infinity, 3);
    const key = (name: string): Uint8Array => encoder.encode(name);
    expect(["a", "b", "c", "d", "a"].map((name, at) => map.put(key(name), BigInt(at)))).toEqual([
      true,
      true,
      true,
      false,
      true,
    ]);
    // Of one batch with more keys than that, too, only the first are known.
    const rig = await new Rig(new CrashingStore(randomOf(1)), { "segment.bytes": 4000 }).open();
    for (const value of ["old", "new"])
      await rig.write(Array.from({ length: 100 }, (_, at) => [`key ${at}`, value] as const));
    for (let at = 0; at < 3; at++) await rig.write([["other", "x".repeat(2000)]]);
    let rounds = 1;
    while ((await rig.log.compact({ ...MEANS, mapBytesMax: 1500 })) === true) {
      await rig.check();
      rounds++;
    }
    expect(rounds).toBeGreaterThan(5);
    expect((await rig.check()).filter(({ value }) => value === "old")).toEqual([]);
  });

  it("leaves tombstones that it has not come to: with them gone, what they delete was back", async () => {
    const rig = await new Rig(new CrashingStore(randomOf(1)), {
      "segment.bytes": 4000,
      "delete.retention.ms": 0,
    }).open();
    // More keys in one batch than there is memory for at a time.
    const keys = Array.from({ length: 100 }, (_, at) => `key ${at}`);
    for (const value of ["value", null]) await rig.write(keys.map((key) => [key, value] as const));
    for (let at = 0; at < 3; at++) await rig.write([["other", "x".repeat(2000)]]);
    let rounds = 1;
    while ((await rig.log.compact({ ...MEANS, mapBytesMax: 1500 })) === true) {
      rig.nowMs += MINUTE_MS;
      await rig.check();
      rounds++;
    }
    expect(rounds).toBeGreaterThan(5);
    // The tombstones have done their work, and go in turn.
    rig.nowMs += MINUTE_MS;
    for (let at = 0; at < 3; at++) await rig.write([["other", "x".repeat(2000)]]);
    await rig.log.compact(MEANS);
    expect((await rig.check()).filter(({ key }) => key !== "other")).toEqual([]);
  });

  it("counts max.compaction.lag.ms from the first record of what is new, not from the last", async () => {
    const rig = await new Rig(new CrashingStore(randomOf(1)), {
      "min.cleanable.dirty.ratio": 1,
      "segment.ms": 1e9,
      "segment.bytes": 4000,
      "max.compaction.lag.ms": 30 * MINUTE_MS,
    }).open();
    for (let at = 0; at < 40; at++) await rig.write([["k", `${at} ${"x".repeat(100)}`]]);
    // The last record of the first segment is younger than the lag, and its first one is older.
    await rig.log.compact(MEANS);
    expect((await rig.check()).length).toBeLessThan(rig.written.length);
  });

  it("closes the segment that is written to when max.compaction.lag.ms has passed, though nobody writes", async () => {
    const rig = await new Rig(new CrashingStore(randomOf(1)), {
      "segment.bytes": 1e6,
      "max.compaction.lag.ms": 30 * MINUTE_MS,
    }).open();
    for (let at = 0; at < 20; at++) await rig.write([["k", `${at}`]]);
    expect(rig.log.compact(MEANS)).toBeUndefined();
    rig.nowMs += 30 * MINUTE_MS;
    await rig.log.compact(MEANS);
    expect((await rig.check()).map(({ value }) => value)).toEqual(["19"]);
    // And not once more for nothing.
    rig.nowMs += 300 * MINUTE_MS;
    const files = await rig.store.list("orders-0/");
    await rig.log.compact(MEANS);
    expect(await rig.store.list("orders-0/")).toEqual(files);
    await rig.write([["k", "20"]]);
    await rig.checkFiles();
    await rig.log.close();
    await rig.open();
    expect((await rig.check()).map(({ value }) => value)).toEqual(["19", "20"]);
  });

  it("stops when it is told to, and leaves everything as it was", async () => {
    const rig = await new Rig(new CrashingStore(randomOf(1))).open();
    await rig.writeSome(randomOf(8), 60);
    const before = await readBatches(rig.log);
    for (let after = 0; after < 8; after++) {
      let left = after;
      await rig.log.compact({ ...MEANS, pace: () => Promise.resolve(left-- > 0) });
      if (after < 3) expect(await readBatches(rig.log)).toEqual(before);
      expect((await rig.store.list("orders-0/")).filter((name) => /cleaned|swap/.test(name))).toEqual([]);
      await rig.check();
    }
  });

  it("recognises what producers send again, though the records are gone, also after a crash", async () => {
    const store = new CrashingStore(randomOf(1));
    const rig = await new Rig(store).open();
    await rig.write([["k", "first"]]);
    const sent = { codec: 0, producerEpoch: 0, bytesMax: 1 << 20 };
    const record = { key: encoder.encode("k"), value: encoder.encode("of another"), timestamp: rig.nowMs };
    const other = (): Uint8Array => engine.writeBatch([record], { ...sent, producerId: 9n, baseSequence: 0 });
    await rig.log.append(other()).synced;
    for (let at = 0; at < 30; at++) await rig.write([["k", `value ${at}`]]);
    await rig.log.compact(MEANS);
    expect((await rig.read()).map(({ offset }) => offset)).not.toContain(1n);
    expect(rig.log.append(other())).toMatchObject({ duplicate: true, baseOffset: 1n });
    for (const name of await store.list("orders-0/"))
      if (name.endsWith(".snapshot")) await store.delete([name]);
    const again = await new Rig(store.afterKill()).open();
    expect(again.log.append(other())).toMatchObject({ duplicate: true, baseOffset: 1n });
  });

  it("never lets appends wait for a whole segment's bytes on their way to the disk", async () => {
    const store = new MemoryStore();
    let unsynced = 0;
    let most = 0;
    const open = store.open.bind(store);
    store.open = async (name) => {
      const file = await open(name);
      if (!name.endsWith(".cleaned")) return file;
      const [append, sync] = [file.append.bind(file), file.sync.bind(file)];
      return Object.assign(file, {
        append: (pieces: readonly Uint8Array[]) => {
          unsynced += pieces.reduce((sum, { length }) => sum + length, 0);
          most = Math.max(most, unsynced);
          return append(pieces);
        },
        sync: () => {
          unsynced = 0;
          return sync();
        },
      });
    };
    const rig = await new Rig(store, { "segment.bytes": 8 << 20 }).open();
    const value = "v".repeat(200_000);
    for (let at = 0; at < 50; at++) await rig.write([[`key ${at % 40}`, value]]);
    expect(await rig.log.compact(MEANS)).toBe(false);
    expect(most).toBeGreaterThan(0);
    expect(most).toBeLessThan(2.5 * 1024 * 1024);
    await rig.check();
  });

  it("refuses records without a key, and leaves a damaged segment alone", async () => {
    const rig = await new Rig(new CrashingStore(randomOf(1))).open();
    const keyless = engine.writeBatch([{ key: null, value: Uint8Array.of(1), timestamp: rig.nowMs }], {
      codec: 0,
      producerId: -1n,
      producerEpoch: -1,
      baseSequence: -1,
      bytesMax: 1 << 20,
    });
    expect((await failureOf(() => rig.log.append(keyless))).code).toBe(ErrorCode.INVALID_RECORD);
    await rig.writeSome(randomOf(9), 40);
    await rig.log.close();
    const name = "orders-0/00000000000000000000.log";
    const bytes = (await rig.store.read(name)) ?? new Uint8Array(0);
    bytes[100] = (bytes[100] ?? 0) ^ 4;
    await rig.store.write(name, bytes);
    await rig.open(true);
    const error = await failureOf(() => rig.log.compact(MEANS));
    expect([error.code, error.message]).toEqual([
      ErrorCode.KAFKA_STORAGE_ERROR,
      expect.stringContaining(`${name} is damaged`),
    ]);
    expect(await rig.store.read(name)).toEqual(bytes);
    expect(rig.log.fenced).toBeUndefined();
    // It is not tried again and again.
    expect(rig.log.compact(MEANS)).toBeUndefined();
  });
});

describe("compaction among writers, crashes and restarts", () => {
  it.each(Array.from({ length: 12 }, (_, at) => at + 1))("keeps to the model: seed %i", async (seed) => {
    const random = randomOf(seed);
    const policy = random() < 0.3 ? { "cleanup.policy": "compact,delete", "retention.ms": -1 } : {};
    let rig = await new Rig(new CrashingStore(randomOf(seed)), policy).open();
    for (let round = 0; round < 8; round++) {
      await rig.writeSome(random, 5 + Math.floor(random() * 25));
      rig.nowMs += Math.floor(random() * 2 * DELETE_RETENTION_MS);
      const store = rig.store as CrashingStore;
      const isCut = random() < 0.6;
      if (isCut) store.arm({ at: 1 + Math.floor(random() * 40), kind: "crash" });
      const mapBytesMax = random() < 0.3 ? 500 : 1e6;
      await Promise.race([rig.log.compact({ ...MEANS, mapBytesMax }), store.crashed]);
      if (!store.isDead) {
        await rig.check();
        await checkLookUps(rig.log, 7);
        await checkTimeIndexes(rig.store);
      }
      if (isCut || random() < 0.3) {
        store.crash();
        const left = random() < 0.5 ? store.afterKill() : store.afterPowerLoss();
        const next = new Rig(left, policy, rig.written);
        Object.assign(next, { nowMs: rig.nowMs, epoch: rig.epoch, sequence: rig.sequence });
        rig = await next.open();
        await rig.check();
        await checkLookUps(rig.log, 7);
        const names = await left.list("orders-0/");
        expect(names.filter((name) => /cleaned|swap/.test(name))).toEqual([]);
      }
    }
    await rig.log.close();
    await rig.open(true);
    expect(rig.log.recovery.how).toBe("clean");
    await rig.check();
    await rig.checkFiles();
    await checkLookUps(rig.log);
    expect(await checkTimeIndexes(rig.store)).toBeGreaterThan(0);
  });

  it("has the old segments or the new one after a stop at every step", async () => {
    let steps = 0;
    for (let at = 1; at < 200; at++) {
      const store = new CrashingStore(randomOf(at));
      const rig = await new Rig(store, { "segment.bytes": 600 }).open();
      await rig.writeSome(randomOf(2), 16);
      store.arm({ at, kind: "crash" });
      let isOver = false;
      await Promise.race([rig.log.compact(MEANS)?.then(() => void (isOver = true)), store.crashed]);
      store.crash();
      for (const left of [store.afterKill(), store.afterPowerLoss()]) {
        const next = await new Rig(left, { "segment.bytes": 600 }, [...rig.written]).open();
        await next.check();
        await next.log.compact(MEANS);
        await next.check();
      }
      steps = at;
      if (isOver) break;
    }
    expect(steps).toBeGreaterThan(10);
  }, 120_000);

  it("lets reads and writes go on, and shows nobody anything else than a log", async () => {
    for (let seed = 1; seed < 8; seed++) {
      const rig = await new Rig(new CrashingStore(randomOf(seed))).open();
      const random = randomOf(seed);
      await rig.writeSome(random, 60);
      let isOver = false;
      const reading = Array.from({ length: 4 }, async () => {
        while (!isOver) {
          await rig.check().catch((error: unknown) => {
            isOver = true;
            throw error;
          });
          await new Promise((resolve) => setImmediate(resolve));
        }
      });
      await rig.log.compact(MEANS);
      isOver = true;
      await Promise.all(reading);
      await rig.writeSome(random, 5);
      expect((await rig.check()).length).toBeLessThan(60);
      expect(rig.log.fenced).toBeUndefined();
    }
  });
});

describe("a reader of what compaction has left empty", () => {
  it("is given what comes after it, whatever it asks for at once; and the rest of the log when there is nothing", async () => {
    const rig = await new Rig(new CrashingStore(randomOf(1))).open();
    for (let at = 0; at < 60; at++) await rig.write([["k", `${at} ${"x".repeat(150)}`]]);
    await rig.log.compact(MEANS);
    const [first] = await rig.read();
    expect(first?.offset).toBeGreaterThan(20n);
    for (const bytesMax of [1, 61, 100, 1000, 100_000]) {
      const { bytes, from, to } = await rig.log.read(0n, bytesMax);
      expect([from, to > (first?.offset ?? 0n)]).toEqual([0n, true]);
      expect(recordsOf(splitBatches(bytes))[0]?.offset).toBe(first?.offset);
    }
    // Nothing but a tombstone that is over, in front of an empty segment.
    const gone = await new Rig(new CrashingStore(randomOf(1)), { "delete.retention.ms": 0 }).open();
    await gone.write([["k", "x".repeat(600)]]);
    await gone.write([["k", null]]);
    await gone.write([["other", "x".repeat(600)]]);
    await gone.write([["other", null]]);
    for (let round = 0; round < 3; round++) {
      gone.nowMs += MINUTE_MS;
      await gone.write([["other", null]]);
      await gone.log.compact(MEANS);
      let at = 0n;
      while (at < gone.log.highWatermark) {
        const { from, to } = await gone.log.read(at, 100);
        expect([from, to > at]).toEqual([at, true]);
        at = to;
      }
    }
  });
});

describe("the map of keys", () => {
  it("tells keys apart by every byte", () => {
    const map = new OffsetMap(0n, 1e9);
    const keys = [Uint8Array.of(), ...Array.from({ length: 256 }, (_, byte) => Uint8Array.of(byte))];
    for (const key of keys.slice(0, 256)) keys.push(Uint8Array.of(0xc3, ...key));
    for (const [at, key] of keys.entries()) map.put(key, BigInt(at));
    const distinct = new Set(keys.map((key) => key.join())).size;
    expect(map.size).toBe(distinct);
    for (const [at, key] of keys.entries()) {
      const last = keys.findLastIndex((other) => other.join() === key.join());
      expect(map.isSuperseded(key, BigInt(at))).toBe(last > at);
    }
  });
});
