/** Keeps reads and the exchange of what they read apart: each waits for the other to end. */
import { Deferred } from "./deferred.ts";

export class ReadGate {
  private readonly reads = new Set<Promise<unknown>>();
  private exchange: Promise<void> | undefined;

  /** Set while no read may begin: resolves when it is worth looking again. Who finds it unset begins in the same tick. */
  get closed(): Promise<void> | undefined {
    return this.exchange;
  }

  /** A read that has begun. Settles as it does. */
  async take<T>(reading: Promise<T>): Promise<T> {
    this.reads.add(reading);
    try {
      return await reading;
    } finally {
      this.reads.delete(reading);
    }
  }

  /** Resolves when all reads that have begun are over. */
  async idle(): Promise<void> {
    await Promise.allSettled(this.reads);
  }

  /** Runs the task while nobody reads; one at a time. Settles as it does. */
  async without(task: () => Promise<void>): Promise<void> {
    const over = new Deferred();
    this.exchange = over.promise;
    try {
      await this.idle();
      await task();
    } finally {
      this.exchange = undefined;
      over.resolve();
    }
  }
}
