// Binary searches in Kafka's sparse indexes, whose entries are sorted.

import { loadI32, loadI64 } from "./big-endian";
import { OFFSET_INDEX_ENTRY_BYTES, TIME_INDEX_ENTRY_BYTES } from "./format";

if (OFFSET_INDEX_ENTRY_BYTES != 8) ERROR("offset index: an entry is two int32");
if (TIME_INDEX_ENTRY_BYTES != 12) ERROR("time index: an entry is an int64 and an int32");

/** Of the `entries` of a `.index` at `index`, the position that the last one at or before `relativeOffset` names; 0: none. */
export function lookupOffset(index: usize, entries: i32, relativeOffset: i32): i32 {
  let low = 0;
  let high = entries;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (loadI32(index + <usize>middle * OFFSET_INDEX_ENTRY_BYTES) <= relativeOffset) low = middle + 1;
    else high = middle;
  }
  return low == 0 ? 0 : loadI32(index + <usize>(low - 1) * OFFSET_INDEX_ENTRY_BYTES + 4);
}

/** Of the `entries` of a `.timeindex` at `index`, the relative offset in the last one before `timestamp`; 0: none. */
export function lookupTime(index: usize, entries: i32, timestamp: i64): i32 {
  let low = 0;
  let high = entries;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (loadI64(index + <usize>middle * TIME_INDEX_ENTRY_BYTES) < timestamp) low = middle + 1;
    else high = middle;
  }
  return low == 0 ? 0 : loadI32(index + <usize>(low - 1) * TIME_INDEX_ENTRY_BYTES + 8);
}
