/** Pending records read with what is replicated, where the replica goes back, the topic is another one, and the outbox is full. */
import { expect, test } from "vitest";
import { forgetArrived } from "../../sync/outbox-arrivals.ts";
import { pendingRows, showPending } from "../../sync/pending-rows.ts";
import type { LocalRecord } from "../../web-client/core/api-pending.ts";
import { MemoryOutboxStore } from "../../sync/memory-outbox-store.ts";
import { removeFormer } from "../../web-client/core/former-topics.ts";
import { TabLocks } from "../../web-client/core/locks.ts";
import { LocalReading } from "../../web-client/core/local-reading.ts";
import { CountedRows } from "../sync/counted-rows.ts";
import { PendingTab, ShownRecords } from "./pending-tab.ts";

const HOUR_MS = 3_600_000;

test("a replica that is cut back shows no record twice: what was pending comes again under the id that it had", async () => {
  const tab = new PendingTab();
  const replica = await tab.replica();
  const shown = new ShownRecords((signal) => replica.follow({ pending: true, signal }));
  tab.publish("a");
  await tab.until(() => shown.values.join() === "a");
  tab.publish("b");
  await tab.until(() => shown.values.join() === "a,b");
  const ids = [...shown.byId.keys()];
  expect(ids.every((id) => id.startsWith("~"))).toBe(true);
  // The leader has lost its end, and others have written there since.
  tab.topic.partitions[0]?.truncate(1n);
  tab.broker.dropAll();
  tab.append("b anew", "c");
  await tab.until(() => shown.values.includes("c"));
  expect(shown.values).toEqual(["a", "b anew", "c"]);
  expect([...shown.byId.keys()].slice(0, 2)).toEqual(ids);
  await shown.end();
  await tab.close();
});

test("a replica that is fetched anew shows no record twice", async () => {
  const tab = new PendingTab();
  const { configs } = tab.topic;
  configs.set("cleanup.policy", "compact");
  configs.set("delete.retention.ms", String(24 * HOUR_MS));
  const replica = await tab.replica();
  const shown = new ShownRecords((signal) => replica.follow({ pending: true, signal }));
  let toldBefore = Infinity;
  replica.addEventListener("rebuild", () => (toldBefore = shown.told.length));
  for (const key of ["a", "b"]) tab.publish(key, key);
  await tab.until(() => shown.values.join() === "a,b");
  tab.tab.upstream.goOffline();
  await tab.clock.pass(30 * HOUR_MS);
  tab.append("c");
  tab.tab.upstream.goOnline();
  const isToldAnew = (wanted: string): boolean =>
    shown.told.slice(toldBefore).some(({ value }) => value === wanted);
  await tab.until(() => ["a", "b", "c"].every(isToldAnew));
  expect(shown.values).toEqual(["a", "b", "c"]);
  await shown.end();
  await tab.close();
});

test("what arrives, and is forgotten, while a reader finds out where the replica ends, is read", async () => {
  const tab = new PendingTab();
  const { published, clock } = tab;
  tab.append("x");
  const replica = await tab.replica();
  await clock.until(replica.caughtUp());
  await showPending(published.rows, "orders");
  tab.tab.upstream.goOffline();
  tab.publish("a");
  const reading = new LocalReading({
    topic: "orders",
    topicId: () => replica.topicId,
    published,
    keepers: () => replica.keeper.keepers,
    onMore: replica.keeper.onMore,
    isWhole: true,
    startOf: async (keeper) => {
      const { to } = await keeper.readable();
      tab.tab.upstream.goOnline();
      await tab.tab.drained(clock);
      await replica.caughtUp();
      // By another reader.
      const { records } = await pendingRows(published.rows, "orders");
      expect(records).toMatchObject([{ state: "delivered" }]);
      await forgetArrived(
        published.rows,
        "orders",
        records.map(({ id }) => id),
      );
      return to;
    },
    signals: [],
  });
  const pending = await clock.until(reading.pending());
  expect(pending).toMatchObject([{ state: "delivered", partition: 0 }]);
  expect([...reading.positions]).toEqual([[0, 1n]]);
  await tab.close();
});

test("a reader of a topic that was made anew since takes nothing away that is for the readers of the new one", async () => {
  const tab = new PendingTab();
  const { clock, published, device } = tab;
  for (let left = 5; left > 0; left--) tab.append("former");
  const former = await tab.replica();
  await clock.until(former.caughtUp());
  await showPending(published.rows, "orders");
  const { id } = tab.broker.createTopic("orders");
  tab.publish("a");
  await clock.until(tab.tab.drained(clock));
  const read: LocalRecord<string>[] = [];
  const reading = (async () => {
    for await (const record of former.read({ pending: true })) read.push(record);
  })();
  await clock.until(reading);
  expect(read.map(({ isPending, value }) => [isPending, value])).toEqual(
    Array.from({ length: 5 }, () => [false, "former"]),
  );
  const { records } = await pendingRows(device.outbox, "orders");
  expect(records).toMatchObject([{ state: "delivered", place: { topicId: id, offset: 0n } }]);
  await tab.close();
});

test("what was delivered to a topic that was made anew since goes when the gateway tells of the new one, and nothing else does", async () => {
  const tab = new PendingTab();
  const { clock, device } = tab;
  await showPending(device.outbox, "orders");
  const former = tab.topic.id;
  const values = async (): Promise<string[]> =>
    (await pendingRows(device.outbox, "orders")).records.map(({ value }) =>
      new TextDecoder().decode(value ?? undefined),
    );
  tab.publish("to the former");
  await clock.until(tab.tab.drained(clock));
  const { id } = tab.broker.createTopic("orders");
  tab.tab.metadata.invalidate("orders");
  tab.publish("to the new one");
  await clock.until(tab.tab.drained(clock));
  tab.tab.upstream.goOffline();
  tab.publish("waits");
  await tab.published.allAdded();
  const told = { clusterId: "cluster-one", name: "orders" };
  // By a tab that has not heard of the new one.
  await removeFormer(device, new TabLocks(), { ...told, id: former, isToldNow: false });
  expect(await values()).toEqual(["to the former", "to the new one", "waits"]);
  await removeFormer(device, new TabLocks(), { ...told, id, isToldNow: true });
  expect(await values()).toEqual(["to the new one", "waits"]);
  await tab.close();
});

test("what was in an outbox that the browser has thrown away is gone, and not pending for ever", async () => {
  const tab = new PendingTab();
  const replica = await tab.replica();
  const shown = new ShownRecords((signal) => replica.follow({ pending: true, signal }));
  tab.tab.upstream.goOffline();
  tab.publish("a");
  await tab.until(() => shown.values.join() === "~a");
  Object.assign(tab.published, { rows: new MemoryOutboxStore(), losses: () => 1 });
  void tab.tab.outbox.refresh();
  await tab.until(() => shown.values.length === 0);
  await shown.end();
  await tab.close();
});

test("with ten thousand records in the outbox, who follows reads of each change what has changed", async () => {
  let rows: CountedRows | undefined;
  const tab = new PendingTab((store) => (rows = new CountedRows(store)));
  const replica = await tab.replica();
  await tab.clock.until(replica.caughtUp());
  tab.tab.upstream.goOffline();
  const count = 10_000;
  for (let index = 0; index < count; index++) tab.publish(`${index}`);
  const shown = new ShownRecords((signal) => replica.follow({ pending: true, signal }));
  await tab.until(() => shown.told.length === count);
  const reads: number[] = [];
  for (let more = 0; more < 5; more++) {
    if (rows !== undefined) rows.read = 0;
    tab.publish("one more");
    await tab.until(() => shown.told.length === count + more + 1);
    reads.push(rows?.read ?? 0);
  }
  expect(Math.max(...reads)).toBeLessThanOrEqual(2);
  await shown.end();
  await tab.close();
});
