import { crc32 } from "@node-rs/crc32";
import { deflateRawSync, gunzipSync, gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { CODEC_GZIP } from "../../engine-as/format.ts";
import type { Engine } from "../../log/engine.ts";
import { ErrorCode, KafkaError } from "../../wire/errors.ts";
import { member, stored } from "./gzip-reference.ts";
import { engineKinds, loadEngine } from "./load.ts";
import { Random } from "./random.ts";

const MAX = 1 << 27;
const SIZES = [4096, 16_384, 65_535, 65_536, 131_070, 131_071, 200_001, 500_000];
const HEADER = Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255);

function codeOf(run: () => unknown): number {
  try {
    run();
  } catch (error) {
    if (error instanceof KafkaError) return error.code;
    throw error;
  }
  return ErrorCode.NONE;
}

function json(random: Random, size: number): Uint8Array {
  let text = "";
  while (text.length < size) {
    const event = {
      id: random.word().toString(16),
      user: `user-${random.below(500)}`,
      ms: random.below(9999),
    };
    text += `${JSON.stringify({ ...event, type: ["view", "click"][random.below(2)] })}\n`;
  }
  return new TextEncoder().encode(text.slice(0, size));
}

function samples(size: number): Uint8Array[] {
  const random = new Random(size);
  const hex = Uint8Array.from({ length: size }, () => "0123456789abcdef".charCodeAt(random.below(16)));
  return [random.text(size), random.bytes(size), new Uint8Array(size), json(random, size), hex];
}

function joined(...pieces: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(pieces));
}

describe.each(engineKinds)("gzip, %s build", (kind) => {
  const engine: Engine = loadEngine(kind);
  const read = (bytes: Uint8Array, max = MAX): Uint8Array => engine.decompress(CODEC_GZIP, bytes, max);
  const write = (bytes: Uint8Array): Uint8Array => engine.compress(CODEC_GZIP, bytes);

  function expectBothWays(data: Uint8Array, levels: readonly number[]): void {
    const ours = write(data);
    const where = `${data.length} bytes of seed ${data.length}`;
    if (Buffer.compare(gunzipSync(ours), data) !== 0) expect.fail(`${where}: zlib reads other bytes`);
    if (Buffer.compare(read(ours), data) !== 0) expect.fail(`${where}: read otherwise than written`);
    for (const level of levels) {
      if (Buffer.compare(read(gzipSync(data, { level })), data) !== 0) {
        expect.fail(`${where}: zlib's level ${level} is read otherwise`);
      }
    }
  }

  test("every length up to 300 is read by zlib, and zlib's by this engine", () => {
    for (let size = 0; size <= 300; size++) for (const data of samples(size)) expectBothWays(data, [1, 9]);
  });

  test.each(SIZES)("%i bytes are read by zlib, and zlib's by this engine", (size) => {
    for (const data of samples(size)) expectBothWays(data, kind === "release" ? [0, 1, 6, 9] : [1, 6]);
  });

  const large = kind === "debug" ? 1 << 24 : 1 << 26;
  test(`${large >> 20} MiB go both ways`, () => {
    const piece = joined(...samples(1_000_003));
    const data = new Uint8Array(large);
    for (let at = 0; at < data.length; at += piece.length) data.set(piece.subarray(0, data.length - at), at);
    const ours = write(data);
    expect(Buffer.compare(read(ours), data)).toBe(0);
    if (kind === "release") {
      expect(Buffer.compare(gunzipSync(ours), data)).toBe(0);
      expect(Buffer.compare(read(gzipSync(data, { level: 1 })), data)).toBe(0);
    }
  });

  test("is framed as Java's GZIPOutputStream does: no flags, no time, unknown system", () => {
    for (const data of samples(5000)) {
      const bytes = write(data);
      expect(bytes.subarray(0, 10)).toEqual(HEADER);
      const trailer = new DataView(bytes.buffer, bytes.byteOffset + bytes.length - 8);
      expect(trailer.getUint32(0, true)).toBe(crc32(data));
      expect(trailer.getUint32(4, true)).toBe(5000);
    }
  });

  test("is what it was before, whatever the engine did in between", () => {
    const data = json(new Random(3), 100_000);
    const first = write(data);
    for (const other of samples(70_000)) read(write(other));
    expect(write(data)).toEqual(first);
  });

  test("is as small as zlib's fastest, and stored where nothing can be gained", () => {
    for (const data of [
      json(new Random(1), 65_536),
      json(new Random(2), 1_000_000),
      new Random(3).text(300_000),
    ]) {
      expect(write(data).length).toBeLessThan(gzipSync(data, { level: 1 }).length * 1.03);
    }
    const noise = new Random(4).bytes(1_000_000);
    expect(write(noise).length).toBeLessThan(noise.length + 150);
    expect(write(new Uint8Array(1_000_000)).length).toBeLessThan(5000);
    // No byte comes again, but only 16 of 256 values occur: half of the bits, as the Huffman code alone can do.
    const hex = samples(1_000_000)[4] ?? noise;
    expect(write(hex).length).toBeLessThan(580_000);
  });

  test("finds what begins to repeat behind a megabyte of noise", () => {
    const noise = new Random(5).bytes(1_000_000);
    const text = json(new Random(6), 200_000);
    expect(write(joined(noise, text)).length).toBeLessThan(noise.length + write(text).length * 1.1 + 500);
  });

  test("codes are as long as they may be where counts grow as Fibonacci's numbers do", () => {
    const counts = [1, 1];
    while (counts.length < 25) counts.push((counts.at(-1) ?? 0) + (counts.at(-2) ?? 0));
    const data = joined(...counts.map((count, symbol) => new Uint8Array(count).fill(symbol * 7)));
    // Shuffled, so that the literals' code has to carry it.
    const random = new Random(9);
    for (let at = data.length - 1; at > 0; at--) {
      const other = random.below(at + 1);
      [data[at], data[other]] = [data[other] ?? 0, data[at] ?? 0];
    }
    expectBothWays(data, [1, 6, 9]);
  });

  test("matches of every length and distance are written and read", () => {
    const random = new Random(11);
    const before = random.bytes(33_000);
    const pieces: Uint8Array[] = [before];
    for (let length = 3; length <= 300; length++)
      pieces.push(before.subarray(length, 2 * length), random.bytes(3));
    for (let distance = 1; distance < 300; distance++) {
      const pattern = random.bytes(distance);
      pieces.push(pattern, pattern, pattern.subarray(0, distance / 2), random.bytes(2));
    }
    for (const far of [32_766, 32_767, 32_768, 32_769]) {
      const noise = random.bytes(far - 40);
      const again = random.bytes(40);
      pieces.push(again, noise, again);
    }
    expectBothWays(joined(...pieces), [1, 6, 9]);
  });

  test("members follow each other, empty ones too, and none reaches back into the one before", () => {
    const [a, b] = [new Random(1).text(70_000), new Random(2).text(100)];
    const empty = new Uint8Array(0);
    const nothing = member({ deflated: stored(empty), content: empty });
    expect(read(joined(write(a), nothing, gzipSync(b), write(empty)))).toEqual(joined(a, b));
    const dictionary = deflateRawSync(b, { dictionary: b });
    const reaching = joined(
      member({ deflated: stored(b), content: b }),
      member({ deflated: dictionary, content: b }),
    );
    expect(codeOf(() => read(reaching))).toBe(ErrorCode.CORRUPT_MESSAGE);
  });

  test("a result that would grow beyond the limit ends there, whatever is claimed", () => {
    const zeros = gzipSync(new Uint8Array(50_000_000), { level: 9 });
    expect(codeOf(() => read(zeros, 1_000_000))).toBe(ErrorCode.MESSAGE_TOO_LARGE);
    expect(codeOf(() => read(zeros, 49_999_999))).toBe(ErrorCode.MESSAGE_TOO_LARGE);
    expect(read(zeros, 50_000_000).length).toBe(50_000_000);
    // Claims 1,000 bytes, holds a thousand times as many.
    new DataView(zeros.buffer, zeros.byteOffset + zeros.length - 4).setUint32(0, 1000, true);
    expect(codeOf(() => read(zeros, 1_000_000))).toBe(ErrorCode.MESSAGE_TOO_LARGE);
    expect(codeOf(() => read(zeros))).toBe(ErrorCode.CORRUPT_MESSAGE);
    const small = write(new Random(5).bytes(1001));
    expect(codeOf(() => read(small, 1000))).toBe(ErrorCode.MESSAGE_TOO_LARGE);
    expect(read(small, 1001).length).toBe(1001);
  });
});
