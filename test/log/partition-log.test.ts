import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { FileStore } from "../../gateway/store/file-store.ts";
import { realFiles } from "../gateway/real-files.ts";
import { BatchHeader } from "../../log/batch.ts";
import { MemoryStore } from "../../log/memory-store.ts";
import { PartitionLog } from "../../log/partition-log.ts";
import type { Store } from "../../log/store.ts";
import { ErrorCode } from "../../wire/errors.ts";
import {
  appendAll,
  batchOf,
  config,
  failureOf,
  openLeader,
  optionsFor,
  readBatches,
  readValues,
  splitBatches,
  START_MS,
} from "./harness.ts";

const stores: [
  string,
  () => Promise<{ store: Store; again: () => Promise<Store>; dispose: () => Promise<void> }>,
][] = [
  [
    "memory",
    () => {
      const store = new MemoryStore();
      return Promise.resolve({
        store,
        again: () => Promise.resolve(store),
        dispose: () => Promise.resolve(),
      });
    },
  ],
  [
    "files",
    async () => {
      const directory = await mkdtemp(join(tmpdir(), "rivulet-log-"));
      return {
        store: await FileStore.open(directory, realFiles),
        again: () => FileStore.open(directory, realFiles),
        dispose: () => rm(directory, { recursive: true }),
      };
    },
  ],
];

describe.each(stores)("a partition on %s", (_name, create) => {
  let place: Awaited<ReturnType<typeof create>>;
  beforeEach(async () => {
    place = await create();
  });
  afterEach(() => place.dispose());

  it("gives offsets in call order and reads back what was appended", async () => {
    const log = await openLeader(place.store);
    const first = log.append(batchOf(["a", "b"]));
    const second = log.append(batchOf(["c"]));
    expect([first.baseOffset, first.lastOffset, second.baseOffset]).toEqual([0n, 1n, 2n]);
    expect(log.logEndOffset).toBe(3n);
    expect(log.highWatermark).toBe(0n);
    await Promise.all([first.synced, second.synced]);
    expect(log.highWatermark).toBe(3n);
    expect(await readValues(log)).toEqual([
      [0n, "a"],
      [1n, "b"],
      [2n, "c"],
    ]);
    await log.close();
  });

  it("stamps offset and leader epoch and changes no other byte", async () => {
    const log = await openLeader(place.store, {}, 7);
    const sent = batchOf(["a", "b"], { producerId: 5n, producerEpoch: 0, baseSequence: 0 });
    const sealed = sent.slice();
    await appendAll(log, [batchOf(["first"]), sent]);
    const [, stored] = await readBatches(log);
    expect(stored).toBeDefined();
    const header = new BatchHeader(stored ?? sealed);
    expect([header.baseOffset, header.leaderEpoch]).toEqual([1n, 7]);
    expect(stored?.subarray(16)).toEqual(sealed.subarray(16));
    await log.close();
  });

  it("reads from within a batch, at least one batch, never more than asked beyond it", async () => {
    const log = await openLeader(place.store, { config: config({ "index.interval.bytes": 200 }) });
    const values = Array.from({ length: 60 }, (_, at) => [`${at}-a`, `${at}-b`, `${at}-c`]);
    await appendAll(
      log,
      values.map((three) => batchOf(three)),
    );
    const size = (await log.read(0n, 1)).bytes.length;
    for (let offset = 0n; offset < 180n; offset++) {
      const one = await log.read(offset, 1);
      expect(new BatchHeader(one.bytes).baseOffset).toBe(offset - (offset % 3n));
      expect([one.from, one.to]).toEqual([offset, offset - (offset % 3n) + 3n]);
    }
    expect(splitBatches((await log.read(4n, size * 4)).bytes).length).toBeGreaterThanOrEqual(3);
    expect((await log.read(4n, size * 4)).bytes.length).toBeLessThanOrEqual(size * 4);
    expect(await log.read(180n, 100)).toEqual({ bytes: new Uint8Array(0), from: 180n, to: 180n });
    expect((await failureOf(() => log.read(181n, 100))).code).toBe(ErrorCode.OFFSET_OUT_OF_RANGE);
    expect((await failureOf(() => log.read(-1n, 100))).code).toBe(ErrorCode.OFFSET_OUT_OF_RANGE);
    await log.close();
  });

  it("tells of every move of the high watermark, with the bytes, before anyone is acknowledged", async () => {
    const log = await openLeader(place.store, { config: config({ "segment.bytes": 500 }) });
    const heard: Uint8Array[] = [];
    let position = 0n;
    log.onAdvance(({ from, to, pieces }) => {
      expect(from).toBe(position);
      expect(to).toBe(log.highWatermark);
      position = to;
      heard.push(...pieces.map((piece) => piece.slice()));
    });
    const results = Array.from({ length: 40 }, (_, at) => log.append(batchOf([`value ${at}`])));
    for (const { synced, lastOffset } of results) {
      await synced;
      expect(position).toBeGreaterThan(lastOffset);
    }
    expect(heard.flatMap(splitBatches)).toEqual(await readBatches(log));
    await log.close();
  });

  it("goes on where it stopped after a clean close, and rolls segments by size", async () => {
    const options = { config: config({ "segment.bytes": 1000, "index.interval.bytes": 100 }) };
    const expected: [bigint, string][] = [];
    for (let round = 0; round < 4; round++) {
      const store = round === 0 ? place.store : await place.again();
      const log = await openLeader(store, { ...options, clean: round > 0 }, round);
      expect(log.recovery.how).toBe(round === 0 ? "new" : "clean");
      for (let at = 0; at < 30; at++) {
        const value = `round ${round} value ${at}`;
        expected.push([BigInt(expected.length), value]);
        log.append(batchOf([value]));
      }
      await log.close();
      await store.close();
    }
    const store = await place.again();
    const log = await openLeader(store, { ...options, clean: true }, 4);
    expect(await readValues(log)).toEqual(expected);
    expect(await readValues(log, 50n, 300)).toEqual(expected.slice(50));
    expect((await store.list("orders-0/")).filter((name) => name.endsWith(".log")).length).toBeGreaterThan(5);
    for (let epoch = 0; epoch < 4; epoch++) {
      expect(log.endOffsetForEpoch(epoch)).toEqual({ epoch, endOffset: BigInt(30 * (epoch + 1)) });
    }
    expect(log.leaderEpochAt(45n)).toBe(1);
    await log.close();
    await store.close();
  });

  it("finds records by timestamp, across segments and within a batch", async () => {
    const log = await openLeader(place.store, {
      config: config({ "segment.bytes": 600, "index.interval.bytes": 100 }),
    });
    for (let at = 0; at < 50; at++)
      await log.append(batchOf([`${at}`, `${at}'`], { timestamp: START_MS - 100_000 + at * 10 })).synced;
    for (let at = 0; at < 50; at++) {
      const found = await log.offsetForTimestamp(BigInt(START_MS - 100_000 + at * 10 - 5));
      expect(found).toEqual({
        offset: BigInt(at * 2),
        timestamp: BigInt(START_MS - 100_000 + at * 10),
        leaderEpoch: 0,
      });
    }
    expect(await log.offsetForTimestamp(0n)).toMatchObject({ offset: 0n });
    expect(await log.offsetForTimestamp(BigInt(START_MS))).toBeUndefined();
    expect(await log.maxTimestamp()).toEqual({
      offset: 98n,
      timestamp: BigInt(START_MS - 100_000 + 490),
      leaderEpoch: 0,
    });
    await log.close();
  });

  it("refuses to open the directory of another topic", async () => {
    const log = await openLeader(place.store);
    await appendAll(log, [batchOf(["a"])]);
    await log.close();
    const other = optionsFor(place.store, { topicId: "BBECAwQFBgcICQoLDA0ODw" });
    const error = await failureOf(() => PartitionLog.open(other));
    expect(error.code).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
    expect(error.message).toContain("orders-0");
  });

  it("deletes all its files, and calls on it say that it is gone", async () => {
    const log = await openLeader(place.store);
    await appendAll(log, [batchOf(["a"])]);
    const late = log.append(batchOf(["b"]));
    await log.delete();
    expect((await failureOf(() => late.synced)).code).toBe(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
    expect((await failureOf(() => log.append(batchOf(["c"])))).code).toBe(
      ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
    );
    expect((await failureOf(() => log.read(0n, 10))).code).toBe(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
    expect(await place.store.list("orders-0/")).toEqual([]);
  });
});
