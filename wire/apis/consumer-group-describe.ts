import { ApiKey, defineApi } from "../api.ts";
import { array, bool, int16, int32, int8, string, struct, uuid } from "../schema.ts";

/** KIP-848. */
export const consumerGroupDescribe = defineApi({
  name: "ConsumerGroupDescribe",
  key: ApiKey.ConsumerGroupDescribe,
  versions: [0, 1],
  flexibleFrom: 0,
  request: struct({
    groupIds: array(string()),
    includeAuthorizedOperations: bool(),
  }),
  response: struct({
    throttleTimeMs: int32({ default: 0 }),
    groups: array(
      struct({
        errorCode: int16(),
        errorMessage: string({ nullableFrom: 0, default: null }),
        groupId: string(),
        groupState: string(),
        groupEpoch: int32(),
        assignmentEpoch: int32(),
        assignorName: string(),
        members: array(
          struct({
            memberId: string(),
            instanceId: string({ nullableFrom: 0, default: null }),
            rackId: string({ nullableFrom: 0, default: null }),
            memberEpoch: int32(),
            clientId: string(),
            clientHost: string(),
            subscribedTopicNames: array(string()),
            subscribedTopicRegex: string({ nullableFrom: 0, default: null }),
            assignment: struct({
              topicPartitions: array(
                struct({
                  topicId: uuid(),
                  topicName: string(),
                  partitions: array(int32()),
                }),
              ),
            }),
            targetAssignment: struct({
              topicPartitions: array(
                struct({
                  topicId: uuid(),
                  topicName: string(),
                  partitions: array(int32()),
                }),
              ),
            }),
            memberType: int8({ from: 1, default: -1 }),
          }),
        ),
        authorizedOperations: int32({ default: -2147483648 }),
      }),
    ),
  }),
});
