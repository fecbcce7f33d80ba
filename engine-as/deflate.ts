// Writes DEFLATE, RFC 1951, in one go: blocks of sequences, with the whole input before them as their window.

import { writeBlock, endBlocks, startBlocks } from "./deflate-block";
import { STORED_BYTES_MAX } from "./deflate-format";
import { findSequences, startMatches } from "./deflate-match";

/** A block ends after so many bytes of input if it has not had its number of sequences before. */
const BLOCK_BYTES: usize = 2 * STORED_BYTES_MAX;

/** Output that must be there for `length` bytes, whatever they are. */
export function deflateBytesMax(length: usize): usize {
  // A block is never larger than when it is stored: five bytes for each piece, one of which may be short.
  return length + 5 * (2 * (length / BLOCK_BYTES) + 4) + 16;
}

/** Deflates `length` bytes at `source` into `output`, which must hold `deflateBytesMax` of them. Answers where it ends. */
export function deflate(source: usize, length: usize, output: usize): usize {
  const end = source + length;
  startMatches(length);
  startBlocks(output);
  let at = source;
  do {
    const limit = end - at < BLOCK_BYTES + BLOCK_BYTES / 4 ? end : at + BLOCK_BYTES;
    const next = findSequences(source, at, limit, end);
    writeBlock(at, next, next == end);
    at = next;
  } while (at < end);
  return endBlocks();
}
