/** kafkajs reads every field of the answers that are written here, in every version that both have. */
import { describe, expect, test } from "vitest";
import type { Api } from "../../wire/api.ts";
import { apiVersions } from "../../wire/apis/api-versions.ts";
import { createPartitions } from "../../wire/apis/create-partitions.ts";
import { createTopics } from "../../wire/apis/create-topics.ts";
import { deleteTopics } from "../../wire/apis/delete-topics.ts";
import { describeConfigs } from "../../wire/apis/describe-configs.ts";
import { fetch } from "../../wire/apis/fetch.ts";
import { findCoordinator } from "../../wire/apis/find-coordinator.ts";
import { initProducerId } from "../../wire/apis/init-producer-id.ts";
import { listOffsets } from "../../wire/apis/list-offsets.ts";
import { metadata } from "../../wire/apis/metadata.ts";
import { produce } from "../../wire/apis/produce.ts";
import { decodeRequest } from "../../wire/request.ts";
import { decodeRequestHeader } from "../../wire/request-header.ts";
import { decodeResponse, encodeResponse } from "../../wire/response.ts";
import type { Input } from "../../wire/schema.ts";
import { produceOptions, theirAnswer, theirRequest } from "./kafkajs.ts";

interface ResponseCase {
  readonly folder: string;
  readonly api: Api;
  readonly versions: readonly number[];
  /** kafkajs's names for our fields; what is not named here has the same name. */
  readonly names: Readonly<Record<string, string>>;
  readonly body: unknown;
}

function responseCase<Req, Res>(
  folder: string,
  api: Api<Req, Res>,
  versions: readonly number[],
  names: Readonly<Record<string, string>>,
  body: Input<Res>,
): ResponseCase {
  return { folder, api, versions, names, body };
}

const RESPONSES: readonly ResponseCase[] = [
  responseCase(
    "apiVersions",
    apiVersions,
    [0, 1, 2],
    { apiVersions: "apiKeys" },
    {
      errorCode: 0,
      apiKeys: [
        { apiKey: 0, minVersion: 0, maxVersion: 12 },
        { apiKey: 20000, minVersion: 0, maxVersion: 0 },
      ],
      throttleTimeMs: 6,
    },
  ),
  responseCase(
    "metadata",
    metadata,
    [0, 1, 2, 3, 4, 5, 6],
    {
      topicMetadata: "topics",
      topicErrorCode: "errorCode",
      topic: "name",
      partitionMetadata: "partitions",
      partitionErrorCode: "errorCode",
      partitionId: "partitionIndex",
      leader: "leaderId",
      replicas: "replicaNodes",
      isr: "isrNodes",
    },
    {
      throttleTimeMs: 12,
      brokers: [
        { nodeId: 1, host: "localhost", port: 9092, rack: null },
        { nodeId: 2, host: "höst", port: 19092, rack: "r" },
      ],
      clusterId: "AAECAwQFBgcICQoLDA0ODw",
      controllerId: 1,
      topics: [
        {
          errorCode: 5,
          name: "orders",
          isInternal: true,
          partitions: [
            {
              errorCode: 9,
              partitionIndex: 4,
              leaderId: 2,
              replicaNodes: [1, 2],
              isrNodes: [2],
              offlineReplicas: [1],
            },
            {
              errorCode: 0,
              partitionIndex: 5,
              leaderId: 1,
              replicaNodes: [],
              isrNodes: [],
              offlineReplicas: [],
            },
          ],
        },
      ],
    },
  ),
  responseCase(
    "produce",
    produce,
    [3, 4, 5, 6, 7],
    {
      topics: "responses",
      topicName: "name",
      partitions: "partitionResponses",
      partition: "index",
      logAppendTime: "logAppendTimeMs",
    },
    {
      responses: [
        {
          name: "orders",
          partitionResponses: [
            {
              index: 3,
              errorCode: 0,
              baseOffset: 2n ** 40n,
              logAppendTimeMs: 1_700_000_000_000n,
              logStartOffset: 17n,
            },
            { index: 4, errorCode: 45, baseOffset: -1n },
          ],
        },
      ],
      throttleTimeMs: 3,
    },
  ),
  responseCase(
    "listOffsets",
    listOffsets,
    [1, 2, 3],
    { responses: "topics", topic: "name", partition: "partitionIndex" },
    {
      throttleTimeMs: 4,
      topics: [
        { name: "a", partitions: [{ partitionIndex: 1, errorCode: 0, timestamp: 1000n, offset: 2n ** 33n }] },
      ],
    },
  ),
  responseCase(
    "createTopics",
    createTopics,
    [2, 3],
    { topicErrors: "topics", topic: "name" },
    {
      throttleTimeMs: 5,
      topics: [
        { name: "a", errorCode: 36, errorMessage: "there is one" },
        { name: "b", errorCode: 0, errorMessage: null },
      ],
    },
  ),
  responseCase(
    "deleteTopics",
    deleteTopics,
    [1],
    { topicErrors: "responses", topic: "name" },
    {
      throttleTimeMs: 5,
      responses: [
        { name: "a", errorCode: 3 },
        { name: "b", errorCode: 0 },
      ],
    },
  ),
  responseCase(
    "createPartitions",
    createPartitions,
    [0, 1],
    { topicErrors: "results", topic: "name" },
    {
      throttleTimeMs: 5,
      results: [{ name: "a", errorCode: 37, errorMessage: "fewer than before" }],
    },
  ),
  responseCase(
    "initProducerId",
    initProducerId,
    [0, 1],
    {},
    {
      throttleTimeMs: 5,
      errorCode: 0,
      producerId: 4000n,
      producerEpoch: 2,
    },
  ),
  responseCase(
    "findCoordinator",
    findCoordinator,
    [0, 1, 2],
    {},
    {
      throttleTimeMs: 5,
      errorCode: 0,
      errorMessage: "none",
      nodeId: 1,
      host: "localhost",
      port: 9092,
    },
  ),
  responseCase(
    "describeConfigs",
    describeConfigs,
    [1, 2],
    {
      resources: "results",
      configEntries: "configs",
      configSynonyms: "synonyms",
      configName: "name",
      configValue: "value",
    },
    {
      throttleTimeMs: 5,
      results: [
        {
          errorCode: 0,
          errorMessage: null,
          resourceType: 2,
          resourceName: "a",
          configs: [
            {
              name: "retention.ms",
              value: "1000",
              readOnly: false,
              configSource: 1,
              isSensitive: false,
              synonyms: [{ name: "log.retention.ms", value: null, source: 5 }],
            },
          ],
        },
      ],
    },
  ),
];

describe("responses", () => {
  const each = RESPONSES.flatMap(({ versions, ...rest }) =>
    versions.map((version) => ({ version, ...rest })),
  );
  test.each(each)(
    "$folder $version is read by kafkajs field for field",
    async ({ folder, api, version, names, body }) => {
      const message = new Uint8Array(Buffer.concat(encodeResponse(api, version, 77, body)));
      const ours = decodeResponse(api, version, message).body;
      const theirs = renamed(await theirAnswer(folder, version, message.subarray(4)), names);
      expect(asTheirs(ours)).toMatchObject(theirs as object);
      expect(Object.keys(theirs as object).length).toBeGreaterThan(0);
    },
  );

  test.each([4, 5, 6, 7, 8, 9, 10, 11])("fetch %d is read by kafkajs, records and all", async (version) => {
    const sealed = await theirRequest("produce", 3, produceOptions());
    const { bodyAt } = decodeRequestHeader(sealed);
    const records = decodeRequest(produce, 3, sealed, bodyAt).topicData[0]?.partitionData[0]?.records ?? null;
    const pieces = encodeResponse(fetch, version, 77, {
      throttleTimeMs: 5,
      responses: [
        {
          topic: "orders",
          partitions: [
            {
              partitionIndex: 3,
              errorCode: 0,
              highWatermark: 2n ** 35n,
              lastStableOffset: 99n,
              logStartOffset: 7n,
              abortedTransactions: [{ producerId: 1n, firstOffset: 2n }],
              records,
            },
            { partitionIndex: 4, errorCode: 1, highWatermark: -1n, abortedTransactions: [], records: null },
          ],
        },
      ],
    });
    const theirs = await theirAnswer("fetch", version, new Uint8Array(Buffer.concat(pieces)).subarray(4));
    const first = {
      partition: 3,
      errorCode: 0,
      highWatermark: String(2n ** 35n),
      lastStableOffset: "99",
      ...(version >= 5 ? { lastStartOffset: "7" } : {}),
      abortedTransactions: [{ producerId: "1", firstOffset: "2" }],
      ...(version >= 11 ? { preferredReadReplica: -1 } : {}),
      messages: [{ value: Buffer.from("first") }, { value: Buffer.from("second") }],
    };
    const second = { partition: 4, errorCode: 1, messages: [] };
    expect(theirs).toMatchObject({ responses: [{ topicName: "orders", partitions: [first, second] }] });
  });
});

/** Their answer with our names; throttle times under one name, and what they add themselves left out. */
function renamed(value: unknown, names: Readonly<Record<string, string>>): unknown {
  if (Array.isArray(value)) return value.map((element) => renamed(element, names));
  if (typeof value !== "object" || value === null) return value;
  const result: Record<string, unknown> = {};
  for (const [name, inner] of Object.entries(value)) {
    if (name === "isDefault" || (name === "throttleTime" && "clientSideThrottleTime" in value)) continue;
    if (name === "coordinator") Object.assign(result, renamed(inner, names));
    else if (/throttleTime$/i.test(name)) result["throttleTimeMs"] = inner;
    else if (name === "configSource" && !("configSynonyms" in value)) result["source"] = inner;
    else result[names[name] ?? name] = renamed(inner, names);
  }
  return result;
}

/** kafkajs gives 64-bit integers as text. */
function asTheirs(value: unknown): unknown {
  if (typeof value === "bigint") return String(value);
  if (Array.isArray(value)) return value.map(asTheirs);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, asTheirs(inner)]));
}
