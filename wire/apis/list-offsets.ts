import { ApiKey, defineApi } from "../api.ts";
import { array, int16, int32, int64, int8, string, struct } from "../schema.ts";

/**
 * `timestamp` is milliseconds, or -1 latest, -2 earliest, -3 the record with the largest timestamp (from version 7,
 * KIP-734), -4 earliest on the broker's own storage (8, KIP-405), -5 latest on remote storage (9, KIP-1005), -6 earliest
 * that remote storage has still to get (11, KIP-1023).
 */
export const listOffsets = defineApi({
  name: "ListOffsets",
  key: ApiKey.ListOffsets,
  versions: [1, 11],
  flexibleFrom: 6,
  request: struct({
    replicaId: int32(),
    isolationLevel: int8({ from: 2 }),
    topics: array(
      struct({
        name: string(),
        partitions: array(
          struct({
            partitionIndex: int32(),
            currentLeaderEpoch: int32({ from: 4, default: -1 }),
            timestamp: int64(),
          }),
        ),
      }),
    ),
    timeoutMs: int32({ from: 10 }),
  }),
  response: struct({
    throttleTimeMs: int32({ from: 2 }),
    topics: array(
      struct({
        name: string(),
        partitions: array(
          struct({
            partitionIndex: int32(),
            errorCode: int16(),
            timestamp: int64({ from: 1, default: -1n }),
            offset: int64({ from: 1, default: -1n }),
            leaderEpoch: int32({ from: 4, default: -1 }),
          }),
        ),
      }),
    ),
  }),
});
