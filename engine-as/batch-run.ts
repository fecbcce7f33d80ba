// The CRCs of many batches that lie one after the other, compared at once: a CRC of 16 KiB spends most of its time on its end,
// one of 256 KiB does not.
//
// CRCs are linear. Let a batch be a header H of 21 bytes that its CRC does not cover, and the bytes D that it does. It is sound
// when the remainder of D, begun with ones, is the complement of the CRC in H. Then the raw remainder S' of all bytes up to the
// batch's end follows from S, the one up to its start, without a look at D: S' = advance(remainder(H, begun with S) ^ ones,
// bytes of D) ^ ~CRC. When what comes of all headers is the remainder of all bytes, all CRCs match. One batch that does not match
// makes a difference that no length of sound bytes behind it can undo; that several such differences cancel out is as likely
// as that one CRC matches by chance.

import { batchSize } from "./batch-check";
import { loadU32 } from "./big-endian";
import { crc32c } from "./crc32c";
import { advance } from "./crc32c-combine";
import { ATTRIBUTES_AT, CRC_AT } from "./format";

/** The raw remainder of `length` bytes, begun with `crc`. */
// @ts-ignore: decorator
@inline
function remainder(at: usize, length: usize, crc: u32): u32 {
  return ~crc32c(at, length, ~crc);
}

/**
 * Where the batches end, at most `batchesMax` of them and none above `sizeMax` bytes, that lie whole in the `length` bytes at
 * `at`, when each one's CRC matches; `at` when one does not, or when there are too few for a look at all at once to be worth it.
 */
export function soundUntil(at: usize, length: usize, batchesMax: i32, sizeMax: i32): usize {
  const limit = at + length;
  let end = at;
  let expected: u32 = 0;
  let batches = 0;
  while (batches < batchesMax) {
    const size = batchSize(end, limit - end);
    if (size < 0 || size > sizeMax || <usize>size > limit - end) break;
    const header = remainder(end, ATTRIBUTES_AT, expected);
    expected = advance(~header, <u32>(size - ATTRIBUTES_AT)) ^ ~loadU32(end + CRC_AT);
    end += <usize>size;
    batches++;
  }
  if (batches < 2) return at;
  return remainder(at, end - at, 0) == expected ? end : at;
}
