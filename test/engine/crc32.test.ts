import { crc32 } from "@node-rs/crc32";
import { describe, expect, test } from "vitest";
import { CODEC_GZIP, HEAP_AT } from "../../engine-as/format.ts";
import { engineKinds, loadEngine, loadExports } from "./load.ts";
import { Random } from "./random.ts";

/** Around here the kernel or the number of its chunks changes. */
const EDGES = [8192, 16_384, 16_384 + 4018, 32_768, 32_768 + 4018, 65_536];

describe.each(engineKinds)("CRC-32 in gzip's trailers, %s build", (kind) => {
  test("equals the native one for every short length and thousands of others and alignments", () => {
    const random = new Random(0xedb88320);
    const exports = loadExports(kind);
    const data = random.bytes(200_000);
    const output = HEAP_AT + data.length + 64;
    const memory = new Uint8Array(exports.memory.buffer);
    const view = new DataView(exports.memory.buffer);
    memory.set(data, HEAP_AT);
    const check = (start: number, length: number): void => {
      const room = exports.compressedBytesMax(CODEC_GZIP, length);
      const size = exports.compress(CODEC_GZIP, HEAP_AT + start, length, output, room);
      const found = view.getUint32(output + size - 8, true);
      const expected = crc32(data.subarray(start, start + length));
      if (found !== expected) expect.fail(`start ${start} length ${length}: ${found}, not ${expected}`);
    };
    for (let length = 0; length < 600; length++) check(length & 63, length);
    for (const edge of EDGES) {
      for (let more = -66; more <= 66; more++) check((more * 7) & 63, edge + more);
    }
    for (let round = 0; round < 300; round++)
      check(random.below(4096), random.below(round % 10 === 0 ? 190_000 : 30_000));
    // The source is not written to, at any length.
    expect(Buffer.compare(memory.subarray(HEAP_AT, HEAP_AT + data.length), data)).toBe(0);
  });

  test("is the check value that the standard names", () => {
    const bytes = loadEngine(kind).compress(CODEC_GZIP, new TextEncoder().encode("123456789"));
    expect(new DataView(bytes.buffer).getUint32(bytes.length - 8, true)).toBe(0xcbf43926);
  });
});
