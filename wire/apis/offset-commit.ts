import { ApiKey, defineApi } from "../api.ts";
import { array, int16, int32, int64, string, struct, uuid } from "../schema.ts";

/** Without a group a generation of -1 stands, and no member id. Topics go by their id from version 10 on (KIP-848). */
export const offsetCommit = defineApi({
  name: "OffsetCommit",
  key: ApiKey.OffsetCommit,
  versions: [2, 10],
  flexibleFrom: 8,
  request: struct({
    groupId: string(),
    generationIdOrMemberEpoch: int32({ default: -1 }),
    memberId: string(),
    groupInstanceId: string({ from: 7, nullableFrom: 7, default: null }),
    retentionTimeMs: int64({ to: 4, default: -1n }),
    topics: array(
      struct({
        name: string({ to: 9 }),
        topicId: uuid({ from: 10 }),
        partitions: array(
          struct({
            partitionIndex: int32(),
            committedOffset: int64(),
            committedLeaderEpoch: int32({ from: 6, default: -1 }),
            committedMetadata: string({ nullableFrom: 0 }),
          }),
        ),
      }),
    ),
  }),
  response: struct({
    throttleTimeMs: int32({ from: 3 }),
    topics: array(
      struct({
        name: string({ to: 9 }),
        topicId: uuid({ from: 10 }),
        partitions: array(
          struct({
            partitionIndex: int32(),
            errorCode: int16(),
          }),
        ),
      }),
    ),
  }),
});
