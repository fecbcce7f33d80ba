import { Admin, Consumer, ListOffsetTimestamps, ProduceAcks, Producer } from "@platformatic/kafka";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { platformatic } from "./clients/platformatic.ts";
import { serve, type Served } from "./served.ts";

// Flexible versions throughout, topic ids in Fetch, and no fallback to older versions.
describe("@platformatic/kafka", () => {
  let served: Served;
  let admin: Admin;
  beforeAll(async () => {
    served = await serve();
    admin = new Admin({ clientId: "platformatic-test", bootstrapBrokers: [served.broker], retries: 1 });
  });
  afterAll(async () => {
    await admin.close();
    await served.dispose();
  });

  test("creates, describes and deletes topics", async () => {
    const [created] = await admin.createTopics({ topics: ["made"], partitions: 2, replicas: 1 });
    expect(created).toMatchObject({ name: "made", partitions: 2, replicas: 1 });
    const metadata = await admin.metadata({ topics: ["made"] });
    const topic = metadata.topics.get("made");
    expect(topic?.partitionsCount).toBe(2);
    expect(topic?.id).toBe(created?.id);
    expect([...metadata.brokers.values()].map(({ host, port }) => `${host}:${port}`)).toEqual([
      served.broker,
    ]);
    await admin.deleteTopics({ topics: ["made"] });
    expect(await admin.listTopics()).toEqual([]);
  });

  test("a topic that was deleted and made again is another topic", async () => {
    const [first] = await admin.createTopics({ topics: ["again"], partitions: 1, replicas: 1 });
    await platformatic.produce(
      { broker: served.broker, topic: "again", partition: 0 },
      [text("old")],
      "none",
    );
    await admin.deleteTopics({ topics: ["again"] });
    const [second] = await admin.createTopics({ topics: ["again"], partitions: 1, replicas: 1 });
    expect(second?.id).not.toBe(first?.id);
    await platformatic.produce(
      { broker: served.broker, topic: "again", partition: 0 },
      [text("new")],
      "none",
    );
    const [read] = await platformatic.consume({ broker: served.broker, topic: "again", partition: 0 }, 0n, 1);
    expect(String(read?.value)).toBe("new");
  });

  test("an idempotent producer is told each record's offset", async () => {
    await admin.createTopics({ topics: ["offsets"], partitions: 1, replicas: 1 });
    const producer = new Producer({
      clientId: "platformatic-test",
      bootstrapBrokers: [served.broker],
      idempotent: true,
      acks: ProduceAcks.ALL,
      compression: "lz4",
    });
    for (let index = 0; index < 50; index += 1) {
      const messages = [0, 1, 2].map((part) => ({
        topic: "offsets",
        value: Buffer.from(`${index}.${part}`),
      }));
      const { offsets } = await producer.send({ messages });
      expect(offsets).toEqual([{ topic: "offsets", partition: 0, offset: BigInt(index * 3) }]);
    }
    await producer.close();

    const consumer = new Consumer({ clientId: "test", bootstrapBrokers: [served.broker], groupId: "unused" });
    const end = await consumer.listOffsets({ topics: ["offsets"], timestamp: ListOffsetTimestamps.LATEST });
    expect(end.get("offsets")).toEqual([150n]);
    await consumer.close();
    const read = await platformatic.consume(
      { broker: served.broker, topic: "offsets", partition: 0 },
      0n,
      150,
    );
    expect(read.map(({ value }) => String(value)).at(-1)).toBe("49.2");
  });
});

function text(value: string) {
  return { key: null, value: Buffer.from(value), headers: [] };
}
