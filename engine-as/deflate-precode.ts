// How the codes of a dynamic block are sent: the lengths of both, in a code of their own, whose lengths stand before them.

import { putBits } from "./bit-writer";
import { countOne } from "./deflate-counts";
import {
  DISTANCE_SYMBOLS,
  LITERAL_SYMBOLS,
  PRECODE_BITS_MAX,
  PRECODE_COPY,
  PRECODE_MORE_ZEROS,
  PRECODE_SYMBOLS,
  PRECODE_ZEROS,
  SYMBOL_LENGTH,
  precodeOrder,
} from "./deflate-format";
import {
  DISTANCE_LENGTHS_AT,
  LITERAL_LENGTHS_AT,
  PRECODE_CODES_AT,
  PRECODE_COUNTS_AT,
  PRECODE_ITEMS_AT,
  PRECODE_LENGTHS_AT,
  SENT_LENGTHS_AT,
} from "./deflate-memory";
import { assignCodes, codeLengths } from "./huffman-code";

/** What `planPrecode` has found: how many lengths are sent of each code, and where the symbols that say so end. */
let literalsSent: usize = 0;
let distancesSent: usize = 0;
let precodeSent: usize = 0;
let precodeItemsEnd: usize = 0;

/** How many of the symbols must be sent: up to the last that has a code, and at least so many. */
function sentOf(lengths: usize, symbols: usize, least: usize): usize {
  while (symbols > least && load<u8>(lengths + symbols - 1) == 0) symbols--;
  return symbols;
}

/** Bits that follow a symbol of the precode. */
// @ts-ignore: decorator
@inline
function precodeExtraBits(symbol: usize): usize {
  return symbol < PRECODE_COPY ? 0 : symbol == PRECODE_COPY ? 2 : symbol == PRECODE_ZEROS ? 3 : 7;
}

/** Plans how the lengths of both codes are sent. Answers how many bits that takes. */
export function planPrecode(): u64 {
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
    for (let left = run; left > 0;) {
      let symbol = length;
      let least: usize = 1;
      let covered: usize = 1;
      if (length == 0 && left >= 3) {
        covered = min<usize>(left, 138);
        least = covered < 11 ? 3 : 11;
        symbol = covered < 11 ? PRECODE_ZEROS : PRECODE_MORE_ZEROS;
      } else if (length != 0 && left < run && left >= 3) {
        covered = min<usize>(left, 6);
        least = 3;
        symbol = PRECODE_COPY;
      }
      store<u16>(precodeItemsEnd, <u16>(symbol | ((covered - least) << 8)));
      precodeItemsEnd += 2;
      countOne(PRECODE_COUNTS_AT + (symbol << 2));
      left -= covered;
    }
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
export function writeCodes(): void {
  putBits((literalsSent - SYMBOL_LENGTH) | ((distancesSent - 1) << 5) | ((precodeSent - 4) << 10), 14);
  for (let index: usize = 0; index < precodeSent; index++) {
    putBits(load<u8>(PRECODE_LENGTHS_AT + precodeOrder(index)), 3);
  }
  assignCodes(PRECODE_LENGTHS_AT, PRECODE_SYMBOLS, PRECODE_CODES_AT);
  for (let item: usize = PRECODE_ITEMS_AT; item < precodeItemsEnd; item += 2) {
    const symbol = <usize>load<u8>(item);
    const code = load<u32>(PRECODE_CODES_AT + (symbol << 2));
    const bits = code >>> 24;
    putBits((code & 0xffffff) | ((<u32>load<u8>(item, 1)) << bits), <u64>bits + precodeExtraBits(symbol));
  }
}
