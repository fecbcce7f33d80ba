import { ApiKey, defineApi } from "../api.ts";
import { array, int16, int32, string, struct, uuid } from "../schema.ts";

/**
 * KIP-848. What is null has not changed since the member last said it. `memberEpoch` is 0 to join, -1 to leave, -2 for a static
 * member that will be back.
 */
export const consumerGroupHeartbeat = defineApi({
  name: "ConsumerGroupHeartbeat",
  key: ApiKey.ConsumerGroupHeartbeat,
  versions: [0, 1],
  flexibleFrom: 0,
  request: struct({
    groupId: string(),
    memberId: string(),
    memberEpoch: int32(),
    instanceId: string({ nullableFrom: 0, default: null }),
    rackId: string({ nullableFrom: 0, default: null }),
    rebalanceTimeoutMs: int32({ default: -1 }),
    subscribedTopicNames: array(string(), { nullableFrom: 0, default: null }),
    subscribedTopicRegex: string({ from: 1, nullableFrom: 1, default: null }),
    serverAssignor: string({ nullableFrom: 0, default: null }),
    topicPartitions: array(
      struct({
        topicId: uuid(),
        partitions: array(int32()),
      }),
      { nullableFrom: 0, default: null },
    ),
  }),
  response: struct({
    throttleTimeMs: int32({ default: 0 }),
    errorCode: int16(),
    errorMessage: string({ nullableFrom: 0, default: null }),
    memberId: string({ nullableFrom: 0, default: null }),
    memberEpoch: int32(),
    heartbeatIntervalMs: int32(),
    assignment: struct(
      {
        topicPartitions: array(
          struct({
            topicId: uuid(),
            partitions: array(int32()),
          }),
        ),
      },
      { nullableFrom: 0, default: null },
    ),
  }),
});
