// Log compaction's kernel: a batch written again without some of its records. Kafka's MemoryRecords.filterTo: offsets,
// sequence, producer, timestamp type and codec stay, so do the batch's first and last offset; base and greatest timestamp are
// those of the records that are left, or the base is the delete horizon (KIP-534).

import { checkBatch } from "./batch-check";
import { readRecord } from "./batch-reader";
import { loadI16, loadI32, loadI64, storeI16, storeI32, storeI64, storeU32 } from "./big-endian";
import { compress, decompress } from "./codecs";
import { crc32c } from "./crc32c";
import {
  ATTRIBUTES_AT,
  BASE_TIMESTAMP_AT,
  BATCH_LENGTH_AT,
  BATCH_OVERHEAD_BYTES,
  CODEC_MASK,
  CODEC_NONE,
  CRC_AT,
  DELETE_HORIZON_BIT,
  DESCRIPTOR_OFFSET_DELTA_AT,
  DESCRIPTOR_TIMESTAMP_DELTA_AT,
  LAST_OFFSET_DELTA_AT,
  LOG_APPEND_TIME_BIT,
  MAX_TIMESTAMP_AT,
  RECORDS_AT,
  RECORDS_COUNT_AT,
  SLACK_BYTES,
} from "./format";
import { DESCRIPTOR_SCRATCH_AT } from "./memory-map";
import { BAD_OFFSET, BAD_RECORDS, OUTPUT_FULL } from "./status";
import { sizeOfVarint, writeVarint } from "./varint";
import { copyBytes } from "./wide-copy";

/** Kafka's "no timestamp". */
const NO_TIMESTAMP: i64 = -1;

/** Of the last `keepRecords`. */
let keptBaseTimestamp: i64 = NO_TIMESTAMP;
let keptMaxTimestamp: i64 = NO_TIMESTAMP;

/**
 * Writes the batch of `size` bytes at `at` again, into at most `outputMax` bytes at `output`, with those of its records only
 * whose bit is set in the bitmap at `keep` (record i: bit i % 8 of byte i / 8). A `deleteHorizon` of 0 or more is set in a
 * batch that has none; one that is there stays. When all are kept and no horizon is to be set the bytes stay as they are;
 * when none is, the header remains, as Kafka keeps it for the producer's last sequence.
 * Records go by way of `scratchMax` bytes at `scratch` when the batch has a codec: decompressed, and behind that written
 * again. Answers the new size in bytes; what `checkBatch` and `checkRecords` find wrong; OUTPUT_FULL; UNSUPPORTED_CODEC.
 */
export function rewriteBatch(
  at: usize,
  size: usize,
  keep: usize,
  output: usize,
  outputMax: usize,
  scratch: usize,
  scratchMax: usize,
  deleteHorizon: i64,
): i32 {
  // Bytes that have rotted would get a CRC that matches.
  const checked = checkBatch(at, size);
  if (checked < 0) return checked;
  if (outputMax < <usize>RECORDS_AT) return OUTPUT_FULL;
  const count = loadI32(at + RECORDS_COUNT_AT);
  const attributes = <i32>loadI16(at + ATTRIBUTES_AT);
  const hadHorizon = (attributes & DELETE_HORIZON_BIT) != 0;
  const setsHorizon = deleteHorizon >= 0 && !hadHorizon;
  const kept = countKept(keep, count);
  if (kept == count && (count == 0 || !setsHorizon)) {
    if (size > outputMax) return OUTPUT_FULL;
    memory.copy(output, at, size);
    return <i32>size;
  }
  memory.copy(output, at, RECORDS_AT);
  if (kept == 0) return sealEmpty(output, attributes);

  const codec = attributes & CODEC_MASK;
  let source = at + RECORDS_AT;
  let length = size - RECORDS_AT;
  let records = output + RECORDS_AT;
  let recordsMax = outputMax - RECORDS_AT;
  if (codec != CODEC_NONE) {
    const bytes = decompress(codec, source, length, scratch, scratchMax);
    if (bytes < 0) return bytes;
    source = scratch;
    length = <usize>bytes;
    const taken = length + SLACK_BYTES;
    if (taken > scratchMax) return OUTPUT_FULL;
    records = scratch + taken;
    recordsMax = scratchMax - taken;
  }
  const horizon = setsHorizon ? deleteHorizon : hadHorizon ? loadI64(at + BASE_TIMESTAMP_AT) : NO_TIMESTAMP;
  let bytes = keepRecords(at, source, length, keep, horizon, records, recordsMax);
  if (bytes >= 0 && codec != CODEC_NONE)
    bytes = compress(codec, records, bytes, output + RECORDS_AT, outputMax - RECORDS_AT);
  if (bytes < 0) return bytes;

  if ((attributes & LOG_APPEND_TIME_BIT) == 0) storeI64(output + MAX_TIMESTAMP_AT, keptMaxTimestamp);
  return seal(
    output,
    RECORDS_AT + bytes,
    setsHorizon ? attributes | DELETE_HORIZON_BIT : attributes,
    keptBaseTimestamp,
    kept,
  );
}

/** How many of the first `count` bits at `keep` are set. */
function countKept(keep: usize, count: i32): i32 {
  let kept = 0;
  const whole = <usize>(count >> 3);
  for (let byte: usize = 0; byte < whole; byte++) kept += popcnt<i32>(<i32>load<u8>(keep + byte));
  const rest = count & 7;
  if (rest > 0) kept += popcnt<i32>((<i32>load<u8>(keep + whole)) & ((1 << rest) - 1));
  return kept;
}

/** Kafka's empty batch: no codec, no base timestamp, no horizon; the greatest timestamp stays. */
function sealEmpty(output: usize, attributes: i32): i32 {
  return seal(output, RECORDS_AT, attributes & ~(CODEC_MASK | DELETE_HORIZON_BIT), NO_TIMESTAMP, 0);
}

/** Puts what has changed into a header that was copied, and the CRC over all `size` bytes. Answers the size. */
function seal(output: usize, size: i32, attributes: i32, baseTimestamp: i64, count: i32): i32 {
  storeI32(output + BATCH_LENGTH_AT, size - BATCH_OVERHEAD_BYTES);
  storeI16(output + ATTRIBUTES_AT, <i16>attributes);
  storeI64(output + BASE_TIMESTAMP_AT, baseTimestamp);
  storeI32(output + RECORDS_COUNT_AT, count);
  storeU32(output + CRC_AT, crc32c(output + ATTRIBUTES_AT, size - ATTRIBUTES_AT, 0));
  return size;
}

/**
 * Writes those of the records in the `length` bytes at `source` that are kept, all of the batch at `at`, into at most
 * `outputMax` bytes at `output`; `horizon` is their base timestamp when it is 0 or more. Every record is checked, kept or not.
 * Answers the number of bytes, BAD_RECORDS, BAD_OFFSET or OUTPUT_FULL.
 */
function keepRecords(
  at: usize,
  source: usize,
  length: usize,
  keep: usize,
  horizon: i64,
  output: usize,
  outputMax: usize,
): i32 {
  const count = loadI32(at + RECORDS_COUNT_AT);
  const lastDelta = loadI32(at + LAST_OFFSET_DELTA_AT);
  const oldBase = loadI64(at + BASE_TIMESTAMP_AT);
  const isLogAppendTime = ((<i32>loadI16(at + ATTRIBUTES_AT)) & LOG_APPEND_TIME_BIT) != 0;
  const appendTime = loadI64(at + MAX_TIMESTAMP_AT);
  const end = source + length;
  const outputEnd = output + outputMax;
  let out = output;
  let next = source;
  let previousDelta = -1;
  keptBaseTimestamp = horizon;
  keptMaxTimestamp = NO_TIMESTAMP;
  let isFirst = horizon < 0;
  for (let i = 0; i < count; i++) {
    const record = next;
    next = readRecord(source, record, end, DESCRIPTOR_SCRATCH_AT);
    if (next == 0) return BAD_RECORDS;
    const delta = load<i32>(DESCRIPTOR_SCRATCH_AT, DESCRIPTOR_OFFSET_DELTA_AT);
    if (delta <= previousDelta || delta > lastDelta) return BAD_OFFSET;
    previousDelta = delta;
    if (((load<u8>(keep + <usize>(i >> 3)) >> (i & 7)) & 1) == 0) continue;

    const timestamp = isLogAppendTime
      ? appendTime
      : oldBase + load<i64>(DESCRIPTOR_SCRATCH_AT, DESCRIPTOR_TIMESTAMP_DELTA_AT);
    keptMaxTimestamp = max(keptMaxTimestamp, timestamp);
    if (isFirst) keptBaseTimestamp = timestamp;
    isFirst = false;
    // From the offset delta on nothing changes.
    const attributes = skipVarint(record);
    const rest = skipVarint(attributes + 1);
    const timestampDelta = timestamp - keptBaseTimestamp;
    const size = 1 + <u64>sizeOfVarint(timestampDelta) + <u64>(next - rest);
    if (size > <u64>i32.MAX_VALUE || size + sizeOfVarint(size) > <u64>(outputEnd - out)) return OUTPUT_FULL;
    out = writeVarint(out, size);
    store<u8>(out++, load<u8>(attributes));
    out = writeVarint(out, timestampDelta);
    copyBytes(out, rest, next - rest, outputEnd);
    out += next - rest;
  }
  return next == end ? <i32>(out - output) : BAD_RECORDS;
}

/** The position after the varint at `at`, which has been read before. */
// @ts-ignore: decorator
@inline
function skipVarint(at: usize): usize {
  while (load<u8>(at++) > 127) {}
  return at;
}
