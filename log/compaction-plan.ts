/** What of a partition is to be compacted, and when, by Kafka's rules. */
import type { TopicConfig } from "./config.ts";
import { RELATIVE_OFFSET_MAX } from "./limits.ts";
import type { Segment } from "./segment.ts";

export interface CompactionView {
  readonly segments: readonly Segment[];
  readonly highWatermark: bigint;
  /** Up to here it was compacted before. */
  readonly compactedEnd: bigint;
  readonly nowMs: number;
  readonly config: TopicConfig;
}

/**
 * The segments that may be compacted: not the one that is written to, all of them below the high watermark, and no record in
 * them younger than `min.compaction.lag.ms`. Empty when it is not worth while: less than `min.cleanable.dirty.ratio` of them is
 * new, and nothing of that is older than `max.compaction.lag.ms`.
 */
export async function cleanable(
  { segments, highWatermark, compactedEnd, nowMs, config }: CompactionView,
  greatestTimestamp: (segment: Segment) => Promise<bigint>,
): Promise<readonly Segment[]> {
  const found: Segment[] = [];
  let dirtyBytes = 0;
  let isOverdue = false;
  for (const [at, segment] of segments.entries()) {
    const next = segments[at + 1];
    if (next === undefined || !isClosed(next, highWatermark)) break;
    if (next.baseOffset > compactedEnd) {
      const ageMs = BigInt(nowMs) - (await greatestTimestamp(segment));
      if (config.minCompactionLagMs > 0n && ageMs < config.minCompactionLagMs) break;
      dirtyBytes += segment.bytes;
      isOverdue ||= ageMs > config.maxCompactionLagMs;
    }
    found.push(segment);
  }
  const bytes = found.reduce((sum, segment) => sum + segment.bytes, 0);
  const isWorthWhile = dirtyBytes > 0 && dirtyBytes / bytes > config.minCleanableRatio;
  return isWorthWhile || (isOverdue && dirtyBytes > 0) ? found : [];
}

/** Whether `cleanable` may find anything: told without looking at the store. */
export function mayBeCleanable({ segments, highWatermark, compactedEnd, config }: CompactionView): boolean {
  if (!config.compacts) return false;
  const closed = segments.filter((_, at) => {
    const next = segments[at + 1];
    return next !== undefined && isClosed(next, highWatermark);
  });
  const last = closed.at(-1);
  if (last === undefined || last.endOffset <= compactedEnd) return false;
  if (config.maxCompactionLagMs < 2n ** 63n - 1n) return true;
  const dirty = closed.filter(({ endOffset }) => endOffset > compactedEnd);
  const sum = (all: readonly Segment[]): number => all.reduce((total, { bytes }) => total + bytes, 0);
  return sum(dirty) > sum(closed) * config.minCleanableRatio;
}

/** Whether all before `next` is written, and its roll is over: until its file is there, the one before it is closed. */
function isClosed({ baseOffset, file }: Segment, highWatermark: bigint): boolean {
  return file !== undefined && baseOffset <= highWatermark;
}

/** Neighbours that are small enough, together, to become one segment. */
export function grouped(segments: readonly Segment[], { segmentBytes }: TopicConfig): readonly Segment[][] {
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
