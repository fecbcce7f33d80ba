/** Which files of a partition there are, and which of them are of use. */
import { parseSegmentFile, parseSwapFile, segmentFile, tailCopyFile } from "./partition-files.ts";
import type { Store } from "./store.ts";

export interface SegmentInventory {
  /** Base offsets of the segments, rising. */
  bases: bigint[];
  /** Offsets of the producer snapshots, rising. */
  snapshots: bigint[];
  /** Indexes whose segment is not there, and the copy of a tail that was rewritten or never will be, and what compaction has not finished. */
  strays: string[];
  /** Base offsets of compacted segments whose swap a stop has cut short. */
  swaps: bigint[];
}

export async function takeInventory(store: Store, directory: string): Promise<SegmentInventory> {
  const names = await store.list(`${directory}/`);
  const files = names.flatMap((name) => parseSegmentFile(directory, name) ?? []);
  const offsetsOf = (kind: string): bigint[] =>
    files.filter((file) => file.kind === kind).map((file) => file.offset);
  const bases = offsetsOf("log");
  const strayIndexes = files
    .filter(({ kind, offset }) => (kind === "index" || kind === "timeindex") && !bases.includes(offset))
    .map(({ kind, offset }) => segmentFile(directory, offset, kind));
  const copies = names.filter((name) => name === tailCopyFile(directory) || name.endsWith(".cleaned"));
  const swaps = names.flatMap((name) => parseSwapFile(directory, name) ?? []);
  return { bases, snapshots: offsetsOf("snapshot"), strays: [...strayIndexes, ...copies], swaps };
}

/** Removes what belongs to segments before the one that begins at `base`, and their producer snapshots. Durable when resolved. */
export async function deleteFilesBefore(store: Store, directory: string, base: bigint): Promise<void> {
  const names = (await store.list(`${directory}/`)).filter((name) => {
    const file = parseSegmentFile(directory, name);
    return file !== undefined && file.offset < base;
  });
  await store.delete(names);
}
