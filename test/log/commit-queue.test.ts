import { describe, expect, it } from "vitest";
import { CommitQueue, type CommitHost } from "../../log/commit-queue.ts";
import { Segment } from "../../log/segment.ts";
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

function queueOn(file: StoreFile, lazyFlush: { records: bigint; ms: bigint }) {
  const segment = new Segment(0n, "0.log");
  segment.file = file;
  const synced: bigint[] = [];
  const host: CommitHost = {
    lazyFlush: () => lazyFlush,
    roll: () => Promise.resolve(),
    advanced: () => {},
    synced: (last) => void synced.push(last.segmentEnd),
    syncFailed: () => {},
    failed: (error) => error,
  };
  let passTime = (): void => {};
  const queue = new CommitQueue(
    { ...clock, setTimer: (_delayMs, callback) => ((passTime = callback), () => (passTime = () => {})) },
    host,
  );
  const add = async (records: number): Promise<void> => {
    segment.endOffset += BigInt(records);
    const to = segment.endOffset;
    await queue.add({ segment, bytes: new Uint8Array(1), to, maxTimestamp: -1n, records }).synced.promise;
  };
  return { add, synced, passTime: () => passTime() };
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
