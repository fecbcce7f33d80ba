/** @platformatic/kafka as a test's client. `consume` wants a group; its public `fetch` does not. */
import { Consumer, ProduceAcks, Producer } from "@platformatic/kafka";
import type { ForeignClient, Partition, ReadRecord } from "./client.ts";

export const platformatic: ForeignClient = {
  name: "@platformatic/kafka",

  async produce(to, records, codec) {
    const producer = new Producer({
      clientId: "platformatic-test",
      bootstrapBrokers: [to.broker],
      idempotent: true,
      acks: ProduceAcks.ALL,
      compression: codec,
      retries: 3,
    });
    try {
      const messages = records.map(({ key, value, headers }) => ({
        topic: to.topic,
        partition: to.partition,
        ...(key === null ? {} : { key }),
        ...(value === null ? {} : { value }),
        headers: new Map(headers.map(([name, text]) => [Buffer.from(name), Buffer.from(text)])),
      }));
      await producer.send({ messages });
    } finally {
      await producer.close();
    }
  },

  async consume(from, offset, count) {
    const consumer = new Consumer({
      clientId: "platformatic-test",
      bootstrapBrokers: [from.broker],
      groupId: "unused",
      retries: 3,
    });
    try {
      const metadata = await consumer.metadata({ topics: [from.topic] });
      const topic = metadata.topics.get(from.topic);
      const leader = topic?.partitions[from.partition]?.leader;
      if (topic === undefined || leader === undefined)
        throw new Error(`@platformatic/kafka knows no ${from.topic}`);
      const records: ReadRecord[] = [];
      while (records.length < count) {
        const next = (records.at(-1)?.offset ?? offset - 1n) + 1n;
        const fetched = await fetchOnce(consumer, leader, topic.id, from, next);
        if (fetched.length === 0)
          throw new Error(`@platformatic/kafka has read ${records.length} records, not ${count}`);
        records.push(...fetched);
      }
      return records.slice(0, count);
    } finally {
      await consumer.close();
    }
  },
};

async function fetchOnce(
  consumer: Consumer,
  node: number,
  topicId: string,
  { partition }: Partition,
  fetchOffset: bigint,
): Promise<ReadRecord[]> {
  const wanted = {
    partition,
    currentLeaderEpoch: -1,
    fetchOffset,
    lastFetchedEpoch: -1,
    partitionMaxBytes: 1 << 20,
  };
  const response = await consumer.fetch({
    node,
    topics: [{ topicId, partitions: [wanted] }],
    minBytes: 1,
    maxBytes: 10 << 20,
    maxWaitTime: 500,
  });
  const batches = response.responses[0]?.partitions[0]?.records ?? [];
  const records = batches.flatMap((batch) =>
    batch.records.map((record) => ({
      offset: batch.firstOffset + BigInt(record.offsetDelta),
      timestamp: batch.firstTimestamp + record.timestampDelta,
      key: record.key,
      value: record.value,
      headers: record.headers.map(([name, value]) => [String(name), String(value)] as const),
    })),
  );
  // A batch is served whole, from its first record on.
  return records.filter((record) => record.offset >= fetchOffset);
}
