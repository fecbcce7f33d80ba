// Decodes the sequences of a Zstandard block, each of them literals and a match, and carries them out as they come.
//
// Far from the end of the output literals and matches are copied in wide steps, which may write past a sequence's end but
// never past the output's; near it every byte counts. Nothing is called from the loop: what it works with stays in registers.

import { HEAP_AT } from "./format";
import { BAD_FRAME, OUTPUT_FULL } from "./status";
import { copy16, COPY_OVERSHOOT, copyForward, copyMatch } from "./wide-copy";
import { bitsBelow, firstPosition, topBits } from "./zstd-bits";
import { LITERAL_LENGTH_SYMBOLS, MATCH_LENGTH_SYMBOLS, OFFSET_SYMBOLS } from "./zstd-fse-reader";
import { ZSTD_BLOCK_BYTES_MAX, ZSTD_REPEATS } from "./zstd-format";
import { LITERAL_LENGTHS_AT, LOGS_AT, MATCH_LENGTHS_AT, OFFSETS_AT, REPEATS_AT } from "./zstd-reader-memory";

/** Extra bits that leave enough of one word for the next states: 9 + 9 + 8 of at least 57. */
const EXTRA_BITS_MAX: u32 = 31;

// A stream that is read past its start is noticed before the next sequence, a few bytes below it at most.
if (<usize>HEAP_AT < 65536) ERROR("zstd: there must be memory below a stream");
if (ZSTD_BLOCK_BYTES_MAX > 131072) ERROR("zstd: a block's bits must be numbered in an int32");

/** The state that follows `entry`, whose bits are the lowest of `word`. */
// @ts-ignore: decorator
@inline
function nextState(entry: u64, word: u64): usize {
  return ((<usize>(entry >>> 12)) & 511) + ((<usize>word) & (<usize>(entry >>> 21)) & 511);
}

/** A length's value, whose extra bits are the lowest of `word`. */
// @ts-ignore: decorator
@inline
function lengthOf(entry: u64, word: u64): usize {
  return ((<usize>(entry >>> 30)) & 0x1ffff) + ((<usize>word) & (<usize>(entry >>> 48)));
}

/**
 * Decodes `count` sequences, one or more, from the stream of `length` bytes at `stream`, taking literals from `literals` up to
 * `literalsEnd`, and puts what they make, and the literals that are left, at `output`, at most up to `outputEnd`. A sequence that
 * ends at or before `wideEnd` may be copied in wide steps. Matches may reach back to `low`. Answers the number of bytes, OUTPUT_FULL
 * when they would be more, or BAD_FRAME.
 */
export function decodeSequences(
  count: u32,
  stream: usize,
  length: usize,
  literals: usize,
  literalsEnd: usize,
  output: usize,
  outputEnd: usize,
  wideEnd: usize,
  low: usize,
): i32 {
  let position = firstPosition(stream, length);
  if (position < 0) return BAD_FRAME;
  let op = output;
  let repeat1 = <usize>load<u32>(REPEATS_AT);
  let repeat2 = <usize>load<u32>(REPEATS_AT, 4);
  let repeat3 = <usize>load<u32>(REPEATS_AT, 8);

  const literalLengthsLog = load<u32>(LOGS_AT + (LITERAL_LENGTH_SYMBOLS << 2));
  const offsetsLog = load<u32>(LOGS_AT + (OFFSET_SYMBOLS << 2));
  const matchLengthsLog = load<u32>(LOGS_AT + (MATCH_LENGTH_SYMBOLS << 2));
  let word = bitsBelow(stream, position);
  let literalLengthState = <usize>topBits(word, literalLengthsLog);
  word <<= <u64>literalLengthsLog;
  let offsetState = <usize>topBits(word, offsetsLog);
  word <<= <u64>offsetsLog;
  let matchLengthState = <usize>topBits(word, matchLengthsLog);
  position -= <i32>(literalLengthsLog + offsetsLog + matchLengthsLog);

  while (true) {
    const literalLength = load<u64>(LITERAL_LENGTHS_AT + (literalLengthState << 3));
    const matchLength = load<u64>(MATCH_LENGTHS_AT + (matchLengthState << 3));
    const offsetEntry = load<u64>(OFFSETS_AT + (offsetState << 3));
    // The sums of the bits that each takes for its value, and for its next state.
    const sums = <u32>(literalLength + matchLength + offsetEntry);
    const extra = sums & 63;

    // Turned by a number of bits, a word has them lowest, to be masked, and the next ones on top.
    word = rotl<u64>(bitsBelow(stream, position), offsetEntry);
    const offsetBase = <u32>(offsetEntry >>> 32);
    const value = <usize>(offsetBase + ((<u32>word) & (offsetBase - 1)));
    if (extra > EXTRA_BITS_MAX) word = bitsBelow(stream, position - ((<i32>offsetEntry) & 63));
    position -= <i32>extra;
    word = rotl<u64>(word, matchLength);
    const matched = lengthOf(matchLength, word);
    word = rotl<u64>(word, literalLength);
    const literal = lengthOf(literalLength, word);
    if (position < 0) return BAD_FRAME;

    let offset: usize;
    if (value > ZSTD_REPEATS) {
      offset = value - ZSTD_REPEATS;
      repeat3 = repeat2;
      repeat2 = repeat1;
      repeat1 = offset;
    } else {
      // Without literals the last offset would have gone on: the numbers mean one further.
      const which = value + <usize>(literal == 0);
      if (which == 1) {
        offset = repeat1;
      } else {
        offset = which == 2 ? repeat2 : which == 3 ? repeat3 : repeat1 - 1;
        if (which != 2) repeat3 = repeat2;
        repeat2 = repeat1;
        repeat1 = offset;
      }
    }

    const match = op + literal;
    const end = match + matched;
    if (literal > literalsEnd - literals) return BAD_FRAME;
    if (offset - 1 >= match - low) return BAD_FRAME;
    if (end <= wideEnd) {
      copy16(op, literals);
      if (literal > 16) copyForward(op + 16, literals + 16, match);
      copyMatch(match, offset, end);
    } else {
      if (end > outputEnd) return OUTPUT_FULL;
      copyExactly(op, literals, match);
      repeatExactly(match, offset, end);
    }
    literals += literal;
    op = end;

    if (--count == 0) break;
    if (extra > EXTRA_BITS_MAX) word = bitsBelow(stream, position);
    position -= <i32>((sums >>> 6) & 63);
    word = rotl<u64>(word, literalLength >>> 6);
    literalLengthState = nextState(literalLength, word);
    word = rotl<u64>(word, matchLength >>> 6);
    matchLengthState = nextState(matchLength, word);
    word = rotl<u64>(word, offsetEntry >>> 6);
    offsetState = nextState(offsetEntry, word);
  }
  if (position != 0) return BAD_FRAME;
  store<u32>(REPEATS_AT, <u32>repeat1);
  store<u32>(REPEATS_AT, <u32>repeat2, 4);
  store<u32>(REPEATS_AT, <u32>repeat3, 8);

  const rest = literalsEnd - literals;
  if (rest > outputEnd - op) return OUTPUT_FULL;
  memory.copy(op, literals, rest);
  return <i32>(op + rest - output);
}

/** Copies to [to, end) what lies somewhere else, or at least 16 bytes before, and writes nothing beyond. */
// @ts-ignore: decorator
@inline
function copyExactly(to: usize, from: usize, end: usize): void {
  while (to + 16 <= end) {
    copy16(to, from);
    to += 16;
    from += 16;
  }
  while (to < end) store<u8>(to++, load<u8>(from++));
}

/** Fills [to, end) with what lies `offset` bytes before each byte, and writes nothing beyond. */
// @ts-ignore: decorator
@inline
function repeatExactly(to: usize, offset: usize, end: usize): void {
  // A short pattern is written out until it can be copied in steps of sixteen.
  let distance = offset;
  while (distance < 16) distance <<= 1;
  const first = min<usize>(to + (distance - offset), end);
  while (to < first) {
    store<u8>(to, load<u8>(to - offset));
    to++;
  }
  copyExactly(to, to - distance, end);
}

/** How far before the end of an output the last sequence must end that is copied in wide steps. */
export const WIDE_BYTES: usize = COPY_OVERSHOOT;
