// Snappy block compression: greedy, one candidate per hash, looking less and less closely at what will not compress.

import { countEqual } from "./equal-bytes";
import { CODEC_SCRATCH_AT, CODEC_SCRATCH_BYTES } from "./memory-map";
import {
  SNAPPY_COPY_1,
  SNAPPY_COPY_1_DISTANCES,
  SNAPPY_COPY_1_MAX,
  SNAPPY_COPY_2,
  SNAPPY_COPY_MAX,
  SNAPPY_MATCH_MIN,
  SNAPPY_SHORT_LITERAL_MAX,
} from "./snappy-format";
import { copy16 } from "./wide-copy";

/** A longer input is not one block here: positions in it fit into 16 bits. */
export const SNAPPY_WRITER_BLOCK_BYTES: usize = 65536;
/** log2 of the number of hash slots, each of them an uint16. */
const HASH_BITS: usize = 14;
const HASH_BYTES: usize = (<usize>2) << HASH_BITS;
const HASHES_AT: usize = CODEC_SCRATCH_AT;
if (HASH_BYTES > CODEC_SCRATCH_BYTES) ERROR("snappy: no room for the hashes");
/** So many bytes at the end are not searched: a search reads eight, and looks one ahead. */
const SEARCH_MARGIN: usize = 15;
/** After 2 to this many misses the search takes one byte more at a step. */
const SKIP_BITS: usize = 5;

/** Output that must be there for `length` bytes, whatever they are: the format's own bound, and what a copy in steps goes beyond. */
// @ts-ignore: decorator
@inline
export function snappyBlockBytesMax(length: usize): usize {
  return 32 + length + length / 6 + 16;
}

// @ts-ignore: decorator
@inline
function slotOf(word: u64): usize {
  return HASHES_AT + ((<usize>(((word << 24) * 889523592379) >>> (64 - HASH_BITS))) << 1);
}

/** Writes what stands before a literal of `length` (1 or more) bytes. */
// @ts-ignore: decorator
@inline
function writeLiteralTag(op: usize, length: usize): usize {
  const rest = length - 1;
  if (rest < SNAPPY_SHORT_LITERAL_MAX) {
    store<u8>(op, <u8>(rest << 2));
    return op + 1;
  }
  if (rest < 256) {
    store<u16>(op, <u16>((SNAPPY_SHORT_LITERAL_MAX << 2) | (rest << 8)));
    return op + 2;
  }
  store<u8>(op, <u8>((SNAPPY_SHORT_LITERAL_MAX + 1) << 2));
  store<u16>(op, <u16>rest, 1);
  return op + 3;
}

// @ts-ignore: decorator
@inline
function writeCopy2(op: usize, distance: usize, length: usize): usize {
  store<u32>(op, <u32>(SNAPPY_COPY_2 | ((length - 1) << 2) | (distance << 8)));
  return op + 3;
}

/** Writes a match of 4 or more bytes, 65535 bytes back at most. */
// @ts-ignore: decorator
@inline
function writeMatch(op: usize, distance: usize, length: usize): usize {
  // What is left after the long copies is never shorter than a short one.
  while (length >= SNAPPY_COPY_MAX + SNAPPY_MATCH_MIN) {
    op = writeCopy2(op, distance, SNAPPY_COPY_MAX);
    length -= SNAPPY_COPY_MAX;
  }
  if (length > SNAPPY_COPY_MAX) {
    op = writeCopy2(op, distance, SNAPPY_COPY_MAX - SNAPPY_MATCH_MIN);
    length -= SNAPPY_COPY_MAX - SNAPPY_MATCH_MIN;
  }
  if (length > SNAPPY_COPY_1_MAX || distance >= SNAPPY_COPY_1_DISTANCES)
    return writeCopy2(op, distance, length);
  store<u16>(
    op,
    <u16>(
      (SNAPPY_COPY_1 | ((length - SNAPPY_MATCH_MIN) << 2) | ((distance >>> 8) << 5) | ((distance & 255) << 8))
    ),
  );
  return op + 2;
}

function writeLastLiteral(op: usize, anchor: usize, end: usize): usize {
  const length = end - anchor;
  if (length == 0) return op;
  op = writeLiteralTag(op, length);
  memory.copy(op, anchor, length);
  return op + length;
}

/** Writes how many bytes a block holds. */
function writeBlockLength(op: usize, length: usize): usize {
  while (length >= 128) {
    store<u8>(op++, <u8>(length | 128));
    length >>>= 7;
  }
  store<u8>(op, <u8>length);
  return op + 1;
}

/**
 * Compresses `length` bytes (up to SNAPPY_WRITER_BLOCK_BYTES) at `source` into a block at `output`, which must hold
 * `snappyBlockBytesMax` of them. May read 16 bytes past the source. Answers the number of bytes.
 */
export function snappyBlockCompress(source: usize, length: usize, output: usize): usize {
  let op = writeBlockLength(output, length);
  let anchor = source;
  const end = source + length;
  if (length <= SEARCH_MARGIN) return writeLastLiteral(op, anchor, end) - output;
  const searchEnd = end - SEARCH_MARGIN;
  // Slots hold positions relative to the source; an empty one says 0, which is as good a candidate as any.
  memory.fill(HASHES_AT, 0, HASH_BYTES);

  let ip = source + 1;
  let slot = slotOf(load<u64>(ip));
  while (true) {
    let match: usize;
    let next = ip;
    let step: usize = 1;
    let misses: usize = 1 << SKIP_BITS;
    do {
      const found = slot;
      ip = next;
      next += step;
      step = misses++ >>> SKIP_BITS;
      if (next > searchEnd) return writeLastLiteral(op, anchor, end) - output;
      match = source + <usize>load<u16>(found);
      slot = slotOf(load<u64>(next));
      store<u16>(found, <u16>(ip - source));
    } while (load<u32>(match) != load<u32>(ip));

    while (ip > anchor && match > source && load<u8>(ip - 1) == load<u8>(match - 1)) {
      ip--;
      match--;
    }

    const literals = ip - anchor;
    if (literals > 0) {
      op = writeLiteralTag(op, literals);
      const literalsEnd = op + literals;
      do {
        copy16(op, anchor);
        op += 16;
        anchor += 16;
      } while (op < literalsEnd);
      op = literalsEnd;
    }

    while (true) {
      const matched = SNAPPY_MATCH_MIN + countEqual(ip + SNAPPY_MATCH_MIN, match + SNAPPY_MATCH_MIN, end);
      op = writeMatch(op, ip - match, matched);
      ip += matched;
      anchor = ip;
      if (ip >= searchEnd) return writeLastLiteral(op, anchor, end) - output;

      store<u16>(slotOf(load<u64>(ip - 2)), <u16>(ip - 2 - source));
      // Another match may follow at once.
      const word = load<u64>(ip);
      const found = slotOf(word);
      match = source + <usize>load<u16>(found);
      store<u16>(found, <u16>(ip - source));
      if (load<u32>(match) != <u32>word) break;
    }
    ip++;
    slot = slotOf(load<u64>(ip));
  }
}
