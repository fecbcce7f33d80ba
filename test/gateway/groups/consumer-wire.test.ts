/** Consumer groups as they are on the wire: what tools ask, and what is there after the process was killed. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { alterConfigs } from "../../../wire/apis/alter-configs.ts";
import { consumerGroupDescribe } from "../../../wire/apis/consumer-group-describe.ts";
import { consumerGroupHeartbeat } from "../../../wire/apis/consumer-group-heartbeat.ts";
import { describeConfigs } from "../../../wire/apis/describe-configs.ts";
import { describeGroups } from "../../../wire/apis/describe-groups.ts";
import { incrementalAlterConfigs } from "../../../wire/apis/incremental-alter-configs.ts";
import { listGroups } from "../../../wire/apis/list-groups.ts";
import { offsetCommit } from "../../../wire/apis/offset-commit.ts";
import { offsetFetch } from "../../../wire/apis/offset-fetch.ts";
import { ErrorCode } from "../../../wire/errors.ts";
import { createTopic } from "../batches.ts";
import { ProtocolClient } from "../protocol-client.ts";
import { spawnGateway, type SpawnedGateway } from "../spawn-gateway.ts";

const GROUP = 32;

let data: string;
let gateway: SpawnedGateway;
let client: ProtocolClient;

async function start(): Promise<void> {
  gateway = await spawnGateway(["--data-dir", data]);
  client = await ProtocolClient.tcp(gateway.kafkaPort);
}

beforeEach(async () => {
  data = await mkdtemp(join(tmpdir(), "rivulet-consumers-"));
  await start();
});
afterEach(async () => {
  await client.close();
  await gateway.kill("SIGKILL");
  await rm(data, { recursive: true, force: true });
});

/** Joins a group by a regular expression; all of its topics are given at once. */
const joinNow = () =>
  client.request(consumerGroupHeartbeat, 1, {
    groupId: "g",
    memberId: "a-member",
    memberEpoch: 0,
    rebalanceTimeoutMs: 60_000,
    subscribedTopicRegex: "eu-.*",
    topicPartitions: [],
  });

const described = async (groupId: string) => {
  const { groups } = await client.request(consumerGroupDescribe, 1, {
    groupIds: Array.from({ length: 100 }, () => groupId),
    includeAuthorizedOperations: false,
  });
  expect(groups).toHaveLength(1);
  return groups[0];
};

describe("a consumer group", () => {
  it("is joined by an expression, listed, described once however often it is named, and no classic group", async () => {
    const topicId = await createTopic(client, "eu-orders");
    const joined = await joinNow();
    expect(joined).toMatchObject({
      errorCode: ErrorCode.NONE,
      memberId: "a-member",
      memberEpoch: 2,
      heartbeatIntervalMs: 5000,
      assignment: { topicPartitions: [{ topicId, partitions: [0] }] },
    });
    const assignment = { topicPartitions: [{ topicId, topicName: "eu-orders", partitions: [0] }] };
    expect(await described("g")).toMatchObject({
      groupState: "Stable",
      groupEpoch: 2,
      assignmentEpoch: 2,
      assignorName: "uniform",
      members: [
        {
          memberId: "a-member",
          subscribedTopicRegex: "eu-.*",
          assignment,
          targetAssignment: assignment,
          memberType: 1,
        },
      ],
    });
    expect(await described("nobody")).toMatchObject({ errorCode: ErrorCode.GROUP_ID_NOT_FOUND, members: [] });
    const list = async (typesFilter: string[], statesFilter: string[]) =>
      (await client.request(listGroups, 5, { typesFilter, statesFilter })).groups;
    expect(await list(["Consumer"], ["stable"])).toMatchObject([
      { groupId: "g", protocolType: "consumer", groupState: "Stable", groupType: "consumer" },
    ]);
    expect(await list(["classic"], [])).toEqual([]);
    expect(await list([], ["Empty"])).toEqual([]);
    const classic = async (version: number) =>
      (await client.request(describeGroups, version, { groups: ["g"] })).groups;
    expect(await classic(5)).toMatchObject([{ errorCode: ErrorCode.NONE, groupState: "Dead" }]);
    expect(await classic(6)).toMatchObject([{ errorCode: ErrorCode.GROUP_ID_NOT_FOUND, groupState: "Dead" }]);
  });

  it("goes on after kill -9 as if nothing had been: its member, in its epoch, with what it had and committed", async () => {
    await createTopic(client, "eu-orders");
    await joinNow();
    const partitions = [{ partitionIndex: 0, committedOffset: 7n, committedMetadata: "" }];
    const commit = {
      groupId: "g",
      memberId: "a-member",
      generationIdOrMemberEpoch: 2,
      topics: [{ name: "eu-orders", partitions }],
    };
    expect(await client.request(offsetCommit, 9, commit)).toMatchObject({
      topics: [{ partitions: [{ errorCode: ErrorCode.NONE }] }],
    });
    const before = await described("g");
    await client.close();
    await gateway.kill("SIGKILL");
    await start();
    // Groups are read from the log while requests come in already.
    let after = await described("g");
    while (after?.errorCode === ErrorCode.COORDINATOR_LOAD_IN_PROGRESS) after = await described("g");
    expect(after).toEqual(before);
    const beat = { groupId: "g", memberId: "a-member", memberEpoch: 2 };
    expect(await client.request(consumerGroupHeartbeat, 1, beat)).toMatchObject({
      errorCode: ErrorCode.NONE,
      memberEpoch: 2,
      assignment: null,
    });
    const read = async (memberEpoch: number) => {
      const topics = [{ name: "eu-orders", partitionIndexes: [0] }];
      const groups = [{ groupId: "g", memberId: "a-member", memberEpoch, topics }];
      return (await client.request(offsetFetch, 9, { groups })).groups[0];
    };
    expect(await read(2)).toMatchObject({ topics: [{ partitions: [{ committedOffset: 7n }] }] });
    expect(await read(3)).toMatchObject({ errorCode: ErrorCode.STALE_MEMBER_EPOCH, topics: [] });
  });

  it("has settings of its own, that are checked, described with where they come from, and taken back", async () => {
    const name = "consumer.session.timeout.ms";
    const settings = async () => {
      const [answer] = (
        await client.request(describeConfigs, 4, {
          resources: [{ resourceType: GROUP, resourceName: "g", configurationKeys: null }],
          includeSynonyms: true,
        })
      ).results;
      return new Map(answer?.configs.map((each) => [each.name, each]));
    };
    const change = async (value: string | null, configOperation = 0, resourceName = "g") => {
      const configs = [{ name, configOperation, value }];
      const { responses } = await client.request(incrementalAlterConfigs, 1, {
        resources: [{ resourceType: GROUP, resourceName, configs }],
        validateOnly: false,
      });
      return responses[0]?.errorCode;
    };
    expect([...(await settings()).keys()]).toEqual([
      name,
      "consumer.heartbeat.interval.ms",
      "consumer.assignment.interval.ms",
    ]);
    expect((await settings()).get(name)).toMatchObject({ value: "45000", configSource: 5 });
    expect(await change("50000")).toBe(ErrorCode.NONE);
    expect((await settings()).get(name)).toMatchObject({ value: "50000", configSource: 8 });
    expect(await change("1000")).toBe(ErrorCode.INVALID_CONFIG);
    expect(await change("50000", 2)).toBe(ErrorCode.INVALID_CONFIG);
    expect(await change("50000", 0, "")).toBe(ErrorCode.INVALID_REQUEST);
    const all = await client.request(alterConfigs, 2, {
      resources: [{ resourceType: GROUP, resourceName: "g", configs: [] }],
      validateOnly: false,
    });
    expect(all.responses[0]?.errorCode).toBe(ErrorCode.NONE);
    expect((await settings()).get(name)).toMatchObject({ value: "45000", configSource: 5 });
  });
});
