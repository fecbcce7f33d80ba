// Kafka's varints: protobuf's zigzag base 128, at most 5 bytes for an int32 and 10 for an int64. Longer ones and bits beyond
// the type are refused; needless leading groups of zero within these bounds are legal, as they are to Kafka.

/** The value of the last `readVarlong`. */
export let varlong: i64 = 0;

// @ts-ignore: decorator
@inline
function zigzag32(value: u32): i32 {
  return (<i32>(value >>> 1)) ^ -(<i32>(value & 1));
}

/**
 * Reads a varint at `at`, which must end before `end`. Answers its value in the low 32 bits and its size in bytes in the
 * high 32, so 0 when there is none: see `varintValue` and `varintBytes`.
 */
// @ts-ignore: decorator
@inline
export function readVarint(at: usize, end: usize): u64 {
  if (at < end) {
    const first = <u32>load<u8>(at);
    if (first < 128) return ((<u64>1) << 32) | (<u64>(<u32>zigzag32(first)));
  }
  return readLongVarint(at, end);
}

// @ts-ignore: decorator
@inline
export function varintValue(read: u64): i32 {
  return <i32>read;
}

// @ts-ignore: decorator
@inline
export function varintBytes(read: u64): usize {
  return <usize>(read >>> 32);
}

/** Whether the varint that begins with the two bytes in `word`, little-endian, takes more than these. */
// @ts-ignore: decorator
@inline
export function isLongVarint(word: u32): bool {
  return (word & 0x8080) == 0x8080;
}

/** The value of a varint of one or two bytes. */
// @ts-ignore: decorator
@inline
export function shortVarint(word: u32): i32 {
  const second = (word >>> 1) & 0x3f80 & -((word >>> 7) & 1);
  return zigzag32((word & 127) | second);
}

/** How many they are. */
// @ts-ignore: decorator
@inline
export function shortVarintBytes(word: u32): usize {
  return 1 + <usize>((word >>> 7) & 1);
}

function readLongVarint(at: usize, end: usize): u64 {
  let value: u32 = 0;
  for (let bytes: u32 = 0; bytes < 5 && at < end; bytes++) {
    const byte = <u32>load<u8>(at++);
    if (bytes == 4 && byte > 15) return 0;
    value |= (byte & 127) << (bytes * 7);
    if (byte < 128) return ((<u64>bytes + 1) << 32) | (<u64>(<u32>zigzag32(value)));
  }
  return 0;
}

/** Reads a varlong at `at` into `varlong`. Answers the position after it, 0 when there is none before `end`. */
export function readVarlong(at: usize, end: usize): usize {
  let value: u64 = 0;
  for (let bytes: u64 = 0; bytes < 10 && at < end; bytes++) {
    const byte = <u64>load<u8>(at++);
    if (bytes == 9 && byte > 1) return 0;
    value |= (byte & 127) << (bytes * 7);
    if (byte < 128) {
      varlong = (<i64>(value >>> 1)) ^ -(<i64>(value & 1));
      return at;
    }
  }
  return 0;
}

// @ts-ignore: decorator
@inline
function zigzag(value: i64): u64 {
  return <u64>((value << 1) ^ (value >> 63));
}

/** Size of `value` as a varint, in bytes. */
// @ts-ignore: decorator
@inline
export function sizeOfVarint(value: i64): u32 {
  return (70 - <u32>clz<u64>(zigzag(value) | 1)) / 7;
}

/** Writes `value` at `at`; answers the position after it. */
// @ts-ignore: decorator
@inline
export function writeVarint(at: usize, value: i64): usize {
  let rest = zigzag(value);
  while (rest > 127) {
    store<u8>(at++, (<u8>rest) | 128);
    rest >>>= 7;
  }
  store<u8>(at++, <u8>rest);
  return at;
}
