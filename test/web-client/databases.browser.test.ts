import { openDB } from "idb";
import { IdbOutboxStore } from "../../web-client/idb-outbox-store.ts";
import { outboxRecord } from "../sync/outbox-store-contract.ts";
import { expect, test } from "vitest";
import { ANONYMOUS } from "../../web-client/core/tokens.ts";
import { accountName, deleteDatabase, openAccount } from "../../web-client/databases.ts";
import type { Device } from "../../web-client/core/device.ts";
import { openDevice } from "../../web-client/open-device.ts";
import { webLocks } from "../../web-client/web-locks.ts";

const nothing = (): void => undefined;

function visit(account: string): Promise<Device> {
  const host = { locks: webLocks(), random: () => Math.random() };
  return openDevice(host, { account, principal: ANONYMOUS, databases: indexedDB, onLost: nothing });
}

test("what a device holds and knows is there at the next visit, by cluster", async () => {
  const device = await visit("visits");
  expect(device.storage).toBe("indexeddb");
  expect(device.clusterId()).toBeUndefined();
  const topic = {
    name: "orders",
    id: "topic-id",
    partitions: [{ logStartOffset: 0n, highWatermark: 2n ** 60n }],
  };
  for (const clusterId of ["one", "two"]) {
    await device.enterCluster(clusterId);
    expect(device.topics().size).toBe(0);
    expect(device.held("topic-id", 0)).toBeUndefined();
    device.learn({ ...topic, clusterId });
    device.noteHeld("topic-id", 0, { from: 1n, to: 2n ** 60n, bytes: clusterId.length });
  }
  device.noteHeld("topic-id", 0, undefined);
  await device.close();
  const again = await visit("visits");
  expect(again.clusterId()).toBe("two");
  expect([...again.topics().values()]).toEqual([{ ...topic, clusterId: "two" }]);
  expect(again.held("topic-id", 0)).toBeUndefined();
  await again.enterCluster("one");
  expect(again.held("topic-id", 0)).toEqual({ from: 1n, to: 2n ** 60n, bytes: 3 });
  again.keepOnly(new Set());
  expect(again.topics().has("orders")).toBe(true);
  again.noteHeld("topic-id", 0, undefined);
  again.keepOnly(new Set());
  expect(again.topics().has("orders")).toBe(false);
  await again.close();
  const other = await visit("another account");
  expect(other.clusterId()).toBeUndefined();
  await other.close();
  for (const account of ["visits", "another account"]) await deleteDatabase(accountName(account, ANONYMOUS));
});

test("a tab with older code gives the database up to a newer one, and says why", async () => {
  const name = accountName("upgrade", ANONYMOUS);
  const reasons: string[] = [];
  const older = await openAccount(indexedDB, name, (reason) => reasons.push(reason));
  const newer = await openDB(name, 3);
  expect(reasons).toEqual([expect.stringContaining("newer version")]);
  expect(() => older.transaction("facts")).toThrow();
  // And older code does not fall back to memory beside the newer one's outbox.
  await expect(visit("upgrade")).rejects.toMatchObject({ name: "VersionError" });
  newer.close();
  await deleteDatabase(name);
});

test("what an older version of this code has left is there, and its outbox has receipts from now on", async () => {
  const name = accountName("of version 1", ANONYMOUS);
  const older = await openDB(name, 1, {
    upgrade(fresh) {
      const records = fresh.createObjectStore("records", { keyPath: "id", autoIncrement: true });
      records.createIndex("state", ["state", "topic"]);
      fresh.createObjectStore("batches", { keyPath: "id", autoIncrement: true });
      fresh.createObjectStore("lanes", { keyPath: ["clusterId", "topicId", "partition"] });
      fresh.createObjectStore("producers");
      fresh.createObjectStore("topics", { keyPath: ["clusterId", "name"] });
      fresh.createObjectStore("facts");
    },
  });
  const id = Number(await older.add("records", outboxRecord("orders", "a draft")));
  await older.put("facts", 7, "outbox term");
  older.close();
  const database = await openAccount(indexedDB, name, nothing);
  const store = new IdbOutboxStore(database);
  const receipt = { recordIds: [id], partition: 0, baseOffset: 5n };
  await store.transact("readwrite", (rows) => rows.addReceipt(receipt));
  await store.transact("readonly", async (rows) => {
    expect(await rows.record(id)).toEqual({ ...outboxRecord("orders", "a draft"), id });
    expect(await rows.term()).toBe(7);
    expect(await rows.receiptsAfter(0)).toMatchObject([receipt]);
  });
  database.close();
  await deleteDatabase(name);
});

test("a database that is deleted under a tab is given up, and the tab is told what happens", async () => {
  const name = accountName("deleted", ANONYMOUS);
  const reasons: string[] = [];
  const open = await openAccount(indexedDB, name, (reason) => reasons.push(reason));
  await deleteDatabase(name);
  expect(reasons).toEqual([expect.stringContaining("being deleted")]);
  expect(() => open.transaction("facts")).toThrow();
});
