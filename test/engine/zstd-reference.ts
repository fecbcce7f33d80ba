/**
 * Zstandard as simply as it can be said, to test the engine with: XXH64, bit streams written backwards, and a builder of
 * frames, blocks and sections with whatever a test wants in them.
 */
import { concat, uint32 } from "./lz4-reference.ts";

const MASK = (1n << 64n) - 1n;

export function xxh64(bytes: Uint8Array): bigint {
  const [p1, p2, p3, p4, p5] = [
    0x9e3779b185ebca87n,
    0xc2b2ae3d27d4eb4fn,
    0x165667b19e3779f9n,
    0x85ebca77c2b2ae63n,
    0x27d4eb2f165667c5n,
  ];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const times = (a: bigint, b: bigint): bigint => (a * b) & MASK;
  const rotate = (value: bigint, by: bigint): bigint => ((value << by) | (value >> (64n - by))) & MASK;
  const round = (lane: bigint, word: bigint): bigint =>
    times(rotate((lane + times(word, p2)) & MASK, 31n), p1);
  let at = 0;
  let hash = p5;
  if (bytes.length >= 32) {
    const lanes = [(p1 + p2) & MASK, p2, 0n, -p1 & MASK];
    for (; at + 32 <= bytes.length; at += 32) {
      for (let i = 0; i < 4; i++) lanes[i] = round(lanes[i] ?? 0n, view.getBigUint64(at + 8 * i, true));
    }
    const [a = 0n, b = 0n, c = 0n, d = 0n] = lanes;
    hash = (rotate(a, 1n) + rotate(b, 7n) + rotate(c, 12n) + rotate(d, 18n)) & MASK;
    for (const lane of lanes) hash = (times(hash ^ round(0n, lane), p1) + p4) & MASK;
  }
  hash = (hash + BigInt(bytes.length)) & MASK;
  for (; at + 8 <= bytes.length; at += 8) {
    hash = (times(rotate(hash ^ round(0n, view.getBigUint64(at, true)), 27n), p1) + p4) & MASK;
  }
  if (at + 4 <= bytes.length) {
    hash = (times(rotate(hash ^ times(BigInt(view.getUint32(at, true)), p1), 23n), p2) + p3) & MASK;
    at += 4;
  }
  for (; at < bytes.length; at++) {
    hash = times(rotate(hash ^ times(BigInt(view.getUint8(at)), p5), 11n), p1);
  }
  hash = times(hash ^ (hash >> 33n), p2);
  hash = times(hash ^ (hash >> 29n), p3);
  return hash ^ (hash >> 32n);
}

/** The content checksum of a frame. */
export function checksum(content: Uint8Array): Uint8Array {
  return uint32(Number(xxh64(content) & 0xffffffffn));
}

/** `bytes` little-endian bytes of a number. */
export function littleEndian(value: number | bigint, bytes: number): Uint8Array {
  return Uint8Array.from({ length: bytes }, (_, i) => Number((BigInt(value) >> BigInt(8 * i)) & 255n));
}

/** A stream of [value, bits], given in the order in which a decoder reads them, and closed with the highest bit. */
export function backward(...fields: readonly (readonly [value: number, bits: number])[]): Uint8Array {
  let word = 1n;
  let length = 1;
  for (const [value, bits] of fields) {
    word = (word << BigInt(bits)) | BigInt(value);
    length += bits;
  }
  return littleEndian(word, Math.ceil(length / 8));
}

export type BlockType = "raw" | "rle" | "compressed" | "reserved";

/** A block; `size` when its header should say another than its bytes'. */
export function block(
  type: BlockType,
  bytes: Uint8Array,
  size = bytes.length,
): (last: boolean) => Uint8Array {
  const number = ["raw", "rle", "compressed", "reserved"].indexOf(type);
  return (last) => concat(littleEndian((size << 3) | (number << 1) | Number(last), 3), bytes);
}

export interface FrameParts {
  blocks: readonly ((last: boolean) => Uint8Array)[];
  /** The window descriptor; without one the frame is a single segment. */
  window?: number;
  /** The content size and in how many bytes it is written; 2 bytes hold 256 less. */
  size?: readonly [value: number | bigint, bytes: 1 | 2 | 4 | 8];
  dictionary?: Uint8Array;
  /** What the checksum is made of. */
  content?: Uint8Array;
  /** Extra bits for the descriptor. */
  flags?: number;
}

export function frame(parts: FrameParts): Uint8Array {
  const sizeFlag = [1, 2, 4, 8].indexOf(parts.size?.[1] ?? 1);
  const dictionary = parts.dictionary ?? new Uint8Array(0);
  const descriptor =
    (sizeFlag << 6) |
    (parts.window === undefined ? 0x20 : 0) |
    (parts.content === undefined ? 0 : 4) |
    [0, 1, 2, 4].indexOf(dictionary.length) |
    (parts.flags ?? 0);
  const [value, bytes] = parts.size ?? [0, 0];
  return concat(
    uint32(0xfd2fb528),
    Uint8Array.of(descriptor),
    Uint8Array.from(parts.window === undefined ? [] : [parts.window]),
    dictionary,
    littleEndian(bytes === 2 ? BigInt(value) - 256n : value, bytes),
    ...parts.blocks.map((each, index) => each(index === parts.blocks.length - 1)),
    parts.content === undefined ? new Uint8Array(0) : checksum(parts.content),
  );
}

/** Literals as they are: with a header of the shortest form, or the one asked for. */
export function rawLiterals(
  bytes: Uint8Array,
  headerBytes: 1 | 2 | 3 = bytes.length < 32 ? 1 : 3,
): Uint8Array {
  return concat(literalsHeader(0, bytes.length, headerBytes), bytes);
}

export function rleLiterals(byte: number, count: number, headerBytes: 1 | 2 | 3 = 3): Uint8Array {
  return concat(literalsHeader(1, count, headerBytes), Uint8Array.of(byte));
}

function literalsHeader(type: number, size: number, headerBytes: 1 | 2 | 3): Uint8Array {
  const header = headerBytes === 1 ? (size << 3) | type : (size << 4) | (headerBytes === 2 ? 4 : 12) | type;
  return littleEndian(header, headerBytes);
}

/** Huffman literals: what follows the header, in the format (0: one stream; 1 to 3: four) that is asked for. */
export function codedLiterals(
  format: 0 | 1 | 2 | 3,
  size: number,
  bytes: Uint8Array,
  { treeless = false, compressed = bytes.length } = {},
): Uint8Array {
  const bits = [10, 10, 14, 18][format] ?? 0;
  const header =
    BigInt((format << 2) | (treeless ? 3 : 2)) |
    (BigInt(size) << 4n) |
    (BigInt(compressed) << BigInt(4 + bits));
  return concat(littleEndian(header, [3, 3, 4, 5][format] ?? 0), bytes);
}

/** A sequence's literal length, offset and match length as their codes' extra bits. */
export interface ExtraBits {
  literal: number;
  offset: number;
  match: number;
}

/**
 * Sequences that all have the same three codes, whose tables are RLE: nothing but extra bits is in the stream. `bits` are
 * those of the codes.
 */
export function uniformSequences(
  codes: readonly [literal: number, offset: number, match: number],
  bits: readonly [literal: number, offset: number, match: number],
  sequences: readonly ExtraBits[],
): Uint8Array {
  return concat(
    sequencesCount(sequences.length),
    Uint8Array.of(0b01_01_01_00, codes[0], codes[1], codes[2]),
    backward(
      ...sequences.flatMap(({ literal, offset, match }): [number, number][] => [
        [offset, bits[1]],
        [match, bits[2]],
        [literal, bits[0]],
      ]),
    ),
  );
}

export function sequencesCount(count: number): Uint8Array {
  if (count < 128) return Uint8Array.of(count);
  if (count < 0x7f00) return Uint8Array.of((count >>> 8) + 128, count);
  return concat(Uint8Array.of(255), littleEndian(count - 0x7f00, 2));
}
