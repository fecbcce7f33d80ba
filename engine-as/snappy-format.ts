// The Snappy format (format_description.txt of google/snappy) and the framing that Kafka puts around it, which is
// snappy-java's (SnappyOutputStream, "xerial"): what reader and writer share. Integers are little-endian in a block, and
// big-endian in the frame.
//
//   Block => length varint, [Element]
//   Element => Literal | Copy
//   Literal => tag (length - 1) << 2, length bytes; 60 to 63 in place of length - 1: it follows in 1 to 4 bytes
//   Copy => tag (distance >> 8) << 5 | (length - 4) << 2 | 1, distance & 255       length 4 to 11, distance below 2048
//         | tag (length - 1) << 2 | 2, distance uint16                             length 1 to 64
//         | tag (length - 1) << 2 | 3, distance uint32                             length 1 to 64
//
//   Frame => Header, [length int32, Block]; a Header may come again in the place of a length
//   Header => magic of 8 bytes, version int32, oldest version that can read this int32

// The two lowest bits of a tag; 0: a literal.
export const SNAPPY_COPY_1: usize = 1;
export const SNAPPY_COPY_2: usize = 2;

/** Longer literals have their length in bytes of its own. */
export const SNAPPY_SHORT_LITERAL_MAX: usize = 60;
export const SNAPPY_COPY_MAX: usize = 64;
export const SNAPPY_COPY_1_MAX: usize = 11;
export const SNAPPY_COPY_1_DISTANCES: usize = 2048;
export const SNAPPY_MATCH_MIN: usize = 4;

/** 0x82 "SNAPPY" 0, as it is loaded. */
export const SNAPPY_MAGIC: u64 = 0x00595050414e5382;
/** The first half of the magic where a length may stand: as a length it would be negative. */
export const SNAPPY_MAGIC_HEAD: u32 = 0x414e5382;
export const SNAPPY_VERSION: u32 = 1;
export const SNAPPY_HEADER_BYTES: usize = 16;
