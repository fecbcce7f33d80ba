import { openDB } from "idb";
import type { IDBPDatabase } from "idb";
import { IdbOutboxStore } from "../../web-client/idb-outbox-store.ts";
import { takeOver } from "../../sync/outbox-rows.ts";
import { outboxRecord } from "../sync/outbox-store-contract.ts";
import { expect, test } from "vitest";
import { ANONYMOUS } from "../../web-client/core/tokens.ts";
import { accountName, deleteDatabase, openAccount, replicaName } from "../../web-client/databases.ts";
import type { Device } from "../../web-client/core/device.ts";
import { allCode } from "../../web-client/client-code.ts";
import { openDevice } from "../../web-client/open-device.ts";
import { webLocks } from "../../web-client/web-locks.ts";

const nothing = (): void => undefined;

function visit(account: string): Promise<Device> {
  const host = { locks: webLocks(), random: () => Math.random() };
  return openDevice(host, {
    account,
    principal: ANONYMOUS,
    databases: indexedDB,
    code: allCode,
    onLost: nothing,
  });
}

/** Of the tab that leads: the others write no replicas, and note only what that one may. */
async function visitAndLead(account: string): Promise<Device> {
  const device = await visit(account);
  await device.lead(await takeOver(device.outbox));
  return device;
}

test("what a device holds and knows is there at the next visit, by cluster", async () => {
  const device = await visitAndLead("visits");
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
  const again = await visitAndLead("visits");
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
  const newer = await openDB(name, older.version + 1);
  expect(reasons).toEqual([expect.stringContaining("newer version")]);
  expect(() => older.transaction("facts")).toThrow();
  // And older code does not fall back to memory beside the newer one's outbox.
  await expect(visit("upgrade")).rejects.toMatchObject({ name: "VersionError" });
  newer.close();
  await deleteDatabase(name);
});

/** As the first version of this code has left it. */
function openVersion1(name: string): Promise<IDBPDatabase> {
  return openDB(name, 1, {
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
}

test("what an older version of this code has left is there, and its outbox has receipts from now on", async () => {
  const name = accountName("of version 1", ANONYMOUS);
  const older = await openVersion1(name);
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

test("a tab that does not let go of an older store, frozen perhaps, is named as what is in the way", async () => {
  const name = accountName("blocked", ANONYMOUS);
  const frozen = await openVersion1(name);
  await expect(visit("blocked")).rejects.toThrow("close that tab");
  // It wakes, and lets go: the next visit has its store.
  frozen.close();
  const device = await visit("blocked");
  expect(device.storage).toBe("indexeddb");
  await device.close();
  await deleteDatabase(name);
});

test("a store of replicas that is deleted under a tab, or whose connection is lost, is opened anew by who uses it next", async () => {
  const device = await visitAndLead("thrown away");
  const store = await device.replicas("cluster");
  const lost: string[] = [];
  store.onLost((reason) => lost.push(reason));
  const file = await store.open("a-0/00.log");
  await file.append([new Uint8Array([1, 2, 3])]);
  expect(await store.size("a-0/00.log")).toBe(3);
  await deleteDatabase(replicaName("thrown away", ANONYMOUS, "cluster"));
  expect(lost).toEqual([expect.stringContaining("thrown away")]);
  // What was opened before is gone with it.
  await expect(file.append([new Uint8Array(1)])).rejects.toThrow();
  expect(await store.list("")).toEqual([]);
  const fresh = await store.open("a-0/00.log");
  await fresh.append([new Uint8Array([4, 5])]);
  expect(await store.read("a-0/00.log")).toEqual(new Uint8Array([4, 5]));
  expect(lost).toHaveLength(1);
  await device.close();
  for (const name of [
    accountName("thrown away", ANONYMOUS),
    replicaName("thrown away", ANONYMOUS, "cluster"),
  ])
    await deleteDatabase(name);
});

test("a page without IndexedDB or without Web Locks works in memory, and says why", async () => {
  const host = { locks: webLocks(), random: () => Math.random() };
  const options = { account: "memory", principal: ANONYMOUS, code: allCode, onLost: nothing };
  const refusing = {
    open: () => {
      throw new DOMException("not in this mode", "SecurityError");
    },
  };
  const devices = [
    await openDevice(host, { ...options, databases: undefined }),
    await openDevice({ ...host, locks: undefined }, { ...options, databases: indexedDB }),
    await openDevice(host, { ...options, databases: refusing as unknown as IDBFactory }),
  ];
  expect(devices.map(({ storage }) => storage)).toEqual(["memory", "memory", "memory"]);
  expect(devices.map(({ storageReason }) => storageReason)).toEqual([
    expect.stringContaining("no IndexedDB"),
    expect.stringContaining("no Web Locks"),
    expect.stringContaining("not in this mode"),
  ]);
});
