/** A device without room: what it has queued is delivered all the same, as far as there is any room at all. */
import { expect, test } from "vitest";
import { MemoryOutboxStore } from "../../sync/memory-outbox-store.ts";
import { loadEngine } from "../engine/load.ts";
import { FakeBroker } from "./fake-broker.ts";
import { FullStore } from "./full-store.ts";
import { Tab } from "./outbox-setup.ts";
import { seeded, VirtualClock } from "./virtual-clock.ts";

const engine = loadEngine();
const random = seeded(11);
/** Nothing that can be compressed. */
const RECORD = Array.from({ length: 1000 }, () => String.fromCharCode(33 + Math.floor(random() * 90))).join(
  "",
);

function setUp() {
  const clock = new VirtualClock();
  const broker = new FakeBroker(engine);
  broker.createTopic("orders");
  const store = new FullStore(new MemoryOutboxStore());
  const another = (): Tab => new Tab({ engine, broker, clock, random: seeded(4), store });
  return { clock, store, tab: another(), another };
}

test("a device with room for a few records at a time delivers all, in order and once; one that is full for good says so", async () => {
  const { clock, store, tab } = setUp();
  const sent = Array.from({ length: 40 }, (_, at) =>
    tab.publish("orders", "one", `${at} ${RECORD.slice(at * 7)}${RECORD.slice(0, at * 7)}`),
  );
  await clock.until(Promise.all(sent.map(({ queued }) => queued)));
  store.room = 500;
  tab.deliver();
  await clock.pass(20_000);
  expect(tab.problems.at(-1)).toContain("no room left to seal");
  // A record, and what is sealed of it.
  store.room = 2500;
  const positions = await clock.until(Promise.all(sent.map(({ delivered }) => delivered)), 120_000);
  expect(positions.map(({ offset }) => offset)).toEqual(sent.map((_, at) => BigInt(at)));
  await clock.until(tab.drained(clock));
  await tab.close();
});

test("a batch that is in the log leaves a full device, though there is no room to note where it is", async () => {
  const { clock, store, tab } = setUp();
  const { queued, delivered } = tab.publish("orders", "one", RECORD);
  await clock.until(queued);
  // Once it is sealed there is no room for anything.
  store.onWritten = async () => {
    const batches = await store.transact("readonly", (rows) => rows.batches());
    if (batches.length > 0) store.room = 0;
  };
  tab.deliver();
  expect(await clock.until(delivered, 60_000)).toMatchObject({ offset: 0n });
  await clock.until(tab.drained(clock));
  expect(store.room).toBe(0);
  await tab.close();
});

test("a record that left a full device without a receipt is known as delivered in a tab that nobody told of it", async () => {
  const { clock, store, tab, another } = setUp();
  const asleep = another();
  const { queued, delivered } = asleep.publish("orders", "one", RECORD);
  await clock.until(queued);
  store.onWritten = async () => {
    const batches = await store.transact("readonly", (rows) => rows.batches());
    if (batches.length > 0) store.room = 0;
  };
  tab.deliver();
  await clock.until(tab.drained(clock));
  await tab.close();
  const receipts = await store.transact("readonly", (rows) => rows.receiptsAfter(0));
  expect(receipts.map(({ partition }) => partition)).toEqual([undefined]);
  expect(await clock.until(delivered, 31_000)).toEqual({ partition: -1, offset: -1n });
});

test("what waits on a full device is not taken for delivered, however often its tab looks", async () => {
  const { clock, store, tab } = setUp();
  const { queued, delivered } = tab.publish("orders", "one", RECORD);
  await clock.until(queued);
  store.room = 0;
  let isOpen = true;
  delivered.then(
    () => (isOpen = false),
    () => (isOpen = false),
  );
  tab.deliver();
  await clock.pass(120_000);
  expect(isOpen).toBe(true);
  store.room = Infinity;
  expect(await clock.until(delivered, 120_000)).toMatchObject({ offset: 0n });
  await tab.close();
});
