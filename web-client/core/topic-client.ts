/** One topic as the app uses it: publish, subscribe, replicate. */
import type { Publication, PublishRecord, ReplicateOptions, Topic } from "./api.ts";
import type { LocalRecord, PendingOptions } from "./api-pending.ts";
import type { SubscribeOptions } from "./api-subscribe.ts";
import type { ClientParts } from "./client-parts.ts";
import { encodeRecord } from "./encode-record.ts";
import type { Codec } from "./received-record.ts";
import { RecordSubscription } from "./record-subscription.ts";
import { received } from "./record-batch.ts";
import type { ReceivedOptions } from "./record-batch.ts";
import type { ReplicaClient } from "./replica-client.ts";
import { topicAddress } from "./topic-address.ts";
import { TopicReading } from "./topic-reading.ts";

export class TopicClient<V, K> implements Topic<V, K> {
  readonly name: string;
  private readonly parts: ClientParts;
  private readonly codec: Codec<V, K>;

  constructor(name: string, parts: ClientParts, codec: Codec<V, K>) {
    this.name = name;
    this.parts = parts;
    this.codec = codec;
  }

  publish(record: PublishRecord<V, K>): Publication {
    const { queued, delivered } = this.parts.outbox.publish({
      ...topicAddress(this.parts, this.name),
      ...encodeRecord(record, this.codec),
    });
    return { queued: queued as Promise<unknown> as Promise<void>, delivered };
  }

  subscribe(options: SubscribeOptions & PendingOptions): RecordSubscription<V, K, LocalRecord<V, K>>;
  subscribe(options?: SubscribeOptions): RecordSubscription<V, K>;
  subscribe(
    options: SubscribeOptions & Partial<PendingOptions> = {},
  ): RecordSubscription<V, K> | RecordSubscription<V, K, LocalRecord<V, K>> {
    const reading = new TopicReading(this.name, this.parts, options);
    let isLeft = false;
    const stop = (): void => {
      isLeft = true;
      reading.stop();
    };
    const onTaken = (partition: number, next: bigint): void => reading.moveTo(partition, next);
    if (options.pending === true) {
      // What is pending comes when the reading is over.
      const isOver = (): boolean => isLeft || options.signal?.aborted === true || this.parts.signal.aborted;
      return new RecordSubscription(this.local(reading, { isOver, onTaken }), stop);
    }
    const isOver = (): boolean => reading.signal.aborted;
    const records = received(this.name, reading.batches(), this.codec, { isOver, onTaken });
    return new RecordSubscription(records, stop);
  }

  private async *local(
    reading: TopicReading,
    taking: ReceivedOptions,
  ): AsyncGenerator<LocalRecord<V, K>, void, void> {
    const { localRecords } = await this.parts.published.code();
    yield* localRecords(this.name, reading.local(), this.codec, taking);
  }

  replicate(options: ReplicateOptions = {}): Promise<ReplicaClient<V, K>> {
    return this.parts.replicate(this.name, this.codec, options);
  }
}
