/** What compaction leaves of one batch, by Kafka's rules (KIP-58, KIP-280, KIP-534). */
import { CONTROL_BIT, TRANSACTIONAL_BIT } from "../engine-as/format.ts";
import { ErrorCode, KafkaError } from "../wire/errors.ts";
import { BatchHeader } from "./batch.ts";
import type { Engine } from "./engine.ts";
import { MESSAGE_BYTES_MAX } from "./limits.ts";
import type { OffsetMap } from "./offset-map.ts";

export interface BatchCompaction {
  readonly engine: Engine;
  readonly map: OffsetMap;
  readonly nowMs: number;
  /** `delete.retention.ms`. */
  readonly deleteRetentionMs: bigint;
  readonly uncompressedBytesMax: number;
  /** Last offsets of batches that their producers are remembered by: without records, too, they stay. */
  readonly remembered: ReadonlySet<bigint>;
}

/** The batch as it stays, the same bytes when nothing changes; undefined: nothing is left but its offsets. */
export function compactBatch(batch: Uint8Array, context: BatchCompaction): Uint8Array | undefined {
  const { engine, map, nowMs, deleteRetentionMs, uncompressedBytesMax, remembered } = context;
  const header = new BatchHeader(batch);
  // Markers of transactions say what becomes of other batches.
  if ((header.attributes & (CONTROL_BIT | TRANSACTIONAL_BIT)) !== 0 || header.baseOffset >= map.endOffset)
    return batch;
  const horizon = header.deleteHorizonMs;
  const areTombstonesOver = horizon !== undefined && horizon < BigInt(nowMs);
  let hasTombstone = false;
  const kept: boolean[] = [];
  for (const { offset, key, value } of engine.readBatch(batch, uncompressedBytesMax)) {
    const isLast = key !== null && !map.isSuperseded(key, offset);
    // What the map does not reach stays whatever it is: a tombstone there has not taken away yet what it is for.
    const stays = offset >= map.endOffset || (isLast && (value !== null || !areTombstonesOver));
    kept.push(stays);
    hasTombstone ||= stays && value === null;
  }
  const isEmpty = !kept.includes(true);
  if (isEmpty && !(header.producerId >= 0n && remembered.has(header.lastOffset))) return undefined;
  // The horizon is one for all tombstones of a batch: it counts from when the last of them has done its work.
  const setsHorizon = hasTombstone && horizon === undefined && header.lastOffset < map.endOffset;
  const deleteHorizonMs = setsHorizon ? BigInt(nowMs) + deleteRetentionMs : -1n;
  if (deleteHorizonMs < 0n && !kept.includes(false)) return batch;
  const rewrite = (horizonMs: bigint): Uint8Array =>
    engine.rewriteBatch(batch, (index) => kept[index] === true, {
      deleteHorizonMs: horizonMs,
      uncompressedBytesMax,
    });
  const rewritten = rewrite(deleteHorizonMs);
  if (rewritten.length <= MESSAGE_BYTES_MAX) return rewritten;
  // With a horizon it has grown out of what recovery believes to be a batch: its tombstones stay. What is superseded must go
  // all the same, or it would be there for longer than the tombstones that are to take it away.
  const without = kept.includes(false) ? rewrite(-1n) : batch;
  if (without.length <= MESSAGE_BYTES_MAX) return without;
  throw new KafkaError(
    ErrorCode.KAFKA_STORAGE_ERROR,
    `the batch at offset ${header.baseOffset} is not compacted: it would have more than ${MESSAGE_BYTES_MAX} bytes`,
  );
}
