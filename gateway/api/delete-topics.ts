import type { Cluster } from "../../log/cluster.ts";
import { deleteTopics } from "../../wire/apis/delete-topics.ts";
import { ErrorCode, KafkaError } from "../../wire/errors.ts";
import { ZERO_UUID } from "../../wire/schema.ts";
import { attempted, failureOf } from "./failure.ts";
import { refuseInternal, topicById, topicByName } from "./partitions.ts";
import { standsTwice } from "./repeated.ts";
import { serveApi, type ServedApi } from "./served-api.ts";

interface AskedTopic {
  readonly name: string | null;
  readonly topicId: string;
}

/** Each topic as it is mentioned first; two words for one topic are one topic that is mentioned twice. */
function mentions(asked: readonly AskedTopic[], cluster: Cluster): (AskedTopic & { isRepeated: boolean })[] {
  const found = new Map<string, AskedTopic & { isRepeated: boolean }>();
  for (const { name, topicId } of asked) {
    const key = name === null ? topicId : (cluster.topic(name)?.id ?? `named ${name}`);
    const first = found.get(key) ?? { name, topicId };
    found.set(key, { ...first, isRepeated: found.has(key) });
  }
  return [...found.values()];
}

/** DeleteTopics, by name or (from version 6) by id. Subscribers of a deleted topic are told by the push hub. */
export const deleteTopicsApi: ServedApi = serveApi(
  deleteTopics,
  async (request, { services, apiVersion }) => {
    const { cluster } = services;
    const asked =
      apiVersion >= 6
        ? request.topics
        : request.topicNames.map((name) => ({ name: name as string | null, topicId: ZERO_UUID }));
    const responses = [];
    for (const { name, topicId, isRepeated } of mentions(asked, cluster)) {
      responses.push(
        await attempted(
          async () => {
            if (isRepeated) throw standsTwice("the topic");
            if (name === null && topicId === ZERO_UUID)
              throw new KafkaError(ErrorCode.INVALID_REQUEST, "a topic has neither a name nor an id");
            if (name !== null && topicId !== ZERO_UUID) {
              throw new KafkaError(
                ErrorCode.INVALID_REQUEST,
                "a topic was named and given by id; give one of them",
              );
            }
            const topic = name === null ? topicById(cluster, topicId) : topicByName(cluster, name);
            refuseInternal(topic);
            await cluster.deleteTopic(topic.id);
            return {
              name: topic.name as string | null,
              topicId: topic.id,
              errorCode: ErrorCode.NONE as number,
              errorMessage: null,
            };
          },
          (error) => ({ name, topicId, ...failureOf(error, services) }),
        ),
      );
    }
    return { responses };
  },
);
