/** A store on a device without room, as browsers have it: a transaction is refused when what it puts has none, and one that only deletes never is. */
import type { OutboxStore, OutboxTransaction } from "../../sync/outbox-store.ts";

export class FullStore implements OutboxStore {
  /** Bytes that one transaction may put. */
  room = Infinity;
  onWritten: (() => Promise<void>) | undefined;
  private readonly store: OutboxStore;
  private readonly bytesPut: (() => number) | undefined;
  private last: Promise<unknown> = Promise.resolve();

  /** `bytesPut`: by all transactions until now; left out, what is handed to the store is counted. */
  constructor(store: OutboxStore, bytesPut?: () => number) {
    this.store = store;
    this.bytesPut = bytesPut;
  }

  async transact<T>(
    mode: "readonly" | "readwrite",
    work: (rows: OutboxTransaction) => Promise<T>,
  ): Promise<T> {
    if (mode === "readonly") return this.store.transact(mode, work);
    // One after the other: what is put meanwhile is its own.
    const done = this.last.then(() => this.write(work));
    this.last = done.catch(() => undefined);
    const answer = await done;
    await this.onWritten?.();
    return answer;
  }

  close(): Promise<void> {
    return this.store.close();
  }

  private write<T>(work: (rows: OutboxTransaction) => Promise<T>): Promise<T> {
    let handed = 0;
    const put = this.bytesPut ?? ((): number => handed);
    return this.store.transact("readwrite", async (rows) => {
      const before = put();
      const counted = new Proxy(rows, {
        get: (target, name: keyof OutboxTransaction) => {
          const call = target[name] as (...args: unknown[]) => unknown;
          return (...args: unknown[]) => {
            if (/^(add|put)/.test(name)) handed += sizeOf(args[0]);
            return call.apply(target, args);
          };
        },
      });
      const answer = await work(counted);
      if (put() - before > this.room) throw new DOMException("no room", "QuotaExceededError");
      return answer;
    });
  }
}

/** Of a row: its bytes, and one for all else. */
export function sizeOf(row: unknown): number {
  if (typeof row !== "object" || row === null) return 0;
  if (ArrayBuffer.isView(row)) return row.byteLength;
  return Object.values(row).reduce<number>((sum, value) => sum + sizeOf(value), 1);
}
