/** A topic beside the measured one, for the node to look after: filled first, then told to be compacted or cut short. */
import { createTopics } from "../../wire/apis/create-topics.ts";
import { deleteTopics } from "../../wire/apis/delete-topics.ts";
import { describeLogDirs } from "../../wire/apis/describe-log-dirs.ts";
import { incrementalAlterConfigs } from "../../wire/apis/incremental-alter-configs.ts";
import { CODEC_NONE } from "../../engine-as/format.ts";
import type { Engine } from "../../log/engine.ts";
import type { KafkaClient } from "../kafka-client.ts";
import { produceTo } from "../many/calls.ts";
import { createRandom } from "../random.ts";

const VALUE_BYTES = 200;
const RECORDS_PER_BATCH = 250;
const BATCH_BYTES_MAX = 2 ** 20;
const TIMEOUT_MS = 60_000;
const TOPIC_RESOURCE = 2;
/** IncrementalAlterConfigs' word for it. */
const SET = 0;

export interface Filling {
  readonly records: number;
  readonly keys: number;
  readonly segmentBytes: number;
}

/** Batches with keys drawn from so many: the same for a seed. */
export function keyedBatches(engine: Engine, seed: number, { records, keys }: Filling): Uint8Array[] {
  const random = createRandom(seed);
  const encoder = new TextEncoder();
  const value = new Uint8Array(VALUE_BYTES).fill(0x78);
  // One for all, so that the bytes of a batch are as many on every machine.
  const timestamp = Date.now();
  return Array.from({ length: Math.ceil(records / RECORDS_PER_BATCH) }, () =>
    engine.writeBatch(
      Array.from({ length: RECORDS_PER_BATCH }, () => ({
        key: encoder.encode(`key ${random.below(keys)}`),
        value,
        timestamp,
      })),
      {
        codec: CODEC_NONE,
        producerId: -1n,
        producerEpoch: -1,
        baseSequence: -1,
        bytesMax: BATCH_BYTES_MAX,
      },
    ),
  );
}

/** Makes a topic that is neither compacted nor cut short yet, and fills it. */
export async function fill(
  client: KafkaClient,
  topic: string,
  batches: readonly Uint8Array[],
  { segmentBytes }: Filling,
): Promise<void> {
  const configs = { "segment.bytes": String(segmentBytes), "file.delete.delay.ms": "0" };
  const { topics } = await client.request(createTopics, 5, {
    topics: [
      {
        name: topic,
        numPartitions: 1,
        replicationFactor: 1,
        assignments: [],
        configs: Object.entries(configs).map(([name, value]) => ({ name, value })),
      },
    ],
    timeoutMs: TIMEOUT_MS,
    validateOnly: false,
  });
  if (topics[0]?.errorCode !== 0) throw new Error(`${topic} was not made: ${topics[0]?.errorMessage}`);
  // The log owns what it is given, but over a socket it gets a copy.
  for (const batch of batches) await produceTo(client, { topic, partition: 0 }, batch);
}

/** From now on the node has something to do. */
export async function configure(
  client: KafkaClient,
  topic: string,
  configs: Readonly<Record<string, string>>,
): Promise<void> {
  const { responses } = await client.request(incrementalAlterConfigs, 1, {
    resources: [
      {
        resourceType: TOPIC_RESOURCE,
        resourceName: topic,
        configs: Object.entries(configs).map(([name, value]) => ({ name, configOperation: SET, value })),
      },
    ],
    validateOnly: false,
  });
  if (responses[0]?.errorCode !== 0) throw new Error(`${topic}: ${responses[0]?.errorMessage}`);
}

/** Bytes of its log. */
export async function sizeOf(client: KafkaClient, topic: string): Promise<number> {
  const { results } = await client.request(describeLogDirs, 4, { topics: [{ topic, partitions: [0] }] });
  return Number(results[0]?.topics[0]?.partitions[0]?.partitionSize ?? 0n);
}

export async function remove(client: KafkaClient, topic: string): Promise<void> {
  await client.request(deleteTopics, 5, { topicNames: [topic], timeoutMs: TIMEOUT_MS });
}
