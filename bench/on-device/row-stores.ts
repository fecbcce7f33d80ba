/** A row per record: in IndexedDB itself, and in the libraries that web apps use for it, each in its own best way. */
import Dexie from "dexie";
import { openDB } from "idb";
import { PouchDB } from "./pouchdb.ts";
import type { EventStore, OpenStore } from "./event-store.ts";
import type { DeviceEvent } from "./events.ts";

/** Rows that a scan takes at once. */
const SCAN_ROWS = 1000;

/** One transaction for all, one `put` for each. */
export const openRows: OpenStore = async (name, byTime) => {
  const database = await openDB(name, 1, {
    upgrade: (fresh) => {
      const rows = fresh.createObjectStore("events");
      if (byTime) rows.createIndex("at", "at");
    },
  });
  return {
    add: async (events) => {
      const { store, done } = database.transaction("events", "readwrite");
      for (const [offset, event] of events.entries()) void store.put(event, offset);
      await done;
    },
    at: (offset) => database.get("events", offset),
    since: (time) => database.getFromIndex("events", "at", IDBKeyRange.lowerBound(time)),
    scan: async (visit) => {
      for (let from = 0; ; from += SCAN_ROWS) {
        const range = IDBKeyRange.bound(from, from + SCAN_ROWS, false, true);
        const rows = (await database.getAll("events", range)) as DeviceEvent[];
        if (rows.length === 0) return;
        rows.forEach(visit);
      }
    },
    close: () => Promise.resolve(database.close()),
  } satisfies EventStore;
};

export const openDexie: OpenStore = async (name, byTime) => {
  const database = new Dexie(name);
  // Its keys are given beside the objects, so that the objects stay as they are.
  database.version(1).stores({ events: byTime ? ",at" : "" });
  await database.open();
  const table = database.table<DeviceEvent, number>("events");
  return {
    add: async (events) => void (await table.bulkAdd(events, [...events.keys()])),
    at: (offset) => table.get(offset),
    since: (time) => table.where("at").aboveOrEqual(time).first(),
    scan: async (visit) => {
      for (let from = 0; ; from += SCAN_ROWS) {
        const rows = await table
          .where(":id")
          .between(from, from + SCAN_ROWS)
          .toArray();
        if (rows.length === 0) return;
        rows.forEach(visit);
      }
    },
    close: () => Promise.resolve(database.close()),
  };
};

/** Documents whose ids sort as offsets do. It has no look-up by time without a plug-in. */
export const openPouch: OpenStore = (name) => {
  const database = new PouchDB<DeviceEvent>(name);
  const idOf = (offset: number): string => String(offset).padStart(12, "0");
  return Promise.resolve({
    add: async (events) => {
      const answers = await database.bulkDocs(
        events.map((event, offset) => ({ ...event, _id: idOf(offset) })),
      );
      const refused = answers.find((answer) => "error" in answer);
      if (refused !== undefined) throw new Error(`PouchDB refused a document: ${JSON.stringify(refused)}`);
    },
    at: (offset) => database.get(idOf(offset)).then(bare),
    since: () => Promise.reject(new Error("PouchDB has no look-up by time")),
    scan: async (visit) => {
      const { rows } = await database.allDocs({ include_docs: true });
      for (const { doc } of rows) if (doc !== undefined) visit(bare(doc));
    },
    close: () => database.close(),
  });
};

/** Without what PouchDB has added. */
function bare({ id, at, user, page, action, ms }: DeviceEvent): DeviceEvent {
  return { id, at, user, page, action, ms };
}
