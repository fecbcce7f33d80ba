import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import {
  Admin,
  compressionsAlgorithms,
  ConfigResourceTypes,
  Consumer,
  IncrementalAlterConfigOperationTypes,
  ProduceAcks,
  Producer,
  type MessagesStream,
} from "@platformatic/kafka";
import snappy from "snappy";
import type { ReadRecord } from "../../clients/client.ts";
import type { Client, ClientKind } from "../client.ts";
import { parseMember } from "../member-line.ts";

const MEMBER = fileURLToPath(new URL("../node/platformatic-member.mjs", import.meta.url));
const packageFile = new URL("../../../../node_modules/@platformatic/kafka/package.json", import.meta.url);

export const platformaticKind: ClientKind = {
  name: "@platformatic/kafka",
  needs: [],
  lacksCodecs: {
    snappy: {
      why: "writes snappy as everybody reads it, but reads no frames of snappy-java's, which Java's clients write",
      writes: true,
      holds: readsNoFrames,
    },
    zstd: {
      why: "has zstd where Node has it, from 22.15 on, and is tested on 20",
      writes: false,
      holds: () => Number(process.versions.node.split(".")[0]) > 20 || !compressionsAlgorithms.zstd.available,
    },
  },
  install: () =>
    Promise.resolve((JSON.parse(readFileSync(packageFile, "utf8")) as { version: string }).version),
  connect,
};

function connect(broker: string): Client {
  const patience = { connectTimeout: 60_000, retries: 5, retryDelay: 200 };
  const options = { clientId: "platformatic-test", bootstrapBrokers: [broker], ...patience };
  const withAdmin = async <T>(call: (admin: Admin) => Promise<T>): Promise<T> => {
    const admin = new Admin(options);
    try {
      return await call(admin);
    } finally {
      await admin.close();
    }
  };
  const resource = (topic: string) => ({ resourceType: ConfigResourceTypes.TOPIC, resourceName: topic });

  return {
    async write(topic, codec, batches) {
      const producer = new Producer({
        ...options,
        idempotent: true,
        acks: ProduceAcks.ALL,
        compression: codec,
      });
      try {
        for (const batch of batches) {
          const messages = batch.map(({ key, value, headers }) => ({
            topic,
            ...(key === null ? {} : { key }),
            ...(value === null ? {} : { value }),
            headers: new Map(headers.map(([name, text]) => [Buffer.from(name), Buffer.from(text)])),
          }));
          await producer.send({ messages });
        }
      } finally {
        await producer.close();
      }
    },

    async read(topics, count) {
      const consumer = new Consumer({ ...options, groupId: "platformatic-read" });
      const stream = await consumer.consume({ topics: [...topics], mode: "earliest", autocommit: false });
      return await take(consumer, stream, count);
    },

    async readFrom(topic, timestampMs, count) {
      const consumer = new Consumer({ ...options, groupId: "platformatic-seek" });
      const found = await consumer.listOffsets({ topics: [topic], timestamp: BigInt(timestampMs) });
      const offsets = [{ topic, partition: 0, offset: found.get(topic)?.[0] ?? -1n }];
      const stream = await consumer.consume({ topics: [topic], mode: "manual", offsets, autocommit: false });
      return await take(consumer, stream, count);
    },

    member: (topic, group) => ({
      command: process.execPath,
      args: [MEMBER, broker, topic, group],
      parse: parseMember,
    }),

    topics: {
      create: (topic, partitions, config) =>
        withAdmin(async (admin) => {
          const configs = Object.entries(config).map(([name, value]) => ({ name, value }));
          await admin.createTopics({ topics: [topic], partitions, replicas: 1, configs });
        }),
      countPartitions: (topic) =>
        withAdmin(async (admin) => {
          if (!(await admin.listTopics()).includes(topic)) return 0;
          const { topics } = await admin.metadata({ topics: [topic] });
          return topics.get(topic)?.partitionsCount ?? 0;
        }),
      delete: (topic) => withAdmin((admin) => admin.deleteTopics({ topics: [topic] })),
    },

    configs: {
      get: (topic, name) =>
        withAdmin(async (admin) => {
          const described = await admin.describeConfigs({
            resources: [{ ...resource(topic), configurationKeys: [name] }],
          });
          return described[0]?.configs[0]?.value ?? "";
        }),
      set: (topic, name, value) =>
        withAdmin(async (admin) => {
          const configOperation = IncrementalAlterConfigOperationTypes.SET;
          const configs = [{ name, configOperation, value }];
          await admin.incrementalAlterConfigs({ resources: [{ ...resource(topic), configs }] });
        }),
    },

    deleteRecords: (topic, before) =>
      withAdmin(async (admin) => {
        const partitions = [{ partition: 0, offset: BigInt(before) }];
        const [deleted] = await admin.deleteRecords({ topics: [{ name: topic, partitions }] });
        return Number(deleted?.partitions[0]?.lowWatermark);
      }),

    close: () => Promise.resolve(),
  };
}

type BufferStream = MessagesStream<Buffer, Buffer, Buffer, Buffer>;

async function take(
  consumer: Consumer<Buffer, Buffer, Buffer, Buffer>,
  stream: BufferStream,
  count: number,
): Promise<ReadRecord[]> {
  const records: ReadRecord[] = [];
  try {
    for await (const { offset, timestamp, key, value, headers } of stream) {
      records.push({
        offset,
        timestamp,
        // What has no key or value comes as undefined.
        key: key ?? null,
        value: value ?? null,
        headers: [...headers].map(([name, text]) => [String(name), String(text)] as const),
      });
      if (records.length === count) break;
    }
  } finally {
    // Its types take this for the call with a callback.
    await (consumer.close(true) as unknown as Promise<void>);
  }
  return records;
}

/** Whether a block in the frame of snappy-java's is still too much for it. */
function readsNoFrames(): boolean {
  const text = Buffer.from("snappy-java writes a frame around its blocks");
  const block = snappy.compressSync(text);
  const header = Buffer.from("82534e4150505900" + "00000001" + "00000001", "hex");
  const length = Buffer.alloc(4);
  length.writeInt32BE(block.length);
  try {
    return !compressionsAlgorithms.snappy.decompressSync(Buffer.concat([header, length, block])).equals(text);
  } catch {
    return true;
  }
}
