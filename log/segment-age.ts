/** How old a segment may become before what follows begins a new one: `segment.ms`, by Kafka's rules. */
import { BATCH_HEADER_BYTES } from "../engine-as/format.ts";
import { BatchHeader } from "./batch.ts";
import type { PartitionConfig } from "./partition-config.ts";
import type { Segment } from "./segment.ts";

/**
 * Whether a batch whose greatest timestamp is `timestamp` comes too late for the segment. Its age is counted from its first
 * batch, by the records' own time; without timestamps from when this process made or opened it, by the clock.
 */
export function isTooOld(
  segment: Segment,
  timestamp: bigint,
  nowMs: number,
  config: PartitionConfig,
): boolean {
  const { firstTimestamp, createdMs, name } = segment;
  const ageMs = firstTimestamp >= 0n ? timestamp - firstTimestamp : BigInt(nowMs - createdMs);
  return ageMs > config.segmentMs - jitterOf(name, config);
}

/** Greatest timestamp of a segment's first batch, -1: none; read, and remembered, when an earlier process wrote to it. */
export async function firstTimestampOf(segment: Segment): Promise<bigint> {
  if (segment.firstTimestamp < 0n && segment.bytes >= BATCH_HEADER_BYTES) {
    const header = await segment.file?.read(0, BATCH_HEADER_BYTES);
    if (header?.length === BATCH_HEADER_BYTES) segment.firstTimestamp = new BatchHeader(header).maxTimestamp;
  }
  return segment.firstTimestamp;
}

/**
 * From 0 to less than `segment.jitter.ms`, so that partitions that are written alike are not all rolled at once. Told by the
 * segment's name (FNV-1a), so it is the same whenever it is asked.
 */
function jitterOf(name: string, { segmentMs, segmentJitterMs }: PartitionConfig): bigint {
  const most = segmentJitterMs < segmentMs ? segmentJitterMs : segmentMs;
  if (most === 0n) return 0n;
  let hash = 0x811c9dc5;
  for (let at = 0; at < name.length; at++) hash = Math.imul(hash ^ name.charCodeAt(at), 0x01000193);
  return BigInt(hash >>> 0) % most;
}
