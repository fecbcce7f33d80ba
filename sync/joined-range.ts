/** Rule 4: ranges join, offsets need not. Takes frames as they come and gives what joins on, in order. */
import { BatchHeader } from "../log/batch.ts";
import { BATCH_HEADER_BYTES } from "../engine-as/format.ts";
import { ErrorCode, errorName, KafkaError } from "../wire/errors.ts";
import type { PushFrame } from "../wire/push.ts";

/** A stretch of the log: all batches that cover [from, to). The first may begin before `from`. */
export interface DataRange {
  readonly kind: "data";
  readonly from: bigint;
  readonly to: bigint;
  readonly records: Uint8Array;
  readonly highWatermark: bigint;
}

/** [from, to) is gone upstream: retention was faster. */
export interface GapRange {
  readonly kind: "gap";
  readonly from: bigint;
  readonly to: bigint;
}

/** What one frame means to a reader that expects `expected` next; undefined when it holds nothing new. */
export function joinFrame(frame: PushFrame, expected: bigint): DataRange | GapRange | undefined {
  if (frame.errorCode === ErrorCode.OFFSET_OUT_OF_RANGE) {
    return frame.to > expected ? { kind: "gap", from: expected, to: frame.to } : undefined;
  }
  if (frame.errorCode !== ErrorCode.NONE) {
    throw new KafkaError(
      frame.errorCode,
      `the gateway ended the subscription to partition ${frame.partition}: ${errorName(frame.errorCode)}`,
    );
  }
  if (frame.to <= expected) return undefined;
  if (frame.from > expected) {
    throw new KafkaError(
      ErrorCode.CORRUPT_MESSAGE,
      `partition ${frame.partition}: a push covers [${frame.from}, ${frame.to}) where ${expected} comes next; asking again from there`,
    );
  }
  const records = frame.from < expected ? withoutBatchesBefore(frame.records, expected) : frame.records;
  return { kind: "data", from: expected, to: frame.to, records, highWatermark: frame.highWatermark };
}

/** Joins data ranges that follow on each other into one. */
export function concatRanges(first: DataRange, rest: readonly DataRange[]): DataRange {
  const last = rest.at(-1);
  if (last === undefined) return first;
  const pieces = [first, ...rest].map((range) => range.records);
  const records = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.byteLength, 0));
  let at = 0;
  for (const piece of pieces) {
    records.set(piece, at);
    at += piece.byteLength;
  }
  return { ...last, from: first.from, records };
}

/** Batches in `records`, by position. Stops at what is no whole batch: whoever takes the bytes checks them. */
export function* batchesOf(
  records: Uint8Array,
): Generator<{ at: number; bytes: number; header: BatchHeader }, void, void> {
  let at = 0;
  while (at + BATCH_HEADER_BYTES <= records.byteLength) {
    const header = new BatchHeader(records, at);
    const { bytes } = header;
    if (bytes < BATCH_HEADER_BYTES || at + bytes > records.byteLength) return;
    yield { at, bytes, header };
    at += bytes;
  }
}

function withoutBatchesBefore(records: Uint8Array, offset: bigint): Uint8Array {
  for (const { at, header } of batchesOf(records)) {
    if (header.lastOffset >= offset) return records.subarray(at);
  }
  return new Uint8Array();
}
