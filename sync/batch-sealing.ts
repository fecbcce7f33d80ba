/** Records of an outbox made into a batch. */
import { CODEC_LZ4, CODEC_NONE } from "../engine-as/format.ts";
import type { RecordEngine } from "../log/engine.ts";
import { RUN_MAX } from "./outbox-store.ts";
import type { Lane, OutboxRecord } from "./outbox-store.ts";
import { headerBytes } from "./run-records.ts";

/** What a sealed batch may have: the largest request a gateway takes by default, less its header. */
const BATCH_BYTES_MAX = 100 * 1024 * 1024 - 4096;
const COMPRESS_FROM_BYTES = 1024;

/**
 * Seals records for a lane's next sequence; throws KafkaError when they are too large for any request. Rule 5: a device's
 * clock may be years off (`clockAheadMs`: how far the gateway's is ahead of it); the gateway's is what readers go by.
 */
export function sealBatch(
  engine: RecordEngine,
  records: readonly OutboxRecord[],
  lane: Lane,
  { serverNowMs, clockAheadMs }: { serverNowMs: number; clockAheadMs: number },
): Uint8Array {
  const inputs = records.map(({ key, value, headers, timestamp, timestampGiven }) => ({
    key,
    value,
    headers,
    timestamp: timestampGiven ? timestamp : Math.floor(Math.min(timestamp + clockAheadMs, serverNowMs)),
  }));
  const contentBytes = records.reduce((sum, record) => sum + contentBytesOf(record), 0);
  return engine.writeBatch(inputs, {
    codec: contentBytes >= COMPRESS_FROM_BYTES ? CODEC_LZ4 : CODEC_NONE,
    producerId: lane.producerId,
    producerEpoch: lane.producerEpoch,
    baseSequence: lane.nextSequence,
    bytesMax: BATCH_BYTES_MAX,
  });
}

/** As many of the oldest records as go into one batch, at least one: a larger one the gateway judges. Bytes are before compression. */
export function firstBatch(waiting: readonly OutboxRecord[]): OutboxRecord[] {
  const batch: OutboxRecord[] = [];
  let bytes = 0;
  for (const record of waiting) {
    bytes += contentBytesOf(record);
    const isFull = batch.length >= RUN_MAX.records || bytes > RUN_MAX.bytes;
    if (batch.length > 0 && (isFull || record.alone)) break;
    batch.push(record);
    if (record.alone) break;
  }
  return batch;
}

function contentBytesOf({ key, value, headers }: OutboxRecord): number {
  return (key?.byteLength ?? 0) + (value?.byteLength ?? 0) + headerBytes(headers);
}
