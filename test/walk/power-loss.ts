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

/** Ends of all batches of a partition's directory, in order of their offsets. */
export async function boundaries(directory: string): Promise<Boundary[]> {
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
