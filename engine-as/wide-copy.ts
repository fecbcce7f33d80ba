// Copies and sums in wide steps, for kernels that may read and write past an end. SIMD where the build has it.

import { PATTERNS_AT, STRIDES_AT } from "./memory-map";

/** How far `copyForward` and `copyMatch` may write past their end, in bytes. */
export const COPY_OVERSHOOT: usize = 32;

/** For distances below 16: the swizzle that repeats a pattern to 16 bytes. */
function buildPatterns(): void {
  for (let distance: u32 = 1; distance < 16; distance++) {
    for (let i: u32 = 0; i < 16; i++) store<u8>(PATTERNS_AT + (distance << 4) + i, <u8>(i % distance));
  }
}

/** And how many of the bytes of a step, 16 or 8, are whole patterns. */
function buildStrides(step: u32): void {
  for (let distance: u32 = 1; distance < step; distance++) {
    store<u8>(STRIDES_AT + distance, <u8>(step - (step % distance)));
  }
}

if (ASC_FEATURE_SIMD) {
  buildPatterns();
  buildStrides(16);
} else {
  buildStrides(8);
}

/** Copies 16 bytes. */
// @ts-ignore: decorator
@inline
export function copy16(to: usize, from: usize): void {
  if (ASC_FEATURE_SIMD) {
    v128.store(to, v128.load(from));
  } else {
    const low = load<u64>(from);
    const high = load<u64>(from, 8);
    store<u64>(to, low);
    store<u64>(to, high, 8);
  }
}

/** XOR of the 16 bytes at each of four places. */
// @ts-ignore: decorator
@inline
export function xor16(to: usize, a: usize, b: usize, c: usize, d: usize): void {
  if (ASC_FEATURE_SIMD) {
    v128.store(to, v128.xor(v128.xor(v128.load(a), v128.load(b)), v128.xor(v128.load(c), v128.load(d))));
  } else {
    store<u64>(to, load<u64>(a) ^ load<u64>(b) ^ load<u64>(c) ^ load<u64>(d));
    store<u64>(to, load<u64>(a, 8) ^ load<u64>(b, 8) ^ load<u64>(c, 8) ^ load<u64>(d, 8), 8);
  }
}

/** Copies 32 bytes that lie at least 16 before `to`, or somewhere else altogether. */
// @ts-ignore: decorator
@inline
export function copy32(to: usize, from: usize): void {
  if (ASC_FEATURE_SIMD) {
    v128.store(to, v128.load(from));
    v128.store(to, v128.load(from, 16), 16);
  } else {
    copy16(to, from);
    copy16(to + 16, from + 16);
  }
}

/** Copies from `from` to [to, end) in steps of 32 bytes, one at least; they lie as in `copy32`. */
// @ts-ignore: decorator
@inline
export function copyForward(to: usize, from: usize, end: usize): void {
  do {
    copy32(to, from);
    to += 32;
    from += 32;
  } while (to < end);
}

/** Fills [to, end) with what lies `distance` (1 to 15) bytes before each byte. May write 15 bytes past the end. */
// @ts-ignore: decorator
@inline
export function repeatPattern(to: usize, distance: usize, end: usize): void {
  if (ASC_FEATURE_SIMD) {
    const pattern = i8x16.swizzle(v128.load(to - distance), v128.load(PATTERNS_AT + (distance << 4)));
    const stride = <usize>load<u8>(STRIDES_AT + distance);
    do {
      v128.store(to, pattern);
      to += stride;
    } while (to < end);
  } else if (distance >= 8) {
    do {
      store<u64>(to, load<u64>(to - distance));
      to += 8;
    } while (to < end);
  } else {
    const first = (<u64>distance) << 3;
    let pattern = load<u64>(to - distance) & (((<u64>1) << first) - 1);
    for (let bits = first; bits < 64; bits <<= 1) pattern |= pattern << bits;
    const stride = <usize>load<u8>(STRIDES_AT + distance);
    do {
      store<u64>(to, pattern);
      to += stride;
    } while (to < end);
  }
}

/** `repeatPattern` for up to 25 bytes: two steps reach as far, whatever the distance. May write as far as 31 bytes. */
// @ts-ignore: decorator
@inline
export function repeatTwice(to: usize, distance: usize): void {
  if (ASC_FEATURE_SIMD) {
    const pattern = i8x16.swizzle(v128.load(to - distance), v128.load(PATTERNS_AT + (distance << 4)));
    v128.store(to, pattern);
    v128.store(to + <usize>load<u8>(STRIDES_AT + distance), pattern);
  } else {
    repeatPattern(to, distance, to + 25);
  }
}

/**
 * Fills [to, end), which is not empty, with what lies `distance` (1 or more) bytes before each byte. May write COPY_OVERSHOOT - 1
 * bytes past the end.
 */
// @ts-ignore: decorator
@inline
export function copyMatch(to: usize, distance: usize, end: usize): void {
  if (distance >= 16) {
    const match = to - distance;
    copy32(to, match);
    if (end > to + 32) {
      copy32(to + 32, match + 32);
      if (end > to + 64) copyForward(to + 64, match + 64, end);
    }
  } else {
    repeatPattern(to, distance, end);
  }
}

/**
 * Copies `length` bytes, short ones in steps of sixteen: it may read beyond them, and write as far as `limit`, where an output
 * ends whose rest is not written yet.
 */
// @ts-ignore: decorator
@inline
export function copyBytes(to: usize, from: usize, length: usize, limit: usize): void {
  const end = to + length;
  if (length > 128 || end + 16 > limit) {
    memory.copy(to, from, length);
  } else {
    while (to < end) {
      copy16(to, from);
      to += 16;
      from += 16;
    }
  }
}
