/** The database of one cluster's partitions, which only who keeps replicas needs. */
import type { IDBPDatabase } from "idb";
import { openDatabase } from "./databases.ts";
import type { OnLost } from "./databases.ts";
import { createChunkStores, createTermStore } from "./idb-store.ts";
import type { ChunkSchema } from "./idb-store.ts";

export { HealingStore } from "./healing-store.ts";
export { IdbStore } from "./idb-store.ts";

export type ReplicaDatabase = IDBPDatabase<ChunkSchema>;

/** 2: the term of the tab that leads. */
const VERSION = 2;

/** As `openAccount`. */
export function openReplicas(databases: IDBFactory, name: string, onLost: OnLost): Promise<ReplicaDatabase> {
  return openDatabase<ChunkSchema>({
    databases,
    name,
    version: VERSION,
    upgrade(fresh, oldVersion) {
      if (oldVersion < 1) createChunkStores(fresh);
      if (oldVersion < 2) createTermStore(fresh);
    },
    onLost,
  });
}
