import type { Topic } from "../../log/cluster.ts";
import { offsetCommit } from "../../wire/apis/offset-commit.ts";
import { ErrorCode } from "../../wire/errors.ts";
import type { CommitRequest, OffsetToCommit } from "../coordinator/offset-keeper.ts";
import type { RequestContext } from "./context.ts";
import { failureOf } from "./failure.ts";
import { serveApi, type ServedApi } from "./served-api.ts";

/** From this version on topics are named by id. */
const TOPIC_IDS_FROM = 10;
/** From this version on it may be of a member of a consumer group (KIP-848). */
const CONSUMERS_FROM = 9;

/** OffsetCommit: answered when the offsets are durable. Partitions that are not there are refused one by one. */
export const offsetCommitApi: ServedApi = serveApi(offsetCommit, async (request, context) => {
  const { groupId, memberId, groupInstanceId, generationIdOrMemberEpoch: epoch } = request;
  const mayBeConsumer = context.apiVersion >= CONSUMERS_FROM;
  const offsets: OffsetToCommit[] = [];
  // Codes of those that are refused here; undefined: the coordinator tells, in this order.
  const refusals = request.topics.map(({ name, topicId, partitions }) => {
    const topic = find(name, topicId, context);
    return partitions.map(({ partitionIndex, committedOffset, committedLeaderEpoch, committedMetadata }) => {
      if (topic === undefined)
        return context.apiVersion < TOPIC_IDS_FROM
          ? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
          : ErrorCode.UNKNOWN_TOPIC_ID;
      if (topic.partitions[partitionIndex] === undefined) return ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
      offsets.push({
        topic: topic.name,
        topicId: topic.id,
        partition: partitionIndex,
        offset: committedOffset,
        leaderEpoch: committedLeaderEpoch,
        metadata: committedMetadata ?? "",
      });
      return undefined;
    });
  });
  const codes = await committed(
    { groupId, memberId, groupInstanceId, epoch, mayBeConsumer, offsets },
    context.services,
  );
  let next = 0;
  return {
    topics: request.topics.map(({ name, topicId, partitions }, topicAt) => ({
      name,
      topicId,
      partitions: partitions.map(({ partitionIndex }, partitionAt) => ({
        partitionIndex,
        errorCode: refusals[topicAt]?.[partitionAt] ?? codes[next++] ?? ErrorCode.UNKNOWN_SERVER_ERROR,
      })),
    })),
  };
});

function find(
  name: string,
  topicId: string,
  { services: { cluster }, apiVersion }: RequestContext,
): Topic | undefined {
  return apiVersion < TOPIC_IDS_FROM ? cluster.topic(name) : cluster.topicById(topicId);
}

async function committed(request: CommitRequest, services: RequestContext["services"]): Promise<number[]> {
  try {
    return await services.groups.offsets.commit(request);
  } catch (error) {
    const { errorCode } = failureOf(error, services);
    return request.offsets.map(() => errorCode);
  }
}
