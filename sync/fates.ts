/**
 * What becomes of the records that one tab has published. It is known by what it hears of the tab that delivers,
 * and whatever it does not hear, it finds in the store: records that have left the outbox have a receipt there.
 */
import { ErrorCode, KafkaError } from "../wire/errors.ts";
import { undelivered } from "./outbox-rows.ts";
import { RECEIPTS_MAX } from "./outbox-store.ts";
import type { OutboxRecord, OutboxStore, OutboxTransaction, Receipt } from "./outbox-store.ts";

export interface RecordPosition {
  readonly partition: number;
  /** -1n: it is in the log, but the offset can no longer be known. */
  readonly offset: bigint;
}

/** Records that have left the outbox; as in a receipt. */
type LeftRecords = Pick<Receipt, "recordIds" | "baseOffset"> & { readonly partition: number };

/** Who is told what became of records. */
export interface Fate {
  delivered(id: number, position: RecordPosition): void;
  rejected(id: number, error: unknown): void;
}

/** What the rows say about records whose fate is open. */
interface Findings {
  readonly left: readonly LeftRecords[];
  /** The last receipt that there is. */
  readonly last: number;
  /** Records that the app is asked about. */
  readonly judged: readonly OutboxRecord[];
  /** Records that have left the outbox so long ago that their receipts are gone, too. */
  readonly untold: readonly number[];
}

export class Fates {
  private readonly open = new Map<number, Fate>();
  /** The last receipt that was looked at. */
  private seen = 0;
  /** Those that may have been decided before anybody asked. */
  private inherited: number[] = [];

  get openCount(): number {
    return this.open.size;
  }

  /** In the transaction that adds the record: another tab may deliver it as soon as that has ended. */
  add(id: number, fate: Fate): void {
    this.open.set(id, fate);
  }

  /** The record was added before, by somebody who cannot ask any more. */
  inherit(id: number, fate: Fate): void {
    this.add(id, fate);
    this.inherited.push(id);
    this.seen = 0;
  }

  /** The record was not added after all. */
  forget(id: number): void {
    this.open.delete(id);
  }

  /** Record `recordIds[i]` is in the log at `baseOffset + i`; -1n when the offset is not known. */
  deliver({ recordIds, partition, baseOffset }: LeftRecords): void {
    for (const [index, id] of recordIds.entries()) {
      const offset = baseOffset < 0n ? -1n : baseOffset + BigInt(index);
      this.open.get(id)?.delivered(id, { partition, offset });
      this.open.delete(id);
    }
  }

  reject(recordIds: Iterable<number>, error: KafkaError): void {
    for (const id of recordIds) {
      this.open.get(id)?.rejected(id, error);
      this.open.delete(id);
    }
  }

  rejectAll(error: KafkaError): void {
    this.reject([...this.open.keys()], error);
  }

  /** Settles what the store tells about. */
  async lookUp(store: OutboxStore): Promise<void> {
    if (this.open.size === 0) return;
    const inherited = this.inherited.length;
    const { left, last, judged, untold } = await store.transact("readonly", (rows) => this.find(rows));
    for (const each of left) {
      if (each.partition >= 0) this.deliver(each);
      else this.reject(each.recordIds, undelivered("discarded", "the app discarded it"));
    }
    // Who was inherited meanwhile is told by receipts from the first one on.
    if (this.inherited.length === inherited) this.seen = Math.max(this.seen, last);
    this.inherited = this.inherited.slice(inherited);
    for (const { id, state, reason } of judged) this.reject([id], undelivered(state, reason ?? ""));
    const reason =
      "the record left the outbox while this tab heard of nothing, too long ago to tell whether it was delivered or discarded";
    this.reject(untold, new KafkaError(ErrorCode.NETWORK_EXCEPTION, reason));
  }

  private async find(rows: OutboxTransaction): Promise<Findings> {
    // As of the beginning: what is published from now on may not be in what this transaction sees.
    const asked = [...this.open.keys()];
    const receipts = await rows.receiptsAfter(this.seen);
    const last = receipts.at(-1)?.id ?? 0;
    const told = receipts.flatMap(({ recordIds }) => recordIds).filter((id) => this.open.has(id));
    // As many as are ever kept: there may have been more, and each record has to be looked at.
    const isWhole = receipts.length < RECEIPTS_MAX;
    const records = await rows.records(isWhole ? [...told, ...this.inherited] : asked);
    const left = receipts.flatMap(({ partition, recordIds, baseOffset }) =>
      partition === undefined ? [] : [{ partition, recordIds, baseOffset }],
    );
    for (const { id, place } of records)
      if (place !== undefined)
        left.push({ recordIds: [id], partition: place.partition, baseOffset: place.offset });
    const known = new Set([...records.map(({ id }) => id), ...told]);
    return {
      left,
      last,
      judged: records.filter(({ state }) => state === "refused" || state === "in doubt"),
      untold: isWhole ? [] : asked.filter((id) => !known.has(id)),
    };
  }
}
