import { ApiKey, defineApi } from "../api.ts";
import { array, bool, int16, int32, int8, string, struct, uuid } from "../schema.ts";

/** From version 4 on -1 leaves partitions and replication factor to the broker (KIP-464). */
export const createTopics = defineApi({
  name: "CreateTopics",
  key: ApiKey.CreateTopics,
  versions: [2, 7],
  flexibleFrom: 5,
  request: struct({
    topics: array(
      struct({
        name: string(),
        numPartitions: int32(),
        replicationFactor: int16(),
        assignments: array(
          struct({
            partitionIndex: int32(),
            brokerIds: array(int32()),
          }),
        ),
        configs: array(
          struct({
            name: string(),
            value: string({ nullableFrom: 0 }),
          }),
        ),
      }),
    ),
    timeoutMs: int32({ default: 60000 }),
    validateOnly: bool({ from: 1 }),
  }),
  response: struct({
    throttleTimeMs: int32({ from: 2 }),
    topics: array(
      struct({
        name: string(),
        topicId: uuid({ from: 7 }),
        errorCode: int16(),
        errorMessage: string({ from: 1, nullableFrom: 0, default: null }),
        topicConfigErrorCode: int16({ from: 5, tag: 0 }),
        numPartitions: int32({ from: 5, default: -1 }),
        replicationFactor: int16({ from: 5, default: -1 }),
        configs: array(
          struct({
            name: string(),
            value: string({ nullableFrom: 5 }),
            readOnly: bool(),
            configSource: int8({ default: -1 }),
            isSensitive: bool(),
          }),
          { from: 5, nullableFrom: 5 },
        ),
      }),
    ),
  }),
});
