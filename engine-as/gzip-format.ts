// The gzip file format, RFC 1952: what reader and writer share. All integers are little-endian.
//
//   Input => at least one Member
//   Member => magic uint16, method uint8, flags uint8, mtime uint32, extra flags uint8, OS uint8,
//             [extra length uint16, extra], [name, 0], [comment, 0], [header CRC uint16], DEFLATE data, CRC-32 uint32,
//             size modulo 2^32 uint32

export const GZIP_MAGIC: u32 = 0x8b1f;
export const GZIP_METHOD_DEFLATE: u32 = 8;
export const GZIP_HEADER_BYTES: usize = 10;
export const GZIP_TRAILER_BYTES: usize = 8;

// The flags. That the data is text changes nothing.
export const GZIP_HEADER_CRC_BIT: u32 = 0x02;
export const GZIP_EXTRA_BIT: u32 = 0x04;
export const GZIP_NAME_BIT: u32 = 0x08;
export const GZIP_COMMENT_BIT: u32 = 0x10;
export const GZIP_RESERVED_MASK: u32 = 0xe0;

/** Which system has written it: unknown. */
export const GZIP_OS_UNKNOWN: u32 = 255;
