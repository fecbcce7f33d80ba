import type { Topic } from "../../log/cluster.ts";
import { OfflinePartition } from "../../log/offline-partition.ts";
import { isInternal, isTopicName } from "../../log/topic-name.ts";
import { describeTopicPartitions } from "../../wire/apis/describe-topic-partitions.ts";
import { ErrorCode } from "../../wire/errors.ts";
import { ZERO_UUID } from "../../wire/schema.ts";
import { TOPIC_OPERATIONS } from "./authorized-operations.ts";
import type { Services } from "./context.ts";
import { serveApi, type ServedApi } from "./served-api.ts";

/** Partitions of one answer at most, as in Kafka (`max.request.partition.size.limit`). */
const PARTITIONS_MAX = 2000;
const NO_LEADER = -1;

interface Cursor {
  readonly topicName: string;
  readonly partitionIndex: number;
}

/** DescribeTopicPartitions (KIP-966): topics by name, in pages; the cursor says where the next one begins. No topics ask for all. */
export const describeTopicPartitionsApi: ServedApi = serveApi(
  describeTopicPartitions,
  ({ topics, responsePartitionLimit, cursor }, { services }) => {
    const asked = new Set(topics.map(({ name }) => name));
    if (cursor !== null && (cursor.partitionIndex < 0 || (asked.size > 0 && !asked.has(cursor.topicName))))
      return {
        topics: Array.from(asked, (name) => refused(name, ErrorCode.INVALID_REQUEST)),
        nextCursor: null,
      };
    const all = asked.size === 0 ? Array.from(services.cluster.topics(), ({ name }) => name) : [...asked];
    const from = cursor?.topicName ?? "";
    const names = all.filter((name) => name >= from).toSorted((a, b) => (a < b ? -1 : 1));
    let left = Math.min(Math.max(responsePartitionLimit, 1), PARTITIONS_MAX);
    let nextCursor: Cursor | null = null;
    const answers = [];
    for (const name of names) {
      const topic = services.cluster.topic(name);
      if (topic === undefined) {
        answers.push(unknown(name));
        continue;
      }
      const first = name === cursor?.topicName ? cursor.partitionIndex : 0;
      if (left === 0) {
        nextCursor = { topicName: name, partitionIndex: first };
        break;
      }
      const end = Math.min(topic.partitions.length, first + left);
      answers.push(described(topic, first, end, services));
      left -= Math.max(end - first, 0);
      if (end < topic.partitions.length) {
        nextCursor = { topicName: name, partitionIndex: end };
        break;
      }
    }
    return { topics: answers, nextCursor };
  },
);

function described(topic: Topic, first: number, end: number, { cluster: { nodeId } }: Services) {
  return {
    errorCode: ErrorCode.NONE as number,
    name: topic.name,
    topicId: topic.id,
    isInternal: isInternal(topic.name),
    partitions: topic.partitions.slice(first, end).map((partition) => {
      const isOffline = partition instanceof OfflinePartition;
      return {
        errorCode: isOffline ? ErrorCode.LEADER_NOT_AVAILABLE : ErrorCode.NONE,
        partitionIndex: partition.partition,
        leaderId: isOffline ? NO_LEADER : nodeId,
        leaderEpoch: partition.leaderEpoch,
        replicaNodes: [nodeId],
        isrNodes: [nodeId],
        eligibleLeaderReplicas: [],
        lastKnownElr: [],
        offlineReplicas: isOffline ? [nodeId] : [],
      };
    }),
    topicAuthorizedOperations: TOPIC_OPERATIONS,
  };
}

function unknown(name: string) {
  const code = isTopicName(name) ? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION : ErrorCode.INVALID_TOPIC_EXCEPTION;
  return { ...refused(name, code), topicAuthorizedOperations: TOPIC_OPERATIONS };
}

function refused(name: string, errorCode: number) {
  return { errorCode, name, topicId: ZERO_UUID, isInternal: false, partitions: [] };
}
