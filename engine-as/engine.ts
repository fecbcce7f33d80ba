// What engine.wasm exports: the flat ABI that FORMAT.md describes. Every pointer and length from outside is judged here, so
// that behind this line all regions lie in the host's part of memory.

import * as batchCheck from "./batch-check";
import * as batchReader from "./batch-reader";
import * as batchRewriter from "./batch-rewriter";
import * as batchWriter from "./batch-writer";
import { loadI32 } from "./big-endian";
import * as codecs from "./codecs";
import * as crc from "./crc32c";
import {
  DESCRIPTOR_BYTES,
  HEAP_AT,
  OFFSET_INDEX_ENTRY_BYTES,
  RECORDS_COUNT_AT,
  RECORD_BYTES_MIN,
  RECORD_TIMES_BYTES,
  SCANNED_BYTES,
  SCAN_STATE_BYTES,
  SLACK_BYTES,
  TIME_INDEX_ENTRY_BYTES,
} from "./format";
import * as indexLookup from "./index-lookup";
import * as indexLookups from "./index-lookups";
import * as segmentScan from "./segment-scan";
import { BAD_ARGUMENT, BAD_RECORDS, OK } from "./status";

/** Whether a region and its slack lie in the host's part of memory. */
// @ts-ignore: decorator
@inline
function isRegion(at: usize, bytes: u64): bool {
  return at >= <usize>HEAP_AT && <u64>at + bytes + SLACK_BYTES <= (<u64>memory.size()) << 16;
}

/** CRC32C of `length` bytes at `at`, continuing `seed`; 0 for a region that is not the host's. */
export function crc32c(at: usize, length: usize, seed: u32): u32 {
  return isRegion(at, length) ? crc.crc32c(at, length, seed) : 0;
}

/** The size of the batch whose first `available` bytes are at `at`, told by 17 of them; TORN while there are fewer. */
export function batchSize(at: usize, available: usize): i32 {
  return isRegion(at, available) ? batchCheck.batchSize(at, available) : BAD_ARGUMENT;
}

/** Checks size, magic, CRC and counts; answers the size of the batch. */
export function checkBatch(at: usize, available: usize): i32 {
  return isRegion(at, available) ? batchCheck.checkBatch(at, available) : BAD_ARGUMENT;
}

/** Checks every record of the batch of `size` bytes at `at`, which `checkBatch` has passed; answers how many. */
export function checkRecords(at: usize, size: usize, scratch: usize, scratchMax: usize, times: usize): i32 {
  if (!isRegion(at, size) || !isRegion(scratch, scratchMax)) return BAD_ARGUMENT;
  if (!isRegion(times, RECORD_TIMES_BYTES)) return BAD_ARGUMENT;
  if (batchCheck.batchSize(at, size) != <i32>size) return BAD_ARGUMENT;
  return batchCheck.checkRecords(at, size, scratch, scratchMax, times);
}

/** Fills `count` descriptors from the record at `position` on; answers the position after the last. */
export function readRecords(
  records: usize,
  length: usize,
  position: usize,
  count: i32,
  previousDelta: i32,
  lastDelta: i32,
  table: usize,
): i32 {
  if (!isRegion(records, length) || position > length || count < 0) return BAD_ARGUMENT;
  if (!isRegion(table, <u64>count * DESCRIPTOR_BYTES)) return BAD_ARGUMENT;
  if (<u64>count * RECORD_BYTES_MIN > <u64>(length - position)) return BAD_RECORDS;
  return batchReader.readRecords(records, length, position, count, previousDelta, lastDelta, table);
}

/** Writes and seals a batch of `count` records; answers its size in bytes. */
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
  if (count < 1 || !isRegion(table, <u64>count * DESCRIPTOR_BYTES)) return BAD_ARGUMENT;
  if (!isRegion(data, dataLength) || !isRegion(output, outputMax)) return BAD_ARGUMENT;
  if (!isRegion(scratch, scratchMax)) return BAD_ARGUMENT;
  return batchWriter.writeBatch(
    table,
    count,
    data,
    dataLength,
    output,
    outputMax,
    scratch,
    scratchMax,
    attributes,
    baseTimestamp,
    producerId,
    producerEpoch,
    baseSequence,
  );
}

/** Writes a batch again with the records that `keep` names; answers its new size. */
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
  if (!isRegion(at, size) || !isRegion(output, outputMax) || !isRegion(scratch, scratchMax))
    return BAD_ARGUMENT;
  if (batchCheck.batchSize(at, size) != <i32>size) return BAD_ARGUMENT;
  const count = <u64>max(loadI32(at + RECORDS_COUNT_AT), 0);
  if (!isRegion(keep, (count + 7) >> 3)) return BAD_ARGUMENT;
  return batchRewriter.rewriteBatch(at, size, keep, output, outputMax, scratch, scratchMax, deleteHorizon);
}

/** Walks the batches of a segment's next bytes; OK, TORN or why it stopped. */
export function scanSegment(
  state: usize,
  bytes: usize,
  length: usize,
  batches: usize,
  batchesMax: i32,
  offsetIndex: usize,
  timeIndex: usize,
): i32 {
  if (batchesMax < 1 || !isRegion(state, SCAN_STATE_BYTES) || !isRegion(bytes, length)) return BAD_ARGUMENT;
  if (!isRegion(batches, <u64>batchesMax * SCANNED_BYTES)) return BAD_ARGUMENT;
  if (!isRegion(offsetIndex, <u64>batchesMax * OFFSET_INDEX_ENTRY_BYTES)) return BAD_ARGUMENT;
  if (!isRegion(timeIndex, <u64>batchesMax * TIME_INDEX_ENTRY_BYTES)) return BAD_ARGUMENT;
  return segmentScan.scanSegment(state, bytes, length, batches, batchesMax, offsetIndex, timeIndex);
}

/** Position named by the last entry of a `.index` at or before `relativeOffset`; 0 when there is none. */
export function lookupOffset(index: usize, entries: i32, relativeOffset: i32): i32 {
  if (entries < 0 || !isRegion(index, <u64>entries * OFFSET_INDEX_ENTRY_BYTES)) return BAD_ARGUMENT;
  return indexLookup.lookupOffset(index, entries, relativeOffset);
}

/** Relative offset named by the last entry of a `.timeindex` before `timestamp`; 0 when there is none. */
export function lookupTime(index: usize, entries: i32, timestamp: i64): i32 {
  if (entries < 0 || !isRegion(index, <u64>entries * TIME_INDEX_ENTRY_BYTES)) return BAD_ARGUMENT;
  return indexLookup.lookupTime(index, entries, timestamp);
}

/** `lookupOffset` for each of `count` int32 at `targets`; answers OK, the positions as int32 at `results`. */
export function lookupOffsets(index: usize, entries: i32, targets: usize, count: i32, results: usize): i32 {
  if (entries < 0 || !isRegion(index, <u64>entries * OFFSET_INDEX_ENTRY_BYTES)) return BAD_ARGUMENT;
  if (count < 0 || !isRegion(targets, (<u64>count) << 2) || !isRegion(results, (<u64>count) << 2))
    return BAD_ARGUMENT;
  indexLookups.lookupOffsets(index, entries, targets, count, results);
  return OK;
}

/** `lookupTime` for each of `count` int64 at `targets`; answers OK, the relative offsets as int32 at `results`. */
export function lookupTimes(index: usize, entries: i32, targets: usize, count: i32, results: usize): i32 {
  if (entries < 0 || !isRegion(index, <u64>entries * TIME_INDEX_ENTRY_BYTES)) return BAD_ARGUMENT;
  if (count < 0 || !isRegion(targets, (<u64>count) << 3) || !isRegion(results, (<u64>count) << 2))
    return BAD_ARGUMENT;
  indexLookups.lookupTimes(index, entries, targets, count, results);
  return OK;
}

/** Output that `compress` must be given for `length` bytes; BAD_ARGUMENT when that is more than memory can be. */
export function compressedBytesMax(codec: i32, length: usize): i32 {
  if (length > 1 << 30) return BAD_ARGUMENT;
  return <i32>codecs.compressedBytesMax(codec, length);
}

/** Compresses as Kafka frames it; answers the number of bytes. */
export function compress(codec: i32, source: usize, length: usize, output: usize, outputMax: usize): i32 {
  if (!isRegion(source, length) || !isRegion(output, outputMax)) return BAD_ARGUMENT;
  return codecs.compress(codec, source, length, output, outputMax);
}

/** Decompresses; answers the number of bytes. */
export function decompress(codec: i32, source: usize, length: usize, output: usize, outputMax: usize): i32 {
  if (!isRegion(source, length) || !isRegion(output, outputMax)) return BAD_ARGUMENT;
  return codecs.decompress(codec, source, length, output, outputMax);
}
