import { ApiKey, defineApi } from "../api.ts";
import { array, int16, int32, string, struct, uuid } from "../schema.ts";

/** Version 6 names topics in another field, and by id as well as by name (KIP-516). */
export const deleteTopics = defineApi({
  name: "DeleteTopics",
  key: ApiKey.DeleteTopics,
  versions: [1, 6],
  flexibleFrom: 4,
  request: struct({
    topics: array(
      struct({
        name: string({ nullableFrom: 6, default: null }),
        topicId: uuid({ from: 6 }),
      }),
      { from: 6 },
    ),
    topicNames: array(string(), { to: 5 }),
    timeoutMs: int32(),
  }),
  response: struct({
    throttleTimeMs: int32({ from: 1 }),
    responses: array(
      struct({
        name: string({ nullableFrom: 6 }),
        topicId: uuid({ from: 6 }),
        errorCode: int16(),
        errorMessage: string({ from: 5, nullableFrom: 5, default: null }),
      }),
    ),
  }),
});
