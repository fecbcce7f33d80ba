/** The SDK's admin API against a real gateway. */
import { randomUUID } from "node:crypto";
import { Kafka, logLevel } from "kafkajs";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import type { Admin } from "../../web-client/core/api-admin.ts";
import type { RivuletClient } from "../../web-client/core/rivulet-client.ts";
import { text } from "../../web-client/core/serializer.ts";
import { consumerGroupHeartbeat } from "../../wire/apis/consumer-group-heartbeat.ts";
import { ErrorCode } from "../../wire/errors.ts";
import { ProtocolClient } from "../gateway/protocol-client.ts";
import { startTestGateway } from "../gateway/start-gateway.ts";
import type { TestGateway } from "../gateway/start-gateway.ts";
import { openNodeClient, stubBrowser, untilState } from "./node-client.ts";

let gateway: TestGateway;
let client: RivuletClient;
let admin: Admin;

beforeAll(async () => {
  stubBrowser();
  gateway = await startTestGateway({ args: ["--config", "num.partitions=3"] });
});
afterAll(async () => {
  await gateway.stop();
  vi.unstubAllGlobals();
});
beforeEach(async () => {
  client = await openNodeClient(gateway);
  ({ admin } = client);
});
afterEach(() => client.close());

/** A topic of this name and one partition, with records. */
async function filled(name: string, records: number): Promise<void> {
  await admin.createTopic(name, { partitions: 1 });
  const topic = client.topic(name, { value: text() });
  const sent = Array.from({ length: records }, (_, n) => topic.publish({ value: `record ${n}` }));
  await Promise.all(sent.map(({ delivered }) => delivered));
}

describe("topics", () => {
  test("are made before there is a connection, described, and deleted", async () => {
    client.goOffline();
    client.goOnline();
    expect(client.state.name).toBe("connecting");
    const made = await admin.createTopic("orders", { partitions: 2, configs: { "retention.ms": 3_600_000 } });
    expect(made).toMatchObject({ name: "orders", partitions: 2, replicationFactor: 1 });
    const sent = client.topic("orders", { value: text() }).publish({ value: "one" });
    const { partition } = await sent.delivered;
    const described = await admin.describeTopic("orders");
    expect(described).toMatchObject({ name: "orders", id: made.id, internal: false });
    expect(
      described.partitions.map(({ logStartOffset, highWatermark }) => [logStartOffset, highWatermark]),
    ).toEqual([0, 1].map((each) => [0n, each === partition ? 1n : 0n]));
    const [broker] = (await admin.describeCluster()).brokers;
    for (const each of described.partitions)
      expect(each).toMatchObject({
        leader: broker?.id,
        replicas: [broker?.id],
        inSyncReplicas: [broker?.id],
      });
    expect(described.partitions[partition]?.bytes).toBeGreaterThan(60n);
    await admin.deleteTopic("orders");
    await expect(admin.describeTopic("orders")).rejects.toMatchObject({
      code: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
    });
    expect((await client.topics()).map(({ name }) => name)).not.toContain("orders");
  });

  test("have the broker's number of partitions where none is given, and are not made when only validated", async () => {
    const checked = await admin.createTopic("checked", { validateOnly: true });
    expect(checked).toEqual({ name: "checked", id: undefined, partitions: 3, replicationFactor: 1 });
    await expect(admin.describeTopic("checked")).rejects.toThrow(/checked/);
    expect((await admin.createTopic("checked")).partitions).toBe(3);
    await expect(admin.createTopic("checked")).rejects.toMatchObject({
      code: ErrorCode.TOPIC_ALREADY_EXISTS,
      message: expect.stringContaining("topic checked: ") as string,
    });
  });

  test("refuse bad names, counts and settings with a sentence", async () => {
    await expect(admin.createTopic("no spaces")).rejects.toMatchObject({
      code: ErrorCode.INVALID_TOPIC_EXCEPTION,
    });
    await expect(admin.createTopic("none", { partitions: 0 })).rejects.toMatchObject({
      code: ErrorCode.INVALID_PARTITIONS,
    });
    await expect(admin.createTopic("odd", { configs: { "retention.ms": "soon" } })).rejects.toMatchObject({
      code: ErrorCode.INVALID_CONFIG,
      message: expect.stringContaining("retention.ms") as string,
    });
    await expect(admin.deleteTopic("nowhere")).rejects.toMatchObject({
      code: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
    });
  });

  test("get more partitions, and who reads them gets what is in those, too", async () => {
    await admin.createTopic("growing", { partitions: 1 });
    const growing = client.topic("growing", { value: text() });
    const records = growing.subscribe({ from: "earliest" });
    await growing.publish({ value: "before" }).delivered;
    expect((await records.next()).value?.value).toBe("before");
    await expect(admin.addPartitions("growing", 1)).rejects.toMatchObject({
      code: ErrorCode.INVALID_PARTITIONS,
    });
    await admin.addPartitions("growing", 4, { validateOnly: true });
    expect((await admin.describeTopic("growing")).partitions).toHaveLength(1);
    await admin.addPartitions("growing", 4);
    expect((await admin.describeTopic("growing")).partitions).toHaveLength(4);
    const kafka = new Kafka({ brokers: [`127.0.0.1:${gateway.kafkaPort}`], logLevel: logLevel.NOTHING });
    const producer = kafka.producer();
    await producer.connect();
    await producer.send({ topic: "growing", messages: [{ partition: 3, value: "after" }] });
    await producer.disconnect();
    expect((await records.next()).value).toMatchObject({ partition: 3, value: "after" });
    await records.return?.();
  });

  test("lose the records below an offset, and all of them", async () => {
    await filled("cut", 10);
    expect(await admin.deleteRecords("cut", [{ partition: 0, before: 4n }])).toEqual([
      { partition: 0, logStartOffset: 4n },
    ]);
    const [partition] = (await admin.describeTopic("cut")).partitions;
    expect(partition).toMatchObject({ logStartOffset: 4n, highWatermark: 10n });
    expect(await admin.deleteRecords("cut", [{ partition: 0, before: "end" }])).toEqual([
      { partition: 0, logStartOffset: 10n },
    ]);
    await expect(admin.deleteRecords("cut", [{ partition: 0, before: 11n }])).rejects.toMatchObject({
      code: ErrorCode.OFFSET_OUT_OF_RANGE,
    });
    await expect(admin.deleteRecords("cut", [{ partition: 0, before: -1n }])).rejects.toThrow(RangeError);
    await expect(admin.deleteRecords("cut", [{ partition: 7, before: 0n }])).rejects.toMatchObject({
      code: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
    });
  });
});

describe("settings", () => {
  test("of a topic are told with where they come from, changed one by one, and given back", async () => {
    await admin.createTopic("set", { configs: { "retention.ms": 1000 } });
    const entry = async (name: string) =>
      (await admin.describeConfigs({ topic: "set" })).find((each) => each.name === name);
    const retention = await entry("retention.ms");
    expect(retention).toMatchObject({ value: "1000", source: "topic", inherited: "604800000", type: "long" });
    expect(retention?.documentation).toMatch(/\w/);
    expect(retention?.synonyms.map(({ source }) => source)).toEqual(["topic", "default"]);
    expect(await entry("cleanup.policy")).toMatchObject({
      value: "delete",
      source: "default",
      inherited: "delete",
      type: "list",
      readOnly: false,
      sensitive: false,
    });
    await admin.alterConfigs(
      { topic: "set" },
      { "retention.ms": null, "cleanup.policy": { append: "compact" }, "max.message.bytes": 5000 },
    );
    expect(await entry("retention.ms")).toMatchObject({ value: "604800000", source: "default" });
    expect(await entry("cleanup.policy")).toMatchObject({ value: "delete,compact", source: "topic" });
    expect(await entry("max.message.bytes")).toMatchObject({ value: "5000" });
    await admin.alterConfigs({ topic: "set" }, { "cleanup.policy": { subtract: "delete" } });
    expect(await entry("cleanup.policy")).toMatchObject({ value: "compact" });
  });

  test("are changed all or none, and only checked where that is asked", async () => {
    await admin.createTopic("whole");
    const changes = { "segment.bytes": 20_000_000, "retention.bytes": "many" };
    await expect(admin.alterConfigs({ topic: "whole" }, changes)).rejects.toMatchObject({
      code: ErrorCode.INVALID_CONFIG,
    });
    await admin.alterConfigs({ topic: "whole" }, { "segment.bytes": 20_000_000 }, { validateOnly: true });
    const own = (await admin.describeConfigs({ topic: "whole" })).filter(({ source }) => source === "topic");
    expect(own).toEqual([]);
    await expect(admin.describeConfigs({ topic: "nowhere" })).rejects.toMatchObject({
      code: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
    });
  });

  test("of brokers and groups can be read and changed, too", async () => {
    const [broker] = (await admin.describeCluster()).brokers;
    const of = async (resource: Parameters<Admin["describeConfigs"]>[0], name: string) =>
      (await admin.describeConfigs(resource)).find((each) => each.name === name);
    expect(await of({ broker: broker?.id ?? -1 }, "num.partitions")).toMatchObject({
      value: "3",
      source: "static",
    });
    await admin.alterConfigs({ broker: "all" }, { "log.retention.ms": 7_200_000 });
    expect(await of({ broker: "all" }, "log.retention.ms")).toMatchObject({ source: "all brokers" });
    expect(await of({ topic: "set" }, "retention.ms")).toMatchObject({
      value: "7200000",
      source: "all brokers",
    });
    await admin.alterConfigs({ broker: "all" }, { "log.retention.ms": null });
    await admin.alterConfigs({ group: "g" }, { "consumer.heartbeat.interval.ms": 6000 });
    expect(await of({ group: "g" }, "consumer.heartbeat.interval.ms")).toMatchObject({
      value: "6000",
      source: "group",
      inherited: "5000",
    });
  });
});

describe("groups", () => {
  test("of both protocols are listed and described with members, offsets and lag", async () => {
    await filled("read", 10);
    const kafka = new Kafka({
      clientId: "a-classic-client",
      brokers: [`127.0.0.1:${gateway.kafkaPort}`],
      logLevel: logLevel.NOTHING,
    });
    const consumer = kafka.consumer({ groupId: "classic-one" });
    await consumer.connect();
    await consumer.subscribe({ topic: "read", fromBeginning: true });
    const committed = new Promise<void>((resolve) => {
      void consumer.run({
        autoCommit: false,
        eachMessage: async ({ message: { offset } }) => {
          if (offset !== "3") return;
          await consumer.commitOffsets([{ topic: "read", partition: 0, offset: "4", metadata: "note" }]);
          resolve();
        },
      });
    });
    await committed;
    const member = await ProtocolClient.webSocket(gateway.httpPort);
    const memberId = randomUUID();
    const join = {
      groupId: "consumer-one",
      memberId,
      memberEpoch: 0,
      instanceId: "desk-1",
      rebalanceTimeoutMs: 5000,
      subscribedTopicNames: ["read"],
      topicPartitions: [],
    };
    const { memberEpoch } = await member.request(consumerGroupHeartbeat, 1, join);

    const listed = await admin.listGroups();
    expect(listed.filter(({ groupId }) => groupId.endsWith("-one"))).toEqual([
      { groupId: "classic-one", protocol: "classic", state: "Stable" },
      { groupId: "consumer-one", protocol: "consumer", state: expect.any(String) as string },
    ]);
    const groups = await admin.describeGroups(["consumer-one", "nobody", "classic-one"]);
    expect(groups.map(({ groupId }) => groupId)).toEqual(["consumer-one", "classic-one"]);
    expect(groups[0]).toMatchObject({
      protocol: "consumer",
      assignor: "uniform",
      epoch: memberEpoch,
      lag: 0n,
      members: [
        {
          memberId,
          instanceId: "desk-1",
          epoch: memberEpoch,
          assignment: [{ topic: "read", partitions: [0] }],
          target: [{ topic: "read", partitions: [0] }],
        },
      ],
      partitions: [
        { topic: "read", partition: 0, offset: undefined, highWatermark: 10n, lag: undefined, memberId },
      ],
    });
    const [classic] = groups[1]?.members ?? [];
    expect(classic).toMatchObject({
      clientId: "a-classic-client",
      host: expect.stringContaining("127.0.0.1") as string,
      assignment: [{ topic: "read", partitions: [0] }],
      target: undefined,
    });
    expect(groups[1]).toMatchObject({
      protocol: "classic",
      state: "Stable",
      lag: 6n,
      partitions: [
        {
          topic: "read",
          partition: 0,
          offset: 4n,
          metadata: "note",
          highWatermark: 10n,
          lag: 6n,
          memberId: classic?.memberId,
        },
      ],
    });

    await expect(admin.deleteGroup("classic-one")).rejects.toMatchObject({ code: ErrorCode.NON_EMPTY_GROUP });
    await consumer.disconnect();
    expect(await admin.describeGroup("classic-one")).toMatchObject({ state: "Empty", members: [], lag: 6n });
    await admin.deleteGroup("classic-one");
    await expect(admin.describeGroup("classic-one")).rejects.toMatchObject({
      code: ErrorCode.GROUP_ID_NOT_FOUND,
    });
    await expect(admin.deleteGroup("classic-one")).rejects.toMatchObject({
      code: ErrorCode.GROUP_ID_NOT_FOUND,
    });
    await member.close();
  });

  test("without members read on where they are told to", async () => {
    await filled("rewound", 10);
    await admin.alterGroupOffsets("idle", [
      { topic: "rewound", partition: 0, offset: 7n, metadata: "by hand" },
    ]);
    expect((await admin.describeGroup("idle")).partitions).toMatchObject([
      { topic: "rewound", partition: 0, offset: 7n, metadata: "by hand", lag: 3n, memberId: undefined },
    ]);
    await admin.alterGroupOffsets("idle", [{ topic: "rewound", partition: 0, offset: 0n }]);
    expect((await admin.describeGroup("idle")).lag).toBe(10n);
    await expect(
      admin.alterGroupOffsets("idle", [{ topic: "rewound", partition: 1, offset: 0n }]),
    ).rejects.toMatchObject({ code: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION });
    await expect(
      admin.alterGroupOffsets("idle", [{ topic: "nowhere", partition: 0, offset: 0n }]),
    ).rejects.toMatchObject({ code: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION });
    await admin.deleteTopic("rewound");
    expect((await admin.describeGroup("idle")).partitions).toEqual([]);
  });
});

describe("a call", () => {
  test("rejects at once while the client is offline, and says why", async () => {
    await untilState(client, "live");
    client.goOffline();
    await expect(admin.listGroups()).rejects.toMatchObject({
      code: ErrorCode.NETWORK_EXCEPTION,
      message: expect.stringContaining("switched off") as string,
    });
    client.goOnline();
    expect(await admin.describeCluster()).toMatchObject({ clusterId: gateway.clusterId });
    await client.close();
    await expect(admin.listGroups()).rejects.toMatchObject({ code: ErrorCode.NETWORK_EXCEPTION });
  });

  test("that is given up rejects with the signal's reason", async () => {
    const reason = new Error("never mind");
    await expect(admin.listGroups({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const controller = new AbortController();
    const waiting = admin.createTopic("given-up", { signal: controller.signal });
    controller.abort(reason);
    await expect(waiting).rejects.toBe(reason);
  });
});
