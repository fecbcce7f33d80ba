/** An outbox's rows in memory: for tabs without IndexedDB, and for tests. Gone with the tab. */
import { RECEIPTS_MAX } from "./outbox-store.ts";
import type {
  FrozenBatch,
  Lane,
  LaneKey,
  OutboxRecord,
  OutboxRecordState,
  OutboxStore,
  OutboxTransaction,
  Receipt,
} from "./outbox-store.ts";
import { countOf } from "./record-run.ts";
import { outboxRecordsOf } from "./run-records.ts";

interface Rows {
  records: Map<number, OutboxRecord>;
  batches: Map<number, FrozenBatch>;
  lanes: Map<string, Lane>;
  receipts: Map<number, Receipt>;
  producerIds: Map<string, bigint>;
  shown: Map<string, number>;
  term: number;
  lastRecordId: number;
  lastBatchId: number;
  lastReceiptId: number;
}

export class MemoryOutboxStore implements OutboxStore {
  private readonly rows: Rows = {
    records: new Map(),
    batches: new Map(),
    lanes: new Map(),
    receipts: new Map(),
    producerIds: new Map(),
    shown: new Map(),
    term: 0,
    lastRecordId: 0,
    lastBatchId: 0,
    lastReceiptId: 0,
  };
  private last: Promise<unknown> = Promise.resolve();

  transact<T>(_mode: "readonly" | "readwrite", work: (rows: OutboxTransaction) => Promise<T>): Promise<T> {
    const turn = this.last.then(async () => {
      const undo: (() => void)[] = [];
      try {
        return await work(transactionOn(this.rows, undo));
      } catch (error) {
        for (const step of undo.toReversed()) step();
        sortById(this.rows.records);
        sortById(this.rows.batches);
        sortById(this.rows.receipts);
        throw error;
      }
    });
    this.last = turn.catch(() => undefined);
    return turn;
  }

  async close(): Promise<void> {
    await this.last;
  }
}

/** Sets or deletes a row, and notes how to undo it. */
function change<Key, Row>(rows: Map<Key, Row>, key: Key, row: Row | undefined, undo: (() => void)[]): void {
  const before = rows.get(key);
  undo.push(() => (before === undefined ? rows.delete(key) : rows.set(key, before)));
  if (row === undefined) rows.delete(key);
  else rows.set(key, row);
}

/** Rows that came back stand at the end of their map: reading goes by ids. */
function sortById<Row>(rows: Map<number, Row>): void {
  const sorted = [...rows].toSorted(([a], [b]) => a - b);
  rows.clear();
  for (const [id, row] of sorted) rows.set(id, row);
}

function* inState(rows: Rows, state: OutboxRecordState, topic?: string): Generator<OutboxRecord, void, void> {
  for (const record of rows.records.values()) {
    if (record.state === state && (topic === undefined || record.topic === topic)) yield record;
  }
}

function transactionOn(rows: Rows, undo: (() => void)[]): OutboxTransaction {
  return {
    addRecord: async (record) => {
      const id = ++rows.lastRecordId;
      change(rows.records, id, { ...record, id }, undo);
      return id;
    },
    addRun: async (run) => {
      const first = rows.lastRecordId + 1;
      for (const record of outboxRecordsOf(run, first)) change(rows.records, record.id, record, undo);
      rows.lastRecordId += countOf(run.run);
      return first;
    },
    putRecord: async (record) => change(rows.records, record.id, record, undo),
    freezeRecords: async (ids) => {
      const waiting = ids
        .flatMap((id) => rows.records.get(id) ?? [])
        .filter(({ state }) => state === "waiting");
      if (waiting.length < ids.length) return false;
      for (const record of waiting) change(rows.records, record.id, { ...record, state: "frozen" }, undo);
      return true;
    },
    deleteRecord: async (id) => change(rows.records, id, undefined, undo),
    deleteRecords: async (ids) => ids.forEach((id) => change(rows.records, id, undefined, undo)),
    record: async (id) => rows.records.get(id),
    records: async (ids) => ids.toSorted((a, b) => a - b).flatMap((id) => rows.records.get(id) ?? []),
    recordsIn: async (state, limit, topic) => [...take(inState(rows, state, topic), limit)],
    topicsIn: async (state) => [...new Set([...inState(rows, state)].map((record) => record.topic))],
    countIn: async (state, topic) => [...inState(rows, state, topic)].length,
    recordIds: async (first, last) => [...rows.records.keys()].filter((id) => id >= first && id <= last),
    recordsAfter: async (after) => [...rows.records.values()].filter(({ id }) => id > after),
    addBatch: async (batch) => {
      const id = ++rows.lastBatchId;
      change(rows.batches, id, { ...batch, id }, undo);
      return id;
    },
    putBatch: async (batch) => change(rows.batches, batch.id, batch, undo),
    deleteBatch: async (id) => change(rows.batches, id, undefined, undo),
    batch: async (id) => rows.batches.get(id),
    batches: async () => [...rows.batches.values()],
    lane: async (key) => rows.lanes.get(laneName(key)),
    putLane: async (lane) => change(rows.lanes, laneName(lane), lane, undo),
    addReceipt: async (receipt) => {
      const id = ++rows.lastReceiptId;
      change(rows.receipts, id, { ...receipt, id }, undo);
      change(rows.receipts, id - RECEIPTS_MAX, undefined, undo);
    },
    receiptsAfter: async (id) => [...rows.receipts.values()].filter((receipt) => receipt.id > id),
    shownBytes: async (topic) => rows.shown.get(topic),
    putShownBytes: async (topic, bytes) => change(rows.shown, topic, bytes, undo),
    producerId: async (clusterId) => rows.producerIds.get(clusterId),
    putProducerId: async (clusterId, producerId) => change(rows.producerIds, clusterId, producerId, undo),
    term: async () => rows.term,
    putTerm: async (term) => {
      const before = rows.term;
      undo.push(() => (rows.term = before));
      rows.term = term;
    },
  };
}

function* take<T>(items: Iterable<T>, limit: number): Generator<T, void, void> {
  let taken = 0;
  for (const item of items) {
    if (taken++ >= limit) return;
    yield item;
  }
}

function laneName(key: LaneKey): string {
  return `${key.clusterId}/${key.topicId}/${key.partition}`;
}
