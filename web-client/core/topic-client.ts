/** One topic as the app uses it: publish, subscribe, replicate. */
import { linkedController } from "../../sync/wait.ts";
import type { Publication, PublishRecord, Replica, ReplicateOptions, Topic } from "./api.ts";
import type { SubscribeOptions } from "./api-subscribe.ts";
import type { ClientParts } from "./client-parts.ts";
import type { Codec } from "./received-record.ts";
import { RecordSubscription } from "./record-subscription.ts";
import { readTopic } from "./topic-reading.ts";

export class TopicClient<V, K> implements Topic<V, K> {
  readonly name: string;
  private readonly parts: ClientParts;
  private readonly codec: Codec<V, K>;

  constructor(name: string, parts: ClientParts, codec: Codec<V, K>) {
    this.name = name;
    this.parts = parts;
    this.codec = codec;
  }

  publish({ key, value, headers, timestamp }: PublishRecord<V, K>): Publication {
    const { device, outbox } = this.parts;
    return outbox.publish({
      topic: this.name,
      key: key === undefined || key === null ? null : this.codec.key.encode(key).slice(),
      value: value === null ? null : this.codec.value.encode(value).slice(),
      headers: (headers ?? []).map((header) => ({ key: header.key, value: header.value?.slice() ?? null })),
      clusterId: device.clusterId() ?? null,
      topicId: device.topics().get(this.name)?.id ?? null,
      ...(timestamp !== undefined && { timestamp }),
    });
  }

  subscribe(options: SubscribeOptions = {}): RecordSubscription<V, K> {
    const { name, codec, parts } = this;
    const controller = linkedController(parts.signal, options.signal);
    return new RecordSubscription(readTopic({ name, codec, parts, options, controller }), () =>
      controller.abort(),
    );
  }

  replicate(options: ReplicateOptions = {}): Promise<Replica<V, K>> {
    return this.parts.replicate(this.name, this.codec, options);
  }
}
