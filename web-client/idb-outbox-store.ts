/** An outbox's rows in IndexedDB, strictly durable: what was queued survives a crash and a power loss. */
import type { IDBPTransaction } from "idb";
import { RECEIPTS_MAX } from "../sync/outbox-store.ts";
import type {
  FrozenBatch,
  OutboxRecord,
  OutboxStore,
  OutboxTransaction,
  Receipt,
} from "../sync/outbox-store.ts";
import type { AccountSchema } from "./databases.ts";
import type { HealingAccount } from "./healing-account.ts";

type Stores = ("records" | "batches" | "lanes" | "receipts" | "producers" | "facts")[];
type Transaction = IDBPTransaction<AccountSchema, Stores, "readwrite">;

const STORES: Stores = ["records", "batches", "lanes", "receipts", "producers", "facts"];
/** The row of `facts` that holds the term of the tab that leads. */
export const LEADER_TERM = "outbox term";
/** Rows of `facts`, by topic: how many bytes are kept because it is shown. */
const SHOWN = "shown/";

/** `close` leaves the database open: it is the account's. */
export class IdbOutboxStore implements OutboxStore {
  private readonly account: HealingAccount;

  constructor(account: HealingAccount) {
    this.account = account;
  }

  async transact<T>(
    mode: "readonly" | "readwrite",
    work: (rows: OutboxTransaction) => Promise<T>,
  ): Promise<T> {
    // The rows of a readonly transaction are only read: `work` keeps to its mode, and IndexedDB refuses what does not.
    const transaction = (await this.account.begin(STORES, mode, { durability: "strict" })) as Transaction;
    // Also when nobody awaits it because `work` threw: the transaction was aborted, and that is known.
    transaction.done.catch(() => undefined);
    try {
      const result = await work(rowsOf(transaction));
      await transaction.done;
      return result;
    } catch (error) {
      abort(transaction);
      this.account.failed(error);
      throw error;
    }
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

function abort(transaction: Transaction): void {
  try {
    transaction.abort();
  } catch {
    // It has failed, or ended, by itself.
  }
}

function rowsOf(transaction: Transaction): OutboxTransaction {
  const records = transaction.objectStore("records");
  const batches = transaction.objectStore("batches");
  const lanes = transaction.objectStore("lanes");
  const receipts = transaction.objectStore("receipts");
  const producers = transaction.objectStore("producers");
  const facts = transaction.objectStore("facts");
  const byState = records.index("state");
  return {
    addRecord: (record) => records.add(withoutId<OutboxRecord>(record)),
    putRecord: async (record) => void (await records.put(record)),
    deleteRecord: (id) => records.delete(id),
    deleteRecords: async (ids) => void (await Promise.all(runsOf(ids).map((run) => records.delete(run)))),
    record: (id) => records.get(id),
    records: async (ids) => (await Promise.all(runsOf(ids).map((run) => records.getAll(run)))).flat(),
    recordsIn: async (state, limit, topic) => {
      const found = await byState.getAll(rangeOf(state, topic), Math.min(limit, 2 ** 32 - 1));
      // Within one topic the index orders by id; over several it does not.
      return topic === undefined ? found.toSorted((a, b) => a.id - b.id) : found;
    },
    topicsIn: async (state) => {
      const topics: string[] = [];
      let cursor = await byState.openKeyCursor(rangeOf(state), "nextunique");
      while (cursor !== null) {
        topics.push(cursor.key[1]);
        cursor = await cursor.continue();
      }
      return topics;
    },
    countIn: (state, topic) => byState.count(rangeOf(state, topic)),
    recordIds: (first, last) => records.getAllKeys(IDBKeyRange.bound(first, last)),
    recordsAfter: (id) => records.getAll(IDBKeyRange.lowerBound(id, true)),
    addBatch: (batch) => batches.add(withoutId<FrozenBatch>(batch)),
    putBatch: async (batch) => void (await batches.put(batch)),
    deleteBatch: (id) => batches.delete(id),
    batch: (id) => batches.get(id),
    batches: () => batches.getAll(),
    lane: ({ clusterId, topicId, partition }) => lanes.get([clusterId, topicId, partition]),
    putLane: async ({ clusterId, topicId, partition, producerId, producerEpoch, nextSequence }) =>
      void (await lanes.put({ clusterId, topicId, partition, producerId, producerEpoch, nextSequence })),
    addReceipt: async (receipt) => {
      const id = await receipts.add(withoutId<Receipt>(receipt));
      await receipts.delete(IDBKeyRange.upperBound(id - RECEIPTS_MAX));
    },
    receiptsAfter: (id) => receipts.getAll(IDBKeyRange.lowerBound(id, true)),
    shownBytes: async (topic) => {
      const bytes = await facts.get(SHOWN + topic);
      return bytes === undefined ? undefined : Number(bytes);
    },
    putShownBytes: async (topic, bytes) => void (await facts.put(bytes, SHOWN + topic)),
    producerId: (clusterId) => producers.get(clusterId),
    putProducerId: async (clusterId, producerId) => void (await producers.put(producerId, clusterId)),
    term: async () => Number((await facts.get(LEADER_TERM)) ?? 0),
    putTerm: async (term) => void (await facts.put(term, LEADER_TERM)),
  };
}

/** Ids that follow on each other, as what is published in one go has them, take one request and not one each. */
function runsOf(ids: readonly number[]): IDBKeyRange[] {
  const runs: { first: number; last: number }[] = [];
  for (const id of ids.toSorted((a, b) => a - b)) {
    const run = runs.at(-1);
    if (run !== undefined && id <= run.last + 1) run.last = id;
    else runs.push({ first: id, last: id });
  }
  return runs.map(({ first, last }) => IDBKeyRange.bound(first, last));
}

function rangeOf(state: string, topic?: string): IDBKeyRange {
  return topic === undefined ? IDBKeyRange.bound([state, ""], [state, []]) : IDBKeyRange.only([state, topic]);
}

/** The store gives the id: the row is complete once it is added. */
function withoutId<Row extends { id: number }>(row: Omit<Row, "id">): Row {
  return { ...row } as Row;
}
