/**
 * Leaves of a data directory what a power loss may leave: of each file everything that was synced, as the journal of
 * `slow-disk.mjs` tells it, and of the rest nothing, a beginning, or any sectors. With no code of the gateway.
 */
import { open, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Random } from "../sim/kernel/random.ts";

const SECTOR_BYTES = 512;

/** Answers how many bytes are gone. */
export async function cutPower(
  dataDir: string,
  synced: ReadonlyMap<string, number>,
  random: Random,
): Promise<number> {
  const entries = await readdir(dataDir, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  let lost = 0;
  // In an order that the seed repeats.
  for (const path of paths.sort()) {
    // A file that was replaced was synced under its temporary name.
    const sure = Math.max(synced.get(path) ?? 0, synced.get(`${path}.tmp`) ?? 0);
    lost += await cut(path, sure, synced.has(path) || synced.has(`${path}.tmp`), random);
  }
  return lost;
}

async function cut(path: string, sure: number, wasSynced: boolean, random: Random): Promise<number> {
  const file = await open(path, "r+");
  try {
    const { size } = await file.stat();
    if (!wasSynced && random.chance(0.3)) {
      await rm(path);
      return size;
    }
    if (sure >= size) return 0;
    const left = random.pick([sure, size, random.between(sure, size)]);
    await file.truncate(left);
    let lost = size - left;
    if (!random.chance(0.5)) return lost;
    for (let at = sure; at < left; at = (Math.floor(at / SECTOR_BYTES) + 1) * SECTOR_BYTES) {
      const length = Math.min(left - at, SECTOR_BYTES - (at % SECTOR_BYTES));
      if (random.chance(0.5)) continue;
      await file.write(new Uint8Array(length), 0, length, at);
      lost += length;
    }
    return lost;
  } finally {
    await file.close();
  }
}
