/**
 * What a partition writes beside its batches when a segment is rolled or closed: indexes, producer snapshot, leader epochs,
 * synced end. After that the segment is known to be whole without being read.
 *
 * What a roll writes is durable before the next segment is there. What a clean stop writes can all be read from the batches
 * again, so it is not synced, file by file, for thousands of partitions: the synced end, which is durable, has a checksum of
 * it, and a start that finds anything else reads the batches.
 */
import type { Engine } from "./engine.ts";
import type { LeaderEpochs } from "./leader-epochs.ts";
import { leaderEpochFile, segmentFile } from "./partition-files.ts";
import { encodeProducerSnapshot } from "./producer-snapshot.ts";
import type { ProducerState } from "./producer-state.ts";
import { takeInventory } from "./segment-inventory.ts";
import type { Segment } from "./segment.ts";
import type { Store } from "./store.ts";
import type { SyncedEnd } from "./synced-ends.ts";
import { sideBySide } from "./turns.ts";

const NOTHING = new Uint8Array(0);

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
  const { segment, offset } = checkpoint;
  const [index, times, snapshot, epochs] = filesOf(directory, checkpoint);
  await sideBySide([
    ...[index, times, snapshot].map(
      ([name, bytes]) =>
        () =>
          store.write(name, bytes),
    ),
    // What a clean stop of the first segment has written may only be in the system's cache, though it is what it should be.
    () => (segment.baseOffset === 0n ? store.write(...epochs) : writeWhenOther(store, epochs)),
  ]);
  await sideBySide([() => syncedEnd.set(segment.endOffset), () => pruneSnapshots(store, directory, offset)]);
}

/** Writes the checkpoint of a clean stop, which `readLastCheckpoint` finds again. All but that it was one is lost by a loss of power. */
export async function writeLastCheckpoint(
  { store, engine, directory }: { store: Store; engine: Engine; directory: string },
  checkpoint: Checkpoint,
  syncedEnd: SyncedEnd,
): Promise<void> {
  const { segment, offset } = checkpoint;
  const files = filesOf(directory, checkpoint);
  const [index, times, snapshot, epochs] = files;
  await sideBySide([
    ...[index, times].map((file) => () => writeLazily(store, file)),
    // Of producers before the last segment, which is empty, nothing else may know.
    () => (offset === segment.baseOffset ? store.write(...snapshot) : writeLazily(store, snapshot)),
    // Without it segments before the last would have to be read, if there are any. It hardly ever changes.
    () =>
      segment.baseOffset === 0n && offset > 0n ? writeLazily(store, epochs) : writeWhenOther(store, epochs),
    () => pruneSnapshots(store, directory, offset),
  ]);
  const sum = sumOf(
    engine,
    files.map(([, bytes]) => bytes),
  );
  await syncedEnd.set(segment.endOffset, sum);
}

/** The files of a checkpoint. */
export interface CheckpointFiles {
  readonly offsets: Uint8Array;
  readonly times: Uint8Array;
  readonly snapshot: Uint8Array;
  readonly epochs: Uint8Array;
}

/** What the last clean stop has written, with the last segment at `base`; undefined when any of it is missing or other than it was. */
export async function readLastCheckpoint(
  { store, engine, directory }: { store: Store; engine: Engine; directory: string },
  base: bigint,
  { offset, checkpoint }: SyncedEnd,
): Promise<CheckpointFiles | undefined> {
  if (checkpoint === undefined) return undefined;
  const [offsets, times, snapshot, epochs] = await Promise.all(
    namesOf(directory, base, offset).map((name) => store.read(name)),
  );
  if (offsets === undefined || times === undefined || snapshot === undefined || epochs === undefined)
    return undefined;
  const isSame = sumOf(engine, [offsets, times, snapshot, epochs]) === checkpoint;
  return isSame ? { offsets, times, snapshot, epochs } : undefined;
}

type File = readonly [name: string, bytes: Uint8Array];

function namesOf(directory: string, base: bigint, offset: bigint): [string, string, string, string] {
  return [
    segmentFile(directory, base, "index"),
    segmentFile(directory, base, "timeindex"),
    segmentFile(directory, offset, "snapshot"),
    leaderEpochFile(directory),
  ];
}

function filesOf(directory: string, checkpoint: Checkpoint): [File, File, File, File] {
  const { segment, offset, snapshot, epochs } = checkpoint;
  const [index, times, producers, leaders] = namesOf(directory, segment.baseOffset, offset);
  return [
    [index, segment.index?.offsetBytes() ?? NOTHING],
    [times, segment.index?.timeBytes() ?? NOTHING],
    [producers, snapshot],
    [leaders, epochs],
  ];
}

function sumOf(engine: Engine, files: readonly Uint8Array[]): number {
  let sum = 0;
  for (const bytes of files) {
    // Bytes of one file must not be taken for those of the next.
    const length = new TextEncoder().encode(`${bytes.length}\n`);
    sum = engine.crc32c(bytes, engine.crc32c(length, sum));
  }
  return sum;
}

function writeLazily(store: Store, [name, bytes]: File): Promise<void> {
  return store.writeLazily === undefined ? store.write(name, bytes) : store.writeLazily(name, bytes);
}

async function writeWhenOther(store: Store, [name, bytes]: File): Promise<void> {
  const stored = await store.read(name);
  if (stored?.length === bytes.length && stored.every((value, at) => value === bytes[at])) return;
  await store.write(name, bytes);
}

/** Only the snapshots at segments' starts are of use, and the newest; those that other closes have left are not. */
async function pruneSnapshots(store: Store, directory: string, newest: bigint): Promise<void> {
  const { bases, snapshots } = await takeInventory(store, directory);
  const useless = snapshots
    .filter((offset) => offset !== newest && !bases.includes(offset))
    .map((offset) => segmentFile(directory, offset, "snapshot"));
  await (store.deleteLazily === undefined ? store.delete(useless) : store.deleteLazily(useless));
}
