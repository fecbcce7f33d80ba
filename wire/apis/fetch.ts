import { ApiKey, defineApi } from "../api.ts";
import { array, int16, int32, int64, int8, records, string, struct, uuid } from "../schema.ts";

/** What a reader that is no follower leaves in place of the high watermark that it knows. */
const NO_FOLLOWER = 2n ** 63n - 1n;

/**
 * Version 4 is the first for record batches of magic 2, 7 brought fetch sessions (KIP-227), 12 the check for diverged
 * logs (KIP-595), 13 topic ids in place of names (KIP-516), 18 the high watermark that a follower knows (KIP-1166).
 */
export const fetch = defineApi({
  name: "Fetch",
  key: ApiKey.Fetch,
  versions: [4, 18],
  flexibleFrom: 12,
  request: struct({
    clusterId: string({ from: 12, nullableFrom: 12, tag: 0, default: null }),
    replicaId: int32({ to: 14, default: -1 }),
    replicaState: struct(
      {
        replicaId: int32({ default: -1 }),
        replicaEpoch: int64({ default: -1n }),
      },
      { from: 15, tag: 1 },
    ),
    maxWaitMs: int32(),
    minBytes: int32(),
    maxBytes: int32({ from: 3, default: 0x7fffffff }),
    isolationLevel: int8({ from: 4 }),
    sessionId: int32({ from: 7 }),
    sessionEpoch: int32({ from: 7, default: -1 }),
    topics: array(
      struct({
        topic: string({ to: 12 }),
        topicId: uuid({ from: 13 }),
        partitions: array(
          struct({
            partition: int32(),
            currentLeaderEpoch: int32({ from: 9, default: -1 }),
            fetchOffset: int64(),
            lastFetchedEpoch: int32({ from: 12, default: -1 }),
            logStartOffset: int64({ from: 5, default: -1n }),
            partitionMaxBytes: int32(),
            replicaDirectoryId: uuid({ from: 17, tag: 0 }),
            /** For followers' requests; -1 where one does not know it. */
            highWatermark: int64({ from: 18, tag: 1, default: NO_FOLLOWER }),
          }),
        ),
      }),
    ),
    forgottenTopicsData: array(
      struct({
        topic: string({ to: 12 }),
        topicId: uuid({ from: 13 }),
        partitions: array(int32()),
      }),
      { from: 7 },
    ),
    rackId: string({ from: 11 }),
  }),
  response: struct({
    throttleTimeMs: int32({ from: 1 }),
    errorCode: int16({ from: 7 }),
    sessionId: int32({ from: 7 }),
    responses: array(
      struct({
        topic: string({ to: 12 }),
        topicId: uuid({ from: 13 }),
        partitions: array(
          struct({
            partitionIndex: int32(),
            errorCode: int16(),
            highWatermark: int64(),
            lastStableOffset: int64({ from: 4, default: -1n }),
            logStartOffset: int64({ from: 5, default: -1n }),
            divergingEpoch: struct(
              {
                epoch: int32({ default: -1 }),
                endOffset: int64({ default: -1n }),
              },
              { from: 12, tag: 0 },
            ),
            currentLeader: struct(
              {
                leaderId: int32({ default: -1 }),
                leaderEpoch: int32({ default: -1 }),
              },
              { from: 12, tag: 1 },
            ),
            snapshotId: struct(
              {
                endOffset: int64({ default: -1n }),
                epoch: int32({ default: -1 }),
              },
              { from: 12, tag: 2 },
            ),
            abortedTransactions: array(
              struct({
                producerId: int64(),
                firstOffset: int64(),
              }),
              { from: 4, nullableFrom: 4 },
            ),
            preferredReadReplica: int32({ from: 11, default: -1 }),
            records: records({ nullableFrom: 0 }),
          }),
        ),
      }),
    ),
    nodeEndpoints: array(
      struct({
        nodeId: int32(),
        host: string(),
        port: int32(),
        rack: string({ nullableFrom: 16, default: null }),
      }),
      { from: 16, tag: 0 },
    ),
  }),
});
