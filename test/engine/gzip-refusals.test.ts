import { crc32 } from "@node-rs/crc32";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { CODEC_GZIP, HEAP_AT, SLACK_BYTES } from "../../engine-as/format.ts";
import { BAD_FRAME, OUTPUT_FULL } from "../../engine-as/status.ts";
import { BitWriter, codesOf, dynamicHead, lengthsOf, member, stored } from "./gzip-reference.ts";
import { GuardedMemory } from "./guarded.ts";
import { engineKinds, loadExports } from "./load.ts";

const ROOM = 10_000;
const EMPTY = new Uint8Array(0);
const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const A = text("a");

function joined(...pieces: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(pieces));
}

/** The two bytes that FHCRC adds to a header with these flags and optional parts. */
function headerCrc(flags: number, optional: Uint8Array): Uint8Array {
  const crc = crc32(joined(Uint8Array.of(0x1f, 0x8b, 8, flags, 0, 0, 0, 0, 0, 255), optional));
  return Uint8Array.of(crc & 255, (crc >>> 8) & 255);
}

/** Codes for `a`, the end, the lengths 3 and 258, and the distances 1 and 2. */
const LITERALS = lengthsOf(286, { 97: 2, 256: 2, 257: 2, 285: 2 });
const CODES = codesOf(LITERALS);
const head = (distances: readonly number[] = [1, 1]): BitWriter =>
  dynamicHead({ literals: LITERALS, distances });
const symbol = (value: number): string => CODES[value] ?? "";

describe.each(engineKinds)("gzip that is not as its formats say, %s build", (kind) => {
  const memory = new GuardedMemory(loadExports(kind), 2 * ROOM + 70_000);

  /** What reading into `room` bytes answers: the bytes, or a status. */
  function read(bytes: Uint8Array, room = ROOM): Uint8Array | number {
    const [input, output] = memory.lay(bytes, room);
    if (input === undefined || output === undefined) throw new Error("no regions");
    const status = memory.exports.decompress(CODEC_GZIP, input.at, input.bytes, output.at, room);
    expect(memory.isUntouched([input, output], [bytes, room])).toBe(true);
    return status < 0 ? status : memory.bytes.slice(output.at, output.at + status);
  }

  /** The same of DEFLATE data in a sound member that says what `content` it holds. */
  const inflated = (deflated: Uint8Array, content: Uint8Array): Uint8Array | number =>
    read(member({ deflated, content }));

  test("nothing, a part of a header, and another magic or method are refused", () => {
    const sound = member({ deflated: stored(A), content: A });
    expect(read(sound)).toEqual(A);
    for (let length = 0; length < sound.length; length++) {
      expect(read(sound.subarray(0, length)), `cut to ${length}`).toBe(BAD_FRAME);
    }
    for (const at of [0, 1, 2]) {
      expect(read(sound.map((byte, index) => (index === at ? byte ^ 1 : byte)))).toBe(BAD_FRAME);
    }
  });

  test("what follows the last member and is none is refused", () => {
    const sound = member({ deflated: stored(A), content: A });
    expect(read(joined(sound, sound))).toEqual(text("aa"));
    for (const after of [
      Uint8Array.of(0),
      new Uint8Array(40),
      sound.subarray(0, -1),
      text("a longer text behind"),
    ]) {
      expect(read(joined(sound, after))).toBe(BAD_FRAME);
    }
  });

  test("every optional part of a header is passed over, and must end before the trailer", () => {
    const extra = joined(Uint8Array.of(5, 0), text("extra"));
    const [name, comment] = [text("name\0"), text("a comment\0")];
    for (let flags = 0; flags < 32; flags++) {
      const parts = [
        ...(flags & 4 ? [extra] : []),
        ...(flags & 8 ? [name] : []),
        ...(flags & 16 ? [comment] : []),
      ];
      const optional = joined(...parts, ...(flags & 2 ? [headerCrc(flags, joined(...parts))] : []));
      const whole = member({ deflated: stored(A), content: A, flags, optional });
      expect(read(whole), `flags ${flags}`).toEqual(A);
      for (let length = 0; length < whole.length; length++)
        expect(read(whole.subarray(0, length))).toBe(BAD_FRAME);
    }
    const endless = { deflated: stored(text("abc")), content: text("abc") };
    expect(read(member({ ...endless, flags: 4, optional: Uint8Array.of(255, 255) }))).toBe(BAD_FRAME);
    expect(
      read(joined(Uint8Array.of(0x1f, 0x8b, 8, 8, 0, 0, 0, 0, 0, 255), new Uint8Array(20).fill(1))),
    ).toBe(BAD_FRAME);
  });

  test("a wrong header CRC, and flags that are reserved, are refused", () => {
    const crc = headerCrc(2, EMPTY);
    const parts = { deflated: stored(A), content: A };
    expect(read(member({ ...parts, flags: 2, optional: crc }))).toEqual(A);
    expect(read(member({ ...parts, flags: 2, optional: crc.map((byte) => byte ^ 1) }))).toBe(BAD_FRAME);
    for (const flags of [0x20, 0x40, 0x80]) expect(read(member({ ...parts, flags }))).toBe(BAD_FRAME);
  });

  test("a wrong CRC or size in the trailer is refused, of a member in the middle, too", () => {
    const sound = member({ deflated: stored(A), content: A });
    for (let bit = 0; bit < 64; bit++) {
      const at = sound.length - 8 + (bit >> 3);
      const wrong = sound.map((byte, index) => (index === at ? byte ^ (1 << (bit & 7)) : byte));
      expect(read(wrong), `bit ${bit}`).toBe(BAD_FRAME);
      expect(read(joined(wrong, sound)), `bit ${bit} of two`).toBe(BAD_FRAME);
    }
  });

  test("stored blocks: lengths that contradict each other, or reach beyond the input", () => {
    const two = joined(stored(A, false), stored(text("bc")));
    expect(inflated(two, text("abc"))).toEqual(text("abc"));
    for (const at of [1, 2, 3, 4]) {
      expect(
        inflated(
          stored(A).map((byte, index) => (index === at ? byte ^ 4 : byte)),
          A,
        ),
      ).toBe(BAD_FRAME);
    }
    expect(inflated(stored(A).subarray(0, 5), A)).toBe(BAD_FRAME);
    expect(inflated(Uint8Array.of(1, 9, 0, 246, 255, 97), A)).toBe(BAD_FRAME);
    // What fills the last byte before a stored block may be anything.
    expect(
      inflated(
        stored(A).map((byte, index) => (index === 0 ? byte | 0xf8 : byte)),
        A,
      ),
    ).toEqual(A);
  });

  test("a block of the fourth kind, and no last block", () => {
    expect(inflated(new BitWriter().number(1, 1).number(3, 2).bytes(), EMPTY)).toBe(BAD_FRAME);
    expect(inflated(stored(A, false), A)).toBe(BAD_FRAME);
    expect(inflated(EMPTY, EMPTY)).toBe(BAD_FRAME);
  });

  test("fixed codes: lengths 286 and 287 and distances 30 and 31 mean nothing", () => {
    const fixed = (): BitWriter => new BitWriter().number(1, 1).number(1, 2).code("10010001"); // a
    expect(inflated(fixed().code("0000000").bytes(), A)).toEqual(A);
    expect(inflated(fixed().code("0000001").code("00000").code("0000000").bytes(), text("aaaa"))).toEqual(
      text("aaaa"),
    );
    expect(
      inflated(fixed().code("11000101").code("00000").code("0000000").bytes(), text("a".repeat(259))),
    ).toEqual(text("a".repeat(259)));
    for (const none of ["11000110", "11000111"]) {
      expect(inflated(fixed().code(none).code("00000").code("0000000").bytes(), A)).toBe(BAD_FRAME);
    }
    for (const none of ["11110", "11111"]) {
      expect(inflated(fixed().code("0000001").code(none).number(0, 28).bytes(), A)).toBe(BAD_FRAME);
    }
  });

  test("a distance beyond what is there already", () => {
    const far = head().code(symbol(97)).code(symbol(257)).code("1").code(symbol(256)).bytes();
    expect(inflated(far, text("aaaa"))).toBe(BAD_FRAME);
    const near = head().code(symbol(97)).code(symbol(257)).code("0").code(symbol(256)).bytes();
    expect(inflated(near, text("aaaa"))).toEqual(text("aaaa"));
  });

  test("dynamic codes: more symbols than there are, no end, a precode that is none", () => {
    const block = (literals: readonly number[], more = {}): Uint8Array =>
      dynamicHead({ literals, distances: [0], ...more })
        .code("0")
        .bytes();
    const onlyEnd = lengthsOf(257, { 256: 1 });
    expect(inflated(block(onlyEnd), EMPTY)).toEqual(EMPTY);
    expect(
      inflated(block(onlyEnd, { literalsCount: 287, literals: lengthsOf(287, { 256: 1 }) }), EMPTY),
    ).toBe(BAD_FRAME);
    expect(inflated(block(onlyEnd, { distances: lengthsOf(31, {}) }), EMPTY)).toBe(BAD_FRAME);
    expect(inflated(block(lengthsOf(257, { 97: 1 })), EMPTY)).toBe(BAD_FRAME);
    expect(inflated(block(onlyEnd, { precode: lengthsOf(19, {}) }), EMPTY)).toBe(BAD_FRAME);
    expect(inflated(block(onlyEnd, { precode: lengthsOf(19, { 0: 1 }) }), EMPTY)).toBe(BAD_FRAME);
    expect(inflated(block(onlyEnd, { precode: lengthsOf(19, { 0: 1, 1: 2 }) }), EMPTY)).toBe(BAD_FRAME);
    expect(inflated(block(onlyEnd, { precode: lengthsOf(19, { 0: 1, 1: 1, 2: 1 }) }), EMPTY)).toBe(BAD_FRAME);
    expect(inflated(block(onlyEnd, { precode: lengthsOf(19, { 0: 1, 1: 1 }) }), EMPTY)).toEqual(EMPTY);
  });

  test("dynamic codes: repeats without a length before them, or beyond the last", () => {
    const zeros = [18, 127, 7] as const; // 138 of them
    const block = (items: readonly (readonly [number, number?, number?])[]): Uint8Array => {
      const parts = { literals: lengthsOf(257, {}), distances: [0], items };
      return dynamicHead(parts).code("0").bytes();
    };
    expect(inflated(block([zeros, [18, 107, 7], [1], [0]]), EMPTY)).toEqual(EMPTY);
    expect(inflated(block([zeros, [18, 107, 7], [1], [17, 0, 3]]), EMPTY)).toBe(BAD_FRAME);
    expect(inflated(block([zeros, [18, 107, 7], [1], [16, 0, 2]]), EMPTY)).toBe(BAD_FRAME);
    expect(inflated(block([zeros, zeros]), EMPTY)).toBe(BAD_FRAME);
    expect(inflated(block([[16, 0, 2], zeros, [18, 104, 7], [1], [0]]), EMPTY)).toBe(BAD_FRAME);
  });

  test("dynamic codes: sets with too many codes, or too few, but for a single one of one bit", () => {
    const end = (literals: readonly number[], distances: readonly number[]): Uint8Array =>
      dynamicHead({ literals, distances })
        .code(codesOf(literals)[256] ?? "")
        .bytes();
    const sound = lengthsOf(257, { 97: 1, 256: 1 });
    const distances: [lengths: number[], isSound: boolean][] = [
      [[0], true],
      [[1], true],
      [[0, 0, 1], true],
      [[2], false],
      [[1, 2], false],
      [[2, 2, 2], false],
      [[1, 1], true],
      [[1, 1, 1], false],
      [[1, 2, 2], true],
      [[1, 2, 2, 15], false],
    ];
    for (const [lengths, isSound] of distances) {
      expect(inflated(end(sound, lengths), EMPTY), String(lengths)).toEqual(isSound ? EMPTY : BAD_FRAME);
    }
    const literals: [named: Record<number, number>, isSound: boolean][] = [
      [{ 256: 1 }, true],
      [{ 256: 2 }, false],
      [{ 97: 1, 256: 2 }, false],
      [{ 97: 1, 98: 1, 256: 1 }, false],
      [{ 97: 1, 98: 2, 256: 2 }, true],
    ];
    for (const [named, isSound] of literals) {
      expect(inflated(end(lengthsOf(257, named), [0]), EMPTY), JSON.stringify(named)).toEqual(
        isSound ? EMPTY : BAD_FRAME,
      );
    }
  });

  test("dynamic codes: the other bit of a code of one, and a distance where there are none", () => {
    const onlyEnd = dynamicHead({ literals: lengthsOf(257, { 256: 1 }), distances: [0] }).code("1");
    expect(inflated(onlyEnd.bytes(), EMPTY)).toBe(BAD_FRAME);
    for (const [distances, bit] of [
      [[0], "0"],
      [[0], "1"],
      [[1], "1"],
    ] as const) {
      const bytes = head(distances).code(symbol(97)).code(symbol(257)).code(bit).code(symbol(256)).bytes();
      expect(inflated(bytes, text("aaaa"))).toBe(BAD_FRAME);
    }
    const one = head([1]).code(symbol(97)).code(symbol(257)).code("0").code(symbol(256)).bytes();
    expect(inflated(one, text("aaaa"))).toEqual(text("aaaa"));
  });

  test("data that ends within a code, whatever the bytes of the trailer would mean", () => {
    const content = text("a stitch in time saves nine, a stitch in time saves nine; ".repeat(20));
    const whole = new Uint8Array(gzipSync(content));
    expect(read(whole)).toEqual(content);
    for (let cut = 10; cut < whole.length - 8; cut++) {
      expect(read(joined(whole.subarray(0, cut), whole.subarray(-8))), `cut at ${cut}`).toBe(BAD_FRAME);
    }
  });

  test("data that ends where memory does, whatever is still to come of it", () => {
    const bytes = memory.bytes;
    const lengths = { literals: lengthsOf(286, { 97: 1, 256: 1 }), distances: lengthsOf(30, {}) };
    // Cut at each byte: in the head, the precode, the lengths; behind it there is nothing but slack, all zeros.
    const deflated = dynamicHead(lengths).bytes();
    for (let cut = 0; cut < deflated.length; cut++) {
      const cutOff = member({ deflated: deflated.subarray(0, cut), content: EMPTY });
      const at = bytes.length - SLACK_BYTES - cutOff.length;
      bytes.fill(0, at);
      bytes.set(cutOff.fill(0, -8), at);
      const status = memory.exports.decompress(CODEC_GZIP, at, cutOff.length, HEAP_AT, ROOM);
      expect(status, `cut at ${cut}`).toBe(BAD_FRAME);
    }
  });

  test("every room that is too small answers so", () => {
    const content = text("to be or not to be, that is the question. ".repeat(30));
    const sound = new Uint8Array(gzipSync(content));
    // What the trailer says does not matter before its data has been read.
    const lying = Uint8Array.from(sound);
    new DataView(lying.buffer).setUint32(lying.length - 4, 1, true);
    for (let room = 0; room < content.length; room++) {
      expect(read(sound, room), `room ${room}`).toBe(OUTPUT_FULL);
      expect(read(lying, room), `room ${room}`).toBe(OUTPUT_FULL);
    }
    expect(read(sound, content.length)).toEqual(content);
    expect(read(lying, content.length)).toBe(BAD_FRAME);
  });
});
