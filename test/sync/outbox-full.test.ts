/** A device without room: what it has queued is delivered all the same, as far as there is any room at all. */
import { expect, test } from "vitest";
import { MemoryOutboxStore } from "../../sync/memory-outbox-store.ts";
import type { OutboxStore, OutboxTransaction } from "../../sync/outbox-store.ts";
import { loadEngine } from "../engine/load.ts";
import { FakeBroker } from "./fake-broker.ts";
import { Tab } from "./outbox-setup.ts";
import { seeded, VirtualClock } from "./virtual-clock.ts";

const engine = loadEngine();
const random = seeded(11);
/** Nothing that can be compressed. */
const RECORD = Array.from({ length: 1000 }, () => String.fromCharCode(33 + Math.floor(random() * 90))).join(
  "",
);

/** As browsers have it: a transaction is refused when what it puts has no room, and one that only deletes never is. */
class FullStore implements OutboxStore {
  room = Infinity;
  onWritten: (() => Promise<void>) | undefined;
  private readonly store = new MemoryOutboxStore();

  async transact<T>(
    mode: "readonly" | "readwrite",
    work: (rows: OutboxTransaction) => Promise<T>,
  ): Promise<T> {
    const done = await this.store.transact(mode, async (rows) => {
      let bytes = 0;
      const counted = new Proxy(rows, {
        get: (target, name: keyof OutboxTransaction) => {
          const call = target[name] as (...args: unknown[]) => unknown;
          return (...args: unknown[]) => {
            if (/^(add|put)/.test(name)) bytes += sizeOf(args[0]);
            return call.apply(target, args);
          };
        },
      });
      const answer = await work(counted);
      if (bytes > this.room) throw new DOMException("no room", "QuotaExceededError");
      return answer;
    });
    if (mode === "readwrite") await this.onWritten?.();
    return done;
  }

  close(): Promise<void> {
    return this.store.close();
  }
}

function sizeOf(row: unknown): number {
  if (typeof row !== "object" || row === null) return 0;
  if (row instanceof Uint8Array) return row.byteLength;
  return Object.values(row).reduce<number>((sum, value) => sum + sizeOf(value), 1);
}

function setUp() {
  const clock = new VirtualClock();
  const broker = new FakeBroker(engine);
  broker.createTopic("orders");
  const store = new FullStore();
  const tab = new Tab({ engine, broker, clock, random: seeded(4), store });
  return { clock, store, tab };
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
