/** What was published and is not in the log yet. Holds records (rule 2); `delivery.ts` seals and sends them. */
import type { RecordHeader } from "../log/record.ts";
import { ErrorCode, KafkaError } from "../wire/errors.ts";
import { fullJitterMs, RECONNECT_BACK_OFF, RETRY_BACK_OFF } from "./back-off.ts";
import type * as delivery from "./delivery.ts";
import type { DeliveryOptions, Settlement } from "./delivery.ts";
import { errorText } from "./error-text.ts";
import { Fates } from "./fates.ts";
import type { Fate, RecordPosition } from "./fates.ts";
import { countRecords, decide, undelivered } from "./outbox-rows.ts";
import type { OutboxCounts } from "./outbox-rows.ts";
import type {
  OutboxRecord,
  OutboxRun,
  OutboxStore,
  OutboxTransaction,
  UndeliveredState,
} from "./outbox-store.ts";
import { RECORD_STATES, RUN_MAX } from "./outbox-store.ts";
import { countOf } from "./record-run.ts";
import type { RecordRun } from "./record-run.ts";
import { cutRun, eachRecord } from "./run-records.ts";
import { aborted, Bell, deferred, sleep } from "./wait.ts";
import type { Deferred } from "./wait.ts";

/** The code of delivering. */
type Delivery = Pick<typeof delivery, "deliver">;

/** What delivering is done with, and under which term: of whoever leads. */
export type DeliveryGround = Pick<DeliveryOptions, "upstream" | "metadata" | "term">;

export interface OutboxOptions extends Omit<
  DeliveryOptions,
  keyof DeliveryGround | "onSettled" | "onUndelivered" | "onProblem"
> {
  /** Something changed in the rows: by this outbox. */
  readonly onChange?: () => void;
  /** A record was added: for the tab that delivers. */
  readonly onAdded?: () => void;
  /** Records were refused, or are in doubt: for the other tabs. */
  readonly onUndelivered?: () => void;
  /** This outbox delivers from now on: what another tab has settled last, nobody may have been told of. */
  readonly onTakenOver?: () => void;
  /** A batch that this outbox delivered: for the other tabs whose records may be in it. */
  readonly onSettled?: (settlement: Settlement) => void;
  readonly onProblem?: (reason: string | undefined) => void;
  /** What delivering takes cannot be loaded here, and is tried again: another tab may have it. */
  readonly onUnable?: () => void;
}

export interface NewRecord {
  readonly topic: string;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly RecordHeader[];
  /** Milliseconds since the epoch; left out, it is now, to be corrected by the gateway's clock. */
  readonly timestamp?: number;
  /** As far as they are known. */
  readonly clusterId: string | null;
  readonly topicId: string | null;
}

/** A record as the app is told of it: a frozen one in a blocked batch asks for a word, too. */
export interface ListedRecord extends OutboxRecord {
  readonly state: UndeliveredState;
  readonly blocked: string | null;
}

/** Records that were published in one go, for a topic as far as it is known. */
export type NewRun = Pick<NewRecord, "topic" | "clusterId" | "topicId"> & { readonly run: RecordRun };

/** Who is told what becomes of the records of a run, by their place in it. */
export interface RunFate {
  delivered(index: number, position: RecordPosition): void;
  rejected(index: number, error: unknown): void;
}

/** What is added as one: all of it or nothing. */
interface Addition {
  readonly records: readonly NewRecord[] | NewRun;
  readonly count: number;
  /** By the device's clock. */
  readonly addedAtMs: number;
  readonly fate: RunFate;
  /** Resolves with their ids. */
  readonly queued: Deferred<readonly number[]>;
}

const ADDED_TOGETHER_MAX = 1000;
/** Fewer are stored one by one: a row of many records has to be taken apart for whatever happens to one of them. */
const RUN_RECORDS_MIN = 16;
/**
 * Of a run, so much is stored together and freed together, when the last of it is in the log. Chromium frees soon what is larger
 * than 64 KiB, and the rest when it gets to tidying up.
 */
const STORED_BYTES_MAX = 128 * 1024;
/** A store that has failed so often in a row is gone. */
const FAILED_COUNTS_MAX = 10;
/**
 * What other tabs tell may be lost, or come while this one stands still: after it has published it looks for itself, less
 * and less often.
 */
const LOOK_INTERVAL_MS = { least: 5000, most: 300_000 };
const NO_COUNTS: OutboxCounts = { waiting: 0, frozen: 0, held: 0, "in doubt": 0, refused: 0, blocked: 0 };

export class Outbox {
  private readonly options: OutboxOptions;
  private readonly store: OutboxStore;
  private readonly added = new Bell();
  /** Of records that this outbox published itself. */
  private fates = new Fates();
  private cancelLook: (() => void) | undefined;
  private closed: KafkaError | undefined;
  private readonly toAdd: Addition[] = [];
  private lastAdded: Promise<void> = Promise.resolve();
  private isAdding = false;
  private notAdded = 0;
  private currentCounts: OutboxCounts = NO_COUNTS;
  private counting: Promise<void> | undefined;
  private countAgain = false;
  private failedCounts = 0;

  constructor(options: OutboxOptions) {
    this.options = options;
    this.store = options.store;
  }

  /** As of the last `refresh`. */
  get counts(): OutboxCounts {
    return this.currentCounts;
  }

  /** Published, and not durable yet. */
  get adding(): number {
    return this.notAdded;
  }

  /** Resolves when what was published by now is durable, or could not be made so. */
  allAdded(): Promise<void> {
    return this.lastAdded;
  }

  /** `queued` resolves with its id when the record is durable in the store; `delivered` when it is in the log. */
  publish(record: NewRecord): { queued: Promise<number>; delivered: Promise<RecordPosition> } {
    const delivered = deferred<RecordPosition>();
    // An app that does not ask is not to be stopped by an unhandled rejection: the outbox lists what was not delivered.
    delivered.promise.catch(() => undefined);
    const added = this.add([record], 1, {
      delivered: (_index, position) => delivered.resolve(position),
      rejected: (_index, error) => delivered.reject(error),
    });
    const queued = added.then(([id = -1]) => id);
    queued.catch((error: unknown) => delivered.reject(error));
    return { queued, delivered: delivered.promise };
  }

  /**
   * Many at once, as one: resolves with their ids when all are durable in the store, and rejects when none is. Then `fate` hears
   * nothing.
   */
  publishRun(published: NewRun, fate: RunFate): Promise<readonly number[]> {
    const { run, ...to } = published;
    const count = countOf(run);
    if (count >= RUN_RECORDS_MIN) return this.add(published, count, fate);
    const records = eachRecord(run, ({ timestamp, ...content }) => ({
      ...to,
      ...content,
      ...(timestamp !== undefined && { timestamp }),
    }));
    return this.add(records, count, fate);
  }

  private add(records: Addition["records"], count: number, fate: RunFate): Promise<readonly number[]> {
    if (this.closed !== undefined) return Promise.reject(this.closed);
    const queued = deferred<readonly number[]>();
    this.toAdd.push({ records, count, addedAtMs: this.options.clock.now(), fate, queued });
    this.notAdded += count;
    this.lastAdded = queued.promise.then(
      () => undefined,
      () => undefined,
    );
    if (!this.isAdding) void this.addAll();
    return queued.promise;
  }

  /** Group commit: what is published while one transaction is under way goes into the next, in order. */
  private async addAll(): Promise<void> {
    this.isAdding = true;
    // A turn later, so that what is published in one go shares a transaction from the first on.
    await Promise.resolve();
    while (this.toAdd.length > 0) {
      const group = this.nextGroup();
      const count = group.reduce((sum, addition) => sum + addition.count, 0);
      try {
        const ids = await this.addGroup(group);
        // Until they are counted anew.
        this.currentCounts = { ...this.currentCounts, waiting: this.currentCounts.waiting + count };
        let next = 0;
        for (const addition of group) addition.queued.resolve(ids.slice(next, (next += addition.count)));
        this.options.onAdded?.();
        this.wake();
        void this.refresh();
      } catch (error) {
        for (const { queued } of group) queued.reject(error);
      }
      this.notAdded -= count;
    }
    this.isAdding = false;
  }

  private nextGroup(): Addition[] {
    let count = 0;
    const end = this.toAdd.findIndex((addition) => {
      if (count >= ADDED_TOGETHER_MAX) return true;
      count += addition.count;
      return false;
    });
    return this.toAdd.splice(0, end < 0 ? this.toAdd.length : end);
  }

  private async addGroup(group: readonly Addition[]): Promise<readonly number[]> {
    const ids: number[] = [];
    try {
      await this.store.transact("readwrite", async (rows) => {
        const adding: Promise<Added[]>[] = [];
        for (const addition of group) {
          adding.push(addTo(rows, addition));
          // A run takes ids for all its records at once: what follows waits for that.
          if ("run" in addition.records) await Promise.all(adding);
        }
        // Before the transaction has ended: another tab may deliver them as soon as it has.
        for (const { id, fate } of (await Promise.all(adding)).flat()) {
          ids.push(id);
          this.fates.add(id, fate);
        }
      });
    } catch (error) {
      for (const id of ids) this.fates.forget(id);
      throw error;
    }
    if (this.closed !== undefined) this.fates.rejectAll(this.closed);
    else this.lookLater(LOOK_INTERVAL_MS.least);
    return ids;
  }

  /** Tells what becomes of records that were queued here by somebody who cannot ask any more. */
  follow(ids: readonly number[], fate: RunFate): void {
    for (const [index, id] of ids.entries()) this.fates.inherit(id, fateFrom(id - index, fate));
    this.lookLater(LOOK_INTERVAL_MS.least);
    void this.refresh();
  }

  /** Records were added to the store, by this tab or another. */
  wake(): void {
    this.added.ring();
  }

  /**
   * Delivers until the signal aborts, from when there is something to deliver, which `load` answers what it takes for: again and
   * again, while it cannot. Throws Superseded when another deliverer has taken over the store.
   */
  async deliver(
    signal: AbortSignal,
    ground: DeliveryGround,
    load: () => Delivery | Promise<Delivery>,
  ): Promise<void> {
    const { options } = this;
    options.onTakenOver?.();
    await this.hasWork(signal);
    const delivery = await this.loaded(load, signal);
    return delivery?.deliver(
      {
        ...options,
        ...ground,
        onSettled: (settlement) => {
          this.observe(settlement);
          options.onSettled?.(settlement);
        },
        onUndelivered: (recordIds, error) => {
          this.disappoint(recordIds, error);
          options.onUndelivered?.();
        },
        onProblem: (reason) => options.onProblem?.(reason),
      },
      this.added,
      signal,
    );
  }

  /** undefined: the signal has aborted. */
  private async loaded(
    load: () => Delivery | Promise<Delivery>,
    signal: AbortSignal,
  ): Promise<Delivery | undefined> {
    const { clock, random, onProblem, onUnable } = this.options;
    const over = aborted(signal).then(() => undefined);
    for (let failures = 0; !signal.aborted; failures++) {
      try {
        const loaded = await Promise.race([load(), over]);
        if (loaded !== undefined && failures > 0) onProblem?.(undefined);
        return loaded;
      } catch (error) {
        onProblem?.(`what delivers cannot be loaded, and is tried again: ${errorText(error)}`);
        onUnable?.();
        await sleep(clock, fullJitterMs(failures, random, RECONNECT_BACK_OFF), signal);
      }
    }
    return undefined;
  }

  private async hasWork(signal: AbortSignal): Promise<void> {
    const over = aborted(signal);
    for (;;) {
      const added = this.added.next();
      // A store that cannot be read is for delivery to complain of.
      const isCounted = await this.refresh().then(
        () => true,
        () => false,
      );
      // What is held is looked at by each delivery: it may be for the cluster that is there now.
      const { waiting, frozen, held } = this.counts;
      if (!isCounted || waiting + frozen + held > 0 || signal.aborted) return;
      await Promise.race([added, over]);
    }
  }

  /** A batch is in the log, delivered by this tab or another. */
  observe(settlement: Settlement): void {
    this.fates.deliver(settlement);
    void this.refresh();
  }

  /** Everything that is not in the log yet, oldest first. */
  list(): Promise<ListedRecord[]> {
    return this.store.transact("readonly", async (rows) => {
      const blocked = new Map<number, string>();
      for (const batch of await rows.batches()) {
        if (batch.blocked !== null) for (const id of batch.recordIds) blocked.set(id, batch.blocked);
      }
      const listed: ListedRecord[] = [];
      for (const state of RECORD_STATES) {
        for (const record of await rows.recordsIn(state, Number.MAX_SAFE_INTEGER)) {
          listed.push({ ...record, state, blocked: blocked.get(record.id) ?? null });
        }
      }
      return listed.toSorted((a, b) => a.id - b.id);
    });
  }

  async retry(ids: readonly number[]): Promise<void> {
    await decide(this.store, ids, "retry");
    this.wake();
    // It is decided, also when it cannot be counted now.
    await this.refresh().catch(() => undefined);
  }

  async discard(ids: readonly number[]): Promise<void> {
    const discarded = await decide(this.store, ids, "discard");
    this.disappoint(discarded, undelivered("discarded", "the app discarded it"));
    await this.refresh().catch(() => undefined);
  }

  /** The rows are gone, and the store is another one: what became of those in it nobody can tell. */
  forgetAll(reason: string): void {
    const text = `${reason}: the record may have been delivered before, and is not sent any more`;
    this.fates.rejectAll(new KafkaError(ErrorCode.NETWORK_EXCEPTION, text));
    // What was seen of those rows says nothing about others: where the device's clock was set back, they have lower ids.
    this.fates = new Fates();
    void this.refresh().catch(() => undefined);
  }

  /**
   * Takes a last look, then rejects every `delivered` that is open with `reason`, and all that is published from now on.
   * Delivery must have ended.
   */
  async close(reason: string): Promise<void> {
    this.closed ??= new KafkaError(ErrorCode.NETWORK_EXCEPTION, reason);
    this.cancelLook?.();
    this.fates.isThorough = true;
    await this.refresh().catch(() => undefined);
    this.fates.rejectAll(this.closed);
  }

  /** Counts anew, and hears what has become of the records that this tab published. Calls while one is under way share the next. */
  refresh(): Promise<void> {
    if (this.counting !== undefined) {
      this.countAgain = true;
      return this.counting;
    }
    this.counting = this.countAll().finally(() => {
      this.counting = undefined;
    });
    this.counting.catch(() => this.countLater());
    return this.counting;
  }

  /** Until they are counted, the counts are those before the last change, and the next one may be long in coming. */
  private countLater(): void {
    if (this.closed !== undefined || this.failedCounts >= FAILED_COUNTS_MAX) return;
    const { clock, random } = this.options;
    const waitMs = fullJitterMs(this.failedCounts++, random, RETRY_BACK_OFF);
    clock.setTimer(waitMs, () => void this.refresh());
  }

  private async countAll(): Promise<void> {
    do {
      this.countAgain = false;
      this.currentCounts = await countRecords(this.store);
      await this.fates.lookUp(this.store);
      this.options.onChange?.();
    } while (this.countAgain);
    this.failedCounts = 0;
  }

  private lookLater(waitMs: number): void {
    this.cancelLook?.();
    this.cancelLook = this.options.clock.setTimer(waitMs, () => {
      this.cancelLook = undefined;
      if (this.fates.openCount === 0) return;
      this.fates.isThorough = true;
      void this.refresh();
      this.lookLater(Math.min(2 * waitMs, LOOK_INTERVAL_MS.most));
    });
  }

  private disappoint(recordIds: readonly number[], error: KafkaError): void {
    this.fates.reject(recordIds, error);
    void this.refresh();
  }
}

interface Added {
  readonly id: number;
  readonly fate: Fate;
}

async function addTo(rows: OutboxTransaction, addition: Addition): Promise<Added[]> {
  const { records, addedAtMs, fate } = addition;
  if ("run" in records) return addRun(rows, { ...records, addedAtMs }, fate);
  const ids = await Promise.all(records.map((record) => rows.addRecord(rowOf(record, addedAtMs))));
  return ids.map((id, index) => ({ id, fate: fateFrom(id - index, fate) }));
}

/** In pieces of which each fits into one batch. */
async function addRun(rows: OutboxTransaction, { run, ...to }: OutboxRun, fate: RunFate): Promise<Added[]> {
  const added: Added[] = [];
  for (const piece of cutRun(run, RUN_MAX.records, STORED_BYTES_MAX)) {
    const first = await rows.addRun({ ...to, run: piece });
    const ofPiece = fateFrom(first - added.length, fate);
    for (let id = first; id < first + countOf(piece); id++) added.push({ id, fate: ofPiece });
  }
  return added;
}

/** Ids count from `first`. */
function fateFrom(first: number, fate: RunFate): Fate {
  return {
    delivered: (id, position) => fate.delivered(id - first, position),
    rejected: (id, error) => fate.rejected(id - first, error),
  };
}

function rowOf({ timestamp, ...record }: NewRecord, addedAtMs: number): Omit<OutboxRecord, "id"> {
  return {
    ...record,
    timestamp: timestamp ?? addedAtMs,
    timestampGiven: timestamp !== undefined,
    state: "waiting",
    reason: null,
    alone: false,
  };
}
