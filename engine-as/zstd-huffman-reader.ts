// Huffman trees of literals (RFC 8878, 4.2): their description, and the table that decodes one code at a look.
//
//   Description => header uint8, weights
//     header below 128: so many bytes, the weights as two interleaved FSE streams; 0 is not allowed
//     else: header - 127 weights of four bits, the first in the high half
//   Code => length uint8, symbol uint8: one for each value of the next ZSTD_HUFFMAN_BITS_MAX bits
//
// The last symbol's weight is not written: it is what makes the weights a whole tree.

import { BAD_FRAME } from "./status";
import { bitsBelow, firstPosition, topBits } from "./zstd-bits";
import { ZSTD_HUFFMAN_BITS_MAX, ZSTD_WEIGHTS_DIRECT, ZSTD_WEIGHTS_LOG_MAX } from "./zstd-format";
import { buildTable, distributionLog, readDistribution, WEIGHT_SYMBOLS } from "./zstd-fse-reader";
import { CODES_AT, WEIGHT_STARTS_AT, WEIGHTS_AT, WEIGHTS_TABLE_AT } from "./zstd-reader-memory";

/** There are 256 symbols, and the last one's weight is not written. */
const WEIGHTS_MAX: u32 = 255;

/** Reads the weights that an FSE table and two streams of `length` bytes at `at` tell. Answers how many, or BAD_FRAME. */
function readWeights(at: usize, length: usize): i32 {
  const size = readDistribution(at, at + length, ZSTD_HUFFMAN_BITS_MAX + 1, ZSTD_WEIGHTS_LOG_MAX);
  if (size < 0) return BAD_FRAME;
  buildTable(WEIGHTS_TABLE_AT, WEIGHT_SYMBOLS);
  at += <usize>size;
  let position = firstPosition(at, length - <usize>size);
  const log = distributionLog;
  // Two states take turns: this one, and the other.
  let state = <usize>topBits(bitsBelow(at, position), log);
  position -= <i32>log;
  let other = <usize>topBits(bitsBelow(at, position), log);
  position -= <i32>log;
  if (position < 0) return BAD_FRAME;
  let count: u32 = 0;
  while (count < WEIGHTS_MAX - 1) {
    const entry = load<u64>(WEIGHTS_TABLE_AT + (state << 3));
    store<u8>(WEIGHTS_AT + count++, <u8>(entry >>> 32));
    const bits = (entry >>> 6) & 63;
    const next = <usize>((entry >>> 12) & 511) + <usize>topBits(bitsBelow(at, position), bits);
    position -= <i32>bits;
    if (position < 0) {
      // There is no next state; the other one is the last.
      store<u8>(WEIGHTS_AT + count++, <u8>(load<u64>(WEIGHTS_TABLE_AT + (other << 3)) >>> 32));
      return <i32>count;
    }
    state = other;
    other = next;
  }
  return BAD_FRAME;
}

/** Reads the description at `at`, which must end before `end`, into the table at CODES_AT. Answers its size or BAD_FRAME. */
export function readHuffmanTree(at: usize, end: usize): i32 {
  if (at >= end) return BAD_FRAME;
  const header = <u32>load<u8>(at++);
  let size: usize;
  let count: u32;
  if (header > ZSTD_WEIGHTS_DIRECT) {
    count = header - ZSTD_WEIGHTS_DIRECT;
    size = (count + 1) >>> 1;
    if (size > end - at) return BAD_FRAME;
    for (let i: u32 = 0; i < count; i++) {
      const pair = <u32>load<u8>(at + (i >>> 1));
      store<u8>(WEIGHTS_AT + i, <u8>(i & 1 ? pair & 15 : pair >>> 4));
    }
  } else {
    size = header;
    if (size == 0 || size > end - at) return BAD_FRAME;
    const weights = readWeights(at, size);
    if (weights < 0) return BAD_FRAME;
    count = <u32>weights;
  }
  return buildCodes(count) ? <i32>size + 1 : BAD_FRAME;
}

/** Completes the `count` weights at WEIGHTS_AT and builds the table of their codes; false when they are no tree. */
function buildCodes(count: u32): bool {
  let total: u32 = 0;
  for (let i: u32 = 0; i < count; i++) total += ((<u32>1) << (<u32>load<u8>(WEIGHTS_AT + i))) >>> 1;
  if (total == 0) return false;
  const bitsMax: u32 = 32 - clz<u32>(total);
  if (bitsMax > ZSTD_HUFFMAN_BITS_MAX) return false;
  const rest: u32 = (1 << bitsMax) - total;
  if (rest & (rest - 1)) return false;
  store<u8>(WEIGHTS_AT + count, <u8>(ctz<u32>(rest) + 1));
  count++;

  // Codes stand in the order of their weights, then of their symbols, each as often as there are bits after it.
  memory.fill(WEIGHT_STARTS_AT, 0, 64);
  for (let i: u32 = 0; i < count; i++) {
    const slot = WEIGHT_STARTS_AT + ((<usize>load<u8>(WEIGHTS_AT + i)) << 2);
    store<u32>(slot, load<u32>(slot) + 1);
  }
  // The longest codes come in pairs. (That they are even follows from the sum; that there are any does not.)
  if (load<u32>(WEIGHT_STARTS_AT, 4) == 0) return false;
  const spare = ZSTD_HUFFMAN_BITS_MAX - bitsMax;
  let start = <u32>CODES_AT;
  for (let weight: u32 = 1; weight <= bitsMax; weight++) {
    const slot = WEIGHT_STARTS_AT + (weight << 2);
    const codes = load<u32>(slot);
    store<u32>(slot, start);
    start += codes << (weight + spare);
  }
  for (let symbol: u32 = 0; symbol < count; symbol++) {
    const weight = <u32>load<u8>(WEIGHTS_AT + symbol);
    if (weight == 0) continue;
    const slot = WEIGHT_STARTS_AT + (weight << 2);
    const at = load<u32>(slot);
    const bytes = (<u32>1) << (weight + spare);
    store<u32>(slot, at + bytes);
    const code = (symbol << 8) | (bitsMax + 1 - weight);
    if (bytes == 2) {
      store<u16>(at, <u16>code);
    } else if (bytes == 4) {
      store<u32>(at, code | (code << 16));
    } else {
      const codes = <u64>code * 0x0001000100010001;
      for (let to = at; to < at + bytes; to += 8) store<u64>(to, codes);
    }
  }
  return true;
}
