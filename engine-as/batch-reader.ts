// Reads the records of a batch, decompressed, into descriptors.
//
//   Record => length varint, attributes int8, timestampDelta varlong, offsetDelta varint,
//             keyLength varint, key, valueLength varint, value, headersCount varint, [Header]
//   Header => keyLength varint, key, valueLength varint, value
//
// Everything in a record is checked here, headers too, so that a host may build its objects later without a check.

import {
  DESCRIPTOR_BYTES,
  DESCRIPTOR_HEADERS_AT,
  DESCRIPTOR_HEADERS_COUNT_AT,
  DESCRIPTOR_KEY_AT,
  DESCRIPTOR_KEY_LENGTH_AT,
  DESCRIPTOR_OFFSET_DELTA_AT,
  DESCRIPTOR_RECORD_AT,
  DESCRIPTOR_TIMESTAMP_DELTA_AT,
  DESCRIPTOR_VALUE_AT,
  DESCRIPTOR_VALUE_LENGTH_AT,
} from "./format";
import { BAD_OFFSET, BAD_RECORDS } from "./status";
import { readVarint, readVarlong, varintBytes, varintValue, varlong } from "./varint";

if (DESCRIPTOR_TIMESTAMP_DELTA_AT + 8 != DESCRIPTOR_OFFSET_DELTA_AT) ERROR("descriptor: offset delta");
if (DESCRIPTOR_OFFSET_DELTA_AT + 4 != DESCRIPTOR_KEY_AT) ERROR("descriptor: key");
if (DESCRIPTOR_KEY_AT + 4 != DESCRIPTOR_KEY_LENGTH_AT) ERROR("descriptor: key length");
if (DESCRIPTOR_KEY_LENGTH_AT + 4 != DESCRIPTOR_VALUE_AT) ERROR("descriptor: value");
if (DESCRIPTOR_VALUE_AT + 4 != DESCRIPTOR_VALUE_LENGTH_AT) ERROR("descriptor: value length");
if (DESCRIPTOR_VALUE_LENGTH_AT + 4 != DESCRIPTOR_HEADERS_AT) ERROR("descriptor: headers");
if (DESCRIPTOR_HEADERS_AT + 4 != DESCRIPTOR_HEADERS_COUNT_AT) ERROR("descriptor: headers count");
if (DESCRIPTOR_HEADERS_COUNT_AT + 4 != DESCRIPTOR_RECORD_AT) ERROR("descriptor: record");
if (DESCRIPTOR_RECORD_AT + 4 != DESCRIPTOR_BYTES) ERROR("descriptor: size");

/**
 * Reads `count` records, the first of them `position` bytes into the `length` bytes at `records`, and writes their
 * descriptors one after the other from `table` on. Offset deltas must rise from above `previousDelta` and end at or before
 * `lastDelta`.
 * Answers the position after the last record, BAD_RECORDS or BAD_OFFSET.
 */
export function readRecords(
  records: usize,
  length: usize,
  position: usize,
  count: i32,
  previousDelta: i32,
  lastDelta: i32,
  table: usize,
): i32 {
  const end = records + length;
  let at = records + position;
  for (let i = 0; i < count; i++) {
    at = readRecord(records, at, end, table);
    if (at == 0) return BAD_RECORDS;
    const delta = load<i32>(table, DESCRIPTOR_OFFSET_DELTA_AT);
    if (delta <= previousDelta || delta > lastDelta) return BAD_OFFSET;
    previousDelta = delta;
    table += DESCRIPTOR_BYTES;
  }
  return <i32>(at - records);
}

/**
 * Reads the record at `at` into `descriptor`, whose positions are relative to `records`; answers the position after it, 0 when
 * it is not sound.
 */
export function readRecord(records: usize, at: usize, limit: usize, descriptor: usize): usize {
  store<u32>(descriptor, at - records, DESCRIPTOR_RECORD_AT);
  let read = readVarint(at, limit);
  at += varintBytes(read);
  const length = varintValue(read);
  if (read == 0 || length < 0 || <usize>length > limit - at) return 0;
  const end = at + <usize>length;

  at++; // attributes: none are defined
  if (at >= end) return 0;
  const first = <u32>load<u8>(at);
  if (first < 128) {
    store<i64>(descriptor, (<i64>(first >>> 1)) ^ -(<i64>(first & 1)), DESCRIPTOR_TIMESTAMP_DELTA_AT);
    at++;
  } else {
    at = readVarlong(at, end);
    if (at == 0) return 0;
    store<i64>(descriptor, varlong, DESCRIPTOR_TIMESTAMP_DELTA_AT);
  }

  read = readVarint(at, end);
  if (read == 0) return 0;
  at += varintBytes(read);
  store<i32>(descriptor, varintValue(read), DESCRIPTOR_OFFSET_DELTA_AT);

  read = readVarint(at, end);
  at += varintBytes(read);
  const keyLength = varintValue(read);
  if (read == 0 || keyLength < -1 || max(keyLength, 0) > <i32>(end - at)) return 0;
  store<u32>(descriptor, at - records, DESCRIPTOR_KEY_AT);
  store<i32>(descriptor, keyLength, DESCRIPTOR_KEY_LENGTH_AT);
  at += <usize>max(keyLength, 0);

  read = readVarint(at, end);
  at += varintBytes(read);
  const valueLength = varintValue(read);
  if (read == 0 || valueLength < -1 || max(valueLength, 0) > <i32>(end - at)) return 0;
  store<u32>(descriptor, at - records, DESCRIPTOR_VALUE_AT);
  store<i32>(descriptor, valueLength, DESCRIPTOR_VALUE_LENGTH_AT);
  at += <usize>max(valueLength, 0);

  read = readVarint(at, end);
  at += varintBytes(read);
  const headersCount = varintValue(read);
  // A header takes at least two bytes.
  if (read == 0 || headersCount < 0 || headersCount > <i32>((end - at) >> 1)) return 0;
  store<u32>(descriptor, at - records, DESCRIPTOR_HEADERS_AT);
  store<i32>(descriptor, headersCount, DESCRIPTOR_HEADERS_COUNT_AT);
  for (let i = 0; i < headersCount; i++) {
    at = skipBytes(at, end, 0);
    if (at == 0) return 0;
    at = skipBytes(at, end, -1);
    if (at == 0) return 0;
  }
  return at == end ? at : 0;
}

/** Skips a length varint and as many bytes; answers the position after them, 0 when they do not end by `end`. */
function skipBytes(at: usize, end: usize, lengthMin: i32): usize {
  const read = readVarint(at, end);
  if (read == 0) return 0;
  at += varintBytes(read);
  const length = varintValue(read);
  if (length < lengthMin || max(length, 0) > <i32>(end - at)) return 0;
  return at + <usize>max(length, 0);
}
