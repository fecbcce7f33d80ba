import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createTopics } from "../../wire/apis/create-topics.ts";
import { deleteRecords } from "../../wire/apis/delete-records.ts";
import { listOffsets } from "../../wire/apis/list-offsets.ts";
import { ErrorCode } from "../../wire/errors.ts";
import { batchOf, createTopic, fetchFrom, produceTo } from "./batches.ts";
import { ProtocolClient } from "./protocol-client.ts";
import { startTestGateway, type TestGateway } from "./start-gateway.ts";

let gateway: TestGateway;
let count = 0;
const newName = (): string => `topic-${++count}`;

beforeAll(async () => {
  gateway = await startTestGateway();
});
afterAll(() => gateway.stop());

const transports = {
  TCP: () => ProtocolClient.tcp(gateway.kafkaPort),
  WebSocket: () => ProtocolClient.webSocket(gateway.httpPort),
};

describe.each(Object.entries(transports))("over %s", (_transport, open) => {
  let client: ProtocolClient;
  beforeAll(async () => {
    client = await open();
  });
  afterAll(() => client.close());

  it("DeleteRecords moves the log start, which every reader is told", async () => {
    const name = newName();
    await createTopic(client, name);
    for (const value of ["a", "b", "c"]) await produceTo(client, name, batchOf([value, value]));
    const ask = async (offset: bigint, partitionIndex = 0, topic = name, version = 2) =>
      (
        await client.request(deleteRecords, version, {
          topics: [{ name: topic, partitions: [{ partitionIndex, offset }] }],
          timeoutMs: 1000,
        })
      ).topics[0]?.partitions[0];
    const done = (lowWatermark: bigint) => ({ partitionIndex: 0, lowWatermark, errorCode: 0 });
    expect(await ask(3n)).toMatchObject(done(3n));
    expect(await ask(1n, 0, name, 0)).toMatchObject(done(3n));
    expect((await fetchFrom(client, name, 2n)).errorCode).toBe(ErrorCode.OFFSET_OUT_OF_RANGE);
    const read = await fetchFrom(client, name, 3n);
    expect([read.logStartOffset, read.values.slice(-3)]).toEqual([3n, ["3 b", "4 c", "5 c"]]);
    const { topics } = await client.request(listOffsets, 7, {
      replicaId: -1,
      topics: [{ name, partitions: [{ partitionIndex: 0, timestamp: -2n }] }],
    });
    expect(topics[0]?.partitions[0]).toMatchObject({ offset: 3n, errorCode: 0 });
    expect(await ask(-1n)).toMatchObject(done(6n));
    const refused = (errorCode: number) => ({ lowWatermark: -1n, errorCode });
    expect(await ask(7n)).toMatchObject(refused(ErrorCode.OFFSET_OUT_OF_RANGE));
    expect(await ask(0n, 1)).toMatchObject(refused(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION));
    expect(await ask(0n, 0, "nowhere")).toMatchObject(refused(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION));
    expect(await ask(0n, 0, "__cluster_metadata")).toMatchObject(refused(ErrorCode.INVALID_TOPIC_EXCEPTION));
    const compacted = newName();
    await client.request(createTopics, 7, {
      topics: [
        {
          name: compacted,
          numPartitions: 1,
          replicationFactor: 1,
          assignments: [],
          configs: [{ name: "cleanup.policy", value: "compact" }],
        },
      ],
      timeoutMs: 1000,
      validateOnly: false,
    });
    expect(await ask(0n, 0, compacted)).toMatchObject(refused(ErrorCode.POLICY_VIOLATION));
  });
});
