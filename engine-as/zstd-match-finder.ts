// Finds the matches of one block: greedy, one candidate per hash, the last two offsets tried first, looking less and less
// closely at what will not compress.

import { countEqual } from "./equal-bytes";
import { copy16 } from "./wide-copy";
import { ZSTD_MATCH_MIN, ZSTD_REPEATS } from "./zstd-format";
import {
  HASHES_AT,
  HASH_BITS_MAX,
  LITERALS_AT,
  LITERALS_LENGTH_AT,
  REPEATS_AT,
  SEQUENCES_AT,
  SEQUENCE_BYTES,
  SEQUENCE_LITERALS_AT,
  SEQUENCE_MATCH_AT,
  SEQUENCE_OFFSET_AT,
} from "./zstd-writer-memory";

/** Positions are hashed by eight bytes from there; the last of a block that can begin a match is so far from its end. */
const HASH_READ_BYTES: usize = 8;
/** After so many bytes without a match the search takes one byte more at a step. */
const PATIENCE: usize = 128;

/** Of a hash, whatever number of slots there are: `mask` keeps its lowest bits. */
// @ts-ignore: decorator
@inline
function slotOf(word: u64, mask: usize): usize {
  return HASHES_AT + ((<usize>(((word << 16) * 227718039650203) >>> (64 - 2 - HASH_BITS_MAX))) & mask);
}

/** Makes the table of hashes ready for a source of `length` bytes; answers the mask of its slots. */
export function clearHashes(length: usize): usize {
  let bits: usize = 8;
  while (bits < HASH_BITS_MAX && (<usize>1) << bits < length) bits++;
  const bytes = (<usize>4) << bits;
  memory.fill(HASHES_AT, 0, bytes);
  return bytes - 4;
}

/**
 * Writes the sequences of the block from `source` to `end` to SEQUENCES_AT, all literals to LITERALS_AT and how many they are
 * to LITERALS_LENGTH_AT, and keeps the last offsets at REPEATS_AT. Matches reach back to `lowest`. Answers the number of
 * sequences; when there are none, no literals are written. May read 32 bytes past the end of the source.
 */
export function findMatches(source: usize, end: usize, lowest: usize, mask: usize): usize {
  if (end - source < HASH_READ_BYTES + 2) return 0;
  const searchEnd = end - HASH_READ_BYTES;
  let repeat1 = <usize>load<u32>(REPEATS_AT);
  let repeat2 = <usize>load<u32>(REPEATS_AT, 4);
  let anchor = source;
  let literalsAt = LITERALS_AT;
  let sequence = SEQUENCES_AT;
  // The first byte of all has nothing before it.
  let ip = source + <usize>(source == lowest);

  while (ip + 2 < searchEnd) {
    // Two neighbours are looked at in each turn, and the last offset is tried where the next turn begins.
    let step: usize = 2;
    let patienceEnd = ip + PATIENCE;
    let word = load<u64>(ip);
    let slot = slotOf(word, mask);
    let nextWord = load<u64>(ip + 1);
    let nextSlot = slotOf(nextWord, mask);
    let match: usize = 0;
    let found = false;
    let ahead = ip + step;
    do {
      match = load<u32>(slot);
      store<u32>(slot, ip);
      if (load<u32>(ahead) == load<u32>(ahead - repeat1)) {
        store<u32>(nextSlot, ip + 1);
        ip = ahead;
        match = ahead - repeat1;
        found = true;
        break;
      }
      if (load<u32>(match) == <u32>word && match >= lowest) {
        store<u32>(nextSlot, ip + 1);
        found = true;
        break;
      }
      match = load<u32>(nextSlot);
      store<u32>(nextSlot, ip + 1);
      word = load<u64>(ahead);
      slot = slotOf(word, mask);
      if (load<u32>(match) == <u32>nextWord && match >= lowest) {
        ip++;
        found = true;
        break;
      }
      ip = ahead;
      if (ip >= patienceEnd) {
        step++;
        patienceEnd += PATIENCE;
      }
      nextWord = load<u64>(ip + 1);
      nextSlot = slotOf(nextWord, mask);
      ahead = ip + step;
    } while (ahead < searchEnd);
    if (!found) break;

    const offset = ip - match;
    let matched = ip + 4;
    matched += countEqual(matched, match + 4, end);
    const looked = ip;
    while (ip > anchor && match > lowest && load<u8>(ip - 1) == load<u8>(match - 1)) {
      ip--;
      match--;
    }
    const literals = ip - anchor;
    store<u32>(sequence, literals, SEQUENCE_LITERALS_AT);
    store<u32>(sequence, matched - ip - ZSTD_MATCH_MIN, SEQUENCE_MATCH_AT);
    // Without literals before it the first repeat would mean the second.
    if (offset == repeat1 && literals != 0) {
      store<u32>(sequence, 1, SEQUENCE_OFFSET_AT);
    } else {
      const value: usize = offset == repeat2 && literals != 0 ? 2 : offset + <usize>ZSTD_REPEATS;
      store<u32>(sequence, value, SEQUENCE_OFFSET_AT);
      repeat2 = repeat1;
      repeat1 = offset;
    }
    sequence += SEQUENCE_BYTES;
    let copied: usize = 0;
    do {
      copy16(literalsAt + copied, anchor + copied);
      copied += 16;
    } while (copied < literals);
    literalsAt += literals;
    ip = matched;
    anchor = ip;
    if (ip > searchEnd) break;

    store<u32>(slotOf(load<u64>(looked + 2), mask), looked + 2);
    store<u32>(slotOf(load<u64>(ip - 2), mask), ip - 2);
    // What follows at once may be at the offset before the last.
    while (load<u32>(ip) == load<u32>(ip - repeat2)) {
      const length = <usize>4 + countEqual(ip + 4, ip + 4 - repeat2, end);
      const swapped = repeat2;
      repeat2 = repeat1;
      repeat1 = swapped;
      store<u32>(slotOf(load<u64>(ip), mask), ip);
      store<u32>(sequence, 0, SEQUENCE_LITERALS_AT);
      store<u32>(sequence, length - ZSTD_MATCH_MIN, SEQUENCE_MATCH_AT);
      store<u32>(sequence, 1, SEQUENCE_OFFSET_AT);
      sequence += SEQUENCE_BYTES;
      ip += length;
      anchor = ip;
      if (ip > searchEnd) break;
    }
  }
  store<u32>(REPEATS_AT, repeat1);
  store<u32>(REPEATS_AT, repeat2, 4);
  if (sequence == SEQUENCES_AT) return 0;
  memory.copy(literalsAt, anchor, end - anchor);
  store<u32>(LITERALS_LENGTH_AT, literalsAt - LITERALS_AT + (end - anchor));
  return (sequence - SEQUENCES_AT) / SEQUENCE_BYTES;
}
