import type { Logger } from "../../log/logger.ts";

/** How often, in milliseconds, it is logged that connections are refused: a crowd that comes again and again would fill the disk. */
const TELL_AGAIN_MS = 10_000;

export interface QuotaOptions {
  /** Most connections of all listeners together. */
  max: number;
  /** What sets that bound, and how to raise it: for the log. */
  reason: string;
  log: Logger;
  /** Milliseconds since some moment; never jumps. */
  elapsedMs: () => number;
}

/** Connections of all listeners: how many there are, and whether there may be one more. */
export class ConnectionQuota {
  private readonly options: QuotaOptions;
  private count = 0;
  /** Refused and not told of yet. */
  private refusals = 0;
  private toldMs = -TELL_AGAIN_MS;

  constructor(options: QuotaOptions) {
    this.options = options;
  }

  /** Whether there are too many: those that are there only to be told so. */
  get isExceeded(): boolean {
    return this.count > this.options.max;
  }

  /** Counts one more. False, and not counted: not even `beyond` the bound may there be another. */
  take(beyond = 0): boolean {
    if (this.count >= this.options.max + beyond) return false;
    this.count++;
    return true;
  }

  /** A connection that was counted is gone. */
  giveBack(): void {
    this.count--;
  }

  /** Tells the operator, now and then, that connections are refused. `reason`: when it is not the bound of all listeners. */
  refused(listener: string, reason = this.options.reason): void {
    const { log, elapsedMs } = this.options;
    this.refusals++;
    const now = elapsedMs();
    if (now - this.toldMs < TELL_AGAIN_MS) return;
    const fields = { listener, refused: this.refusals, open: this.count };
    this.toldMs = now;
    this.refusals = 0;
    log.warn(`connections were refused: ${reason}`, fields);
  }
}
