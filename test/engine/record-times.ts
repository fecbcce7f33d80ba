import {
  BASE_TIMESTAMP_AT,
  MAX_TIMESTAMP_AT,
  NEWEST_TIMESTAMP_AT,
  OLDEST_TIMESTAMP_AT,
} from "../../engine-as/format.ts";
import type { CheckedRecords } from "../../log/engine.ts";
import { resealed } from "./batches.ts";

export type RecordTimes = NonNullable<CheckedRecords["timestamps"]>;

/** What Kafka makes of these records' times: -1 is none, and the greatest is counted from there. */
export function timesOf(batch: Uint8Array, timestampDeltas: readonly bigint[]): RecordTimes {
  const base = viewOf(batch).getBigInt64(BASE_TIMESTAMP_AT);
  const timestamps = timestampDeltas.map((delta) => BigInt.asIntN(64, base + delta));
  const given = timestamps.filter((timestamp) => timestamp !== -1n);
  return {
    oldest: given.reduce((least, each) => (each < least ? each : least), given[0] ?? -1n),
    newest: given.reduce((greatest, each) => (each > greatest ? each : greatest), -1n),
  };
}

/** What `checkRecords` has left at `at`. */
export function timesWritten(memory: Uint8Array, at: number): RecordTimes {
  const view = viewOf(memory);
  return {
    oldest: view.getBigInt64(at + OLDEST_TIMESTAMP_AT, true),
    newest: view.getBigInt64(at + NEWEST_TIMESTAMP_AT, true),
  };
}

/** A copy of the batch whose header gives another greatest timestamp, sealed as if it were true. */
export function lyingBatch(batch: Uint8Array, maxTimestamp: bigint): Uint8Array {
  const copy = batch.slice();
  viewOf(copy).setBigInt64(MAX_TIMESTAMP_AT, maxTimestamp);
  return resealed(copy);
}

/** The same records, all of them moved in time: their header's base is another. */
export function movedBatch(batch: Uint8Array, baseTimestamp: bigint): Uint8Array {
  const copy = batch.slice();
  viewOf(copy).setBigInt64(BASE_TIMESTAMP_AT, baseTimestamp);
  return resealed(copy);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
