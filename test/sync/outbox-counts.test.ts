import { expect, test } from "vitest";
import { MemoryOutboxStore } from "../../sync/memory-outbox-store.ts";
import type { OutboxStore, OutboxTransaction } from "../../sync/outbox-store.ts";
import { loadEngine } from "../engine/load.ts";
import { FakeBroker } from "./fake-broker.ts";
import { Tab } from "./outbox-setup.ts";
import { seeded, VirtualClock } from "./virtual-clock.ts";

const engine = loadEngine();

/** A store as in a browser that aborts transactions: as many of those that only read as `failures` says. */
class FlakyStore implements OutboxStore {
  failures = 0;
  private readonly store: OutboxStore;

  constructor(store: OutboxStore) {
    this.store = store;
  }

  transact<T>(mode: "readonly" | "readwrite", work: (rows: OutboxTransaction) => Promise<T>): Promise<T> {
    if (mode === "readwrite" || this.failures === 0) return this.store.transact(mode, work);
    this.failures -= 1;
    return Promise.reject(new DOMException("for no reason", "UnknownError"));
  }

  close(): Promise<void> {
    return this.store.close();
  }
}

function setUp() {
  const clock = new VirtualClock();
  const broker = new FakeBroker(engine);
  const random = seeded(5);
  const store = new MemoryOutboxStore();
  const flaky = new FlakyStore(store);
  const publisher = new Tab({ engine, broker, clock, random, store: flaky });
  return { clock, broker, random, store, flaky, publisher };
}

test("a count that the store fails is taken again: what is delivered does not stay pending", async () => {
  const { clock, broker, random, store, flaky, publisher } = setUp();
  const deliverer = new Tab({
    engine,
    broker,
    clock,
    random,
    store,
    onSettled: (settlement) => publisher.outbox.observe(settlement),
  });
  const { queued, delivered } = publisher.publish("orders", null, "one");
  await clock.until(queued);
  flaky.failures = 5;
  deliverer.deliver();
  await clock.until(delivered, 60_000);
  expect(publisher.outbox.counts.waiting).toBe(1);
  await clock.pass(20_000);
  expect(flaky.failures).toBe(0);
  expect(publisher.outbox.counts.waiting).toBe(0);
  await deliverer.close();
  await publisher.close();
});

test("a decision of the app stands, and is told as such, when only the count after it fails", async () => {
  const { clock, flaky, publisher } = setUp();
  const { queued, delivered } = publisher.publish("orders", null, "one");
  await clock.until(queued);
  const [entry] = await clock.until(publisher.outbox.list());
  await clock.until(publisher.outbox.refresh());
  flaky.failures = 1;
  await clock.until(publisher.outbox.discard([entry?.id ?? -1]));
  await expect(clock.until(delivered)).rejects.toThrow(/discarded/);
  expect(flaky.failures).toBe(0);
  expect(await clock.until(publisher.outbox.list())).toEqual([]);
  await publisher.close();
});
