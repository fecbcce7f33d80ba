import { ApiKey, defineApi } from "../api.ts";
import { array, bool, int16, int32, string, struct, uuid } from "../schema.ts";

/** Nothing was asked about what the client is allowed to do. */
const NOT_ASKED = -2147483648;

/**
 * All topics are asked for with null, in version 0 with no topics. Topics can be asked for by id from version 12 on
 * (KIP-516); versions 10 and 11 have the field, but no server heeds it. Version 13 brought an error of the whole answer.
 */
export const metadata = defineApi({
  name: "Metadata",
  key: ApiKey.Metadata,
  versions: [0, 13],
  flexibleFrom: 9,
  request: struct({
    topics: array(
      struct({
        topicId: uuid({ from: 10 }),
        name: string({ nullableFrom: 10 }),
      }),
      { nullableFrom: 1 },
    ),
    allowAutoTopicCreation: bool({ from: 4, default: true }),
    includeClusterAuthorizedOperations: bool({ from: 8, to: 10 }),
    includeTopicAuthorizedOperations: bool({ from: 8 }),
  }),
  response: struct({
    throttleTimeMs: int32({ from: 3 }),
    brokers: array(
      struct({
        nodeId: int32(),
        host: string(),
        port: int32(),
        rack: string({ from: 1, nullableFrom: 1, default: null }),
      }),
    ),
    clusterId: string({ from: 2, nullableFrom: 2, default: null }),
    controllerId: int32({ from: 1, default: -1 }),
    topics: array(
      struct({
        errorCode: int16(),
        name: string({ nullableFrom: 12 }),
        topicId: uuid({ from: 10 }),
        isInternal: bool({ from: 1 }),
        partitions: array(
          struct({
            errorCode: int16(),
            partitionIndex: int32(),
            leaderId: int32(),
            leaderEpoch: int32({ from: 7, default: -1 }),
            replicaNodes: array(int32()),
            isrNodes: array(int32()),
            offlineReplicas: array(int32(), { from: 5 }),
          }),
        ),
        topicAuthorizedOperations: int32({ from: 8, default: NOT_ASKED }),
      }),
    ),
    clusterAuthorizedOperations: int32({ from: 8, to: 10, default: NOT_ASKED }),
    errorCode: int16({ from: 13 }),
  }),
});
