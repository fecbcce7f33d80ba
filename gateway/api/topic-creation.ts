import type { Cluster, Topic } from "../../log/cluster.ts";
import { ErrorCode, KafkaError } from "../../wire/errors.ts";
import { topicByName } from "./partitions.ts";

/**
 * Makes a topic on first use, with the broker's defaults. Of several clients that ask at once one makes it, and all get
 * it. Throws KafkaError (INVALID_TOPIC_EXCEPTION, ...).
 */
export async function createTopicOnce(cluster: Cluster, name: string): Promise<Topic> {
  refuseInternal(name);
  try {
    return await cluster.createTopic(name, {});
  } catch (error) {
    if (error instanceof KafkaError && error.code === ErrorCode.TOPIC_ALREADY_EXISTS)
      return topicByName(cluster, name);
    throw error;
  }
}

/** Names that begin with two underscores belong to the log's own topics. */
export function refuseInternal(name: string): void {
  if (!name.startsWith("__")) return;
  throw new KafkaError(
    ErrorCode.INVALID_TOPIC_EXCEPTION,
    "topic names that begin with __ belong to the log itself; take another name",
  );
}
