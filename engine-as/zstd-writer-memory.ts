// Where the Zstandard writer keeps its tables during one call, all of it in the codecs' scratch.

import { CODEC_SCRATCH_AT, CODEC_SCRATCH_BYTES } from "./memory-map";
import { ZSTD_BLOCK_BYTES_MAX, ZSTD_LITERAL_LENGTH_LOG_MAX, ZSTD_MATCH_LENGTH_LOG_MAX } from "./zstd-format";

// One sequence, in bytes from its start. The match finder's three words become what the bit stream needs.
export const SEQUENCE_BYTES: usize = 16;
export const SEQUENCE_LITERALS_AT: usize = 0; // uint32; literals before the match
export const SEQUENCE_MATCH_AT: usize = 4; // uint32; length of the match above ZSTD_MATCH_MIN
export const SEQUENCE_EXTRA_AT: usize = 0; // uint64; the extra bits of all three codes, in place of the lengths
export const SEQUENCE_OFFSET_AT: usize = 8; // uint32; offset value: 1 to 3 is a repeat, above it the offset plus 3
export const SEQUENCE_CODES_AT: usize = 12; // four bytes: literal length, match length, offset, number of extra bits
/** No match is shorter than four bytes. */
const SEQUENCES_MAX: usize = ZSTD_BLOCK_BYTES_MAX / 4;

// One symbol of an FSE table that is written with, an uint64.
export const FSE_SYMBOLS_MAX: usize = 64;
export const FSE_STATES_MAX: usize = 512;
if ((<usize>1) << ZSTD_LITERAL_LENGTH_LOG_MAX > FSE_STATES_MAX)
  ERROR("zstd: literal lengths have more states");
if ((<usize>1) << ZSTD_MATCH_LENGTH_LOG_MAX > FSE_STATES_MAX) ERROR("zstd: match lengths have more states");
// One FSE table, in bytes from its start.
export const FSE_SYMBOLS_AT: usize = 0; // an uint64 each: see zstd-fse-writer.ts
export const FSE_NEXT_STATES_AT: usize = FSE_SYMBOLS_AT + FSE_SYMBOLS_MAX * 8; // an uint16 each
export const FSE_TABLE_BYTES: usize = FSE_NEXT_STATES_AT + FSE_STATES_MAX * 2;

/** log2 of the number of hash slots, each of them an uint32. */
export const HASH_BITS_MAX: usize = 15;
/** Copies go in steps of sixteen and may overshoot by so many bytes. */
export const LITERALS_OVERSHOOT: usize = 32;

export const HASHES_AT: usize = CODEC_SCRATCH_AT;
export const LITERALS_AT: usize = HASHES_AT + ((<usize>4) << HASH_BITS_MAX);
export const SEQUENCES_AT: usize = LITERALS_AT + ZSTD_BLOCK_BYTES_MAX + LITERALS_OVERSHOOT;
export const HISTOGRAM_AT: usize = SEQUENCES_AT + SEQUENCES_MAX * SEQUENCE_BYTES; // four times 256 uint32
export const SORTED_AT: usize = HISTOGRAM_AT + 4096; // 256 uint32: a symbol and its count above it
export const NODES_AT: usize = SORTED_AT + 1024; // 256 inner nodes of a Huffman tree: uint32 count, uint32 parent or depth
export const BUCKETS_AT: usize = NODES_AT + 2048; // 129 uint32
export const HUFFMAN_CODES_AT: usize = BUCKETS_AT + 520; // 256 uint64
export const CODE_LENGTHS_AT: usize = HUFFMAN_CODES_AT + 2048; // 256 bytes, and as many weights from them
export const LENGTH_COUNTS_AT: usize = CODE_LENGTHS_AT + 256; // uint32 for each depth of a Huffman tree
export const FSE_CELLS_AT: usize = LENGTH_COUNTS_AT + 256; // one byte a state, while a table is built
export const NORMALIZED_AT: usize = FSE_CELLS_AT + FSE_STATES_MAX; // FSE_SYMBOLS_MAX int16
export const CODE_COUNTS_AT: usize = NORMALIZED_AT + FSE_SYMBOLS_MAX * 2; // three times FSE_SYMBOLS_MAX uint32
export const FSE_TABLES_AT: usize = CODE_COUNTS_AT + 3 * FSE_SYMBOLS_MAX * 4;
export const REPEATS_AT: usize = FSE_TABLES_AT + 3 * FSE_TABLE_BYTES; // the last two offsets, uint32 each
export const LITERALS_LENGTH_AT: usize = REPEATS_AT + 8; // uint32; bytes at LITERALS_AT
const END: usize = LITERALS_LENGTH_AT + 4;

if ((SEQUENCES_AT & 7) != 0) ERROR("zstd: sequences are not aligned");
if ((FSE_TABLES_AT & 7) != 0) ERROR("zstd: FSE tables are not aligned");
if (END > CODEC_SCRATCH_AT + CODEC_SCRATCH_BYTES) ERROR("zstd: no room for the writer's tables");
