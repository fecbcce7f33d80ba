import { ApiKey, defineApi } from "../api.ts";
import { array, bool, int16, int32, int8, string, struct } from "../schema.ts";

/** Nothing was asked about what the client is allowed to do. */
const NOT_ASKED = -2147483648;

/** `endpointType` is 1 for brokers, 2 for controllers (KIP-919). Brokers that are fenced can be asked for from version 2 on (KIP-1073). */
export const describeCluster = defineApi({
  name: "DescribeCluster",
  key: ApiKey.DescribeCluster,
  versions: [0, 2],
  flexibleFrom: 0,
  request: struct({
    includeClusterAuthorizedOperations: bool({ default: false }),
    endpointType: int8({ from: 1, default: 1 }),
    includeFencedBrokers: bool({ from: 2 }),
  }),
  response: struct({
    throttleTimeMs: int32({ default: 0 }),
    errorCode: int16(),
    errorMessage: string({ nullableFrom: 0, default: null }),
    endpointType: int8({ from: 1, default: 1 }),
    clusterId: string(),
    controllerId: int32({ default: -1 }),
    brokers: array(
      struct({
        brokerId: int32(),
        host: string(),
        port: int32(),
        rack: string({ nullableFrom: 0, default: null }),
        isFenced: bool({ from: 2 }),
      }),
    ),
    clusterAuthorizedOperations: int32({ default: NOT_ASKED }),
  }),
});
