import { describe, expect, it } from "vitest";
import { CommitQueue, type CommitHost, type Group } from "../../log/commit-queue.ts";
import { Segment } from "../../log/segment.ts";
import type { LazyFlush } from "../../log/partition-config.ts";
import type { StoreFile } from "../../log/store.ts";
import { clock } from "./harness.ts";

/** A file whose syncs end when the test says so. */
function heldFile() {
  const syncs: (() => void)[] = [];
  let begun: () => void = () => {};
  const file: StoreFile = {
    name: "held",
    size: 0,
    append: () => Promise.resolve(),
    read: () => Promise.resolve(new Uint8Array(0)),
    truncate: () => Promise.resolve(),
    sync: () =>
      new Promise<void>((resolve) => {
        syncs.push(resolve);
        begun();
      }),
    close: () => Promise.resolve(),
  };
  /** Resolves when the n-th sync has begun. */
  const sync = async (count: number): Promise<() => void> => {
    while (syncs.length < count) await new Promise<void>((resolve) => (begun = resolve));
    return syncs[count - 1] ?? (() => {});
  };
  return { file, syncs, sync };
}

function queueOn(file: StoreFile, initial: LazyFlush | undefined) {
  let lazyFlush = initial;
  const segment = new Segment(0n, "0.log");
  segment.file = file;
  const synced: bigint[] = [];
  /** The high watermark after each of its moves. */
  const advances: bigint[] = [];
  const host: CommitHost = {
    lazyFlush: () => lazyFlush,
    roll: () => Promise.resolve(),
    advanced: (groups) => void advances.push(...groups.map(({ to }) => to)),
    synced: (last) => void synced.push(last.segmentEnd),
    syncFailed: () => {},
    failed: (error) => error,
  };
  let passTime = (): void => {};
  const queue = new CommitQueue(
    { ...clock, setTimer: (_delayMs, callback) => ((passTime = callback), () => (passTime = () => {})) },
    host,
  );
  const append = (records: number): Group => {
    segment.endOffset += BigInt(records);
    const to = segment.endOffset;
    return queue.add({ segment, bytes: new Uint8Array(1), to, maxTimestamp: -1n, records });
  };
  const add = async (records: number): Promise<void> => {
    await append(records).synced.promise;
  };
  const change = (flush: LazyFlush | undefined): void => {
    lazyFlush = flush;
    queue.flushChanged();
  };
  return { queue, append, add, change, advances, synced, passTime: () => passTime() };
}

const NEVER = 2n ** 63n - 1n;

describe("a lazy flush", () => {
  it("forgets no sync that falls due, by records, while another is in flight", async () => {
    const { file, sync } = heldFile();
    const { add } = queueOn(file, { records: 10n, ms: NEVER });
    await add(10);
    const first = await sync(1);
    await add(10);
    first();
    (await sync(2))();
  });

  it("forgets no sync that falls due, by time, while another is in flight", async () => {
    const { file, sync } = heldFile();
    const { add, synced, passTime } = queueOn(file, { records: 10n, ms: 1000n });
    await add(10);
    const first = await sync(1);
    await add(1);
    passTime();
    first();
    (await sync(2))();
    await new Promise((resolve) => setImmediate(resolve));
    expect(synced).toEqual([10n, 11n]);
  });

  it("syncs nothing before it is due", async () => {
    const { file, sync, syncs } = heldFile();
    const { add, synced } = queueOn(file, { records: 10n, ms: 1000n });
    for (let at = 0; at < 9; at++) await add(1);
    expect(syncs).toHaveLength(0);
    await add(1);
    (await sync(1))();
    await add(1);
    expect([syncs.length, synced]).toEqual([1, [10n]]);
  });
});

describe("how it is synced, changed while the queue runs", () => {
  const lazy = { records: 10n, ms: 1000n };

  it("lets those that wait for a sync go on as soon as written counts, each once and in order", async () => {
    const { file, sync, syncs } = heldFile();
    const { append, add, change, advances, synced } = queueOn(file, undefined);
    const first = append(1);
    const end = await sync(1);
    const second = append(1);
    await second.written.promise;
    expect(advances).toEqual([]);
    change(lazy);
    await Promise.all([first.synced.promise, second.synced.promise]);
    await add(1);
    expect(advances).toEqual([1n, 2n, 3n]);
    end();
    // It had fallen due while the first was in flight.
    (await sync(2))();
    await new Promise((resolve) => setImmediate(resolve));
    expect([advances, synced, syncs.length]).toEqual([[1n, 2n, 3n], [1n, 3n], 2]);
  });

  it("syncs at once what counts already when nothing may count any more before it is", async () => {
    const { file, sync } = heldFile();
    const { queue, append, add, change, advances } = queueOn(file, lazy);
    await add(3);
    expect(queue.isAhead).toBe(true);
    change(undefined);
    const end = await sync(1);
    const next = append(1);
    await next.written.promise;
    expect([advances, queue.isAhead]).toEqual([[3n], true]);
    end();
    const last = await sync(2);
    expect([advances, queue.isAhead]).toEqual([[3n], false]);
    last();
    await next.synced.promise;
    expect(advances).toEqual([3n, 4n]);
  });

  it("counts by the new number of records, and in the new time", async () => {
    const { file, sync, syncs } = heldFile();
    const { add, change, passTime } = queueOn(file, { records: NEVER, ms: NEVER });
    await add(5);
    change({ records: 6n, ms: 1000n });
    expect(syncs).toHaveLength(0);
    passTime();
    (await sync(1))();
    await new Promise((resolve) => setImmediate(resolve));
    await add(5);
    change({ records: 5n, ms: NEVER });
    (await sync(2))();
  });
});
