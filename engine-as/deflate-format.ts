// The DEFLATE format, RFC 1951: what reader and writer share. Bits are packed from the lowest of each byte on; codes have
// their first bit lowest, numbers theirs highest.
//
//   Data => [Block], the last of which says so
//   Block => last 1 bit, type 2 bits, then
//     stored: up to a whole byte nothing, length uint16, ~length uint16, bytes
//     fixed or dynamic: [code lengths], [literal | length and distance], end

export const BLOCK_STORED: u32 = 0;
export const BLOCK_FIXED: u32 = 1;
export const BLOCK_DYNAMIC: u32 = 2;

/** No code is longer, in bits. */
export const CODE_BITS_MAX: usize = 15;
/** Literals 0 to 255, the end, lengths 257 to 285; the two above have only lengths in the fixed code. */
export const LITERAL_SYMBOLS: usize = 286;
export const LITERAL_SYMBOLS_FIXED: usize = 288;
export const DISTANCE_SYMBOLS: usize = 30;
export const DISTANCE_SYMBOLS_FIXED: usize = 32;
export const SYMBOL_END: usize = 256;
export const SYMBOL_LENGTH: usize = 257;

/** Code lengths are symbols themselves: 0 to 15, and three that repeat. */
export const PRECODE_SYMBOLS: usize = 19;
export const PRECODE_BITS_MAX: usize = 7;
export const PRECODE_COPY: usize = 16; // the length before, 3 to 6 times; 2 bits
export const PRECODE_ZEROS: usize = 17; // 3 to 10 times; 3 bits
export const PRECODE_MORE_ZEROS: usize = 18; // 11 to 138 times; 7 bits

export const MATCH_BYTES_MIN: usize = 3;
export const MATCH_BYTES_MAX: usize = 258;
export const DISTANCE_MAX: usize = 32768;
export const STORED_BYTES_MAX: usize = 65535;

/** The symbol of the precode whose length is sent as number `index`: 16 17 18 0 8 7 9 6 10 5 11 4 12 3 13 2 14 1 15. */
// @ts-ignore: decorator
@inline
export function precodeOrder(index: usize): usize {
  if (index < 3) return PRECODE_COPY + index;
  if (index == 3) return 0;
  // Away from 8, one step further every other time.
  const step = (index - 3) >> 1;
  return index & 1 ? 8 - step : 8 + step;
}

/** Bits that follow the symbol of length `symbol - 257`. */
// @ts-ignore: decorator
@inline
export function lengthExtraBits(index: usize): usize {
  return index < 8 || index == 28 ? 0 : (index >> 2) - 1;
}

/** The smallest length of symbol `257 + index`. */
// @ts-ignore: decorator
@inline
export function lengthBase(index: usize): usize {
  if (index < 8) return MATCH_BYTES_MIN + index;
  if (index == 28) return MATCH_BYTES_MAX;
  return MATCH_BYTES_MIN + ((4 + (index & 3)) << ((index >> 2) - 1));
}

/** Bits that follow the symbol of a distance. */
// @ts-ignore: decorator
@inline
export function distanceExtraBits(symbol: usize): usize {
  return symbol < 4 ? 0 : (symbol >> 1) - 1;
}

/** The smallest distance of a symbol. */
// @ts-ignore: decorator
@inline
export function distanceBase(symbol: usize): usize {
  return symbol < 4 ? 1 + symbol : 1 + ((2 + (symbol & 1)) << ((symbol >> 1) - 1));
}

/** Writes the lengths of the fixed codes, a byte each: LITERAL_SYMBOLS_FIXED of them, then DISTANCE_SYMBOLS_FIXED. */
export function writeFixedLengths(at: usize): void {
  memory.fill(at, 8, 144);
  memory.fill(at + 144, 9, 256 - 144);
  memory.fill(at + SYMBOL_END, 7, 280 - SYMBOL_END);
  memory.fill(at + 280, 8, LITERAL_SYMBOLS_FIXED - 280);
  memory.fill(at + LITERAL_SYMBOLS_FIXED, 5, DISTANCE_SYMBOLS_FIXED);
}
