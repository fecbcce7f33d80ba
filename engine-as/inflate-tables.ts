// Decoding tables for the codes of DEFLATE: a main table that is looked up with the next bits of the input, and subtables
// behind it for codes that are longer than its index.
//
//   entry uint32 => bits 0-5   bits to take from the input: of the code, and the extra bits that follow it
//                   bit 7      STOP, with EXCEPTION: the end, or bits that are no code; else a subtable
//                   bits 8-13  of them, bits of the code; of a literal: how many literals (1 or 2)
//                   bit 14     LITERAL
//                   bit 15     EXCEPTION: neither a literal nor a length nor a distance
//                   bits 16-31 the literals; the least length or distance; the subtable's place in the table
//   of a subtable's pointer: bits 0-5 the main table's index bits, bits 8-13 the subtable's
//
// A code in a subtable counts its bits without those of the main table.

import {
  CODE_BITS_MAX,
  DISTANCE_SYMBOLS,
  LITERAL_SYMBOLS,
  LITERAL_SYMBOLS_FIXED,
  SYMBOL_END,
  SYMBOL_LENGTH,
  distanceBase,
  distanceExtraBits,
  lengthBase,
  lengthExtraBits,
} from "./deflate-format";
import { CODEC_SCRATCH_AT, CODEC_SCRATCH_BYTES } from "./memory-map";

export const ENTRY_LITERAL: u32 = 0x4000;
export const ENTRY_EXCEPTION: u32 = 0x8000;
export const ENTRY_STOP: u32 = 0x80;
export const ENTRY_END: u32 = ENTRY_EXCEPTION | ENTRY_STOP;
/** Bits that are no code; one of them is taken, so that nothing loops. */
export const ENTRY_BAD: u32 = 0x10000 | ENTRY_EXCEPTION | ENTRY_STOP | 1;

/** What the symbols of a code are. */
export const CODE_LITERALS: u32 = 0;
export const CODE_DISTANCES: u32 = 1;
export const CODE_LENGTHS: u32 = 2;

export const LITERAL_TABLE_BITS: usize = 11;
export const DISTANCE_TABLE_BITS: usize = 8;
export const PRECODE_TABLE_BITS: usize = 7;
/** The most entries that a main table and its subtables can have: 288 symbols at 11 bits, 32 at 8. */
const LITERAL_ENTRIES_MAX: usize = 2342;
const DISTANCE_ENTRIES_MAX: usize = 402;

export const LITERAL_TABLE_AT: usize = CODEC_SCRATCH_AT;
export const DISTANCE_TABLE_AT: usize = LITERAL_TABLE_AT + LITERAL_ENTRIES_MAX * 4;
export const PRECODE_TABLE_AT: usize = DISTANCE_TABLE_AT + DISTANCE_ENTRIES_MAX * 4;
/** The code lengths that are being read, a byte each: those of literals, then at once those of distances. */
export const LENGTHS_AT: usize = PRECODE_TABLE_AT + ((<usize>4) << PRECODE_TABLE_BITS);
/** The fixed codes need no subtables: at most 9 bits for literals and lengths, 5 for distances. */
export const FIXED_LITERAL_TABLE_AT: usize = LENGTHS_AT + 512;
export const FIXED_DISTANCE_TABLE_AT: usize = FIXED_LITERAL_TABLE_AT + 4 * 512;
/** Symbols by the length of their code, then by value: uint16 each. */
const SORTED_AT: usize = FIXED_DISTANCE_TABLE_AT + 4 * 32;
/** For each length of a code: how many there are, and where its next symbol goes; uint32 each. */
const COUNTS_AT: usize = SORTED_AT + LITERAL_SYMBOLS_FIXED * 2;
const PLACES_AT: usize = COUNTS_AT + (CODE_BITS_MAX + 1) * 4;
if (PLACES_AT + (CODE_BITS_MAX + 1) * 4 > CODEC_SCRATCH_AT + CODEC_SCRATCH_BYTES)
  ERROR("inflate: no room for the tables");

/** The entry of a symbol whose code has `bits` bits to take. */
function entryOf(symbol: usize, bits: usize, code: u32): u32 {
  let base = symbol;
  let extra: usize = 0;
  if (code == CODE_LITERALS) {
    if (symbol < SYMBOL_END) return <u32>((symbol << 16) | ENTRY_LITERAL | (1 << 8) | bits);
    if (symbol == SYMBOL_END) return ENTRY_END | (<u32>bits);
    if (symbol >= LITERAL_SYMBOLS) return ENTRY_BAD;
    base = lengthBase(symbol - SYMBOL_LENGTH);
    extra = lengthExtraBits(symbol - SYMBOL_LENGTH);
  } else if (code == CODE_DISTANCES) {
    if (symbol >= DISTANCE_SYMBOLS) return ENTRY_BAD;
    base = distanceBase(symbol);
    extra = distanceExtraBits(symbol);
  }
  return <u32>((base << 16) | (bits << 8) | (bits + extra));
}

/** The code after `code` of `bits` bits, both with their first bit lowest. */
// @ts-ignore: decorator
@inline
function nextCode(code: usize, bits: usize): usize {
  const zeros = code ^ ((1 << bits) - 1);
  if (zeros == 0) return code;
  const highest: usize = (<usize>1) << (31 - clz<u32>(<u32>zeros));
  return (code & (highest - 1)) | highest;
}

/**
 * Builds the table at `table` of the code in which symbol n of `symbols` has the length at `lengths + n`, 0 when it does
 * not occur. Answers how many bits index it: `bitsMax`, or fewer when no code is as long, so that small codes cost little.
 * 0 when the lengths make no code: too many for the bits they have, or too few, unless there is but one code, of one bit,
 * or none; a precode must be complete in any case.
 */
export function buildTable(lengths: usize, symbols: usize, table: usize, bitsMax: usize, code: u32): usize {
  memory.fill(COUNTS_AT, 0, (CODE_BITS_MAX + 1) * 4);
  for (let symbol: usize = 0; symbol < symbols; symbol++) {
    const count = COUNTS_AT + ((<usize>load<u8>(lengths + symbol)) << 2);
    store<u32>(count, load<u32>(count) + 1);
  }
  let left: i32 = 1;
  let place: u32 = 0;
  let longest: usize = 1;
  for (let bits: usize = 1; bits <= CODE_BITS_MAX; bits++) {
    const count = load<u32>(COUNTS_AT + (bits << 2));
    left = (left << 1) - <i32>count;
    if (left < 0) return 0;
    if (count > 0) longest = bits;
    store<u32>(PLACES_AT + (bits << 2), place);
    place += count;
  }
  if (left > 0 && (code == CODE_LENGTHS || place > 1 || place != load<u32>(COUNTS_AT, 4))) return 0;
  const tableBits = min(bitsMax, longest);
  for (let symbol: usize = 0; symbol < symbols; symbol++) {
    const bits = <usize>load<u8>(lengths + symbol);
    if (bits == 0) continue;
    const at = PLACES_AT + (bits << 2);
    const rank = load<u32>(at);
    store<u32>(at, rank + 1);
    store<u16>(SORTED_AT + ((<usize>rank) << 1), <u16>symbol);
  }

  // A table for codes up to n bits is one for codes up to n + 1 when it is put behind itself once more.
  store<u32>(table, ENTRY_BAD);
  let next: usize = 0;
  let sorted = SORTED_AT;
  for (let bits: usize = 1; bits <= tableBits; bits++) {
    const half = (<usize>4) << (bits - 1);
    memory.copy(table + half, table, half);
    for (let count = load<u32>(COUNTS_AT + (bits << 2)); count > 0; count--) {
      store<u32>(table + (next << 2), entryOf(<usize>load<u16>(sorted), bits, code));
      sorted += 2;
      next = nextCode(next, bits);
    }
  }

  let prefix: usize = usize.MAX_VALUE;
  let subtable: usize = (<usize>1) << tableBits;
  let subtableBits: usize = 0;
  let tableEnd: usize = subtable;
  for (let bits = tableBits + 1; bits <= CODE_BITS_MAX; bits++) {
    for (let count = load<u32>(COUNTS_AT + (bits << 2)); count > 0; count--) {
      if ((next & ((1 << tableBits) - 1)) != prefix) {
        // A subtable is as large as the codes that are left fill it, beginning with this one.
        prefix = next & ((1 << tableBits) - 1);
        subtable = tableEnd;
        subtableBits = bits - tableBits;
        let filled = count;
        while (filled >>> (<u32>subtableBits) == 0) {
          subtableBits++;
          filled = (filled << 1) + load<u32>(COUNTS_AT + ((tableBits + subtableBits) << 2));
        }
        tableEnd += (<usize>1) << subtableBits;
        store<u32>(
          table + (prefix << 2),
          <u32>((subtable << 16) | ENTRY_EXCEPTION | (subtableBits << 8) | tableBits),
        );
      }
      const entry = entryOf(<usize>load<u16>(sorted), bits - tableBits, code);
      sorted += 2;
      const step: usize = (<usize>1) << (bits - tableBits);
      for (let index = next >>> tableBits; index >>> subtableBits == 0; index += step) {
        store<u32>(table + ((subtable + index) << 2), entry);
      }
      next = nextCode(next, bits);
    }
  }
  return tableBits;
}

/** Puts two literals into one entry of a finished main table wherever its index holds the codes of both. */
export function pairLiterals(table: usize, tableBits: usize): void {
  // From the end: the entry of the second literal has a smaller index, so that it is still one literal, but for index 0.
  for (let index = (<usize>1) << tableBits; index > 0;) {
    index--;
    const first = load<u32>(table + (index << 2));
    if (!(first & ENTRY_LITERAL)) continue;
    const second = load<u32>(table + ((index >>> (<usize>(first & 63))) << 2));
    const bits = (first & 63) + (second & 63);
    if (!(second & ENTRY_LITERAL) || bits > <u32>tableBits) continue;
    store<u32>(
      table + (index << 2),
      ((second & 0xff0000) << 8) | (first & 0xff0000) | ENTRY_LITERAL | (2 << 8) | bits,
    );
  }
}
