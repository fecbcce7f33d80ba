/**
 * The `delivered` promises of the records that one tab has published. They settle by what it hears of the tab that delivers,
 * and whatever it does not hear, it finds in the store: records that have left the outbox have a receipt there.
 */
import { ErrorCode, KafkaError } from "../wire/errors.ts";
import { undelivered } from "./outbox-rows.ts";
import { RECEIPTS_MAX } from "./outbox-store.ts";
import type { OutboxRecord, OutboxStore, OutboxTransaction, Receipt } from "./outbox-store.ts";
import type { Deferred } from "./wait.ts";

export interface RecordPosition {
  readonly partition: number;
  /** -1n: it is in the log, but the offset can no longer be known. */
  readonly offset: bigint;
}

/** What the rows say about records whose fate is open. */
interface Findings {
  readonly receipts: readonly Omit<Receipt, "id">[];
  /** The last receipt that there is. */
  readonly last: number;
  /** Records that the app is asked about. */
  readonly judged: readonly OutboxRecord[];
  /** Records that have left the outbox so long ago that their receipts are gone, too. */
  readonly untold: readonly number[];
}

export class Fates {
  private readonly open = new Map<number, Deferred<RecordPosition>>();
  /** The last receipt that was looked at. */
  private seen = 0;

  get openCount(): number {
    return this.open.size;
  }

  /** In the transaction that adds the record: another tab may deliver it as soon as that has ended. */
  add(id: number, fate: Deferred<RecordPosition>): void {
    this.open.set(id, fate);
  }

  /** The record was not added after all. */
  forget(id: number): void {
    this.open.delete(id);
  }

  /** Record `recordIds[i]` is in the log at `baseOffset + i`; -1n when the offset is not known. */
  deliver({ recordIds, partition, baseOffset }: Omit<Receipt, "id">): void {
    for (const [index, id] of recordIds.entries()) {
      const offset = baseOffset < 0n ? -1n : baseOffset + BigInt(index);
      this.open.get(id)?.resolve({ partition, offset });
      this.open.delete(id);
    }
  }

  reject(recordIds: Iterable<number>, error: KafkaError): void {
    for (const id of recordIds) {
      this.open.get(id)?.reject(error);
      this.open.delete(id);
    }
  }

  rejectAll(error: KafkaError): void {
    this.reject([...this.open.keys()], error);
  }

  /** Settles what the store tells about. */
  async lookUp(store: OutboxStore): Promise<void> {
    if (this.open.size === 0) return;
    const { receipts, last, judged, untold } = await store.transact("readonly", (rows) => this.find(rows));
    for (const receipt of receipts) {
      if (receipt.partition >= 0) this.deliver(receipt);
      else this.reject(receipt.recordIds, undelivered("discarded", "the app discarded it"));
    }
    this.seen = Math.max(this.seen, last);
    for (const { id, state, reason } of judged) this.reject([id], undelivered(state, reason ?? ""));
    const reason =
      "the record left the outbox while this tab heard of nothing, too long ago to tell whether it was delivered or discarded";
    this.reject(untold, new KafkaError(ErrorCode.NETWORK_EXCEPTION, reason));
  }

  private async find(rows: OutboxTransaction): Promise<Findings> {
    // As of the beginning: what is published from now on may not be in what this transaction sees.
    const asked = [...this.open.keys()];
    const receipts = await rows.receiptsAfter(this.seen);
    const judged = [
      ...(await rows.recordsIn("refused", Number.MAX_SAFE_INTEGER)),
      ...(await rows.recordsIn("in doubt", Number.MAX_SAFE_INTEGER)),
    ];
    // As many as are ever kept: there may have been more.
    const isWhole = receipts.length < RECEIPTS_MAX;
    const untold = isWhole ? [] : await leftWithout(receipts, asked, rows);
    const last = receipts.at(-1)?.id ?? 0;
    const arriving = isWhole ? [] : await rows.recordsIn("delivered", Number.MAX_SAFE_INTEGER);
    return { receipts: [...receipts, ...arriving.map(receiptOf)], last, judged, untold };
  }
}

/** A record that is still shown has its place with it. */
function receiptOf({ id, place }: OutboxRecord): Omit<Receipt, "id"> {
  return { recordIds: [id], partition: place?.partition ?? 0, baseOffset: place?.offset ?? -1n };
}

/** Those of `asked`, which rise, that are not in the outbox any more and have none of these receipts. */
async function leftWithout(
  receipts: readonly Receipt[],
  asked: readonly number[],
  rows: OutboxTransaction,
): Promise<number[]> {
  const told = new Set(await rows.recordIds(asked[0] ?? 0, asked.at(-1) ?? 0));
  for (const { recordIds } of receipts) for (const id of recordIds) told.add(id);
  return asked.filter((id) => !told.has(id));
}
