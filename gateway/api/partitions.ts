import type { Cluster, Topic } from "../../log/cluster.ts";
import { OfflinePartition } from "../../log/offline-partition.ts";
import { isInternal, isTopicName } from "../../log/topic-name.ts";
import type { PartitionLog } from "../../log/partition-log.ts";
import { ErrorCode, KafkaError } from "../../wire/errors.ts";

/** The topic of that name; throws KafkaError UNKNOWN_TOPIC_OR_PARTITION. */
export function topicByName(cluster: Cluster, name: string): Topic {
  const topic = cluster.topic(name);
  if (topic !== undefined) return topic;
  throw new KafkaError(
    ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
    `there is no topic "${shownName(name)}"; create it first`,
  );
}

/** The same, and throws KafkaError INVALID_TOPIC_EXCEPTION for a name that no topic can have. */
export function topicCalled(cluster: Cluster, name: string): Topic {
  if (isTopicName(name)) return topicByName(cluster, name);
  throw new KafkaError(ErrorCode.INVALID_TOPIC_EXCEPTION, `no topic can be called "${shownName(name)}"`);
}

/** The topic of that id; throws KafkaError UNKNOWN_TOPIC_ID. */
export function topicById(cluster: Cluster, id: string): Topic {
  const topic = cluster.topicById(id);
  if (topic !== undefined) return topic;
  throw new KafkaError(
    ErrorCode.UNKNOWN_TOPIC_ID,
    `there is no topic with id ${id}; it was deleted, or never here: ask Metadata for the topics there are`,
  );
}

/** Throws KafkaError INVALID_TOPIC_EXCEPTION for a topic that the node keeps for itself: clients only read it. */
export function refuseInternal({ name }: Topic): void {
  if (!isInternal(name)) return;
  throw new KafkaError(
    ErrorCode.INVALID_TOPIC_EXCEPTION,
    `${name} is the gateway's own topic: clients may read it, and not change it`,
  );
}

/** One partition; throws KafkaError UNKNOWN_TOPIC_OR_PARTITION, and KAFKA_STORAGE_ERROR when it is offline. */
export function partitionOf(topic: Topic, partition: number): PartitionLog {
  const log = topic.partitions[partition];
  if (log instanceof OfflinePartition) throw log.fenced;
  if (log !== undefined) return log;
  throw new KafkaError(
    ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
    `topic "${topic.name}" has ${topic.partitions.length} partitions, numbered from 0; there is no partition ${partition}`,
  );
}

/**
 * Refuses a client whose idea of the leader epoch differs from ours (KIP-320): FENCED_LEADER_EPOCH when it is behind,
 * UNKNOWN_LEADER_EPOCH when it is ahead. -1: the client has no idea.
 */
export function checkLeaderEpoch(log: PartitionLog, current: number): void {
  if (current === -1 || current === log.leaderEpoch) return;
  const where = `${log.topic}-${log.partition}`;
  if (current < log.leaderEpoch) {
    throw new KafkaError(
      ErrorCode.FENCED_LEADER_EPOCH,
      `leader epoch ${current} of ${where} is over, it is ${log.leaderEpoch} now; refresh the metadata`,
    );
  }
  throw new KafkaError(
    ErrorCode.UNKNOWN_LEADER_EPOCH,
    `leader epoch ${current} of ${where} is not known here, it is ${log.leaderEpoch}; refresh the metadata`,
  );
}

/**
 * Where a reader that holds everything below `offset`, the last of it from `lastEpoch`, stops agreeing with the log:
 * the largest epoch that both know at or before its own, and where that ended. Undefined when they agree (KIP-595).
 */
export function divergence(
  log: PartitionLog,
  offset: bigint,
  lastEpoch: number,
): { epoch: number; endOffset: bigint } | undefined {
  if (lastEpoch === -1) return undefined;
  const end = log.endOffsetForEpoch(lastEpoch);
  // An epoch that never was here, since it is later than ours.
  if (end.epoch === -1) return { epoch: log.leaderEpoch, endOffset: log.highWatermark };
  return end.epoch < lastEpoch || end.endOffset < offset ? end : undefined;
}

/** A topic's name from outside in a message: no line breaks, no end to its length. */
export function shownName(name: string): string {
  return name.replaceAll(/[^\x20-\x7e]/g, "?").slice(0, 100);
}
