/** Deleting records from the front: what is deleted stays deleted, nothing else goes, and nobody reads wrong bytes meanwhile. */
import { describe, expect, it } from "vitest";
import { MemoryStore } from "../../log/memory-store.ts";
import { PartitionLog } from "../../log/partition-log.ts";
import type { Store } from "../../log/store.ts";
import { ErrorCode, KafkaError } from "../../wire/errors.ts";
import { CrashingStore } from "./crashing-store.ts";
import {
  appendAll,
  batchOf,
  config,
  engine,
  failureOf,
  openLeader,
  optionsFor,
  randomOf,
  readBatches,
  readValues,
  splitBatches,
  START_MS,
  tickClock,
} from "./harness.ts";

const SETTINGS = config({ "segment.bytes": 400, "index.interval.bytes": 100 });
const OPTIONS = { config: SETTINGS, clock: tickClock };
const VALUES = Array.from({ length: 40 }, (_, at) => `value number ${at}`);

/** Numbered batches of one producer, one record each, a millisecond apart. */
function numbered(from: number, to: number): Uint8Array[] {
  return VALUES.slice(from, to).map((value, at) =>
    batchOf([value], {
      producerId: 3n,
      producerEpoch: 0,
      baseSequence: from + at,
      timestamp: START_MS + from + at,
    }),
  );
}

async function filled(store: Store): Promise<PartitionLog> {
  const log = await openLeader(store, OPTIONS);
  await appendAll(log, numbered(0, 40));
  return log;
}

const valuesFrom = (start: number): [bigint, string][] =>
  VALUES.slice(start).map((value, at) => [BigInt(start + at), value]);

async function basesOf(store: Store): Promise<bigint[]> {
  const names = (await store.list("orders-0/")).filter((name) => name.endsWith(".log"));
  return names.map((name) => BigInt(name.slice("orders-0/".length, -".log".length)));
}

describe("deleting records", () => {
  it("moves the log start for good, and removes the segments that hold nothing else", async () => {
    const store = new MemoryStore();
    const log = await filled(store);
    const before = await basesOf(store);
    expect(await log.deleteRecordsBefore(17n)).toBe(17n);
    expect(log.logStartOffset).toBe(17n);
    expect((await failureOf(() => log.read(16n, 10))).code).toBe(ErrorCode.OFFSET_OUT_OF_RANGE);
    expect(await readValues(log)).toEqual(valuesFrom(17));
    const first = before.findLast((base) => base <= 17n);
    expect(await basesOf(store)).toEqual(before.filter((base) => base >= (first ?? 0n)));
    expect((await store.list("orders-0/")).filter((name) => /\d{20}\./.test(name)).sort()[0]).toContain(
      String(first),
    );
    // Never down again, and what is asked for twice is there already.
    expect(await log.deleteRecordsBefore(3n)).toBe(17n);
    await log.close();
    for (const clean of [true, false]) {
      const again = await openLeader(store, { ...OPTIONS, clean }, 1);
      expect([again.logStartOffset, again.highWatermark]).toEqual([17n, 40n]);
      expect((await readValues(again)).filter(([offset]) => offset >= 17n)).toEqual(valuesFrom(17));
      await again.close();
    }
  });

  it("takes -1 for all, and refuses what is not below the high watermark", async () => {
    const store = new MemoryStore();
    const log = await filled(store);
    for (const offset of [41n, -2n]) {
      expect((await failureOf(() => log.deleteRecordsBefore(offset))).code).toBe(
        ErrorCode.OFFSET_OUT_OF_RANGE,
      );
    }
    expect(await log.deleteRecordsBefore(-1n)).toBe(40n);
    expect(await basesOf(store)).toHaveLength(1);
    expect(await log.read(40n, 100)).toMatchObject({ from: 40n, to: 40n });
    await log.close();
    const again = await openLeader(store, { ...OPTIONS, clean: true }, 1);
    expect([again.logStartOffset, again.logEndOffset]).toEqual([40n, 40n]);
    await appendAll(again, [batchOf(["after"])]);
    expect((await readValues(again, 40n)).filter(([offset]) => offset >= 40n)).toEqual([[40n, "after"]]);
  });

  it("does not find deleted records by their time", async () => {
    const log = await openLeader(new MemoryStore(), OPTIONS);
    const times = [50, 90, 20, 70, 30, 60];
    await appendAll(log, [
      batchOf(["a"], { timestamp: START_MS + 95 }),
      // One batch that is deleted in part.
      batchWithTimes(times.map((time) => START_MS + time)),
    ]);
    await log.deleteRecordsBefore(3n);
    const found = async (time: number): Promise<unknown> =>
      (await log.offsetForTimestamp(BigInt(START_MS + time)))?.offset;
    expect([await found(0), await found(65), await found(71)]).toEqual([3n, 4n, undefined]);
    expect(await log.maxTimestamp()).toEqual({
      offset: 4n,
      timestamp: BigInt(START_MS + 70),
      leaderEpoch: 0,
    });
    await log.deleteRecordsBefore(-1n);
    expect([await found(0), await log.maxTimestamp()]).toEqual([undefined, undefined]);
  });

  it("forgets the leader epochs of what is gone, and knows where the others end", async () => {
    const store = new MemoryStore();
    for (const [epoch, from] of [0, 10, 20].entries()) {
      const log = await openLeader(store, OPTIONS, epoch);
      await appendAll(log, numbered(from, from + 10));
      if (epoch === 2) await log.deleteRecordsBefore(15n);
      await log.close();
    }
    for (const lost of [false, true]) {
      if (lost) await store.delete(["orders-0/leader-epoch-checkpoint"]);
      const log = await openLeader(store, { ...OPTIONS, clean: false }, 3);
      expect([log.leaderEpochAt(15n), log.leaderEpochAt(20n)]).toEqual([1, 2]);
      expect(log.endOffsetForEpoch(0)).toEqual({ epoch: 0, endOffset: 15n });
      expect(log.endOffsetForEpoch(1)).toEqual({ epoch: 1, endOffset: 20n });
    }
  });

  it("still recognises batches that are sent again, though they and their segments are gone", async () => {
    const store = new MemoryStore();
    const log = await filled(store);
    await log.deleteRecordsBefore(38n);
    const survivors: Store[] = [await copyOf(store)];
    await log.close();
    survivors.push(await copyOf(store));
    for (const left of survivors) {
      for (const lost of ["", "leader-epoch-checkpoint"]) {
        await left.delete([`orders-0/${lost}`]);
        const again = await openLeader(left, OPTIONS, 1);
        for (const [at, batch] of numbered(35, 40).entries())
          expect(again.append(batch)).toMatchObject({ duplicate: true, baseOffset: BigInt(35 + at) });
      }
    }
  });

  it("refuses a damaged producer snapshot at the log's start, which nothing else can tell", async () => {
    const store = new MemoryStore();
    const log = await filled(store);
    await log.deleteRecordsBefore(20n);
    const [first = 0n] = await basesOf(store);
    const name = `orders-0/${String(first).padStart(20, "0")}.snapshot`;
    for (const other of (await store.list("orders-0/")).filter((each) => each.endsWith("snapshot")))
      if (other !== name) await store.delete([other]);
    await store.write(name, Uint8Array.of(1, 2, 3));
    const error = await failureOf(() => openLeader(store, OPTIONS, 1));
    expect([error.code, error.message]).toEqual([
      ErrorCode.KAFKA_STORAGE_ERROR,
      expect.stringContaining(name),
    ]);
    await store.delete([name]);
    expect((await readValues(await openLeader(store, OPTIONS, 1))).at(-1)).toEqual([39n, VALUES[39]]);
  });

  it("reads what it read before or says that it is gone, while segments are deleted under it", async () => {
    for (let seed = 1; seed < 40; seed++) {
      const store = new CrashingStore(randomOf(seed));
      const log = await filled(store);
      const random = randomOf(seed);
      const start = BigInt(1 + Math.floor(random() * 39));
      const reads = Array.from({ length: 20 }, async (_, at) => {
        for (let wait = at % 5; wait > 0; wait--) await new Promise((resolve) => setImmediate(resolve));
        const offset = BigInt(Math.floor(random() * 40));
        try {
          const { bytes } = await log.read(offset, 1 + Math.floor(random() * 300));
          const [batch = new Uint8Array(0)] = splitBatches(bytes);
          expect(new TextDecoder().decode(batch)).toContain(`value number ${offset}`);
        } catch (error) {
          expect(error).toBeInstanceOf(KafkaError);
          expect(error).toMatchObject({ code: ErrorCode.OFFSET_OUT_OF_RANGE });
          expect(offset).toBeLessThan(start);
        }
      });
      await log.deleteRecordsBefore(start);
      await Promise.all(reads);
      expect(log.fenced).toBeUndefined();
    }
  });

  it("has deleted or not after a stop at every step, and all of it when it was answered", async () => {
    let steps = 0;
    for (let at = 1; at < 100; at++) {
      const store = new CrashingStore(randomOf(at));
      const log = await filled(store);
      await log.deleteRecordsBefore(6n);
      store.arm({ at, kind: "crash" });
      let isAnswered = false;
      const deleting = log.deleteRecordsBefore(27n).then(() => void (isAnswered = true));
      await Promise.race([deleting, store.crashed]);
      store.crash();
      for (const after of [store.afterKill(), store.afterPowerLoss(), store.afterPowerLoss()]) {
        const again = await openLeader(after, OPTIONS, 1);
        const start = Number(again.logStartOffset);
        expect(isAnswered ? [27] : [6, 27]).toContain(start);
        expect((await readValues(again)).filter(([offset]) => offset >= BigInt(start))).toEqual(
          valuesFrom(start),
        );
        const [first = 0n, second = 100n] = await basesOf(after);
        expect([first <= BigInt(start), second > BigInt(start)]).toEqual([true, true]);
        await again.close();
      }
      steps = at;
      if (isAnswered) break;
    }
    expect(steps).toBeGreaterThan(10);
  });

  it("leaves files that cannot be deleted to the next start, and answers all the same", async () => {
    const store = new CrashingStore(randomOf(1));
    const log = await filled(store);
    store.arm({ at: 2, kind: "fail", operation: "delete" });
    expect(await log.deleteRecordsBefore(30n)).toBe(30n);
    expect(log.fenced).toBeUndefined();
    await log.close();
    const again = await openLeader(store.afterKill(), { ...OPTIONS, clean: true }, 1);
    expect(again.logStartOffset).toBe(30n);
  });

  it("with a lazy flush never ends before it begins", async () => {
    const lazy = config({ "segment.bytes": 400, "flush.messages": 1000 });
    for (let seed = 1; seed < 30; seed++) {
      const store = new CrashingStore(randomOf(seed));
      const log = await openLeader(store, { config: lazy, clock: tickClock });
      await appendAll(log, numbered(0, 1 + (seed % 9)));
      const start = await log.deleteRecordsBefore(-1n);
      store.crash();
      const again = await openLeader(store.afterPowerLoss(), { config: lazy, clock: tickClock }, 1);
      expect([again.logStartOffset, again.logEndOffset]).toEqual([start, start]);
    }
  });
});

describe("the recorded log start", () => {
  it("makes a missing first segment damage, until somebody writes the loss down", async () => {
    const store = new MemoryStore();
    await (await filled(store)).close();
    const [first = 0n, second = 0n] = await basesOf(store);
    await store.delete([`orders-0/${String(first).padStart(20, "0")}.log`]);
    for (const clean of [true, false]) {
      const { message } = await failureOf(() => openLeader(store, { ...OPTIONS, clean }, 1));
      expect(message).toContain(`begins at offset 0, but its first segment at ${second}`);
      expect(message).toContain(`log_start_offset: ${second}`);
    }
    await store.write(
      "orders-0/log-start",
      new TextEncoder().encode(`version: 0\nlog_start_offset: ${second}\n`),
    );
    const log = await openLeader(store, OPTIONS, 1);
    expect(await readValues(log)).toEqual(valuesFrom(Number(second)));
  });

  it("is not believed with any byte changed", async () => {
    const store = new MemoryStore();
    const log = await filled(store);
    await log.deleteRecordsBefore(17n);
    await log.close();
    const sound = (await store.read("orders-0/log-start")) ?? new Uint8Array(0);
    expect(sound.length).toBeGreaterThan(30);
    for (let at = 0; at < sound.length; at++) {
      for (const mask of [1, 2, 16, 128]) {
        const bytes = sound.slice();
        bytes[at] = (bytes[at] ?? 0) ^ mask;
        await store.write("orders-0/log-start", bytes);
        const error = await failureOf(() => openLeader(store, OPTIONS, 1));
        expect([error.code, error.message]).toEqual([
          ErrorCode.KAFKA_STORAGE_ERROR,
          expect.stringContaining("log-start is damaged"),
        ]);
      }
    }
  });

  it("is where a leader whose segments were taken away is refused", async () => {
    const store = new MemoryStore();
    const log = await filled(store);
    await log.deleteRecordsBefore(17n);
    await log.close();
    const names = await store.list("orders-0/");
    await store.delete(names.filter((name) => name.endsWith(".log") || name.endsWith("synced-end")));
    expect((await failureOf(() => openLeader(store, OPTIONS, 1))).message).toContain("the segments are gone");
  });
});

describe("a replica of a log that begins within a batch", () => {
  const openReplica = (store: Store): Promise<PartitionLog> => PartitionLog.open(optionsFor(store, OPTIONS));

  async function leaderFrom(start: bigint): Promise<PartitionLog> {
    const leader = await openLeader(new MemoryStore(), OPTIONS);
    for (let batch = 0; batch < 10; batch++)
      await appendAll(leader, [batchOf(VALUES.slice(batch * 4, batch * 4 + 4))]);
    await leader.deleteRecordsBefore(start);
    return leader;
  }

  async function follow(replica: PartitionLog, leader: PartitionLog): Promise<void> {
    while (replica.logEndOffset < leader.highWatermark) {
      const { bytes, from, to } = await leader.read(replica.logEndOffset, 300);
      await replica.appendReplica(bytes, { from, to });
    }
  }

  it("begins where the leader's log does, and holds the same batches, whatever it held before", async () => {
    for (const start of [0n, 4n, 6n, 39n]) {
      for (const heldUpTo of [0n, 8n]) {
        const leader = await leaderFrom(start);
        const store = new MemoryStore();
        const replica = await openReplica(store);
        const whole = await leaderFrom(0n);
        while (replica.logEndOffset < heldUpTo) {
          const { bytes, from, to } = await whole.read(replica.logEndOffset, 1);
          await replica.appendReplica(bytes, { from, to });
        }
        if (replica.logEndOffset < start) await replica.resetTo(start);
        await follow(replica, leader);
        const held = replica.logStartOffset;
        expect(await readBatches(replica, start > held ? start : held)).toEqual(await readBatches(leader));
        await replica.close();
        const again = await openReplica(store);
        expect([again.logStartOffset, again.logEndOffset]).toEqual([held, 40n]);
        expect(await readBatches(again, start > held ? start : held)).toEqual(await readBatches(leader));
      }
    }
  });

  it("takes no batch from before its end when it holds something", async () => {
    const leader = await leaderFrom(0n);
    const replica = await openReplica(new MemoryStore());
    await follow(replica, leader);
    await replica.truncateTo(8n);
    const { bytes } = await leader.read(4n, 1);
    const error = await failureOf(() => replica.appendReplica(bytes, { from: 8n, to: 9n }));
    expect(error.code).toBe(ErrorCode.CORRUPT_MESSAGE);
  });

  it("is a sound log after a stop at every step of beginning so", async () => {
    const leader = await leaderFrom(6n);
    for (let at = 1; at < 200; at++) {
      const store = new CrashingStore(randomOf(at));
      const replica = await openReplica(store);
      store.arm({ at, kind: "crash" });
      let isOver = false;
      const life = async (): Promise<void> => {
        await replica.resetTo(6n);
        await follow(replica, leader);
        isOver = true;
      };
      await Promise.race([life(), store.crashed]);
      store.crash();
      for (const after of [store.afterKill(), store.afterPowerLoss()]) {
        const again = await openReplica(after);
        if (again.logEndOffset < 6n) await again.resetTo(6n);
        await follow(again, leader);
        expect(again.logStartOffset).toBe(6n);
        expect(await readBatches(again)).toEqual(await readBatches(leader));
      }
      if (isOver) return;
    }
    throw new Error("the last step was not reached");
  });

  it("cut back to before its start begins anew there, and within its first batch holds nothing", async () => {
    const leader = await leaderFrom(6n);
    const store = new MemoryStore();
    const replica = await openReplica(store);
    await replica.resetTo(6n);
    await follow(replica, leader);
    await replica.truncateTo(7n);
    expect([replica.logStartOffset, replica.logEndOffset]).toEqual([6n, 6n]);
    await follow(replica, leader);
    expect(await readBatches(replica)).toEqual(await readBatches(leader));
    await replica.truncateTo(2n);
    expect([replica.logStartOffset, replica.logEndOffset]).toEqual([2n, 2n]);
    const again = await openReplica(store);
    expect([again.logStartOffset, again.logEndOffset]).toEqual([2n, 2n]);
  });
});

/** One record a timestamp. */
function batchWithTimes(times: readonly number[]): Uint8Array {
  const records = times.map((timestamp) => ({ key: null, value: Uint8Array.of(1), timestamp }));
  return engine.writeBatch(records, {
    codec: 0,
    producerId: -1n,
    producerEpoch: -1,
    baseSequence: -1,
    bytesMax: 1 << 20,
  });
}

async function copyOf(store: Store): Promise<Store> {
  const copy = new MemoryStore();
  for (const name of await store.list(""))
    await copy.write(name, (await store.read(name)) ?? new Uint8Array(0));
  return copy;
}
