/** What a tab learns of records that another tab of the same store has delivered or discarded, and told nobody. */
import { expect, test } from "vitest";
import { Fates } from "../../sync/fates.ts";
import type { Fate } from "../../sync/fates.ts";
import { MemoryOutboxStore } from "../../sync/memory-outbox-store.ts";
import { RECEIPTS_MAX } from "../../sync/outbox-store.ts";
import type { OutboxStore } from "../../sync/outbox-store.ts";
import { deferred } from "../../sync/wait.ts";
import { loadEngine } from "../engine/load.ts";
import { FakeBroker } from "./fake-broker.ts";
import { setAside } from "../../sync/delivery-rows.ts";
import { CountedRows } from "./counted-rows.ts";
import { outboxRecord } from "./outbox-store-contract.ts";
import { Tab } from "./outbox-setup.ts";
import type { TabOptions } from "./outbox-setup.ts";
import { seeded, VirtualClock } from "./virtual-clock.ts";

const engine = loadEngine();

function setUp() {
  const clock = new VirtualClock();
  const broker = new FakeBroker(engine);
  broker.createTopic("orders");
  const store = new MemoryOutboxStore();
  const shared = { engine, broker, clock, random: seeded(9), store };
  const tab = (more: Partial<TabOptions> = {}): Tab => new Tab({ ...shared, ...more });
  const publisher = tab();
  /** Publishes `count` records in one go, which another tab delivers without a word. */
  const deliveredInSilence = async (count = 1) => {
    const published = Array.from({ length: count }, (_, at) => publisher.publish("orders", null, `${at}`));
    await clock.until(Promise.all(published.map(({ queued }) => queued)));
    const deliverer = tab().deliver();
    await clock.until(deliverer.drained(clock));
    await deliverer.close();
    return published.map(({ delivered }) => delivered);
  };
  return { clock, broker, store, tab, publisher, deliveredInSilence };
}

test("a record that a tab delivered, and died before it told, is known as delivered when another takes over", async () => {
  const { clock, tab, publisher, deliveredInSilence } = setUp();
  const fates = await deliveredInSilence(3);
  const successor = tab({ onTakenOver: () => void publisher.outbox.refresh() }).deliver();
  const positions = await clock.until(Promise.all(fates), 1000);
  expect(positions.map(({ offset }) => offset)).toEqual([0n, 1n, 2n]);
  expect(new Set(positions.map(({ partition }) => partition)).size).toBe(1);
  await successor.close();
});

test("a tab that takes over learns what its own records became before it", async () => {
  const { clock, publisher, deliveredInSilence } = setUp();
  const [fate] = await deliveredInSilence();
  publisher.deliver();
  expect(await clock.until(Promise.resolve(fate), 1000)).toMatchObject({ offset: 0n });
  await publisher.close();
});

test("a tab to which nobody says anything finds out by itself what became of its records", async () => {
  const { clock, publisher, deliveredInSilence } = setUp();
  const [fate] = await deliveredInSilence();
  expect(await clock.until(Promise.resolve(fate), 31_000)).toMatchObject({ offset: 0n });
  expect(publisher.outbox.counts.waiting).toBe(0);
});

test("a record that another tab's user discards is known as discarded", async () => {
  const { clock, tab, publisher } = setUp();
  const { queued, delivered } = publisher.publish("orders", null, "one");
  await clock.until(queued);
  const other = tab();
  await other.outbox.discard((await other.outbox.list()).map(({ id }) => id));
  await expect(clock.until(delivered, 31_000)).rejects.toThrow(/discarded/);
});

test("a record that left so long ago that its receipt is gone, too, does not wait for ever; one that is there does", async () => {
  const { clock, store, publisher, deliveredInSilence } = setUp();
  const [fate] = await deliveredInSilence();
  const { queued, delivered } = publisher.publish("orders", null, "waits");
  let isOpen = true;
  void delivered.finally(() => (isOpen = false));
  await store.transact("readwrite", async (rows) => {
    for (let left = RECEIPTS_MAX; left > 0; left--)
      await rows.addReceipt({ recordIds: [999_999], partition: 0, baseOffset: 1n });
  });
  await expect(clock.until(Promise.resolve(fate), 31_000)).rejects.toThrow(/too long ago to tell/);
  await queued;
  await clock.pass(31_000);
  expect(isOpen).toBe(true);
  publisher.deliver();
  expect(await clock.until(delivered, 31_000)).toMatchObject({ offset: 1n });
  await publisher.close();
});

test("an outbox that is closed leaves no promise open: what it knows by then resolves, the rest and what comes later rejects", async () => {
  const { clock, publisher, deliveredInSilence, store } = setUp();
  const [known] = await deliveredInSilence();
  const waiting = publisher.publish("orders", null, "waits");
  await clock.until(waiting.queued);
  const adding = publisher.publish("orders", null, "is being added");
  await publisher.outbox.close("the client is closed");
  expect(await known).toMatchObject({ offset: 0n });
  await expect(clock.until(waiting.delivered, 0)).rejects.toThrow("the client is closed");
  await expect(clock.until(adding.delivered, 0)).rejects.toThrow("the client is closed");
  await expect(clock.until(publisher.publish("orders", null, "late").queued, 0)).rejects.toThrow(
    "the client is closed",
  );
  expect(await store.transact("readonly", (rows) => rows.countIn("waiting"))).toBe(2);
});

test("what was queued by somebody who is gone is followed by whoever is asked about it: delivered before or later; what is in no outbox any more is lost", async () => {
  const { clock, store, tab, publisher, deliveredInSilence } = setUp();
  await clock.until(Promise.all(await deliveredInSilence()), 31_000);
  const refused = await clock.until(publisher.publish("orders", null, "refused").queued);
  const records = await store.transact("readonly", (rows) => rows.records([refused]));
  await setAside(
    store,
    await store.transact("readonly", (rows) => rows.term()),
    records,
    "refused",
    "too large",
  );
  const { queued } = publisher.publish("orders", null, "waits");
  const [before, later] = [1, await clock.until(queued)];
  const heir = tab();
  // It has seen all that has been told by now.
  await clock.until(heir.publish("orders", null, "of its own").queued);
  await clock.until(heir.outbox.refresh());
  const [known, open, judged, unknown] = follow(heir, [before, later, refused, 999_999]);
  expect(await clock.until(Promise.resolve(known), 1000)).toMatchObject({ offset: 0n });
  await expect(clock.until(Promise.resolve(unknown), 31_000)).rejects.toThrow("is gone");
  await expect(clock.until(Promise.resolve(judged), 1000)).rejects.toThrow("too large");
  heir.deliver();
  expect(await clock.until(Promise.resolve(open), 31_000)).toMatchObject({ offset: 1n });
  await heir.close();
});

test("who is asked about a record while it looks at what is new hears of it, though it had left long before", async () => {
  const store = new MemoryOutboxStore();
  const left = (recordIds: number[]) =>
    store.transact("readwrite", (rows) => rows.addReceipt({ recordIds, partition: 0, baseOffset: 7n }));
  const told: number[] = [];
  const fate: Fate = { delivered: (id) => told.push(id), rejected: (id) => told.push(-id) };
  const fates = new Fates();
  fates.add(3, fate);
  await left([1]);
  await fates.lookUp(store);
  await left([2]);
  // It is asked when the rows have been read, and not told of yet.
  const asking: OutboxStore = {
    transact: async (mode, work) => {
      const found = await store.transact(mode, work);
      fates.inherit(1, fate);
      return found;
    },
    close: () => store.close(),
  };
  await fates.lookUp(asking);
  await fates.lookUp(store);
  expect(told).toEqual([1]);
});

test("who looks in between a record's leaving and its receipt does not take it for lost, which would send it twice", async () => {
  const store = new MemoryOutboxStore();
  const told: number[] = [];
  const fate: Fate = { delivered: (id) => told.push(id), rejected: (id) => told.push(-id) };
  const fates = new Fates();
  fates.inherit(1, fate);
  fates.inherit(2, fate);
  fates.isThorough = true;
  await fates.lookUp(store);
  await fates.lookUp(store);
  expect(told).toEqual([]);
  await store.transact("readwrite", (rows) =>
    rows.addReceipt({ recordIds: [1], partition: 0, baseOffset: 7n }),
  );
  fates.isThorough = true;
  await fates.lookUp(store);
  expect(told).toEqual([1, -2]);
});

/** What becomes of each. */
function follow({ outbox }: Tab, ids: readonly number[]): Promise<unknown>[] {
  const fates = ids.map(() => deferred<unknown>());
  for (const { promise } of fates) promise.catch(() => undefined);
  outbox.follow(ids, {
    delivered: (index, position) => fates[index]?.resolve(position),
    rejected: (index, error) => fates[index]?.reject(error),
  });
  return fates.map(({ promise }) => promise);
}

test("records that were refused long ago are not read again at each change", async () => {
  const { clock, store, tab } = setUp();
  const rows = new CountedRows(store);
  const publisher = tab({ store: rows });
  await store.transact("readwrite", async (all) => {
    for (let left = 1000; left > 0; left--)
      await all.addRecord({ ...outboxRecord("orders", "no"), state: "refused", reason: "no" });
  });
  await clock.until(publisher.publish("orders", null, "one").queued);
  await clock.until(publisher.outbox.refresh());
  rows.read = 0;
  await clock.until(publisher.publish("orders", null, "another").queued);
  await clock.until(publisher.outbox.refresh());
  expect(rows.read).toBe(0);
});

test("a record that another tab could not deliver is known as refused", async () => {
  const { clock, tab, store } = setUp();
  const publisher = tab();
  const { queued, delivered } = publisher.publish("orders", null, "one");
  await clock.until(queued);
  const records = await store.transact("readonly", (rows) => rows.recordsIn("waiting", 10));
  await setAside(store, 0, records, "refused", "too large");
  await expect(clock.until(delivered, 31_000)).rejects.toThrow(/refused.*too large/);
});

test("after the store was thrown away, and the device's clock set back, what becomes of records is heard of all the same", async () => {
  const { clock, broker } = setUp();
  // Ids of the one after it are lower.
  const stores = [new MemoryOutboxStore(), new MemoryOutboxStore()];
  const store: OutboxStore = {
    transact: (mode, work) => (stores[0] ?? expect.unreachable()).transact(mode, work),
    close: () => Promise.resolve(),
  };
  const random = seeded(10);
  const publisher = new Tab({ engine, broker, clock, random, store });
  const deliver = async (): Promise<void> => {
    const deliverer = new Tab({ engine, broker, clock, random, store }).deliver();
    await clock.until(deliverer.drained(clock));
    await deliverer.close();
  };
  const before = ["a", "b", "c"].map((value) => publisher.publish("orders", null, value));
  for (const { queued } of before) {
    await clock.until(queued);
    await deliver();
  }
  await clock.until(Promise.all(before.map(({ delivered }) => delivered)), 31_000);
  stores.shift();
  publisher.outbox.forgetAll("the browser has thrown it away");
  const { queued, delivered } = publisher.publish("orders", null, "d");
  await clock.until(queued);
  await deliver();
  expect(await clock.until(delivered, 31_000)).toMatchObject({ offset: 3n });
  await publisher.close();
});
