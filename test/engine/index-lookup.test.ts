import { describe, expect, test } from "vitest";
import { HEAP_AT } from "../../engine-as/format.ts";
import { BAD_ARGUMENT, OK } from "../../engine-as/status.ts";
import { GuardedMemory } from "./guarded.ts";
import { engineKinds, loadEngine, loadExports } from "./load.ts";
import { Random } from "./random.ts";

const SIZES = [0, 1, 2, 3, 255, 256, 257, 513, 1000, 40_000];

function sorted(random: Random, count: number, limit: number): number[] {
  return Array.from({ length: count }, () => random.below(limit)).toSorted((a, b) => a - b);
}

describe.each(engineKinds)("index lookups, %s build", (kind) => {
  const engine = loadEngine(kind);

  test.each(SIZES)("of offsets among %i entries find the last at or before", (count) => {
    const random = new Random(count);
    const offsets = sorted(random, count, 2 ** 31 - 1);
    const index = Buffer.alloc(count * 8);
    for (const [entry, offset] of offsets.entries()) {
      index.writeInt32BE(offset, entry * 8);
      index.writeInt32BE(entry * 10 + 1, entry * 8 + 4);
    }
    const targets = [0, 1, 2 ** 31 - 1, 2 ** 31, 2 ** 40, -1, -(2 ** 40)];
    for (let round = 0; round < 300; round++) {
      const near = (offsets[random.below(count)] ?? 0) + random.below(3) - 1;
      targets.push(near, random.below(2 ** 31 - 1));
    }
    for (const target of targets) {
      const expected = offsets.findLastIndex((offset) => offset <= target);
      expect(engine.lookupOffset(index, target), `target ${target}`).toBe(
        expected < 0 ? 0 : expected * 10 + 1,
      );
    }
    // Together they find what each finds alone, however many there are.
    const wanted = Int32Array.from(targets.filter((target) => Math.abs(target) < 2 ** 31));
    for (const take of [0, 1, 2, 3, 4, 5, 63, 64, 65, 200, wanted.length]) {
      const some = wanted.subarray(wanted.length - take);
      expect([...engine.lookupOffsets(index, some)], `${take} targets`).toEqual(
        [...some].map((target) => engine.lookupOffset(index, target)),
      );
    }
  });

  test.each(SIZES)("of times among %i entries find the last strictly before", (count) => {
    const random = new Random(count);
    const times = sorted(random, count, 2 ** 42);
    const index = Buffer.alloc(count * 12);
    for (const [entry, time] of times.entries()) {
      index.writeBigInt64BE(BigInt(time), entry * 12);
      index.writeInt32BE(entry * 10 + 1, entry * 12 + 8);
    }
    const targets = [0n, -1n, -(2n ** 63n), 2n ** 63n - 1n];
    for (let round = 0; round < 300; round++) {
      targets.push(
        BigInt((times[random.below(count)] ?? 0) + random.below(3) - 1),
        BigInt(random.below(2 ** 42)),
      );
    }
    for (const target of targets) {
      const expected = times.findLastIndex((time) => BigInt(time) < target);
      expect(engine.lookupTime(index, target), `target ${target}`).toBe(expected < 0 ? 0 : expected * 10 + 1);
    }
    const wanted = BigInt64Array.from(targets);
    for (const take of [0, 1, 2, 3, 4, 5, 63, 64, 65, 200, wanted.length]) {
      const some = wanted.subarray(wanted.length - take);
      expect([...engine.lookupTimes(index, some)], `${take} targets`).toEqual(
        [...some].map((target) => engine.lookupTime(index, target)),
      );
    }
  });

  test("together write their results and nothing beside them, and look at no entry that is not there", () => {
    const memory = new GuardedMemory(loadExports(kind), 1 << 20);
    for (let seed = 1; seed <= 300; seed++) {
      const random = new Random(seed);
      const entries = random.below(40);
      const count = random.below(140);
      for (const [name, entryBytes, targetBytes] of [
        ["lookupOffsets", 8, 4],
        ["lookupTimes", 12, 8],
      ] as const) {
        const inputs = [random.bytes(entries * entryBytes), random.bytes(count * targetBytes), count * 4];
        const regions = memory.lay(...inputs);
        const [index, targets, results] = regions.map((region) => region.at) as [number, number, number];
        expect(memory.exports[name](index, entries, targets, count, results)).toBe(OK);
        if (!memory.isUntouched(regions, inputs)) expect.fail(`${name}, seed ${seed}: written outside`);
      }
    }
  });

  test("together refuse regions that are not the host's", () => {
    const exports = loadExports(kind);
    const end = exports.memory.buffer.byteLength;
    for (const name of ["lookupOffsets", "lookupTimes"] as const) {
      const lookup = (...values: [number, number, number, number, number]): number =>
        exports[name](...values);
      expect(lookup(HEAP_AT, 3, HEAP_AT + 100, 3, HEAP_AT + 200)).toBe(OK);
      expect(lookup(HEAP_AT, -1, HEAP_AT + 100, 3, HEAP_AT + 200)).toBe(BAD_ARGUMENT);
      expect(lookup(HEAP_AT, 3, HEAP_AT + 100, -3, HEAP_AT + 200)).toBe(BAD_ARGUMENT);
      expect(lookup(HEAP_AT, 2 ** 30, HEAP_AT + 100, 3, HEAP_AT + 200)).toBe(BAD_ARGUMENT);
      expect(lookup(HEAP_AT, 3, end - 40, 3, HEAP_AT + 200)).toBe(BAD_ARGUMENT);
      expect(lookup(HEAP_AT, 3, HEAP_AT + 100, 3, end - 40)).toBe(BAD_ARGUMENT);
      expect(lookup(100, 3, HEAP_AT + 100, 3, HEAP_AT + 200)).toBe(BAD_ARGUMENT);
    }
  });

  test("half an entry at the end, as a crash may leave it, is not looked at", () => {
    const index = Buffer.from("0000000a00000064" + "000000", "hex");
    expect(engine.lookupOffset(index, 2 ** 31 - 1)).toBe(100);
    expect(engine.lookupTime(Buffer.from("00000000000000050000000a" + "0000", "hex"), 6n)).toBe(10);
  });
});
