/** kafkajs writes the bytes that are written here, in every version that both have. */
import { describe, expect, test } from "vitest";
import type { Api } from "../../wire/api.ts";
import { apiVersions } from "../../wire/apis/api-versions.ts";
import { createPartitions } from "../../wire/apis/create-partitions.ts";
import { createTopics } from "../../wire/apis/create-topics.ts";
import { deleteRecords } from "../../wire/apis/delete-records.ts";
import { deleteTopics } from "../../wire/apis/delete-topics.ts";
import { describeConfigs } from "../../wire/apis/describe-configs.ts";
import { fetch } from "../../wire/apis/fetch.ts";
import { findCoordinator } from "../../wire/apis/find-coordinator.ts";
import { initProducerId } from "../../wire/apis/init-producer-id.ts";
import { listOffsets } from "../../wire/apis/list-offsets.ts";
import { metadata } from "../../wire/apis/metadata.ts";
import { produce } from "../../wire/apis/produce.ts";
import { decodeRequest, encodeRequest } from "../../wire/request.ts";
import { decodeRequestHeader } from "../../wire/request-header.ts";
import type { Input } from "../../wire/schema.ts";
import { toHex } from "./hex.ts";
import { produceOptions, theirRequest } from "./kafkajs.ts";

interface RequestCase {
  readonly folder: string;
  readonly api: Api;
  readonly versions: readonly number[];
  readonly theirs: object;
  readonly ours: unknown;
}

function requestCase<Req, Res>(
  folder: string,
  api: Api<Req, Res>,
  versions: readonly number[],
  theirs: object,
  ours: Input<Req>,
): RequestCase {
  return { folder, api, versions, theirs, ours };
}

const FETCH_OPTIONS = {
  replicaId: -1,
  maxWaitTime: 500,
  minBytes: 1,
  maxBytes: 1_000_000,
  isolationLevel: 1,
  rackId: "rack",
  sessionId: 4,
  sessionEpoch: 5,
  topics: [
    {
      topic: "orders",
      partitions: [{ partition: 2, currentLeaderEpoch: 9, fetchOffset: "5000000000", maxBytes: 4096 }],
    },
    { topic: "ünï", partitions: [] },
  ],
  forgottenTopics: [{ topic: "gone", partitions: [1, 2] }],
};

const REQUESTS: readonly RequestCase[] = [
  requestCase("apiVersions", apiVersions, [0, 1, 2], {}, {}),
  requestCase(
    "metadata",
    metadata,
    [0, 1, 2, 3, 4, 5, 6],
    { topics: ["a", "béta"], allowAutoTopicCreation: false },
    {
      topics: [{ name: "a" }, { name: "béta" }],
      allowAutoTopicCreation: false,
    },
  ),
  requestCase("metadata", metadata, [1, 2, 3, 4, 5, 6], { topics: [] }, { topics: null }),
  requestCase("fetch", fetch, [4, 5, 6, 7, 8, 9, 10, 11], FETCH_OPTIONS, {
    replicaId: -1,
    maxWaitMs: 500,
    minBytes: 1,
    maxBytes: 1_000_000,
    isolationLevel: 1,
    sessionId: 4,
    sessionEpoch: 5,
    rackId: "rack",
    topics: [
      {
        topic: "orders",
        partitions: [
          { partition: 2, currentLeaderEpoch: 9, fetchOffset: 5_000_000_000n, partitionMaxBytes: 4096 },
        ],
      },
      { topic: "ünï", partitions: [] },
    ],
    forgottenTopicsData: [{ topic: "gone", partitions: [1, 2] }],
  }),
  requestCase(
    "listOffsets",
    listOffsets,
    [1, 2, 3],
    {
      replicaId: -1,
      isolationLevel: 1,
      topics: [{ topic: "a", partitions: [{ partition: 3, timestamp: -2 }] }],
    },
    {
      replicaId: -1,
      isolationLevel: 1,
      topics: [{ name: "a", partitions: [{ partitionIndex: 3, timestamp: -2n }] }],
    },
  ),
  requestCase(
    "createTopics",
    createTopics,
    [2, 3],
    {
      topics: [
        {
          topic: "a",
          numPartitions: 6,
          replicationFactor: 1,
          configEntries: [{ name: "retention.ms", value: "1" }],
        },
        {
          topic: "b",
          replicaAssignment: [{ partition: 0, replicas: [1, 2] }],
          configEntries: [{ name: "x", value: null }],
        },
      ],
      validateOnly: true,
      timeout: 9000,
    },
    {
      topics: [
        {
          name: "a",
          numPartitions: 6,
          replicationFactor: 1,
          assignments: [],
          configs: [{ name: "retention.ms", value: "1" }],
        },
        {
          name: "b",
          numPartitions: -1,
          replicationFactor: -1,
          assignments: [{ partitionIndex: 0, brokerIds: [1, 2] }],
          configs: [{ name: "x", value: null }],
        },
      ],
      validateOnly: true,
      timeoutMs: 9000,
    },
  ),
  requestCase(
    "deleteTopics",
    deleteTopics,
    [1],
    { topics: ["a", "b"], timeout: 8000 },
    { topicNames: ["a", "b"], timeoutMs: 8000 },
  ),
  requestCase(
    "deleteRecords",
    deleteRecords,
    [0, 1],
    {
      topics: [{ topic: "a", partitions: [{ partition: 2, offset: "9007199254740993" }] }],
      timeout: 8000,
    },
    {
      topics: [{ name: "a", partitions: [{ partitionIndex: 2, offset: 9007199254740993n }] }],
      timeoutMs: 8000,
    },
  ),
  requestCase(
    "createPartitions",
    createPartitions,
    [0, 1],
    {
      topicPartitions: [
        { topic: "a", count: 4 },
        { topic: "b", count: 2, assignments: [[1], [2, 3]] },
      ],
      timeout: 7000,
    },
    {
      topics: [
        { name: "a", count: 4, assignments: null },
        { name: "b", count: 2, assignments: [{ brokerIds: [1] }, { brokerIds: [2, 3] }] },
      ],
      timeoutMs: 7000,
      validateOnly: false,
    },
  ),
  requestCase(
    "initProducerId",
    initProducerId,
    [0, 1],
    { transactionalId: null, transactionTimeout: 30_000 },
    {
      transactionalId: null,
      transactionTimeoutMs: 30_000,
    },
  ),
  requestCase("findCoordinator", findCoordinator, [0], { groupId: "billing" }, { key: "billing" }),
  requestCase(
    "findCoordinator",
    findCoordinator,
    [1, 2],
    { coordinatorKey: "billing", coordinatorType: 1 },
    { key: "billing", keyType: 1 },
  ),
  requestCase(
    "describeConfigs",
    describeConfigs,
    [1, 2],
    {
      resources: [
        { type: 2, name: "a", configNames: ["retention.ms"] },
        { type: 4, name: "1" },
      ],
      includeSynonyms: true,
    },
    {
      resources: [
        { resourceType: 2, resourceName: "a", configurationKeys: ["retention.ms"] },
        { resourceType: 4, resourceName: "1", configurationKeys: null },
      ],
      includeSynonyms: true,
    },
  ),
];

describe("requests", () => {
  const each = REQUESTS.flatMap(({ versions, ...rest }) => versions.map((version) => ({ version, ...rest })));
  test.each(each)(
    "$folder $version is written byte for byte alike",
    async ({ folder, api, version, theirs, ours }) => {
      const expected = await theirRequest(folder, version, theirs);
      expect(toHex(encodeRequest(api, version, { correlationId: 77, clientId: "walker" }, ours))).toBe(
        toHex(expected),
      );
      const { bodyAt, ...header } = decodeRequestHeader(expected);
      expect(header).toEqual({ apiKey: api.key, apiVersion: version, correlationId: 77, clientId: "walker" });
      expect(decodeRequest(api, version, expected, bodyAt)).toMatchObject(
        presentIn(api, version, ours) as object,
      );
    },
  );

  test.each([3, 4, 5, 6, 7])(
    "produce %d: what kafkajs seals is read, and written again byte for byte",
    async (version) => {
      const theirs = await theirRequest("produce", version, produceOptions());
      const { bodyAt } = decodeRequestHeader(theirs);
      const body = decodeRequest(produce, version, theirs, bodyAt);
      expect(body).toMatchObject({
        transactionalId: null,
        acks: -1,
        timeoutMs: 1500,
        topicData: [{ name: "orders" }],
      });
      expect(body.topicData[0]?.partitionData[0]?.index).toBe(3);
      const header = { correlationId: 77, clientId: "walker" };
      expect(toHex(encodeRequest(produce, version, header, body))).toBe(toHex(theirs));
    },
  );
});

/** What is left of a body once it has been written in a version. */
function presentIn(api: Api, version: number, body: unknown): unknown {
  const header = { correlationId: 0, clientId: null };
  const message = encodeRequest(api, version, header, body);
  return decodeRequest(api, version, message, decodeRequestHeader(message).bodyAt);
}
