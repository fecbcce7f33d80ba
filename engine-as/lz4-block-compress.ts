// LZ4 block compression: greedy, one candidate per hash of six bytes, looking less and less closely at what will not
// compress.

import { countEqual } from "./equal-bytes";
import { LZ4_DISTANCE_MAX, LZ4_LAST_LITERALS, LZ4_MATCH_LIMIT, LZ4_MATCH_MIN } from "./lz4-format";
import { CODEC_SCRATCH_AT, CODEC_SCRATCH_BYTES } from "./memory-map";
import { copy16 } from "./wide-copy";

/** log2 of the number of slots, each of which holds the address where bytes of this hash were seen last. */
const SLOTS_BITS: usize = 13;
const SLOTS_BYTES: usize = (<usize>4) << SLOTS_BITS;
const SLOTS_AT: usize = CODEC_SCRATCH_AT;
if (SLOTS_BYTES > CODEC_SCRATCH_BYTES) ERROR("lz4: no room for the slots");
/** Literals are copied in steps of sixteen and may overshoot by fifteen. */
const OVERSHOOT: usize = 16;
/** After 2 to this many misses the search takes one byte more at a step. */
const SKIP_BITS: usize = 6;

/** Output that must be there for `length` bytes, whatever they are. */
// @ts-ignore: decorator
@inline
export function lz4BlockBytesMax(length: usize): usize {
  return length + length / 255 + 16 + OVERSHOOT;
}

/** Forgets all that was seen: every slot names address 0, which lies before all inputs. */
export function lz4ClearSlots(): void {
  memory.fill(SLOTS_AT, 0, SLOTS_BYTES);
}

/** The slot of the lowest six bytes of `word`. */
// @ts-ignore: decorator
@inline
function slotOf(word: u64): usize {
  return SLOTS_AT + ((<usize>(((word << 16) * 227718039650203) >>> (64 - SLOTS_BITS))) << 2);
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

/**
 * Ends a block with the literals in [anchor, end). Answers its size; 0 when that is not less than `length`: then nothing was copied.
 */
function writeLastLiterals(op: usize, anchor: usize, end: usize, output: usize, length: usize): usize {
  const literals = end - anchor;
  if (op - output + literals >= length) return 0;
  if (literals >= 15) {
    store<u8>(op, 0xf0);
    op = writeLength(op + 1, literals - 15);
  } else {
    store<u8>(op++, <u8>(literals << 4));
  }
  memory.copy(op, anchor, literals);
  const size = op + literals - output;
  return size < length ? size : 0;
}

/**
 * Compresses `length` bytes at `source` into `output`, which must hold `lz4BlockBytesMax` of them. May read OVERSHOOT bytes past
 * the source. What was seen in the blocks before may stay in the slots: it lies before the source, where no match may be. Answers
 * the number of bytes; 0 when they would not be fewer.
 */
export function lz4BlockCompress(source: usize, length: usize, output: usize): usize {
  let op = output;
  let anchor = source;
  const end = source + length;
  if (length <= LZ4_MATCH_LIMIT) return 0;
  const searchEnd = end - LZ4_MATCH_LIMIT;
  const matchEnd = end - LZ4_LAST_LITERALS;

  let ip = source + 1;
  let slot = slotOf(load<u64>(ip));
  while (true) {
    let match: usize;
    let next = ip;
    let step: usize = 1;
    let misses: usize = 1 << SKIP_BITS;
    while (true) {
      const found = slot;
      ip = next;
      next += step;
      step = misses++ >>> SKIP_BITS;
      if (next > searchEnd) return writeLastLiterals(op, anchor, end, output, length);
      match = <usize>load<u32>(found);
      slot = slotOf(load<u64>(next));
      store<u32>(found, ip);
      if (load<u32>(match) == load<u32>(ip)) {
        if (match >= source && ip - match <= LZ4_DISTANCE_MAX) break;
      }
    }

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
      if (ip >= searchEnd) return writeLastLiterals(op, anchor, end, output, length);

      store<u32>(slotOf(load<u64>(ip - 2)), ip - 2);
      // Another match may follow at once.
      const word = load<u64>(ip);
      const found = slotOf(word);
      match = <usize>load<u32>(found);
      store<u32>(found, ip);
      if (load<u32>(match) != <u32>word) break;
      if (match < source || ip - match > LZ4_DISTANCE_MAX) break;
      tokenAt = op++;
      token = 0;
    }
    ip++;
    slot = slotOf(load<u64>(ip));
  }
}
