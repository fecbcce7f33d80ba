import { Zstd } from "@hpcc-js/wasm-zstd";
import * as fzstd from "fzstd";
import { describe, expect, test } from "vitest";
import { CODEC_ZSTD } from "../../engine-as/format.ts";
import { clickStreamBytes } from "../../bench/click-stream.ts";
import { engineKinds, loadEngine } from "./load.ts";
import { Random } from "./random.ts";
import { zstdAnatomy } from "./zstd-anatomy.ts";
import { countParts, PARTS, type Counts } from "./zstd-walker.ts";

const MIB = 2 ** 20;
const BLOCK_BYTES = 131_072;
const WINDOW_BYTES = 8 * MIB;
const SIZES = [1023, 1024, 4095, 4096, 16_383, 16_384, 65_791, 65_792, 131_071, 131_072, 131_073, 400_000];

const libzstd = await Zstd.load();

/** Literals of a skewed alphabet: symbol n comes about `ratio` times as often as symbol n - 1. */
function skewed(random: Random, size: number, symbols: number, ratio: number): Uint8Array {
  const shares = Array.from({ length: symbols }, (_, at) => ratio ** at);
  const total = shares.reduce((sum, share) => sum + share, 0);
  const table: number[] = [];
  for (const [symbol, share] of shares.entries()) {
    const times = Math.max(1, Math.round((share / total) * 65_536));
    for (let i = 0; i < times; i++) table.push(symbol);
  }
  return Uint8Array.from({ length: size }, () => table[random.below(table.length)] ?? 0);
}

const json = clickStreamBytes(7, MIB);

describe.each(engineKinds)("Zstandard frames, %s build", (kind) => {
  const engine = loadEngine(kind);
  const compress = (data: Uint8Array): Uint8Array => engine.compress(CODEC_ZSTD, data);

  /** What libzstd and fzstd make of it, both; the frame. */
  function roundTrip(data: Uint8Array, what: string): Uint8Array {
    const frame = compress(data);
    if (Buffer.compare(libzstd.decompress(frame), data) !== 0)
      expect.fail(`${what}: libzstd reads other bytes`);
    if (Buffer.compare(fzstd.decompress(frame), data) !== 0) expect.fail(`${what}: fzstd reads other bytes`);
    return frame;
  }

  test("of every size up to 300 bytes are read by libzstd and fzstd", () => {
    for (let size = 0; size <= 300; size++) {
      const random = new Random(size);
      roundTrip(random.text(size), `text of ${size}`);
      roundTrip(random.bytes(size), `noise of ${size}`);
      roundTrip(new Uint8Array(size), `zeros of ${size}`);
      roundTrip(json.subarray(0, size), `JSON of ${size}`);
      roundTrip(
        Uint8Array.from({ length: size }, (_, at) => 97 + (at % 3)),
        `abc of ${size}`,
      );
    }
  });

  test.each(SIZES)("of %i bytes are read by libzstd and fzstd", (size) => {
    const random = new Random(size);
    roundTrip(random.text(size), "text");
    roundTrip(random.bytes(size), "noise");
    roundTrip(new Uint8Array(size).fill(171), "a run");
    roundTrip(json.subarray(0, size), "JSON");
  });

  test("of every kind of alphabet are read by libzstd and fzstd", () => {
    const random = new Random(0x5eed);
    for (const size of [40, 255, 256, 700, 5000, 20_000]) {
      for (const symbols of [1, 2, 3, 13, 128, 129, 255, 256]) {
        for (const ratio of [1, 0.97, 0.7]) {
          const what = `${symbols} symbols, ratio ${ratio}, ${size} bytes, seed ${random.seed}`;
          const data = skewed(random, size, symbols, ratio);
          roundTrip(data, what);
          // The same with the greatest symbols, of which a description names all those before.
          const high = Uint8Array.from(data, (byte) => 255 - byte);
          roundTrip(high, `${what}, from above`);
        }
      }
    }
  });

  test("say their content size and have no checksum, as one segment up to a window of 8 MiB", () => {
    for (const [size, headerBytes] of [
      [0, 6],
      [255, 6],
      [256, 7],
      [65_791, 7],
      [65_792, 9],
    ] as const) {
      const frame = compress(new Random(size).bytes(size));
      const { blocks, ...header } = zstdAnatomy(frame);
      expect(header).toEqual({
        singleSegment: true,
        checksum: false,
        window: size,
        contentSize: size,
        size: frame.length,
      });
      expect(blocks[0]?.type).toBe("raw");
      expect(frame.length - size).toBe(headerBytes + 3);
    }
  });

  test("begin each block where the one before has used up its 128 KiB, each of the kind that is smallest", () => {
    const random = new Random(0xb10c);
    const noise = random.bytes(BLOCK_BYTES);
    const mixed = Buffer.concat([
      json.subarray(0, BLOCK_BYTES),
      noise,
      new Uint8Array(BLOCK_BYTES),
      json.subarray(0, BLOCK_BYTES),
      noise,
      json.subarray(0, 100),
    ]);
    const { blocks } = zstdAnatomy(roundTrip(mixed, "mixed"));
    expect(blocks.map((block) => block.type)).toEqual([
      "compressed",
      "raw",
      "rle",
      "compressed",
      "compressed",
      "compressed",
    ]);
    // What came before a block of noise is found again behind it.
    expect(blocks[3]?.size).toBeLessThan(30_000);
    expect(blocks[4]?.size).toBeLessThan(1000);
  });

  test("keep the last offsets over a block that is stored as it is", () => {
    const random = new Random(0x0ff5);
    // Rows of 100 bytes that differ in a few: every match is at the same distance, before and after the noise.
    const row = random.bytes(100);
    const rows = new Uint8Array(2 * BLOCK_BYTES);
    for (let at = 0; at < rows.length; at++) {
      rows[at] = at % 100 < 4 ? random.word() & 255 : (row[at % 100] ?? 0);
    }
    const data = Buffer.concat([
      rows.subarray(0, BLOCK_BYTES),
      random.bytes(BLOCK_BYTES),
      rows.subarray(BLOCK_BYTES),
    ]);
    const { blocks } = zstdAnatomy(roundTrip(data, "rows"));
    expect(blocks.map((block) => block.type)).toEqual(["compressed", "raw", "compressed"]);
    // Each row of the last block takes its few new bytes, and no offset.
    expect(blocks[2]?.size).toBeLessThan((BLOCK_BYTES / 100) * 8);
  });

  test("use every way to write literals and codes that pays", () => {
    const random = new Random(0xa11);
    const counts: Counts = new Map();
    const note = (data: Uint8Array, what: string): void => countParts(roundTrip(data, what), counts);
    note(json.subarray(0, 400), "few");
    note(json.subarray(0, 200_000), "many");
    note(random.bytes(1000), "a stored block");
    note(new Uint8Array(1000), "a block of one byte");
    const pairs = Array.from({ length: 144 }, (_, at) => [Math.floor(at / 12), at % 12]);
    note(Uint8Array.from(pairs.flat()), "nothing that comes again");
    note(skewed(random, 200, 4, 0.5), "four letters");
    note(Buffer.concat([new Uint8Array(20), random.bytes(40), new Uint8Array(20)]), "noise");
    // The same record again and again, each time with another byte before it: every match is as long.
    const record = random.bytes(60);
    note(
      Buffer.concat(Array.from({ length: 300 }, (_, at) => [Uint8Array.of(at * 37), record]).flat()),
      "records",
    );
    note(Buffer.concat(Array.from({ length: 50 }, () => new Uint8Array(40).fill(random.below(2)))), "runs");
    // Pieces of the block before, in another order and with the same byte between them.
    const pieces = Array.from({ length: 64 }, () => random.bytes(16));
    const before = pieces.flatMap((piece) => [piece, Uint8Array.of(9)]);
    const after = pieces.toReversed().flatMap((piece) => [piece, Uint8Array.of(7)]);
    const between = new Uint8Array(BLOCK_BYTES - 64 * 17);
    note(Buffer.concat([...before, between, ...after]), "pieces");
    // A frame with a window, and what is never written: a checksum, and tables of the block before.
    const others = /window|checksum|treeless|repeat/;
    expect([...counts.keys()].toSorted()).toEqual(PARTS.filter((part) => !others.test(part)).toSorted());
  });

  test("are about as small as libzstd's own at level 1", () => {
    for (const size of [1024, 16_384, 65_536, MIB]) {
      const data = json.subarray(0, size);
      expect(compress(data).length, `${size} bytes`).toBeLessThan(libzstd.compress(data, 1).length * 1.03);
    }
  });

  test("of 64 MiB reach back no further than their window of 8 MiB", () => {
    // The same piece comes again just inside the window, and once more outside it.
    const random = new Random(0x64);
    const piece = random.bytes(BLOCK_BYTES);
    const data = new Uint8Array(64 * MIB);
    for (let at = 0; at < data.length; at += WINDOW_BYTES) data.set(json, at + MIB);
    for (const at of [0, WINDOW_BYTES - 2 * BLOCK_BYTES, 3 * WINDOW_BYTES]) data.set(piece, at);
    const frame = compress(data);
    const { singleSegment, window, contentSize, blocks } = zstdAnatomy(frame);
    expect({ singleSegment, window, contentSize }).toEqual({
      singleSegment: false,
      window: WINDOW_BYTES,
      contentSize: data.length,
    });
    const typeAt = (at: number): string | undefined => blocks[at / BLOCK_BYTES]?.type;
    expect(typeAt(WINDOW_BYTES - 2 * BLOCK_BYTES)).toBe("compressed");
    expect(typeAt(3 * WINDOW_BYTES)).toBe("raw");
    expect(Buffer.compare(fzstd.decompress(frame), data)).toBe(0);
    // The package around libzstd copies slowly: what does not fit into one window is enough for it.
    const start = data.subarray(0, 9 * MIB);
    expect(Buffer.compare(libzstd.decompress(compress(start)), start)).toBe(0);
  });
});
