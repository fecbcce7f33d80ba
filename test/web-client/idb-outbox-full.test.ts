/** Runs in IndexedDB on a device without room, whose rows are counted as they are put: what is in the log leaves by deletes alone. */
import "fake-indexeddb/auto";
import { afterEach, beforeEach, expect, test } from "vitest";
import { partitionOfKey } from "../../sync/partitioner.ts";
import { countOf } from "../../sync/record-run.ts";
import { deferred } from "../../sync/wait.ts";
import { ErrorCode } from "../../wire/errors.ts";
import { packRecords } from "../../web-client/core/pack-records.ts";
import { openAccount } from "../../web-client/databases.ts";
import { HealingAccount } from "../../web-client/healing-account.ts";
import { IdbOutboxStore } from "../../web-client/idb-outbox-store.ts";
import { loadEngine } from "../engine/load.ts";
import { FakeBroker } from "../sync/fake-broker.ts";
import { FullStore, sizeOf } from "../sync/full-store.ts";
import { Tab } from "../sync/outbox-setup.ts";
import { seeded, VirtualClock } from "../sync/virtual-clock.ts";

const engine = loadEngine();
const PARTITIONS = 3;
/** What is tried again. */
const LATER = { refuse: ErrorCode.NOT_ENOUGH_REPLICAS };

/** Of all rows that were put or added. */
let bytesPut = 0;
/** Where a run's rows were read, by the store's name. */
let read: string[] = [];
let made = 0;
let name = "";
let account: HealingAccount;
const undo: (() => void)[] = [];

beforeEach(() => {
  const rows = IDBObjectStore.prototype;
  for (const method of ["add", "put"] as const) {
    const write = rows[method];
    undo.push(() => (rows[method] = write));
    rows[method] = function (this: IDBObjectStore, value: unknown, key?: IDBValidKey) {
      bytesPut += sizeOf(value);
      return key === undefined ? write.call(this, value) : write.call(this, value, key);
    };
  }
  for (const method of ["get", "getAll"] as const) {
    const find = rows[method];
    undo.push(() => (rows[method] = find));
    rows[method] = function (this: IDBObjectStore, ...range: [never]) {
      if (this.name === "runs" || this.name === "contents") read.push(this.name);
      return find.apply(this, range);
    };
  }
  name = `full-${++made}`;
  account = new HealingAccount({ databases: indexedDB, name, now: () => 1, onLost: () => undefined });
});
afterEach(async () => {
  await account.close();
  for (const step of undo.splice(0)) step();
});

function setUp() {
  const clock = new VirtualClock(undefined, 100);
  const broker = new FakeBroker(engine);
  broker.partitionsPerTopic = PARTITIONS;
  broker.createTopic("orders");
  const store = new FullStore(new IdbOutboxStore(account), () => bytesPut);
  const tab = new Tab({ engine, broker, clock, random: seeded(4), store });
  return { clock, broker, store, tab };
}

/** How many rows there are of runs, and of their contents. */
async function rowsOfRuns(): Promise<{ runs: number; contents: number }> {
  const database = await openAccount(indexedDB, name, () => undefined, 1);
  const [runs, contents] = await Promise.all([database.count("runs"), database.count("contents")]);
  database.close();
  return { runs, contents };
}

const random = seeded(11);
/** Nothing that can be compressed. */
function text(length: number): string {
  return Array.from({ length }, () => String.fromCharCode(33 + Math.floor(random() * 90))).join("");
}

/** One for each partition. */
const KEYS = Array.from({ length: PARTITIONS }, (_, partition) => {
  for (let at = 0; ; at++) {
    const key = `key ${at}`;
    if (partitionOfKey(new TextEncoder().encode(key), PARTITIONS) === partition) return key;
  }
});

/** What is published in one go: `keyOf` says under which key each goes. Answers what becomes of each, and of their ids. */
function publishRun(tab: Tab, count: number, length: number, keyOf: (index: number) => string) {
  const run = packRecords(
    Array.from({ length: count }, (_, index) => ({
      key: keyOf(index),
      value: `${index} ${text(length)}`,
      headers: [],
    })),
  );
  const fates = Array.from({ length: countOf(run) }, () => deferred<{ partition: number; offset: bigint }>());
  const queued = tab.outbox.publishRun(
    { topic: "orders", clusterId: null, topicId: null, run },
    {
      delivered: (index, position) => fates[index]?.resolve(position),
      rejected: (index, error) => fates[index]?.reject(error),
    },
  );
  return { queued, delivered: Promise.all(fates.map(({ promise }) => promise)) };
}

test("a run that is in the log in part leaves a full device piece by piece, though nothing can be put any more", async () => {
  const { clock, broker, store, tab } = setUp();
  const { queued, delivered } = publishRun(tab, 960, 400, (index) => KEYS[Math.floor(index / 320)] ?? "");
  await clock.until(queued);
  expect(await rowsOfRuns()).toEqual({ runs: 3, contents: 3 });
  const seen = new Set<number>();
  // When all of it is sealed there is no room for anything, and what was sent is answered from then on.
  store.onWritten = async () => {
    const counts = await store.transact("readonly", async (rows) => [
      await rows.countIn("waiting"),
      await rows.countIn("frozen"),
    ]);
    if (counts[0] === 0 && counts[1] === 960) store.room = 0;
    seen.add((await rowsOfRuns()).contents);
  };
  broker.faults = (api) => (api === "Produce" && store.room > 0 ? LATER : "none");
  tab.deliver();
  const positions = await clock.until(delivered);
  expect(store.room).toBe(0);
  expect(new Set(positions.map(({ partition, offset }) => `${partition} ${offset}`)).size).toBe(960);
  await clock.until(tab.drained(clock));
  // By thirds, as they were settled.
  expect([...seen]).toEqual([3, 2, 1, 0]);
  expect(await rowsOfRuns()).toEqual({ runs: 0, contents: 0 });
  await tab.close();
});

test("a run on a device with room for a few records at a time is delivered, in order and once", async () => {
  const { clock, store, tab } = setUp();
  const { queued, delivered } = publishRun(tab, 40, 1000, (index) => KEYS[index % PARTITIONS] ?? "");
  await clock.until(queued);
  store.room = 2500;
  tab.deliver();
  const positions = await clock.until(delivered);
  for (let partition = 0; partition < PARTITIONS; partition++) {
    const offsets = positions.flatMap((each) => (each.partition === partition ? [each.offset] : []));
    expect(offsets).toEqual(offsets.map((_, at) => BigInt(at)));
  }
  await clock.until(tab.drained(clock));
  expect(await rowsOfRuns()).toEqual({ runs: 0, contents: 0 });
  await tab.close();
});

test("what is settled of a run on a full device is gone for everybody, and what is not is there and goes on when there is room", async () => {
  const { clock, broker, store, tab } = setUp();
  const { queued } = publishRun(tab, 300, 10, (index) => KEYS[index % PARTITIONS] ?? "");
  const ids = await clock.until(queued);
  let sealed = 0;
  store.onWritten = async () => {
    sealed = await store.transact("readonly", (rows) => rows.countIn("frozen"));
    if (sealed === 300) store.room = 0;
  };
  // One partition alone gets an answer.
  broker.faults = (api, body) => {
    if (api !== "Produce") return "none";
    const [topic] = (body as { topicData: { partitionData: { index: number }[] }[] }).topicData;
    return store.room === 0 && topic?.partitionData[0]?.index === 1 ? "none" : LATER;
  };
  tab.deliver();
  await clock.until(
    (async () => {
      while (store.room > 0 || sealed === 300)
        await new Promise((resolve) => clock.setTimer(50, () => resolve(0)));
    })(),
  );
  const gone = (id: number): boolean => (id - (ids[0] ?? 0)) % PARTITIONS === 1;
  const left = ids.filter((id) => !gone(id));
  const another = new IdbOutboxStore(account);
  await another.transact("readonly", async (rows) => {
    expect(await rows.countIn("frozen")).toBe(left.length);
    expect((await rows.recordsIn("frozen", 1000)).map(({ id }) => id)).toEqual(left);
    expect(await rows.recordIds(0, Infinity)).toEqual(left);
    expect((await rows.records(ids)).map(({ id }) => id)).toEqual(left);
    expect((await rows.recordsAfter((ids[0] ?? 0) - 1)).map(({ id }) => id)).toEqual(left);
    expect(await rows.record(ids[1] ?? -1)).toBeUndefined();
    expect(await rows.countIn("waiting")).toBe(0);
  });
  expect(tab.outbox.counts).toMatchObject({ waiting: 0, frozen: left.length });
  [store.room, store.onWritten] = [Infinity, undefined];
  broker.faults = () => "none";
  await clock.until(tab.drained(clock));
  expect(await rowsOfRuns()).toEqual({ runs: 0, contents: 0 });
  await tab.close();
});

test("who asks for no records reads nothing, and who asks for some the contents of their run alone", async () => {
  const store = new IdbOutboxStore(account);
  const run = packRecords(
    Array.from({ length: 1000 }, () => ({ key: null, value: "x".repeat(200), headers: [] })),
  );
  const to = { topic: "orders", clusterId: null, topicId: null, addedAtMs: 1 };
  const firsts: number[] = [];
  for (let left = 8; left > 0; left--)
    firsts.push(await store.transact("readwrite", (rows) => rows.addRun({ ...to, run })));
  const readBy = async (ids: readonly number[]): Promise<string[]> => {
    read = [];
    const found = await store.transact("readonly", (rows) => rows.records(ids));
    expect(found.map(({ id }) => id)).toEqual(ids);
    return read;
  };
  expect(await readBy([])).toEqual([]);
  const contents = async (ids: readonly number[]): Promise<number> =>
    (await readBy(ids)).filter((row) => row === "contents").length;
  expect(await contents([(firsts[4] ?? 0) + 1, (firsts[4] ?? 0) + 2])).toBe(1);
  expect(await contents([(firsts[2] ?? 0) + 999, firsts[3] ?? 0])).toBe(2);
});
