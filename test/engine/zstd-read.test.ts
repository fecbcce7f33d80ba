import { Zstd } from "@hpcc-js/wasm-zstd";
import { beforeAll, describe, expect, test } from "vitest";
import { clickStreamBytes } from "../../bench/click-stream.ts";
import { CODEC_ZSTD } from "../../engine-as/format.ts";
import { ErrorCode } from "../../wire/errors.ts";
import { engineKinds, loadEngine } from "./load.ts";
import { concat } from "./lz4-reference.ts";
import { Random } from "./random.ts";
import { checksum } from "./zstd-reference.ts";
import { type Counts, countParts, PARTS } from "./zstd-walker.ts";

const MAX = 1 << 27;
const LEVELS = Array.from({ length: 19 }, (_, index) => index + 1);

const EVENTS = clickStreamBytes(0x2570, 1 << 19);

let zstd: Zstd;
beforeAll(async () => void (zstd = await Zstd.load()));

/** Words of a few letters, each as likely as its place in the list: literals that a Huffman tree is worth its while for. */
function skewed(random: Random, length: number): Uint8Array {
  return Uint8Array.from({ length }, () => random.below(1 + random.below(1 + random.below(200))));
}

/** Pieces of the same few strings at the same distances: lengths and offsets of one code each. */
function regular(random: Random, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  const piece = random.bytes(9);
  for (let at = 0; at < length; at += 16) {
    bytes.set(piece.subarray(0, Math.min(9, length - at)), at);
    for (let i = 9; i < 16 && at + i < length; i++) bytes[at + i] = random.word();
  }
  return bytes;
}

const SHAPES: Readonly<Record<string, (random: Random, length: number) => Uint8Array>> = {
  text: (random, length) => random.text(length),
  noise: (random, length) => random.bytes(length),
  "one byte": (random, length) => new Uint8Array(length).fill(random.below(256)),
  "few letters": (random, length) => random.bytes(length).map((byte) => byte & 7),
  skewed,
  regular,
  JSON: (random, length) => {
    const at = random.below(EVENTS.length - length + 1);
    return EVENTS.slice(at, at + length);
  },
  /** Literals that are all the same byte, between matches. */
  "same literals": (random, length) => {
    const bytes = random.bytes(length);
    const half = Math.min(length >>> 1, 2000);
    for (let at = half; at < length; at++) {
      bytes[at] = random.oneIn(12) ? 7 : (bytes[at - half + 1] ?? 0);
    }
    return bytes;
  },
};

let large: { data: Uint8Array; compressed: Uint8Array; bomb: Uint8Array } | undefined;

/** 64 MiB of text, and a GiB of zeros of which only the compressed bytes are kept. */
function makeLarge(): NonNullable<typeof large> {
  const piece = new Random(0x2576).text(1 << 18);
  const data = new Uint8Array(1 << 26);
  // Each piece begins another way, so that there is a match to be found, but not for all of it.
  for (let at = 0; at < data.length; at += piece.length) {
    data.set(piece, at);
    data[at] = at >>> 18;
  }
  zstd.reset();
  zstd.setCompressionLevel(1);
  const zeros = new Uint8Array(data.length);
  const pieces = Array.from({ length: 16 }, () => zstd.compressChunk(zeros));
  const bomb = Uint8Array.from(Buffer.concat([...pieces, zstd.compressEnd()]));
  return { data, compressed: zstd.compress(data, 1), bomb };
}

describe.each(engineKinds)("Zstandard from a native compressor, %s build", (kind) => {
  const engine = loadEngine(kind);
  const read = (bytes: Uint8Array, max = MAX): Uint8Array => engine.decompress(CODEC_ZSTD, bytes, max);
  const parts: Counts = new Map();

  function expectRead(compressed: Uint8Array, data: Uint8Array, what: string): void {
    countParts(compressed, parts);
    if (Buffer.compare(read(compressed, data.length), data) !== 0) expect.fail(`${what}: other bytes`);
  }

  test("of 0 to 300 bytes is read, at levels from the fastest to the closest", () => {
    const random = new Random(0x2571);
    for (let size = 0; size <= 300; size++) {
      for (const [shape, make] of Object.entries(SHAPES)) {
        const data = make(random, size);
        const level = [-5, 1, 3, 19][random.below(4)] ?? 1;
        expectRead(zstd.compress(data, level), data, `${size} bytes of ${shape}, level ${level}`);
      }
    }
  });

  test.each(Object.keys(SHAPES))("of %s is read, at every level", (shape) => {
    const random = new Random(0x2572);
    for (const level of LEVELS) {
      for (const size of [1000 + random.below(9000), 20_000 + random.below(150_000)]) {
        const data = SHAPES[shape]?.(random, size) ?? new Uint8Array(0);
        expectRead(zstd.compress(data, level), data, `${size} bytes, level ${level}, seed ${random.seed}`);
      }
    }
  });

  test("in pieces, and so with a window and without a size, is read", () => {
    const random = new Random(0x2573);
    for (const level of [-7, 1, 4, 9, 15]) {
      zstd.reset();
      zstd.setCompressionLevel(level);
      const pieces = Array.from({ length: 5 }, (_, index) =>
        random.text(1 + random.below(20_000 * (index + 1))),
      );
      const data = Uint8Array.from(Buffer.concat(pieces));
      const compressed = Buffer.concat([
        ...pieces.map((piece) => zstd.compressChunk(piece)),
        zstd.compressEnd(),
      ]);
      expectRead(compressed, data, `level ${level}`);
    }
  });

  test("that ends with a short block, and so uses a tree once more, is read", () => {
    const random = new Random(0x2574);
    for (let size = 131_072; size < 131_700; size += 20) {
      const data = skewed(random, size);
      expectRead(zstd.compress(data, 1), data, `${size} bytes`);
    }
  });

  test("has its checksum compared", () => {
    const random = new Random(0x2575);
    for (const size of [0, 1, 3, 4, 7, 8, 31, 32, 33, 63, 64, 1000, 70_000]) {
      const data = random.text(size);
      const compressed = concat(zstd.compress(data, 3), checksum(data));
      compressed[4] = (compressed[4] ?? 0) | 4;
      expectRead(compressed, data, `${size} bytes`);
    }
  });

  test("of 64 MiB is read, and no more of a GiB of zeros than there is room for", () => {
    large ??= makeLarge();
    expectRead(large.compressed, large.data, "64 MiB");
    expect(() => read(large?.bomb ?? EVENTS, 1 << 25)).toThrow(
      expect.objectContaining({ code: ErrorCode.MESSAGE_TOO_LARGE }),
    );
  });

  test("has had every part of the format in it", () => {
    expect(PARTS.filter((part) => !parts.has(part))).toEqual([]);
  });
});
