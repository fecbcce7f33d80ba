import snappy from "snappy";
import { describe, expect, test } from "vitest";
import { CODEC_SNAPPY } from "../../engine-as/format.ts";
import type { Engine } from "../../log/engine.ts";
import { ErrorCode, KafkaError } from "../../wire/errors.ts";
import { engineKinds, loadEngine } from "./load.ts";
import { concat } from "./lz4-reference.ts";
import { Random } from "./random.ts";
import { block, blocksOf, chunk, copy, frame, header, literal, MAGIC, varint } from "./snappy-reference.ts";

const MAX = 1 << 24;
const SIZES = [301, 4096, 32768, 65535, 65536, 65537, 131072, 200_001, 1_000_000];

function codeOf(run: () => unknown): number {
  try {
    run();
  } catch (error) {
    if (error instanceof KafkaError) return error.code;
    throw error;
  }
  return ErrorCode.NONE;
}

function samples(size: number): Uint8Array[] {
  const random = new Random(size);
  return [random.text(size), random.bytes(size), new Uint8Array(size), new Uint8Array(size).fill(171)];
}

function json(size: number): Uint8Array {
  const lines: string[] = [];
  for (let id = 0, length = 0; length < size; id++) {
    const line = JSON.stringify({
      id,
      at: 1_760_000_000_000 + id * 37,
      user: `u-${(id * 7919) % 97}`,
      ok: id % 3 > 0,
    });
    lines.push(line);
    length += line.length + 1;
  }
  return Uint8Array.from(Buffer.from(lines.join("\n")).subarray(0, size));
}

/** What other clients make of a frame: each of its blocks on its own. */
function readByNative(bytes: Uint8Array): Buffer {
  return Buffer.concat(
    blocksOf(bytes).map((each) => snappy.uncompressSync(Buffer.from(each), { asBuffer: true }) as Buffer),
  );
}

describe.each(engineKinds)("Snappy, %s build", (kind) => {
  const engine: Engine = loadEngine(kind);
  const read = (bytes: Uint8Array, max = MAX): Uint8Array => engine.decompress(CODEC_SNAPPY, bytes, max);
  const badCode = (bytes: Uint8Array): number => codeOf(() => read(bytes));
  const roundTrips = (data: Uint8Array): boolean => {
    const compressed = engine.compress(CODEC_SNAPPY, data);
    const native = snappy.compressSync(Buffer.from(data));
    return (
      Buffer.compare(readByNative(compressed), data) === 0 &&
      Buffer.compare(read(compressed), data) === 0 &&
      Buffer.compare(read(native), data) === 0 &&
      Buffer.compare(read(frame(native)), data) === 0
    );
  };

  test.each(SIZES)("of %i bytes is read by a native decoder, and its blocks by this one", (size) => {
    for (const [index, data] of samples(size).entries())
      expect(roundTrips(data), `sample ${index}`).toBe(true);
  });

  test("of every size up to 300 bytes goes both ways", () => {
    for (let size = 0; size <= 300; size++) {
      for (const [index, data] of samples(size).entries())
        expect(roundTrips(data), `${size} bytes, sample ${index}`).toBe(true);
    }
  });

  test("of 64 MiB goes both ways", () => {
    const data = Buffer.alloc(64 << 20, json(1 << 22));
    const compressed = engine.compress(CODEC_SNAPPY, data);
    expect(compressed.length).toBeLessThan(data.length / 2);
    expect(Buffer.compare(readByNative(compressed), data)).toBe(0);
    expect(Buffer.compare(read(compressed, data.length), data)).toBe(0);
    expect(codeOf(() => read(compressed, data.length - 1))).toBe(ErrorCode.MESSAGE_TOO_LARGE);
  });

  test("is written in snappy-java's frame, in blocks of 64 KiB", () => {
    const compressed = engine.compress(CODEC_SNAPPY, new Random(1).bytes(70_000));
    expect(compressed.subarray(0, 16)).toEqual(header());
    expect(blocksOf(compressed).map((each) => read(each).length)).toEqual([65536, 70_000 - 65536]);
    // Noise costs no more than its tags.
    expect(compressed.length).toBe(16 + (4 + 3 + 3) + (4 + 2 + 3) + 70_000);
    expect(engine.compress(CODEC_SNAPPY, new Uint8Array(0))).toEqual(header());
  });

  test("is at least as small as what the native library makes, to a few percent", () => {
    for (const data of [new Random(3).text(500_000), json(500_000)]) {
      expect(engine.compress(CODEC_SNAPPY, data).length).toBeLessThan(
        snappy.compressSync(Buffer.from(data)).length * 1.03,
      );
    }
  });

  test("reads every form of every element, near the end and far from it", () => {
    const noise = new Random(7).bytes(70_000);
    const start = [literal(noise.subarray(0, 3000), 2), literal(noise.subarray(3000), 3)];
    for (const tail of [0, 200]) {
      const rest = tail === 0 ? [] : [literal(noise.subarray(0, tail), 1)];
      const after = noise.subarray(0, tail);
      for (const distanceBytes of [1, 2, 4] as const) {
        for (const distance of [1, 2, 3, 7, 8, 15, 16, 17, 31, 33, 64, 2047, 2048, 65535, 65536, 70_000]) {
          if (distance >= 2 ** (distanceBytes === 1 ? 11 : 8 * distanceBytes)) continue;
          for (const length of distanceBytes === 1 ? [4, 7, 11] : [1, 4, 16, 17, 33, 64]) {
            const bytes = block(
              70_000 + length + tail,
              ...start,
              copy(distance, length, distanceBytes),
              ...rest,
            );
            const from = noise.length - distance;
            const copied = Uint8Array.from({ length }, (_, i) => noise[from + (i % distance)] ?? 0);
            const found = read(bytes);
            const what = `${length} bytes from ${distance} back in ${distanceBytes} bytes, ${tail} after`;
            if (Buffer.compare(found, concat(noise, copied, after)) !== 0) expect.fail(what);
          }
        }
      }
    }
    for (const lengthBytes of [1, 2, 3, 4]) {
      for (const length of [1, 2, 60, 61, 64, 100, 256]) {
        const bytes = noise.subarray(0, length);
        expect(read(block(length, literal(bytes, lengthBytes)))).toEqual(bytes);
        expect(
          read(block(length * 9, ...Array.from({ length: 9 }, () => literal(bytes, lengthBytes)))),
        ).toEqual(concat(...Array.from({ length: 9 }, () => bytes)));
      }
    }
  });

  test("takes a header again between blocks, as frames that were put together have", () => {
    const [a, b] = [
      block(3, literal(Uint8Array.of(1, 2, 3))),
      block(70, literal(Uint8Array.of(9)), copy(1, 64, 2), copy(1, 5, 1)),
    ];
    const expected = concat(Uint8Array.of(1, 2, 3), new Uint8Array(70).fill(9));
    expect(read(concat(frame(a), frame(b)))).toEqual(expected);
    expect(read(concat(header(), frame(a), header(), header(), chunk(b), header()))).toEqual(expected);
    expect(read(concat(header(3, 2), chunk(a)))).toEqual(Uint8Array.of(1, 2, 3));
    // A block alone has no frame to come again.
    expect(badCode(concat(a, header()))).toBe(ErrorCode.CORRUPT_MESSAGE);
  });

  test("of nothing is a header alone, or a block of no bytes; no bytes at all are neither", () => {
    expect(read(header())).toEqual(new Uint8Array(0));
    expect(read(Uint8Array.of(0))).toEqual(new Uint8Array(0));
    expect(read(frame(Uint8Array.of(0)))).toEqual(new Uint8Array(0));
    expect(badCode(new Uint8Array(0))).toBe(ErrorCode.CORRUPT_MESSAGE);
  });

  test("cut at any length is refused, but between two blocks", () => {
    const random = new Random(4);
    const blocks = [random.text(90), random.text(400)].map((data) => snappy.compressSync(Buffer.from(data)));
    const whole = frame(...blocks);
    const sound = [16, 20 + (blocks[0]?.length ?? 0)];
    for (let length = 0; length < whole.length; length++) {
      if (!sound.includes(length))
        expect(badCode(whole.subarray(0, length)), `cut to ${length}`).toBe(ErrorCode.CORRUPT_MESSAGE);
    }
    for (const each of blocks) {
      for (let length = 0; length < each.length; length++)
        expect(badCode(each.subarray(0, length)), `block cut to ${length}`).toBe(ErrorCode.CORRUPT_MESSAGE);
    }
  });

  const ten = Uint8Array.from({ length: 10 }, (_, i) => i);
  const long = new Random(2).bytes(300);
  test.each<[string, Uint8Array]>([
    ["a version that never was", concat(header(0), chunk(block(10, literal(ten))))],
    [
      "another magic in the middle",
      concat(frame(block(10, literal(ten))), MAGIC.subarray(0, 7), new Uint8Array(9)),
    ],
    ["a block's length below 0", concat(header(), chunk(block(10, literal(ten)), -1))],
    ["a block's length beyond the end", concat(header(), chunk(block(10, literal(ten)), 13))],
    ["a block without any byte", concat(header(), chunk(new Uint8Array(0)))],
    ["more bytes than the block says", block(9, literal(ten))],
    ["fewer bytes than the block says", block(11, literal(ten))],
    ["no elements for the bytes that the block says", block(1)],
    [
      "a block's length of more than five bytes",
      concat(Uint8Array.of(0x8a, 0x80, 0x80, 0x80, 0x80, 0), literal(ten)),
    ],
    ["a length that no elements of that size can come to", block(23 * 11, literal(ten))],
    ["a copy before anything", block(14, copy(1, 4, 1), literal(ten))],
    ["a copy from before the block", block(20, literal(ten), copy(11, 10, 2))],
    [
      "a copy from before the block, far from the end",
      block(600, literal(long, 2), copy(301, 64, 2), literal(long.subarray(64), 2)),
    ],
    ["a copy from no distance", block(20, literal(ten), copy(0, 10, 2))],
    [
      "a copy from no distance, far from the end",
      block(600, literal(long, 2), copy(0, 64, 4), literal(long.subarray(64), 2)),
    ],
    ["a copy from 2 ** 32 - 1 bytes back", block(20, literal(ten), copy(2 ** 32 - 1, 10, 4))],
    ["a copy beyond the block's length", block(19, literal(ten), copy(10, 10, 2))],
    ["a literal of 4 GiB", block(300, Uint8Array.of(63 << 2, 255, 255, 255, 255), long)],
    ["a literal beyond the end", block(300, literal(long, 2).subarray(0, 250))],
  ])("with %s is refused", (_, bytes) => {
    expect(badCode(bytes)).toBe(ErrorCode.CORRUPT_MESSAGE);
  });

  test("a copy may not reach into the block before", () => {
    expect(badCode(frame(block(10, literal(ten)), block(14, literal(ten), copy(11, 4, 1))))).toBe(
      ErrorCode.CORRUPT_MESSAGE,
    );
  });

  test("that would grow beyond the limit ends there, whatever it claims", () => {
    const zeros = engine.compress(CODEC_SNAPPY, new Uint8Array(50_000_000));
    expect(zeros.length).toBeLessThan(2_500_000);
    expect(codeOf(() => read(zeros, 1_000_000))).toBe(ErrorCode.MESSAGE_TOO_LARGE);
    expect(codeOf(() => read(zeros, 49_999_999))).toBe(ErrorCode.MESSAGE_TOO_LARGE);
    expect(read(zeros, 50_000_000).length).toBe(50_000_000);
    // 1 GiB in one block that its elements really come to, and by a claim alone.
    const real = block(
      2 ** 30,
      literal(Uint8Array.of(7)),
      Buffer.alloc(3 * (2 ** 24 - 1), Uint8Array.of(0xfe, 1, 0)),
      copy(1, 63, 2),
    );
    expect(codeOf(() => read(real))).toBe(ErrorCode.MESSAGE_TOO_LARGE);
    expect(badCode(concat(varint(2 ** 30), literal(ten)))).toBe(ErrorCode.CORRUPT_MESSAGE);
    expect(badCode(concat(varint(2 ** 32 - 1), literal(ten)))).toBe(ErrorCode.CORRUPT_MESSAGE);
  });
});
