import type { Lz4Blocks } from "../native-peers.ts";

const HEADER_BYTES = 7;
const STORED_BIT = 0x80000000;
const BLOCK_BYTES = 65_536;

/** The blocks of a frame as Kafka's producers write it (independent, up to 64 KiB, no checksums), each by the C library. */
export function decodeFrame(lz4: Lz4Blocks, frame: Buffer, output: Buffer): void {
  let written = 0;
  for (let at = HEADER_BYTES; ;) {
    const size = frame.readUInt32LE(at);
    at += 4;
    if (size === 0) break;
    const bytes = size & ~STORED_BIT;
    const block = frame.subarray(at, at + bytes);
    const room = output.subarray(written, written + BLOCK_BYTES);
    written += size >= STORED_BIT ? block.copy(room) : lz4.decodeBlock(block, room);
    at += bytes;
  }
  if (written !== output.length) throw new Error(`${written} bytes of records, not ${output.length}`);
}
