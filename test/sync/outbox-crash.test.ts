import { expect, test } from "vitest";
import { BatchHeader } from "../../log/batch.ts";
import { MemoryOutboxStore } from "../../sync/memory-outbox-store.ts";
import type { OutboxStore, OutboxTransaction } from "../../sync/outbox-store.ts";
import type { OpenTransport } from "../../sync/transport.ts";
import { loadEngine } from "../engine/load.ts";
import { FakeBroker } from "./fake-broker.ts";
import { Tab } from "./outbox-setup.ts";
import { seeded, VirtualClock } from "./virtual-clock.ts";

const engine = loadEngine();

/** A process that dies at its n-th step: a step is a transaction (before it, or just after it) or a message sent. */
class Mortal implements OutboxStore {
  steps = 0;
  isDead = false;
  private readonly inner: OutboxStore;
  private readonly diesAt: number;

  constructor(inner: OutboxStore, diesAt: number) {
    this.inner = inner;
    this.diesAt = diesAt;
  }

  step(): boolean {
    this.steps += 1;
    if (this.steps >= this.diesAt) this.isDead = true;
    return this.isDead;
  }

  async transact<T>(
    mode: "readonly" | "readwrite",
    work: (rows: OutboxTransaction) => Promise<T>,
  ): Promise<T> {
    if (this.isDead || (mode === "readwrite" && this.step())) return forever();
    const result = await this.inner.transact(mode, work);
    return mode === "readwrite" && this.step() ? forever() : result;
  }

  close(): Promise<void> {
    return this.inner.close();
  }

  open(broker: FakeBroker): OpenTransport {
    return (handler) => {
      const transport = broker.open({
        opened: () => this.isDead || handler.opened(),
        message: (bytes) => this.isDead || this.step() || handler.message(bytes),
        closed: (reason) => this.isDead || handler.closed(reason),
      });
      return {
        send: (message) => this.isDead || this.step() || transport.send(message),
        close: () => transport.close(),
      };
    };
  }
}

const byText = (a: string, b: string): number => (a < b ? -1 : 1);

function forever(): Promise<never> {
  return new Promise(() => undefined);
}

const RECORDS = 12;

async function crashAt(
  diesAt: number,
): Promise<{ values: (string | null)[]; died: boolean; queued: Set<string> }> {
  const clock = new VirtualClock();
  const broker = new FakeBroker(engine);
  const store = new MemoryOutboxStore();
  const mortal = new Mortal(store, diesAt);
  const first = new Tab({
    engine,
    broker: { open: mortal.open(broker) } as FakeBroker,
    clock,
    random: seeded(diesAt),
    store: mortal,
  }).deliver();
  const queued = new Set<string>();
  for (let index = 0; index < RECORDS; index++) {
    void first.publish("orders", "one", `value-${index}`).queued.then(() => queued.add(`value-${index}`));
    if (index % 3 === 2) await clock.pass(300);
  }
  await clock.pass(2000);
  const died = mortal.isDead;
  mortal.isDead = true;
  broker.dropAll();
  const second = new Tab({ engine, broker, clock, random: seeded(diesAt + 1), store }).deliver();
  await clock.until(second.drained(clock));
  await second.close();
  return {
    values:
      broker.topics
        .get("orders")
        ?.partitions[0]?.records()
        .map((record) => record.value) ?? [],
    died,
    queued,
  };
}

test("a crash at any step between publishing and acknowledging loses nothing that was queued and doubles nothing", async () => {
  let diesAt = 1;
  for (; ; diesAt++) {
    const { values, died, queued } = await crashAt(diesAt);
    expect(new Set(values).size, `dies at step ${diesAt}: twice`).toBe(values.length);
    for (const value of queued) expect(values, `dies at step ${diesAt}: lost`).toContain(value);
    const inOrder = Array.from({ length: RECORDS }, (_, index) => `value-${index}`).filter((value) =>
      values.includes(value),
    );
    expect(values, `dies at step ${diesAt}: order`).toEqual(inOrder);
    if (!died) break;
  }
  expect(diesAt).toBeGreaterThan(30);
});

test("two outboxes on one store never take one sequence twice", async () => {
  for (let seed = 1; seed <= 20; seed++) {
    const random = seeded(seed);
    const clock = new VirtualClock();
    const broker = new FakeBroker(engine);
    const store = new MemoryOutboxStore();
    const tabs = [0, 1].map(() => new Tab({ engine, broker, clock, random, store }));
    // Each takes over from the other again and again, in the middle of whatever it does.
    let ended = false;
    const turns = tabs.map(async (tab) => {
      while (!ended) {
        tab.deliver();
        await tab.delivering.catch(() => undefined);
        await new Promise<void>((resolve) => clock.setTimer(Math.floor(random() * 200), resolve));
      }
    });
    const queued: Promise<unknown>[] = [];
    for (let index = 0; index < 60; index++) {
      for (const tab of tabs.slice(index % 2, (index % 2) + 1)) {
        queued.push(tab.publish("orders", "one", `value-${index}`).queued);
      }
      for (const tab of tabs) tab.outbox.wake();
      if (random() < 0.3) await clock.pass(Math.floor(random() * 150));
    }
    await clock.until(Promise.all(queued));
    const [first] = tabs;
    if (first !== undefined) await clock.until(first.drained(clock));
    ended = true;
    for (const tab of tabs) await clock.until(tab.close());
    await clock.until(Promise.all(turns));
    const partition = broker.topics.get("orders")?.partitions[0];
    const values = partition?.records().map((record) => record.value ?? "") ?? [];
    expect(values.toSorted(byText), `seed ${seed}`).toEqual(
      Array.from({ length: 60 }, (_, index) => `value-${index}`).toSorted(byText),
    );
    let next = 0;
    for (const batch of partition?.batches ?? []) {
      const header = new BatchHeader(batch);
      expect(header.baseSequence, `seed ${seed}`).toBe(next);
      next += header.recordsCount;
    }
  }
});
