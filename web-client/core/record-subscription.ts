import type { ReceivedRecord } from "./api.ts";
import type { Subscription } from "./api-subscribe.ts";

/** An iteration that can be ended from outside, also while it waits: a generator alone would first wait to the end. */
export class RecordSubscription<V, K, R = ReceivedRecord<V, K>> implements Subscription<V, K, R> {
  private readonly records: AsyncGenerator<R, void, void>;
  private readonly stop: () => void;

  /** `stop` makes the generator end. */
  constructor(records: AsyncGenerator<R, void, void>, stop: () => void) {
    this.records = records;
    this.stop = stop;
  }

  next(): Promise<IteratorResult<R, void>> {
    return this.records.next();
  }

  return(): Promise<IteratorResult<R, void>> {
    this.stop();
    return this.records.return();
  }

  async close(): Promise<void> {
    await this.return();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
