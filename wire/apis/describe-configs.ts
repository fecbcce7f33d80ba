import { ApiKey, defineApi } from "../api.ts";
import { array, bool, int16, int32, int8, string, struct } from "../schema.ts";

/** `resourceType` is 2 for a topic, 4 for a broker. */
export const describeConfigs = defineApi({
  name: "DescribeConfigs",
  key: ApiKey.DescribeConfigs,
  versions: [1, 4],
  flexibleFrom: 4,
  request: struct({
    resources: array(
      struct({
        resourceType: int8(),
        resourceName: string(),
        /** null: all of them. */
        configurationKeys: array(string(), { nullableFrom: 0 }),
      }),
    ),
    includeSynonyms: bool({ from: 1 }),
    includeDocumentation: bool({ from: 3 }),
  }),
  response: struct({
    throttleTimeMs: int32({ default: 0 }),
    results: array(
      struct({
        errorCode: int16(),
        errorMessage: string({ nullableFrom: 0, default: null }),
        resourceType: int8(),
        resourceName: string(),
        configs: array(
          struct({
            name: string(),
            value: string({ nullableFrom: 0 }),
            readOnly: bool(),
            configSource: int8({ from: 1, default: -1 }),
            isSensitive: bool(),
            synonyms: array(
              struct({
                name: string(),
                value: string({ nullableFrom: 0 }),
                source: int8(),
              }),
              { from: 1 },
            ),
            configType: int8({ from: 3 }),
            documentation: string({ from: 3, nullableFrom: 0, default: null }),
          }),
        ),
      }),
    ),
  }),
});
