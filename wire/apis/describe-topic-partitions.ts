import { ApiKey, defineApi } from "../api.ts";
import { array, bool, int16, int32, string, struct, uuid } from "../schema.ts";

/** KIP-966: Metadata in pages. */
export const describeTopicPartitions = defineApi({
  name: "DescribeTopicPartitions",
  key: ApiKey.DescribeTopicPartitions,
  versions: [0, 0],
  flexibleFrom: 0,
  request: struct({
    topics: array(
      struct({
        name: string(),
      }),
    ),
    responsePartitionLimit: int32({ default: 2000 }),
    cursor: struct(
      {
        topicName: string(),
        partitionIndex: int32(),
      },
      { nullableFrom: 0, default: null },
    ),
  }),
  response: struct({
    throttleTimeMs: int32({ default: 0 }),
    topics: array(
      struct({
        errorCode: int16(),
        name: string({ nullableFrom: 0 }),
        topicId: uuid(),
        isInternal: bool(),
        partitions: array(
          struct({
            errorCode: int16(),
            partitionIndex: int32(),
            leaderId: int32(),
            leaderEpoch: int32({ default: -1 }),
            replicaNodes: array(int32()),
            isrNodes: array(int32()),
            eligibleLeaderReplicas: array(int32(), { nullableFrom: 0, default: null }),
            lastKnownElr: array(int32(), { nullableFrom: 0, default: null }),
            offlineReplicas: array(int32()),
          }),
        ),
        topicAuthorizedOperations: int32({ default: -2147483648 }),
      }),
    ),
    nextCursor: struct(
      {
        topicName: string(),
        partitionIndex: int32(),
      },
      { nullableFrom: 0, default: null },
    ),
  }),
});
