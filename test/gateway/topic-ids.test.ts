/** Topics named by their ids in place of their names (KIP-516). */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { deleteTopics } from "../../wire/apis/delete-topics.ts";
import { fetch } from "../../wire/apis/fetch.ts";
import { produce } from "../../wire/apis/produce.ts";
import { ErrorCode } from "../../wire/errors.ts";
import { ZERO_UUID } from "../../wire/schema.ts";
import { batchOf, createTopic, fetchFrom, produceTo, valuesOf } from "./batches.ts";
import { ProtocolClient } from "./protocol-client.ts";
import { startTestGateway, type TestGateway } from "./start-gateway.ts";

let gateway: TestGateway;
let client: ProtocolClient;
let count = 0;
const newName = (): string => `topic-${++count}`;

beforeAll(async () => {
  gateway = await startTestGateway();
  client = await ProtocolClient.tcp(gateway.kafkaPort);
});
afterAll(async () => {
  await client.close();
  await gateway.stop();
});

describe("a topic's id", () => {
  it("Produce names it: a topic deleted and made again gets nothing that was meant for the first", async () => {
    const name = newName();
    const topicId = await createTopic(client, name);
    const ask = async (id: string, index = 0) => {
      const topicData = [{ topicId: id, partitionData: [{ index, records: batchOf(["by id"]) }] }];
      return (await client.request(produce, 13, { acks: -1, timeoutMs: 1000, topicData })).responses;
    };
    expect(await ask(topicId)).toMatchObject([
      { topicId, partitionResponses: [{ index: 0, errorCode: 0, baseOffset: 0n }] },
    ]);
    expect((await fetchFrom(client, name, 0n)).values).toEqual(["0 by id"]);
    const [noSuchPartition] = await ask(topicId, 7);
    expect(noSuchPartition?.partitionResponses).toMatchObject([
      { index: 7, errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, baseOffset: -1n },
    ]);
    await client.request(deleteTopics, 5, { topicNames: [name], timeoutMs: 1000 });
    const successor = await createTopic(client, name);
    for (const unknown of [topicId, ZERO_UUID]) {
      expect(await ask(unknown)).toMatchObject([
        {
          topicId: unknown,
          partitionResponses: [{ index: 0, errorCode: ErrorCode.UNKNOWN_TOPIC_ID, baseOffset: -1n }],
        },
      ]);
    }
    expect((await fetchFrom(client, name, 0n)).values).toEqual([]);
    expect((await ask(successor))[0]?.partitionResponses).toMatchObject([{ errorCode: 0, baseOffset: 0n }]);
  });

  it("Fetch names it, or one that is not there", async () => {
    const name = newName();
    const topicId = await createTopic(client, name);
    await produceTo(client, name, batchOf(["by id"]));
    const ask = (id: string, version = 13, highWatermark = 0n) => {
      const partition = { partition: 0, fetchOffset: 0n, partitionMaxBytes: 1000, highWatermark };
      const topics = [{ topicId: id, partitions: [partition] }];
      return client.request(fetch, version, { maxWaitMs: 10_000, minBytes: 1, topics });
    };
    for (const found of [
      await ask(topicId),
      await ask(topicId, 18, 2n ** 63n - 1n),
      await ask(topicId, 18, -1n),
    ]) {
      expect(found.responses[0]).toMatchObject({
        topicId,
        partitions: [{ errorCode: 0, highWatermark: 1n }],
      });
      expect(valuesOf(found.responses[0]?.partitions[0]?.records ?? new Uint8Array(0))).toEqual(["0 by id"]);
    }
    const missing = await ask("AAAAAAAAAAAAAAAAAAAAAg");
    expect(missing.responses[0]?.partitions[0]?.errorCode).toBe(ErrorCode.UNKNOWN_TOPIC_ID);
  });

  it("Produce with acks=0 to one that is not there closes the connection: nothing else could tell", async () => {
    const other = await ProtocolClient.tcp(gateway.kafkaPort);
    const topicData = [{ topicId: ZERO_UUID, partitionData: [{ index: 0, records: batchOf(["x"]) }] }];
    other.send(other.encode(produce, 13, { acks: 0, timeoutMs: 1, topicData }).message);
    await other.closed;
    expect(gateway.logged.map((line) => line.message).join("\n")).toContain(
      "acks=0 failed: UNKNOWN_TOPIC_ID",
    );
  });
});
