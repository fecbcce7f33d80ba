/**
 * The account's database, which the browser may close or throw away under the tab: it is opened anew, and whoever keeps something
 * by what was in it is told when that is gone. A database that was only closed is gone on with.
 */
import type { IDBPTransaction, StoreNames } from "idb";
import { BORN, isConnectionGone, openAccount } from "./databases.ts";
import type { AccountDatabase, AccountSchema } from "./databases.ts";

const THROWN_AWAY = "the browser has thrown away what this site kept on this device";

type Store = StoreNames<AccountSchema>;

export interface HealingAccountOptions {
  readonly databases: IDBFactory;
  readonly name: string;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** A newer version of this code has the database from now on. */
  readonly onLost: (reason: string) => void;
}

export class HealingAccount {
  private readonly options: HealingAccountOptions;
  private readonly emptied = new Set<(reason: string) => void>();
  private opening: Promise<AccountDatabase> | undefined;
  /** What the database that was there last says of when it was made. */
  private born: string | number | undefined;
  private isOpened = false;
  private isClosed = false;

  constructor(options: HealingAccountOptions) {
    this.options = options;
  }

  /** Rejects as `openAccount` does. */
  async open(): Promise<void> {
    await this.database();
  }

  /** Calls `listener` when all that was in the database is gone, before anybody gets to see the new one. */
  onEmptied(listener: (reason: string) => void): void {
    this.emptied.add(listener);
  }

  /** A transaction, to be used at once. */
  async begin<Stores extends Store[], Mode extends "readonly" | "readwrite">(
    stores: Stores,
    mode: Mode,
    options?: IDBTransactionOptions,
  ): Promise<IDBPTransaction<AccountSchema, Stores, Mode>> {
    for (let isAgain = false; ; isAgain = true) {
      const opening = this.database();
      const database = await opening;
      try {
        return database.transaction(stores, mode, options);
      } catch (error) {
        if (isAgain || !isConnectionGone(error)) throw error;
        this.lose(opening);
      }
    }
  }

  /** Whoever used this database when this error came up: the next one opens it anew, if nobody has done so. */
  failed(error: unknown, database: AccountDatabase): void {
    if (!isConnectionGone(error)) return;
    // A connection that is gone in all but name keeps others from deleting the database.
    database.close();
    // At once: who waits for what was in it is to be told.
    this.begin(["facts"], "readonly").catch(() => undefined);
  }

  async close(): Promise<void> {
    this.isClosed = true;
    const database = await this.opening?.catch(() => undefined);
    database?.close();
  }

  private database(): Promise<AccountDatabase> {
    if (this.opening !== undefined) return this.opening;
    if (this.isClosed) return Promise.reject(new Error("the store is closed"));
    const opening: Promise<AccountDatabase> = this.openNow((reason, kind) => {
      if (kind === "upgrade") this.options.onLost(reason);
      else this.lose(opening);
    });
    this.opening = opening;
    // What cannot be opened now is tried anew by the next use.
    opening.catch(() => this.forget(opening));
    return opening;
  }

  private async openNow(onLost: Parameters<typeof openAccount>[2]): Promise<AccountDatabase> {
    const { databases, name, now } = this.options;
    const database = await openAccount(databases, name, onLost, now());
    const born = await database.get("facts", BORN);
    const isAnother = this.isOpened && born !== this.born;
    this.isOpened = true;
    this.born = born;
    if (isAnother && !this.isClosed) for (const listener of this.emptied) listener(THROWN_AWAY);
    return database;
  }

  private lose(opening: Promise<AccountDatabase>): void {
    if (!this.forget(opening) || this.isClosed) return;
    // A connection that is gone in all but name keeps others from deleting the database.
    opening.then((database) => database.close()).catch(() => undefined);
    // At once: who waits for what was in it is to be told.
    this.database().catch(() => undefined);
  }

  private forget(opening: Promise<AccountDatabase>): boolean {
    if (this.opening !== opening) return false;
    this.opening = undefined;
    return true;
  }
}
