// Huffman codes of literals, the writer's side: the code from the counts, its description, and streams written with it.
// RFC 8878, section 4.2.

import {
  buildFseTable,
  fseBits,
  fseFirst,
  fseLog,
  fseNext,
  normalizeCounts,
  writeDistribution,
} from "./zstd-fse-writer";
import { ZSTD_HUFFMAN_BITS_MAX, ZSTD_WEIGHTS_DIRECT, ZSTD_WEIGHTS_LOG_MAX } from "./zstd-format";
import {
  BUCKETS_AT,
  CODE_COUNTS_AT,
  CODE_LENGTHS_AT,
  FSE_SYMBOLS_AT,
  FSE_TABLES_AT,
  HISTOGRAM_AT,
  HUFFMAN_CODES_AT,
  LENGTH_COUNTS_AT,
  NODES_AT,
  SORTED_AT,
} from "./zstd-writer-memory";

/** No tree over 131,072 literals is so deep. */
const DEPTH_MAX: u32 = 32;
/** Counts are sorted by their first four bits first. */
const BUCKETS: usize = 128;
/** More weights than this cannot be written as they are. */
const DIRECT_WEIGHTS_MAX: u32 = 128;

// @ts-ignore: decorator
@inline
function bucketOf(count: u32): usize {
  if (count < 8) return <usize>count;
  const log = 31 - clz(count);
  return <usize>(((log - 2) << 3) | ((count >>> (log - 3)) & 7));
}

/** Sorts the symbols 0 to `last` that occur by their count, the rarest first, to SORTED_AT; answers how many they are. */
function sortSymbols(last: u32): u32 {
  memory.fill(BUCKETS_AT, 0, (BUCKETS + 1) << 2);
  for (let symbol: u32 = 0; symbol <= last; symbol++) {
    const at = BUCKETS_AT + (bucketOf(load<u32>(HISTOGRAM_AT + ((<usize>symbol) << 2))) << 2);
    store<u32>(at, load<u32>(at, 4) + 1, 4);
  }
  // Those that do not occur have the first bucket, and no place.
  store<u32>(BUCKETS_AT, 0, 4);
  for (let at: usize = BUCKETS_AT + 4; at < BUCKETS_AT + (BUCKETS << 2); at += 4) {
    store<u32>(at, load<u32>(at) + load<u32>(at, 4), 4);
  }
  for (let symbol: u32 = 0; symbol <= last; symbol++) {
    const count = load<u32>(HISTOGRAM_AT + ((<usize>symbol) << 2));
    if (count == 0) continue;
    const bucket = BUCKETS_AT + (bucketOf(count) << 2);
    const place = load<u32>(bucket);
    store<u32>(bucket, place + 1);
    store<u32>(SORTED_AT + ((<usize>place) << 2), (count << 8) | symbol);
  }
  // Nobody leaves his bucket any more.
  const symbols = load<u32>(BUCKETS_AT + ((BUCKETS - 1) << 2));
  for (let next: usize = SORTED_AT + 4; next < SORTED_AT + ((<usize>symbols) << 2); next += 4) {
    const key = load<u32>(next);
    let at = next;
    for (; at > SORTED_AT && load<u32>(at - 4) > key; at -= 4) store<u32>(at, load<u32>(at - 4));
    store<u32>(at, key);
  }
  return symbols;
}

/** Builds the tree over `leaves` sorted symbols and counts the leaves of each depth to LENGTH_COUNTS_AT. */
function countDepths(leaves: u32): void {
  const nodes = leaves - 1;
  const leavesEnd = SORTED_AT + ((<usize>leaves) << 2);
  const nodesEnd = NODES_AT + ((<usize>nodes) << 3);
  let leaf: usize = SORTED_AT;
  let node: usize = NODES_AT;
  for (let made: usize = NODES_AT; made < nodesEnd; made += 8) {
    let count: u32 = 0;
    for (let child = 0; child < 2; child++) {
      if (leaf < leavesEnd && (node == made || load<u32>(leaf) >>> 8 <= load<u32>(node))) {
        count += load<u32>(leaf) >>> 8;
        leaf += 4;
      } else {
        count += load<u32>(node);
        store<u32>(node, <u32>made, 4);
        node += 8;
      }
    }
    store<u32>(made, count);
  }
  // From the root down. Of the places that the inner nodes of one depth offer, the next depth's inner nodes take some.
  memory.fill(LENGTH_COUNTS_AT, 0, (DEPTH_MAX + 2) << 2);
  store<u32>(nodesEnd - 8, 0, 4);
  store<u32>(LENGTH_COUNTS_AT, 1);
  for (let at = nodesEnd - 16; at >= NODES_AT; at -= 8) {
    const depth = load<u32>(<usize>load<u32>(at, 4), 4) + 1;
    store<u32>(at, depth, 4);
    const counted = LENGTH_COUNTS_AT + ((<usize>depth) << 2);
    store<u32>(counted, load<u32>(counted) + 1);
  }
  let before = load<u32>(LENGTH_COUNTS_AT);
  for (let at: usize = LENGTH_COUNTS_AT + 4; at <= LENGTH_COUNTS_AT + (DEPTH_MAX << 2); at += 4) {
    const inner = load<u32>(at);
    store<u32>(at, 2 * before - inner);
    before = inner;
  }
}

/** Makes codes of more than `bitsMax` bits shorter, and as many others longer as it takes; answers the longest there is. */
function limitLengths(bitsMax: u32): u32 {
  const deepest = LENGTH_COUNTS_AT + ((<usize>bitsMax) << 2);
  let over: u32 = 0;
  for (let depth = bitsMax + 1; depth <= DEPTH_MAX; depth++) {
    over += load<u32>(LENGTH_COUNTS_AT + ((<usize>depth) << 2));
  }
  if (over == 0) {
    while (load<u32>(LENGTH_COUNTS_AT + ((<usize>bitsMax) << 2)) == 0) bitsMax--;
    return bitsMax;
  }
  store<u32>(deepest, load<u32>(deepest) + over);
  let taken: u32 = 0;
  for (let length: u32 = 1; length <= bitsMax; length++) {
    taken += load<u32>(LENGTH_COUNTS_AT + ((<usize>length) << 2)) << (bitsMax - length);
  }
  for (; taken > (<u32>1) << bitsMax; taken--) {
    // One of the longest goes beside the longest that is shorter, which is one bit longer for it.
    let shorter = deepest - 4;
    while (load<u32>(shorter) == 0) shorter -= 4;
    store<u32>(shorter, load<u32>(shorter) - 1);
    store<u32>(shorter, load<u32>(shorter, 4) + 2, 4);
    store<u32>(deepest, load<u32>(deepest) - 1);
  }
  return bitsMax;
}

/**
 * Makes the code for `total` literals whose counts are at HISTOGRAM_AT, `last` the greatest that occurs and at least one
 * other with it. Leaves lengths at CODE_LENGTHS_AT and codes at HUFFMAN_CODES_AT: the code in the highest bits, its
 * length in the lowest. Answers the number of bits that all literals take, and below them, in eight bits, the longest code.
 */
export function buildHuffmanCode(last: u32, total: u32): u32 {
  const leaves = sortSymbols(last);
  countDepths(leaves);
  // Few literals are not worth a large table for who reads them.
  const least = 32 - clz(leaves - 1);
  const bits = limitLengths(min(ZSTD_HUFFMAN_BITS_MAX, max(31 - clz(total), least + 1)));

  memory.fill(CODE_LENGTHS_AT, 0, last + 1);
  let sum: u32 = 0;
  let code: u64 = 0;
  let at: usize = SORTED_AT;
  for (let length = bits; length > 0; length--) {
    const counted = LENGTH_COUNTS_AT + ((<usize>length) << 2);
    const count = load<u32>(counted);
    const end = at + ((<usize>count) << 2);
    for (; at < end; at += 4) {
      const key = load<u32>(at);
      store<u8>(CODE_LENGTHS_AT + <usize>(key & 255), <u8>length);
      sum += (key >>> 8) * length;
    }
    // The next code of this length, in place of how many there are.
    store<u32>(counted, <u32>code);
    code = (code + count) >>> 1;
  }
  for (let symbol: usize = 0; symbol <= <usize>last; symbol++) {
    const length = load<u8>(CODE_LENGTHS_AT + symbol);
    const counted = LENGTH_COUNTS_AT + ((<usize>length) << 2);
    const next = load<u32>(counted);
    store<u32>(counted, next + 1);
    store<u64>(HUFFMAN_CODES_AT + (symbol << 3), ((<u64>next) << (64 - <u64>length)) | length);
  }
  return (sum << 8) | bits;
}

/** Writes `count` weights, two or more, with FSE; answers where they end, 0 when they are all the same. */
function writeWeightsWithFse(output: usize, count: u32): usize {
  memory.fill(CODE_COUNTS_AT, 0, (ZSTD_HUFFMAN_BITS_MAX + 1) << 2);
  let last: u32 = 0;
  for (let at: usize = CODE_LENGTHS_AT; at < CODE_LENGTHS_AT + <usize>count; at++) {
    const weight = <u32>load<u8>(at);
    const counted = CODE_COUNTS_AT + ((<usize>weight) << 2);
    store<u32>(counted, load<u32>(counted) + 1);
    last = max(last, weight);
  }
  if (load<u32>(CODE_COUNTS_AT + ((<usize>last) << 2)) == count) return 0;
  const log = fseLog(count, last, ZSTD_WEIGHTS_LOG_MAX);
  normalizeCounts(CODE_COUNTS_AT, last, count, log);
  output = writeDistribution(output, last, log);
  buildFseTable(FSE_TABLES_AT, last, log);

  // Two states take turns; the last two weights are what they begin with.
  const symbols = FSE_TABLES_AT + FSE_SYMBOLS_AT;
  let at: usize = CODE_LENGTHS_AT + <usize>count - 1;
  let state = fseFirst(load<u64>(symbols + ((<usize>load<u8>(at--)) << 3)));
  let other = fseFirst(load<u64>(symbols + ((<usize>load<u8>(at--)) << 3)));
  let bits: u64 = 0;
  let filled: u64 = 0;
  for (; at >= CODE_LENGTHS_AT; at--) {
    const symbol = load<u64>(symbols + ((<usize>load<u8>(at)) << 3));
    const given = fseBits(symbol, state);
    bits |= (<u64>(state & ((1 << given) - 1))) << filled;
    filled += given;
    const before = fseNext(symbol, state, given);
    state = other;
    other = before;
    store<u64>(output, bits);
    output += <usize>(filled >>> 3);
    bits >>>= filled & ~7;
    filled &= 7;
  }
  // `other` has the first weight, and is read first: it comes last.
  const mask: u32 = (1 << log) - 1;
  bits |= (<u64>(state & mask)) << filled;
  filled += log;
  bits |= (<u64>(other & mask)) << filled;
  filled += log;
  store<u64>(output, bits | ((<u64>1) << filled));
  return output + <usize>((filled + 8) >>> 3);
}

/**
 * Writes the description of the code that `buildHuffmanCode` made, with `bits` its longest, of which it makes weights.
 * Answers where it ends, 0 when it cannot be written. Needs room for 300 bytes.
 */
export function writeHuffmanCode(output: usize, last: u32, bits: u32): usize {
  // The last weight is known from the others.
  for (let at: usize = CODE_LENGTHS_AT; at < CODE_LENGTHS_AT + <usize>last; at++) {
    const length = <u32>load<u8>(at);
    store<u8>(at, <u8>(length == 0 ? 0 : bits + 1 - length));
  }
  const direct = (last + 1) >>> 1;
  const end = last > 1 ? writeWeightsWithFse(output + 1, last) : 0;
  const size = end - output - 1;
  if (
    end != 0 &&
    size < <usize>ZSTD_WEIGHTS_DIRECT + 1 &&
    (size < <usize>direct || last > DIRECT_WEIGHTS_MAX)
  ) {
    store<u8>(output, <u8>size);
    return end;
  }
  if (last > DIRECT_WEIGHTS_MAX) return 0;
  store<u8>(output, <u8>(ZSTD_WEIGHTS_DIRECT + last));
  store<u8>(CODE_LENGTHS_AT + <usize>last, 0);
  for (let pair: usize = 0; pair < <usize>direct; pair++) {
    const at = CODE_LENGTHS_AT + 2 * pair;
    store<u8>(output + 1 + pair, (load<u8>(at) << 4) | load<u8>(at, 1));
  }
  return output + 1 + <usize>direct;
}

// @ts-ignore: decorator
@inline
function codeAt(at: usize): u64 {
  return load<u64>(HUFFMAN_CODES_AT + ((<usize>load<u8>(at)) << 3));
}

/** Writes the literals from `from` to `end`, the last one first, as one stream; answers where it ends. */
export function writeHuffmanStream(from: usize, end: usize, output: usize): usize {
  // The newest bits are the highest. A code's length shifts as it is, for a shift looks at the lowest six bits only; what it
  // leaves in the lowest four is shifted out, or lies below all that counts.
  let bits: u64 = 0;
  let filled: u64 = 0;
  for (let odd = (end - from) % 5; odd > 0; odd--) {
    const code = codeAt(--end);
    bits = (bits >>> code) | (code & ~15);
    filled += code & 15;
    if (filled < 32) continue;
    store<u64>(output, bits >>> (64 - filled));
    output += <usize>(filled >>> 3);
    filled &= 7;
  }
  store<u64>(output, bits >>> (64 - filled));
  output += <usize>(filled >>> 3);
  filled &= 7;
  while (end > from) {
    const a = codeAt(end - 1);
    const b = codeAt(end - 2);
    const c = codeAt(end - 3);
    const d = codeAt(end - 4);
    const e = codeAt(end - 5);
    end -= 5;
    bits = (bits >>> a) | a;
    bits = (bits >>> b) | b;
    bits = (bits >>> c) | c;
    bits = (bits >>> d) | d;
    bits = (bits >>> e) | (e & ~15);
    filled = (filled + a + b + c + d + e) & 63;
    store<u64>(output, bits >>> (64 - filled));
    output += <usize>(filled >>> 3);
    filled &= 7;
  }
  bits = (bits >>> 1) | 0x8000000000000000;
  filled++;
  store<u64>(output, bits >>> (64 - filled));
  return output + <usize>((filled + 7) >>> 3);
}
