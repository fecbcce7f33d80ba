import type { Topic } from "../../log/cluster.ts";
import { OfflinePartition, type Partition } from "../../log/offline-partition.ts";
import { metadata } from "../../wire/apis/metadata.ts";
import { ErrorCode } from "../../wire/errors.ts";
import { ZERO_UUID } from "../../wire/schema.ts";
import { isInternal } from "../../log/topic-name.ts";
import { CLUSTER_OPERATIONS, ifAsked, TOPIC_OPERATIONS } from "./authorized-operations.ts";
import type { RequestContext, Services } from "./context.ts";
import { attempted, failureOf } from "./failure.ts";
import { topicById, topicCalled } from "./partitions.ts";
import { serveApi, type ServedApi } from "./served-api.ts";
import { createTopicOnce } from "./topic-creation.ts";

/** Metadata: this node leads everything that is not offline. Topics that are asked for by name are created unless one side forbids it. */
export const metadataApi: ServedApi = serveApi(metadata, async (request, context) => {
  const { services, listener, apiVersion } = context;
  const { cluster } = services;
  const asksById =
    request.topics?.some(({ topicId, name }) => name === null || topicId !== ZERO_UUID) ?? false;
  if (asksById && apiVersion < TOPIC_IDS_FROM) return refusedWhole(request.topics ?? []);
  return {
    brokers: [{ nodeId: cluster.nodeId, host: listener.advertised.host, port: listener.advertised.port }],
    clusterId: cluster.clusterId,
    controllerId: cluster.nodeId,
    topics: (await topicsAskedFor(request.topics, request.allowAutoTopicCreation, context)).map((topic) => ({
      ...topic,
      topicAuthorizedOperations: ifAsked(
        request.includeTopicAuthorizedOperations && topic.errorCode === ErrorCode.NONE,
        TOPIC_OPERATIONS,
      ),
    })),
    clusterAuthorizedOperations: ifAsked(request.includeClusterAuthorizedOperations, CLUSTER_OPERATIONS),
    // Of the answer as a whole: what fails here fails topic by topic.
    errorCode: ErrorCode.NONE as number,
  };
});

const NO_LEADER = -1;
/** Versions 10 and 11 have the field, and nobody heeds it (KAFKA-10774). */
const TOPIC_IDS_FROM = 12;

/** What Kafka answers where a version cannot ask for topics by id, and has no null for a name either. */
function refusedWhole(asked: readonly AskedTopic[]) {
  return {
    brokers: [],
    clusterId: null,
    topics: asked.map(({ topicId, name }) => ({
      errorCode: ErrorCode.INVALID_REQUEST as number,
      name: name ?? "",
      topicId,
      partitions: [],
    })),
    errorCode: ErrorCode.NONE as number,
  };
}

interface AskedTopic {
  topicId: string;
  name: string | null;
}

type TopicAnswer = ReturnType<typeof described> | ReturnType<typeof refused>;

async function topicsAskedFor(
  asked: readonly AskedTopic[] | null,
  mayCreate: boolean,
  context: RequestContext,
): Promise<TopicAnswer[]> {
  const { services, apiVersion } = context;
  const { cluster } = services;
  // Version 0 has no null: there, naming no topic asks for all.
  if (asked === null || (apiVersion === 0 && asked.length === 0)) {
    return Array.from(cluster.topics(), (topic) => described(topic, cluster.nodeId));
  }
  const answers: TopicAnswer[] = [];
  // As in Kafka, once each: a topic has thousands of partitions, and its name may be one byte of the request.
  const distinct = new Map(
    asked.map((topic) => [`${topic.topicId}${topic.name === null ? "" : ` ${topic.name}`}`, topic]),
  );
  for (const topic of distinct.values()) {
    // Nobody waits for the answer any more, so nobody wants the topics that are still to be made.
    if (context.connection.ended) break;
    answers.push(
      await attempted(
        async () => described(await find(topic, mayCreate, services), cluster.nodeId),
        (error) => refused(topic, error, services),
      ),
    );
  }
  return answers;
}

async function find({ topicId, name }: AskedTopic, mayCreate: boolean, services: Services): Promise<Topic> {
  const { cluster } = services;
  if (name === null || topicId !== ZERO_UUID) return topicById(cluster, topicId);
  if (!mayCreate || !cluster.config.autoCreateTopics) return topicCalled(cluster, name);
  return cluster.topic(name) ?? (await createTopicOnce(cluster, name));
}

function described(topic: Topic, nodeId: number) {
  return {
    errorCode: ErrorCode.NONE as number,
    name: topic.name,
    topicId: topic.id,
    isInternal: isInternal(topic.name),
    partitions: topic.partitions.map((partition) => describedPartition(partition, nodeId)),
  };
}

function describedPartition(partition: Partition, nodeId: number) {
  const isOffline = partition instanceof OfflinePartition;
  return {
    errorCode: isOffline ? ErrorCode.LEADER_NOT_AVAILABLE : ErrorCode.NONE,
    partitionIndex: partition.partition,
    leaderId: isOffline ? NO_LEADER : nodeId,
    leaderEpoch: partition.leaderEpoch,
    replicaNodes: [nodeId],
    isrNodes: [nodeId],
    offlineReplicas: isOffline ? [nodeId] : [],
  };
}

function refused({ topicId, name }: AskedTopic, error: unknown, services: Services) {
  return { errorCode: failureOf(error, services).errorCode, name, topicId, partitions: [] };
}
