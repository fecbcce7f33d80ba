/**
 * What the simulation steers inside of fake-indexeddb, by the names that the package gives it: it stands still while its
 * tab is frozen, and ends when its tab dies.
 */
import { IDBDatabase, IDBFactory, IDBRequest, IDBTransaction } from "fake-indexeddb";

/** One database, whoever has it open. */
export interface RawDatabase {
  readonly name: string;
  readonly rawObjectStores: ReadonlyMap<string, RawStore>;
  readonly transactions: Transaction[];
  connections: Connection[];
  /** Starts a transaction that need not wait any more, a little later. */
  processTransactions: () => void;
}

interface RawStore {
  records: { size(): number };
  readonly rawIndexes: ReadonlyMap<string, { records: { size(): number }; readonly unique: boolean }>;
}

export interface Target {
  dispatchEvent: (event: { readonly type: string }) => boolean;
}

export interface Connection extends Target {
  readonly _rawDatabase: RawDatabase;
  _closePending: boolean;
  _closed: boolean;
  close: () => void;
  transaction: (names: string | string[], mode?: string, options?: { durability?: string }) => Transaction;
}

export interface Request extends Target {
  readonly transaction: Transaction | null | undefined;
  readonly source: { readonly objectStore?: { readonly transaction: Transaction } } | null;
  readyState: "pending" | "done";
  /** Of a request to open a database, once there is one. */
  result: unknown;
  error: unknown;
}

export interface Transaction extends Target {
  readonly db: Connection;
  readonly mode: "readonly" | "readwrite" | "versionchange";
  readonly durability: "default" | "strict" | "relaxed";
  readonly _rollbackLog: (() => void)[];
  readonly _requests: { readonly request: Request; readonly operation: () => unknown }[];
  _started: boolean;
  _state: "active" | "inactive" | "committing" | "finished";
  readonly error: unknown;
  /** One step: does the next request and tells of it, or ends the transaction when there is none. */
  _start: () => void;
  _markFinished: () => void;
  /** Undoes everything, and tells of it a little later. */
  _abort(errorName: string): void;
}

export interface Factory {
  readonly _databases: Map<string, RawDatabase>;
  open(name: string, version?: number): Request;
}

export const connectionPrototype = IDBDatabase.prototype as unknown as Connection;
export const requestPrototype = IDBRequest.prototype as unknown as Request;
export const transactionPrototype = IDBTransaction.prototype as unknown as Transaction;

export function newFactory(): Factory {
  return new IDBFactory() as unknown as Factory;
}

/** A transaction that is never started: nobody waits for it, and it tells nothing. */
export function idleTransaction(connection: Connection, names: string | string[], mode: string): Transaction {
  const stores = typeof names === "string" ? [names] : names;
  const Make = IDBTransaction as unknown as new (
    names: string[],
    mode: string,
    durability: string,
    db: Connection,
  ) => Transaction;
  return new Make(stores, mode, "default", connection);
}
