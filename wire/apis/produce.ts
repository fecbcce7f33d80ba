import { ApiKey, defineApi } from "../api.ts";
import { array, int16, int32, int64, records, string, struct, uuid } from "../schema.ts";

/**
 * Record batches of magic 2 came with version 3. Lower versions are advertised all the same, as Kafka does: librdkafka
 * takes a broker without them for one that cannot compress (KAFKA-18659). Version 12 is as 11 (KIP-890); 13 names topics by
 * their ids (KIP-516), so that nothing meant for one topic gets into another of its name.
 */
export const produce = defineApi({
  name: "Produce",
  key: ApiKey.Produce,
  versions: [3, 13],
  advertisedFrom: 0,
  flexibleFrom: 9,
  request: struct({
    transactionalId: string({ from: 3, nullableFrom: 3, default: null }),
    acks: int16(),
    timeoutMs: int32(),
    topicData: array(
      struct({
        name: string({ to: 12 }),
        topicId: uuid({ from: 13 }),
        partitionData: array(
          struct({
            index: int32(),
            records: records({ nullableFrom: 0 }),
          }),
        ),
      }),
    ),
  }),
  response: struct({
    responses: array(
      struct({
        name: string({ to: 12 }),
        topicId: uuid({ from: 13 }),
        partitionResponses: array(
          struct({
            index: int32(),
            errorCode: int16(),
            baseOffset: int64(),
            /** -1 where the topic keeps the producer's time. */
            logAppendTimeMs: int64({ from: 2, default: -1n }),
            logStartOffset: int64({ from: 5, default: -1n }),
            recordErrors: array(
              struct({
                batchIndex: int32(),
                batchIndexErrorMessage: string({ nullableFrom: 8, default: null }),
              }),
              { from: 8 },
            ),
            errorMessage: string({ from: 8, nullableFrom: 8, default: null }),
            currentLeader: struct(
              {
                leaderId: int32({ default: -1 }),
                leaderEpoch: int32({ default: -1 }),
              },
              { from: 10, tag: 0 },
            ),
          }),
        ),
      }),
    ),
    throttleTimeMs: int32({ from: 1 }),
    nodeEndpoints: array(
      struct({
        nodeId: int32(),
        host: string(),
        port: int32(),
        rack: string({ nullableFrom: 10, default: null }),
      }),
      { from: 10, tag: 0 },
    ),
  }),
});
