/**
 * What becomes of the records that one tab has published. It is known by what it hears of the tab that delivers,
 * and whatever it does not hear, it finds in the store: records that have left the outbox have a receipt there.
 */
import { ErrorCode, KafkaError } from "../wire/errors.ts";
import { undelivered } from "./outbox-rows.ts";
import { RECEIPTS_MAX } from "./outbox-store.ts";
import type { OutboxStore, OutboxTransaction, Receipt } from "./outbox-store.ts";

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

const NOBODY_KNOWS =
  "the record left the outbox too long ago to tell whether it was delivered or discarded, or a full device without a note, " +
  "or the outbox that it was in is gone";

export class Fates {
  private readonly open = new Map<number, Fate>();
  /** The last receipt that was looked at. */
  private seen = 0;
  /** Those that may have been decided before anybody asked. */
  private inherited: number[] = [];
  /** The next look is at all ids that there are: what has left without a word is found, too, at the second of them. */
  isThorough = false;
  /** Not there at the last such look: whoever has taken them out may be about to tell. */
  private missing: ReadonlySet<number> = new Set();
  /** Those that nothing is known of: a look may fall between a record's leaving and its receipt, so a second one decides. */
  private unknown: readonly number[] = [];

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

  /** Settles what the store tells about. One at a time. */
  async lookUp(store: OutboxStore): Promise<void> {
    if (this.open.size === 0) return;
    const tell = await store.transact("readonly", (rows) => this.find(rows));
    tell();
  }

  /** What the rows say about records whose fate is open, to be told when that is known to be so. */
  private async find(rows: OutboxTransaction): Promise<() => void> {
    // As of the beginning: what is published from now on may not be in what this transaction sees.
    const asked = [...this.open.keys()];
    const inherited = [...this.inherited, ...this.unknown];
    const { length: newlyInherited } = this.inherited;
    const { isThorough } = this;
    this.isThorough = false;
    const receipts = await rows.receiptsAfter(this.seen);
    const told = receipts.flatMap(({ recordIds }) => recordIds).filter((id) => this.open.has(id));
    // As many as are ever kept: there may have been more, and each record has to be looked at.
    const isWhole = receipts.length < RECEIPTS_MAX;
    const records = await rows.records(isWhole ? [...told, ...inherited] : asked);
    const known = new Set([...records.map(({ id }) => id), ...told]);
    const there = isThorough ? new Set(await rows.recordIds(0, Infinity)) : undefined;
    return () => {
      for (const { partition, recordIds, baseOffset } of receipts) {
        if (partition === undefined) continue;
        if (partition >= 0) this.deliver({ recordIds, partition, baseOffset });
        else this.reject(recordIds, undelivered("discarded", "the app discarded it"));
      }
      for (const { id, place, state, reason } of records) {
        if (place !== undefined)
          this.deliver({ recordIds: [id], partition: place.partition, baseOffset: place.offset });
        if (state === "refused" || state === "in doubt") this.reject([id], undelivered(state, reason ?? ""));
      }
      // Who was inherited meanwhile is told by receipts from the first one on.
      if (this.inherited.length === newlyInherited) this.seen = Math.max(this.seen, receipts.at(-1)?.id ?? 0);
      this.inherited = this.inherited.slice(newlyInherited);
      this.unknown = (isWhole ? inherited : asked).filter((id) => !known.has(id) && this.open.has(id));
      if (there === undefined) return;
      this.reject(
        this.unknown.filter((id) => this.missing.has(id)),
        new KafkaError(ErrorCode.NETWORK_EXCEPTION, NOBODY_KNOWS),
      );
      // Where the device is full, what is delivered leaves no receipt. What is discarded does, or stays.
      const missing = asked.filter((id) => !there.has(id));
      this.deliver({
        recordIds: missing.filter((id) => this.missing.has(id)),
        partition: -1,
        baseOffset: -1n,
      });
      this.missing = new Set(missing);
    };
  }
}
