import { describe, expect, test } from "vitest";
import { CODEC_ZSTD, HEAP_AT } from "../../engine-as/format.ts";
import { BAD_FRAME, OUTPUT_FULL } from "../../engine-as/status.ts";
import { GuardedMemory } from "./guarded.ts";
import { engineKinds, loadExports } from "./load.ts";
import { concat, uint32 } from "./lz4-reference.ts";
import { Random } from "./random.ts";
import {
  backward,
  block,
  codedLiterals,
  type ExtraBits,
  frame,
  littleEndian,
  rawLiterals,
  rleLiterals,
  sequencesCount,
  uniformSequences,
} from "./zstd-reference.ts";

const ROOM = 300_000;
const BLOCK_MAX = 131_072;
/** A window of 1 KiB, of 128 KiB, and the greatest there is. */
const [SMALL, WHOLE, GREATEST] = [0x00, 0x38, 0xff];
const NONE = Uint8Array.of(0);
const SEVEN = Uint8Array.of(7);
const ABC = Uint8Array.of(97, 98, 99);
const END = block("raw", new Uint8Array(0));

/** Literal length codes for 0 to 39 literals: the code, its extra bits, and the least it is for. */
const LITERAL_CODES = [[22, 3, 32], [21, 2, 28], [20, 2, 24], [19, 1, 22], [18, 1, 20], [17, 1, 18], [16, 1, 16], [0, 0, 0]] as const; // prettier-ignore

const skippable = (bytes: Uint8Array, kind = 0): Uint8Array =>
  concat(uint32(0x184d2a50 + kind), uint32(bytes.length), bytes);
const compressed = (...sections: readonly Uint8Array[]): ReturnType<typeof block> =>
  block("compressed", concat(...sections));
/** A frame of one compressed block in a window of 128 KiB. */
const framed = (...sections: readonly Uint8Array[]): Uint8Array =>
  frame({ window: WHOLE, blocks: [compressed(...sections)] });
/** One sequence of 3 bytes at most from each code: literal length 0 to 3, any offset code, match length 3. */
const single = (literal: number, offsetCode: number, offset: number): Uint8Array =>
  uniformSequences([literal, offsetCode, 0], [0, offsetCode, 0], [{ literal: 0, offset, match: 0 }]);
/** A tree of two symbols, 0 and 1, with one bit each. */
const TREE = Uint8Array.of(128, 0x10);
/** The literals 0 1 1 0 1 0 0 1, in one stream. */
const CODED = Uint8Array.of(0, 1, 1, 0, 1, 0, 0, 1);
const codes = (bits: Uint8Array): Uint8Array =>
  backward(...[...bits].map((bit): [number, number] => [bit, 1]));

function fourStreams(bits: Uint8Array): Uint8Array {
  const piece = Math.ceil(bits.length / 4);
  const streams = [0, 1, 2, 3].map((at) => codes(bits.subarray(at * piece, (at + 1) * piece)));
  return concat(...streams.slice(0, 3).map(({ length }) => littleEndian(length, 2)), ...streams);
}

describe.each(engineKinds)("hand-made Zstandard, %s build", (kind) => {
  const memory = new GuardedMemory(loadExports(kind), 3 * ROOM);

  /** What the engine makes of the frame: bytes or a status. */
  function read(bytes: Uint8Array, room = ROOM): Uint8Array | number {
    const [input, output] = memory.lay(bytes, room);
    if (input === undefined || output === undefined) throw new Error("no regions");
    const status = memory.exports.decompress(CODEC_ZSTD, input.at, input.bytes, output.at, room);
    expect(memory.isUntouched([input, output], [bytes, room])).toBe(true);
    return status < 0 ? status : memory.bytes.slice(output.at, output.at + status);
  }

  /** For many bytes: a difference of them is not shown. */
  function expectRead(bytes: Uint8Array, expected: Uint8Array, where: string): void {
    const found = read(bytes);
    if (typeof found === "number") expect.fail(`${where}: answered ${found}`);
    if (Buffer.compare(found, expected) !== 0) expect.fail(`${where}: other bytes`);
  }

  describe("is read", () => {
    test("when a block is raw, a run of one byte, or empty", () => {
      const blocks = [block("raw", ABC), block("rle", Uint8Array.of(7), 1000), END, block("raw", ABC)];
      const content = concat(ABC, new Uint8Array(1000).fill(7), ABC);
      expect(read(frame({ window: SMALL, blocks }))).toEqual(content);
      expect(read(frame({ size: [1006, 2], blocks, content }))).toEqual(content);
      expect(read(frame({ size: [0, 1], blocks: [END] }))).toEqual(new Uint8Array(0));
    });

    test.each([
      [3, 1],
      [300, 2],
      [3, 4],
      [3, 8],
    ] as const)("with a content size of %i in %i bytes", (size, bytes) => {
      const parts = { size: [size, bytes] as const, blocks: [block("rle", Uint8Array.of(1), size)] };
      expect(read(frame(parts))).toEqual(new Uint8Array(size).fill(1));
      if (bytes > 1) expect(read(frame({ ...parts, window: SMALL }))).toEqual(new Uint8Array(size).fill(1));
    });

    test.each([1, 2, 4])("with a dictionary id of 0 in %i bytes, and the bit that means nothing", (bytes) => {
      const dictionary = new Uint8Array(bytes);
      const parts = { size: [3, 1] as const, blocks: [block("raw", ABC)], flags: 0x10, dictionary };
      expect(read(frame(parts))).toEqual(ABC);
    });

    test("frame after frame, with frames to be skipped between them", () => {
      const one = frame({ size: [3, 1], blocks: [block("raw", ABC)] });
      const bytes = concat(skippable(ABC), one, skippable(NONE, 15), one, skippable(new Uint8Array(0), 7));
      expect(read(bytes)).toEqual(concat(ABC, ABC));
    });

    test("whatever window it names, which takes no memory", () => {
      const before = memory.bytes.length;
      for (let window = 0; window <= GREATEST; window++) {
        expect(read(frame({ window, blocks: [block("raw", ABC)] }))).toEqual(ABC);
      }
      expect(memory.bytes.length).toBe(before);
    });

    test("when literals have headers of any length", () => {
      for (const headerBytes of [1, 2, 3] as const) {
        expect(read(framed(rawLiterals(ABC, headerBytes), NONE))).toEqual(ABC);
        expect(read(framed(rleLiterals(7, 30, headerBytes), NONE))).toEqual(new Uint8Array(30).fill(7));
      }
    });

    test("when literals are coded in one stream or four, with headers of any length, and with the tree before", () => {
      const many = Uint8Array.from({ length: 999 }, (_, i) => (i * i) & 1);
      expect(read(framed(codedLiterals(0, 8, concat(TREE, codes(CODED))), NONE))).toEqual(CODED);
      for (const format of [1, 2, 3] as const) {
        const own = codedLiterals(format, many.length, concat(TREE, fourStreams(many)));
        expect(read(framed(own, NONE))).toEqual(many);
        const again = codedLiterals(format, 8, fourStreams(CODED), { treeless: true });
        const one = codedLiterals(0, 8, codes(CODED), { treeless: true });
        const blocks = [compressed(own, NONE), compressed(again, NONE), compressed(one, NONE)];
        expect(read(frame({ window: WHOLE, blocks }))).toEqual(concat(many, CODED, CODED));
      }
    });

    test("when a match repeats what lies less than sixteen bytes before, and when it ends with the output", () => {
      for (let distance = 1; distance < 40; distance++) {
        const literals = Uint8Array.from({ length: distance }, (_, i) => i + 1);
        for (const length of [35, 99]) {
          const [match, bits] = length === 35 ? [32, 1] : [42, 5];
          const offsetCode = 31 - Math.clz32(distance + 3);
          const [literal = 0, literalBits = 0, base = 0] =
            LITERAL_CODES.find(([, , first]) => first <= distance) ?? [];
          const sequence = uniformSequences(
            [literal + (distance < 16 ? distance : 0), offsetCode, match],
            [literalBits, offsetCode, bits],
            [
              {
                literal: distance < 16 ? 0 : distance - base,
                offset: distance + 3 - (1 << offsetCode),
                match: 0,
              },
            ],
          );
          const bytes = framed(rawLiterals(literals), sequence);
          const expected = Uint8Array.from({ length: distance + length }, (_, i) => (i % distance) + 1);
          for (const room of [expected.length, expected.length + 31, ROOM]) {
            expect(read(bytes, room), `${distance} back`).toEqual(expected);
          }
          expect(read(bytes, expected.length - 1)).toBe(OUTPUT_FULL);
        }
      }
    });

    test("with offsets that repeat, from block to block, as a decoder in ten lines has them", () => {
      const random = new Random(0x0ff5e7);
      for (let round = 0; round < 300; round++) {
        const made: number[] = [];
        const repeats = [1, 4, 8];
        const blocks = [block("raw", random.bytes(40))];
        const first = blocks[0]?.(false).subarray(3) ?? NONE;
        made.push(...first);
        for (let i = 0; i < 12; i++) {
          const literalCode = [0, 0, 1, 3, 16][random.below(5)] ?? 0;
          const offsetCode = random.below(5);
          const matchCode = [0, 5, 32][random.below(3)] ?? 0;
          const bits = [literalCode === 16 ? 1 : 0, offsetCode, matchCode === 32 ? 1 : 0] as const;
          const sequences: ExtraBits[] = [];
          const literals: number[] = [];
          for (let count = 1 + random.below(4); count > 0; count--) {
            const [literal, offset, match] = bits.map((width) => random.below(1 << width));
            const extra = { literal: literal ?? 0, offset: offset ?? 0, match: match ?? 0 };
            const taken = [...random.bytes(literalCode + extra.literal)];
            const value = (1 << offsetCode) + extra.offset;
            const index = value > 3 ? 3 : value - 1 + Number(taken.length === 0);
            const distance =
              value > 3 ? value - 3 : index < 3 ? (repeats[index] ?? 0) : (repeats[0] ?? 0) - 1;
            // An offset of 0 is refused: elsewhere.
            if (distance === 0) continue;
            repeats.splice(Math.min(index, 2), 1);
            repeats.unshift(distance);
            literals.push(...taken);
            made.push(...taken);
            for (let left = matchCode + 3 + extra.match; left > 0; left--) made.push(made.at(-distance) ?? 0);
            sequences.push(extra);
          }
          const rest = [...random.bytes(random.below(5))];
          made.push(...rest);
          const section = rawLiterals(Uint8Array.from([...literals, ...rest]));
          if (sequences.length === 0) blocks.push(compressed(section, NONE));
          else
            blocks.push(
              compressed(section, uniformSequences([literalCode, offsetCode, matchCode], bits, sequences)),
            );
        }
        const where = `round ${round} of seed ${random.seed}`;
        expectRead(frame({ window: WHOLE, blocks }), Uint8Array.from(made), where);
      }
    });

    test("when tables are used once more, those of one state and predefined ones too", () => {
      const last = Uint8Array.of(0b11_11_11_00);
      const once = compressed(rawLiterals(ABC), single(3, 2, 2));
      const again = compressed(rawLiterals(ABC), sequencesCount(1), last, backward([2, 2]));
      expect(read(frame({ window: WHOLE, blocks: [once, again] }))).toEqual(concat(ABC, ABC, ABC, ABC));
      // Predefined: states 0 of 6, 5 and 6 bits are literal length 0, offset code 0 and match length 3.
      const states = backward([0, 6], [0, 5], [0, 6]);
      const predefined = compressed(rawLiterals(ABC), sequencesCount(1), Uint8Array.of(0), states);
      const repeated = compressed(rawLiterals(ABC), sequencesCount(1), last, states);
      const eight = block("raw", CODED);
      const found = read(frame({ window: WHOLE, blocks: [eight, predefined, repeated] }));
      const other = read(frame({ window: WHOLE, blocks: [eight, predefined, predefined] }));
      expect(found).toEqual(other);
      expect(typeof found).toBe("object");
    });

    test("when the number of sequences takes one byte, two or three", () => {
      for (const count of [1, 127, 128, 0x7eff, 0x7f00, 0x7f01, 40_000]) {
        const extra = Array.from({ length: count }, () => ({ literal: 0, offset: 0, match: 0 }));
        const sequences = uniformSequences([0, 0, 0], [0, 0, 0], extra);
        const blocks = [block("rle", SEVEN, 8), compressed(rawLiterals(SEVEN), sequences)];
        expectRead(
          frame({ window: WHOLE, blocks }),
          new Uint8Array(3 * count + 9).fill(7),
          `${count} sequences`,
        );
      }
    });

    test("when a distribution is of one symbol, whose states take no bits", () => {
      const one = Uint8Array.of(0xf0, 0x03);
      // Literal length 0, offset code 0 (without literals the second offset: 4), match length 3.
      const sequences = concat(
        sequencesCount(2),
        Uint8Array.of(0b10_10_10_00),
        one,
        one,
        one,
        backward([0, 15]),
      );
      const bytes = frame({
        window: WHOLE,
        blocks: [block("raw", Uint8Array.of(1, 2, 3, 4)), compressed(NONE, sequences)],
      });
      expect(read(bytes)).toEqual(Uint8Array.of(1, 2, 3, 4, 1, 2, 3, 3, 3, 3));
    });
  });

  describe("is refused", () => {
    const raw = block("raw", ABC);
    const sound = frame({ window: WHOLE, blocks: [raw], content: ABC });
    const huge = new Uint8Array(BLOCK_MAX + 1);
    const modes = (...bytes: readonly number[]): Uint8Array =>
      framed(rawLiterals(ABC), sequencesCount(1), Uint8Array.from(bytes));
    const coded = (bytes: Uint8Array, size = 8, format: 0 | 1 = 0): Uint8Array =>
      framed(codedLiterals(format, size, bytes), NONE);
    const tree = (...bytes: readonly number[]): Uint8Array =>
      coded(concat(Uint8Array.from(bytes), codes(CODED)));
    const fourWith = (at: number, value: number): Uint8Array => {
      const streams = fourStreams(CODED);
      streams[at] = value;
      return coded(concat(TREE, streams), 8, 1);
    };
    const once = frame({
      window: WHOLE,
      blocks: [compressed(codedLiterals(0, 8, concat(TREE, codes(CODED))), single(8, 1, 0))],
    });

    const refused: Readonly<Record<string, Uint8Array>> = {
      "nothing at all": new Uint8Array(0),
      "nothing but frames to be skipped": skippable(ABC),
      "another magic": concat(uint32(0xfd2fb527), sound.subarray(4)),
      "a magic that is cut off": concat(sound, sound.subarray(0, 3)),
      "a frame to be skipped that goes beyond the input": concat(sound, skippable(ABC).subarray(0, 10)),
      "a frame to be skipped without a whole size": concat(sound, skippable(ABC).subarray(0, 7)),
      "the reserved bit of the descriptor": frame({ window: WHOLE, blocks: [raw], flags: 8 }),
      "a dictionary in one byte": frame({ window: WHOLE, blocks: [raw], dictionary: Uint8Array.of(1) }),
      "a dictionary in two bytes": frame({ window: WHOLE, blocks: [raw], dictionary: Uint8Array.of(0, 1) }),
      "a dictionary in four bytes": frame({
        window: WHOLE,
        blocks: [raw],
        dictionary: Uint8Array.of(0, 0, 0, 1),
      }),
      "a descriptor whose fields are cut off": frame({ size: [3, 8], blocks: [raw] }).subarray(0, 12),
      "no block": sound.subarray(0, 6),
      "a block's header that is cut off": sound.subarray(0, 8),
      "a raw block that goes beyond the input": sound.subarray(0, 11),
      "a run without its byte": frame({ window: WHOLE, blocks: [block("rle", NONE, 5)] }).subarray(0, 9),
      "a compressed block that goes beyond the input": framed(rawLiterals(ABC), NONE).subarray(0, -1),
      "a reserved block": frame({ window: WHOLE, blocks: [block("reserved", ABC)] }),
      "no last block": frame({ window: WHOLE, blocks: [raw, END] }).subarray(0, -3),
      "a raw block above 128 KiB": frame({ window: GREATEST, blocks: [block("raw", huge)] }),
      "a run above 128 KiB": frame({ window: GREATEST, blocks: [block("rle", NONE, huge.length)] }),
      "a raw block above its window": frame({ window: SMALL, blocks: [block("raw", new Uint8Array(1025))] }),
      "a run above its window": frame({ window: SMALL, blocks: [block("rle", NONE, 1025)] }),
      "a block that makes more than its window": frame({
        window: SMALL,
        blocks: [compressed(rleLiterals(1, 1022), single(0, 0, 0))],
      }),
      "a block that makes more than 128 KiB": framed(rleLiterals(1, BLOCK_MAX - 2), single(1, 0, 0)),
      "more than the content size": frame({ size: [2, 1], blocks: [block("raw", Uint8Array.of(1, 2)), raw] }),
      "more than the content size, from a match": frame({
        size: [255, 1],
        blocks: [compressed(rleLiterals(1, 253), single(1, 0, 0))],
      }),
      "less than the content size": frame({ size: [4, 1], blocks: [raw] }),
      "another checksum": frame({ window: WHOLE, blocks: [raw], content: Uint8Array.of(97, 98, 100) }),
      "a checksum that is cut off": sound.subarray(0, -1),
      "bytes after the last frame": concat(sound, NONE),

      "a block without literals": framed(),
      "raw literals that go beyond the block": framed(rawLiterals(ABC).subarray(0, 3)),
      "literals of one byte that is missing": framed(rleLiterals(1, 40).subarray(0, 3)),
      "a header of literals that is cut off": framed(rleLiterals(1, 40).subarray(0, 2)),
      "a header of coded literals that is cut off": framed(codedLiterals(3, 8, NONE).subarray(0, 4)),
      "literals above 128 KiB": framed(rleLiterals(1, huge.length), NONE),
      "literals above the window": frame({ window: SMALL, blocks: [compressed(rleLiterals(1, 1025), NONE)] }),
      "coded literals above 128 KiB": framed(codedLiterals(3, huge.length, concat(TREE, codes(CODED))), NONE),
      "coded literals that go beyond the block": framed(codedLiterals(0, 8, TREE, { compressed: 20 }), NONE),
      "literals with the tree before, and none before": framed(
        codedLiterals(0, 8, codes(CODED), { treeless: true }),
        NONE,
      ),
      "literals with the tree of the frame before": concat(
        once,
        framed(codedLiterals(0, 8, codes(CODED), { treeless: true }), NONE),
      ),

      "a tree that is missing": framed(codedLiterals(0, 8, new Uint8Array(0)), NONE),
      "a tree of no bytes": tree(0),
      "weights that go beyond the section": framed(codedLiterals(0, 8, Uint8Array.of(140, 0x11)), NONE),
      "coded weights that go beyond the section": framed(codedLiterals(0, 8, Uint8Array.of(20, 0x11)), NONE),
      "weights that are all 0": tree(129, 0x00),
      "weights that no last one makes a tree": tree(130, 0x44, 0x10),
      "codes of twelve bits": tree(139, 0x12, 0x34, 0x56, 0x78, 0x9a, 0xb0),
      "a tree without a longest code": tree(128, 0x20),
      "weights of too many states": tree(5, 0x12, 0xf8, 0x01, 0xff, 0xff),
      "weights without an end": tree(5, 0x10, 0xf8, 0x01, 0xff, 0xff),
      "weights without a stream": tree(3, 0x10, 0xf8, 0x01),
      "weights whose stream has no end mark": tree(5, 0x10, 0xf8, 0x01, 0xff, 0x00),
      "weights whose stream is too short for two states": tree(4, 0x10, 0xf8, 0x01, 0xff),
      "weights whose distribution is cut off": tree(1, 0x10),
      "weights whose distribution names too many": tree(5, 0x10, 0xfe, 0xff, 0xff, 0xff),

      "a stream of literals of no bytes": coded(TREE),
      "a stream of literals without an end mark": coded(concat(TREE, codes(CODED), NONE)),
      "a stream of literals with bits left": coded(concat(TREE, codes(CODED)), 7),
      "a stream of literals with too few bits": coded(concat(TREE, codes(CODED)), 9),
      "four streams for less than six literals": coded(
        concat(TREE, fourStreams(Uint8Array.of(0, 1, 1, 0))),
        4,
        1,
      ),
      "four streams without their sizes": coded(concat(TREE, Uint8Array.of(1, 0, 1, 0)), 8, 1),
      "a first stream of no bytes": fourWith(0, 0),
      "a second stream of no bytes": fourWith(2, 0),
      "a third stream of no bytes": fourWith(4, 0),
      "a fourth stream of no bytes": fourWith(4, 2),
      "a third stream that goes beyond the section": fourWith(4, 9),
      "a first stream without an end mark": fourWith(6, 0),
      "a second stream without an end mark": fourWith(7, 0),
      "a third stream without an end mark": fourWith(8, 0),
      "a fourth stream without an end mark": fourWith(9, 0),
      "a first stream with bits left": fourWith(6, 0b1000),
      "a second stream with bits left": fourWith(7, 0b1000),
      "a third stream with too few bits": fourWith(8, 0b10),
      "a fourth stream with too few bits": fourWith(9, 0b10),

      "a block without sequences' header": framed(rawLiterals(ABC)),
      "a number of sequences in two bytes that is cut off": framed(rawLiterals(ABC), Uint8Array.of(128)),
      "a number of sequences in three bytes that is cut off": framed(rawLiterals(ABC), Uint8Array.of(255, 0)),
      "bytes after no sequences": framed(rawLiterals(ABC), NONE, NONE),
      "sequences without modes": framed(rawLiterals(ABC), sequencesCount(1)),
      "the reserved bits of the modes": modes(0b01_01_01_01, 0, 0, 0, 1),
      "literal lengths of a code that there is not": modes(0b01_01_01_00, 36, 0, 0, 1),
      "offsets of a code that there is not": modes(0b01_01_01_00, 0, 32, 0, 1),
      "match lengths of a code that there is not": modes(0b01_01_01_00, 0, 0, 53, 1),
      "a code that is missing": modes(0b01_01_01_00, 0, 0),
      "literal lengths once more, and none before": modes(0b11_01_01_00, 0, 0, 1),
      "offsets once more, and none before": modes(0b01_11_01_00, 0, 0, 1),
      "match lengths once more, and none before": modes(0b01_01_11_00, 0, 0, 1),
      "tables of the frame before": concat(once, modes(0b11_11_11_00, 0b100)),
      "literal lengths of too many states": modes(0b10_01_01_00, 0x05, 0xff, 0xff),
      "offsets of too many states": modes(0b01_10_01_00, 0, 0x04, 0xff, 0xff),
      "match lengths of too many states": modes(0b01_01_10_00, 0, 0, 0x05, 0xff, 0xff),
      "a distribution that is missing": modes(0b10_01_01_00),
      "a distribution that is cut off": modes(0b10_01_01_00, 0x10),
      "a distribution that is cut off in a number": modes(0b10_01_01_00, 0xf0),
      "a distribution of more codes than there are": modes(0b10_01_01_00, 0x10, 0xfe, 0xff, 0xff, 0xff),
      "sequences without a stream": modes(0b01_01_01_00, 0, 0, 0),
      "sequences whose stream has no end mark": modes(0b01_01_01_00, 0, 0, 0, 0),
      "sequences with bits left": modes(0b01_01_01_00, 3, 0, 0, 0b10),
      "sequences with too few bits": modes(0b01_01_01_00, 3, 2, 0, 0b10),
      "sequences with too few bits for their first states": modes(0, 0xff, 0xff),
      "sequences with too few bits for their next states": framed(
        rawLiterals(ABC),
        sequencesCount(2),
        NONE,
        backward([0, 6], [0, 5], [0, 6]),
      ),
      "a sequence of more literals than there are": framed(rawLiterals(ABC), single(4, 0, 0)),
      "a match beyond the start of the frame": framed(rawLiterals(ABC), single(3, 2, 3)),
      "a match into the frame before": concat(sound, framed(rawLiterals(ABC), single(3, 2, 3))),
      "an offset before there is anything": framed(rawLiterals(ABC), single(0, 2, 0)),
      "an offset of 31 bits": framed(rawLiterals(ABC), single(3, 31, 2 ** 31 - 1)),
      "an offset that is the last one less one, 0": frame({
        window: WHOLE,
        blocks: [raw, compressed(rawLiterals(ABC), single(0, 1, 1))],
      }),
    };

    test.each(Object.keys(refused))("%s", (what) => {
      expect(read(refused[what] ?? sound)).toBe(BAD_FRAME);
    });

    test("nowhere where it is sound", () => {
      expect(read(sound)).toEqual(ABC);
      expect(read(once)).not.toBe(BAD_FRAME);
    });
  });

  describe("is too large", () => {
    const huge: readonly (number | bigint)[] = [ROOM + 1, 2 ** 31, 2 ** 32 - 1, 2n ** 32n, 2n ** 32n + 3n, 2n ** 63n, 2n ** 64n - 1n]; // prettier-ignore

    test.each(huge)("when it says that it holds %i bytes, before anything is made", (size) => {
      const bytes = frame({ size: [size, 8], blocks: [block("raw", ABC)] });
      const [input, output] = memory.lay(bytes, ROOM);
      if (input === undefined || output === undefined) throw new Error("no regions");
      const before = memory.bytes.slice(output.at, output.at + 3);
      expect(memory.exports.decompress(CODEC_ZSTD, input.at, input.bytes, output.at, ROOM)).toBe(OUTPUT_FULL);
      expect(memory.bytes.slice(output.at, output.at + 3)).toEqual(before);
    });

    test.each(
      Object.entries({
        "raw block": [block("raw", ABC), 2],
        run: [block("rle", NONE, 50), 49],
        "block of literals": [compressed(rleLiterals(1, 50), NONE), 49],
        match: [compressed(rleLiterals(1, 3), single(3, 0, 0)), 5],
        "block's last literals": [compressed(rleLiterals(1, 50), single(3, 0, 0)), 52],
      } as const),
    )("when a %s goes beyond the room", (_, [made, room]) => {
      expect(read(frame({ window: WHOLE, blocks: [made] }), room)).toBe(OUTPUT_FULL);
      expect(read(frame({ window: WHOLE, blocks: [made] }), 0)).toBe(OUTPUT_FULL);
      expect(read(frame({ window: WHOLE, blocks: [made] }), room + 1)).toHaveLength(room + 1);
    });

    test("when a second frame has no room left", () => {
      const one = frame({ size: [3, 1], blocks: [block("raw", ABC)] });
      expect(read(concat(one, one), 5)).toBe(OUTPUT_FULL);
      expect(read(concat(one, one), 6)).toHaveLength(6);
    });

    test("when it is a bomb of runs, which ends at the limit", () => {
      const runs = Array.from({ length: 8192 }, () => block("rle", NONE, BLOCK_MAX));
      expect(read(frame({ window: GREATEST, blocks: runs }))).toBe(OUTPUT_FULL);
      expect(memory.bytes.length).toBeLessThan(HEAP_AT + 8 * ROOM);
    });
  });
});
