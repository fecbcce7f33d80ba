// Many lookups in one index at once. A binary search waits for one entry after the other; searches that know nothing of each
// other wait together. So a group of them goes down step by step, all of the group at each step: the same halves for all, no
// branch that depends on an entry, and as many loads on their way as the processor takes.

import { loadI32, loadI64 } from "./big-endian";
import { OFFSET_INDEX_ENTRY_BYTES, TIME_INDEX_ENTRY_BYTES } from "./format";
import { CODEC_SCRATCH_AT } from "./memory-map";

/** Searches that go together. */
const GROUP: usize = 64;
/** Where each of them stands: the address of an entry that is at or before its target, or of the first one. */
const STANDS_AT: usize = CODEC_SCRATCH_AT;

if (OFFSET_INDEX_ENTRY_BYTES != 8) ERROR("offset index: an entry is two int32");
if (TIME_INDEX_ENTRY_BYTES != 12) ERROR("time index: an entry is an int64 and an int32");

/** `lookupOffset` for each of the `count` int32 at `targets`, into the int32 at `results`. */
export function lookupOffsets(index: usize, entries: i32, targets: usize, count: i32, results: usize): void {
  for (let rest = <usize>count; rest > 0;) {
    const group = min(rest, GROUP);
    searchOffsets(index, entries, targets, group);
    for (let i: usize = 0; i < group; i++) {
      const entry = <usize>load<u32>(STANDS_AT + (i << 2));
      const isFound = entries > 0 && loadI32(entry) <= load<i32>(targets + (i << 2));
      store<i32>(results + (i << 2), isFound ? loadI32(entry + 4) : 0);
    }
    targets += group << 2;
    results += group << 2;
    rest -= group;
  }
}

/** `lookupTime` for each of the `count` int64 at `targets`, into the int32 at `results`. */
export function lookupTimes(index: usize, entries: i32, targets: usize, count: i32, results: usize): void {
  for (let rest = <usize>count; rest > 0;) {
    const group = min(rest, GROUP);
    searchTimes(index, entries, targets, group);
    for (let i: usize = 0; i < group; i++) {
      const entry = <usize>load<u32>(STANDS_AT + (i << 2));
      const isFound = entries > 0 && loadI64(entry) < load<i64>(targets + (i << 3));
      store<i32>(results + (i << 2), isFound ? loadI32(entry + 8) : 0);
    }
    targets += group << 3;
    results += group << 2;
    rest -= group;
  }
}

function startAll(index: usize, group: usize): void {
  for (let i: usize = 0; i < group; i++) store<u32>(STANDS_AT + (i << 2), <u32>index);
}

/** Takes groups in fours: the last ones of a group may search for what lies in the slack of the targets. */
function searchOffsets(index: usize, entries: i32, targets: usize, group: usize): void {
  group = (group + 3) & ~3;
  startAll(index, group);
  for (let left = <usize>entries; left > 1;) {
    const half = left >> 1;
    const step = half * OFFSET_INDEX_ENTRY_BYTES;
    left -= half;
    if (ASC_FEATURE_SIMD) {
      const steps = i32x4.splat(<i32>step);
      for (let at: usize = 0; at < group << 2; at += 16) {
        let found = v128.load32_zero(<usize>load<u32>(STANDS_AT + at) + step);
        found = v128.load_lane<i32>(<usize>load<u32>(STANDS_AT + at, 4) + step, found, 1);
        found = v128.load_lane<i32>(<usize>load<u32>(STANDS_AT + at, 8) + step, found, 2);
        found = v128.load_lane<i32>(<usize>load<u32>(STANDS_AT + at, 12) + step, found, 3);
        found = i8x16.shuffle(found, found, 3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12);
        const isAfter = i32x4.gt_s(found, v128.load(targets + at));
        v128.store(STANDS_AT + at, i32x4.add(v128.load(STANDS_AT + at), v128.andnot(steps, isAfter)));
      }
    } else {
      for (let at: usize = 0; at < group << 2; at += 4) {
        const stand = <usize>load<u32>(STANDS_AT + at);
        const isBefore = loadI32(stand + step) <= load<i32>(targets + at);
        store<u32>(STANDS_AT + at, <u32>(stand + (step & -(<usize>isBefore))));
      }
    }
  }
}

function searchTimes(index: usize, entries: i32, targets: usize, group: usize): void {
  group = (group + 3) & ~3;
  startAll(index, group);
  for (let left = <usize>entries; left > 1;) {
    const half = left >> 1;
    const step = half * TIME_INDEX_ENTRY_BYTES;
    left -= half;
    if (ASC_FEATURE_SIMD) {
      const steps = i32x4.splat(<i32>step);
      for (let at: usize = 0; at < group << 2; at += 16) {
        let low = v128.load64_zero(<usize>load<u32>(STANDS_AT + at) + step);
        low = v128.load_lane<i64>(<usize>load<u32>(STANDS_AT + at, 4) + step, low, 1);
        let high = v128.load64_zero(<usize>load<u32>(STANDS_AT + at, 8) + step);
        high = v128.load_lane<i64>(<usize>load<u32>(STANDS_AT + at, 12) + step, high, 1);
        low = i8x16.shuffle(low, low, 7, 6, 5, 4, 3, 2, 1, 0, 15, 14, 13, 12, 11, 10, 9, 8);
        high = i8x16.shuffle(high, high, 7, 6, 5, 4, 3, 2, 1, 0, 15, 14, 13, 12, 11, 10, 9, 8);
        low = i64x2.gt_s(v128.load(targets + (at << 1)), low);
        high = i64x2.gt_s(v128.load(targets + (at << 1), 16), high);
        // The low halves of the four verdicts.
        const isBefore = i8x16.shuffle(low, high, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27);
        v128.store(STANDS_AT + at, i32x4.add(v128.load(STANDS_AT + at), v128.and(steps, isBefore)));
      }
    } else {
      for (let at: usize = 0; at < group << 2; at += 4) {
        const stand = <usize>load<u32>(STANDS_AT + at);
        const isBefore = loadI64(stand + step) < load<i64>(targets + (at << 1));
        store<u32>(STANDS_AT + at, <u32>(stand + (step & -(<usize>isBefore))));
      }
    }
  }
}
