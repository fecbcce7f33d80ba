/**
 * A topic that is read by the worker: its batches come to the page, and the worker is told what the app has taken. Where the worker
 * ends, another one goes on from where this reading is.
 */
import { linkedController } from "../../sync/wait.ts";
import type { SubscribeOptions } from "../core/api-subscribe.ts";
import type { LocalBatch } from "../core/local-record.ts";
import type { PendingEntry } from "../core/pending-tracker.ts";
import type { RecordBatch } from "../core/record-batch.ts";
import type { FarReading, LastingClient, ReadingEars } from "./client-service.ts";
import { unframed, unframedLocal, whileOpen } from "./record-frames.ts";

/** What was taken is told at most this often, and once more at the end. */
const TELL_MS = 100;
/** Of so many rows that have come it is remembered that they have: as many as may be unanswered. */
const ARRIVED_MAX = 10_000;

export class RemoteReading {
  private readonly topic: string;
  private readonly far: LastingClient;
  private readonly options: Omit<SubscribeOptions, "signal">;
  private readonly controller: AbortController;
  private readonly isStored: boolean;
  private reading: FarReading | undefined;
  /** Once it has begun. */
  private topicId: string | undefined;
  /** Where it is, by partition. */
  private readonly next = new Map<number, bigint>();
  private readonly pending = new Map<number, PendingEntry>();
  private readonly arrived = new Set<number>();
  private taken = new Map<number, bigint>();
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(topic: string, far: LastingClient, { signal, ...options }: SubscribeOptions) {
    this.topic = topic;
    this.far = far;
    this.options = options;
    this.controller = linkedController(signal);
    const { from } = options;
    this.isStored = from === "stored" || (typeof from === "object" && "stored" in from);
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** Makes `batches` end, also while it waits. */
  stop(): void {
    this.controller.abort();
  }

  /** Everything before `next` was taken. */
  moveTo(partition: number, next: bigint): void {
    if (!this.isStored) return;
    this.taken.set(partition, next);
    this.timer ??= setTimeout(() => void this.tell(), TELL_MS);
  }

  /** To be called once. */
  batches(): AsyncGenerator<RecordBatch, void, void> {
    const { signal } = this;
    return this.read((reading, ears) => unframed(reading.stream("records", signal, ears)));
  }

  /** As `batches`, with what is pending on this device. */
  local(): AsyncGenerator<LocalBatch, void, void> {
    const { signal } = this;
    return this.read((reading, ears) => unframedLocal(reading.stream("localRecords", signal, ears)));
  }

  private async *read<T extends RecordBatch | LocalBatch>(
    open: (reading: FarReading, ears: ReadingEars) => AsyncIterable<T>,
  ): AsyncGenerator<T, void, void> {
    const { signal } = this;
    try {
      while (!signal.aborted) {
        try {
          yield* this.readOn(open);
          return;
        } catch (error) {
          if (signal.aborted || this.far.isOver(error)) return;
          if (!this.far.isLost(error)) throw error;
        }
      }
    } finally {
      this.stop();
      await this.leave();
    }
  }

  /** In the worker that there is now, or in the next one. */
  private async *readOn<T extends RecordBatch | LocalBatch>(
    open: (reading: FarReading, ears: ReadingEars) => AsyncIterable<T>,
  ): AsyncGenerator<T, void, void> {
    const { far, topic, next, topicId, signal } = this;
    const { onGap, ...options } = this.options;
    const former = { topicId, next, told: [...this.pending.values()], arrived: [...this.arrived] };
    this.reading = await far.call("subscribe", topic, { ...options, former, signal });
    const ears: ReadingEars = {
      onGap: (gap) => {
        next.set(gap.partition, gap.to);
        onGap?.(gap);
      },
      onBegin: (place) => {
        this.topicId = place.topicId;
        for (const [partition, offset] of place.next) {
          next.set(partition, offset);
          // What was taken last, the worker that has ended may not have noted.
          if (topicId !== undefined && offset >= 0n) this.moveTo(partition, offset);
        }
      },
    };
    for await (const batch of whileOpen(far, open(this.reading, ears))) {
      this.see(batch);
      yield batch;
    }
  }

  private see(batch: RecordBatch | LocalBatch): void {
    const { next, pending, arrived } = this;
    if ("pending" in batch) {
      for (const entry of batch.pending)
        if (entry.state === "gone") pending.delete(entry.id);
        else pending.set(entry.id, entry);
      return;
    }
    const last = batch.records.at(-1);
    if (last !== undefined) next.set(batch.partition, last.offset + 1n);
    if (!("ids" in batch)) return;
    for (const id of batch.ids?.values() ?? []) {
      pending.delete(id);
      arrived.add(id);
    }
    for (const id of arrived) {
      if (arrived.size <= ARRIVED_MAX) break;
      arrived.delete(id);
    }
  }

  private async tell(): Promise<void> {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (this.taken.size === 0) return;
    const { taken } = this;
    this.taken = new Map();
    // A client that is closed has noted what it could.
    await this.reading?.call("moveTo", taken).catch(() => undefined);
  }

  private async leave(): Promise<void> {
    if (this.isStored) {
      await this.tell();
      await this.reading?.call("noted").catch(() => undefined);
    }
    this.reading?.release();
  }
}
