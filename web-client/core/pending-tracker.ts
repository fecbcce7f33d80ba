/**
 * What one reader shows of the records that this device has published and that the reader has not come to in the replica. What
 * makes it exact: the rows are looked at after the replica was read, and a batch is frozen in the rows before it is sent. So a
 * batch of this device that was read is known from the rows by its producer id, epoch and sequence, also while its answer is
 * outstanding; and what has left the rows has left a receipt that says where it is.
 */
import type { BatchHeader } from "../../log/batch.ts";
import type { LogRecord, RecordHeader } from "../../log/record.ts";
import type { PendingRows } from "../../sync/outbox-arrivals.ts";
import type { FrozenBatch, OutboxRecord } from "../../sync/outbox-store.ts";
import { partitionOfKey } from "../../sync/partitioner.ts";
import type { PendingState } from "./api-pending.ts";

/** A record that is pending, as bytes. */
export interface PendingEntry {
  /** Of its row. */
  readonly id: number;
  readonly partition: number | undefined;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly RecordHeader[];
  readonly timestamp: number;
  readonly state: PendingState;
  readonly reason: string | undefined;
}

export type BatchIdentity = Pick<BatchHeader, "baseOffset" | "producerId" | "producerEpoch" | "baseSequence">;

/** What a reader reads. */
export interface TrackedPartitions {
  /** Up to where, by partition: what is before, it has come to. */
  readonly next: ReadonlyMap<number, bigint>;
  /** How many the topic has; undefined: it does not read all of them, or does not know. */
  readonly count: number | undefined;
}

interface Known {
  record: OutboxRecord;
  place: { readonly partition: number; readonly offset: bigint } | undefined;
  batch: FrozenBatch | undefined;
  hasRow: boolean;
  /** As it was told of last. */
  told: PendingEntry | undefined;
}

export class PendingTracker {
  private readonly topicId: string;
  private readonly known = new Map<number, Known>();
  private frozen = new Map<string, FrozenBatch>();
  /** Rows that the reader has come to in the replica. */
  private readonly arrived = new Set<number>();
  /** Rows that were told of and are gone: nobody will come to them. */
  private readonly gone: PendingEntry[] = [];
  private receipt = 0;

  constructor(topicId: string) {
    this.topicId = topicId;
  }

  /** The last receipt that it has seen. */
  get lastReceipt(): number {
    return this.receipt;
  }

  /** The rows as they are now. */
  update({ records, batches, receipts }: PendingRows): void {
    this.receipt = receipts.at(-1)?.id ?? this.receipt;
    const ours = batches.filter(({ topicId }) => topicId === this.topicId);
    this.frozen = new Map(ours.map((batch) => [identityOf(batch.partition, batch), batch]));
    const batchOf = new Map(batches.flatMap((batch) => batch.recordIds.map((id) => [id, batch])));
    const rows = new Set(records.map(({ id }) => id));
    for (const record of records) this.see(record, batchOf.get(record.id));
    const left = new Map(
      receipts.flatMap(({ recordIds, partition, baseOffset }) =>
        recordIds.map((id, index) => [id, { partition, baseOffset, index }]),
      ),
    );
    for (const [id, known] of this.known) {
      known.hasRow = rows.has(id);
      if (known.hasRow || known.place !== undefined) continue;
      const { partition = -1, baseOffset = -1n, index = 0 } = left.get(id) ?? {};
      // Discarded; or in the log, and nobody knows where.
      if (partition < 0 || baseOffset < 0n) this.lose(id, known);
      else known.place = { partition, offset: baseOffset + BigInt(index) };
    }
    for (const id of this.arrived) if (!rows.has(id)) this.arrived.delete(id);
  }

  /** The reader has read these batches of a partition; the rows have been looked at since. */
  place(partition: number, batches: Iterable<BatchIdentity>): void {
    if (this.frozen.size === 0) return;
    for (const batch of batches) {
      const ids = this.frozen.get(identityOf(partition, batch))?.recordIds ?? [];
      for (const [index, id] of ids.entries()) {
        const known = this.known.get(id);
        if (known !== undefined) known.place = { partition, offset: batch.baseOffset + BigInt(index) };
      }
    }
  }

  /** The reader comes to these now: which of them are rows that it was told of. */
  arrive(partition: number, records: readonly LogRecord[]): ReadonlyMap<bigint, number> | undefined {
    const first = records[0]?.offset;
    const last = records.at(-1)?.offset;
    if (first === undefined || last === undefined || this.known.size === 0) return undefined;
    const ids = new Map<bigint, number>();
    for (const [id, { place }] of this.known) {
      if (place?.partition !== partition || place.offset < first || place.offset > last) continue;
      // Compaction may have taken it out: then it is gone.
      if (!records.some(({ offset }) => offset === place.offset)) continue;
      ids.set(place.offset, id);
      this.known.delete(id);
      this.arrived.add(id);
    }
    return ids.size > 0 ? ids : undefined;
  }

  /** What is pending where the reader is, in the order of publishing; of it, what has changed since it was told of last. */
  changes(partitions: TrackedPartitions): PendingEntry[] {
    const changed: PendingEntry[] = this.gone.splice(0);
    for (const [id, known] of this.known) {
      const { place, told } = known;
      const end = place && partitions.next.get(place.partition);
      if (place !== undefined && end !== undefined && place.offset < end) {
        // It was before where the reader began, or retention or compaction has taken it.
        this.lose(id, known);
        this.arrived.add(id);
        changed.push(...this.gone.splice(0));
        continue;
      }
      if (place !== undefined && end === undefined && partitions.count === undefined && !known.hasRow) {
        // In a partition that is not read: nothing of it comes here.
        this.lose(id, known);
        changed.push(...this.gone.splice(0));
        continue;
      }
      const entry = this.entryOf(known, partitions);
      if (entry === undefined) {
        if (told !== undefined) changed.push({ ...told, state: "gone" });
        known.told = undefined;
      } else if (told === undefined || !isSame(told, entry)) {
        known.told = entry;
        changed.push(entry);
      }
    }
    return changed;
  }

  /** Rows that are delivered and that the replica, which has all before `ends`, has by now. */
  settled(records: readonly OutboxRecord[], ends: ReadonlyMap<number, bigint>): number[] {
    const isHere = ({ place }: OutboxRecord): boolean => {
      if (place === undefined) return false;
      return place.topicId !== this.topicId || place.offset < (ends.get(place.partition) ?? 0n);
    };
    return records.filter(isHere).map(({ id }) => id);
  }

  private see(record: OutboxRecord, batch: FrozenBatch | undefined): void {
    const { id, place } = record;
    if (this.arrived.has(id)) return;
    const before = this.known.get(id);
    // Sent to a former topic with this name: nothing of it comes here.
    if ((place?.topicId ?? batch?.topicId ?? this.topicId) !== this.topicId) {
      if (before !== undefined) this.lose(id, before);
      return;
    }
    this.known.set(id, { record, batch, place: place ?? before?.place, hasRow: true, told: before?.told });
  }

  private lose(id: number, { told }: Known): void {
    this.known.delete(id);
    if (told !== undefined) this.gone.push({ ...told, state: "gone" });
  }

  /** undefined: this reader does not show it, or cannot know whether it is for it. */
  private entryOf(
    { record, batch, place }: Known,
    { next, count }: TrackedPartitions,
  ): PendingEntry | undefined {
    const { id, key, value, headers, timestamp, reason } = record;
    const ofKey = key === null || count === undefined ? undefined : partitionOfKey(key, count);
    const partition = place?.partition ?? batch?.partition ?? (count === 1 ? 0 : ofKey);
    if (partition === undefined ? count === undefined : !next.has(partition)) return undefined;
    const blocked = batch?.blocked ?? undefined;
    const state = place !== undefined ? "delivered" : stateOf(record, blocked);
    return { id, partition, key, value, headers, timestamp, state, reason: blocked ?? reason ?? undefined };
  }
}

/** As the outbox lists them. */
function stateOf({ state }: OutboxRecord, blocked: string | undefined): PendingState {
  if (state !== "frozen") return state;
  return blocked === undefined ? "sending" : "in doubt";
}

function isSame(a: PendingEntry, b: PendingEntry): boolean {
  return a.state === b.state && a.reason === b.reason && a.partition === b.partition;
}

function identityOf(
  partition: number,
  {
    producerId,
    producerEpoch,
    baseSequence,
  }: Pick<BatchIdentity, "producerId" | "producerEpoch" | "baseSequence">,
): string {
  return `${partition}/${producerId}/${producerEpoch}/${baseSequence}`;
}
