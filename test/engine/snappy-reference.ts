/**
 * Snappy as simply as it can be said, to test the engine against: a block decoder that checks every byte, and builders of
 * elements, blocks and snappy-java's frames with whatever a test wants in them.
 */
import { concat } from "./lz4-reference.ts";

/** A block's content; undefined when it is not sound. */
export function decodeBlock(block: Uint8Array): Uint8Array | undefined {
  let at = 0;
  const integer = (bytes: number): number | undefined => {
    if (bytes > block.length - at) return undefined;
    let value = 0;
    for (let i = 0; i < bytes; i++) value += (block[at++] ?? 0) * 256 ** i;
    return value;
  };
  let length = 0;
  for (let bits = 0; ; bits += 7) {
    const byte = bits > 28 ? undefined : block[at++];
    if (byte === undefined) return undefined;
    length += (byte & 127) * 2 ** bits;
    if (byte < 128) break;
  }
  const output: number[] = [];
  while (at < block.length) {
    const tag = block[at++] ?? 0;
    const kind = tag & 3;
    if (kind === 0) {
      const rest = tag >>> 2 < 60 ? tag >>> 2 : integer((tag >>> 2) - 59);
      if (rest === undefined || rest + 1 > block.length - at) return undefined;
      if (output.length + rest + 1 > length) return undefined;
      for (let i = 0; i <= rest; i++) output.push(block[at++] ?? 0);
      continue;
    }
    const bytes = integer(kind === 3 ? 4 : kind);
    if (bytes === undefined) return undefined;
    const distance = kind === 1 ? ((tag >>> 5) << 8) + bytes : bytes;
    const matched = kind === 1 ? 4 + ((tag >>> 2) & 7) : 1 + (tag >>> 2);
    if (distance === 0 || distance > output.length || output.length + matched > length) return undefined;
    for (let i = 0; i < matched; i++) output.push(output[output.length - distance] ?? 0);
  }
  return output.length === length ? Uint8Array.from(output) : undefined;
}

/** The lowest `bytes` bytes of a number, the lowest first. */
function littleEndian(value: number, bytes: number): Uint8Array {
  return Uint8Array.from({ length: bytes }, (_, i) => Math.floor(value / 256 ** i) % 256);
}

/** A literal, its length in the tag or, with `lengthBytes`, in so many bytes after it. */
export function literal(bytes: Uint8Array, lengthBytes = 0): Uint8Array {
  if (lengthBytes === 0) return concat(Uint8Array.of((bytes.length - 1) << 2), bytes);
  return concat(Uint8Array.of((59 + lengthBytes) << 2), littleEndian(bytes.length - 1, lengthBytes), bytes);
}

/** A copy whose distance takes 1, 2 or 4 bytes. */
export function copy(distance: number, length: number, distanceBytes: 1 | 2 | 4): Uint8Array {
  if (distanceBytes === 1)
    return Uint8Array.of(((distance >>> 8) << 5) | ((length - 4) << 2) | 1, distance & 255);
  const kind = distanceBytes === 2 ? 2 : 3;
  return concat(Uint8Array.of(((length - 1) << 2) | kind), littleEndian(distance, distanceBytes));
}

export function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  for (; value >= 128; value = Math.floor(value / 128)) bytes.push((value % 128) | 128);
  return Uint8Array.of(...bytes, value);
}

/** A block that says it holds `length` bytes. */
export function block(length: number, ...elements: readonly Uint8Array[]): Uint8Array {
  return concat(varint(length), ...elements);
}

export const MAGIC = Uint8Array.of(0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0);

function int32(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);
}

export function header(version = 1, compatibleVersion = 1): Uint8Array {
  return concat(MAGIC, int32(version), int32(compatibleVersion));
}

/** A block with its length before it, as it stands in a frame. */
export function chunk(bytes: Uint8Array, length = bytes.length): Uint8Array {
  return concat(int32(length), bytes);
}

/** snappy-java's frame around blocks. */
export function frame(...blocks: readonly Uint8Array[]): Uint8Array {
  return concat(header(), ...blocks.map((each) => chunk(each)));
}

/** The blocks of a frame. */
export function blocksOf(bytes: Uint8Array): Uint8Array[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const blocks: Uint8Array[] = [];
  for (let at = 16; at < bytes.length;) {
    const length = view.getInt32(at);
    blocks.push(bytes.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return blocks;
}
