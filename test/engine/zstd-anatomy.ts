/** What a Zstandard frame's headers say: RFC 8878, section 3.1.1. What is in its blocks: zstd-walker.ts. */
import { BLOCKS } from "./zstd-walker.ts";

export interface ZstdBlock {
  readonly type: (typeof BLOCKS)[number];
  /** Bytes of the frame that hold the content. */
  readonly size: number;
}

export interface ZstdFrame {
  readonly singleSegment: boolean;
  readonly checksum: boolean;
  /** Bytes; of a single segment the content's. */
  readonly window: number;
  readonly contentSize: number;
  readonly blocks: readonly ZstdBlock[];
  /** Bytes up to the end of the last block. */
  readonly size: number;
}

function readLittleEndian(bytes: Uint8Array, at: number, length: number): number {
  let value = 0;
  for (let i = length - 1; i >= 0; i--) value = value * 256 + (bytes[at + i] ?? 0);
  return value;
}

/** The first frame in `bytes`, which was written without a dictionary and with its content size. */
export function zstdAnatomy(bytes: Uint8Array): ZstdFrame {
  const descriptor = bytes[4] ?? 0;
  if (readLittleEndian(bytes, 0, 4) !== 0xfd2fb528 || (descriptor & 0x0b) !== 0) {
    throw new Error("not a frame that is taken apart here");
  }
  const singleSegment = (descriptor & 0x20) !== 0;
  let at = 5;
  let window = 0;
  if (!singleSegment) {
    const byte = bytes[at++] ?? 0;
    window = (2 ** (10 + (byte >>> 3)) / 8) * (8 + (byte & 7));
  }
  const flag = descriptor >>> 6;
  const sizeBytes = 2 ** flag;
  const contentSize = readLittleEndian(bytes, at, sizeBytes) + (flag === 1 ? 256 : 0);
  at += sizeBytes;
  const blocks: ZstdBlock[] = [];
  for (let last = false; !last;) {
    const header = readLittleEndian(bytes, at, 3);
    at += 3;
    last = (header & 1) === 1;
    const size = header >>> 3;
    const type = BLOCKS[(header >>> 1) & 3];
    if (type === undefined) throw new Error("a reserved type of block");
    const stored = type === "rle" ? 1 : size;
    blocks.push({ type, size: stored });
    at += stored;
  }
  const checksum = (descriptor & 4) !== 0;
  return { singleSegment, checksum, window: window || contentSize, contentSize, blocks, size: at };
}
