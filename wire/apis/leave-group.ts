import { ApiKey, defineApi } from "../api.ts";
import { array, int16, int32, string, struct } from "../schema.ts";

/** Several members at once from version 3 on (KIP-345). */
export const leaveGroup = defineApi({
  name: "LeaveGroup",
  key: ApiKey.LeaveGroup,
  versions: [0, 5],
  flexibleFrom: 4,
  request: struct({
    groupId: string(),
    memberId: string({ to: 2 }),
    members: array(
      struct({
        memberId: string(),
        groupInstanceId: string({ nullableFrom: 0, default: null }),
        reason: string({ from: 5, nullableFrom: 5, default: null }),
      }),
      { from: 3 },
    ),
  }),
  response: struct({
    throttleTimeMs: int32({ from: 1 }),
    errorCode: int16(),
    members: array(
      struct({
        memberId: string(),
        groupInstanceId: string({ nullableFrom: 0 }),
        errorCode: int16(),
      }),
      { from: 3 },
    ),
  }),
});
