/**
 * Changes what stands in a replica's segments: cut back, or begun anew. Every step is durable before the next one, so that
 * a crash between any two leaves a log without a gap. The noted synced end must be lowered before.
 */
import { compactedEndFile, leaderEpochFile, segmentFile } from "./partition-files.ts";
import type { Segment } from "./segment.ts";
import type { Store } from "./store.ts";

/** Cuts the log at `position` of `segment`, where a batch begins. */
export async function cutSegments(
  store: Store,
  directory: string,
  segments: readonly Segment[],
  { segment, position }: { segment: Segment; position: number },
): Promise<void> {
  // What takes the place of what is cut is not compacted.
  await store.delete([compactedEndFile(directory)]);
  const later = segments.filter((candidate) => candidate.baseOffset > segment.baseOffset);
  await deleteSegments(store, directory, later);
  await store.delete([
    segmentFile(directory, segment.baseOffset, "index"),
    segmentFile(directory, segment.baseOffset, "timeindex"),
  ]);
  await segment.file?.truncate(position);
}

/** Forgets all segments. */
export async function removeSegments(
  store: Store,
  directory: string,
  segments: readonly Segment[],
): Promise<void> {
  await store.delete([compactedEndFile(directory)]);
  await deleteSegments(store, directory, segments);
  await store.delete([leaderEpochFile(directory)]);
}

/** Makes an empty segment, the only one, that begins at `base`. */
export async function createSegment(store: Store, directory: string, base: bigint): Promise<void> {
  const file = await store.open(segmentFile(directory, base, "log"));
  await file.sync();
  await file.close();
}

/** From the last to the first: what a crash leaves of them begins where it did. */
async function deleteSegments(store: Store, directory: string, segments: readonly Segment[]): Promise<void> {
  for (const segment of segments.toReversed()) {
    await segment.file?.close();
    const kinds = ["log", "index", "timeindex", "snapshot"] as const;
    for (const kind of kinds) await store.delete([segmentFile(directory, segment.baseOffset, kind)]);
  }
}
