// Reads what Kafka's clients write as Snappy: snappy-java's frame, or one block without any frame. The magic tells them
// apart: as a block it would begin with a copy from before its start. Both stand in snappy-format.ts.

import { loadI32 } from "./big-endian";
import { snappyElements } from "./snappy-block-decompress";
import { SNAPPY_HEADER_BYTES, SNAPPY_MAGIC, SNAPPY_MAGIC_HEAD, SNAPPY_VERSION } from "./snappy-format";
import { BAD_FRAME, OUTPUT_FULL } from "./status";

/** No element makes more of a byte: 3 bytes copy 64. */
const GROWTH_MAX: u64 = 22;

/**
 * Decompresses the `length` bytes at `source`, all of them, into at most `outputMax` bytes at `output`. Answers the number of
 * bytes, OUTPUT_FULL when they would be more, or BAD_FRAME.
 */
export function snappyFrameDecompress(source: usize, length: usize, output: usize, outputMax: usize): i32 {
  const end = source + length;
  const outputEnd = output + outputMax;
  if (length < 8 || load<u64>(source) != SNAPPY_MAGIC) return readBlock(source, end, output, outputEnd);
  if (!isHeader(source, end)) return BAD_FRAME;
  let at = source + SNAPPY_HEADER_BYTES;
  let op = output;
  while (at < end) {
    if (end - at < 4) return BAD_FRAME;
    if (load<u32>(at) == SNAPPY_MAGIC_HEAD) {
      if (!isHeader(at, end)) return BAD_FRAME;
      at += SNAPPY_HEADER_BYTES;
      continue;
    }
    const size = <usize>loadI32(at); // below 0 it is beyond any end
    at += 4;
    if (size > end - at) return BAD_FRAME;
    const bytes = readBlock(at, at + size, op, outputEnd);
    if (bytes < 0) return bytes;
    op += <usize>bytes;
    at += size;
  }
  return <i32>(op - output);
}

/** Whether a header is at `at`, of any version but those that snappy-java refuses. */
function isHeader(at: usize, end: usize): bool {
  if (end - at < SNAPPY_HEADER_BYTES || load<u64>(at) != SNAPPY_MAGIC) return false;
  return loadI32(at + 8) >= <i32>SNAPPY_VERSION;
}

/** Reads one block; its length is believed before anything is produced, and beyond what its bytes can make it is none. */
function readBlock(at: usize, end: usize, output: usize, outputEnd: usize): i32 {
  let length: u64 = 0;
  for (let bits: u64 = 0; ; bits += 7) {
    if (at == end || bits > 28) return BAD_FRAME;
    const byte = <u64>load<u8>(at++);
    length |= (byte & 127) << bits;
    if (byte < 128) break;
  }
  if (length > <u64>(end - at) * GROWTH_MAX) return BAD_FRAME;
  if (length > <u64>(outputEnd - output)) return OUTPUT_FULL;
  return snappyElements(at, end, output, <usize>length, outputEnd) ? <i32>length : BAD_FRAME;
}
