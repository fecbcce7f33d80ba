/** The layouts of the SDK's databases as each version of its code made them, so that what it has left can be opened today. */
import { openDB } from "idb";
import type { IDBPDatabase } from "idb";

/** 1: the first one. 2: receipts. 3: as 2, tabs that share a connection. 4: as 3, more receipts. 5: runs. Later ones: as nobody knows yet. */
export function openFormerAccount(name: string, version: number): Promise<IDBPDatabase> {
  return openDB(name, version, {
    upgrade(fresh, oldVersion) {
      if (oldVersion > 0) return;
      const records = fresh.createObjectStore("records", { keyPath: "id", autoIncrement: true });
      records.createIndex("state", ["state", "topic"]);
      fresh.createObjectStore("batches", { keyPath: "id", autoIncrement: true });
      fresh.createObjectStore("lanes", { keyPath: ["clusterId", "topicId", "partition"] });
      fresh.createObjectStore("producers");
      fresh.createObjectStore("topics", { keyPath: ["clusterId", "name"] });
      fresh.createObjectStore("facts");
      if (version >= 2) fresh.createObjectStore("receipts", { keyPath: "id", autoIncrement: true });
      if (version >= 5) {
        fresh.createObjectStore("runs", { keyPath: "first" });
        fresh.createObjectStore("contents");
      }
    },
  });
}

/** 1: the first one. 2: the term of the tab that leads. */
export function openFormerReplicas(name: string, version: number): Promise<IDBPDatabase> {
  return openDB(name, version, {
    upgrade(fresh, oldVersion) {
      if (oldVersion > 0) return;
      fresh.createObjectStore("files", { keyPath: "name" });
      fresh.createObjectStore("chunks");
      if (version >= 2) fresh.createObjectStore("terms");
    },
  });
}
