/**
 * Walks the blocks of Zstandard frames without decompressing anything, and counts what they are made of: so that a test can
 * say which parts of the format its inputs have.
 */

export const BLOCKS = ["raw", "rle", "compressed"] as const;
export const LITERALS = ["raw", "rle", "compressed 1", "compressed 4", "treeless 1", "treeless 4"] as const;
export const MODES = ["predefined", "rle", "fse", "repeat"] as const;
export const CODES = ["literal lengths", "offsets", "match lengths"] as const;

export type Counts = Map<string, number>;

/** Every kind of part there is: what a whole count has. */
export const PARTS: readonly string[] = [
  ...BLOCKS.map((type) => `${type} block`),
  ...LITERALS.map((type) => `${type} literals`),
  ...CODES.flatMap((codes) => MODES.map((mode) => `${mode} ${codes}`)),
  "no sequences",
  "checksum",
  "single segment",
  "window",
];

/** Adds the parts of all frames in `bytes` to `counts`; throws when it loses its way. */
export function countParts(bytes: Uint8Array, counts: Counts): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const count = (part: string): void => void counts.set(part, (counts.get(part) ?? 0) + 1);
  let at = 0;
  while (at < bytes.length) {
    if (view.getUint32(at, true) !== 0xfd2fb528) throw new Error(`no frame at ${at}`);
    const descriptor = view.getUint8(at + 4);
    const single = (descriptor & 0x20) !== 0;
    const checksum = (descriptor & 4) !== 0;
    count(single ? "single segment" : "window");
    if (checksum) count("checksum");
    const sizeBytes = descriptor >>> 6 === 0 ? Number(single) : 1 << (descriptor >>> 6);
    at += 5 + Number(!single) + ([0, 1, 2, 4][descriptor & 3] ?? 0) + sizeBytes;
    for (let last = false; !last;) {
      const header = view.getUint16(at, true) | (view.getUint8(at + 2) << 16);
      at += 3;
      last = (header & 1) !== 0;
      const type = BLOCKS[(header >>> 1) & 3];
      if (type === undefined) throw new Error(`a reserved block at ${at}`);
      count(`${type} block`);
      const size = type === "rle" ? 1 : header >>> 3;
      if (type === "compressed") countSections(bytes.subarray(at, at + size), count);
      at += size;
    }
    if (checksum) at += 4;
  }
  if (at !== bytes.length) throw new Error(`the frame ends at ${at}, not ${bytes.length}`);
}

function countSections(block: Uint8Array, count: (part: string) => void): void {
  const byte = (at: number): number => block[at] ?? 0;
  const type = byte(0) & 3;
  const format = (byte(0) >>> 2) & 3;
  let at: number;
  if (type < 2) {
    count(`${LITERALS[type]} literals`);
    const [headerBytes = 0, size = 0] =
      format === 1
        ? [2, (byte(0) | (byte(1) << 8)) >>> 4]
        : format === 3
          ? [3, (byte(0) | (byte(1) << 8) | (byte(2) << 16)) >>> 4]
          : [1, byte(0) >>> 3];
    at = headerBytes + (type === 1 ? 1 : size);
  } else {
    count(`${type === 2 ? "compressed" : "treeless"} ${format === 0 ? 1 : 4} literals`);
    const [headerBytes = 0, bits = 0] = [[3, 10], [3, 10], [4, 14], [5, 18]][format] ?? []; // prettier-ignore
    let header = 0n;
    for (let i = headerBytes - 1; i >= 0; i--) header = (header << 8n) | BigInt(byte(i));
    at = headerBytes + Number((header >> BigInt(4 + bits)) & ((1n << BigInt(bits)) - 1n));
  }
  const first = byte(at);
  at += first === 0 || first < 128 ? 1 : first < 255 ? 2 : 3;
  if (first === 0) {
    count("no sequences");
    return;
  }
  const modes = byte(at);
  for (const [index, codes] of CODES.entries()) {
    count(`${MODES[(modes >>> (6 - 2 * index)) & 3]} ${codes}`);
  }
}
