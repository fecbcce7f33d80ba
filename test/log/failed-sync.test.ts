/**
 * A sync has failed, and the kernel says of what it could not write that it is written: readers see it, syncs succeed, and
 * power loss takes it away. What a log believes after a restart must be on the disk all the same.
 */
import { describe, expect, it } from "vitest";
import { MemoryStore } from "../../log/memory-store.ts";
import { PartitionLog } from "../../log/partition-log.ts";
import type { Store } from "../../log/store.ts";
import { ErrorCode } from "../../wire/errors.ts";
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
  recordsOf,
  splitBatches,
  tickClock,
} from "./harness.ts";

const OPTIONS = { config: config({ "segment.bytes": 4000, "index.interval.bytes": 200 }), clock: tickClock };
const LOG = "orders-0/00000000000000000000.log";
const CHECKPOINT = "orders-0/tail-copy-checkpoint";

const values = async (log: PartitionLog): Promise<string[]> =>
  (await readValues(log)).map(([, value]) => value);
const texts = (count: number): string[] =>
  Array.from({ length: count }, (_, at) => `value ${at} ${"x".repeat((at * 37) % 200)}`);

/** A store whose process was killed after a sync failed, and the records that are seen in it. */
async function afterFailedSync(
  seed: number,
  acknowledged: readonly string[],
  lost: string,
): Promise<CrashingStore> {
  const store = new CrashingStore(randomOf(seed));
  const log = await openLeader(store, OPTIONS);
  await appendAll(
    log,
    acknowledged.map((value) => batchOf([value])),
  );
  store.arm({ at: 1, kind: "fail", operation: "sync", suffix: ".log" });
  await failureOf(() => log.append(batchOf([lost])).synced);
  expect(log.fenced).toBeDefined();
  store.crash();
  return store.afterKill();
}

async function filesOf(store: Store): Promise<Map<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>();
  for (const name of await store.list("")) files.set(name, (await store.read(name)) ?? new Uint8Array(0));
  return files;
}

describe("after a failed sync and a restart of the process", () => {
  it("what is shown survives power loss, though every sync says that all is well", async () => {
    let shown = 0;
    for (let seed = 1; seed < 60; seed++) {
      const acknowledged = texts(seed % 7);
      const store = await afterFailedSync(seed, acknowledged, "not acknowledged");
      const log = await openLeader(store, OPTIONS, 1);
      const before = await values(log);
      expect(before.slice(0, acknowledged.length)).toEqual(acknowledged);
      if (before.length > acknowledged.length) shown++;
      await appendAll(log, [batchOf(["after"])]);
      store.crash();
      const again = await openLeader(store.afterPowerLoss(), OPTIONS, 2);
      expect(await values(again)).toEqual([...before, "after"]);
    }
    expect(shown).toBeGreaterThan(20);
  });

  it("nothing that was acknowledged or shown is lost, whichever step of the start stops or fails", async () => {
    let finished = 0;
    for (const kind of ["crash", "fail"] as const) {
      for (let at = 1; at < 80; at++) {
        const acknowledged = texts(5);
        let store = await afterFailedSync(at, acknowledged, "not acknowledged");
        const shown = [...acknowledged];
        store.arm({ at, kind });
        const start = async (): Promise<void> => {
          const log = await openLeader(store, OPTIONS, 1);
          shown.splice(0, shown.length, ...(await values(log)));
          finished++;
        };
        await Promise.race([start().catch(() => {}), store.crashed]);
        // Twice more, by turns without power and without a process.
        for (const power of at % 2 === 0 ? [true, false] : [false, true]) {
          store.crash();
          store = power ? store.afterPowerLoss() : store.afterKill();
          const log = await openLeader(store, OPTIONS, 2);
          const seen = await values(log);
          expect(seen.slice(0, shown.length)).toEqual(shown);
          shown.splice(0, shown.length, ...seen);
          expect(seen.filter((value) => value !== "not acknowledged")).toEqual(acknowledged);
          expect((await store.list("orders-0/")).filter((name) => name.includes("tail-copy"))).toEqual([]);
        }
      }
    }
    expect(finished).toBeGreaterThan(10);
  });
});

describe("with a lazy flush, after a failed sync", () => {
  const LAZY = { clock: tickClock, config: config({ "flush.messages": 3, "segment.bytes": 400 }) };

  /** The records `synced` and three more are shown; the sync of these has failed. */
  async function doubtful(synced: readonly string[]): Promise<{ store: CrashingStore; log: PartitionLog }> {
    const store = new CrashingStore(randomOf(7));
    const log = await openLeader(store, LAZY);
    for (let at = 0; at < synced.length; at += 3) await log.append(batchOf(synced.slice(at, at + 3))).synced;
    for (let tick = 0; tick < 10; tick++) await new Promise((resolve) => setImmediate(resolve));
    store.arm({ at: 1, kind: "fail", operation: "sync", suffix: ".log" });
    const fenced = new Promise<void>((resolve) => log.onFenced(resolve));
    await log.append(batchOf(["x", "y", "z"])).synced;
    await fenced;
    return { store, log };
  }

  it.each([0, 3, 12])("nobody is given what it leaves in doubt, behind %i records", async (count) => {
    const synced = texts(count).map((text, at) => `${at} ${text}`);
    const { log } = await doubtful(synced);
    expect(log.highWatermark).toBe(BigInt(count + 3));
    const seen: string[] = [];
    let next = 0n;
    while (next < BigInt(count)) {
      const { bytes, to } = await log.read(next, 1_000_000);
      expect(to).toBeLessThanOrEqual(BigInt(count));
      seen.push(
        ...recordsOf(splitBatches(bytes)).map(({ value }) => new TextDecoder().decode(value ?? undefined)),
      );
      next = to;
    }
    expect(seen).toEqual(synced);
    for (const read of [
      () => log.read(next, 1_000_000),
      () => log.read(next + 1n, 1),
      () => log.offsetForTimestamp(2n ** 60n),
      () => log.maxTimestamp(),
    ]) {
      const error = await failureOf(read);
      expect([error.code, error.message]).toEqual([
        ErrorCode.KAFKA_STORAGE_ERROR,
        expect.stringContaining(`from offset ${count} on`),
      ]);
    }
    expect((await log.read(log.highWatermark, 1)).bytes).toHaveLength(0);
    if (count > 0) expect((await log.offsetForTimestamp(0n))?.offset).toBe(0n);
  });

  /** A log whose reads of segments wait, from `hold` on, until they are released. */
  async function slowlyRead(): Promise<{
    store: CrashingStore;
    log: PartitionLog;
    reads: () => number;
    hold: () => () => void;
  }> {
    const store = new CrashingStore(randomOf(7));
    let held: Promise<void> = Promise.resolve();
    let reads = 0;
    const open = store.open.bind(store);
    store.open = async (name) => {
      const file = await open(name);
      const read = file.read.bind(file);
      file.read = async (position, length) => {
        reads++;
        await held;
        return read(position, length);
      };
      return file;
    };
    const log = await openLeader(store, LAZY);
    const hold = (): (() => void) => {
      let release = (): void => {};
      held = new Promise((resolve) => (release = resolve));
      return release;
    };
    return { store, log, reads: () => reads, hold };
  }

  it.each([
    ["forwards", (log: PartitionLog) => log.read(0n, 1_000_000)],
    ["backwards", (log: PartitionLog) => log.readBefore(2n, 1_000_000)],
  ])("nobody is given it who asked before the sync failed: %s", async (_, read) => {
    const { store, log, reads, hold } = await slowlyRead();
    for (const value of ["x", "y"]) await log.append(batchOf([value])).synced;
    store.arm({ at: 1, kind: "fail", operation: "sync", suffix: ".log" });
    const fenced = new Promise<void>((resolve) => log.onFenced(resolve));
    const release = hold();
    const before = reads();
    const failing = failureOf(() => read(log));
    await log.append(batchOf(["z"])).synced;
    await fenced;
    expect(reads()).toBeGreaterThan(before);
    release();
    expect((await failing).code).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
  });

  it("nobody is given it as a closed segment, who has it listed before the sync failed", async () => {
    const { store, log, reads, hold } = await slowlyRead();
    await log.append(batchOf(["x".repeat(300)])).synced;
    store.arm({ at: 1, kind: "fail", operation: "sync", suffix: ".log" });
    const fenced = new Promise<void>((resolve) => log.onFenced(resolve));
    // For the next segment what is before it is synced, which fails.
    const refused = failureOf(() => log.append(batchOf(["y".repeat(300)])).synced);
    const [segment] = log.closedSegments(0n);
    if (segment === undefined) throw new Error("no segment is listed");
    const release = hold();
    const before = reads();
    const failing = [failureOf(() => segment.digest()), failureOf(() => segment.read(0, segment.bytes))];
    await Promise.all([fenced, refused]);
    expect(reads()).toBeGreaterThan(before);
    release();
    failing.push(failureOf(() => segment.read(0, 1)));
    for (const failure of failing) expect((await failure).code).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
  });

  it("a restart tells what is there, and gives it", async () => {
    const { store } = await doubtful(["a", "b", "c"]);
    store.crash();
    const again = await openLeader(store.afterKill(), LAZY, 1);
    expect((await values(again)).slice(0, 3)).toEqual(["a", "b", "c"]);
    expect(again.highWatermark).toBe(BigInt((await values(again)).length));
  });
});

describe("the end of the log that is written anew", () => {
  it("is only what is not noted as synced", async () => {
    const store = new MemoryStore();
    const log = await openLeader(store, OPTIONS);
    await appendAll(
      log,
      texts(10).map((value) => batchOf([value])),
    );
    for (let tick = 0; tick < 10; tick++) await new Promise((resolve) => setImmediate(resolve));
    const noted = await filesOf(store);
    const cuts: [string, number][] = [];
    const watched = (files: ReadonlyMap<string, Uint8Array>): Promise<Store> => watchedStore(files, cuts);
    // A crash leaves no other trace of what came after the last note than the bytes themselves.
    const late = batchOf(["late"]);
    const [whole = new Uint8Array(0)] = [noted.get(LOG)];
    await openLeader(await watched(noted), OPTIONS, 1);
    expect(cuts).toEqual([]);
    const other = await openLeader(await watched(noted), OPTIONS, 1);
    await appendAll(other, [late]);
    const longer = new Uint8Array([...whole, ...late]);
    cuts.length = 0;
    const reopened = await openLeader(await watched(new Map([...noted, [LOG, longer]])), OPTIONS, 1);
    expect(await values(reopened)).toEqual([...texts(10), "late"]);
    expect(cuts).toEqual([[LOG, whole.length]]);
  });

  it("is not put back by a checkpoint that has come back after its deletion", async () => {
    const store = await afterFailedSync(3, texts(5), "not acknowledged");
    let left: [string, Uint8Array][] = [];
    const remove = store.delete.bind(store);
    store.delete = async (names) => {
      if (names.includes(CHECKPOINT))
        left = [...(await filesOf(store))].filter(([name]) => name.includes("tail-copy"));
      return remove(names);
    };
    const log = await openLeader(store, OPTIONS, 1);
    expect(left).toHaveLength(2);
    const before = await values(log);
    await appendAll(log, [batchOf(["after"])]);
    for (const [name, bytes] of left) await store.write(name, bytes);
    const again = await openLeader(store, OPTIONS, 2);
    expect(await values(again)).toEqual([...before, "after"]);
    expect(await store.list("orders-0/tail")).toEqual([]);
  });

  it("is refused when its checkpoint or its copy is damaged, and nothing is changed", async () => {
    const store = await afterFailedSync(3, texts(5), "not acknowledged");
    // The cut of the log is the first truncation.
    store.arm({ at: 1, kind: "fail", operation: "truncate" });
    expect((await failureOfOpen(store)).message).toContain("truncate");
    const files = await filesOf(store);
    expect(files.get(CHECKPOINT)).toBeDefined();
    for (const name of [CHECKPOINT, "orders-0/tail-copy"]) {
      for (const damaged of [new Uint8Array(0), files.get(name)?.slice(1)]) {
        const copy = new MemoryStore();
        for (const [each, bytes] of files)
          await copy.write(each, each === name && damaged !== undefined ? damaged : bytes);
        const before = await filesOf(copy);
        const error = await failureOf(() => openLeader(copy, OPTIONS, 1));
        expect([error.code, error.message]).toEqual([
          ErrorCode.KAFKA_STORAGE_ERROR,
          expect.stringContaining(`${name} is damaged`),
        ]);
        expect(await filesOf(copy)).toEqual(before);
      }
    }
  });

  it("is put back into a segment that loss of power took away whole, for nothing of it was synced before", async () => {
    const store = await afterFailedSync(3, [], "not acknowledged");
    store.arm({ at: 1, kind: "fail", operation: "truncate" });
    await failureOfOpen(store);
    const files = await filesOf(store);
    expect([...files.keys()]).toContain(CHECKPOINT);
    const left = new MemoryStore();
    for (const [name, bytes] of files) if (name !== LOG) await left.write(name, bytes);
    expect(await values(await openLeader(left, OPTIONS, 1))).toEqual(["not acknowledged"]);
  });

  it("of a replica is left as it is: its upstream gives again what is lost", async () => {
    const files = await filesOf(await afterFailedSync(3, texts(5), "not acknowledged"));
    const cuts: [string, number][] = [];
    const replica = await PartitionLog.open(optionsFor(await watchedStore(files, cuts), OPTIONS));
    expect(replica.logEndOffset).toBeGreaterThanOrEqual(5n);
    expect(cuts.filter(([, size]) => size < (files.get(LOG)?.length ?? 0))).toEqual([]);
  });
});

async function failureOfOpen(store: Store): Promise<Error> {
  try {
    await openLeader(store, OPTIONS, 1);
  } catch (error) {
    if (error instanceof Error) return error;
  }
  throw new Error("nothing was thrown");
}

/** A store with these files that tells of every truncation. */
async function watchedStore(
  files: ReadonlyMap<string, Uint8Array>,
  cuts: [string, number][],
): Promise<Store> {
  const store = new MemoryStore();
  for (const [name, bytes] of files) await store.write(name, bytes);
  const open = store.open.bind(store);
  store.open = async (name) => {
    const file = await open(name);
    const truncate = file.truncate.bind(file);
    file.truncate = (size) => {
      cuts.push([name, size]);
      return truncate(size);
    };
    return file;
  };
  return store;
}
