// Finds what comes again: greedily, the longer of the two latest places with the same hash of four bytes, looking less and
// less closely at what does not repeat itself.

import { DISTANCE_MAX, MATCH_BYTES_MAX } from "./deflate-format";
import { HASHES_AT, HASH_BITS_MAX, SEQUENCES_AT, SEQUENCES_MAX, SEQUENCE_BYTES } from "./deflate-memory";
import { countEqual } from "./equal-bytes";

/** A shorter match than the format allows costs more time than it saves bytes. */
const MATCH_BYTES: usize = 4;
/** After 2 to this many misses the search takes one byte more at a step. */
const SKIP_BITS: u32 = 6;

/** A short input gets fewer slots, which must be cleared before: at least 2 to this many. */
const HASH_BITS_MIN: u32 = 9;
/** 32 less log2 of the number of slots at hand. */
let hashShift: u32 = 0;

/** After `findSequences`: where they end. */
export let sequencesEnd: usize = 0;

// @ts-ignore: decorator
@inline
function slotOf(word: u32, shift: u32): usize {
  return HASHES_AT + ((<usize>((word * 0x9e3779b1) >>> shift)) << 2);
}

/** Forgets all places, before an input of `length` bytes. */
export function startMatches(length: usize): void {
  const bits = max<u32>(HASH_BITS_MIN, min<u32>(HASH_BITS_MAX, 32 - clz<u32>(<u32>length)));
  hashShift = 32 - bits;
  memory.fill(HASHES_AT, 0, (<usize>4) << bits);
}

// @ts-ignore: decorator
@inline
function insert(at: usize, source: usize, shift: u32): void {
  const slot = slotOf(load<u32>(at), shift);
  store<u32>(slot, (load<u32>(slot) << 16) | ((<u32>(at - source)) & 0xffff));
}

/**
 * Splits the input from `at` on into sequences, up to `limit` or a little more, or until there is room for no more of them.
 * `source` is where the whole input began, `end` where it ends. Answers where the sequences end in the input.
 */
export function findSequences(source: usize, at: usize, limit: usize, end: usize): usize {
  const shift = hashShift;
  let sequence: usize = SEQUENCES_AT;
  const sequencesFull: usize = SEQUENCES_AT + (SEQUENCES_MAX - 1) * SEQUENCE_BYTES;
  const searchEnd = min(limit, end - source < MATCH_BYTES ? source : end - MATCH_BYTES + 1);
  let anchor = at;
  let ip = at;
  let misses: u32 = 1 << SKIP_BITS;
  while (ip < searchEnd) {
    const word = load<u32>(ip);
    const slot = slotOf(word, shift);
    const places = load<u32>(slot);
    const position = <u32>(ip - source);
    store<u32>(slot, (places << 16) | (position & 0xffff));
    // Positions are kept modulo 2^16, twice what a match can reach: what is too far away, was never there, or is this
    // place itself shows here.
    let distance = <usize>((position - places) & 0xffff);
    const second = <usize>((position - (places >>> 16)) & 0xffff);
    let length: usize = 0;
    const matchEnd = min(end, ip + MATCH_BYTES_MAX);
    if (load<u32>(ip - distance) == word && distance - 1 < DISTANCE_MAX && distance <= <usize>position) {
      length = countEqual(ip, ip - distance, matchEnd);
    }
    if (
      load<u32>(ip - second) == word &&
      second - 1 < DISTANCE_MAX &&
      second <= <usize>position &&
      load<u8>(ip - second + length) == load<u8>(ip + length)
    ) {
      const other = countEqual(ip, ip - second, matchEnd);
      if (other > length) {
        length = other;
        distance = second;
      }
    }
    if (length == 0) {
      ip += <usize>(misses++ >>> SKIP_BITS);
      continue;
    }

    const stop = ip + length;
    while (
      ip > anchor &&
      ip - distance > source &&
      length < MATCH_BYTES_MAX &&
      load<u8>(ip - 1) == load<u8>(ip - distance - 1)
    ) {
      ip--;
      length++;
    }
    store<u32>(sequence, ip - anchor);
    store<u32>(sequence, (length << 21) | (distance - 1), 4);
    sequence += SEQUENCE_BYTES;
    const insertEnd = min(stop, searchEnd);
    for (ip++; ip < insertEnd; ip++) insert(ip, source, shift);
    ip = stop;
    anchor = stop;
    misses = 1 << SKIP_BITS;
    if (sequence == sequencesFull) {
      limit = anchor;
      break;
    }
  }
  if (limit < anchor) limit = anchor;
  store<u32>(sequence, limit - anchor);
  store<u32>(sequence, 0, 4);
  sequencesEnd = sequence + SEQUENCE_BYTES;
  return limit;
}
