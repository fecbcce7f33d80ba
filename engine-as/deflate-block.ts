// Writes a block of DEFLATE, of the three kinds the one that is the smallest for its sequences.

import {
  BLOCK_DYNAMIC,
  BLOCK_FIXED,
  CODE_BITS_MAX,
  DISTANCE_SYMBOLS,
  LITERAL_SYMBOLS,
  LITERAL_SYMBOLS_FIXED,
  MATCH_BYTES_MAX,
  MATCH_BYTES_MIN,
  PRECODE_BITS_MAX,
  PRECODE_COPY,
  PRECODE_MORE_ZEROS,
  PRECODE_SYMBOLS,
  PRECODE_ZEROS,
  STORED_BYTES_MAX,
  SYMBOL_END,
  SYMBOL_LENGTH,
  distanceExtraBits,
  lengthBase,
  lengthExtraBits,
  precodeOrder,
} from "./deflate-format";
import { sequencesEnd } from "./deflate-match";
import {
  COUNTS_BYTES,
  DISTANCE_CODES_AT,
  DISTANCE_COUNTS_AT,
  DISTANCE_LENGTHS_AT,
  LENGTH_CODES_AT,
  LENGTH_SYMBOLS_AT,
  LITERAL_CODES_AT,
  LITERAL_COUNTS_AT,
  LITERAL_LENGTHS_AT,
  MORE_COUNTS_AT,
  PRECODE_CODES_AT,
  PRECODE_COUNTS_AT,
  PRECODE_ITEMS_AT,
  PRECODE_LENGTHS_AT,
  SENT_LENGTHS_AT,
  SEQUENCES_AT,
  SEQUENCE_BYTES,
} from "./deflate-memory";
import { assignCodes, codeLengths } from "./huffman-code";

/** Four literals are put into the buffer at once: 7 + 4 * 14 bits. */
const LITERAL_BITS_MAX: usize = 14;
/** What tells whether bytes can be made smaller at all: so many of them, if there are no more matches than one byte in 64. */
const SAMPLE_BYTES: usize = 4096;

/** Bits that are not written yet; fewer than eight between the calls. */
let buffer: u64 = 0;
let bufferBits: u64 = 0;
let op: usize = 0;

/** Extra bits of all lengths and distances of a block. */
let extraBits: u64 = 0;
/** What `planPrecode` has found. */
let literalsSent: usize = 0;
let distancesSent: usize = 0;
let precodeItemsEnd: usize = 0;
let precodeSent: usize = 0;

/** Begins a stream at `output`. */
export function startBlocks(output: usize): void {
  buffer = 0;
  bufferBits = 0;
  op = output;
  for (let index: usize = 0; index < LITERAL_SYMBOLS - SYMBOL_LENGTH; index++) {
    const base = lengthBase(index);
    // 258 has a symbol of its own, which comes last and takes it back.
    for (let extra: usize = 0; extra < (<usize>1) << lengthExtraBits(index); extra++) {
      store<u8>(LENGTH_SYMBOLS_AT + base + extra, <u8>index);
    }
  }
}

/** Ends the stream: fills the last byte up. Answers where the next byte goes. */
export function endBlocks(): usize {
  bufferBits = (bufferBits + 7) & ~7;
  flush();
  return op;
}

// @ts-ignore: decorator
@inline
function put(value: u64, bits: u64): void {
  buffer |= value << bufferBits;
  bufferBits += bits;
}

/** Writes the whole bytes; seven more from there on may be written over. */
// @ts-ignore: decorator
@inline
function flush(): void {
  store<u64>(op, buffer);
  op += <usize>(bufferBits >> 3);
  buffer >>= bufferBits & 56;
  bufferBits &= 7;
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
  const dynamicBits = planPrecode() + codedBits();
  const pieces = (end - source + STORED_BYTES_MAX - 1) / STORED_BYTES_MAX;
  const storedBits = ((<u64>(end - source)) << 3) + <u64>pieces * 40;
  const fixedBits = fixedCodedBits();
  if (storedBits <= min(dynamicBits, fixedBits) && end > source) {
    writeStored(source, end, last);
    return;
  }
  if (fixedBits <= dynamicBits) {
    put(last | (BLOCK_FIXED << 1), 3);
    setFixedLengths();
  } else {
    put(last | (BLOCK_DYNAMIC << 1), 3);
    writeCodes();
  }
  assignCodes(LITERAL_LENGTHS_AT, LITERAL_SYMBOLS_FIXED, LITERAL_CODES_AT);
  assignCodes(DISTANCE_LENGTHS_AT, DISTANCE_SYMBOLS, DISTANCE_CODES_AT);
  addDistanceExtraBits();
  buildLengthCodes();
  writeSequences(source);
}

/** Whether there is next to no match and the bytes are as good as equally frequent, as far as a sample tells. */
function looksRandom(source: usize, end: usize): bool {
  const length = end - source;
  if (length < 4 * SAMPLE_BYTES || (sequencesEnd - SEQUENCES_AT) / SEQUENCE_BYTES > length >> 9) return false;
  memory.fill(LITERAL_COUNTS_AT, 0, 1024);
  const step = length / SAMPLE_BYTES;
  let pairs: u32 = 0;
  for (let sample: usize = 0; sample < SAMPLE_BYTES; sample++) {
    const at = LITERAL_COUNTS_AT + ((<usize>load<u8>(source + sample * step)) << 2);
    const count = load<u32>(at);
    pairs += count;
    store<u32>(at, count + 1);
  }
  // Of all pairs one in 256 would be equal. With 5 % more of them the entropy is still above 7.92 bits.
  const expected = <u32>((SAMPLE_BYTES * (SAMPLE_BYTES - 1)) / 512);
  return pairs < expected + expected / 20;
}

// @ts-ignore: decorator
@inline
function countOne(at: usize): void {
  store<u32>(at, load<u32>(at) + 1);
}

/** Counts the symbols of all sequences, and writes each distance's symbol into its sequence. */
function countSymbols(source: usize): void {
  memory.fill(LITERAL_COUNTS_AT, 0, COUNTS_BYTES);
  let at = source;
  for (let sequence: usize = SEQUENCES_AT; sequence < sequencesEnd; sequence += SEQUENCE_BYTES) {
    const literals = at + <usize>load<u32>(sequence);
    // Four counts for each literal, so that equal ones that follow each other do not wait for each other.
    while (at + 4 <= literals) {
      const word = load<u32>(at);
      countOne(LITERAL_COUNTS_AT + ((<usize>(word & 255)) << 2));
      countOne(MORE_COUNTS_AT + ((<usize>((word >>> 8) & 255)) << 2));
      countOne(MORE_COUNTS_AT + 1024 + ((<usize>((word >>> 16) & 255)) << 2));
      countOne(MORE_COUNTS_AT + 2048 + ((<usize>(word >>> 24)) << 2));
      at += 4;
    }
    while (at < literals) countOne(LITERAL_COUNTS_AT + ((<usize>load<u8>(at++)) << 2));
    const match = load<u32>(sequence, 4);
    if (match == 0) break;
    const length = <usize>(match >>> 21);
    at += length;
    countOne(LITERAL_COUNTS_AT + SYMBOL_LENGTH * 4 + ((<usize>load<u8>(LENGTH_SYMBOLS_AT + length)) << 2));
    const distance = match & 0x7fff;
    let symbol = distance;
    if (distance > 1) {
      const highest: u32 = 31 - clz<u32>(distance);
      symbol = 2 * highest + ((distance >>> (highest - 1)) & 1);
    }
    store<u32>(sequence, match | (symbol << 16), 4);
    countOne(DISTANCE_COUNTS_AT + ((<usize>symbol) << 2));
  }
  for (let literal: usize = 0; literal < 1024; literal += 4) {
    store<u32>(
      LITERAL_COUNTS_AT + literal,
      load<u32>(LITERAL_COUNTS_AT + literal) +
        load<u32>(MORE_COUNTS_AT + literal) +
        load<u32>(MORE_COUNTS_AT + literal, 1024) +
        load<u32>(MORE_COUNTS_AT + literal, 2048),
    );
  }
  store<u32>(LITERAL_COUNTS_AT, 1, SYMBOL_END * 4);
  extraBits = 0;
  for (let index: usize = 0; index < LITERAL_SYMBOLS - SYMBOL_LENGTH; index++) {
    extraBits +=
      <u64>load<u32>(LITERAL_COUNTS_AT + SYMBOL_LENGTH * 4 + (index << 2)) * lengthExtraBits(index);
  }
  for (let symbol: usize = 0; symbol < DISTANCE_SYMBOLS; symbol++) {
    extraBits += <u64>load<u32>(DISTANCE_COUNTS_AT + (symbol << 2)) * distanceExtraBits(symbol);
  }
}

/** Bits of all symbols in the codes at hand. */
function codedBits(): u64 {
  let sum = extraBits;
  for (let symbol: usize = 0; symbol < LITERAL_SYMBOLS; symbol++) {
    sum += <u64>load<u32>(LITERAL_COUNTS_AT + (symbol << 2)) * load<u8>(LITERAL_LENGTHS_AT + symbol);
  }
  for (let symbol: usize = 0; symbol < DISTANCE_SYMBOLS; symbol++) {
    sum += <u64>load<u32>(DISTANCE_COUNTS_AT + (symbol << 2)) * load<u8>(DISTANCE_LENGTHS_AT + symbol);
  }
  return sum;
}

/** How long the code of a literal or length is in the fixed code. */
// @ts-ignore: decorator
@inline
function fixedLength(symbol: usize): u32 {
  return symbol < 144 ? 8 : symbol < 256 ? 9 : symbol < 280 ? 7 : 8;
}

function fixedCodedBits(): u64 {
  let sum = extraBits;
  for (let symbol: usize = 0; symbol < LITERAL_SYMBOLS; symbol++) {
    sum += <u64>load<u32>(LITERAL_COUNTS_AT + (symbol << 2)) * fixedLength(symbol);
  }
  for (let symbol: usize = 0; symbol < DISTANCE_SYMBOLS; symbol++) {
    sum += <u64>load<u32>(DISTANCE_COUNTS_AT + (symbol << 2)) * 5;
  }
  return sum;
}

function setFixedLengths(): void {
  for (let symbol: usize = 0; symbol < LITERAL_SYMBOLS_FIXED; symbol++) {
    store<u8>(LITERAL_LENGTHS_AT + symbol, <u8>fixedLength(symbol));
  }
  memory.fill(DISTANCE_LENGTHS_AT, 5, DISTANCE_SYMBOLS);
}

/** How many of the symbols must be sent: up to the last that has a code, and at least so many. */
function sentOf(lengths: usize, symbols: usize, least: usize): usize {
  while (symbols > least && load<u8>(lengths + symbols - 1) == 0) symbols--;
  return symbols;
}

// @ts-ignore: decorator
@inline
function precodeItem(symbol: usize, extra: usize): void {
  store<u16>(precodeItemsEnd, <u16>(symbol | (extra << 8)));
  precodeItemsEnd += 2;
  countOne(PRECODE_COUNTS_AT + (symbol << 2));
}

/** Bits that follow a symbol of the precode. */
// @ts-ignore: decorator
@inline
function precodeExtraBits(symbol: usize): usize {
  return symbol < PRECODE_COPY ? 0 : symbol == PRECODE_COPY ? 2 : symbol == PRECODE_ZEROS ? 3 : 7;
}

/** Plans how the lengths of both codes are sent. Answers how many bits that takes. */
function planPrecode(): u64 {
  literalsSent = sentOf(LITERAL_LENGTHS_AT, LITERAL_SYMBOLS, SYMBOL_LENGTH);
  distancesSent = sentOf(DISTANCE_LENGTHS_AT, DISTANCE_SYMBOLS, 1);
  memory.copy(SENT_LENGTHS_AT, LITERAL_LENGTHS_AT, literalsSent);
  memory.copy(SENT_LENGTHS_AT + literalsSent, DISTANCE_LENGTHS_AT, distancesSent);
  const end = SENT_LENGTHS_AT + literalsSent + distancesSent;
  precodeItemsEnd = PRECODE_ITEMS_AT;
  for (let at: usize = SENT_LENGTHS_AT; at < end;) {
    const length = <usize>load<u8>(at);
    let run: usize = 1;
    while (at + run < end && <usize>load<u8>(at + run) == length) run++;
    at += run;
    if (length == 0) {
      while (run >= 11) {
        const zeros = min<usize>(run, 138);
        precodeItem(PRECODE_MORE_ZEROS, zeros - 11);
        run -= zeros;
      }
      if (run >= 3) {
        precodeItem(PRECODE_ZEROS, run - 3);
        run = 0;
      }
    } else if (run >= 4) {
      precodeItem(length, 0);
      run--;
      while (run >= 3) {
        const copies = min<usize>(run, 6);
        precodeItem(PRECODE_COPY, copies - 3);
        run -= copies;
      }
    }
    for (; run > 0; run--) precodeItem(length, 0);
  }
  // At least two symbols occur, as 258 lengths are no single one, so that the precode is complete.
  codeLengths(PRECODE_COUNTS_AT, PRECODE_SYMBOLS, PRECODE_BITS_MAX, PRECODE_LENGTHS_AT);
  precodeSent = PRECODE_SYMBOLS;
  while (precodeSent > 4 && load<u8>(PRECODE_LENGTHS_AT + precodeOrder(precodeSent - 1)) == 0) precodeSent--;
  let sum: u64 = 14 + 3 * precodeSent;
  for (let symbol: usize = 0; symbol < PRECODE_SYMBOLS; symbol++) {
    const each = <usize>load<u8>(PRECODE_LENGTHS_AT + symbol) + precodeExtraBits(symbol);
    sum += load<u32>(PRECODE_COUNTS_AT + (symbol << 2)) * each;
  }
  return sum;
}

/** Writes what `planPrecode` has planned. */
function writeCodes(): void {
  put(literalsSent - SYMBOL_LENGTH, 5);
  put(distancesSent - 1, 5);
  put(precodeSent - 4, 4);
  flush();
  for (let index: usize = 0; index < precodeSent; index++) {
    put(load<u8>(PRECODE_LENGTHS_AT + precodeOrder(index)), 3);
    flush();
  }
  assignCodes(PRECODE_LENGTHS_AT, PRECODE_SYMBOLS, PRECODE_CODES_AT);
  for (let item: usize = PRECODE_ITEMS_AT; item < precodeItemsEnd; item += 2) {
    const symbol = <usize>load<u8>(item);
    const code = load<u32>(PRECODE_CODES_AT + (symbol << 2));
    put(code & 0xffffff, code >>> 24);
    put(load<u8>(item, 1), precodeExtraBits(symbol));
    flush();
  }
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
  let bits = buffer;
  let count = bufferBits;
  let to = op;
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
  buffer = bits;
  bufferBits = count;
  op = to;
  put(end & 0xffffff, end >> 24);
  flush();
}

function writeStored(source: usize, end: usize, last: u64): void {
  while (true) {
    const piece = min<usize>(end - source, STORED_BYTES_MAX);
    put(end - source == piece ? last : 0, 3);
    bufferBits = (bufferBits + 7) & ~7;
    flush();
    put(piece | ((piece ^ 0xffff) << 16), 32);
    flush();
    memory.copy(op, source, piece);
    op += piece;
    source += piece;
    if (source == end) return;
  }
}
