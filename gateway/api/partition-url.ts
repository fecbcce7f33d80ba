/** What the URLs under `/log/<topic id>/<partition>` name. */
import type { Cluster } from "../../log/cluster.ts";
import type { PartitionLog } from "../../log/partition-log.ts";
import { ErrorCode, KafkaError } from "../../wire/errors.ts";
import { partitionOf, topicById } from "./partitions.ts";

export interface PartitionUrl {
  readonly topicId: string;
  readonly partition: string;
}

/** Throws KafkaError: INVALID_REQUEST, UNKNOWN_TOPIC_ID, UNKNOWN_TOPIC_OR_PARTITION, KAFKA_STORAGE_ERROR. */
export function partitionAt(cluster: Cluster, { topicId, partition }: PartitionUrl): PartitionLog {
  if (!/^[A-Za-z0-9_-]{22}$/.test(topicId))
    throw malformed("the topic id is 22 characters of url-safe base64, as Metadata gives it");
  if (!/^\d{1,9}$/.test(partition)) throw malformed("the partition is a whole number");
  return partitionOf(topicById(cluster, topicId), Number(partition));
}

/** An offset as a query gives it. Throws KafkaError INVALID_REQUEST. */
export function offsetFrom(from: string | undefined): bigint {
  if (from !== undefined && /^\d{1,19}$/.test(from)) return BigInt(from);
  throw malformed("?from= is the offset to begin at, a whole number");
}

export function malformed(what: string): KafkaError {
  return new KafkaError(ErrorCode.INVALID_REQUEST, `GET /log/<topic id>/<partition>: ${what}`);
}
