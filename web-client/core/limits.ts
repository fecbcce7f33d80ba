/** What one batch may decompress to, in bytes. */
export const UNCOMPRESSED_BYTES_MAX = 128 * 1024 * 1024;
