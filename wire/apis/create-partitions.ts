import { ApiKey, defineApi } from "../api.ts";
import { array, bool, int16, int32, string, struct } from "../schema.ts";

export const createPartitions = defineApi({
  name: "CreatePartitions",
  key: ApiKey.CreatePartitions,
  versions: [0, 3],
  flexibleFrom: 2,
  request: struct({
    topics: array(
      struct({
        name: string(),
        /** How many there are to be, not how many more. */
        count: int32(),
        assignments: array(
          struct({
            brokerIds: array(int32()),
          }),
          { nullableFrom: 0 },
        ),
      }),
    ),
    timeoutMs: int32(),
    validateOnly: bool(),
  }),
  response: struct({
    throttleTimeMs: int32({ default: 0 }),
    results: array(
      struct({
        name: string(),
        errorCode: int16(),
        errorMessage: string({ nullableFrom: 0, default: null }),
      }),
    ),
  }),
});
