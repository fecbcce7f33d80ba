import { crc32c as native } from "@node-rs/crc32";
import { describe, expect, test } from "vitest";
import { HEAP_AT } from "../../engine-as/format.ts";
import { engineKinds, loadEngine, loadExports } from "./load.ts";
import { Random } from "./random.ts";

/** Around here the kernel changes. */
const EDGES = [
  0, 1, 15, 16, 17, 128, 383, 384, 385, 3071, 3072, 3073, 12287, 12288, 12289, 65536, 71024, 136560,
];

describe.each(engineKinds)("CRC32C, %s build", (kind) => {
  const exports = loadExports(kind);
  const memory = new Uint8Array(exports.memory.buffer);

  test("equals the native one for every short length and thousands of others, alignments and seeds", () => {
    const random = new Random(0xc0ffee);
    const data = random.bytes(400_000);
    memory.set(data, HEAP_AT);
    const check = (start: number, length: number, seed: number): void => {
      const expected = native(data.subarray(start, start + length), seed);
      const found = exports.crc32c(HEAP_AT + start, length, seed) >>> 0;
      if (found !== expected)
        expect.fail(`start ${start} length ${length} seed ${seed}: ${found}, not ${expected}`);
    };
    for (let length = 0; length < 2000; length++) check(length & 63, length, length & 1 ? random.word() : 0);
    for (const edge of EDGES) {
      for (let start = 0; start < 65; start++) {
        for (let more = -2; more <= 2; more++) if (edge + more >= 0) check(start, edge + more, random.word());
      }
    }
    for (let round = 0; round < 1500; round++) {
      const length = random.below(round % 10 === 0 ? 390_000 : 20_000);
      check(random.below(4096), length, random.oneIn(2) ? random.word() : 0);
    }
    // The source is not written to, at any length.
    expect(Buffer.compare(memory.subarray(HEAP_AT, HEAP_AT + data.length), data)).toBe(0);
  });

  test("is the check value that the standard names", () => {
    expect(loadEngine(kind).crc32c(new TextEncoder().encode("123456789"))).toBe(0xe3069283);
    expect(loadEngine(kind).crc32c(new Uint8Array(0))).toBe(0);
  });

  test("of pieces continues to the CRC of the whole, also beyond what is copied in at once", () => {
    const engine = loadEngine(kind);
    const data = new Random(7).bytes(1_300_001);
    const whole = engine.crc32c(data);
    expect(whole).toBe(native(data));
    for (const cut of [0, 1, 600, 5000, 524_288, 1_300_000]) {
      expect(engine.crc32c(data.subarray(cut), engine.crc32c(data.subarray(0, cut)))).toBe(whole);
    }
  });
});
