// The literals section of a Zstandard block (RFC 8878, 3.1.1.3.1).
//
//   Section => header: type (2 bits), format (2 bits, or 1), regenerated size, [compressed size], then by its type
//     raw: the literals; RLE: one byte
//     compressed: a Huffman tree and one or four streams; treeless: the streams, with the tree of the block before
//
//   type, format          header  streams  each size
//   raw or RLE, ?0        1 byte           5 bits
//   raw or RLE, 01        2 bytes          12 bits
//   raw or RLE, 11        3 bytes          20 bits
//   else, 00              3 bytes  1       10 bits
//   else, 01, 10, 11      3, 4, 5  4       10, 14, 18 bits

import { readHuffmanTree } from "./zstd-huffman-reader";
import { decodeFour, decodeOne } from "./zstd-huffman-streams";
import { ZSTD_COMPRESSED_LITERALS, ZSTD_RAW_LITERALS, ZSTD_RLE_LITERALS } from "./zstd-format";
import { LITERALS_AT } from "./zstd-reader-memory";

/** Four streams hold at least this many literals. */
const FOUR_STREAMS_MIN: usize = 6;

/** Whether a tree has been read in this frame. */
let hasTree: bool = false;
/** Where the literals of the section just read lie: in the block itself or at LITERALS_AT. */
export let literalsFrom: usize = 0;
export let literalsTo: usize = 0;

/** Forgets the tree of the frame before. */
export function startLiterals(): void {
  hasTree = false;
}

/**
 * Reads the section at `at`, of a block that ends at `end` and may hold `blockMax` bytes. Answers where it ends; 0 when it is not
 * sound. After the literals there are at least 32 bytes that may be read.
 */
export function readLiterals(at: usize, end: usize, blockMax: usize): usize {
  if (at >= end) return 0;
  const header = load<u64>(at);
  const type = (<u32>header) & 3;
  const format = ((<u32>header) >>> 2) & 3;
  if (type == ZSTD_RAW_LITERALS || type == ZSTD_RLE_LITERALS) {
    const headerBytes: usize = format & 1 ? 2 + (format >>> 1) : 1;
    const sizeShift: u32 = format & 1 ? 4 : 3;
    const sizeMask: u32 = format == 1 ? 0xfff : format == 3 ? 0xfffff : 0x1f;
    const size = <usize>(((<u32>header) >>> sizeShift) & sizeMask);
    if (size > blockMax || headerBytes > end - at) return 0;
    at += headerBytes;
    if (type == ZSTD_RAW_LITERALS) {
      if (size > end - at) return 0;
      literalsFrom = at;
      literalsTo = at + size;
      return literalsTo;
    }
    if (at == end) return 0;
    memory.fill(LITERALS_AT, load<u8>(at), size);
    literalsFrom = LITERALS_AT;
    literalsTo = LITERALS_AT + size;
    return at + 1;
  }

  const sizeBits: u32 = format < 2 ? 10 : format == 2 ? 14 : 18;
  const headerBytes: usize = format < 2 ? 3 : 2 + format;
  const sizeMask: u64 = ((<u64>1) << sizeBits) - 1;
  const size = <usize>((header >>> 4) & sizeMask);
  const compressed = <usize>((header >>> (4 + sizeBits)) & sizeMask);
  if (size > blockMax || headerBytes > end - at) return 0;
  at += headerBytes;
  if (compressed > end - at) return 0;
  const sectionEnd = at + compressed;
  if (type == ZSTD_COMPRESSED_LITERALS) {
    const tree = readHuffmanTree(at, sectionEnd);
    if (tree < 0) return 0;
    at += <usize>tree;
    hasTree = true;
  } else if (!hasTree) {
    return 0;
  }
  const sound =
    format == 0
      ? decodeOne(at, sectionEnd - at, LITERALS_AT, size)
      : size >= FOUR_STREAMS_MIN && decodeFour(at, sectionEnd - at, LITERALS_AT, size);
  if (!sound) return 0;
  literalsFrom = LITERALS_AT;
  literalsTo = LITERALS_AT + size;
  return sectionEnd;
}
