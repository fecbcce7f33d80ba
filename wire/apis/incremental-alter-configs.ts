import { ApiKey, defineApi } from "../api.ts";
import { array, bool, int16, int32, int8, string, struct } from "../schema.ts";

/** `configOperation` is 0 to set, 1 to delete, 2 to append to a list and 3 to take out of it (KIP-339). */
export const incrementalAlterConfigs = defineApi({
  name: "IncrementalAlterConfigs",
  key: ApiKey.IncrementalAlterConfigs,
  versions: [0, 1],
  flexibleFrom: 1,
  request: struct({
    resources: array(
      struct({
        resourceType: int8(),
        resourceName: string(),
        configs: array(
          struct({
            name: string(),
            configOperation: int8(),
            value: string({ nullableFrom: 0 }),
          }),
        ),
      }),
    ),
    validateOnly: bool(),
  }),
  response: struct({
    throttleTimeMs: int32({ default: 0 }),
    responses: array(
      struct({
        errorCode: int16(),
        errorMessage: string({ nullableFrom: 0 }),
        resourceType: int8(),
        resourceName: string(),
      }),
    ),
  }),
});
