import { offsetDelete } from "../../wire/apis/offset-delete.ts";
import { ErrorCode } from "../../wire/errors.ts";
import { failureOf } from "./failure.ts";
import { serveApi, type ServedApi } from "./served-api.ts";

/** OffsetDelete: takes committed offsets away, unless the group's consumers subscribe to the topic (KIP-496). */
export const offsetDeleteApi: ServedApi = serveApi(
  offsetDelete,
  async ({ groupId, topics }, { services }) => {
    const isThere = (name: string, partition: number): boolean =>
      services.cluster.topic(name)?.partitions[partition] !== undefined;
    const all = topics.flatMap(({ name, partitions }) =>
      partitions.map(({ partitionIndex }) => ({ topic: name, partition: partitionIndex })),
    );
    const known = all.filter(({ topic, partition }) => isThere(topic, partition));
    try {
      const codes = await services.groups.offsets.delete(groupId, known);
      let next = 0;
      return {
        errorCode: ErrorCode.NONE,
        topics: topics.map(({ name, partitions }) => ({
          name,
          partitions: partitions.map(({ partitionIndex }) => ({
            partitionIndex,
            errorCode: isThere(name, partitionIndex)
              ? (codes[next++] ?? ErrorCode.UNKNOWN_SERVER_ERROR)
              : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
          })),
        })),
      };
    } catch (error) {
      return { errorCode: failureOf(error, services).errorCode, topics: [] };
    }
  },
);
