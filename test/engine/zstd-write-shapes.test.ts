import { Zstd } from "@hpcc-js/wasm-zstd";
import { describe, expect, test } from "vitest";
import { CODEC_ZSTD } from "../../engine-as/format.ts";
import { OUTPUT_FULL } from "../../engine-as/status.ts";
import { GuardedMemory } from "./guarded.ts";
import { engineKinds, loadExports } from "./load.ts";
import { Random } from "./random.ts";
import { zstdAnatomy } from "./zstd-anatomy.ts";
import { countParts, type Counts } from "./zstd-walker.ts";

const ROUNDS = 1200;
const INPUT_MAX = 300_000;

const libzstd = await Zstd.load();

/** Bytes of a random shape: how much of it comes again, from how far, how long, and how even the rest is. */
function shaped(random: Random, size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  const symbols = 1 + random.below(256);
  const evenness = 1 + random.below(5);
  const matchesInTen = random.below(11);
  const backMax = 2 ** random.below(19);
  const matchBits = 1 + random.below(17);
  const literalBits = 1 + random.below(random.oneIn(8) ? 17 : 7);
  for (let at = 0; at < size;) {
    if (at > 0 && random.below(10) < matchesInTen) {
      const back = 1 + random.below(Math.min(at, backMax));
      const end = Math.min(size, at + 3 + random.below(2 ** random.below(matchBits + 1)));
      for (; at < end; at++) bytes[at] = bytes[at - back] ?? 0;
    } else {
      const end = Math.min(size, at + 1 + random.below(2 ** random.below(literalBits + 1)));
      for (; at < end; at++) bytes[at] = symbols * (random.word() / 2 ** 32) ** evenness;
    }
  }
  return bytes;
}

describe.each(engineKinds)("Zstandard, %s build", (kind) => {
  test(`${ROUNDS} random shapes are read by libzstd, and nothing outside the output is written`, () => {
    const random = new Random(0x25d7);
    const exports = loadExports(kind);
    const memory = new GuardedMemory(exports, 2 * INPUT_MAX + 2000);
    const counts: Counts = new Map();
    for (let round = 0; round < ROUNDS; round++) {
      const size = round % 100 === 0 ? random.below(INPUT_MAX) : random.below(2 ** random.below(15));
      const data = shaped(random, size);
      const room = exports.compressedBytesMax(CODEC_ZSTD, size);
      const [input, output] = memory.lay(data, room);
      if (input === undefined || output === undefined) throw new Error("no regions");
      const where = `round ${round} of seed ${random.seed}, ${size} bytes`;
      expect(exports.compress(CODEC_ZSTD, input.at, size, output.at, room - 1), where).toBe(OUTPUT_FULL);
      const status = exports.compress(CODEC_ZSTD, input.at, size, output.at, room);
      if (status <= 0 || status > room) expect.fail(`${where}: answered ${status}`);
      if (!memory.isUntouched([input, output], [data, room])) expect.fail(`${where}: wrote outside`);
      const frame = memory.bytes.slice(output.at, output.at + status);
      if (Buffer.compare(libzstd.decompress(frame), data) !== 0) expect.fail(`${where}: other bytes`);
      const anatomy = zstdAnatomy(frame);
      expect({ size: anatomy.size, contentSize: anatomy.contentSize }, where).toEqual({
        size: status,
        contentSize: size,
      });
      countParts(frame, counts);
    }
    // Every kind of block and of literals was really met.
    for (const part of [
      "raw block",
      "rle block",
      "raw literals",
      "compressed 1 literals",
      "compressed 4 literals",
    ]) {
      expect(counts.get(part), part).toBeGreaterThan(ROUNDS / 100);
    }
  });

  test("what was compressed before leaves no trace in what is compressed next", () => {
    const random = new Random(0xf1e5);
    const used = loadExports(kind);
    const memory = new GuardedMemory(used, 2 * INPUT_MAX + 2000);
    for (let round = 0; round < 40; round++) {
      const data = shaped(random, random.below(round % 10 === 0 ? INPUT_MAX : 3000));
      const room = used.compressedBytesMax(CODEC_ZSTD, data.length);
      const frames = [memory, new GuardedMemory(loadExports(kind), 2 * INPUT_MAX + 2000)].map((each) => {
        const [input, output] = each.lay(data, room);
        if (input === undefined || output === undefined) throw new Error("no regions");
        const status = each.exports.compress(CODEC_ZSTD, input.at, data.length, output.at, room);
        return each.bytes.slice(output.at, output.at + status);
      });
      const [again, fresh] = frames;
      if (again === undefined || fresh === undefined || Buffer.compare(again, fresh) !== 0)
        expect.fail(`round ${round} of seed ${random.seed}`);
    }
  });
});
