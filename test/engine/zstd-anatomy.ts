/** The parts of Zstandard frames, as far as they are told by headers: RFC 8878, section 3.1.1. */

export interface ZstdBlock {
  readonly type: "raw" | "rle" | "compressed";
  /** Bytes of the frame that hold the content. */
  readonly size: number;
  /** Of a compressed block. */
  readonly literals?: { readonly type: string; readonly size: number; readonly streams: number };
  /** Of a compressed block: how many, and how literal lengths, offsets and match lengths are coded. */
  readonly sequences?: { readonly count: number; readonly modes: readonly string[] };
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

const LITERALS = ["raw", "rle", "compressed", "treeless"];
const MODES = ["predefined", "rle", "fse", "repeat"];

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
    const type = (["raw", "rle", "compressed"] as const)[(header >>> 1) & 3];
    if (type === undefined) throw new Error("a reserved type of block");
    const stored = type === "rle" ? 1 : size;
    blocks.push({
      type,
      size: stored,
      ...(type === "compressed" ? insides(bytes.subarray(at, at + size)) : {}),
    });
    at += stored;
  }
  const checksum = (descriptor & 4) !== 0;
  return { singleSegment, checksum, window: window || contentSize, contentSize, blocks, size: at };
}

function insides(block: Uint8Array): Pick<ZstdBlock, "literals" | "sequences"> {
  const type = LITERALS[(block[0] ?? 0) & 3] ?? "";
  const format = ((block[0] ?? 0) >>> 2) & 3;
  let size: number;
  let at: number;
  let streams = 1;
  if (type === "raw" || type === "rle") {
    const headerBytes = format === 3 ? 3 : format === 1 ? 2 : 1;
    size = Math.floor(readLittleEndian(block, 0, headerBytes) / (headerBytes === 1 ? 8 : 16));
    at = headerBytes + (type === "raw" ? size : 1);
  } else {
    const headerBytes = Math.max(3, format + 2);
    const sizeLimit = 2 ** (headerBytes * 4 - 2);
    const sizes = Math.floor(readLittleEndian(block, 0, headerBytes) / 16);
    size = sizes % sizeLimit;
    streams = format === 0 ? 1 : 4;
    at = headerBytes + Math.floor(sizes / sizeLimit);
  }
  const first = block[at] ?? 0;
  const literals = { type, size, streams };
  if (first === 0) return { literals, sequences: { count: 0, modes: [] } };
  const countBytes = first < 128 ? 1 : first < 255 ? 2 : 3;
  const count =
    first < 128
      ? first
      : first < 255
        ? (first - 128) * 256 + (block[at + 1] ?? 0)
        : readLittleEndian(block, at + 1, 2) + 0x7f00;
  const byte = block[at + countBytes] ?? 0;
  const modes = [6, 4, 2].map((shift) => MODES[(byte >>> shift) & 3] ?? "");
  return { literals, sequences: { count, modes } };
}
