// Reads DEFLATE, RFC 1951. The window is the output so far; the next bits of the input are in a buffer of 64 bits.
//
// Far from both ends codes are read without any look at them, and copies go in steps that may write past their end, but
// never past the output's. Near the ends every symbol is checked. There the buffer may take in up to 15 bytes of what lies
// behind the input: harmless, as nothing that was made of them is answered.

import {
  BLOCK_FIXED,
  BLOCK_STORED,
  DISTANCE_SYMBOLS,
  DISTANCE_SYMBOLS_FIXED,
  LITERAL_SYMBOLS,
  LITERAL_SYMBOLS_FIXED,
  MATCH_BYTES_MAX,
  PRECODE_COPY,
  PRECODE_MORE_ZEROS,
  PRECODE_SYMBOLS,
  PRECODE_ZEROS,
  SYMBOL_END,
  SYMBOL_LENGTH,
  precodeOrder,
  writeFixedLengths,
} from "./deflate-format";
import {
  CODE_DISTANCES,
  CODE_LENGTHS,
  CODE_LITERALS,
  DISTANCE_TABLE_AT,
  DISTANCE_TABLE_BITS,
  ENTRY_END,
  ENTRY_EXCEPTION,
  ENTRY_LITERAL,
  ENTRY_STOP,
  FIXED_DISTANCE_TABLE_AT,
  FIXED_LITERAL_TABLE_AT,
  LENGTHS_AT,
  LITERAL_TABLE_AT,
  LITERAL_TABLE_BITS,
  PRECODE_TABLE_AT,
  PRECODE_TABLE_BITS,
  buildTable,
  pairLiterals,
} from "./inflate-tables";
import { BAD_FRAME, OK, OUTPUT_FULL } from "./status";
import { COPY_OVERSHOOT, copyMatch } from "./wide-copy";

/** Input that must remain for the fast loop: the buffer is filled twice, by seven bytes at most. */
const FAST_INPUT: usize = 16;
/** Output that must remain for it: three pairs of literals, a match, and what its last step writes past it. */
const FAST_OUTPUT: usize = MATCH_BYTES_MAX + 6 + COPY_OVERSHOOT;

/** The bits taken from the input and not used: `bitCount` of them, and above those more that are not counted yet. */
let bits: u64 = 0;
let bitCount: u64 = 0;
/** The next byte of the input, and its end. */
let next: usize = 0;
let inputEnd: usize = 0;
/** Where the output began, where it goes on, and its end. */
let outputStart: usize = 0;
let outputAt: usize = 0;
let outputEnd: usize = 0;
/** Whether the tables of the fixed code are there. */
let fixedBuilt: bool = false;

/** The tables of the block at hand. */
let literalTable: usize = 0;
let literalBits: usize = 0;
let distanceTable: usize = 0;
let distanceBits: usize = 0;

/** After `inflate`: the first byte of the input that it has not used. */
export let inflateEnd: usize = 0;

/**
 * Inflates from `source` on, up to `sourceEnd` at most, into the room between `output` and `roomEnd`. Answers the number of bytes,
 * OUTPUT_FULL when they would be more, or BAD_FRAME; `inflateEnd` is after the last block then.
 */
export function inflate(source: usize, sourceEnd: usize, output: usize, roomEnd: usize): i32 {
  bits = 0;
  bitCount = 0;
  next = source;
  inputEnd = sourceEnd;
  outputStart = output;
  outputAt = output;
  outputEnd = roomEnd;
  fixedBuilt = false;
  let isLast = false;
  while (!isLast) {
    const head = <u32>takeNumber(3);
    isLast = (head & 1) != 0;
    const type = head >>> 1;
    let status: i32;
    if (type == BLOCK_STORED) {
      status = copyStored();
    } else if (type > 2) {
      return BAD_FRAME;
    } else {
      if (type == BLOCK_FIXED) useFixedCodes();
      else if (!readCodes()) return BAD_FRAME;
      status = decodeBlock();
    }
    if (status != OK) return status;
  }
  inflateEnd = next - <usize>(bitCount >> 3);
  return <i32>(outputAt - outputStart);
}

/** Fills the buffer up to 56 bits or more. */
function fill(): void {
  bits |= load<u64>(next) << bitCount;
  next += 7 - <usize>((bitCount >> 3) & 7);
  bitCount |= 56;
}

// @ts-ignore: decorator
@inline
function take(count: u64): void {
  bits >>= count;
  bitCount -= count;
}

/** Takes a number of `count` bits. */
function takeNumber(count: u64): usize {
  fill();
  const number = <usize>lowBits(bits, count);
  take(count);
  return number;
}

/** Whether bits were used that are not the input's. */
// @ts-ignore: decorator
@inline
function isBeyondInput(): bool {
  return next - <usize>(bitCount >> 3) > inputEnd;
}

function copyStored(): i32 {
  // Back to the next whole byte.
  let at = next - <usize>(bitCount >> 3);
  if (at > inputEnd || inputEnd - at < 4) return BAD_FRAME;
  const length = <usize>load<u16>(at);
  if ((length ^ (<usize>load<u16>(at, 2))) != 0xffff) return BAD_FRAME;
  at += 4;
  if (length > inputEnd - at) return BAD_FRAME;
  if (length > outputEnd - outputAt) return OUTPUT_FULL;
  memory.copy(outputAt, at, length);
  outputAt += length;
  next = at + length;
  bits = 0;
  bitCount = 0;
  return OK;
}

function useFixedCodes(): void {
  literalTable = FIXED_LITERAL_TABLE_AT;
  literalBits = 9;
  distanceTable = FIXED_DISTANCE_TABLE_AT;
  distanceBits = 5;
  if (fixedBuilt) return;
  fixedBuilt = true;
  writeFixedLengths(LENGTHS_AT);
  buildTable(LENGTHS_AT, LITERAL_SYMBOLS_FIXED, literalTable, literalBits, CODE_LITERALS);
  const distances = LENGTHS_AT + LITERAL_SYMBOLS_FIXED;
  buildTable(distances, DISTANCE_SYMBOLS_FIXED, distanceTable, distanceBits, CODE_DISTANCES);
}

/** Reads the codes at the start of a dynamic block; false when they are none. */
function readCodes(): bool {
  const counts = takeNumber(14);
  const literals = SYMBOL_LENGTH + (counts & 31);
  const distances: usize = 1 + ((counts >>> 5) & 31);
  const sent: usize = 4 + (counts >>> 10);
  if (literals > LITERAL_SYMBOLS || distances > DISTANCE_SYMBOLS) return false;
  memory.fill(LENGTHS_AT, 0, PRECODE_SYMBOLS);
  for (let index: usize = 0; index < sent; index++) {
    store<u8>(LENGTHS_AT + precodeOrder(index), <u8>takeNumber(3));
  }
  const precodeBits = buildTable(
    LENGTHS_AT,
    PRECODE_SYMBOLS,
    PRECODE_TABLE_AT,
    PRECODE_TABLE_BITS,
    CODE_LENGTHS,
  );
  if (precodeBits == 0) return false;

  const mask = ((<u64>1) << precodeBits) - 1;
  const all = literals + distances;
  let known: usize = 0;
  while (known < all) {
    fill();
    const entry = load<u32>(PRECODE_TABLE_AT + ((<usize>(bits & mask)) << 2));
    take(entry & 255);
    const symbol = <usize>(entry >>> 16);
    if (symbol < PRECODE_COPY) {
      store<u8>(LENGTHS_AT + known++, <u8>symbol);
      continue;
    }
    let length: u8 = 0;
    if (symbol == PRECODE_COPY) {
      if (known == 0) return false;
      length = load<u8>(LENGTHS_AT + known - 1);
    }
    const least: usize = symbol == PRECODE_MORE_ZEROS ? 11 : 3;
    const times = least + takeNumber(symbol == PRECODE_COPY ? 2 : symbol == PRECODE_ZEROS ? 3 : 7);
    if (times > all - known) return false;
    memory.fill(LENGTHS_AT + known, length, times);
    known += times;
    if (isBeyondInput()) return false;
  }
  if (isBeyondInput() || load<u8>(LENGTHS_AT + SYMBOL_END) == 0) return false;

  literalTable = LITERAL_TABLE_AT;
  literalBits = buildTable(LENGTHS_AT, literals, literalTable, LITERAL_TABLE_BITS, CODE_LITERALS);
  if (literalBits == 0) return false;
  pairLiterals(literalTable, literalBits);
  distanceTable = DISTANCE_TABLE_AT;
  distanceBits = buildTable(
    LENGTHS_AT + literals,
    distances,
    distanceTable,
    DISTANCE_TABLE_BITS,
    CODE_DISTANCES,
  );
  return distanceBits != 0;
}

// @ts-ignore: decorator
@inline
function lowBits(value: u64, count: u64): u64 {
  return value & (((<u64>1) << count) - 1);
}

/** The number that an entry stands for, with the extra bits that follow its code in `from`. */
// @ts-ignore: decorator
@inline
function valueOf(entry: u64, from: u64): usize {
  return <usize>((entry >> 16) + (lowBits(from, entry) >> (entry >> 8)));
}

// @ts-ignore: decorator
@inline
function lookUp(table: usize, index: u64): u64 {
  return <u64>load<u32>(table + ((<usize>index) << 2));
}

/** Decodes the symbols of a block, up to its end. */
function decodeBlock(): i32 {
  const literalTable_ = literalTable;
  const distanceTable_ = distanceTable;
  const literalMask = ((<u64>1) << literalBits) - 1;
  const distanceMask = ((<u64>1) << distanceBits) - 1;
  const low = outputStart;
  let op = outputAt;
  let ip = next;
  let buffer = bits;
  // Only the lowest six bits count: entries are subtracted from it as they are.
  let count = bitCount;

  if (inputEnd - ip > FAST_INPUT && inputEnd > ip && outputEnd - op > FAST_OUTPUT) {
    const fastInput = inputEnd - FAST_INPUT;
    const fastOutput = outputEnd - FAST_OUTPUT;
    while (ip < fastInput && op < fastOutput) {
      buffer |= load<u64>(ip) << count;
      ip += 7 - <usize>((count >> 3) & 7);
      count |= 56;
      // Up to three entries of literals, 33 bits of 56, leave enough for a length.
      let entry = lookUp(literalTable_, buffer & literalMask);
      if (entry & ENTRY_LITERAL) {
        store<u16>(op, <u16>(entry >> 16));
        op += <usize>((entry >> 8) & 3);
        buffer >>= entry;
        count -= entry;
        entry = lookUp(literalTable_, buffer & literalMask);
        if (entry & ENTRY_LITERAL) {
          store<u16>(op, <u16>(entry >> 16));
          op += <usize>((entry >> 8) & 3);
          buffer >>= entry;
          count -= entry;
          entry = lookUp(literalTable_, buffer & literalMask);
          if (entry & ENTRY_LITERAL) {
            store<u16>(op, <u16>(entry >> 16));
            op += <usize>((entry >> 8) & 3);
            buffer >>= entry;
            count -= entry;
            continue;
          }
        }
      }
      if (entry & ENTRY_EXCEPTION) {
        if (!(entry & ENTRY_STOP)) {
          buffer >>= entry;
          count -= entry;
          entry = lookUp(literalTable_, (entry >> 16) + lowBits(buffer, entry >> 8));
        }
        if (entry & (ENTRY_LITERAL | ENTRY_EXCEPTION)) {
          buffer >>= entry;
          count -= entry;
          if (entry & ENTRY_EXCEPTION) {
            bits = buffer;
            bitCount = count & 63;
            next = ip;
            outputAt = op;
            return entry >> 16 ? BAD_FRAME : OK;
          }
          store<u8>(op++, <u8>(entry >> 16));
          continue;
        }
      }
      const length = valueOf(entry, buffer);
      buffer >>= entry;
      count -= entry;

      buffer |= load<u64>(ip) << count;
      ip += 7 - <usize>((count >> 3) & 7);
      count |= 56;
      entry = lookUp(distanceTable_, buffer & distanceMask);
      if (entry & ENTRY_EXCEPTION) {
        if (entry & ENTRY_STOP) return BAD_FRAME;
        buffer >>= entry;
        count -= entry;
        entry = lookUp(distanceTable_, (entry >> 16) + lowBits(buffer, entry >> 8));
        if (entry & ENTRY_EXCEPTION) return BAD_FRAME;
      }
      const distance = valueOf(entry, buffer);
      buffer >>= entry;
      count -= entry;
      if (distance > op - low) return BAD_FRAME;

      copyMatch(op, distance, op + length);
      op += length;
    }
  }
  bits = buffer;
  bitCount = count & 63;
  next = ip;
  outputAt = op;
  return decodeRest();
}

/** Looks the next code up, in its subtable if it has one, whose bits alone are left to take then. */
function nextEntry(table: usize, tableBits: u64): u64 {
  fill();
  const entry = lookUp(table, lowBits(bits, tableBits));
  if ((entry & ENTRY_END) != ENTRY_EXCEPTION) return entry;
  take(entry & 63);
  return lookUp(table, (entry >> 16) + lowBits(bits, entry >> 8));
}

/** The same with every symbol checked and nothing written beyond it. */
function decodeRest(): i32 {
  while (true) {
    let entry = nextEntry(literalTable, literalBits);
    if (entry & (ENTRY_LITERAL | ENTRY_EXCEPTION)) {
      take(entry & 63);
      if (isBeyondInput()) return BAD_FRAME;
      if (entry & ENTRY_EXCEPTION) return entry >> 16 ? BAD_FRAME : OK;
      let literals = entry >> 16;
      for (let count = (entry >> 8) & 3; count > 0; count--) {
        if (outputAt == outputEnd) return OUTPUT_FULL;
        store<u8>(outputAt++, <u8>literals);
        literals >>= 8;
      }
      continue;
    }
    const length = valueOf(entry, bits);
    take(entry & 63);

    entry = nextEntry(distanceTable, distanceBits);
    if (entry & ENTRY_EXCEPTION) return BAD_FRAME;
    const distance = valueOf(entry, bits);
    take(entry & 63);
    if (isBeyondInput() || distance > outputAt - outputStart) return BAD_FRAME;
    if (length > outputEnd - outputAt) return OUTPUT_FULL;
    const end = outputAt + length;
    while (outputAt < end) {
      store<u8>(outputAt, load<u8>(outputAt - distance));
      outputAt++;
    }
  }
}
