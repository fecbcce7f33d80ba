import { Zstd } from "@hpcc-js/wasm-zstd";
import { beforeAll, describe, expect, test } from "vitest";
import { clickStreamBytes } from "../../bench/click-stream.ts";
import { CODEC_ZSTD } from "../../engine-as/format.ts";
import { BAD_FRAME } from "../../engine-as/status.ts";
import { damaged } from "./damage.ts";
import { DamagedDecompress } from "./damaged-decompress.ts";
import { GuardedMemory } from "./guarded.ts";
import { engineKinds, loadExports } from "./load.ts";
import { Random } from "./random.ts";

const ROUNDS = 20_000;
const SIZE_MAX = 300_000;
/** Up to the end of the widest frame header that these frames have. */
const HEADER_BYTES = 9;

interface Source {
  data: Uint8Array;
  bytes: Uint8Array;
}

let zstd: Zstd;
beforeAll(async () => void (zstd = await Zstd.load()));

/** Frames of all levels: 30 short ones, then 10 of several blocks. */
function sources(random: Random): Source[] {
  const events = clickStreamBytes(random.word(), SIZE_MAX);
  return Array.from({ length: 40 }, (_, index) => {
    const size = index < 30 ? 1 + random.below(3000) : 131_072 + random.below(150_000);
    const letters = random.bytes(size).map((byte) => byte & 15);
    const data = [random.text(size), letters, events.slice(0, size)][index % 3] ?? letters;
    return { data, bytes: zstd.compress(data, 1 + random.below(19)) };
  });
}

describe.each(engineKinds)("damaged Zstandard, %s build", (kind) => {
  test(`${ROUNDS} damaged frames neither trap nor write outside their output`, () => {
    const random = new Random(0x25d4a3e);
    const memory = new GuardedMemory(loadExports(kind), 3 * SIZE_MAX);
    const made = sources(random);
    const decoder = new DamagedDecompress(memory, CODEC_ZSTD);
    for (let round = 0; round < ROUNDS; round++) {
      const source = made[round % 100 === 0 ? 30 + random.below(10) : random.below(30)];
      if (source === undefined) throw new Error("no source");
      const bytes = damaged(source.bytes, random, random.oneIn(20) ? 0 : HEADER_BYTES);
      // Room for all of it, for less, for nothing, and for more.
      const size = source.data.length;
      const room = [size, random.below(size + 1), 0, size + random.below(1000)][random.below(4)] ?? 0;
      decoder.take(bytes, room, `round ${round} of seed ${random.seed}`);
    }
    decoder.expectAllMet(ROUNDS);
  });

  test("damaged blocks mean to the engine what they mean to libzstd", () => {
    const random = new Random(0x25d0b1e);
    const memory = new GuardedMemory(loadExports(kind), 3 * SIZE_MAX);
    const made = sources(random).slice(0, 30);
    const agreed = { sound: 0, bad: 0 };
    for (let round = 0; round < 4000; round++) {
      const source = made[random.below(made.length)];
      if (source === undefined) throw new Error("no source");
      const bytes = random.oneIn(10) ? source.bytes : damaged(source.bytes, random, HEADER_BYTES);
      let expected: Uint8Array | undefined;
      try {
        expected = zstd.decompress(bytes);
      } catch {
        expected = undefined;
      }
      const room = source.data.length;
      const [input, output] = memory.lay(bytes, room);
      if (input === undefined || output === undefined) throw new Error("no regions");
      const status = memory.exports.decompress(CODEC_ZSTD, input.at, input.bytes, output.at, room);
      const where = `round ${round} of seed ${random.seed}`;
      if (expected === undefined) {
        expect(status, where).toBe(BAD_FRAME);
        agreed.bad++;
      } else {
        expect(status, where).toBe(expected.length);
        const found = memory.bytes.subarray(output.at, output.at + status);
        if (Buffer.compare(found, expected) !== 0) expect.fail(`${where}: other bytes`);
        agreed.sound++;
      }
    }
    expect(Math.min(agreed.bad, agreed.sound)).toBeGreaterThan(300);
  });

  test("frames that are cut off anywhere are refused", () => {
    const random = new Random(0x25dc07);
    const memory = new GuardedMemory(loadExports(kind), 3 * SIZE_MAX);
    for (const { data, bytes } of sources(random).slice(0, 6)) {
      for (let length = 0; length < bytes.length; length++) {
        const [input, output] = memory.lay(bytes.subarray(0, length), data.length);
        if (input === undefined || output === undefined) throw new Error("no regions");
        const status = memory.exports.decompress(CODEC_ZSTD, input.at, length, output.at, data.length);
        expect(status, `${length} of ${bytes.length}`).toBe(BAD_FRAME);
      }
    }
  });
});
