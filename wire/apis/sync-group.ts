import { ApiKey, defineApi } from "../api.ts";
import { array, bytes, int16, int32, string, struct } from "../schema.ts";

export const syncGroup = defineApi({
  name: "SyncGroup",
  key: ApiKey.SyncGroup,
  versions: [0, 5],
  flexibleFrom: 4,
  request: struct({
    groupId: string(),
    generationId: int32(),
    memberId: string(),
    groupInstanceId: string({ from: 3, nullableFrom: 3, default: null }),
    protocolType: string({ from: 5, nullableFrom: 5, default: null }),
    protocolName: string({ from: 5, nullableFrom: 5, default: null }),
    assignments: array(
      struct({
        memberId: string(),
        assignment: bytes(),
      }),
    ),
  }),
  response: struct({
    throttleTimeMs: int32({ from: 1 }),
    errorCode: int16(),
    protocolType: string({ from: 5, nullableFrom: 5, default: null }),
    protocolName: string({ from: 5, nullableFrom: 5, default: null }),
    assignment: bytes(),
  }),
});
