import { ApiKey, defineApi } from "../api.ts";
import { array, bool, int16, int32, int64, string, struct, uuid } from "../schema.ts";

/** Several groups at once from version 8 on (KIP-709); topics go by their id from 10 on (KIP-848). */
export const offsetFetch = defineApi({
  name: "OffsetFetch",
  key: ApiKey.OffsetFetch,
  versions: [1, 10],
  flexibleFrom: 6,
  request: struct({
    groupId: string({ to: 7 }),
    topics: array(
      struct({
        name: string(),
        partitionIndexes: array(int32()),
      }),
      { to: 7, nullableFrom: 2 },
    ),
    groups: array(
      struct({
        groupId: string(),
        memberId: string({ from: 9, nullableFrom: 9, default: null }),
        memberEpoch: int32({ from: 9, default: -1 }),
        topics: array(
          struct({
            name: string({ to: 9 }),
            topicId: uuid({ from: 10 }),
            partitionIndexes: array(int32()),
          }),
          { nullableFrom: 0 },
        ),
      }),
      { from: 8 },
    ),
    requireStable: bool({ from: 7 }),
  }),
  response: struct({
    throttleTimeMs: int32({ from: 3 }),
    topics: array(
      struct({
        name: string(),
        partitions: array(
          struct({
            partitionIndex: int32(),
            committedOffset: int64(),
            committedLeaderEpoch: int32({ from: 5, default: -1 }),
            metadata: string({ nullableFrom: 0 }),
            errorCode: int16(),
          }),
        ),
      }),
      { to: 7 },
    ),
    errorCode: int16({ from: 2, to: 7 }),
    groups: array(
      struct({
        groupId: string(),
        topics: array(
          struct({
            name: string({ to: 9 }),
            topicId: uuid({ from: 10 }),
            partitions: array(
              struct({
                partitionIndex: int32(),
                committedOffset: int64(),
                committedLeaderEpoch: int32({ default: -1 }),
                metadata: string({ nullableFrom: 0 }),
                errorCode: int16(),
              }),
            ),
          }),
        ),
        errorCode: int16(),
      }),
      { from: 8 },
    ),
  }),
});
