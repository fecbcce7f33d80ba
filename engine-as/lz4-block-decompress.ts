// LZ4 block decompression.
//
//   Block => [Sequence], the last of which ends after its literals
//   Sequence => token (literals length << 4 | match length - 4), [length bytes], literals, distance uint16, [length bytes]
//
// Far from both ends sequences are copied in steps of 16 and 32 bytes, and may write past a sequence's end but never past
// the output's; near the ends every byte is checked. Nothing is read outside [low, end of output) and the input.
//
// The loop far from the ends is where all the time goes. Short lengths take the straight way through it; what is rare stands
// apart, calls nothing and keeps little, because compilers of WebAssembly pay for it in registers on the straight way, too.

import { LZ4_BLOCK_BYTES_MAX, LZ4_MATCH_MIN } from "./lz4-format";
import { BAD_ARGUMENT, BAD_FRAME, OUTPUT_FULL } from "./status";
import { copy16, copy32, copyForward, copyMatch, repeatTwice } from "./wide-copy";

/** Input that must remain for the fast loop: a token, 32 bytes of literals, a distance, and length bytes. */
const FAST_INPUT: usize = 48;
/** Output that must remain for it: the literals and the match of one token, each rounded up to its steps. */
const FAST_OUTPUT: usize = 128;

// A length is at most 255 times its bytes, so that added to a position (below 512 MiB) it does not overflow 32 bits.
if (LZ4_BLOCK_BYTES_MAX > 8388608) ERROR("a block must be short enough for its lengths to fit in 32 bits");

/** `ip` after the length bytes of the last `readLength`. */
let afterLength: usize = 0;

/** Reads length bytes at `ip` onto `length`; answers 0 when they do not end before `end`. */
function readLength(ip: usize, end: usize, length: usize): usize {
  for (; ip + 8 <= end && load<u64>(ip) == U64.MAX_VALUE; ip += 8) length += 8 * 255;
  while (ip < end) {
    const byte = <usize>load<u8>(ip++);
    length += byte;
    if (byte != 255) {
      afterLength = ip;
      return length;
    }
  }
  return 0;
}

/**
 * Decompresses the block of `length` bytes at `source` into at most `capacity` bytes at `output`. Matches may reach back to
 * `low`, at or before the output. Answers the number of bytes, BAD_FRAME, or OUTPUT_FULL when they would be more.
 */
export function lz4BlockDecompress(
  source: usize,
  length: usize,
  output: usize,
  capacity: usize,
  low: usize,
): i32 {
  if (length > LZ4_BLOCK_BYTES_MAX) return BAD_ARGUMENT;
  const inputEnd = source + length;
  const outputEnd = output + capacity;
  let ip = source;
  let op = output;

  if (length > FAST_INPUT && capacity > FAST_OUTPUT) {
    const fastInput = inputEnd - FAST_INPUT;
    const fastOutput = outputEnd - FAST_OUTPUT;
    while (ip < fastInput) {
      if (op >= fastOutput) break;
      const token = <usize>load<u8>(ip);
      let literals = token >>> 4;
      if (literals != 15) {
        ip += 1;
        copy16(op, ip);
      } else {
        const sequence = ip;
        ip += 1;
        let byte = <usize>load<u8>(ip++);
        literals += byte;
        if (byte == 255) {
          for (; ip < fastInput && load<u64>(ip) == U64.MAX_VALUE; ip += 8) literals += 8 * 255;
          do {
            byte = <usize>load<u8>(ip++);
            literals += byte;
          } while (byte == 255 && ip < fastInput);
        }
        if (ip + literals > fastInput || op + literals > fastOutput) {
          ip = sequence;
          break;
        }
        copy32(op, ip);
        if (literals > 32) copyForward(op + 32, ip + 32, op + literals);
      }
      op += literals;
      ip += literals;

      const distance = <usize>load<u16>(ip);
      ip += 2;
      if (distance - 1 >= op - low) return BAD_FRAME; // 0, too
      let matched = token & 15;
      if (matched != 15) {
        if (distance >= 16) copy32(op, op - distance);
        else repeatTwice(op, distance);
        op += matched + LZ4_MATCH_MIN;
      } else {
        let byte: usize;
        do {
          byte = <usize>load<u8>(ip++);
          matched += byte;
        } while (byte == 255 && ip < inputEnd);
        matched += LZ4_MATCH_MIN;
        const end = op + matched;
        if (end > fastOutput) {
          if (byte == 255) return BAD_FRAME;
          if (matched > outputEnd - op) return OUTPUT_FULL;
          copyBytewise(op, distance, end);
          op = end;
          break;
        }
        copyMatch(op, distance, end);
        op = end;
      }
    }
  }
  return decompressRest(ip, inputEnd, op, outputEnd, output, low);
}

/** Fills [to, end) with what lies `distance` bytes before each byte, and writes nothing beyond. */
// @ts-ignore: decorator
@inline
function copyBytewise(to: usize, distance: usize, end: usize): void {
  while (to < end) {
    store<u8>(to, load<u8>(to - distance));
    to++;
  }
}

/** The same with every length checked and nothing copied beyond it. */
function decompressRest(
  ip: usize,
  inputEnd: usize,
  op: usize,
  outputEnd: usize,
  output: usize,
  low: usize,
): i32 {
  while (ip < inputEnd) {
    const token = <usize>load<u8>(ip++);
    let literals = token >>> 4;
    if (literals == 15) {
      literals = readLength(ip, inputEnd, 15);
      ip = afterLength;
      if (literals == 0) return BAD_FRAME;
    }
    if (literals > inputEnd - ip) return BAD_FRAME;
    if (literals > outputEnd - op) return OUTPUT_FULL;
    memory.copy(op, ip, literals);
    op += literals;
    ip += literals;
    if (ip == inputEnd) return <i32>(op - output);

    if (inputEnd - ip < 2) return BAD_FRAME;
    const distance = <usize>load<u16>(ip);
    ip += 2;
    if (distance == 0 || distance > op - low) return BAD_FRAME;
    let matched = token & 15;
    if (matched == 15) {
      matched = readLength(ip, inputEnd, 15);
      ip = afterLength;
      if (matched == 0) return BAD_FRAME;
    }
    matched += LZ4_MATCH_MIN;
    if (matched > outputEnd - op) return OUTPUT_FULL;
    const end = op + matched;
    copyBytewise(op, distance, end);
    op = end;
  }
  return BAD_FRAME;
}
