import type { Lz4Blocks } from "../native-peers.ts";

const HEADER_BYTES = 7;
const BD_AT = 5;
const STORED_BIT = 0x80000000;

/** The blocks of a frame as the engine writes it (independent, no checksums), each by the C library. */
export function decodeFrame(lz4: Lz4Blocks, frame: Buffer, output: Buffer): void {
  // BD: 4 is 64 KiB, and each one more is four times as many.
  const blockBytes = 1 << (8 + 2 * ((frame[BD_AT] ?? 0) >> 4));
  let written = 0;
  for (let at = HEADER_BYTES; ;) {
    const size = frame.readUInt32LE(at);
    at += 4;
    if (size === 0) break;
    const bytes = size & ~STORED_BIT;
    const block = frame.subarray(at, at + bytes);
    const room = output.subarray(written, written + blockBytes);
    written += size >= STORED_BIT ? block.copy(room) : lz4.decodeBlock(block, room);
    at += bytes;
  }
  if (written !== output.length) throw new Error(`${written} bytes of records, not ${output.length}`);
}
