/** Against @platformatic/kafka's own protocol code, which speaks the flexible versions. */
import {
  apiVersionsV3,
  apiVersionsV4,
  createPartitionsV2,
  createPartitionsV3,
  createTopicsV7,
  deleteTopicsV6,
  describeClusterV0,
  describeClusterV1,
  describeConfigsV4,
  fetchV12,
  fetchV13,
  fetchV15,
  fetchV16,
  fetchV17,
  findCoordinatorV4,
  findCoordinatorV6,
  initProducerIdV3,
  initProducerIdV5,
  listOffsetsV6,
  listOffsetsV9,
  metadataV10,
  metadataV12,
  metadataV9,
  offsetForLeaderEpochV4,
  produceV11,
  produceV9,
  Reader,
  type Writer,
} from "@platformatic/kafka";
import { describe, expect, test } from "vitest";
import type { Api, ResponseOf } from "../../wire/api.ts";
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
import { decodeRequest, decodeRequestHeader, encodeRequest } from "../../wire/request.ts";
import { decodeResponse, encodeResponse } from "../../wire/response.ts";
import type { Input } from "../../wire/schema.ts";
import { fromHex, toHex } from "./hex.ts";

const TOPIC_ID = "AAECAwQFBgcICQoLDA0ODw";
const TOPIC_ID_HEX = "00010203-0405-0607-0809-0a0b0c0d0e0f";
const CLIENT_ID = "walker";

interface RequestCase {
  readonly api: Api;
  readonly version: number;
  readonly theirs: () => Writer;
  readonly ours: unknown;
}

function requestCase<Req, Res>(
  api: Api<Req, Res>,
  version: number,
  theirs: () => Writer,
  ours: Input<Req>,
): RequestCase {
  return { api, version, theirs, ours };
}

const fetchPartition = {
  partition: 2,
  currentLeaderEpoch: 9,
  fetchOffset: 5_000_000_000n,
  lastFetchedEpoch: 8,
  partitionMaxBytes: 4096,
};
const fetchOptions = {
  maxWaitMs: 500,
  minBytes: 1,
  maxBytes: 1_000_000,
  isolationLevel: 1,
  sessionId: 4,
  sessionEpoch: 5,
};

function fetchArguments<T>(topics: T[]): [number, number, number, number, number, number, T[], [], string] {
  return [500, 1, 1_000_000, 1, 4, 5, topics, [], "rack"];
}

function fetchCase(version: number, theirs: () => Writer): RequestCase {
  const topic = version < 13 ? { topic: "orders" } : { topicId: TOPIC_ID };
  return requestCase(fetch, version, theirs, {
    ...fetchOptions,
    rackId: "rack",
    topics: [{ ...topic, partitions: [fetchPartition] }],
  });
}

const theirTopic = { topicId: TOPIC_ID_HEX, partitions: [fetchPartition] };

const REQUESTS: readonly RequestCase[] = [
  requestCase(apiVersions, 3, () => apiVersionsV3.createRequest("rivulet", "0.1.0"), {
    clientSoftwareName: "rivulet",
    clientSoftwareVersion: "0.1.0",
  }),
  requestCase(apiVersions, 4, () => apiVersionsV4.createRequest("rivulet", "0.1.0"), {
    clientSoftwareName: "rivulet",
    clientSoftwareVersion: "0.1.0",
  }),
  requestCase(metadata, 9, () => metadataV9.createRequest(["a", "béta"], true, true), {
    topics: [{ name: "a" }, { name: "béta" }],
    includeTopicAuthorizedOperations: true,
    includeClusterAuthorizedOperations: false,
  }),
  requestCase(metadata, 10, () => metadataV10.createRequest(["a"], false, false), {
    topics: [{ name: "a" }],
    allowAutoTopicCreation: false,
  }),
  requestCase(metadata, 12, () => metadataV12.createRequest(null, true, true), {
    topics: null,
    includeTopicAuthorizedOperations: true,
  }),
  fetchCase(13, () => fetchV13.createRequest(...fetchArguments([theirTopic]))),
  fetchCase(15, () => fetchV15.createRequest(...fetchArguments([theirTopic]))),
  fetchCase(16, () => fetchV16.createRequest(...fetchArguments([theirTopic]))),
  fetchCase(17, () => fetchV17.createRequest(...fetchArguments([theirTopic]))),
  ...(
    [
      [6, listOffsetsV6],
      [9, listOffsetsV9],
    ] as const
  ).map(([version, theirs]) =>
    requestCase(
      listOffsets,
      version,
      () =>
        theirs.createRequest(-1, 1, [
          { name: "a", partitions: [{ partitionIndex: 3, currentLeaderEpoch: 2, timestamp: -2n }] },
        ]),
      {
        replicaId: -1,
        isolationLevel: 1,
        topics: [{ name: "a", partitions: [{ partitionIndex: 3, currentLeaderEpoch: 2, timestamp: -2n }] }],
      },
    ),
  ),
  requestCase(
    createTopics,
    7,
    () =>
      createTopicsV7.createRequest(
        [
          {
            name: "a",
            numPartitions: -1,
            replicationFactor: -1,
            assignments: [{ partitionIndex: 0, brokerIds: [1, 2] }],
            configs: [{ name: "retention.ms", value: "1" }],
          },
        ],
        9000,
        true,
      ),
    {
      topics: [
        {
          name: "a",
          numPartitions: -1,
          replicationFactor: -1,
          assignments: [{ partitionIndex: 0, brokerIds: [1, 2] }],
          configs: [{ name: "retention.ms", value: "1" }],
        },
      ],
      timeoutMs: 9000,
      validateOnly: true,
    },
  ),
  requestCase(
    deleteTopics,
    6,
    () => deleteTopicsV6.createRequest([{ name: "a", topicId: TOPIC_ID_HEX }], 8000),
    {
      topics: [{ name: "a", topicId: TOPIC_ID }],
      timeoutMs: 8000,
    },
  ),
  ...(
    [
      [2, createPartitionsV2],
      [3, createPartitionsV3],
    ] as const
  ).map(([version, theirs]) =>
    requestCase(
      createPartitions,
      version,
      () => theirs.createRequest([{ name: "a", count: 4, assignments: [{ brokerIds: [1, 2] }] }], 7000, true),
      {
        topics: [{ name: "a", count: 4, assignments: [{ brokerIds: [1, 2] }] }],
        timeoutMs: 7000,
        validateOnly: true,
      },
    ),
  ),
  requestCase(initProducerId, 3, () => initProducerIdV3.createRequest(null, 1000, -1n, -1), {
    transactionalId: null,
    transactionTimeoutMs: 1000,
  }),
  requestCase(initProducerId, 5, () => initProducerIdV5.createRequest("tx", 1000, 7n, 3), {
    transactionalId: "tx",
    transactionTimeoutMs: 1000,
    producerId: 7n,
    producerEpoch: 3,
  }),
  requestCase(findCoordinator, 4, () => findCoordinatorV4.createRequest(0, ["billing"]), {
    coordinatorKeys: ["billing"],
  }),
  requestCase(findCoordinator, 6, () => findCoordinatorV6.createRequest(1, ["a", "b"]), {
    keyType: 1,
    coordinatorKeys: ["a", "b"],
  }),
  requestCase(describeCluster, 0, () => describeClusterV0.createRequest(true, 1), {
    includeClusterAuthorizedOperations: true,
  }),
  requestCase(describeCluster, 1, () => describeClusterV1.createRequest(false, 2), { endpointType: 2 }),
  requestCase(
    describeConfigs,
    4,
    () =>
      describeConfigsV4.createRequest(
        [{ resourceType: 2, resourceName: "a", configurationKeys: ["retention.ms"] }],
        true,
        true,
      ),
    {
      resources: [{ resourceType: 2, resourceName: "a", configurationKeys: ["retention.ms"] }],
      includeSynonyms: true,
      includeDocumentation: true,
    },
  ),
  requestCase(
    offsetForLeaderEpoch,
    4,
    () =>
      offsetForLeaderEpochV4.createRequest(-1, [
        { name: "a", partitions: [{ partitionIndex: 1, currentLeaderEpoch: 5, leaderEpoch: 4 }] },
      ]),
    {
      replicaId: -1,
      topics: [{ topic: "a", partitions: [{ partition: 1, currentLeaderEpoch: 5, leaderEpoch: 4 }] }],
    },
  ),
];

/** A whole request around a body of theirs: header version 2, as their connection writes it. */
function whole(api: Api, version: number, body: Uint8Array): Uint8Array {
  const start = Buffer.alloc(10);
  start.writeInt16BE(api.key, 0);
  start.writeInt16BE(version, 2);
  start.writeInt32BE(77, 4);
  start.writeInt16BE(CLIENT_ID.length, 8);
  return new Uint8Array(Buffer.concat([start, Buffer.from(CLIENT_ID), Buffer.from([0]), body]));
}

describe("requests", () => {
  test.each(REQUESTS.map((each) => ({ name: each.api.name, ...each })))(
    "$name $version is written byte for byte alike",
    ({ api, version, theirs, ours }) => {
      const expected = whole(api, version, theirs().buffer);
      const message = encodeRequest(api, version, { correlationId: 77, clientId: CLIENT_ID }, ours);
      expect(toHex(message)).toBe(toHex(expected));
      const { bodyAt } = decodeRequestHeader(expected);
      const again = decodeRequest(api, version, expected, bodyAt);
      expect(toHex(encodeRequest(api, version, { correlationId: 77, clientId: CLIENT_ID }, again))).toBe(
        toHex(expected),
      );
    },
  );

  test.each([
    [9, produceV9],
    [11, produceV11],
  ] as const)("Produce %d: what they seal is read, and written again byte for byte", (version, theirs) => {
    const sealed = [
      { topic: "orders", partition: 3, key: Buffer.from("k"), value: Buffer.from("first"), timestamp: 1000n },
      {
        topic: "orders",
        partition: 4,
        key: Buffer.from("k"),
        value: Buffer.from("second"),
        timestamp: 1001n,
      },
    ];
    const message = whole(produce, version, theirs.createRequest(-1, 1500, sealed).buffer);
    const body = decodeRequest(produce, version, message, decodeRequestHeader(message).bodyAt);
    expect(body.topicData[0]?.partitionData.map(({ index }) => index)).toEqual([3, 4]);
    expect(toHex(encodeRequest(produce, version, { correlationId: 77, clientId: CLIENT_ID }, body))).toBe(
      toHex(message),
    );
  });
});

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
