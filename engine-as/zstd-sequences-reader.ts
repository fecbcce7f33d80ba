// The sequences section of a Zstandard block (RFC 8878, 3.1.1.3.2): its header and its tables.
//
//   Section => count, [modes uint8, tables of literal lengths, offsets and match lengths, bit stream]
//     count: one byte below 128; (high byte - 128, low byte) below 0x7f00; 255 and an uint16 that is added to 0x7f00
//     table, by its mode => predefined: none; RLE: a symbol; FSE: a distribution; repeat: none, the one before once more

import { BAD_FRAME, OK } from "./status";
import {
  buildSingle,
  buildTable,
  distributionLog,
  LITERAL_LENGTH_SYMBOLS,
  MATCH_LENGTH_SYMBOLS,
  OFFSET_SYMBOLS,
  readDistribution,
  usePredefined,
} from "./zstd-fse-reader";
import {
  ZSTD_LITERAL_LENGTH_CODES,
  ZSTD_LITERAL_LENGTH_DEFAULT,
  ZSTD_LITERAL_LENGTH_DEFAULT_LOG,
  ZSTD_LITERAL_LENGTH_LOG_MAX,
  ZSTD_LITERAL_LENGTH_MODE_SHIFT,
  ZSTD_LONG_SEQUENCES,
  ZSTD_MATCH_LENGTH_CODES,
  ZSTD_MATCH_LENGTH_DEFAULT,
  ZSTD_MATCH_LENGTH_DEFAULT_LOG,
  ZSTD_MATCH_LENGTH_LOG_MAX,
  ZSTD_MATCH_LENGTH_MODE_SHIFT,
  ZSTD_MODES_RESERVED_MASK,
  ZSTD_OFFSET_CODES,
  ZSTD_OFFSET_DEFAULT,
  ZSTD_OFFSET_DEFAULT_CODES,
  ZSTD_OFFSET_DEFAULT_LOG,
  ZSTD_OFFSET_LOG_MAX,
  ZSTD_OFFSET_MODE_SHIFT,
  ZSTD_PREDEFINED_MODE,
  ZSTD_REPEAT_1,
  ZSTD_REPEAT_2,
  ZSTD_REPEAT_3,
  ZSTD_REPEAT_MODE,
  ZSTD_RLE_MODE,
} from "./zstd-format";
import { LITERAL_LENGTHS_AT, LOGS_AT, MATCH_LENGTHS_AT, OFFSETS_AT, REPEATS_AT } from "./zstd-reader-memory";

/** Whether this frame has had sequences, and with them tables that may be used again. */
let hasTables: bool = false;
/** Which tables are the predefined ones: a bit for each kind of symbols. */
let predefined: u32 = 0;
/** Of the header just read: the number of sequences, and where their bit stream begins. */
export let sequencesCount: u32 = 0;
export let sequencesFrom: usize = 0;

/** Forgets the tables and the offsets of the frame before. */
export function startSequences(): void {
  hasTables = false;
  predefined = 0;
  store<u32>(REPEATS_AT, ZSTD_REPEAT_1);
  store<u32>(REPEATS_AT, ZSTD_REPEAT_2, 4);
  store<u32>(REPEATS_AT, ZSTD_REPEAT_3, 8);
}

/** Makes the table of a kind as its mode says. Answers the bytes this took at `at`, or BAD_FRAME. */
function readTable(
  mode: u32,
  kind: i32,
  table: usize,
  at: usize,
  end: usize,
  codes: u32,
  logMax: u32,
  defaults: usize,
  defaultCodes: u32,
  defaultLog: u32,
): i32 {
  if (mode == ZSTD_REPEAT_MODE) return hasTables ? 0 : BAD_FRAME;
  const bit: u32 = 1 << kind;
  const logAt = LOGS_AT + ((<usize>kind) << 2);
  if (mode == ZSTD_PREDEFINED_MODE) {
    if (predefined & bit) return 0;
    usePredefined(defaults, defaultCodes, defaultLog);
    buildTable(table, kind);
    predefined |= bit;
    store<u32>(logAt, defaultLog);
    return 0;
  }
  predefined &= ~bit;
  if (mode == ZSTD_RLE_MODE) {
    if (at >= end || <u32>load<u8>(at) >= codes) return BAD_FRAME;
    buildSingle(table, kind, load<u8>(at));
    store<u32>(logAt, 0);
    return 1;
  }
  const size = readDistribution(at, end, codes, logMax);
  if (size < 0) return BAD_FRAME;
  buildTable(table, kind);
  store<u32>(logAt, distributionLog);
  return size;
}

/** Reads the section at `at` up to its bit stream, which lasts until `end`. OK or BAD_FRAME. */
export function readSequencesHeader(at: usize, end: usize): i32 {
  if (at >= end) return BAD_FRAME;
  let count = <u32>load<u8>(at++);
  if (count == 255) {
    if (end - at < 2) return BAD_FRAME;
    count = ZSTD_LONG_SEQUENCES + <u32>load<u16>(at);
    at += 2;
  } else if (count >= 128) {
    if (at == end) return BAD_FRAME;
    count = ((count - 128) << 8) + <u32>load<u8>(at++);
  }
  sequencesCount = count;
  sequencesFrom = at;
  if (count == 0) return at == end ? OK : BAD_FRAME;

  if (at == end) return BAD_FRAME;
  const modes = <u32>load<u8>(at++);
  if (modes & ZSTD_MODES_RESERVED_MASK) return BAD_FRAME;
  const literalLengths = readTable(
    modes >>> ZSTD_LITERAL_LENGTH_MODE_SHIFT,
    LITERAL_LENGTH_SYMBOLS,
    LITERAL_LENGTHS_AT,
    at,
    end,
    ZSTD_LITERAL_LENGTH_CODES,
    ZSTD_LITERAL_LENGTH_LOG_MAX,
    ZSTD_LITERAL_LENGTH_DEFAULT,
    ZSTD_LITERAL_LENGTH_CODES,
    ZSTD_LITERAL_LENGTH_DEFAULT_LOG,
  );
  if (literalLengths < 0) return BAD_FRAME;
  at += <usize>literalLengths;
  const offsets = readTable(
    (modes >>> ZSTD_OFFSET_MODE_SHIFT) & 3,
    OFFSET_SYMBOLS,
    OFFSETS_AT,
    at,
    end,
    ZSTD_OFFSET_CODES,
    ZSTD_OFFSET_LOG_MAX,
    ZSTD_OFFSET_DEFAULT,
    ZSTD_OFFSET_DEFAULT_CODES,
    ZSTD_OFFSET_DEFAULT_LOG,
  );
  if (offsets < 0) return BAD_FRAME;
  at += <usize>offsets;
  const matchLengths = readTable(
    (modes >>> ZSTD_MATCH_LENGTH_MODE_SHIFT) & 3,
    MATCH_LENGTH_SYMBOLS,
    MATCH_LENGTHS_AT,
    at,
    end,
    ZSTD_MATCH_LENGTH_CODES,
    ZSTD_MATCH_LENGTH_LOG_MAX,
    ZSTD_MATCH_LENGTH_DEFAULT,
    ZSTD_MATCH_LENGTH_CODES,
    ZSTD_MATCH_LENGTH_DEFAULT_LOG,
  );
  if (matchLengths < 0) return BAD_FRAME;
  hasTables = true;
  sequencesFrom = at + <usize>matchLengths;
  return OK;
}
