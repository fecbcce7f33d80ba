// Writes Snappy as Kafka's Java producer does: the frame in snappy-format.ts.

import { storeI32 } from "./big-endian";
import { snappyBlockBytesMax, snappyBlockCompress, SNAPPY_WRITER_BLOCK_BYTES } from "./snappy-block-compress";
import { SNAPPY_HEADER_BYTES, SNAPPY_MAGIC, SNAPPY_VERSION } from "./snappy-format";

const BLOCK_SIZE_BYTES: usize = 4;

/** Output that must be there for a frame of `length` bytes, whatever they are. */
export function snappyFrameBytesMax(length: usize): usize {
  const blocks = (length + SNAPPY_WRITER_BLOCK_BYTES - 1) / SNAPPY_WRITER_BLOCK_BYTES;
  return SNAPPY_HEADER_BYTES + blocks * (BLOCK_SIZE_BYTES + snappyBlockBytesMax(0)) + length + length / 6;
}

/** Compresses `length` bytes at `source` into `output`, which must hold `snappyFrameBytesMax` of them; the frame's size. */
export function snappyFrameCompress(source: usize, length: usize, output: usize): i32 {
  store<u64>(output, SNAPPY_MAGIC);
  storeI32(output + 8, SNAPPY_VERSION);
  storeI32(output + 12, SNAPPY_VERSION);
  const end = source + length;
  let at = output + SNAPPY_HEADER_BYTES;
  while (source < end) {
    const take = min<usize>(end - source, SNAPPY_WRITER_BLOCK_BYTES);
    const size = snappyBlockCompress(source, take, at + BLOCK_SIZE_BYTES);
    storeI32(at, <i32>size);
    at += BLOCK_SIZE_BYTES + size;
    source += take;
  }
  return <i32>(at - output);
}
