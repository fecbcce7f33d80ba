/**
 * What compaction leaves of batches that nothing is left of: one batch without records that covers their offsets. So a log
 * has no holes between batches, and one that shows up is damage, as ever. Kafka writes such batches too, and all clients read
 * past them.
 */
import {
  ATTRIBUTES_AT,
  BASE_OFFSET_AT,
  BASE_SEQUENCE_AT,
  BASE_TIMESTAMP_AT,
  BATCH_HEADER_BYTES,
  BATCH_LENGTH_AT,
  BATCH_OVERHEAD_BYTES,
  CRC_AT,
  LAST_OFFSET_DELTA_AT,
  LEADER_EPOCH_AT,
  MAGIC_AT,
  MAGIC_V2,
  MAX_TIMESTAMP_AT,
  PRODUCER_EPOCH_AT,
  PRODUCER_ID_AT,
  RECORDS_COUNT_AT,
} from "../engine-as/format.ts";
import type { BatchHeader } from "./batch.ts";
import type { Engine } from "./engine.ts";

export interface Covered {
  readonly baseOffset: bigint;
  readonly lastOffset: bigint;
  readonly leaderEpoch: number;
}

/** Offsets `baseOffset` to `lastOffset`, of one leader epoch, without records, producer and timestamps. */
export function fillerBatch(engine: Engine, { baseOffset, lastOffset, leaderEpoch }: Covered): Uint8Array {
  const batch = new Uint8Array(BATCH_HEADER_BYTES);
  const view = new DataView(batch.buffer);
  view.setBigInt64(BASE_OFFSET_AT, baseOffset);
  view.setInt32(BATCH_LENGTH_AT, BATCH_HEADER_BYTES - BATCH_OVERHEAD_BYTES);
  view.setInt32(LEADER_EPOCH_AT, leaderEpoch);
  view.setInt8(MAGIC_AT, MAGIC_V2);
  view.setInt32(LAST_OFFSET_DELTA_AT, Number(lastOffset - baseOffset));
  for (const at of [BASE_TIMESTAMP_AT, MAX_TIMESTAMP_AT, PRODUCER_ID_AT]) view.setBigInt64(at, -1n);
  view.setInt16(PRODUCER_EPOCH_AT, -1);
  view.setInt32(BASE_SEQUENCE_AT, -1);
  view.setInt32(RECORDS_COUNT_AT, 0);
  view.setUint32(CRC_AT, engine.crc32c(batch.subarray(ATTRIBUTES_AT)));
  return batch;
}

/** Whether a batch is there for its offsets alone. */
export function isFiller({ recordsCount, producerId }: BatchHeader): boolean {
  return recordsCount === 0 && producerId < 0n;
}
