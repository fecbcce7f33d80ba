// The LZ4 block and frame formats, version 1.6.x of the frame: what reader and writer share. All integers are little-endian.

export const LZ4_MAGIC: u32 = 0x184d2204;
export const LZ4_SKIPPABLE_MAGIC: u32 = 0x184d2a50; // and the fifteen that follow
export const LZ4_SKIPPABLE_MASK: u32 = 0xfffffff0;

// The FLG byte.
export const LZ4_VERSION_MASK: u32 = 0xc0;
export const LZ4_VERSION: u32 = 0x40;
export const LZ4_INDEPENDENT_BIT: u32 = 0x20;
export const LZ4_BLOCK_CHECKSUM_BIT: u32 = 0x10;
export const LZ4_CONTENT_SIZE_BIT: u32 = 0x08;
export const LZ4_CONTENT_CHECKSUM_BIT: u32 = 0x04;
export const LZ4_RESERVED_BIT: u32 = 0x02;
export const LZ4_DICTIONARY_BIT: u32 = 0x01;

// The BD byte: bits 4 to 6 name the greatest block, 4: 64 KiB, 5: 256 KiB, 6: 1 MiB, 7: 4 MiB.
export const LZ4_BLOCK_64_KIB: u32 = 0x40;
export const LZ4_BLOCK_256_KIB: u32 = 0x50;
export const LZ4_BD_RESERVED_MASK: u32 = 0x8f;

/** In a block's size: the block is stored as it is. */
export const LZ4_STORED_BIT: u32 = 0x80000000;
/** The greatest block that a frame may name, in bytes. */
export const LZ4_BLOCK_BYTES_MAX: usize = 4194304;

export const LZ4_MATCH_MIN: usize = 4;
/** A match may reach back this far. */
export const LZ4_DISTANCE_MAX: usize = 65535;
/** The last bytes of a block are literals. */
export const LZ4_LAST_LITERALS: usize = 5;
/** The last match starts at least this long before the end of its block. */
export const LZ4_MATCH_LIMIT: usize = 12;
