// Huffman codes of limited length, as DEFLATE has them: told by the lengths alone, ordered by length and then by symbol.

import { CODE_BITS_MAX } from "./deflate-format";
import { FIRST_CODES_AT, LENGTH_COUNTS_AT, NODES_AT, PARENTS_AT, SORTED_AT } from "./deflate-memory";

/** A symbol and how often it occurs, in one number that sorts by the latter. */
const SYMBOL_BITS: u32 = 9;
const SYMBOL_MASK: u32 = (1 << SYMBOL_BITS) - 1;

/**
 * Writes to `lengths`, a byte each, how long the code of each of `symbols` symbols is, at most `bitsMax`; 0 for those that do
 * not occur. `counts` says how often each does, uint32 each, below 2^23. A single symbol gets one bit.
 */
export function codeLengths(counts: usize, symbols: usize, bitsMax: usize, lengths: usize): void {
  memory.fill(lengths, 0, symbols);
  let used: usize = 0;
  for (let symbol: usize = 0; symbol < symbols; symbol++) {
    const count = load<u32>(counts + (symbol << 2));
    if (count > 0) store<u32>(SORTED_AT + (used++ << 2), (count << SYMBOL_BITS) | (<u32>symbol));
  }
  if (used == 0) return;
  sort(used);
  countLengths(used, bitsMax);
  // The rarest get the longest.
  let sorted: usize = SORTED_AT;
  for (let bits = bitsMax; bits > 0; bits--) {
    for (let count = load<u32>(LENGTH_COUNTS_AT + (bits << 2)); count > 0; count--) {
      store<u8>(lengths + <usize>(load<u32>(sorted) & SYMBOL_MASK), <u8>bits);
      sorted += 4;
    }
  }
}

/** Shell's sort: a few hundred numbers. */
function sort(used: usize): void {
  const end: usize = SORTED_AT + (used << 2);
  for (
    let gap: usize = 57 * 4;
    gap > 0;
    gap = gap == 4 ? 0 : gap == 228 ? 92 : gap == 92 ? 40 : gap == 40 ? 16 : 4
  ) {
    for (let at: usize = SORTED_AT + gap; at < end; at += 4) {
      const value = load<u32>(at);
      let to = at;
      while (to >= SORTED_AT + gap && load<u32>(to - gap) > value) {
        store<u32>(to, load<u32>(to - gap));
        to -= gap;
      }
      store<u32>(to, value);
    }
  }
}

/** Leaves at LENGTH_COUNTS_AT how many of the `used` sorted symbols get each length. */
function countLengths(used: usize, bitsMax: usize): void {
  memory.fill(LENGTH_COUNTS_AT, 0, (CODE_BITS_MAX + 1) * 4);
  if (used == 1) {
    store<u32>(LENGTH_COUNTS_AT, 1, 4);
    return;
  }
  // Leaves are nodes 0 to used - 1, sorted; inner nodes come after them, sorted by themselves as they are made.
  for (let leaf: usize = 0; leaf < used; leaf++) {
    store<u32>(NODES_AT + (leaf << 2), load<u32>(SORTED_AT + (leaf << 2)) >>> SYMBOL_BITS);
  }
  const root: usize = 2 * used - 2;
  let leaf: usize = 0;
  let inner = used;
  for (let node = used; node <= root; node++) {
    let sum: u32 = 0;
    for (let child = 0; child < 2; child++) {
      const takesLeaf =
        leaf < used &&
        (inner == node || load<u32>(NODES_AT + (leaf << 2)) <= load<u32>(NODES_AT + (inner << 2)));
      const taken = takesLeaf ? leaf++ : inner++;
      sum += load<u32>(NODES_AT + (taken << 2));
      store<u16>(PARENTS_AT + (taken << 1), <u16>node);
    }
    store<u32>(NODES_AT + (node << 2), sum);
  }

  // From the root down a node's weight makes way for its depth. Leaves that lie too deep are raised to the limit ...
  let over: i32 = -(1 << (<i32>bitsMax));
  store<u32>(NODES_AT + (root << 2), 0);
  for (let node = root; node > 0;) {
    node--;
    let depth = load<u32>(NODES_AT + ((<usize>load<u16>(PARENTS_AT + (node << 1))) << 2)) + 1;
    store<u32>(NODES_AT + (node << 2), depth);
    if (node >= used) continue;
    if (depth > <u32>bitsMax) depth = <u32>bitsMax;
    const count = LENGTH_COUNTS_AT + ((<usize>depth) << 2);
    store<u32>(count, load<u32>(count) + 1);
    over += 1 << (<i32>bitsMax - <i32>depth);
  }
  // ... and for each code that there is too much by that, a leaf above the limit becomes a node with two leaves, one of
  // which comes from the limit.
  for (; over > 0; over--) {
    let bits = bitsMax - 1;
    while (load<u32>(LENGTH_COUNTS_AT + (bits << 2)) == 0) bits--;
    const count = LENGTH_COUNTS_AT + (bits << 2);
    store<u32>(count, load<u32>(count) - 1);
    store<u32>(count, load<u32>(count, 4) + 2, 4);
    store<u32>(LENGTH_COUNTS_AT + (bitsMax << 2), load<u32>(LENGTH_COUNTS_AT + (bitsMax << 2)) - 1);
  }
}

/** Writes the codes for the lengths at `lengths`: uint32 each, the code with its first bit lowest, its bits from bit 24 on. */
export function assignCodes(lengths: usize, symbols: usize, codes: usize): void {
  memory.fill(LENGTH_COUNTS_AT, 0, (CODE_BITS_MAX + 1) * 4);
  for (let symbol: usize = 0; symbol < symbols; symbol++) {
    const count = LENGTH_COUNTS_AT + ((<usize>load<u8>(lengths + symbol)) << 2);
    store<u32>(count, load<u32>(count) + 1);
  }
  store<u32>(LENGTH_COUNTS_AT, 0);
  let first: u32 = 0;
  for (let bits: usize = 1; bits <= CODE_BITS_MAX; bits++) {
    first = (first + load<u32>(LENGTH_COUNTS_AT + ((bits - 1) << 2))) << 1;
    store<u32>(FIRST_CODES_AT + (bits << 2), first);
  }
  for (let symbol: usize = 0; symbol < symbols; symbol++) {
    const bits = <u32>load<u8>(lengths + symbol);
    const next = FIRST_CODES_AT + ((<usize>bits) << 2);
    const code = load<u32>(next);
    store<u32>(next, code + 1);
    store<u32>(codes + (symbol << 2), bits == 0 ? 0 : (reversed(code) >>> (32 - bits)) | (bits << 24));
  }
}

// @ts-ignore: decorator
@inline
function reversed(value: u32): u32 {
  value = ((value >>> 1) & 0x55555555) | ((value & 0x55555555) << 1);
  value = ((value >>> 2) & 0x33333333) | ((value & 0x33333333) << 2);
  value = ((value >>> 4) & 0x0f0f0f0f) | ((value & 0x0f0f0f0f) << 4);
  return bswap<u32>(value);
}
