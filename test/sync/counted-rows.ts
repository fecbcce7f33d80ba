/** How many rows are read of an outbox, and how often it is looked at: what a look costs, without a clock. */
import type { OutboxStore, OutboxTransaction } from "../../sync/outbox-store.ts";

export class CountedRows implements OutboxStore {
  /** Rows that were read since it was set to 0. */
  read = 0;
  /** How often it was looked at, or changed, since it was set to 0. */
  looks = 0;
  private readonly store: OutboxStore;

  constructor(store: OutboxStore) {
    this.store = store;
  }

  transact<T>(mode: "readonly" | "readwrite", work: (rows: OutboxTransaction) => Promise<T>): Promise<T> {
    this.looks += 1;
    return this.store.transact(mode, (rows) => work(this.counted(rows)));
  }

  close(): Promise<void> {
    return this.store.close();
  }

  private counted(rows: OutboxTransaction): OutboxTransaction {
    const count = <Row>(found: Row[]): Row[] => {
      this.read += found.length;
      return found;
    };
    return {
      ...rows,
      records: async (ids) => count(await rows.records(ids)),
      recordsIn: async (state, limit, topic) => count(await rows.recordsIn(state, limit, topic)),
      recordsAfter: async (id) => count(await rows.recordsAfter(id)),
      recordIds: async (first, last) => count(await rows.recordIds(first, last)),
      record: async (id) => count([await rows.record(id)])[0],
      batches: async () => count(await rows.batches()),
      receiptsAfter: async (id) => count(await rows.receiptsAfter(id)),
    };
  }
}
