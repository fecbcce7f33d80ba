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
import {
  isLongVarint,
  readVarint,
  readVarlong,
  shortVarint,
  shortVarintBytes,
  varintBytes,
  varintValue,
  varlong,
} from "./varint";

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
    if (readRecord(records, at, end, table) == 0) return BAD_RECORDS;
    at = recordEnd(at, end);
    const delta = load<i32>(table, DESCRIPTOR_OFFSET_DELTA_AT);
    if (delta <= previousDelta || delta > lastDelta) return BAD_OFFSET;
    previousDelta = delta;
    table += DESCRIPTOR_BYTES;
  }
  return <i32>(at - records);
}

/**
 * Where the record at `at` ends, which `readRecord` has found sound: told by its length alone, so that the processor can be at
 * the next record before it has been through this one.
 */
// @ts-ignore: decorator
@inline
function recordEnd(at: usize, limit: usize): usize {
  const word = load<u16>(at);
  if (!isLongVarint(word)) return at + shortVarintBytes(word) + <usize>shortVarint(word);
  const read = readVarint(at, limit);
  return at + varintBytes(read) + <usize>varintValue(read);
}

/**
 * Reads the record at `at` into `descriptor`, whose positions are relative to `records`; answers the position after it, 0 when
 * it is not sound. Nearly all varints in it take one or two bytes, and those are read without a branch on which; what a
 * record has too few bytes for is noticed at its next length. With a longer one it is read again from its start, with care.
 */
export function readRecord(records: usize, at: usize, limit: usize, descriptor: usize): usize {
  store<u32>(descriptor, at - records, DESCRIPTOR_RECORD_AT);
  let word = load<u16>(at);
  if (isLongVarint(word)) return readAnyRecord(records, at, limit, descriptor);
  const length = shortVarint(word);
  const begin = at + shortVarintBytes(word);
  if (length < 0 || begin > limit || <usize>length > limit - begin) return 0;
  const end = begin + <usize>length;

  // After the attributes, of which none are defined.
  let next = begin + 1;
  word = load<u16>(next);
  if (isLongVarint(word)) return readAnyRecord(records, at, limit, descriptor);
  store<i64>(descriptor, <i64>shortVarint(word), DESCRIPTOR_TIMESTAMP_DELTA_AT);
  next += shortVarintBytes(word);

  word = load<u16>(next);
  if (isLongVarint(word)) return readAnyRecord(records, at, limit, descriptor);
  store<i32>(descriptor, shortVarint(word), DESCRIPTOR_OFFSET_DELTA_AT);
  next += shortVarintBytes(word);

  word = load<u16>(next);
  if (isLongVarint(word)) return readAnyRecord(records, at, limit, descriptor);
  const keyLength = shortVarint(word);
  next += shortVarintBytes(word);
  if (keyLength < -1 || max(keyLength, 0) > <i32>(end - next)) return 0;
  store<u32>(descriptor, next - records, DESCRIPTOR_KEY_AT);
  store<i32>(descriptor, keyLength, DESCRIPTOR_KEY_LENGTH_AT);
  next += <usize>max(keyLength, 0);

  word = load<u16>(next);
  if (isLongVarint(word)) return readAnyRecord(records, at, limit, descriptor);
  const valueLength = shortVarint(word);
  next += shortVarintBytes(word);
  if (valueLength < -1 || max(valueLength, 0) > <i32>(end - next)) return 0;
  store<u32>(descriptor, next - records, DESCRIPTOR_VALUE_AT);
  store<i32>(descriptor, valueLength, DESCRIPTOR_VALUE_LENGTH_AT);
  next += <usize>max(valueLength, 0);
  return readHeaders(records, next, end, descriptor);
}

/** `readRecord` for varints of any size. */
function readAnyRecord(records: usize, at: usize, limit: usize, descriptor: usize): usize {
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

  return readHeaders(records, at, end, descriptor);
}

/** Reads the headers at `at`, with which a record ends; answers where, 0 when that is not `end`. */
// @ts-ignore: decorator
@inline
function readHeaders(records: usize, at: usize, end: usize, descriptor: usize): usize {
  const read = readVarint(at, end);
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
