// Decodes Huffman streams with the table at CODES_AT: one of them, or four side by side.
//
// A stream's bits are held in a word with a one below them, so that the zeros at its low end tell how many of them were read.
// A word is good for five codes of at most eleven bits. Nothing asks where a stream begins until it has been decoded: what is
// read before that is some memory below, and the stream is found to be wrong by not ending where it should.

import { firstPosition } from "./zstd-bits";
import { ZSTD_HUFFMAN_BITS_MAX } from "./zstd-format";
import { CODES_AT } from "./zstd-reader-memory";

/** Codes decoded between two loads. */
const CODES: usize = 5;
if (8 + <u32>CODES * ZSTD_HUFFMAN_BITS_MAX > 63)
  ERROR("a word must hold the codes, what is skipped and the one below");

// @ts-ignore: decorator
@inline
function codeOf(word: u64): u32 {
  return <u32>load<u16>(CODES_AT + ((<usize>(word >>> (64 - ZSTD_HUFFMAN_BITS_MAX))) << 1));
}

/** The word that ends the stream, before the first code. */
// @ts-ignore: decorator
@inline
function firstWord(end: usize): u64 {
  const skipped = clz<u32>(<u32>load<u8>(end - 1)) - 23;
  return (load<u64>(end - 8) | 1) << skipped;
}

/** Decodes from `op` to `end` what `word` and the bytes from `at` down hold. Answers whether the stream is read out then. */
function decodeRest(stream: usize, at: usize, word: u64, op: usize, end: usize): bool {
  while (op < end) {
    const stop = min<usize>(op + CODES, end);
    do {
      const code = codeOf(word);
      word <<= <u64>code;
      store<u8>(op++, <u8>(code >>> 8));
    } while (op < stop);
    const read = <usize>ctz(word);
    at -= read >>> 3;
    word = (load<u64>(at) | 1) << (read & 7);
  }
  return ((at - stream) << 3) + 64 == <usize>ctz(word);
}

/** Decodes the stream of `length` bytes at `stream` into `size` bytes at `output`; false when it is not exactly that. */
export function decodeOne(stream: usize, length: usize, output: usize, size: usize): bool {
  if (firstPosition(stream, length) < 0) return false;
  const end = stream + length;
  return decodeRest(stream, end - 8, firstWord(end), output, output + size);
}

/**
 * Decodes the four streams in the `length` bytes at `source` into `size` bytes, at least 6, at `output`; false when they are not exactly
 * that. Their sizes stand before them, but for the last one's, uint16 each.
 */
export function decodeFour(source: usize, length: usize, output: usize, size: usize): bool {
  if (length < 6) return false;
  const a = source + 6;
  const b = a + <usize>load<u16>(source);
  const c = b + <usize>load<u16>(source, 2);
  const d = c + <usize>load<u16>(source, 4);
  const end = source + length;
  if (d >= end || b == a || c == b || d == c) return false;
  if (load<u8>(b - 1) == 0 || load<u8>(c - 1) == 0 || load<u8>(d - 1) == 0 || load<u8>(end - 1) == 0)
    return false;
  // All but the last stream hold as much as the first.
  const piece = (size + 3) >>> 2;

  let aAt = b - 8;
  let bAt = c - 8;
  let cAt = d - 8;
  let dAt = end - 8;
  let aWord = firstWord(b);
  let bWord = firstWord(c);
  let cWord = firstWord(d);
  let dWord = firstWord(end);
  let op = output;
  const stop = op + ((size - piece * 3) / CODES) * CODES;
  while (op < stop) {
    const bOp = op + piece;
    const cOp = bOp + piece;
    const dOp = cOp + piece;
    let code: u32;
    code = codeOf(aWord);
    aWord <<= <u64>code;
    store<u8>(op, <u8>(code >>> 8));
    code = codeOf(bWord);
    bWord <<= <u64>code;
    store<u8>(bOp, <u8>(code >>> 8));
    code = codeOf(cWord);
    cWord <<= <u64>code;
    store<u8>(cOp, <u8>(code >>> 8));
    code = codeOf(dWord);
    dWord <<= <u64>code;
    store<u8>(dOp, <u8>(code >>> 8));
    code = codeOf(aWord);
    aWord <<= <u64>code;
    store<u8>(op, <u8>(code >>> 8), 1);
    code = codeOf(bWord);
    bWord <<= <u64>code;
    store<u8>(bOp, <u8>(code >>> 8), 1);
    code = codeOf(cWord);
    cWord <<= <u64>code;
    store<u8>(cOp, <u8>(code >>> 8), 1);
    code = codeOf(dWord);
    dWord <<= <u64>code;
    store<u8>(dOp, <u8>(code >>> 8), 1);
    code = codeOf(aWord);
    aWord <<= <u64>code;
    store<u8>(op, <u8>(code >>> 8), 2);
    code = codeOf(bWord);
    bWord <<= <u64>code;
    store<u8>(bOp, <u8>(code >>> 8), 2);
    code = codeOf(cWord);
    cWord <<= <u64>code;
    store<u8>(cOp, <u8>(code >>> 8), 2);
    code = codeOf(dWord);
    dWord <<= <u64>code;
    store<u8>(dOp, <u8>(code >>> 8), 2);
    code = codeOf(aWord);
    aWord <<= <u64>code;
    store<u8>(op, <u8>(code >>> 8), 3);
    code = codeOf(bWord);
    bWord <<= <u64>code;
    store<u8>(bOp, <u8>(code >>> 8), 3);
    code = codeOf(cWord);
    cWord <<= <u64>code;
    store<u8>(cOp, <u8>(code >>> 8), 3);
    code = codeOf(dWord);
    dWord <<= <u64>code;
    store<u8>(dOp, <u8>(code >>> 8), 3);
    code = codeOf(aWord);
    aWord <<= <u64>code;
    store<u8>(op, <u8>(code >>> 8), 4);
    code = codeOf(bWord);
    bWord <<= <u64>code;
    store<u8>(bOp, <u8>(code >>> 8), 4);
    code = codeOf(cWord);
    cWord <<= <u64>code;
    store<u8>(cOp, <u8>(code >>> 8), 4);
    code = codeOf(dWord);
    dWord <<= <u64>code;
    store<u8>(dOp, <u8>(code >>> 8), 4);
    op += CODES;
    const aRead = <usize>ctz(aWord);
    aAt -= aRead >>> 3;
    aWord = (load<u64>(aAt) | 1) << (aRead & 7);
    const bRead = <usize>ctz(bWord);
    bAt -= bRead >>> 3;
    bWord = (load<u64>(bAt) | 1) << (bRead & 7);
    const cRead = <usize>ctz(cWord);
    cAt -= cRead >>> 3;
    cWord = (load<u64>(cAt) | 1) << (cRead & 7);
    const dRead = <usize>ctz(dWord);
    dAt -= dRead >>> 3;
    dWord = (load<u64>(dAt) | 1) << (dRead & 7);
  }
  const pieceEnd = output + piece;
  return (
    decodeRest(a, aAt, aWord, op, pieceEnd) &&
    decodeRest(b, bAt, bWord, op + piece, pieceEnd + piece) &&
    decodeRest(c, cAt, cWord, op + piece * 2, pieceEnd + piece * 2) &&
    decodeRest(d, dAt, dWord, op + piece * 3, output + size)
  );
}
