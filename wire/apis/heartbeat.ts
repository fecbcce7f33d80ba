import { ApiKey, defineApi } from "../api.ts";
import { int16, int32, string, struct } from "../schema.ts";

export const heartbeat = defineApi({
  name: "Heartbeat",
  key: ApiKey.Heartbeat,
  versions: [0, 4],
  flexibleFrom: 4,
  request: struct({
    groupId: string(),
    generationId: int32(),
    memberId: string(),
    groupInstanceId: string({ from: 3, nullableFrom: 3, default: null }),
  }),
  response: struct({
    throttleTimeMs: int32({ from: 1 }),
    errorCode: int16(),
  }),
});
