// Bits to bytes, the lowest first: a buffer of 64 bits in front of an output. A kernel takes the state into locals and gives
// it back.

/** Bits that are not written yet. */
export let bitBuffer: u64 = 0;
/** How many of them: fewer than eight. */
export let bitCount: u64 = 0;
/** Where the next whole byte goes. */
export let bitsAt: usize = 0;

/** Goes on at `at` behind `count` bits that are not written yet. */
export function setBits(at: usize, buffer: u64, count: u64): void {
  bitsAt = at;
  bitBuffer = buffer;
  bitCount = count;
}

/** Adds the lowest `count` bits (up to 56) of `value`, whose others are zero. May write over eight bytes. */
export function putBits(value: u64, count: u64): void {
  const buffer = bitBuffer | (value << bitCount);
  const bits = bitCount + count;
  store<u64>(bitsAt, buffer);
  bitsAt += <usize>(bits >> 3);
  bitBuffer = buffer >> (bits & 56);
  bitCount = bits & 7;
}
