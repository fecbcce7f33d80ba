/** What compaction leaves of one batch, by Kafka's rules (KIP-58, KIP-280, KIP-534). */
import { CONTROL_BIT, TRANSACTIONAL_BIT } from "../engine-as/format.ts";
import { BatchHeader } from "./batch.ts";
import type { Engine } from "./engine.ts";
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
    const isLast = offset >= map.endOffset || (key !== null && !map.isSuperseded(key, offset));
    const stays = isLast && (value !== null || !areTombstonesOver);
    kept.push(stays);
    hasTombstone ||= stays && value === null;
  }
  const isEmpty = !kept.includes(true);
  if (isEmpty && !(header.producerId >= 0n && remembered.has(header.lastOffset))) return undefined;
  const deleteHorizonMs = hasTombstone && horizon === undefined ? BigInt(nowMs) + deleteRetentionMs : -1n;
  if (deleteHorizonMs < 0n && !kept.includes(false)) return batch;
  return engine.rewriteBatch(batch, (index) => kept[index] === true, {
    deleteHorizonMs,
    uncompressedBytesMax,
  });
}
