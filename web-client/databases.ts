/** The databases of this origin: how they are named (rule 6: by principal and by address or cluster), made and given up. */
import { deleteDB, wrap } from "idb";
import type { DBSchema, IDBPDatabase } from "idb";
import type { FrozenBatch, Lane, OutboxRecord, Receipt } from "../sync/outbox-store.ts";
import type { RecordRun } from "../sync/record-run.ts";
import type { KnownTopic } from "./core/device.ts";
import type { StoredRun } from "./idb-record-runs.ts";

/**
 * One address and one principal: the outbox, which may have been filled before any cluster was known, and what was last
 * learned of the cluster.
 */
export interface AccountSchema extends DBSchema {
  records: { key: number; value: OutboxRecord; indexes: { state: [state: string, topic: string] } };
  runs: { key: number; value: StoredRun };
  /** Of runs, by the id of the first record. */
  contents: { key: number; value: RecordRun };
  batches: { key: number; value: FrozenBatch };
  lanes: { key: [clusterId: string, topicId: string, partition: number]; value: Lane };
  receipts: { key: number; value: Receipt };
  producers: { key: string; value: bigint };
  topics: { key: [clusterId: string, name: string]; value: KnownTopic };
  facts: { key: string; value: string | number };
}

export type AccountDatabase = IDBPDatabase<AccountSchema>;

/**
 * 2: receipts. 3: one tab leads. 4: receipts of what has changed and is there still. 5: runs. 6: what is frozen
 * in a run is gone with its batch. A tab with older code closes then: it would not know what the others tell it, nor tell them all
 * that they go by.
 */
const ACCOUNT_VERSION = 6;
/** So long a tab with older code is given to let go of a database, in milliseconds. */
const BLOCKED_MS = 10_000;

export function accountName(account: string, principal: string): string {
  return `rivulet/account/${encodeURIComponent(principal)}/${encodeURIComponent(account)}`;
}

/** One cluster and one principal, of one account: what is kept of its partitions. */
export function replicaName(account: string, principal: string, clusterId: string): string {
  return `rivulet/replica/${encodeURIComponent(principal)}/${encodeURIComponent(account)}/${encodeURIComponent(clusterId)}`;
}

/** Why a database was closed under this tab. */
export type LossKind =
  /** A newer version of this code waits for it: it must not be opened again. */
  | "upgrade"
  /** It is deleted, or the browser has closed it. */
  | "gone";

export type OnLost = (reason: string, kind: LossKind) => void;

interface Opening<Schema extends DBSchema> {
  databases: IDBFactory;
  name: string;
  version: number;
  upgrade: (fresh: IDBPDatabase<Schema>, oldVersion: number, made: IDBTransaction) => void;
  onLost: OnLost;
}

/** What requests fail with when the connection to a database is gone, for whatever reason. */
const GONE: ReadonlySet<string> = new Set(["InvalidStateError", "UnknownError"]);

export function isConnectionGone(error: unknown): error is DOMException {
  return error instanceof DOMException && GONE.has(error.name);
}

/** The row of `facts` that says when the account's database was made. */
export const BORN = "born";
/** So many ids can be given in a millisecond before they could be those of a database that is made then. */
const IDS_EACH_MS = 1000;
/**
 * After so long, in milliseconds, ids begin again: in the year 2109. A generator gives none beyond 2^53, and never one again
 * once it has come there; a device's clock may be set to anything.
 */
const IDS_ROUND_MS = 2 ** 42;

/**
 * Opens the account's database; `databases` is the origin's `indexedDB`. Rejects with NewerError when a newer version of this
 * code has used it, with BlockedError when a tab with an older version does not let go of it. `onLost` is called when the
 * browser closes it (site data was cleared), or when a newer version of this code waits for it. One that is made now gives no id
 * that one before it has given: ids go by the time, `nowMs` since the epoch. Where the clock was set back meanwhile they are lower.
 */
export function openAccount(
  databases: IDBFactory,
  name: string,
  onLost: OnLost,
  nowMs: number,
): Promise<AccountDatabase> {
  return openDatabase<AccountSchema>({
    databases,
    name,
    version: ACCOUNT_VERSION,
    upgrade(fresh, oldVersion, made) {
      if (oldVersion < 1) {
        const records = fresh.createObjectStore("records", { keyPath: "id", autoIncrement: true });
        records.createIndex("state", ["state", "topic"]);
        fresh.createObjectStore("batches", { keyPath: "id", autoIncrement: true });
        fresh.createObjectStore("lanes", { keyPath: ["clusterId", "topicId", "partition"] });
        fresh.createObjectStore("producers");
        fresh.createObjectStore("topics", { keyPath: ["clusterId", "name"] });
        fresh.createObjectStore("facts");
      }
      if (oldVersion < 2) fresh.createObjectStore("receipts", { keyPath: "id", autoIncrement: true });
      if (oldVersion < 5) {
        fresh.createObjectStore("runs", { keyPath: "first" });
        fresh.createObjectStore("contents");
      }
      if (oldVersion >= 1) return;
      made.objectStore("facts").put(nowMs, BORN);
      // A generator goes on from the greatest key that there ever was.
      for (const name of ["records", "receipts"]) {
        const id = (Math.floor(nowMs) % IDS_ROUND_MS) * IDS_EACH_MS;
        made.objectStore(name).put({ id });
        made.objectStore(name).delete(id);
      }
    },
    onLost,
  });
}

export { deleteDB as deleteDatabase };

/** A tab with older code has the database open, and does not let go of it. */
export class BlockedError extends Error {
  constructor() {
    super(
      "another tab with an older version of this page keeps its store from being upgraded: close that tab, or reload it, and try again",
    );
    this.name = "BlockedError";
  }
}

/** A newer version of this code has used the database: what is in it is left as it is. */
export class NewerError extends Error {
  constructor() {
    super(
      "a newer version of this page has used its store on this device, and this one leaves it alone: reload the page to get the newer version",
    );
    this.name = "VersionError";
  }
}

/**
 * Opens a database. Rejects with NewerError when newer code has used it, with BlockedError when a tab with older code does not let
 * go of it; `onLost` is called when it is closed under this tab. As idb's `openDB`, which knows one factory only: the
 * global one.
 */
export async function openDatabase<Schema extends DBSchema>(
  opening: Opening<Schema>,
): Promise<IDBPDatabase<Schema>> {
  const { databases, name, version, upgrade, onLost } = opening;
  const request = databases.open(name, version);
  let isGivenUp = false;
  const blocked = new Promise<never>((_resolve, reject) => {
    request.addEventListener("blocked", () => {
      // Tabs with older code close it when they are asked. One that is frozen does not, and may never wake.
      setTimeout(() => {
        if (request.readyState === "done") return;
        isGivenUp = true;
        reject(new BlockedError());
      }, BLOCKED_MS);
    });
  });
  request.addEventListener("upgradeneeded", ({ oldVersion }) => {
    const { result, transaction } = request;
    if (transaction !== null)
      upgrade(wrap(result) as unknown as IDBPDatabase<Schema>, oldVersion, transaction);
  });
  // The compiler does not know that what the request answers is wrapped, too.
  const opened = (wrap(request) as Promise<unknown>).then((database) => {
    // It has come too late: nobody waits for it.
    if (isGivenUp) request.result.close();
    return database;
  });
  opened.catch(() => undefined);
  blocked.catch(() => undefined);
  const database = (await Promise.race([opened, blocked]).catch((error: unknown) => {
    throw error instanceof DOMException && error.name === "VersionError" ? new NewerError() : error;
  })) as IDBPDatabase<Schema>;
  catchEnds(request.result);
  database.addEventListener("versionchange", ({ newVersion }) => {
    // An old tab must not keep a newer one from upgrading: it closes, and says so.
    database.close();
    if (newVersion === null) onLost("the store of this site is being deleted", "gone");
    else onLost("another tab runs a newer version of this page: reload this one", "upgrade");
  });
  database.addEventListener("close", () => {
    onLost("the browser has closed the store of this site", "gone");
  });
  return database;
}

/**
 * idb promises the end of every transaction, and who only reads does not ask for it: the browser would report each that
 * it aborts as a rejection that nobody has handled. Those who ask hear of it as ever.
 */
function catchEnds(database: IDBDatabase): void {
  const begin = database.transaction.bind(database);
  database.transaction = (...options) => {
    const transaction = begin(...options);
    wrap(transaction).done.catch(() => undefined);
    return transaction;
  };
}
