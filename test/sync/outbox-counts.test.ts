import { expect, test } from "vitest";
import { MemoryOutboxStore } from "../../sync/memory-outbox-store.ts";
import type { OutboxStore } from "../../sync/outbox-store.ts";
import { loadEngine } from "../engine/load.ts";
import { FakeBroker } from "./fake-broker.ts";
import { Tab } from "./outbox-setup.ts";
import { seeded, VirtualClock } from "./virtual-clock.ts";

const engine = loadEngine();

test("a count that the store fails is taken again: what is delivered does not stay pending", async () => {
  const clock = new VirtualClock();
  const broker = new FakeBroker(engine);
  const random = seeded(5);
  const store = new MemoryOutboxStore();
  let failures = 0;
  // As a browser that aborts transactions: those that only read.
  const flaky: OutboxStore = {
    transact: (mode, work) => {
      if (mode === "readwrite" || failures === 0) return store.transact(mode, work);
      failures -= 1;
      return Promise.reject(new DOMException("for no reason", "UnknownError"));
    },
    close: () => store.close(),
  };
  const publisher = new Tab({ engine, broker, clock, random, store: flaky });
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
  failures = 5;
  deliverer.deliver();
  await clock.until(delivered, 60_000);
  expect(publisher.outbox.counts.waiting).toBe(1);
  await clock.pass(20_000);
  expect(failures).toBe(0);
  expect(publisher.outbox.counts.waiting).toBe(0);
  await deliverer.close();
  await publisher.close();
});
