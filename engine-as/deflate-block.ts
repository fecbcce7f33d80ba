// Writes a block of DEFLATE, of the three kinds the one that is the smallest for its sequences.

import { bitBuffer, bitCount, bitsAt, putBits, setBits } from "./bit-writer";
import { codedBits, countSymbols, looksRandom } from "./deflate-counts";
import {
  BLOCK_DYNAMIC,
  BLOCK_FIXED,
  CODE_BITS_MAX,
  DISTANCE_SYMBOLS,
  LITERAL_SYMBOLS,
  LITERAL_SYMBOLS_FIXED,
  MATCH_BYTES_MAX,
  MATCH_BYTES_MIN,
  STORED_BYTES_MAX,
  SYMBOL_END,
  SYMBOL_LENGTH,
  distanceExtraBits,
  lengthBase,
  lengthExtraBits,
  writeFixedLengths,
} from "./deflate-format";
import { sequencesEnd } from "./deflate-match";
import {
  DISTANCE_CODES_AT,
  DISTANCE_COUNTS_AT,
  DISTANCE_LENGTHS_AT,
  FIXED_LENGTHS_AT,
  LENGTH_CODES_AT,
  LENGTH_SYMBOLS_AT,
  LITERAL_CODES_AT,
  LITERAL_COUNTS_AT,
  LITERAL_LENGTHS_AT,
  SEQUENCES_AT,
  SEQUENCE_BYTES,
} from "./deflate-memory";
import { planPrecode, writeCodes } from "./deflate-precode";
import { assignCodes, codeLengths } from "./huffman-code";

/** Four literals are put into the buffer at once: 7 + 4 * 14 bits. */
const LITERAL_BITS_MAX: usize = 14;

/** Begins a stream at `output`. */
export function startBlocks(output: usize): void {
  setBits(output, 0, 0);
  writeFixedLengths(FIXED_LENGTHS_AT);
  for (let index: usize = 0; index < LITERAL_SYMBOLS - SYMBOL_LENGTH; index++) {
    // 258 has a symbol of its own, which comes last and takes it back.
    memory.fill(LENGTH_SYMBOLS_AT + lengthBase(index), <u8>index, (<usize>1) << lengthExtraBits(index));
  }
}

/** Ends the stream: fills the last byte up. Answers where the next byte goes. */
export function endBlocks(): usize {
  putBits(0, (8 - bitCount) & 7);
  return bitsAt;
}

/**
 * Writes the block of the sequences found last, which stand for the bytes from `source` to `end`. The output must have room
 * for these, five bytes for each STORED_BYTES_MAX of them begun, and eight more.
 */
export function writeBlock(source: usize, end: usize, isLast: bool): void {
  const last: u64 = isLast ? 1 : 0;
  if (looksRandom(source, end)) {
    writeStored(source, end, last);
    return;
  }
  countSymbols(source);
  codeLengths(LITERAL_COUNTS_AT, LITERAL_SYMBOLS_FIXED, LITERAL_BITS_MAX, LITERAL_LENGTHS_AT);
  codeLengths(DISTANCE_COUNTS_AT, DISTANCE_SYMBOLS, CODE_BITS_MAX, DISTANCE_LENGTHS_AT);
  const dynamicBits = planPrecode() + codedBits(LITERAL_LENGTHS_AT);
  const fixedBits = codedBits(FIXED_LENGTHS_AT);
  const pieces = (end - source + STORED_BYTES_MAX - 1) / STORED_BYTES_MAX;
  const storedBits = ((<u64>(end - source)) << 3) + <u64>(pieces * 40);
  if (storedBits <= min(dynamicBits, fixedBits) && end > source) {
    writeStored(source, end, last);
    return;
  }
  const isFixed = fixedBits <= dynamicBits;
  putBits(last | ((<u64>(isFixed ? BLOCK_FIXED : BLOCK_DYNAMIC)) << 1), 3);
  if (!isFixed) writeCodes();
  const lengths = isFixed ? FIXED_LENGTHS_AT : LITERAL_LENGTHS_AT;
  assignCodes(lengths, LITERAL_SYMBOLS_FIXED, LITERAL_CODES_AT);
  assignCodes(lengths + LITERAL_SYMBOLS_FIXED, DISTANCE_SYMBOLS, DISTANCE_CODES_AT);
  addDistanceExtraBits();
  buildLengthCodes();
  writeSequences(source);
}

/** Puts into each distance's code how many extra bits follow it: code, from bit 16 on its bits, from bit 24 on those. */
function addDistanceExtraBits(): void {
  for (let symbol: usize = 0; symbol < DISTANCE_SYMBOLS; symbol++) {
    const at = DISTANCE_CODES_AT + (symbol << 2);
    const code = load<u32>(at);
    store<u32>(at, (code & 0xffff) | ((code >>> 24) << 16) | ((<u32>distanceExtraBits(symbol)) << 24));
  }
}

/** Makes of each length's symbol and extra bits one code. */
function buildLengthCodes(): void {
  for (let length: usize = MATCH_BYTES_MIN; length <= MATCH_BYTES_MAX; length++) {
    const index = <usize>load<u8>(LENGTH_SYMBOLS_AT + length);
    const code = load<u32>(LITERAL_CODES_AT + SYMBOL_LENGTH * 4 + (index << 2));
    const extra = <u32>(length - lengthBase(index));
    const bits = code >>> 24;
    store<u32>(
      LENGTH_CODES_AT + (length << 2),
      (code & 0xffffff) | (extra << bits) | ((bits + <u32>lengthExtraBits(index)) << 24),
    );
  }
}

function writeSequences(source: usize): void {
  let at = source;
  let bits = bitBuffer;
  let count = bitCount;
  let to = bitsAt;
  for (let sequence: usize = SEQUENCES_AT; sequence < sequencesEnd; sequence += SEQUENCE_BYTES) {
    const literalsEnd = at + <usize>load<u32>(sequence);
    while (at + 4 <= literalsEnd) {
      const word = load<u32>(at);
      at += 4;
      let code = <u64>load<u32>(LITERAL_CODES_AT + ((<usize>(word & 255)) << 2));
      bits |= (code & 0xffffff) << count;
      count += code >> 24;
      code = <u64>load<u32>(LITERAL_CODES_AT + ((<usize>((word >>> 8) & 255)) << 2));
      bits |= (code & 0xffffff) << count;
      count += code >> 24;
      code = <u64>load<u32>(LITERAL_CODES_AT + ((<usize>((word >>> 16) & 255)) << 2));
      bits |= (code & 0xffffff) << count;
      count += code >> 24;
      code = <u64>load<u32>(LITERAL_CODES_AT + ((<usize>(word >>> 24)) << 2));
      bits |= (code & 0xffffff) << count;
      count += code >> 24;
      store<u64>(to, bits);
      to += <usize>(count >> 3);
      bits >>= count & 56;
      count &= 7;
    }
    while (at < literalsEnd) {
      const code = <u64>load<u32>(LITERAL_CODES_AT + ((<usize>load<u8>(at++)) << 2));
      bits |= (code & 0xffffff) << count;
      count += code >> 24;
    }
    store<u64>(to, bits);
    to += <usize>(count >> 3);
    bits >>= count & 56;
    count &= 7;
    const match = load<u32>(sequence, 4);
    if (match == 0) break;
    at += <usize>(match >>> 21);
    let code = <u64>load<u32>(LENGTH_CODES_AT + ((<usize>(match >>> 21)) << 2));
    bits |= (code & 0xffffff) << count;
    count += code >> 24;
    code = <u64>load<u32>(DISTANCE_CODES_AT + ((<usize>((match >>> 16) & 31)) << 2));
    bits |= (code & 0xffff) << count;
    count += (code >> 16) & 255;
    const extra = code >> 24;
    bits |= ((<u64>(match & 0x7fff)) & (((<u64>1) << extra) - 1)) << count;
    count += extra;
    store<u64>(to, bits);
    to += <usize>(count >> 3);
    bits >>= count & 56;
    count &= 7;
  }
  const end = <u64>load<u32>(LITERAL_CODES_AT + SYMBOL_END * 4);
  setBits(to, bits, count);
  putBits(end & 0xffffff, end >> 24);
}

function writeStored(source: usize, end: usize, last: u64): void {
  do {
    const piece = min<usize>(end - source, STORED_BYTES_MAX);
    // Three bits, and as many more as fill the last byte.
    putBits(end - source == piece ? last : 0, 3 + ((5 - bitCount) & 7));
    const at = bitsAt;
    store<u32>(at, piece | ((piece ^ 0xffff) << 16));
    memory.copy(at + 4, source, piece);
    setBits(at + 4 + piece, 0, 0);
    source += piece;
  } while (source < end);
}
