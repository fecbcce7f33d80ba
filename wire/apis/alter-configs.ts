import { ApiKey, defineApi } from "../api.ts";
import { array, bool, int16, int32, int8, string, struct } from "../schema.ts";

/** Sets all of a resource's configs: what is not named goes back to its default. */
export const alterConfigs = defineApi({
  name: "AlterConfigs",
  key: ApiKey.AlterConfigs,
  versions: [0, 2],
  flexibleFrom: 2,
  request: struct({
    resources: array(
      struct({
        resourceType: int8(),
        resourceName: string(),
        configs: array(
          struct({
            name: string(),
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
