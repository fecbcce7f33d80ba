import { ApiKey, defineApi } from "../api.ts";
import { array, int16, int32, string, struct } from "../schema.ts";

export const offsetDelete = defineApi({
  name: "OffsetDelete",
  key: ApiKey.OffsetDelete,
  versions: [0, 0],
  flexibleFrom: Infinity,
  request: struct({
    groupId: string(),
    topics: array(
      struct({
        name: string(),
        partitions: array(
          struct({
            partitionIndex: int32(),
          }),
        ),
      }),
    ),
  }),
  response: struct({
    errorCode: int16(),
    throttleTimeMs: int32({ default: 0 }),
    topics: array(
      struct({
        name: string(),
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
