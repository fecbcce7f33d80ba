// Decodes the sequences of a Zstandard block, each of them literals and a match, and carries them out as they come.
//
// Far from the end of the output literals and matches are copied in steps of 16 bytes and may write up to 32 bytes past a
// sequence's end but never past the output's; near it every byte counts.

import { BAD_FRAME, OUTPUT_FULL } from "./status";
import { copy16, repeatPattern } from "./wide-copy";
import { bitsBelow, firstPosition, topBits } from "./zstd-bits";
import { LITERAL_LENGTH_SYMBOLS, MATCH_LENGTH_SYMBOLS, OFFSET_SYMBOLS } from "./zstd-fse-reader";
import { ZSTD_BLOCK_BYTES_MAX, ZSTD_MATCH_MIN, ZSTD_REPEATS } from "./zstd-format";
import { HEAP_AT } from "./format";
import { LITERAL_LENGTHS_AT, LOGS_AT, MATCH_LENGTHS_AT, OFFSETS_AT, REPEATS_AT } from "./zstd-reader-memory";

/** Bytes that may be written past the end of a sequence. */
const OVERSHOOT: usize = 32;
/** Extra bits that leave enough of one word for the next states: 9 + 9 + 8 of at least 57. */
const EXTRA_BITS_MAX: u32 = 31;
/** The part of a state that says where the next one is, in bytes. */
const STATE_MASK: u64 = 0xffff;

// A stream that is read past its start is noticed before the next sequence.
if (ZSTD_BLOCK_BYTES_MAX > <usize>HEAP_AT) ERROR("zstd: input could be read below the start of memory");

/** A state from the `bits` on top of a word, in bytes: at least three bits are left below for it to be shifted less. */
// @ts-ignore: decorator
@inline
function stateOf(word: u64, bits: u64): usize {
  return <usize>((word >>> (61 - bits)) & ~7);
}

/**
 * Decodes `count` sequences, one or more, from the stream of `length` bytes at `stream`, taking literals from `literals` up to
 * `literalsEnd`, and puts what they make, and the literals that are left, at `output`, at most up to `outputEnd`. Matches may
 * reach back to `low`. Answers the number of bytes, OUTPUT_FULL when they would be more, or BAD_FRAME.
 */
export function decodeSequences(
  count: u32,
  stream: usize,
  length: usize,
  literals: usize,
  literalsEnd: usize,
  output: usize,
  outputEnd: usize,
  low: usize,
): i32 {
  let position = firstPosition(stream, length);
  if (position < 0) return BAD_FRAME;
  let op = output;
  const wideEnd = outputEnd - output > OVERSHOOT ? outputEnd - OVERSHOOT : output;
  let repeat1 = <usize>load<u32>(REPEATS_AT);
  let repeat2 = <usize>load<u32>(REPEATS_AT, 4);
  let repeat3 = <usize>load<u32>(REPEATS_AT, 8);

  const literalLengthsLog = load<u32>(LOGS_AT + (LITERAL_LENGTH_SYMBOLS << 2));
  const offsetsLog = load<u32>(LOGS_AT + (OFFSET_SYMBOLS << 2));
  const matchLengthsLog = load<u32>(LOGS_AT + (MATCH_LENGTH_SYMBOLS << 2));
  let word = bitsBelow(stream, position);
  let literalLengthState = stateOf(word, literalLengthsLog);
  word <<= <u64>literalLengthsLog;
  let offsetState = stateOf(word, offsetsLog);
  word <<= <u64>offsetsLog;
  let matchLengthState = stateOf(word, matchLengthsLog);
  position -= <i32>(literalLengthsLog + offsetsLog + matchLengthsLog);

  while (true) {
    const literalLength = load<u64>(LITERAL_LENGTHS_AT + literalLengthState);
    const matchLength = load<u64>(MATCH_LENGTHS_AT + matchLengthState);
    const offsetOf = load<u64>(OFFSETS_AT + offsetState);
    // The sums of what each says in its lowest and its second byte.
    const sums = <u32>(literalLength + matchLength + offsetOf);
    const extra = sums & 255;

    word = bitsBelow(stream, position);
    const value = <usize>(<u32>(offsetOf >>> 32) + <u32>topBits(word, offsetOf));
    word <<= offsetOf;
    if (extra > EXTRA_BITS_MAX) word = bitsBelow(stream, position - ((<i32>offsetOf) & 63));
    position -= <i32>extra;
    const matched = <usize>(matchLength >>> 32) + <usize>topBits(word, matchLength);
    word <<= matchLength;
    const literal = <usize>(literalLength >>> 32) + <usize>topBits(word, literalLength);
    word <<= literalLength;
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
    if (literal > literalsEnd - literals || offset - 1 >= match - low) return BAD_FRAME;
    if (end <= wideEnd) {
      copy16(op, literals);
      if (literal > 16) {
        let from = literals;
        do {
          from += 16;
          op += 16;
          copy16(op, from);
        } while (op + 16 < match);
      }
      literals += literal;
      if (offset >= 16) {
        let from = match - offset;
        copy16(match, from);
        if (matched > 16) {
          op = match;
          do {
            from += 16;
            op += 16;
            copy16(op, from);
          } while (op + 16 < end);
        }
      } else {
        repeatPattern(match, offset, end);
      }
    } else {
      if (end > outputEnd) return OUTPUT_FULL;
      memory.copy(op, literals, literal);
      literals += literal;
      copyExactly(match, offset, end, wideEnd);
    }
    op = end;

    if (--count == 0) break;
    if (extra > EXTRA_BITS_MAX) word = bitsBelow(stream, position);
    position -= (<i32>(sums >>> 8)) & 255;
    literalLengthState = <usize>((literalLength >>> 16) & STATE_MASK) + stateOf(word, literalLength >>> 8);
    word <<= literalLength >>> 8;
    matchLengthState = <usize>((matchLength >>> 16) & STATE_MASK) + stateOf(word, matchLength >>> 8);
    word <<= matchLength >>> 8;
    offsetState = <usize>((offsetOf >>> 16) & STATE_MASK) + stateOf(word, offsetOf >>> 8);
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

/** Copies a match to [to, end), wide up to `wideEnd`, and nothing beyond. */
function copyExactly(to: usize, offset: usize, end: usize, wideEnd: usize): void {
  if (to < wideEnd) {
    if (offset >= 16) {
      let from = to - offset;
      while (to < wideEnd) {
        copy16(to, from);
        to += 16;
        from += 16;
      }
    } else {
      repeatPattern(to, offset, wideEnd);
    }
    to = wideEnd;
  }
  while (to < end) {
    store<u8>(to, load<u8>(to - offset));
    to++;
  }
}
