import { describe, expect, test } from "vitest";
import { ATTRIBUTES_AT, BATCH_LENGTH_AT, CRC_AT, MAGIC_AT } from "../../engine-as/format.ts";
import { BAD_CRC, OK, TORN } from "../../engine-as/status.ts";
import { BatchHeader } from "../../log/batch.ts";
import type { Engine } from "../../log/engine.ts";
import { options } from "./batches.ts";
import { engineKinds, loadEngine } from "./load.ts";
import { Random } from "./random.ts";

const BATCH_BYTES_MAX = 1 << 20;

/** Batches of very different sizes, with the offsets that a leader gives them, and where each begins. */
function makeSegment(
  engine: Engine,
  random: Random,
  count: number,
): { segment: Uint8Array; starts: number[] } {
  const starts: number[] = [];
  let bytes = 0;
  const batches = Array.from({ length: count }, (_, index) => {
    const value = random.text(random.below(random.oneIn(8) ? 40_000 : 400));
    const batch = engine.writeBatch([{ key: null, value, timestamp: index }], options());
    new BatchHeader(batch).stamp(BigInt(index), random.below(9));
    starts.push(bytes);
    bytes += batch.length;
    return batch;
  });
  return { segment: new Uint8Array(Buffer.concat(batches)), starts };
}

/** All at once, or in pieces. */
function scan(
  engine: Engine,
  segment: Uint8Array,
  pieceBytes: number,
): { status: number; validBytes: number } {
  const limits = { indexIntervalBytes: 4096, batchBytesMax: BATCH_BYTES_MAX };
  const scanner = engine.scanner({ baseOffset: 0n, nextOffset: 0n, position: 0, ...limits });
  let status: number = OK;
  for (let at = 0; at < segment.length && (status === OK || status === TORN); at += pieceBytes)
    status = scanner.feed(segment.subarray(at, at + pieceBytes));
  return { status, validBytes: scanner.validBytes };
}

/** The same by a look at one batch after the other. */
function walk(engine: Engine, segment: Uint8Array): { status: number; validBytes: number } {
  let at = 0;
  while (at < segment.length) {
    const status = engine.checkBatch(segment.subarray(at), false, 0);
    if (status < 0) return { status, validBytes: at };
    at += status;
  }
  return { status: OK, validBytes: at };
}

describe.each(engineKinds)("CRCs of a run of batches, %s build", (kind) => {
  const engine = loadEngine(kind);

  test("match when each one's does, whatever the sizes", () => {
    for (let seed = 1; seed <= 60; seed++) {
      const random = new Random(seed);
      const { segment } = makeSegment(engine, random, 1 + random.below(60));
      const sound = { status: OK, validBytes: segment.length };
      expect(scan(engine, segment, segment.length), `seed ${seed}`).toEqual(sound);
      expect(scan(engine, segment, 1 + random.below(segment.length)), `seed ${seed}`).toEqual(sound);
    }
  });

  test("one bit that has flipped in any batch stops the scan before that batch", () => {
    const { segment, starts } = makeSegment(engine, new Random(7), 24);
    const random = new Random(8);
    for (let round = 0; round < 400; round++) {
      const batch = random.below(starts.length);
      const start = starts[batch] ?? 0;
      const end = starts[batch + 1] ?? segment.length;
      const at = random.oneIn(3)
        ? start + CRC_AT + random.below(4)
        : start + ATTRIBUTES_AT + random.below(end - start - ATTRIBUTES_AT);
      const bit = 1 << random.below(8);
      segment[at] = (segment[at] ?? 0) ^ bit;
      expect(scan(engine, segment, segment.length), `byte ${at}, bit ${bit}`).toEqual({
        status: BAD_CRC,
        validBytes: start,
      });
      segment[at] = (segment[at] ?? 0) ^ bit;
    }
    expect(scan(engine, segment, segment.length).status).toBe(OK);
  });

  test("the same damage in two batches, and CRCs that have changed places, do not cancel out", () => {
    const random = new Random(11);
    const one = engine.writeBatch([{ key: null, value: random.text(500), timestamp: 1 }], options());
    const other = engine.writeBatch([{ key: null, value: random.text(500), timestamp: 1 }], options());
    const segment = new Uint8Array(Buffer.concat([one, other, one, other, one, other]));
    const size = one.length;
    for (let batch = 0; batch < 6; batch++) new BatchHeader(segment, batch * size).stamp(BigInt(batch), 0);
    expect(scan(engine, segment, segment.length)).toEqual({ status: OK, validBytes: 6 * size });
    for (let at = CRC_AT; at < size; at++) {
      const damagedTwice = segment.slice();
      for (const batch of [1, 4]) damagedTwice[batch * size + at] = (segment[batch * size + at] ?? 0) ^ 0x55;
      const found = scan(engine, damagedTwice, segment.length);
      if (found.status !== BAD_CRC || found.validBytes !== size) expect.fail(`byte ${at}`);
    }
    const swapped = segment.slice();
    swapped.set(segment.subarray(size + CRC_AT, size + CRC_AT + 4), CRC_AT);
    swapped.set(segment.subarray(CRC_AT, CRC_AT + 4), size + CRC_AT);
    expect(scan(engine, swapped, segment.length)).toEqual({ status: BAD_CRC, validBytes: 0 });
  });

  test("any damage ends the scan where, and as, a look at each batch does", () => {
    for (let seed = 1; seed <= 600; seed++) {
      const random = new Random(seed);
      const { segment, starts } = makeSegment(engine, random, 2 + random.below(20));
      for (let change = random.below(4); change >= 0; change--) {
        const start = starts[random.below(starts.length)] ?? 0;
        const field = [BATCH_LENGTH_AT, MAGIC_AT, CRC_AT, ATTRIBUTES_AT, 60, 80][random.below(6)] ?? 0;
        const at = Math.min(start + field + random.below(4), segment.length - 1);
        segment[at] = random.oneIn(2) ? random.word() & 255 : (segment[at] ?? 0) ^ (1 << random.below(8));
      }
      const found = scan(
        engine,
        segment,
        random.oneIn(2) ? segment.length : 1 + random.below(segment.length),
      );
      const expected = walk(engine, segment);
      expect(found.validBytes, `seed ${seed}`).toBe(expected.validBytes);
      // The scan judges a size before it waits for the bytes.
      if (expected.status !== TORN) expect(found.status, `seed ${seed}`).toBe(expected.status);
      else expect(found.status, `seed ${seed}`).not.toBe(OK);
    }
  });
});
