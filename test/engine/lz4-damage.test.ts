import { describe, expect, test } from "vitest";
import { CODEC_LZ4 } from "../../engine-as/format.ts";
import { BAD_FRAME, OUTPUT_FULL } from "../../engine-as/status.ts";
import { damaged } from "./damage.ts";
import { DamagedDecompress } from "./damaged-decompress.ts";
import { GuardedMemory } from "./guarded.ts";
import { engineKinds, loadEngine, loadExports } from "./load.ts";
import { concat, decodeBlock, frame, type FrameParts, uint32 } from "./lz4-reference.ts";
import { Random } from "./random.ts";

const ROUNDS = 20_000;
const INPUT_MAX = 200_000;
const OUTPUT_MAX = 200_000;
const FRAME_HEADER_BYTES = 7;

/** The blocks of a frame that this engine wrote, to be put into frames with other flags. */
function blocksOf(compressed: Uint8Array): { bytes: Uint8Array; stored: boolean }[] {
  const view = new DataView(compressed.buffer, compressed.byteOffset);
  const blocks = [];
  for (let at = FRAME_HEADER_BYTES; ;) {
    const word = view.getUint32(at, true);
    if (word === 0) return blocks;
    const size = word & 0x7fffffff;
    blocks.push({ bytes: compressed.subarray(at + 4, at + 4 + size), stored: word >= 0x80000000 });
    at += 4 + size;
  }
}

describe.each(engineKinds)("damaged LZ4, %s build", (kind) => {
  const engine = loadEngine(kind);

  test(`${ROUNDS} damaged frames neither trap nor write outside their output`, () => {
    const random = new Random(0x14f2a3e);
    const memory = new GuardedMemory(loadExports(kind), INPUT_MAX + OUTPUT_MAX);
    const sources = Array.from({ length: 60 }, (_, index) => {
      const data = random.text(index % 20 === 0 ? 150_000 : 1 + random.below(3000));
      const blocks = blocksOf(engine.compress(CODEC_LZ4, data));
      const parts: FrameParts = {
        blocks,
        content: data,
        linked: random.oneIn(2),
        contentChecksum: random.oneIn(4),
      };
      return { data, bytes: frame(parts) };
    });
    const decoder = new DamagedDecompress(memory, CODEC_LZ4);
    for (let round = 0; round < ROUNDS; round++) {
      const source =
        sources[random.below(round % 50 === 0 ? 60 : 20) + (round % 50 === 0 ? 0 : 1)] ?? sources[1];
      if (source === undefined) throw new Error("no source");
      const bytes = damaged(source.bytes, random, random.oneIn(20) ? 0 : FRAME_HEADER_BYTES);
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
    const empty = new Uint8Array(0);
    const agreed = new Map<string, number>();
    for (let round = 0; round < 4000; round++) {
      const data = random.text(1 + random.below(2500));
      const [block] = blocksOf(engine.compress(CODEC_LZ4, data));
      if (block === undefined || block.stored) continue;
      const bytes = random.oneIn(10) ? block.bytes : damaged(block.bytes, random);
      if (bytes.length === 0) continue;
      const room = random.oneIn(2) ? data.length : random.below(6000);
      const expected = decodeBlock(bytes, empty, room);
      // By hand and not with `frame`: the block keeps its damage and needs no other checksum.
      const framed = concat(
        Uint8Array.of(4, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82),
        uint32(bytes.length),
        bytes,
        uint32(0),
      );
      const [input, output] = memory.lay(framed, room);
      if (input === undefined || output === undefined) throw new Error("no regions");
      const status = memory.exports.decompress(CODEC_LZ4, input.at, input.bytes, output.at, room);
      const where = `round ${round} of seed ${random.seed}`;
      if (expected === "bad") expect(status, where).toBe(BAD_FRAME);
      else if (expected === "full") expect(status, where).toBe(OUTPUT_FULL);
      else {
        expect(status, where).toBe(expected.bytes.length);
        const found = memory.bytes.subarray(output.at, output.at + status);
        if (Buffer.compare(found, expected.bytes) !== 0) expect.fail(`${where}: other bytes`);
      }
      const kindOfAnswer = typeof expected === "string" ? expected : "sound";
      agreed.set(kindOfAnswer, (agreed.get(kindOfAnswer) ?? 0) + 1);
    }
    expect([...agreed.keys()].toSorted()).toEqual(["bad", "full", "sound"]);
  });

  test("whatever is compressed stays within the room asked for", () => {
    const random = new Random(0xc0de);
    const exports = loadExports(kind);
    const memory = new GuardedMemory(exports, 2 * INPUT_MAX + 2000);
    for (let round = 0; round < 600; round++) {
      const size = round < 200 ? round : random.below(round % 20 === 0 ? INPUT_MAX : 5000);
      const data = random.oneIn(3) ? random.bytes(size) : random.text(size);
      const room = exports.compressedBytesMax(CODEC_LZ4, size);
      const [input, output] = memory.lay(data, room);
      if (input === undefined || output === undefined) throw new Error("no regions");
      expect(exports.compress(CODEC_LZ4, input.at, size, output.at, room - 1)).toBe(OUTPUT_FULL);
      const status = exports.compress(CODEC_LZ4, input.at, size, output.at, room);
      expect(status).toBeGreaterThan(0);
      if (!memory.isUntouched([input, output], [data, room]))
        expect.fail(`seed ${random.seed} round ${round}`);
    }
  });
});
