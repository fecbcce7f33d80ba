import type { RequestOf } from "../../wire/api.ts";
import { ApiKey } from "../../wire/api.ts";
import { apis } from "../../wire/apis.ts";
import type { describeConfigs } from "../../wire/apis/describe-configs.ts";
import type { describeLogDirs } from "../../wire/apis/describe-log-dirs.ts";
import type { fetch } from "../../wire/apis/fetch.ts";
import type { listOffsets } from "../../wire/apis/list-offsets.ts";
import type { metadata } from "../../wire/apis/metadata.ts";
import type { offsetForLeaderEpoch } from "../../wire/apis/offset-for-leader-epoch.ts";
import type { produce } from "../../wire/apis/produce.ts";
import type { saslAuthenticate } from "../../wire/apis/sasl-authenticate.ts";
import type { subscribe } from "../../wire/apis/subscribe.ts";
import type { unsubscribe } from "../../wire/apis/unsubscribe.ts";
import { ErrorCode } from "../../wire/errors.ts";
import { decodeOauthbearer } from "../../wire/oauthbearer.ts";
import { ZERO_UUID } from "../../wire/uuid.ts";
import type { FakeBroker, FakeConnection } from "./fake-broker.ts";

interface Call {
  broker: FakeBroker;
  connection: FakeConnection;
  /** An error to answer with, without acting. */
  refuse: number | undefined;
}

function answerMetadata({ broker, refuse }: Call, body: RequestOf<typeof metadata>) {
  const names =
    body.topics === null ? [...broker.topics.keys()] : body.topics.map((topic) => topic.name ?? "");
  const topics = names.map((name) => {
    const topic =
      broker.topics.get(name) ??
      (broker.autoCreate && body.allowAutoTopicCreation ? broker.createTopic(name) : undefined);
    const errorCode = refuse ?? (topic === undefined ? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION : ErrorCode.NONE);
    const partitions = (topic?.partitions ?? []).map((_, partitionIndex) => ({
      errorCode: 0,
      partitionIndex,
      leaderId: 1,
      leaderEpoch: 0,
      replicaNodes: [1],
      isrNodes: [1],
      offlineReplicas: [],
    }));
    return { errorCode, name, topicId: topic?.id ?? ZERO_UUID, isInternal: false, partitions };
  });
  const brokers = [{ nodeId: NODE_ID, host: "here", port: 9092, rack: null }];
  return { brokers, clusterId: broker.clusterId, controllerId: broker.controllerId, topics };
}

function answerProduce({ broker, refuse }: Call, body: RequestOf<typeof produce>) {
  return {
    responses: body.topicData.map(({ name, topicId, partitionData }) => ({
      name,
      topicId,
      partitionResponses: partitionData.map(({ index, records }) => {
        const topic = topicId === ZERO_UUID ? broker.topics.get(name) : broker.topicById(topicId);
        const partition = topic?.partitions[index];
        const answer =
          refuse !== undefined
            ? { errorCode: refuse, baseOffset: -1n }
            : (partition?.append(records ?? new Uint8Array()) ?? {
                errorCode:
                  topicId === ZERO_UUID ? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION : ErrorCode.UNKNOWN_TOPIC_ID,
                baseOffset: -1n,
              });
        return { index, ...answer, recordErrors: [], errorMessage: null };
      }),
    })),
  };
}

function answerListOffsets({ broker, refuse }: Call, body: RequestOf<typeof listOffsets>) {
  return {
    topics: body.topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partitionIndex, timestamp }) => {
        const partition = broker.topics.get(name)?.partitions[partitionIndex];
        const offset =
          timestamp >= 0n
            ? partition?.offsetAt(timestamp)
            : timestamp === -2n
              ? partition?.logStart
              : partition?.end;
        const errorCode =
          refuse ?? (partition === undefined ? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION : ErrorCode.NONE);
        return { partitionIndex, errorCode, timestamp: -1n, offset: offset ?? -1n };
      }),
    })),
  };
}

function answerFetch({ broker, refuse }: Call, body: RequestOf<typeof fetch>) {
  return {
    responses: body.topics.map(({ topic: name, topicId, partitions }) => ({
      topic: name,
      topicId,
      partitions: partitions.map(({ partition: partitionIndex, fetchOffset, partitionMaxBytes }) => {
        const topic = broker.topics.get(name) ?? broker.topicById(topicId);
        const partition = topic?.partitions[partitionIndex];
        if (partition === undefined) {
          return {
            partitionIndex,
            errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
            highWatermark: -1n,
            records: null,
          };
        }
        const errorCode =
          refuse ??
          (fetchOffset < partition.logStart || fetchOffset > partition.end
            ? ErrorCode.OFFSET_OUT_OF_RANGE
            : 0);
        const records = errorCode === 0 ? partition.read(fetchOffset, partitionMaxBytes).records : null;
        return {
          partitionIndex,
          errorCode,
          highWatermark: partition.end,
          logStartOffset: partition.logStart,
          records,
        };
      }),
    })),
  };
}

function answerSubscribe({ broker, connection, refuse }: Call, body: RequestOf<typeof subscribe>) {
  return {
    subscriptions: body.subscriptions.map(({ topicId, partition: index, offset, lastEpoch }) => {
      const partition = broker.topicById(topicId)?.partitions[index];
      const base = { topicId, partition: index, errorCode: refuse ?? ErrorCode.NONE };
      if (refuse !== undefined) return base;
      if (partition === undefined) return { ...base, errorCode: ErrorCode.UNKNOWN_TOPIC_ID };
      const marks = {
        logStartOffset: partition.logStart,
        highWatermark: partition.end,
        leaderEpoch: partition.leaderEpoch,
      };
      if (lastEpoch >= 0) {
        const { epoch, endOffset } = partition.endOfEpoch(lastEpoch);
        if (epoch !== lastEpoch || endOffset < offset) {
          return { ...base, ...marks, divergingEpoch: epoch, divergingEndOffset: endOffset };
        }
      }
      if (offset > partition.end) return { ...base, ...marks, errorCode: ErrorCode.OFFSET_OUT_OF_RANGE };
      const next = offset === -1n ? partition.end : offset === -2n ? partition.logStart : offset;
      connection.subscriptions.set(`${topicId}/${index}`, { topicId, partition: index, next });
      return { ...base, ...marks, offset: next };
    }),
  };
}

function answerUnsubscribe({ connection }: Call, body: RequestOf<typeof unsubscribe>) {
  return {
    subscriptions: body.subscriptions.map(({ topicId, partition }) => {
      connection.subscriptions.delete(`${topicId}/${partition}`);
      return { topicId, partition, errorCode: ErrorCode.NONE };
    }),
  };
}

function answerOffsetForLeaderEpoch({ broker }: Call, body: RequestOf<typeof offsetForLeaderEpoch>) {
  return {
    topics: body.topics.map(({ topic, partitions }) => ({
      topic,
      partitions: partitions.map(({ partition, leaderEpoch }) => {
        const end = broker.topics.get(topic)?.partitions[partition]?.endOfEpoch(leaderEpoch);
        return {
          errorCode: ErrorCode.NONE,
          partition,
          leaderEpoch: end?.epoch ?? -1,
          endOffset: end?.endOffset ?? -1n,
        };
      }),
    })),
  };
}

function answerSaslAuthenticate({ broker, connection }: Call, body: RequestOf<typeof saslAuthenticate>) {
  const { token } = decodeOauthbearer(body.authBytes);
  const lifetimeMs = broker.guard?.(token, connection) ?? 0;
  if (typeof lifetimeMs === "number") {
    connection.signedInWith = token;
    return {
      errorCode: 0,
      errorMessage: null,
      authBytes: new Uint8Array(),
      sessionLifetimeMs: BigInt(lifetimeMs),
    };
  }
  setImmediate(() => connection.end("nobody was let in"));
  return {
    errorCode: ErrorCode.SASL_AUTHENTICATION_FAILED,
    errorMessage: lifetimeMs,
    authBytes: new Uint8Array(),
  };
}

const BROKER_RESOURCE = 4;
/** As Kafka's brokers, it answers for itself alone. */
const NODE_ID = 1;

function answerDescribeConfigs({ broker, refuse }: Call, body: RequestOf<typeof describeConfigs>) {
  return {
    results: body.resources.map(({ resourceType, resourceName, configurationKeys }) => {
      const isNode = resourceType === BROKER_RESOURCE;
      const found = !isNode
        ? broker.topics.get(resourceName)
        : resourceName === String(NODE_ID)
          ? broker
          : undefined;
      const values = [...(found?.configs ?? [])].filter(
        ([name]) => configurationKeys?.includes(name) !== false,
      );
      return {
        errorCode: refuse ?? (found === undefined ? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION : ErrorCode.NONE),
        errorMessage: null,
        resourceType,
        resourceName,
        configs: values.map(([name, value]) => ({
          name,
          value,
          readOnly: false,
          isSensitive: false,
          synonyms: [],
          configType: 0,
          documentation: null,
        })),
      };
    }),
  };
}

function answerDescribeLogDirs({ broker }: Call, body: RequestOf<typeof describeLogDirs>) {
  const topics = (body.topics ?? []).map(({ topic: name, partitions }) => ({
    name,
    partitions: partitions.map((partitionIndex) => ({
      partitionIndex,
      partitionSize: BigInt(broker.topics.get(name)?.partitions[partitionIndex]?.bytes ?? 0),
      offsetLag: 0n,
      isFutureKey: false,
    })),
  }));
  return { errorCode: 0, results: [{ errorCode: 0, logDir: "memory", topics }] };
}

const SIGN_IN: ReadonlySet<number> = new Set([ApiKey.SaslHandshake, ApiKey.SaslAuthenticate]);

type Handler = (call: Call, body: never) => unknown;

export const handlers: ReadonlyMap<number, Handler> = new Map<number, Handler>([
  [ApiKey.Metadata, answerMetadata],
  [ApiKey.Produce, answerProduce],
  [ApiKey.ListOffsets, answerListOffsets],
  [ApiKey.Fetch, answerFetch],
  [ApiKey.Subscribe, answerSubscribe],
  [ApiKey.Unsubscribe, answerUnsubscribe],
  [ApiKey.OffsetForLeaderEpoch, answerOffsetForLeaderEpoch],
  [
    ApiKey.InitProducerId,
    ({ broker, refuse }: Call) => ({
      errorCode: refuse ?? 0,
      producerId: broker.nextProducerId++,
      producerEpoch: 0,
    }),
  ],
  [ApiKey.DescribeConfigs, answerDescribeConfigs],
  [ApiKey.DescribeLogDirs, answerDescribeLogDirs],
  [ApiKey.SaslHandshake, () => ({ errorCode: 0, mechanisms: ["OAUTHBEARER"] })],
  [ApiKey.SaslAuthenticate, answerSaslAuthenticate],
  [
    ApiKey.ApiVersions,
    ({ broker }: Call) => ({
      errorCode: 0,
      apiKeys: apis
        .filter((api) => handlers.has(api.key) && (broker.guard !== undefined || !SIGN_IN.has(api.key)))
        .map(({ key, minVersion, maxVersion }) => ({ apiKey: key, minVersion, maxVersion })),
    }),
  ],
]);
