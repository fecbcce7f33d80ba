/**
 * What of a device's databases would survive a loss of power: all up to the last transaction with strict durability of each
 * database, and some of those that came after it.
 */
import type { Random } from "../kernel/random.ts";
import type { RawDatabase, Transaction } from "./fake-internals.ts";

/** What has been written so long ago is on the disk, asked for or not. */
const LOOSE_TRANSACTIONS_MAX = 64;

export class Journal {
  /** How to undo the transactions that may still be lost, oldest first. */
  private readonly loose = new Map<RawDatabase, (readonly (() => void)[])[]>();

  /** Notes that a transaction is in its database now, before anybody hears of it. */
  committed({ db, mode, durability, _rollbackLog: undo }: Transaction): void {
    if (mode === "readonly") return;
    const database = db._rawDatabase;
    if (durability === "strict" || mode === "versionchange") {
      this.loose.delete(database);
      return;
    }
    const loose = this.loose.get(database) ?? [];
    this.loose.set(database, loose);
    loose.push(undo);
    if (loose.length > LOOSE_TRANSACTIONS_MAX) loose.shift();
  }

  /** The database is no more. */
  forget(database: RawDatabase): void {
    this.loose.delete(database);
  }

  /** Takes back what has not reached the disk: of each database the last few. Answers how many transactions went. */
  losePower(random: Random): number {
    let lost = 0;
    for (const loose of this.loose.values()) {
      const gone = loose.splice(random.below(loose.length + 1));
      lost += gone.length;
      for (const undo of gone.toReversed()) for (const step of undo.toReversed()) step();
    }
    this.loose.clear();
    return lost;
  }
}
