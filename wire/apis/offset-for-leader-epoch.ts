import { ApiKey, defineApi } from "../api.ts";
import { array, int16, int32, int64, string, struct } from "../schema.ts";

/** Where the records of a leader epoch end, so that a follower finds out where its log has diverged (KIP-101, KIP-320). */
export const offsetForLeaderEpoch = defineApi({
  name: "OffsetForLeaderEpoch",
  key: ApiKey.OffsetForLeaderEpoch,
  versions: [2, 4],
  flexibleFrom: 4,
  request: struct({
    /** -1 for a consumer, -2 for one that may see what is above the high watermark. */
    replicaId: int32({ from: 3, default: -2 }),
    topics: array(
      struct({
        topic: string(),
        partitions: array(
          struct({
            partition: int32(),
            currentLeaderEpoch: int32({ from: 2, default: -1 }),
            leaderEpoch: int32(),
          }),
        ),
      }),
    ),
  }),
  response: struct({
    throttleTimeMs: int32({ from: 2 }),
    topics: array(
      struct({
        topic: string(),
        partitions: array(
          struct({
            errorCode: int16(),
            partition: int32(),
            leaderEpoch: int32({ from: 1, default: -1 }),
            endOffset: int64({ default: -1n }),
          }),
        ),
      }),
    ),
  }),
});
