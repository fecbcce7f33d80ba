/**
 * LZ4 as simply as it can be said, to test the engine against: a block decoder that checks every byte, XXH32, and a builder
 * of frames with whatever flags, checksums and blocks a test wants.
 */

export type Decoded = { bytes: Uint8Array } | "bad" | "full";

/** Decodes a block after the `history` that its matches may reach. */
export function decodeBlock(block: Uint8Array, history: Uint8Array, capacity: number): Decoded {
  const output = [...history];
  const full = history.length + capacity;
  let at = 0;
  const length = (nibble: number): number | undefined => {
    let sum = nibble;
    if (nibble < 15) return sum;
    for (;;) {
      const byte = block[at++];
      if (byte === undefined) return undefined;
      sum += byte;
      if (byte < 255) return sum;
    }
  };
  while (at < block.length) {
    const token = block[at++] ?? 0;
    const literals = length(token >>> 4);
    if (literals === undefined || literals > block.length - at) return "bad";
    if (output.length + literals > full) return "full";
    for (let i = 0; i < literals; i++) output.push(block[at++] ?? 0);
    if (at === block.length) return { bytes: Uint8Array.from(output.slice(history.length)) };
    if (block.length - at < 2) return "bad";
    const distance = (block[at] ?? 0) | ((block[at + 1] ?? 0) << 8);
    at += 2;
    if (distance === 0 || distance > output.length) return "bad";
    const matched = length(token & 15);
    if (matched === undefined) return "bad";
    if (output.length + matched + 4 > full) return "full";
    for (let i = 0; i < matched + 4; i++) output.push(output[output.length - distance] ?? 0);
  }
  return "bad";
}

export function xxh32(bytes: Uint8Array): number {
  const [p1, p2, p3, p4, p5] = [0x9e3779b1, 0x85ebca77, 0xc2b2ae3d, 0x27d4eb2f, 0x165667b1];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const rotate = (value: number, by: number): number => (value << by) | (value >>> (32 - by));
  const lanes = [p1 + p2, p2, 0, -p1];
  let at = 0;
  let hash = p5;
  if (bytes.length >= 16) {
    for (; at + 16 <= bytes.length; at += 16) {
      for (let lane = 0; lane < 4; lane++) {
        const word = Math.imul(view.getUint32(at + lane * 4, true), p2);
        lanes[lane] = Math.imul(rotate(((lanes[lane] ?? 0) + word) | 0, 13), p1);
      }
    }
    const [a = 0, b = 0, c = 0, d = 0] = lanes;
    hash = rotate(a, 1) + rotate(b, 7) + rotate(c, 12) + rotate(d, 18);
  }
  hash = (hash + bytes.length) | 0;
  for (; at + 4 <= bytes.length; at += 4) {
    hash = Math.imul(rotate((hash + Math.imul(view.getUint32(at, true), p3)) | 0, 17), p4);
  }
  for (; at < bytes.length; at++)
    hash = Math.imul(rotate((hash + Math.imul(bytes[at] ?? 0, p5)) | 0, 11), p1);
  hash = Math.imul(hash ^ (hash >>> 15), p2);
  hash = Math.imul(hash ^ (hash >>> 13), p3);
  return (hash ^ (hash >>> 16)) >>> 0;
}

export function uint32(value: number): Uint8Array {
  return Uint8Array.of(value, value >>> 8, value >>> 16, value >>> 24);
}

export function concat(...pieces: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(Buffer.concat(pieces));
}

/** Length bytes after a nibble of 15. */
function lengthBytes(length: number): Uint8Array {
  if (length < 15) return new Uint8Array(0);
  const rest = length - 15;
  const bytes = new Uint8Array(Math.floor(rest / 255) + 1).fill(255);
  bytes[bytes.length - 1] = rest % 255;
  return bytes;
}

/** One sequence; without a match it is the last. */
export function sequence(literals: Uint8Array, match?: { distance: number; length: number }): Uint8Array {
  const matched = match === undefined ? 0 : match.length - 4;
  const token = (Math.min(literals.length, 15) << 4) | Math.min(matched, 15);
  const head = concat(Uint8Array.of(token), lengthBytes(literals.length), literals);
  if (match === undefined) return head;
  return concat(head, Uint8Array.of(match.distance, match.distance >>> 8), lengthBytes(matched));
}

export interface FrameParts {
  blocks: readonly { bytes: Uint8Array; stored?: boolean }[];
  /** What the blocks hold, for the content's size and checksum. */
  content?: Uint8Array;
  blockBytes?: 4 | 5 | 6 | 7;
  linked?: boolean;
  blockChecksum?: boolean;
  contentChecksum?: boolean;
  contentSize?: boolean;
  /** Extra bits for the FLG byte. */
  flags?: number;
}

export function frame(parts: FrameParts): Uint8Array {
  const content = parts.content ?? new Uint8Array(0);
  const flags =
    0x40 |
    (parts.linked ? 0 : 0x20) |
    (parts.blockChecksum ? 0x10 : 0) |
    (parts.contentSize ? 0x08 : 0) |
    (parts.contentChecksum ? 0x04 : 0) |
    (parts.flags ?? 0);
  const size = parts.contentSize ? concat(uint32(content.length), uint32(0)) : new Uint8Array(0);
  const descriptor = concat(Uint8Array.of(flags, (parts.blockBytes ?? 4) << 4), size);
  const blocks = parts.blocks.map(({ bytes, stored }) =>
    concat(
      uint32((bytes.length | (stored ? 0x80000000 : 0)) >>> 0),
      bytes,
      parts.blockChecksum ? uint32(xxh32(bytes)) : new Uint8Array(0),
    ),
  );
  return concat(
    uint32(0x184d2204),
    descriptor,
    Uint8Array.of(xxh32(descriptor) >>> 8),
    ...blocks,
    uint32(0),
    parts.contentChecksum ? uint32(xxh32(content)) : new Uint8Array(0),
  );
}
