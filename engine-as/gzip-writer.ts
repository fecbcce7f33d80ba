// Writes gzip as Java's GZIPOutputStream does, which Kafka's producers use: one member, no name, no time.

import { crc32 } from "./crc32";
import { deflate, deflateBytesMax } from "./deflate";
import {
  GZIP_HEADER_BYTES,
  GZIP_MAGIC,
  GZIP_METHOD_DEFLATE,
  GZIP_OS_UNKNOWN,
  GZIP_TRAILER_BYTES,
} from "./gzip-format";

/** Output that must be there for `length` bytes, whatever they are. */
export function gzipBytesMax(length: usize): usize {
  return GZIP_HEADER_BYTES + deflateBytesMax(length) + GZIP_TRAILER_BYTES;
}

/** Compresses `length` bytes at `source` into `output`, which must hold `gzipBytesMax` of them; the member's size. */
export function gzipCompress(source: usize, length: usize, output: usize): i32 {
  store<u32>(output, GZIP_MAGIC | (GZIP_METHOD_DEFLATE << 16));
  store<u32>(output, 0, 4);
  store<u16>(output, <u16>(GZIP_OS_UNKNOWN << 8), 8);
  const at = deflate(source, length, output + GZIP_HEADER_BYTES);
  store<u32>(at, crc32(source, length));
  store<u32>(at, length, 4);
  return <i32>(at + GZIP_TRAILER_BYTES - output);
}
