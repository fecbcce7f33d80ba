// The codes of a block that is being read: the fixed ones, or those that it begins with.

import { bits, fillBits, isBeyondInput, takeBits, takeNumber } from "./bit-reader";
import {
  DISTANCE_SYMBOLS,
  DISTANCE_SYMBOLS_FIXED,
  LITERAL_SYMBOLS,
  LITERAL_SYMBOLS_FIXED,
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

/** The tables of the block at hand, and how many bits index them. */
export let literalTable: usize = 0;
export let literalBits: usize = 0;
export let distanceTable: usize = 0;
export let distanceBits: usize = 0;

/** Whether the tables of the fixed codes are there. */
let fixedBuilt: bool = false;

/** Before the first block of a stream: what scratch memory holds is not known. */
export function forgetCodes(): void {
  fixedBuilt = false;
}

export function useFixedCodes(): void {
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
export function readCodes(): bool {
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
    if (isBeyondInput()) return false;
    fillBits();
    const entry = load<u32>(PRECODE_TABLE_AT + ((<usize>(bits & mask)) << 2));
    takeBits(entry & 255);
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
