/** The databases of one device, for all of its tabs. */
import { forceCloseDatabase } from "fake-indexeddb";
import type { Process } from "../kernel/process.ts";
import type { Random } from "../kernel/random.ts";
import type { World } from "../kernel/world.ts";
import { newFactory } from "./fake-internals.ts";
import type { Connection, Factory, RawDatabase, Request, Transaction } from "./fake-internals.ts";
import type { BrowserFaults } from "./faults.ts";
import { Journal } from "./journal.ts";
import { ownerOf, ownOpening } from "./owners.ts";
import { isCommitting, loseOpening } from "./steering.ts";

/** Only within `installIndexedDb`. */
export class DeviceDatabases {
  private readonly factory: Factory = newFactory();
  private readonly journal = new Journal();
  private readonly world: World;
  private readonly random: Random;
  private readonly faults: BrowserFaults;

  constructor(world: World, random: Random, faults: BrowserFaults) {
    this.world = world;
    this.random = random;
    this.faults = faults;
  }

  get names(): readonly string[] {
    return [...this.factory._databases.keys()];
  }

  /** What `indexedDB` is in one tab. */
  of(process: Process): IDBFactory {
    const owner = { process, faults: this.faults, journal: this.journal };
    process.onKilled(() => this.endAll(process));
    const open = (name: string, version?: number): Request => {
      const request = this.factory.open(name, version);
      ownOpening(request, owner);
      return request;
    };
    // All that a client uses of it.
    return { open } as unknown as IDBFactory;
  }

  /** One database is thrown away, whoever has it open: their transactions are aborted, and their connections closed. */
  delete(name: string): void {
    const database = this.factory._databases.get(name);
    if (database === undefined) return;
    this.factory._databases.delete(name);
    this.journal.forget(database);
    for (const transaction of unfinished(database)) transaction._abort("AbortError");
    for (const connection of database.connections) {
      if (ownerOf(connection) === undefined) {
        loseOpening(connection);
        continue;
      }
      connection._closePending = true;
      // After its transactions have been heard of.
      this.world.after(1, () => forceCloseDatabase(connection as unknown as typeof IDBDatabase));
    }
  }

  /** What the disk had not got is gone; no tab may be alive. Answers how many transactions went. */
  losePower(): number {
    return this.journal.losePower(this.random);
  }

  /** A tab is dead: what it had under way is all there, or nothing of it. */
  private endAll(process: Process): void {
    for (const database of this.factory._databases.values()) {
      const isIts = (connection: Connection): boolean => ownerOf(connection)?.process === process;
      for (const transaction of unfinished(database)) if (isIts(transaction.db)) this.end(transaction);
      for (const connection of database.connections.filter(isIts)) connection.close();
    }
  }

  private end(transaction: Transaction): void {
    if (transaction.mode === "versionchange") return transaction._abort("AbortError");
    if (isCommitting(transaction) && this.random.chance(0.5)) this.journal.committed(transaction);
    else for (const step of transaction._rollbackLog.toReversed()) step();
    transaction._state = "finished";
    transaction._requests.length = 0;
    const database = transaction.db._rawDatabase;
    database.transactions.splice(database.transactions.indexOf(transaction), 1);
    database.processTransactions();
  }
}

function unfinished(database: RawDatabase): Transaction[] {
  return database.transactions.filter((transaction) => transaction._state !== "finished");
}
