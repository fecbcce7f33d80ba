import lz4 from "lz4-napi";
import { describe, expect, test } from "vitest";
import { CODEC_LZ4 } from "../../engine-as/format.ts";
import type { Engine } from "../../log/engine.ts";
import { ErrorCode, KafkaError } from "../../wire/errors.ts";
import { engineKinds, loadEngine } from "./load.ts";
import { concat, frame, sequence, uint32, xxh32 } from "./lz4-reference.ts";
import { Random } from "./random.ts";

const MAX = 1 << 24;
const SIZES = [0, 1, 4, 5, 11, 12, 13, 14, 100, 4096, 65535, 65536, 65537, 131072, 200_001, 1_000_000];

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

describe.each(engineKinds)("LZ4 frames, %s build", (kind) => {
  const engine: Engine = loadEngine(kind);
  const read = (bytes: Uint8Array, max = MAX): Uint8Array => engine.decompress(CODEC_LZ4, bytes, max);
  const badCode = (bytes: Uint8Array): number => codeOf(() => read(bytes));

  test.each(SIZES)("of %i bytes are read by a native decoder, and its frames by this one", (size) => {
    for (const data of samples(size)) {
      const compressed = engine.compress(CODEC_LZ4, data);
      expect(Buffer.compare(lz4.decompressFrameSync(Buffer.from(compressed)), data)).toBe(0);
      expect(Buffer.compare(read(compressed), data)).toBe(0);
      for (const contentChecksum of [false, true]) {
        for (const blockChecksums of [false, true]) {
          const foreign = lz4.compressFrameSync(Buffer.from(data), { contentChecksum, blockChecksums });
          expect(Buffer.compare(read(foreign), data)).toBe(0);
        }
      }
    }
  });

  test("are written as Kafka's producers do: independent blocks, no sizes, no checksums", () => {
    const magic = [0x04, 0x22, 0x4d, 0x18, 0x60];
    for (const [size, blockMax, block, checksum] of [
      [65_536, 65_536, 0x40, 0x82],
      [65_537, 262_144, 0x50, 0xfb],
      [600_000, 262_144, 0x50, 0xfb],
    ] as const) {
      // Noise does not compress: blocks are stored.
      const noise = new Random(1).bytes(size);
      const compressed = engine.compress(CODEC_LZ4, noise);
      expect([...compressed.subarray(0, 7)]).toEqual([...magic, block, checksum]);
      const view = new DataView(compressed.buffer);
      let at = 7;
      for (let taken = 0; taken < size; taken += blockMax) {
        const take = Math.min(blockMax, size - taken);
        expect(view.getUint32(at, true)).toBe((take | 0x80000000) >>> 0);
        expect(
          Buffer.compare(compressed.subarray(at + 4, at + 4 + take), noise.subarray(taken, taken + take)),
        ).toBe(0);
        at += 4 + take;
      }
      expect([...compressed.subarray(at)]).toEqual([0, 0, 0, 0]);
    }
  });

  test("find what lies up to 65535 bytes back in the same block, and nothing in the block before", () => {
    const noise = new Random(6).bytes(65_535);
    const sizeOf = (...pieces: readonly Uint8Array[]): number =>
      engine.compress(CODEC_LZ4, concat(...pieces)).length;
    expect(sizeOf(noise, noise, noise)).toBeLessThan(70_000);
    // One byte farther is too far.
    expect(sizeOf(noise, Uint8Array.of(0), noise, Uint8Array.of(1), noise)).toBeGreaterThan(190_000);
    const before = new Random(7).bytes(262_144 - 60_000);
    const [start, again] = [noise.subarray(0, 60_000), noise.subarray(0, 60_000)];
    expect(sizeOf(before, start, again)).toBeGreaterThan(262_144 + 60_000);
    expect(sizeOf(before.subarray(60_000), start, again)).toBeLessThan(210_000);
    for (const data of [
      concat(noise, noise, noise),
      concat(before, start, again),
      concat(before.subarray(60_000), start, again),
    ])
      expect(
        Buffer.compare(lz4.decompressFrameSync(Buffer.from(engine.compress(CODEC_LZ4, data))), data),
      ).toBe(0);
  });

  test("compress text at least as well as the native fast mode, to a few percent", () => {
    const data = new Random(3).text(500_000);
    expect(engine.compress(CODEC_LZ4, data).length).toBeLessThan(
      lz4.compressFrameSync(Buffer.from(data)).length * 1.1,
    );
  });

  test.each([4, 5, 6, 7] as const)("with blocks named %i are read up to their full size", (blockBytes) => {
    const size = 2 ** (8 + 2 * blockBytes);
    const run = sequence(Uint8Array.of(9), { distance: 1, length: size - 6 });
    const block = concat(run, sequence(new Uint8Array(5).fill(9)));
    const full = { blocks: [{ bytes: block }, { bytes: block }], blockBytes };
    expect(read(frame(full)).length).toBe(size * 2);
    // One byte more than the frame's own block size is a broken frame, not a large one.
    const over = concat(
      sequence(Uint8Array.of(9), { distance: 1, length: size - 5 }),
      sequence(new Uint8Array(5).fill(9)),
    );
    expect(badCode(frame({ blocks: [{ bytes: over }], blockBytes }))).toBe(ErrorCode.CORRUPT_MESSAGE);
  });

  test("with linked blocks reach back into the blocks before, with independent ones they may not", () => {
    const text = new TextEncoder().encode("the block before");
    const blocks = [
      { bytes: text, stored: true },
      {
        bytes: concat(
          sequence(new Uint8Array(0), { distance: 16, length: 12 }),
          sequence(text.subarray(0, 5)),
        ),
      },
    ];
    const expected = concat(text, text.subarray(0, 12), text.subarray(0, 5));
    expect(read(frame({ blocks, linked: true }))).toEqual(expected);
    expect(badCode(frame({ blocks }))).toBe(ErrorCode.CORRUPT_MESSAGE);
  });

  test("with linked blocks reach 65535 bytes back over several of them, and never before the frame", () => {
    const first = new Random(5).bytes(65536);
    const again = (distance: number): Uint8Array =>
      concat(sequence(new Uint8Array(0), { distance, length: 100 }), sequence(new Uint8Array(5)));
    const linked = { linked: true, blocks: [{ bytes: first, stored: true }, { bytes: again(65535) }] };
    expect(read(frame(linked)).subarray(65536, 65636)).toEqual(first.subarray(1, 101));
    // The frame before this one is no history.
    const alone = frame({ linked: true, blocks: [{ bytes: again(8) }] });
    expect(badCode(concat(frame(linked), alone))).toBe(ErrorCode.CORRUPT_MESSAGE);
  });

  test("carry sizes and checksums, each of which is compared", () => {
    const content = new Random(8).text(3000);
    const parts = { content, blocks: [{ bytes: content, stored: true }] };
    const all = { ...parts, blockChecksum: true, contentChecksum: true, contentSize: true };
    expect(read(frame(all))).toEqual(content);
    const other = Uint8Array.from(content, (byte, at) => (at === 1500 ? byte ^ 1 : byte));
    const wrongContent = { ...parts, content: other };
    expect(badCode(frame({ ...wrongContent, contentChecksum: true }))).toBe(ErrorCode.CORRUPT_MESSAGE);
    expect(badCode(frame({ ...wrongContent, content: content.subarray(1), contentSize: true }))).toBe(
      ErrorCode.CORRUPT_MESSAGE,
    );
    const bytes = frame({ ...parts, blockChecksum: true });
    bytes[2000] = (bytes[2000] ?? 0) ^ 4;
    expect(badCode(bytes)).toBe(ErrorCode.CORRUPT_MESSAGE);
  });

  test("may be empty, follow each other, and have skippable frames between them", () => {
    const skip = (length: number): Uint8Array =>
      concat(uint32(0x184d2a53), uint32(length), new Uint8Array(length));
    const [a, b] = [new Random(1).text(100), new Random(2).text(70_000)];
    const frames = concat(
      skip(0),
      engine.compress(CODEC_LZ4, a),
      frame({ blocks: [] }),
      skip(9),
      engine.compress(CODEC_LZ4, b),
      skip(1),
    );
    expect(read(frames)).toEqual(concat(a, b));
    expect(badCode(skip(4))).toBe(ErrorCode.CORRUPT_MESSAGE);
    expect(badCode(concat(engine.compress(CODEC_LZ4, a), skip(9).subarray(0, 12)))).toBe(
      ErrorCode.CORRUPT_MESSAGE,
    );
  });

  test("cut at any length, or with anything after them, are refused", () => {
    const whole = frame({
      content: new Random(4).text(50),
      blocks: [{ bytes: new Random(4).text(50), stored: true }],
      contentChecksum: true,
      blockChecksum: true,
      contentSize: true,
    });
    for (let length = 0; length < whole.length; length++) {
      expect(badCode(whole.subarray(0, length)), `cut to ${length}`).toBe(ErrorCode.CORRUPT_MESSAGE);
    }
    expect(badCode(concat(whole, Uint8Array.of(0)))).toBe(ErrorCode.CORRUPT_MESSAGE);
  });

  test("with another version, reserved bits, a dictionary, a wrong header checksum or block size are refused", () => {
    const sound = frame({ blocks: [] });
    const changed = (at: number, value: number): Uint8Array => {
      const bytes = Uint8Array.from(sound);
      bytes[at] = value;
      bytes[6] = xxh32(bytes.subarray(4, 6)) >>> 8;
      return bytes;
    };
    expect(read(sound)).toEqual(new Uint8Array(0));
    const flags = [0x20, 0xa0, 0xe0, 0x62, 0x61];
    const blocks = [0x00, 0x30, 0x41, 0x48, 0xc0];
    for (const bad of [...flags.map((f) => changed(4, f)), ...blocks.map((b) => changed(5, b))]) {
      expect(badCode(bad)).toBe(ErrorCode.CORRUPT_MESSAGE);
    }
    const checksum = Uint8Array.from(sound);
    checksum[6] = (checksum[6] ?? 0) ^ 0x10;
    expect(badCode(checksum)).toBe(ErrorCode.CORRUPT_MESSAGE);
  });

  test("that would grow beyond the limit end there, whatever they claim", () => {
    const zeros = engine.compress(CODEC_LZ4, new Uint8Array(50_000_000));
    expect(zeros.length).toBeLessThan(250_000);
    expect(codeOf(() => read(zeros, 1_000_000))).toBe(ErrorCode.MESSAGE_TOO_LARGE);
    expect(codeOf(() => read(zeros, 49_999_999))).toBe(ErrorCode.MESSAGE_TOO_LARGE);
    expect(read(zeros, 50_000_000).length).toBe(50_000_000);
    expect(codeOf(() => read(zeros, Number.POSITIVE_INFINITY))).toBe(ErrorCode.NONE);
    const claims = frame({ blocks: [], contentSize: true, content: new Uint8Array(1001) });
    expect(codeOf(() => read(claims, 1000))).toBe(ErrorCode.MESSAGE_TOO_LARGE);
  });
});
