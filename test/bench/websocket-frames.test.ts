import { describe, expect, it } from "vitest";
import { createRandom } from "../../bench/random.ts";
import { BINARY, clientFrame, FrameScanner, serverFrame, TEXT } from "../../bench/websocket-frames.ts";

/** Lengths around every edge of the length field, and around the prefix. */
const LENGTHS = [0, 1, 2, 7, 8, 9, 125, 126, 127, 65_535, 65_536, 70_000];
const PREFIX_BYTES = 8;

describe("the frame scanner", () => {
  const payloads = LENGTHS.map((length) =>
    Uint8Array.from({ length }, (_, index) => (index * 7 + length) & 255),
  );
  const stream = Buffer.concat(payloads.map(serverFrame));
  const expected = payloads.map((payload) => ({
    opcode: BINARY,
    length: payload.length,
    prefix: [...payload.subarray(0, PREFIX_BYTES)],
  }));
  const scan = (pieces: Iterable<Uint8Array>): unknown[] => {
    const seen: unknown[] = [];
    const scanner = new FrameScanner(PREFIX_BYTES, (opcode, length, prefix) =>
      seen.push({ opcode, length, prefix: [...prefix] }),
    );
    for (const piece of pieces) scanner.push(piece);
    return seen;
  };

  it("sees every frame in one piece", () => expect(scan([stream])).toEqual(expected));

  it("sees the same fed one byte at a time", () => {
    expect(scan(Array.from(stream, (byte) => Uint8Array.of(byte)))).toEqual(expected);
  });

  it("sees the same in pieces of any size", () => {
    const seed = 20_260_105;
    const random = createRandom(seed);
    const pieces: Uint8Array[] = [];
    for (let at = 0; at < stream.length;) {
      const size = random.next() < 0.5 ? 1 + random.below(12) : 1 + random.below(30_000);
      pieces.push(stream.subarray(at, at + size));
      at += size;
    }
    expect(scan(pieces), `seed ${seed}`).toEqual(expected);
  });

  it("looks at no more of the read buffer than was read into it", () => {
    const buffer = Buffer.concat([serverFrame(Uint8Array.of(1)), serverFrame(Uint8Array.of(2))]);
    const seen: number[] = [];
    new FrameScanner(1, (_opcode, _length, prefix) => seen.push(...prefix)).push(buffer, 3);
    expect(seen).toEqual([1]);
  });
});

describe("frames", () => {
  it("a client's frame carries the mask bit and four zero bytes of mask", () => {
    expect([...clientFrame(Uint8Array.of(7, 8), TEXT)]).toEqual([0x81, 0x82, 0, 0, 0, 0, 7, 8]);
    expect([...clientFrame(new Uint8Array(126)).subarray(0, 8)]).toEqual([0x82, 0xfe, 0, 126, 0, 0, 0, 0]);
  });

  it("a server's frame has no mask", () => {
    expect([...serverFrame(Uint8Array.of(7))]).toEqual([0x82, 1, 7]);
  });
});
