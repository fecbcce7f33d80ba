import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Admin } from "kafkajs";
import { kafkajsClient, kafkajsForeign } from "./clients/kafkajs.ts";
import { serve, type Served } from "./served.ts";

describe("kafkajs", () => {
  let served: Served;
  let admin: Admin;
  beforeAll(async () => {
    served = await serve();
    admin = kafkajsClient(served.broker).admin();
    await admin.connect();
  });
  afterAll(async () => {
    await admin.disconnect();
    await served.dispose();
  });

  test("describes the cluster", async () => {
    const { brokers, controller, clusterId } = await admin.describeCluster();
    expect(brokers.map(({ host, port }) => `${host}:${port}`)).toEqual([served.broker]);
    expect(controller).toBe(brokers[0]?.nodeId);
    expect(clusterId).toMatch(/^[\w-]{22}$/);
  });

  test("creates, lists, widens and deletes topics", async () => {
    const topics = [
      { topic: "made", numPartitions: 2, configEntries: [{ name: "retention.ms", value: "1000000" }] },
    ];
    expect(await admin.createTopics({ topics })).toBe(true);
    // kafkajs answers false for a topic that is there already.
    expect(await admin.createTopics({ topics })).toBe(false);
    expect(await admin.listTopics()).toEqual(["made"]);
    await admin.createPartitions({ topicPartitions: [{ topic: "made", count: 4 }] });
    const described = await admin.fetchTopicMetadata({ topics: ["made"] });
    expect(described.topics[0]?.partitions.map(({ partitionId }) => partitionId).sort()).toEqual([
      0, 1, 2, 3,
    ]);
    await admin.deleteTopics({ topics: ["made"] });
    expect(await admin.listTopics()).toEqual([]);
  });

  test.each([
    ["a name that no file could have", { topic: "a/b", numPartitions: 1 }, "INVALID_TOPIC_EXCEPTION"],
    ["no partitions", { topic: "none", numPartitions: 0 }, "INVALID_PARTITIONS"],
    [
      "more copies than nodes",
      { topic: "copies", numPartitions: 1, replicationFactor: 3 },
      "INVALID_REPLICATION_FACTOR",
    ],
  ])("a topic with %s is refused", async (_name, topic, type) => {
    const refused = await admin.createTopics({ topics: [topic] }).catch((error: unknown) => error);
    expect(refused).toMatchObject({ errors: [{ type }] });
  });

  test("asks for offsets: both ends, and by time", async () => {
    await admin.createTopics({ topics: [{ topic: "offsets", numPartitions: 1 }] });
    const partition = { broker: served.broker, topic: "offsets", partition: 0 };
    const record = (text: string) => ({ key: null, value: Buffer.from(text), headers: [] });
    await kafkajsForeign.produce(partition, [record("a"), record("b"), record("c")], "lz4");
    expect(await admin.fetchTopicOffsets("offsets")).toEqual([
      { partition: 0, offset: "3", high: "3", low: "0" },
    ]);
    const [first] = await kafkajsForeign.consume(partition, 0n, 1);
    const at = await admin.fetchTopicOffsetsByTimestamp("offsets", Number(first?.timestamp));
    expect(at).toEqual([{ partition: 0, offset: "0" }]);
  });

  test("an idempotent producer writes a hundred batches in order, each once", async () => {
    await admin.createTopics({ topics: [{ topic: "in-order", numPartitions: 1 }] });
    const producer = kafkajsClient(served.broker).producer({ idempotent: true, maxInFlightRequests: 1 });
    await producer.connect();
    for (let index = 0; index < 100; index += 1) {
      const messages = [{ value: `${index} a` }, { value: `${index} b` }];
      const [answer] = await producer.send({ topic: "in-order", acks: -1, messages });
      expect(answer).toMatchObject({ partition: 0, errorCode: 0, baseOffset: String(index * 2) });
    }
    await producer.disconnect();
    const read = await kafkajsForeign.consume(
      { broker: served.broker, topic: "in-order", partition: 0 },
      0n,
      200,
    );
    const wanted = Array.from({ length: 100 }, (_, index) => [`${index} a`, `${index} b`]).flat();
    expect(read.map(({ value }) => String(value))).toEqual(wanted);
  });
});
