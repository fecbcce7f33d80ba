import { connect, type Socket } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BatchHeader } from "../../log/batch.ts";
import { ApiKey } from "../../wire/api.ts";
import { apiVersions } from "../../wire/apis/api-versions.ts";
import { createPartitions } from "../../wire/apis/create-partitions.ts";
import { createTopics } from "../../wire/apis/create-topics.ts";
import { deleteTopics } from "../../wire/apis/delete-topics.ts";
import { describeCluster } from "../../wire/apis/describe-cluster.ts";
import { describeConfigs } from "../../wire/apis/describe-configs.ts";
import { fetch } from "../../wire/apis/fetch.ts";
import { findCoordinator } from "../../wire/apis/find-coordinator.ts";
import { initProducerId } from "../../wire/apis/init-producer-id.ts";
import { listOffsets } from "../../wire/apis/list-offsets.ts";
import { metadata } from "../../wire/apis/metadata.ts";
import { offsetForLeaderEpoch } from "../../wire/apis/offset-for-leader-epoch.ts";
import { produce } from "../../wire/apis/produce.ts";
import { ErrorCode } from "../../wire/errors.ts";
import { framePrefix } from "../../wire/frame-reader.ts";
import { encodeRequest } from "../../wire/request.ts";
import { decodeResponse } from "../../wire/response.ts";
import { ZERO_UUID } from "../../wire/schema.ts";
import { batchOf, createTopic, fetchFrom, produceTo, valuesOf } from "./batches.ts";
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

describe.each(Object.entries(transports))("over %s", (transport, open) => {
  let client: ProtocolClient;
  beforeAll(async () => {
    client = await open();
  });
  afterAll(() => client.close());

  it("ApiVersions names what is served, and Produce from version 0", async () => {
    const { errorCode, apiKeys } = await client.request(apiVersions, 3, {
      clientSoftwareName: "t",
      clientSoftwareVersion: "1",
    });
    expect(errorCode).toBe(ErrorCode.NONE);
    const served = new Map(apiKeys.map((api) => [api.apiKey, api]));
    const push = transport === "WebSocket" ? [ApiKey.Subscribe, ApiKey.Unsubscribe] : [];
    // prettier-ignore
    const kafkas = [0, 1, 2, 3, 8, 9, 10, 11, 12, 13, 14, 15, 16, 18, 19, 20, 21, 22, 23, 32, 33, 35, 37, 42, 44, 47, 60, 61, 68, 69, 75];
    expect([...served.keys()]).toEqual([...kafkas, ...push]);
    expect(served.get(ApiKey.Produce)).toMatchObject({ minVersion: 0, maxVersion: produce.maxVersion });
    expect(served.get(ApiKey.Fetch)).toMatchObject({
      minVersion: fetch.minVersion,
      maxVersion: fetch.maxVersion,
    });
  });

  it("ApiVersions names the feature of consumer groups, without its minimum of 0 to who cannot read that", async () => {
    const software = { clientSoftwareName: "t", clientSoftwareVersion: "1" };
    const finalized = [{ name: "group.version", maxVersionLevel: 1, minVersionLevel: 1 }];
    const newest = await client.request(apiVersions, 4, software);
    expect(newest.supportedFeatures).toEqual([{ name: "group.version", minVersion: 0, maxVersion: 1 }]);
    expect(newest.finalizedFeatures).toEqual(finalized);
    const older = await client.request(apiVersions, 3, software);
    expect([older.supportedFeatures, older.finalizedFeatures]).toEqual([[], finalized]);
  });

  it("ApiVersions in a version of the future is answered in version 0", async () => {
    const { correlationId, message } = client.encode(apiVersions, 4, {});
    new DataView(message.buffer, message.byteOffset).setInt16(2, 99);
    const answer = client.expect(correlationId);
    client.send(message);
    const { body } = decodeResponse(apiVersions, 0, await answer);
    expect(body.errorCode).toBe(ErrorCode.UNSUPPORTED_VERSION);
    expect(body.apiKeys).toEqual([
      { apiKey: ApiKey.ApiVersions, minVersion: 0, maxVersion: apiVersions.maxVersion },
    ]);
  });

  it("Metadata creates a topic on first use, and names its id, its leader and this node", async () => {
    const name = newName();
    const refused = await client.request(metadata, 12, { topics: [{ name }], allowAutoTopicCreation: false });
    expect(refused.topics).toMatchObject([
      { errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, name, topicId: ZERO_UUID },
    ]);
    const made = await client.request(metadata, 12, { topics: [{ name }], allowAutoTopicCreation: true });
    const port = transport === "TCP" ? gateway.kafkaPort : gateway.httpPort;
    expect(made).toMatchObject({
      clusterId: gateway.clusterId,
      controllerId: 1,
      brokers: [{ nodeId: 1, host: "127.0.0.1", port }],
    });
    expect(made.topics).toMatchObject([
      {
        errorCode: 0,
        name,
        partitions: [{ partitionIndex: 0, leaderId: 1, replicaNodes: [1], isrNodes: [1] }],
      },
    ]);
    const topicId = made.topics[0]?.topicId ?? "";
    expect(topicId).not.toBe(ZERO_UUID);
    for (const version of [12, 13]) {
      const byId = await client.request(metadata, version, { topics: [{ name: null, topicId }] });
      expect(byId).toMatchObject({ errorCode: 0, topics: [{ errorCode: 0, name, topicId }] });
    }
    const all = await client.request(metadata, 12, { topics: null });
    expect(all.topics.map((topic) => topic.name)).toContain(name);
    expect((await client.request(metadata, 12, { topics: [] })).topics).toEqual([]);
    expect((await client.request(metadata, 0, { topics: [] })).topics.map((topic) => topic.name)).toContain(
      name,
    );
  });

  it.each([
    ["no name at all", "", ErrorCode.INVALID_TOPIC_EXCEPTION],
    ["the directory above", "..", ErrorCode.INVALID_TOPIC_EXCEPTION],
    ["a path", "../../etc/passwd", ErrorCode.INVALID_TOPIC_EXCEPTION],
    ["a backslash", "a\\b", ErrorCode.INVALID_TOPIC_EXCEPTION],
    ["a NUL", "a\0b", ErrorCode.INVALID_TOPIC_EXCEPTION],
    ["250 characters", "a".repeat(250), ErrorCode.INVALID_TOPIC_EXCEPTION],
    ["the log's own topic", "__cluster_metadata", ErrorCode.INVALID_TOPIC_EXCEPTION],
  ])("Metadata never creates a topic from %s", async (_what, name, errorCode) => {
    const { topics } = await client.request(metadata, 12, {
      topics: [{ name }],
      allowAutoTopicCreation: true,
    });
    expect(topics).toMatchObject([{ errorCode, partitions: [] }]);
  });

  it("Metadata by an id that is not there says so", async () => {
    const { topics } = await client.request(metadata, 12, {
      topics: [{ name: null, topicId: "AAAAAAAAAAAAAAAAAAAAAg" }],
    });
    expect(topics).toMatchObject([{ errorCode: ErrorCode.UNKNOWN_TOPIC_ID, name: null }]);
  });

  it.each([1, -1])(
    "Produce with acks=%i stores what was sent, bit for bit but for offset and epoch",
    async (acks) => {
      const name = newName();
      await createTopic(client, name);
      await produceTo(client, name, batchOf(["first"]), { acks });
      const batch = batchOf(["a", "b", "c"]);
      const answer = await produceTo(client, name, batch, { acks });
      expect(answer).toMatchObject({
        errorCode: 0,
        errorMessage: null,
        baseOffset: 1n,
        logAppendTimeMs: -1n,
        logStartOffset: 0n,
      });
      const fetched = await fetchFrom(client, name, 1n, { maxWaitMs: 5000 });
      expect(fetched).toMatchObject({
        errorCode: 0,
        highWatermark: 4n,
        lastStableOffset: 4n,
        logStartOffset: 0n,
      });
      expect(fetched.values).toEqual(["1 a", "2 b", "3 c"]);
      const stamped = batch.slice();
      new BatchHeader(stamped).stamp(1n, new BatchHeader(fetched.records ?? batch).leaderEpoch);
      expect(Buffer.from(fetched.records ?? [])).toEqual(Buffer.from(stamped));
    },
  );

  it("Produce with acks=0 is not answered, and is stored", async () => {
    const name = newName();
    await createTopic(client, name);
    const { message } = client.encode(produce, 9, {
      acks: 0,
      timeoutMs: 1,
      topicData: [{ name, partitionData: [{ index: 0, records: batchOf(["quiet"]) }] }],
    });
    const before = client.answered.length;
    client.send(message);
    const fetched = await fetchFrom(client, name, 0n, { maxWaitMs: 5000 });
    expect(fetched.values).toEqual(["0 quiet"]);
    expect(client.answered.length).toBe(before + 1);
  });

  it("an error with acks=0 closes the connection: nothing else could tell", async () => {
    const other = await open();
    const { message } = other.encode(produce, 9, {
      acks: 0,
      timeoutMs: 1,
      topicData: [{ name: "not-there", partitionData: [{ index: 0, records: batchOf(["x"]) }] }],
    });
    other.send(message);
    await other.closed;
    expect(gateway.logged.map((line) => line.message).join("\n")).toContain(
      "acks=0 failed: UNKNOWN_TOPIC_OR_PARTITION",
    );
  });

  it.each([
    ["acks of 2", { acks: 2 }, ErrorCode.INVALID_REQUIRED_ACKS],
    ["a partition that is not there", { partition: 7 }, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
    ["a negative partition", { partition: -1 }, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
  ])("Produce refuses %s and says why", async (_what, options, errorCode) => {
    const name = newName();
    await createTopic(client, name);
    const answer = await produceTo(client, name, batchOf(["x"]), options);
    expect(answer).toMatchObject({ errorCode, baseOffset: -1n });
    expect(answer.errorMessage).toBeTruthy();
  });

  it.each([
    ["no batch", null, ErrorCode.INVALID_RECORD],
    ["an empty one", new Uint8Array(0), ErrorCode.INVALID_RECORD],
    ["two batches", Buffer.concat([batchOf(["a"]), batchOf(["b"])]), ErrorCode.INVALID_RECORD],
    ["a flipped bit", flipped(batchOf(["abcdefgh"])), ErrorCode.CORRUPT_MESSAGE],
    ["a batch cut short", batchOf(["abcdefgh"]).subarray(0, -1), ErrorCode.INVALID_RECORD],
    ["less than a header", new Uint8Array(20), ErrorCode.INVALID_RECORD],
  ])("Produce refuses %s, and the partition goes on", async (_what, records, errorCode) => {
    const name = newName();
    await createTopic(client, name);
    expect((await produceTo(client, name, records)).errorCode).toBe(errorCode);
    expect(await produceTo(client, name, batchOf(["sound"]))).toMatchObject({ errorCode: 0, baseOffset: 0n });
  });

  it("Produce in a version that only exists for librdkafka's sake is refused in that version", async () => {
    const name = newName();
    await createTopic(client, name);
    expect((await produceTo(client, name, batchOf(["x"]), { version: 2 })).errorCode).toBe(
      ErrorCode.UNSUPPORTED_VERSION,
    );
  });

  it("Produce refuses transactions until they are served", async () => {
    const name = newName();
    await createTopic(client, name);
    const { responses } = await client.request(produce, 9, {
      transactionalId: "t",
      acks: -1,
      timeoutMs: 1,
      topicData: [{ name, partitionData: [{ index: 0, records: batchOf(["x"]) }] }],
    });
    expect(responses[0]?.partitionResponses[0]?.errorCode).toBe(ErrorCode.INVALID_TXN_STATE);
  });

  it("one failing partition does not keep the others of a request from being stored", async () => {
    const name = newName();
    await createTopic(client, name, 2);
    const partitionData = [0, 9, 1].map((index) => ({ index, records: batchOf([`p${index}`]) }));
    const { responses } = await client.request(produce, 9, {
      acks: -1,
      timeoutMs: 1,
      topicData: [{ name, partitionData }],
    });
    expect(responses[0]?.partitionResponses.map(({ index, errorCode }) => [index, errorCode])).toEqual([
      [0, 0],
      [9, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
      [1, 0],
    ]);
    expect((await fetchFrom(client, name, 0n, { partition: 1 })).values).toEqual(["0 p1"]);
  });

  it("a batch that is sent again stands in the log once, and a gap is refused", async () => {
    const name = newName();
    await createTopic(client, name);
    const { producerId: id, producerEpoch: epoch } = await client.request(initProducerId, 4, {
      transactionalId: null,
      transactionTimeoutMs: 0,
    });
    expect(epoch).toBe(0);
    const batch = (sequence: number, value: string): Uint8Array => batchOf([value], { id, epoch, sequence });
    expect(await produceTo(client, name, batch(0, "a"))).toMatchObject({ errorCode: 0, baseOffset: 0n });
    expect(await produceTo(client, name, batch(1, "b"))).toMatchObject({ errorCode: 0, baseOffset: 1n });
    expect(await produceTo(client, name, batch(0, "a"))).toMatchObject({ errorCode: 0, baseOffset: 0n });
    expect((await produceTo(client, name, batch(3, "d"))).errorCode).toBe(
      ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER,
    );
    expect((await fetchFrom(client, name, 0n)).values).toEqual(["0 a", "1 b"]);
  });

  it("Fetch waits, and wakes the moment a batch is there", async () => {
    const name = newName();
    await createTopic(client, name);
    const other = await open();
    const waiting = fetchFrom(client, name, 0n, { maxWaitMs: 20_000 });
    const since = performance.now();
    await produceTo(other, name, batchOf(["awake"]));
    expect((await waiting).values).toEqual(["0 awake"]);
    expect(performance.now() - since).toBeLessThan(5000);
    await other.close();
  });

  it("Fetch wakes when its topic is deleted, and says so", async () => {
    const name = newName();
    await createTopic(client, name);
    const other = await open();
    const waiting = fetchFrom(client, name, 0n, { maxWaitMs: 20_000 });
    // Answered after the Fetch has begun to wait: both are on their way already.
    await other.request(deleteTopics, 5, { topicNames: [name], timeoutMs: 1000 });
    expect((await waiting).errorCode).toBe(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
    await other.close();
  });

  it("Fetch waits for its minimum of bytes, and answers with less when its time is over", async () => {
    const name = newName();
    await createTopic(client, name);
    await produceTo(client, name, batchOf(["small"]));
    const other = await open();
    const waiting = fetchFrom(client, name, 0n, { maxWaitMs: 20_000, minBytes: 2000 });
    await produceTo(other, name, batchOf(["small too"]));
    await produceTo(other, name, batchOf(["x".repeat(2000)]));
    expect((await waiting).values).toHaveLength(3);
    expect((await fetchFrom(client, name, 0n, { maxWaitMs: 30, minBytes: 1_000_000 })).values).toHaveLength(
      3,
    );
    await other.close();
  });

  it("Fetch keeps to its limits, but for the first batch", async () => {
    const name = newName();
    await createTopic(client, name, 2);
    for (const partition of [0, 1]) {
      for (let n = 0; n < 4; n++) await produceTo(client, name, batchOf(["x".repeat(1000)]), { partition });
    }
    expect((await fetchFrom(client, name, 0n, { partitionMaxBytes: 2500 })).values).toHaveLength(2);
    expect((await fetchFrom(client, name, 0n, { partitionMaxBytes: 1 })).values).toHaveLength(1);
    expect((await fetchFrom(client, name, 0n, { maxBytes: 0 })).values).toHaveLength(1);
    const partitions = [0, 1].map((partition) => ({
      partition,
      fetchOffset: 0n,
      partitionMaxBytes: 1_000_000,
    }));
    const ask = async (maxBytes: number) => {
      const { responses } = await client.request(fetch, 12, {
        maxWaitMs: 0,
        minBytes: 1,
        maxBytes,
        topics: [{ topic: name, partitions }],
      });
      return responses[0]?.partitions.map(({ records }) => valuesOf(records ?? new Uint8Array(0)).length);
    };
    expect(await ask(10)).toEqual([1, 0]);
    expect(await ask(6000)).toEqual([4, 1]);
    expect(await ask(100_000)).toEqual([4, 4]);
  });

  it("Fetch outside of the log, or with another idea of the leader epoch, is told so at once", async () => {
    const name = newName();
    await createTopic(client, name);
    const { highWatermark } = await fetchFrom(client, name, 0n);
    expect(highWatermark).toBe(0n);
    const ask = async (offset: bigint, options = {}): Promise<number> =>
      (await fetchFrom(client, name, offset, { maxWaitMs: 20_000, ...options })).errorCode;
    expect(await ask(1n)).toBe(ErrorCode.OFFSET_OUT_OF_RANGE);
    expect(await ask(-1n)).toBe(ErrorCode.OFFSET_OUT_OF_RANGE);
    expect(await ask(0n, { currentLeaderEpoch: 99 })).toBe(ErrorCode.UNKNOWN_LEADER_EPOCH);
    expect(await ask(0n, { partition: 5 })).toBe(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
    expect(
      (await fetchFrom(client, name, 0n, { lastFetchedEpoch: 5, maxWaitMs: 20_000 })).divergingEpoch,
    ).toMatchObject({ endOffset: 0n });
    expect((await fetchFrom(client, name, 0n, { isolationLevel: 1 })).abortedTransactions).toEqual([]);
  });

  it("ListOffsets finds the ends, a time, and the greatest time", async () => {
    const name = newName();
    await createTopic(client, name);
    const before = Date.now() - 10_000;
    await produceTo(client, name, batchOf(["a"]));
    await produceTo(client, name, batchOf(["b"]));
    const ask = async (timestamp: bigint, version = listOffsets.maxVersion) => {
      const partitions = [{ partitionIndex: 0, timestamp, currentLeaderEpoch: -1 }];
      const { topics } = await client.request(listOffsets, version, {
        replicaId: -1,
        isolationLevel: 0,
        topics: [{ name, partitions }],
      });
      return topics[0]?.partitions[0];
    };
    expect(await ask(-1n)).toMatchObject({ errorCode: 0, offset: 2n, timestamp: -1n });
    expect(await ask(-2n)).toMatchObject({ errorCode: 0, offset: 0n, timestamp: -1n });
    expect((await ask(-3n))?.offset).toBeGreaterThanOrEqual(0n);
    expect(await ask(-4n)).toMatchObject({ errorCode: 0, offset: 0n });
    expect(await ask(-5n)).toMatchObject({ errorCode: 0, offset: -1n });
    expect(await ask(-6n)).toMatchObject({ errorCode: 0, offset: -1n, timestamp: -1n, leaderEpoch: -1 });
    expect(await ask(BigInt(before))).toMatchObject({ errorCode: 0, offset: 0n });
    expect(await ask(BigInt(Date.now() + 60_000))).toMatchObject({
      errorCode: 0,
      offset: -1n,
      timestamp: -1n,
    });
    const unknown = { errorCode: ErrorCode.UNSUPPORTED_VERSION, offset: -1n };
    expect(await ask(-99n)).toMatchObject(unknown);
    for (const [timestamp, from] of [
      [-3n, 7],
      [-4n, 8],
      [-5n, 9],
      [-6n, 11],
    ] as const) {
      expect(await ask(timestamp, from)).toMatchObject({ errorCode: 0 });
      expect(await ask(timestamp, from - 1)).toMatchObject(unknown);
    }
  });

  it("CreateTopics judges each topic by itself, and can be asked what it would do", async () => {
    const name = newName();
    const topic = {
      name,
      numPartitions: 3,
      replicationFactor: 1,
      assignments: [],
      configs: [{ name: "retention.ms", value: "1000" }],
    };
    const create = async (topics: (typeof topic)[], validateOnly = false) =>
      (await client.request(createTopics, 7, { topics, timeoutMs: 1000, validateOnly })).topics;
    expect(await create([topic], true)).toMatchObject([
      { errorCode: 0, topicId: ZERO_UUID, numPartitions: 3 },
    ]);
    const made = await create([topic]);
    expect(made).toMatchObject([
      { errorCode: 0, errorMessage: null, numPartitions: 3, replicationFactor: 1 },
    ]);
    expect(made[0]?.topicId).not.toBe(ZERO_UUID);
    expect(made[0]?.configs?.find((config) => config.name === "retention.ms")).toMatchObject({
      value: "1000",
      configSource: 1,
    });
    const again = await create([topic], true);
    expect(again).toMatchObject([{ errorCode: ErrorCode.TOPIC_ALREADY_EXISTS }]);
    const name2 = newName();
    const byHand = (broker: number) => ({
      numPartitions: -1,
      replicationFactor: -1,
      assignments: [{ partitionIndex: 0, brokerIds: [broker] }] as never[],
    });
    const wrong = await create([
      { ...topic, name: newName(), replicationFactor: 3 },
      { ...topic, name: newName(), numPartitions: 0 },
      { ...topic, name: newName(), configs: [{ name: "no.such.thing", value: "1" }] },
      { ...topic, ...byHand(7), name: newName() },
      { ...topic, name: "__mine" },
      { ...topic, name: name2 },
      { ...topic, name: name2 },
    ]);
    expect(await create([{ ...topic, ...byHand(1), name: newName() }])).toMatchObject([
      { errorCode: 0, numPartitions: 1 },
    ]);
    expect(wrong.map(({ errorCode }) => errorCode)).toEqual([
      ErrorCode.INVALID_REPLICATION_FACTOR,
      ErrorCode.INVALID_PARTITIONS,
      ErrorCode.INVALID_CONFIG,
      ErrorCode.INVALID_REPLICA_ASSIGNMENT,
      ErrorCode.INVALID_TOPIC_EXCEPTION,
      ErrorCode.INVALID_REQUEST,
    ]);
    for (const { errorMessage } of wrong) expect(errorMessage).toBeTruthy();
  });

  it("DeleteTopics by name and by id; a topic made again is another one", async () => {
    const name = newName();
    const first = await createTopic(client, name);
    await produceTo(client, name, batchOf(["of the first"]));
    expect(
      (await client.request(deleteTopics, 5, { topicNames: [name, "nowhere"], timeoutMs: 1000 })).responses,
    ).toMatchObject([
      { name, errorCode: 0 },
      { name: "nowhere", errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION },
    ]);
    const second = await createTopic(client, name);
    expect(second).not.toBe(first);
    expect((await fetchFrom(client, name, 0n)).values).toEqual([]);
    const ask = (topicId: string) =>
      client.request(deleteTopics, 6, { topics: [{ name: null, topicId }], timeoutMs: 1000 });
    expect((await ask(first)).responses).toMatchObject([{ errorCode: ErrorCode.UNKNOWN_TOPIC_ID }]);
    expect((await ask(second)).responses).toMatchObject([{ name, topicId: second, errorCode: 0 }]);
  });

  it("CreatePartitions only adds", async () => {
    const name = newName();
    await createTopic(client, name, 2);
    const ask = async (count: number, validateOnly = false) => {
      const topics = [{ name, count, assignments: null }];
      return (await client.request(createPartitions, 3, { topics, timeoutMs: 1000, validateOnly })).results[0]
        ?.errorCode;
    };
    expect(await ask(2)).toBe(ErrorCode.INVALID_PARTITIONS);
    expect(await ask(4, true)).toBe(0);
    expect(await ask(4)).toBe(0);
    const { topics } = await client.request(metadata, 12, { topics: [{ name }] });
    expect(topics[0]?.partitions.map(({ partitionIndex }) => partitionIndex)).toEqual([0, 1, 2, 3]);
    expect(await produceTo(client, name, batchOf(["x"]), { partition: 3 })).toMatchObject({
      errorCode: 0,
      baseOffset: 0n,
    });
  });

  it("FindCoordinator names this node for groups, and refuses what is not served", async () => {
    const ask = (keyType: number) =>
      client.request(findCoordinator, 4, { keyType, coordinatorKeys: ["a", "b"] });
    expect((await ask(0)).coordinators).toMatchObject([
      { key: "a", nodeId: 1, errorCode: 0 },
      { key: "b", nodeId: 1, errorCode: 0 },
    ]);
    expect((await ask(1)).coordinators[0]).toMatchObject({
      nodeId: -1,
      errorCode: ErrorCode.INVALID_REQUEST,
    });
    expect(await client.request(findCoordinator, 2, { key: "a", keyType: 0 })).toMatchObject({
      nodeId: 1,
      errorCode: 0,
    });
  });

  it("OffsetForLeaderEpoch tells where an epoch ended", async () => {
    const name = newName();
    await createTopic(client, name);
    await produceTo(client, name, batchOf(["a", "b"]));
    const { topics } = await client.request(metadata, 12, { topics: [{ name }] });
    const epoch = topics[0]?.partitions[0]?.leaderEpoch ?? -1;
    const ask = async (leaderEpoch: number, currentLeaderEpoch = -1) => {
      const partitions = [{ partition: 0, currentLeaderEpoch, leaderEpoch }];
      return (await client.request(offsetForLeaderEpoch, 4, { topics: [{ topic: name, partitions }] }))
        .topics[0]?.partitions[0];
    };
    expect(await ask(epoch)).toMatchObject({ errorCode: 0, leaderEpoch: epoch, endOffset: 2n });
    expect(await ask(epoch + 5)).toMatchObject({ errorCode: 0, leaderEpoch: -1, endOffset: -1n });
    expect(await ask(epoch, epoch + 1)).toMatchObject({ errorCode: ErrorCode.UNKNOWN_LEADER_EPOCH });
  });

  it("DescribeCluster and DescribeConfigs", async () => {
    const cluster = await client.request(describeCluster, 1, {});
    expect(cluster).toMatchObject({
      errorCode: 0,
      clusterId: gateway.clusterId,
      controllerId: 1,
      brokers: [{ brokerId: 1 }],
    });
    const withFenced = await client.request(describeCluster, 2, { includeFencedBrokers: true });
    expect(withFenced.brokers).toEqual(cluster.brokers);
    expect(withFenced).toMatchObject({ errorCode: 0, brokers: [{ brokerId: 1, isFenced: false }] });
    expect((await client.request(describeCluster, 2, { endpointType: 2 })).errorCode).toBe(
      ErrorCode.MISMATCHED_ENDPOINT_TYPE,
    );
    const name = newName();
    await createTopic(client, name);
    const resources = [
      { resourceType: 2, resourceName: name, configurationKeys: ["retention.ms"] },
      { resourceType: 4, resourceName: "1", configurationKeys: null },
      { resourceType: 2, resourceName: "nowhere", configurationKeys: null },
      { resourceType: 4, resourceName: "2", configurationKeys: null },
      { resourceType: 16, resourceName: "x", configurationKeys: null },
    ];
    const { results } = await client.request(describeConfigs, 4, {
      resources,
      includeSynonyms: true,
      includeDocumentation: true,
    });
    expect(results.map(({ errorCode }) => errorCode)).toEqual([
      0,
      0,
      3,
      ErrorCode.INVALID_REQUEST,
      ErrorCode.INVALID_REQUEST,
    ]);
    expect(results[0]?.configs).toMatchObject([
      { name: "retention.ms", value: "604800000", configSource: 5, configType: 5, readOnly: false },
    ]);
    expect(results[1]?.configs.find((config) => config.name === "num.partitions")).toMatchObject({
      value: "1",
      readOnly: true,
    });
  });

  it("an API that is not served closes the connection, and only that one", async () => {
    const other = await open();
    const addPartitionsToTxn = encodeRequest(
      { ...metadata, key: 24 },
      4,
      { correlationId: 1, clientId: "a\nb" },
      { topics: null },
    );
    other.send(addPartitionsToTxn);
    await other.closed;
    expect((await client.request(metadata, 12, { topics: [] })).clusterId).toBe(gateway.clusterId);
    const line = gateway.logged.findLast(({ fields }) => fields["apiKey"] === 24);
    expect(line?.message).toMatch(/API key 24 version 4 is not served/);
  });
});

function flipped(batch: Uint8Array): Uint8Array {
  const last = batch.length - 2;
  batch[last] = (batch[last] ?? 0) ^ 1;
  return batch;
}

describe("on TCP", () => {
  let socket: Socket;
  let received: Buffer;
  beforeAll(() => {
    received = Buffer.alloc(0);
    socket = connect({ port: gateway.kafkaPort, host: "127.0.0.1", noDelay: true });
    socket.on("data", (chunk: Buffer) => (received = Buffer.concat([received, chunk])));
  });
  afterAll(() => void socket.destroy());

  it("a frame may come one byte at a time", async () => {
    const message = encodeRequest(metadata, 12, { correlationId: 7, clientId: "slow" }, { topics: [] });
    for (const byte of Buffer.concat([framePrefix(message.byteLength), message])) {
      socket.write(Uint8Array.of(byte));
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
    await expect.poll(() => received.length).toBeGreaterThan(8);
    const { correlationId, body } = decodeResponse(
      metadata,
      12,
      received.subarray(4, 4 + received.readInt32BE(0)),
    );
    expect(correlationId).toBe(7);
    expect(body.clusterId).toBe(gateway.clusterId);
  });

  it("pipelined requests are answered in order, a waiting Fetch in front of them included", async () => {
    const client = await ProtocolClient.tcp(gateway.kafkaPort);
    const name = newName();
    await createTopic(client, name);
    client.answered.length = 0;
    const answers: Promise<unknown>[] = [fetchFrom(client, name, 0n, { maxWaitMs: 20_000 })];
    for (let n = 0; n < 50; n++)
      answers.push(produceTo(client, name, batchOf([`${n}`]), { acks: n % 2 === 0 ? -1 : 1 }));
    answers.push(client.request(metadata, 12, { topics: [{ name }] }));
    await Promise.all(answers);
    expect(client.answered).toEqual(client.answered.toSorted((a, b) => a - b));
    expect(client.answered).toHaveLength(52);
    const all = await fetchFrom(client, name, 0n, { maxWaitMs: 5000, minBytes: 50 * 60 });
    expect(all.values).toEqual(Array.from({ length: 50 }, (_, n) => `${n} ${n}`));
    await client.close();
  });

  it.each([
    ["a negative length", [0xff, 0xff, 0xff, 0xff]],
    ["a length of 2 GiB", [0x7f, 0xff, 0xff, 0xff]],
    ["HTTP", [...Buffer.from("POST / HTTP/1.1\r\nHost: x\r\n\r\n")]],
    ["an empty frame", [0, 0, 0, 0]],
  ])("%s closes that connection", async (_what, bytes) => {
    const other = connect({ port: gateway.kafkaPort, host: "127.0.0.1" });
    const closed = new Promise<void>((resolve) => other.once("close", () => resolve()));
    other.on("error", () => {});
    other.write(Uint8Array.from(bytes));
    await closed;
    const client = await ProtocolClient.tcp(gateway.kafkaPort);
    expect((await client.request(metadata, 12, { topics: [] })).clusterId).toBe(gateway.clusterId);
    await client.close();
  });

  it("a client that closes its half gets its answers first", async () => {
    const name = newName();
    const client = await ProtocolClient.tcp(gateway.kafkaPort);
    await createTopic(client, name);
    await client.close();
    const half = connect({ port: gateway.kafkaPort, host: "127.0.0.1", allowHalfOpen: true });
    const chunks: Buffer[] = [];
    half.on("data", (chunk: Buffer) => chunks.push(chunk));
    const topicData = [{ name, partitionData: [{ index: 0, records: batchOf(["last words"]) }] }];
    const message = encodeRequest(
      produce,
      9,
      { correlationId: 3, clientId: null },
      { acks: -1, timeoutMs: 1, topicData },
    );
    half.end(Buffer.concat([framePrefix(message.byteLength), message]));
    await new Promise<void>((resolve) => half.once("close", () => resolve()));
    const { body } = decodeResponse(produce, 9, Buffer.concat(chunks).subarray(4));
    expect(body.responses[0]?.partitionResponses[0]).toMatchObject({ errorCode: 0, baseOffset: 0n });
  });
});
