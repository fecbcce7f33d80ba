// LZ4 block compression: greedy, one candidate per hash of five bytes, looking less and less closely at what will not
// compress.

import { countEqual } from "./equal-bytes";
import { LZ4_LAST_LITERALS, LZ4_MATCH_LIMIT, LZ4_MATCH_MIN } from "./lz4-format";
import { CODEC_SCRATCH_AT, CODEC_SCRATCH_BYTES } from "./memory-map";
import { copy16 } from "./wide-copy";

/** A longer input is not one block here: positions in it stay within the distance a match can reach. */
export const LZ4_WRITER_BLOCK_BYTES: usize = 65536;
/** log2 of the number of hash slots, each of them an uint32. */
const HASH_BITS: usize = 13;
const HASH_BYTES: usize = (<usize>4) << HASH_BITS;
const HASHES_AT: usize = CODEC_SCRATCH_AT;
if (HASH_BYTES > CODEC_SCRATCH_BYTES) ERROR("lz4: no room for the hashes");
/** Literals are copied in steps of sixteen and may overshoot by fifteen. */
const OVERSHOOT: usize = 16;
/** After 2 to this many misses the search takes one byte more at a step. */
const SKIP_BITS: u32 = 6;

/** Output that must be there for `length` bytes, whatever they are. */
// @ts-ignore: decorator
@inline
export function lz4BlockBytesMax(length: usize): usize {
  return length + length / 255 + 16 + OVERSHOOT;
}

// @ts-ignore: decorator
@inline
function slotOf(word: u64): usize {
  return HASHES_AT + ((<usize>(((word << 24) * 889523592379) >>> (64 - HASH_BITS))) << 2);
}

/** The rest of a length that did not fit into its token. */
// @ts-ignore: decorator
@inline
function writeLength(op: usize, rest: usize): usize {
  while (rest >= 255) {
    store<u8>(op++, 255);
    rest -= 255;
  }
  store<u8>(op++, <u8>rest);
  return op;
}

function writeLastLiterals(op: usize, anchor: usize, end: usize): usize {
  const literals = end - anchor;
  if (literals >= 15) {
    store<u8>(op, 0xf0);
    op = writeLength(op + 1, literals - 15);
  } else {
    store<u8>(op++, <u8>(literals << 4));
  }
  memory.copy(op, anchor, literals);
  return op + literals;
}

/**
 * Compresses `length` bytes (up to LZ4_WRITER_BLOCK_BYTES) at `source` into `output`, which must hold `lz4BlockBytesMax` of
 * them. May read OVERSHOOT bytes past the source. Answers the number of bytes.
 */
export function lz4BlockCompress(source: usize, length: usize, output: usize): usize {
  let op = output;
  let anchor = source;
  const end = source + length;
  if (length <= LZ4_MATCH_LIMIT) return writeLastLiterals(op, anchor, end) - output;
  const searchEnd = end - LZ4_MATCH_LIMIT;
  const matchEnd = end - LZ4_LAST_LITERALS;
  // Slots hold positions relative to the source; an empty one says 0, which is as good a candidate as any.
  memory.fill(HASHES_AT, 0, HASH_BYTES);

  let ip = source + 1;
  let slot = slotOf(load<u64>(ip));
  while (true) {
    let match: usize;
    let next = ip;
    let step: usize = 1;
    let misses: u32 = 1 << SKIP_BITS;
    do {
      const found = slot;
      ip = next;
      next += step;
      step = <usize>(misses++ >>> SKIP_BITS);
      if (next > searchEnd) return writeLastLiterals(op, anchor, end) - output;
      match = source + <usize>load<u32>(found);
      slot = slotOf(load<u64>(next));
      store<u32>(found, ip - source);
    } while (load<u32>(match) != load<u32>(ip));

    while (ip > anchor && match > source && load<u8>(ip - 1) == load<u8>(match - 1)) {
      ip--;
      match--;
    }

    const literals = ip - anchor;
    let tokenAt = op++;
    let token: usize;
    if (literals >= 15) {
      token = 0xf0;
      op = writeLength(op, literals - 15);
    } else {
      token = literals << 4;
    }
    const literalsEnd = op + literals;
    do {
      copy16(op, anchor);
      op += 16;
      anchor += 16;
    } while (op < literalsEnd);
    op = literalsEnd;

    while (true) {
      store<u16>(op, <u16>(ip - match));
      op += 2;
      const matched = countEqual(ip + LZ4_MATCH_MIN, match + LZ4_MATCH_MIN, matchEnd);
      ip += LZ4_MATCH_MIN + matched;
      if (matched >= 15) {
        token |= 15;
        op = writeLength(op, matched - 15);
      } else {
        token |= matched;
      }
      store<u8>(tokenAt, <u8>token);
      anchor = ip;
      if (ip >= searchEnd) return writeLastLiterals(op, anchor, end) - output;

      store<u32>(slotOf(load<u64>(ip - 2)), ip - 2 - source);
      // Another match may follow at once.
      const word = load<u64>(ip);
      const found = slotOf(word);
      match = source + <usize>load<u32>(found);
      store<u32>(found, ip - source);
      if (load<u32>(match) != <u32>word) break;
      tokenAt = op++;
      token = 0;
    }
    ip++;
    slot = slotOf(load<u64>(ip));
  }
}
