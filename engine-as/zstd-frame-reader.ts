// Reads Zstandard frames (RFC 8878): all that the format allows but dictionaries, which Kafka does not use.
//
//   Input => at least one Frame, skippable frames anywhere
//   Frame => magic uint32, descriptor, [window], [dictionary id], [content size], [Block], [checksum uint32]
//   Block => header uint24 (last block, type, size), bytes
//   Skippable => magic uint32 0x184D2A5?, size uint32, bytes
//
// A frame's window is what of it has been produced: however large the frame says its window is, it takes no memory.

import { BAD_FRAME, OUTPUT_FULL } from "./status";
import { xxh64 } from "./xxh64";
import { readBlock, startBlocks } from "./zstd-block-reader";
import {
  ZSTD_BLOCK_BYTES_MAX,
  ZSTD_BLOCK_HEADER_BYTES,
  ZSTD_BLOCK_SIZE_SHIFT,
  ZSTD_BLOCK_TYPE_SHIFT,
  ZSTD_CHECKSUM_BIT,
  ZSTD_COMPRESSED_BLOCK,
  ZSTD_CONTENT_SIZE_16_BASE,
  ZSTD_CONTENT_SIZE_SHIFT,
  ZSTD_DICTIONARY_MASK,
  ZSTD_LAST_BLOCK_BIT,
  ZSTD_MAGIC,
  ZSTD_RAW_BLOCK,
  ZSTD_RESERVED_BIT,
  ZSTD_RLE_BLOCK,
  ZSTD_SINGLE_SEGMENT_BIT,
  ZSTD_SKIPPABLE_MAGIC,
  ZSTD_SKIPPABLE_MASK,
  ZSTD_WINDOW_EXPONENT_SHIFT,
  ZSTD_WINDOW_LOG_MIN,
  ZSTD_WINDOW_MANTISSA_MASK,
} from "./zstd-format";

/** Where the input of the frame, or of the blocks, just read ends. */
let inputEnd: usize = 0;

/**
 * Decompresses all frames in the `length` bytes at `source` into at most `outputMax` bytes at `output`. Answers the number
 * of bytes, OUTPUT_FULL when they would be more, or BAD_FRAME.
 */
export function zstdFrameDecompress(source: usize, length: usize, output: usize, outputMax: usize): i32 {
  const end = source + length;
  const outputEnd = output + outputMax;
  let at = source;
  let op = output;
  let frames = 0;
  while (at < end) {
    if (end - at < 5) return BAD_FRAME;
    const magic = load<u32>(at);
    if ((magic & ZSTD_SKIPPABLE_MASK) == ZSTD_SKIPPABLE_MAGIC) {
      if (end - at < 8) return BAD_FRAME;
      const skip = <usize>load<u32>(at, 4);
      at += 8;
      if (skip > end - at) return BAD_FRAME;
      at += skip;
      continue;
    }
    if (magic != ZSTD_MAGIC) return BAD_FRAME;
    const bytes = readFrame(at + 4, end, op, outputEnd);
    if (bytes < 0) return bytes;
    at = inputEnd;
    op += <usize>bytes;
    frames++;
  }
  return frames > 0 ? <i32>(op - output) : BAD_FRAME;
}

/** Reads the frame whose magic ends at `at`. Answers the bytes it holds; `inputEnd` is after it. */
function readFrame(at: usize, end: usize, output: usize, outputEnd: usize): i32 {
  const descriptor = <u32>load<u8>(at++);
  if (descriptor & ZSTD_RESERVED_BIT) return BAD_FRAME;
  const singleSegment = (descriptor & ZSTD_SINGLE_SEGMENT_BIT) != 0;
  const sizeFlag = descriptor >>> ZSTD_CONTENT_SIZE_SHIFT;
  const sizeBytes: usize = sizeFlag == 0 ? <usize>singleSegment : (<usize>1) << sizeFlag;
  const dictionaryFlag = descriptor & ZSTD_DICTIONARY_MASK;
  const dictionaryBytes: usize = dictionaryFlag == 3 ? 4 : dictionaryFlag;
  if (<usize>!singleSegment + dictionaryBytes + sizeBytes > end - at) return BAD_FRAME;

  let window: u64 = u64.MAX_VALUE;
  if (!singleSegment) {
    const byte = <u32>load<u8>(at++);
    const base = (<u64>1) << (ZSTD_WINDOW_LOG_MIN + (byte >>> ZSTD_WINDOW_EXPONENT_SHIFT));
    window = base + (base >>> 3) * (byte & ZSTD_WINDOW_MANTISSA_MASK);
  }
  for (let i: usize = 0; i < dictionaryBytes; i++) if (load<u8>(at++) != 0) return BAD_FRAME;
  const hasSize = sizeBytes > 0;
  let contentSize: u64 = 0;
  if (sizeBytes == 1) contentSize = load<u8>(at);
  else if (sizeBytes == 2) contentSize = <u64>load<u16>(at) + ZSTD_CONTENT_SIZE_16_BASE;
  else if (sizeBytes == 4) contentSize = load<u32>(at);
  else if (sizeBytes == 8) contentSize = load<u64>(at);
  at += sizeBytes;
  if (singleSegment) window = contentSize;

  // A frame that says it is too large is believed before anything is produced.
  let capacity = outputEnd - output;
  if (hasSize) {
    if (contentSize > <u64>capacity) return OUTPUT_FULL;
    capacity = <usize>contentSize;
  }
  const blockMax = window < <u64>ZSTD_BLOCK_BYTES_MAX ? <usize>window : ZSTD_BLOCK_BYTES_MAX;
  const bytes = readBlocks(at, end, output, capacity, blockMax);
  // Beyond its own size it is not a larger result but a broken frame.
  if (bytes == OUTPUT_FULL && hasSize) return BAD_FRAME;
  if (bytes < 0) return bytes;
  if (hasSize && <u64>bytes != contentSize) return BAD_FRAME;
  if (descriptor & ZSTD_CHECKSUM_BIT) {
    if (end - inputEnd < 4) return BAD_FRAME;
    if (load<u32>(inputEnd) != <u32>xxh64(output, bytes)) return BAD_FRAME;
    inputEnd += 4;
  }
  return bytes;
}

/** Reads all blocks of a frame, from `at`, into at most `capacity` bytes. Answers how many; `inputEnd` is after them. */
function readBlocks(at: usize, end: usize, output: usize, capacity: usize, blockMax: usize): i32 {
  startBlocks();
  const outputEnd = output + capacity;
  let op = output;
  let header: u32;
  do {
    if (end - at < ZSTD_BLOCK_HEADER_BYTES) return BAD_FRAME;
    header = load<u32>(at) & 0xffffff;
    at += ZSTD_BLOCK_HEADER_BYTES;
    const type = (header >>> ZSTD_BLOCK_TYPE_SHIFT) & 3;
    const size = <usize>(header >>> ZSTD_BLOCK_SIZE_SHIFT);
    const room = outputEnd - op;
    if (size > blockMax) return BAD_FRAME;
    if (type == ZSTD_RLE_BLOCK) {
      if (at == end) return BAD_FRAME;
      if (size > room) return OUTPUT_FULL;
      memory.fill(op, load<u8>(at++), size);
      op += size;
      continue;
    }
    if (size > end - at) return BAD_FRAME;
    if (type == ZSTD_RAW_BLOCK) {
      if (size > room) return OUTPUT_FULL;
      memory.copy(op, at, size);
      op += size;
    } else if (type == ZSTD_COMPRESSED_BLOCK) {
      const bytes = readBlock(at, size, op, min<usize>(room, blockMax), output, blockMax);
      // The same of a block.
      if (bytes == OUTPUT_FULL && room > blockMax) return BAD_FRAME;
      if (bytes < 0) return bytes;
      op += <usize>bytes;
    } else {
      return BAD_FRAME;
    }
    at += size;
  } while ((header & ZSTD_LAST_BLOCK_BIT) == 0);
  inputEnd = at;
  return <i32>(op - output);
}
