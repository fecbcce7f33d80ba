// Snappy block decompression: the elements of a block, after its length.
//
// Far from both ends elements are copied in steps of 16 and 32 bytes, and may write past their end but never past the
// output's; near the ends every byte is checked. Nothing is read outside the block's own output and the input.

import { SNAPPY_TAGS_AT } from "./memory-map";
import { SNAPPY_SHORT_LITERAL_MAX } from "./snappy-format";
import { COPY_OVERSHOOT, copy16, copy32, copyForward, copyMatch } from "./wide-copy";

/** Input that must remain for the fast loop: a tag with a short literal that is copied in one step. */
const FAST_INPUT: usize = 17;
/** Output that must remain for it: a copy or a literal of 64 bytes, and what the steps go beyond. */
const FAST_OUTPUT: usize = 96;

/** Longer literals are left to the host's own copy. */
const WIDE_LITERAL_MAX: usize = 512;

/** For each tag of a copy: bits 0 to 7 its length, 8 to 10 of its distance, from 11 on the bytes of distance that follow. */
function buildTags(): void {
  for (let tag: u32 = 0; tag < 256; tag++) {
    const kind = tag & 3;
    const length = kind == 1 ? 4 + ((tag >>> 2) & 7) : 1 + (tag >>> 2);
    const distance = kind == 1 ? (tag >>> 5) << 8 : 0;
    store<u16>(SNAPPY_TAGS_AT + (tag << 1), <u16>(length | distance | (((1 << kind) >>> 1) << 11)));
  }
}

buildTags();

/** The integer of `bytes` (1 to 4) bytes at `ip`, of which four may be read. */
// @ts-ignore: decorator
@inline
function littleEndian(ip: usize, bytes: usize): u64 {
  return (<u64>load<u32>(ip)) & (((<u64>1) << ((<u64>bytes) << 3)) - 1);
}

/**
 * Decompresses the elements in [ip, inputEnd) to exactly `length` bytes at `output`; up to `outputEnd`, at or after their
 * end, there is room to copy in wide steps. Answers whether they are sound and come to that many.
 */
export function snappyElements(
  ip: usize,
  inputEnd: usize,
  output: usize,
  length: usize,
  outputEnd: usize,
): bool {
  let op = output;
  const end = output + length;

  if (inputEnd - ip > FAST_INPUT && outputEnd - output > FAST_OUTPUT) {
    const fastInput = inputEnd - FAST_INPUT;
    const fastOutput = min<usize>(end, outputEnd - FAST_OUTPUT);
    while (ip < fastInput && op < fastOutput) {
      const tag = <usize>load<u8>(ip++);
      if ((tag & 3) == 0) {
        let literals = (tag >>> 2) + 1;
        if (literals <= 16) {
          copy16(op, ip);
        } else {
          if (literals > SNAPPY_SHORT_LITERAL_MAX) {
            const bytes = literals - SNAPPY_SHORT_LITERAL_MAX;
            const long = littleEndian(ip, bytes) + 1;
            if (long > <u64>(inputEnd - ip - bytes) || long > <u64>(end - op)) return false;
            ip += bytes;
            literals = <usize>long;
            if (literals > WIDE_LITERAL_MAX || literals > outputEnd - op - COPY_OVERSHOOT) {
              memory.copy(op, ip, literals);
              op += literals;
              ip += literals;
              continue;
            }
          } else if (literals > inputEnd - ip) {
            return false;
          }
          copy32(op, ip);
          if (literals > 32) copyForward(op + 32, ip + 32, op + literals);
        }
        ip += literals;
        op += literals;
      } else {
        const entry = <usize>load<u16>(SNAPPY_TAGS_AT + (tag << 1));
        const bytes = entry >>> 11;
        const matched = entry & 255;
        const distance = (entry & 0x700) + <usize>littleEndian(ip, bytes);
        ip += bytes;
        if (distance - 1 >= op - output) return false; // 0, too
        const matchEnd = op + matched;
        copyMatch(op, distance, matchEnd);
        op = matchEnd;
      }
    }
    if (op > end) return false;
  }
  return elementsChecked(ip, inputEnd, op, end, output);
}

/** The same with every length checked and nothing copied beyond it. */
function elementsChecked(ip: usize, inputEnd: usize, op: usize, end: usize, output: usize): bool {
  while (ip < inputEnd) {
    const tag = <usize>load<u8>(ip++);
    if ((tag & 3) == 0) {
      let literals: u64 = (tag >>> 2) + 1;
      if (literals > SNAPPY_SHORT_LITERAL_MAX) {
        const bytes = <usize>literals - SNAPPY_SHORT_LITERAL_MAX;
        if (bytes > inputEnd - ip) return false;
        literals = littleEndian(ip, bytes) + 1;
        ip += bytes;
      }
      if (literals > <u64>(inputEnd - ip) || literals > <u64>(end - op)) return false;
      memory.copy(op, ip, <usize>literals);
      ip += <usize>literals;
      op += <usize>literals;
      continue;
    }
    const entry = <usize>load<u16>(SNAPPY_TAGS_AT + (tag << 1));
    const bytes = entry >>> 11;
    if (bytes > inputEnd - ip) return false;
    const distance = (entry & 0x700) + <usize>littleEndian(ip, bytes);
    ip += bytes;
    const matchEnd = op + (entry & 255);
    if (distance - 1 >= op - output || matchEnd > end) return false;
    while (op < matchEnd) {
      store<u8>(op, load<u8>(op - distance));
      op++;
    }
  }
  return op == end;
}
