// Writes the literals section of a block: as they are, as one byte and how often it comes, or with a Huffman code.
// RFC 8878, section 3.1.1.3.1.
//
//   Section => type 2 bits, format 2 bits, size, [size compressed], [code], [3 sizes uint16], streams

import { buildHuffmanCode, writeHuffmanCode, writeHuffmanStream } from "./zstd-huffman-writer";
import {
  ZSTD_COMPRESSED_LITERALS,
  ZSTD_LITERALS_FORMAT_SHIFT,
  ZSTD_RAW_LITERALS,
  ZSTD_RLE_LITERALS,
} from "./zstd-format";
import { HISTOGRAM_AT } from "./zstd-writer-memory";

/** Fewer literals are not worth a code: its description alone takes as much as it may save. */
const CODED_MIN: usize = 32;
/** More literals are written as four streams. */
const ONE_STREAM_MAX: usize = 255;
const JUMP_TABLE_BYTES: usize = 6;
/** So many literals are counted in one table, more in four, so that equal neighbours need not wait for each other. */
const ONE_TABLE_MAX: usize = 1024;
const TABLE_BYTES: usize = 1024;
const TABLES_END: usize = HISTOGRAM_AT + TABLE_BYTES;
/** More literals than this are tried by a sample first when few matches were found among them. */
const SAMPLED_MIN: usize = 16384;
const SAMPLE_BYTES: usize = 2048;

// @ts-ignore: decorator
@inline
function count(byte: u64, table: usize): void {
  const at = HISTOGRAM_AT + table * TABLE_BYTES + (((<usize>byte) & 255) << 2);
  store<u32>(at, load<u32>(at) + 1);
}

/** Counts `length` bytes at `from` to HISTOGRAM_AT. */
function countBytes(from: usize, length: usize): void {
  const end = from + length;
  if (length <= ONE_TABLE_MAX) {
    memory.fill(HISTOGRAM_AT, 0, TABLE_BYTES);
    while (from < end) count(load<u8>(from++), 0);
    return;
  }
  memory.fill(HISTOGRAM_AT, 0, 4 * TABLE_BYTES);
  for (; from + 8 <= end; from += 8) {
    const word = load<u64>(from);
    count(word, 0);
    count(word >>> 8, 1);
    count(word >>> 16, 2);
    count(word >>> 24, 3);
    count(word >>> 32, 0);
    count(word >>> 40, 1);
    count(word >>> 48, 2);
    count(word >>> 56, 3);
  }
  while (from < end) count(load<u8>(from++), 0);
  for (let at = HISTOGRAM_AT; at < TABLES_END; at += 4) {
    const sum = load<u32>(at) + load<u32>(at, TABLE_BYTES) + load<u32>(at, 2 * TABLE_BYTES);
    store<u32>(at, sum + load<u32>(at, 3 * TABLE_BYTES));
  }
}

/** The greatest of the counts at HISTOGRAM_AT. */
function greatestCount(): u32 {
  let greatest: u32 = 0;
  for (let at = HISTOGRAM_AT; at < TABLES_END; at += 4) greatest = max(greatest, load<u32>(at));
  return greatest;
}

/** Whether so many bytes, the most frequent of them `greatest` times, are spread too evenly for a code to pay. */
// @ts-ignore: decorator
@inline
function isEven(length: usize, greatest: u32): bool {
  return <usize>greatest <= (length >>> 7) + 4;
}

/** Whether a look at both ends and the middle of so many literals says that a code would not pay. */
export function looksIncompressible(from: usize, length: usize): bool {
  if (length < SAMPLED_MIN) return false;
  for (let part: usize = 0; part < 3; part++) {
    countBytes(from + (((length - SAMPLE_BYTES) * part) >>> 1), SAMPLE_BYTES);
    if (!isEven(SAMPLE_BYTES, greatestCount())) return false;
  }
  return true;
}

/** Writes the header of literals that are not coded; answers where it ends. */
function writePlainHeader(output: usize, type: u32, length: usize): usize {
  if (length < 32) {
    store<u8>(output, <u8>(type | ((<u32>length) << 3)));
    return output + 1;
  }
  if (length < 4096) {
    store<u16>(output, <u16>(type | (1 << ZSTD_LITERALS_FORMAT_SHIFT) | ((<u32>length) << 4)));
    return output + 2;
  }
  store<u32>(output, <u32>(type | (3 << ZSTD_LITERALS_FORMAT_SHIFT) | ((<u32>length) << 4)));
  return output + 3;
}

/** Writes literals as they are; answers where they end. */
export function writeRawLiterals(from: usize, length: usize, output: usize): usize {
  output = writePlainHeader(output, ZSTD_RAW_LITERALS, length);
  memory.copy(output, from, length);
  return output + length;
}

/**
 * Writes `length` literals at `from` when that makes them smaller: at most `length` bytes and 300. Answers where they end; 0
 * when they are to be written as they are.
 */
export function writeSmallerLiterals(from: usize, length: usize, output: usize): usize {
  if (length < CODED_MIN) return 0;
  countBytes(from, length);
  const greatest = greatestCount();
  if (<usize>greatest == length) {
    output = writePlainHeader(output, ZSTD_RLE_LITERALS, length);
    store<u8>(output, load<u8>(from));
    return output + 1;
  }
  if (isEven(length, greatest)) return 0;
  let last: u32 = 255;
  while (load<u32>(HISTOGRAM_AT + ((<usize>last) << 2)) == 0) last--;

  const sumAndBits = buildHuffmanCode(last, <u32>length);
  const isOneStream = length <= ONE_STREAM_MAX;
  const headerBytes: usize = length < 1024 ? 3 : length < 16384 ? 4 : 5;
  const codeAt = output + headerBytes;
  let at = writeHuffmanCode(codeAt, last, sumAndBits & 255);
  if (at == 0) return 0;
  const overhead: usize = isOneStream ? 1 : JUMP_TABLE_BYTES + 4;
  const size = headerBytes + (at - codeAt) + <usize>(sumAndBits >>> 11) + overhead;
  if (size + (length >>> 6) + 2 >= length) return 0;

  if (isOneStream) {
    at = writeHuffmanStream(from, from + length, at);
  } else {
    const part = (length + 3) >>> 2;
    const jumps = at;
    at += JUMP_TABLE_BYTES;
    for (let stream: usize = 0; stream < 3; stream++) {
      const end = writeHuffmanStream(from, from + part, at);
      store<u16>(jumps + 2 * stream, <u16>(end - at));
      from += part;
      at = end;
    }
    at = writeHuffmanStream(from, from + length - 3 * part, at);
  }

  const sizeBits: u64 = headerBytes == 3 ? 10 : headerBytes == 4 ? 14 : 18;
  const format: u64 = isOneStream ? 0 : <u64>headerBytes - 2;
  const header =
    (<u64>ZSTD_COMPRESSED_LITERALS) |
    (format << ZSTD_LITERALS_FORMAT_SHIFT) |
    ((<u64>length) << 4) |
    ((<u64>(at - codeAt)) << (4 + sizeBits));
  store<u16>(output, <u16>header);
  store<u8>(output, <u8>(header >>> 16), 2);
  if (headerBytes > 3) store<u8>(output, <u8>(header >>> 24), 3);
  if (headerBytes > 4) store<u8>(output, <u8>(header >>> 32), 4);
  return at;
}
