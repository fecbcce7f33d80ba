/** The follower's side of a partition: what it takes, how it is cut back, and that it reads like its leader. */
import { describe, expect, it } from "vitest";
import { MemoryStore } from "../../log/memory-store.ts";
import { PartitionLog } from "../../log/partition-log.ts";
import type { PartitionOptions } from "../../log/partition-types.ts";
import type { Store } from "../../log/store.ts";
import { ErrorCode } from "../../wire/errors.ts";
import { BatchHeader } from "../../log/batch.ts";
import { CrashingStore } from "./crashing-store.ts";
import {
  appendAll,
  batchOf,
  config,
  failureOf,
  openLeader,
  optionsFor,
  randomOf,
  readBatches,
  readValues,
  tickClock,
} from "./harness.ts";

const SETTINGS = config({ "segment.bytes": 700, "index.interval.bytes": 100 });

async function leaderWith(epochs: readonly (readonly string[])[]): Promise<PartitionLog> {
  const store = new MemoryStore();
  let log = await openLeader(store, { config: SETTINGS });
  for (const [epoch, values] of epochs.entries()) {
    if (epoch > 0) {
      await log.close();
      log = await openLeader(store, { config: SETTINGS, clean: true }, epoch);
    }
    await appendAll(
      log,
      values.map((value) => batchOf([value, `${value}'`])),
    );
  }
  return log;
}

const openReplica = (store: Store, overrides: Partial<PartitionOptions> = {}): Promise<PartitionLog> =>
  PartitionLog.open(optionsFor(store, { config: SETTINGS, ...overrides }));

/** Copies what the leader has from where the replica ends. */
async function follow(replica: PartitionLog, leader: PartitionLog, bytesMax = 400): Promise<void> {
  while (replica.logEndOffset < leader.highWatermark) {
    const { bytes, from, to } = await leader.read(replica.logEndOffset, bytesMax);
    await replica.appendReplica(bytes, { from, to });
  }
}

const values = (name: string, count: number): string[] =>
  Array.from({ length: count }, (_, at) => `${name} ${at}`);

/** Joins batches stamped with these offsets and epochs. */
function stamped(...batches: [base: bigint, epoch: number, values: string[]][]): Uint8Array {
  const bytes = batches.map(([base, epoch, texts]) => {
    const batch = batchOf(texts);
    new BatchHeader(batch).stamp(base, epoch);
    return batch;
  });
  return Uint8Array.from(bytes.flatMap((batch) => [...batch]));
}

describe("a replica", () => {
  it("holds the leader's bytes, epochs and offsets, and goes on after a restart", async () => {
    const leader = await leaderWith([values("a", 10), values("b", 10), values("c", 10)]);
    const store = new MemoryStore();
    const first = await openReplica(store);
    await follow(first, leader, 300);
    await first.close();
    const replica = await openReplica(store, { clean: true });
    expect(await readBatches(replica)).toEqual(await readBatches(leader));
    expect(replica.lastEpoch).toBe(2);
    for (const epoch of [0, 1, 2])
      expect(replica.endOffsetForEpoch(epoch)).toEqual(leader.endOffsetForEpoch(epoch));
    expect(replica.endOffsetForEpoch(3)).toEqual({ epoch: -1, endOffset: -1n });
  });

  it("can read as soon as it has written, and tells those who listen", async () => {
    const leader = await leaderWith([values("a", 5)]);
    const replica = await openReplica(new MemoryStore());
    const heard: [bigint, bigint][] = [];
    replica.onAdvance(({ from, to }) => heard.push([from, to]));
    await follow(replica, leader, 1);
    expect(replica.highWatermark).toBe(10n);
    expect(heard.at(0)?.[0]).toBe(0n);
    expect(heard.at(-1)?.[1]).toBe(10n);
  });

  it("takes nothing of a range that is not sound", async () => {
    const replica = await openReplica(new MemoryStore());
    await replica.appendReplica(stamped([0n, 3, ["a", "b"]]), { from: 0n, to: 2n });
    const good = stamped([2n, 3, ["c"]], [3n, 3, ["d"]]);
    const cases: [what: string, code: number, bytes: Uint8Array, from: bigint, to: bigint][] = [
      ["a range that does not join", ErrorCode.OFFSET_OUT_OF_RANGE, good, 1n, 4n],
      ["a range that begins later", ErrorCode.OFFSET_OUT_OF_RANGE, good, 3n, 4n],
      ["a range that goes backwards", ErrorCode.OFFSET_OUT_OF_RANGE, new Uint8Array(0), 2n, 1n],
      ["a batch beyond its range", ErrorCode.CORRUPT_MESSAGE, good, 2n, 3n],
      ["a batch from before", ErrorCode.CORRUPT_MESSAGE, stamped([1n, 3, ["x"]]), 2n, 4n],
      [
        "offsets that overlap",
        ErrorCode.CORRUPT_MESSAGE,
        stamped([2n, 3, ["c", "d"]], [3n, 3, ["e"]]),
        2n,
        5n,
      ],
      ["an epoch from before", ErrorCode.CORRUPT_MESSAGE, stamped([2n, 2, ["c"]]), 2n, 3n],
      ["epochs that go back", ErrorCode.CORRUPT_MESSAGE, stamped([2n, 5, ["c"]], [3n, 4, ["d"]]), 2n, 4n],
      ["half a batch", ErrorCode.CORRUPT_MESSAGE, good.subarray(0, good.length - 1), 2n, 4n],
      ["half a header", ErrorCode.CORRUPT_MESSAGE, good.subarray(0, 30), 2n, 4n],
    ];
    for (const [what, code, bytes, from, to] of cases) {
      expect([what, (await failureOf(() => replica.appendReplica(bytes, { from, to }))).code]).toEqual([
        what,
        code,
      ]);
    }
    // What is stamped into the second batch is not sealed: there only the range can tell.
    const second = new BatchHeader(good).bytes;
    for (let at = 0; at < good.length; at++) {
      if (at >= second && at < second + 16) continue;
      const flipped = good.map((value, index) => (index === at ? value ^ 0x80 : value));
      const { code } = await failureOf(() => replica.appendReplica(flipped, { from: 2n, to: 4n }));
      expect([at, code]).toEqual([at, ErrorCode.CORRUPT_MESSAGE]);
    }
    expect(replica.logEndOffset).toBe(2n);
  });

  it("takes ranges with holes, at their start, within and at their end, and reads across them", async () => {
    const store = new MemoryStore();
    const replica = await openReplica(store);
    await replica.appendReplica(stamped([5n, 0, ["a"]], [9n, 0, ["b"]]), { from: 0n, to: 20n });
    await replica.appendReplica(new Uint8Array(0), { from: 20n, to: 30n });
    await replica.appendReplica(stamped([31n, 0, ["c"]]), { from: 30n, to: 32n });
    expect([replica.logEndOffset, replica.highWatermark]).toEqual([32n, 32n]);
    expect(await readValues(replica, 0n, 1)).toEqual([
      [5n, "a"],
      [9n, "b"],
      [31n, "c"],
    ]);
    expect(await readValues(replica, 7n)).toEqual([
      [9n, "b"],
      [31n, "c"],
    ]);
    expect(await readValues(replica, 25n)).toEqual([[31n, "c"]]);
    const trailing = await openReplica(new MemoryStore());
    await trailing.appendReplica(stamped([0n, 0, ["a"]]), { from: 0n, to: 10n });
    expect(await trailing.read(3n, 100)).toEqual({ bytes: new Uint8Array(0), from: 3n, to: 10n });
    await replica.close();
    const again = await openReplica(store, { clean: true });
    expect(await readValues(again)).toEqual([
      [5n, "a"],
      [9n, "b"],
      [31n, "c"],
    ]);
  });

  it("spans holes that no index could", async () => {
    const far = 2n ** 33n;
    const store = new MemoryStore();
    const replica = await openReplica(store);
    await replica.appendReplica(stamped([0n, 0, ["a"]], [far, 0, ["b"]]), { from: 0n, to: far + 1n });
    expect(await readValues(replica)).toEqual([
      [0n, "a"],
      [far, "b"],
    ]);
    const again = await openReplica(store);
    expect(await readValues(again)).toEqual([
      [0n, "a"],
      [far, "b"],
    ]);
  });

  it("is cut back at any offset to where a batch begins, and follows another history from there", async () => {
    const old = await leaderWith([values("a", 12), values("b", 12)]);
    for (let offset = 0n; offset <= 48n; offset += 1n) {
      const store = new MemoryStore();
      const replica = await openReplica(store);
      await follow(replica, old);
      await replica.truncateTo(offset);
      const end = offset - (offset % 2n);
      expect([replica.logEndOffset, replica.highWatermark]).toEqual([end, end]);
      expect(replica.lastEpoch).toBe(end === 0n ? -1 : end <= 24n ? 0 : 1);
      expect(await readValues(replica)).toEqual((await readValues(old)).slice(0, Number(end)));
      await replica.appendReplica(stamped([end, 5, ["new"]]), { from: end, to: end + 1n });
      const again = await openReplica(store);
      expect((await readValues(again)).at(-1)).toEqual([end, "new"]);
      expect(again.endOffsetForEpoch(1)).toEqual(
        end > 24n ? { epoch: 1, endOffset: end } : again.endOffsetForEpoch(1),
      );
    }
  });

  it("takes nothing while it is being cut back, and is gone when it was deleted meanwhile", async () => {
    const leader = await leaderWith([values("a", 12)]);
    const store = new MemoryStore();
    const replica = await openReplica(store);
    await follow(replica, leader);
    const cut = replica.truncateTo(10n);
    await Promise.resolve();
    const late = replica.appendReplica(stamped([24n, 0, ["late"]]), { from: 24n, to: 25n });
    expect((await failureOf(() => late)).code).toBe(ErrorCode.INVALID_REQUEST);
    await cut;
    expect(replica.logEndOffset).toBe(10n);
    const reset = replica.resetTo(50n).catch(() => {});
    await replica.delete();
    await reset;
    expect(await store.list("")).toEqual([]);
  });

  it("begins anew at an offset when what lies between is gone", async () => {
    const leader = await leaderWith([values("a", 12)]);
    const store = new MemoryStore();
    const replica = await openReplica(store);
    await follow(replica, leader);
    await replica.resetTo(1000n);
    expect([replica.logStartOffset, replica.logEndOffset, replica.highWatermark]).toEqual([
      1000n,
      1000n,
      1000n,
    ]);
    expect((await failureOf(() => replica.read(5n, 10))).code).toBe(ErrorCode.OFFSET_OUT_OF_RANGE);
    await replica.appendReplica(stamped([1000n, 0, ["new"]]), { from: 1000n, to: 1001n });
    await replica.close();
    const again = await openReplica(store, { clean: true });
    expect(again.logStartOffset).toBe(1000n);
    expect(await readValues(again)).toEqual([[1000n, "new"]]);
  });

  it("does what only a replica does no more once it leads", async () => {
    const replica = await openReplica(new MemoryStore());
    await replica.appendReplica(stamped([0n, 2, ["a"]]), { from: 0n, to: 1n });
    expect((await failureOf(() => replica.startEpoch(1))).code).toBe(ErrorCode.FENCED_LEADER_EPOCH);
    await replica.startEpoch(3);
    expect((await failureOf(() => replica.appendReplica(new Uint8Array(0), { from: 1n, to: 1n }))).code).toBe(
      ErrorCode.INVALID_REQUEST,
    );
    expect((await failureOf(() => replica.truncateTo(0n))).code).toBe(ErrorCode.INVALID_REQUEST);
    expect((await failureOf(() => replica.resetTo(0n))).code).toBe(ErrorCode.INVALID_REQUEST);
    await appendAll(replica, [batchOf(["b"])]);
    expect(replica.endOffsetForEpoch(2)).toEqual({ epoch: 2, endOffset: 1n });
    expect(replica.endOffsetForEpoch(3)).toEqual({ epoch: 3, endOffset: 2n });
  });

  it("is a sound log after a crash at every step of a cut and of a new beginning", async () => {
    const leader = await leaderWith([values("a", 20)]);
    const all = await readValues(leader);
    for (const change of ["truncate", "reset"] as const) {
      for (let at = 1; at < 40; at++) {
        const random = randomOf(at);
        const store = new CrashingStore(random);
        const replica = await openReplica(store, { clock: tickClock });
        await follow(replica, leader);
        await replica.close();
        const again = await openReplica(store, { clock: tickClock, clean: true });
        store.arm({ at, kind: "crash" });
        const changing = change === "truncate" ? again.truncateTo(11n) : again.resetTo(500n);
        await Promise.race([changing, store.crashed]);
        store.crash();
        for (const after of [store.afterKill(), store.afterPowerLoss()]) {
          const recovered = await openReplica(after, { clock: tickClock });
          const found = await readValues(recovered);
          expect(found).toEqual(all.slice(0, found.length));
          if (recovered.logStartOffset === 0n) expect(recovered.logEndOffset).toBe(BigInt(found.length));
          else expect([recovered.logStartOffset, recovered.logEndOffset]).toEqual([500n, 500n]);
        }
      }
    }
  });
});
