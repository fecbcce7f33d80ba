/**
 * Records on their way from the outbox into the device's replica, for who shows them all that time: a record that is delivered
 * stays in the rows until a reader has found it in the replica. Only of topics that are shown so; nobody else pays for it.
 */
import { ARRIVING_MAX } from "./outbox-store.ts";
import type { FrozenBatch, OutboxRecord, OutboxStore, OutboxTransaction } from "./outbox-store.ts";

/** The replica has these delivered records: they need not be shown from here any more. */
export function forgetArrived(store: OutboxStore, topic: string, ids: readonly number[]): Promise<void> {
  return store.transact("readwrite", async (rows) => {
    const records = (await rows.records(ids)).filter(({ state }) => state === "delivered");
    const shownBytes = await rows.shownBytes(topic);
    await rows.deleteRecords(records.map(({ id }) => id));
    await rows.putShownBytes(topic, Math.max(0, (shownBytes ?? 0) - bytesOf(records)));
  });
}

/** In the transaction that settles a batch. Those of the topic that have waited longest go when they are too many. */
export async function keepUntilArrived(
  rows: OutboxTransaction,
  { recordIds, topic, topicId, partition }: FrozenBatch,
  { baseOffset, shownBytes }: { baseOffset: bigint; shownBytes: number },
): Promise<void> {
  const indexes = new Map(recordIds.map((id, index) => [id, index]));
  const records = await rows.records(recordIds);
  await Promise.all(
    records.map((record) => {
      const place = { topicId, partition, offset: baseOffset + BigInt(indexes.get(record.id) ?? 0) };
      return rows.putRecord({ ...record, state: "delivered", place });
    }),
  );
  let bytes = shownBytes + bytesOf(records);
  let count = await rows.countIn("delivered", topic);
  const isTooMuch = (): boolean => count > ARRIVING_MAX.records || bytes > ARRIVING_MAX.bytes;
  while (isTooMuch()) {
    const oldest = await rows.recordsIn("delivered", LET_GO_TOGETHER, topic);
    const going: number[] = [];
    for (const record of oldest) {
      if (!isTooMuch()) break;
      going.push(record.id);
      count -= 1;
      bytes -= bytesOf([record]);
    }
    await rows.deleteRecords(going);
    // What is said to be kept is none.
    if (oldest.length === 0) bytes = count = 0;
  }
  await rows.putShownBytes(topic, Math.max(0, bytes));
}

function bytesOf(records: readonly OutboxRecord[]): number {
  return records.reduce((sum, { key, value }) => sum + (key?.length ?? 0) + (value?.length ?? 0), 0);
}

const LET_GO_TOGETHER = 100;
