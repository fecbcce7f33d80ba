// The Zstandard format, RFC 8878: what reader and writer share. All integers are little-endian.

export const ZSTD_MAGIC: u32 = 0xfd2fb528;
export const ZSTD_SKIPPABLE_MAGIC: u32 = 0x184d2a50; // and the fifteen that follow
export const ZSTD_SKIPPABLE_MASK: u32 = 0xfffffff0;

// The frame header descriptor.
export const ZSTD_CONTENT_SIZE_SHIFT: u32 = 6; // two bits: 0: none, or one byte in a single segment; then 2, 4, 8 bytes
export const ZSTD_SINGLE_SEGMENT_BIT: u32 = 0x20; // no window descriptor: the window is the content
export const ZSTD_RESERVED_BIT: u32 = 0x08;
export const ZSTD_CHECKSUM_BIT: u32 = 0x04; // the low 32 bits of XXH64 of the content follow the last block
export const ZSTD_DICTIONARY_MASK: u32 = 0x03; // 0: none; then 1, 2, 4 bytes
/** A content size of two bytes is counted from here. */
export const ZSTD_CONTENT_SIZE_16_BASE: u64 = 256;

// The window descriptor: (1 << 10 + exponent) / 8 * (8 + mantissa) bytes.
export const ZSTD_WINDOW_EXPONENT_SHIFT: u32 = 3;
export const ZSTD_WINDOW_MANTISSA_MASK: u32 = 7;
export const ZSTD_WINDOW_LOG_MIN: u32 = 10;

// A block's header: three bytes. Bit 0: the last block; bits 1 and 2: its type; then its size, of an RLE block the content's.
export const ZSTD_BLOCK_HEADER_BYTES: usize = 3;
export const ZSTD_LAST_BLOCK_BIT: u32 = 1;
export const ZSTD_BLOCK_TYPE_SHIFT: u32 = 1; // two bits
export const ZSTD_BLOCK_SIZE_SHIFT: u32 = 3;
export const ZSTD_RAW_BLOCK: u32 = 0;
export const ZSTD_RLE_BLOCK: u32 = 1;
export const ZSTD_COMPRESSED_BLOCK: u32 = 2; // 3 is reserved
/** What a block holds at most, in bytes, before and after decompression; no more than the window either. */
export const ZSTD_BLOCK_BYTES_MAX: usize = 131072;

// The literals section's header. Bits 0 and 1: its type; bits 2 and 3: how its sizes are written.
export const ZSTD_RAW_LITERALS: u32 = 0;
export const ZSTD_RLE_LITERALS: u32 = 1;
export const ZSTD_COMPRESSED_LITERALS: u32 = 2;
export const ZSTD_TREELESS_LITERALS: u32 = 3; // with the Huffman tree of the compressed literals before
export const ZSTD_LITERALS_FORMAT_SHIFT: u32 = 2; // two bits

// Huffman trees of literals.
export const ZSTD_HUFFMAN_BITS_MAX: u32 = 11; // the longest code, and so the greatest weight
export const ZSTD_WEIGHTS_LOG_MAX: u32 = 6; // accuracy of the FSE table that the weights are written with
export const ZSTD_WEIGHTS_DIRECT: u32 = 127; // a header byte above: its excess is the number of weights, 4 bits each

// The sequences section: how the tables of its three codes are given. Two bits each: 6 literal lengths, 4 offsets, 2 match
// lengths, 0 reserved.
export const ZSTD_PREDEFINED_MODE: u32 = 0;
export const ZSTD_RLE_MODE: u32 = 1;
export const ZSTD_FSE_MODE: u32 = 2;
export const ZSTD_REPEAT_MODE: u32 = 3;
export const ZSTD_LITERAL_LENGTH_MODE_SHIFT: u32 = 6;
export const ZSTD_OFFSET_MODE_SHIFT: u32 = 4;
export const ZSTD_MATCH_LENGTH_MODE_SHIFT: u32 = 2;
export const ZSTD_MODES_RESERVED_MASK: u32 = 3;
/** The number of sequences in one byte up to 127, in two below this (high byte + 128), else from here in 255 and an uint16. */
export const ZSTD_LONG_SEQUENCES: u32 = 0x7f00;

// FSE tables: log2 of the number of states. A table that is written says how much more than the least it has.
export const ZSTD_FSE_LOG_MIN: u32 = 5;
export const ZSTD_LITERAL_LENGTH_LOG_MAX: u32 = 9;
export const ZSTD_MATCH_LENGTH_LOG_MAX: u32 = 9;
export const ZSTD_OFFSET_LOG_MAX: u32 = 8;
export const ZSTD_LITERAL_LENGTH_DEFAULT_LOG: u32 = 6;
export const ZSTD_MATCH_LENGTH_DEFAULT_LOG: u32 = 6;
export const ZSTD_OFFSET_DEFAULT_LOG: u32 = 5;

export const ZSTD_LITERAL_LENGTH_CODES: u32 = 36;
export const ZSTD_MATCH_LENGTH_CODES: u32 = 53;
export const ZSTD_OFFSET_CODES: u32 = 32; // 31 is the greatest that a decoder should know; the default table ends at 28
export const ZSTD_OFFSET_DEFAULT_CODES: u32 = 29;

/** Extra bits of each literal length code, one byte each. A code's base is the one before plus 1 << its bits; the first is 0. */
export const ZSTD_LITERAL_LENGTH_BITS: usize = memory.data<u8>([
  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 3, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14,
  15, 16,
]);
/** The same for match lengths, whose first base is ZSTD_MATCH_MIN. An offset code n has n extra bits and the base 1 << n. */
export const ZSTD_MATCH_LENGTH_BITS: usize = memory.data<u8>([
  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1,
  2, 2, 3, 3, 4, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16,
]);

// The predefined distributions, one int8 a code; -1: less than one.
export const ZSTD_LITERAL_LENGTH_DEFAULT: usize = memory.data<i8>([
  4, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 2, 1, 1, 1, 1, 1, -1, -1, -1,
  -1,
]);
export const ZSTD_MATCH_LENGTH_DEFAULT: usize = memory.data<i8>([
  1, 4, 3, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
  1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1,
]);
export const ZSTD_OFFSET_DEFAULT: usize = memory.data<i8>([
  1, 1, 1, 1, 1, 1, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1,
]);

export const ZSTD_MATCH_MIN: usize = 3;
/** Offset values up to this name one of the three last offsets; above it they are the offset plus this. */
export const ZSTD_REPEATS: u32 = 3;
// The last three offsets at the start of a frame.
export const ZSTD_REPEAT_1: u32 = 1;
export const ZSTD_REPEAT_2: u32 = 4;
export const ZSTD_REPEAT_3: u32 = 8;
