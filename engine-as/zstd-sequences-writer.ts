// Writes the sequences section of a block: how many, the tables of their three codes, and one stream of bits with what the
// match finder left at SEQUENCES_AT. RFC 8878, section 3.1.1.3.2.
//
//   Section => number, [modes, tables of literal length, offset and match length, stream]

import {
  buildFseTable,
  buildSingleFseTable,
  costInBits,
  fseBits,
  fseFirst,
  fseLog,
  fseNext,
  normalizeCounts,
  predefineCounts,
  writeDistribution,
} from "./zstd-fse-writer";
import {
  ZSTD_FSE_MODE,
  ZSTD_LITERAL_LENGTH_BITS,
  ZSTD_LITERAL_LENGTH_CODES,
  ZSTD_LITERAL_LENGTH_DEFAULT,
  ZSTD_LITERAL_LENGTH_DEFAULT_LOG,
  ZSTD_LITERAL_LENGTH_LOG_MAX,
  ZSTD_LITERAL_LENGTH_MODE_SHIFT,
  ZSTD_LONG_SEQUENCES,
  ZSTD_MATCH_LENGTH_BITS,
  ZSTD_MATCH_LENGTH_CODES,
  ZSTD_MATCH_LENGTH_DEFAULT,
  ZSTD_MATCH_LENGTH_DEFAULT_LOG,
  ZSTD_MATCH_LENGTH_LOG_MAX,
  ZSTD_MATCH_LENGTH_MODE_SHIFT,
  ZSTD_OFFSET_DEFAULT,
  ZSTD_OFFSET_DEFAULT_CODES,
  ZSTD_OFFSET_DEFAULT_LOG,
  ZSTD_OFFSET_LOG_MAX,
  ZSTD_OFFSET_MODE_SHIFT,
  ZSTD_PREDEFINED_MODE,
  ZSTD_RLE_MODE,
} from "./zstd-format";
import {
  CODE_COUNTS_AT,
  FSE_SYMBOLS_AT,
  FSE_SYMBOLS_MAX,
  FSE_TABLES_AT,
  FSE_TABLE_BYTES,
  SEQUENCES_AT,
  SEQUENCE_BYTES,
  SEQUENCE_CODES_AT,
  SEQUENCE_EXTRA_AT,
  SEQUENCE_LITERALS_AT,
  SEQUENCE_MATCH_AT,
  SEQUENCE_OFFSET_AT,
} from "./zstd-writer-memory";

const LITERAL_LENGTH_TABLE: usize = FSE_TABLES_AT;
const MATCH_LENGTH_TABLE: usize = FSE_TABLES_AT + FSE_TABLE_BYTES;
const OFFSET_TABLE: usize = FSE_TABLES_AT + 2 * FSE_TABLE_BYTES;
const COUNTS_BYTES: usize = FSE_SYMBOLS_MAX * 4;
const LITERAL_LENGTH_COUNTS: usize = CODE_COUNTS_AT;
const MATCH_LENGTH_COUNTS: usize = CODE_COUNTS_AT + COUNTS_BYTES;
const OFFSET_COUNTS: usize = CODE_COUNTS_AT + 2 * COUNTS_BYTES;
if (<usize>ZSTD_MATCH_LENGTH_CODES > FSE_SYMBOLS_MAX) ERROR("zstd: no room for the match lengths' codes");

/** Fewer sequences do not pay for a table of their own. */
const OWN_TABLE_MIN: u32 = 24;

// The codes of lengths below these; above, a code for each power of two.
const LITERAL_LENGTHS_SHORT: u32 = 64;
const LITERAL_LENGTHS_LONG_CODE: u32 = 19; // and log2 of the length
const LITERAL_LENGTH_CODE_OF: usize = memory.data<u8>([
  0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 16, 17, 17, 18, 18, 19, 19, 20, 20, 20, 20, 21,
  21, 21, 21, 22, 22, 22, 22, 22, 22, 22, 22, 23, 23, 23, 23, 23, 23, 23, 23, 24, 24, 24, 24, 24, 24, 24, 24,
  24, 24, 24, 24, 24, 24, 24, 24,
]);
const MATCH_LENGTHS_SHORT: u32 = 128;
const MATCH_LENGTHS_LONG_CODE: u32 = 36;
const MATCH_LENGTH_CODE_OF: usize = memory.data<u8>([
  0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28,
  29, 30, 31, 32, 32, 33, 33, 34, 34, 35, 35, 36, 36, 36, 36, 37, 37, 37, 37, 38, 38, 38, 38, 38, 38, 38, 38,
  39, 39, 39, 39, 39, 39, 39, 39, 40, 40, 40, 40, 40, 40, 40, 40, 40, 40, 40, 40, 40, 40, 40, 40, 41, 41, 41,
  41, 41, 41, 41, 41, 41, 41, 41, 41, 41, 41, 41, 41, 42, 42, 42, 42, 42, 42, 42, 42, 42, 42, 42, 42, 42, 42,
  42, 42, 42, 42, 42, 42, 42, 42, 42, 42, 42, 42, 42, 42, 42, 42, 42, 42,
]);

// @ts-ignore: decorator
@inline
function count(counts: usize, code: u32): void {
  const at = counts + ((<usize>code) << 2);
  store<u32>(at, load<u32>(at) + 1);
}

/** Replaces lengths and offset of each sequence by codes and their extra bits, and counts the codes. */
function encodeLengths(end: usize): void {
  memory.fill(CODE_COUNTS_AT, 0, 3 * COUNTS_BYTES);
  for (let at = SEQUENCES_AT; at < end; at += SEQUENCE_BYTES) {
    const literals = load<u32>(at, SEQUENCE_LITERALS_AT);
    const matched = load<u32>(at, SEQUENCE_MATCH_AT);
    const offset = load<u32>(at, SEQUENCE_OFFSET_AT);
    const literalsCode =
      literals < LITERAL_LENGTHS_SHORT
        ? <u32>load<u8>(LITERAL_LENGTH_CODE_OF + <usize>literals)
        : 31 - clz(literals) + LITERAL_LENGTHS_LONG_CODE;
    const matchCode =
      matched < MATCH_LENGTHS_SHORT
        ? <u32>load<u8>(MATCH_LENGTH_CODE_OF + <usize>matched)
        : 31 - clz(matched) + MATCH_LENGTHS_LONG_CODE;
    const offsetCode = 31 - clz(offset);
    count(LITERAL_LENGTH_COUNTS, literalsCode);
    count(MATCH_LENGTH_COUNTS, matchCode);
    count(OFFSET_COUNTS, offsetCode);
    // A code's base is a multiple of what its extra bits can say, so that these are the lowest bits of the length itself.
    const literalsBits = <u32>load<u8>(ZSTD_LITERAL_LENGTH_BITS + <usize>literalsCode);
    const matchBits = <u32>load<u8>(ZSTD_MATCH_LENGTH_BITS + <usize>matchCode);
    const lengthBits = literalsBits + matchBits;
    const extra =
      (<u64>(literals & ((1 << literalsBits) - 1))) |
      ((<u64>(matched & ((1 << matchBits) - 1))) << literalsBits) |
      ((<u64>(offset ^ (1 << offsetCode))) << lengthBits);
    store<u64>(at, extra, SEQUENCE_EXTRA_AT);
    store<u32>(
      at,
      literalsCode | (matchCode << 8) | (offsetCode << 16) | ((lengthBits + offsetCode) << 24),
      SEQUENCE_CODES_AT,
    );
  }
}

/**
 * Chooses how the codes with these counts, `total` in all, are written, builds their table, and writes its description;
 * answers where that ends. The mode is added to the byte at `modesAt`.
 */
function writeTable(
  table: usize,
  counts: usize,
  codes: u32,
  total: u32,
  logMax: u32,
  predefined: usize,
  predefinedCodes: u32,
  predefinedLog: u32,
  modesAt: usize,
  modeShift: u32,
  output: usize,
): usize {
  let last = codes - 1;
  while (load<u32>(counts + ((<usize>last) << 2)) == 0) last--;
  let mode = ZSTD_PREDEFINED_MODE;
  let log = predefinedLog;
  if (load<u32>(counts + ((<usize>last) << 2)) == total && total > 2) {
    mode = ZSTD_RLE_MODE;
    buildSingleFseTable(table, last);
    store<u8>(output++, <u8>last);
  } else {
    if (total >= OWN_TABLE_MIN) {
      predefineCounts(predefined, predefinedCodes - 1);
      const cost = costInBits(counts, last, predefinedLog);
      log = fseLog(total, last, logMax);
      normalizeCounts(counts, last, total, log);
      const end = writeDistribution(output, last, log);
      if (costInBits(counts, last, log) + ((<u32>(end - output)) << 3) < cost) {
        mode = ZSTD_FSE_MODE;
        output = end;
      }
    }
    if (mode == ZSTD_PREDEFINED_MODE) {
      predefineCounts(predefined, predefinedCodes - 1);
      last = predefinedCodes - 1;
      log = predefinedLog;
    }
    buildFseTable(table, last, log);
  }
  store<u8>(modesAt, load<u8>(modesAt) | (<u8>(mode << modeShift)));
  return output;
}

// @ts-ignore: decorator
@inline
function symbolOf(table: usize, code: u32): u64 {
  return load<u64>(table + FSE_SYMBOLS_AT + ((<usize>(code & 255)) << 3));
}

/** log2 of the number of states of a table, told by any of its states. */
// @ts-ignore: decorator
@inline
function logOf(state: u32): u32 {
  return state == 0 ? 0 : 31 - clz(state);
}

/** Writes the bits of all sequences up to `end`, the last one first; answers where they end, 0 when that is beyond `outputEnd`. */
function writeStream(end: usize, output: usize, outputEnd: usize): usize {
  let at = end - SEQUENCE_BYTES;
  let codes = load<u32>(at, SEQUENCE_CODES_AT);
  let literalsState = fseFirst(symbolOf(LITERAL_LENGTH_TABLE, codes));
  let matchState = fseFirst(symbolOf(MATCH_LENGTH_TABLE, codes >>> 8));
  let offsetState = fseFirst(symbolOf(OFFSET_TABLE, codes >>> 16));
  let bits = load<u64>(at, SEQUENCE_EXTRA_AT);
  let filled: u64 = codes >>> 24;
  for (at -= SEQUENCE_BYTES; at >= SEQUENCES_AT; at -= SEQUENCE_BYTES) {
    if (output > outputEnd) return 0;
    store<u64>(output, bits);
    output += <usize>(filled >>> 3);
    bits >>>= filled & ~7;
    filled &= 7;

    codes = load<u32>(at, SEQUENCE_CODES_AT);
    let symbol = symbolOf(OFFSET_TABLE, codes >>> 16);
    let given = fseBits(symbol, offsetState);
    bits |= (<u64>(offsetState & ((1 << given) - 1))) << filled;
    filled += given;
    offsetState = fseNext(symbol, offsetState, given);

    symbol = symbolOf(MATCH_LENGTH_TABLE, codes >>> 8);
    given = fseBits(symbol, matchState);
    bits |= (<u64>(matchState & ((1 << given) - 1))) << filled;
    filled += given;
    matchState = fseNext(symbol, matchState, given);

    symbol = symbolOf(LITERAL_LENGTH_TABLE, codes);
    given = fseBits(symbol, literalsState);
    bits |= (<u64>(literalsState & ((1 << given) - 1))) << filled;
    filled += given;
    literalsState = fseNext(symbol, literalsState, given);

    const extra = <u64>(codes >>> 24);
    if (filled + extra > 63) {
      store<u64>(output, bits);
      output += <usize>(filled >>> 3);
      bits >>>= filled & ~7;
      filled &= 7;
    }
    bits |= load<u64>(at, SEQUENCE_EXTRA_AT) << filled;
    filled += extra;
  }
  store<u64>(output, bits);
  output += <usize>(filled >>> 3);
  bits >>>= filled & ~7;
  filled &= 7;
  // The states that the reader begins with.
  let log = logOf(matchState);
  bits |= (<u64>(matchState ^ ((1 << log) & matchState))) << filled;
  filled += log;
  log = logOf(offsetState);
  bits |= (<u64>(offsetState ^ ((1 << log) & offsetState))) << filled;
  filled += log;
  log = logOf(literalsState);
  bits |= (<u64>(literalsState ^ ((1 << log) & literalsState))) << filled;
  filled += log;
  store<u64>(output, bits | ((<u64>1) << filled));
  output += <usize>((filled + 8) >>> 3);
  return output <= outputEnd ? output : 0;
}

/**
 * Writes `total` sequences, one or more, and makes other things of them at SEQUENCES_AT. Answers where they end, 0 when that
 * is beyond `outputEnd`; needs room for 300 bytes more.
 */
export function writeSequences(total: u32, output: usize, outputEnd: usize): usize {
  const end = SEQUENCES_AT + <usize>total * SEQUENCE_BYTES;
  encodeLengths(end);
  if (total < 128) {
    store<u8>(output++, <u8>total);
  } else if (total < ZSTD_LONG_SEQUENCES) {
    store<u8>(output, <u8>((total >>> 8) + 128));
    store<u8>(output, <u8>total, 1);
    output += 2;
  } else {
    store<u8>(output, 255);
    store<u16>(output, <u16>(total - ZSTD_LONG_SEQUENCES), 1);
    output += 3;
  }
  const modesAt = output++;
  store<u8>(modesAt, 0);
  output = writeTable(
    LITERAL_LENGTH_TABLE,
    LITERAL_LENGTH_COUNTS,
    ZSTD_LITERAL_LENGTH_CODES,
    total,
    ZSTD_LITERAL_LENGTH_LOG_MAX,
    ZSTD_LITERAL_LENGTH_DEFAULT,
    ZSTD_LITERAL_LENGTH_CODES,
    ZSTD_LITERAL_LENGTH_DEFAULT_LOG,
    modesAt,
    ZSTD_LITERAL_LENGTH_MODE_SHIFT,
    output,
  );
  output = writeTable(
    OFFSET_TABLE,
    OFFSET_COUNTS,
    ZSTD_OFFSET_DEFAULT_CODES,
    total,
    ZSTD_OFFSET_LOG_MAX,
    ZSTD_OFFSET_DEFAULT,
    ZSTD_OFFSET_DEFAULT_CODES,
    ZSTD_OFFSET_DEFAULT_LOG,
    modesAt,
    ZSTD_OFFSET_MODE_SHIFT,
    output,
  );
  output = writeTable(
    MATCH_LENGTH_TABLE,
    MATCH_LENGTH_COUNTS,
    ZSTD_MATCH_LENGTH_CODES,
    total,
    ZSTD_MATCH_LENGTH_LOG_MAX,
    ZSTD_MATCH_LENGTH_DEFAULT,
    ZSTD_MATCH_LENGTH_CODES,
    ZSTD_MATCH_LENGTH_DEFAULT_LOG,
    modesAt,
    ZSTD_MATCH_LENGTH_MODE_SHIFT,
    output,
  );
  return writeStream(end, output, outputEnd);
}
