/** @platformatic/kafka, which speaks the flexible versions, writes the bytes that are written here. */
import {
  apiVersionsV3,
  apiVersionsV4,
  createPartitionsV2,
  createPartitionsV3,
  createTopicsV7,
  deleteRecordsV2,
  deleteTopicsV6,
  describeClusterV0,
  describeClusterV1,
  describeConfigsV4,
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
  type Writer,
} from "@platformatic/kafka";
import { describe, expect, test } from "vitest";
import type { Api } from "../../wire/api.ts";
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
import { offsetForLeaderEpoch } from "../../wire/apis/offset-for-leader-epoch.ts";
import { produce } from "../../wire/apis/produce.ts";
import { decodeRequest, encodeRequest } from "../../wire/request.ts";
import { decodeRequestHeader } from "../../wire/request-header.ts";
import type { Input } from "../../wire/schema.ts";
import { toHex } from "./hex.ts";
import { CLIENT_ID, TOPIC_ID, TOPIC_ID_HEX, whole } from "./platformatic.ts";

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
    deleteRecords,
    2,
    () =>
      deleteRecordsV2.createRequest(
        [{ name: "a", partitions: [{ partitionIndex: 2, offset: 1n << 60n }] }],
        8000,
      ),
    {
      topics: [{ name: "a", partitions: [{ partitionIndex: 2, offset: 1n << 60n }] }],
      timeoutMs: 8000,
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
