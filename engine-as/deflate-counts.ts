// Counts the symbols of a block's sequences, and tells what they come to in bits.

import {
  DISTANCE_SYMBOLS,
  LITERAL_SYMBOLS,
  LITERAL_SYMBOLS_FIXED,
  SYMBOL_END,
  SYMBOL_LENGTH,
  distanceExtraBits,
  lengthExtraBits,
} from "./deflate-format";
import { sequencesEnd } from "./deflate-match";
import {
  COUNTS_BYTES,
  DISTANCE_COUNTS_AT,
  LENGTH_SYMBOLS_AT,
  LITERAL_COUNTS_AT,
  MORE_COUNTS_AT,
  SEQUENCES_AT,
  SEQUENCE_BYTES,
} from "./deflate-memory";

/** What tells whether bytes can be made smaller at all: so many of them, if there is no more than one match in 512. */
const SAMPLE_BYTES: usize = 4096;

/** Whether there is next to no match and the bytes are as good as equally frequent, as far as a sample tells. */
export function looksRandom(source: usize, end: usize): bool {
  const length = end - source;
  if (length < 4 * SAMPLE_BYTES || (sequencesEnd - SEQUENCES_AT) / SEQUENCE_BYTES > length >> 9) return false;
  memory.fill(LITERAL_COUNTS_AT, 0, 1024);
  const step = length / SAMPLE_BYTES;
  let pairs: u32 = 0;
  for (let sample: usize = 0; sample < SAMPLE_BYTES; sample++) {
    const at = LITERAL_COUNTS_AT + ((<usize>load<u8>(source + sample * step)) << 2);
    const count = load<u32>(at);
    pairs += count;
    store<u32>(at, count + 1);
  }
  // Of all pairs one in 256 would be equal. With 5 % more of them the entropy is still above 7.92 bits.
  const expected = <u32>((SAMPLE_BYTES * (SAMPLE_BYTES - 1)) / 512);
  return pairs < expected + expected / 20;
}

// @ts-ignore: decorator
@inline
export function countOne(at: usize): void {
  store<u32>(at, load<u32>(at) + 1);
}

/** Counts the symbols of all sequences, and writes each distance's symbol into its sequence. */
export function countSymbols(source: usize): void {
  memory.fill(LITERAL_COUNTS_AT, 0, COUNTS_BYTES);
  let at = source;
  for (let sequence: usize = SEQUENCES_AT; sequence < sequencesEnd; sequence += SEQUENCE_BYTES) {
    const literals = at + <usize>load<u32>(sequence);
    // Four counts for each literal, so that equal ones that follow each other do not wait for each other.
    while (at + 4 <= literals) {
      const word = load<u32>(at);
      countOne(LITERAL_COUNTS_AT + ((<usize>(word & 255)) << 2));
      countOne(MORE_COUNTS_AT + ((<usize>((word >>> 8) & 255)) << 2));
      countOne(MORE_COUNTS_AT + 1024 + ((<usize>((word >>> 16) & 255)) << 2));
      countOne(MORE_COUNTS_AT + 2048 + ((<usize>(word >>> 24)) << 2));
      at += 4;
    }
    while (at < literals) countOne(LITERAL_COUNTS_AT + ((<usize>load<u8>(at++)) << 2));
    const match = load<u32>(sequence, 4);
    if (match == 0) break;
    const length = <usize>(match >>> 21);
    at += length;
    countOne(LITERAL_COUNTS_AT + SYMBOL_LENGTH * 4 + ((<usize>load<u8>(LENGTH_SYMBOLS_AT + length)) << 2));
    const distance = match & 0x7fff;
    let symbol = distance;
    if (distance > 1) {
      const highest: u32 = 31 - clz<u32>(distance);
      symbol = 2 * highest + ((distance >>> (highest - 1)) & 1);
    }
    store<u32>(sequence, match | (symbol << 16), 4);
    countOne(DISTANCE_COUNTS_AT + ((<usize>symbol) << 2));
  }
  for (let literal: usize = 0; literal < 1024; literal += 4) {
    store<u32>(
      LITERAL_COUNTS_AT + literal,
      load<u32>(LITERAL_COUNTS_AT + literal) +
        load<u32>(MORE_COUNTS_AT + literal) +
        load<u32>(MORE_COUNTS_AT + literal, 1024) +
        load<u32>(MORE_COUNTS_AT + literal, 2048),
    );
  }
  store<u32>(LITERAL_COUNTS_AT, 1, SYMBOL_END * 4);
}

/**
 * Bits of all symbols that were counted, with their extra bits, when their codes have the lengths at `lengths`: those of
 * literals and behind them those of distances.
 */
export function codedBits(lengths: usize): u64 {
  let sum: u64 = 0;
  for (let symbol: usize = 0; symbol < LITERAL_SYMBOLS; symbol++) {
    let bits = <usize>load<u8>(lengths + symbol);
    if (symbol >= SYMBOL_LENGTH) bits += lengthExtraBits(symbol - SYMBOL_LENGTH);
    sum += <u64>load<u32>(LITERAL_COUNTS_AT + (symbol << 2)) * bits;
  }
  lengths += LITERAL_SYMBOLS_FIXED;
  for (let symbol: usize = 0; symbol < DISTANCE_SYMBOLS; symbol++) {
    const bits = <usize>load<u8>(lengths + symbol) + distanceExtraBits(symbol);
    sum += <u64>load<u32>(DISTANCE_COUNTS_AT + (symbol << 2)) * bits;
  }
  return sum;
}
