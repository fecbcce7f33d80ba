// Writes a Zstandard frame as Kafka's producers do, without a checksum (the batch has its CRC): RFC 8878, section 3.1.1.
//
//   Frame => magic uint32, descriptor, [window], content size, [Block]
//   Block => last 1 bit, type 2 bits, size 21 bits, bytes
//
// The whole content is one segment as long as a reader may be asked to keep that much.

import { countEqual } from "./equal-bytes";
import {
  ZSTD_BLOCK_BYTES_MAX,
  ZSTD_BLOCK_HEADER_BYTES,
  ZSTD_BLOCK_SIZE_SHIFT,
  ZSTD_BLOCK_TYPE_SHIFT,
  ZSTD_COMPRESSED_BLOCK,
  ZSTD_CONTENT_SIZE_16_BASE,
  ZSTD_CONTENT_SIZE_SHIFT,
  ZSTD_LAST_BLOCK_BIT,
  ZSTD_MAGIC,
  ZSTD_RAW_BLOCK,
  ZSTD_REPEAT_1,
  ZSTD_REPEAT_2,
  ZSTD_RLE_BLOCK,
  ZSTD_SINGLE_SEGMENT_BIT,
  ZSTD_WINDOW_EXPONENT_SHIFT,
  ZSTD_WINDOW_LOG_MIN,
} from "./zstd-format";
import { looksIncompressible, writeRawLiterals, writeSmallerLiterals } from "./zstd-literals-writer";
import { clearHashes, findMatches } from "./zstd-match-finder";
import { writeSequences } from "./zstd-sequences-writer";
import { LITERALS_AT, LITERALS_LENGTH_AT, REPEATS_AT } from "./zstd-writer-memory";

/** Every reader must be able to keep so much of a frame; matches reach no further back. */
const WINDOW_LOG: u32 = 23;
const WINDOW_BYTES: usize = (<usize>1) << WINDOW_LOG;
/** Magic, descriptor, window and a content size of four bytes. */
const FRAME_HEADER_BYTES_MAX: usize = 10;
/** How far tables and wide stores may go beyond what a block may come to, before it is seen that it will not do. */
const OVERSHOOT: usize = 640;
/** A block that compresses to fewer bytes may be all one byte. */
const RLE_BYTES_MAX: usize = 32;

/** Output that must be there for a frame of `length` bytes, whatever they are. */
export function zstdFrameBytesMax(length: usize): usize {
  const blocks = (length + ZSTD_BLOCK_BYTES_MAX - 1) / ZSTD_BLOCK_BYTES_MAX;
  return FRAME_HEADER_BYTES_MAX + max<usize>(blocks, 1) * ZSTD_BLOCK_HEADER_BYTES + length + OVERSHOOT;
}

/** Writes what stands before the blocks; answers where it ends. */
function writeFrameHeader(length: usize, output: usize): usize {
  store<u32>(output, ZSTD_MAGIC);
  let at = output + 5;
  const isSingle = length <= WINDOW_BYTES;
  if (!isSingle) store<u8>(at++, <u8>((WINDOW_LOG - ZSTD_WINDOW_LOG_MIN) << ZSTD_WINDOW_EXPONENT_SHIFT));
  let flag: u32 = 0;
  if (length < 256) {
    store<u8>(at, <u8>length);
    at++;
  } else if (length < 65536 + <usize>ZSTD_CONTENT_SIZE_16_BASE) {
    flag = 1;
    store<u16>(at, <u16>(length - <usize>ZSTD_CONTENT_SIZE_16_BASE));
    at += 2;
  } else {
    flag = 2;
    store<u32>(at, length);
    at += 4;
  }
  store<u8>(output, <u8>((flag << ZSTD_CONTENT_SIZE_SHIFT) | (isSingle ? ZSTD_SINGLE_SEGMENT_BIT : 0)), 4);
  return at;
}

/** Whether the bytes from `from` to `end`, one at least, are all the same. */
function isOneByte(from: usize, end: usize): bool {
  return countEqual(from + 1, from, end) == end - from - 1;
}

/** Compresses one block; answers where it ends, 0 when it does not get smaller. */
function writeBlock(source: usize, end: usize, lowest: usize, mask: usize, output: usize): usize {
  const length = end - source;
  const sequences = findMatches(source, end, lowest, mask);
  let literals = source;
  let literalsLength = length;
  if (sequences != 0) {
    literals = LITERALS_AT;
    literalsLength = load<u32>(LITERALS_LENGTH_AT);
  }
  const outputEnd = output + length - 1;
  let at: usize = 0;
  if (literalsLength < sequences * 20 || !looksIncompressible(literals, literalsLength)) {
    at = writeSmallerLiterals(literals, literalsLength, output);
  }
  if (at == 0) {
    if (literalsLength + sequences + 4 > length) return 0;
    at = writeRawLiterals(literals, literalsLength, output);
  }
  if (sequences == 0) {
    store<u8>(at++, 0);
    return at <= outputEnd ? at : 0;
  }
  return at < outputEnd ? writeSequences(<u32>sequences, at, outputEnd) : 0;
}

/** Compresses `length` bytes at `source` into `output`, which must hold `zstdFrameBytesMax` of them; the frame's size. */
export function zstdFrameCompress(source: usize, length: usize, output: usize): i32 {
  let at = writeFrameHeader(length, output);
  const mask = clearHashes(length);
  store<u32>(REPEATS_AT, ZSTD_REPEAT_1);
  store<u32>(REPEATS_AT, ZSTD_REPEAT_2, 4);
  const end = source + length;
  let from = source;
  do {
    const take = min<usize>(end - from, ZSTD_BLOCK_BYTES_MAX);
    const blockEnd = from + take;
    const lowest = max<usize>(source, blockEnd - min<usize>(blockEnd, WINDOW_BYTES));
    const content = at + ZSTD_BLOCK_HEADER_BYTES;
    const repeats = load<u64>(REPEATS_AT);
    const contentEnd = writeBlock(from, blockEnd, lowest, mask, content);
    let type = ZSTD_COMPRESSED_BLOCK;
    let size = contentEnd - content;
    let stored = size;
    if (contentEnd == 0) {
      // Who reads it sees no sequences, and keeps the offsets that he had.
      store<u64>(REPEATS_AT, repeats);
      type = ZSTD_RAW_BLOCK;
      size = take;
      stored = take;
      memory.copy(content, from, take);
    } else if (size < RLE_BYTES_MAX && isOneByte(from, blockEnd)) {
      store<u64>(REPEATS_AT, repeats);
      type = ZSTD_RLE_BLOCK;
      size = take;
      stored = 1;
      store<u8>(content, load<u8>(from));
    }
    const header =
      (blockEnd == end ? ZSTD_LAST_BLOCK_BIT : 0) |
      (type << ZSTD_BLOCK_TYPE_SHIFT) |
      ((<u32>size) << ZSTD_BLOCK_SIZE_SHIFT);
    store<u16>(at, <u16>header);
    store<u8>(at, <u8>(header >>> 16), 2);
    at = content + stored;
    from = blockEnd;
  } while (from < end);
  return <i32>(at - output);
}
