/**
 * What a test has seen from outside, in the order in which it was seen: it lies in the test's own process, where no renderer
 * that dies can take it along. Its form is the history that the simulator's checker reads.
 */
import type { HistoryEvent } from "../../sim/history.ts";
import { recordId, valueOf } from "../../sim/workload/values.ts";

type Untimed<Event> = Event extends unknown ? Omit<Event, "atMs"> : never;
export type Note = Untimed<HistoryEvent>;

/** A record as an app hands it over. */
export interface Written {
  readonly id: string;
  readonly key: string;
  readonly value: string;
}

export interface Publisher {
  /** Whose outbox it is: all tabs of one user on one device. */
  readonly outbox: string;
  /** One life of one tab. */
  readonly tab: string;
  /** As the gateway is to know it. */
  readonly principal: string;
  readonly topic: string;
}

/** What a page tells of a record, as the words come out of it. */
export type PageWord =
  | { readonly kind: "queued"; readonly id: string }
  | {
      readonly kind: "delivered";
      readonly id: string;
      readonly topic: string;
      readonly partition: number;
      readonly offset: string;
    }
  | { readonly kind: "not queued" | "not delivered"; readonly id: string; readonly error: string };

/** The device has said no to a record, before it was anywhere. */
const NO_ROOM = "QuotaExceededError";

const decoder = new TextDecoder();

export class Notes {
  readonly events: HistoryEvent[] = [];
  /** Everything that was ever published, by its id. */
  readonly written = new Map<string, Written>();
  /** Why `queued` or `delivered` were rejected, by id. */
  readonly rejected = new Map<string, string>();
  private readonly settled = { queued: new Set<string>(), delivered: new Set<string>() };
  private readonly counts = new Map<string, number>();
  private readonly watchers = new Set<() => void>();

  note(note: Note): void {
    this.events.push({ ...note, atMs: performance.now() });
    for (const watcher of this.watchers) watcher();
  }

  /** A record that is about to be published: noted before any page is told of it. */
  publish({ outbox, tab, principal, topic }: Publisher, key: string, paddingBytes: number): Written {
    const number = this.counts.get(outbox) ?? 0;
    this.counts.set(outbox, number + 1);
    const id = recordId(outbox, number);
    const written = { id, key, value: decoder.decode(valueOf(id, paddingBytes)) };
    this.written.set(id, written);
    this.note({
      kind: "publish",
      id,
      producer: outbox,
      number,
      tab,
      principal,
      topic,
      key,
      idempotent: true,
    });
    return written;
  }

  /** A page has said what became of a record. */
  hear(word: PageWord): void {
    const { id } = word;
    if (word.kind === "queued") {
      this.settled.queued.add(id);
      return this.note({ kind: "queued", id });
    }
    if (word.kind === "delivered") {
      const { topic, partition, offset } = word;
      this.settled.delivered.add(id);
      return this.note({
        kind: "acknowledged",
        id,
        topicId: topic,
        partition,
        offset: BigInt(offset),
        level: "all",
      });
    }
    this.rejected.set(id, word.error);
    const isRefused = word.kind === "not queued" && word.error.startsWith(NO_ROOM);
    this.note(isRefused ? { kind: "refused", id, reason: word.error } : { kind: "unknown", id });
  }

  isQueued(id: string): boolean {
    return this.settled.queued.has(id);
  }

  isDelivered(id: string): boolean {
    return this.settled.delivered.has(id);
  }

  /** How many are queued, and delivered. */
  get sums(): { queued: number; delivered: number } {
    return { queued: this.settled.queued.size, delivered: this.settled.delivered.size };
  }

  /** Resolves when that is so, looking again after each note. */
  async until(isSo: () => boolean): Promise<void> {
    if (isSo()) return;
    await new Promise<void>((resolve) => {
      const watch = (): void => {
        if (!isSo()) return;
        this.watchers.delete(watch);
        resolve();
      };
      this.watchers.add(watch);
    });
  }

  untilQueued(records: readonly Written[]): Promise<void> {
    return this.until(() => records.every(({ id }) => this.isQueued(id)));
  }

  untilDelivered(records: readonly Written[]): Promise<void> {
    return this.until(() => records.every(({ id }) => this.isDelivered(id)));
  }
}
