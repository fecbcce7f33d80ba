// Records in, a sealed RecordBatch v2 out.

import { storeI16, storeI32, storeI64, storeU32 } from "./big-endian";
import { compress } from "./codecs";
import { crc32c } from "./crc32c";
import {
  ATTRIBUTES_AT,
  BASE_OFFSET_AT,
  BASE_SEQUENCE_AT,
  BASE_TIMESTAMP_AT,
  BATCH_LENGTH_AT,
  BATCH_OVERHEAD_BYTES,
  CODEC_MASK,
  CODEC_NONE,
  CRC_AT,
  DESCRIPTOR_BYTES,
  DESCRIPTOR_HEADERS_AT,
  DESCRIPTOR_HEADERS_COUNT_AT,
  DESCRIPTOR_KEY_AT,
  DESCRIPTOR_KEY_LENGTH_AT,
  DESCRIPTOR_TIMESTAMP_DELTA_AT,
  DESCRIPTOR_VALUE_AT,
  DESCRIPTOR_VALUE_LENGTH_AT,
  HEADER_ENTRY_BYTES,
  HEADER_KEY_AT,
  HEADER_KEY_LENGTH_AT,
  HEADER_VALUE_AT,
  HEADER_VALUE_LENGTH_AT,
  LAST_OFFSET_DELTA_AT,
  LEADER_EPOCH_AT,
  MAGIC_AT,
  MAGIC_V2,
  MAX_TIMESTAMP_AT,
  PRODUCER_EPOCH_AT,
  PRODUCER_ID_AT,
  RECORDS_AT,
  RECORDS_COUNT_AT,
} from "./format";
import { BAD_ARGUMENT, OUTPUT_FULL } from "./status";
import { sizeOfVarint, writeVarint } from "./varint";
import { copyBytes } from "./wide-copy";

if (HEADER_VALUE_LENGTH_AT + 4 != HEADER_ENTRY_BYTES) ERROR("header entry: size");

/** The greatest timestamp delta of the last `writeRecords`. */
let maxTimestampDelta: i64 = 0;

/**
 * Writes the `count` records that the descriptors at `table` tell of, one after the other, into at most `outputMax` bytes
 * at `output`. Answers their size in bytes, OUTPUT_FULL, or BAD_ARGUMENT when a descriptor points outside its data.
 */
export function writeRecords(
  table: usize,
  count: i32,
  data: usize,
  dataLength: usize,
  output: usize,
  outputMax: usize,
): i32 {
  const end = output + outputMax;
  let at = output;
  maxTimestampDelta = i64.MIN_VALUE;
  for (let i = 0; i < count; i++) {
    const descriptor = table + <usize>i * DESCRIPTOR_BYTES;
    const timestampDelta = load<i64>(descriptor, DESCRIPTOR_TIMESTAMP_DELTA_AT);
    maxTimestampDelta = max(maxTimestampDelta, timestampDelta);
    const key = load<u32>(descriptor, DESCRIPTOR_KEY_AT);
    const keyLength = load<i32>(descriptor, DESCRIPTOR_KEY_LENGTH_AT);
    const value = load<u32>(descriptor, DESCRIPTOR_VALUE_AT);
    const valueLength = load<i32>(descriptor, DESCRIPTOR_VALUE_LENGTH_AT);
    const headers = load<u32>(descriptor, DESCRIPTOR_HEADERS_AT);
    const headersCount = load<i32>(descriptor, DESCRIPTOR_HEADERS_COUNT_AT);
    if (!isInside(key, keyLength, dataLength) || !isInside(value, valueLength, dataLength))
      return BAD_ARGUMENT;

    const headersSize = sizeOfHeaders(data, dataLength, headers, headersCount);
    if (headersSize < 0) return BAD_ARGUMENT;
    const size =
      1 +
      <u64>sizeOfVarint(timestampDelta) +
      sizeOfVarint(i) +
      sizeOfVarint(keyLength) +
      max(keyLength, 0) +
      sizeOfVarint(valueLength) +
      max(valueLength, 0) +
      sizeOfVarint(headersCount) +
      headersSize;
    if (size > <u64>i32.MAX_VALUE || size + sizeOfVarint(size) > <u64>(end - at)) return OUTPUT_FULL;

    at = writeVarint(at, size);
    store<u8>(at++, 0); // attributes
    at = writeVarint(at, timestampDelta);
    at = writeVarint(at, i);
    at = writeBytes(at, data + key, keyLength, end);
    at = writeBytes(at, data + value, valueLength, end);
    at = writeVarint(at, headersCount);
    for (let h = 0; h < headersCount; h++) {
      const entry = data + headers + <usize>h * HEADER_ENTRY_BYTES;
      at = writeBytes(
        at,
        data + load<u32>(entry, HEADER_KEY_AT),
        load<i32>(entry, HEADER_KEY_LENGTH_AT),
        end,
      );
      at = writeBytes(
        at,
        data + load<u32>(entry, HEADER_VALUE_AT),
        load<i32>(entry, HEADER_VALUE_LENGTH_AT),
        end,
      );
    }
  }
  return <i32>(at - output);
}

// @ts-ignore: decorator
@inline
function isInside(at: u32, length: i32, limit: usize): bool {
  return length >= -1 && <u64>at + max(length, 0) <= <u64>limit;
}

/** Size in bytes of a record's headers without their count; -1 when an entry points outside the data. */
function sizeOfHeaders(data: usize, dataLength: usize, headers: u32, count: i32): i64 {
  if (count == 0) return 0;
  if (count < 0 || <u64>headers + <u64>count * HEADER_ENTRY_BYTES > <u64>dataLength) return -1;
  let size: i64 = 0;
  for (let i = 0; i < count; i++) {
    const entry = data + headers + <usize>i * HEADER_ENTRY_BYTES;
    const keyLength = load<i32>(entry, HEADER_KEY_LENGTH_AT);
    const valueLength = load<i32>(entry, HEADER_VALUE_LENGTH_AT);
    if (keyLength < 0 || !isInside(load<u32>(entry, HEADER_KEY_AT), keyLength, dataLength)) return -1;
    if (!isInside(load<u32>(entry, HEADER_VALUE_AT), valueLength, dataLength)) return -1;
    size += sizeOfVarint(keyLength) + keyLength + sizeOfVarint(valueLength) + max(valueLength, 0);
  }
  return size;
}

/** Writes a length varint and the bytes; -1 is a null. The caller has seen to it that they fit before `end`. */
// @ts-ignore: decorator
@inline
function writeBytes(at: usize, source: usize, length: i32, end: usize): usize {
  at = writeVarint(at, length);
  if (length <= 0) return at;
  copyBytes(at, source, length, end);
  return at + <usize>length;
}

/**
 * Writes a whole batch with base offset 0 and leader epoch -1 into at most `outputMax` bytes at `output`: the records at
 * once when `attributes` name no codec, else by way of `scratchMax` bytes at `scratch`. Timestamps in the descriptors are
 * relative to `baseTimestamp`. Answers the batch's size in bytes.
 */
export function writeBatch(
  table: usize,
  count: i32,
  data: usize,
  dataLength: usize,
  output: usize,
  outputMax: usize,
  scratch: usize,
  scratchMax: usize,
  attributes: i32,
  baseTimestamp: i64,
  producerId: i64,
  producerEpoch: i32,
  baseSequence: i32,
): i32 {
  const codec = attributes & CODEC_MASK;
  if (count < 1) return BAD_ARGUMENT;
  if (outputMax < <usize>RECORDS_AT) return OUTPUT_FULL;
  const records = output + RECORDS_AT;
  const recordsMax = outputMax - RECORDS_AT;
  let length: i32;
  if (codec == CODEC_NONE) {
    length = writeRecords(table, count, data, dataLength, records, recordsMax);
  } else {
    length = writeRecords(table, count, data, dataLength, scratch, scratchMax);
    if (length >= 0) length = compress(codec, scratch, length, records, recordsMax);
  }
  if (length < 0) return length;

  const size = <usize>length + RECORDS_AT;
  storeI64(output + BASE_OFFSET_AT, 0);
  storeI32(output + BATCH_LENGTH_AT, <i32>size - BATCH_OVERHEAD_BYTES);
  storeI32(output + LEADER_EPOCH_AT, -1);
  store<u8>(output, MAGIC_V2, MAGIC_AT);
  storeI16(output + ATTRIBUTES_AT, <i16>attributes);
  storeI32(output + LAST_OFFSET_DELTA_AT, count - 1);
  storeI64(output + BASE_TIMESTAMP_AT, baseTimestamp);
  storeI64(output + MAX_TIMESTAMP_AT, baseTimestamp + maxTimestampDelta);
  storeI64(output + PRODUCER_ID_AT, producerId);
  storeI16(output + PRODUCER_EPOCH_AT, <i16>producerEpoch);
  storeI32(output + BASE_SEQUENCE_AT, baseSequence);
  storeI32(output + RECORDS_COUNT_AT, count);
  storeU32(output + CRC_AT, crc32c(output + ATTRIBUTES_AT, size - ATTRIBUTES_AT, 0));
  return <i32>size;
}
