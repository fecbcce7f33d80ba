// Is this a RecordBatch v2, and are its bytes the ones that were sealed?

import { loadI16, loadI32, loadI64, loadU32 } from "./big-endian";
import { decompress } from "./codecs";
import { crc32c } from "./crc32c";
import { readRecord } from "./batch-reader";
import {
  ATTRIBUTES_AT,
  BASE_OFFSET_AT,
  BASE_SEQUENCE_AT,
  BASE_TIMESTAMP_AT,
  BATCH_HEADER_BYTES,
  BATCH_LENGTH_AT,
  BATCH_OVERHEAD_BYTES,
  CODEC_MASK,
  CODEC_NONE,
  CRC_AT,
  DESCRIPTOR_OFFSET_DELTA_AT,
  DESCRIPTOR_TIMESTAMP_DELTA_AT,
  LAST_OFFSET_DELTA_AT,
  LEADER_EPOCH_AT,
  MAGIC_AT,
  MAGIC_V2,
  MAX_TIMESTAMP_AT,
  NEWEST_TIMESTAMP_AT,
  OLDEST_TIMESTAMP_AT,
  PRODUCER_EPOCH_AT,
  PRODUCER_ID_AT,
  RECORDS_AT,
  RECORDS_COUNT_AT,
  RECORD_BYTES_MIN,
  RECORD_TIMES_BYTES,
} from "./format";
import { DESCRIPTOR_SCRATCH_AT } from "./memory-map";
import { BAD_CRC, BAD_LENGTH, BAD_MAGIC, BAD_OFFSET, BAD_RECORDS, TORN } from "./status";

if (BASE_OFFSET_AT + 8 != BATCH_LENGTH_AT) ERROR("batch: length");
if (BATCH_LENGTH_AT + 4 != LEADER_EPOCH_AT) ERROR("batch: leader epoch");
if (LEADER_EPOCH_AT != BATCH_OVERHEAD_BYTES) ERROR("batch: overhead");
if (LEADER_EPOCH_AT + 4 != MAGIC_AT) ERROR("batch: magic");
if (MAGIC_AT + 1 != CRC_AT) ERROR("batch: crc");
if (CRC_AT + 4 != ATTRIBUTES_AT) ERROR("batch: attributes");
if (ATTRIBUTES_AT + 2 != LAST_OFFSET_DELTA_AT) ERROR("batch: last offset delta");
if (LAST_OFFSET_DELTA_AT + 4 != BASE_TIMESTAMP_AT) ERROR("batch: base timestamp");
if (BASE_TIMESTAMP_AT + 8 != MAX_TIMESTAMP_AT) ERROR("batch: max timestamp");
if (MAX_TIMESTAMP_AT + 8 != PRODUCER_ID_AT) ERROR("batch: producer id");
if (PRODUCER_ID_AT + 8 != PRODUCER_EPOCH_AT) ERROR("batch: producer epoch");
if (PRODUCER_EPOCH_AT + 2 != BASE_SEQUENCE_AT) ERROR("batch: base sequence");
if (BASE_SEQUENCE_AT + 4 != RECORDS_COUNT_AT) ERROR("batch: records count");
if (RECORDS_COUNT_AT + 4 != RECORDS_AT) ERROR("batch: records");
if (RECORDS_AT != BATCH_HEADER_BYTES) ERROR("batch: header size");
if (OLDEST_TIMESTAMP_AT + 8 != NEWEST_TIMESTAMP_AT) ERROR("record times: newest");
if (NEWEST_TIMESTAMP_AT + 8 != RECORD_TIMES_BYTES) ERROR("record times: size");

/** The timestamp of a record that has none. */
const NO_TIMESTAMP: i64 = -1;

/** Bytes from which the size of a batch can be told. */
export const SIZE_KNOWN_BYTES: usize = MAGIC_AT + 1;

/** The size in bytes of the batch whose first `available` bytes are at `at`; TORN while they are too few to tell. */
export function batchSize(at: usize, available: usize): i32 {
  if (available < SIZE_KNOWN_BYTES) return TORN;
  if (load<u8>(at, MAGIC_AT) != MAGIC_V2) return BAD_MAGIC;
  const length = loadI32(at + BATCH_LENGTH_AT);
  if (length < BATCH_HEADER_BYTES - BATCH_OVERHEAD_BYTES) return BAD_LENGTH;
  if (length > i32.MAX_VALUE - BATCH_OVERHEAD_BYTES) return BAD_LENGTH;
  return length + BATCH_OVERHEAD_BYTES;
}

/** Checks size, magic, CRC and counts of the batch at `at`; answers its size in bytes. */
export function checkBatch(at: usize, available: usize): i32 {
  const size = batchSize(at, available);
  if (size < 0) return size;
  if (<usize>size > available) return TORN;
  const crc = crc32c(at + ATTRIBUTES_AT, size - ATTRIBUTES_AT, 0);
  if (crc != loadU32(at + CRC_AT)) return BAD_CRC;
  return checkCounts(at, size);
}

/** What `checkBatch` checks of a batch of `size` bytes whose CRC matches; answers its size in bytes. */
export function checkCounts(at: usize, size: i32): i32 {
  const count = loadI32(at + RECORDS_COUNT_AT);
  const lastDelta = loadI32(at + LAST_OFFSET_DELTA_AT);
  // Compaction leaves batches with fewer records than offsets, down to none.
  if (count < 0 || lastDelta < 0 || <i64>count > <i64>lastDelta + 1) return BAD_LENGTH;
  return size;
}

/**
 * Checks every record of a batch of `size` bytes that `checkBatch` has passed. Compressed records are decompressed into at
 * most `scratchMax` bytes at `scratch`. Answers how many records there are, and their oldest and newest timestamp at `times`.
 */
export function checkRecords(at: usize, size: usize, scratch: usize, scratchMax: usize, times: usize): i32 {
  let records = at + RECORDS_AT;
  let length = size - RECORDS_AT;
  const count = loadI32(at + RECORDS_COUNT_AT);
  const codec = (<i32>loadI16(at + ATTRIBUTES_AT)) & CODEC_MASK;
  if (codec != CODEC_NONE && length > 0) {
    const bytes = decompress(codec, records, length, scratch, scratchMax);
    if (bytes < 0) return bytes;
    records = scratch;
    length = <usize>bytes;
  }
  if (<u64>count * RECORD_BYTES_MIN > <u64>length) return BAD_RECORDS;
  const lastDelta = loadI32(at + LAST_OFFSET_DELTA_AT);
  const baseTimestamp = loadI64(at + BASE_TIMESTAMP_AT);
  return checkEach(records, length, count, lastDelta, baseTimestamp, times);
}

/** Checks `count` records that should fill the `length` bytes at `records`; answers how many, and their `times`. */
function checkEach(
  records: usize,
  length: usize,
  count: i32,
  lastDelta: i32,
  baseTimestamp: i64,
  times: usize,
): i32 {
  const end = records + length;
  let next = records;
  let previousDelta = -1;
  let oldest: i64 = NO_TIMESTAMP;
  let newest: i64 = NO_TIMESTAMP;
  for (let i = 0; i < count; i++) {
    next = readRecord(records, next, end, DESCRIPTOR_SCRATCH_AT);
    if (next == 0) return BAD_RECORDS;
    const delta = load<i32>(DESCRIPTOR_SCRATCH_AT, DESCRIPTOR_OFFSET_DELTA_AT);
    if (delta <= previousDelta || delta > lastDelta) return BAD_OFFSET;
    previousDelta = delta;
    // A sum beyond 64 bits wraps around, as it does for all who read the record.
    const timestamp = baseTimestamp + load<i64>(DESCRIPTOR_SCRATCH_AT, DESCRIPTOR_TIMESTAMP_DELTA_AT);
    newest = max(newest, timestamp);
    if (timestamp != NO_TIMESTAMP && (oldest == NO_TIMESTAMP || timestamp < oldest)) oldest = timestamp;
  }
  if (next != end) return BAD_RECORDS;
  store<i64>(times, oldest, OLDEST_TIMESTAMP_AT);
  store<i64>(times, newest, NEWEST_TIMESTAMP_AT);
  return count;
}
