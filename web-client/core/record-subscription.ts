import type { ReceivedRecord } from "./api.ts";
import type { Subscription } from "./api-subscribe.ts";

/** An iteration that can be ended from outside, also while it waits: a generator alone would first wait to the end. */
export class RecordSubscription<V, K> implements Subscription<V, K> {
  private readonly records: AsyncGenerator<ReceivedRecord<V, K>, void, void>;
  private readonly stop: () => void;

  /** `stop` makes the generator end. */
  constructor(records: AsyncGenerator<ReceivedRecord<V, K>, void, void>, stop: () => void) {
    this.records = records;
    this.stop = stop;
  }

  next(): Promise<IteratorResult<ReceivedRecord<V, K>, void>> {
    return this.records.next();
  }

  return(): Promise<IteratorResult<ReceivedRecord<V, K>, void>> {
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
