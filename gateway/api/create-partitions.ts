import { createPartitions } from "../../wire/apis/create-partitions.ts";
import { ErrorCode, KafkaError } from "../../wire/errors.ts";
import { checkAssignments, type Assignment } from "./assignments.ts";
import { attempted, failureOf } from "./failure.ts";
import { refuseInternal, topicByName } from "./partitions.ts";
import { repeatedAmong, standsTwice } from "./repeated.ts";
import { serveApi, type ServedApi } from "./served-api.ts";

/** CreatePartitions: `count` is how many there are to be in all, and it can only grow. */
export const createPartitionsApi: ServedApi = serveApi(
  createPartitions,
  async ({ topics, validateOnly }, { services }) => {
    const { cluster } = services;
    const results = [];
    const repeated = repeatedAmong(topics.map(({ name }) => name));
    for (const { name, count, assignments } of new Map(topics.map((topic) => [topic.name, topic])).values()) {
      results.push(
        await attempted(
          async () => {
            if (repeated.has(name)) throw standsTwice("the topic");
            const topic = topicByName(cluster, name);
            refuseInternal(topic);
            if (count <= topic.partitions.length) {
              throw new KafkaError(
                ErrorCode.INVALID_PARTITIONS,
                `the topic has ${topic.partitions.length} partitions; their number can only grow, ${count} does not`,
              );
            }
            if (assignments !== null) checkNew(assignments, count - topic.partitions.length, cluster.nodeId);
            if (!validateOnly) await cluster.createPartitions(name, count);
            return { name, errorCode: ErrorCode.NONE as number, errorMessage: null };
          },
          (error) => ({ name, ...failureOf(error, services) }),
        ),
      );
    }
    return { results };
  },
);

/** By hand each new partition is assigned, or none. */
function checkNew(assignments: readonly Assignment[], added: number, nodeId: number): void {
  if (assignments.length !== added) {
    throw new KafkaError(
      ErrorCode.INVALID_REPLICA_ASSIGNMENT,
      `${added} partitions are to be added and ${assignments.length} are assigned: assign each, or leave it to the broker`,
    );
  }
  checkAssignments(assignments, nodeId);
}
