// Finite State Entropy, the writer's side: counts become a distribution, a distribution its description and a table.
// RFC 8878, section 4.1.
//
// A symbol of a table is an uint64: the low half is what a state is added to so that its bits from 16 on are the number of
// bits that the state must give away, the high half the address to which twice the rest of the state is added to find
// the next state. States count from the size of the table to twice that, less one.

import { ZSTD_FSE_LOG_MIN } from "./zstd-format";
import { FSE_CELLS_AT, FSE_NEXT_STATES_AT, FSE_SYMBOLS_AT, NORMALIZED_AT } from "./zstd-writer-memory";

/** Bits of a cost behind the point: costs are counted in 256ths of a bit. */
const COST_BITS: u32 = 8;

// @ts-ignore: decorator
@inline
function log2Floor(value: u32): u32 {
  return 31 - clz(value);
}

/** The logarithm of a table for `total` symbols, of which `last` is the greatest: small ones tell little and cost less. */
export function fseLog(total: u32, last: u32, logMax: u32): u32 {
  const least = min(log2Floor(total) + 1, log2Floor(last) + 2);
  const enough = log2Floor(((total - 1) >>> 2) | 1);
  return max(max(min(logMax, enough), least), ZSTD_FSE_LOG_MIN);
}

/**
 * Scales the counts (uint32) of the symbols 0 to `last`, `total` of them and no symbol all of these, to a distribution that
 * comes to 1 << log, at NORMALIZED_AT. No symbol that occurs gets less than one.
 */
export function normalizeCounts(counts: usize, last: u32, total: u32, log: u32): void {
  const scale: u64 = ((<u64>1) << (log + 32)) / total;
  let rest = (<i32>1) << log;
  let greatest: u32 = 0;
  let greatestShare: i32 = 0;
  for (let symbol: u32 = 0; symbol <= last; symbol++) {
    const count = load<u32>(counts + ((<usize>symbol) << 2));
    let share: i32 = 0;
    if (count != 0) {
      share = max<i32>(1, <i32>((scale * count + 0x80000000) >>> 32));
      if (share > greatestShare) {
        greatestShare = share;
        greatest = symbol;
      }
      rest -= share;
    }
    store<u16>(NORMALIZED_AT + ((<usize>symbol) << 1), <u16>share);
  }
  // What rounding has left over goes to the greatest, or is taken from whatever is the greatest then.
  if (rest > 0) {
    store<u16>(NORMALIZED_AT + ((<usize>greatest) << 1), <u16>(greatestShare + rest));
    return;
  }
  for (; rest < 0; rest++) {
    let at: usize = NORMALIZED_AT;
    for (let symbol: u32 = 1; symbol <= last; symbol++) {
      const each: usize = NORMALIZED_AT + ((<usize>symbol) << 1);
      if (load<u16>(each) > load<u16>(at)) at = each;
    }
    store<u16>(at, load<u16>(at) - 1);
  }
}

/** Copies a predefined distribution (int8) of the symbols 0 to `last` to NORMALIZED_AT. */
export function predefineCounts(from: usize, last: u32): void {
  for (let symbol: usize = 0; symbol <= <usize>last; symbol++) {
    store<i16>(NORMALIZED_AT + (symbol << 1), <i16>load<i8>(from + symbol));
  }
}

/** What the symbols with these counts cost with the distribution at NORMALIZED_AT, about, in bits. */
export function costInBits(counts: usize, last: u32, log: u32): u32 {
  let cost: u32 = 0;
  for (let symbol: usize = 0; symbol <= <usize>last; symbol++) {
    const count = load<u32>(counts + (symbol << 2));
    if (count == 0) continue;
    const share = <u32>max<i32>(1, <i32>load<i16>(NORMALIZED_AT + (symbol << 1)));
    // Between powers of two the logarithm is taken for a straight line.
    const whole = log2Floor(share);
    const logarithm = (whole << COST_BITS) + (((share << COST_BITS) >>> whole) - (1 << COST_BITS));
    cost += count * ((log << COST_BITS) - logarithm);
  }
  return cost >>> COST_BITS;
}

/** Writes the description of the distribution at NORMALIZED_AT, none of it below one but 0; answers where it ends. */
export function writeDistribution(output: usize, last: u32, log: u32): usize {
  let bits: u64 = log - ZSTD_FSE_LOG_MIN;
  let count: u64 = 4;
  let remaining: i32 = (1 << log) + 1;
  let threshold: i32 = 1 << log;
  let width: u64 = log + 1;
  let symbol: u32 = 0;
  while (remaining > 1) {
    const share = <i32>load<u16>(NORMALIZED_AT + ((<usize>symbol) << 1));
    symbol++;
    // Values run from 0 (less than one) to `remaining`; those below `spare` take one bit less.
    const spare = 2 * threshold - 1 - remaining;
    let value = share + 1;
    if (value >= threshold) value += spare;
    bits |= (<u64>value) << count;
    count += width - <u64>(value < spare);
    remaining -= share;
    if (share == 0) {
      // Two bits say how many more follow that do not occur, 3: look at two more.
      let zeros: u32 = 0;
      while (load<u16>(NORMALIZED_AT + ((<usize>(symbol + zeros)) << 1)) == 0) zeros++;
      symbol += zeros;
      while (zeros >= 3) {
        bits |= (<u64>3) << count;
        count += 2;
        zeros -= 3;
        store<u64>(output, bits);
        output += <usize>(count >>> 3);
        bits >>>= count & ~7;
        count &= 7;
      }
      bits |= (<u64>zeros) << count;
      count += 2;
    }
    while (remaining < threshold) {
      threshold >>= 1;
      width--;
    }
    store<u64>(output, bits);
    output += <usize>(count >>> 3);
    bits >>>= count & ~7;
    count &= 7;
  }
  return output + <usize>(count != 0);
}

/** Builds the table at `table` from the distribution at NORMALIZED_AT. */
export function buildFseTable(table: usize, last: u32, log: u32): void {
  const size = (<u32>1) << log;
  const mask = size - 1;
  const step = (size >>> 1) + (size >>> 3) + 3;
  // Those that are less than one have the last cells, one each.
  let high = mask;
  for (let symbol: u32 = 0; symbol <= last; symbol++) {
    if (load<i16>(NORMALIZED_AT + ((<usize>symbol) << 1)) >= 0) continue;
    store<u8>(FSE_CELLS_AT + <usize>high, <u8>symbol);
    high--;
  }
  let position: u32 = 0;
  let starts: u32 = 0;
  const next = table + FSE_NEXT_STATES_AT;
  for (let symbol: u32 = 0; symbol <= last; symbol++) {
    const share = <i32>load<i16>(NORMALIZED_AT + ((<usize>symbol) << 1));
    for (let cell: i32 = 0; cell < share; cell++) {
      store<u8>(FSE_CELLS_AT + <usize>position, <u8>symbol);
      do position = (position + step) & mask;
      while (position > high);
    }
    if (share == 0) continue;
    // A state of `shares << n` and more gives n bits away, a smaller one n - 1.
    const shares = share < 0 ? 1 : <u32>share;
    const bits = log - (shares == 1 ? 0 : log2Floor(shares - 1));
    const added = (bits << 16) - (shares << bits);
    const from = next + ((<usize>(starts - shares)) << 1);
    store<u64>(table + FSE_SYMBOLS_AT + ((<usize>symbol) << 3), ((<u64>from) << 32) | (<u64>added));
    starts += shares;
  }
  // The states of a symbol in the order of its cells; a symbol's next place is kept where its count was.
  let place: u32 = 0;
  for (let symbol: u32 = 0; symbol <= last; symbol++) {
    const share = <i32>load<i16>(NORMALIZED_AT + ((<usize>symbol) << 1));
    store<u16>(NORMALIZED_AT + ((<usize>symbol) << 1), <u16>place);
    place += <u32>abs(share);
  }
  for (let cell: u32 = 0; cell < size; cell++) {
    const at = NORMALIZED_AT + ((<usize>load<u8>(FSE_CELLS_AT + <usize>cell)) << 1);
    const index = load<u16>(at);
    store<u16>(at, index + 1);
    store<u16>(next + ((<usize>index) << 1), <u16>(size + cell));
  }
}

/** Builds the table of one symbol that costs no bits. */
export function buildSingleFseTable(table: usize, symbol: u32): void {
  const next = table + FSE_NEXT_STATES_AT;
  store<u64>(table + FSE_SYMBOLS_AT + ((<usize>symbol) << 3), (<u64>next) << 32);
  store<u16>(next, 0);
}

/** Bits that `state` gives away when `symbol` comes before it. */
// @ts-ignore: decorator
@inline
export function fseBits(symbol: u64, state: u32): u32 {
  return (state + <u32>symbol) >>> 16;
}

/** The state before `state`, which has given `bits` bits away. */
// @ts-ignore: decorator
@inline
export function fseNext(symbol: u64, state: u32, bits: u32): u32 {
  return load<u16>(<usize>(symbol >>> 32) + ((<usize>(state >>> bits)) << 1));
}

/** The state that the last symbol leaves to begin with: its first. */
// @ts-ignore: decorator
@inline
export function fseFirst(symbol: u64): u32 {
  const bits = (<u32>symbol + 0x8000) >>> 16;
  return fseNext(symbol, (bits << 16) - <u32>symbol, bits);
}
