/** What the contenders have in common: a store of events on the device, each under its offset. */
import type { DeviceEvent } from "./events.ts";

export interface EventStore {
  /** Into an empty store: the first gets offset 0. Resolves when all can be read. */
  add(events: readonly DeviceEvent[]): Promise<void>;
  at(offset: number): Promise<DeviceEvent | undefined>;
  /** The first of that time or later. */
  since(time: number): Promise<DeviceEvent | undefined>;
  /** All, in order. */
  scan(visit: (event: DeviceEvent) => void): Promise<void>;
  /** Closes it. What it holds goes with the origin's databases. */
  close(): Promise<void>;
}

/** `byTime`: it will be asked for times, and may keep an index for that. */
export type OpenStore = (name: string, byTime: boolean) => Promise<EventStore>;

/**
 * From now on all that this page writes to IndexedDB is as durable as this, whatever a library asks for: one way for all of
 * them, also for those that have no setting for it.
 */
export function writeWith(durability: IDBTransactionDurability): void {
  IDBDatabase.prototype.transaction = function (stores, mode, options) {
    return transaction.call(this, stores, mode, mode === "readwrite" ? { ...options, durability } : options);
  };
}

// It is called with the database that it belongs to.
// oxlint-disable-next-line typescript/unbound-method
const { transaction } = IDBDatabase.prototype;
