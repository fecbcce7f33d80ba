import type { Random } from "./random.ts";

function joined(...pieces: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.concat(pieces));
}

/** A copy of `bytes` with a few of them changed, cut out, put in or cut off, at or after `from`. */
export function damaged(bytes: Uint8Array, random: Random, from = 0): Uint8Array {
  let result = new Uint8Array(bytes);
  const changes = 1 + random.below(3);
  for (let change = 0; change < changes && result.length > from; change++) {
    const at = from + random.below(result.length - from);
    const length = 1 + random.below(8);
    switch (random.below(6)) {
      case 0:
        result[at] = random.word() & 255;
        break;
      case 1:
        result[at] = (result[at] ?? 0) ^ (1 << random.below(8));
        break;
      case 2:
        result[at] = random.oneIn(2) ? 255 : 0;
        break;
      case 3:
        result = joined(result.subarray(0, at), result.subarray(at + length));
        break;
      case 4:
        result = joined(result.subarray(0, at), random.bytes(length), result.subarray(at));
        break;
      default:
        if (random.oneIn(4)) result = result.slice(0, at);
        else result.fill(random.oneIn(2) ? 255 : random.below(256), at, at + length);
    }
  }
  return result;
}
