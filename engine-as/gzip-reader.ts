// Reads gzip: member after member, with every part that RFC 1952 names, and both checks at the end of each.

import { crc32 } from "./crc32";
import {
  GZIP_COMMENT_BIT,
  GZIP_EXTRA_BIT,
  GZIP_HEADER_BYTES,
  GZIP_HEADER_CRC_BIT,
  GZIP_MAGIC,
  GZIP_METHOD_DEFLATE,
  GZIP_NAME_BIT,
  GZIP_RESERVED_MASK,
  GZIP_TRAILER_BYTES,
} from "./gzip-format";
import { inflate, inflateEnd } from "./inflate";
import { BAD_FRAME } from "./status";

/**
 * Decompresses all members in the `length` bytes at `source` into at most `outputMax` bytes at `output`. Answers the number
 * of bytes, OUTPUT_FULL when they would be more, or BAD_FRAME, for which it takes no member at all, too, and anything behind
 * the last one.
 */
export function gzipDecompress(source: usize, length: usize, output: usize, outputMax: usize): i32 {
  const end = source + length;
  const outputEnd = output + outputMax;
  let at = source;
  let op = output;
  do {
    const data = headerEnd(at, end);
    if (data == 0) return BAD_FRAME;
    const bytes = inflate(data, end - GZIP_TRAILER_BYTES, op, outputEnd);
    if (bytes < 0) return bytes;
    at = inflateEnd;
    if (load<u32>(at) != crc32(op, bytes) || load<u32>(at, 4) != <u32>bytes) return BAD_FRAME;
    at += GZIP_TRAILER_BYTES;
    op += <usize>bytes;
  } while (at < end);
  return <i32>(op - output);
}

/** Where the data of the member at `at` begins, with room for its trailer at least; 0 when there is no sound header. */
function headerEnd(at: usize, end: usize): usize {
  if (end - at < GZIP_HEADER_BYTES + GZIP_TRAILER_BYTES) return 0;
  if (<u32>load<u16>(at) != GZIP_MAGIC || <u32>load<u8>(at, 2) != GZIP_METHOD_DEFLATE) return 0;
  const flags = <u32>load<u8>(at, 3);
  if (flags & GZIP_RESERVED_MASK) return 0;
  const header = at;
  const last = end - GZIP_TRAILER_BYTES;
  at += GZIP_HEADER_BYTES;
  if (flags & GZIP_EXTRA_BIT) {
    if (last - at < 2) return 0;
    const extra = <usize>load<u16>(at);
    at += 2;
    if (extra > last - at) return 0;
    at += extra;
  }
  if (flags & GZIP_NAME_BIT) at = afterText(at, last);
  if (at != 0 && flags & GZIP_COMMENT_BIT) at = afterText(at, last);
  if (at != 0 && flags & GZIP_HEADER_CRC_BIT) {
    if (last - at < 2 || <u32>load<u16>(at) != (crc32(header, at - header) & 0xffff)) return 0;
    at += 2;
  }
  return at;
}

/** The byte after the zero that ends the text at `at`; 0 when it does not end before `end`. */
function afterText(at: usize, end: usize): usize {
  while (at < end) if (load<u8>(at++) == 0) return at;
  return 0;
}
