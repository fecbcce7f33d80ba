/** Whose connections to a device's databases are whose. */
import type { Process } from "../kernel/process.ts";
import type { Journal } from "./journal.ts";
import type { BrowserFaults } from "./faults.ts";
import type { Connection, Request } from "./fake-internals.ts";

/** One tab, as its device's databases know it. */
export interface Owner {
  readonly process: Process;
  readonly faults: BrowserFaults;
  readonly journal: Journal;
}

const ofConnections = new WeakMap<Connection, Owner>();
const ofOpenings = new WeakMap<Request, Owner>();

/** A request to open a database is this tab's. */
export function ownOpening(request: Request, owner: Owner): void {
  ofOpenings.set(request, owner);
}

export function ownConnection(connection: Connection, owner: Owner): void {
  ofConnections.set(connection, owner);
}

/** undefined: it belongs to no tab, and is not steered. */
export function ownerOf(connection: Connection): Owner | undefined {
  return ofConnections.get(connection);
}

export function ownerOfOpening(request: Request): Owner | undefined {
  return ofOpenings.get(request);
}

export function ownerOfRequest({ transaction, source }: Request): Owner | undefined {
  // The package gives requests of an index no transaction of their own.
  const its = transaction ?? source?.objectStore?.transaction;
  return its === undefined ? undefined : ofConnections.get(its.db);
}
