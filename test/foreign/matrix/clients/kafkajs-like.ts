/** kafkajs, and what took over its calls: they differ in where options stand. */
import { fileURLToPath } from "node:url";
import type { Admin, Consumer, EachMessagePayload, Producer } from "kafkajs";
import type { Codec, ReadRecord } from "../../clients/client.ts";
import type { Client, Lack } from "../client.ts";
import { parseMember } from "../member-line.ts";

export const MEMBER = fileURLToPath(new URL("../node/kafkajs-like-member.mjs", import.meta.url));

/** Where such a client wants its options. */
export interface Dialect {
  /** The name by which the member program knows it. */
  readonly name: string;
  producer(codec: Codec): Producer;
  /** Options of each `send`. */
  sendOptions(codec: Codec): { acks?: number; compression?: number };
  /** A connected consumer of these topics that commits nothing, given `runOptions`. */
  consumer(group: string, topics: readonly string[], fromBeginning: boolean): Promise<Consumer>;
  readonly runOptions: { autoCommit?: boolean };
  admin(): Admin;
  /** ConfigResourceTypes.TOPIC; or why settings cannot be changed. */
  readonly configs: { readonly topicResource: number } | Lack;
}

/** Time for a call of the admin's; the slowest machine is a machine. In milliseconds. */
const timeout = 60_000;

interface PatientAdmin {
  fetchTopicOffsetsByTimestamp(
    topic: string,
    timestamp: number,
    options: { timeout: number },
  ): Promise<readonly { offset: string }[]>;
}

/** A client that speaks this dialect to one gateway. */
export function kafkajsLike(broker: string, dialect: Dialect): Client {
  const withAdmin = async <T>(call: (admin: Admin) => Promise<T>): Promise<T> => {
    const admin = dialect.admin();
    await admin.connect();
    try {
      return await call(admin);
    } finally {
      await admin.disconnect();
    }
  };

  return {
    async write(topic, codec, batches) {
      const producer = dialect.producer(codec);
      await producer.connect();
      try {
        for (const batch of batches) {
          const messages = batch.map(({ key, value, headers }) => ({
            key,
            value,
            headers: Object.fromEntries(headers),
          }));
          await producer.send({ topic, messages, ...dialect.sendOptions(codec) });
        }
      } finally {
        await producer.disconnect();
      }
    },

    async read(topics, count) {
      return await take(dialect, await dialect.consumer(`${dialect.name}-read`, topics, true), count);
    },

    async readFrom(topic, timestampMs, count) {
      const [found] = await withAdmin((admin) => {
        // kafkajs has no time-out here and takes no third argument.
        const patient = admin as unknown as PatientAdmin;
        return patient.fetchTopicOffsetsByTimestamp(topic, timestampMs, { timeout });
      });
      const consumer = await dialect.consumer(`${dialect.name}-seek`, [topic], false);
      // Without the seek it would read nothing, since it begins at the end.
      return await take(dialect, consumer, count, { topic, partition: 0, offset: found?.offset ?? "none" });
    },

    member: (topic, group) => ({
      command: process.execPath,
      args: [MEMBER, dialect.name, broker, topic, group],
      parse: parseMember,
    }),

    topics: {
      create: (topic, numPartitions, config) =>
        withAdmin(async (admin) => {
          const configEntries = Object.entries(config).map(([name, value]) => ({ name, value }));
          await admin.createTopics({ topics: [{ topic, numPartitions, configEntries }], timeout });
        }),
      countPartitions: (topic) =>
        withAdmin(async (admin) => {
          if (!(await admin.listTopics()).includes(topic)) return 0;
          const described: unknown = await admin.fetchTopicMetadata({ topics: [topic] });
          return partitionsIn(described);
        }),
      delete: (topic) => withAdmin((admin) => admin.deleteTopics({ topics: [topic], timeout })),
    },

    configs: "why" in dialect.configs ? dialect.configs : configCalls(dialect.configs.topicResource),

    deleteRecords: (topic, before) =>
      withAdmin(async (admin) => {
        // kafkajs forgets to load the topic's metadata when it deletes records.
        await admin.fetchTopicOffsets(topic);
        await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: String(before) }] });
        const [offsets] = await admin.fetchTopicOffsets(topic);
        return Number(offsets?.low);
      }),

    close: () => Promise.resolve(),
  };

  function configCalls(type: number): Client["configs"] {
    return {
      get: (topic, name) =>
        withAdmin(async (admin) => {
          const resources = [{ type, name: topic, configNames: [name] }];
          const described = await admin.describeConfigs({ resources, includeSynonyms: false });
          return described.resources[0]?.configEntries[0]?.configValue ?? "";
        }),
      set: (topic, name, value) =>
        withAdmin(async (admin) => {
          const resources = [{ type, name: topic, configEntries: [{ name, value }] }];
          await admin.alterConfigs({ validateOnly: false, resources });
        }),
    };
  }
}

/** kafkajs answers `{ topics: [...] }`, and the other one the list itself. */
function partitionsIn(described: unknown): number {
  interface Topic {
    readonly partitions: readonly unknown[];
  }
  const topics = Array.isArray(described)
    ? (described as Topic[])
    : (described as { topics: Topic[] }).topics;
  return topics[0]?.partitions.length ?? 0;
}

async function take(
  { runOptions }: Dialect,
  consumer: Consumer,
  count: number,
  seek?: { topic: string; partition: number; offset: string },
): Promise<ReadRecord[]> {
  const records: ReadRecord[] = [];
  try {
    let tellAllRead = (): void => {};
    const allRead = new Promise<void>((resolve) => (tellAllRead = resolve));
    const eachMessage = ({ message }: EachMessagePayload): Promise<void> => {
      if (records.length < count) records.push(recordOf(message));
      if (records.length === count) tellAllRead();
      return Promise.resolve();
    };
    await consumer.run({ ...runOptions, eachMessage });
    if (seek !== undefined) consumer.seek(seek);
    await allRead;
  } finally {
    await consumer.disconnect();
  }
  return records;
}

function recordOf({ offset, timestamp, key, value, headers }: EachMessagePayload["message"]): ReadRecord {
  return {
    offset: BigInt(offset),
    timestamp: BigInt(timestamp),
    key,
    value,
    headers: Object.entries(headers ?? {}).map(([name, text]) => [name, String(text)] as const),
  };
}
