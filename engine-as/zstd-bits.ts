// Bit streams that are read backwards, from the highest bit of their last byte (RFC 8878, 4.1).
//
// A position in one is the number of its bits that are still unread: the next bit to be read is the one below it.

/** Where the stream of `length` bytes at `at` begins to be read: below the highest bit set; -1 when its last byte is zero. */
// @ts-ignore: decorator
@inline
export function firstPosition(at: usize, length: usize): i32 {
  if (length == 0) return -1;
  const last = <u32>load<u8>(at + length - 1);
  if (last == 0) return -1;
  return <i32>(length << 3) - 8 + 31 - <i32>clz<u32>(last);
}

/**
 * The bits below `position`, the next one on top: at least 57 of them. Reads up to 8 bytes before the stream; below its start the
 * bits are whatever stands there.
 */
// @ts-ignore: decorator
@inline
export function bitsBelow(at: usize, position: i32): u64 {
  const end = (position + 7) >> 3;
  const skipped = <u64>((<u32>(0 - position)) & 7);
  return load<u64>(at + end - 8) << skipped;
}

/** The value of the `bits` on top, 0 to 63 of them. Only the low six bits of `bits` count. */
// @ts-ignore: decorator
@inline
export function topBits(word: u64, bits: u64): u64 {
  return (word >>> 1) >>> (63 - bits);
}
