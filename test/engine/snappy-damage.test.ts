import { describe, expect, test } from "vitest";
import { CODEC_SNAPPY } from "../../engine-as/format.ts";
import { BAD_FRAME, OUTPUT_FULL } from "../../engine-as/status.ts";
import { damaged } from "./damage.ts";
import { DamagedDecompress } from "./damaged-decompress.ts";
import { GuardedMemory } from "./guarded.ts";
import { engineKinds, loadEngine, loadExports } from "./load.ts";
import { Random } from "./random.ts";
import { blocksOf, decodeBlock, frame } from "./snappy-reference.ts";

const ROUNDS = 20_000;
const INPUT_MAX = 200_000;
const OUTPUT_MAX = 200_000;
const HEADER_BYTES = 16;

describe.each(engineKinds)("damaged Snappy, %s build", (kind) => {
  const engine = loadEngine(kind);

  test(`${ROUNDS} damaged frames neither trap nor write outside their output`, () => {
    const random = new Random(0x5a99);
    const memory = new GuardedMemory(loadExports(kind), INPUT_MAX + OUTPUT_MAX);
    const sources = Array.from({ length: 60 }, (_, index) => {
      const data = random.text(index % 20 === 0 ? 150_000 : 1 + random.below(3000));
      const framed = engine.compress(CODEC_SNAPPY, data);
      const [first] = blocksOf(framed);
      return { data, bytes: index % 3 === 1 && first !== undefined ? first : framed };
    });
    const decoder = new DamagedDecompress(memory, CODEC_SNAPPY);
    for (let round = 0; round < ROUNDS; round++) {
      const source = sources[round % 50 === 0 ? random.below(60) : 1 + random.below(19)];
      if (source === undefined) throw new Error("no source");
      const bytes = damaged(source.bytes, random, random.oneIn(20) ? 0 : HEADER_BYTES);
      // Room for all of it, for less, for nothing, and for more.
      const room =
        [source.data.length, random.below(source.data.length + 1), 0, OUTPUT_MAX][random.below(4)] ?? 0;
      decoder.take(bytes, room, `round ${round} of seed ${random.seed}`);
    }
    decoder.expectAllMet(ROUNDS);
  });

  test("damaged blocks mean to the engine what they mean to a decoder that checks every byte", () => {
    const random = new Random(0xb10c);
    const memory = new GuardedMemory(loadExports(kind), INPUT_MAX + OUTPUT_MAX);
    const agreed = { sound: 0, bad: 0 };
    for (let round = 0; round < 4000; round++) {
      const data = random.text(1 + random.below(2500));
      const [block] = blocksOf(engine.compress(CODEC_SNAPPY, data));
      if (block === undefined) throw new Error("no block");
      const bytes = random.oneIn(10) ? block : damaged(block, random, random.oneIn(20) ? 0 : 2);
      const expected = decodeBlock(bytes);
      // Just enough room, or so much that all of it may be copied in wide steps.
      const room = random.oneIn(2) ? (expected ?? data).length : 20_000;
      const framed = random.oneIn(2) ? bytes : frame(bytes);
      const [input, output] = memory.lay(framed, room);
      if (input === undefined || output === undefined) throw new Error("no regions");
      const status = memory.exports.decompress(CODEC_SNAPPY, input.at, input.bytes, output.at, room);
      const where = `round ${round} of seed ${random.seed}`;
      if (expected === undefined) {
        // What says that it holds more than there is room for is not looked into.
        if (status !== BAD_FRAME && status !== OUTPUT_FULL) expect.fail(`${where}: answered ${status}`);
        agreed.bad++;
      } else {
        expect(status, where).toBe(expected.length);
        const found = memory.bytes.subarray(output.at, output.at + status);
        if (Buffer.compare(found, expected) !== 0) expect.fail(`${where}: other bytes`);
        agreed.sound++;
      }
    }
    expect(Math.min(agreed.sound, agreed.bad)).toBeGreaterThan(400);
  });

  test("whatever is compressed stays within the room asked for", () => {
    const random = new Random(0xc0de);
    const exports = loadExports(kind);
    const memory = new GuardedMemory(exports, 3 * INPUT_MAX);
    for (let round = 0; round < 600; round++) {
      const size = round < 200 ? round : random.below(round % 20 === 0 ? INPUT_MAX : 5000);
      const data = random.oneIn(3) ? random.bytes(size) : random.text(size);
      const room = exports.compressedBytesMax(CODEC_SNAPPY, size);
      const [input, output] = memory.lay(data, room);
      if (input === undefined || output === undefined) throw new Error("no regions");
      expect(exports.compress(CODEC_SNAPPY, input.at, size, output.at, room - 1)).toBe(OUTPUT_FULL);
      const status = exports.compress(CODEC_SNAPPY, input.at, size, output.at, room);
      expect(status).toBeGreaterThan(0);
      if (!memory.isUntouched([input, output], [data, room]))
        expect.fail(`seed ${random.seed} round ${round}`);
    }
  });
});
