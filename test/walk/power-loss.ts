/**
 * What a power loss may leave of a partition: everything that was synced, and any part of what was not. Cuts files by
 * hand, with no code of the log that is under test.
 */
import { open, readFile, readdir, rm, truncate } from "node:fs/promises";
import { join } from "node:path";
import { BATCH_LENGTH_AT, LAST_OFFSET_DELTA_AT } from "../../engine-as/format.ts";

/** Where one batch ends. */
export interface Boundary {
  /** Name of the segment file. */
  readonly segment: string;
  readonly position: number;
  /** Offset that the next batch would begin with. */
  readonly nextOffset: bigint;
}

/** The bytes of a partition's segments, one after the other. */
export async function logBytes(directory: string): Promise<Buffer> {
  const names = (await readdir(directory)).filter((name) => name.endsWith(".log")).sort();
  return Buffer.concat(await Promise.all(names.map((name) => readFile(join(directory, name)))));
}

/** Ends of all batches of a partition's directory, in order of their offsets. */
async function boundaries(directory: string): Promise<Boundary[]> {
  const found: Boundary[] = [];
  const names = await readdir(directory);
  for (const segment of names.filter((name) => name.endsWith(".log")).sort()) {
    const bytes = await readFile(join(directory, segment));
    let position = 0;
    while (position + LAST_OFFSET_DELTA_AT + 4 <= bytes.length) {
      const nextOffset =
        bytes.readBigInt64BE(position) + BigInt(bytes.readInt32BE(position + LAST_OFFSET_DELTA_AT)) + 1n;
      position += BATCH_LENGTH_AT + 4 + bytes.readInt32BE(position + BATCH_LENGTH_AT);
      if (position > bytes.length) break;
      found.push({ segment, position, nextOffset });
    }
  }
  return found;
}

/** Bytes of each file that were synced, by its path, as the journal of `slow-disk.mjs` tells it. */
export async function readSyncJournal(journal: string): Promise<Map<string, number>> {
  const lines = (await readFile(journal, "utf8")).split("\n").filter((line) => line !== "");
  return new Map(
    lines.map((line) => [line.slice(line.indexOf(" ") + 1), Number(line.slice(0, line.indexOf(" ")))]),
  );
}

/**
 * What a power loss may leave of a partition: its boundaries from the synced end on. The first is the least, all that is
 * certain; the last is everything that was written.
 */
export async function survivors(directory: string, synced: ReadonlyMap<string, number>): Promise<Boundary[]> {
  const all = await boundaries(directory);
  const isSynced = ({ segment, position }: Boundary): boolean =>
    position <= (synced.get(join(directory, segment)) ?? 0);
  const firstUnsynced = all.findIndex((boundary) => !isSynced(boundary));
  return firstUnsynced === -1 ? all.slice(-1) : all.slice(Math.max(firstUnsynced - 1, 0));
}

/** What is left of the indexes, which are never synced: as they were, nothing, or bytes that were never written. */
export type IndexDamage = "none" | "lost" | "zeros";

/**
 * Cuts a partition back to a boundary, and `tornBytes` beyond it: the part of a batch that reached the disk. Segments
 * after it are gone.
 */
export async function cutBack(
  directory: string,
  { segment, position }: Boundary,
  { tornBytes = 0, indexes = "none" }: { tornBytes?: number; indexes?: IndexDamage } = {},
): Promise<void> {
  await truncate(join(directory, segment), position + tornBytes);
  const base = (name: string): string => name.slice(0, name.indexOf("."));
  for (const name of (await readdir(directory)).filter((one) => /^\d{20}\./.test(one))) {
    const path = join(directory, name);
    if (base(name) > base(segment)) await rm(path);
    else if (!name.endsWith("index") || indexes === "none") continue;
    else if (indexes === "lost") await rm(path);
    else await writeZeros(path);
  }
}

/** A file whose length was journalled and whose content was not. */
async function writeZeros(path: string): Promise<void> {
  const file = await open(path, "r+");
  try {
    const { size } = await file.stat();
    await file.write(Buffer.alloc(size), 0, size, 0);
  } finally {
    await file.close();
  }
}
