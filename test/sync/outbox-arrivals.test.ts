import { expect, test } from "vitest";
import { MemoryOutboxStore } from "../../sync/memory-outbox-store.ts";
import { forgetArrived, pendingRows, showPending } from "../../sync/outbox-arrivals.ts";
import { countRecords, decide, settle } from "../../sync/outbox-rows.ts";
import { ARRIVING_MAX } from "../../sync/outbox-store.ts";
import type { OutboxStore } from "../../sync/outbox-store.ts";
import { outboxRecord } from "./outbox-store-contract.ts";

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
  (await pendingRows(store, "orders", 0)).records.map(({ id }) => id);

test("what is delivered leaves the rows, unless its topic is shown: then it stays with its place until somebody has it", async () => {
  const store = new MemoryOutboxStore();
  await deliver(store, 2, 10, 4n);
  expect(await idsIn(store)).toEqual([]);
  await showPending(store, "orders");
  const ids = await deliver(store, 2, 10, 6n);
  const { records } = await pendingRows(store, "orders", 0);
  expect(records.map(({ place }) => place)).toEqual([
    { topicId: "topic-id", partition: 1, offset: 6n },
    { topicId: "topic-id", partition: 1, offset: 7n },
  ]);
  // It is in the log: the outbox does not count it, and neither sends it again nor takes it back.
  expect(Object.values(await countRecords(store)).every((count) => count === 0)).toBe(true);
  for (const word of ["retry", "discard"] as const) expect(await decide(store, ids, word)).toEqual([]);
  await forgetArrived(store, ids.slice(0, 1));
  expect(await idsIn(store)).toEqual(ids.slice(1));
  // What is not delivered is never forgotten so.
  const waiting = await store.transact("readwrite", (rows) => rows.addRecord(outboxRecord("orders", "a")));
  await forgetArrived(store, [waiting]);
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
