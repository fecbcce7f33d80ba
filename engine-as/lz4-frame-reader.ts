// Reads LZ4 frames: all that the frame format allows but dictionaries, which Kafka does not use.
//
//   Input => at least one Frame, skippable frames anywhere
//   Frame => magic uint32, FLG, BD, [content size uint64], header checksum, [Block], end mark uint32 0, [content checksum]
//   Block => size uint32 (highest bit: stored), bytes, [block checksum]
//   Skippable => magic uint32 0x184D2A5?, size uint32, bytes

import { lz4BlockDecompress } from "./lz4-block-decompress";
import {
  LZ4_BD_RESERVED_MASK,
  LZ4_BLOCK_CHECKSUM_BIT,
  LZ4_CONTENT_CHECKSUM_BIT,
  LZ4_CONTENT_SIZE_BIT,
  LZ4_DICTIONARY_BIT,
  LZ4_INDEPENDENT_BIT,
  LZ4_MAGIC,
  LZ4_RESERVED_BIT,
  LZ4_SKIPPABLE_MAGIC,
  LZ4_SKIPPABLE_MASK,
  LZ4_STORED_BIT,
  LZ4_VERSION,
  LZ4_VERSION_MASK,
} from "./lz4-format";
import { BAD_FRAME, OUTPUT_FULL } from "./status";
import { xxh32 } from "./xxh32";

/** Where the input of the frame just read ends. */
let frameEnd: usize = 0;

/**
 * Decompresses all frames in the `length` bytes at `source` into at most `outputMax` bytes at `output`. Answers the number
 * of bytes, OUTPUT_FULL when they would be more, or BAD_FRAME.
 */
export function lz4FrameDecompress(source: usize, length: usize, output: usize, outputMax: usize): i32 {
  const end = source + length;
  const outputEnd = output + outputMax;
  let at = source;
  let op = output;
  let frames = 0;
  while (at < end) {
    if (end - at < 8) return BAD_FRAME;
    const magic = load<u32>(at);
    if ((magic & LZ4_SKIPPABLE_MASK) == LZ4_SKIPPABLE_MAGIC) {
      const skip = <usize>load<u32>(at, 4);
      at += 8;
      if (skip > end - at) return BAD_FRAME;
      at += skip;
      continue;
    }
    if (magic != LZ4_MAGIC) return BAD_FRAME;
    const bytes = readFrame(at + 4, end, op, outputEnd);
    if (bytes < 0) return bytes;
    at = frameEnd;
    op += <usize>bytes;
    frames++;
  }
  return frames > 0 ? <i32>(op - output) : BAD_FRAME;
}

/** Reads the frame whose magic ends at `descriptor`. Answers the bytes it holds; `frameEnd` is after it. */
function readFrame(descriptor: usize, end: usize, output: usize, outputEnd: usize): i32 {
  // At least FLG, BD, checksum and the end mark.
  if (end - descriptor < 7) return BAD_FRAME;
  const flags = <u32>load<u8>(descriptor);
  const block = <u32>load<u8>(descriptor, 1);
  if ((flags & LZ4_VERSION_MASK) != LZ4_VERSION) return BAD_FRAME;
  if (flags & (LZ4_RESERVED_BIT | LZ4_DICTIONARY_BIT)) return BAD_FRAME;
  if (block & LZ4_BD_RESERVED_MASK || block < 0x40) return BAD_FRAME;
  const blockBits: usize = 8 + 2 * (block >>> 4);
  const blockMax = (<usize>1) << blockBits;
  const hasBlockChecksum = (flags & LZ4_BLOCK_CHECKSUM_BIT) != 0;
  const independent = (flags & LZ4_INDEPENDENT_BIT) != 0;

  let at = descriptor + 2;
  let contentSize: u64 = u64.MAX_VALUE;
  if (flags & LZ4_CONTENT_SIZE_BIT) {
    if (end - at < 13) return BAD_FRAME;
    contentSize = load<u64>(at);
    if (contentSize == u64.MAX_VALUE) return BAD_FRAME;
    at += 8;
  }
  if (<u32>load<u8>(at) != ((xxh32(descriptor, at - descriptor) >>> 8) & 255)) return BAD_FRAME;
  at++;
  // A frame that says it is too large is believed before anything is produced.
  if (contentSize != u64.MAX_VALUE && contentSize > <u64>(outputEnd - output)) return OUTPUT_FULL;

  let op = output;
  while (true) {
    if (end - at < 4) return BAD_FRAME;
    const word = load<u32>(at);
    at += 4;
    if (word == 0) break;
    const size = <usize>(word & ~LZ4_STORED_BIT);
    if (size > blockMax || size > end - at) return BAD_FRAME;
    if (hasBlockChecksum) {
      if (end - at - size < 4) return BAD_FRAME;
      if (load<u32>(at + size) != xxh32(at, size)) return BAD_FRAME;
    }
    const room = outputEnd - op;
    if (word & LZ4_STORED_BIT) {
      if (size > room) return OUTPUT_FULL;
      memory.copy(op, at, size);
      op += size;
    } else {
      const bytes = lz4BlockDecompress(at, size, op, min<usize>(room, blockMax), independent ? op : output);
      // Beyond its own block size it is not a larger result but a broken frame.
      if (bytes == OUTPUT_FULL && room > blockMax) return BAD_FRAME;
      if (bytes < 0) return bytes;
      op += <usize>bytes;
    }
    at += size;
    if (hasBlockChecksum) at += 4;
  }
  if (contentSize != u64.MAX_VALUE && contentSize != <u64>(op - output)) return BAD_FRAME;
  if (flags & LZ4_CONTENT_CHECKSUM_BIT) {
    if (end - at < 4) return BAD_FRAME;
    if (load<u32>(at) != xxh32(output, op - output)) return BAD_FRAME;
    at += 4;
  }
  frameEnd = at;
  return <i32>(op - output);
}
