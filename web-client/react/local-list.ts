import type { LocalRecord, PendingRecord, ReceivedRecord } from "../index.ts";

export type AnyRecord<V, K> = ReceivedRecord<V, K> | LocalRecord<V, K>;

/** What `follow` has told, as a list: the newest `limit` that have arrived, and all that are pending. */
export class LocalList<V, K> {
  private readonly limit: number;
  private readonly arrived: Exclude<AnyRecord<V, K>, PendingRecord<V, K>>[] = [];
  private readonly pending = new Map<string, PendingRecord<V, K>>();
  /** The last offset that has arrived, by partition. */
  private readonly ends = new Map<number, bigint>();

  constructor(limit: number) {
    this.limit = limit;
  }

  get records(): readonly AnyRecord<V, K>[] {
    const waiting = [...this.pending.values()].toSorted((a, b) => a.outboxId - b.outboxId);
    return [...this.arrived, ...waiting];
  }

  /** Whether it has come as far as another one, and has all that is pending there. */
  isAsFarAs(other: LocalList<V, K>): boolean {
    const arrived = new Set(this.arrived.map((record) => ("id" in record ? record.id : undefined)));
    return (
      [...other.ends].every(([partition, end]) => (this.ends.get(partition) ?? -1n) >= end) &&
      [...other.pending.keys()].every((id) => this.pending.has(id) || arrived.has(id))
    );
  }

  add(record: AnyRecord<V, K>): void {
    if (!("isPending" in record)) this.insert(record);
    else if (!record.isPending) {
      this.pending.delete(record.id);
      this.insert(record);
    } else if (record.state === "gone") this.pending.delete(record.id);
    else this.pending.set(record.id, record);
  }

  /** Partitions have no order among each other but time; within one it is the log's. */
  private insert(record: (typeof this.arrived)[number]): void {
    const { arrived } = this;
    this.cutBack(record);
    this.ends.set(record.partition, record.offset);
    let at = arrived.length;
    for (let before = arrived[at - 1]; before !== undefined; before = arrived[at - 1]) {
      if (before.partition === record.partition || before.timestamp <= record.timestamp) break;
      at -= 1;
    }
    arrived.splice(at, 0, record);
    if (arrived.length > this.limit) arrived.shift();
  }

  /** A partition is told in the order of its offsets; where it goes back, the replica was cut off there, or is built anew. */
  private cutBack({ partition, offset }: (typeof this.arrived)[number]): void {
    const { arrived } = this;
    const last = arrived.findLast((record) => record.partition === partition);
    if (last === undefined || last.offset < offset) return;
    for (let at = arrived.length - 1; at >= 0; at--) {
      const record = arrived[at];
      if (record?.partition === partition && record.offset >= offset) arrived.splice(at, 1);
    }
  }
}
