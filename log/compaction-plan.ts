/** What of a partition is to be compacted, and when, by Kafka's rules. */
import type { PartitionConfig } from "./partition-config.ts";
import { RELATIVE_OFFSET_MAX } from "./limits.ts";
import type { Segment } from "./segment.ts";

/** `max.compaction.lag.ms` of those who have set none. */
const LONG_MAX = 2n ** 63n - 1n;

/** What is read of a segment where it is not known; -1: nothing in it has one. */
export interface SegmentTimes {
  /** Of all its records. */
  greatest(segment: Segment): Promise<bigint>;
  /** Of its first batch. */
  first(segment: Segment): Promise<bigint>;
}

export interface CompactionView {
  readonly segments: readonly Segment[];
  readonly highWatermark: bigint;
  /** Up to here it was compacted before. */
  readonly compactedEnd: bigint;
  readonly nowMs: number;
  readonly config: PartitionConfig;
}

/**
 * The segments that may be compacted: not the one that is written to, all of them below the high watermark, and no record in
 * them younger than `min.compaction.lag.ms`. Empty when it is not worth while: less than `min.cleanable.dirty.ratio` of them is
 * new, and none of the segments that is new began more than `max.compaction.lag.ms` ago.
 */
export async function cleanable(
  { segments, highWatermark, compactedEnd, nowMs, config }: CompactionView,
  times: SegmentTimes,
): Promise<readonly Segment[]> {
  const found: Segment[] = [];
  let dirtyBytes = 0;
  let isOverdue = false;
  for (const [at, segment] of segments.entries()) {
    const next = segments[at + 1];
    if (next === undefined || !isClosed(next, highWatermark)) break;
    if (next.baseOffset > compactedEnd) {
      const ageMs = BigInt(nowMs) - (await times.greatest(segment));
      if (config.minCompactionLagMs > 0n && ageMs < config.minCompactionLagMs) break;
      dirtyBytes += segment.bytes;
      isOverdue ||= hasMaxLag(config) && isTooLongAgo(await times.first(segment), nowMs, config);
    }
    found.push(segment);
  }
  const bytes = found.reduce((sum, segment) => sum + segment.bytes, 0);
  const isWorthWhile = dirtyBytes > 0 && dirtyBytes / bytes > config.minCleanableRatio;
  return isWorthWhile || (isOverdue && dirtyBytes > 0) ? found : [];
}

/**
 * Whether the segment that is written to holds what must be compacted by now: then it is to be closed, though nothing more is
 * written to it.
 */
export function isActiveOverdue({ segments, highWatermark, nowMs, config }: CompactionView): boolean {
  const active = segments.at(-1);
  if (active?.file === undefined || active.bytes === 0 || active.endOffset > highWatermark) return false;
  return hasMaxLag(config) && isTooLongAgo(active.firstTimestamp, nowMs, config);
}

/** Whether `cleanable` may find anything, or the last segment is to be closed: told without looking at the store. */
export function mayBeCleanable(view: CompactionView): boolean {
  const { segments, highWatermark, compactedEnd, config } = view;
  if (!config.compacts) return false;
  if (isActiveOverdue(view)) return true;
  const closed = segments.filter((_, at) => {
    const next = segments[at + 1];
    return next !== undefined && isClosed(next, highWatermark);
  });
  const last = closed.at(-1);
  if (last === undefined || last.endOffset <= compactedEnd) return false;
  if (hasMaxLag(config)) return true;
  const dirty = closed.filter(({ endOffset }) => endOffset > compactedEnd);
  const sum = (all: readonly Segment[]): number => all.reduce((total, { bytes }) => total + bytes, 0);
  return sum(dirty) > sum(closed) * config.minCleanableRatio;
}

function hasMaxLag({ maxCompactionLagMs }: PartitionConfig): boolean {
  return maxCompactionLagMs < LONG_MAX;
}

function isTooLongAgo(timestamp: bigint, nowMs: number, { maxCompactionLagMs }: PartitionConfig): boolean {
  return timestamp >= 0n && BigInt(nowMs) - timestamp > maxCompactionLagMs;
}

/** Whether all before `next` is written, and its roll is over: until its file is there, the one before it is closed. */
function isClosed({ baseOffset, file }: Segment, highWatermark: bigint): boolean {
  return file !== undefined && baseOffset <= highWatermark;
}

/** Neighbours that are small enough, together, to become one segment. */
export function grouped(
  segments: readonly Segment[],
  { segmentBytes }: PartitionConfig,
): readonly Segment[][] {
  const groups: Segment[][] = [];
  let bytes = 0;
  for (const segment of segments) {
    const group = groups.at(-1);
    const first = group?.[0];
    const fits =
      first !== undefined &&
      bytes + segment.bytes <= segmentBytes &&
      segment.endOffset - first.baseOffset <= BigInt(RELATIVE_OFFSET_MAX);
    if (group !== undefined && fits) group.push(segment);
    else groups.push([segment]);
    bytes = fits ? bytes + segment.bytes : segment.bytes;
  }
  return groups;
}
