/** Reading a partition from its end to its start: the same batches as forwards, whatever the size of the pieces. */
import { describe, expect, it } from "vitest";
import { BatchHeader } from "../../log/batch.ts";
import type { Partition } from "../../log/offline-partition.ts";
import { MemoryStore } from "../../log/memory-store.ts";
import { ErrorCode } from "../../wire/errors.ts";
import {
  appendAll,
  batchOf,
  config,
  failureOf,
  openLeader,
  randomOf,
  readBatches,
  recordsOf,
  splitBatches,
} from "./harness.ts";

/** Offsets of the records below `from`, newest first. */
async function offsetsBackwards(log: Partition, from: bigint, bytesMax: number): Promise<bigint[]> {
  const offsets: bigint[] = [];
  for (let before = from; before > log.logStartOffset;) {
    const piece = await log.readBefore(before, bytesMax);
    expect(piece.to).toBe(before);
    expect(piece.from).toBeLessThan(before);
    const found = recordsOf(splitBatches(piece.bytes)).map(({ offset }) => offset);
    offsets.push(...found.filter((offset) => offset >= piece.from && offset < before).toReversed());
    before = piece.from;
  }
  return offsets;
}

describe("reading backwards", () => {
  it.each([1, 2, 3, 4, 5, 6])(
    "gives what reading forwards gives, the other way round (seed %d)",
    async (seed) => {
      const random = randomOf(seed);
      const settings = {
        "segment.bytes": 600 + Math.floor(random() * 3000),
        "index.interval.bytes": Math.floor(random() * 600),
      };
      const store = new MemoryStore();
      const log = await openLeader(store, { config: config(settings) });
      for (let at = 0; at < 60; at++) {
        const size = random() < 0.1 ? 1500 : Math.floor(random() * 80);
        const count = 1 + Math.floor(random() * 5);
        await appendAll(log, [batchOf(Array.from({ length: count }, () => new Uint8Array(size)))]);
      }
      await log.deleteRecordsBefore(BigInt(Math.floor(random() * 40)));
      for (const reader of [log, await openLeader(store, { config: config(settings), clean: false }, 1)]) {
        const all = recordsOf(await readBatches(reader))
          .map(({ offset }) => offset)
          .filter((offset) => offset >= reader.logStartOffset);
        for (const bytesMax of [1, 300, 5000, 1e6]) {
          for (const from of [reader.highWatermark, reader.highWatermark - 1n, all[7] ?? 0n])
            expect(await offsetsBackwards(reader, from, bytesMax)).toEqual(
              all.filter((offset) => offset < from).toReversed(),
            );
        }
      }
    },
  );

  it("takes no more than was asked for, but for the batch and the index interval that it begins in", async () => {
    const log = await openLeader(new MemoryStore(), { config: config({ "index.interval.bytes": 400 }) });
    await appendAll(
      log,
      Array.from({ length: 200 }, () => batchOf([new Uint8Array(100)])),
    );
    const { bytes } = await log.readBefore(150n, 2000);
    expect(bytes.length).toBeGreaterThanOrEqual(2000);
    expect(bytes.length).toBeLessThan(2000 + 400 + 2 * 200);
    expect(new BatchHeader(splitBatches(bytes).at(-1) ?? bytes).baseOffset).toBe(149n);
  });

  it("has nothing at the log start, and refuses what the log does not have", async () => {
    const log = await openLeader(new MemoryStore());
    await appendAll(log, [batchOf(["a", "b"]), batchOf(["c"])]);
    await log.deleteRecordsBefore(1n);
    expect(await log.readBefore(1n, 100)).toMatchObject({ bytes: new Uint8Array(0), from: 1n, to: 1n });
    expect(await log.readBefore(2n, 100)).toMatchObject({ from: 1n, to: 2n });
    for (const offset of [0n, 4n])
      expect((await failureOf(() => log.readBefore(offset, 100))).code).toBe(ErrorCode.OFFSET_OUT_OF_RANGE);
  });
});
