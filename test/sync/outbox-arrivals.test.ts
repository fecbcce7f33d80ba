import { expect, test } from "vitest";
import { MemoryOutboxStore } from "../../sync/memory-outbox-store.ts";
import { forgetArrived } from "../../sync/outbox-arrivals.ts";
import { pendingRows, showPending } from "../../sync/pending-rows.ts";
import type { SeenRows } from "../../sync/pending-rows.ts";
import { sealBatch } from "../../sync/batch-sealing.ts";
import { block, freeze, release, setAside, settle, takeApart } from "../../sync/delivery-rows.ts";
import { countRecords, decide } from "../../sync/outbox-rows.ts";
import { ARRIVING_MAX, RECEIPTS_MAX } from "../../sync/outbox-store.ts";
import type { FrozenBatch, OutboxRecord, OutboxStore } from "../../sync/outbox-store.ts";
import { loadEngine } from "../engine/load.ts";
import { CountedRows } from "./counted-rows.ts";
import { outboxRecord } from "./outbox-store-contract.ts";
import { seeded } from "./virtual-clock.ts";

/** A batch of records of so many bytes, sealed and in the log at `baseOffset`. */
async function deliver(
  store: OutboxStore,
  count: number,
  bytes: number,
  baseOffset: bigint,
): Promise<number[]> {
  const ids: number[] = [];
  const batch = await store.transact("readwrite", async (rows) => {
    for (let index = 0; index < count; index++) {
      const record = {
        ...outboxRecord("orders", ""),
        value: new Uint8Array(bytes),
        state: "frozen" as const,
      };
      ids.push(await rows.addRecord(record));
    }
    const sealed = {
      clusterId: "cluster",
      topic: "orders",
      topicId: "topic-id",
      partition: 1,
      producerId: 5n,
      producerEpoch: 0,
      baseSequence: 0,
      recordIds: ids,
      bytes: new Uint8Array(1),
      endBefore: 0n,
      frozenAtMs: 1,
      blocked: null,
    };
    return { ...sealed, id: await rows.addBatch(sealed) };
  });
  await settle(store, 0, batch, baseOffset);
  return ids;
}

const idsIn = async (store: OutboxStore): Promise<number[]> =>
  (await pendingRows(store, "orders")).records.map(({ id }) => id);

test("what is delivered leaves the rows, unless its topic is shown: then it stays with its place until somebody has it", async () => {
  const store = new MemoryOutboxStore();
  await deliver(store, 2, 10, 4n);
  expect(await idsIn(store)).toEqual([]);
  await showPending(store, "orders");
  const ids = await deliver(store, 2, 10, 6n);
  const { records } = await pendingRows(store, "orders");
  expect(records.map(({ place }) => place)).toEqual([
    { topicId: "topic-id", partition: 1, offset: 6n },
    { topicId: "topic-id", partition: 1, offset: 7n },
  ]);
  // It is in the log: the outbox does not count it, and neither sends it again nor takes it back.
  expect(Object.values(await countRecords(store)).every((count) => count === 0)).toBe(true);
  for (const word of ["retry", "discard"] as const) expect(await decide(store, ids, word)).toEqual([]);
  await forgetArrived(store, "orders", ids.slice(0, 1));
  expect(await idsIn(store)).toEqual(ids.slice(1));
  // What is not delivered is never forgotten so.
  const waiting = await store.transact("readwrite", (rows) => rows.addRecord(outboxRecord("orders", "a")));
  await forgetArrived(store, "orders", [waiting]);
  expect(await idsIn(store)).toEqual([...ids.slice(1), waiting]);
});

test("a replica that is far behind lets no more wait than is said: those that waited longest go", async () => {
  const store = new MemoryOutboxStore();
  await showPending(store, "orders");
  const first = await deliver(store, ARRIVING_MAX.records, 1, 0n);
  expect(await idsIn(store)).toEqual(first);
  const next = await deliver(store, 10, 1, 1000n);
  expect(await idsIn(store)).toEqual([...first.slice(10), ...next]);
  const large = await deliver(store, 3, ARRIVING_MAX.bytes / 2, 2000n);
  expect(await idsIn(store)).toEqual(large.slice(1));
});

test("a batch that is delivered costs what is in it, however many records wait for the replica", async () => {
  const store = new CountedRows(new MemoryOutboxStore());
  await showPending(store, "orders");
  const kept = await deliver(store, ARRIVING_MAX.records - 10, 100, 0n);
  for (let more = 0; more < 10; more++) {
    store.read = 0;
    kept.push(...(await deliver(store, 1, 100, BigInt(kept.length))));
    expect(store.read).toBeLessThanOrEqual(1);
  }
  // And those that go are all that is looked at besides.
  store.read = 0;
  await deliver(store, 1, 100, BigInt(kept.length));
  expect(store.read).toBeLessThanOrEqual(101);
  expect(await idsIn(store)).toHaveLength(ARRIVING_MAX.records);
});

const SEED = Number(process.env.RIVULET_ROWS_SEED ?? Math.floor(Math.random() * 2 ** 31));

test(`who looks at what has changed knows all that there is (seed ${SEED})`, async () => {
  const random = seeded(SEED);
  const upTo = (count: number): number => Math.floor(random() * count);
  const engine = loadEngine();
  const store = new MemoryOutboxStore();
  await showPending(store, "orders");
  const known = new Map<number, OutboxRecord>();
  const batches = new Map<number, FrozenBatch>();
  let seen: SeenRows | undefined;
  const look = async (): Promise<void> => {
    const rows = await pendingRows(store, "orders", seen);
    seen = rows.seen;
    if (rows.isWhole) for (const each of [known, batches]) each.clear();
    for (const { recordIds, batchId } of rows.receipts) {
      for (const id of recordIds) known.delete(id);
      if (batchId !== undefined) batches.delete(batchId);
    }
    for (const record of rows.records) known.set(record.id, record);
    for (const batch of rows.batches) batches.set(batch.id, batch);
  };
  const check = async (): Promise<void> => {
    await look();
    const all = await pendingRows(store, "orders");
    const expected = new Map(all.records.map((record) => [record.id, record]));
    // What was delivered and forgotten is told to nobody.
    for (const [id, { state }] of known) if (state === "delivered" && !expected.has(id)) known.delete(id);
    expect(new Map([...known].toSorted(([a], [b]) => a - b))).toEqual(expected);
    expect([...batches.values()].toSorted((a, b) => a.id - b.id)).toEqual(all.batches);
  };
  const idsOf = async (state: OutboxRecord["state"], topic?: string): Promise<number[]> =>
    (await store.transact("readonly", (rows) => rows.recordsIn(state, 100, topic))).map(({ id }) => id);
  const some = (ids: readonly number[]): number[] => ids.filter(() => random() < 0.5);
  let offset = 0n;
  const steps: (() => Promise<unknown>)[] = [
    () =>
      store.transact("readwrite", (rows) =>
        rows.addRecord(outboxRecord(random() < 0.7 ? "orders" : "others", "v")),
      ),
    async () => {
      const topic = random() < 0.7 ? "orders" : "others";
      const records = await store.transact("readonly", (rows) =>
        rows.recordsIn("waiting", 1 + upTo(3), topic),
      );
      if (records.length === 0) return;
      const lane = { clusterId: "cluster", topicId: topic, partition: upTo(2) };
      const expected = { ...lane, producerId: 5n, producerEpoch: 0, nextSequence: 0 };
      const bytes = sealBatch(engine, records, expected, { serverNowMs: 1, clockAheadMs: 0 });
      await freeze(store, engine, 0, { lane, topic, records, bytes, expected, endBefore: 0n, frozenAtMs: 1 });
    },
    async () => {
      const [batch] = await store.transact("readonly", (rows) => rows.batches());
      if (batch !== undefined) await settle(store, 0, batch, random() < 0.8 ? (offset += 10n) : -1n);
    },
    async () => {
      const all = await store.transact("readonly", (rows) => rows.batches());
      const batch = all[upTo(all.length)];
      const state = (["waiting", "in doubt", "refused"] as const)[upTo(3)] ?? "waiting";
      if (batch !== undefined) await takeApart(store, 0, [{ batch, state, reason: `${upTo(3)}` }], undefined);
    },
    async () => {
      const all = await store.transact("readonly", (rows) => rows.batches());
      const batch = all[upTo(all.length)];
      if (batch !== undefined) await block(store, 0, batch, random() < 0.5 ? "why" : null);
    },
    async () => {
      const waiting = await store.transact("readonly", (rows) => rows.recordsIn("waiting", 3));
      await setAside(store, 0, waiting, random() < 0.5 ? "held" : "refused", `${upTo(3)}`);
    },
    () => release(store, 0, "cluster"),
    async () => {
      const asked = [...(await idsOf("refused")), ...(await idsOf("in doubt")), ...(await idsOf("frozen"))];
      await decide(store, some(asked), random() < 0.5 ? "retry" : "discard");
    },
    async () => forgetArrived(store, "orders", some(await idsOf("delivered", "orders"))),
  ];
  for (let step = 0; step < 600; step++) {
    await steps[upTo(2) === 0 ? upTo(2) : upTo(steps.length)]?.();
    if (random() < 0.5) await check();
  }
  // Too much has happened to be told one by one.
  for (let left = RECEIPTS_MAX; left > 0; left--)
    await store.transact("readwrite", (rows) =>
      rows.addReceipt({ recordIds: [], partition: -1, baseOffset: -1n }),
    );
  await store.transact("readwrite", (rows) => rows.addRecord(outboxRecord("orders", "v")));
  await check();
});
