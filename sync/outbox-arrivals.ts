/**
 * Records on their way from the outbox into the device's replica, for who shows them all that time: a record that is delivered
 * stays in the rows until a reader has found it in the replica. Only of topics that are shown so; nobody else pays for it.
 */
import { ARRIVING_MAX } from "./outbox-store.ts";
import type { FrozenBatch, OutboxRecord, OutboxStore, OutboxTransaction, Receipt } from "./outbox-store.ts";

/** What the rows say about one topic's records at one moment. */
export interface PendingRows {
  /** In any state, oldest first. */
  readonly records: readonly OutboxRecord[];
  readonly batches: readonly FrozenBatch[];
  /** Of any topic, since the last time. */
  readonly receipts: readonly Receipt[];
}

/** From now on, in later visits too, what is delivered of this topic stays in the rows until the replica has it. */
export async function showPending(store: OutboxStore, topic: string): Promise<void> {
  const isShown = await store.transact("readonly", (rows) => rows.isShown(topic));
  if (!isShown) await store.transact("readwrite", (rows) => rows.putShown(topic));
}

/** `receipt` is the last one that was seen before. */
export function pendingRows(store: OutboxStore, topic: string, receipt: number): Promise<PendingRows> {
  return store.transact("readonly", async (rows) => {
    const records: OutboxRecord[] = [];
    for (const state of STATES)
      records.push(...(await rows.recordsIn(state, Number.MAX_SAFE_INTEGER, topic)));
    const batches = records.some(({ state }) => state === "frozen") ? await rows.batches() : [];
    return {
      records: records.toSorted((a, b) => a.id - b.id),
      batches: batches.filter((batch) => batch.topic === topic),
      receipts: await rows.receiptsAfter(receipt),
    };
  });
}

/** The replica has these delivered records: they need not be shown from here any more. */
export function forgetArrived(store: OutboxStore, ids: readonly number[]): Promise<void> {
  return store.transact("readwrite", async (rows) => {
    for (const id of ids) if ((await rows.record(id))?.state === "delivered") await rows.deleteRecord(id);
  });
}

/** In the transaction that settles a batch. Those of the topic that have waited longest go when they are too many. */
export async function keepUntilArrived(
  rows: OutboxTransaction,
  { recordIds, topic, topicId, partition }: FrozenBatch,
  baseOffset: bigint,
): Promise<void> {
  for (const [index, id] of recordIds.entries()) {
    const record = await rows.record(id);
    if (record === undefined) continue;
    const place = { topicId, partition, offset: baseOffset + BigInt(index) };
    await rows.putRecord({ ...record, state: "delivered", place });
  }
  const kept = await rows.recordsIn("delivered", Number.MAX_SAFE_INTEGER, topic);
  let bytes = 0;
  for (const [index, { id, key, value }] of kept.toReversed().entries()) {
    bytes += (key?.length ?? 0) + (value?.length ?? 0);
    if (index >= ARRIVING_MAX.records || bytes > ARRIVING_MAX.bytes) await rows.deleteRecord(id);
  }
}

const STATES = ["waiting", "frozen", "held", "in doubt", "refused", "delivered"] as const;
