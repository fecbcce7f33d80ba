import { openDB } from "idb";
import { HealingAccount } from "../../web-client/healing-account.ts";
import { IdbOutboxStore, LEADER_TERM } from "../../web-client/idb-outbox-store.ts";
import { pendingRows, showPending } from "../../sync/pending-rows.ts";
import { settle } from "../../sync/delivery-rows.ts";
import { takeOver } from "../../sync/outbox-rows.ts";
import type { FrozenBatch } from "../../sync/outbox-store.ts";
import { isPassing, storeFailureText } from "../../web-client/core/store-failure.ts";
import { openFormerAccount, openFormerReplicas } from "./former-layouts.ts";
import { outboxRecord } from "../sync/outbox-store-contract.ts";
import { expect, test } from "vitest";
import { ANONYMOUS } from "../../web-client/core/tokens.ts";
import { packRecords } from "../../web-client/core/pack-records.ts";
import { accountName, deleteDatabase, openAccount, replicaName } from "../../web-client/databases.ts";
import type { Device } from "../../web-client/core/device.ts";
import { allCode } from "../../web-client/client-code.ts";
import { openDevice } from "../../web-client/open-device.ts";
import { systemClock } from "../../web-client/system-clock.ts";
import { webLocks } from "../../web-client/web-locks.ts";

const nothing = (): void => undefined;
const host = { locks: webLocks(), random: () => Math.random(), clock: systemClock };

function visit(account: string): Promise<Device> {
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

test("what was learned of a topic while its cluster was being entered once more is not read over", async () => {
  const device = await visitAndLead("entered often");
  const learn = async (name: string): Promise<void> => {
    await device.enterCluster("one");
    device.learn({ clusterId: "one", name, id: `id of ${name}`, partitions: [] });
  };
  await Promise.all([learn("a"), learn("b"), device.enterCluster("one"), learn("c")]);
  await Promise.all([device.enterCluster("two"), learn("d"), device.enterCluster("one")]);
  expect([...device.topics().keys()].toSorted()).toEqual(["a", "b", "c", "d"]);
  await device.close();
  await deleteDatabase(accountName("entered often", ANONYMOUS));
});

test("a tab with older code gives the database up to a newer one, and says why", async () => {
  const name = accountName("upgrade", ANONYMOUS);
  const reasons: string[] = [];
  const older = await openAccount(indexedDB, name, (reason) => reasons.push(reason), 0);
  const newer = await openDB(name, older.version + 1);
  expect(reasons).toEqual([expect.stringContaining("newer version")]);
  expect(() => older.transaction("facts")).toThrow();
  // And older code does not fall back to memory beside the newer one's outbox.
  await expect(visit("upgrade")).rejects.toMatchObject({ name: "VersionError" });
  newer.close();
  await deleteDatabase(name);
});

const LATEST = { account: 6, replica: 2 };
const CHUNK = new Uint8Array(1000).fill(7);
const sealed: Omit<FrozenBatch, "id"> = {
  clusterId: "cluster",
  topic: "orders",
  topicId: "topic-id",
  partition: 0,
  producerId: 2n ** 60n,
  producerEpoch: 3,
  baseSequence: 41,
  recordIds: [1],
  bytes: CHUNK,
  endBefore: 5n,
  frozenAtMs: 1,
  blocked: null,
};

/** What a tab has left when it was closed offline: one record sealed and perhaps sent, one waiting, and what it knew. */
test.each([1, 2, 3, 4, 5])(
  "all that version %i of the account's layout has left is there, and is written on",
  async (version) => {
    const account = `of version ${version}`;
    const name = accountName(account, ANONYMOUS);
    const older = await openFormerAccount(name, version);
    const lane = { clusterId: "cluster", topicId: "topic-id", partition: 0 };
    const topic = {
      ...lane,
      name: "orders",
      id: "topic-id",
      partitions: [{ logStartOffset: 0n, highWatermark: 9n }],
    };
    const sent = Number(await older.add("records", { ...outboxRecord("orders", "sent"), state: "frozen" }));
    const draft = Number(await older.add("records", outboxRecord("orders", "a draft")));
    const batch = Number(await older.add("batches", { ...sealed, recordIds: [sent] }));
    await older.put("lanes", { ...lane, producerId: 2n ** 60n, producerEpoch: 3, nextSequence: 42 });
    await older.put("producers", 2n ** 60n, "cluster");
    await older.put("topics", { ...topic, clusterId: "cluster" });
    await older.put("facts", "cluster", "cluster id");
    await older.put("facts", 7, LEADER_TERM);
    await older.put("facts", "2,9,1000", "held/cluster/topic-id/0");
    await older.put("facts", "6", "position/topic-id/reader/0");
    older.close();
    const device = await visitAndLead(account);
    expect(device.clusterId()).toBe("cluster");
    expect(device.topics().get("orders")).toMatchObject({ id: "topic-id" });
    expect(device.held("topic-id", 0)).toEqual({ from: 2n, to: 9n, bytes: 1000 });
    expect([...(await device.positions("reader", "topic-id"))]).toEqual([[0, 6n]]);
    await device.outbox.transact("readonly", async (rows) => {
      expect(await rows.record(draft)).toEqual({ ...outboxRecord("orders", "a draft"), id: draft });
      expect(await rows.record(sent)).toMatchObject({ state: "frozen" });
      expect(await rows.batches()).toEqual([{ ...sealed, recordIds: [sent], id: batch }]);
      expect(await rows.lane(lane)).toMatchObject({ producerEpoch: 3, nextSequence: 42 });
      expect(await rows.producerId("cluster")).toBe(2n ** 60n);
      // This tab leads under a later term than whoever led before.
      expect(await rows.term()).toBe(8);
    });
    // Of a topic that is shown, what is delivered waits in the rows for the replica, and leaves a receipt.
    await showPending(device.outbox, "orders");
    await settle(device.outbox, 8, { ...sealed, recordIds: [sent], id: batch }, 9n);
    const rows = await pendingRows(device.outbox, "orders");
    expect(rows.records).toMatchObject([
      { id: sent, state: "delivered", place: { topicId: "topic-id", partition: 0, offset: 9n } },
      { id: draft, state: "waiting" },
    ]);
    expect(rows.receipts).toMatchObject([{ recordIds: [sent], partition: 0, baseOffset: 9n }]);
    await device.close();
    await deleteDatabase(name);
  },
);

test("a run of which version 5 of the layout has sealed a part is read, and leaves piece by piece, all of it", async () => {
  const account = "a run of version 5";
  const name = accountName(account, ANONYMOUS);
  const older = await openFormerAccount(name, 5);
  const run = packRecords(
    ["gone", "sealed", "waits", "sealed with it"].map((value) => ({ key: null, value, headers: [] })),
  );
  const to = { topic: "orders", clusterId: null, topicId: null, addedAtMs: 1 };
  await older.add("runs", { ...to, first: 1, states: Uint8Array.of(0, 2, 1, 2) });
  await older.add("contents", run, 1);
  const batch = { ...sealed, recordIds: [2, 4] };
  const id = Number(await older.add("batches", batch));
  older.close();
  const device = await visitAndLead(account);
  const states = (): Promise<(readonly [number, string, string])[]> =>
    device.outbox.transact("readonly", async (rows) =>
      (await rows.recordsAfter(0)).map((record) => [
        record.id,
        record.state,
        new TextDecoder().decode(record.value ?? undefined),
      ]),
    );
  expect(await states()).toEqual([
    [2, "frozen", "sealed"],
    [3, "waiting", "waits"],
    [4, "frozen", "sealed with it"],
  ]);
  await settle(device.outbox, 1, { ...batch, id }, 9n);
  expect(await states()).toEqual([[3, "waiting", "waits"]]);
  await device.outbox.transact("readwrite", (rows) => rows.deleteRecord(3));
  await device.close();
  const left = await openAccount(indexedDB, name, nothing, 0);
  expect(await Promise.all([left.count("runs"), left.count("contents")])).toEqual([0, 0]);
  left.close();
  await deleteDatabase(name);
});

test.each([1, 2])(
  "a replica of version %i of its layout is read as it was left, and written on",
  async (version) => {
    const account = `replica of version ${version}`;
    const name = replicaName(account, ANONYMOUS, "cluster");
    const older = await openFormerReplicas(name, version);
    // Two rows of one file, as appends have left them.
    await older.put("files", { name: "orders-0/00000000000000000000.log", size: 2000 });
    for (const position of [0, 1000])
      await older.put("chunks", CHUNK, ["orders-0/00000000000000000000.log", position]);
    await older.put("files", { name: "orders-0/partition.metadata", size: 3 });
    await older.put("chunks", Uint8Array.of(1, 2, 3), ["orders-0/partition.metadata", 0]);
    older.close();
    const device = await visitAndLead(account);
    const store = await device.replicas("cluster");
    expect(await store.list("orders-0/")).toEqual([
      "orders-0/00000000000000000000.log",
      "orders-0/partition.metadata",
    ]);
    const file = await store.open("orders-0/00000000000000000000.log");
    expect(file.size).toBe(2000);
    await file.append([Uint8Array.of(9)]);
    expect(await store.readAt("orders-0/00000000000000000000.log", 999, 1002)).toEqual(
      Uint8Array.from({ length: 1002 }, (_, at) => (at < 1001 ? 7 : 9)),
    );
    expect(await store.read("orders-0/partition.metadata")).toEqual(Uint8Array.of(1, 2, 3));
    await device.close();
    for (const each of [name, accountName(account, ANONYMOUS)]) await deleteDatabase(each);
  },
);

test("a store that a newer version of this code has used is refused with what to do, and left as it is", async () => {
  const [account, replica] = [accountName("newer", ANONYMOUS), replicaName("newer", ANONYMOUS, "cluster")];
  const layouts = { account: LATEST.account + 1, replica: LATEST.replica + 1 };
  const newer = await openFormerAccount(account, layouts.account);
  const id = Number(await newer.add("records", { ...outboxRecord("orders", "a draft"), ofNewer: true }));
  newer.close();
  await expect(visit("newer")).rejects.toMatchObject({
    name: "VersionError",
    message: expect.stringContaining("reload the page"),
  });
  const again = await openFormerAccount(account, layouts.account);
  expect(again.version).toBe(layouts.account);
  expect(await again.get("records", id)).toMatchObject({ ofNewer: true });
  again.close();
  await deleteDatabase(account);
  const held = await openFormerReplicas(replica, layouts.replica);
  await held.put("files", { name: "a", size: 0 });
  held.close();
  const device = await visitAndLead("newer");
  const error = await (await device.replicas("cluster")).list("").then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toMatchObject({ name: "VersionError", message: expect.stringContaining("reload the page") });
  // It stays so: nobody tries again and again.
  expect(isPassing(error)).toBe(false);
  await device.close();
  const left = await openFormerReplicas(replica, layouts.replica);
  expect(await left.getAllKeys("files")).toEqual(["a"]);
  left.close();
  for (const each of [account, replica]) await deleteDatabase(each);
});

test("a database that is deleted under a tab is given up, and the tab is told what happens", async () => {
  const name = accountName("deleted", ANONYMOUS);
  const reasons: string[] = [];
  const open = await openAccount(indexedDB, name, (reason) => reasons.push(reason), 0);
  await deleteDatabase(name);
  expect(reasons).toEqual([expect.stringContaining("being deleted")]);
  expect(() => open.transaction("facts")).toThrow();
});

test("an account's store that is deleted under a tab is opened anew, empty: it says so once, and no id is given twice", async () => {
  const device = await visitAndLead("emptied");
  const emptied: string[] = [];
  device.onEmptied((reason) => emptied.push(reason));
  await device.enterCluster("one");
  device.learn({ clusterId: "one", name: "orders", id: "id of orders", partitions: [] });
  const add = (): Promise<number> =>
    device.outbox.transact("readwrite", (rows) => rows.addRecord(outboxRecord("orders", "a record")));
  const count = (): Promise<number> => device.outbox.transact("readonly", (rows) => rows.countIn("waiting"));
  const first = await add();
  await deleteDatabase(accountName("emptied", ANONYMOUS));
  expect(await count()).toBe(0);
  expect(emptied).toEqual([expect.stringContaining("thrown away")]);
  expect(await add()).toBeGreaterThan(first);
  // The term went, too: whoever led under it takes another one, and notes again what it knows.
  await device.lead(await takeOver(device.outbox, 1000));
  await device.close();
  const again = await visit("emptied");
  expect([again.clusterId(), again.topics().get("orders")?.id]).toEqual(["one", "id of orders"]);
  await again.close();
  await deleteDatabase(accountName("emptied", ANONYMOUS));
});

test("a tab that did not lead when the account's store was deleted does not note later what it knew then", async () => {
  const [leader, other] = [await visitAndLead("emptied for all"), await visit("emptied for all")];
  await leader.enterCluster("one");
  leader.learn({ clusterId: "one", name: "orders", id: "the former one's", partitions: [] });
  await other.enterCluster("one");
  other.learn({ clusterId: "one", name: "orders", id: "the former one's", partitions: [] });
  await deleteDatabase(accountName("emptied for all", ANONYMOUS));
  const term = await takeOver(leader.outbox, 1000);
  await leader.lead(term);
  other.follow(term);
  // It sees the new store, too.
  await other.outbox.transact("readonly", (rows) => rows.term());
  leader.learn({ clusterId: "one", name: "orders", id: "the present one's", partitions: [] });
  await leader.close();
  await other.lead(await takeOver(other.outbox, term + 1));
  await other.close();
  const again = await visit("emptied for all");
  expect(again.topics().get("orders")?.id).toBe("the present one's");
  await again.close();
  await deleteDatabase(accountName("emptied for all", ANONYMOUS));
});

test.each([Date.UTC(2254, 0), Date.UTC(9999, 0), 8.64e15])(
  "an account's store that is made while the device's clock says %d takes records, and so does the one after it, under other ids",
  async (nowMs) => {
    const name = accountName(`made at ${nowMs}`, ANONYMOUS);
    const ids: number[] = [];
    for (const ms of [nowMs, nowMs + 1]) {
      const account = new HealingAccount({ databases: indexedDB, name, now: () => ms, onLost: nothing });
      const store = new IdbOutboxStore(account);
      for (const what of ["a", "b", "c"])
        ids.push(
          await store.transact("readwrite", async (rows) => {
            await rows.addReceipt({ recordIds: [], partition: -1, baseOffset: -1n });
            return rows.addRecord(outboxRecord("orders", what));
          }),
        );
      expect(await store.transact("readonly", (rows) => rows.receiptsAfter(0))).toHaveLength(3);
      await account.close();
      await deleteDatabase(name);
    }
    expect(ids.every(Number.isSafeInteger)).toBe(true);
    expect(new Set(ids).size).toBe(6);
  },
);

/** The browser's databases, and the connections to them in the order in which they were opened. */
function watchedDatabases(): { databases: IDBFactory; connections: IDBDatabase[] } {
  const connections: IDBDatabase[] = [];
  const databases = {
    open: (name: string, version?: number) => {
      const request = indexedDB.open(name, version);
      request.addEventListener("success", () => connections.push(request.result));
      return request;
    },
  } as unknown as IDBFactory;
  return { databases, connections };
}

test("an account's store that was only closed under a tab is gone on with, and nothing of it is called lost", async () => {
  const { databases, connections } = watchedDatabases();
  const name = accountName("only closed", ANONYMOUS);
  const account = new HealingAccount({ databases, name, now: () => Date.now(), onLost: nothing });
  const emptied: string[] = [];
  account.onEmptied((reason) => emptied.push(reason));
  const store = new IdbOutboxStore(account);
  await store.transact("readwrite", (rows) => rows.addRecord(outboxRecord("orders", "kept")));
  connections[0]?.close();
  expect(await store.transact("readonly", (rows) => rows.countIn("waiting"))).toBe(1);
  expect([connections.length, emptied]).toEqual([2, []]);
  await account.close();
  await expect(store.transact("readonly", (rows) => rows.countIn("waiting"))).rejects.toThrow("closed");
  await deleteDatabase(name);
});

test("an error that comes late, of a connection that is gone by then, closes none of those after it", async () => {
  const { databases, connections } = watchedDatabases();
  const name = accountName("failed late", ANONYMOUS);
  const account = new HealingAccount({ databases, name, now: () => Date.now(), onLost: nothing });
  const failure = new DOMException("the disk", "UnknownError");
  const { db: first } = await account.begin(["facts"], "readonly");
  account.failed(failure, first);
  // Before the next one is there, and after that.
  account.failed(failure, first);
  const { db: second } = await account.begin(["facts"], "readonly");
  account.failed(failure, first);
  expect((await account.begin(["facts"], "readonly")).db).toBe(second);
  expect(connections).toHaveLength(2);
  account.failed(failure, second);
  expect((await account.begin(["facts"], "readonly")).db).not.toBe(second);
  expect(connections).toHaveLength(3);
  await account.close();
  await deleteDatabase(name);
});

test("a tab that leads under an earlier term than a replica's store has seen is told the later one", async () => {
  const device = await visitAndLead("set back");
  await (await device.replicas("cluster")).write("a", Uint8Array.of(1));
  const told: number[] = [];
  device.onLaterTerm((term) => told.push(term));
  const term = await takeOver(device.outbox);
  await device.lead(term + 1000);
  await expect(device.lead(term)).rejects.toThrow("another tab leads");
  expect(told).toEqual([term + 1000]);
  await device.lead(await takeOver(device.outbox, term + 1001));
  await (await device.replicas("cluster")).write("a", Uint8Array.of(2));
  await device.close();
  for (const name of [accountName("set back", ANONYMOUS), replicaName("set back", ANONYMOUS, "cluster")])
    await deleteDatabase(name);
});

test("a tab that does not let go of an older store, frozen perhaps, is named as what is in the way", async () => {
  const name = accountName("blocked", ANONYMOUS);
  const frozen = await openFormerAccount(name, 1);
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

test("a replica whose upgrade another tab holds up is told of as waiting for that tab, and goes on when it lets go", async () => {
  const name = replicaName("held up", ANONYMOUS, "cluster");
  const frozen = await openFormerReplicas(name, 1);
  await frozen.put("files", { name: "a", size: 0 });
  const device = await visitAndLead("held up");
  const store = await device.replicas("cluster");
  const error = await store.list("").then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(storeFailureText(error)).toContain("close that tab");
  expect(isPassing(error)).toBe(true);
  frozen.close();
  expect(await store.list("")).toEqual(["a"]);
  await device.close();
  for (const each of [name, accountName("held up", ANONYMOUS)]) await deleteDatabase(each);
});
