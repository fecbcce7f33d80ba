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
import { RecordRuns } from "./idb-record-runs.ts";

type Stores = ("records" | "runs" | "contents" | "batches" | "lanes" | "receipts" | "producers" | "facts")[];
type Transaction = IDBPTransaction<AccountSchema, Stores, "readwrite">;

const STORES: Stores = ["records", "runs", "contents", "batches", "lanes", "receipts", "producers", "facts"];
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
      this.account.failed(error, transaction.db);
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
  const runs = new RecordRuns({
    records,
    batches,
    runs: transaction.objectStore("runs"),
    contents: transaction.objectStore("contents"),
  });
  const single = async (ids: readonly number[]): Promise<OutboxRecord[]> =>
    (await Promise.all(rangesOf(ids).map((range) => records.getAll(range)))).flat();
  const deleteRecords = async (ids: readonly number[]): Promise<void> =>
    void (await Promise.all([...rangesOf(ids).map((range) => records.delete(range)), runs.remove(ids)]));
  const inOrder = async (...found: readonly Promise<OutboxRecord[]>[]): Promise<OutboxRecord[]> =>
    (await Promise.all(found)).flat().toSorted((a, b) => a.id - b.id);
  const all = (ids: readonly number[]): Promise<OutboxRecord[]> => inOrder(single(ids), runs.get(ids));
  // The store gives the ids of what is added: the row is complete then.
  return {
    addRecord: (record) => records.add(withOwnBytes(record) as OutboxRecord),
    addRun: (run) => runs.add(run),
    putRecord: async (record) =>
      void (await Promise.all([records.put(withOwnBytes(record)), runs.moveOut([record.id])])),
    freezeRecords: async (ids) => {
      const [singles, inRuns] = await Promise.all([single(ids), runs.waiting(ids)]);
      const waiting = singles.filter(({ state }) => state === "waiting");
      if (waiting.length + inRuns.length < ids.length) return false;
      const frozen = waiting.map((record) => records.put(withOwnBytes({ ...record, state: "frozen" })));
      await Promise.all([...frozen, runs.freeze(inRuns)]);
      return true;
    },
    deleteRecord: (id) => deleteRecords([id]),
    deleteRecords,
    record: async (id) => (await all([id]))[0],
    records: all,
    recordsIn: async (state, limit, topic) =>
      // Over several topics the index does not order by id.
      (
        await inOrder(
          byState.getAll(rangeOf(state, topic), Math.min(limit, 2 ** 32 - 1)),
          runs.inState(state, limit, topic),
        )
      ).slice(0, limit),
    topicsIn: async (state) => {
      const topics = new Set<string>();
      let cursor = await byState.openKeyCursor(rangeOf(state), "nextunique");
      while (cursor !== null) {
        topics.add(cursor.key[1]);
        cursor = await cursor.continue();
      }
      for (const topic of await runs.topics(state)) topics.add(topic);
      return [...topics];
    },
    countIn: async (state, topic) => {
      const [single, inRuns] = await Promise.all([
        byState.count(rangeOf(state, topic)),
        runs.count(state, topic),
      ]);
      return single + inRuns;
    },
    recordIds: async (first, last) => {
      const [single, inRuns] = await Promise.all([
        records.getAllKeys(IDBKeyRange.bound(first, last)),
        runs.ids(first, last),
      ]);
      return [...single, ...inRuns];
    },
    recordsAfter: (id) => inOrder(records.getAll(IDBKeyRange.lowerBound(id, true)), runs.after(id)),
    addBatch: (batch) => batches.add(batch as FrozenBatch),
    putBatch: async (batch) => void (await batches.put(batch)),
    deleteBatch: (id) => batches.delete(id),
    batch: (id) => batches.get(id),
    batches: () => batches.getAll(),
    lane: ({ clusterId, topicId, partition }) => lanes.get([clusterId, topicId, partition]),
    putLane: async (lane) => void (await lanes.put(lane)),
    addReceipt: async (receipt) => {
      const id = await receipts.add(receipt as Receipt);
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

/** A clone of a view would take all that it is a view on. */
function withOwnBytes<Row extends Pick<OutboxRecord, "key" | "value">>(record: Row): Row {
  return { ...record, key: record.key?.slice() ?? null, value: record.value?.slice() ?? null };
}

/** Ids that follow on each other, as what is published in one go has them, take one request and not one each. */
function rangesOf(ids: readonly number[]): IDBKeyRange[] {
  const ranges: { first: number; last: number }[] = [];
  for (const id of ids.toSorted((a, b) => a - b)) {
    const range = ranges.at(-1);
    if (range !== undefined && id <= range.last + 1) range.last = id;
    else ranges.push({ first: id, last: id });
  }
  return ranges.map(({ first, last }) => IDBKeyRange.bound(first, last));
}

function rangeOf(state: string, topic?: string): IDBKeyRange {
  return topic === undefined ? IDBKeyRange.bound([state, ""], [state, []]) : IDBKeyRange.only([state, topic]);
}
