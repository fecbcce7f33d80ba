/** Damage that knows what formats are made of: lengths, counts, flags, and pieces that stand elsewhere. */
import { damaged } from "../engine/damage.ts";
import { concat } from "../engine/lz4-reference.ts";
import type { Random } from "../engine/random.ts";

/** Where integers turn over, and sizes that mean something to a format here. */
const EDGES = [
  0, 1, 2, 3, 4, 7, 8, 15, 16, 31, 32, 59, 60, 63, 64, 127, 128, 254, 255, 256, 257, 258, 2047, 2048, 32767,
  32768, 65535, 65536, 131071, 131072, 0x7fffff, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff,
];

/** One of them. */
export function pick<T>(random: Random, values: readonly T[]): T {
  const value = values[random.below(values.length)];
  if (value === undefined) throw new Error("there is nothing to pick from");
  return value;
}

/** An integer that lies at an edge, or beside one. */
export function edge(random: Random): number {
  return Math.max(0, pick(random, EDGES) + (random.oneIn(2) ? random.below(5) - 2 : 0));
}

/** A copy with one to three things done to it, none of them before `from`. */
export function mutated(
  bytes: Uint8Array,
  others: readonly Uint8Array[],
  random: Random,
  from = 0,
): Uint8Array {
  let result: Uint8Array = Uint8Array.from(bytes);
  for (let left = 1 + random.below(3); left > 0; left--) {
    if (result.length <= from) return result;
    const at = from + random.below(result.length - from);
    const length = 1 + random.below(random.oneIn(4) ? 200 : 12);
    const rest = result.subarray(Math.min(at + length, result.length));
    switch (random.below(8)) {
      case 0:
        result = integerSet(result, at, random);
        break;
      case 1: // a piece of it again
        result = concat(result.subarray(0, at), result.subarray(at, at + length), result.subarray(at));
        break;
      case 2: // a piece of it elsewhere
        result = concat(result.subarray(0, at), rest, result.subarray(at, at + length));
        break;
      case 3: {
        // a piece of another one
        const other = pick(random, others);
        const start = random.below(other.length + 1);
        const piece = other.subarray(start, start + length * 4);
        result = concat(result.subarray(0, at), piece, random.oneIn(2) ? rest : result.subarray(at));
        break;
      }
      case 4:
        result = random.oneIn(3) ? result.slice(0, at) : bitFlipped(result, at, random);
        break;
      default:
        result = Uint8Array.from(damaged(result, random, from));
    }
  }
  return result;
}

function bitFlipped(bytes: Uint8Array, at: number, random: Random): Uint8Array {
  bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8));
  return bytes;
}

/** An integer of 1 to 4 bytes set to something at an edge, in either order. */
function integerSet(bytes: Uint8Array, at: number, random: Random): Uint8Array {
  const size = Math.min(1 + random.below(4), bytes.length - at);
  const value = edge(random);
  const bigEndian = random.oneIn(2);
  for (let i = 0; i < size; i++) {
    bytes[at + i] = Math.floor(value / 256 ** (bigEndian ? size - 1 - i : i)) & 255;
  }
  return bytes;
}
