/** A topic that is read by the worker: its batches come to the page, and the worker is told what the app has taken. */
import { linkedController } from "../../sync/wait.ts";
import type { SubscribeOptions } from "../core/api-subscribe.ts";
import type { LocalBatch } from "../core/local-record.ts";
import type { RecordBatch } from "../core/record-batch.ts";
import type { FarClient, FarReading } from "./client-service.ts";
import { unframed, unframedLocal, whileOpen } from "./record-frames.ts";

/** What was taken is told at most this often, and once more at the end. */
const TELL_MS = 100;

export class RemoteReading {
  private readonly topic: string;
  private readonly far: FarClient;
  private readonly options: Omit<SubscribeOptions, "signal">;
  private readonly controller: AbortController;
  private readonly isStored: boolean;
  private reading: FarReading | undefined;
  private taken = new Map<number, bigint>();
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(topic: string, far: FarClient, { signal, ...options }: SubscribeOptions) {
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
    const { signal, options } = this;
    return this.read((reading) => unframed(reading.stream("records", signal, options.onGap)));
  }

  /** As `batches`, with what is pending on this device. */
  local(): AsyncGenerator<LocalBatch, void, void> {
    const { signal, options } = this;
    return this.read((reading) => unframedLocal(reading.stream("localRecords", signal, options.onGap)));
  }

  private async *read<T>(open: (reading: FarReading) => AsyncIterable<T>): AsyncGenerator<T, void, void> {
    const { far, topic, signal } = this;
    if (signal.aborted) return;
    const { onGap: _onGap, ...options } = this.options;
    try {
      this.reading = await far.call("subscribe", topic, options);
      yield* whileOpen(far, open(this.reading));
    } catch (error) {
      if (!far.isOver(error)) throw error;
    } finally {
      this.stop();
      await this.leave();
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
