/** The rows of one topic, as who shows its records looks at them: each time what has changed since the last. */
import { RECEIPTS_MAX } from "./outbox-store.ts";
import type { FrozenBatch, OutboxRecord, OutboxStore, OutboxTransaction, Receipt } from "./outbox-store.ts";

/** The last receipt and the last record that were seen. */
export interface SeenRows {
  readonly receipt: number;
  readonly record: number;
}

/** What the rows say about one topic's records at one moment: all of it, or what may have changed since the last time. */
export interface PendingRows {
  readonly isWhole: boolean;
  /** In any state, oldest first. Those that are not among them and are in a receipt have left, or are another topic's. */
  readonly records: readonly OutboxRecord[];
  /** Without their bytes. Those that are not among them and are in a receipt are no more. */
  readonly batches: readonly FrozenBatch[];
  /** Since the last time. */
  readonly receipts: readonly Receipt[];
  /** For the next time. */
  readonly seen: SeenRows;
}

/** From now on, in later visits too, what is delivered of this topic stays in the rows until the replica has it. */
export async function showPending(store: OutboxStore, topic: string): Promise<void> {
  const shownBytes = await store.transact("readonly", (rows) => rows.shownBytes(topic));
  if (shownBytes !== undefined) return;
  await store.transact("readwrite", async (rows) => {
    if ((await rows.shownBytes(topic)) === undefined) await rows.putShownBytes(topic, 0);
  });
}

/** Costs what has changed since `seen`; without it, or when too much has, what there is. */
export function pendingRows(store: OutboxStore, topic: string, seen?: SeenRows): Promise<PendingRows> {
  return store.transact("readonly", async (rows) => {
    const receipts = await rows.receiptsAfter(seen?.receipt ?? 0);
    const receipt = receipts.at(-1)?.id ?? seen?.receipt ?? 0;
    // As many as are ever kept: there may have been more.
    if (seen === undefined || receipts.length >= RECEIPTS_MAX)
      return allRows(rows, topic, { receipts, receipt });
    const told = receipts.filter((each) => each.topic === undefined || each.topic === topic);
    const ids = new Set(told.flatMap(({ recordIds }) => recordIds).filter((id) => id <= seen.record));
    const batchIds = new Set(told.flatMap(({ batchId }) => batchId ?? []));
    const [added, changed, ...found] = await Promise.all([
      rows.recordsAfter(seen.record),
      rows.records([...ids]),
      ...Array.from(batchIds, (id) => rows.batch(id)),
    ]);
    return {
      isWhole: false,
      records: [...changed, ...added].filter((record) => record.topic === topic),
      batches: found.flatMap((batch) => (batch?.topic === topic ? [withoutBytes(batch)] : [])),
      receipts: told,
      seen: { receipt, record: added.at(-1)?.id ?? seen.record },
    };
  });
}

async function allRows(
  rows: OutboxTransaction,
  topic: string,
  { receipts, receipt }: { receipts: readonly Receipt[]; receipt: number },
): Promise<PendingRows> {
  const found: OutboxRecord[] = [];
  for (const state of STATES) found.push(...(await rows.recordsIn(state, Number.MAX_SAFE_INTEGER, topic)));
  const records = found.toSorted((a, b) => a.id - b.id);
  const batches = records.some(({ state }) => state === "frozen") ? await rows.batches() : [];
  return {
    isWhole: true,
    records,
    batches: batches.filter((batch) => batch.topic === topic).map(withoutBytes),
    receipts,
    seen: { receipt, record: records.at(-1)?.id ?? 0 },
  };
}

function withoutBytes(batch: FrozenBatch): FrozenBatch {
  return { ...batch, bytes: NO_BYTES };
}

const NO_BYTES = new Uint8Array();
const STATES = ["waiting", "frozen", "held", "in doubt", "refused", "delivered"] as const;
