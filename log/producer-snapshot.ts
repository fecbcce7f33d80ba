/**
 * The file `<offset>.snapshot`: what a partition knows of its producers just before that offset, in Kafka's format.
 *
 *     int16 version 1 | uint32 CRC32C of all that follows | int32 count | count entries of 46 bytes:
 *     int64 producer id | int16 epoch | int32 last sequence | int64 last offset | int32 offset delta |
 *     int64 timestamp | int32 coordinator epoch | int64 first offset of the current transaction
 *
 * Kafka writes one entry a producer, its last batch. Here a producer has one for each batch that is remembered, oldest
 * first: Kafka, reading it, keeps the last of them, which is the one that it would have written itself.
 */
import { ErrorCode, KafkaError } from "../wire/errors.ts";
import type { Engine } from "./engine.ts";

/** One batch of a producer. */
export interface ProducerBatch {
  producerId: bigint;
  epoch: number;
  lastSequence: number;
  lastOffset: bigint;
  /** Number of records less one. */
  offsetDelta: number;
  timestamp: bigint;
}

const VERSION = 1;
const CRC_AT = 2;
const COUNT_AT = 6;
const ENTRIES_AT = 10;
const ENTRY_BYTES = 46;
const NO_COORDINATOR = -1;
const NO_TRANSACTION = -1n;

export function encodeProducerSnapshot(engine: Engine, batches: readonly ProducerBatch[]): Uint8Array {
  const bytes = new Uint8Array(ENTRIES_AT + batches.length * ENTRY_BYTES);
  const view = new DataView(bytes.buffer);
  view.setInt16(0, VERSION);
  view.setInt32(COUNT_AT, batches.length);
  for (const [index, batch] of batches.entries()) {
    const at = ENTRIES_AT + index * ENTRY_BYTES;
    view.setBigInt64(at, batch.producerId);
    view.setInt16(at + 8, batch.epoch);
    view.setInt32(at + 10, batch.lastSequence);
    view.setBigInt64(at + 14, batch.lastOffset);
    view.setInt32(at + 22, batch.offsetDelta);
    view.setBigInt64(at + 26, batch.timestamp);
    view.setInt32(at + 34, NO_COORDINATOR);
    view.setBigInt64(at + 38, NO_TRANSACTION);
  }
  view.setUint32(CRC_AT, engine.crc32c(bytes.subarray(COUNT_AT)));
  return bytes;
}

/** Throws KafkaError KAFKA_STORAGE_ERROR for bytes that are not a sound snapshot. */
export function decodeProducerSnapshot(engine: Engine, bytes: Uint8Array): ProducerBatch[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < ENTRIES_AT || view.getInt16(0) !== VERSION) throw unreadable("it is not of version 1");
  if (view.getUint32(CRC_AT) !== engine.crc32c(bytes.subarray(COUNT_AT)))
    throw unreadable("its CRC does not match");
  const count = view.getInt32(COUNT_AT);
  if (ENTRIES_AT + count * ENTRY_BYTES !== bytes.length)
    throw unreadable("its length does not match its count");
  return Array.from({ length: count }, (_, index) => {
    const at = ENTRIES_AT + index * ENTRY_BYTES;
    return {
      producerId: view.getBigInt64(at),
      epoch: view.getInt16(at + 8),
      lastSequence: view.getInt32(at + 10),
      lastOffset: view.getBigInt64(at + 14),
      offsetDelta: view.getInt32(at + 22),
      timestamp: view.getBigInt64(at + 26),
    };
  });
}

function unreadable(why: string): KafkaError {
  return new KafkaError(ErrorCode.KAFKA_STORAGE_ERROR, `this producer snapshot cannot be read: ${why}`);
}
