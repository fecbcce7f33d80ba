import { createTopics } from "../../wire/apis/create-topics.ts";
import { ErrorCode, KafkaError } from "../../wire/errors.ts";
import { ZERO_UUID } from "../../wire/schema.ts";
import { topicConfigEntries } from "./config-entries.ts";
import type { Services } from "./context.ts";
import { attempted, failureOf } from "./failure.ts";
import { serveApi, type ServedApi } from "./served-api.ts";
import { refuseInternal } from "./topic-creation.ts";

interface CreatableTopic {
  name: string;
  numPartitions: number;
  replicationFactor: number;
  assignments: readonly unknown[];
  configs: readonly { name: string; value: string | null }[];
}

/** Leave it to the broker. */
const DEFAULT = -1;

/** CreateTopics: each topic succeeds or fails by itself. */
export const createTopicsApi: ServedApi = serveApi(
  createTopics,
  async ({ topics, validateOnly }, { services }) => {
    if (topics.length > TOPICS_MAX)
      throw refused(`${topics.length} topics in one request; there can be at most ${TOPICS_MAX}`);
    const seen = new Map<string, number>();
    for (const { name } of topics) seen.set(name, (seen.get(name) ?? 0) + 1);
    const results = [];
    for (const topic of topics) {
      if (topic.configs.length > CONFIGS_MAX)
        throw refused(`a topic with ${topic.configs.length} configs; there can be at most ${CONFIGS_MAX}`);
      results.push(
        await attempted(
          () => {
            if ((seen.get(topic.name) ?? 0) > 1) {
              throw new KafkaError(
                ErrorCode.INVALID_REQUEST,
                "the topic stands in the request more than once",
              );
            }
            return create(topic, validateOnly, services);
          },
          (error) => ({ name: topic.name, topicId: ZERO_UUID, ...failureOf(error, services) }),
        ),
      );
    }
    return { topics: results };
  },
);

const CONFIGS_MAX = 1000;
/** Each is answered with all its settings, which take a hundred times the bytes that asked for it. */
const TOPICS_MAX = 10_000;

function refused(message: string): KafkaError {
  return new KafkaError(ErrorCode.INVALID_REQUEST, message);
}

async function create(topic: CreatableTopic, validateOnly: boolean, { cluster }: Services) {
  const { name, numPartitions, replicationFactor, assignments, configs } = topic;
  refuseInternal(name);
  if (assignments.length > 0) {
    throw new KafkaError(
      ErrorCode.INVALID_REPLICA_ASSIGNMENT,
      "this is the only node, so there is nothing to assign by hand; give a number of partitions and no assignments",
    );
  }
  if (replicationFactor !== DEFAULT && replicationFactor !== 1) {
    throw new KafkaError(
      ErrorCode.INVALID_REPLICATION_FACTOR,
      `replication factor ${replicationFactor} needs as many nodes; this is the only one: use 1, or -1 for the default`,
    );
  }
  const options = {
    ...(numPartitions === DEFAULT ? {} : { partitions: numPartitions }),
    configs: new Map(configs.map((config) => [config.name, config.value] as const)),
  };
  const made = validateOnly ? cluster.validateTopic(name, options) : await cluster.createTopic(name, options);
  return {
    name,
    topicId: "id" in made ? made.id : ZERO_UUID,
    errorCode: ErrorCode.NONE as number,
    errorMessage: null,
    numPartitions: typeof made.partitions === "number" ? made.partitions : made.partitions.length,
    replicationFactor: 1,
    configs: topicConfigEntries(made.overrides, cluster.config),
  };
}
