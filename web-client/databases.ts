/** The databases of this origin: how they are named (rule 6: by principal and by address or cluster), made and given up. */
import { deleteDB, openDB } from "idb";
import type { DBSchema, IDBPDatabase } from "idb";
import type { FrozenBatch, Lane, OutboxRecord } from "../sync/outbox-store.ts";
import { createChunkStores } from "./idb-store.ts";
import type { ChunkSchema } from "./idb-store.ts";

/** Until there is authentication, everybody is the same one. */
export const ANONYMOUS = "anonymous";

/** What is known of a topic, for when the gateway is away. */
export interface KnownTopic {
  readonly clusterId: string;
  readonly name: string;
  readonly id: string;
  readonly partitions: readonly { readonly logStartOffset: bigint; readonly highWatermark: bigint }[];
}

/**
 * One address and one principal: the outbox, which may have been filled before any cluster was known, and what was last
 * learned of the cluster.
 */
export interface AccountSchema extends DBSchema {
  records: { key: number; value: OutboxRecord; indexes: { state: [state: string, topic: string] } };
  batches: { key: number; value: FrozenBatch };
  lanes: { key: [clusterId: string, topicId: string, partition: number]; value: Lane };
  producers: { key: string; value: bigint };
  topics: { key: [clusterId: string, name: string]; value: KnownTopic };
  facts: { key: string; value: string | number };
}

export type AccountDatabase = IDBPDatabase<AccountSchema>;
export type ReplicaDatabase = IDBPDatabase<ChunkSchema>;

const ACCOUNT_VERSION = 1;
const REPLICA_VERSION = 1;

export function accountName(account: string, principal: string): string {
  return `rivulet/account/${encodeURIComponent(principal)}/${encodeURIComponent(account)}`;
}

/** One cluster and one principal, of one account: what is kept of its partitions. */
export function replicaName(account: string, principal: string, clusterId: string): string {
  return `rivulet/replica/${encodeURIComponent(principal)}/${encodeURIComponent(account)}/${encodeURIComponent(clusterId)}`;
}

/**
 * Opens the account's database. Rejects with VersionError when a newer version of this code has used it. `onLost` is
 * called when the browser closes it (site data was cleared), or when a newer version of this code waits for it.
 */
export function openAccount(name: string, onLost: (reason: string) => void): Promise<AccountDatabase> {
  const database: Promise<AccountDatabase> = openDB<AccountSchema>(name, ACCOUNT_VERSION, {
    upgrade(fresh, oldVersion) {
      if (oldVersion >= 1) return;
      const records = fresh.createObjectStore("records", { keyPath: "id", autoIncrement: true });
      records.createIndex("state", ["state", "topic"]);
      fresh.createObjectStore("batches", { keyPath: "id", autoIncrement: true });
      fresh.createObjectStore("lanes", { keyPath: ["clusterId", "topicId", "partition"] });
      fresh.createObjectStore("producers");
      fresh.createObjectStore("topics", { keyPath: ["clusterId", "name"] });
      fresh.createObjectStore("facts");
    },
    ...giveUp(() => database, onLost),
  });
  return database;
}

/** Opens the database of one cluster's partitions; otherwise as `openAccount`. */
export function openReplicas(name: string, onLost: (reason: string) => void): Promise<ReplicaDatabase> {
  const database: Promise<ReplicaDatabase> = openDB<ChunkSchema>(name, REPLICA_VERSION, {
    upgrade(fresh, oldVersion) {
      if (oldVersion < 1) createChunkStores(fresh);
    },
    ...giveUp(() => database, onLost),
  });
  return database;
}

export { deleteDB as deleteDatabase };

/** An old tab must not keep a newer one from upgrading: it closes, and says so. */
function giveUp<Schema extends DBSchema>(
  database: () => Promise<IDBPDatabase<Schema>>,
  onLost: (reason: string) => void,
) {
  return {
    blocking(): void {
      void database().then((open) => open.close());
      onLost("another tab runs a newer version of this page: reload this one");
    },
    terminated(): void {
      onLost("the browser has closed the store of this site; reload the page");
    },
  };
}
