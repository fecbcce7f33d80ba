import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ClosedSegmentSource, ListedSegment } from "../../sync/history.ts";
import type { DataRange } from "../../sync/joined-range.ts";
import { segmentRanges } from "../../sync/segment-ranges.ts";
import { ErrorCode } from "../../wire/errors.ts";
import { batchOf } from "../gateway/batches.ts";

/** Batches with one record each, holes between their offsets. */
function segmentOf(sizes: readonly { hole: number; bytes: number }[]): {
  listed: ListedSegment;
  bytes: Buffer;
} {
  let offset = 100n;
  const batches = sizes.map(({ hole, bytes }) => {
    const batch = Buffer.from(batchOf([Buffer.alloc(bytes, "v")]));
    offset += BigInt(hole);
    batch.writeBigInt64BE(offset, 0);
    offset += 1n;
    return batch;
  });
  const bytes = Buffer.concat(batches);
  return { listed: { from: 100n, to: offset + 5n, bytes: bytes.byteLength, digest: "00000000" }, bytes };
}

/** Gives the bytes in pieces, and breaks off where it is told to. */
function sourceOf(bytes: Uint8Array, pieces: readonly number[], breaks: Set<number>): ClosedSegmentSource {
  let at = 0;
  return {
    list: () => Promise.reject(new Error("is not asked for")),
    async *read(_partition, _segment, position) {
      for (let next = position; next < bytes.byteLength;) {
        const size = pieces[at++ % pieces.length] ?? 1;
        await Promise.resolve();
        if (breaks.delete(at)) throw new Error("the connection was lost");
        yield bytes.subarray(next, (next += size));
      }
    },
  };
}

async function ranges(
  listed: ListedSegment,
  source: ClosedSegmentSource,
  bytesMax: number,
): Promise<DataRange[]> {
  const read = { source, partition: { topicId: "t", partition: 0 }, segment: listed, highWatermark: 900n };
  const { signal } = new AbortController();
  const taken: DataRange[] = [];
  for await (const range of segmentRanges({ ...read, bytesMax, signal, token: undefined })) taken.push(range);
  return taken;
}

const seed = Number(process.env["RIVULET_SEED"] ?? 20_26);

describe("a closed segment", () => {
  it("is read whole, in ranges that join, however its body is cut and breaks off", async () => {
    const sizes = fc.array(fc.record({ hole: fc.nat(3), bytes: fc.nat(400) }), {
      minLength: 1,
      maxLength: 30,
    });
    const cuts = fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1, maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(
        sizes,
        cuts,
        fc.integer({ min: 1, max: 900 }),
        fc.nat(12),
        async (of, pieces, max, gap) => {
          const { listed, bytes } = segmentOf(of);
          // So many may bring nothing new.
          const breaks = new Set([gap, gap + 1]);
          const taken = await ranges(listed, sourceOf(bytes, pieces, breaks), max);
          let next = listed.from;
          for (const range of taken) {
            expect(range).toMatchObject({ kind: "data", from: next, highWatermark: 900n });
            next = range.to;
          }
          expect(next).toBe(listed.to);
          expect(Buffer.concat(taken.map(({ records }) => records)).equals(bytes)).toBe(true);
        },
      ),
      { seed, numRuns: 300 },
    );
  });

  it("gives up on a body that breaks off where it began, again and again", async () => {
    const { listed, bytes } = segmentOf([{ hole: 0, bytes: 300 }]);
    const source = sourceOf(bytes, [100], new Set([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]));
    await expect(ranges(listed, source, 1000)).rejects.toMatchObject({ code: ErrorCode.NETWORK_EXCEPTION });
  });

  it.each<[string, (bytes: Buffer, listed: ListedSegment) => ListedSegment]>([
    ["more bytes than were listed", (_bytes, listed) => ({ ...listed, bytes: listed.bytes - 1 })],
    ["a batch beyond its range", (_bytes, listed) => ({ ...listed, to: listed.from + 1n })],
    ["a batch before its range", (bytes, listed) => (bytes.writeBigInt64BE(7n, 0), listed)],
    ["a batch of no size", (bytes, listed) => (bytes.writeInt32BE(0, 8), listed)],
    ["a batch that is too large", (bytes, listed) => (bytes.writeInt32BE(2 ** 31 - 1, 8), listed)],
  ])("%s is refused, and not asked for again", async (_what, damage) => {
    const { listed, bytes } = segmentOf([
      { hole: 0, bytes: 300 },
      { hole: 0, bytes: 300 },
    ]);
    const damaged = damage(bytes, listed);
    let reads = 0;
    const source = sourceOf(bytes, [90], new Set());
    const counted = {
      ...source,
      read: (...asked: Parameters<ClosedSegmentSource["read"]>) => (reads++, source.read(...asked)),
    };
    await expect(ranges(damaged, counted, 200)).rejects.toMatchObject({ code: ErrorCode.CORRUPT_MESSAGE });
    expect(reads).toBe(1);
  });
});
