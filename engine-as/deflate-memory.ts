// Where the DEFLATE writer keeps its tables in the codecs' scratch; for one call.

import {
  CODE_BITS_MAX,
  DISTANCE_SYMBOLS_FIXED,
  LITERAL_SYMBOLS_FIXED,
  MATCH_BYTES_MAX,
  PRECODE_SYMBOLS,
} from "./deflate-format";
import { CODEC_SCRATCH_AT, CODEC_SCRATCH_BYTES } from "./memory-map";

/** log2 of the greatest number of slots, each of them the two latest positions with that hash. */
export const HASH_BITS_MAX: u32 = 15;
export const HASHES_AT: usize = CODEC_SCRATCH_AT;
const HASHES_BYTES: usize = (<usize>4) << HASH_BITS_MAX;

/**
 * A block as literals and matches.
 *
 *   Sequence => number of literals uint32, match uint32 (distance - 1: bits 0-14, symbol of the distance: 16-20, length: 21-29)
 *
 * The last has no match.
 */
export const SEQUENCE_BYTES: usize = 8;
export const SEQUENCES_MAX: usize = 16384;
export const SEQUENCES_AT: usize = HASHES_AT + HASHES_BYTES;

/** How often each symbol occurs, uint32 each. The literals' counts are four, to be summed: see deflate-block.ts. */
export const LITERAL_COUNTS_AT: usize = SEQUENCES_AT + SEQUENCES_MAX * SEQUENCE_BYTES;
export const LITERAL_COUNTS_BYTES: usize = LITERAL_SYMBOLS_FIXED * 4;
export const MORE_COUNTS_AT: usize = LITERAL_COUNTS_AT + LITERAL_COUNTS_BYTES;
export const DISTANCE_COUNTS_AT: usize = MORE_COUNTS_AT + 3 * 1024;
export const PRECODE_COUNTS_AT: usize = DISTANCE_COUNTS_AT + DISTANCE_SYMBOLS_FIXED * 4;
export const COUNTS_BYTES: usize = PRECODE_COUNTS_AT + PRECODE_SYMBOLS * 4 - LITERAL_COUNTS_AT;

/** The length of each symbol's code, a byte each; those of distances follow those of literals when they are sent. */
export const LITERAL_LENGTHS_AT: usize = LITERAL_COUNTS_AT + COUNTS_BYTES;
export const DISTANCE_LENGTHS_AT: usize = LITERAL_LENGTHS_AT + LITERAL_SYMBOLS_FIXED;
/** The same of the fixed codes, literals and distances. */
export const FIXED_LENGTHS_AT: usize = DISTANCE_LENGTHS_AT + DISTANCE_SYMBOLS_FIXED;
export const PRECODE_LENGTHS_AT: usize = FIXED_LENGTHS_AT + LITERAL_SYMBOLS_FIXED + DISTANCE_SYMBOLS_FIXED;
export const SENT_LENGTHS_AT: usize = PRECODE_LENGTHS_AT + 32;
/** The symbols of the precode as they are sent, uint16 each: symbol, extra bits from bit 8 on. */
export const PRECODE_ITEMS_AT: usize = SENT_LENGTHS_AT + LITERAL_SYMBOLS_FIXED + DISTANCE_SYMBOLS_FIXED;

/** Codes, uint32 each: the code with its first bit lowest, its number of bits from bit 24 on. */
export const LITERAL_CODES_AT: usize =
  PRECODE_ITEMS_AT + 2 * (LITERAL_SYMBOLS_FIXED + DISTANCE_SYMBOLS_FIXED);
export const DISTANCE_CODES_AT: usize = LITERAL_CODES_AT + LITERAL_SYMBOLS_FIXED * 4;
export const PRECODE_CODES_AT: usize = DISTANCE_CODES_AT + DISTANCE_SYMBOLS_FIXED * 4;
/** The same of each length from 3 to 258, with the extra bits. */
export const LENGTH_CODES_AT: usize = PRECODE_CODES_AT + PRECODE_SYMBOLS * 4;
/** The symbol of each length from 3 to 258, less 257; a byte each. */
export const LENGTH_SYMBOLS_AT: usize = LENGTH_CODES_AT + (MATCH_BYTES_MAX + 1) * 4;

/** Work space of huffman-code.ts: nodes of the tree, their parents, and how many codes have each length. */
export const NODES_AT: usize = (LENGTH_SYMBOLS_AT + MATCH_BYTES_MAX + 4) & ~3;
export const SORTED_AT: usize = NODES_AT + 2 * LITERAL_SYMBOLS_FIXED * 4;
export const PARENTS_AT: usize = SORTED_AT + LITERAL_SYMBOLS_FIXED * 4;
export const LENGTH_COUNTS_AT: usize = PARENTS_AT + 2 * LITERAL_SYMBOLS_FIXED * 2;
export const FIRST_CODES_AT: usize = LENGTH_COUNTS_AT + (CODE_BITS_MAX + 1) * 4;
if (FIRST_CODES_AT + (CODE_BITS_MAX + 1) * 4 > CODEC_SCRATCH_AT + CODEC_SCRATCH_BYTES)
  ERROR("deflate: no room for the tables");
