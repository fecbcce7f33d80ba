import { createTopics } from "../../wire/apis/create-topics.ts";
import { ErrorCode, KafkaError } from "../../wire/errors.ts";
import { ZERO_UUID } from "../../wire/schema.ts";
import { checkAssignments, type Assignment } from "./assignments.ts";
import { topicConfigEntries } from "./config-entries.ts";
import type { Services } from "./context.ts";
import { attempted, failureOf } from "./failure.ts";
import { shownName } from "./partitions.ts";
import { repeatedAmong, standsTwice } from "./repeated.ts";
import { serveApi, type ServedApi } from "./served-api.ts";
import { refuseInternal } from "./topic-creation.ts";

interface CreatableTopic {
  name: string;
  numPartitions: number;
  replicationFactor: number;
  assignments: readonly (Assignment & { readonly partitionIndex: number })[];
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
    const repeated = repeatedAmong(topics.map(({ name }) => name));
    const results = [];
    for (const topic of new Map(topics.map((each) => [each.name, each])).values()) {
      if (topic.configs.length > CONFIGS_MAX)
        throw refused(`a topic with ${topic.configs.length} configs; there can be at most ${CONFIGS_MAX}`);
      results.push(
        await attempted(
          () => {
            if (repeated.has(topic.name)) throw standsTwice("the topic");
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

/** Assigned by hand, the partitions are counted by that alone, and numbered from 0 on. */
function checkByHand(
  { assignments, numPartitions, replicationFactor }: CreatableTopic,
  nodeId: number,
): void {
  if (numPartitions !== DEFAULT || replicationFactor !== DEFAULT)
    throw refused("a topic that is assigned by hand has no other counts: set them to -1");
  const numbers = new Set(assignments.map(({ partitionIndex }) => partitionIndex));
  if (numbers.size !== assignments.length || assignments.some((_, partition) => !numbers.has(partition))) {
    throw new KafkaError(
      ErrorCode.INVALID_REPLICA_ASSIGNMENT,
      "the partitions that are assigned by hand must be numbered from 0 on, each of them once",
    );
  }
  checkAssignments(assignments, nodeId);
}

async function create(topic: CreatableTopic, validateOnly: boolean, { cluster }: Services) {
  const { name, numPartitions, replicationFactor, assignments, configs } = topic;
  refuseInternal(name);
  if (assignments.length > 0) checkByHand(topic, cluster.nodeId);
  const wanted = assignments.length > 0 ? assignments.length : numPartitions;
  if (replicationFactor !== DEFAULT && replicationFactor !== 1) {
    throw new KafkaError(
      ErrorCode.INVALID_REPLICATION_FACTOR,
      `replication factor ${replicationFactor} needs as many nodes; this is the only one: use 1, or -1 for the default`,
    );
  }
  const withoutValue = configs.find(({ value }) => value === null);
  if (withoutValue !== undefined) {
    throw new KafkaError(
      ErrorCode.INVALID_CONFIG,
      `${shownName(withoutValue.name)} is given no value; leave it away where the broker's is wanted`,
    );
  }
  const options = {
    ...(wanted === DEFAULT ? {} : { partitions: wanted }),
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
