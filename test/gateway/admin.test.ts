import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ResponseOf } from "../../wire/api.ts";
import { alterConfigs } from "../../wire/apis/alter-configs.ts";
import { createPartitions } from "../../wire/apis/create-partitions.ts";
import { deleteTopics } from "../../wire/apis/delete-topics.ts";
import { describeConfigs } from "../../wire/apis/describe-configs.ts";
import { describeLogDirs } from "../../wire/apis/describe-log-dirs.ts";
import { describeProducers } from "../../wire/apis/describe-producers.ts";
import { describeTopicPartitions } from "../../wire/apis/describe-topic-partitions.ts";
import { incrementalAlterConfigs } from "../../wire/apis/incremental-alter-configs.ts";
import { metadata } from "../../wire/apis/metadata.ts";
import { offsetCommit } from "../../wire/apis/offset-commit.ts";
import { produce } from "../../wire/apis/produce.ts";
import { ErrorCode } from "../../wire/errors.ts";
import { batchOf, createTopic, produceTo } from "./batches.ts";
import { ProtocolClient } from "./protocol-client.ts";
import { startTestGateway, type TestGateway } from "./start-gateway.ts";

const TOPIC = 2;
const BROKER = 4;
const [SET, DELETE, APPEND, SUBTRACT] = [0, 1, 2, 3];

let gateway: TestGateway;
let client: ProtocolClient;
let count = 0;
const newName = (): string => `admin-${++count}`;

beforeAll(async () => {
  gateway = await startTestGateway();
  client = await ProtocolClient.tcp(gateway.kafkaPort);
});
afterAll(async () => {
  await client.close();
  await gateway.stop();
});

type Change = [name: string, configOperation: number, value: string | null];

async function change(topic: string, changes: Change[], resourceType = TOPIC, validateOnly = false) {
  const configs = changes.map(([name, configOperation, value]) => ({ name, configOperation, value }));
  const { responses } = await client.request(incrementalAlterConfigs, 1, {
    resources: [{ resourceType, resourceName: topic, configs }],
    validateOnly,
  });
  return responses[0];
}

async function valueOf(topic: string, name: string): Promise<string | null | undefined> {
  const { results } = await client.request(describeConfigs, 4, {
    resources: [{ resourceType: TOPIC, resourceName: topic, configurationKeys: [name] }],
    includeSynonyms: false,
    includeDocumentation: false,
  });
  return results[0]?.configs[0]?.value;
}

describe("IncrementalAlterConfigs", () => {
  it("sets, deletes, appends to lists and takes from them", async () => {
    const topic = newName();
    await createTopic(client, topic);
    expect(await change(topic, [["retention.ms", SET, "9"]])).toMatchObject({ errorCode: ErrorCode.NONE });
    expect(await valueOf(topic, "retention.ms")).toBe("9");
    await change(topic, [
      ["cleanup.policy", APPEND, "compact"],
      ["retention.ms", DELETE, null],
    ]);
    expect(await valueOf(topic, "cleanup.policy")).toBe("delete,compact");
    expect(await valueOf(topic, "retention.ms")).toBe("604800000");
    await change(topic, [["cleanup.policy", SUBTRACT, "delete"]]);
    expect(await valueOf(topic, "cleanup.policy")).toBe("compact");
  });

  it.each<[string, Change[], number, number]>([
    ["a setting that is not known", [["no.such", SET, "1"]], TOPIC, ErrorCode.INVALID_CONFIG],
    ["a value of another type", [["retention.ms", SET, "soon"]], TOPIC, ErrorCode.INVALID_CONFIG],
    ["an append to what is no list", [["retention.ms", APPEND, "1"]], TOPIC, ErrorCode.INVALID_CONFIG],
    ["no value", [["retention.ms", SET, null]], TOPIC, ErrorCode.INVALID_REQUEST],
    ["an operation that there is not", [["retention.ms", 9, "1"]], TOPIC, ErrorCode.INVALID_REQUEST],
    [
      "a setting that stands twice",
      [
        ["retention.ms", SET, "1"],
        ["retention.ms", SET, "2"],
      ],
      TOPIC,
      ErrorCode.INVALID_REQUEST,
    ],
    ["a topic's setting of the broker", [["message.max.bytes", SET, "1"]], BROKER, ErrorCode.INVALID_CONFIG],
  ])("refuses %s, and changes nothing", async (_, changes, resourceType, errorCode) => {
    const topic = newName();
    await createTopic(client, topic);
    const name = resourceType === TOPIC ? topic : "1";
    const answer = await change(name, [["max.message.bytes", SET, "100"], ...changes], resourceType);
    expect(answer).toMatchObject({ errorCode });
    expect(answer?.errorMessage).not.toBe("");
    expect(await valueOf(topic, "max.message.bytes")).not.toBe("100");
  });

  it("loses none of several appends that are made at once", async () => {
    const topic = newName();
    await createTopic(client, topic);
    const other = await ProtocolClient.tcp(gateway.kafkaPort);
    const configs = (name: string, configOperation: number, value: string) => ({
      resources: [{ resourceType: TOPIC, resourceName: topic, configs: [{ name, configOperation, value }] }],
      validateOnly: false,
    });
    await Promise.all([
      client.request(incrementalAlterConfigs, 1, configs("cleanup.policy", APPEND, "compact")),
      other.request(incrementalAlterConfigs, 1, configs("cleanup.policy", SUBTRACT, "delete")),
    ]);
    await other.close();
    expect(await valueOf(topic, "cleanup.policy")).toBe("compact");
  });

  it("only checks where that is all that is asked for, and says when there is no such topic", async () => {
    const topic = newName();
    await createTopic(client, topic);
    expect(await change(topic, [["retention.ms", SET, "9"]], TOPIC, true)).toMatchObject({
      errorCode: ErrorCode.NONE,
    });
    expect(await valueOf(topic, "retention.ms")).toBe("604800000");
    expect(await change("nowhere", [["retention.ms", SET, "9"]])).toMatchObject({
      errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
    });
  });
});

it("AlterConfigs leaves a topic with what is named, and nothing else of its own", async () => {
  const topic = newName();
  await createTopic(client, topic);
  await change(topic, [["retention.ms", SET, "9"]]);
  const configs = [{ name: "max.message.bytes", value: "100" }];
  const { responses } = await client.request(alterConfigs, 2, {
    resources: [{ resourceType: TOPIC, resourceName: topic, configs }],
    validateOnly: false,
  });
  expect(responses).toMatchObject([{ errorCode: ErrorCode.NONE, resourceName: topic }]);
  expect(await valueOf(topic, "retention.ms")).toBe("604800000");
  expect(await valueOf(topic, "max.message.bytes")).toBe("100");
});

it("DescribeLogDirs tells the directory, its room, and what each partition takes", async () => {
  const topic = newName();
  await createTopic(client, topic, 2);
  await produceTo(client, topic, batchOf(["x".repeat(1000)]));
  const asked = { topics: [{ topic, partitions: [0, 1, 7] }] };
  const { results } = await client.request(describeLogDirs, 4, asked);
  const [directory] = results;
  expect(directory).toMatchObject({ errorCode: ErrorCode.NONE, logDir: gateway.dataDir });
  expect(directory?.totalBytes).toBeGreaterThan(directory?.usableBytes ?? 0n);
  expect(directory?.usableBytes).toBeGreaterThan(0n);
  const [sizes] = directory?.topics ?? [];
  expect(sizes?.partitions.map(({ partitionIndex }) => partitionIndex)).toEqual([0, 1]);
  expect(sizes?.partitions[0]?.partitionSize).toBeGreaterThan(1000n);
  expect(sizes?.partitions[1]?.partitionSize).toBe(0n);
  const all = await client.request(describeLogDirs, 4, { topics: null });
  expect(all.results[0]?.topics.map(({ name }) => name)).toContain(topic);
});

it("DescribeProducers tells who has written with a producer id", async () => {
  const topic = newName();
  await createTopic(client, topic);
  await produceTo(client, topic, batchOf(["a", "b"], { id: 77n, epoch: 3, sequence: 0 }));
  const { topics } = await client.request(describeProducers, 0, {
    topics: [{ name: topic, partitionIndexes: [0, 1] }],
  });
  const [known, unknown] = topics[0]?.partitions ?? [];
  expect(known?.activeProducers).toMatchObject([
    { producerId: 77n, producerEpoch: 3, lastSequence: 1, currentTxnStartOffset: -1n },
  ]);
  expect(unknown).toMatchObject({ errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, activeProducers: [] });
  // A partition that is named over and over is told of once.
  const often = { name: topic, partitionIndexes: Array.from({ length: 1000 }, () => 0) };
  const again = await client.request(describeProducers, 0, { topics: [often, often] });
  expect(again.topics.map(({ partitions }) => partitions.length)).toEqual([1, 0]);
});

it("DescribeTopicPartitions tells of topics in pages that join", async () => {
  const names = [newName(), newName()];
  for (const name of names) await createTopic(client, name, 3);
  const seen: string[] = [];
  let cursor: { topicName: string; partitionIndex: number } | null = null;
  do {
    const page: ResponseOf<typeof describeTopicPartitions> = await client.request(
      describeTopicPartitions,
      0,
      {
        topics: names.map((name) => ({ name })),
        responsePartitionLimit: 2,
        cursor,
      },
    );
    for (const { name, partitions } of page.topics)
      seen.push(...partitions.map(({ partitionIndex }) => `${name} ${partitionIndex}`));
    cursor = page.nextCursor;
  } while (cursor !== null);
  expect(seen).toEqual(names.flatMap((name) => [0, 1, 2].map((partition) => `${name} ${partition}`)));
  const { topics } = await client.request(describeTopicPartitions, 0, {
    topics: [{ name: "nowhere" }],
    responsePartitionLimit: 2,
  });
  expect(topics).toMatchObject([{ name: "nowhere", errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION }]);
});

it("the topic that groups are kept in is internal: clients read it, and neither write nor change it", async () => {
  const topic = newName();
  await createTopic(client, topic);
  const partitions = [{ partitionIndex: 0, committedOffset: 1n, committedMetadata: "" }];
  const committed = await client.request(offsetCommit, 9, {
    groupId: "g",
    memberId: "",
    topics: [{ name: topic, partitions }],
  });
  expect(committed.topics).toMatchObject([{ partitions: [{ errorCode: ErrorCode.NONE }] }]);
  const { topics } = await client.request(metadata, 12, { topics: [{ name: "__consumer_offsets" }] });
  expect(topics).toMatchObject([{ name: "__consumer_offsets", isInternal: true }]);
  const produced = await client.request(produce, 9, {
    transactionalId: null,
    acks: -1,
    timeoutMs: 1000,
    topicData: [{ name: "__consumer_offsets", partitionData: [{ index: 0, records: batchOf(["x"]) }] }],
  });
  expect(produced.responses[0]?.partitionResponses[0]?.errorCode).toBe(ErrorCode.INVALID_TOPIC_EXCEPTION);
  const deleted = await client.request(deleteTopics, 5, {
    topicNames: ["__consumer_offsets"],
    timeoutMs: 1000,
  });
  expect(deleted.responses[0]?.errorCode).toBe(ErrorCode.INVALID_TOPIC_EXCEPTION);
  const widened = await client.request(createPartitions, 3, {
    topics: [{ name: "__consumer_offsets", count: 9, assignments: null }],
    timeoutMs: 1000,
    validateOnly: false,
  });
  expect(widened.results[0]?.errorCode).toBe(ErrorCode.INVALID_TOPIC_EXCEPTION);
  // Another cleanup.policy would lose the groups.
  const refused = { errorCode: ErrorCode.INVALID_TOPIC_EXCEPTION };
  expect(await change("__consumer_offsets", [["cleanup.policy", SET, "delete"]])).toMatchObject(refused);
  const altered = await client.request(alterConfigs, 2, {
    resources: [{ resourceType: TOPIC, resourceName: "__consumer_offsets", configs: [] }],
    validateOnly: false,
  });
  expect(altered.responses).toMatchObject([refused]);
  expect(await valueOf("__consumer_offsets", "cleanup.policy")).toBe("compact");
});
