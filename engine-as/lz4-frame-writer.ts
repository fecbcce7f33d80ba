// Writes an LZ4 frame: independent blocks, no sizes and no checksums but the header's, as Kafka's producers do. More than one
// block's worth of 64 KiB goes into blocks of 256 KiB, which every client reads as well: a match never reaches into the block
// before, and four times as many bytes have their matches. (Java's clients refuse linked blocks.)
//
//   Frame => magic uint32, FLG, BD, header checksum, [Block], end mark uint32 0
//   Block => size uint32 (highest bit: stored), bytes

import { lz4BlockBytesMax, lz4BlockCompress, lz4ClearSlots } from "./lz4-block-compress";
import {
  LZ4_BLOCK_256_KIB,
  LZ4_BLOCK_64_KIB,
  LZ4_INDEPENDENT_BIT,
  LZ4_MAGIC,
  LZ4_STORED_BIT,
  LZ4_VERSION,
} from "./lz4-format";
import { xxh32 } from "./xxh32";

/** Magic, FLG, BD and header checksum. */
const FRAME_HEADER_BYTES: usize = 7;
const END_MARK_BYTES: usize = 4;
const BLOCK_SIZE_BYTES: usize = 4;

const SMALL_BLOCK_BYTES: usize = 65536;
const LARGE_BLOCK_BYTES: usize = 262144;

/** Output that must be there for a frame of `length` bytes, whatever they are. */
export function lz4FrameBytesMax(length: usize): usize {
  const blocks = (length + LARGE_BLOCK_BYTES - 1) / LARGE_BLOCK_BYTES;
  const block = min<usize>(length, LARGE_BLOCK_BYTES);
  const overshoot = lz4BlockBytesMax(block) - block;
  return FRAME_HEADER_BYTES + blocks * BLOCK_SIZE_BYTES + length + overshoot + END_MARK_BYTES;
}

/** Compresses `length` bytes at `source` into `output`, which must hold `lz4FrameBytesMax` of them; the frame's size. */
export function lz4FrameCompress(source: usize, length: usize, output: usize): i32 {
  store<u32>(output, LZ4_MAGIC);
  store<u8>(output, <u8>(LZ4_VERSION | LZ4_INDEPENDENT_BIT), 4);
  const large = length > SMALL_BLOCK_BYTES;
  store<u8>(output, <u8>(large ? LZ4_BLOCK_256_KIB : LZ4_BLOCK_64_KIB), 5);
  store<u8>(output, <u8>(xxh32(output + 4, 2) >>> 8), 6);
  lz4ClearSlots();
  const end = source + length;
  let at = output + FRAME_HEADER_BYTES;
  while (source < end) {
    const take = min<usize>(end - source, LARGE_BLOCK_BYTES);
    const size = lz4BlockCompress(source, take, at + BLOCK_SIZE_BYTES);
    if (size != 0) {
      store<u32>(at, size);
      at += BLOCK_SIZE_BYTES + size;
    } else {
      store<u32>(at, take | LZ4_STORED_BIT);
      memory.copy(at + BLOCK_SIZE_BYTES, source, take);
      at += BLOCK_SIZE_BYTES + take;
    }
    source += take;
  }
  store<u32>(at, 0);
  return <i32>(at + END_MARK_BYTES - output);
}
