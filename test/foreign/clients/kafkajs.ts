/** kafkajs as a test's client. Its consumer wants a group, so reading calls the Fetch of its own broker connection. */
import { createRequire } from "node:module";
import kafkajs, { type Kafka, type logLevel as LogLevel } from "kafkajs";
import type { Codec, ForeignClient, Partition, ReadRecord } from "./client.ts";
import { plugInCodecs } from "./kafkajs-codecs.ts";

// CommonJS: its names are on the default export.
const { CompressionTypes, logLevel } = kafkajs;

plugInCodecs();

/** kafkajs' numbers of the codecs. */
export const compressionOf: Readonly<Record<Codec, number>> = {
  none: CompressionTypes.None,
  gzip: CompressionTypes.GZIP,
  snappy: CompressionTypes.Snappy,
  lz4: CompressionTypes.LZ4,
  zstd: CompressionTypes.ZSTD,
};

/** A kafkajs client for one gateway; quiet, and giving up soon. */
export function kafkajsClient(broker: string): Kafka {
  const level: LogLevel = logLevel.NOTHING;
  return new kafkajs.Kafka({
    clientId: "kafkajs-test",
    brokers: [broker],
    logLevel: level,
    // A loaded machine may take its time.
    requestTimeout: 120_000,
    retry: { retries: 3 },
  });
}

/** Creates topics for a test. */
export async function createTopics(
  broker: string,
  names: readonly string[],
  numPartitions = 1,
): Promise<void> {
  const admin = kafkajsClient(broker).admin();
  await admin.connect();
  try {
    await admin.createTopics({ topics: names.map((topic) => ({ topic, numPartitions })), timeout: 60_000 });
  } finally {
    await admin.disconnect();
  }
}

export const kafkajsForeign: ForeignClient = {
  name: "kafkajs",

  async produce(to, records, codec) {
    const producer = kafkajsClient(to.broker).producer({ idempotent: true, maxInFlightRequests: 1 });
    await producer.connect();
    try {
      const compression = compressionOf[codec];
      const messages = records.map(({ key, value, headers }) => ({
        key,
        value,
        headers: Object.fromEntries(headers),
        partition: to.partition,
      }));
      await producer.send({ topic: to.topic, acks: -1, compression, messages });
    } finally {
      await producer.disconnect();
    }
  },

  async consume(from, offset, count) {
    const cluster = clusterOf(from.broker);
    await cluster.connect();
    try {
      await cluster.addTargetTopic(from.topic);
      const leader = cluster
        .findTopicPartitionMetadata(from.topic)
        .find((one) => one.partitionId === from.partition);
      const broker = await cluster.findBroker({ nodeId: String(leader?.leader) });
      const records: ReadRecord[] = [];
      while (records.length < count) {
        const next = (records.at(-1)?.offset ?? offset - 1n) + 1n;
        const batch = await fetchOnce(broker, from, next);
        if (batch.length === 0) throw new Error(`kafkajs has read ${records.length} records, not ${count}`);
        records.push(...batch);
      }
      return records.slice(0, count);
    } finally {
      await cluster.disconnect();
    }
  },
};

interface FetchedMessage {
  readonly offset: string;
  readonly timestamp: string;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: Readonly<Record<string, Buffer>>;
}

/** What of kafkajs' own, untyped classes is used here. */
interface Broker {
  fetch(request: {
    maxWaitTime: number;
    minBytes: number;
    maxBytes: number;
    isolationLevel: number;
    topics: { topic: string; partitions: { partition: number; fetchOffset: string; maxBytes: number }[] }[];
  }): Promise<{ responses: { partitions: { messages: FetchedMessage[] }[] }[] }>;
}

interface Cluster {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  addTargetTopic(topic: string): Promise<void>;
  findTopicPartitionMetadata(topic: string): { partitionId: number; leader: number }[];
  findBroker(of: { nodeId: string }): Promise<Broker>;
}

const internal = createRequire(import.meta.url);

function clusterOf(broker: string): Cluster {
  const ClusterClass = internal("kafkajs/src/cluster") as new (options: object) => Cluster;
  const socketFactory = internal("kafkajs/src/network/socketFactory") as () => unknown;
  return new ClusterClass({
    logger: kafkajsClient(broker).logger(),
    socketFactory: socketFactory(),
    brokers: [broker],
    clientId: "kafkajs-test",
    connectionTimeout: 5_000,
    metadataMaxAge: 300_000,
    allowAutoTopicCreation: false,
    retry: { retries: 3 },
  });
}

async function fetchOnce(broker: Broker, from: Partition, offset: bigint): Promise<ReadRecord[]> {
  const partition = { partition: from.partition, fetchOffset: String(offset), maxBytes: 1 << 20 };
  const { responses } = await broker.fetch({
    maxWaitTime: 500,
    minBytes: 1,
    maxBytes: 10 << 20,
    isolationLevel: 0,
    topics: [{ topic: from.topic, partitions: [partition] }],
  });
  const messages = responses[0]?.partitions[0]?.messages ?? [];
  // A batch is served whole, from its first record on.
  return messages
    .filter((message) => BigInt(message.offset) >= offset)
    .map((message) => ({
      offset: BigInt(message.offset),
      timestamp: BigInt(message.timestamp),
      key: message.key,
      value: message.value,
      headers: Object.entries(message.headers).map(([name, value]) => [name, value.toString()] as const),
    }));
}
