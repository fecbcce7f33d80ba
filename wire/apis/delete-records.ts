import { ApiKey, defineApi } from "../api.ts";
import { array, int16, int32, int64, string, struct } from "../schema.ts";

/** Offset -1 is the high watermark: everything (KIP-107). */
export const deleteRecords = defineApi({
  name: "DeleteRecords",
  key: ApiKey.DeleteRecords,
  versions: [0, 2],
  flexibleFrom: 2,
  request: struct({
    topics: array(
      struct({
        name: string(),
        partitions: array(struct({ partitionIndex: int32(), offset: int64() })),
      }),
    ),
    timeoutMs: int32(),
  }),
  response: struct({
    throttleTimeMs: int32({ default: 0 }),
    topics: array(
      struct({
        name: string(),
        partitions: array(struct({ partitionIndex: int32(), lowWatermark: int64(), errorCode: int16() })),
      }),
    ),
  }),
});
