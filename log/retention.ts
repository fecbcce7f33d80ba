/**
 * Which segments of a partition are no longer kept, by Kafka's rules: whole segments, from the first one on, never beyond the
 * high watermark.
 *
 * | a segment goes when                                                       | by                |
 * | ------------------------------------------------------------------------- | ----------------- |
 * | all of it is below the log start                                          | DeleteRecords     |
 * | what is left without it is not less than `retention.bytes`                | `retention.bytes` |
 * | its greatest timestamp is more than `retention.ms` ago                    | `retention.ms`    |
 *
 * The last two count where `cleanup.policy` names `delete`. The segment that is written to goes by them too, when it holds
 * anything; then a new one is begun first. Batches without timestamps, and those whose timestamps damage hides, are as old as
 * the oldest segment after them that has some; where there is none, the time counts since this process wrote to their segment
 * or opened it.
 */
import type { PartitionConfig } from "./partition-config.ts";
import type { Segment } from "./segment.ts";

/** A partition as it stands when it is looked through. */
export interface RetentionView {
  readonly segments: readonly Segment[];
  readonly highWatermark: bigint;
  /** The offset that the next record gets. */
  readonly end: bigint;
  readonly nowMs: number;
  readonly config: PartitionConfig;
}

/** How many of the first segments `retention.bytes` does not keep. */
export function beyondSize({ segments, highWatermark, end, config }: RetentionView): number {
  if (!config.deletes || config.retentionBytes === undefined) return 0;
  let excess = segments.reduce((sum, { bytes }) => sum + bytes, 0) - Number(config.retentionBytes);
  let count = 0;
  for (const segment of segments) {
    excess -= segment.bytes;
    if (excess < 0 || !mayGo(segments, count, highWatermark, end)) return count;
    count++;
  }
  return count;
}

/** How many of the first segments `retention.ms` does not keep. `greatestTimestamp` reads that of a segment where it is not known. */
export async function beyondTime(
  view: RetentionView,
  greatestTimestamp: (segment: Segment) => Promise<bigint>,
): Promise<number> {
  const { segments, highWatermark, end, nowMs, config } = view;
  const { retentionMs } = config;
  if (!config.deletes || retentionMs === undefined) return 0;
  for (let count = 0; count < segments.length; count++) {
    const ageMs = BigInt(nowMs) - (await timeOf(segments, count, greatestTimestamp));
    if (ageMs <= retentionMs || !mayGo(segments, count, highWatermark, end)) return count;
  }
  return segments.length;
}

/** Whether looking closer is worth while: in memory alone, and true when in doubt. */
export function mayHoldExpired(view: RetentionView): boolean {
  const { segments, nowMs, config } = view;
  const [first, second] = segments;
  if (first === undefined) return false;
  if (beyondSize(view) > 0) return true;
  if (!config.deletes || config.retentionMs === undefined) return false;
  const { maxTimestamp } = first;
  if (maxTimestamp === undefined) return true;
  if (maxTimestamp < 0n && second !== undefined) return true;
  const since = maxTimestamp < 0n ? BigInt(first.touchedMs) : maxTimestamp;
  return BigInt(nowMs) - since > config.retentionMs && mayGo(segments, 0, view.highWatermark, view.end);
}

/** Whether all of the segment is below the high watermark, and there is anything in it to go. */
function mayGo(segments: readonly Segment[], at: number, highWatermark: bigint, end: bigint): boolean {
  const next = segments[at + 1];
  if (next !== undefined) return highWatermark >= next.baseOffset;
  return highWatermark >= end && (segments[at]?.bytes ?? 0) > 0;
}

async function timeOf(
  segments: readonly Segment[],
  from: number,
  greatestTimestamp: (segment: Segment) => Promise<bigint>,
): Promise<bigint> {
  for (const segment of segments.slice(from)) {
    const timestamp = await greatestTimestamp(segment);
    if (timestamp >= 0n) return timestamp;
  }
  return BigInt(segments[from]?.touchedMs ?? 0);
}
