// What a CRC becomes when bytes follow that are not looked at: the remainder times a power of x. With it the CRCs of many
// batches are compared in one pass over all of their bytes.
//
// A remainder has x^0 in its highest bit, as everywhere in CRC32C. There is no carry-less multiplication in WASM: integers with
// three bits of zero between the bits of each factor are multiplied instead, so that no carry reaches the next bit that counts.

import "./crc32c-tables";
import { CRC_POWERS_AT, CRC_TABLES_AT } from "./memory-map";

const ONE: u32 = 0x80000000;
const X8: u32 = 0x00800000;

// @ts-ignore: decorator
@inline
function spread(value: u64, bit: u64): u64 {
  return value & (0x1111111111111111 << bit);
}

/** The product of two remainders. */
function multiply(a: u32, b: u32): u32 {
  const a0 = spread(a, 0);
  const a1 = spread(a, 1);
  const a2 = spread(a, 2);
  const a3 = spread(a, 3);
  const b0 = spread(b, 0);
  const b1 = spread(b, 1);
  const b2 = spread(b, 2);
  const b3 = spread(b, 3);
  const product =
    spread((a0 * b0) ^ (a1 * b3) ^ (a2 * b2) ^ (a3 * b1), 0) |
    spread((a0 * b1) ^ (a1 * b0) ^ (a2 * b3) ^ (a3 * b2), 1) |
    spread((a0 * b2) ^ (a1 * b1) ^ (a2 * b0) ^ (a3 * b3), 2) |
    spread((a0 * b3) ^ (a1 * b2) ^ (a2 * b1) ^ (a3 * b0), 3);
  // Of degree 62 at most; in 64 bits x^0 is the highest again, and what is x^32 and above is what four more bytes would leave.
  const high = <u32>(product << 1);
  return (
    (<u32>((product << 1) >>> 32)) ^
    load<u32>(CRC_TABLES_AT + 3072 + ((<usize>(high & 255)) << 2)) ^
    load<u32>(CRC_TABLES_AT + 2048 + ((<usize>((high >>> 8) & 255)) << 2)) ^
    load<u32>(CRC_TABLES_AT + 1024 + ((<usize>((high >>> 16) & 255)) << 2)) ^
    load<u32>(CRC_TABLES_AT + ((<usize>(high >>> 24)) << 2))
  );
}

/** Sixteen powers for each of the eight digits of a length: x^(8 * digit * 16^place). */
function buildPowers(): void {
  let base = X8;
  for (let place: usize = 0; place < 8; place++) {
    let power = ONE;
    for (let digit: usize = 0; digit < 16; digit++) {
      store<u32>(CRC_POWERS_AT + (place << 6) + (digit << 2), power);
      power = multiply(power, base);
    }
    base = power;
  }
}

buildPowers();

/** The raw remainder `crc`, as it is after `bytes` more bytes of zero. */
export function advance(crc: u32, bytes: u32): u32 {
  for (let powers = CRC_POWERS_AT; bytes != 0; bytes >>>= 4) {
    const digit = <usize>(bytes & 15);
    if (digit != 0) crc = multiply(crc, load<u32>(powers + (digit << 2)));
    powers += 64;
  }
  return crc;
}
