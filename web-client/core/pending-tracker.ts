/**
 * What one reader shows of the records that this device has published and that the reader has not come to in what it reads. What
 * makes it exact: the rows are looked at after that was read, and a batch is frozen in the rows before it is sent. So a batch of
 * this device that was read is known from the rows by its producer id, epoch and sequence, also while its answer is outstanding;
 * and what has left the rows has left a receipt that says where it is.
 */
import type { BatchHeader } from "../../log/batch.ts";
import type { LogRecord, RecordHeader } from "../../log/record.ts";
import type { PendingRows, SeenRows } from "../../sync/pending-rows.ts";
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
  /** These alone; undefined: all that the topic has. */
  readonly only: ReadonlySet<number> | undefined;
  /** How many the topic has; undefined: it is not known, or does not matter. */
  readonly count: number | undefined;
}

interface Place {
  readonly partition: number;
  readonly offset: bigint;
}

interface Known {
  readonly record: Pick<OutboxRecord, "id" | "key" | "value" | "headers" | "timestamp" | "state" | "reason">;
  readonly batch: FrozenBatch | undefined;
  /** undefined: not in the log, as far as this reader knows. */
  place: Place | undefined;
  hasRow: boolean;
  /** As it was told of last. */
  told: PendingEntry | undefined;
}

/** Of so many records in each partition it is remembered which rows they were. */
const REMEMBERED_MAX = 10_000;

export class PendingTracker {
  private topicId: string | undefined;
  private losses = 0;
  private seenRows: SeenRows | undefined;
  private readonly known = new Map<number, Known>();
  /** Known ones that are in the log. */
  private readonly placed = new Set<number>();
  /** Known ones that may be others than was told. */
  private readonly changed = new Set<number>();
  private readonly batches = new Map<number, FrozenBatch>();
  private readonly byIdentity = new Map<string, FrozenBatch>();
  /**
   * Which row a record of the log is, or was: by partition and offset. It stays when the reader has come to it, which comes to it
   * again where the log was cut back, or is fetched anew.
   */
  private readonly rowAt = new Map<number, Map<bigint, number>>();
  /** Rows that the reader has come to, and whose batches are unanswered. */
  private readonly arrived = new Set<number>();
  /** Delivered rows. */
  private readonly delivered = new Map<number, Place>();
  /** Rows that were told of and are gone: nobody will come to them. */
  private readonly gone: PendingEntry[] = [];
  private count: number | undefined;

  /** From where on it has to be told of the rows; undefined: it has to be told all. */
  get seen(): SeenRows | undefined {
    return this.seenRows;
  }

  /** Batches that are sealed and unanswered. */
  get unanswered(): Iterable<FrozenBatch> {
    return this.byIdentity.values();
  }

  /** For a reader that goes on from where another one was: what that one has shown and has not come to, and rows that it has. */
  goOn(told: readonly PendingEntry[], arrived: readonly number[]): void {
    for (const entry of told) {
      const record = { ...entry, state: "waiting", reason: null } as const;
      this.known.set(entry.id, { record, batch: undefined, place: undefined, hasRow: true, told: entry });
    }
    for (const id of arrived) this.arrived.add(id);
  }

  /** Whose rows it is about (undefined: nobody knows yet, and all of the topic's name are), and how often they were thrown away. */
  isOf(topicId: string | undefined, losses: number): void {
    if (topicId === this.topicId && losses === this.losses) return;
    this.topicId = topicId;
    this.losses = losses;
    this.seenRows = undefined;
  }

  /** The rows, or what of them may have changed. */
  update({ isWhole, records, batches, receipts, seen }: PendingRows): void {
    this.seenRows = seen;
    for (const id of isWhole ? [...this.batches.keys()] : receipts.map(({ batchId }) => batchId ?? -1))
      this.unseal(id);
    for (const batch of batches) this.seal(batch);
    const here = new Set(records.map(({ id }) => id));
    if (isWhole) this.delivered.clear();
    const mayHaveLeft = isWhole
      ? [...this.known.keys(), ...this.arrived]
      : receipts.flatMap(({ recordIds }) => recordIds);
    const left = new Map<number, Place>();
    for (const { recordIds, partition = -1, baseOffset } of receipts) {
      if (partition < 0 || baseOffset < 0n) continue;
      for (const [index, id] of recordIds.entries())
        if (this.known.has(id)) left.set(id, { partition, offset: baseOffset + BigInt(index) });
    }
    for (const id of mayHaveLeft) if (!here.has(id)) this.leave(id, left.get(id));
    const batchOf = new Map(batches.flatMap((batch) => batch.recordIds.map((id) => [id, batch])));
    for (const record of records) this.see(record, batchOf.get(record.id));
  }

  /** The reader has read these batches of a partition; the rows have been looked at since. */
  place(partition: number, batches: Iterable<BatchIdentity>): void {
    if (this.byIdentity.size === 0) return;
    for (const batch of batches) {
      const ids = this.byIdentity.get(identityOf(partition, batch))?.recordIds ?? [];
      for (const [index, id] of ids.entries())
        this.put(id, { partition, offset: batch.baseOffset + BigInt(index) });
    }
  }

  /** The reader comes to these now: which of them are rows that it was told of. */
  arrive(partition: number, records: readonly LogRecord[]): ReadonlyMap<bigint, number> | undefined {
    const rows = this.rowAt.get(partition);
    if (rows === undefined || rows.size === 0) return undefined;
    const ids = new Map<bigint, number>();
    for (const { offset } of records) {
      const id = rows.get(offset);
      if (id === undefined) continue;
      ids.set(offset, id);
      const known = this.known.get(id);
      if (known !== undefined) this.drop(id, known);
    }
    for (const [offset, id] of rows) {
      if (rows.size <= REMEMBERED_MAX || this.known.has(id)) break;
      rows.delete(offset);
    }
    return ids.size > 0 ? ids : undefined;
  }

  /** What is pending where the reader is, in the order of publishing; of it, what has changed since it was told of last. */
  changes(partitions: TrackedPartitions): PendingEntry[] {
    const { next, only, count } = partitions;
    if (count !== this.count) for (const id of this.known.keys()) this.changed.add(id);
    this.count = count;
    for (const id of this.placed) {
      const known = this.known.get(id);
      if (known?.place === undefined) continue;
      const { partition, offset } = known.place;
      // It was before where the reader began, or retention or compaction has taken it; or is in a partition that is not read.
      if (offset < (next.get(partition) ?? 0n) || only?.has(partition) === false) this.lose(id, known);
    }
    const changed = this.gone.splice(0);
    for (const id of [...this.changed].toSorted((a, b) => a - b)) {
      const known = this.known.get(id);
      if (known === undefined) continue;
      const { told } = known;
      const entry = this.entryOf(known, partitions);
      if (entry === undefined ? told === undefined : told !== undefined && isSame(told, entry)) continue;
      known.told = entry;
      changed.push(entry ?? { ...(told as PendingEntry), state: "gone" });
    }
    this.changed.clear();
    return changed;
  }

  /** Rows that are delivered and that the replica, which has all before `ends`, has by now. */
  settled(ends: ReadonlyMap<number, bigint>): number[] {
    return Array.from(this.delivered)
      .filter(([, { partition, offset }]) => offset < (ends.get(partition) ?? 0n))
      .map(([id]) => id);
  }

  /** These are not in the rows any more. */
  forget(ids: readonly number[]): void {
    for (const id of ids) this.delivered.delete(id);
  }

  private isOurs(topicId: string): boolean {
    return this.topicId === undefined || topicId === this.topicId;
  }

  private seal(batch: FrozenBatch): void {
    this.batches.set(batch.id, batch);
    if (this.isOurs(batch.topicId)) this.byIdentity.set(identityOf(batch.partition, batch), batch);
  }

  private unseal(id: number): void {
    const batch = this.batches.get(id);
    if (batch === undefined) return;
    this.batches.delete(id);
    this.byIdentity.delete(identityOf(batch.partition, batch));
  }

  private see(record: OutboxRecord, batch: FrozenBatch | undefined): void {
    const { id, place, state } = record;
    const before = this.known.get(id);
    const topicId = place?.topicId ?? batch?.topicId;
    // Sent to a former topic with this name, or to a later one: nothing of it comes here.
    if (topicId !== undefined && !this.isOurs(topicId)) {
      if (before !== undefined) this.lose(id, before);
      return;
    }
    if (place === undefined && this.arrived.has(id)) return;
    this.arrived.delete(id);
    this.known.set(id, { record, batch, hasRow: true, place: before?.place, told: before?.told });
    this.changed.add(id);
    if (place !== undefined) {
      this.delivered.set(id, place);
      this.put(id, place);
    } else if (state !== "frozen") this.put(id, undefined);
  }

  /** Its row is gone. */
  private leave(id: number, place: Place | undefined): void {
    this.arrived.delete(id);
    this.delivered.delete(id);
    const known = this.known.get(id);
    if (known === undefined) return;
    known.hasRow = false;
    if (place !== undefined) this.put(id, place);
    // Discarded; or in the log, and nobody knows where.
    if (known.place === undefined) this.lose(id, known);
  }

  /** It stands there in the log; undefined: it does not, any more. */
  private put(id: number, place: Place | undefined): void {
    const known = this.known.get(id);
    const before = known?.place;
    if (known === undefined || (before?.partition === place?.partition && before?.offset === place?.offset))
      return;
    known.place = place;
    this.changed.add(id);
    if (before !== undefined && this.rowAt.get(before.partition)?.get(before.offset) === id)
      this.rowAt.get(before.partition)?.delete(before.offset);
    if (place === undefined) {
      this.placed.delete(id);
      return;
    }
    this.placed.add(id);
    const rows = this.rowAt.get(place.partition) ?? new Map<bigint, number>();
    this.rowAt.set(place.partition, rows);
    const there = rows.get(place.offset);
    // What has come from there under one id keeps it.
    if (there === undefined || this.known.has(there)) rows.set(place.offset, id);
  }

  private lose(id: number, known: Known): void {
    this.drop(id, known);
    if (known.told !== undefined) this.gone.push({ ...known.told, state: "gone" });
  }

  private drop(id: number, { hasRow, record }: Known): void {
    this.known.delete(id);
    this.placed.delete(id);
    this.changed.delete(id);
    if (hasRow && record.state === "frozen") this.arrived.add(id);
  }

  /** undefined: this reader does not show it, or cannot know whether it is for it. */
  private entryOf(
    { record, batch, place }: Known,
    { only, count }: TrackedPartitions,
  ): PendingEntry | undefined {
    const { id, key, value, headers, timestamp, reason } = record;
    const ofKey = key === null || count === undefined ? undefined : partitionOfKey(key, count);
    const partition = place?.partition ?? batch?.partition ?? (count === 1 ? 0 : ofKey);
    if (only !== undefined && (partition === undefined || !only.has(partition))) return undefined;
    const blocked = batch?.blocked ?? undefined;
    const state = place !== undefined ? "delivered" : stateOf(record, blocked);
    return { id, partition, key, value, headers, timestamp, state, reason: blocked ?? reason ?? undefined };
  }
}

/** As the outbox lists them. */
function stateOf({ state }: Pick<OutboxRecord, "state">, blocked: string | undefined): PendingState {
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
