/** @platformatic/kafka, which speaks the flexible versions, reads every field of the answers that are written here. */
import {
  apiVersionsV3,
  apiVersionsV4,
  createPartitionsV3,
  createTopicsV7,
  deleteRecordsV2,
  deleteTopicsV6,
  describeClusterV1,
  describeConfigsV4,
  fetchV12,
  fetchV13,
  fetchV15,
  fetchV16,
  fetchV17,
  findCoordinatorV6,
  initProducerIdV5,
  listOffsetsV6,
  listOffsetsV9,
  metadataV10,
  metadataV12,
  metadataV9,
  produceV11,
  produceV9,
  Reader,
} from "@platformatic/kafka";
import { describe, expect, test } from "vitest";
import type { Api, ResponseOf } from "../../wire/api.ts";
import { apiVersions } from "../../wire/apis/api-versions.ts";
import { createPartitions } from "../../wire/apis/create-partitions.ts";
import { createTopics } from "../../wire/apis/create-topics.ts";
import { deleteRecords } from "../../wire/apis/delete-records.ts";
import { deleteTopics } from "../../wire/apis/delete-topics.ts";
import { describeCluster } from "../../wire/apis/describe-cluster.ts";
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
import { fromHex } from "./hex.ts";
import { TOPIC_ID, whole } from "./platformatic.ts";

interface ResponseCase {
  readonly api: Api;
  readonly version: number;
  readonly theirs: {
    parseResponse(correlationId: number, apiKey: number, apiVersion: number, reader: Reader): unknown;
  };
  readonly body: unknown;
}

function responseCase<Req, Res>(
  api: Api<Req, Res>,
  version: number,
  theirs: ResponseCase["theirs"],
  body: Input<Res>,
): ResponseCase {
  return { api, version, theirs, body };
}

const metadataAnswer: Input<ResponseOf<typeof metadata>> = {
  throttleTimeMs: 12,
  brokers: [
    { nodeId: 1, host: "localhost", port: 9092, rack: null },
    { nodeId: 2, host: "höst", port: 19092, rack: "r" },
  ],
  clusterId: TOPIC_ID,
  controllerId: 1,
  topics: [
    {
      errorCode: 0,
      name: "orders",
      topicId: TOPIC_ID,
      isInternal: true,
      partitions: [
        {
          errorCode: 0,
          partitionIndex: 4,
          leaderId: 2,
          leaderEpoch: 31,
          replicaNodes: [1, 2],
          isrNodes: [2],
          offlineReplicas: [1],
        },
      ],
      topicAuthorizedOperations: 5,
    },
  ],
};

const partitionAnswer = {
  partitionIndex: 3,
  errorCode: 0,
  highWatermark: 2n ** 35n,
  lastStableOffset: 99n,
  logStartOffset: 7n,
  abortedTransactions: [{ producerId: 1n, firstOffset: 2n }],
  preferredReadReplica: -1,
};

const RESPONSES: readonly ResponseCase[] = [
  ...(
    [
      [3, apiVersionsV3],
      [4, apiVersionsV4],
    ] as const
  ).map(([version, theirs]) =>
    responseCase(apiVersions, version, theirs, {
      errorCode: 0,
      apiKeys: [
        { apiKey: 0, minVersion: 0, maxVersion: 12 },
        { apiKey: 20000, minVersion: 0, maxVersion: 0 },
      ],
      throttleTimeMs: 6,
    }),
  ),
  responseCase(metadata, 9, metadataV9, metadataAnswer),
  responseCase(metadata, 10, metadataV10, metadataAnswer),
  responseCase(metadata, 12, metadataV12, metadataAnswer),
  ...(
    [
      [9, produceV9],
      [11, produceV11],
    ] as const
  ).map(([version, theirs]) =>
    responseCase(produce, version, theirs, {
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
          ],
        },
      ],
      throttleTimeMs: 3,
    }),
  ),
  responseCase(fetch, 12, fetchV12, {
    throttleTimeMs: 5,
    sessionId: 6,
    responses: [{ topic: "orders", partitions: [{ ...partitionAnswer, records: null }] }],
  }),
  ...(
    [
      [13, fetchV13],
      [15, fetchV15],
      [16, fetchV16],
      [17, fetchV17],
    ] as const
  ).map(([version, theirs]) =>
    responseCase(fetch, version, theirs, {
      throttleTimeMs: 5,
      sessionId: 6,
      responses: [{ topicId: TOPIC_ID, partitions: [{ ...partitionAnswer, records: null }] }],
    }),
  ),
  ...(
    [
      [6, listOffsetsV6],
      [9, listOffsetsV9],
    ] as const
  ).map(([version, theirs]) =>
    responseCase(listOffsets, version, theirs, {
      throttleTimeMs: 4,
      topics: [
        {
          name: "a",
          partitions: [
            { partitionIndex: 1, errorCode: 0, timestamp: 1000n, offset: 2n ** 33n, leaderEpoch: 6 },
          ],
        },
      ],
    }),
  ),
  responseCase(createTopics, 7, createTopicsV7, {
    throttleTimeMs: 5,
    topics: [
      {
        name: "a",
        topicId: TOPIC_ID,
        errorCode: 0,
        numPartitions: 3,
        replicationFactor: 1,
        configs: [{ name: "retention.ms", value: null, readOnly: false, configSource: 5, isSensitive: true }],
      },
    ],
  }),
  responseCase(deleteRecords, 2, deleteRecordsV2, {
    throttleTimeMs: 5,
    topics: [{ name: "a", partitions: [{ partitionIndex: 2, lowWatermark: 1n << 60n, errorCode: 0 }] }],
  }),
  responseCase(deleteTopics, 6, deleteTopicsV6, {
    throttleTimeMs: 5,
    responses: [
      { name: "a", topicId: TOPIC_ID, errorCode: 0 },
      { name: null, topicId: TOPIC_ID, errorCode: 0 },
    ],
  }),
  responseCase(createPartitions, 3, createPartitionsV3, {
    results: [{ name: "a", errorCode: 0, errorMessage: "x" }],
  }),
  responseCase(initProducerId, 5, initProducerIdV5, { errorCode: 0, producerId: 4000n, producerEpoch: 2 }),
  responseCase(findCoordinator, 6, findCoordinatorV6, {
    coordinators: [{ key: "billing", nodeId: 1, host: "localhost", port: 9092, errorCode: 0 }],
  }),
  responseCase(describeCluster, 1, describeClusterV1, {
    errorCode: 0,
    clusterId: TOPIC_ID,
    controllerId: 1,
    brokers: [{ brokerId: 1, host: "localhost", port: 9092 }],
  }),
  responseCase(describeConfigs, 4, describeConfigsV4, {
    results: [
      {
        errorCode: 0,
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
            configType: 5,
            documentation: "how long",
          },
        ],
      },
    ],
  }),
];

describe("responses", () => {
  test.each(RESPONSES.map((each) => ({ name: each.api.name, ...each })))(
    "$name $version is read by them field for field",
    ({ api, version, theirs, body }) => {
      const message = new Uint8Array(Buffer.concat(encodeResponse(api, version, 77, body)));
      const ours = decodeResponse(api, version, message).body;
      const headerBytes = api.key === apiVersions.key ? 4 : 5;
      const reader = Reader.from(Buffer.from(message.subarray(headerBytes)));
      const read = withOurUuids(theirs.parseResponse(77, api.key, version, reader));
      expect(ours).toMatchObject(read as object);
      expect(Object.keys(read as object).length).toBeGreaterThan(1);
    },
  );

  test("the records of a Fetch are read by them", () => {
    const sealed = produceV11.createRequest(-1, 1500, [
      { topic: "orders", partition: 3, key: Buffer.from("k"), value: Buffer.from("first"), timestamp: 1000n },
    ]);
    const message = whole(produce, 11, sealed.buffer);
    const { topicData } = decodeRequest(produce, 11, message, decodeRequestHeader(message).bodyAt);
    const records = topicData[0]?.partitionData[0]?.records ?? null;
    const partition = { ...partitionAnswer, abortedTransactions: [], records };
    const pieces = encodeResponse(fetch, 17, 77, {
      responses: [{ topicId: TOPIC_ID, partitions: [partition] }],
    });
    const answer = Buffer.concat(pieces).subarray(5);
    const { responses } = fetchV17.parseResponse(77, 1, 17, Reader.from(answer));
    const [batch] = responses[0]?.partitions[0]?.records ?? [];
    expect(batch?.records[0]?.value).toEqual(Buffer.from("first"));
  });
});

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** They give uuids in hex, the topic's name as its id where a version has no ids, and add the names of APIs. */
function withOurUuids(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withOurUuids);
  if (typeof value === "string") return UUID.test(value) ? uuidOf(value) : value;
  if (typeof value !== "object" || value === null) return value;
  const isOurs = ([name, inner]: [string, unknown]) =>
    name === "topicId" ? UUID.test(String(inner)) : name !== "name" || !("apiKey" in value);
  const entries = Object.entries(value).filter(isOurs);
  return Object.fromEntries(entries.map(([name, inner]) => [name, withOurUuids(inner)]));
}

function uuidOf(hex: string): string {
  return Buffer.from(fromHex(hex.replaceAll("-", ""))).toString("base64url");
}
