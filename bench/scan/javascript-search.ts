/** The fastest binary searches in Kafka's index files that were found in JavaScript: what a host would do without an engine. */
import { OFFSET_INDEX_ENTRY_BYTES, TIME_INDEX_ENTRY_BYTES } from "../../engine-as/format.ts";

const HIGH_WORD = 2 ** 32;

/** Position in the last entry of a `.index` at or before `target`; 0: none. */
export function searchOffset(index: DataView, target: number): number {
  let low = 0;
  let high = index.byteLength / OFFSET_INDEX_ENTRY_BYTES;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (index.getInt32(middle * OFFSET_INDEX_ENTRY_BYTES) <= target) low = middle + 1;
    else high = middle;
  }
  return low === 0 ? 0 : index.getInt32((low - 1) * OFFSET_INDEX_ENTRY_BYTES + 4);
}

/** The same with halves that do not depend on what is found. */
export function stepToOffset(index: DataView, target: number): number {
  let stand = 0;
  for (let left = index.byteLength / OFFSET_INDEX_ENTRY_BYTES; left > 1;) {
    const half = left >> 1;
    const isBefore = index.getInt32((stand + half) * OFFSET_INDEX_ENTRY_BYTES) <= target;
    stand += half & -Number(isBefore);
    left -= half;
  }
  const at = stand * OFFSET_INDEX_ENTRY_BYTES;
  return index.getInt32(at) <= target ? index.getInt32(at + 4) : 0;
}

/** Relative offset in the last entry of a `.timeindex` before `target`; 0: none. Exact up to 2^53 ms, and no bigint made. */
export function searchTime(index: DataView, target: number): number {
  let low = 0;
  let high = index.byteLength / TIME_INDEX_ENTRY_BYTES;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (timeAt(index, middle * TIME_INDEX_ENTRY_BYTES) < target) low = middle + 1;
    else high = middle;
  }
  return low === 0 ? 0 : index.getInt32((low - 1) * TIME_INDEX_ENTRY_BYTES + 8);
}

/** The same with halves that do not depend on what is found. */
export function stepToTime(index: DataView, target: number): number {
  let stand = 0;
  for (let left = index.byteLength / TIME_INDEX_ENTRY_BYTES; left > 1;) {
    const half = left >> 1;
    const isBefore = timeAt(index, (stand + half) * TIME_INDEX_ENTRY_BYTES) < target;
    stand += half & -Number(isBefore);
    left -= half;
  }
  const at = stand * TIME_INDEX_ENTRY_BYTES;
  return timeAt(index, at) < target ? index.getInt32(at + 8) : 0;
}

function timeAt(index: DataView, at: number): number {
  return index.getInt32(at) * HIGH_WORD + index.getUint32(at + 4);
}
