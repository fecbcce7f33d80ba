// Where the reader of Zstandard keeps what passes from block to block of a frame, and the literals of one block.

import { CODEC_SCRATCH_AT, CODEC_SCRATCH_BYTES } from "./memory-map";
import {
  ZSTD_BLOCK_BYTES_MAX,
  ZSTD_HUFFMAN_BITS_MAX,
  ZSTD_LITERAL_LENGTH_LOG_MAX,
  ZSTD_MATCH_LENGTH_LOG_MAX,
  ZSTD_OFFSET_LOG_MAX,
  ZSTD_WEIGHTS_LOG_MAX,
} from "./zstd-format";

/** Bytes of a state of an FSE table: see zstd-fse-reader.ts. */
export const STATE_BYTES: usize = 8;
/** Bytes that may be read, and written, past the literals of a block. */
const LITERALS_SLACK: usize = 64;

/** The last three offsets, uint32 each, the latest first. */
export const REPEATS_AT: usize = CODEC_SCRATCH_AT;
/** log2 of the states of each of the tables below, uint32, by the kind of its symbols. */
export const LOGS_AT: usize = REPEATS_AT + 16;
/** One FSE table for each of a sequence's three codes. */
export const LITERAL_LENGTHS_AT: usize = REPEATS_AT + 64;
export const OFFSETS_AT: usize = LITERAL_LENGTHS_AT + (STATE_BYTES << ZSTD_LITERAL_LENGTH_LOG_MAX);
export const MATCH_LENGTHS_AT: usize = OFFSETS_AT + (STATE_BYTES << ZSTD_OFFSET_LOG_MAX);
/** The FSE table of a Huffman tree's weights. */
export const WEIGHTS_TABLE_AT: usize = MATCH_LENGTHS_AT + (STATE_BYTES << ZSTD_MATCH_LENGTH_LOG_MAX);
/** The weights, one byte each. */
export const WEIGHTS_AT: usize = WEIGHTS_TABLE_AT + (STATE_BYTES << ZSTD_WEIGHTS_LOG_MAX);
/** Where the codes of each weight begin in the table of codes, uint32 each. */
export const WEIGHT_STARTS_AT: usize = WEIGHTS_AT + 256;
/** A distribution that was read: int8 or int16 for each symbol. */
export const DISTRIBUTION_AT: usize = WEIGHT_STARTS_AT + 64;
/** What building an FSE table keeps of each symbol: 8 bytes for its state's value, 2 for the next of its states. */
export const SYMBOLS_AT: usize = DISTRIBUTION_AT + 512;
export const NEXT_STATES_AT: usize = SYMBOLS_AT + 512;
/** The table of Huffman codes: see zstd-huffman-reader.ts. */
export const CODES_AT: usize = NEXT_STATES_AT + 128;
export const LITERALS_AT: usize = CODES_AT + ((<usize>2) << ZSTD_HUFFMAN_BITS_MAX);
const END: usize = LITERALS_AT + ZSTD_BLOCK_BYTES_MAX + LITERALS_SLACK;

if (END > CODEC_SCRATCH_AT + CODEC_SCRATCH_BYTES) ERROR("zstd: no room for the reader's tables");
if (CODES_AT & 7) ERROR("zstd: the reader's tables are not aligned");
