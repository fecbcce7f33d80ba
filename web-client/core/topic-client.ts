/** One topic as the app uses it: publish, subscribe, replicate. */
import type { LogRecord } from "../../log/record.ts";
import { EARLIEST, LATEST } from "../../sync/log-offsets.ts";
import { merge } from "../../sync/merge.ts";
import { watchPartitions } from "../../sync/partition-watch.ts";
import { subscription } from "../../sync/subscription.ts";
import { linkedController } from "../../sync/wait.ts";
import { KafkaError } from "../../wire/errors.ts";
import type {
  Publication,
  PublishRecord,
  ReceivedRecord,
  Replica,
  ReplicateOptions,
  SubscribeOptions,
  Topic,
} from "./api.ts";
import type { ClientParts } from "./client-parts.ts";
import { LazyRecord } from "./received-record.ts";
import type { Codec } from "./received-record.ts";
import { UNCOMPRESSED_BYTES_MAX } from "./replica-reader.ts";

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

  async *subscribe(options: SubscribeOptions = {}): AsyncGenerator<ReceivedRecord<V, K>, void, void> {
    const { upstream, metadata, engine, history, signal: closed } = this.parts;
    const controller = linkedController(closed);
    const stop = (): void => controller.abort();
    options.signal?.addEventListener("abort", stop, { once: true });
    if (options.signal?.aborted === true) stop();
    try {
      const topic = await metadata.topicWhenThere(this.name, controller.signal).catch((error: unknown) => {
        if (controller.signal.aborted || (error instanceof KafkaError && upstream.state.name === "closed"))
          return undefined;
        throw error;
      });
      if (topic === undefined) return;
      const open = (partition: number, from: bigint): AsyncGenerator<PartitionBatch, void, void> =>
        ofPartition(
          partition,
          subscription({
            upstream,
            engine,
            history,
            topic: topic.name,
            topicId: topic.id,
            partition,
            from,
            uncompressedBytesMax: UNCOMPRESSED_BYTES_MAX,
            onGap: (gapFrom, to) => options.onGap?.({ partition, from: gapFrom, to }),
            isThere: async () => {
              metadata.invalidate(topic.name);
              return (await metadata.topic(topic.name))?.id === topic.id;
            },
            signal: controller.signal,
          }),
        );
      const sources = Array.from({ length: topic.partitions }, (_, partition) =>
        open(partition, startOf(options.from ?? "latest", partition)),
      );
      const merged = merge(sources, stop, (add) =>
        watchPartitions(
          topic,
          { metadata, clock: upstream.clock, signal: controller.signal },
          (partitions) => {
            // All that is in a partition that was not there before is new.
            for (const partition of partitions) add(open(partition, EARLIEST));
          },
        ),
      );
      for await (const { partition, batch } of merged) {
        for (const record of batch) {
          if (controller.signal.aborted) return;
          yield new LazyRecord(topic.name, partition, record, this.codec);
        }
      }
    } finally {
      options.signal?.removeEventListener("abort", stop);
      stop();
    }
  }

  replicate(options: ReplicateOptions = {}): Promise<Replica<V, K>> {
    return this.parts.replicate(this.name, this.codec, options);
  }
}

interface PartitionBatch {
  readonly partition: number;
  readonly batch: readonly LogRecord[];
}

async function* ofPartition(
  partition: number,
  batches: AsyncIterable<readonly LogRecord[]>,
): AsyncGenerator<PartitionBatch, void, void> {
  for await (const batch of batches) yield { partition, batch };
}

function startOf(from: NonNullable<SubscribeOptions["from"]>, partition: number): bigint {
  if (from === "latest") return LATEST;
  if (from === "earliest") return EARLIEST;
  const positions = "offset" in from ? [from] : from;
  const named = positions.find((position) => position.partition === partition);
  if (named === undefined) return EARLIEST;
  const { offset } = named;
  // Below 0 stand places such as the end: a position that is not known must not be taken for one of them.
  if (offset < 0n) throw new RangeError(`\`from\`: ${offset} is no offset in partition ${partition}`);
  return offset;
}
