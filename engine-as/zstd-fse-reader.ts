// FSE tables (RFC 8878, 4.1): the distribution as it is written, and the table of states that decodes it.
//
//   State => extra bits uint8, bits of the next state uint8, offset of the next state uint16, value uint32
//
// A state's value is that of its symbol: what the symbol means before its extra bits are added. The next state is given in
// bytes from the start of the table, so that it is an address once the table's is added.

import { BAD_FRAME } from "./status";
import {
  ZSTD_FSE_LOG_MIN,
  ZSTD_LITERAL_LENGTH_BITS,
  ZSTD_MATCH_LENGTH_BITS,
  ZSTD_MATCH_MIN,
} from "./zstd-format";
import { DISTRIBUTION_AT, NEXT_STATES_AT, STATE_BYTES, SYMBOLS_AT } from "./zstd-reader-memory";

// What the symbols of a table are.
export const LITERAL_LENGTH_SYMBOLS: i32 = 0;
export const OFFSET_SYMBOLS: i32 = 1;
export const MATCH_LENGTH_SYMBOLS: i32 = 2;
export const WEIGHT_SYMBOLS: i32 = 3; // the value is the symbol

if (STATE_BYTES != 8) ERROR("a state is loaded and stored as one uint64");

/** log2 of the states of the distribution just read, and how many symbols it names. */
export let distributionLog: u32 = 0;
export let distributionSymbols: u32 = 0;

/**
 * Reads the distribution at `at`: for each symbol its states, an int16 at DISTRIBUTION_AT, -1 for less than one. It must lie
 * before `end`, name at most `symbolsMax` symbols and have at most 1 << `logMax` states. Answers its size in bytes or BAD_FRAME.
 */
export function readDistribution(at: usize, end: usize, symbolsMax: u32, logMax: u32): i32 {
  if (at >= end) return BAD_FRAME;
  const bitsMax = <u32>(min<usize>(end - at, 1024) << 3);
  const log = ((<u32>load<u8>(at)) & 15) + ZSTD_FSE_LOG_MIN;
  if (log > logMax) return BAD_FRAME;
  let bit: u32 = 4;
  let remaining: u32 = 1 << log;
  let symbol: u32 = 0;
  while (remaining > 0) {
    if (symbol == symbolsMax || bit >= bitsMax) return BAD_FRAME;
    // A value up to remaining + 1, in as many bits as that takes; the least values do with one less.
    const width = 32 - clz<u32>(remaining + 1);
    const peeked = load<u32>(at + (bit >>> 3)) >>> (bit & 7);
    const half: u32 = 1 << (width - 1);
    const short = (half << 1) - 2 - remaining;
    let value = peeked & (half - 1);
    if (value < short) {
      bit += width - 1;
    } else {
      value = peeked & ((half << 1) - 1);
      if (value >= half) value -= short;
      bit += width;
    }
    const probability = <i32>value - 1;
    remaining -= probability < 0 ? 1 : <u32>probability;
    store<i16>(DISTRIBUTION_AT + (symbol << 1), <i16>probability);
    symbol++;
    if (probability != 0) continue;
    // After a symbol that does not occur: how many more do not, in steps of up to three.
    while (true) {
      if (bit >= bitsMax) return BAD_FRAME;
      const zeros = ((<u32>load<u16>(at + (bit >>> 3))) >>> (bit & 7)) & 3;
      bit += 2;
      if (zeros > symbolsMax - symbol) return BAD_FRAME;
      for (let i: u32 = 0; i < zeros; i++, symbol++) store<i16>(DISTRIBUTION_AT + (symbol << 1), 0);
      if (zeros < 3) break;
    }
  }
  if (bit > bitsMax) return BAD_FRAME;
  distributionLog = log;
  distributionSymbols = symbol;
  return <i32>((bit + 7) >>> 3);
}

/** Puts a predefined distribution of int8 where `readDistribution` puts the one it reads. */
export function usePredefined(distribution: usize, symbols: u32, log: u32): void {
  for (let symbol: u32 = 0; symbol < symbols; symbol++) {
    store<i16>(DISTRIBUTION_AT + (symbol << 1), <i16>load<i8>(distribution + symbol));
  }
  distributionLog = log;
  distributionSymbols = symbols;
}

/** The part of a state that its symbol decides, for the first `symbols` symbols of a kind, to SYMBOLS_AT. */
function describeSymbols(kind: i32, symbols: u32): void {
  let base: u64 = kind == MATCH_LENGTH_SYMBOLS ? ZSTD_MATCH_MIN : 0;
  for (let symbol: u32 = 0; symbol < symbols; symbol++) {
    let bits: u64 = 0;
    let value = (<u64>symbol) << 32;
    if (kind == OFFSET_SYMBOLS) {
      bits = symbol;
      value = (<u64>1) << (32 + bits);
    } else if (kind != WEIGHT_SYMBOLS) {
      const table = kind == LITERAL_LENGTH_SYMBOLS ? ZSTD_LITERAL_LENGTH_BITS : ZSTD_MATCH_LENGTH_BITS;
      bits = <u64>load<u8>(table + symbol);
      const span = (<u64>1) << bits;
      value = (base << 30) | ((span - 1) << 48);
      base += span;
    }
    store<u64>(SYMBOLS_AT + (symbol << 3), bits | value);
  }
}

/** Builds a table of one state, which is always this symbol. */
export function buildSingle(table: usize, kind: i32, symbol: u32): void {
  describeSymbols(kind, symbol + 1);
  store<u64>(table, load<u64>(SYMBOLS_AT + (symbol << 3)));
}

/** Builds the table of the distribution at DISTRIBUTION_AT, whose probabilities come to all of its states. */
export function buildTable(table: usize, kind: i32): void {
  const log = distributionLog;
  const symbols = distributionSymbols;
  const size: u32 = 1 << log;
  describeSymbols(kind, symbols);

  // Symbols less likely than one state get one each at the end; the others are spread over the rest.
  let high = size - 1;
  for (let symbol: u32 = 0; symbol < symbols; symbol++) {
    let probability = <i32>load<i16>(DISTRIBUTION_AT + (symbol << 1));
    if (probability < 0) {
      store<u32>(table + (high << 3), symbol);
      high--;
      probability = 1;
    }
    store<u16>(NEXT_STATES_AT + (symbol << 1), <u16>probability);
  }
  const step = (size >>> 1) + (size >>> 3) + 3;
  let position: u32 = 0;
  for (let symbol: u32 = 0; symbol < symbols; symbol++) {
    const probability = <i32>load<i16>(DISTRIBUTION_AT + (symbol << 1));
    for (let i = 0; i < probability; i++) {
      store<u32>(table + (position << 3), symbol);
      do {
        position = (position + step) & (size - 1);
      } while (position > high);
    }
  }

  const end = table + (size << 3);
  for (let state = table; state < end; state += STATE_BYTES) {
    const symbol = <usize>load<u32>(state);
    const next = <u32>load<u16>(NEXT_STATES_AT + (symbol << 1));
    store<u16>(NEXT_STATES_AT + (symbol << 1), <u16>(next + 1));
    const bits = log - (31 - clz<u32>(next));
    const first = (next << bits) - size;
    const mask: u32 = (1 << bits) - 1;
    store<u64>(
      state,
      load<u64>(SYMBOLS_AT + (symbol << 3)) | (<u64>((bits << 6) | (first << 12) | (mask << 21))),
    );
  }
}
