/** Reads what a replica holds and what is pending, so that each record is in it once, wherever it is on its way. */
import type { BatchHeader } from "../../log/batch.ts";
import { forgetArrived } from "../../sync/outbox-arrivals.ts";
import { pendingRows, showPending } from "../../sync/pending-rows.ts";
import type { OutboxStore } from "../../sync/outbox-store.ts";
import { Bell, linkedController, onAbort } from "../../sync/wait.ts";
import type { Loaded } from "./on-demand.ts";
import type * as pending from "./pending.ts";
import type { ArrivedBatch, LocalBatch } from "./local-record.ts";
import { PendingTracker } from "./pending-tracker.ts";
import type { PendingEntry } from "./pending-tracker.ts";
import type { ReplicaPartitionKeeper } from "./replica-partition.ts";

/** What was published on this device. */
export interface PublishedHere {
  readonly rows: OutboxStore;
  /** Resolves when what this tab has published by now is in the rows, or could not be put there. */
  readonly allAdded: () => Promise<void>;
  /** Calls `hear` whenever the rows may have changed; the answer takes it away again. */
  readonly onChange: (hear: () => void) => () => void;
  /** How often the rows were thrown away: with them goes what they would have said of the ones that are gone. */
  readonly losses: () => number;
  /** What reading it together with what is in the log takes. */
  readonly code: () => Loaded<typeof pending>;
}

export interface LocalReadingOptions {
  readonly topic: string;
  /** undefined: nobody has told yet. */
  readonly topicId: () => string | undefined;
  readonly published: PublishedHere;
  /** Those that are read, at present. */
  readonly keepers: () => readonly ReplicaPartitionKeeper[];
  /** Is called when there is one more. */
  readonly onMore: Set<(keeper: ReplicaPartitionKeeper) => void>;
  /** They are all that the topic has. */
  readonly isWhole: boolean;
  readonly startOf: (keeper: ReplicaPartitionKeeper) => Promise<bigint>;
  /** End it. */
  readonly signals: readonly (AbortSignal | undefined)[];
}

interface Place {
  readonly begin: bigint;
  readonly cuts: number;
}

interface Piece {
  readonly batches: readonly { readonly header: BatchHeader; readonly batch: Omit<ArrivedBatch, "ids"> }[];
  readonly next: bigint;
  /** There was no more. */
  readonly isEnd: boolean;
}

/** So many records are read before the rows are looked at. */
const PIECE_RECORDS = 1000;

export class LocalReading {
  private readonly options: LocalReadingOptions;
  private readonly tracker = new PendingTracker();
  private readonly next = new Map<number, bigint>();
  private readonly places = new Map<number, Place>();
  private isLoaded = false;
  private controller = new AbortController();

  constructor(options: LocalReadingOptions) {
    this.options = options;
  }

  /** What is held, one partition after the other, and after it all that is pending. */
  async *read(): AsyncGenerator<LocalBatch, void, void> {
    const { signal } = this.link();
    try {
      await this.begin();
      for (const keeper of this.options.keepers()) yield* this.readOn(keeper);
      if (!signal.aborted) yield { pending: this.changes() };
    } finally {
      this.controller.abort();
    }
  }

  /** As `read`, and goes on with what changes: of each record the newest that is told is what it is. */
  async *follow(): AsyncGenerator<LocalBatch, void, void> {
    const { keepers, published, onMore } = this.options;
    const { signal } = this.link();
    const bell = new Bell();
    const ring = (): void => bell.ring();
    const stopHearing = published.onChange(ring);
    onMore.add(ring);
    onAbort(signal, ring);
    const heard = new Map<ReplicaPartitionKeeper, () => void>();
    try {
      let changed = bell.next();
      await this.begin();
      while (!signal.aborted) {
        for (const keeper of keepers()) {
          if (!heard.has(keeper)) heard.set(keeper, keeper.moved.onRing(ring));
          await this.placeOf(keeper);
          yield* this.readOn(keeper);
        }
        this.isLoaded = true;
        yield* this.told();
        if (!signal.aborted) await changed;
        changed = bell.next();
        if (!signal.aborted) await this.look();
      }
    } finally {
      stopHearing();
      for (const forget of heard.values()) forget();
      onMore.delete(ring);
      this.controller.abort();
    }
  }

  /** What is pending beyond all that is held now. */
  async pending(): Promise<PendingEntry[]> {
    this.link();
    try {
      await this.begin();
      return this.changes();
    } finally {
      this.controller.abort();
    }
  }

  /** Where it reads next, by partition. */
  get positions(): ReadonlyMap<number, bigint> {
    return this.next;
  }

  private link(): AbortController {
    this.controller = linkedController(...this.options.signals);
    return this.controller;
  }

  /**
   * The rows are looked at when it is known where the replica is to be read from, and before it is. And once before that: what
   * arrives and leaves the rows meanwhile is known by then.
   */
  private async begin(): Promise<void> {
    const { keepers, published, topic } = this.options;
    await showPending(published.rows, topic);
    await this.look();
    for (const keeper of keepers()) await this.placeOf(keeper);
    await this.look();
    const frozen = [...this.tracker.unanswered];
    for (const keeper of keepers()) {
      const { partition } = keeper;
      const start = this.next.get(partition) ?? 0n;
      const ends = frozen.filter((batch) => batch.partition === partition).map(({ endBefore }) => endBefore);
      await this.lookBack(
        keeper,
        ends.reduce((least, end) => (end < least ? end : least), start),
        start,
      );
    }
  }

  /** What was sent before this reader began may be in the replica before where it begins. */
  private async lookBack(keeper: ReplicaPartitionKeeper, from: bigint, to: bigint): Promise<void> {
    let next = from;
    while (next < to && !this.controller.signal.aborted) {
      const piece = await this.piece(keeper, next);
      this.tracker.place(
        keeper.partition,
        piece.batches.map(({ header }) => header),
      );
      next = piece.isEnd ? to : piece.next;
    }
  }

  private async placeOf(keeper: ReplicaPartitionKeeper): Promise<void> {
    const { partition } = keeper;
    if (this.next.has(partition)) return;
    const { cutCount: cuts } = keeper;
    const begin = await this.options.startOf(keeper);
    this.next.set(partition, begin);
    this.places.set(partition, { begin, cuts });
  }

  /** Up to the end that is held when it gets there. */
  private async *readOn(keeper: ReplicaPartitionKeeper): AsyncGenerator<LocalBatch, void, void> {
    const { tracker, next } = this;
    const { partition } = keeper;
    for (let isEnd = false; !isEnd && !this.controller.signal.aborted;) {
      const before = next.get(partition) ?? 0n;
      const { batches, ...piece } = await this.piece(keeper, before);
      isEnd = piece.isEnd;
      if (piece.next > before) await this.look();
      tracker.place(
        partition,
        batches.map(({ header }) => header),
      );
      for (const { batch } of batches)
        if (batch.records.length > 0) yield { ...batch, ids: tracker.arrive(partition, batch.records) };
      const place = this.places.get(partition);
      const { cutCount: cuts } = keeper;
      next.set(partition, keeper.afterCuts(place?.cuts ?? cuts, place?.begin ?? 0n, piece.next));
      this.places.set(partition, { begin: place?.begin ?? 0n, cuts });
      // Who shows them is not to wait until a long way is caught up with; but what is here from the start comes first.
      if (this.isLoaded) yield* this.told();
    }
  }

  private async piece(keeper: ReplicaPartitionKeeper, from: bigint): Promise<Piece> {
    const { signal } = this.controller;
    const { partition } = keeper;
    const begin = this.places.get(partition)?.begin ?? from;
    const batches: { header: BatchHeader; batch: Omit<ArrivedBatch, "ids"> }[] = [];
    const onBatch = (header: BatchHeader): void => {
      batches.push({ header, batch: { partition, records: [] } });
    };
    const reading = keeper.readOn(begin, from, { signal, onBatch });
    let next = from;
    try {
      for (let count = 0; count < PIECE_RECORDS;) {
        const step = await reading.next();
        if (step.done === true) return { batches, next: step.value, isEnd: true };
        const last = batches.pop();
        if (last === undefined) continue;
        batches.push({ header: last.header, batch: { partition, records: step.value } });
        count += step.value.length;
        next = last.header.lastOffset + 1n;
      }
    } finally {
      await reading.return(next);
    }
    return { batches, next, isEnd: false };
  }

  private async look(): Promise<void> {
    const { tracker } = this;
    const { published, topic, topicId } = this.options;
    await published.allAdded();
    tracker.isOf(topicId(), published.losses());
    tracker.update(await pendingRows(published.rows, topic, tracker.seen));
    const ends = new Map(this.options.keepers().map(({ partition, held }) => [partition, held?.to ?? 0n]));
    const settled = tracker.settled(ends);
    if (settled.length === 0) return;
    // For who reads next. What fails here is done the next time.
    await forgetArrived(published.rows, topic, settled).then(
      () => tracker.forget(settled),
      () => undefined,
    );
  }

  private *told(): Generator<LocalBatch, void, void> {
    const pending = this.changes();
    if (pending.length > 0) yield { pending };
  }

  private changes(): PendingEntry[] {
    const { isWhole } = this.options;
    const partitions = this.options.keepers().map(({ partition }) => partition);
    return this.tracker.changes({
      next: this.next,
      only: isWhole ? undefined : new Set(partitions),
      count: isWhole && partitions.length > 0 ? partitions.length : undefined,
    });
  }
}
