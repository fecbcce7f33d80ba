import { ApiKey, defineApi } from "../api.ts";
import { array, int16, int32, int64, string, struct } from "../schema.ts";

/** KIP-664. */
export const describeProducers = defineApi({
  name: "DescribeProducers",
  key: ApiKey.DescribeProducers,
  versions: [0, 0],
  flexibleFrom: 0,
  request: struct({
    topics: array(
      struct({
        name: string(),
        partitionIndexes: array(int32()),
      }),
    ),
  }),
  response: struct({
    throttleTimeMs: int32({ default: 0 }),
    topics: array(
      struct({
        name: string(),
        partitions: array(
          struct({
            partitionIndex: int32(),
            errorCode: int16(),
            errorMessage: string({ nullableFrom: 0, default: null }),
            activeProducers: array(
              struct({
                producerId: int64(),
                producerEpoch: int32(),
                lastSequence: int32({ default: -1 }),
                lastTimestamp: int64({ default: -1n }),
                coordinatorEpoch: int32(),
                currentTxnStartOffset: int64({ default: -1n }),
              }),
            ),
          }),
        ),
      }),
    ),
  }),
});
