import { createPartitions } from "../../wire/apis/create-partitions.ts";
import { ErrorCode, KafkaError } from "../../wire/errors.ts";
import { attempted, failureOf } from "./failure.ts";
import { refuseInternal, topicByName } from "./partitions.ts";
import { serveApi, type ServedApi } from "./served-api.ts";

/** CreatePartitions: `count` is how many there are to be in all, and it can only grow. */
export const createPartitionsApi: ServedApi = serveApi(
  createPartitions,
  async ({ topics, validateOnly }, { services }) => {
    const { cluster } = services;
    const results = [];
    for (const { name, count, assignments } of topics) {
      results.push(
        await attempted(
          async () => {
            const topic = topicByName(cluster, name);
            refuseInternal(topic);
            if (assignments !== null && assignments.length > 0) {
              throw new KafkaError(
                ErrorCode.INVALID_REPLICA_ASSIGNMENT,
                "this is the only node, so there is nothing to assign by hand; leave the assignments away",
              );
            }
            if (count <= topic.partitions.length) {
              throw new KafkaError(
                ErrorCode.INVALID_PARTITIONS,
                `the topic has ${topic.partitions.length} partitions; their number can only grow, ${count} does not`,
              );
            }
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
