// Walks the batches of a segment: where do valid bytes end, and why. Builds both sparse indexes in the same pass, as Kafka's
// LogSegment does on append and on recovery: before a batch that begins more than the interval after the last entry, one
// entry (the batch's last offset, its position) goes to the offset index, and one (the greatest timestamp so far, the last
// offset of the first batch that had it) to the time index when that timestamp is greater than the last entry's. Batches without
// records have no timestamp there: no look-up would find one at their offset, whatever compaction has left in the header.

import { loadI16, loadI32, loadI64, storeI32, storeI64 } from "./big-endian";
import { batchSize, checkBatch, checkCounts, SIZE_KNOWN_BYTES } from "./batch-check";
import { soundUntil } from "./batch-run";
import {
  ATTRIBUTES_AT,
  BASE_OFFSET_AT,
  BASE_SEQUENCE_AT,
  LAST_OFFSET_DELTA_AT,
  LEADER_EPOCH_AT,
  MAX_TIMESTAMP_AT,
  OFFSET_INDEX_ENTRY_BYTES,
  PRODUCER_EPOCH_AT,
  PRODUCER_ID_AT,
  RECORDS_COUNT_AT,
  SCANNED_ATTRIBUTES_AT,
  SCANNED_BASE_OFFSET_AT,
  SCANNED_BASE_SEQUENCE_AT,
  SCANNED_BYTES,
  SCANNED_LAST_OFFSET_AT,
  SCANNED_LEADER_EPOCH_AT,
  SCANNED_MAX_TIMESTAMP_AT,
  SCANNED_POSITION_AT,
  SCANNED_PRODUCER_EPOCH_AT,
  SCANNED_PRODUCER_ID_AT,
  SCANNED_RECORDS_COUNT_AT,
  SCANNED_SIZE_AT,
  SCAN_BASE_OFFSET_AT,
  SCAN_BATCHES_AT,
  SCAN_BATCH_BYTES_MAX_AT,
  SCAN_CONSUMED_AT,
  SCAN_INTERVAL_AT,
  SCAN_MAX_TIMESTAMP_AT,
  SCAN_MAX_TIMESTAMP_OFFSET_AT,
  SCAN_NEXT_OFFSET_AT,
  SCAN_OFFSET_ENTRIES_AT,
  SCAN_POSITION_AT,
  SCAN_SINCE_ENTRY_AT,
  SCAN_STATE_BYTES,
  SCAN_TIME_ENTRIES_AT,
  SCAN_TIME_ENTRY_AT,
  SCAN_WANTED_AT,
  TIME_INDEX_ENTRY_BYTES,
} from "./format";
import { BAD_LENGTH, BAD_OFFSET, OK, TORN } from "./status";

if (SCAN_WANTED_AT + 4 > SCAN_STATE_BYTES) ERROR("scan state: size");
if (SCANNED_RECORDS_COUNT_AT + 4 > SCANNED_BYTES) ERROR("scanned batch: size");

/**
 * Scans the `length` bytes at `bytes`, which follow those of the last call, and writes at most `batchesMax` entries to the
 * table at `batches`, and as many at most to each index. Answers OK when it stopped between two batches (all is consumed,
 * or the table is full: drain it and call again with the rest), TORN when an unfinished batch is left, or why the batch
 * after the consumed bytes cannot be taken. The state says how far it came.
 */
export function scanSegment(
  state: usize,
  bytes: usize,
  length: usize,
  batches: usize,
  batchesMax: i32,
  offsetIndex: usize,
  timeIndex: usize,
): i32 {
  const end = bytes + length;
  let at = bytes;
  let status: i32 = OK;
  let count: i32 = 0;
  store<i32>(state, 0, SCAN_OFFSET_ENTRIES_AT);
  store<i32>(state, 0, SCAN_TIME_ENTRIES_AT);
  store<u32>(state, 0, SCAN_WANTED_AT);
  const sound = soundUntil(at, length, batchesMax, load<i32>(state, SCAN_BATCH_BYTES_MAX_AT));
  while (at < end && count < batchesMax) {
    status = checkNext(state, at, end - at, at < sound);
    if (status < 0) break;
    const size = status;
    status = OK;
    passBatch(state, at, size, batches, offsetIndex, timeIndex);
    batches += SCANNED_BYTES;
    count++;
    at += <usize>size;
  }
  store<u32>(state, at - bytes, SCAN_CONSUMED_AT);
  store<i32>(state, count, SCAN_BATCHES_AT);
  return status;
}

/** The size in bytes of the batch at `at` when it may come next, else why not; `isSound`: its CRC is known to match. */
function checkNext(state: usize, at: usize, available: usize, isSound: bool): i32 {
  // The size is judged before the rest of the batch is waited for.
  let size = batchSize(at, available);
  if (size == TORN) store<u32>(state, SIZE_KNOWN_BYTES, SCAN_WANTED_AT);
  if (size < 0) return size;
  if (size > load<i32>(state, SCAN_BATCH_BYTES_MAX_AT)) return BAD_LENGTH;
  if (size > i32.MAX_VALUE - <i32>load<u32>(state, SCAN_POSITION_AT)) return BAD_LENGTH;
  size = isSound ? checkCounts(at, size) : checkBatch(at, available);
  if (size == TORN) store<u32>(state, batchSize(at, available), SCAN_WANTED_AT);
  if (size < 0) return size;

  const baseOffset = loadI64(at + BASE_OFFSET_AT);
  const segmentBase = load<i64>(state, SCAN_BASE_OFFSET_AT);
  if (baseOffset < load<i64>(state, SCAN_NEXT_OFFSET_AT) || baseOffset < segmentBase) return BAD_OFFSET;
  // Index entries hold offsets relative to the segment's base in 31 bits; no overflow, both are not negative.
  const relative = <u64>(baseOffset - segmentBase) + <u64>loadI32(at + LAST_OFFSET_DELTA_AT);
  if (relative > <u64>i32.MAX_VALUE) return BAD_OFFSET;
  if (baseOffset > i64.MAX_VALUE - i32.MAX_VALUE - 1) return BAD_OFFSET;
  return size;
}

/** Takes a checked batch into the state, the table and the indexes. */
function passBatch(
  state: usize,
  at: usize,
  size: i32,
  entry: usize,
  offsetIndex: usize,
  timeIndex: usize,
): void {
  const position = load<u32>(state, SCAN_POSITION_AT);
  const baseOffset = loadI64(at + BASE_OFFSET_AT);
  const lastOffset = baseOffset + <i64>loadI32(at + LAST_OFFSET_DELTA_AT);
  const maxTimestamp = loadI64(at + MAX_TIMESTAMP_AT);
  const recordsCount = loadI32(at + RECORDS_COUNT_AT);
  if (recordsCount > 0 && maxTimestamp > load<i64>(state, SCAN_MAX_TIMESTAMP_AT)) {
    store<i64>(state, maxTimestamp, SCAN_MAX_TIMESTAMP_AT);
    store<i64>(state, lastOffset, SCAN_MAX_TIMESTAMP_OFFSET_AT);
  }
  const interval = load<i32>(state, SCAN_INTERVAL_AT);
  if (interval > 0) {
    if (load<u32>(state, SCAN_SINCE_ENTRY_AT) > <u32>interval) {
      appendIndexEntries(state, lastOffset, position, offsetIndex, timeIndex);
      store<u32>(state, 0, SCAN_SINCE_ENTRY_AT);
    }
    store<u32>(state, load<u32>(state, SCAN_SINCE_ENTRY_AT) + <u32>size, SCAN_SINCE_ENTRY_AT);
  }

  store<i64>(entry, baseOffset, SCANNED_BASE_OFFSET_AT);
  store<i64>(entry, lastOffset, SCANNED_LAST_OFFSET_AT);
  store<i64>(entry, maxTimestamp, SCANNED_MAX_TIMESTAMP_AT);
  store<i64>(entry, loadI64(at + PRODUCER_ID_AT), SCANNED_PRODUCER_ID_AT);
  store<u32>(entry, position, SCANNED_POSITION_AT);
  store<i32>(entry, size, SCANNED_SIZE_AT);
  store<i32>(entry, loadI32(at + LEADER_EPOCH_AT), SCANNED_LEADER_EPOCH_AT);
  store<i32>(entry, loadI32(at + BASE_SEQUENCE_AT), SCANNED_BASE_SEQUENCE_AT);
  store<i32>(entry, <i32>loadI16(at + PRODUCER_EPOCH_AT), SCANNED_PRODUCER_EPOCH_AT);
  store<i32>(entry, <i32>loadI16(at + ATTRIBUTES_AT), SCANNED_ATTRIBUTES_AT);
  store<i32>(entry, recordsCount, SCANNED_RECORDS_COUNT_AT);

  store<i64>(state, lastOffset + 1, SCAN_NEXT_OFFSET_AT);
  store<u32>(state, position + <u32>size, SCAN_POSITION_AT);
}

function appendIndexEntries(
  state: usize,
  lastOffset: i64,
  position: u32,
  offsetIndex: usize,
  timeIndex: usize,
): void {
  const segmentBase = load<i64>(state, SCAN_BASE_OFFSET_AT);
  const offsetEntries = load<i32>(state, SCAN_OFFSET_ENTRIES_AT);
  const offsetEntry = offsetIndex + <usize>offsetEntries * OFFSET_INDEX_ENTRY_BYTES;
  storeI32(offsetEntry, <i32>(lastOffset - segmentBase));
  storeI32(offsetEntry + 4, <i32>position);
  store<i32>(state, offsetEntries + 1, SCAN_OFFSET_ENTRIES_AT);

  const timestamp = load<i64>(state, SCAN_MAX_TIMESTAMP_AT);
  if (timestamp <= load<i64>(state, SCAN_TIME_ENTRY_AT)) return;
  const timeEntries = load<i32>(state, SCAN_TIME_ENTRIES_AT);
  const timeEntry = timeIndex + <usize>timeEntries * TIME_INDEX_ENTRY_BYTES;
  storeI64(timeEntry, timestamp);
  storeI32(timeEntry + 8, <i32>(load<i64>(state, SCAN_MAX_TIMESTAMP_OFFSET_AT) - segmentBase));
  store<i32>(state, timeEntries + 1, SCAN_TIME_ENTRIES_AT);
  store<i64>(state, timestamp, SCAN_TIME_ENTRY_AT);
}
