/**
 * What a partition writes beside its batches when a segment is rolled or closed: indexes, producer snapshot, leader epochs,
 * synced end. After that the segment is known to be whole without being read.
 */
import type { Engine } from "./engine.ts";
import type { LeaderEpochs } from "./leader-epochs.ts";
import { leaderEpochFile, segmentFile } from "./partition-files.ts";
import { encodeProducerSnapshot } from "./producer-snapshot.ts";
import type { ProducerState } from "./producer-state.ts";
import { writeIndexFiles } from "./segment-index-files.ts";
import { takeInventory } from "./segment-inventory.ts";
import type { Segment } from "./segment.ts";
import type { Store } from "./store.ts";
import type { SyncedEnd } from "./synced-end.ts";
import { sideBySide } from "./turns.ts";

const DONE = Promise.resolve();

/** A segment's end as it stood when it was rolled or closed, whatever is appended afterwards. */
export interface Checkpoint {
  readonly segment: Segment;
  /** The offset that the snapshot is of: where the next segment begins. */
  readonly offset: bigint;
  readonly snapshot: Uint8Array;
  readonly epochs: Uint8Array;
}

export function takeCheckpoint(
  engine: Engine,
  segment: Segment,
  offset: bigint,
  { producers, epochs }: { producers: ProducerState; epochs: LeaderEpochs },
): Checkpoint {
  segment.index?.seal();
  return {
    segment,
    offset,
    snapshot: encodeProducerSnapshot(engine, producers.batches()),
    epochs: epochs.encode(),
  };
}

/**
 * Writes a checkpoint durably. The segment's own bytes must be synced before. Its files do not depend on each other, and are
 * written side by side: producers wait for them while a segment is rolled. What tells of them, or is replaced by them, is next.
 */
export async function writeCheckpoint(
  store: Store,
  directory: string,
  checkpoint: Checkpoint,
  syncedEnd: SyncedEnd,
): Promise<void> {
  const { segment, offset, snapshot, epochs } = checkpoint;
  const { index } = segment;
  await sideBySide([
    () => (index === undefined ? DONE : writeIndexFiles(store, directory, index)),
    () => store.write(segmentFile(directory, offset, "snapshot"), snapshot),
    () => store.write(leaderEpochFile(directory), epochs),
  ]);
  await sideBySide([() => syncedEnd.set(segment.endOffset), () => pruneSnapshots(store, directory, offset)]);
}

/** Only the snapshots at segments' starts are of use, and the newest; those that other closes have left are not. */
async function pruneSnapshots(store: Store, directory: string, newest: bigint): Promise<void> {
  const { bases, snapshots } = await takeInventory(store, directory);
  const useless = snapshots.filter((offset) => offset !== newest && !bases.includes(offset));
  await store.delete(useless.map((offset) => segmentFile(directory, offset, "snapshot")));
}
