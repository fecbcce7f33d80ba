// Tables of the CRC32C kernels, built once when the module is instantiated.
//
// Swizzle: sixteen lanes are folded side by side. A lane's 32-bit state is spread over four bytes that lie 32 bytes apart
// in the data, in the basis that those places have in the polynomial. Moving the state on by 128 bytes is a linear map on
// these 32 bits: each nibble of each of the four input bytes adds a byte to each of the four output bytes, so the map is
// 4 x 4 x 2 lookups in tables of 16 bytes, which is what a swizzle does.

import { buildSlicingTables } from "./crc-slicing-tables";
import { CRC_CHUNK_AT, CRC_SWIZZLE_AT, CRC_TABLES_AT } from "./memory-map";

const POLYNOMIAL: u32 = 0x1edc6f41; // Castagnoli's
const POLYNOMIAL_REFLECTED: u32 = 0x82f63b78;

// Work space for the elimination: three lists of 32 words where later the chunk will be.
const BASIS_AT = CRC_CHUNK_AT;
const PIVOTS_AT = CRC_CHUNK_AT + 128;
const COMBINATIONS_AT = CRC_CHUNK_AT + 256;
const MAP_AT = CRC_CHUNK_AT + 384;

/** x to the power of `exponent` modulo the polynomial. */
function xPower(exponent: u32): u32 {
  let power: u32 = 1;
  for (let i: u32 = 0; i < exponent; i++) power = (power << 1) ^ (power >>> 31 ? POLYNOMIAL : 0);
  return power;
}

/** Takes `value` apart into rows already in the pivot table: answers the set of basis vectors that make it up. */
function combinationOf(value: u32): u32 {
  let combination: u32 = 0;
  for (let bit = 31; bit >= 0; bit--) {
    if ((value >>> bit) & 1) {
      value ^= load<u32>(PIVOTS_AT + ((<usize>bit) << 2));
      combination ^= load<u32>(COMBINATIONS_AT + ((<usize>bit) << 2));
    }
  }
  return combination;
}

function insertPivot(value: u32, combination: u32): void {
  for (let bit = 31; bit >= 0; bit--) {
    if (((value >>> bit) & 1) == 0) continue;
    const row = PIVOTS_AT + ((<usize>bit) << 2);
    if (load<u32>(row) == 0) {
      store<u32>(row, value);
      store<u32>(COMBINATIONS_AT + ((<usize>bit) << 2), combination);
      return;
    }
    value ^= load<u32>(row);
    combination ^= load<u32>(COMBINATIONS_AT + ((<usize>bit) << 2));
  }
}

function buildSwizzleTables(): void {
  memory.fill(BASIS_AT, 0, 512);
  for (let plane: u32 = 0; plane < 4; plane++) {
    for (let bit: u32 = 0; bit < 8; bit++) {
      const column = plane * 8 + bit;
      // Bits are reflected: the lowest bit of a byte has the highest power.
      const exponent = 256 * (3 - plane) + 7 - bit;
      insertPivot(xPower(exponent), (<u32>1) << column);
      store<u32>(BASIS_AT + ((<usize>column) << 2), exponent);
    }
  }
  for (let column: usize = 0; column < 32; column++) {
    const moved = xPower(load<u32>(BASIS_AT + (column << 2)) + 128 * 8);
    store<u32>(MAP_AT + (column << 2), combinationOf(moved));
  }
  for (let output: usize = 0; output < 4; output++) {
    for (let nibble: usize = 0; nibble < 8; nibble++) {
      for (let value: usize = 0; value < 16; value++) {
        let sum: u32 = 0;
        for (let bit: usize = 0; bit < 4; bit++) {
          if ((value >>> bit) & 1)
            sum ^= load<u32>(MAP_AT + ((nibble * 4 + bit) << 2)) >>> (<u32>(output * 8));
        }
        store<u8>(CRC_SWIZZLE_AT + (output << 7) + (nibble << 4) + value, <u8>sum);
      }
    }
  }
  memory.fill(BASIS_AT, 0, 512);
}

buildSlicingTables(CRC_TABLES_AT, 16, POLYNOMIAL_REFLECTED);
if (ASC_FEATURE_SIMD) buildSwizzleTables();
